//! Flags about what may be called at all.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, Subcommand, ValueEnum, ValueHint};

use super::{DataFormat, IdentityArgs, InputArgs, ProblemFormat, RootArgs};
use crate::document::DEFAULT_MAX_BYTES;
use crate::model::{RiskLevel, parse_duration};
use crate::policy::{FlagPolicies, Glob};
use crate::skill::SkillId;

/// What may be called at all.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Policy")]
pub struct PolicyArgs {
    /// Permit only what these Cedar policies permit
    ///
    /// A directory stands for its `*.cedar` files. obs evaluates the whole plan before anything
    /// runs: one denied step rejects it. Without this flag and `--allow`, the plan may call every
    /// skill.
    #[arg(long, value_name = "FILE|DIR")]
    #[arg(value_hint = ValueHint::AnyPath)]
    pub policy: Option<PathBuf>,
    /// Permit skills by id; repeatable
    ///
    /// `*` matches any characters. Combined with `--policy`, it permits more, but what a policy
    /// forbids stays forbidden.
    #[arg(long, value_name = "GLOB")]
    #[arg(value_delimiter = ',')]
    pub allow: Vec<Glob>,
    /// Forbid skills by id; repeatable
    ///
    /// `*` matches any characters.
    #[arg(long, value_name = "GLOB")]
    #[arg(value_delimiter = ',')]
    pub deny: Vec<Glob>,
    /// Forbid plans with more steps
    #[arg(long, value_name = "N")]
    pub max_steps: Option<u32>,
    /// Forbid steps above info, sensitive, clinical or critical
    #[arg(long, value_name = "LEVEL")]
    #[arg(hide_possible_values = true, value_parser = risk_level())]
    pub max_risk: Option<RiskLevel>,
}

impl PolicyArgs {
    /// The flags that become policies.
    pub(in crate::cli) fn short_form(&self) -> FlagPolicies {
        FlagPolicies {
            allow: self.allow.clone(),
            deny: self.deny.clone(),
            max_steps: self.max_steps,
            max_risk: self.max_risk,
        }
    }
}

fn risk_level() -> impl clap::builder::TypedValueParser<Value = RiskLevel> {
    let words = RiskLevel::WORDS.map(|(word, _)| word);
    PossibleValuesParser::new(words).map(|word| {
        let known = RiskLevel::WORDS
            .into_iter()
            .find(|(known, _)| *known == word);
        known.map_or_else(RiskLevel::default, |(_, level)| level)
    })
}

/// What is approved in advance.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Policy")]
pub struct ApprovalArgs {
    /// Approve a step in advance; repeatable
    ///
    /// A step requires approval if its risk is critical or the plan gives it an `approval`. STEP is
    /// its `step_id` or name, SKILL the id of the skill that it may call. A fallback needs an
    /// approval of its own. STEP alone approves any skill, with a warning.
    #[arg(long, value_name = "STEP=SKILL")]
    pub approve: Vec<StepApproval>,
    /// What to do about other steps that require approval
    ///
    /// `ask` asks on the terminal before they start; without a terminal, obs rejects the plan.
    /// `deny` rejects it without a question. `wait` runs what does not come after such a step and
    /// ends with 79; `obs approve RUN STEP` approves it, and `obs run --resume=RUN` runs the rest.
    #[arg(long, value_name = "HOW", default_value = "ask")]
    pub on_approval: OnApproval,
    /// With `--on-approval wait`, how long an answer counts [default: 24h]
    #[arg(long, value_name = "DURATION")]
    #[arg(value_parser = parse_duration)]
    pub approval_timeout: Option<Duration>,
}

impl ApprovalArgs {
    /// How long a step waits for an answer; `None` if it does not.
    pub(in crate::cli) fn wait(&self) -> Option<Duration> {
        let timeout = self.approval_timeout.unwrap_or(APPROVAL_TIMEOUT);
        (self.on_approval == OnApproval::Wait).then_some(timeout)
    }
}

/// How long an answer counts.
const APPROVAL_TIMEOUT: Duration = Duration::from_hours(24);

/// What becomes of a step that requires approval and is not approved in advance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum OnApproval {
    /// A person is asked on the terminal.
    #[default]
    Ask,
    /// It waits for an answer in the state.
    Wait,
    /// It is denied.
    Deny,
}

/// A step that is approved in advance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepApproval {
    /// Its `step_id` or name.
    pub step: String,
    /// The skill that it may call; any if none is given.
    pub skill: Option<String>,
}

impl FromStr for StepApproval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((step, skill)) = text.rsplit_once('=') else {
            return Ok(Self {
                step: text.to_owned(),
                skill: None,
            });
        };
        if step.is_empty() {
            return Err("missing step before `=`".to_owned());
        }
        let skill = SkillId::parse(skill)
            .map_err(|error| format!("invalid skill id after the last `=`: {error}"))?;
        Ok(Self {
            step: step.to_owned(),
            skill: Some(skill.to_string()),
        })
    }
}

impl fmt::Display for StepApproval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.step)?;
        match &self.skill {
            Some(skill) => write!(f, "={skill}"),
            None => Ok(()),
        }
    }
}

/// `obs policy`.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Print the Cedar schema that policies are checked against
    #[command(after_help = POLICY_SCHEMA_EXAMPLES)]
    Schema(PolicySchemaArgs),
    /// Check the syntax of policies, and their names against the skills
    #[command(after_help = POLICY_CHECK_EXAMPLES)]
    Check(PolicyCheckArgs),
    /// Show the decision about each step of a plan, without running it
    #[command(after_help = POLICY_TEST_EXAMPLES)]
    Test(Box<PolicyTestArgs>),
}

/// `obs policy schema`.
#[derive(Debug, Args)]
pub struct PolicySchemaArgs {
    /// Where obs searches for skills.
    #[command(flatten)]
    pub roots: RootArgs,
}

/// `obs policy check`.
#[derive(Debug, Args)]
pub struct PolicyCheckArgs {
    /// Files of Cedar policies, or directories of `*.cedar` files
    #[arg(required = true, value_name = "FILE|DIR", value_hint = ValueHint::AnyPath)]
    pub paths: Vec<PathBuf>,
    /// Where obs searches for skills.
    #[command(flatten)]
    pub roots: RootArgs,
    /// Output format
    #[arg(long, default_value = "table")]
    pub format: ProblemFormat,
}

/// `obs policy test`.
#[derive(Debug, Args)]
pub struct PolicyTestArgs {
    /// The plan, JSON or YAML; `-` is standard input
    #[arg(value_hint = ValueHint::FilePath)]
    pub plan: PathBuf,
    /// Where obs searches for skills.
    #[command(flatten)]
    pub roots: RootArgs,
    /// Output format
    #[arg(long, default_value = "table")]
    pub format: DataFormat,
    /// Maximum size of the plan
    #[arg(long, value_name = "BYTES", default_value_t = DEFAULT_MAX_BYTES)]
    pub max_plan_size: u64,
    /// The policies.
    #[command(flatten)]
    pub policy: PolicyArgs,
    /// What the plan's inputs would be; those that are not given are not known yet.
    #[command(flatten)]
    pub inputs: InputArgs,
    /// Who would ask.
    #[command(flatten)]
    pub identity: IdentityArgs,
}

const POLICY_SCHEMA_EXAMPLES: &str = "\
Examples:
  obs policy schema
  obs policy schema > obs.cedarschema     for an editor";

const POLICY_CHECK_EXAMPLES: &str = "\
Examples:
  obs policy check ci.cedar
  obs policy check policies --format github";

const POLICY_TEST_EXAMPLES: &str = "\
Examples:
  obs policy test plan.yaml --policy ci.cedar
  obs policy test plan.yaml --policy policies --tenant-id acme --user-id ann
  obs policy test plan.yaml --allow 'core/*' --max-risk sensitive

Exits 0 if no step is denied, 65 if the plan or a policy is invalid, 77 if a step is denied.";
