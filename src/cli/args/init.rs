//! The flags of the verbs that write a first skill and first plans.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::RootArgs;

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

/// `obs new`.
#[derive(Debug, Subcommand)]
pub enum NewCommand {
    /// Write a plan that calls skills, with placeholders for what they require
    #[command(after_help = NEW_PLAN_EXAMPLES)]
    Plan(NewPlanArgs),
}

/// `obs new plan`.
#[derive(Debug, Args)]
pub struct NewPlanArgs {
    /// The ids of the skills, in the order of the steps
    #[arg(value_name = "SKILL")]
    pub skill_ids: Vec<String>,
    /// Write to FILE, which must not exist [default: standard output]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// Where obs searches for skills.
    #[command(flatten)]
    pub roots: RootArgs,
}

const NEW_PLAN_EXAMPLES: &str = "\
Examples:
  obs new plan core/fetch core/summary
  obs new plan core/fetch -o plan.yaml

What has to be filled in is {{TODO}}: no plan runs with it. `obs skills new` writes a skill.";
