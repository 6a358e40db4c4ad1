//! The state that the steps of a run share.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{Mutex, watch};

use super::halt::Halt;
use super::run_options::RunOptions;
use super::schedule::Schedule;
use super::{ExecutionContext, ProvenPlan, ShutdownReceiver};
use crate::model::ExecutionLogRecord;

/// The state that the steps of a run share.
pub(super) struct RunState<'r, E, L, B> {
    pub(super) executor: &'r E,
    pub(super) plan: &'r ProvenPlan,
    pub(super) context: &'r ExecutionContext,
    pub(super) options: RunOptions<'r, L, B>,
    pub(super) shutdown: ShutdownReceiver,
    /// The approvers, by step index.
    pub(super) approvals: RefCell<BTreeMap<usize, String>>,
    /// Held during a prompt.
    pub(super) asking: Mutex<()>,
    /// The effect of one step's end on the other steps.
    pub(super) halt: watch::Sender<Halt>,
    /// Which step may start.
    pub(super) schedule: RefCell<Schedule>,
    /// The records of completed steps, by step index.
    pub(super) records: RefCell<Vec<Option<Arc<ExecutionLogRecord>>>>,
}

impl<E, L, B> RunState<'_, E, L, B> {
    /// True if the step has its record.
    pub(super) fn is_over(&self, index: usize) -> bool {
        self.records.borrow()[index].is_some()
    }
}
