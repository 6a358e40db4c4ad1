//! Bounds on time that remember where they were set.

use std::fmt;
use std::time::Duration;

use crate::model::format_duration;

/// A bound on time, with its origin: a timeout's message names both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The bound.
    pub duration: Duration,
    /// Who set it.
    pub source: LimitSource,
}

/// Who set a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitSource {
    /// The plan's `timeout`.
    Plan,
    /// The step's own `timeout`.
    Step,
    /// The skill's manifest.
    Manifest,
    /// The flag of this name.
    Flag(&'static str),
    /// Nobody; obs's default.
    Default,
}

impl Limit {
    /// What a run may take where nobody says: 10 minutes.
    pub const DEFAULT_RUN: Self = Self {
        duration: Duration::from_mins(10),
        source: LimitSource::Default,
    };
    /// What a step may take where nobody says: 2 minutes.
    pub const DEFAULT_STEP: Self = Self {
        duration: Duration::from_mins(2),
        source: LimitSource::Default,
    };

    /// A flag replaces the default and caps what anybody else says.
    #[must_use]
    pub fn capped_by(self, flag: Option<Duration>, name: &'static str) -> Self {
        match flag {
            Some(duration) if self.source == LimitSource::Default || duration < self.duration => {
                Self {
                    duration,
                    source: LimitSource::Flag(name),
                }
            }
            _ => self,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, set by ", format_duration(self.duration))?;
        match self.source {
            LimitSource::Plan => f.write_str("the plan"),
            LimitSource::Step => f.write_str("the step"),
            LimitSource::Manifest => f.write_str("the skill's manifest"),
            LimitSource::Flag(name) => write!(f, "`{name}`"),
            LimitSource::Default => f.write_str("obs's default"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_replaces_the_default_and_caps_the_rest() {
        let flag = Some(Duration::from_mins(5));
        let step = |minutes| Limit {
            duration: Duration::from_mins(minutes),
            source: LimitSource::Step,
        };
        assert_eq!(
            Limit::DEFAULT_STEP.capped_by(flag, "--x").duration,
            Duration::from_mins(5)
        );
        assert_eq!(
            step(9).capped_by(flag, "--x").to_string(),
            "5m, set by `--x`"
        );
        assert_eq!(
            step(1).capped_by(flag, "--x").to_string(),
            "1m, set by the step"
        );
        assert_eq!(step(9).capped_by(None, "--x"), step(9));
    }
}
