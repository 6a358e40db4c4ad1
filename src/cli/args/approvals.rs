//! The verbs about steps that wait for an approval.

use clap::{Args, ValueHint};

use super::run_selector::RUN_HELP;
use super::{DataFormat, RunSelector};

/// `obs approvals`.
#[derive(Debug, Args)]
#[command(after_help = APPROVALS_EXAMPLES)]
pub struct ApprovalsArgs {
    #[arg(help = format!("{RUN_HELP} [default: all runs that wait]"))]
    #[arg(value_parser = RunSelector::parser(), value_hint = ValueHint::AnyPath)]
    pub run: Option<RunSelector>,
    /// Also list requests that are answered, have expired, or whose run was resumed
    #[arg(long)]
    pub all: bool,
    /// Output format
    #[arg(long, default_value = "table")]
    pub format: DataFormat,
}

const APPROVALS_EXAMPLES: &str = "\
Examples:
  obs approvals                               what waits, with its arguments
  obs approvals 0192ab12 --all                all requests of a run
  obs approvals --format jsonl | jq -r .step_id

A run asks if it was started with `obs run --on-approval wait`.";

/// `obs approve` and `obs deny`.
#[derive(Debug, Args)]
pub struct AnswerArgs {
    #[arg(help = RUN_HELP)]
    #[arg(value_parser = RunSelector::parser(), value_hint = ValueHint::AnyPath)]
    pub run: RunSelector,
    /// The step: its `step_id` or name, or its place in the plan, from 0
    #[arg(value_hint = ValueHint::Other)]
    pub step: String,
    /// Why; kept with the answer
    #[arg(long, value_name = "TEXT")]
    pub comment: Option<String>,
    /// Who answers [default: the number of the user]
    #[arg(long, value_name = "ID")]
    pub user_id: Option<String>,
}

pub(super) const APPROVE_EXAMPLES: &str = "\
Examples:
  obs approvals                               shows what waits
  obs approve 0192ab12 publish --comment \"checked the diff\"
  obs run --resume=0192ab12                   runs the step

The answer is bound to the plan, the step, its skill and its arguments: if one of them changes, obs
asks again. Exits 2 if the step does not wait or somebody has answered already, 77 if the request
has expired.";

pub(super) const DENY_EXAMPLES: &str = "\
Examples:
  obs deny 0192ab12 publish --comment \"not on a Friday\"
  obs run --resume=0192ab12                   ends with 77, after the `finally` steps

Exits 2 if the step does not wait or somebody has answered already, 77 if the request has expired.";
