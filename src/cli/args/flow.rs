//! Flags about the flow of a plan: its inputs, which steps run and how many, and its picture.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum, ValueHint};

use crate::document::DEFAULT_MAX_BYTES;
use crate::engine::{FailurePolicy, RunPolicy};

/// What the plan's inputs are.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Inputs")]
pub struct InputArgs {
    /// Set an input of the plan; may be given more than once
    ///
    /// The value is JSON where the input's schema or its own form says so, else text. It wins over
    /// the file of `--inputs`.
    #[arg(
        long = "set",
        env = "OBS_SET",
        hide_env_values = true,
        value_name = "KEY=VALUE"
    )]
    pub set: Vec<String>,
    /// Read inputs of the plan from a JSON or YAML file; `-` reads standard input
    #[arg(
        long = "inputs",
        env = "OBS_INPUTS",
        hide_env_values = true,
        value_name = "FILE"
    )]
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: Option<PathBuf>,
}

/// Which steps run, and how many.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Steps")]
pub struct StepArgs {
    /// The most steps that run at the same time [default: the cores]
    #[arg(
        short,
        long,
        env = "OBS_JOBS",
        hide_env_values = true,
        value_name = "N"
    )]
    pub jobs: Option<NonZeroUsize>,
    /// After a failed step, skip only what depends on it, directly or not
    #[arg(long, env = "OBS_KEEP_GOING", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    pub keep_going: bool,
    /// After a failed step, cancel what still runs
    #[arg(long, env = "OBS_FAIL_FAST", hide_env_values = true)]
    #[arg(conflicts_with = "keep_going", value_parser = BoolishValueParser::new())]
    pub fail_fast: bool,
    /// Do what `retry` says also for skills that are not marked as idempotent
    #[arg(long, env = "OBS_RETRY_UNSAFE", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    pub retry_unsafe: bool,
}

impl StepArgs {
    /// The flags as the engine takes them.
    pub(in crate::cli) fn run_policy(&self) -> RunPolicy {
        let cores = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        RunPolicy {
            jobs: self.jobs.unwrap_or_else(cores),
            on_failure: match (self.keep_going, self.fail_fast) {
                (true, _) => FailurePolicy::KeepGoing,
                (_, true) => FailurePolicy::FailFast,
                _ => FailurePolicy::Drain,
            },
            retry_unsafe: self.retry_unsafe,
        }
    }
}

/// `obs graph`.
#[derive(Debug, Args)]
#[command(after_help = GRAPH_EXAMPLES)]
pub struct GraphArgs {
    /// The plan, JSON or YAML; `-` reads standard input
    #[arg(value_hint = ValueHint::FilePath)]
    pub plan: PathBuf,
    /// What is printed
    #[arg(long, value_name = "FORMAT", default_value = "mermaid")]
    pub format: GraphFormat,
    /// The largest plan that is read, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = DEFAULT_MAX_BYTES)]
    pub max_plan_size: u64,
}

const GRAPH_EXAMPLES: &str = "\
Examples:
  obs graph plan.yaml --format tree           on the terminal
  obs graph plan.yaml                         for a ```mermaid block in Markdown
  obs graph plan.yaml --format dot | dot -Tsvg > plan.svg

Solid lines carry what a step gives, dashed ones only say who comes first. Skills are not looked for.";

/// How a graph is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GraphFormat {
    /// A Mermaid flowchart.
    Mermaid,
    /// Graphviz's language.
    Dot,
    /// A tree of text.
    Tree,
}
