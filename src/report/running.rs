//! A step that runs, as progress shows it.

use std::time::{Duration, Instant};

use super::text::shorten;
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
    pub(super) ending: Option<&'static str>,
}

impl Running {
    /// `build 3s of 30s 40% page 4 of 10`, the label shortened so that the rest is seen.
    pub(super) fn describe(&self, columns: usize, now: Instant) -> String {
        let elapsed = whole_seconds(now.saturating_duration_since(self.started));
        let label = shorten(&self.label, columns / 2);
        let mut words = vec![
            label,
            elapsed,
            "of".to_owned(),
            format_duration(self.timeout),
        ];
        if let Some(ending) = self.ending {
            words.push(ending.to_owned());
            return words.join(" ");
        }
        words.extend(
            self.fraction
                .map(|fraction| format!("{:.0}%", (fraction * 100.0).floor())),
        );
        words.extend(self.message.clone());
        words.join(" ")
    }
}

/// `0s`, `59s`, `1m5s`.
pub(super) fn whole_seconds(duration: Duration) -> String {
    match duration.as_secs() {
        0 => "0s".to_owned(),
        seconds => format_duration(Duration::from_secs(seconds)),
    }
}
