//! Bounds on time that remember where they were set.

use std::fmt;
use std::time::Duration;

use crate::model::format_duration;

/// A bound on time, with its origin: a timeout's message names both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeLimit {
    /// The bound.
    pub duration: Duration,
    /// Who set it.
    pub source: TimeLimitSource,
}

/// Who set a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeLimitSource {
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

impl TimeLimit {
    /// What a run may take by default: 10 minutes.
    pub const DEFAULT_RUN: Self = Self {
        duration: Duration::from_mins(10),
        source: TimeLimitSource::Default,
    };
    /// What the `finally` steps may take by default: 1 minute.
    pub const DEFAULT_FINALLY: Self = Self {
        duration: Duration::from_mins(1),
        source: TimeLimitSource::Default,
    };
    /// What a step may take by default: 2 minutes.
    pub const DEFAULT_STEP: Self = Self {
        duration: Duration::from_mins(2),
        source: TimeLimitSource::Default,
    };

    /// A flag replaces the default and caps what anybody else says.
    #[must_use]
    pub fn with_flag(self, flag: Option<Duration>, name: &'static str) -> Self {
        match flag {
            Some(duration)
                if self.source == TimeLimitSource::Default || duration < self.duration =>
            {
                Self {
                    duration,
                    source: TimeLimitSource::Flag(name),
                }
            }
            _ => self,
        }
    }
}

impl fmt::Display for TimeLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, set by ", format_duration(self.duration))?;
        match self.source {
            TimeLimitSource::Plan => f.write_str("the plan"),
            TimeLimitSource::Step => f.write_str("the step"),
            TimeLimitSource::Manifest => f.write_str("the skill's manifest"),
            TimeLimitSource::Flag(name) => write!(f, "`{name}`"),
            TimeLimitSource::Default => f.write_str("obs's default"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_replaces_the_default_and_caps_the_rest() {
        let flag = Some(Duration::from_mins(5));
        let step = |minutes| TimeLimit {
            duration: Duration::from_mins(minutes),
            source: TimeLimitSource::Step,
        };
        assert_eq!(
            TimeLimit::DEFAULT_STEP.with_flag(flag, "--x").duration,
            Duration::from_mins(5)
        );
        assert_eq!(
            step(9).with_flag(flag, "--x").to_string(),
            "5m, set by `--x`"
        );
        assert_eq!(
            step(1).with_flag(flag, "--x").to_string(),
            "1m, set by the step"
        );
        assert_eq!(step(9).with_flag(None, "--x"), step(9));
    }
}
