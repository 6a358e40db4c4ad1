//! Where records go.

use std::future::Future;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use thiserror::Error;

use crate::event::RunStatus;
use crate::model::ExecutionLogRecord;

/// Keeps the records of a run.
///
/// From the seed's `ExecutionLogger`. The engine awaits [`log_step`](Self::log_step) before it tells
/// anybody that the step ended: what is acknowledged is durable.
pub trait ExecutionLogger {
    /// The log, as the user named it.
    fn name(&self) -> String;
    /// A run begins.
    fn log_plan_start(&self, start: PlanStart) -> impl Future<Output = Result<(), LogError>>;
    /// A step ended.
    fn log_step(
        &self,
        record: Arc<ExecutionLogRecord>,
    ) -> impl Future<Output = Result<(), LogError>>;
    /// A run ended.
    fn log_plan_end(&self, end: PlanEnd) -> impl Future<Output = Result<(), LogError>>;
}

/// The beginning of a run.
#[derive(Debug, Clone, Serialize)]
pub struct PlanStart {
    /// The caller's id.
    pub request_id: String,
    /// The assistant that wrote the plan.
    pub assistant_id: String,
    /// obs's own id of the run.
    pub run_id: String,
    /// The plan's own id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_id: Option<String>,
    /// The id of the plan that it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<String>,
    /// How many steps it has.
    pub steps: usize,
    /// When it began.
    pub timestamp: Timestamp,
}

/// The end of a run.
#[derive(Debug, Clone, Serialize)]
pub struct PlanEnd {
    /// The caller's id.
    pub request_id: String,
    /// The assistant that wrote the plan.
    pub assistant_id: String,
    /// obs's own id of the run.
    pub run_id: String,
    /// How it ended, in one word.
    pub status: RunStatus,
    /// What went wrong, if anything did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Wall time in whole milliseconds.
    pub duration_ms: u64,
    /// When it ended.
    pub timestamp: Timestamp,
}

/// A record could not be kept.
#[derive(Debug, Clone, Error)]
#[error("can't write the log `{name}`: {reason}")]
pub struct LogError {
    /// The log, as the user named it.
    pub name: String,
    /// What the system said.
    pub reason: String,
}

/// A log that may be none: then nothing is kept.
impl<L: ExecutionLogger> ExecutionLogger for Option<L> {
    fn name(&self) -> String {
        self.as_ref().map(L::name).unwrap_or_default()
    }

    async fn log_plan_start(&self, start: PlanStart) -> Result<(), LogError> {
        match self {
            Some(log) => log.log_plan_start(start).await,
            None => Ok(()),
        }
    }

    async fn log_step(&self, record: Arc<ExecutionLogRecord>) -> Result<(), LogError> {
        match self {
            Some(log) => log.log_step(record).await,
            None => Ok(()),
        }
    }

    async fn log_plan_end(&self, end: PlanEnd) -> Result<(), LogError> {
        match self {
            Some(log) => log.log_plan_end(end).await,
            None => Ok(()),
        }
    }
}
