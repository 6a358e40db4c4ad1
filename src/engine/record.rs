//! Builds a step's record from its result.
//!
//! Invariant: records are built only here. The termination reason decides the status: a skill that
//! exits 0 after a SIGTERM from obs has not succeeded. A skill that ended before the step was
//! terminated keeps its result: only the processes that it left behind were ended.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::attempts_outcome::AttemptsOutcome;
use super::given_approval::GivenApproval;
use super::skip_reason::SkipReason;
use super::termination::TerminationReason;
use super::{CircuitState, ExecutionContext, ProvenStep, Rejection, Reused, RuntimeError};
use crate::model::{
    AppliedSandbox, ErrorCode, ExecutionLogRecord, ExecutionResult, ExecutionStatus, InputFiles,
    RecordedApproval, ResourceUsage, SCHEMA_VERSION, SandboxReport, StepStatus, signal_name,
};

/// A step that ran.
pub(super) struct CompletedStep<'p> {
    pub(super) started_at: Timestamp,
    pub(super) duration: Duration,
    pub(super) suspended: Duration,
    pub(super) outcome: AttemptsOutcome<'p>,
    pub(super) termination: Option<TerminationReason>,
    pub(super) approved: Option<GivenApproval>,
}

impl<'p> CompletedStep<'p> {
    /// A step that ended before anything was started.
    pub(super) fn without_start(outcome: AttemptsOutcome<'p>) -> Self {
        Self {
            started_at: Timestamp::now(),
            duration: Duration::ZERO,
            suspended: Duration::ZERO,
            outcome,
            termination: None,
            approved: None,
        }
    }
}

/// The record of a step that ran.
pub(super) fn finished_record(
    context: &ExecutionContext,
    index: usize,
    completed: CompletedStep<'_>,
) -> ExecutionLogRecord {
    let CompletedStep {
        started_at,
        duration,
        suspended,
        outcome,
        termination,
        approved,
    } = completed;
    let AttemptsOutcome {
        result,
        target,
        is_fallback,
        shown_arguments: shown,
        previous_error,
        waited_for,
        ..
    } = outcome;
    let termination = termination.filter(|_| !result.ended_by_itself);
    // The previous error is added only if the record's error is a different one.
    let fallback_reason = previous_error.clone().filter(|_| is_fallback);
    let is_news = termination.is_some() || is_fallback;
    let (status, error_code, error) = step_outcome(&result, termination);
    let error = match (error, waited_for) {
        (Some(error), Some(limit)) => Some(format!("{error}; it waited for {limit}")),
        (error, _) => error,
    };
    let error = match (error, previous_error.filter(|_| is_news)) {
        (Some(error), Some(previous)) => Some(format!("{error}; before that, {previous}")),
        (error, _) => error,
    };
    let failed = status != StepStatus::Success;
    let (approved_by, approval) = match approved {
        Some(GivenApproval { by, recorded }) => (Some(by), recorded),
        None => (None, None),
    };
    ExecutionLogRecord {
        status,
        output: result.output.filter(|_| !failed),
        error,
        duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
        suspended_ms: u64::try_from(suspended.as_millis()).unwrap_or(u64::MAX),
        fallback_reason,
        timestamp: Timestamp::now(),
        started_at,
        attempts: result.attempts,
        approved_by,
        approval,
        error_code,
        exit_code: result.exit_code,
        signal: result.signal,
        stdout: result.stdout.filter(|text| failed && !text.is_empty()),
        stderr: result.stderr.filter(|text| !text.is_empty()),
        leaked: result.leaked,
        resource_usage: result.resource_usage,
        sandbox: result.sandbox,
        arguments: shown,
        ..base_record(context, index, target)
    }
}

/// The record of a step that did not run.
pub(super) fn skipped_record(
    context: &ExecutionContext,
    index: usize,
    step: &ProvenStep,
    reason: SkipReason,
) -> ExecutionLogRecord {
    ExecutionLogRecord {
        error: Some(format!("skipped: {}", reason.text)),
        skipped_because: Some(reason.because),
        error_code: Some(ErrorCode::Skipped),
        ..base_record(context, index, step)
    }
}

/// The record of a step that waits for an answer.
pub(super) fn waiting_record(
    context: &ExecutionContext,
    index: usize,
    step: &ProvenStep,
    request: RecordedApproval,
    arguments: Arc<Map<String, Value>>,
) -> ExecutionLogRecord {
    ExecutionLogRecord {
        arguments,
        approval: Some(request),
        ..skipped_record(context, index, step, SkipReason::waits(step))
    }
}

/// The record of a denied step.
pub(super) fn denied_record(
    context: &ExecutionContext,
    index: usize,
    step: &ProvenStep,
    reason: &str,
    arguments: Arc<Map<String, Value>>,
) -> ExecutionLogRecord {
    let code = ErrorCode::PolicyRejected;
    ExecutionLogRecord {
        arguments,
        status: StepStatus::Rejected,
        error: Some(RuntimeError::text(code, reason)),
        error_code: Some(code),
        ..base_record(context, index, step)
    }
}

/// The record of a step whose result is reused from an earlier run.
pub(super) fn reused_record(
    context: &ExecutionContext,
    index: usize,
    step: &ProvenStep,
    reused: &Reused,
    arguments: Arc<Map<String, Value>>,
) -> ExecutionLogRecord {
    ExecutionLogRecord {
        arguments,
        status: StepStatus::Success,
        output: reused.output.clone(),
        reused_from: Some(reused.run_id.clone()),
        input_files: reused.input_files.clone(),
        ..base_record(context, index, step)
    }
}

/// The record of a step that its circuit breaker did not let through.
pub(super) fn rejected_record(
    context: &ExecutionContext,
    index: usize,
    step: &ProvenStep,
    refusal: &Rejection,
    arguments: Arc<Map<String, Value>>,
) -> ExecutionLogRecord {
    let code = ErrorCode::CircuitOpen;
    ExecutionLogRecord {
        arguments,
        status: StepStatus::Rejected,
        error: Some(refusal_text(&step.skill_id, refusal)),
        error_code: Some(code),
        ..base_record(context, index, step)
    }
}

/// Why a breaker did not let a call of `skill` through.
pub(super) fn refusal_text(skill: &str, refusal: &Rejection) -> String {
    let Rejection {
        state,
        failures,
        until,
    } = *refusal;
    let seconds = until.duration_since(Timestamp::now()).as_secs().max(0);
    let until = until.strftime("%H:%M:%SZ");
    let failed = match failures {
        1 => format!("`{skill}` failed"),
        _ => format!("`{skill}` failed {failures} times in a row"),
    };
    let next = match state {
        CircuitState::HalfOpen => {
            format!("a probe call is in progress, the next one may start at {until} at the latest")
        }
        _ => format!("the next probe call may start at {until}, in {seconds}s"),
    };
    RuntimeError::text(ErrorCode::CircuitOpen, &format!("{failed}; {next}"))
}

fn step_outcome(
    result: &ExecutionResult,
    termination: Option<TerminationReason>,
) -> (StepStatus, Option<ErrorCode>, Option<String>) {
    let (status, code, detail) = match termination {
        None if result.status == ExecutionStatus::Success => {
            return (StepStatus::Success, None, None);
        }
        None => {
            let code = result.error_code.unwrap_or(ErrorCode::SkillFailed);
            return (result.status.into(), Some(code), Some(result.error.clone()));
        }
        Some(TerminationReason::StepTimeout(limit)) => (
            StepStatus::Timeout,
            ErrorCode::ExecutionTimeout,
            format!("the step exceeded its timeout of {limit}"),
        ),
        Some(TerminationReason::PlanTimeout(limit)) => (
            StepStatus::Timeout,
            ErrorCode::PlanTimeout,
            format!("the run exceeded its timeout of {limit}"),
        ),
        Some(TerminationReason::FinallyTimeout(limit)) => (
            StepStatus::Timeout,
            ErrorCode::PlanTimeout,
            format!("the `finally` steps exceeded their timeout of {limit}"),
        ),
        Some(TerminationReason::Signal(signal)) => (
            StepStatus::Canceled,
            ErrorCode::Canceled,
            format!("canceled by {}", signal_name(signal)),
        ),
        Some(TerminationReason::Halt(reason)) => (
            StepStatus::Canceled,
            ErrorCode::Canceled,
            format!("canceled: {reason}"),
        ),
    };
    (status, Some(code), Some(RuntimeError::text(code, &detail)))
}

/// The fields common to all records, with the values of a step that was skipped now.
fn base_record(context: &ExecutionContext, index: usize, step: &ProvenStep) -> ExecutionLogRecord {
    let now = Timestamp::now();
    ExecutionLogRecord {
        request_id: context.identity.request_id.clone(),
        assistant_id: context.identity.assistant_id.clone(),
        step_name: step.name.clone(),
        step_type: step.step_type.as_str().to_owned(),
        status: StepStatus::Skipped,
        output: None,
        error: None,
        duration_ms: 0,
        timestamp: now,
        run_id: context.run_id.clone(),
        step_id: step.label.clone(),
        step_index: index,
        item_index: None,
        item_count: None,
        items: None,
        skill_id: step.skill_id.clone(),
        skill_version: step.skill_version.clone(),
        started_at: now,
        attempts: 0,
        approved_by: None,
        reused_from: None,
        fallback_reason: None,
        suspended_ms: 0,
        not_reused: None,
        input_files: InputFiles::new(),
        arguments: step.shown_arguments.clone(),
        error_code: None,
        hint: None,
        exit_code: None,
        signal: None,
        stdout: None,
        stderr: None,
        leaked: None,
        resource_usage: ResourceUsage::default(),
        sandbox: SandboxReport {
            mode: AppliedSandbox::None,
            ..SandboxReport::default()
        },
        approval: None,
        skipped_because: None,
        is_finally: false,
        schema_version: SCHEMA_VERSION,
        seq: 0,
        prev_hash: String::new(),
        hash: String::new(),
    }
}
