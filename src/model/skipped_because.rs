//! Why a step was skipped.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::json_line;

/// Why a step was skipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedBecause {
    /// The kind of reason.
    pub kind: SkipKind,
    /// The step that decided, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// The condition that is not met, as the plan has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Value>,
    /// What the condition found instead; a long value is shortened to a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub got: Option<Value>,
}

/// The kind of reason, for scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipKind {
    /// Its own condition is not met.
    Condition,
    /// It refers to a step that was skipped by a condition and has no value.
    NoValue,
    /// Another step did not succeed, or a signal or the run's timeout ended the run.
    Failure,
    /// An approver refused another step.
    Approval,
    /// A flag selected other steps.
    Flag,
    /// A budget is spent.
    Budget,
}

impl SkippedBecause {
    /// A reason of this kind.
    pub(crate) fn new(kind: SkipKind) -> Self {
        Self {
            kind,
            step: None,
            condition: None,
            got: None,
        }
    }

    /// A reason of this kind, for which the step with this label decided.
    pub(crate) fn of_step(kind: SkipKind, step: impl Into<String>) -> Self {
        Self {
            step: Some(step.into()),
            ..Self::new(kind)
        }
    }
}

impl SkipKind {
    /// The kind as the record spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Condition => "condition",
            Self::NoValue => "no_value",
            Self::Failure => "failure",
            Self::Approval => "approval",
            Self::Flag => "flag",
            Self::Budget => "budget",
        }
    }
}

impl fmt::Display for SkippedBecause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.as_str())?;
        if let Some(step) = &self.step {
            write!(f, " of `{step}`")?;
        }
        for (name, value) in [("condition", &self.condition), ("got", &self.got)] {
            if let Some(text) = value.as_ref().and_then(|value| json_line(value).ok()) {
                write!(f, ", {name}: {text}")?;
            }
        }
        Ok(())
    }
}
