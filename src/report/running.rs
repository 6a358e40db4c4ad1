//! A step that runs, as progress shows it.

use std::time::{Duration, Instant};

use super::text::{columns_of, shorten};
use crate::event::Retry;
use crate::model::format_duration;

/// A step that runs.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) index: usize,
    /// Escaped.
    pub(super) label: String,
    pub(super) started: Instant,
    pub(super) timeout: Duration,
    pub(super) fraction: Option<f64>,
    /// Escaped.
    pub(super) message: Option<String>,
    /// The retry that runs or is waited for, and when it begins.
    pub(super) retry: Option<(Retry, Instant)>,
    pub(super) ending: Option<&'static str>,
}

impl Running {
    /// `build 3s of 30s retry 2/4 40% page 4 of 10`, the label shortened so that the rest is seen.
    pub(super) fn describe(&self, columns: usize, now: Instant) -> String {
        let rest = self.words(now).join(" ");
        let room = columns.saturating_sub(columns_of(&rest) + 1);
        let label = shorten(&self.label, room.max(columns / 2));
        format!("{label} {rest}")
    }

    fn words(&self, now: Instant) -> Vec<String> {
        let mut words = vec![
            whole_seconds(now.saturating_duration_since(self.started)),
            "of".to_owned(),
            format_duration(self.timeout),
        ];
        if let Some(ending) = self.ending {
            words.push(ending.to_owned());
            return words;
        }
        words.extend(self.retry.map(|(retry, due)| {
            let words = retry_words(retry);
            match due.saturating_duration_since(now).as_millis() {
                0 => words,
                // A wait that has just begun shows all of its seconds.
                left => format!("{words} in {}s", left.div_ceil(1000)),
            }
        }));
        words.extend(
            self.fraction
                .map(|fraction| format!("{:.0}%", (fraction * 100.0).floor())),
        );
        words.extend(self.message.clone());
        words
    }
}

/// `retry 2/4`: the second of at most four.
pub(super) fn retry_words(retry: Retry) -> String {
    format!("retry {}/{}", retry.number, retry.max)
}

/// `0s`, `59s`, `1m5s`.
pub(super) fn whole_seconds(duration: Duration) -> String {
    match duration.as_secs() {
        0 => "0s".to_owned(),
        seconds => format_duration(Duration::from_secs(seconds)),
    }
}
