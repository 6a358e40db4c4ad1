//! What the steps of a run share.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{Mutex, watch};

use super::halt::Halt;
use super::run_options::RunOptions;
use super::schedule::Schedule;
use super::{ExecutionContext, ProvenPlan, ShutdownReceiver};
use crate::model::ExecutionLogRecord;

/// What the steps of a run share.
pub(super) struct RunState<'r, E, L, B> {
    pub(super) executor: &'r E,
    pub(super) plan: &'r ProvenPlan,
    pub(super) context: &'r ExecutionContext,
    pub(super) options: RunOptions<'r, L, B>,
    pub(super) shutdown: ShutdownReceiver,
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

impl<E, L, B> RunState<'_, E, L, B> {
    /// True if the step has its record.
    pub(super) fn is_over(&self, index: usize) -> bool {
        self.records.borrow()[index].is_some()
    }
}
