//! What happened in a run.

use std::sync::Arc;
use std::time::Duration;

use super::{RunResult, RunStopReason};
use crate::model::{ExecutionLogRecord, StepStatus};

/// The outcome of a run.
#[derive(Debug)]
pub struct RunOutcome {
    /// The records that are in the log, in plan order.
    pub records: Vec<Arc<ExecutionLogRecord>>,
    /// What ended it.
    pub end: RunStopReason,
    /// How it ended, and what decided it.
    pub result: RunResult,
    /// The steps that ran but whose records could not be committed.
    pub unlogged: Vec<UnloggedStep>,
    /// The hash of the last record; empty if the log has no chain.
    pub head: String,
    /// Wall time, without the time that obs was stopped.
    pub elapsed: Duration,
}

/// A step that ran but whose record could not be committed.
#[derive(Debug, Clone)]
pub struct UnloggedStep {
    /// Its `step_id`, or its name.
    pub step_id: String,
    /// How it ended.
    pub status: StepStatus,
}

impl UnloggedStep {
    /// The step of `record`; `None` if it did not run.
    pub(super) fn from_record(record: &ExecutionLogRecord) -> Option<Self> {
        (record.attempts > 0).then(|| Self {
            step_id: record.step_id.clone(),
            status: record.status,
        })
    }
}
