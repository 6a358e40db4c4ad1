//! `obs skills show`.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::cli::args::{ListFormat, ShowArgs};
use crate::cli::error::CommandResult;
use crate::cli::exit_code;
use crate::cli::printer::Printer;
use crate::model::{Escaped, EscapedLines, format_duration, json_pretty};
use crate::skill::Skill;

/// Shows one skill.
pub(super) fn show(args: &ShowArgs, printer: &Printer) -> CommandResult {
    let (_, skill) = super::find(&args.skill, &args.roots)?;
    match args.format {
        // Values made of text and numbers always have a JSON form.
        ListFormat::Json => printer.print_line(json_pretty(&machine(&skill)).unwrap_or_default()),
        ListFormat::Table => printer.print(text(&skill)),
    }
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
        }
        None => line("command", "none: built in"),
    }
    if !manifest.permissions.is_empty() {
        let permissions: Vec<String> = manifest
            .permissions
            .iter()
            .map(ToString::to_string)
            .collect();
        line("permissions", &permissions.join(", "));
    }
    if let Some(timeout) = manifest.timeout {
        line("timeout", &format_duration(timeout));
    }
    if !manifest.call_limits.is_empty() {
        line("calls", &manifest.call_limits.to_string());
    }
    line(
        "idempotent",
        if manifest.is_idempotent { "yes" } else { "no" },
    );
    line("risk level", manifest.risk_level.as_str());
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

/// The command as the manifest has it.
fn command(skill: &Skill) -> Option<Value> {
    skill
        .native()?
        .document
        .value
        .pointer("/execution/command")
        .cloned()
}

fn machine(skill: &Skill) -> Value {
    let manifest = &skill.manifest;
    let permissions: Vec<String> = manifest
        .permissions
        .iter()
        .map(ToString::to_string)
        .collect();
    json!({
        "id": skill.id.as_str(),
        "kind": skill.kind(),
        "version": manifest.version,
        "name": manifest.name,
        "description": manifest.description,
        "dir": skill.native().map(|native| native.dir.display().to_string()),
        "command": command(skill),
        "permissions": permissions,
        "timeout": manifest.timeout.map(format_duration),
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
