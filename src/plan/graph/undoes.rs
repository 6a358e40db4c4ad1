//! `undoes`: the steps whose effect a `finally` step takes back.

use super::arguments::Binder;
use super::names::{self, NameTarget};
use super::unknown_step;
use crate::document::{Diagnostic, Diagnostics, Location};

/// Binds the names in the `undoes` of the step at `index`.
pub(super) fn bind(index: usize, binder: &Binder<'_>, problems: &mut Diagnostics) -> Vec<usize> {
    let Binder { plan, names, .. } = binder;
    let undoes = &plan.steps[index].undoes;
    if undoes.is_empty() {
        return Vec::new();
    }
    let pointer = plan.pointer(index) + "/undoes";
    if index < plan.finally_from() {
        let message = "only a `finally` step can have `undoes`";
        problems.push(
            Diagnostic::error("undoes", Location::key(pointer), message)
                .help("move the step to `finally`, or leave `undoes` out"),
        );
        return Vec::new();
    }
    let mut targets = Vec::new();
    for (at, name) in undoes.iter().enumerate() {
        let pointer = format!("{pointer}/{at}");
        match names.find(name) {
            Some(NameTarget::One(target)) if target >= plan.finally_from() => {
                let message = format!("`{name}` is a `finally` step, which runs in every run");
                problems.push(
                    Diagnostic::error("undoes", Location::value(pointer), message)
                        .help("write the names of steps in `steps`"),
                );
            }
            Some(NameTarget::One(target)) => targets.push(target),
            Some(NameTarget::Many(first, second)) => problems.push_error_with(|| {
                names::ambiguous(plan, name, (first, second), Location::value(pointer))
            }),
            // Reported when it was read.
            None if name.is_empty() => {}
            None => problems.push_error_with(|| unknown_step(binder, index, name, &pointer)),
        }
    }
    super::distinct(targets)
}
