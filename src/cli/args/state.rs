//! The flags and verbs about the state that obs keeps.

use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, Args, Subcommand, ValueEnum, ValueHint};
use jiff::{SignedDuration, Timestamp};

use super::run_selector::RUN_HELP;
use super::{DataFormat, RunSelector};
use crate::model::{RunStatus, StepStatus, parse_duration};
use crate::report::PrintRef;
use crate::store::RetentionLimits;

/// `--state-dir`.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Global options")]
pub struct StateArgs {
    /// Directory of the state, or `none` to keep nothing [default: ~/.local/state/obs]
    #[arg(long = "state-dir", global = true, value_name = "DIR")]
    #[arg(value_hint = ValueHint::DirPath)]
    pub dir: Option<PathBuf>,
}

/// What a run takes from earlier ones.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "State and resume")]
pub struct ResumeArgs {
    /// Resume an earlier run: reuse what succeeded, run the rest
    ///
    /// RUN is a run's id or a prefix of it, `last`, `last~2`, or the path of a plan (its latest
    /// run); FILE is what `--log` wrote. Without a value it is the latest run of this plan. obs
    /// reuses a step if its skill's files and its arguments are unchanged; from the first change on
    /// it runs all steps.
    #[arg(long, value_name = "RUN|FILE")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "")]
    #[arg(value_parser = RunSelector::parser(), value_hint = ValueHint::AnyPath)]
    pub resume: Option<RunSelector>,
    /// With `--resume`, also run unsafe steps a second time
    ///
    /// An unsafe step may have had its effect in the earlier run, and its skill is not idempotent.
    #[arg(long)]
    pub rerun_unsafe: bool,
    /// Which skills have a circuit breaker
    ///
    /// An open circuit breaker rejects calls of a skill that keeps failing. `auto`: skills whose
    /// manifests configure one. `on`: all; without a configuration, it opens for 30s after 5
    /// consecutive failures. `off`: none.
    #[arg(long, value_name = "WHEN")]
    #[arg(num_args = 0..=1, require_equals = true)]
    #[arg(default_value = "auto", default_missing_value = "on")]
    pub circuit_breaker: BreakerChoice,
}

/// Which skills have a circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BreakerChoice {
    /// Those whose manifests say so.
    Auto,
    /// All.
    On,
    /// None.
    Off,
}

/// `obs runs`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, after_help = RUNS_EXAMPLES)]
pub struct RunsArgs {
    /// What to do instead of listing them.
    #[command(subcommand)]
    pub command: Option<RunsCommand>,
    /// Only runs with this status; repeatable
    #[arg(long, value_name = "STATUS", value_delimiter = ',')]
    #[arg(value_parser = run_status())]
    pub status: Vec<RunStatus>,
    /// Only runs of this assistant
    #[arg(long, value_name = "ID")]
    pub assistant: Option<String>,
    /// Only runs that started since: `2h`, `2026-11-24` or `2026-11-24T08:00:00Z`
    #[arg(long, value_name = "WHEN")]
    pub since: Option<Since>,
    /// At most N runs; 0 lists all
    #[arg(short = 'n', long, value_name = "N", default_value_t = 50)]
    pub limit: u64,
    /// Show when runs started instead of how long ago that was
    #[arg(long)]
    pub utc: bool,
    /// Output format
    #[arg(long, default_value = "table")]
    pub format: DataFormat,
}

const RUNS_EXAMPLES: &str = "\
Examples:
  obs runs                                    newest first
  obs runs --status failed,timeout --since 2h
  obs runs | grep site.yaml                   in a pipe nothing is cut
  obs runs --format jsonl | jq -r .run_id
  obs runs prune --keep-days 30 --keep-last 100

STEPS counts those that succeeded (✓), those that did not (✗), and those that did not run (–) or are
still to come (…).";

/// What else can be done with runs.
#[derive(Debug, Subcommand)]
pub enum RunsCommand {
    /// Remove old runs with their records, except those that a flag keeps
    #[command(after_help = "Example:\n  obs runs prune --keep-days 30 --keep-last 100")]
    Prune(PruneArgs),
}

/// Which runs are kept when a run ends.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "State and resume")]
pub struct RetentionArgs {
    /// When the run ends, remove runs older than N days; 0 removes none
    #[arg(long, value_name = "N")]
    #[arg(default_value_t = 90, hide_short_help = true)]
    pub keep_days: u32,
    /// When the run ends, remove all but the newest N runs; 0 removes none
    #[arg(long, value_name = "N")]
    #[arg(default_value_t = 10_000, hide_short_help = true)]
    pub keep_last: u64,
}

impl RetentionArgs {
    pub(in crate::cli) fn limits(&self) -> RetentionLimits {
        RetentionLimits {
            max_days: Some(self.keep_days).filter(|&days| days > 0),
            max_runs: Some(self.keep_last).filter(|&runs| runs > 0),
        }
    }
}

/// `obs runs prune`.
#[derive(Debug, Args)]
#[command(group(keep_group()))]
pub struct PruneArgs {
    /// Keep the runs of the last N days
    #[arg(long, value_name = "N")]
    pub keep_days: Option<u32>,
    /// Keep the newest N runs
    #[arg(long, value_name = "N")]
    pub keep_last: Option<u64>,
    /// Print how many runs would be removed, without removing them
    #[arg(long)]
    pub dry_run: bool,
}

/// `obs show`.
#[derive(Debug, Args)]
#[command(after_help = SHOW_EXAMPLES)]
pub struct ShowRunArgs {
    #[arg(help = format!("{RUN_HELP} [default: last]"))]
    #[arg(value_parser = RunSelector::parser(), value_hint = ValueHint::AnyPath)]
    pub run: Option<RunSelector>,
    /// Show all that is kept of the step with this name or `step_id`
    #[arg(value_hint = ValueHint::Other)]
    pub step: Option<String>,
    /// Output format
    #[arg(long, default_value = "table")]
    pub format: DataFormat,
    /// Who shows it.
    #[command(flatten)]
    pub pager: PagerArgs,
}

const SHOW_EXAMPLES: &str = "\
Examples:
  obs show                                    the latest run, its failures first
  obs show plan.yaml                          the latest run of a plan
  obs show last build                         all that the step `build` wrote
  obs show 0192ab12 --format json | jq .status";

/// `obs logs`.
#[derive(Debug, Args)]
#[command(after_help = LOGS_EXAMPLES)]
pub struct LogsArgs {
    #[arg(help = format!("{RUN_HELP} [default: last]"))]
    #[arg(value_parser = RunSelector::parser(), value_hint = ValueHint::AnyPath)]
    pub run: Option<RunSelector>,
    /// The records of all runs
    #[arg(long, conflicts_with_all = ["run", "follow", "print"])]
    pub all: bool,
    /// Only the last N records; 0 shows all
    #[arg(
        short = 'n',
        long,
        value_name = "N",
        default_value_t = 0,
        hide_default_value = true
    )]
    pub limit: u64,
    /// Only records of the step with this name or `step_id`
    #[arg(long, value_name = "STEP")]
    pub step: Option<String>,
    /// Only records of this skill
    #[arg(long, value_name = "SKILL")]
    pub skill: Option<String>,
    /// Only records with this status; repeatable
    #[arg(long, value_name = "STATUS", value_delimiter = ',')]
    #[arg(value_parser = step_status())]
    pub status: Vec<StepStatus>,
    /// Only records of steps that ended since: `2h`, `2026-11-24` or `2026-11-24T08:00:00Z`
    #[arg(long, value_name = "WHEN")]
    pub since: Option<Since>,
    /// Follow a run in progress until it ends
    #[arg(short, long, conflicts_with = "print")]
    pub follow: bool,
    /// Print only one value of a step's output
    #[arg(long, value_name = "REF")]
    #[arg(conflicts_with_all = ["format", "step", "skill", "status", "since", "limit"])]
    pub print: Option<PrintRef>,
    /// Output format
    #[arg(long, default_value = "table")]
    pub format: DataFormat,
    /// Who shows it.
    #[command(flatten)]
    pub pager: PagerArgs,
}

/// Whether a pager shows what is printed.
#[derive(Debug, Clone, Default, Args)]
pub struct PagerArgs {
    /// Print to the terminal at once, without a pager
    ///
    /// On a terminal the pager is `OBS_PAGER`, else `PAGER`, else `less -FRX`; an empty `PAGER` and
    /// `cat` mean none.
    #[arg(long)]
    pub no_pager: bool,
}

const LOGS_EXAMPLES: &str = "\
Examples:
  obs logs                                    the table of the latest run
  obs logs plan.yaml --print report.markdown
  obs logs 0192ab12 --follow --format jsonl
  obs logs --all --status failed --since 2h   the failures of all runs";

/// `obs verify`.
#[derive(Debug, Args)]
#[command(after_help = VERIFY_EXAMPLES)]
#[command(group(ArgGroup::new("what").args(["run", "all"]).required(true)))]
pub struct VerifyArgs {
    /// A run, or a file written by `--log` or `--format jsonl`
    ///
    /// RUN is a run's id or a prefix of it, `last`, `last~2`, or the path of a plan (its latest
    /// run); `-` reads standard input.
    #[arg(value_name = "RUN|FILE", value_hint = ValueHint::AnyPath)]
    #[arg(value_parser = RunSelector::parser())]
    pub run: Option<RunSelector>,
    /// Verify all recorded runs and the ledger
    #[arg(long)]
    pub all: bool,
    /// The expected hash of the run's last record, or its first 16 digits or more
    ///
    /// With `--all`, a head that the ledger had at some time. Keep the hash elsewhere, out of reach
    /// of whoever could rewrite the state.
    #[arg(long, value_name = "HASH", value_parser = head)]
    pub head: Option<String>,
    /// Output format
    #[arg(long, default_value = "table")]
    pub format: DataFormat,
}

const VERIFY_EXAMPLES: &str = "\
Examples:
  obs verify last
  obs verify run.jsonl --head 5f0c66b2d1a94e37
  OBS_CHAIN_KEY=… obs verify last

Each record holds the hash of the record before it, so obs detects a record that was changed,
removed or moved. The ledger holds each start, end and removal of a run, so obs also detects a truncated or
removed run. Only a head kept elsewhere, or a key, detects a rewrite of the whole state: if
`OBS_CHAIN_KEY` is set, obs keys chain and ledger with it. Exits 1 if verification fails.";

/// `obs circuits`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  obs circuits\n  obs circuits reset core/fetch")]
pub struct CircuitsArgs {
    /// What to do instead of listing them.
    #[command(subcommand)]
    pub command: Option<CircuitsCommand>,
    /// Output format
    #[arg(long, default_value = "table")]
    pub format: DataFormat,
}

/// What else can be done with circuits.
#[derive(Debug, Subcommand)]
pub enum CircuitsCommand {
    /// Reset a skill's circuit breaker, so that it can be called again
    #[command(
        after_help = "Examples:\n  obs circuits reset core/fetch\n  obs circuits reset --all"
    )]
    Reset(ResetArgs),
}

/// `obs circuits reset`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("which").args(["skill", "all"]).required(true)))]
pub struct ResetArgs {
    /// The skill's id
    pub skill: Option<String>,
    /// Reset all
    #[arg(long)]
    pub all: bool,
}

/// A moment in the past.
#[derive(Debug, Clone, Copy)]
pub struct Since(pub Timestamp);

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(ago) = parse_duration(text) {
            let ago = SignedDuration::try_from(ago).map_err(|error| error.to_string())?;
            let since = Timestamp::now().checked_sub(ago);
            return since.map(Self).map_err(|error| error.to_string());
        }
        let day = format!("{text}T00:00:00Z");
        let moment = text.parse().or_else(|_| day.parse::<Timestamp>());
        moment.map(Self).map_err(|_| {
            "write it like `2h`, `2026-11-24` or `2026-11-24T08:00:00Z` (UTC)".to_owned()
        })
    }
}

fn keep_group() -> ArgGroup {
    let group = ArgGroup::new("keep").args(["keep_days", "keep_last"]);
    group.multiple(true).required(true)
}

fn head(text: &str) -> Result<String, String> {
    let least = crate::store::MIN_HEAD_DIGITS;
    if text.len() < least || text.len() > 64 || !text.chars().all(|c| c.is_ascii_hexdigit()) {
        return Err(format!("a head has {least} to 64 hexadecimal digits"));
    }
    Ok(text.to_ascii_lowercase())
}

fn run_status() -> impl TypedValueParser<Value = RunStatus> {
    PossibleValuesParser::new(RunStatus::ALL.map(RunStatus::as_str))
        .try_map(|word| RunStatus::from_name(&word).ok_or("unknown status"))
}

fn step_status() -> impl TypedValueParser<Value = StepStatus> {
    PossibleValuesParser::new(StepStatus::ALL.map(StepStatus::as_str))
        .try_map(|word| StepStatus::from_name(&word).ok_or("unknown status"))
}
