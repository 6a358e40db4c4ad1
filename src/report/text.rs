//! Text helpers: width, colour, names of signals.
//!
//! Invariant: [`shorten`] and [`paint`] are for text that is safe to print already.

use std::borrow::Cow;
use std::time::Duration;

use serde_json::value::RawValue;
use unicode_width::UnicodeWidthChar;

use super::screen_text::{screen_text, shorten_to_tail, tail};
use crate::model::{
    ErrorCode, Escaped, Excerpt, ExecutionLogRecord, StepStatus, format_duration, signal_name,
};

/// At most this many bytes of foreign text are read for one line of a table.
const LINE_BYTES: usize = 4096;

/// The meaning of a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Success.
    Good,
    /// Failure.
    Bad,
    /// A warning.
    Warn,
    /// In progress.
    Active,
    /// Secondary.
    Dim,
    /// A heading.
    Strong,
    /// Plain.
    Plain,
}

impl Style {
    /// The select-graphic-rendition parameter; always of two digits, so that every painted cell of
    /// a column is wider than what is seen by the same amount.
    fn parameter(self) -> &'static str {
        match self {
            Self::Good => "32",
            Self::Bad => "31",
            Self::Warn => "33",
            Self::Active => "36",
            Self::Dim => "02",
            Self::Strong => "01",
            Self::Plain => "00",
        }
    }

    /// The tone of a step's outcome.
    pub(super) fn for_status(status: StepStatus) -> Self {
        match status {
            StepStatus::Success => Self::Good,
            StepStatus::Failed | StepStatus::Timeout | StepStatus::Rejected => Self::Bad,
            StepStatus::Canceled => Self::Warn,
            StepStatus::Skipped => Self::Dim,
        }
    }
}

/// `text` in the colour of `tone`, or unchanged if colours are off.
pub(crate) fn paint(color: bool, tone: Style, text: &str) -> String {
    if color {
        format!("\u{1b}[{}m{text}\u{1b}[0m", tone.parameter())
    } else {
        text.to_owned()
    }
}

/// `text` cut to at most `columns` columns, with a `…` if something was left out.
pub(super) fn shorten(text: &str, columns: usize) -> String {
    // Marks of width zero could make a line of any length.
    let most_chars = columns.saturating_mul(4).saturating_add(16);
    let mut width = 0_usize;
    let mut fits_bytes = 0;
    for (count, (at, c)) in text.char_indices().enumerate() {
        width += c.width().unwrap_or(1);
        if width > columns || count >= most_chars {
            return match columns {
                0 => String::new(),
                _ => format!("{}…", &text[..fits_bytes]),
            };
        }
        if width < columns {
            fits_bytes = at + c.len_utf8();
        }
    }
    text.to_owned()
}

/// The same, cut between two words if the last one that fits is not much longer than what is lost.
pub(super) fn shorten_at_word(text: &str, columns: usize) -> String {
    let mut short = shorten(text, columns);
    if short.len() == text.len() || !short.ends_with('…') {
        return short;
    }
    let kept = short.len() - '…'.len_utf8();
    let is_between = text[kept..].starts_with(' ') || short[..kept].ends_with(' ');
    if is_between {
        return short;
    }
    if let Some(space) = short[..kept].rfind(' ').filter(|&space| space >= kept / 2) {
        short.truncate(space + 1);
        short.push('…');
    }
    short
}

/// `text` cut to at most `columns` columns, with a `…` in place of what stands between its
/// beginning and its end, which gets twice as many columns.
pub(super) fn shorten_to_ends(text: &str, columns: usize) -> String {
    if columns_of(text) <= columns {
        return text.to_owned();
    }
    if columns == 0 {
        return String::new();
    }
    let end = shorten_to_tail(text, columns - columns / 3);
    let left = columns.saturating_sub(columns_of(&end));
    let beginning = shorten(text, left + 1);
    format!("{}{end}", beginning.trim_end_matches('…'))
}

/// The path `text` cut to at most `columns` columns, with a `…` before its last part, which stays
/// whole if it fits.
pub(super) fn shorten_middle(text: &str, columns: usize) -> String {
    if columns_of(text) <= columns {
        return text.to_owned();
    }
    let (_, name) = text.rsplit_once('/').unwrap_or(("", text));
    let tail = format!("/{}", head(name, 4096));
    let left = columns.saturating_sub(columns_of(&tail));
    match left {
        0 => shorten(head(name, 4096), columns),
        1 => format!("…{tail}"),
        _ => format!(
            "{}{tail}",
            shorten(head(text, text.len() - name.len()), left)
        ),
    }
}

/// How many columns `text` takes.
pub(super) fn columns_of(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(1)).sum()
}

/// The first `bytes` bytes of `text`, or a little less to end between two characters.
pub(super) fn head(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

/// The first line of `text` that is not blank, escaped and bounded.
pub(super) fn escaped_line(text: &str) -> String {
    let line = text
        .lines()
        .map(str::trim_end)
        .find(|line| !line.is_empty());
    Escaped(head(line.unwrap_or_default(), LINE_BYTES)).to_string()
}

/// The first line that a skill said, escaped and bounded.
pub(super) fn said_line(text: &str) -> String {
    escaped_line(&screen_text(head(text, LINE_BYTES * 4)))
}

/// The last line of a stream that is not blank, escaped and bounded.
pub(super) fn last_said_line(excerpt: &Excerpt) -> String {
    let end = if excerpt.omitted_bytes == 0 {
        &excerpt.head
    } else {
        &excerpt.tail
    };
    let shown = screen_text(tail(end, LINE_BYTES * 4));
    let mut lines = shown.lines().rev().map(str::trim);
    escaped_line(lines.find(|line| !line.is_empty()).unwrap_or_default())
}

/// One line of a step's output, escaped and bounded: of a string its first line, of anything else
/// its JSON.
pub(super) fn output_line(output: &RawValue) -> String {
    let text = match serde_json::from_str::<String>(output.get()) {
        Ok(text) => Cow::Owned(text),
        Err(_) => Cow::Borrowed(output.get()),
    };
    said_line(&text)
}

/// A step's label, escaped and bounded. An empty one becomes `step 3`.
pub(super) fn label_of(label: &str, index: usize) -> String {
    if label.trim().is_empty() {
        format!("step {index}")
    } else {
        shorten(&Escaped(head(label, LINE_BYTES)).to_string(), 200)
    }
}

/// The label of the step of a record, with the place of an item: `count[3]`.
pub(super) fn label_of_record(record: &ExecutionLogRecord) -> String {
    let label = label_of(&record.step_id, record.step_index);
    match record.item_index {
        Some(item) => format!("{label}[{item}]"),
        None => label,
    }
}

/// What ended a step that did not succeed, in two words or so: `exit 2`, `SIGKILL`, `timeout`.
pub(super) fn cause_of(record: &ExecutionLogRecord) -> String {
    match (record.status, record.error_code) {
        (StepStatus::Failed, Some(ErrorCode::SkillFailed) | None) => {
            match (record.signal, record.exit_code) {
                (Some(signal), _) => signal_name(signal).into_owned(),
                (None, Some(code)) => format!("exit {code}"),
                (None, None) => "failed".to_owned(),
            }
        }
        (StepStatus::Failed, Some(ErrorCode::SkillNotLoaded)) => "not loaded".to_owned(),
        (StepStatus::Failed, Some(code)) => code_words(code).to_owned(),
        (StepStatus::Rejected, Some(ErrorCode::PolicyRejected) | None) => "rejected".to_owned(),
        (StepStatus::Rejected, Some(code)) => format!("rejected, {}", code_words(code)),
        (status, _) => status.as_str().to_owned(),
    }
}

/// The wall time of a step: `1.2s`.
pub(super) fn time_of(record: &ExecutionLogRecord) -> String {
    format_duration(Duration::from_millis(record.duration_ms))
}

/// `3 attempts`.
pub(super) fn attempts_of(record: &ExecutionLogRecord) -> String {
    counted(
        usize::try_from(record.attempts).unwrap_or(usize::MAX),
        "attempt",
    )
}

/// An error code in words.
pub(super) fn code_words(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::SkillFailed => "failed",
        ErrorCode::InvalidOutput => "invalid output",
        ErrorCode::SkillNotLoaded => "skill not loaded",
        ErrorCode::ResourceExhausted => "resource exhausted",
        ErrorCode::ExecutionTimeout => "step timeout",
        ErrorCode::PlanTimeout => "plan timeout",
        ErrorCode::Canceled => "canceled",
        ErrorCode::PolicyRejected => "policy",
        ErrorCode::CircuitOpen => "circuit open",
        ErrorCode::InvalidArguments => "invalid arguments",
        ErrorCode::Skipped => "skipped",
    }
}

/// `1 step`, `2 steps`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortens_by_columns_not_by_characters() {
        for (text, columns, want) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("日本語", 6, "日本語"),
            ("日本語", 5, "日本…"),
            ("日本語", 4, "日…"),
            ("日本語", 1, "…"),
            ("abc", 0, ""),
            ("", 0, ""),
            ("e\u{301}a", 2, "e\u{301}a"),
        ] {
            let short = shorten(text, columns);
            assert_eq!(short, want, "{text} to {columns}");
            assert!(columns_of(&short) <= columns);
        }
    }

    #[test]
    fn a_text_is_cut_between_words_if_there_are_some() {
        for (text, columns, want) in [
            ("one two three", 13, "one two three"),
            ("one two three", 10, "one two …"),
            ("one two three", 8, "one two…"),
            ("one two three", 9, "one two …"),
            ("a verylongword", 10, "a verylon…"),
            ("word", 0, ""),
            ("word", 1, "…"),
        ] {
            assert_eq!(shorten_at_word(text, columns), want, "{text} to {columns}");
        }
    }

    #[test]
    fn a_path_keeps_its_last_part() {
        let path = "plans/of/the/site/build.yaml";
        for (text, columns, want) in [
            (path, 28, path),
            (path, 27, "plans/of/the/si…/build.yaml"),
            (path, 14, "pl…/build.yaml"),
            (path, 13, "p…/build.yaml"),
            (path, 12, "…/build.yaml"),
            (path, 11, "build.yaml"),
            (path, 10, "build.yaml"),
            (path, 9, "build.ya…"),
            (path, 1, "…"),
            (path, 0, ""),
            ("a-rather-long-name.yaml", 10, "a-rather-…"),
            ("/a-rather-long-name.yaml", 10, "a-rather-…"),
            ("/日本語/日本語.yaml", 15, "/…/日本語.yaml"),
            ("", 5, ""),
        ] {
            let short = shorten_middle(text, columns);
            assert_eq!(short, want, "{text} to {columns}");
            assert!(columns_of(&short) <= columns);
        }
        let long = format!("{}/{}", "a".repeat(100_000), "b".repeat(100_000));
        assert_eq!(columns_of(&shorten_middle(&long, 20)), 20);
    }

    #[test]
    fn an_error_keeps_its_beginning_and_its_end() {
        for (text, columns, want) in [
            ("exit code 1", 11, "exit code 1"),
            (
                "grep: a-long-name.txt: No such file or directory",
                30,
                "grep: a-lon… file or directory",
            ),
            ("日本語日本語日本語", 9, "日本…本語"),
            ("abcdef", 3, "a…f"),
            ("abcdef", 1, "…"),
            ("abcdef", 0, ""),
        ] {
            let short = shorten_to_ends(text, columns);
            assert_eq!(short, want, "{text} to {columns}");
            assert!(columns_of(&short) <= columns);
        }
    }

    #[test]
    fn marks_without_width_are_bounded_too() {
        let zalgo = "\u{301}".repeat(100_000);
        assert!(shorten(&zalgo, 10).len() < 200);
    }

    #[test]
    fn output_is_shown_by_its_first_line_or_its_json() {
        for (json, want) in [
            (r#""\n\n  one  \ntwo""#, "  one"),
            (r#""""#, ""),
            (r#"{"a": [1, "\u001b"]}"#, r#"{"a": [1, "\u001b"]}"#),
            ("\"a\u{9b}\"", "a\\u{9b}"),
            (r#""\r10%\r\u001b[32m100%\u001b[0m\n""#, "10%"),
            (r#""\u001b[1mbold\u001b[0m text""#, "bold text"),
            (r#""\ud800""#, r#""\ud800""#),
        ] {
            let raw = RawValue::from_string(json.to_owned()).unwrap();
            assert_eq!(output_line(&raw), want);
        }
    }
}
