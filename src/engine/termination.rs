//! Why the engine ended a step.

use super::{Limit, RunEnd};

/// Why the engine ended a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TerminationReason {
    StepTimeout(Limit),
    PlanTimeout(Limit),
    Signal(i32),
    /// Another step, or a log that can't be written, ended the plan.
    Halt(String),
}

impl TerminationReason {
    /// How the run ends because of what ended the step.
    pub(super) fn run_end(&self) -> Option<RunEnd> {
        match self {
            Self::Signal(signal) => Some(RunEnd::Signal(*signal)),
            Self::PlanTimeout(limit) => Some(RunEnd::PlanTimeout(*limit)),
            Self::StepTimeout(_) | Self::Halt(_) => None,
        }
    }
}
