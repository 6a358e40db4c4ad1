//! The end of a step, committed or not.

use std::sync::Arc;

use super::{LogError, RunStopReason, UnloggedStep};
use crate::model::ExecutionLogRecord;

/// A step that is over.
pub(super) struct StepCompletion {
    /// Its record, which is in the log.
    pub(super) record: Result<Arc<ExecutionLogRecord>, CommitFailure>,
    /// What the step saw that ends the run, whatever became of the step itself.
    pub(super) run_stop: Option<RunStopReason>,
}

/// A step whose record, or what has to be written before it, could not be kept.
pub(super) struct CommitFailure {
    /// The step, where it ran.
    pub(super) step: Option<UnloggedStep>,
    pub(super) error: LogError,
}

impl StepCompletion {
    /// A step that did not even start, because that could not be written.
    pub(super) fn unlogged(error: LogError) -> Self {
        let record = Err(CommitFailure { step: None, error });
        Self {
            record,
            run_stop: None,
        }
    }
}
