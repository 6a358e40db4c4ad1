//! The flags of `obs skills`.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand, ValueHint};

use super::{
    ApprovalArgs, DataFormat, DirectoryArgs, IdentityArgs, PolicyArgs, ProblemFormat, RootArgs,
    SandboxArgs, SecretArgs, TimeArgs,
};

use crate::model::parse_duration;
use crate::skill::OutputFormat;

/// `obs skills`.
#[derive(Debug, Subcommand)]
pub enum SkillsCommand {
    /// List all skills
    #[command(
        after_help = "Examples:\n  obs skills list\n  obs skills list --format json | jq '.[].id'"
    )]
    List(ListArgs),
    /// Show a skill: its command, arguments, permissions, limits and schemas
    #[command(
        after_help = "Examples:\n  obs skills show core/fetch\n  obs skills show core/fetch --format json | jq .arguments"
    )]
    Show(ShowArgs),
    /// Check the manifests of skills
    #[command(after_help = SKILLS_CHECK_EXAMPLES)]
    Check(CheckArgs),
    /// Write a manifest from a command
    #[command(after_help = SKILLS_NEW_EXAMPLES)]
    New(NewArgs),
    /// Run one skill, with the same checks as a step of a plan
    ///
    /// The skill runs as the only step of a plan: with policies, approval, sandbox and limits. obs
    /// keeps no record of the run, and no circuit breaker counts it.
    #[command(after_help = SKILLS_RUN_EXAMPLES)]
    Run(Box<SkillRunArgs>),
}

/// `obs skills list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Where obs searches for skills.
    #[command(flatten)]
    pub roots: RootArgs,
    /// Output format
    #[arg(long, default_value = "table")]
    pub format: DataFormat,
}

/// `obs skills show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The skill's id
    pub skill: String,
    /// Where obs searches for skills.
    #[command(flatten)]
    pub roots: RootArgs,
    /// Output format
    #[arg(long, default_value = "table")]
    pub format: DataFormat,
}

/// `obs skills check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The skills' ids [default: all]
    #[arg(value_name = "SKILL")]
    pub ids: Vec<String>,
    /// Where obs searches for skills.
    #[command(flatten)]
    pub roots: RootArgs,
    /// Output format
    #[arg(long, default_value = "table")]
    pub format: ProblemFormat,
    /// Treat warnings as errors
    #[arg(long)]
    pub strict: bool,
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
    /// What it does, in one line: models choose skills by it
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// What its standard output is [default: text]
    #[arg(long, value_name = "KIND")]
    #[arg(value_parser = PossibleValuesParser::new(OutputFormat::WORDS.map(|(word, _)| word)))]
    pub output: Option<String>,
    /// What it needs beyond the default, such as `net` or `fs.write:out/`; repeatable
    #[arg(long = "permission", value_name = "PERMISSION")]
    pub permissions: Vec<String>,
    /// Timeout of one attempt
    #[arg(long, value_name = "DURATION", value_parser = duration_text)]
    pub timeout: Option<String>,
    /// Make it a tool: steps call it with `type: tool`
    #[arg(long)]
    pub tool: bool,
    /// The command, with `{{x}}` for an argument and `{{x...}}` for a list
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// The text of a duration, as a manifest takes it.
fn duration_text(text: &str) -> Result<String, String> {
    let parsed = parse_duration(text).map_err(|error| error.to_string());
    parsed.map(|_| text.trim().to_owned())
}

/// `obs skills run`.
#[derive(Debug, Args)]
pub struct SkillRunArgs {
    /// The skill's id
    pub skill: String,
    /// Set an argument; repeatable
    ///
    /// obs reads the value as JSON if it is JSON and the schema allows its type, else as text.
    #[arg(long = "set", value_name = "KEY=VALUE", conflicts_with = "inputs")]
    pub set: Vec<String>,
    /// Read arguments from a JSON or YAML file; `-` is standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub inputs: Option<PathBuf>,
    /// Where obs searches for skills.
    #[command(flatten)]
    pub roots: RootArgs,
    /// Where the skill runs.
    #[command(flatten)]
    pub directories: DirectoryArgs,
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

const SKILLS_CHECK_EXAMPLES: &str = "\
Examples:
  obs skills check               all skills
  obs skills check core/fetch    one of them
  obs skills check --strict      in CI: warnings are errors

Exits 0 if all are sound, 65 if one is not, 66 if there is no skill.";

const SKILLS_NEW_EXAMPLES: &str = "\
Examples:
  obs skills new git-log -- git log -n '{{count}}'
  obs skills new list-files --output lines -- ls '{{dir}}'
  obs skills new find-text -- grep -rn -e '{{pattern}}' '{{paths...}}'";

const SKILLS_RUN_EXAMPLES: &str = "\
Examples:
  obs skills run git-log --set count=3
  echo '{\"count\": 3}' | obs skills run git-log --inputs -
  obs skills run git-log --set count=3 --max-risk info";
