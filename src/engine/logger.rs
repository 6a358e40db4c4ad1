//! The interface to the log.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use thiserror::Error;

use crate::model::{ExecutionLogRecord, RunStatus};

/// Keeps the records of a run.
///
/// OpenBotStack's `ExecutionLogger`. The engine awaits [`log_step`](Self::log_step) before it
/// reports that the step ended: what is acknowledged is committed: it survives the death of obs,
/// see `store::database`. Every entry is returned as it was stored, with its place in the chain if
/// the log has one.
pub trait ExecutionLogger {
    /// The log's name for messages: ``the log `run.jsonl` ``.
    fn name(&self) -> String;
    /// A run starts, with the records of reused steps: all of it is committed, or nothing.
    fn log_plan_start(
        &self,
        start: PlanStart,
        reused: Vec<ExecutionLogRecord>,
    ) -> impl Future<Output = Result<LoggedRunStart, LogError>>;
    /// A step that is not idempotent is about to start. Once this is acknowledged, a later obs
    /// knows that the step may have had its effect, even if this obs dies.
    fn log_step_start(&self, start: StepStart) -> impl Future<Output = Result<(), LogError>>;
    /// A step ended.
    fn log_step(
        &self,
        record: ExecutionLogRecord,
    ) -> impl Future<Output = Result<Arc<ExecutionLogRecord>, LogError>>;
    /// The output and the error of an item of a step with `for_each`, by the step's index and the
    /// item's, once its record is committed: the engine keeps neither. It asks once.
    fn logged_item(
        &self,
        step_index: usize,
        item_index: usize,
    ) -> impl Future<Output = Result<LoggedItem, LogError>> {
        let _ = (step_index, item_index);
        let reason = "it can't read records back, which `for_each` needs".to_owned();
        let name = self.name();
        std::future::ready(Err(LogError { name, reason }))
    }
    /// A run ended.
    fn log_plan_end(&self, end: PlanEnd) -> impl Future<Output = Result<PlanEnd, LogError>>;
}

/// What a log has of an item.
#[derive(Debug, Clone, Default)]
pub struct LoggedItem {
    /// Its output; `None` for null, or if it did not succeed.
    pub output: Option<Arc<RawValue>>,
    /// What went wrong.
    pub error: Option<String>,
}

/// The committed start of a run.
#[derive(Debug, Clone)]
pub struct LoggedRunStart {
    /// The header.
    pub start: PlanStart,
    /// The records of the reused steps.
    pub reused: Vec<Arc<ExecutionLogRecord>>,
}

/// The beginning of a run: the header of its chain.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PlanStart {
    /// The caller's id.
    pub request_id: String,
    /// The assistant that wrote the plan.
    pub assistant_id: String,
    /// obs's own id of the run.
    pub run_id: String,
    /// The plan's own id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_id: Option<String>,
    /// The id of the plan that it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<String>,
    /// The session that it belongs to.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub session_id: String,
    /// The tenant.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tenant_id: String,
    /// The user.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub user_id: String,
    /// How many steps it has, with the `finally` steps.
    pub steps: usize,
    /// How many of them are `finally` steps; they come last.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub finally_steps: usize,
    /// When it began.
    pub timestamp: Timestamp,
    /// What exactly is about to run.
    pub provenance: Provenance,
    /// How its chain is made; empty without one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub chain: String,
    /// The hash of all the above; empty without a chain.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hash: String,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// What exactly a run was made from, as digests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The plan's file, absolute; `-` for standard input.
    pub plan: String,
    /// SHA-256 of the plan's text.
    pub plan_digest: String,
    /// Where its skills work.
    #[serde(default)]
    pub workspace: String,
    /// SHA-256 of the inputs, where the plan has some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs_digest: Option<String>,
    /// The inputs themselves, but for those that are `writeOnly`, for a run that resumes this one.
    /// The chain and the log have their digest only.
    #[serde(skip)]
    pub inputs: Map<String, Value>,
    /// SHA-256 of the files of each skill, by its id.
    pub skills: BTreeMap<String, String>,
    /// The first digits of the digest of each of these files, by skill and path, to name the one
    /// that changed. A skill with very many files is left out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub skill_files: BTreeMap<String, BTreeMap<String, String>>,
    /// The run that this one resumes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed_from: Option<String>,
    /// The first run of a chain of resumed runs, whose shared files all of them use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_run: Option<String>,
}

/// The start of a step that is not idempotent.
#[derive(Debug, Clone)]
pub struct StepStart {
    /// The step's place in the plan, from 0.
    pub step_index: usize,
    /// The item's place in its list, of a step with `for_each`.
    pub item_index: Option<usize>,
    /// The step's `step_id`, or its name where the plan gives none.
    pub step_id: String,
    /// The skill that is about to be called.
    pub skill_id: String,
    /// When.
    pub timestamp: Timestamp,
}

/// The end of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Wall time in whole milliseconds.
    pub duration_ms: u64,
    /// When it ended.
    pub timestamp: Timestamp,
    /// How many records it has.
    pub records: u64,
    /// The hash of the last record, or of the header; empty without a chain.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prev_hash: String,
    /// The hash of all the above; empty without a chain.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hash: String,
}

/// A log write failed.
#[derive(Debug, Clone, Error)]
#[error("can't write {name}: {reason}")]
pub struct LogError {
    /// The log, with what it is and as the user named it.
    pub name: String,
    /// What the system said.
    pub reason: String,
}
