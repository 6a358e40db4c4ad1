//! A call of a skill that a step makes, and what is proven of it alone.

use crate::document::{Diagnostic, Diagnostics, Location};
use crate::engine::ProvenForEach;
use crate::model::{ExecutionStep, RiskLevel};
use crate::skill::Skill;

/// A call of a skill that a step makes.
pub(super) struct SkillCall<'s> {
    /// The step, with the skill that is called.
    pub(super) step: &'s ExecutionStep,
    /// The step's index.
    pub(super) index: usize,
    /// Where the step stands.
    pub(super) pointer: String,
    /// Where it names the skill.
    pub(super) names_at: Location,
    /// True for the fallback.
    pub(super) is_fallback: bool,
    /// The items that it is made for, one after the other.
    pub(super) for_each: Option<&'s ProvenForEach>,
}

impl<'s> SkillCall<'s> {
    /// The step's own.
    pub(super) fn new(step: &'s ExecutionStep, index: usize, pointer: String) -> Self {
        let key = if step.skill.is_some() {
            "skill"
        } else {
            "name"
        };
        Self {
            names_at: Location::value(format!("{pointer}/{key}")),
            step,
            index,
            pointer,
            is_fallback: false,
            for_each: None,
        }
    }

    /// Checks that the skill has the version that the step requires.
    pub(super) fn check_version(&self, skill: &Skill, problems: &mut Diagnostics) {
        let expected = self.step.skill.as_ref();
        let Some(expected) = expected.and_then(|skill| skill.version.as_deref()) else {
            return;
        };
        let has = skill.manifest.version.as_deref();
        if has == Some(expected) {
            return;
        }
        let message = match has {
            Some(has) => format!(
                "`{}` has version {has}, but the step requires {expected}",
                skill.id
            ),
            None => format!(
                "`{}` has no version, but the step requires {expected}",
                skill.id
            ),
        };
        problems.push(
            Diagnostic::error("version", self.names_at.clone(), message)
                .help("write the version of the skill, or leave out `@…`")
                .expected(expected)
                .got(has),
        );
    }

    /// The step's risk level: its skill's or higher.
    pub(super) fn risk_level(&self, skill: &Skill, problems: &mut Diagnostics) -> RiskLevel {
        let of_skill = skill.manifest.risk_level;
        let Some(own) = self.step.risk_level else {
            return of_skill;
        };
        if own < of_skill && !self.is_fallback {
            let message = format!(
                "the step says `risk_level: {}`, but `{}` is `{}`",
                own.as_str(),
                skill.id,
                of_skill.as_str()
            );
            problems.push(
                Diagnostic::error(
                    "risk_level",
                    Location::value(format!("{}/risk_level", self.pointer)),
                    message,
                )
                .help("a step can only raise the risk level of its skill; leave out `risk_level`")
                .expected(of_skill.as_str())
                .got(own.as_str()),
            );
        }
        own.max(of_skill)
    }
}
