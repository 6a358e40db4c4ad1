//! The last lines of a run: how it ended, and what names it.

use std::collections::BTreeMap;

use super::failure::is_failure;
use super::terminal::TerminalInfo;
use super::text::{Style, cause_of, counted, escaped_line, label_of_record, paint};
use crate::event::RunSummary;
use crate::model::{
    Escaped, ExecutionLogRecord, RunStatus, StepStatus, format_duration, signal_name, wrap,
};

/// How much of a run's id is shown: the milliseconds, which two runs may share, and twelve bits
/// more.
const ID_CHARS: usize = 18;

/// How much of a run's head is shown: the minimum for `obs verify --head`.
const HEAD_CHARS: usize = 16;

/// As much of a run's id as is shown, escaped.
pub(crate) fn short_id(run_id: &str) -> String {
    let id: String = run_id.chars().take(ID_CHARS).collect();
    escaped_line(&id)
}

/// The state of a run for its last lines.
#[derive(Debug, Default)]
pub(super) struct RunStats {
    /// The `finally` steps run.
    pub(super) runs_finally: bool,
    counts: [usize; STATUSES.len()],
    /// The steps that may decide.
    endings: BTreeMap<usize, Ending>,
    signal: Option<i32>,
}

/// A step that did not succeed, as text that is escaped.
#[derive(Debug)]
struct Ending {
    label: String,
    cause: String,
    /// A report says why.
    is_reported: bool,
}

const STATUSES: [(StepStatus, &str); 6] = [
    (StepStatus::Success, "ok"),
    (StepStatus::Failed, "failed"),
    (StepStatus::Timeout, "timeout"),
    (StepStatus::Canceled, "canceled"),
    (StepStatus::Rejected, "rejected"),
    (StepStatus::Skipped, "skipped"),
];

impl RunStats {
    /// A signal arrived.
    pub(super) fn signal(&mut self, signal: i32) {
        self.signal.get_or_insert(signal);
    }

    /// A step finished. Items are not counted.
    pub(super) fn count(&mut self, record: &ExecutionLogRecord) {
        if record.item_index.is_some() {
            return;
        }
        for (count, (status, _)) in self.counts.iter_mut().zip(STATUSES) {
            *count += usize::from(status == record.status);
        }
        if matches!(record.status, StepStatus::Success | StepStatus::Skipped) {
            return;
        }
        let ending = Ending {
            label: label_of_record(record),
            cause: cause_of(record),
            is_reported: is_failure(record),
        };
        self.endings.insert(record.step_index, ending);
    }

    /// The last lines: `failed: 3 ok 1 failed 2 skipped · 41s`, and if the run is kept `run
    /// 0192ab12-345 · head 5f0c66b2`.
    pub(super) fn lines(&self, summary: &RunSummary, look: TerminalInfo) -> Vec<String> {
        let (word, tone) = match summary.status {
            RunStatus::Success => ("ok", Style::Good),
            RunStatus::Canceled => ("canceled", Style::Warn),
            RunStatus::Interrupted => ("interrupted", Style::Warn),
            RunStatus::Waiting => ("waiting", Style::Warn),
            RunStatus::Running => ("running", Style::Active),
            status => (status.as_str(), Style::Bad),
        };
        let mut parts = Vec::new();
        if summary.status == RunStatus::Success {
            parts.push(counted(self.counts.iter().sum(), "step"));
            if self.counts[1..].iter().any(|&count| count > 0) {
                parts.push(self.count_words());
            }
        } else {
            parts.push(self.decision(summary));
            parts.push(self.count_words());
        }
        parts.push(format_duration(summary.elapsed));
        parts.retain(|part| !part.is_empty());
        let mut names = format!("run {}", short_id(&summary.run_id));
        if let Some(head) = summary.head.get(..HEAD_CHARS) {
            names.push_str(" · head ");
            names.push_str(head);
        }
        let columns = if look.terminal {
            look.usable_columns()
        } else {
            usize::MAX
        };
        let status = format!("{word}: {}", parts.join(" · "));
        let lines = wrap(&status, columns, columns.saturating_sub(2));
        let lines = lines.into_iter().enumerate().map(|(at, line)| match at {
            0 => line.replacen(word, &paint(look.color, tone, word), 1),
            _ => format!("  {}", Escaped(line)),
        });
        lines.chain(summary.is_kept.then_some(names)).collect()
    }

    /// What decided the run, if no report says so: a step and its cause, or the engine's reason. If
    /// there are several reports, the step alone.
    fn decision(&self, summary: &RunSummary) -> String {
        if let Some(index) = summary.decided_by {
            let reports = self.endings.values().filter(|ending| ending.is_reported);
            return match self.endings.get(&index) {
                Some(ending) if !ending.is_reported => {
                    format!("{} ({})", ending.label, ending.cause)
                }
                Some(ending) if reports.count() > 1 => ending.label.clone(),
                Some(_) => String::new(),
                None => format!("step {index}"),
            };
        }
        let reason = summary.reason.as_deref().map(escaped_line);
        let signal = || {
            let signal = self
                .signal
                .filter(|_| summary.status == RunStatus::Canceled);
            signal.map(|signal| signal_name(signal).into_owned())
        };
        reason.or_else(signal).unwrap_or_default()
    }

    fn count_words(&self) -> String {
        let counted: Vec<String> = self
            .counts
            .iter()
            .zip(STATUSES)
            .filter(|(count, _)| **count > 0)
            .map(|(count, (_, word))| format!("{count} {word}"))
            .collect();
        counted.join(" ")
    }
}
