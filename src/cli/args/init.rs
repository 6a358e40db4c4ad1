//! The flags of the verbs that write a first skill and first plans.

use std::path::PathBuf;

use clap::{Args, ValueHint};

/// `obs init`.
#[derive(Debug, Args)]
#[command(after_help = INIT_EXAMPLES)]
pub struct InitArgs {
    /// The directory, which is created if it is missing
    #[arg(value_name = "DIR", default_value = ".", hide_default_value = true)]
    #[arg(value_hint = ValueHint::DirPath)]
    pub directory: PathBuf,
}

const INIT_EXAMPLES: &str = "\
Examples:
  obs init && obs run plan.yaml
  obs init demo

It writes skills/hello/manifest.yaml, plan.yaml and a line of .gitignore. Files that exist are never
changed: if another plan.yaml is there, nothing is created (exit 74).";
