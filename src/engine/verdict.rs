//! The result of a run: one rule for the log, the last line and the exit code.
//!
//! Invariant: a failed log write comes first, then a signal, then the run's timeout, then the first
//! step in plan order that failed and was not allowed to, then, if the policy says so, the first
//! step that left processes behind, then the first `finally` step that failed, then the first step
//! that waits for an approval. `canceled` and `skipped` never decide.

use std::sync::Arc;

use super::{ProvenPlan, ProvenStep, RunPolicy, RunStopReason};
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
    /// A `finally` step that failed, by its index.
    Finally(usize),
    /// A step that waits for an approval, by its index.
    Waiting(usize),
    /// The run's own time.
    PlanTimeout,
    /// A signal, by number.
    Signal(i32),
    /// A log that could not be written.
    Log,
}

impl RunResult {
    /// The result of a run by its stop reason and the records of its steps. `is_rejected`: steps
    /// were denied before the first one started, so that `finally` steps are as any others.
    pub(super) fn new(
        end: &RunStopReason,
        is_rejected: bool,
        records: &[Arc<ExecutionLogRecord>],
        plan: &ProvenPlan,
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
            RunStopReason::Steps => Self::of_steps(records, is_rejected, plan, policy),
        }
    }

    fn of_steps(
        records: &[Arc<ExecutionLogRecord>],
        is_rejected: bool,
        plan: &ProvenPlan,
        policy: &RunPolicy,
    ) -> Self {
        let has_failed = |record: &&Arc<ExecutionLogRecord>| {
            let step = plan.steps.get(record.step_index);
            step.is_some_and(|step| stops_the_plan(record.status, step))
        };
        let is_finally = |record: &&Arc<ExecutionLogRecord>| {
            record.step_index >= plan.finally_from() && !is_rejected
        };
        let mut failed = records.iter().filter(has_failed).peekable();
        if let Some(record) = failed.next_if(|record| !is_finally(record)) {
            return Self {
                status: status_of(record.status),
                cause: DecidingCause::Step(record.step_index, record.error_code),
                error: record.error.clone(),
            };
        }
        let leaky = records.iter().find(|record| record.leaked.is_some());
        let (status, cause, error) = match (leaky.filter(|_| policy.fail_on_leak), failed.next()) {
            (Some(record), _) => (
                RunStatus::Failed,
                DecidingCause::Leak(record.step_index),
                Some(format!("`{}` left processes behind", record.step_id)),
            ),
            (None, Some(record)) => (
                RunStatus::Failed,
                DecidingCause::Finally(record.step_index),
                record.error.clone(),
            ),
            (None, None) => match records.iter().find(|record| record.is_waiting()) {
                Some(record) => (
                    RunStatus::Waiting,
                    DecidingCause::Waiting(record.step_index),
                    Some(format!("`{}` waits for an approval", record.step_id)),
                ),
                None => (RunStatus::Success, DecidingCause::Nothing, None),
            },
        };
        Self {
            status,
            cause,
            error,
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
