//! What `{{run}}` stands for: the run itself.
//!
//! Invariant: before the `finally` steps only the id is known. It is that of the first run of a
//! chain of resumed runs, so that names made of it stay the same when a run is resumed.

use std::sync::Arc;

use serde_json::json;

use super::{RunResult, exit_code};
use crate::model::{ExecutionLogRecord, StepStatus};

/// The value of `{{run}}`, as JSON text.
#[derive(Debug, Clone)]
pub struct RunValue(Arc<str>);

impl RunValue {
    /// A run whose steps are not over.
    pub fn of_id(id: &str) -> Self {
        Self(json!({"id": id}).to_string().into())
    }

    /// A run whose steps ended with `result`.
    pub(super) fn of_result(
        id: &str,
        result: &RunResult,
        records: &[Arc<ExecutionLogRecord>],
    ) -> Self {
        let has_failed = |record: &&Arc<ExecutionLogRecord>| {
            matches!(
                record.status,
                StepStatus::Failed | StepStatus::Timeout | StepStatus::Rejected
            )
        };
        let failed = records.iter().filter(has_failed).map(|record| {
            json!({
                "step": record.step_id,
                "status": record.status,
                "error_code": record.error_code,
                "error": record.error,
            })
        });
        let value = json!({
            "id": id,
            "status": result.status,
            "exit_code": exit_code::from_cause(result.cause),
            "failed": failed.collect::<Vec<_>>(),
        });
        Self(value.to_string().into())
    }

    /// The value as JSON text.
    pub(super) fn as_json(&self) -> &str {
        &self.0
    }
}
