//! Turns a process's exit into a result: what counts as success, and what the output is.

use std::borrow::Cow;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use serde::Serializer;
use serde_json::value::RawValue;

use crate::engine::{RuntimeError, mask_json};
use crate::model::{
    ErrorCode, Excerpt, ExecutionResult, ExecutionStatus, ResourceUsage, SandboxReport, json_entry,
    signal_name, strict_json,
};
use crate::process::{LeaderExit, MASK, ProcessExit, Secrets};
use crate::skill::{Execution, OutputFormat, Skill, TextEncoding, breach_text};

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
    let (status, failure, output) = match outcome {
        Ok(output) => (ExecutionStatus::Success, None, output),
        Err(failure) => (ExecutionStatus::Failed, Some(failure), None),
    };
    let error_code = failure.as_ref().map(|failure| failure.code);
    let (error, failure_hint, said) = failure.map_or_else(Default::default, |failure| {
        (failure.error, failure.hint.map(str::to_owned), failure.said)
    });
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
        is_final: said.is_final,
        retry_after: said.retry_after,
        hint: failure_hint.or_else(|| hint(exit.dropped_event_lines)),
        lacks: Vec::new(),
        sandbox: meta.sandbox,
    }
}

type ExitOutcome = Result<Option<Arc<RawValue>>, ExitFailure>;

/// Why an exit is a failure.
struct ExitFailure {
    code: ErrorCode,
    error: String,
    hint: Option<&'static str>,
    /// What the skill says about a retry.
    said: SkillError,
}

impl ExitFailure {
    fn new(code: ErrorCode, error: String) -> Self {
        Self {
            code,
            error,
            hint: None,
            said: SkillError::default(),
        }
    }

    fn invalid_output(error: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidOutput, error.into())
    }

    fn not_json(error: impl Display) -> Self {
        Self::invalid_output(format!("the output is not valid JSON: {error}"))
    }
}

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
        return Err(ExitFailure::new(code, RuntimeError::text(code, &detail)));
    }
    if let Some(breach) = &exit.limit_breach {
        let code = ErrorCode::ResourceExhausted;
        let error = RuntimeError::text(code, &breach_text(breach));
        return Err(ExitFailure::new(code, error));
    }
    match exit.leader {
        LeaderExit::Code(code) if is_success(execution, code) => {
            output(skill, execution, &exit.stdout, secrets)
        }
        LeaderExit::Code(code) => {
            let mut said = SkillError::read(&exit.stdout);
            let message = said.message.take();
            let error = message.unwrap_or_else(|| format!("exit code {code}"));
            Err(ExitFailure {
                said,
                ..ExitFailure::new(ErrorCode::SkillFailed, error)
            })
        }
        LeaderExit::Signal(signal) => Err(ExitFailure::new(
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
fn output(skill: &Skill, execution: &Execution, stdout: &[u8], secrets: &Secrets) -> ExitOutcome {
    let (output, is_masked) = match execution.output {
        OutputFormat::Json => {
            let output = strict_json(stdout).map_err(ExitFailure::not_json)?;
            let masked = output.as_deref().map(|json| mask_json(secrets, json));
            let masked = masked.transpose().map_err(ExitFailure::not_json)?;
            match masked.flatten() {
                Some(masked) => (Some(masked), true),
                None => (output, false),
            }
        }
        OutputFormat::Text | OutputFormat::Lines => {
            let text = text(stdout, execution.encoding, secrets)?;
            let masked = secrets.mask_text(&text);
            let output = match execution.output {
                OutputFormat::Lines => to_raw(&Lines(&masked)),
                _ => to_raw(strip_last_line_feed(&masked)),
            };
            let output = output.map_err(ExitFailure::not_json)?;
            (Some(output), matches!(masked, Cow::Owned(_)))
        }
    };
    if skill.manifest.output_schema.is_some() {
        let json = output.as_deref().map_or("null", RawValue::get);
        let value = serde_json::from_str(json).map_err(ExitFailure::not_json)?;
        skill.check_output(&value).map_err(|error| {
            ExitFailure::invalid_output(if is_masked {
                format!("{error}; a secret in it was masked as `{MASK}` before")
            } else {
                error
            })
        })?;
    }
    Ok(output.map(Arc::from))
}

fn text<'o>(
    stdout: &'o [u8],
    encoding: TextEncoding,
    secrets: &Secrets,
) -> Result<Cow<'o, str>, ExitFailure> {
    match (std::str::from_utf8(stdout), encoding) {
        (Ok(text), _) => Ok(Cow::Borrowed(text)),
        (Err(_), TextEncoding::Lossy) => {
            // A secret need not be UTF-8, so it is masked before its bytes are replaced.
            let masked = secrets.mask_bytes(stdout, false);
            Ok(Cow::Owned(String::from_utf8_lossy(&masked).into_owned()))
        }
        (Err(error), TextEncoding::Utf8) => {
            let place = error.valid_up_to();
            let failure = format!("the output is not UTF-8 at byte {place}");
            Err(ExitFailure {
                hint: Some("`encoding: lossy` in the manifest's `execution` replaces such bytes"),
                ..ExitFailure::invalid_output(failure)
            })
        }
    }
}

/// The lines of a text as a list. A list of them in memory takes up to sixteen times the text.
struct Lines<'t>(&'t str);

impl serde::Serialize for Lines<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.lines())
    }
}

fn strip_last_line_feed(text: &str) -> &str {
    text.strip_suffix('\n').unwrap_or(text)
}

fn to_raw(value: &(impl serde::Serialize + ?Sized)) -> serde_json::Result<Box<RawValue>> {
    serde_json::value::to_raw_value(value)
}

/// What a failing skill may say: `{"error": {"code", "message", "retryable", "retry_after_ms"}}`.
#[derive(Debug, Default)]
struct SkillError {
    /// With the code before it.
    message: Option<String>,
    /// A retry can't help.
    is_final: bool,
    retry_after: Option<Duration>,
}

impl SkillError {
    fn read(stdout: &[u8]) -> Self {
        // Most output is not such an object, and large output takes long to read.
        if !stdout.trim_ascii_start().starts_with(b"{") {
            return Self::default();
        }
        let Ok(Some(output)) = strict_json(stdout) else {
            return Self::default();
        };
        let Ok(error) = json_entry(output.get(), &["error"]) else {
            return Self::default();
        };
        let entry = |name| json_entry(error, &[name]).ok();
        let text = |name| serde_json::from_str::<String>(entry(name)?).ok();
        let code = text("code").map(|code| code + ": ").unwrap_or_default();
        Self {
            message: text("message").map(|message| code + &message),
            is_final: entry("retryable") == Some("false"),
            retry_after: entry("retry_after_ms")
                .and_then(|number| number.parse().ok())
                .map(Duration::from_millis),
        }
    }
}

fn hint(dropped_event_lines: u64) -> Option<String> {
    (dropped_event_lines > 0).then(|| {
        format!("{dropped_event_lines} lines on the events descriptor were not JSON or too long")
    })
}
