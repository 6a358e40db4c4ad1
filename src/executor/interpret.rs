//! Turns a process's exit into a result: what counts as success, and what the output is.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::value::RawValue;

use crate::engine::{RuntimeError, mask_json};
use crate::model::{
    ErrorCode, Excerpt, ExecutionResult, ExecutionStatus, ResourceUsage, SandboxReport,
    signal_name, strict_json,
};
use crate::process::{LeaderExit, MASK, ProcessExit, Secrets};
use crate::skill::{Execution, OutputFormat, Skill, breach_text};

/// What the executor knows besides the exit.
pub(super) struct ExecutionMeta {
    /// The resolved argument vector.
    pub(super) command: Vec<String>,
    /// Tokens reported through the events descriptor.
    pub(super) tokens_used: u64,
    /// What confined it.
    pub(super) sandbox: SandboxReport,
}

/// The default limit of a skill's standard output: 10 MiB.
const DEFAULT_MAX_OUTPUT_BYTES: u64 = 10 << 20;

/// The limit of the standard output of `skill`, in bytes.
pub(super) fn max_output_bytes(skill: &Skill) -> u64 {
    skill
        .manifest
        .resources
        .max_output_bytes
        .unwrap_or(DEFAULT_MAX_OUTPUT_BYTES)
}

/// The result of `skill` with this exit.
pub(super) fn interpret(
    skill: &Skill,
    execution: &Execution,
    exit: ProcessExit,
    meta: ExecutionMeta,
    secrets: &Secrets,
) -> ExecutionResult {
    let outcome = evaluate_exit(skill, execution, &exit, secrets);
    let (exit_code, signal) = match exit.leader {
        LeaderExit::Code(code) => (Some(code), None),
        LeaderExit::Signal(signal) => (None, Some(signal)),
    };
    let resource_usage = ResourceUsage {
        cpu_time_ms: u64::try_from(exit.usage.cpu.as_millis()).unwrap_or(u64::MAX),
        memory_mb: exit.usage.peak_memory_bytes.div_ceil(1 << 20),
        tokens_used: meta.tokens_used,
    };
    let is_final = outcome.is_err() && says_final(&exit.stdout);
    let (status, error_code, error, output) = match outcome {
        Ok(output) => (ExecutionStatus::Success, None, String::new(), output),
        Err((code, error)) => (ExecutionStatus::Failed, Some(code), error, None),
    };
    ExecutionResult {
        output,
        error,
        status,
        duration: exit.wall,
        resource_usage,
        attempts: 1,
        error_code,
        exit_code,
        signal,
        // The engine decides whether a skill that was stopped has succeeded.
        stdout: (status != ExecutionStatus::Success || !exit.ended_by_itself).then(|| {
            let masked = secrets.mask_bytes(&exit.stdout, exit.output_limit_exceeded);
            Excerpt::from_bytes(&masked)
        }),
        stderr: Some(exit.stderr),
        command: meta.command,
        working_directory: None,
        ended_by_itself: exit.ended_by_itself,
        leaked: exit.leaked,
        is_final,
        hint: hint(exit.dropped_event_lines),
        sandbox: meta.sandbox,
    }
}

type ExitOutcome = Result<Option<Arc<RawValue>>, (ErrorCode, String)>;

fn evaluate_exit(
    skill: &Skill,
    execution: &Execution,
    exit: &ProcessExit,
    secrets: &Secrets,
) -> ExitOutcome {
    if exit.output_limit_exceeded {
        let limit = max_output_bytes(skill);
        let detail = format!("the output exceeds its limit of {limit} bytes");
        let code = ErrorCode::ResourceExhausted;
        return Err((code, RuntimeError::text(code, &detail)));
    }
    if let Some(breach) = &exit.limit_breach {
        let code = ErrorCode::ResourceExhausted;
        return Err((code, RuntimeError::text(code, &breach_text(breach))));
    }
    match exit.leader {
        LeaderExit::Code(code) if is_success(execution, code) => {
            output(skill, execution.output, &exit.stdout, secrets)
                .map_err(|error| (ErrorCode::InvalidOutput, error))
        }
        LeaderExit::Code(code) => {
            let error = own_error(&exit.stdout).unwrap_or_else(|| format!("exit code {code}"));
            Err((ErrorCode::SkillFailed, error))
        }
        LeaderExit::Signal(signal) => Err((
            ErrorCode::SkillFailed,
            format!("ended by {}", signal_name(signal)),
        )),
    }
}

fn is_success(execution: &Execution, code: i32) -> bool {
    u8::try_from(code).is_ok_and(|code| execution.success_exit_codes.contains(&code))
}

/// The output in the form that the manifest declares, with secrets masked. The masked output must
/// be valid by its schema, because other steps and records get that.
fn output(
    skill: &Skill,
    format: OutputFormat,
    stdout: &[u8],
    secrets: &Secrets,
) -> Result<Option<Arc<RawValue>>, String> {
    let (output, is_masked) = match format {
        OutputFormat::Json => {
            let output =
                strict_json(stdout).map_err(|error| format!("the output is not JSON: {error}"))?;
            let masked = output.as_deref().map(|json| mask_json(secrets, json));
            let masked = masked.transpose().map_err(|error| error.to_string())?;
            match masked.flatten() {
                Some(masked) => (Some(masked), true),
                None => (output, false),
            }
        }
        OutputFormat::Text | OutputFormat::Lines => {
            let text = text(stdout)?;
            let masked = secrets.mask_text(text);
            let output = match format {
                OutputFormat::Lines => to_raw(&masked.lines().collect::<Vec<_>>())?,
                _ => to_raw(strip_last_line_feed(&masked))?,
            };
            (Some(output), matches!(masked, Cow::Owned(_)))
        }
    };
    if skill.manifest.output_schema.is_some() {
        let json = output.as_deref().map_or("null", RawValue::get);
        let value = serde_json::from_str(json).map_err(|error| error.to_string())?;
        skill.check_output(&value).map_err(|error| {
            if is_masked {
                format!("{error}; a secret in it was masked as `{MASK}` before")
            } else {
                error
            }
        })?;
    }
    Ok(output.map(Arc::from))
}

fn text(stdout: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(stdout)
        .map_err(|error| format!("the output is not UTF-8 at byte {}", error.valid_up_to()))
}

fn strip_last_line_feed(text: &str) -> &str {
    text.strip_suffix('\n').unwrap_or(text)
}

fn to_raw(value: &(impl serde::Serialize + ?Sized)) -> Result<Box<RawValue>, String> {
    serde_json::value::to_raw_value(value).map_err(|error| error.to_string())
}

/// A failing skill may say what went wrong: `{"error": {"code", "message", "retryable"}}`.
fn own_error(stdout: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(stdout.trim_ascii()).ok()?;
    let error = value.get("error")?;
    let message = error.get("message")?.as_str()?;
    Some(match error.get("code").and_then(|code| code.as_str()) {
        Some(code) => format!("{code}: {message}"),
        None => message.to_owned(),
    })
}

/// True if a failing skill says that a retry can't help: `{"error": {"retryable": false}}`.
fn says_final(stdout: &[u8]) -> bool {
    let value: Option<serde_json::Value> = serde_json::from_slice(stdout.trim_ascii()).ok();
    let retryable = value
        .as_ref()
        .and_then(|value| value.get("error")?.get("retryable"));
    retryable == Some(&serde_json::Value::Bool(false))
}

fn hint(dropped_event_lines: u64) -> Option<String> {
    (dropped_event_lines > 0).then(|| {
        format!("{dropped_event_lines} lines on the events descriptor were not JSON or too long")
    })
}
