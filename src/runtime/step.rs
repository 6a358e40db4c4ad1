//! The life of one step, from its turn to its record.
//!
//! Invariant: a straight line. One `select!` owns a step that runs, as in cargo-nextest's
//! `runner/unix.rs`: its own time, the run's time, signals, and the end of the plan by another step.
//! A step's record is in the log before anybody is told that the step ended. Steps run side by side
//! on one thread and share nothing but the [`Ground`] that they stand on.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};
use tokio::sync::watch;

use super::engine::Run;
use super::hidden::shown_arguments;
use super::record::{self, Ending};
use super::repeat::{Answer, Attempts};
use super::resolve::{self, Unresolved};
use super::{
    ExecutionContext, ExecutionLogger, LogError, ProvenPlan, ProvenStep, RunControl, RunEnd,
    RuntimeError, SignalState, SkillExecutor, StepResult,
};
use crate::event::{EndReason, RunEvent, StepDetail};
use crate::model::ExecutionLogRecord;
use crate::process::Stop;

/// How long the log may take for one entry.
const LOG_PATIENCE: Duration = Duration::from_secs(30);

/// The same after a second signal.
const LOG_PATIENCE_WHEN_FORCED: Duration = Duration::from_secs(2);

/// What the steps of a run share.
pub(super) struct Ground<'r, E, L> {
    pub(super) executor: &'r E,
    pub(super) plan: &'r ProvenPlan,
    pub(super) context: &'r ExecutionContext,
    pub(super) run: Run<'r, L>,
    pub(super) control: RunControl,
    /// Why the steps that run are to end, once something other than a signal or time says so.
    pub(super) halt: watch::Sender<Option<String>>,
    /// The records of the steps that are over, by the steps' indices.
    pub(super) records: RefCell<Vec<Option<Arc<ExecutionLogRecord>>>>,
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

/// A record that could not be kept.
pub(super) struct Unlogged {
    pub(super) record: Arc<ExecutionLogRecord>,
    pub(super) error: LogError,
}

/// What a skill is called with.
pub(super) struct Call {
    pub(super) arguments: Map<String, Value>,
    /// The arguments as one JSON object in compact text.
    pub(super) input: Vec<u8>,
    /// The arguments as they may be shown.
    pub(super) shown: Map<String, Value>,
}

impl Call {
    fn new(arguments: Map<String, Value>, shown: Map<String, Value>) -> Self {
        // Made of text and numbers, a mapping always has a JSON form.
        let input = serde_json::to_vec(&arguments).unwrap_or_default();
        Self {
            arguments,
            input,
            shown,
        }
    }

    /// A call with arguments that were not known before the run.
    pub(super) fn of(step: &ProvenStep, arguments: Map<String, Value>) -> Result<Self, Unresolved> {
        resolve::check(&step.skill, &arguments)?;
        let schema = step.skill.manifest.input_schema.as_ref();
        let shown = shown_arguments(schema, &arguments);
        Ok(Self::new(arguments, shown))
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

impl<E: SkillExecutor, L: ExecutionLogger> Ground<'_, E, L> {
    /// Runs a step, or does not, and keeps its record.
    pub(super) async fn step(&self, index: usize, turn: Turn) -> Over {
        let step = &self.plan.steps[index];
        let reason = match turn {
            Turn::Run => return self.run(index, step).await,
            Turn::Skip(reason) => reason,
        };
        let record = record::skipped(self.context, index, step, &reason);
        Over {
            index,
            record: self.keep(record, StepDetail::default()).await,
            end: None,
        }
    }

    async fn run(&self, index: usize, step: &ProvenStep) -> Over {
        let started_at = Timestamp::now();
        let start = self.context.clock().now();
        self.run.events.emit(RunEvent::StepStarted {
            index,
            timeout: step.timeout.duration,
        });
        let (mut answer, ended) = match self.call(step) {
            Ok(call) => self.watched(index, step, call).await,
            Err(unresolved) => (unanswered(step, &unresolved), Ended::default()),
        };
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
        };
        let record = record::finished(self.context, index, finished);
        Over {
            index,
            record: self.keep(record, detail).await,
            end: ended.end,
        }
    }

    /// The step's final arguments: what other steps gave is put in and held against the skill once
    /// more.
    fn call(&self, step: &ProvenStep) -> Result<Call, Unresolved> {
        let Some(template) = &step.template else {
            let (arguments, shown) = (step.arguments.clone(), step.shown_arguments.clone());
            return Ok(Call::new(arguments, shown));
        };
        let record_of = |index: usize| self.records.borrow()[index].clone();
        Call::of(step, resolve::resolve(template, record_of)?)
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

    /// The log first, then everybody else.
    async fn keep(
        &self,
        record: ExecutionLogRecord,
        detail: StepDetail,
    ) -> Result<Arc<ExecutionLogRecord>, Unlogged> {
        let record = Arc::new(record);
        let logged = self.run.logger.log_step(Arc::clone(&record));
        if let Err(error) = self.logged(logged).await {
            return Err(Unlogged { record, error });
        }
        self.records.borrow_mut()[record.step_index] = Some(Arc::clone(&record));
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
    pub(super) async fn logged(
        &self,
        write: impl Future<Output = Result<(), LogError>>,
    ) -> Result<(), LogError> {
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

fn unanswered<'p>(step: &'p ProvenStep, unresolved: &Unresolved) -> Answer<'p> {
    let error = RuntimeError::text(unresolved.code, &unresolved.message);
    Answer {
        result: record::not_started(unresolved.code, error),
        by: step,
        is_by_fallback: false,
        shown: step.shown_arguments.clone(),
        ending: None,
        before: None,
    }
}

fn end_reason(ending: &Ending) -> EndReason {
    match ending {
        Ending::StepTimeout(_) => EndReason::StepTimeout,
        Ending::PlanTimeout(_) => EndReason::PlanTimeout,
        Ending::Signal(_) | Ending::Halt(_) => EndReason::Canceled,
    }
}
