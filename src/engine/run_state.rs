//! The state that the steps of a run share.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{Mutex, watch};

use super::given_approval::GivenApproval;
use super::halt::Halt;
use super::run_options::RunOptions;
use super::schedule::Schedule;
use super::{ExecutionContext, ProvenPlan, RunValue, ShutdownReceiver};
use crate::model::ExecutionLogRecord;
use crate::process::Moment;

/// What of the plan runs now.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum Phase {
    /// The steps.
    #[default]
    Steps,
    /// The `finally` steps, since this moment.
    Finally(Moment),
}

/// The state that the steps of a run share.
pub(super) struct RunState<'r, E, L, B> {
    pub(super) executor: &'r E,
    pub(super) plan: &'r ProvenPlan,
    pub(super) context: &'r ExecutionContext,
    pub(super) options: RunOptions<'r, L, B>,
    pub(super) shutdown: ShutdownReceiver,
    /// The approvals, by step index.
    pub(super) approvals: RefCell<BTreeMap<usize, GivenApproval>>,
    /// Held during a prompt.
    pub(super) asking: Mutex<()>,
    /// The effect of one step's end on the other steps.
    pub(super) halt: watch::Sender<Halt>,
    /// Which of the plan's lists runs.
    pub(super) phase: Cell<Phase>,
    /// What `{{run}}` stands for.
    pub(super) run_value: RefCell<RunValue>,
    /// A step has called a skill.
    pub(super) has_called: Cell<bool>,
    /// Which step may start.
    pub(super) schedule: RefCell<Schedule>,
    /// The records of completed steps, by step index.
    /// With `for_each`, with the gathered output.
    pub(super) records: RefCell<Vec<Option<Arc<ExecutionLogRecord>>>>,
    /// Where the log ends.
    pub(super) log_end: RefCell<LogEnd>,
    /// How many calls run, of at most `--jobs`.
    pub(super) slots: watch::Sender<usize>,
}

/// The last committed record, and how many there are.
#[derive(Debug, Default)]
pub(super) struct LogEnd {
    /// The hash of the last record.
    pub(super) head: String,
    last_seq: u64,
    /// How many records are in the log, those of items among them.
    pub(super) count: u64,
}

impl LogEnd {
    pub(super) fn advance(&mut self, record: &ExecutionLogRecord) {
        self.count += 1;
        if record.seq > self.last_seq {
            self.last_seq = record.seq;
            self.head.clone_from(&record.hash);
        }
    }
}

impl<E, L, B> RunState<'_, E, L, B> {
    /// The record of a step that is over.
    pub(super) fn record_of(&self, index: usize) -> Option<Arc<ExecutionLogRecord>> {
        self.records.borrow()[index].clone()
    }

    /// Takes a slot for one more call, if one is free.
    pub(super) fn take_slot(&self) -> bool {
        let jobs = self.options.policy.jobs.get();
        let is_free = *self.slots.borrow() < jobs;
        if is_free {
            self.slots.send_modify(|running| *running += 1);
        }
        is_free
    }

    /// Gives a slot back.
    pub(super) fn release_slot(&self) {
        self.slots.send_modify(|running| *running -= 1);
    }

    /// True if the step has its record.
    pub(super) fn is_over(&self, index: usize) -> bool {
        self.records.borrow()[index].is_some()
    }

    /// True if the step has its record or will get that of an earlier run.
    pub(super) fn needs_nothing(&self, index: usize) -> bool {
        self.is_over(index) || self.is_reused(index)
    }

    /// True if the step's result is reused from an earlier run.
    pub(super) fn is_reused(&self, index: usize) -> bool {
        matches!(self.options.reused.get(index), Some(Ok(_)))
    }

    /// True if a step has started, in this run or in the one that it resumes.
    pub(super) fn has_started(&self) -> bool {
        let is_reused = |record: &Arc<ExecutionLogRecord>| record.reused_from.is_some();
        self.has_called.get() || self.records.borrow().iter().flatten().any(is_reused)
    }
}
