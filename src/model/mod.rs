//! The words of the domain: plan, step, request, result, record.
//!
//! Invariant: plain values only. Nothing in this module reads a file, starts a process, knows tokio
//! or imports another module; every other module may import this one. The types are those of the
//! `openbotstack-core/execution` Go package with Rust's spelling; OpenBotStack's JSON names are
//! kept.

mod condition;
mod digest;
mod duration;
mod error_code;
mod escaped;
mod excerpt;
mod for_each;
mod json_entry;
mod json_text;
mod leaked_processes;
mod not_reused;
mod plan;
mod record;
mod recorded_approval;
mod request;
mod result;
mod risk;
mod run_status;
mod sandbox_report;
mod signal;
mod skipped_because;
mod step_dirs;
mod strict_json;
mod usage;
mod value_path;
mod wrap;

pub use condition::{Condition, ConditionSubject, ConditionTest};
pub(crate) use digest::{digest_of, hex, sha256_hex};
pub(crate) use duration::{MAX_DURATION, format_duration, parse_duration};
pub use error_code::ErrorCode;
pub(crate) use escaped::{Escaped, EscapedLines};
pub use excerpt::Excerpt;
pub(crate) use for_each::{ForEach, Gather, ItemSource, MatrixAxis};
pub use for_each::{ItemCounts, ItemPosition};
pub(crate) use json_entry::{NoEntry, json_entry};
pub(crate) use json_text::{is_reserved_key, json_line, json_pretty};
pub use leaked_processes::LeakedProcesses;
pub use not_reused::{NotReused, NotReusedReason};
pub use plan::{ExecutionPlan, ExecutionStep, StepType};
pub(crate) use plan::{Retry, SkillRef, StepOrder};
pub(crate) use record::SCHEMA_VERSION;
pub use record::{ExecutionLogRecord, InputFiles, StepStatus};
pub use recorded_approval::{RecordedApproval, RequestedItems};
pub use request::ExecutionRequest;
pub use result::{ExecutionResult, ExecutionStatus};
pub use risk::RiskLevel;
pub use run_status::RunStatus;
pub use sandbox_report::{AppliedSandbox, SandboxMode, SandboxReport};
pub(crate) use signal::signal_name;
pub use skipped_because::{SkipKind, SkippedBecause};
pub(crate) use step_dirs::StepDirs;
pub(crate) use strict_json::{
    MAX_JSON_DEPTH, is_finite_number, is_too_deep, json_error_offset, strict_json,
};
pub use usage::ResourceUsage;
pub(crate) use value_path::{begins_path, format_path, parse_path};
pub(crate) use wrap::{without_tabs, wrap};
