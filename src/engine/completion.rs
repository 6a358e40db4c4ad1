//! The end of a step, committed or not.

use std::sync::Arc;

use super::{LogError, RunStopReason, UnloggedStep};
use crate::model::ExecutionLogRecord;

/// A completed step.
pub(super) struct StepCompletion {
    /// Its committed record.
    pub(super) record: Result<Arc<ExecutionLogRecord>, CommitFailure>,
    /// The reason to stop the run that the step observed, whatever its own result.
    pub(super) run_stop: Option<RunStopReason>,
}

/// A step whose record or start could not be committed.
pub(super) struct CommitFailure {
    /// The step, if it ran.
    pub(super) step: Option<UnloggedStep>,
    pub(super) error: LogError,
}

impl StepCompletion {
    /// A step that was not started because a log write failed.
    pub(super) fn unlogged(error: LogError) -> Self {
        let record = Err(CommitFailure { step: None, error });
        Self {
            record,
            run_stop: None,
        }
    }
}
