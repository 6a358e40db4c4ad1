//! The type of a step, which is the kind of its skill.
//!
//! Invariant: a type that is missing is filled in, with a warning; one that is wrong is an error,
//! because the plan then means another skill.

use serde_json::json;

use super::prover::Prover;
use super::skill_call::SkillCall;
use crate::document::{Diagnostic, Diagnostics, Location};
use crate::model::StepType;
use crate::skill::Skill;

impl Prover<'_> {
    /// Checks the type that the step gives.
    pub(super) fn check_type(
        &self,
        skill: &Skill,
        call: &SkillCall<'_>,
        problems: &mut Diagnostics,
    ) {
        match call.step.step_type {
            Some(expected) if expected != skill.manifest.kind => {
                problems.push(wrong_type(skill, call, expected));
            }
            // What can't be read in the step may be its type.
            None if !call.is_fallback && !self.misread_steps.contains(&call.index) => {
                problems.push(no_type(skill, call));
            }
            _ => {}
        }
    }

    /// The type of a step, also where only its own skill says it.
    pub(super) fn type_of(&self, call: &SkillCall<'_>) -> Option<StepType> {
        call.step.step_type.or_else(|| {
            let own = self.context.registry.find(call.step.skill_id());
            Some(own.ok()??.manifest.kind)
        })
    }
}

fn no_type(skill: &Skill, call: &SkillCall<'_>) -> Diagnostic {
    let kind = skill.manifest.kind;
    let message = format!("the step has no `type`, and `{}` is a {kind}", skill.id);
    let path = format!("{}/type", call.pointer);
    Diagnostic::warning("missing_type", call.names_at.clone(), message)
        .help(format!("add `type: {kind}`"))
        .expected(kind.as_str())
        .fix(json!([{"op": "add", "path": path, "value": kind.as_str()}]))
}

fn wrong_type(skill: &Skill, call: &SkillCall<'_>, expected: StepType) -> Diagnostic {
    let kind = skill.manifest.kind;
    let message = format!(
        "`{}` is a {kind}, but the step says `type: {expected}`",
        skill.id
    );
    let problem = if call.is_fallback {
        Diagnostic::error("kind", call.names_at.clone(), message)
            .help(format!("name another {expected}"))
    } else {
        let place = format!("{}/type", call.pointer);
        let fix = json!([{"op": "replace", "path": place, "value": kind.as_str()}]);
        Diagnostic::error("kind", Location::value(place), message)
            .help(format!("write `type: {kind}`"))
            .fix(fix)
    };
    problem.expected(kind.as_str()).got(expected.as_str())
}
