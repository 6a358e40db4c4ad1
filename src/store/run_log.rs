//! All logs of a run: the state or memory, and the file of `--log`.
//!
//! Invariant: the state comes first. It sets an entry's place in the chain, and the file gets what
//! the state has.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::log_file::LogFile;
use super::null_log::NullLog;
use super::state_log::StateLog;
use crate::engine::{
    ExecutionLogger, LogError, LoggedItem, LoggedRunStart, PlanEnd, PlanStart, StepStart,
};
use crate::model::ExecutionLogRecord;

/// Where the records of one run go.
#[derive(Debug)]
pub(crate) struct RunLog {
    sink: RecordSink,
    file: Option<LogFile>,
    /// Held from a record's commit until its line is written.
    line_turn: Mutex<()>,
}

/// The sink that sets a record's place in the chain.
#[derive(Debug)]
pub(crate) enum RecordSink {
    /// The state.
    State(StateLog),
    /// Memory: nothing outlives the run.
    Memory(NullLog),
}

impl RunLog {
    /// Writes to `sink` first, then to `file`.
    pub(crate) fn new(sink: RecordSink, file: Option<LogFile>) -> Self {
        Self {
            sink,
            file,
            line_turn: Mutex::default(),
        }
    }
}

impl ExecutionLogger for RunLog {
    fn name(&self) -> String {
        match (&self.sink, &self.file) {
            (RecordSink::State(log), _) => log.name(),
            (RecordSink::Memory(_), Some(file)) => file.name(),
            (RecordSink::Memory(log), None) => log.name(),
        }
    }

    async fn log_plan_start(
        &self,
        start: PlanStart,
        reused: Vec<ExecutionLogRecord>,
    ) -> Result<LoggedRunStart, LogError> {
        let logged = match &self.sink {
            RecordSink::State(log) => log.log_plan_start(start, reused).await,
            RecordSink::Memory(log) => log.log_plan_start(start, reused).await,
        }?;
        if let Some(file) = &self.file {
            file.keep_start(&logged.start).await?;
            for record in &logged.reused {
                file.keep(record).await?;
            }
        }
        Ok(logged)
    }

    async fn log_step_start(&self, start: StepStart) -> Result<(), LogError> {
        match &self.sink {
            RecordSink::State(log) => log.log_step_start(start).await,
            RecordSink::Memory(log) => log.log_step_start(start).await,
        }
    }

    async fn log_step(
        &self,
        record: ExecutionLogRecord,
    ) -> Result<Arc<ExecutionLogRecord>, LogError> {
        // Held from the commit to the end of the line, so that lines are in chain order.
        let _turn = match &self.file {
            Some(_) => Some(self.line_turn.lock().await),
            None => None,
        };
        let record = match &self.sink {
            RecordSink::State(log) => log.log_step(record).await,
            RecordSink::Memory(log) => log.log_step(record).await,
        }?;
        if let Some(file) = &self.file {
            file.keep(&record).await?;
        }
        Ok(record)
    }

    async fn logged_item(
        &self,
        step_index: usize,
        item_index: usize,
    ) -> Result<LoggedItem, LogError> {
        match &self.sink {
            RecordSink::State(log) => log.logged_item(step_index, item_index).await,
            RecordSink::Memory(log) => log.logged_item(step_index, item_index).await,
        }
    }

    async fn log_plan_end(&self, end: PlanEnd) -> Result<PlanEnd, LogError> {
        let end = match &self.sink {
            RecordSink::State(log) => log.log_plan_end(end).await,
            RecordSink::Memory(log) => log.log_plan_end(end).await,
        }?;
        match &self.file {
            Some(file) => file.log_plan_end(end).await,
            None => Ok(end),
        }
    }
}
