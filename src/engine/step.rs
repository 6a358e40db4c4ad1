//! The life of one step, from its turn to its record.
//!
//! Invariant: a straight line. One `select!` owns a step that runs, as in cargo-nextest's
//! `runner/unix.rs`: its own time, the run's time, signals, and the end of the plan by another step.
//! A step's record is in the log before anybody is told that the step ended and before anything that
//! depends on it starts. Steps run side by side on one thread and share nothing but the [`Ground`].

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;

use super::approval::Asked;
use super::arguments::Call;
use super::attempts::Attempts;
use super::attempts_outcome::{AttemptsOutcome, not_started};
use super::completion::{CommitFailure, StepCompletion};
use super::halt::Halt;
use super::policy_gate::{Denial, judge_resolved};
use super::record;
use super::resolve::Unresolved;
use super::run_state::RunState;
use super::termination::TerminationReason;
use super::{
    Admission, CircuitBreaker, ExecutionLogger, LogError, Permit, ProvenStep, RunEnd, RuntimeError,
    SignalState, SkillExecutor, UnloggedStep,
};
use crate::event::{EndReason, RunEvent, StepDetail};
use crate::model::{ErrorCode, ExecutionLogRecord, StepStatus};
use crate::process::Stop;

/// What is to become of a step.
pub(super) enum StepAction {
    Run,
    /// It does not run, for this reason.
    Skip(String),
    /// It may not be made.
    Deny(Denial),
}

/// How a step that ran came to its end.
#[derive(Default)]
struct Termination {
    /// Who ended it, where it did not end by itself.
    ending: Option<TerminationReason>,
    /// See [`Over::end`].
    end: Option<RunEnd>,
}

impl<E: SkillExecutor, L: ExecutionLogger, B: CircuitBreaker> RunState<'_, E, L, B> {
    /// Runs or skips a step and commits its record.
    pub(super) async fn step(&self, index: usize, turn: StepAction) -> StepCompletion {
        let step = &self.plan.steps[index];
        if let Some(record) = self.records.borrow()[index].clone() {
            // Its result was taken over from an earlier run.
            return StepCompletion {
                record: Ok(record),
                end: None,
            };
        }
        match turn {
            StepAction::Run => self.turn(index, step).await,
            StepAction::Skip(reason) => {
                let record = record::skipped(self.context, index, step, &reason);
                self.not_run(record, None).await
            }
            StepAction::Deny(denial) => {
                let arguments = step.shown_arguments.clone();
                let record = record::denied(self.context, index, step, &denial.reason, arguments);
                self.not_run(record, denial.hint).await
            }
        }
    }

    /// A step whose turn it is: what it asks for, whether it may, and whether its skill is let through.
    async fn turn(&self, index: usize, step: &ProvenStep) -> StepCompletion {
        let call = match self.call(step) {
            Ok(call) => call,
            Err(unresolved) => {
                let finished = record::CompletedStep::at_once(unanswered(step, &unresolved));
                let record = record::finished(self.context, index, finished);
                return self.not_run(record, None).await;
            }
        };
        if let Some(over) = self.barred(index, &call).await {
            return over;
        }
        match self.admission(step).await {
            Ok(Admission::Allowed(permit)) => self.run(index, step, call, permit).await,
            Ok(Admission::Refused(refusal)) => {
                let record = record::refused(self.context, index, step, &refusal, call.shown);
                let skill = &step.skill_id;
                let hint = format!(
                    "`obs circuits reset {skill}` closes it now, `--circuit-breaker=off` passes it by"
                );
                self.not_run(record, Some(hint)).await
            }
            Err(error) => StepCompletion::unlogged(error),
        }
    }

    /// What becomes of a step that may not be made, or may not yet be known to be, now that its arguments
    /// are known: policies first, then a person.
    async fn barred(&self, index: usize, call: &Call) -> Option<StepCompletion> {
        let denial = match self.denial(index, call) {
            Some(reason) => Denial::by_policy(reason),
            None => match self.approved(index, &call.shown).await {
                Asked::Free => return None,
                Asked::Refused(reason) => Denial::not_approved(reason),
                Asked::Stopped(ending) => return Some(self.canceled(index, call, ending).await),
            },
        };
        let (step, arguments) = (&self.plan.steps[index], call.shown.clone());
        let record = record::denied(self.context, index, step, &denial.reason, arguments);
        Some(self.not_run(record, denial.hint).await)
    }

    /// Why policies deny the step. One whose arguments always were known was asked about with the plan.
    fn denial(&self, index: usize, call: &Call) -> Option<String> {
        let step = &self.plan.steps[index];
        let gate = self.run.gate.filter(|_| step.template.is_some())?;
        judge_resolved(gate, self.plan, index, &call.arguments).denial(step)
    }

    /// A step that ended while somebody was asked about it.
    async fn canceled(
        &self,
        index: usize,
        call: &Call,
        ending: TerminationReason,
    ) -> StepCompletion {
        let step = &self.plan.steps[index];
        let code = ErrorCode::Canceled;
        let answer = AttemptsOutcome {
            result: not_started(code, String::new()),
            by: step,
            is_by_fallback: false,
            shown: call.shown.clone(),
            ending: None,
            before: None,
            start_error: None,
        };
        let end = ending.run_end();
        let finished = record::CompletedStep {
            ending: Some(ending),
            ..record::CompletedStep::at_once(answer)
        };
        let record = record::finished(self.context, index, finished);
        self.commit_record(record, StepDetail::default(), end).await
    }

    /// A step for which nothing was started.
    async fn not_run(&self, record: ExecutionLogRecord, hint: Option<String>) -> StepCompletion {
        let detail = StepDetail {
            hint,
            ..StepDetail::default()
        };
        self.commit_record(record, detail, None).await
    }

    async fn admission(&self, step: &ProvenStep) -> Result<Admission, LogError> {
        let lease = step.timeout.duration.saturating_add(step.grace);
        let asked = self.run.breaker.allow(&step.skill_id, lease);
        self.logged(asked).await
    }

    /// Tells the breaker of the step's own skill what became of it. Where the fallback had to answer, it
    /// has failed.
    async fn tell_breaker(
        &self,
        step: &ProvenStep,
        permit: Permit,
        record: &ExecutionLogRecord,
    ) -> Result<(), LogError> {
        let (breaker, skill) = (self.run.breaker, &step.skill_id);
        match record.status {
            StepStatus::Canceled | StepStatus::Skipped => {
                self.logged(breaker.release(skill, permit)).await
            }
            _ if record.skill_id != *skill => {
                self.logged(breaker.record_failure(skill, permit)).await
            }
            StepStatus::Rejected => self.logged(breaker.release(skill, permit)).await,
            StepStatus::Success => self.logged(breaker.record_success(skill, permit)).await,
            StepStatus::Failed | StepStatus::Timeout => {
                self.logged(breaker.record_failure(skill, permit)).await
            }
        }
    }

    async fn run(
        &self,
        index: usize,
        step: &ProvenStep,
        call: Call,
        permit: Permit,
    ) -> StepCompletion {
        let started_at = Timestamp::now();
        let start = self.context.clock().now();
        self.run.events.emit(RunEvent::StepStarted {
            index,
            timeout: step.timeout.duration,
        });
        let (mut answer, ended) = self.watched(index, step, call).await;
        let start_error = answer.start_error.take();
        let (result, by) = (&mut answer.result, answer.by);
        let detail = StepDetail {
            command: std::mem::take(&mut result.command),
            confinement: by.confinement.clone(),
            working_directory: result.working_directory.take(),
            hint: result.hint.take(),
        };
        let finished = record::CompletedStep {
            started_at,
            duration: self.context.clock().elapsed(start),
            ending: ended.ending,
            answer,
            approved_by: self.approvals.borrow().get(&index).cloned(),
        };
        let record = record::finished(self.context, index, finished);
        let told = match start_error {
            Some(error) => Err(error),
            None => self.tell_breaker(step, permit, &record).await,
        };
        if let Err(error) = told {
            let step = UnloggedStep::of(&record);
            let record = Err(CommitFailure { step, error });
            let end = ended.end;
            return StepCompletion { record, end };
        }
        self.commit_record(record, detail, ended.end).await
    }

    fn call(&self, step: &ProvenStep) -> Result<Call, Unresolved> {
        Call::of_step(step, |index| self.records.borrow()[index].clone())
    }

    /// Owns a running step: its time, the run's time, the signals and the end of the plan.
    async fn watched<'s>(
        &'s self,
        index: usize,
        step: &ProvenStep,
        call: Call,
    ) -> (AttemptsOutcome<'s>, Termination) {
        let urgency = watch::Sender::new(Stop::Run);
        let execution = Attempts::new(self, index, urgency.clone()).run(call);
        let clock = self.context.clock();
        let step_time = clock.sleep_until_elapsed(clock.now(), step.timeout.duration);
        let run_time = clock.sleep_until_elapsed(self.context.start(), self.plan.timeout.duration);
        tokio::pin!(execution, step_time, run_time);
        let mut signals = self.control.clone();
        let mut halt = self.halt.subscribe();
        let mut seen = SignalState::None;
        let mut ended = Termination::default();
        loop {
            let runs = ended.ending.is_none();
            let (ending, wanted) = tokio::select! {
                biased;
                answer = &mut execution => {
                    ended.ending = ended.ending.or_else(|| answer.ending.clone());
                    ended.end = ended.end.or_else(|| ended.ending.as_ref()?.run_end());
                    return (answer, ended);
                }
                state = signals.changed_from(seen) => {
                    seen = state;
                    let signal = state.signal().unwrap_or_default();
                    // A signal outweighs the run's timeout, also where it comes after it.
                    ended.end = Some(RunEnd::Signal(signal));
                    let kill = matches!(state, SignalState::Second(_));
                    (TerminationReason::Signal(signal), if kill { Stop::Kill } else { Stop::End })
                }
                () = &mut run_time, if runs => {
                    ended.end.get_or_insert(RunEnd::PlanTimeout(self.plan.timeout));
                    (TerminationReason::PlanTimeout(self.plan.timeout), Stop::End)
                }
                () = &mut step_time, if runs => (TerminationReason::StepTimeout(step.timeout), Stop::End),
                reason = Halt::ends_all(&mut halt), if runs => (TerminationReason::Halt(reason), Stop::End),
            };
            if runs {
                self.run.events.emit(RunEvent::StepEnding {
                    index,
                    reason: end_reason(&ending),
                    grace: step.grace,
                });
            }
            ended.ending.get_or_insert(ending);
            urgency.send_if_modified(|now| {
                let more = wanted > *now;
                *now = wanted.max(*now);
                more
            });
        }
    }

    /// The records of the steps whose results are taken over, each after those that it refers to.
    pub(super) fn reused(&self) -> Vec<ExecutionLogRecord> {
        let mut records: Vec<Option<Arc<ExecutionLogRecord>>> = vec![None; self.plan.steps.len()];
        let mut all = Vec::new();
        if self.run.reused.iter().all(Option::is_none) {
            return all;
        }
        for index in self.plan.flow.in_order().into_iter().flatten() {
            let (step, reused) = (&self.plan.steps[index], self.run.reused.get(index));
            let call = Call::of_step(step, |index| records[index].clone());
            if let (Some(Some(reused)), Ok(call)) = (reused, call) {
                let record = record::reused(self.context, index, step, reused, call.shown);
                records[index] = Some(Arc::new(record.clone()));
                all.push(record);
            }
        }
        all
    }
}

fn unanswered<'p>(step: &'p ProvenStep, unresolved: &Unresolved) -> AttemptsOutcome<'p> {
    let error = RuntimeError::text(unresolved.code, &unresolved.message);
    AttemptsOutcome {
        result: not_started(unresolved.code, error),
        by: step,
        is_by_fallback: false,
        shown: step.shown_arguments.clone(),
        ending: None,
        before: None,
        start_error: None,
    }
}

fn end_reason(ending: &TerminationReason) -> EndReason {
    match ending {
        TerminationReason::StepTimeout(_) => EndReason::StepTimeout,
        TerminationReason::PlanTimeout(_) => EndReason::PlanTimeout,
        TerminationReason::Signal(_) | TerminationReason::Halt(_) => EndReason::Canceled,
    }
}
