//! What happened in a run.

use std::sync::Arc;
use std::time::Duration;

use super::{Limit, LogError};
use crate::model::ExecutionLogRecord;

/// Everything that a run has to say.
#[derive(Debug)]
pub struct RunOutcome {
    /// The records that are in the log, in plan order.
    pub records: Vec<Arc<ExecutionLogRecord>>,
    /// What ended it.
    pub end: RunEnd,
    /// The steps that ran although their records could not be kept.
    pub unlogged: Vec<Arc<ExecutionLogRecord>>,
    /// Wall time, without the time that obs was stopped.
    pub elapsed: Duration,
}

/// What ended a run.
#[derive(Debug, Clone)]
pub enum RunEnd {
    /// Its steps; the records say how.
    Steps,
    /// The run's own time was over.
    PlanTimeout(Limit),
    /// A signal, by number.
    Signal(i32),
    /// A record could not be kept.
    LogFailed(LogError),
}
