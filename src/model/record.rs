//! The log record of one step.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{ExecutionStatus, ResourceUsage};

/// Version of the record's form, written into every record.
pub const SCHEMA_VERSION: u32 = 1;

/// One entry of the execution log: the outcome of one step.
///
/// The fields up to `timestamp` are the seed's `ExecutionLogRecord`, in its order and under its JSON
/// names. `duration_ms` is a true number of milliseconds, where the Go original writes nanoseconds
/// under that name.
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
    /// The arguments as the skill got them.
    pub arguments: Arc<Map<String, Value>>,
    /// The kind of failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<ErrorCode>,
    /// The skill's own exit code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The number of the signal that ended the skill.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// Standard output of a failed step, head and tail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdout: Option<Excerpt>,
    /// Standard error, head and tail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stderr: Option<Excerpt>,
    /// What the step consumed.
    pub resource_usage: ResourceUsage,
    /// What confined the step.
    pub sandbox: SandboxReport,
    /// [`SCHEMA_VERSION`].
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

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for this form"
)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A step's status in the log: the seed's five, and `skipped`.
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

/// The kind of a failure, for scripts. Each kind belongs to one status and one exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// Non-zero exit or death by a signal.
    SkillFailed,
    /// The output is not what the manifest or the plan promises.
    InvalidOutput,
    /// The skill can't be loaded or started.
    SkillNotLoaded,
    /// Memory, CPU, processes or output over the limit.
    ResourceExhausted,
    /// The step took longer than it may.
    ExecutionTimeout,
    /// The run took longer than it may.
    PlanTimeout,
    /// A signal, or another step ended the plan.
    Canceled,
    /// The policy said no, or approval was refused.
    PolicyRejected,
    /// The skill's circuit breaker is open.
    CircuitOpen,
    /// The arguments fail the skill's `input_schema` or its command.
    InvalidArguments,
    /// An earlier step decided.
    Skipped,
}

/// Text of a stream that was too long to keep whole: its head and its tail, as UTF-8 with
/// replacement characters. In JSON it is one string with a line that counts what was left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Excerpt {
    /// The first part; all of it where nothing was left out.
    pub head: String,
    /// Bytes between head and tail that were not kept.
    pub omitted_bytes: u64,
    /// The last part; empty where nothing was left out.
    pub tail: String,
}

impl Excerpt {
    /// An excerpt that holds all of `text`.
    pub fn whole(text: impl Into<String>) -> Self {
        Self {
            head: text.into(),
            ..Self::default()
        }
    }

    /// The head and the tail of `bytes`, at most 8 KiB each.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        const HALF: usize = 8 * 1024;
        if bytes.len() <= 2 * HALF {
            return Self::whole(String::from_utf8_lossy(bytes));
        }
        let tail_start = bytes.len() - HALF;
        Self {
            head: String::from_utf8_lossy(&bytes[..HALF]).into_owned(),
            omitted_bytes: (tail_start - HALF) as u64,
            tail: String::from_utf8_lossy(&bytes[tail_start..]).into_owned(),
        }
    }

    /// True where the stream was empty.
    pub fn is_empty(&self) -> bool {
        self.head.is_empty() && self.omitted_bytes == 0 && self.tail.is_empty()
    }

    /// Head, a line about what was left out, tail.
    pub fn text(&self) -> Cow<'_, str> {
        if self.omitted_bytes == 0 {
            return Cow::Borrowed(&self.head);
        }
        Cow::Owned(format!(
            "{}\n[... {} bytes left out ...]\n{}",
            self.head, self.omitted_bytes, self.tail
        ))
    }
}

impl Serialize for Excerpt {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl<'de> Deserialize<'de> for Excerpt {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::whole)
    }
}

/// How strictly a skill is confined.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SandboxMode {
    /// It runs only where all that its confinement relies on can be enforced.
    #[default]
    Require,
    /// It runs with what this machine can enforce.
    BestEffort,
    /// Files and network are open to it. It still has a session and a tree of its own.
    Off,
    /// A built-in tool: no process was started, so there was nothing to confine.
    InProcess,
    /// Nothing was run at all.
    None,
}

impl SandboxMode {
    /// The mode as the record and the command line spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Require => "require",
            Self::BestEffort => "best-effort",
            Self::Off => "off",
            Self::InProcess => "in-process",
            Self::None => "none",
        }
    }
}

/// What confined a step, and what did not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxReport {
    /// The mode of the run.
    pub mode: SandboxMode,
    /// Layers that held.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub enforced: Vec<String>,
    /// Layers that did not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}
