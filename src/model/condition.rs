//! The conditions of a step: `when`.
//!
//! Invariant: a condition is data. Nothing in it is evaluated but one reference, and one compares
//! the value with what the plan says.

use serde_json::Value;

use super::StepStatus;

/// A condition of `when`.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// As the plan has it.
    pub written: Value,
    /// One of these tests must hold: those of `any`, or the condition itself.
    pub tests: Vec<ConditionTest>,
    /// The tests stand in `any`.
    pub is_any: bool,
}

/// One test of a value or a step.
#[derive(Debug, Clone, PartialEq)]
pub struct ConditionTest {
    /// What is tested.
    pub subject: ConditionSubject,
    /// It holds if the value or the status is another one: `negate: true`.
    pub is_negated: bool,
}

/// What a condition tests.
#[derive(Debug, Clone, PartialEq)]
pub enum ConditionSubject {
    /// A value.
    Value {
        /// The text with one reference.
        reference: String,
        /// What the value must be: keywords of JSON Schema, or a whole schema. Null if it can't be
        /// read.
        schema: Value,
        /// `schema` is a whole schema.
        is_schema: bool,
    },
    /// How a step ended.
    Step {
        /// The name or the `step_id` of the step.
        step: String,
        /// One of these.
        status: Vec<StepStatus>,
    },
}

impl Condition {
    /// The pointer to the test at `index`, below the condition.
    pub fn pointer(&self, index: usize) -> String {
        if self.is_any {
            format!("/any/{index}")
        } else {
            String::new()
        }
    }
}
