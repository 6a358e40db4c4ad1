//! The report on a failed step: what ran, its output, its confinement, a hint.
//!
//! Invariant: no line of a report begins with text that obs did not write, and a report is bounded
//! whatever the skill wrote.

use std::fmt::Write as _;
use std::path::Path;

use super::screen_text::{screen_text, shorten_to_tail, tail};
use super::text::{Style, cause_of, head, label_of, paint, shorten};
use crate::event::StepDetail;
use crate::model::{
    AppliedSandbox, Escaped, EscapedLines, Excerpt, ExecutionLogRecord, StepStatus, json_line,
    signal_name,
};

/// How many lines of each stream are shown.
const LINES: usize = 20;
/// How many columns of each of these lines.
const LINE_COLUMNS: usize = 500;
/// How many columns of a command, an error or a hint.
const FIELD_COLUMNS: usize = 2000;

/// True for a step that is worth a report.
pub(super) fn is_failure(record: &ExecutionLogRecord) -> bool {
    matches!(
        record.status,
        StepStatus::Failed | StepStatus::Timeout | StepStatus::Rejected
    )
}

/// The report on one step, as lines, each with its line feed.
pub(super) fn render(record: &ExecutionLogRecord, detail: &StepDetail, color: bool) -> String {
    let label = label_of(&record.step_id, record.step_index);
    let mut report = FailureReport {
        text: String::new(),
        color,
    };
    let heading = format!("{}: {label}", record.status);
    report.line(&paint(color, Style::for_status(record.status), &heading));
    report.field("skill", &skill_words(record));
    if let Some(error) = &record.error {
        report.field("error", &screen_text(error));
    }
    report.field("ended", &ended_words(record));
    if record.attempts > 1 {
        report.field("attempts", &record.attempts.to_string());
    }
    if !detail.command.is_empty() {
        report.field("command", &quoted(&detail.command));
    }
    if let Some(directory) = detail.working_directory.as_deref() {
        report.field("directory", &directory_words(directory));
    }
    report.confinement(record, detail);
    // A step that never started has no output to show.
    if record.attempts > 0 || record.stdout.is_some() || record.stderr.is_some() {
        report.excerpt("stdout", record.stdout.as_ref());
        report.excerpt("stderr", record.stderr.as_ref());
    }
    if let Some(hint) = &detail.hint {
        report.field("hint", hint);
    }
    report.text
}

struct FailureReport {
    text: String,
    color: bool,
}

impl FailureReport {
    fn line(&mut self, safe: &str) {
        self.text.push_str(safe);
        self.text.push('\n');
    }

    /// One line `  name: value`; the value is anybody's text.
    fn field(&mut self, name: &str, value: &str) {
        // Escaping at most multiplies the length; what is looked at is bounded first.
        let value = Escaped(head(value, FIELD_COLUMNS * 4)).to_string();
        let name = paint(self.color, Style::Strong, &format!("{name}:"));
        self.line(&format!("  {name} {}", shorten(&value, FIELD_COLUMNS)));
    }

    fn confinement(&mut self, record: &ExecutionLogRecord, detail: &StepDetail) {
        let sandbox = &record.sandbox;
        for line in detail.confinement.iter() {
            let (name, value) = line.split_once(": ").unwrap_or(("confined to", line));
            self.field(name, value);
        }
        if sandbox.mode == AppliedSandbox::InProcess || detail.command.is_empty() {
            return;
        }
        if sandbox.enforced.is_empty() {
            self.field("confined by", "nothing");
        } else {
            self.field("confined by", &sandbox.enforced.join(", "));
        }
        if !sandbox.missing.is_empty() {
            self.field("not enforced", &sandbox.missing.join(", "));
        }
    }

    fn excerpt(&mut self, name: &str, excerpt: Option<&Excerpt>) {
        let Some(excerpt) = excerpt.filter(|excerpt| !excerpt.is_empty()) else {
            return self.field(name, "empty");
        };
        let kept = if excerpt.omitted_bytes == 0 {
            &excerpt.head
        } else {
            &excerpt.tail
        };
        let kept = screen_text(kept);
        let mut last: Vec<&str> = kept.trim_end().lines().rev().take(LINES + 1).collect();
        let more = last.len() > LINES || excerpt.omitted_bytes > 0;
        last.truncate(LINES);
        let title = match (last.len(), more) {
            (1, true) => "last line".to_owned(),
            (count, true) => format!("last {count} lines"),
            (0, false) => "blank".to_owned(),
            (_, false) => String::new(),
        };
        let name = paint(self.color, Style::Strong, &format!("{name}:"));
        self.line(format!("  {name} {title}").trim_end());
        for line in last.iter().rev() {
            // The reason of a failure stands at the end.
            let bounded = tail(line, LINE_COLUMNS * 4);
            let mut safe = shorten_to_tail(&EscapedLines(bounded).to_string(), LINE_COLUMNS);
            if bounded.len() < line.len() && !safe.starts_with('…') {
                safe.insert(0, '…');
            }
            self.line(format!("  │ {safe}").trim_end());
        }
    }
}

fn skill_words(record: &ExecutionLogRecord) -> String {
    match &record.skill_version {
        Some(version) => format!("{} {version}", record.skill_id),
        None => record.skill_id.to_string(),
    }
}

/// How the skill ended, with the error code.
fn ended_words(record: &ExecutionLogRecord) -> String {
    let how = match (record.signal, record.exit_code) {
        (Some(signal), _) => format!("signal {signal} ({})", signal_name(signal)),
        (None, Some(code)) => format!("exit code {code}"),
        (None, None) if record.attempts == 0 => "never started".to_owned(),
        (None, None) => cause_of(record),
    };
    // The code's own spelling is its JSON.
    match record.error_code.and_then(|code| json_line(&code).ok()) {
        Some(code) => format!("{how} [{}]", code.trim_matches('"')),
        None => how,
    }
}

fn directory_words(directory: &Path) -> String {
    directory.to_string_lossy().into_owned()
}

/// A command quoted for a shell.
fn quoted(command: &[String]) -> String {
    let mut text = String::new();
    for word in command {
        if text.len() > FIELD_COLUMNS * 4 {
            break;
        }
        let separator = if text.is_empty() { "" } else { " " };
        let word = head(word, FIELD_COLUMNS * 4);
        let quoted = shlex::Quoter::new()
            .allow_nul(true)
            .quote(word)
            .unwrap_or(word.into());
        // Writing to a string can't fail.
        write!(text, "{separator}{quoted}").ok();
    }
    text
}
