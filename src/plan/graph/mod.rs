//! The dependency graph: names bound to steps.
//!
//! Invariant: names are looked up in one map, and every step is visited once, so the time is linear
//! in the plan. If there is no problem, no step depends on itself, directly or not, so running
//! ready steps repeatedly completes the plan.

mod arguments;
mod conditions;
mod cycle;
mod edges;
mod for_each;
mod missing;
mod names;
#[cfg(test)]
mod tests;
mod undoes;

use std::collections::BTreeSet;
use std::ops::Range;

use serde_json::json;

use self::arguments::Binder;
pub(crate) use self::conditions::BoundTest;
pub(crate) use self::edges::{DependencyCondition, Edge};
use self::names::{NameIndex, NameTarget};
use super::finally;
use super::items::ItemTemplate;
use super::reference::{Reference, Template};
use crate::document::{Diagnostic, Diagnostics, Location};
use crate::model::{ExecutionPlan, StepOrder};

/// The steps of a plan with their dependencies.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DependencyGraph {
    /// How steps follow each other.
    pub order: StepOrder,
    /// The stages of a sequence: a step, or the consecutive steps of a group. A graph has none, and
    /// `finally` steps are in none.
    pub stages: Vec<Range<usize>>,
    /// Each step's own dependencies, in plan order.
    pub steps: Vec<StepDependencies>,
    /// The index of the first `finally` step; the number of steps if there is none.
    pub finally_from: usize,
}

/// The dependencies of one step.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StepDependencies {
    /// Its `depends_on`: steps that must have succeeded, or failed with `continue_on_error`.
    pub depends_on: Vec<usize>,
    /// Steps that must have succeeded: those whose output it takes.
    pub inputs_from: Vec<usize>,
    /// The steps whose effect it takes back: its `undoes`.
    pub undoes: Vec<usize>,
    /// Steps whose output it takes if there is one: `{{step.field?}}`.
    pub optional_from: Vec<usize>,
    /// Steps that must be over: those that its conditions name.
    pub conditions_on: Vec<usize>,
    /// What each test of its conditions is about.
    pub when: Vec<Vec<BoundTest>>,
    /// Its arguments, if they hold references or what reads like one.
    pub arguments: Option<Box<Template>>,
    /// Its items, with `for_each`.
    pub items: Option<Box<ItemTemplate>>,
}

struct Dependency {
    waiter: usize,
    target: usize,
    place: Location,
}

impl StepDependencies {
    /// Calls `see` with every reference of the step at `pointer`, the pointer to the text that holds
    /// it, and whether it is all of that text.
    pub fn references<'t>(
        &'t self,
        pointer: &str,
        see: &mut impl FnMut(&'t Reference, &str, bool),
    ) {
        if let Some(arguments) = &self.arguments {
            arguments.references(&format!("{pointer}/arguments"), see);
        }
        if let Some(items) = &self.items {
            items.references(&format!("{pointer}/for_each"), see);
        }
    }

    /// All steps that it waits for by name; one may come twice.
    pub fn targets(&self) -> impl Iterator<Item = usize> {
        let by_value = self.inputs_from.iter().chain(&self.optional_from);
        let all = self.depends_on.iter().chain(by_value);
        all.chain(&self.conditions_on).copied()
    }
}

impl DependencyGraph {
    /// The steps in topological order: stages in a sequence, single steps in a graph. `finally`
    /// steps are left out.
    pub fn in_order(&self) -> Vec<Range<usize>> {
        if self.order == StepOrder::Sequence {
            return self.stages.clone();
        }
        let steps = &self.steps[..self.finally_from];
        let mut followers = vec![Vec::new(); steps.len()];
        let mut open = vec![0_usize; steps.len()];
        for (index, step) in steps.iter().enumerate() {
            for target in step.targets() {
                followers[target].push(index);
                open[index] += 1;
            }
        }
        let mut ready: Vec<usize> = (0..open.len()).filter(|&index| open[index] == 0).collect();
        let mut order = Vec::with_capacity(ready.len());
        while let Some(index) = ready.pop() {
            order.push(index..index + 1);
            for &follower in &followers[index] {
                open[follower] -= 1;
                if open[follower] == 0 {
                    ready.push(follower);
                }
            }
        }
        order
    }

    /// The steps whose output another one may take or test.
    pub fn value_sources(&self) -> BTreeSet<usize> {
        let sources = |step: &StepDependencies| {
            let taken = step.inputs_from.iter().chain(&step.optional_from);
            taken
                .chain(&step.conditions_on)
                .copied()
                .collect::<Vec<_>>()
        };
        self.steps.iter().flat_map(sources).collect()
    }

    /// Binds the names of `plan` to its steps and adds problems.
    pub(super) fn bind(plan: &ExecutionPlan, problems: &mut Diagnostics) -> Self {
        if plan.steps.iter().all(|step| step.name.is_empty()) {
            // Nothing could be read, however long the list is.
            return Self::default();
        }
        let names = NameIndex::new(plan);
        let stages = stages(plan);
        let binder = Binder::new(plan, &names, stage_of(&stages));
        let mut steps = vec![StepDependencies::default(); plan.steps.len()];
        let mut waits = Vec::new();
        for (index, step) in steps.iter_mut().enumerate() {
            step.depends_on = bind_dependencies(index, &binder, &mut waits, problems);
            step.undoes = undoes::bind(index, &binder, problems);
            step.arguments = binder.arguments(index, problems).map(Box::new);
            step.items = binder.items(index, problems).map(Box::new);
            (step.inputs_from, step.optional_from) =
                bind_references(index, step, &plan.pointer(index), &mut waits);
            step.when = binder.conditions(index, problems);
            step.conditions_on = bind_conditions(index, &step.when, plan, &mut waits);
        }
        check_groups(plan, problems);
        if plan.order == StepOrder::Graph {
            cycle::refuse(plan, &waits, problems);
        }
        missing::warn_missing(plan, &steps, problems);
        Self {
            order: plan.order,
            stages,
            steps,
            finally_from: plan.finally_from(),
        }
    }
}

fn stages(plan: &ExecutionPlan) -> Vec<Range<usize>> {
    if plan.order == StepOrder::Graph {
        return Vec::new();
    }
    let mut stages: Vec<Range<usize>> = Vec::new();
    let steps = &plan.steps[..plan.finally_from()];
    for (index, step) in steps.iter().enumerate() {
        let previous = index
            .checked_sub(1)
            .and_then(|index| plan.steps[index].group());
        match stages.last_mut() {
            Some(stage) if step.group().is_some() && step.group() == previous => {
                stage.end = index + 1;
            }
            _ => stages.push(index..index + 1),
        }
    }
    stages
}

fn stage_of(stages: &[Range<usize>]) -> Vec<usize> {
    let steps = |(stage, range): (usize, &Range<usize>)| std::iter::repeat_n(stage, range.len());
    stages.iter().enumerate().flat_map(steps).collect()
}

fn bind_dependencies(
    index: usize,
    binder: &Binder<'_>,
    waits: &mut Vec<Dependency>,
    problems: &mut Diagnostics,
) -> Vec<usize> {
    let Binder { plan, names, .. } = binder;
    let depends_on = &plan.steps[index].depends_on;
    if plan.order == StepOrder::Sequence && !depends_on.is_empty() {
        problems.push(depends_in_sequence(&plan.pointer(index)));
        return Vec::new();
    }
    let mut after = Vec::new();
    for (at, name) in depends_on.iter().enumerate() {
        let pointer = format!("{}/depends_on/{at}", plan.pointer(index));
        match names.find(name) {
            Some(NameTarget::One(target)) if target >= plan.finally_from() => {
                problems.push(finally::waits_for_finally(name, Location::value(pointer)));
            }
            Some(NameTarget::One(target)) => {
                after.push(target);
                waits.push(Dependency {
                    waiter: index,
                    target,
                    place: Location::value(pointer),
                });
            }
            Some(NameTarget::Many(first, second)) => problems.push_error_with(|| {
                names::ambiguous(plan, name, (first, second), Location::value(pointer))
            }),
            // Reported when it was read.
            None if name.is_empty() => {}
            None => problems.push_error_with(|| unknown_step(binder, index, name, &pointer)),
        }
    }
    distinct(after)
}

/// The steps whose outputs the arguments and the items of a step take.
fn bind_references(
    index: usize,
    step: &StepDependencies,
    pointer: &str,
    waits: &mut Vec<Dependency>,
) -> (Vec<usize>, Vec<usize>) {
    let (mut takes, mut optional) = (Vec::new(), Vec::new());
    let mut add = |reference: &Reference, pointer: &str, _: bool| {
        let Some(target) = reference.origin.step() else {
            return;
        };
        if reference.is_optional {
            optional.push(target);
        } else {
            takes.push(target);
        }
        waits.push(Dependency {
            waiter: index,
            target,
            place: Location::value(pointer),
        });
    };
    step.references(pointer, &mut add);
    let takes = distinct(takes);
    optional.retain(|target| takes.binary_search(target).is_err());
    (takes, distinct(optional))
}

/// The steps that the conditions of a step name.
fn bind_conditions(
    index: usize,
    when: &[Vec<BoundTest>],
    plan: &ExecutionPlan,
    waits: &mut Vec<Dependency>,
) -> Vec<usize> {
    let mut names = Vec::new();
    for (at, tests) in when.iter().enumerate() {
        for (test, bound) in tests.iter().enumerate() {
            let Some(target) = bound.step() else { continue };
            let condition = &plan.steps[index].when[at];
            let pointer = condition.pointer(test);
            let place = format!("{}/when/{at}{pointer}/{}", plan.pointer(index), bound.key());
            names.push(target);
            waits.push(Dependency {
                waiter: index,
                target,
                place: Location::value(place),
            });
        }
    }
    distinct(names)
}

fn distinct(mut steps: Vec<usize>) -> Vec<usize> {
    steps.sort_unstable();
    steps.dedup();
    steps
}

fn unknown_step(binder: &Binder<'_>, step: usize, name: &str, pointer: &str) -> Diagnostic {
    let message = format!("unknown step `{name}`");
    let problem = Diagnostic::error("unknown_step", Location::value(pointer), message).got(name);
    match binder.nearest(step, name) {
        Some(near) => problem
            .help(format!("did you mean `{near}`?"))
            .expected(near)
            .fix(json!([{"op": "replace", "path": pointer, "value": near}])),
        None => problem.help("write the name or the step_id of a step of this plan"),
    }
}

fn depends_in_sequence(step: &str) -> Diagnostic {
    let place = Location::key(format!("{step}/depends_on"));
    Diagnostic::error("order", place, "`depends_on` has no effect in a sequence")
        .help("write `order: graph` in the plan, or leave `depends_on` out")
}

/// Warns of groups that don't do what they seem to.
fn check_groups(plan: &ExecutionPlan, problems: &mut Diagnostics) {
    let mut last_of: std::collections::HashMap<&str, usize> = std::collections::HashMap::new();
    for (index, step) in plan.steps.iter().enumerate() {
        if plan.order == StepOrder::Graph && step.runs_alone {
            let place = Location::key(plan.pointer(index) + "/parallelizable");
            problems.push(
                Diagnostic::warning("order", place, "`parallelizable` has no effect in a graph")
                    .help("use `depends_on`, in this step and in those after it"),
            );
        }
        let Some(group) = step.parallel_group.as_deref() else {
            continue;
        };
        let place = Location::value(plan.pointer(index) + "/parallel_group");
        if plan.order == StepOrder::Graph {
            problems.push(
                Diagnostic::warning("order", place, "`parallel_group` has no effect in a graph")
                    .help("leave it out: in a graph, independent steps run at the same time"),
            );
        } else if last_of
            .insert(group, index)
            .is_some_and(|last| last + 1 < index)
        {
            let message = format!("the steps of the group `{group}` are not adjacent");
            problems.push(
                Diagnostic::warning("split_group", place, message)
                    .help("obs runs them as separate groups; put them next to each other"),
            );
        }
    }
}
