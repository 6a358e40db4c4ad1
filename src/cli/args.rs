//! The command line.
//!
//! Invariant: a flag is here only if the code behind it works. Every flag can also be given as
//! `OBS_<FLAG>`, which the help says once instead of at each flag; nothing is said of it here, it
//! follows from the flag's name ([`variables`](super::variables)).

mod approvals;
mod flow;
mod format;
mod init;
mod number;
mod policy;
mod run_selector;
mod secrets;
mod skills;
mod state;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueHint};
use clap_complete::Shell;

use self::approvals::{APPROVE_EXAMPLES, DENY_EXAMPLES};
pub(super) use self::approvals::{AnswerArgs, ApprovalsArgs};
pub(super) use self::flow::{GraphArgs, InputArgs, SelectionArgs, StepArgs};
pub(super) use self::format::{DataFormat, GraphFormat, ProblemFormat};
pub(super) use self::init::{InitArgs, NewCommand, NewPlanArgs};
use self::number::positive;
pub(super) use self::policy::{
    ApprovalArgs, OnApproval, PolicyArgs, PolicyCheckArgs, PolicyCommand, PolicySchemaArgs,
    PolicyTestArgs, StepApproval,
};
pub(super) use self::run_selector::RunSelector;
pub(super) use self::secrets::SecretArgs;
pub(super) use self::skills::{
    CheckArgs, ListArgs, NewArgs, ShowArgs, SkillRunArgs, SkillsCommand,
};
pub(super) use self::state::{
    BreakerChoice, CircuitsArgs, CircuitsCommand, LogsArgs, PagerArgs, PruneArgs, ResumeArgs,
    RetentionArgs, RunsArgs, RunsCommand, ShowRunArgs, StateArgs, VerifyArgs,
};
use super::printer::ColorChoice;
use crate::document::DEFAULT_MAX_BYTES;
use crate::model::{SandboxMode, parse_duration};
use crate::prove::TimeFlags;
use crate::report::{Format, PrintRef, Progress};

/// Prove, confine and run execution plans: lists of skill calls that a language model wrote.
#[derive(Debug, Parser)]
#[command(
    name = "obs",
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    subcommand_required = true,
    after_help = AFTER_HELP
)]
pub struct Cli {
    /// Flags of every verb.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// Where the state is.
    #[command(flatten)]
    pub state: StateArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "\
A plan is a JSON or YAML list of steps. Each step calls a skill: a program with
a manifest, which gets its arguments as JSON or in its command. Nothing runs
until the whole plan is proven.

Examples:
  obs init                        make a first skill and a plan that calls it
  obs validate plan.yaml          report all problems of a plan
  obs run plan.yaml               run it and print a table of its steps
  obs run plan.yaml --set n=3     set an input of the plan
  obs run - --format jsonl        run a plan from stdin, print JSON lines
  obs graph plan.yaml             show the dependency graph
  obs skills list                 list the skills that plans can call
  obs show                        show the latest run, its failures first

`obs run --help` lists the exit codes. Each option can be set by a variable, for
example --state-dir by OBS_STATE_DIR.";

/// Flags of every verb.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalArgs {
    /// Use colors: `auto`, `always` or `never`
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    #[arg(hide_possible_values = true)]
    pub color: ColorChoice,
    /// Be silent on success; always report failures
    #[arg(short, long, global = true)]
    #[arg(conflicts_with = "verbose")]
    pub quiet: bool,
    /// Show CPU and memory per step
    #[arg(short, long, global = true)]
    pub verbose: bool,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a first skill and a plan that calls it
    Init(InitArgs),
    /// Write a new plan
    #[command(subcommand)]
    New(NewCommand),
    /// Prove a plan and run it
    Run(Box<RunArgs>),
    /// Report all problems of plans, without running them
    Validate(Box<ValidateArgs>),
    /// Show the plan's dependency graph
    Graph(GraphArgs),
    /// Manage skills
    #[command(subcommand)]
    Skills(SkillsCommand),
    /// Check and test policies
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// List recorded runs, newest first
    Runs(RunsArgs),
    /// Show a run as it was reported, or a step with all that it wrote
    Show(ShowRunArgs),
    /// Show the records of runs
    Logs(LogsArgs),
    /// List the steps that wait for an approval
    Approvals(ApprovalsArgs),
    /// Approve a step that waits
    #[command(after_help = APPROVE_EXAMPLES)]
    Approve(AnswerArgs),
    /// Deny a step that waits
    #[command(after_help = DENY_EXAMPLES)]
    Deny(AnswerArgs),
    /// Verify the integrity of recorded runs
    Verify(VerifyArgs),
    /// List and reset circuit breakers
    Circuits(CircuitsArgs),
    /// Check what obs needs: the sandbox, the state, directories, skills, policies
    Doctor(DoctorArgs),
    /// Print the completion script for a shell
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print a page of the manual, or write all pages
    Man(ManArgs),
}

/// Where obs searches for skills.
#[derive(Debug, Clone, Args)]
pub struct RootArgs {
    /// Search DIR for skills first, then `skills/` beside the plan and here; repeatable
    #[arg(long = "skills", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub skills: Vec<PathBuf>,
}

/// `obs run`.
#[derive(Debug, Args)]
#[command(after_help = RUN_SHORT_HELP, after_long_help = RUN_LONG_HELP)]
pub struct RunArgs {
    /// The plan, JSON or YAML; `-` is standard input
    ///
    /// With `--resume=RUN` it may be left out: then it is the plan of that run, in its workspace.
    #[arg(value_hint = ValueHint::FilePath)]
    pub plan: Option<PathBuf>,
    /// Where obs searches for skills.
    #[command(flatten)]
    pub roots: RootArgs,
    /// Prove the plan and show what would run, without running it
    #[arg(long)]
    pub dry_run: bool,
    /// Treat warnings as errors
    #[arg(long)]
    pub strict: bool,
    /// Maximum size of the plan
    #[arg(long, value_name = "BYTES")]
    #[arg(default_value_t = DEFAULT_MAX_BYTES)]
    pub max_plan_size: u64,
    /// Which steps run, and how many.
    #[command(flatten)]
    pub steps: StepArgs,
    /// Which steps are left out.
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// What it resumes, and what it skips.
    #[command(flatten)]
    pub resume: ResumeArgs,
    /// Which runs are kept.
    #[command(flatten)]
    pub retention: RetentionArgs,
    /// Where skills run.
    #[command(flatten)]
    pub directories: DirectoryArgs,
    /// What skills may touch and consume.
    #[command(flatten)]
    pub sandbox: SandboxArgs,
    /// What skills get and nobody may see.
    #[command(flatten)]
    pub secrets: SecretArgs,
    /// What may be called at all.
    #[command(flatten)]
    pub policy: PolicyArgs,
    /// What is approved in advance.
    #[command(flatten)]
    pub approval: ApprovalArgs,
    /// How long things may take.
    #[command(flatten)]
    pub time: TimeArgs,
    /// What the plan's inputs are.
    #[command(flatten)]
    pub inputs: InputArgs,
    /// What is shown.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Who asks.
    #[command(flatten)]
    pub identity: IdentityArgs,
}

const RUN_SHORT_HELP: &str = "\
Examples:
  obs run plan.yaml --dry-run
  obs run plan.yaml --set count=3 --format jsonl | jq .status
  obs run plan.yaml --policy ci.cedar --approve deploy=push --timeout 5m
  obs run plan.yaml --resume

Each option can be set by a variable, for example --step-timeout by OBS_STEP_TIMEOUT.";

const RUN_LONG_HELP: &str = "\
Examples:
  obs run plan.yaml                           a table of the steps at the end
  obs run plan.yaml --dry-run                 prove it and show what would run
  obs run plan.yaml --format jsonl | jq .status
  obs run plan.yaml --print report.markdown > report.md
  obs run plan.yaml --timeout 5m --step-timeout 30s --keep-going
  obs run plan.yaml --set count=3             give the plan's input `count`
  obs run plan.yaml --secret API_TOKEN=file:$HOME/.config/token
  obs run plan.yaml --policy ci.cedar         run it if policies permit it
  obs run plan.yaml --allow 'core/*' --max-risk info
  obs run plan.yaml --approve deploy=push     let the step `deploy` call `push`
  obs run plan.yaml --jobs 8 --fail-fast      eight at once, until one fails
  obs run plan.yaml --on-approval wait        wait for `obs approve`, exit 79
  obs run plan.yaml --resume                  resume its last run
  obs run plan.yaml --log run.jsonl --progress lines -q
  planner | obs run -                         a plan from standard input

Exit codes:
  0 success   1 a step failed   2 usage   65 plan invalid   66 file unreadable
  69 a skill can't be started   70 internal error   71 resource limit exceeded
  74 log not writable   75 a circuit is open   77 denied by policy or approver
  79 waits for an approval   124 timeout   129, 130, 143 ended by SIGHUP, SIGINT, SIGTERM

Each option can be set by a variable, for example --step-timeout by OBS_STEP_TIMEOUT.

Standard output holds data only: the table, records or the printed value. Progress and failure
reports go to standard error.";

/// Where skills run.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Directories")]
pub struct DirectoryArgs {
    /// Working directory of skills [default: the current directory]
    #[arg(long, value_name = "DIR")]
    #[arg(value_hint = ValueHint::DirPath)]
    pub workspace: Option<PathBuf>,
    /// Directory that steps share as `$RUN_DIR` [default: a temporary one]
    ///
    /// Skills reach it by the permissions `fs.read:$RUN_DIR` and `fs.write:$RUN_DIR`. A directory
    /// that is named here is not removed at the end.
    #[arg(long, value_name = "DIR")]
    #[arg(value_hint = ValueHint::DirPath)]
    pub run_dir: Option<PathBuf>,
}

/// What skills may touch and consume.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Sandbox")]
pub struct SandboxArgs {
    /// How strictly skills are confined
    ///
    /// `require` runs nothing if this machine can't enforce what the plan's skills rely on,
    /// `best-effort` reports what is not enforced and continues, `off` opens files and network.
    #[arg(long, value_name = "MODE")]
    #[arg(default_value = "require")]
    pub sandbox: SandboxMode,
    /// Memory limit of each step, all its processes together
    ///
    /// The lower of this limit and that of the manifest applies.
    #[arg(long, value_name = "MIB")]
    #[arg(value_parser = positive::<u64>)]
    pub max_memory: Option<u64>,
    /// CPU time limit of each step, all its processes together
    ///
    /// The lower of this limit and that of the manifest applies.
    #[arg(long, value_name = "DURATION")]
    #[arg(value_parser = parse_duration)]
    pub max_cpu: Option<Duration>,
    /// Limit on concurrent processes of each step [default: 512]
    ///
    /// The lower of this limit and that of the manifest applies.
    #[arg(long, value_name = "N")]
    #[arg(value_parser = positive::<u64>)]
    pub max_processes: Option<u64>,
    /// Limit on what each step writes to its scratch directory and `$RUN_DIR`
    ///
    /// The lower of this limit and that of the manifest applies.
    #[arg(long, value_name = "MIB")]
    #[arg(value_parser = positive::<u64>)]
    pub max_disk: Option<u64>,
}

/// How long things may take.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Timeouts")]
pub struct TimeArgs {
    /// Timeout of the run [default: 10m]
    ///
    /// The lower of this timeout and that of the plan applies. The time in which obs waits for an
    /// approval counts; the timeout closes the question.
    #[arg(long, value_name = "DURATION")]
    #[arg(value_parser = parse_duration)]
    pub timeout: Option<Duration>,
    /// Timeout of each step, with all its attempts [default: 120s]
    ///
    /// It replaces the default and caps the `timeout` of a step. Without one, a step may take what
    /// its attempts may take by the skill's manifest, and the waits between them.
    #[arg(long, value_name = "DURATION")]
    #[arg(value_parser = parse_duration)]
    pub step_timeout: Option<Duration>,
    /// Timeout of the `finally` steps, all together [default: 60s]
    ///
    /// It begins when the other steps are over. `--timeout` does not cover the `finally` steps.
    #[arg(long, value_name = "DURATION")]
    #[arg(value_parser = parse_duration)]
    pub finally_timeout: Option<Duration>,
    /// Time between SIGTERM and SIGKILL [default: 5s]
    ///
    /// A skill's manifest may set its own.
    #[arg(long, value_name = "DURATION")]
    #[arg(value_parser = parse_duration)]
    pub grace_period: Option<Duration>,
}

impl TimeArgs {
    /// The flags as the proof takes them.
    pub(super) fn flags(&self) -> TimeFlags {
        TimeFlags {
            run: self.timeout,
            step: self.step_timeout,
            finally: self.finally_timeout,
            grace: self.grace_period,
        }
    }
}

/// What is shown.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// What to print on standard output
    #[arg(long, default_value = "table")]
    pub format: Format,
    /// Print only one value of a step's output
    ///
    /// REF is a step and a path into its output: `report.markdown`, `fetch.items.0.name`,
    /// `files["report.html"].size`. Text is printed as it is, anything else as JSON.
    #[arg(long, value_name = "REF")]
    #[arg(conflicts_with_all = ["dry_run", "format"])]
    pub print: Option<PrintRef>,
    /// Show what skills write while they run
    ///
    /// Standard error of all skills, and standard output of those whose output is text.
    #[arg(long)]
    pub stream: bool,
    /// How to show progress on standard error
    #[arg(long, default_value = "auto")]
    pub progress: Progress,
    /// Append every event to FILE as JSON lines
    #[arg(long, value_name = "FILE")]
    #[arg(value_hint = ValueHint::FilePath)]
    pub log: Option<PathBuf>,
}

/// Who asks.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Identity")]
#[expect(
    clippy::struct_field_names,
    reason = "the names of OpenBotStack's execution context"
)]
pub struct IdentityArgs {
    /// Your id for the run [default: the run id]
    #[arg(long, value_name = "ID")]
    pub request_id: Option<String>,
    /// The assistant that wrote the plan [default: the plan's `assistant_id`]
    #[arg(long, value_name = "ID")]
    pub assistant_id: Option<String>,
    /// The session of the run
    #[arg(long, value_name = "ID")]
    pub session_id: Option<String>,
    /// The tenant
    #[arg(long, value_name = "ID")]
    pub tenant_id: Option<String>,
    /// The user
    #[arg(long, value_name = "ID")]
    pub user_id: Option<String>,
}

/// `obs validate`.
#[derive(Debug, Args)]
#[command(after_help = VALIDATE_EXAMPLES)]
pub struct ValidateArgs {
    /// The plans, JSON or YAML; `-` is standard input
    #[arg(required = true, value_name = "PLAN", value_hint = ValueHint::FilePath)]
    pub plans: Vec<PathBuf>,
    /// Where obs searches for skills.
    #[command(flatten)]
    pub roots: RootArgs,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub format: ProblemFormat,
    /// Treat warnings as errors
    #[arg(long)]
    pub strict: bool,
    /// Working directory of skills [default: the current directory]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub workspace: Option<PathBuf>,
    /// What the plans' inputs would be; those that are not given are not known yet.
    #[command(flatten)]
    pub inputs: InputArgs,
    /// What skills would get and nobody may see.
    #[command(flatten)]
    pub secrets: SecretArgs,
    /// Maximum size of the plan
    #[arg(long, value_name = "BYTES", default_value_t = DEFAULT_MAX_BYTES)]
    pub max_plan_size: u64,
    /// What may be called at all.
    #[command(flatten)]
    pub policy: PolicyArgs,
    /// Who would ask.
    #[command(flatten)]
    pub identity: IdentityArgs,
}

const VALIDATE_EXAMPLES: &str = "\
Examples:
  obs validate plan.yaml                      show each problem in its line
  obs validate plans/*.yaml --strict          treat warnings as errors
  obs validate plan.json --format json | jq '.[].fix'
  obs validate plan.yaml --format github      annotate a pull request

Exits 0 if all plans are valid, 65 if one is invalid, 66 if one can't be read, 77 if a policy denies
one.";

/// `obs doctor`.
#[derive(Debug, Args)]
#[command(after_help = DOCTOR_EXAMPLES)]
pub struct DoctorArgs {
    /// Where obs searches for skills.
    #[command(flatten)]
    pub roots: RootArgs,
    /// Output format
    #[arg(long, default_value = "table")]
    pub format: DataFormat,
}

const DOCTOR_EXAMPLES: &str = "\
Examples:
  obs doctor
  obs doctor --format json | jq '.layers[] | select(.missing)'
  obs doctor --format jsonl | jq 'select(.status != \"ok\")'

Nothing is created or changed. Exits 0 if plans can run, also with warnings, else 1.";

/// `obs man`.
#[derive(Debug, Args)]
#[command(after_help = MAN_EXAMPLES)]
pub struct ManArgs {
    /// The verb [default: the page of obs itself]
    #[arg(value_name = "VERB")]
    pub verb: Vec<String>,
    /// Write a page for each verb to DIR: `obs.1`, `obs-run.1` and so on
    ///
    /// obs creates the directory and replaces pages that are there already.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, conflicts_with = "verb")]
    pub out: Option<PathBuf>,
}

const MAN_EXAMPLES: &str = "\
Examples:
  obs man run | man -l -
  obs man skills list | man -l -
  obs man --out ~/.local/share/man/man1       then `man obs-run`";

const COMPLETIONS_EXAMPLES: &str = "\
Example:
  obs completions bash > ~/.local/share/bash-completion/completions/obs";
