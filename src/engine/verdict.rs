//! The result of a run: one rule for the log, the last line and the exit code.
//!
//! Invariant: a failed log write comes first, then a signal, then the run's timeout, then the first
//! step in plan order that failed and was not allowed to. `canceled` and `skipped` never decide.

use std::sync::Arc;

use super::{ProvenPlan, ProvenStep, RunOutcome, RunStopReason};
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
    /// The run's own time.
    PlanTimeout,
    /// A signal, by number.
    Signal(i32),
    /// A log that could not be written.
    Log,
}

impl RunOutcome {
    /// How the run of `plan` ended.
    pub fn result(&self, plan: &ProvenPlan) -> RunResult {
        RunResult::new(&self.end, &self.records, &plan.steps)
    }
}

impl RunResult {
    /// The result of a run by its stop reason and the records of its steps.
    pub fn new(
        end: &RunStopReason,
        records: &[Arc<ExecutionLogRecord>],
        steps: &[ProvenStep],
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
            RunStopReason::Steps => Self::of_steps(records, steps),
        }
    }

    fn of_steps(records: &[Arc<ExecutionLogRecord>], steps: &[ProvenStep]) -> Self {
        let decides = |record: &&Arc<ExecutionLogRecord>| {
            let step = steps.get(record.step_index);
            step.is_some_and(|step| stops_the_plan(record.status, step))
        };
        match records.iter().find(decides) {
            None => Self {
                status: RunStatus::Success,
                cause: DecidingCause::Nothing,
                error: None,
            },
            Some(record) => Self {
                status: status_of(record.status),
                cause: DecidingCause::Step(record.step_index, record.error_code),
                error: record.error.clone(),
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
