//! The log record of one step.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{
    ErrorCode, Excerpt, ExecutionStatus, ItemCounts, LeakedProcesses, NotReused, RecordedApproval,
    ResourceUsage, SandboxReport, SkippedBecause,
};

/// Version of the record's form, written into every record.
pub(crate) const SCHEMA_VERSION: u32 = 1;

/// The SHA-256 of the files of each `fs.read` permission; `None` for what is not compared.
pub type InputFiles = BTreeMap<String, Option<String>>;

/// One entry of the execution log: the outcome of one step.
///
/// The fields up to `timestamp` are OpenBotStack's `ExecutionLogRecord`, in its order and under its
/// JSON names. `duration_ms` is a true number of milliseconds, where the Go original writes
/// nanoseconds under that name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExecutionLogRecord {
    /// The caller's id for the run.
    pub request_id: String,
    /// The assistant that wrote the plan.
    pub assistant_id: String,
    /// The step's name as the plan has it.
    pub step_name: String,
    /// `skill` or `tool`.
    pub step_type: String,
    /// How the step ended.
    pub status: StepStatus,
    /// The output; null is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Arc<RawValue>>,
    /// What went wrong, in one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Wall time in whole milliseconds, all attempts and waits.
    pub duration_ms: u64,
    /// When the step ended.
    pub timestamp: Timestamp,
    /// obs's own id of the run, a UUID of version 7.
    pub run_id: String,
    /// The step's `step_id`, or its name where the plan gives none.
    pub step_id: String,
    /// The step's place in the plan, from 0.
    pub step_index: usize,
    /// Of an item of a step with `for_each`: its place in the list, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item_index: Option<usize>,
    /// Of an item: how many items the list has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item_count: Option<usize>,
    /// Of a step with `for_each` whose items ran: how they ended. Their outputs are in their own
    /// records only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<ItemCounts>,
    /// The skill that answered.
    pub skill_id: Arc<str>,
    /// That skill's version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skill_version: Option<String>,
    /// When the step started; for a step that did not run, when that was decided.
    pub started_at: Timestamp,
    /// How often the skill was started.
    pub attempts: u32,
    /// Who approved the step, where it wanted that: a person, and how they were asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
    /// The run whose result this is, where the step was not run again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reused_from: Option<String>,
    /// Why the fallback answered, where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback_reason: Option<String>,
    /// How long obs was suspended or the machine slept meanwhile, in whole milliseconds. Not part
    /// of `duration_ms`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub suspended_ms: u64,
    /// In a resumed run, why the step's earlier result is not reused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_reused: Option<NotReused>,
    /// The digests of the files that the manifest reads, by permission, as they were before the
    /// step; null for what is not compared.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub input_files: InputFiles,
    /// The arguments as the skill got them.
    pub arguments: Arc<Map<String, Value>>,
    /// The kind of failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<ErrorCode>,
    /// What to do about the failure, or about what the sandbox denied to a step that succeeded, in
    /// lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The skill's own exit code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The number of the signal that ended the skill.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// Standard output of a step that did not succeed, head and tail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdout: Option<Excerpt>,
    /// Standard error, head and tail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stderr: Option<Excerpt>,
    /// Processes that the skill left behind and that obs ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaked: Option<LeakedProcesses>,
    /// What the step consumed.
    pub resource_usage: ResourceUsage,
    /// What confined the step.
    pub sandbox: SandboxReport,
    /// The answer in the state that approved the step, or the one that it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<RecordedApproval>,
    /// Why the step was skipped; set if and only if the status is `skipped`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped_because: Option<SkippedBecause>,
    /// It is a `finally` step.
    #[serde(default, rename = "finally", skip_serializing_if = "is_false")]
    pub is_finally: bool,
    /// [`SCHEMA_VERSION`]. A new field goes before it: the record is sealed from its bytes, and
    /// `hash` is the last of them.
    pub schema_version: u32,
    /// Its place in the chain of its run, from 1; 0 as long as no log has kept it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub seq: u64,
    /// The hash of the record before, or of the run's header.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prev_hash: String,
    /// The hash of the record's own line up to here.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hash: String,
}

impl ExecutionLogRecord {
    /// True if the step waits for an answer.
    pub fn is_waiting(&self) -> bool {
        let approval = self.approval.as_ref();
        self.status == StepStatus::Skipped
            && approval.is_some_and(|approval| approval.expires_at.is_some())
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for this form"
)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for this form"
)]
fn is_false(flag: &bool) -> bool {
    !*flag
}

/// A step's status in the log: OpenBotStack's five, and `skipped`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    /// See [`ExecutionStatus::Success`].
    Success,
    /// See [`ExecutionStatus::Failed`].
    Failed,
    /// See [`ExecutionStatus::Timeout`].
    Timeout,
    /// See [`ExecutionStatus::Canceled`].
    Canceled,
    /// See [`ExecutionStatus::Rejected`].
    Rejected,
    /// An earlier step decided that this one does not run.
    Skipped,
}

impl StepStatus {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Success,
        Self::Failed,
        Self::Timeout,
        Self::Canceled,
        Self::Rejected,
        Self::Skipped,
    ];

    /// The status that `word` names.
    pub fn from_name(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// The status as the record spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Timeout => "timeout",
            Self::Canceled => "canceled",
            Self::Rejected => "rejected",
            Self::Skipped => "skipped",
        }
    }
}

impl fmt::Display for StepStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl From<ExecutionStatus> for StepStatus {
    fn from(status: ExecutionStatus) -> Self {
        match status {
            ExecutionStatus::Success => Self::Success,
            ExecutionStatus::Failed => Self::Failed,
            ExecutionStatus::Timeout => Self::Timeout,
            ExecutionStatus::Canceled => Self::Canceled,
            ExecutionStatus::Rejected => Self::Rejected,
        }
    }
}
