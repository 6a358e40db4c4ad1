//! Binds the conditions of a step to the steps and inputs that they are about.
//!
//! Invariant: a condition is about a step that is over by then, as a reference in an argument is.

use serde_json::{Value, json};

use super::arguments::{Binder, ReferenceError, Scope};
use super::names::{self, NameTarget};
use crate::document::{Diagnostic, Diagnostics, Location};
use crate::model::{ConditionSubject, parse_path};
use crate::plan::finally::waits_for_finally;
use crate::plan::reference::{Template, normalize};

/// What one test of a condition is about.
#[derive(Debug, Clone, PartialEq)]
pub enum BoundTest {
    /// A value: one whole reference, or what it stands for.
    Value(Template),
    /// How a step ended, by its index.
    Step(usize),
    /// It could not be bound, which a problem says.
    Unbound,
}

impl BoundTest {
    /// The step that it waits for.
    pub fn step(&self) -> Option<usize> {
        match self {
            Self::Value(Template::Whole(reference)) => reference.origin.step(),
            Self::Step(step) => Some(*step),
            Self::Value(_) | Self::Unbound => None,
        }
    }

    /// The key of the condition that names it.
    pub(super) fn key(&self) -> &'static str {
        match self {
            Self::Step(_) => "step",
            Self::Value(_) | Self::Unbound => "value",
        }
    }
}

impl Binder<'_> {
    /// What the tests of each condition of `step` are about.
    pub(super) fn conditions(
        &self,
        step: usize,
        problems: &mut Diagnostics,
    ) -> Vec<Vec<BoundTest>> {
        let base = self.plan.pointer(step);
        let conditions = self.plan.steps[step].when.iter().enumerate();
        let bind = |(at, condition): (usize, &crate::model::Condition)| {
            let tests = condition.tests.iter().enumerate();
            let bind = |(index, test): (usize, &crate::model::ConditionTest)| {
                let pointer = format!("{base}/when/{at}{}", condition.pointer(index));
                match &test.subject {
                    ConditionSubject::Value { reference, .. } => {
                        self.tested_value(step, reference, &format!("{pointer}/value"), problems)
                    }
                    ConditionSubject::Step { step: name, .. } => {
                        self.tested_step(step, name, &format!("{pointer}/step"), problems)
                    }
                }
            };
            tests.map(bind).collect()
        };
        conditions.map(bind).collect()
    }

    fn tested_value(
        &self,
        step: usize,
        text: &str,
        pointer: &str,
        problems: &mut Diagnostics,
    ) -> BoundTest {
        let before = problems.len();
        // It is evaluated once, before the items.
        let scope = Scope {
            step,
            key: "when",
            has_item: false,
        };
        let template = self.value(scope, &Value::from(text), pointer, problems);
        if problems.len() > before {
            return BoundTest::Unbound;
        }
        if let Template::Whole(_) = template {
            return BoundTest::Value(template);
        }
        problems.push_error_with(|| self.not_a_reference(text, pointer));
        BoundTest::Unbound
    }

    fn not_a_reference(&self, text: &str, pointer: &str) -> Diagnostic {
        let place = Location::value(pointer);
        let message = "`value` must be one reference and nothing else";
        let problem = Diagnostic::error("condition", place, message).got(text);
        let plain = normalize(text.trim());
        let rest = match self.names.longest_in(&plain) {
            Some((name, _)) => plain.strip_prefix(name),
            None => plain.strip_prefix("inputs"),
        };
        let is_path = rest.is_some_and(|rest| {
            parse_path(rest, |token| {
                token.chars().all(|c| c.is_alphanumeric() || c == '_')
            })
            .is_some()
        });
        if is_path && !text.contains("{{") {
            let likely = format!("{{{{{plain}}}}}");
            return problem
                .help(format!("write `\"{likely}\"`"))
                .expected(likely.as_str())
                .fix(json!([{"op": "replace", "path": pointer, "value": likely}]));
        }
        problem
            .help("write `\"{{step.field}}\"` or `\"{{inputs.name}}\"`; there are no expressions")
    }

    fn tested_step(
        &self,
        step: usize,
        name: &str,
        pointer: &str,
        problems: &mut Diagnostics,
    ) -> BoundTest {
        let place = || Location::value(pointer);
        let target = match self.names.find(name) {
            Some(NameTarget::One(target)) => target,
            Some(NameTarget::Many(first, second)) => {
                problems.push_error_with(|| {
                    names::ambiguous(self.plan, name, (first, second), place())
                });
                return BoundTest::Unbound;
            }
            None => {
                problems.push_error_with(|| super::unknown_step(self, step, name, pointer));
                return BoundTest::Unbound;
            }
        };
        let (code, message, help) = match self.is_over_by_then(step, target) {
            Ok(()) => return BoundTest::Step(target),
            Err(ReferenceError::Own) => (
                "own_output",
                format!("`{name}` is this step itself, which is not over by then"),
                "write the name of another step".to_owned(),
            ),
            Err(ReferenceError::Sibling) => (
                "sibling_step",
                format!("`{name}` is a step of the same group, which is not over by then"),
                "the steps of a group run together: take this one out of it".to_owned(),
            ),
            Err(ReferenceError::Finally) => {
                problems.push_error_with(|| waits_for_finally(name, place()));
                return BoundTest::Unbound;
            }
            Err(_) => (
                "later_step",
                format!("`{name}` is a later step, which is not over by then"),
                format!("move step {target} before this one, or write `order: graph` in the plan"),
            ),
        };
        problems.push_error_with(|| Diagnostic::error(code, place(), message).help(help));
        BoundTest::Unbound
    }
}
