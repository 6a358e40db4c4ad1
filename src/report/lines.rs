//! Lines about single steps: one when it starts, one when it finishes, one a minute while it runs.

use std::time::{Duration, Instant};

use super::running::{ItemProgress, Running};
use super::text::{Style, cause_of, label_of_record, paint, time_of};
use crate::model::{ExecutionLogRecord, StepStatus};

/// How often a progress line is written.
pub(super) const HEARTBEAT: Duration = Duration::from_mins(1);

/// A step younger than this gets no progress line.
const YOUNG: Duration = Duration::from_secs(10);

/// The line of a step that starts: `→ fetch`.
pub(super) fn started(label: &str, color: bool) -> String {
    format!("{} {label}", paint(color, Style::Active, "→"))
}

/// The line of a finished step: `✓ fetch 1.2s`, `✗ build exit 2`. The report on a failure says the
/// rest.
pub(super) fn finished(record: &ExecutionLogRecord, color: bool) -> String {
    let tone = Style::for_status(record.status);
    let label = label_of_record(record);
    let time = time_of(record);
    let retried = retried(repeats_of(record));
    match record.status {
        StepStatus::Success if record.reused_from.is_some() => {
            format!("{} {label} reused", paint(color, tone, "✓"))
        }
        StepStatus::Success => format!("{} {label} {time}{retried}", paint(color, tone, "✓")),
        StepStatus::Skipped => paint(color, tone, &format!("- {label} skipped")),
        _ => format!("{} {label} {}", paint(color, tone, "✗"), cause_of(record)),
    }
}

/// How often a step was tried; nothing is said of the sum over its items.
pub(super) fn repeats_of(record: &ExecutionLogRecord) -> u32 {
    match record.items {
        Some(_) => 0,
        None => record.attempts,
    }
}

/// ` ×3` for a step that took three attempts.
pub(super) fn retried(attempts: u32) -> String {
    match attempts {
        0 | 1 => String::new(),
        _ => format!(" ×{attempts}"),
    }
}

/// The progress lines: one for each running step.
pub(super) fn still_running(running: &[Running], now: Instant) -> Vec<String> {
    running
        .iter()
        .map(|step| (step, now.saturating_duration_since(step.started)))
        .filter(|(_, elapsed)| *elapsed >= YOUNG)
        .map(|(step, elapsed)| {
            // The step began a moment after the run did: 59.99 is to read 60.
            let seconds = (elapsed + Duration::from_millis(500)).as_secs();
            let items = step.items.map(ItemProgress::words);
            let items = items.map_or_else(String::new, |items| format!(" {items}"));
            format!("still running {seconds}s: {}{items}", step.label)
        })
        .collect()
}
