//! The last line of a run.

use std::collections::BTreeMap;
use std::time::Duration;

use super::text::{Style, cause_of, code_words, counted, escaped_line, label_of, paint};
use crate::event::RunSummary;
use crate::model::{
    ErrorCode, ExecutionLogRecord, RunStatus, StepStatus, format_duration, signal_name,
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

/// The state of a run for its last line.
#[derive(Debug, Default)]
pub(super) struct RunStats {
    counts: [usize; STATUSES.len()],
    /// The steps that may decide: label and cause, escaped.
    causes: BTreeMap<usize, (String, String)>,
    step_timeouts: BTreeMap<usize, Duration>,
    run_timeout: Option<Duration>,
    signal: Option<i32>,
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
    /// What the run may take.
    pub(super) fn run_timeout(&mut self, timeout: Duration) {
        self.run_timeout = Some(timeout);
    }

    /// What a step may take.
    pub(super) fn step_timeout(&mut self, index: usize, timeout: Duration) {
        self.step_timeouts.insert(index, timeout);
    }

    /// A signal arrived.
    pub(super) fn signal(&mut self, signal: i32) {
        self.signal.get_or_insert(signal);
    }

    /// A step finished.
    pub(super) fn count(&mut self, record: &ExecutionLogRecord) {
        for (count, (status, _)) in self.counts.iter_mut().zip(STATUSES) {
            *count += usize::from(status == record.status);
        }
        let timeout = self.step_timeouts.remove(&record.step_index);
        let cause = match (record.status, record.error_code) {
            (StepStatus::Success | StepStatus::Skipped, _) => return,
            (StepStatus::Timeout, Some(ErrorCode::PlanTimeout)) => {
                limit_words("plan timeout", self.run_timeout)
            }
            (StepStatus::Timeout, _) => {
                // A shorter time is that of the last attempt, which has a limit of its own.
                let is_spent =
                    |timeout: &Duration| u128::from(record.duration_ms) >= timeout.as_millis();
                limit_words("step timeout", timeout.filter(is_spent))
            }
            (StepStatus::Rejected, Some(code)) => code_words(code).to_owned(),
            _ => cause_of(record),
        };
        let label = label_of(&record.step_id, record.step_index);
        self.causes.insert(record.step_index, (label, cause));
    }

    /// The last line: `failed: build (exit 2) · 3 ok 1 failed 2 skipped · 41s · run 0192ab12-345 ·
    /// head 5f0c66b2`.
    pub(super) fn line(&self, summary: &RunSummary, color: bool) -> String {
        let (word, tone) = match summary.status {
            RunStatus::Success => ("ok", Style::Good),
            RunStatus::Canceled => ("canceled", Style::Warn),
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
        parts.push(format!("run {}", short_id(&summary.run_id)));
        if let Some(head) = summary.head.get(..HEAD_CHARS) {
            parts.push(format!("head {head}"));
        }
        parts.retain(|part| !part.is_empty());
        format!("{}: {}", paint(color, tone, word), parts.join(" · "))
    }

    /// What decided the run: a step and its cause, or the engine's reason.
    fn decision(&self, summary: &RunSummary) -> String {
        let step = summary
            .decided_by
            .map(|index| match self.causes.get(&index) {
                Some((label, cause)) => format!("{label} ({cause})"),
                None => format!("step {index}"),
            });
        let reason = summary.reason.as_deref().map(escaped_line);
        let signal = || {
            let signal = self
                .signal
                .filter(|_| summary.status == RunStatus::Canceled);
            signal.map(|signal| signal_name(signal).into_owned())
        };
        step.or(reason).or_else(signal).unwrap_or_default()
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

fn limit_words(which: &str, limit: Option<Duration>) -> String {
    limit.map_or_else(
        || which.to_owned(),
        |limit| format!("{which} {}", format_duration(limit)),
    )
}
