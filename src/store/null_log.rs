//! The log in memory: OpenBotStack's `ExecutionLogger` for `--state-dir none`, and for tests.
//!
//! Invariant: the chain is the same as in the state, so that printed records can be verified. The
//! records themselves are not stored: the caller has them. The outputs of items are, until the
//! engine has gathered them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::chain::{Chain, ChainKey};
use crate::engine::{
    ExecutionLogger, LogError, LoggedItem, LoggedRunStart, PlanEnd, PlanStart, StepStart,
};
use crate::model::ExecutionLogRecord;

/// The log of one run in memory.
#[derive(Debug)]
pub(crate) struct NullLog {
    key: Option<ChainKey>,
    chain: Mutex<Option<Chain>>,
    /// What the items of steps gave, by step and item, until it is asked for.
    items: Mutex<HashMap<(usize, usize), LoggedItem>>,
}

impl NullLog {
    /// The log of a run that is about to begin.
    pub(crate) fn new(key: Option<ChainKey>) -> Self {
        Self {
            key,
            chain: Mutex::default(),
            items: Mutex::default(),
        }
    }

    fn with_chain<T>(
        &self,
        work: impl FnOnce(&mut Option<Chain>) -> serde_json::Result<T>,
    ) -> Result<T, LogError> {
        let mut chain = self.chain.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut chain).map_err(|error| LogError {
            name: self.name(),
            reason: error.to_string(),
        })
    }
}

impl NullLog {
    /// Keeps what an item gave.
    fn keep_item(&self, record: &ExecutionLogRecord) {
        let Some(item_index) = record.item_index else {
            return;
        };
        if record.output.is_some() || record.error.is_some() {
            let item = LoggedItem {
                output: record.output.clone(),
                error: record.error.clone(),
            };
            let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
            items.insert((record.step_index, item_index), item);
        }
    }
}

impl ExecutionLogger for NullLog {
    fn name(&self) -> String {
        "memory".to_owned()
    }

    async fn log_plan_start(
        &self,
        mut start: PlanStart,
        reused: Vec<ExecutionLogRecord>,
    ) -> Result<LoggedRunStart, LogError> {
        self.with_chain(|chain| {
            let (mut new_chain, _) = Chain::begin(&mut start, self.key.clone())?;
            let reused = reused.into_iter().map(|mut record| {
                new_chain.add(&mut record)?;
                Ok(Arc::new(record))
            });
            let reused = reused.collect::<serde_json::Result<_>>()?;
            *chain = Some(new_chain);
            Ok(LoggedRunStart { start, reused })
        })
    }

    async fn log_step_start(&self, _: StepStart) -> Result<(), LogError> {
        Ok(())
    }

    async fn log_step(
        &self,
        mut record: ExecutionLogRecord,
    ) -> Result<Arc<ExecutionLogRecord>, LogError> {
        self.with_chain(|chain| {
            if let Some(chain) = chain {
                chain.add(&mut record)?;
            }
            self.keep_item(&record);
            Ok(Arc::new(record))
        })
    }

    async fn logged_item(
        &self,
        step_index: usize,
        item_index: usize,
    ) -> Result<LoggedItem, LogError> {
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(items.remove(&(step_index, item_index)).unwrap_or_default())
    }

    async fn log_plan_end(&self, mut end: PlanEnd) -> Result<PlanEnd, LogError> {
        self.with_chain(|chain| {
            if let Some(chain) = chain {
                chain.end(&mut end)?;
            }
            Ok(end)
        })
    }
}
