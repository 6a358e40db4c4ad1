//! The outcome of a step's attempts.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::termination::TerminationReason;
use super::{LogError, ProvenStep};
use crate::model::{AppliedSandbox, ErrorCode, ExecutionResult, ExecutionStatus, SandboxReport};

/// The outcome of all attempts of a step.
pub(super) struct AttemptsOutcome<'p> {
    /// The last attempt's result, with the resource usage of all attempts.
    pub(super) result: ExecutionResult,
    /// The call that gave it: the step's own, or its fallback.
    pub(super) target: &'p ProvenStep,
    pub(super) is_fallback: bool,
    /// Its arguments as they may be shown.
    pub(super) shown_arguments: Arc<Map<String, Value>>,
    /// Why no further call was made, if the step was terminated after an attempt.
    pub(super) termination: Option<TerminationReason>,
    /// The error of the previous attempt.
    pub(super) previous_error: Option<String>,
    /// The limit that the call waited for until the step was terminated.
    pub(super) waited_for: Option<String>,
    /// Set if the start of an attempt could not be committed.
    pub(super) start_error: Option<LogError>,
}

impl<'p> AttemptsOutcome<'p> {
    /// The outcome of a call of `target` with nothing before it.
    pub(super) fn new(
        result: ExecutionResult,
        target: &'p ProvenStep,
        shown_arguments: Arc<Map<String, Value>>,
    ) -> Self {
        Self {
            result,
            target,
            is_fallback: false,
            shown_arguments,
            termination: None,
            previous_error: None,
            waited_for: None,
            start_error: None,
        }
    }
}

/// The result of a step whose skill was not started.
pub(super) fn not_started(code: ErrorCode, error: String) -> ExecutionResult {
    ExecutionResult {
        status: match code {
            ErrorCode::InvalidArguments => ExecutionStatus::Rejected,
            _ => ExecutionStatus::Failed,
        },
        attempts: 0,
        sandbox: SandboxReport {
            mode: AppliedSandbox::None,
            ..SandboxReport::default()
        },
        ..ExecutionResult::failure(code, error)
    }
}
