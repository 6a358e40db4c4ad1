//! What ended a run.

use super::{LogError, TimeLimit};

/// What ended a run.
#[derive(Debug, Clone)]
pub enum RunStopReason {
    /// Its steps ended; their records say how.
    Steps,
    /// The run's timeout.
    PlanTimeout(TimeLimit),
    /// A signal, by number.
    Signal(i32),
    /// A record could not be committed.
    LogFailed(LogError),
}

/// The more severe of two reasons: a log that can't be written, then a signal, then a timeout.
pub(super) fn max_severity(
    one: Option<RunStopReason>,
    other: Option<RunStopReason>,
) -> Option<RunStopReason> {
    let weight = |end: &Option<RunStopReason>| match end {
        None | Some(RunStopReason::Steps) => 0,
        Some(RunStopReason::PlanTimeout(_)) => 1,
        Some(RunStopReason::Signal(_)) => 2,
        Some(RunStopReason::LogFailed(_)) => 3,
    };
    if weight(&other) > weight(&one) {
        other
    } else {
        one
    }
}
