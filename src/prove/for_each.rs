//! Proves `for_each` of a step: that it is a list, how long it is, and the arguments of each item
//! that is known before the run.
//!
//! Invariant: if the list is literal or made of inputs, no item can fail for its arguments later,
//! unless these hold outputs of steps.

use std::sync::Arc;

use serde_json::Value;

use super::inputs::Inputs;
use super::prover::Prover;
use super::references::ArgumentReferences;
use super::skill_call::SkillCall;
use crate::document::{Diagnostic, Diagnostics, Location};
use crate::engine::{DEFAULT_MAX_ITEMS, MOST_ITEMS, ProvenForEach};
use crate::model::{ExecutionStep, ForEach, StepOrder};
use crate::plan::{ItemList, ItemTemplate, KnownValues, Template};
use crate::skill::Skill;

/// How many wrong items of one step are reported.
const MAX_WRONG_ITEMS: usize = 3;

impl Prover<'_> {
    /// The items of a step and how they run.
    pub(super) fn for_each(
        &self,
        step: &ExecutionStep,
        items: ItemTemplate,
        order: StepOrder,
        inputs: &Inputs,
        pointer: &str,
        problems: &mut Diagnostics,
    ) -> Option<ProvenForEach> {
        let ForEach {
            max_parallel,
            max_failed,
            gather,
            ..
        } = **step.for_each.as_ref()?;
        let pointer = format!("{pointer}/for_each");
        self.outputs.check_items(&items, step, &pointer, problems);
        let items = inputs.fill_items(items, &pointer, problems);
        let known = match items.known() {
            Some(Ok(list)) => Some(Arc::new(list)),
            Some(Err(wrong)) => {
                let place = Location::value(format!("{pointer}{}", wrong.below));
                let message = format!("`for_each` must be a list, found {}", wrong.found);
                let help = "give the input a list, or refer to a field that has one";
                problems.push(Diagnostic::error("for_each", place, message).help(help));
                None
            }
            None => None,
        };
        let max_items = self.context.max_items;
        if let Some(list) = known.as_ref().filter(|list| list.len() > max_items) {
            problems.push(too_many(list.len(), max_items, &pointer));
            return None;
        }
        let by_order = match order {
            StepOrder::Sequence => 1,
            StepOrder::Graph => usize::MAX,
        };
        Some(ProvenForEach {
            items,
            known,
            max_parallel: max_parallel.map_or(by_order, std::num::NonZero::get),
            max_failed,
            gather,
            max_items,
        })
    }
}

impl SkillCall<'_> {
    /// Checks the arguments of each item that is known.
    pub(super) fn check_known_items(
        &self,
        template: &Template,
        skill: &Skill,
        problems: &mut Diagnostics,
    ) {
        let known = self.for_each.and_then(|for_each| for_each.known.as_deref());
        let Some(list) = known.filter(|_| uses_item(template)) else {
            return;
        };
        let mut wrong_items = 0;
        for index in 0..list.len() {
            let found = check_item(list, index, self, template, skill);
            if found.is_empty() {
                continue;
            }
            problems.append(found);
            wrong_items += 1;
            if wrong_items == MAX_WRONG_ITEMS {
                return;
            }
        }
    }
}

/// True if the arguments differ from item to item.
fn uses_item(template: &Template) -> bool {
    let mut uses = false;
    template.references("", &mut |reference, _, _| {
        uses |= reference.origin.is_item();
    });
    uses
}

/// The problems of the arguments of one item.
fn check_item(
    list: &ItemList,
    index: usize,
    call: &SkillCall<'_>,
    template: &Template,
    skill: &Skill,
) -> Diagnostics {
    let mut problems = Diagnostics::default();
    // An item is JSON that obs itself has written.
    let item: Value = serde_json::from_str(&list.get(index)).unwrap_or_default();
    let at = Value::from(index);
    let known = KnownValues {
        inputs: None,
        item: Some((&item, &at)),
    };
    let base = format!("{}/arguments", call.pointer);
    let filled = template
        .clone()
        .fill(known, &base, &mut |reference, pointer| {
            let message = format!("`{}` is not in item {index}", reference.written);
            problems.push(
                Diagnostic::error("unknown_field", Location::value(pointer), message)
                    .help("give each item this field, or write `?` after it: null without one"),
            );
        });
    if problems.is_empty() {
        let arguments = ArgumentReferences::new(call.step, Some(filled), skill);
        arguments.check(skill, &call.pointer, &mut problems);
        for problem in problems.diagnostics_mut() {
            problem.message = format!("with item {index}, {}", problem.message);
        }
    }
    problems
}

fn too_many(count: usize, max: usize, pointer: &str) -> Diagnostic {
    let message = format!("`for_each` has {count} items; the maximum is {max}");
    let problem = Diagnostic::error("too_many_items", Location::value(pointer), message);
    problem.help(if count <= MOST_ITEMS && max >= DEFAULT_MAX_ITEMS {
        format!("`--max-items {count}` allows them")
    } else {
        "split the list into several steps, or let a skill work on the whole list".to_owned()
    })
}
