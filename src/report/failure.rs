//! The report on one step: how it ended, what it said, its command, the next step to take.
//!
//! Invariant: no line of a report begins with text that obs did not write, and a report is bounded
//! whatever the skill wrote. On a terminal, lines are broken between words. What the headline says
//! is not said again.

use super::screen_text::{screen_text, shorten_to_tail, tail};
use super::terminal::TerminalInfo;
use super::text::{
    Style, attempts_of, code_words, columns_of, head, label_of, label_of_record, paint,
    shorten_at_word, time_of,
};
use crate::engine::RuntimeError;
use crate::event::StepDetail;
use crate::model::{
    AppliedSandbox, ErrorCode, Escaped, EscapedLines, Excerpt, ExecutionLogRecord, StepStatus,
    json_line, signal_name, strict_json, without_tabs, wrap,
};

/// How many lines of each stream are shown.
const LINES: usize = 20;
/// How many columns of each of these lines.
const LINE_COLUMNS: usize = 500;
/// How many columns of an error, a hint, or a command with all that is known about a step.
const FIELD_COLUMNS: usize = 2000;
/// How many columns of a command.
const COMMAND_COLUMNS: usize = 300;
/// What all lines but the headline begin with.
const INDENT: usize = 2;
/// What continues a line of a field begins with.
const HANGING: &str = "    ";
/// What each line of a stream begins with.
const BAR: &str = "  │ ";

/// How a report looks.
#[derive(Debug, Clone, Copy)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent choices of who asks for the report"
)]
pub(super) struct ReportLook {
    pub(super) color: bool,
    /// Where lines are broken; `None` off a terminal.
    pub(super) columns: Option<usize>,
    /// With versions, directory and confinement.
    pub(super) verbose: bool,
    /// With all of the streams that is recorded.
    pub(super) is_full: bool,
    /// Without standard error, which was shown before.
    pub(super) omits_stderr: bool,
}

impl ReportLook {
    pub(super) fn new(info: TerminalInfo, verbose: bool) -> Self {
        Self {
            color: info.color,
            columns: info.terminal.then(|| info.usable_columns()),
            verbose,
            is_full: false,
            omits_stderr: false,
        }
    }
}

/// True for a step that is worth a report: a failure, or a success with something to look at.
pub(super) fn is_reported(record: &ExecutionLogRecord) -> bool {
    is_failure(record) || has_warning(record)
}

/// True for a step that succeeded and was denied something, for example.
fn has_warning(record: &ExecutionLogRecord) -> bool {
    record.status == StepStatus::Success && record.hint.is_some()
}

/// True for a step that did not do what it was to do.
pub(super) fn is_failure(record: &ExecutionLogRecord) -> bool {
    matches!(
        record.status,
        StepStatus::Failed | StepStatus::Timeout | StepStatus::Rejected
    )
}

/// The report on one step, as lines, each with its line feed.
pub(super) fn render(record: &ExecutionLogRecord, detail: &StepDetail, look: ReportLook) -> String {
    report_of(record, detail, look).text
}

/// The same, to add more to.
pub(super) fn report_of(
    record: &ExecutionLogRecord,
    detail: &StepDetail,
    look: ReportLook,
) -> StepReport {
    let mut report = StepReport {
        text: String::new(),
        look,
    };
    report.headline(record);
    if let Some(error) = news_of(record) {
        report.field("error", &screen_text(error));
    }
    report.output(record);
    report.command(&detail.command);
    report.place(record, detail);
    report.hint(record.hint.as_deref().unwrap_or_default());
    report
}

/// A report that grows.
pub(super) struct StepReport {
    pub(super) text: String,
    look: ReportLook,
}

impl StepReport {
    fn line(&mut self, safe: &str) {
        self.text.push_str(safe.trim_end());
        self.text.push('\n');
    }

    /// The columns that `taken` leaves of a line.
    fn columns_left(&self, taken: usize) -> usize {
        let columns = self.look.columns.unwrap_or(usize::MAX);
        columns.saturating_sub(taken)
    }

    fn strong(&self, text: &str) -> String {
        paint(self.look.color, Style::Strong, text)
    }

    fn headline(&mut self, record: &ExecutionLogRecord) {
        let tone = if has_warning(record) {
            Style::Warn
        } else {
            Style::for_status(record.status)
        };
        let mark = match record.status {
            StepStatus::Success if has_warning(record) => '!',
            StepStatus::Success => '✓',
            StepStatus::Skipped => '-',
            _ => '✗',
        };
        let text = format!("{mark} {}", headline_words(record, self.look.verbose));
        let lines = wrap(
            &text,
            self.columns_left(0),
            self.columns_left(HANGING.len()),
        );
        for (at, line) in lines.into_iter().enumerate() {
            let indent = if at == 0 { "" } else { HANGING };
            let line = if at == 0 {
                line.to_owned()
            } else {
                Escaped(line).to_string()
            };
            let painted = paint(self.look.color, tone, &line);
            self.line(&format!("{indent}{painted}"));
        }
    }

    /// One field `  name: value`; the value is anybody's text.
    pub(super) fn field(&mut self, name: &str, value: &str) {
        // Escaping at most multiplies the length; what is looked at is bounded first.
        let value = Escaped(head(value, FIELD_COLUMNS * 4)).to_string();
        let value = shorten_at_word(&value, FIELD_COLUMNS);
        let first = self.columns_left(INDENT + name.len() + 2);
        let lines = wrap(&value, first, self.columns_left(HANGING.len()));
        let lines: Vec<String> = lines.into_iter().map(str::to_owned).collect();
        self.named_lines(name, &lines);
    }

    fn named_lines(&mut self, name: &str, lines: &[String]) {
        let name = self.strong(&format!("{name}:"));
        for (at, line) in lines.iter().enumerate() {
            if at == 0 {
                self.line(&format!("  {name} {line}"));
            } else {
                // What leads a line only now may be a workflow command.
                self.line(&format!("{HANGING}{}", Escaped(line)));
            }
        }
    }

    /// The command, quoted for a shell: a line that goes on ends in `\`.
    fn command(&mut self, command: &[String]) {
        if command.is_empty() {
            return;
        }
        let name = "command";
        let is_short = !self.look.verbose && !self.look.is_full;
        let most = if is_short {
            COMMAND_COLUMNS
        } else {
            FIELD_COLUMNS
        };
        let first = self.columns_left(INDENT + name.len() + 2 + 2);
        let lines = command_lines(command, most, first, self.columns_left(HANGING.len() + 2));
        self.named_lines(name, &lines);
    }

    /// Where the step ran and what confined it, if somebody wants to know.
    fn place(&mut self, record: &ExecutionLogRecord, detail: &StepDetail) {
        let here = std::env::current_dir().ok();
        let directory = detail.working_directory.as_deref();
        let is_elsewhere = directory != here.as_deref();
        let is_missing = is_failure(record) && says_missing(record);
        let is_shown = is_elsewhere || is_missing || self.look.verbose;
        if let Some(directory) = directory.filter(|_| is_shown) {
            let why = if is_missing {
                " (relative paths start here)"
            } else {
                ""
            };
            self.field(
                "directory",
                &format!("{}{why}", directory.to_string_lossy()),
            );
        }
        for line in detail.confinement.iter() {
            let (name, value) = line.split_once(": ").unwrap_or(("confined to", line));
            if self.look.verbose || detail.lacks.contains(&name) {
                self.field(name, value);
            }
        }
        if !self.look.verbose {
            return;
        }
        if let Some(code) = record.error_code.and_then(|code| json_line(&code).ok()) {
            // The code's own spelling is its JSON.
            self.field("code", code.trim_matches('"'));
        }
        let sandbox = &record.sandbox;
        let is_confined = !matches!(
            sandbox.mode,
            AppliedSandbox::InProcess | AppliedSandbox::None
        );
        if is_confined && record.attempts > 0 {
            let layers = match sandbox.enforced.as_slice() {
                [] => "nothing".to_owned(),
                layers => layers.join(", "),
            };
            self.field("confined by", &layers);
            if !sandbox.missing.is_empty() {
                self.field("not enforced", &sandbox.missing.join(", "));
            }
        }
    }

    /// The next step: a sentence, and below it what to paste.
    fn hint(&mut self, hint: &str) {
        let mut lines = hint.lines();
        if let Some(sentence) = lines.next() {
            self.field("hint", sentence);
        }
        for line in lines.take(LINES) {
            let line = Escaped(head(line, FIELD_COLUMNS * 4)).to_string();
            let line = shorten_at_word(&line, FIELD_COLUMNS);
            let columns = self.columns_left(HANGING.len());
            let rows: Vec<String> = wrap(&line, columns, columns)
                .into_iter()
                .map(str::to_owned)
                .collect();
            for row in rows {
                self.line(&format!("{HANGING}{}", Escaped(&row)));
            }
        }
    }

    /// What the skill wrote. Lines without a title are those of standard error.
    fn output(&mut self, record: &ExecutionLogRecord) {
        let said = |excerpt: &Option<Excerpt>| {
            let excerpt = excerpt.as_ref()?;
            let lines = self.excerpt(excerpt);
            (!lines.rows.is_empty()).then_some(lines)
        };
        let stderr = said(&record.stderr);
        let stdout = said(&record.stdout).filter(|_| self.look.is_full || !is_error(record));
        if let Some(stderr) = stderr.as_ref().filter(|_| !self.look.omits_stderr) {
            let needs_title = self.look.verbose || stdout.is_some();
            self.stream("stderr", stderr, needs_title);
        }
        if let Some(stdout) = &stdout {
            self.stream("stdout", stdout, true);
        }
        let is_silent = stderr.is_none() && record.stdout.is_none() && record.output.is_none();
        if is_silent && record.attempts > 0 && record.exit_code.or(record.signal).is_some() {
            self.field("output", "none");
        }
    }

    /// A text on lines of its own, with a title.
    pub(super) fn stream_of(&mut self, name: &str, text: &Excerpt) {
        let lines = self.excerpt(text);
        if !lines.rows.is_empty() {
            self.stream(name, &lines, true);
        }
    }

    fn stream(&mut self, name: &str, lines: &StreamLines, needs_title: bool) {
        let title = match (lines.rows.len(), lines.is_cut) {
            (1, true) => "last line".to_owned(),
            (count, true) => format!("last {count} lines"),
            (_, false) => String::new(),
        };
        if needs_title || lines.is_cut {
            let name = self.strong(&format!("{name}:"));
            self.line(&format!("  {name} {title}"));
        }
        for row in &lines.rows {
            self.line(&format!("{BAR}{row}"));
        }
    }

    /// The last lines of a stream, or all of it.
    fn excerpt(&self, excerpt: &Excerpt) -> StreamLines {
        let is_full = self.look.is_full;
        let whole = excerpt.text();
        let kept = if is_full || excerpt.omitted_bytes == 0 {
            &*whole
        } else {
            &excerpt.tail
        };
        let kept = screen_text(kept);
        let mut blocks: Vec<Vec<String>> = Vec::new();
        let (mut count, mut is_cut) = (0, !is_full && excerpt.omitted_bytes > 0);
        for line in kept.trim_end().lines().rev() {
            let rows = self.rows(line);
            if !is_full && count > 0 && count + rows.len() > LINES {
                is_cut = true;
                break;
            }
            count += rows.len();
            blocks.push(rows);
        }
        blocks.reverse();
        let mut rows = blocks.concat();
        let blank = rows.iter().take_while(|row| row.trim().is_empty()).count();
        if !is_cut {
            rows.drain(..blank);
        }
        StreamLines { rows, is_cut }
    }

    /// A line of a stream, escaped and bounded, in lines that fit.
    fn rows(&self, line: &str) -> Vec<String> {
        let most = if self.look.is_full {
            line.len()
        } else {
            LINE_COLUMNS
        };
        // The reason of a failure stands at the end.
        let bounded = tail(line, most.saturating_mul(4));
        let mut safe = shorten_to_tail(&EscapedLines(bounded).to_string(), most);
        if bounded.len() < line.len() && !safe.starts_with('…') {
            safe.insert(0, '…');
        }
        if self.look.columns.is_some() {
            safe = without_tabs(&safe);
        }
        let columns = self.columns_left(columns_of(BAR));
        let rows = wrap(&safe, columns, columns).into_iter();
        rows.map(|row| row.trim_end().to_owned()).collect()
    }
}

/// What is shown of a stream.
struct StreamLines {
    rows: Vec<String>,
    /// Something was left out.
    is_cut: bool,
}

/// Step, skill, what ended it, time, attempts.
fn headline_words(record: &ExecutionLogRecord, verbose: bool) -> String {
    let label = label_of_record(record);
    let skill = label_of(&record.skill_id, record.step_index);
    let version = record.skill_version.as_deref().filter(|_| verbose);
    let version = version.map(|version| format!(" {}", label_of(version, 0)));
    let skill = match version {
        None if skill == label => String::new(),
        version => format!(" ({skill}{})", version.unwrap_or_default()),
    };
    let mut words = format!("{label}{skill} {}", ended_words(record));
    if record.attempts > 0 {
        words.push_str(" after ");
        words.push_str(&time_of(record));
    }
    if record.attempts > 1 && record.items.is_none() {
        words.push_str(", ");
        words.push_str(&attempts_of(record));
    }
    words
}

/// How the step ended: `failed: exit code 2`.
fn ended_words(record: &ExecutionLogRecord) -> String {
    let (status, code) = (record.status, record.error_code);
    match (status, code) {
        (StepStatus::Success, _) if record.reused_from.is_some() => "reused".to_owned(),
        (StepStatus::Success, _) if has_warning(record) => "succeeded with a warning".to_owned(),
        (StepStatus::Success, _) => "succeeded".to_owned(),
        (StepStatus::Timeout, _) => "timed out".to_owned(),
        (StepStatus::Canceled | StepStatus::Skipped, _)
        | (StepStatus::Rejected, Some(ErrorCode::PolicyRejected) | None) => status.to_string(),
        (StepStatus::Failed, Some(ErrorCode::SkillFailed) | None) => {
            match (record.signal, record.exit_code) {
                (Some(signal), _) => format!("failed: {} (signal {signal})", signal_name(signal)),
                (None, Some(code)) => format!("failed: exit code {code}"),
                (None, None) => status.to_string(),
            }
        }
        (_, Some(code)) => format!("{status}: {}", code_words(code)),
    }
}

/// What the record's error says that the headline does not.
pub(super) fn news_of(record: &ExecutionLogRecord) -> Option<&str> {
    let error = record.error.as_deref()?;
    let known = match (record.error_code, record.signal, record.exit_code) {
        (Some(ErrorCode::SkillFailed) | None, Some(signal), _) => {
            format!("ended by {}", signal_name(signal))
        }
        (Some(ErrorCode::SkillFailed) | None, None, Some(code)) => format!("exit code {code}"),
        (Some(ErrorCode::Skipped), ..) => "skipped".to_owned(),
        (Some(ErrorCode::Canceled), ..) => "canceled".to_owned(),
        (code, ..) => code
            .and_then(RuntimeError::from_code)
            .map_or_else(String::new, |error| error.to_string()),
    };
    let rest = error.strip_prefix(&known).unwrap_or(error);
    // `exit code 1` is no beginning of `exit code 12`.
    let rest = if rest.starts_with(|c: char| c.is_alphanumeric()) {
        error
    } else {
        rest.trim_start_matches([':', ';', ' '])
    };
    Some(rest).filter(|rest| !rest.trim().is_empty())
}

/// True if standard output is the error that the record shows: `{"error": {"message": …}}`.
fn is_error(record: &ExecutionLogRecord) -> bool {
    let Some(stdout) = record.stdout.as_ref().filter(|_| news_of(record).is_some()) else {
        return false;
    };
    let output = strict_json(stdout.head.as_bytes()).ok().flatten();
    let object = output.and_then(|output| serde_json::from_str(output.get()).ok());
    let object: serde_json::Map<String, serde_json::Value> = object.unwrap_or_default();
    object.len() == 1 && object.contains_key("error")
}

/// True if the step says that a file is missing.
fn says_missing(record: &ExecutionLogRecord) -> bool {
    const MISSING: [&str; 5] = [
        "No such file",
        "ENOENT",
        "FileNotFound",
        "NoSuchFile",
        "does not exist",
    ];
    let says = |text: &str| MISSING.iter().any(|words| text.contains(words));
    let streams = [&record.stderr, &record.stdout].into_iter().flatten();
    let mut texts = streams.flat_map(|excerpt| [&*excerpt.head, &*excerpt.tail]);
    texts.any(says) || record.error.as_deref().is_some_and(says)
}

/// A command quoted for a shell, of at most `most` columns, in lines of at most `first` and `rest`.
fn command_lines(command: &[String], most: usize, first: usize, rest: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut left = most;
    for word in command {
        let word = head(word, most * 4);
        let quoted = shlex::Quoter::new().allow_nul(true).quote(word);
        let quoted = Escaped(&quoted.unwrap_or(word.into())).to_string();
        let shown = shorten_at_word(&quoted, left);
        let columns = if lines.len() == 1 { first } else { rest };
        let used = lines.last().map_or(0, |line| columns_of(line));
        let width = columns_of(&shown);
        if used > 0 && used + 1 + width <= columns {
            if let Some(line) = lines.last_mut() {
                line.push(' ');
                line.push_str(&shown);
            }
        } else {
            let columns = if used > 0 { rest } else { columns };
            let mut pieces = wrap(&shown, columns, rest).into_iter().map(str::to_owned);
            if let Some(line) = lines.last_mut() {
                if used > 0 {
                    line.push_str(" \\");
                } else if let Some(piece) = pieces.next() {
                    *line = piece;
                }
            }
            lines.extend(pieces);
        }
        if shown != quoted {
            break;
        }
        left = left.saturating_sub(width + 1);
    }
    lines
}
