//! The life of one step, from its turn to its record.
//!
//! Invariant: a straight line. One `select!` owns a step that runs, as in cargo-nextest's
//! `runner/unix.rs`: its own time, the run's time, signals, and the end of the plan by another step.
//! A step's record is in the log before anybody is told that the step ended. Steps run side by side
//! on one thread and share nothing but the [`Ground`] that they stand on.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use super::context::deadline_in;
use super::engine::Run;
use super::record::{self, Ending};
use super::{
    Admission, CircuitBreaker, ExecutionContext, ExecutionLogger, LogError, Permit, ProvenPlan,
    ProvenStep, RunControl, RunEnd, SignalState, SkillExecutor, StepControl, StepResult, StepStart,
    UnloggedStep,
};
use crate::event::{EndReason, RunEvent, StepDetail};
use crate::model::{ExecutionLogRecord, ExecutionRequest, ExecutionResult, StepStatus};
use crate::process::Stop;

/// How long the log may take for one entry.
const LOG_PATIENCE: Duration = Duration::from_secs(30);

/// The same after a second signal.
const LOG_PATIENCE_WHEN_FORCED: Duration = Duration::from_secs(2);

/// What the steps of a run share.
pub(super) struct Ground<'r, E, L, B> {
    pub(super) executor: &'r E,
    pub(super) plan: &'r ProvenPlan,
    pub(super) context: &'r ExecutionContext,
    pub(super) run: Run<'r, L, B>,
    pub(super) control: RunControl,
    /// Why the steps that run are to end, once something other than a signal or time says so.
    pub(super) halt: watch::Sender<Option<String>>,
}

/// What is to become of a step.
pub(super) enum Turn {
    Run,
    /// It does not run, for this reason.
    Skip(String),
}

/// A step that is over.
pub(super) struct Over {
    pub(super) index: usize,
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
    fn unlogged(index: usize, error: LogError) -> Self {
        let record = Err(Unlogged { step: None, error });
        Self {
            index,
            record,
            end: None,
        }
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
    /// Runs a step, or does not, and keeps its record.
    pub(super) async fn step(&self, index: usize, turn: Turn) -> Over {
        let step = &self.plan.steps[index];
        let (record, detail) = match turn {
            Turn::Skip(reason) => (
                record::skipped(self.context, index, step, &reason),
                StepDetail::default(),
            ),
            Turn::Run => match self.run.reused.get(index) {
                Some(Some(reused)) => (
                    record::reused(self.context, index, step, reused),
                    StepDetail::default(),
                ),
                _ => match self.admission(step).await {
                    Ok(Admission::Allowed(permit)) => return self.run(index, step, permit).await,
                    Ok(Admission::Refused(refusal)) => (
                        record::refused(self.context, index, step, &refusal),
                        StepDetail {
                            hint: Some(format!(
                                "`obs circuits reset {}` closes it now, `--circuit-breaker=off` \
                                 passes it by",
                                step.skill_id
                            )),
                            ..StepDetail::default()
                        },
                    ),
                    Err(error) => return Over::unlogged(index, error),
                },
            },
        };
        Over {
            index,
            record: self.keep(record, detail).await,
            end: None,
        }
    }

    async fn admission(&self, step: &ProvenStep) -> Result<Admission, LogError> {
        let lease = step.timeout.duration.saturating_add(step.grace);
        let asked = self.run.breaker.allow(&step.skill_id, lease);
        self.logged(asked).await
    }

    async fn tell_breaker(
        &self,
        permit: Permit,
        record: &ExecutionLogRecord,
    ) -> Result<(), LogError> {
        let (breaker, skill) = (self.run.breaker, &*record.skill_id);
        match record.status {
            StepStatus::Success => self.logged(breaker.record_success(skill, permit)).await,
            StepStatus::Failed | StepStatus::Timeout => {
                self.logged(breaker.record_failure(skill, permit)).await
            }
            StepStatus::Canceled | StepStatus::Rejected | StepStatus::Skipped => {
                self.logged(breaker.release(skill, permit)).await
            }
        }
    }

    async fn run(&self, index: usize, step: &ProvenStep, permit: Permit) -> Over {
        let started_at = Timestamp::now();
        let start = self.context.clock().now();
        self.run.events.emit(RunEvent::StepStarted {
            index,
            timeout: step.timeout.duration,
        });
        if !step.is_idempotent
            && let Err(error) = self.say_started(index, step, started_at).await
        {
            return Over::unlogged(index, error);
        }
        let (mut result, ended) = self.watched(index, step).await;
        record::check_output(&mut result, step);
        let detail = StepDetail {
            command: std::mem::take(&mut result.command),
            confinement: step.confinement.clone(),
            working_directory: result.working_directory.take(),
            hint: result.hint.take(),
        };
        let finished = record::Finished {
            started_at,
            duration: self.context.clock().elapsed(start),
            result,
            ending: ended.ending,
        };
        let record = record::finished(self.context, index, step, finished);
        let kept = match self.tell_breaker(permit, &record).await {
            Ok(()) => self.keep(record, detail).await,
            Err(error) => Err(Unlogged {
                step: UnloggedStep::of(&record),
                error,
            }),
        };
        Over {
            index,
            record: kept,
            end: ended.end,
        }
    }

    /// What must not run twice is known to have begun before it does.
    async fn say_started(
        &self,
        step_index: usize,
        step: &ProvenStep,
        timestamp: Timestamp,
    ) -> Result<(), LogError> {
        let start = StepStart {
            step_index,
            step_id: step.label.clone(),
            skill_id: step.skill_id.clone(),
            timestamp,
        };
        self.logged(self.run.logger.log_step_start(start)).await
    }

    /// Owns a running step: its time, the run's time, the signals and the end of the plan.
    async fn watched(&self, index: usize, step: &ProvenStep) -> (ExecutionResult, Ended) {
        let (urgency, receiver) = watch::channel(Stop::Run);
        let execution = self.executor.execute(
            request(self.context, step),
            self.step_control(index, step, receiver),
        );
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
                result = &mut execution => return (result, ended),
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
                reason = halted(&mut halt), if runs => (Ending::Halt(reason), Stop::End),
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

    fn step_control(
        &self,
        index: usize,
        step: &ProvenStep,
        urgency: watch::Receiver<Stop>,
    ) -> StepControl {
        let run_left = self.context.timeout.saturating_sub(self.context.elapsed());
        StepControl {
            index,
            step_name: step.name.clone(),
            attempt: 1,
            run_id: self.context.run_id.clone(),
            assistant_id: self.context.identity.assistant_id.clone(),
            session_id: self.context.identity.session_id.clone(),
            grace: step.grace,
            deadline: deadline_in(step.timeout.duration.min(run_left)),
            stop: urgency,
            events: self.run.events.clone(),
        }
    }

    /// The log first, then everybody else.
    async fn keep(
        &self,
        record: ExecutionLogRecord,
        detail: StepDetail,
    ) -> Result<Arc<ExecutionLogRecord>, Unlogged> {
        let ran = UnloggedStep::of(&record);
        let logged = self.run.logger.log_step(record);
        let record = match self.logged(logged).await {
            Ok(record) => record,
            Err(error) => return Err(Unlogged { step: ran, error }),
        };
        self.context.add_result(StepResult {
            step_name: record.step_name.clone(),
            step_id: record.step_id.clone(),
            status: record.status,
            output: record.output.clone(),
            error: record.error.clone(),
        });
        self.run.events.emit(RunEvent::StepFinished {
            record: Arc::clone(&record),
            detail,
        });
        Ok(record)
    }

    /// Waits for the log, but not for ever: a disk that hangs, or a log that another process keeps
    /// locked, must not make a run that nobody can end.
    pub(super) async fn logged<T>(
        &self,
        write: impl Future<Output = Result<T, LogError>>,
    ) -> Result<T, LogError> {
        let mut signals = self.control.clone();
        // Also after a second signal the records are written, if that can be.
        let impatience = async {
            signals.forced().await;
            tokio::time::sleep(LOG_PATIENCE_WHEN_FORCED).await;
        };
        let given_up = |reason: &str| {
            let name = self.run.logger.name();
            Err(LogError {
                name,
                reason: reason.to_owned(),
            })
        };
        tokio::select! {
            biased;
            outcome = write => outcome,
            () = impatience => given_up("given up after a second signal"),
            () = tokio::time::sleep(LOG_PATIENCE) => given_up("no answer for 30s"),
        }
    }
}

/// Waits until the steps that run are to end, and says why.
async fn halted(halt: &mut watch::Receiver<Option<String>>) -> String {
    let reason = halt.wait_for(Option::is_some).await;
    match reason.ok().and_then(|reason| reason.clone()) {
        Some(reason) => reason,
        // The sender has gone without a word.
        None => std::future::pending().await,
    }
}

fn request(context: &ExecutionContext, step: &ProvenStep) -> ExecutionRequest {
    ExecutionRequest {
        skill_id: step.skill_id.clone(),
        input: serde_json::Value::Object(step.arguments.clone())
            .to_string()
            .into_bytes(),
        timeout: step.timeout.duration,
        tenant_id: context.identity.tenant_id.clone(),
        user_id: context.identity.user_id.clone(),
        request_id: context.identity.request_id.clone(),
    }
}

fn end_reason(ending: &Ending) -> EndReason {
    match ending {
        Ending::StepTimeout(_) => EndReason::StepTimeout,
        Ending::PlanTimeout(_) => EndReason::PlanTimeout,
        Ending::Signal(_) | Ending::Halt(_) => EndReason::Canceled,
    }
}
