//! From the end of a step to its record in the log.
//!
//! Invariant: the log first, then everybody else. The plan may go on before, with a step that is safe to run
//! again: its own record comes after this one in the log, and if obs dies before both are known, both run
//! again.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::step::{Ground, Over, Unlogged};
use super::{
    CircuitBreaker, Concurrency, ExecutionLogger, LogError, RunEnd, SignalState, SkillExecutor,
    StepStart, UnloggedStep,
};
use crate::event::{EventPlace, RunEvent, StepDetail};
use crate::mailbox::Haste;
use crate::model::{ExecutionLogRecord, StepStatus};

/// How long the log may take for one entry.
const LOG_PATIENCE: Duration = Duration::from_secs(30);

/// The same after a second signal.
const LOG_PATIENCE_WHEN_FORCED: Duration = Duration::from_secs(2);

/// How many records may be on their way to the log while the plan goes on: a log that hangs holds it, and
/// one that is slow gets them together.
pub(super) const MOST_UNSETTLED: usize = 16;

/// A step that has ended, and what is to be kept of it.
pub(super) struct Made {
    pub(super) record: ExecutionLogRecord,
    detail: StepDetail,
    /// The start of the step that comes next, which is kept with it.
    next: Option<StepStart>,
    /// The plan may go on before all that is kept.
    pub(super) may_wait: bool,
    /// Where its end is told among what happens meanwhile.
    place: EventPlace,
    end: Option<RunEnd>,
}

impl<E: SkillExecutor, L: ExecutionLogger, B: CircuitBreaker> Ground<'_, E, L, B> {
    /// What must not run twice is known to have begun before it does.
    pub(super) async fn say_started(&self, index: usize) -> Result<(), LogError> {
        let logged = self.run.logger.log_step_start(self.start_of(index));
        self.logged(logged).await
    }

    fn start_of(&self, step_index: usize) -> StepStart {
        let step = &self.plan.steps[step_index];
        StepStart {
            step_index,
            step_id: step.label.clone(),
            skill_id: step.skill_id.to_string(),
            timestamp: Timestamp::now(),
        }
    }

    /// The step that comes next, where one does after `over`.
    fn next_after(&self, over: &ExecutionLogRecord) -> Option<usize> {
        if over.status != StepStatus::Success || self.control.state() != SignalState::None {
            return None;
        }
        self.schedule.borrow().after(over.step_index)
    }

    /// The start of `next`, where that has to be known before: kept together with the record of the step
    /// that is over, it costs no transaction of its own. If the run ends before that step's turn, its
    /// record takes the start back; if obs dies, the step counts as one that may have begun, as it would
    /// an instant later.
    fn next_start(&self, next: usize) -> Option<StepStart> {
        let step = &self.plan.steps[next];
        // One that must have the run to itself may have to wait for others.
        let is_plain = !step.is_safe_to_repeat()
            && step.concurrency == Concurrency::Shared
            && self.run.gate.is_none()
            && !self.awaits_approval(next)
            && !self.is_over(next)
            && !self.begun.borrow().contains(&next);
        is_plain.then(|| self.start_of(next))
    }

    pub(super) fn made(
        &self,
        record: ExecutionLogRecord,
        detail: StepDetail,
        end: Option<RunEnd>,
    ) -> Made {
        let after = self.next_after(&record);
        let next = after.and_then(|next| self.next_start(next));
        // What comes next may run again if obs dies before both are known, and nobody is asked about it.
        let may_wait = next.is_none()
            && after.is_some_and(|next| !self.awaits_approval(next))
            && self.unsettled.get() < MOST_UNSETTLED;
        Made {
            place: self.run.events.place(),
            record,
            detail,
            next,
            may_wait,
            end,
        }
    }

    /// Keeps the record of a step that the plan has gone on without.
    pub(super) async fn settle(&self, made: Made) -> Over {
        let over = self.keep(made).await;
        self.unsettled.update(|steps| steps - 1);
        if over.record.is_err() {
            self.records.borrow_mut()[over.index] = None;
        }
        over
    }

    /// The log first, then everybody else.
    pub(super) async fn keep(&self, made: Made) -> Over {
        let Made {
            record,
            detail,
            next,
            may_wait,
            place,
            end,
        } = made;
        let (index, ran) = (record.step_index, UnloggedStep::of(&record));
        let begun = next.as_ref().map(|next| next.step_index);
        let haste = if may_wait { Haste::Soon } else { Haste::Now };
        let logged = self.run.logger.log_step(record, next, haste);
        let record = match self.logged(logged).await {
            Ok(record) => {
                self.begun.borrow_mut().extend(begun);
                place.tell(self.kept(Arc::clone(&record), detail));
                Ok(record)
            }
            Err(error) => Err(Unlogged { step: ran, error }),
        };
        Over { index, record, end }
    }

    /// A record is in the log: others may know of it now, by the event.
    pub(super) fn kept(&self, record: Arc<ExecutionLogRecord>, detail: StepDetail) -> RunEvent {
        self.records.borrow_mut()[record.step_index] = Some(Arc::clone(&record));
        self.context.add_result(Arc::clone(&record));
        RunEvent::StepFinished { record, detail }
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
