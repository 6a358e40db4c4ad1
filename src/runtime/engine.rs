//! The steps of a plan, in order.
//!
//! Invariant: a step's record is in the log before anybody is told that the step ended; every step
//! of the plan gets exactly one record as long as the log can be written; all time is measured here:
//! an executor only obeys. One
//! `select!` owns a running step, as in cargo-nextest's `runner/unix.rs`.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use super::context::deadline_in;
use super::record::{self, Ending};
use super::verdict::{Verdict, reason_of, stops_the_plan};
use super::{
    ExecutionContext, ExecutionLogger, LogError, PlanEnd, PlanStart, ProvenPlan, ProvenStep,
    RunControl, RunEnd, RunOutcome, SignalState, SkillExecutor, StepControl, StepResult,
};
use crate::event::{EndReason, EventSender, RunEvent, RunStarted, StepDetail, StepHeader};
use crate::model::{ExecutionLogRecord, ExecutionRequest, ExecutionResult};
use crate::process::Stop;

/// How long the log may take for one entry.
const LOG_PATIENCE: Duration = Duration::from_secs(30);

/// The same after a second signal.
const LOG_PATIENCE_WHEN_FORCED: Duration = Duration::from_secs(2);

/// What a run needs beside plan and context.
#[derive(Debug)]
pub struct Run<'r, L> {
    /// Where records go.
    pub logger: &'r L,
    /// Who is told.
    pub events: &'r EventSender,
    /// Go on after a failed step, with all that does not depend on it.
    pub keep_going: bool,
}

/// Runs `plan` to its end. Never fails: what goes wrong is in the outcome.
pub async fn execute_plan<E: SkillExecutor, L: ExecutionLogger>(
    executor: &E,
    plan: &ProvenPlan,
    context: &ExecutionContext,
    run: Run<'_, L>,
    control: RunControl,
) -> RunOutcome {
    let mut engine = Engine {
        executor,
        plan,
        context,
        run,
        control,
        records: Vec::new(),
        unlogged: None,
        end: None,
    };
    if let Err(error) = engine.start().await {
        engine.end = Some(RunEnd::LogFailed(error));
    } else {
        engine.steps().await;
    }
    engine.finish().await
}

struct Engine<'r, E, L> {
    executor: &'r E,
    plan: &'r ProvenPlan,
    context: &'r ExecutionContext,
    run: Run<'r, L>,
    control: RunControl,
    records: Vec<Arc<ExecutionLogRecord>>,
    /// The step that ran although its record could not be kept.
    unlogged: Option<Arc<ExecutionLogRecord>>,
    /// Set as soon as something other than a step's failure has ended the run.
    end: Option<RunEnd>,
}

impl<E: SkillExecutor, L: ExecutionLogger> Engine<'_, E, L> {
    async fn start(&self) -> Result<(), LogError> {
        let identity = &self.context.identity;
        let start = PlanStart {
            request_id: identity.request_id.clone(),
            assistant_id: identity.assistant_id.clone(),
            run_id: self.context.run_id.clone(),
            plan_id: self.plan.id.clone(),
            parent_id: self.plan.parent_id.clone(),
            steps: self.plan.steps.len(),
            timestamp: self.context.started_at,
        };
        self.logged(self.run.logger.log_plan_start(start)).await?;
        self.run.events.emit(RunEvent::RunStarted(RunStarted {
            run_id: self.context.run_id.clone(),
            started_at: self.context.started_at,
            assistant_id: identity.assistant_id.clone(),
            steps: self.plan.steps.iter().map(header).collect(),
            timeout: self.plan.timeout.duration,
        }));
        Ok(())
    }

    /// The straight line: each step runs, or is skipped because of what came before it.
    async fn steps(&mut self) {
        let mut decided: Option<String> = None;
        for (index, step) in self.plan.steps.iter().enumerate() {
            self.look_at_signals_and_time();
            let why_not = match &self.end {
                Some(end) => Some(reason_of(end)),
                None => decided.clone(),
            };
            let kept = match why_not {
                Some(reason) => {
                    self.keep(
                        record::skipped(self.context, index, step, &reason),
                        StepDetail::default(),
                    )
                    .await
                }
                None => self.step(index, step).await,
            };
            match kept {
                Ok(record) => {
                    if stops_the_plan(record.status, step)
                        && !self.run.keep_going
                        && decided.is_none()
                    {
                        decided = Some(format!("`{}` did not succeed", step.label));
                    }
                }
                Err(error) => {
                    self.end = Some(RunEnd::LogFailed(error));
                    return;
                }
            }
        }
    }

    fn look_at_signals_and_time(&mut self) {
        if self.end.is_some() {
            return;
        }
        if let Some(signal) = self.control.state().signal() {
            self.end = Some(RunEnd::Signal(signal));
        } else if self.context.elapsed() >= self.plan.timeout.duration {
            self.end = Some(RunEnd::PlanTimeout(self.plan.timeout));
        }
    }

    /// Runs one step and keeps its record.
    async fn step(
        &mut self,
        index: usize,
        step: &ProvenStep,
    ) -> Result<Arc<ExecutionLogRecord>, LogError> {
        let started_at = Timestamp::now();
        self.run.events.emit(RunEvent::StepStarted {
            index,
            timeout: step.timeout.duration,
        });
        let start = self.context.clock().now();
        let (mut result, ending) = self.execute(index, step).await;
        let duration = self.context.clock().elapsed(start);
        record::check_output(&mut result, step);
        let detail = StepDetail {
            command: std::mem::take(&mut result.command),
            confinement: step.confinement.clone(),
            working_directory: result.working_directory.take(),
            hint: result.hint.take(),
        };
        let finished = record::Finished {
            started_at,
            duration,
            result,
            ending,
        };
        self.keep(
            record::finished(self.context, index, step, finished),
            detail,
        )
        .await
    }

    /// Owns a running step: its time, the run's time and the signals.
    async fn execute(
        &mut self,
        index: usize,
        step: &ProvenStep,
    ) -> (ExecutionResult, Option<Ending>) {
        let (urgency, receiver) = watch::channel(Stop::Run);
        let execution = self.executor.execute(
            request(self.context, step),
            self.step_control(index, step, receiver),
        );
        tokio::pin!(execution);
        let clock = self.context.clock().clone();
        let step_time = clock.sleep_until_elapsed(clock.now(), step.timeout.duration);
        let run_time = clock.sleep_until_elapsed(self.context.start(), self.plan.timeout.duration);
        tokio::pin!(step_time, run_time);
        let mut signals = self.control.clone();
        let mut seen = SignalState::None;
        let mut ending = None;
        loop {
            let (reason, wanted) = tokio::select! {
                biased;
                result = &mut execution => return (result, ending),
                state = signals.changed_from(seen) => {
                    seen = state;
                    let signal = state.signal().unwrap_or_default();
                    // A signal outweighs the run's timeout, also where it comes after it.
                    self.end = Some(RunEnd::Signal(signal));
                    let kill = matches!(state, SignalState::Second(_));
                    (Ending::Signal(signal), if kill { Stop::Kill } else { Stop::End })
                }
                () = &mut run_time, if ending.is_none() => {
                    self.end.get_or_insert(RunEnd::PlanTimeout(self.plan.timeout));
                    (Ending::PlanTimeout(self.plan.timeout), Stop::End)
                }
                () = &mut step_time, if ending.is_none() => {
                    (Ending::StepTimeout(step.timeout), Stop::End)
                }
            };
            if ending.is_none() {
                let reason = end_reason(&reason);
                self.run.events.emit(RunEvent::StepEnding {
                    index,
                    reason,
                    grace: step.grace,
                });
            }
            ending.get_or_insert(reason);
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
        &mut self,
        record: ExecutionLogRecord,
        detail: StepDetail,
    ) -> Result<Arc<ExecutionLogRecord>, LogError> {
        let record = Arc::new(record);
        if let Err(error) = self
            .logged(self.run.logger.log_step(Arc::clone(&record)))
            .await
        {
            self.unlogged = Some(record).filter(|record| record.attempts > 0);
            return Err(error);
        }
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
        self.records.push(Arc::clone(&record));
        Ok(record)
    }

    async fn finish(mut self) -> RunOutcome {
        let elapsed: Duration = self.context.elapsed();
        let ended = self.end.clone().unwrap_or(RunEnd::Steps);
        let verdict = Verdict::of(&ended, &self.records, &self.plan.steps);
        let end = PlanEnd {
            request_id: self.context.identity.request_id.clone(),
            assistant_id: self.context.identity.assistant_id.clone(),
            run_id: self.context.run_id.clone(),
            status: verdict.status,
            error: verdict.error,
            duration_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            timestamp: Timestamp::now(),
        };
        if !matches!(self.end, Some(RunEnd::LogFailed(_)))
            && let Err(error) = self.logged(self.run.logger.log_plan_end(end)).await
        {
            self.end = Some(RunEnd::LogFailed(error));
        }
        RunOutcome {
            records: self.records,
            end: self.end.unwrap_or(RunEnd::Steps),
            unlogged: self.unlogged,
            elapsed,
        }
    }

    /// Waits for the log, but not for ever: a disk that hangs, or a log that another process keeps
    /// locked, must not make a run that nobody can end.
    async fn logged(
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

fn header(step: &ProvenStep) -> StepHeader {
    StepHeader {
        label: step.label.clone(),
        skill_id: step.skill_id.clone(),
        step_type: step.step_type,
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
        Ending::Signal(_) => EndReason::Canceled,
    }
}
