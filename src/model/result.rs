//! What an executor gives back.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{AppliedSandbox, ErrorCode, Excerpt, LeakedProcesses, ResourceUsage, SandboxReport};

/// The outcome of one execution: OpenBotStack's five statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExecutionStatus {
    /// It exited as its manifest wants and its output is valid.
    Success,
    /// It could not be started, exited otherwise, or its output is not valid.
    Failed,
    /// It took longer than the step or the run may.
    Timeout,
    /// A signal or another step ended it.
    Canceled,
    /// Policy, approval, breaker or argument check said no; nothing ran.
    Rejected,
}

/// The output from one skill execution.
///
/// OpenBotStack's `ExecutionResult`; the fields after `resource_usage` are what a record needs
/// beyond it.
#[derive(Debug, Clone)]
pub struct ExecutionResult {
    /// The skill's output: one JSON value as compact text. `None` is JSON null.
    pub output: Option<Arc<RawValue>>,
    /// What went wrong, in one line; empty on success.
    pub error: String,
    /// How it ended.
    pub status: ExecutionStatus,
    /// Wall time from start to the end of the whole tree.
    pub duration: Duration,
    /// What it consumed.
    pub resource_usage: ResourceUsage,
    /// How often the skill was started.
    pub attempts: u32,
    /// The kind of failure; `None` on success.
    pub error_code: Option<ErrorCode>,
    /// The leader's exit code, if it exited.
    pub exit_code: Option<i32>,
    /// The signal that ended the leader, if one did.
    pub signal: Option<i32>,
    /// Standard output as far as kept; only for a failure.
    pub stdout: Option<Excerpt>,
    /// Standard error as far as kept.
    pub stderr: Option<Excerpt>,
    /// The resolved argument vector, for the failure report. Empty for built-ins.
    pub command: Vec<String>,
    /// Where it ran. `None` for built-ins.
    pub working_directory: Option<PathBuf>,
    /// The skill ended before any request to stop it: its result stands, whatever ended the
    /// processes that it left behind.
    pub ended_by_itself: bool,
    /// The processes that it left behind and that obs ended.
    pub leaked: Option<LeakedProcesses>,
    /// The skill itself said that another attempt is no use.
    pub is_final: bool,
    /// How long the skill itself asks to wait before another attempt.
    pub retry_after: Option<Duration>,
    /// Something to try after a failure.
    pub hint: Option<String>,
    /// Which lines about the confinement show what it probably lacked, by their names.
    pub lacks: Vec<&'static str>,
    /// What confined it.
    pub sandbox: SandboxReport,
}

impl ExecutionResult {
    /// A success in this process. `output` is compact.
    pub fn success(output: Box<RawValue>) -> Self {
        Self {
            output: Some(Arc::from(output)).filter(|raw: &Arc<RawValue>| raw.get() != "null"),
            status: ExecutionStatus::Success,
            error_code: None,
            ..Self::failure(ErrorCode::SkillFailed, String::new())
        }
    }

    /// A failure in this process, of which nothing more is known.
    pub fn failure(code: ErrorCode, error: String) -> Self {
        Self {
            output: None,
            error,
            status: ExecutionStatus::Failed,
            duration: Duration::ZERO,
            resource_usage: ResourceUsage::default(),
            attempts: 1,
            error_code: Some(code),
            exit_code: None,
            signal: None,
            stdout: None,
            stderr: None,
            command: Vec::new(),
            working_directory: None,
            ended_by_itself: false,
            leaked: None,
            is_final: false,
            retry_after: None,
            hint: None,
            lacks: Vec::new(),
            sandbox: SandboxReport {
                mode: AppliedSandbox::InProcess,
                ..SandboxReport::default()
            },
        }
    }
}
