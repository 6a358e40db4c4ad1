//! A condition of a step after its references, types and schemas were checked.

use std::fmt;

use serde_json::Value;

use crate::model::StepStatus;
use crate::plan::Template;
use crate::skill::Schema;

/// A condition of a proven step.
#[derive(Debug)]
pub(crate) struct ProvenCondition {
    /// As the plan has it, without secrets.
    pub written: Value,
    /// One of these must hold.
    pub tests: Vec<ProvenTest>,
}

/// One test of a condition.
#[derive(Debug)]
pub(crate) struct ProvenTest {
    /// What is tested.
    pub subject: TestSubject,
    /// The reference as the plan has it, or the step's name.
    pub name: String,
    /// It holds if the value or the status is another one.
    pub is_negated: bool,
    /// What is wanted, in words.
    pub wanted: String,
}

/// What a test is about.
#[derive(Debug)]
pub(crate) enum TestSubject {
    /// A value.
    Value {
        /// The reference, or what it stands for.
        value: Template,
        /// The schema that the value must meet.
        schema: Schema,
        /// The step that gives it.
        step: Option<usize>,
        /// The value may not be shown.
        is_hidden: bool,
    },
    /// How a step ended.
    Step {
        /// Its index.
        step: usize,
        /// One of these.
        status: Vec<StepStatus>,
    },
}

impl fmt::Display for ProvenCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.tests.len() != 1 {
            f.write_str("any of: ")?;
        }
        for (index, test) in self.tests.iter().enumerate() {
            let separator = if index > 0 { "; " } else { "" };
            let (name, wanted) = (&test.name, &test.wanted);
            write!(f, "{separator}`{name}`: {wanted}")?;
        }
        Ok(())
    }
}
