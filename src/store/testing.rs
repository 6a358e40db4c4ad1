//! Records to test with.

use jiff::Timestamp;

use crate::engine::{PlanEnd, PlanStart, Provenance};
use crate::model::{ExecutionLogRecord, RunStatus};

/// The header of a run.
pub(super) fn start(run_id: &str) -> PlanStart {
    PlanStart {
        request_id: run_id.to_owned(),
        assistant_id: "test".to_owned(),
        run_id: run_id.to_owned(),
        plan_id: None,
        parent_id: None,
        session_id: String::new(),
        tenant_id: String::new(),
        user_id: String::new(),
        finally_steps: 0,
        steps: 3,
        timestamp: Timestamp::UNIX_EPOCH,
        provenance: Provenance::default(),
        chain: String::new(),
        hash: String::new(),
    }
}

/// A record of the step with this index.
pub(super) fn record(step_index: usize, status: &str) -> ExecutionLogRecord {
    let text = format!(
        r#"{{"request_id":"run-1","assistant_id":"test","step_name":"step-{step_index}",
        "step_type":"skill","status":"{status}","output":{step_index},"duration_ms":3,
        "timestamp":"2026-11-24T08:00:00Z","run_id":"run-1",
        "step_id":"step-{step_index}","step_index":{step_index},"skill_id":"core/echo",
        "started_at":"2026-11-24T08:00:00Z","attempts":1,"arguments":{{}},
        "resource_usage":{{"cpu_time_ms":1,"memory_mb":1,"tokens_used":0}},
        "sandbox":{{"mode":"require"}},"schema_version":1}}"#
    );
    serde_json::from_str(&text).unwrap()
}

/// The end of a run.
pub(super) fn end(run_id: &str) -> PlanEnd {
    PlanEnd {
        request_id: run_id.to_owned(),
        assistant_id: "test".to_owned(),
        run_id: run_id.to_owned(),
        status: RunStatus::Success,
        error: None,
        duration_ms: 9,
        timestamp: Timestamp::UNIX_EPOCH,
        records: 0,
        prev_hash: String::new(),
        hash: String::new(),
    }
}
