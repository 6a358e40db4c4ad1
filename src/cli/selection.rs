//! `--only`, `--skip` and `--from`: from the names of steps to what runs.
//!
//! Invariant: each name means one step, and a selection that can't work is refused before anything
//! runs.

use std::collections::{BTreeMap, BTreeSet};

use super::args::SelectionArgs;
use super::error::{CommandError, ErrorKind};
use crate::document::nearest;
use crate::engine::{ProvenPlan, Reused, Selection};
use crate::model::{Escaped, NotReused};

/// Selects the steps of `plan`. A resumed run checks the values once it knows what it reuses.
pub(super) fn apply(
    args: &SelectionArgs,
    plan: &mut ProvenPlan,
    is_resumed: bool,
) -> Result<(), CommandError> {
    plan.selection = select(args, plan)?;
    if is_resumed {
        return Ok(());
    }
    check_values(plan, &[])
}

/// What the flags select of `plan`.
fn select(args: &SelectionArgs, plan: &ProvenPlan) -> Result<Selection, CommandError> {
    let find = |flag: &'static str, names: &[String]| -> Result<BTreeSet<usize>, CommandError> {
        names.iter().map(|name| find(plan, flag, name)).collect()
    };
    let (only, skip) = (find("--only", &args.only)?, find("--skip", &args.skip)?);
    let rerun = find("--from", args.from.as_slice())?;
    let steps = plan.finally_from();
    let mut left_out = BTreeMap::new();
    if !only.is_empty() {
        let needed = with_needed(plan, &only);
        let others = (0..steps).filter(|step| !needed.contains(step));
        left_out.extend(others.map(|step| (step, "`--only` selects other steps".to_owned())));
    }
    for step in skip {
        let label = Escaped(&plan.steps[step].label);
        if only.contains(&step) {
            let message = format!("`--skip` leaves out `{label}`, which `--only` selects");
            return Err(usage(message).hint("remove one of the two"));
        }
        left_out.insert(step, "`--skip` names it".to_owned());
    }
    if let Some(step) = rerun.iter().find(|step| left_out.contains_key(step)) {
        let label = Escaped(&plan.steps[*step].label);
        let message = format!("`--from` runs `{label}` again, which another flag leaves out");
        return Err(usage(message).hint("remove one of the two"));
    }
    if steps > 0 && left_out.len() == steps {
        return Err(usage("the flags leave no step to run".to_owned())
            .hint("`obs run --dry-run` without them lists the steps"));
    }
    Ok(Selection { left_out, rerun })
}

/// Refuses a plan in which a step takes the output of one that is left out.
pub(super) fn check_values(
    plan: &ProvenPlan,
    reused: &[Result<Reused, NotReused>],
) -> Result<(), CommandError> {
    let Some((step, input)) = missing_value(plan, reused) else {
        return Ok(());
    };
    let [step, input] = [step, input].map(|index| Escaped(&plan.steps[index].label));
    let message = format!("`{step}` takes the output of `{input}`, which `--skip` leaves out");
    Err(usage(message).hint(format!(
        "leave out `{step}` too (`--skip '{step}'`), or resume a run in which `{input}` succeeded"
    )))
}

/// A step that runs and a step that is left out and whose output it takes, if there are such.
fn missing_value(
    plan: &ProvenPlan,
    reused: &[Result<Reused, NotReused>],
) -> Option<(usize, usize)> {
    let has_value = |step: usize| matches!(reused.get(step), Some(Ok(_)));
    let is_missing = |step: usize| plan.selection.leaves_out(step) && !has_value(step);
    let runs = |step: &usize| !plan.selection.leaves_out(*step) && !has_value(*step);
    (0..plan.steps.len()).filter(runs).find_map(|step| {
        let mut inputs = plan.flow.steps[step].inputs_from.iter();
        let input = inputs.find(|input| is_missing(**input))?;
        Some((step, *input))
    })
}

/// The steps with those that they need: what they refer to and what they depend on.
fn with_needed(plan: &ProvenPlan, selected: &BTreeSet<usize>) -> BTreeSet<usize> {
    let mut needed = BTreeSet::new();
    let mut open: Vec<usize> = selected.iter().copied().collect();
    while let Some(step) = open.pop() {
        if needed.insert(step) {
            open.extend(plan.flow.steps[step].targets());
        }
    }
    needed
}

fn find(plan: &ProvenPlan, flag: &str, name: &str) -> Result<usize, CommandError> {
    let steps = plan.steps.iter().enumerate();
    let by_label: Vec<usize> = steps
        .clone()
        .filter(|(_, step)| step.label == name)
        .map(|(index, _)| index)
        .collect();
    let found = if by_label.is_empty() {
        let named = steps.filter(|(_, step)| step.name == name);
        named.map(|(index, _)| index).collect()
    } else {
        by_label
    };
    let shown = Escaped(name);
    match found.as_slice() {
        [step] if *step >= plan.finally_from() => {
            let message =
                format!("`{flag} {shown}`: a `finally` step runs at the end of every run");
            Err(usage(message).hint("name a step of `steps`"))
        }
        [step] => Ok(*step),
        [] => {
            let labels = plan.steps.iter().map(|step| step.label.as_str());
            let error = usage(format!("`{flag} {shown}`: the plan has no such step"));
            Err(match nearest(name, labels) {
                Some(near) => error.hint(format!("did you mean `{}`?", Escaped(near))),
                None => error.hint("write the name or the `step_id` of a step of the plan"),
            })
        }
        _ => Err(usage(format!("`{flag} {shown}` names several steps"))
            .hint("give each of them a `step_id`, and write that")),
    }
}

fn usage(message: String) -> CommandError {
    CommandError::new(ErrorKind::Usage, message)
}
