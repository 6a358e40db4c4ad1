//! `obs run --dry-run`: what would run, and how. Nothing does.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::printer::Printer;
use super::{exit_code, item_words};
use crate::engine::{ProvenPlan, ProvenStep, Retries, Reused, TimeLimit};
use crate::model::{
    Escaped, NotReused, NotReusedReason, RiskLevel, format_duration, json_line, json_pretty,
};
use crate::plan::StepDependencies;
use crate::report::{Format, short_id};

/// How many of the steps that one waits for are named.
const MAX_WAITS: usize = 12;

/// Prints the proven plan as data. `reused` are results of an earlier run, or why they are not
/// reused, by the steps' indices.
pub(super) fn show(
    plan: &ProvenPlan,
    reused: &[Result<Reused, NotReused>],
    workspace: &Path,
    format: Format,
    printer: &Printer,
) -> u8 {
    match format {
        Format::Table => printer.print(text(plan, reused, workspace)),
        Format::Json => printer.print_line(document(plan, reused, workspace)),
        Format::Jsonl => {
            for step in steps(plan, reused) {
                printer.print_line(json_line(&step).unwrap_or_default());
            }
        }
        Format::None => {}
    }
    exit_code::SUCCESS
}

fn text(plan: &ProvenPlan, reused: &[Result<Reused, NotReused>], workspace: &Path) -> String {
    let mut text = String::new();
    let workspace = workspace.display().to_string();
    let is_over = |index: &usize| {
        plan.selection.leaves_out(*index)
            || match reused.get(*index) {
                Some(Ok(_)) => true,
                Some(Err(not_reused)) => not_reused.reason == NotReusedReason::ConditionUnmet,
                None => plan.steps[*index].unmet_by_inputs(plan).is_some(),
            }
    };
    let steps = (0..plan.steps.len())
        .filter(|index| !is_over(index))
        .count();
    let plural = if steps == 1 { "" } else { "s" };
    // Writing to a String can't fail.
    writeln!(
        text,
        "would run {steps} step{plural} in {}",
        Escaped(&workspace)
    )
    .ok();
    writeln!(text, "run timeout: {}", plan.timeout).ok();
    for (index, step) in plan.steps.iter().enumerate() {
        if index == plan.finally_from() {
            let limit = plan.finally_timeout;
            writeln!(
                text,
                "\nfinally, whatever came of the steps (timeout: {limit})"
            )
            .ok();
        }
        let reused = reused.get(index);
        if let Some(Ok(reused)) = reused {
            let run = short_id(&reused.run_id);
            writeln!(
                text,
                "\n{index}  {}\n   reused from  {run}",
                Escaped(&step.label)
            )
            .ok();
            continue;
        }
        if let Some(why) = plan.selection.left_out.get(&index) {
            let label = Escaped(&step.label);
            writeln!(text, "\n{index}  {label}\n   skipped      {why}").ok();
            continue;
        }
        step_text(&mut text, index, step);
        conditions_text(&mut text, step, plan);
        if let Some(Err(not_reused)) = reused {
            let reason = not_reused.to_string();
            writeln!(text, "   {:<13}{}", "not reused", Escaped(&reason)).ok();
        }
        waits_text(&mut text, index, plan);
    }
    text
}

fn step_text(text: &mut String, index: usize, step: &ProvenStep) {
    writeln!(text, "\n{index}  {}", Escaped(&step.label)).ok();
    let version = step
        .skill_version
        .as_ref()
        .map(|version| format!(" {version}"));
    let skill = format!("{}{}", step.skill_id, version.unwrap_or_default());
    let mut line = |label: &str, value: &str| {
        writeln!(text, "   {label:<13}{}", Escaped(value)).ok();
    };
    line("skill", &skill);
    line("command", &command(step));
    if let Some(for_each) = &step.for_each {
        line("for each", &item_words::describe(for_each));
    }
    if let Some(program) = &step.program {
        line("program", &program.path.display().to_string());
    }
    line("timeout", &step.timeout.to_string());
    let limits = step.skill.manifest.call_limits;
    if !limits.is_empty() {
        line("calls", &limits.to_string());
    }
    for confined_to in step.confinement.iter() {
        let (label, value) = confined_to
            .split_once(": ")
            .unwrap_or(("confined", confined_to));
        line(label, value);
    }
    if !step.creates.is_empty() {
        line("creates", &creates(step));
    }
    if step.retry.max > 0 {
        let Retries {
            max,
            initial_backoff,
            max_backoff,
        } = step.retry;
        let times = if max == 1 {
            "once"
        } else {
            &format!("{max} times")
        };
        let between = format_duration(initial_backoff) + " to " + &format_duration(max_backoff);
        line("retry", &format!("{times}, after {between}"));
    }
    if step.wants_approval() {
        line("approval", &approval(step));
    }
    if let Some(fallback) = &step.fallback {
        line("fallback", &fallback.skill_id);
    }
    if step.continue_on_error {
        line("on error", "the plan continues");
    }
}

fn approval(step: &ProvenStep) -> String {
    let is_critical = step
        .calls()
        .any(|call| call.risk_level == RiskLevel::Critical);
    let why = if is_critical { ": it is critical" } else { "" };
    let message = step.approval.as_deref().map(|text| format!(" ({text})"));
    format!(
        "required before it starts{why}{}",
        message.unwrap_or_default()
    )
}

/// The conditions of a step, and the one by which it is skipped, if the inputs alone decide that.
fn conditions_text(text: &mut String, step: &ProvenStep, plan: &ProvenPlan) {
    for condition in &step.when {
        let words = condition.to_string();
        writeln!(text, "   {:<13}{}", "when", Escaped(&words)).ok();
    }
    if let Some(reason) = step.unmet_by_inputs(plan) {
        writeln!(text, "   {:<13}{}", "skipped", Escaped(&reason.text)).ok();
    }
}

fn waits_text(text: &mut String, index: usize, plan: &ProvenPlan) {
    let labels: Vec<String> = waits(plan, index)
        .take(MAX_WAITS)
        .map(|step| Escaped(&plan.steps[step].label).to_string())
        .collect();
    let more = match waits(plan, index).count().saturating_sub(MAX_WAITS) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    if !labels.is_empty() {
        writeln!(text, "   {:<13}{}{more}", "waits for", labels.join(", ")).ok();
    }
    let undoes = undoes(plan, index).map(|label| Escaped(label).to_string());
    let undoes: Vec<String> = undoes.collect();
    if !undoes.is_empty() {
        writeln!(text, "   {:<13}{}", "undoes", undoes.join(", ")).ok();
    }
}

/// The steps that a step names, in `depends_on` or by a reference.
fn waits(plan: &ProvenPlan, index: usize) -> impl Iterator<Item = usize> + use<> {
    let waits = plan.flow.steps.get(index);
    let all: BTreeSet<usize> = waits
        .into_iter()
        .flat_map(StepDependencies::targets)
        .collect();
    all.into_iter()
}

/// The names of the steps whose effect a `finally` step takes back.
fn undoes(plan: &ProvenPlan, index: usize) -> impl Iterator<Item = &str> {
    let undoes = plan.flow.steps.get(index).map(|step| &step.undoes);
    let undoes = undoes.into_iter().flatten();
    undoes.map(|step| plan.steps[*step].label.as_str())
}

fn command(step: &ProvenStep) -> String {
    if step.command.is_empty() {
        return "none: a built-in tool".to_owned();
    }
    let words = step.command.iter().map(String::as_str);
    // Words with NUL were refused before; they alone can't be quoted.
    shlex::try_join(words).unwrap_or_else(|_| step.command.join(" "))
}

fn creates(step: &ProvenStep) -> String {
    let kinds = step.creates.iter().map(|path| {
        let is_directory = path.ends_with('/');
        let kind = if is_directory { "directory" } else { "file" };
        format!("{path} ({kind})")
    });
    kinds.collect::<Vec<_>>().join(", ")
}

/// Each step as a machine reads it.
fn steps(plan: &ProvenPlan, reused: &[Result<Reused, NotReused>]) -> impl Iterator<Item = Value> {
    plan.steps.iter().enumerate().map(|(index, step)| {
        let reused = reused.get(index).map(Result::as_ref);
        let limits = step.skill.manifest.call_limits;
        json!({
            "step_index": index,
            "finally": index >= plan.finally_from(),
            "step_name": step.name,
            "step_id": step.label,
            "step_type": step.step_type,
            "skill_id": step.skill_id,
            "skill_version": step.skill_version,
            "reused_from": reused.and_then(Result::ok).map(|reused| &reused.run_id),
            "not_reused": reused.and_then(Result::err),
            "skipped": plan.selection.left_out.get(&index),
            "program": step.program.as_ref().map(|program| program.path.display().to_string()),
            "command": step.command,
            "timeout_ms": milliseconds(step.timeout),
            "calls": Some(limits.to_string()).filter(|text| !text.is_empty()),
            "permissions": step.permissions,
            "confinement": step.confinement,
            "creates": step.creates,
            "for_each": step.for_each.as_deref().map(|for_each| json!({
                "items": for_each.known.as_ref().map(|list| list.len()),
                "max_parallel": Some(for_each.max_parallel).filter(|max| *max != usize::MAX),
                "max_failed": for_each.max_failed,
            })),
            "max_retries": step.retry.max,
            "fallback": step.fallback.as_ref().map(|fallback| &fallback.skill_id),
            "continue_on_error": step.continue_on_error,
            "wants_approval": step.wants_approval(),
            "approval_message": step.approval,
            "waits_for": waits(plan, index).collect::<Vec<_>>(),
            "undoes": undoes(plan, index).collect::<Vec<_>>(),
            "when": step.when.iter().map(|condition| &condition.written).collect::<Vec<_>>(),
            "skipped_because": step.unmet_by_inputs(plan).map(|reason| reason.because),
        })
    })
}

fn milliseconds(limit: TimeLimit) -> u64 {
    u64::try_from(limit.duration.as_millis()).unwrap_or(u64::MAX)
}

fn document(plan: &ProvenPlan, reused: &[Result<Reused, NotReused>], workspace: &Path) -> String {
    let document = json!({
        "workspace": workspace.display().to_string(),
        "timeout_ms": milliseconds(plan.timeout),
        "finally_timeout_ms": milliseconds(plan.finally_timeout),
        "steps": steps(plan, reused).collect::<Vec<_>>(),
    });
    // Values made of text and numbers always have a JSON form.
    json_pretty(&document).unwrap_or_default()
}
