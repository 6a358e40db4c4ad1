//! The commit of a step's start and of its record.
//!
//! Invariant: there is one path for all skills. The start of an attempt that is not safe to repeat
//! is committed right before its process is created, after approval, policy and breaker have
//! decided. A step's record is committed before it is reported and before anything that depends on
//! it starts.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::completion::{CommitFailure, StepCompletion};
use super::run_state::RunState;
use super::step_call::StepCall;
use super::{
    CircuitBreaker, ExecutionLogger, LogError, ProvenStep, RunStopReason, SkillExecutor, StepStart,
    UnloggedStep,
};
use crate::event::{RunEvent, StepDetail};
use crate::model::{ExecutionLogRecord, ItemPosition};

/// Timeout for one log write.
const LOG_TIMEOUT: Duration = Duration::from_secs(30);

/// Timeout for one log write after a second signal.
const LOG_TIMEOUT_WHEN_FORCED: Duration = Duration::from_secs(2);

impl<E: SkillExecutor, L: ExecutionLogger, B: CircuitBreaker> RunState<'_, E, L, B> {
    /// Commits that the step at `index` is about to call the skill of `target`.
    pub(super) async fn commit_start(
        &self,
        index: usize,
        item: Option<ItemPosition>,
        target: &ProvenStep,
    ) -> Result<(), LogError> {
        let start = StepStart {
            step_index: index,
            item_index: item.map(|item| item.index),
            step_id: self.plan.steps[index].label.clone(),
            skill_id: target.skill_id.to_string(),
            timestamp: Timestamp::now(),
        };
        self.with_log_timeout(self.options.logger.log_step_start(start))
            .await
    }

    /// Commits the record of one call: that of a step, or of one of its items.
    pub(super) async fn commit_call(
        &self,
        call: &StepCall<'_>,
        record: ExecutionLogRecord,
        detail: StepDetail,
        run_stop: Option<RunStopReason>,
    ) -> StepCompletion {
        let record = ExecutionLogRecord {
            item_index: call.item.map(|item| item.index),
            item_count: call.item.map(|item| item.count),
            ..record
        };
        self.commit_record(record, detail, run_stop).await
    }

    /// Commits the record of a step, then publishes it. `run_stop` is the reason to stop the run,
    /// whatever the step's own result.
    pub(super) async fn commit_record(
        &self,
        mut record: ExecutionLogRecord,
        detail: StepDetail,
        run_stop: Option<RunStopReason>,
    ) -> StepCompletion {
        let is_made = record.reused_from.is_none();
        let reused = self
            .options
            .reused
            .get(record.step_index)
            .filter(|_| is_made);
        record.not_reused = reused.and_then(|reused| reused.as_ref().err().cloned());
        record.is_finally = record.step_index >= self.plan.finally_from();
        let unlogged = UnloggedStep::from_record(&record);
        let record = match self
            .with_log_timeout(self.options.logger.log_step(record))
            .await
        {
            Ok(record) => {
                let event = self.record_committed(Arc::clone(&record), detail);
                self.options.events.emit(event);
                Ok(record)
            }
            Err(error) => Err(CommitFailure {
                step: unlogged,
                error,
            }),
        };
        StepCompletion { record, run_stop }
    }

    /// Publishes a committed record to the other steps, and returns the event for the report. The
    /// other steps see the gathered output of one with `for_each`.
    pub(super) fn record_committed(
        &self,
        record: Arc<ExecutionLogRecord>,
        detail: StepDetail,
    ) -> RunEvent {
        self.log_end.borrow_mut().advance(&record);
        if record.item_index.is_none() {
            let known = match &detail.gathered {
                None => Arc::clone(&record),
                Some(gathered) => Arc::new(ExecutionLogRecord {
                    output: Some(Arc::clone(gathered)),
                    ..(*record).clone()
                }),
            };
            self.records.borrow_mut()[record.step_index] = Some(known);
        }
        RunEvent::StepFinished { record, detail }
    }

    /// Waits for the log with a timeout: a hanging disk, or a log that another process keeps
    /// locked, must not make a run that can't be stopped.
    pub(super) async fn with_log_timeout<T>(
        &self,
        write: impl Future<Output = Result<T, LogError>>,
    ) -> Result<T, LogError> {
        let mut signals = self.shutdown.clone();
        // After a second signal the records are still written if possible.
        let forced_timeout = async {
            signals.forced().await;
            tokio::time::sleep(LOG_TIMEOUT_WHEN_FORCED).await;
        };
        let timed_out = |reason: &str| {
            let name = self.options.logger.name();
            Err(LogError {
                name,
                reason: reason.to_owned(),
            })
        };
        tokio::select! {
            biased;
            outcome = write => outcome,
            () = forced_timeout => timed_out("canceled by a second signal"),
            () = tokio::time::sleep(LOG_TIMEOUT) => timed_out("no answer for 30s"),
        }
    }
}
