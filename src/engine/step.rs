//! The life of one step, from its turn to its record.
//!
//! Invariant: a straight line. One `select!` owns a step that runs, as in cargo-nextest's
//! `runner/unix.rs`: its own time, the run's time, signals, and the end of the plan by another step.
//! A step's record is in the log before anybody is told that the step ended and before anything that
//! depends on it starts. Steps run side by side on one thread and share nothing but the [`Ground`].

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::{Mutex, watch};

use super::approval::Asked;
use super::arguments::Call;
use super::attempts::{Answer, Attempts};
use super::dispatch::Run;
use super::policy_gate::{Denial, judge_resolved};
use super::record::{self, Ending};
use super::resolve::Unresolved;
use super::schedule::Schedule;
use super::stopping::Halt;
use super::{
    Admission, CircuitBreaker, ExecutionContext, ExecutionLogger, LogError, Permit, ProvenPlan,
    ProvenStep, RunControl, RunEnd, RuntimeError, SignalState, SkillExecutor, UnloggedStep,
};
use crate::event::{EndReason, RunEvent, StepDetail};
use crate::model::{ErrorCode, ExecutionLogRecord, StepStatus};
use crate::process::Stop;

/// What the steps of a run share.
pub(super) struct Ground<'r, E, L, B> {
    pub(super) executor: &'r E,
    pub(super) plan: &'r ProvenPlan,
    pub(super) context: &'r ExecutionContext,
    pub(super) run: Run<'r, L, B>,
    pub(super) control: RunControl,
    /// Who approved steps, by their indices.
    pub(super) approvals: RefCell<BTreeMap<usize, String>>,
    /// Held while somebody is asked.
    pub(super) asking: Mutex<()>,
    /// What the end of one step means for the others.
    pub(super) halt: watch::Sender<Halt>,
    /// Which step may start.
    pub(super) schedule: RefCell<Schedule>,
    /// The records of the steps that are over, by the steps' indices.
    pub(super) records: RefCell<Vec<Option<Arc<ExecutionLogRecord>>>>,
}

/// What is to become of a step.
pub(super) enum Turn {
    Run,
    /// It does not run, for this reason.
    Skip(String),
    /// It may not be made.
    Deny(Denial),
}

/// A step that is over.
pub(super) struct Over {
    /// Its record, which is in the log.
    pub(super) record: Result<Arc<ExecutionLogRecord>, Unlogged>,
    /// What the step saw that ends the run, whatever became of the step itself.
    pub(super) end: Option<RunEnd>,
}

/// A step whose record, or what has to be written before it, could not be kept.
pub(super) struct Unlogged {
    /// The step, where it ran.
    pub(super) step: Option<UnloggedStep>,
    pub(super) error: LogError,
}

impl Over {
    /// A step that did not even start, because that could not be written.
    fn unlogged(error: LogError) -> Self {
        let record = Err(Unlogged { step: None, error });
        Self { record, end: None }
    }
}

/// How a step that ran came to its end.
#[derive(Default)]
struct Ended {
    /// Who ended it, where it did not end by itself.
    ending: Option<Ending>,
    /// See [`Over::end`].
    end: Option<RunEnd>,
}

impl<E: SkillExecutor, L: ExecutionLogger, B: CircuitBreaker> Ground<'_, E, L, B> {
    /// Runs or skips a step and commits its record.
    pub(super) async fn step(&self, index: usize, turn: Turn) -> Over {
        let step = &self.plan.steps[index];
        if let Some(record) = self.records.borrow()[index].clone() {
            // Its result was taken over from an earlier run.
            return Over {
                record: Ok(record),
                end: None,
            };
        }
        match turn {
            Turn::Run => self.turn(index, step).await,
            Turn::Skip(reason) => {
                let record = record::skipped(self.context, index, step, &reason);
                self.not_run(record, None).await
            }
            Turn::Deny(denial) => {
                let arguments = step.shown_arguments.clone();
                let record = record::denied(self.context, index, step, &denial.reason, arguments);
                self.not_run(record, denial.hint).await
            }
        }
    }

    /// A step whose turn it is: what it asks for, whether it may, and whether its skill is let through.
    async fn turn(&self, index: usize, step: &ProvenStep) -> Over {
        let call = match self.call(step) {
            Ok(call) => call,
            Err(unresolved) => {
                let finished = record::Finished::at_once(unanswered(step, &unresolved));
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
            Err(error) => Over::unlogged(error),
        }
    }

    /// What becomes of a step that may not be made, or may not yet be known to be, now that its arguments
    /// are known: policies first, then a person.
    async fn barred(&self, index: usize, call: &Call) -> Option<Over> {
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
    async fn canceled(&self, index: usize, call: &Call, ending: Ending) -> Over {
        let step = &self.plan.steps[index];
        let code = ErrorCode::Canceled;
        let answer = Answer {
            result: record::not_started(code, String::new()),
            by: step,
            is_by_fallback: false,
            shown: call.shown.clone(),
            ending: None,
            before: None,
            start_error: None,
        };
        let end = ending.run_end();
        let finished = record::Finished {
            ending: Some(ending),
            ..record::Finished::at_once(answer)
        };
        let record = record::finished(self.context, index, finished);
        self.commit_record(record, StepDetail::default(), end).await
    }

    /// A step for which nothing was started.
    async fn not_run(&self, record: ExecutionLogRecord, hint: Option<String>) -> Over {
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

    async fn run(&self, index: usize, step: &ProvenStep, call: Call, permit: Permit) -> Over {
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
        let finished = record::Finished {
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
            let record = Err(Unlogged { step, error });
            let end = ended.end;
            return Over { record, end };
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
    ) -> (Answer<'s>, Ended) {
        let urgency = watch::Sender::new(Stop::Run);
        let execution = Attempts::new(self, index, urgency.clone()).run(call);
        let clock = self.context.clock();
        let step_time = clock.sleep_until_elapsed(clock.now(), step.timeout.duration);
        let run_time = clock.sleep_until_elapsed(self.context.start(), self.plan.timeout.duration);
        tokio::pin!(execution, step_time, run_time);
        let mut signals = self.control.clone();
        let mut halt = self.halt.subscribe();
        let mut seen = SignalState::None;
        let mut ended = Ended::default();
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
                    (Ending::Signal(signal), if kill { Stop::Kill } else { Stop::End })
                }
                () = &mut run_time, if runs => {
                    ended.end.get_or_insert(RunEnd::PlanTimeout(self.plan.timeout));
                    (Ending::PlanTimeout(self.plan.timeout), Stop::End)
                }
                () = &mut step_time, if runs => (Ending::StepTimeout(step.timeout), Stop::End),
                reason = Halt::ends_all(&mut halt), if runs => (Ending::Halt(reason), Stop::End),
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

    /// True where the step has its record.
    pub(super) fn is_over(&self, index: usize) -> bool {
        self.records.borrow()[index].is_some()
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

fn unanswered<'p>(step: &'p ProvenStep, unresolved: &Unresolved) -> Answer<'p> {
    let error = RuntimeError::text(unresolved.code, &unresolved.message);
    Answer {
        result: record::not_started(unresolved.code, error),
        by: step,
        is_by_fallback: false,
        shown: step.shown_arguments.clone(),
        ending: None,
        before: None,
        start_error: None,
    }
}

fn end_reason(ending: &Ending) -> EndReason {
    match ending {
        Ending::StepTimeout(_) => EndReason::StepTimeout,
        Ending::PlanTimeout(_) => EndReason::PlanTimeout,
        Ending::Signal(_) | Ending::Halt(_) => EndReason::Canceled,
    }
}
