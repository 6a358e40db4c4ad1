//! The command line.
//!
//! Invariant: a flag stands here only when the code behind it works. Every flag of `run` can also be
//! given as `OBS_<FLAG>`; [`parse`](super::parse) says how the two go together.

mod flow;
mod policy;
mod secrets;
mod state;

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;

pub(super) use self::flow::{GraphArgs, GraphFormat, InputArgs, OrderArgs};
pub(super) use self::policy::{
    ApprovalArgs, PolicyArgs, PolicyCheckArgs, PolicyCommand, PolicySchemaArgs, PolicyTestArgs,
    StepApproval,
};
pub(super) use self::secrets::SecretArgs;
pub(super) use self::state::{
    BreakerChoice, CircuitsArgs, CircuitsCommand, LogsArgs, PruneArgs, RecordFormat, ResumeArgs,
    RunsArgs, RunsCommand, StateArgs, VerifyArgs,
};
use super::printer::ColorChoice;
use crate::document::DEFAULT_MAX_BYTES;
use crate::model::parse_duration;
use crate::prove::TimeFlags;
use crate::report::{Format, PrintRef, Progress};

/// Prove, confine and run execution plans: lists of skill calls that a language model wrote.
///
/// A plan is a JSON or YAML list of steps. Each step calls a skill: a program that takes its
/// arguments as JSON on standard input and answers with JSON on standard output. Nothing runs until
/// the whole plan is proven.
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
    /// Flags that every verb knows.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// Where things are remembered.
    #[command(flatten)]
    pub state: StateArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "\
Examples:
  obs validate plan.yaml          say everything that is wrong with a plan
  obs run plan.yaml               run it, with a table of its steps at the end
  obs run plan.yaml --set n=3     give an input that the plan asks for
  obs run - --format jsonl        run a plan from standard input, records as JSON lines
  obs graph plan.yaml             draw which step waits for which
  obs skills list                 show the skills that plans can call
  obs logs last                   show the records of the latest run

Exit codes:
  0 success   1 a step failed   2 usage   65 plan invalid   66 file unreadable
  69 a skill can't be started   70 a fault in obs   71 over a limit   74 log not writable
  75 a circuit is open   77 a policy said no   124 timeout   129, 130, 143 ended by SIGHUP, SIGINT, SIGTERM";

/// Flags that every verb knows.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalArgs {
    /// When to use colors; `NO_COLOR` and `CLICOLOR_FORCE` are respected
    #[arg(
        long,
        global = true,
        env = "OBS_COLOR",
        value_name = "WHEN",
        default_value = "auto"
    )]
    #[arg(hide_env_values = true)]
    pub color: ColorChoice,
    /// Be silent on success; failures are always told
    #[arg(short, long, global = true, env = "OBS_QUIET", hide_env_values = true)]
    #[arg(conflicts_with = "verbose", value_parser = BoolishValueParser::new())]
    pub quiet: bool,
    /// Tell more: CPU and memory of each step
    #[arg(
        short,
        long,
        global = true,
        env = "OBS_VERBOSE",
        hide_env_values = true
    )]
    #[arg(value_parser = BoolishValueParser::new())]
    pub verbose: bool,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Prove a plan and run it
    Run(Box<RunArgs>),
    /// Say everything that is wrong with a plan, and run nothing
    Validate(Box<ValidateArgs>),
    /// Draw which step of a plan waits for which
    Graph(GraphArgs),
    /// List, show, check, make and try skills
    #[command(subcommand)]
    Skills(SkillsCommand),
    /// Try policies: against the skills there are, and against a plan
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// List the runs that are kept, the newest first
    Runs(RunsArgs),
    /// Show the records of runs
    Logs(LogsArgs),
    /// Say whether records are still what they were when they were kept
    Verify(VerifyArgs),
    /// List the skills that keep failing, and call them again
    Circuits(CircuitsArgs),
    /// Show what this machine can enforce, found by trying
    #[command(
        after_help = "Examples:\n  obs doctor\n  obs doctor --format json | jq '.layers[] | select(.missing)'"
    )]
    Doctor {
        /// How it is shown
        #[arg(long, default_value = "table")]
        format: ListFormat,
    },
    /// Print the completion script for a shell
    #[command(
        after_help = "Example:\n  obs completions bash > ~/.local/share/bash-completion/completions/obs"
    )]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page
    #[command(after_help = "Example:\n  obs man | man -l -")]
    Man,
}

/// Where skills are looked for.
#[derive(Debug, Clone, Args)]
pub struct RootArgs {
    /// Look for skills below DIR first; may be given more than once
    ///
    /// After these come `OBS_SKILLS_PATH` (directories joined by `:`), `skills/` beside the plan,
    /// `skills/` in the working directory and `$XDG_DATA_HOME/obs/skills`. The first one that has an
    /// id wins.
    #[arg(long = "skills", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub skills: Vec<PathBuf>,
}

/// `obs run`.
#[derive(Debug, Args)]
#[command(after_help = RUN_EXAMPLES)]
pub struct RunArgs {
    /// The plan, JSON or YAML; `-` reads standard input
    #[arg(value_hint = ValueHint::FilePath)]
    pub plan: PathBuf,
    /// Where skills are looked for.
    #[command(flatten)]
    pub roots: RootArgs,
    /// Prove the plan, show what would run, and run nothing
    #[arg(long, env = "OBS_DRY_RUN", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    pub dry_run: bool,
    /// Refuse a plan that has warnings
    #[arg(long, env = "OBS_STRICT", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    pub strict: bool,
    /// The largest plan that is read, in bytes
    #[arg(
        long,
        env = "OBS_MAX_PLAN_SIZE",
        hide_env_values = true,
        value_name = "BYTES"
    )]
    #[arg(default_value_t = DEFAULT_MAX_BYTES)]
    pub max_plan_size: u64,
    /// Which steps run, and how many.
    #[command(flatten)]
    pub steps: OrderArgs,
    /// What it remembers of others.
    #[command(flatten)]
    pub resume: ResumeArgs,
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

const RUN_EXAMPLES: &str = "\
Examples:
  obs run plan.yaml                           a table of the steps at the end
  obs run plan.yaml --dry-run                 prove it and show what would run
  obs run plan.yaml --format jsonl | jq .status
  obs run plan.yaml --print report.markdown > report.md
  obs run plan.yaml --timeout 5m --step-timeout 30s --keep-going
  obs run plan.yaml --set count=3             give the plan's input `count`
  obs run plan.yaml --secret API_TOKEN=file:$HOME/.config/token
  obs run plan.yaml --policy ci.cedar         run it where the policies permit every step
  obs run plan.yaml --allow 'core/*' --max-risk info
  obs run plan.yaml --approve deploy=push     approve in advance that the step `deploy` calls `push`
  obs run plan.yaml --jobs 8 --fail-fast      eight steps at once, until one fails
  obs run plan.yaml --resume                  go on where its last run ended
  obs run plan.yaml --log run.jsonl --progress lines -q
  planner | obs run -                         a plan from standard input

Standard output holds data only: the table, records or the printed value. Progress and failure
reports go to standard error.";

/// Where skills run.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Directories")]
pub struct DirectoryArgs {
    /// The directory that skills work in [default: where obs was started]
    #[arg(
        long,
        env = "OBS_WORKSPACE",
        hide_env_values = true,
        value_name = "DIR"
    )]
    #[arg(value_hint = ValueHint::DirPath)]
    pub workspace: Option<PathBuf>,
    /// The directory for files between steps [default: a fresh one, removed at the end]
    #[arg(long, env = "OBS_RUN_DIR", hide_env_values = true, value_name = "DIR")]
    #[arg(value_hint = ValueHint::DirPath)]
    pub run_dir: Option<PathBuf>,
}

/// What skills may touch and consume.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Sandbox")]
pub struct SandboxArgs {
    /// How strictly skills are confined to what their manifests ask for
    ///
    /// `require` refuses to run anything where this machine can't enforce what the plan's skills rely
    /// on, `best-effort` says what is not confined and goes on, `off` opens files and network.
    #[arg(long, env = "OBS_SANDBOX", hide_env_values = true, value_name = "MODE")]
    #[arg(default_value = "require")]
    pub sandbox: Sandbox,
    /// The most memory of each step's processes together, in MiB; tightens the manifest
    #[arg(
        long,
        env = "OBS_MAX_MEMORY",
        hide_env_values = true,
        value_name = "MIB"
    )]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub max_memory: Option<u64>,
    /// The most CPU time of each step's processes together; tightens the manifest
    #[arg(
        long,
        env = "OBS_MAX_CPU",
        hide_env_values = true,
        value_name = "DURATION"
    )]
    #[arg(value_parser = parse_duration)]
    pub max_cpu: Option<Duration>,
    /// The most processes of each step at the same time; tightens the manifest and the default of 512
    #[arg(
        long,
        env = "OBS_MAX_PROCESSES",
        hide_env_values = true,
        value_name = "N"
    )]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub max_processes: Option<u64>,
    /// How much each step may write to its scratch directory and `$RUN_DIR`, in MiB; tightens the manifest
    #[arg(long, env = "OBS_MAX_DISK", hide_env_values = true, value_name = "MIB")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub max_disk: Option<u64>,
}

/// How strictly skills are confined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Sandbox {
    /// Run only what can be confined.
    Require,
    /// Confine what can be.
    BestEffort,
    /// Confine nothing.
    Off,
}

/// How long things may take.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Timeouts")]
pub struct TimeArgs {
    /// Bound on the whole run: replaces the default of 10m, caps the plan's own
    ///
    /// The time in which a person is asked for approval counts. At the end of the run's time the question is
    /// closed.
    #[arg(
        long,
        env = "OBS_TIMEOUT",
        hide_env_values = true,
        value_name = "DURATION"
    )]
    #[arg(value_parser = parse_duration)]
    pub timeout: Option<Duration>,
    /// Bound on each step: replaces the default of 120s, caps what plan and manifest say
    #[arg(
        long,
        env = "OBS_STEP_TIMEOUT",
        hide_env_values = true,
        value_name = "DURATION"
    )]
    #[arg(value_parser = parse_duration)]
    pub step_timeout: Option<Duration>,
    /// Time between SIGTERM and SIGKILL for skills that don't say [default: 5s]
    #[arg(
        long,
        env = "OBS_GRACE_PERIOD",
        hide_env_values = true,
        value_name = "DURATION"
    )]
    #[arg(value_parser = parse_duration)]
    pub grace_period: Option<Duration>,
}

impl TimeArgs {
    /// The flags as the proof takes them.
    pub(super) fn flags(&self) -> TimeFlags {
        TimeFlags {
            run: self.timeout,
            step: self.step_timeout,
            grace: self.grace_period,
        }
    }
}

/// What is shown.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// What standard output gets
    #[arg(
        long,
        env = "OBS_FORMAT",
        hide_env_values = true,
        default_value = "table"
    )]
    pub format: Format,
    /// Print one value of one step's output, and nothing else, on standard output
    ///
    /// REF is a step and a path into its output: `report.markdown`, `fetch.items.0.name`. Text is
    /// printed as it is, anything else as JSON.
    #[arg(long, env = "OBS_PRINT", hide_env_values = true, value_name = "REF")]
    #[arg(conflicts_with_all = ["dry_run", "format"])]
    pub print: Option<PrintRef>,
    /// Show what skills write to standard error while they run
    #[arg(long, env = "OBS_STREAM", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    pub stream: bool,
    /// How progress is shown on standard error
    #[arg(
        long,
        env = "OBS_PROGRESS",
        hide_env_values = true,
        default_value = "auto"
    )]
    pub progress: Progress,
    /// Append every event to FILE as a JSON line
    #[arg(long, env = "OBS_LOG", hide_env_values = true, value_name = "FILE")]
    #[arg(value_hint = ValueHint::FilePath)]
    pub log: Option<PathBuf>,
}

/// Who asks.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Identity")]
#[expect(
    clippy::struct_field_names,
    reason = "the names of the seed's execution context"
)]
pub struct IdentityArgs {
    /// Your own id for the run [default: obs's run id]
    #[arg(
        long,
        env = "OBS_REQUEST_ID",
        hide_env_values = true,
        value_name = "ID"
    )]
    pub request_id: Option<String>,
    /// The assistant that wrote the plan [default: the plan's `assistant_id`]
    #[arg(
        long,
        env = "OBS_ASSISTANT_ID",
        hide_env_values = true,
        value_name = "ID"
    )]
    pub assistant_id: Option<String>,
    /// The session that the run belongs to
    #[arg(
        long,
        env = "OBS_SESSION_ID",
        hide_env_values = true,
        value_name = "ID"
    )]
    pub session_id: Option<String>,
    /// The tenant
    #[arg(long, env = "OBS_TENANT_ID", hide_env_values = true, value_name = "ID")]
    pub tenant_id: Option<String>,
    /// The user
    #[arg(long, env = "OBS_USER_ID", hide_env_values = true, value_name = "ID")]
    pub user_id: Option<String>,
}

/// `obs validate`.
#[derive(Debug, Args)]
#[command(after_help = VALIDATE_EXAMPLES)]
pub struct ValidateArgs {
    /// The plans, JSON or YAML; `-` reads standard input
    #[arg(required = true, value_name = "PLAN", value_hint = ValueHint::FilePath)]
    pub plans: Vec<PathBuf>,
    /// Where skills are looked for.
    #[command(flatten)]
    pub roots: RootArgs,
    /// How problems are shown
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: ProblemFormat,
    /// Take warnings as errors
    #[arg(long)]
    pub strict: bool,
    /// The directory that skills would work in [default: where obs was started]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub workspace: Option<PathBuf>,
    /// What the plans' inputs would be; those that are not given are not known yet.
    #[command(flatten)]
    pub inputs: InputArgs,
    /// What skills would get and nobody may see.
    #[command(flatten)]
    pub secrets: SecretArgs,
    /// The largest plan that is read, in bytes
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
  obs validate plan.yaml                      snippets with carets
  obs validate plans/*.yaml --strict          warnings count too
  obs validate plan.json --format json | jq '.[].fix'
  obs validate plan.yaml --format github      marks lines in a pull request

Exits 0 when every plan may run, 65 when one is wrong, 66 when one can't be read, 77 when a policy
rejects one.";

/// How problems are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProblemFormat {
    /// Snippets for people.
    Text,
    /// One JSON array, enough for a model to repair its plan.
    Json,
    /// GitHub workflow commands.
    Github,
}

/// `obs skills`.
#[derive(Debug, Subcommand)]
pub enum SkillsCommand {
    /// List all skills with their descriptions
    #[command(
        after_help = "Examples:\n  obs skills list\n  obs skills list --format json | jq '.[].id'"
    )]
    List(ListArgs),
    /// Show one skill: what it takes, gives, runs and may do
    #[command(after_help = "Example:\n  obs skills show core/fetch")]
    Show(ShowArgs),
    /// Check the manifests of skills
    #[command(
        after_help = "Examples:\n  obs skills check               all skills\n  obs skills check core/fetch    one of them"
    )]
    Check(CheckArgs),
    /// Write a manifest from a command
    #[command(
        after_help = "Examples:\n  obs skills new git-log -- git log -n '{{count}}'\n  obs skills new find-text -- grep -rn -e '{{pattern}}' '{{paths...}}'"
    )]
    New(NewArgs),
    /// Run one skill, with the same checks as a plan's step
    ///
    /// The skill runs as a plan's only step: with its policies, a person's approval if it is critical, its
    /// confinement and its limits. Nothing of it is kept: no record and no circuit.
    #[command(
        after_help = "Examples:\n  obs skills run git-log --set count=3\n  echo '{\"count\": 3}' | obs skills run git-log --inputs -\n  obs skills run git-log --set count=3 --max-risk info"
    )]
    Run(Box<SkillRunArgs>),
}

/// How a listing is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// A table.
    Table,
    /// JSON.
    Json,
}

/// `obs skills list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Where skills are looked for.
    #[command(flatten)]
    pub roots: RootArgs,
    /// How it is shown
    #[arg(long, default_value = "table")]
    pub format: ListFormat,
}

/// `obs skills show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The skill's id
    pub skill: String,
    /// Where skills are looked for.
    #[command(flatten)]
    pub roots: RootArgs,
    /// How it is shown
    #[arg(long, default_value = "table")]
    pub format: ListFormat,
}

/// `obs skills check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The skills' ids; all where none is given
    #[arg(value_name = "SKILL")]
    pub ids: Vec<String>,
    /// Where skills are looked for.
    #[command(flatten)]
    pub roots: RootArgs,
    /// How problems are shown
    #[arg(long, default_value = "text")]
    pub format: ProblemFormat,
}

/// `obs skills new`.
#[derive(Debug, Args)]
pub struct NewArgs {
    /// The new skill's id
    pub name: String,
    /// The skills root to write to
    #[arg(long = "skills", value_name = "DIR", default_value = "skills")]
    #[arg(value_hint = ValueHint::DirPath)]
    pub root: PathBuf,
    /// The command, with `{{x}}` for an argument and `{{x...}}` for a list
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// `obs skills run`.
#[derive(Debug, Args)]
pub struct SkillRunArgs {
    /// The skill's id
    pub skill: String,
    /// Set an argument; the value is JSON where the schema or its form says so, else text
    #[arg(long = "set", value_name = "KEY=VALUE", conflicts_with = "inputs")]
    pub set: Vec<String>,
    /// Read the arguments from a JSON or YAML file; `-` reads standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub inputs: Option<PathBuf>,
    /// Where skills are looked for.
    #[command(flatten)]
    pub roots: RootArgs,
    /// Where the skill runs.
    #[command(flatten)]
    pub place: DirectoryArgs,
    /// What it may touch and consume.
    #[command(flatten)]
    pub sandbox: SandboxArgs,
    /// Whether it may be called at all.
    #[command(flatten)]
    pub policy: PolicyArgs,
    /// What is approved in advance.
    #[command(flatten)]
    pub approval: ApprovalArgs,
    /// What it gets and nobody may see.
    #[command(flatten)]
    pub secrets: SecretArgs,
    /// How long it may take.
    #[command(flatten)]
    pub time: TimeArgs,
    /// Who asks.
    #[command(flatten)]
    pub identity: IdentityArgs,
}
