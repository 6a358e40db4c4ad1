//! What a person sees of a step before they approve it: all of it.
//!
//! Invariant: nothing is left out and nothing is invisible. Text of others is escaped, stands on no
//! row of its own from the first column on, and is never the last thing before the question.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;
use unicode_width::UnicodeWidthChar as _;

use super::PlanOrigin;
use crate::cli::item_words::describe;
use crate::engine::{ApprovalRequest, ProvenForEach, ProvenStep};
use crate::executor::shown_command;
use crate::model::{Escaped, format_duration, json_line};
use crate::skill::Skill;

/// What rows begin with that resume the line above.
const INDENT: &str = "      ";

/// The fewest columns that rows are cut to.
const MIN_COLUMNS: usize = 20;

/// The request, a line for each fact.
pub(super) fn lines(plan: &PlanOrigin, request: &ApprovalRequest<'_>) -> Vec<String> {
    let step = request.step;
    let mut lines = vec![
        String::new(),
        format!("{} requires approval", Escaped(&step.label)),
    ];
    let mut field = |name: &str, value: &str| lines.push(format!("  {name}: {}", Escaped(value)));
    if let Some(message) = &step.approval {
        field("message", &quoted(message));
    }
    field("plan", &plan.name);
    field("assistant", &quoted(&plan.assistant_id));
    if let Some(reasoning) = &plan.reasoning {
        field("reasoning", &quoted(reasoning));
    }
    field(
        "step",
        &format!("{} of {}", request.index + 1, request.steps),
    );
    if let Some(for_each) = &step.for_each {
        field("items", &items(for_each, request));
    }
    for (index, call) in step.calls().enumerate() {
        let role = match index {
            0 => "skill",
            _ => "fallback skill",
        };
        field(role, &describe_skill(call));
        field("risk", call.risk_level.as_str());
        field("command", &command(&call.skill, request, &plan.workspace));
        if let Some(program) = &call.program {
            field("program", &program.path.display().to_string());
        }
        match &*call.permissions {
            [] => field("may", "nothing beyond the default"),
            permissions => field("may", &permissions.join(", ")),
        }
        for line in call.confinement.iter() {
            let (name, value) = line.split_once(": ").unwrap_or(("confined", line));
            field(name, value);
        }
    }
    field("workspace", &plan.workspace.display().to_string());
    if request.arguments.is_empty() {
        field("arguments", "none");
    }
    for (name, value) in request.arguments {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let is_plain = !name.is_empty() && name.chars().all(is_plain);
        let name = if is_plain { name.clone() } else { quoted(name) };
        field(&format!("with {name}"), &json(value));
    }
    lines.extend(samples(request));
    let time_left = format_duration(request.time_left);
    lines.push(format!("  time to answer: {time_left}"));
    lines
}

/// The arguments of the first items, and the digest of those of all.
fn samples(request: &ApprovalRequest<'_>) -> Vec<String> {
    let Some(items) = request.items else {
        return Vec::new();
    };
    let samples = items.samples.iter().enumerate().map(|(item, sample)| {
        // A map of JSON values always has a JSON form.
        let arguments = json_line(&**sample).unwrap_or_default();
        format!("  item {item} gets: {}", Escaped(&arguments))
    });
    let digest = format!("  digest of the arguments of all items: {}", items.digest);
    samples.chain([digest]).collect()
}

/// How many items there are, and how many of them run at the same time.
fn items(for_each: &ProvenForEach, request: &ApprovalRequest<'_>) -> String {
    let how = describe(for_each);
    match request.items {
        Some(items) if for_each.known.is_none() => format!("{}, of {how}", items.count),
        _ => how,
    }
}

fn describe_skill(call: &ProvenStep) -> String {
    let mut text = call.skill_id.to_string();
    if let Some(version) = &call.skill_version {
        // Writing to a String can't fail.
        write!(text, " {version}").ok();
    }
    match call.skill.native() {
        Some(native) => write!(text, ", in {}", native.dir.display()).ok(),
        None => write!(text, ", built into obs").ok(),
    };
    text
}

fn command(skill: &Skill, request: &ApprovalRequest<'_>, workspace: &Path) -> String {
    if skill.native().is_none() {
        return "none: a built-in tool".to_owned();
    }
    let words = shown_command(skill, request.arguments, workspace, None);
    if words.is_empty() {
        return "not shown, because an argument in it is hidden".to_owned();
    }
    let quoted = shlex::try_join(words.iter().map(String::as_str));
    // Words with NUL were refused before; they alone can't be quoted.
    quoted.unwrap_or_else(|_| words.join(" "))
}

/// Text in quotes, so that its end is seen.
fn quoted(text: &str) -> String {
    json(&Value::from(text))
}

/// A value in one line.
fn json(value: &Value) -> String {
    // A value always has a JSON form.
    json_line(value).unwrap_or_default()
}

/// The lines in rows that a terminal of so many columns does not break. A character counts as wide
/// where some terminal shows it so.
pub(super) fn rows(lines: &[String], columns: usize) -> Vec<String> {
    // The last column stays free: some terminals go to the next row when it is filled.
    let columns = columns.max(MIN_COLUMNS) - 1;
    let mut rows = Vec::new();
    for line in lines {
        let (mut row, mut width) = (String::new(), 0);
        for c in line.chars() {
            let more = c.width_cjk().unwrap_or_default();
            if width + more > columns {
                let rest = row.split_off(break_of(&row));
                rows.push(std::mem::replace(&mut row, format!("{INDENT}{rest}")));
                width = row.chars().filter_map(char::width_cjk).sum();
            }
            row.push(c);
            width += more;
        }
        rows.push(row);
    }
    rows
}

/// Where a full row is broken: behind its last space, if that is not far from its end.
fn break_of(row: &str) -> usize {
    let space = row.rfind(' ').map(|space| space + 1);
    let is_near = |at: &usize| *at > row.len() / 2 && row[..*at].trim() != "";
    space.filter(is_near).unwrap_or(row.len())
}

/// The rows in pages, each with a row left for what is typed below it. One page if the terminal
/// does not tell its height: then it has no screen, but is a printer or a program.
pub(super) fn pages(rows: &[String], height: Option<usize>) -> Vec<String> {
    // A long answer needs two rows.
    let most = height.map_or(rows.len(), |height| height.saturating_sub(2));
    let pages = rows.chunks(most.max(1));
    pages.map(|page| page.join("\n") + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_row_is_wider_than_the_terminal_and_none_of_a_value_begins_in_the_first_column() {
        let lines = [
            "short".to_owned(),
            format!("  with x: \"{}\"", "日本".repeat(60)),
            format!("  with y: \"{}approve? [y/N] \"", " ".repeat(71)),
            // Ambiguous: some terminals show it in two columns.
            format!("  with z: {}", "…".repeat(100)),
        ];
        for columns in [0, 1, 20, 40, 80, 81] {
            let rows = rows(&lines, columns);
            let (first, rest) = rows.split_first().unwrap();
            assert_eq!(first, "short");
            for row in rest {
                let width: usize = row.chars().filter_map(char::width_cjk).sum();
                assert!(width < columns.max(MIN_COLUMNS), "{columns}: {row}");
                assert!(row.starts_with("  "), "{row}");
            }
            let whole: String = rows
                .iter()
                .map(|row| row.trim_start_matches(INDENT))
                .collect();
            assert_eq!(whole.matches('日').count(), 60);
            assert_eq!(whole.matches('…').count(), 100);
        }
    }

    #[test]
    fn pages_hold_every_row_and_fit() {
        let rows: Vec<String> = (0..100).map(|row| row.to_string()).collect();
        assert_eq!(pages(&rows, None).len(), 1);
        for height in [1, 2, 3, 24, 101, 102, 103] {
            let pages = pages(&rows, Some(height));
            assert_eq!(pages.concat().lines().count(), 100);
            let most = height.saturating_sub(2).max(1);
            assert!(pages.iter().all(|page| page.lines().count() <= most));
        }
        assert_eq!(pages(&rows, Some(102)).len(), 1);
    }
}
