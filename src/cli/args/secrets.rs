//! The flag about secrets.

use clap::Args;

/// Values that skills get and nobody may see.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Sandbox")]
pub struct SecretArgs {
    /// Set the secret NAME to `env:VARIABLE` or `file:PATH`; repeatable
    ///
    /// Skills with the permission `secret:NAME` get it. Without this flag, its value is that of the
    /// variable NAME. A file has at most 64 KiB; obs drops line feeds at its end. obs shows `***`
    /// wherever the value occurs in what a skill writes.
    #[arg(long, value_name = "NAME=ORIGIN")]
    #[arg(value_delimiter = ',')]
    pub secret: Vec<String>,
}
