//! The life of one step, from dispatch to its record.
//!
//! Invariant: the flow is linear. One `select!` owns a running step, as in cargo-nextest's
//! `runner/unix.rs`: its timeout, the run's timeout, signals, and a halt by another step. A step's
//! record is committed before its end is reported and before anything that depends on it starts.
//! Steps run concurrently on one thread and share only the [`RunState`].

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};
use tokio::sync::watch;

use super::approval::ApprovalOutcome;
use super::arguments::ResolvedArguments;
use super::attempts::Attempts;
use super::attempts_outcome::{AttemptsOutcome, not_started};
use super::completion::{CommitFailure, StepCompletion};
use super::condition::{ConditionOutcome, StepOutcome, evaluate_conditions};
use super::halt::Halt;
use super::policy_check::evaluate_step;
use super::policy_gate::Denial;
use super::prepared_item::PreparedItem;
use super::resolve::ResolveError;
use super::run_state::RunState;
use super::skip_reason::SkipReason;
use super::step_call::StepCall;
use super::termination::TerminationReason;
use super::{
    BreakerDecision, CircuitBreaker, ExecutionLogger, LogError, Permit, ProvenStep, Rejection,
    Reused, RunStopReason, RuntimeError, ShutdownState, SkillExecutor, UnloggedStep, record,
};
use crate::event::{RunEvent, StepDetail, TerminationCause};
use crate::model::{ErrorCode, ExecutionLogRecord, RecordedApproval, StepStatus};
use crate::process::StopRequest;
use crate::skill::Skill;

/// What to do with a step.
pub(super) enum StepAction {
    Run,
    /// It does not run, for this reason, unless its conditions skip it.
    RunWithoutValue(SkipReason),
    /// It does not run, for this reason.
    Skip(SkipReason),
    /// It is denied.
    Deny(Denial),
    /// It does not run, because it would be ended at once.
    End(TerminationReason),
    /// It waits for an answer.
    Wait(RecordedApproval),
}

#[derive(Default)]
struct Termination {
    /// Why it was terminated; `None` if it ended by itself.
    reason: Option<TerminationReason>,
    /// See [`StepCompletion::run_stop`].
    run_stop: Option<RunStopReason>,
}

impl<E: SkillExecutor, L: ExecutionLogger, B: CircuitBreaker> RunState<'_, E, L, B> {
    /// Runs or skips a step and commits its record.
    pub(super) async fn run_step(&self, index: usize, action: StepAction) -> StepCompletion {
        let step = &self.plan.steps[index];
        if let Some(record) = self.records.borrow()[index].clone() {
            // Its result is reused from an earlier run.
            return StepCompletion {
                record: Ok(record),
                run_stop: None,
            };
        }
        match action {
            StepAction::Run => self.run_if_met(index, step, None).await,
            StepAction::RunWithoutValue(reason) => self.run_if_met(index, step, Some(reason)).await,
            StepAction::Skip(reason) => {
                let record = record::skipped_record(self.context, index, step, reason);
                self.commit_not_run(record, None).await
            }
            StepAction::Deny(denial) => {
                let arguments = step.shown_arguments.clone();
                let record =
                    record::denied_record(self.context, index, step, &denial.reason, arguments);
                self.commit_not_run(record, denial.hint).await
            }
            StepAction::Wait(request) => {
                let arguments = step.shown_arguments.clone();
                self.commit_waiting(index, arguments, request).await
            }
            StepAction::End(reason) => {
                let arguments = step.shown_arguments.clone();
                self.end_before_start(index, arguments, reason).await
            }
        }
    }

    /// Runs the step if its conditions are met. `without_value`: why it is skipped even then.
    async fn run_if_met(
        &self,
        index: usize,
        step: &ProvenStep,
        without_value: Option<SkipReason>,
    ) -> StepCompletion {
        let records = &self.records;
        let outcome_of = |index: usize| records.borrow()[index].clone().map(StepOutcome::new);
        let run = self.run_value.borrow().clone();
        let reason = match evaluate_conditions(step, self.plan, Some(&run), outcome_of) {
            Err(error) => return self.fail_unresolved(index, step, &error).await,
            Ok(ConditionOutcome::Unmet(reason)) => Some(reason),
            Ok(ConditionOutcome::Met | ConditionOutcome::Unknown) => without_value,
        };
        let reused = self.options.reused.get(index);
        match (reason, &step.for_each, reused) {
            (None, Some(for_each), _) => self.run_items(index, for_each).await,
            (None, None, Some(Ok(reused))) => self.reuse_step(index, step, reused).await,
            (None, None, _) => self.start_step(index, step).await,
            (Some(reason), ..) => {
                let record = record::skipped_record(self.context, index, step, reason);
                self.commit_not_run(record, None).await
            }
        }
    }

    /// Records the reused result of a step that takes the output of one with `for_each`.
    async fn reuse_step(&self, index: usize, step: &ProvenStep, reused: &Reused) -> StepCompletion {
        let record = match self.resolve_arguments(step) {
            Ok(call) => record::reused_record(self.context, index, step, reused, call.shown),
            Err(error) => return self.fail_unresolved(index, step, &error).await,
        };
        self.commit_not_run(record, None).await
    }

    /// Completes a step whose references can't be resolved.
    async fn fail_unresolved(
        &self,
        index: usize,
        step: &ProvenStep,
        error: &ResolveError,
    ) -> StepCompletion {
        let outcome = unresolved_outcome(step, error);
        let completed = record::CompletedStep::without_start(outcome);
        let record = record::finished_record(self.context, index, completed);
        self.commit_not_run(record, None).await
    }

    /// Resolves the arguments, checks policies and approval, and asks the breaker, before the skill
    /// is called.
    async fn start_step(&self, index: usize, step: &ProvenStep) -> StepCompletion {
        let call = match self.resolve_arguments(step) {
            Ok(call) => call,
            Err(unresolved) => return self.fail_unresolved(index, step, &unresolved).await,
        };
        if let Some(completion) = self.check_permitted(index, &call).await {
            return completion;
        }
        self.make_call(&self.step_call(index), call).await
    }

    /// Runs one item of a step, which is permitted and approved.
    pub(super) async fn run_item(&self, call: StepCall<'_>, item: PreparedItem) -> StepCompletion {
        let (context, index, step) = (self.context, call.index, call.step);
        match (item.arguments, item.reused) {
            (Ok(arguments), Some(reused)) => {
                let shown = arguments.shown;
                let record = record::reused_record(context, index, step, &reused, shown);
                self.commit_call(&call, record, StepDetail::default(), None)
                    .await
            }
            (Ok(arguments), None) => self.make_call(&call, arguments).await,
            (Err(unresolved), _) => {
                let outcome = unresolved_outcome(call.step, &unresolved);
                let completed = record::CompletedStep::without_start(outcome);
                let record = record::finished_record(self.context, call.index, completed);
                self.commit_call(&call, record, StepDetail::default(), None)
                    .await
            }
        }
    }

    /// Asks the breaker and calls the skill.
    async fn make_call(&self, call: &StepCall<'_>, arguments: ResolvedArguments) -> StepCompletion {
        let StepCall { index, step, .. } = *call;
        match self.ask_breaker(step).await {
            Ok(BreakerDecision::Allowed(permit)) => {
                self.call_skill(call, arguments, Ok(permit)).await
            }
            Ok(BreakerDecision::Refused(refusal)) if step.fallback.is_some() => {
                self.call_skill(call, arguments, Err(refusal)).await
            }
            Ok(BreakerDecision::Refused(refusal)) => {
                let record =
                    record::rejected_record(self.context, index, step, &refusal, arguments.shown);
                let skill = &step.skill_id;
                let hint = format!(
                    "`obs circuits reset {skill}` closes it, `--circuit-breaker=off` bypasses it"
                );
                let record = ExecutionLogRecord {
                    hint: Some(hint),
                    ..record
                };
                self.commit_call(call, record, StepDetail::default(), None)
                    .await
            }
            Err(error) => StepCompletion::unlogged(error),
        }
    }

    /// Completes the step if it is not permitted, now that its arguments are known: policies first,
    /// then approval. Returns `None` if it may run.
    async fn check_permitted(
        &self,
        index: usize,
        call: &ResolvedArguments,
    ) -> Option<StepCompletion> {
        let denial = match self.denial(index, call) {
            Some(reason) => Denial::by_policy(reason),
            None => match self
                .request_approval(index, &call.arguments, &call.shown, None)
                .await
            {
                ApprovalOutcome::Free => return None,
                ApprovalOutcome::Waits(request) => {
                    let arguments = call.shown.clone();
                    return Some(self.commit_waiting(index, arguments, request).await);
                }
                ApprovalOutcome::Refused(reason) => Denial::unapproved(reason),
                ApprovalOutcome::Stopped(reason) => {
                    let arguments = call.shown.clone();
                    return Some(self.end_before_start(index, arguments, reason).await);
                }
            },
        };
        let (step, arguments) = (&self.plan.steps[index], call.shown.clone());
        let record = record::denied_record(self.context, index, step, &denial.reason, arguments);
        Some(self.commit_not_run(record, denial.hint).await)
    }

    /// Why policies deny the step. A step without references was decided about with the plan.
    fn denial(&self, index: usize, call: &ResolvedArguments) -> Option<String> {
        let step = &self.plan.steps[index];
        let gate = self.options.gate.filter(|_| step.template.is_some())?;
        evaluate_step(gate, self.plan, index, &call.arguments).denial(step)
    }

    /// Completes a step that waits for an answer.
    pub(super) async fn commit_waiting(
        &self,
        index: usize,
        arguments: Arc<Map<String, Value>>,
        request: RecordedApproval,
    ) -> StepCompletion {
        let step = &self.plan.steps[index];
        if index < self.plan.finally_from() {
            self.schedule.borrow_mut().wait(index);
        }
        let record = record::waiting_record(self.context, index, step, request, arguments);
        self.commit_not_run(record, None).await
    }

    /// Completes a step that may no longer start.
    pub(super) async fn end_before_start(
        &self,
        index: usize,
        arguments: Arc<Map<String, Value>>,
        reason: TerminationReason,
    ) -> StepCompletion {
        let step = &self.plan.steps[index];
        let code = ErrorCode::Canceled;
        let outcome = AttemptsOutcome::new(not_started(code, String::new()), step, arguments);
        let run_stop = reason.run_stop_reason();
        let completed = record::CompletedStep {
            termination: Some(reason),
            ..record::CompletedStep::without_start(outcome)
        };
        let record = record::finished_record(self.context, index, completed);
        self.commit_record(record, StepDetail::default(), run_stop)
            .await
    }

    /// Commits the record of a step that did not run.
    pub(super) async fn commit_not_run(
        &self,
        record: ExecutionLogRecord,
        hint: Option<String>,
    ) -> StepCompletion {
        let record = ExecutionLogRecord { hint, ..record };
        self.commit_record(record, StepDetail::default(), None)
            .await
    }

    async fn ask_breaker(&self, step: &ProvenStep) -> Result<BreakerDecision, LogError> {
        let lease = step.timeout.duration.saturating_add(step.grace);
        let decision = self.options.breaker.allow(&step.skill_id, lease);
        self.with_log_timeout(decision).await
    }

    /// Reports the result to the breaker of the step's own skill. If the fallback was called, that
    /// skill failed.
    async fn tell_breaker(
        &self,
        step: &ProvenStep,
        permit: Permit,
        record: &ExecutionLogRecord,
    ) -> Result<(), LogError> {
        let (breaker, skill) = (self.options.breaker, &step.skill_id);
        match record.status {
            StepStatus::Canceled | StepStatus::Skipped => {
                self.with_log_timeout(breaker.release(skill, permit)).await
            }
            _ if record.skill_id != *skill => {
                self.with_log_timeout(breaker.record_failure(skill, permit))
                    .await
            }
            StepStatus::Rejected => self.with_log_timeout(breaker.release(skill, permit)).await,
            StepStatus::Success => {
                self.with_log_timeout(breaker.record_success(skill, permit))
                    .await
            }
            StepStatus::Failed | StepStatus::Timeout => {
                self.with_log_timeout(breaker.record_failure(skill, permit))
                    .await
            }
        }
    }

    async fn call_skill(
        &self,
        call: &StepCall<'_>,
        arguments: ResolvedArguments,
        permit: Result<Permit, Rejection>,
    ) -> StepCompletion {
        let StepCall { index, step, .. } = *call;
        let skills = std::iter::once(step).chain(step.fallback.as_deref());
        let skills: Vec<&Skill> = skills.map(|step| &*step.skill).collect();
        let input_files = self.executor.input_files(&skills).await;
        let started_at = Timestamp::now();
        let start = self.context.clock().now();
        call.events.emit(RunEvent::StepStarted {
            index,
            timeout: step.timeout.duration,
            is_builtin: step.skill.native().is_none(),
        });
        let refusal = permit.err();
        let (mut outcome, termination) = self.run_until_done(call, arguments, refusal).await;
        let start_error = outcome.start_error.take();
        let (result, target) = (&mut outcome.result, outcome.target);
        let hint = result.hint.take();
        let detail = StepDetail {
            command: std::mem::take(&mut result.command),
            confinement: target.confinement.clone(),
            working_directory: result.working_directory.take(),
            lacks: std::mem::take(&mut result.lacks),
            gathered: None,
        };
        let completed = record::CompletedStep {
            started_at,
            duration: self.context.clock().elapsed(start),
            suspended: self.context.clock().suspended_since(start),
            termination: termination.reason,
            outcome,
            approved: self.approvals.borrow().get(&index).cloned(),
        };
        let record = ExecutionLogRecord {
            input_files,
            hint,
            ..record::finished_record(self.context, index, completed)
        };
        let notified = match (start_error, permit) {
            (Some(error), _) => Err(error),
            (None, Ok(permit)) => self.tell_breaker(step, permit, &record).await,
            (None, Err(_)) => Ok(()),
        };
        if let Err(error) = notified {
            let step = UnloggedStep::from_record(&record);
            let record = Err(CommitFailure { step, error });
            let run_stop = termination.run_stop;
            return StepCompletion { record, run_stop };
        }
        self.commit_call(call, record, detail, termination.run_stop)
            .await
    }

    fn resolve_arguments(&self, step: &ProvenStep) -> Result<ResolvedArguments, ResolveError> {
        let run = self.run_value.borrow().clone();
        ResolvedArguments::resolve(step, &run, |index| self.record_of(index))
    }

    /// Owns a running step: its timeout, that of the phase, signals and halts. A step whose breaker
    /// refused it calls its fallback only.
    async fn run_until_done<'s>(
        &'s self,
        call: &'s StepCall<'_>,
        arguments: ResolvedArguments,
        refusal: Option<Rejection>,
    ) -> (AttemptsOutcome<'s>, Termination) {
        let StepCall { index, step, .. } = *call;
        let stop_sender = watch::Sender::new(StopRequest::None);
        let execution = Attempts::new(self, call, stop_sender.clone()).run(arguments, refusal);
        let clock = self.context.clock();
        let step_time = clock.sleep_until_elapsed(clock.now(), step.timeout.duration);
        let (start, limit) = self.phase_time();
        let phase_time = clock.sleep_until_elapsed(start, limit.duration);
        tokio::pin!(execution, step_time, phase_time);
        let (mut signals, mut halts) = (self.shutdown.clone(), self.halts(call));
        let mut seen = ShutdownState::None;
        let mut termination = Termination::default();
        loop {
            let runs = termination.reason.is_none();
            let (reason, request) = tokio::select! {
                biased;
                outcome = &mut execution => {
                    termination.reason = termination.reason.or_else(|| outcome.termination.clone());
                    let reason = termination.reason.as_ref();
                    let run_stop = reason.and_then(TerminationReason::run_stop_reason);
                    termination.run_stop = termination.run_stop.or(run_stop);
                    return (outcome, termination);
                }
                state = signals.changed_from(seen) => {
                    seen = state;
                    let signal = state.signal().unwrap_or_default();
                    // A signal outweighs the run's timeout, even if it comes later.
                    termination.run_stop = Some(RunStopReason::Signal(signal));
                    match self.requested_by_signal(state) {
                        StopRequest::None => continue,
                        request => (TerminationReason::Signal(signal), request),
                    }
                }
                () = &mut phase_time, if runs => {
                    let reason = self.phase_timeout();
                    termination.run_stop = termination.run_stop.or(reason.run_stop_reason());
                    (reason, StopRequest::Terminate)
                }
                () = &mut step_time, if runs => {
                    (TerminationReason::StepTimeout(step.timeout), StopRequest::Terminate)
                }
                reason = Halt::one_ends_all(&mut halts), if runs => {
                    (TerminationReason::Halt(reason), StopRequest::Terminate)
                }
            };
            if runs {
                call.events.emit(RunEvent::StepEnding {
                    index,
                    reason: termination_cause(&reason),
                });
            }
            termination.reason.get_or_insert(reason);
            stop_sender.send_if_modified(|now| {
                let more = request > *now;
                *now = request.max(*now);
                more
            });
        }
    }

    /// The records of reused steps, each after the steps that it refers to. Those that refer to a
    /// step with `for_each` are recorded when it is their turn.
    pub(super) fn reused(&self) -> Vec<ExecutionLogRecord> {
        let mut records: Vec<Option<Arc<ExecutionLogRecord>>> = vec![None; self.plan.steps.len()];
        let mut all = Vec::new();
        if self.options.reused.iter().all(Result::is_err) {
            return all;
        }
        for index in self.plan.flow.in_order().into_iter().flatten() {
            let (step, reused) = (&self.plan.steps[index], self.options.reused.get(index));
            let run = self.run_value.borrow();
            let call = ResolvedArguments::resolve(step, &run, |index| records[index].clone());
            // The items of a step are recorded before the step.
            let reused = reused.filter(|_| step.for_each.is_none());
            if let (Some(Ok(reused)), Ok(call)) = (reused, call) {
                let record = record::reused_record(self.context, index, step, reused, call.shown);
                records[index] = Some(Arc::new(record.clone()));
                all.push(record);
            }
        }
        all
    }
}

/// The outcome of a call whose arguments can't be resolved.
pub(super) fn unresolved_outcome<'p>(
    step: &'p ProvenStep,
    unresolved: &ResolveError,
) -> AttemptsOutcome<'p> {
    let error = RuntimeError::text(unresolved.code, &unresolved.message);
    AttemptsOutcome::new(
        not_started(unresolved.code, error),
        step,
        step.shown_arguments.clone(),
    )
}

fn termination_cause(reason: &TerminationReason) -> TerminationCause {
    match reason {
        TerminationReason::StepTimeout(_) => TerminationCause::StepTimeout,
        TerminationReason::PlanTimeout(_) | TerminationReason::FinallyTimeout(_) => {
            TerminationCause::PlanTimeout
        }
        TerminationReason::Signal(_) | TerminationReason::Halt(_) => TerminationCause::Canceled,
    }
}
