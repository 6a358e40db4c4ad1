//! Flags about the flow of a plan: its inputs, which steps run and how many, and its picture.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::GraphFormat;
use super::number::positive;
use crate::document::DEFAULT_MAX_BYTES;
use crate::engine::{DEFAULT_MAX_ITEMS, FailurePolicy, MOST_ITEMS, RunPolicy};

/// What the plan's inputs are.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Inputs")]
pub struct InputArgs {
    /// Set an input of the plan; repeatable
    ///
    /// obs reads the value as JSON if it is JSON and the input's schema allows its type, else as
    /// text. It overrides the file of `--inputs`.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Read inputs from a JSON or YAML file; `-` is standard input
    #[arg(long = "inputs", value_name = "FILE")]
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: Option<PathBuf>,
}

/// Which steps run, and how many.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Steps")]
pub struct StepArgs {
    /// Maximum number of concurrent steps [default: the number of cores]
    #[arg(short, long, value_name = "N", value_parser = positive::<NonZeroUsize>)]
    pub jobs: Option<NonZeroUsize>,
    /// Maximum number of items of a step with `for_each`; at most 1000000
    #[arg(long, value_name = "N", default_value_t = DEFAULT_MAX_ITEMS)]
    #[arg(value_parser = max_items)]
    pub max_items: usize,
    /// Maximum size of the gathered output of a step with `for_each`, in bytes [default: 64 MiB]
    #[arg(long, value_name = "BYTES", value_parser = positive::<usize>)]
    pub max_value: Option<usize>,
    /// After a failure, skip only what depends on it, and run all items
    #[arg(long)]
    pub keep_going: bool,
    /// After a failure, cancel running steps
    #[arg(long)]
    #[arg(conflicts_with = "keep_going")]
    pub fail_fast: bool,
    /// Apply `retry` also to skills that are not idempotent
    #[arg(long)]
    pub retry_unsafe: bool,
}

/// Reads `--max-items`.
fn max_items(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=MOST_ITEMS) => Ok(number),
        _ => Err(format!("it must be a number from 1 to {MOST_ITEMS}")),
    }
}

impl StepArgs {
    /// The flags as the engine takes them.
    pub(in crate::cli) fn run_policy(&self, strict: bool) -> RunPolicy {
        let default = RunPolicy::default();
        RunPolicy {
            jobs: self.jobs.unwrap_or(default.jobs),
            on_failure: match (self.keep_going, self.fail_fast) {
                (true, _) => FailurePolicy::KeepGoing,
                (_, true) => FailurePolicy::FailFast,
                _ => default.on_failure,
            },
            max_value_bytes: self.max_value.unwrap_or(default.max_value_bytes),
            retry_unsafe: self.retry_unsafe,
            fail_on_leak: strict,
        }
    }
}

/// Which steps run.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Steps")]
pub struct SelectionArgs {
    /// Run only this step and those that it needs; repeatable
    ///
    /// A step needs those that it refers to or depends on. The others are skipped, and so satisfy
    /// the order of the steps. `finally` steps run.
    #[arg(long, value_name = "STEP")]
    pub only: Vec<String>,
    /// Skip this step; repeatable
    ///
    /// No step that runs may take its output, unless the resumed run has it.
    #[arg(long, value_name = "STEP")]
    pub skip: Vec<String>,
    /// With `--resume`, run this step again, and all that come after it or depend on it
    #[arg(long, value_name = "STEP", requires = "resume")]
    pub from: Option<String>,
}

/// `obs graph`.
#[derive(Debug, Args)]
#[command(after_help = GRAPH_EXAMPLES)]
pub struct GraphArgs {
    /// The plan, JSON or YAML; `-` is standard input
    #[arg(value_hint = ValueHint::FilePath)]
    pub plan: PathBuf,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "mermaid")]
    pub format: GraphFormat,
    /// Maximum size of the plan
    #[arg(long, value_name = "BYTES", default_value_t = DEFAULT_MAX_BYTES)]
    pub max_plan_size: u64,
}

const GRAPH_EXAMPLES: &str = "\
Examples:
  obs graph plan.yaml --format tree           on the terminal
  obs graph plan.yaml                         for a ```mermaid block in Markdown
  obs graph plan.yaml --format dot | dot -Tsvg > plan.svg
  obs graph plan.yaml --format jsonl | jq -r .step_id

A solid line is a reference to another step's output, a dashed line is an order only. obs doesn't
load the skills.";
