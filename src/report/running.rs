//! A step that runs, as progress shows it.

use std::time::{Duration, Instant};

use super::text::{columns_of, counted, shorten};
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
    /// With `for_each`.
    pub(super) items: Option<ItemProgress>,
}

/// How far the items of a step are.
#[derive(Debug, Clone, Copy)]
pub(super) struct ItemProgress {
    pub(super) count: usize,
    pub(super) done: usize,
    pub(super) failed: usize,
}

impl ItemProgress {
    /// `120/7312 items 3 failed`.
    pub(super) fn words(self) -> String {
        let Self {
            count,
            done,
            failed,
        } = self;
        let failed = match failed {
            0 => String::new(),
            failed => format!(" {failed} failed"),
        };
        format!("{done}/{}{failed}", counted(count, "item"))
    }
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
        let mut words = vec![whole_seconds(now.saturating_duration_since(self.started))];
        match self.items {
            Some(items) => words.push(items.words()),
            None => words.push(format!("of {}", format_duration(self.timeout))),
        }
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
