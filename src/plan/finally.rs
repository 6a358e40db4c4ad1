//! The list `finally` of a plan: steps that run after all others, whatever came of those.
//!
//! Invariant: a `finally` step has its place in the list and no other order.

use super::foreign_keys;
use crate::document::{Diagnostic, Diagnostics, Fields, Location, Meaning};
use crate::model::ExecutionStep;
use serde_json::{Map, Value};

/// The keys of the order of steps, which a `finally` step can't have.
const ORDER_KEYS: [&str; 3] = ["depends_on", "parallel_group", "parallelizable"];

/// What to write instead of one of them.
const IN_ORDER: &str = "remove it: `finally` steps run after all other steps, one after another in the order of the list";

/// What a key of a `finally` step means.
pub(super) fn meaning(key: &str, value: &Value, step: &Map<String, Value>) -> Option<Meaning> {
    let meaning = foreign_keys::in_step(key, value, step)?;
    let known = match &meaning {
        Meaning::Key(known) => Some(*known),
        Meaning::Advice { instead_of, .. } => *instead_of,
        Meaning::Own => None,
    };
    let is_order = known.is_some_and(|known| ORDER_KEYS.contains(&known));
    Some(if is_order {
        Meaning::advice(IN_ORDER)
    } else {
        meaning
    })
}

/// Refuses the keys of `step` that a `finally` step can't have.
pub(super) fn refuse_order(
    step: &mut ExecutionStep,
    fields: &Fields<'_>,
    problems: &mut Diagnostics,
) {
    for key in ORDER_KEYS.into_iter().filter(|key| fields.has(key)) {
        let message = format!("a `finally` step can't have `{key}`");
        problems.push(
            Diagnostic::error("finally_step", fields.place_of_key(key), message).help(IN_ORDER),
        );
    }
    step.depends_on.clear();
    step.parallel_group = None;
    step.runs_alone = false;
}

/// A step that waits for a `finally` step and is none, or is an earlier one.
pub(super) fn waits_for_finally(name: &str, place: Location) -> Diagnostic {
    let message = format!("`{name}` is a `finally` step, which runs after this one");
    Diagnostic::error("finally_step", place, message)
        .help("only later `finally` steps can refer to it; move it to `steps` if others need it")
}
