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
