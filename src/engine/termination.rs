//! Why the engine ended a step.

use super::{RunStopReason, TimeLimit};

/// Why the engine ended a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TerminationReason {
    StepTimeout(TimeLimit),
    PlanTimeout(TimeLimit),
    /// The time of all `finally` steps is over.
    FinallyTimeout(TimeLimit),
    Signal(i32),
    /// Another step, or a log that can't be written, ended the plan.
    Halt(String),
}

impl TerminationReason {
    /// The reason to stop the run, if this stops the run as well.
    pub(super) fn run_stop_reason(&self) -> Option<RunStopReason> {
        match self {
            Self::Signal(signal) => Some(RunStopReason::Signal(*signal)),
            Self::PlanTimeout(limit) => Some(RunStopReason::PlanTimeout(*limit)),
            Self::StepTimeout(_) | Self::FinallyTimeout(_) | Self::Halt(_) => None,
        }
    }
}
