//! References to outputs that may be missing.
//!
//! Invariant: these are warnings, not errors: a plan may intend them. A step whose reference has no
//! value is skipped, and so are the steps that use its output.

use std::collections::HashSet;

use super::StepDependencies;
use crate::document::{Diagnostic, Diagnostics, Location};
use crate::model::ExecutionPlan;
use crate::plan::reference::Reference;

/// Warns of references to steps that the plan allows to fail, and to steps that are then skipped.
pub(super) fn warn_missing(
    plan: &ExecutionPlan,
    steps: &[StepDependencies],
    problems: &mut Diagnostics,
) {
    if !plan.steps.iter().any(|step| step.continue_on_error) {
        return;
    }
    let because_of = causes(plan, steps);
    // A `finally` step is meant to be skipped if there is nothing to clean up.
    let steps = &steps[..plan.finally_from()];
    for (index, step) in steps.iter().enumerate() {
        let conditions_on = &step.conditions_on;
        let mut reported = HashSet::new();
        let mut warn = |reference: &Reference, pointer: &str, _: bool| {
            let step = reference.origin.step();
            let is_tested = step.is_some_and(|step| conditions_on.contains(&step));
            if reference.is_optional || is_tested {
                return;
            }
            let Some(cause) = step.and_then(|step| because_of[step]) else {
                return;
            };
            if !reported.insert(step) {
                return;
            }
            let failing = plan.steps[cause].id_or_name();
            let message = format!(
                "`{}` has no value when `{failing}` fails, which the plan allows",
                reference.written
            );
            problems.push(
                Diagnostic::warning("may_be_missing", Location::value(pointer), message).help(
                    "obs then skips this step; `{{step.field?}}` is null instead, and `when` says \
                     when the step runs",
                ),
            );
        };
        step.references(&plan.pointer(index), &mut warn);
    }
}

/// For each step that may end without an output although the plan goes on, the step that may fail.
fn causes(plan: &ExecutionPlan, steps: &[StepDependencies]) -> Vec<Option<usize>> {
    let mut takers: Vec<Vec<usize>> = vec![Vec::new(); steps.len()];
    let mut followers: Vec<Vec<usize>> = vec![Vec::new(); steps.len()];
    for (index, step) in steps.iter().enumerate() {
        step.inputs_from
            .iter()
            .for_each(|target| takers[*target].push(index));
        step.depends_on
            .iter()
            .for_each(|target| followers[*target].push(index));
    }
    let mut because_of: Vec<Option<usize>> = vec![None; steps.len()];
    // The step, and whether it may be skipped, which also stops steps that only follow it.
    let mut open: Vec<(usize, bool)> = Vec::new();
    for (index, step) in plan.steps.iter().enumerate() {
        if step.continue_on_error {
            because_of[index] = Some(index);
            open.push((index, false));
        }
    }
    let mut is_skippable = vec![false; steps.len()];
    while let Some((step, may_be_skipped)) = open.pop() {
        let after = may_be_skipped.then_some(&followers[step]);
        for &next in takers[step].iter().chain(after.into_iter().flatten()) {
            // Its condition decides, and a step that a condition skips stops nothing.
            let is_tested = steps[next].conditions_on.contains(&step);
            if !is_tested && !std::mem::replace(&mut is_skippable[next], true) {
                because_of[next] = because_of[next].or(because_of[step]);
                open.push((next, true));
            }
        }
    }
    because_of
}
