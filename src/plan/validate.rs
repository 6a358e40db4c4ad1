//! Checks of a parsed plan: OpenBotStack's rules and name clashes.

use std::collections::HashMap;

use crate::document::{Diagnostic, Diagnostics, Location, Severity};
use crate::model::ExecutionPlan;

/// Checks that a plan is well-formed: OpenBotStack's `Validate`, which stops at the first error.
///
/// # Errors
/// The message of the first problem that is an error, in OpenBotStack's words.
pub fn validate(plan: &ExecutionPlan) -> Result<(), String> {
    let mut problems = Diagnostics::default();
    for (index, step) in plan.steps.iter().enumerate() {
        if step.name.is_empty() {
            return Err(format!("{} has empty name", plan.place_in_words(index)));
        }
    }
    check(plan, &mut problems);
    match problems
        .iter()
        .find(|problem| problem.severity == Severity::Error)
    {
        Some(problem) => Err(problem.message.clone()),
        None => Ok(()),
    }
}

/// Adds the problems of a plan as a whole.
pub(super) fn check(plan: &ExecutionPlan, problems: &mut Diagnostics) {
    let steps = Location::value(problems.as_written("/steps"));
    let steps_are_wrong = problems.iter().any(|problem| problem.location == steps);
    if plan.finally_from() == 0 && !steps_are_wrong {
        problems.push(
            Diagnostic::error(
                "no_steps",
                Location::value("/steps"),
                "plan must have at least one step",
            )
            .help("add one: `steps: [{name: core/fetch, type: skill}]`"),
        );
    }
    let is_renamed = problems.as_written("/assistant_id") != "/assistant_id";
    if plan.assistant_id.is_empty() && !is_renamed {
        problems.push(
            Diagnostic::warning(
                "no_assistant_id",
                Location::key("/assistant_id"),
                "the plan has no `assistant_id`",
            )
            .help("add one, so that records name the assistant that wrote the plan"),
        );
    }
    check_step_ids(plan, problems);
}

fn check_step_ids(plan: &ExecutionPlan, problems: &mut Diagnostics) {
    let mut by_id: HashMap<&str, usize> = HashMap::new();
    let mut by_name: HashMap<&str, usize> = HashMap::new();
    for (index, step) in plan.steps.iter().enumerate() {
        by_name.entry(&step.name).or_insert(index);
    }
    for (index, step) in plan.steps.iter().enumerate() {
        let Some(id) = &step.step_id else { continue };
        let place = Location::value(plan.pointer(index) + "/step_id");
        if let Some(first) = by_id.get(id.as_str()) {
            let message = format!(
                "the step_id `{id}` is taken by {}",
                plan.place_in_words(*first)
            );
            problems.push(
                Diagnostic::error("duplicate_step_id", place, message)
                    .help("step_ids are unique; choose another"),
            );
            continue;
        }
        by_id.insert(id, index);
        let namesake = by_name.get(id.as_str()).filter(|other| **other != index);
        if let Some(other) = namesake {
            let message = format!(
                "the step_id `{id}` is also the name of {}",
                plan.place_in_words(*other)
            );
            problems.push(
                Diagnostic::error("duplicate_step_id", place, message)
                    .help("choose another, so that `{{…}}` is unambiguous"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Source;
    use crate::plan::load;

    fn messages(text: &str) -> Vec<String> {
        let source = Source::from_bytes("p.yaml".to_owned(), text.as_bytes().to_vec()).unwrap();
        load(source)
            .problems
            .iter()
            .map(|problem| problem.message.clone())
            .collect()
    }

    #[test]
    fn speaks_the_seeds_words() {
        assert_eq!(
            messages("assistant_id: a\nsteps: []"),
            ["plan must have at least one step"]
        );
        assert_eq!(
            messages("assistant_id: a"),
            ["plan must have at least one step"]
        );
        assert_eq!(
            messages("assistant_id: a\nsteps:\n- {name: a, type: skill}\n- {type: llm}"),
            ["step 1 has empty name", "step 1 has invalid type: llm"]
        );
    }

    #[test]
    fn a_step_id_names_one_step() {
        let text = "assistant_id: a\nsteps:\n- {name: a, type: skill, step_id: x}\n\
                    - {name: b, type: skill, step_id: x}\n- {name: c, type: skill, step_id: a}\n";
        assert_eq!(
            messages(text),
            [
                "the step_id `x` is taken by step 0",
                "the step_id `a` is also the name of step 0"
            ]
        );
    }

    #[test]
    fn many_steps_with_ids_are_checked_in_one_pass() {
        let step = |index| crate::model::ExecutionStep {
            name: format!("name-{index}"),
            step_id: Some(format!("id-{index}")),
            ..crate::model::ExecutionStep::default()
        };
        let plan = ExecutionPlan {
            assistant_id: "a".to_owned(),
            steps: (0..200_000).map(step).collect(),
            ..ExecutionPlan::default()
        };
        // A search through all steps for each of them would take minutes.
        assert_eq!(validate(&plan), Ok(()));
    }

    #[test]
    fn the_seeds_validate_stops_at_the_first() {
        let plan = ExecutionPlan::default();
        assert_eq!(
            validate(&plan),
            Err("plan must have at least one step".to_owned())
        );
    }
}
