//! The values of a plan that messages must mask.
//!
//! Invariant: values are masked before the first message about the plan is shown, and in all
//! messages: the line of a problem may hold other values.

use serde_json::{Map, Value};

use super::prover::Prover;
use super::skill_call::SkillCall;
use crate::document::{Diagnostics, Location, NodePart};
use crate::engine::{ProvenStep, mask_arguments, mask_string, mask_value};
use crate::plan::LoadedPlan;
use crate::process::Secrets;
use crate::skill::Skill;

impl Prover<'_> {
    /// Masks the secrets of all skills in the steps.
    pub(super) fn keep_secrets(&self, steps: &mut [ProvenStep]) {
        let skills = self.skills.iter().map(|called| &*called.skill);
        let secrets = self.context.environment.secrets(skills);
        for step in steps {
            keep_secret(step, &secrets);
        }
    }

    /// The values that `problems` may show by mistake.
    pub(super) fn misplaced(&self, problems: &Diagnostics) -> Vec<String> {
        misplaced(&self.masking_steps, problems)
    }

    /// Hides all arguments of the step at `pointer`: what its skill hides is unknown.
    pub(super) fn hide_all(&mut self, pointer: &str) {
        self.masked_pointers.push(whole(pointer));
        self.masking_steps.push(format!("{pointer}/"));
    }

    /// Remembers the arguments that `skill` hides in the step at `pointer`.
    pub(super) fn hide(&mut self, skill: &Skill, call: &SkillCall<'_>) {
        let SkillCall { step, pointer, .. } = call;
        let hidden = match skill.input() {
            None => return,
            Some(Ok(schema)) if !schema.may_hide() => return,
            // Which of them are hidden is not known.
            _ if self.unread_arguments.contains(&call.index) => return self.hide_all(pointer),
            Some(Ok(schema)) => schema.hidden_in(&Value::Object(Map::clone(&step.arguments))),
            Some(Err(_)) => return self.hide_all(pointer),
        };
        let hidden = hidden.into_iter();
        self.masked_pointers
            .extend(hidden.map(|place| whole(pointer) + &place));
        self.masking_steps.push(format!("{pointer}/"));
    }
}

/// Masks the secrets of all skills of the plan in a step.
fn keep_secret(step: &mut ProvenStep, secrets: &Secrets) {
    if secrets.is_empty() {
        return;
    }
    mask_arguments(secrets, &mut step.shown_arguments);
    for word in &mut step.command {
        mask_string(secrets, word);
    }
    for condition in &mut step.when {
        mask_value(secrets, &mut condition.written);
        for test in &mut condition.tests {
            mask_string(secrets, &mut test.wanted);
        }
    }
    step.secrets = secrets.clone();
    if let Some(fallback) = &mut step.fallback {
        keep_secret(fallback, secrets);
    }
}

/// Hides all arguments of `loaded`, if the skills are not known.
pub(crate) fn hide_all_arguments(loaded: &mut LoadedPlan) {
    let steps = 0..loaded.plan.steps.len();
    let steps: Vec<String> = steps
        .map(|index| loaded.plan.pointer(index) + "/")
        .collect();
    let misplaced = misplaced(&steps, &loaded.problems);
    let arguments = steps.iter().map(|step| format!("{step}arguments"));
    loaded.hide(arguments.chain(misplaced));
}

/// All arguments of the step at `pointer`.
fn whole(pointer: &str) -> String {
    format!("{pointer}/arguments")
}

/// The values of the keys that `problems` are about in the `hiding` steps: one that is misspelled
/// may be meant for a hidden one.
fn misplaced(hiding: &[String], problems: &Diagnostics) -> Vec<String> {
    let hiding: Vec<_> = hiding
        .iter()
        .map(|step| problems.as_written(step))
        .collect();
    let keys = problems
        .iter()
        .filter_map(|problem| match &problem.location {
            Location::Node(pointer, NodePart::Key) => Some(pointer),
            _ => None,
        });
    let is_in_one = |pointer: &&String| hiding.iter().any(|step| pointer.starts_with(&**step));
    keys.filter(is_in_one).cloned().collect()
}
