//! `obs skills show`.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::arguments;

use crate::cli::args::ShowArgs;
use crate::cli::error::CommandResult;
use crate::cli::printer::Printer;
use crate::cli::{data, exit_code};
use crate::model::{Escaped, EscapedLines, format_duration, json_pretty};
use crate::skill::{Execution, Manifest, OutputFormat, Resources, Skill, Stdin, TextEncoding};

/// Shows one skill.
pub(super) fn show(args: &ShowArgs, printer: &Printer) -> CommandResult {
    let (_, skill) = super::find(&args.skill, &args.roots)?;
    let document = machine(&skill);
    let text = || text(&skill);
    data::print(&document, [&document], text, args.format, printer);
    Ok(exit_code::SUCCESS)
}

fn text(skill: &Skill) -> String {
    let manifest = &skill.manifest;
    let mut text = String::new();
    let mut line = |label: &str, value: &str| {
        // Writing to a String can't fail.
        writeln!(text, "{label:<13}{}", Escaped(value)).ok();
    };
    line("id", skill.id.as_str());
    line("description", &manifest.description);
    line("kind", skill.kind().as_str());
    if let Some(version) = &manifest.version {
        line("version", version);
    }
    match skill.native() {
        Some(native) => {
            line("directory", &native.dir.display().to_string());
            line(
                "command",
                &command(skill).map(|c| c.to_string()).unwrap_or_default(),
            );
            for (label, value) in execution_lines(&native.execution) {
                line(label, &value);
            }
            for (name, value) in environment(skill).into_iter().flatten() {
                line(
                    "environment",
                    &format!("{name}={}", value.as_str().unwrap_or_default()),
                );
            }
        }
        None => line("command", "none: built in"),
    }
    for (label, value) in limit_lines(manifest) {
        line(label, &value);
    }
    line(
        "idempotent",
        if manifest.is_idempotent { "yes" } else { "no" },
    );
    line("risk level", manifest.risk_level.as_str());
    let arguments = arguments::text(&arguments::of_skill(skill));
    if !arguments.is_empty() {
        text.push_str("\narguments\n");
        text.push_str(&arguments);
    }
    for (label, schema) in [
        ("input", &manifest.input_schema),
        ("output", &manifest.output_schema),
    ] {
        if let Some(schema) = schema {
            let schema = json_pretty(schema).unwrap_or_default();
            writeln!(text, "\n{label} schema\n{}", EscapedLines(&schema)).ok();
        }
    }
    text
}

/// What goes in and out of the program.
fn execution_lines(execution: &Execution) -> Vec<(&'static str, String)> {
    let stdin = match &execution.stdin {
        Stdin::Arguments => "all arguments as JSON".to_owned(),
        Stdin::None => "none".to_owned(),
        Stdin::Argument(name) => format!("the argument `{name}`"),
    };
    let output = match (execution.output, execution.encoding) {
        (OutputFormat::Json, _) => "json: one JSON value",
        (OutputFormat::Text, TextEncoding::Utf8) => "text",
        (OutputFormat::Lines, TextEncoding::Utf8) => "lines: a list of lines",
        (OutputFormat::Text, TextEncoding::Lossy) => "text, not only UTF-8",
        (OutputFormat::Lines, TextEncoding::Lossy) => "lines: a list of lines, not only UTF-8",
    };
    let codes = execution.success_exit_codes.iter();
    let codes: Vec<String> = codes.map(ToString::to_string).collect();
    let mut lines = vec![
        ("stdin", stdin),
        ("output", output.to_owned()),
        ("exit codes", format!("{} for success", codes.join(", "))),
    ];
    let workdir = execution.workdir.as_ref();
    lines.extend(workdir.map(|path| ("works in", path.to_string())));
    lines
}

/// What the skill may do and use, as far as the manifest says.
fn limit_lines(manifest: &Manifest) -> Vec<(&'static str, String)> {
    let permissions = manifest.permissions.iter();
    let permissions: Vec<String> = permissions.map(ToString::to_string).collect();
    let limits = resources(&manifest.resources);
    let limits = limits.iter().filter_map(|(key, value)| {
        let value = (*value)?;
        Some(format!("{key} {value}"))
    });
    let time = |time: Option<Duration>| time.map(format_duration).unwrap_or_default();
    let breaker = manifest.circuit_breaker.map(|breaker| {
        let cooldown = format_duration(breaker.cooldown);
        format!(
            "opens for {cooldown} after {} failures",
            breaker.failure_threshold
        )
    });
    let lines = [
        ("permissions", permissions.join(", ")),
        ("timeout", time(manifest.timeout)),
        ("grace", time(manifest.grace)),
        ("leak timeout", time(manifest.leak_timeout)),
        ("resources", limits.collect::<Vec<_>>().join(", ")),
        ("calls", manifest.call_limits.to_string()),
        ("circuit", breaker.unwrap_or_default()),
    ];
    let given = lines.into_iter().filter(|(_, value)| !value.is_empty());
    given.collect()
}

/// The keys of the manifest's `resources` with their values.
fn resources(of_skill: &Resources) -> [(&'static str, Option<u64>); 5] {
    [
        ("max_output_bytes", of_skill.max_output_bytes),
        ("max_memory_mb", of_skill.max_memory_mb),
        ("max_cpu_ms", of_skill.max_cpu_ms),
        ("max_processes", of_skill.max_processes),
        ("max_disk_mb", of_skill.max_disk_mb),
    ]
}

/// The command as the manifest has it.
fn command(skill: &Skill) -> Option<Value> {
    skill
        .native()?
        .document
        .value
        .pointer("/execution/command")
        .cloned()
}

/// The variables that the manifest gives, as it has them.
fn environment(skill: &Skill) -> Option<&Map<String, Value>> {
    let document = &skill.native()?.document.value;
    document
        .pointer("/execution/env")
        .and_then(Value::as_object)
}

fn machine(skill: &Skill) -> Value {
    let manifest = &skill.manifest;
    let permissions: Vec<String> = manifest
        .permissions
        .iter()
        .map(ToString::to_string)
        .collect();
    let execution = skill.native().map(|native| &native.execution);
    let limits = resources(&manifest.resources).into_iter();
    let limits = limits.map(|(key, value)| (key.to_owned(), json!(value)));
    json!({
        "id": skill.id.as_str(),
        "kind": skill.kind(),
        "version": manifest.version,
        "name": manifest.name,
        "description": manifest.description,
        "dir": skill.native().map(|native| native.dir.display().to_string()),
        "command": command(skill),
        "arguments": arguments::json(&arguments::of_skill(skill)),
        "stdin": execution.map(|execution| match &execution.stdin {
            Stdin::Arguments => "arguments".to_owned(),
            Stdin::None => "none".to_owned(),
            Stdin::Argument(name) => format!("{{{{{name}}}}}"),
        }),
        "output": execution.map(|execution| execution.output.as_str()),
        "encoding": execution.map(|execution| execution.encoding.as_str()),
        "env": environment(skill),
        "workdir": execution.and_then(|execution| {
            execution.workdir.as_ref().map(ToString::to_string)
        }),
        "success_exit_codes": execution.map(|execution| &execution.success_exit_codes),
        "permissions": permissions,
        "timeout": manifest.timeout.map(format_duration),
        "grace": manifest.grace.map(format_duration),
        "leak_timeout": manifest.leak_timeout.map(format_duration),
        "resources": limits.collect::<Map<String, Value>>(),
        "circuit_breaker": manifest.circuit_breaker.map(|breaker| json!({
            "failure_threshold": breaker.failure_threshold,
            "cooldown": format_duration(breaker.cooldown),
        })),
        "concurrency": manifest.call_limits.concurrency,
        "rate_limit": manifest.call_limits.rate_limit.map(|rate| json!({
            "calls": rate.calls,
            "per": format_duration(rate.per),
        })),
        "idempotent": manifest.is_idempotent,
        "risk_level": manifest.risk_level.as_str(),
        "input_schema": manifest.input_schema,
        "output_schema": manifest.output_schema,
    })
}
