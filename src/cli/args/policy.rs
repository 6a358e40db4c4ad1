//! Flags about what may be called at all.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, ValueHint};

use crate::model::RiskLevel;
use crate::policy::{Glob, ShortForm};

/// What may be called at all.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Policy")]
pub struct PolicyArgs {
    /// Permit only what the Cedar policies of a file, or of a directory's `*.cedar` files, permit
    ///
    /// The whole plan is asked about before anything runs: one denied step rejects it. Without this flag
    /// and those below every skill that is found may be called.
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
    /// With `--policy` they are permitted beside what its policies permit, and what those forbid stays
    /// forbidden.
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
    pub(in crate::cli) fn short_form(&self) -> ShortForm {
        ShortForm {
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
