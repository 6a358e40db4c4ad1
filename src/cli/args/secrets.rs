//! The flag about secrets.

use clap::Args;

/// Values that skills get and nobody may see.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Sandbox")]
pub struct SecretArgs {
    /// Give skills with the permission `secret:NAME` a value: NAME=env:VARIABLE or NAME=file:PATH; may be given
    /// more than once
    ///
    /// Without it, the value is that of the variable NAME. A file is at most 64 KiB; line feeds at its end do not
    /// count. Wherever the value appears in what a skill gives, `***` is shown.
    #[arg(
        long,
        env = "OBS_SECRET",
        hide_env_values = true,
        value_name = "NAME=ORIGIN"
    )]
    #[arg(value_delimiter = ',')]
    pub secret: Vec<String>,
}
