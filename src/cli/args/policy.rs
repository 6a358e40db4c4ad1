//! Flags about what may be called at all.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, Subcommand, ValueHint};

use super::{IdentityArgs, InputArgs, ListFormat, ProblemFormat, RootArgs};
use crate::document::DEFAULT_MAX_BYTES;
use crate::model::RiskLevel;
use crate::policy::{FlagPolicies, Glob};
use crate::skill::SkillId;

/// What may be called at all.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Policy")]
pub struct PolicyArgs {
    /// Permit only what the Cedar policies of a file, or of a directory's `*.cedar` files, permit
    ///
    /// The whole plan is asked about before anything runs: one denied step rejects it. Without this
    /// flag and those below every skill that is found may be called.
    #[arg(
        long,
        env = "OBS_POLICY",
        hide_env_values = true,
        value_name = "FILE|DIR"
    )]
    #[arg(value_hint = ValueHint::AnyPath)]
    pub policy: Option<PathBuf>,
    /// Permit skills by their ids, `*` for any characters; may be given more than once
    ///
    /// With `--policy` they are permitted beside what its policies permit, and what those forbid
    /// stays forbidden.
    #[arg(long, env = "OBS_ALLOW", hide_env_values = true, value_name = "GLOB")]
    #[arg(value_delimiter = ',')]
    pub allow: Vec<Glob>,
    /// Forbid skills by their ids, `*` for any characters; may be given more than once
    #[arg(long, env = "OBS_DENY", hide_env_values = true, value_name = "GLOB")]
    #[arg(value_delimiter = ',')]
    pub deny: Vec<Glob>,
    /// Forbid plans that have more steps
    #[arg(long, env = "OBS_MAX_STEPS", hide_env_values = true, value_name = "N")]
    pub max_steps: Option<u32>,
    /// Forbid steps of a higher risk: info, sensitive, clinical, critical
    #[arg(
        long,
        env = "OBS_MAX_RISK",
        hide_env_values = true,
        value_name = "LEVEL"
    )]
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
    /// Approve a critical step in advance, if it calls SKILL; may be given more than once
    ///
    /// STEP is its `step_id` or name; what stands after the last `=` is the skill's id. A fallback
    /// that is critical needs an approval of its own. STEP alone approves the step whatever it
    /// calls, with a warning. Other critical steps are asked about on the terminal before they
    /// start; if there is none, the plan is rejected.
    #[arg(
        long,
        env = "OBS_APPROVE",
        hide_env_values = true,
        value_name = "STEP=SKILL"
    )]
    pub approve: Vec<StepApproval>,
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
            return Err("no step before the `=`".to_owned());
        }
        let skill = SkillId::parse(skill).map_err(|error| {
            format!("what stands after the last `=` is the skill's id: {error}")
        })?;
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
    /// Print what policies can speak of, as a Cedar schema of the skills there are
    #[command(
        after_help = "Examples:\n  obs policy schema\n  obs policy schema > obs.cedarschema     for an editor"
    )]
    Schema(PolicySchemaArgs),
    /// Check policies: their syntax, and whether they speak of what there is
    #[command(
        after_help = "Examples:\n  obs policy check ci.cedar\n  obs policy check policies --format github"
    )]
    Check(PolicyCheckArgs),
    /// Show what policies say of each step of a plan, and run nothing
    #[command(
        after_help = "Examples:\n  obs policy test plan.yaml --policy ci.cedar\n  obs policy test plan.yaml --policy policies --tenant-id acme --user-id ann\n  obs policy test plan.yaml --allow 'core/*' --max-risk sensitive\n\nExits 0 when no step is denied, 65 when the plan or a policy is wrong, 77 when a step is denied."
    )]
    Test(Box<PolicyTestArgs>),
}

/// `obs policy schema`.
#[derive(Debug, Args)]
pub struct PolicySchemaArgs {
    /// Where skills are looked for.
    #[command(flatten)]
    pub roots: RootArgs,
}

/// `obs policy check`.
#[derive(Debug, Args)]
pub struct PolicyCheckArgs {
    /// Files of Cedar policies, or directories of `*.cedar` files
    #[arg(required = true, value_name = "FILE|DIR", value_hint = ValueHint::AnyPath)]
    pub paths: Vec<PathBuf>,
    /// Where skills are looked for.
    #[command(flatten)]
    pub roots: RootArgs,
    /// How problems are shown
    #[arg(long, default_value = "text")]
    pub format: ProblemFormat,
}

/// `obs policy test`.
#[derive(Debug, Args)]
pub struct PolicyTestArgs {
    /// The plan, JSON or YAML; `-` reads standard input
    #[arg(value_hint = ValueHint::FilePath)]
    pub plan: PathBuf,
    /// Where skills are looked for.
    #[command(flatten)]
    pub roots: RootArgs,
    /// How decisions are shown
    #[arg(long, default_value = "table")]
    pub format: ListFormat,
    /// The largest plan that is read, in bytes
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
