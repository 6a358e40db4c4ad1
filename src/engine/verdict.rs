//! The result of a run: one rule for the log, the last line and the exit code.
//!
//! Invariant: a failed log write comes first, then a signal, then the run's timeout, then the first
//! step in plan order that failed and was not allowed to, then, if the policy says so, the first
//! step that left processes behind. `canceled` and `skipped` never decide.

use std::sync::Arc;

use super::{ProvenStep, RunPolicy, RunStopReason};
use crate::model::{ErrorCode, ExecutionLogRecord, RunStatus, StepStatus, signal_name};

/// How a run ended, and what decided it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunResult {
    /// In one word.
    pub status: RunStatus,
    /// What decided.
    pub cause: DecidingCause,
    /// What went wrong, in one line; `None` after a success.
    pub error: Option<String>,
}

/// What decided how a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecidingCause {
    /// Nothing went wrong that the plan does not allow.
    Nothing,
    /// A step, by its index, with the kind of its failure.
    Step(usize, Option<ErrorCode>),
    /// A step that left processes behind, by its index.
    Leak(usize),
    /// The run's own time.
    PlanTimeout,
    /// A signal, by number.
    Signal(i32),
    /// A log that could not be written.
    Log,
}

impl RunResult {
    /// The result of a run by its stop reason and the records of its steps.
    pub(super) fn new(
        end: &RunStopReason,
        records: &[Arc<ExecutionLogRecord>],
        steps: &[ProvenStep],
        policy: &RunPolicy,
    ) -> Self {
        let of_run = |status, cause| Self {
            status,
            cause,
            error: Some(reason_of(end)),
        };
        match end {
            RunStopReason::LogFailed(_) => of_run(RunStatus::Failed, DecidingCause::Log),
            RunStopReason::Signal(signal) => {
                of_run(RunStatus::Canceled, DecidingCause::Signal(*signal))
            }
            RunStopReason::PlanTimeout(_) => of_run(RunStatus::Timeout, DecidingCause::PlanTimeout),
            RunStopReason::Steps => Self::of_steps(records, steps, policy),
        }
    }

    fn of_steps(
        records: &[Arc<ExecutionLogRecord>],
        steps: &[ProvenStep],
        policy: &RunPolicy,
    ) -> Self {
        let decides = |record: &&Arc<ExecutionLogRecord>| {
            let step = steps.get(record.step_index);
            step.is_some_and(|step| stops_the_plan(record.status, step))
        };
        if let Some(record) = records.iter().find(decides) {
            return Self {
                status: status_of(record.status),
                cause: DecidingCause::Step(record.step_index, record.error_code),
                error: record.error.clone(),
            };
        }
        let leaky = records.iter().find(|record| record.leaked.is_some());
        match leaky.filter(|_| policy.fail_on_leak) {
            Some(record) => Self {
                status: RunStatus::Failed,
                cause: DecidingCause::Leak(record.step_index),
                error: Some(format!("`{}` left processes behind", record.step_id)),
            },
            None => Self {
                status: RunStatus::Success,
                cause: DecidingCause::Nothing,
                error: None,
            },
        }
    }
}

/// True if a step with this status stops the plan. `continue_on_error` covers failures and
/// timeouts, not a refusal.
pub(super) fn stops_the_plan(status: StepStatus, step: &ProvenStep) -> bool {
    match status {
        StepStatus::Rejected => true,
        StepStatus::Failed | StepStatus::Timeout => !step.continue_on_error,
        StepStatus::Success | StepStatus::Canceled | StepStatus::Skipped => false,
    }
}

/// The reason in words; empty if the steps ended the run.
pub(super) fn reason_of(end: &RunStopReason) -> String {
    match end {
        RunStopReason::Steps => String::new(),
        RunStopReason::PlanTimeout(limit) => {
            format!("the run exceeded its timeout of {limit}")
        }
        RunStopReason::Signal(signal) => format!("canceled by {}", signal_name(*signal)),
        RunStopReason::LogFailed(error) => error.to_string(),
    }
}

fn status_of(status: StepStatus) -> RunStatus {
    match status {
        StepStatus::Timeout => RunStatus::Timeout,
        StepStatus::Rejected => RunStatus::Rejected,
        StepStatus::Canceled => RunStatus::Canceled,
        StepStatus::Success => RunStatus::Success,
        StepStatus::Failed | StepStatus::Skipped => RunStatus::Failed,
    }
}
