//! The request-scoped state of one run.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use serde_json::value::RawValue;

use crate::model::{ExecutionLogRecord, StepStatus};
use crate::process::{Moment, RunClock};

/// Who asked for a run. Empty texts mean that nobody said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The caller's id for the run; obs's own run id where none was given.
    pub request_id: String,
    /// The assistant that wrote the plan.
    pub assistant_id: String,
    /// The session that it belongs to.
    pub session_id: String,
    /// The tenant.
    pub tenant_id: String,
    /// The user.
    pub user_id: String,
}

/// Holds the identity, the bounds and the accumulated results of a run.
///
/// From the seed's `ExecutionContext`. Thread-safe: results may be added while others read.
#[derive(Debug)]
pub struct ExecutionContext {
    /// Who asked.
    pub identity: Identity,
    /// obs's own id of the run.
    pub run_id: String,
    /// When the run started, for people and records.
    pub started_at: Timestamp,
    /// What the run may take.
    pub timeout: Duration,
    clock: RunClock,
    start: Moment,
    /// The records that the results are a view of: a long run has many.
    ended: Mutex<Vec<Arc<ExecutionLogRecord>>>,
}

/// The outcome of one step, as later steps may see it.
#[derive(Debug, Clone)]
pub struct StepResult {
    /// The step's name.
    pub step_name: String,
    /// The step's id; its name where it has none.
    pub step_id: String,
    /// How it ended.
    pub status: StepStatus,
    /// Its output as compact JSON.
    pub output: Option<Arc<RawValue>>,
    /// What went wrong.
    pub error: Option<String>,
}

impl StepResult {
    fn from_record(record: &ExecutionLogRecord) -> Self {
        Self {
            step_name: record.step_name.clone(),
            step_id: record.step_id.clone(),
            status: record.status,
            output: record.output.clone(),
            error: record.error.clone(),
        }
    }
}

impl ExecutionContext {
    /// A context whose time begins now.
    pub fn new(identity: Identity, run_id: String, timeout: Duration, clock: RunClock) -> Self {
        let start = clock.now();
        Self {
            identity,
            run_id,
            started_at: Timestamp::now(),
            timeout,
            clock,
            start,
            ended: Mutex::default(),
        }
    }

    /// Adds a step's result, which its record holds.
    pub fn add_result(&self, record: Arc<ExecutionLogRecord>) {
        self.lock().push(record);
    }

    /// A copy of all results so far, in the order in which the steps ended.
    pub fn results(&self) -> Vec<StepResult> {
        self.lock()
            .iter()
            .map(|record| StepResult::from_record(record))
            .collect()
    }

    /// The clock of the run.
    pub fn clock(&self) -> &RunClock {
        &self.clock
    }

    /// The moment at which the run began.
    pub fn start(&self) -> Moment {
        self.start
    }

    /// How long the run has taken, without the time that obs was stopped.
    pub fn elapsed(&self) -> Duration {
        self.clock.elapsed(self.start)
    }

    /// When the run's time will be over, as things stand: a stop of obs moves it.
    pub fn deadline(&self) -> Timestamp {
        deadline_in(self.timeout.saturating_sub(self.elapsed()))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<ExecutionLogRecord>>> {
        // A panic while pushing leaves the list whole.
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The wall-clock time that lies `remaining` ahead.
pub(super) fn deadline_in(remaining: Duration) -> Timestamp {
    SystemTime::now()
        .checked_add(remaining)
        .and_then(|time| Timestamp::try_from(time).ok())
        .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_a_copy_and_may_be_added_from_many_threads() {
        let context = ExecutionContext::new(
            Identity::default(),
            "run".to_owned(),
            Duration::from_mins(1),
            RunClock::new(),
        );
        let before = context.results();
        let record = r#"{"request_id":"","assistant_id":"","step_name":"one","step_type":"skill","status":"success",
            "output":1,"duration_ms":0,"timestamp":"2026-11-24T08:00:00Z","run_id":"","step_id":"1","step_index":0,
            "skill_id":"s","started_at":"2026-11-24T08:00:00Z","attempts":1,"arguments":{},"sandbox":{"mode":"none"},
            "resource_usage":{"cpu_time_ms":0,"memory_mb":0,"tokens_used":0},"schema_version":1}"#;
        let record: Arc<ExecutionLogRecord> = Arc::new(serde_json::from_str(record).unwrap());
        std::thread::scope(|scope| {
            for _ in 0..8 {
                let (context, record) = (&context, &record);
                scope.spawn(move || {
                    for _ in 0..100 {
                        context.add_result(Arc::clone(record));
                    }
                });
            }
        });
        assert!(before.is_empty());
        let results = context.results();
        assert_eq!(results.len(), 800);
        assert_eq!((&*results[0].step_name, &*results[0].step_id), ("one", "1"));
    }
}
