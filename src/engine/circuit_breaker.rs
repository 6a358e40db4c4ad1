//! OpenBotStack's circuit breaker, as an interface.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::LogError;

/// Prevents cascading failures: a skill that keeps failing is not called for a while.
///
/// OpenBotStack's `CircuitBreaker`. A breaker is asked once per step and told once, by the step's
/// final outcome. Where OpenBotStack's `Allow` answers yes or no, this one says when to come again,
/// and hands out a [`Permit`], so that the outcome of a step that began before the circuit opened
/// is not taken for that of the probe.
pub trait CircuitBreaker {
    /// Whether `skill_id` may be called now. A probe's right to be the only one ends with its
    /// outcome, with its run, or after `lease`.
    fn allow(
        &self,
        skill_id: &str,
        lease: Duration,
    ) -> impl Future<Output = Result<BreakerDecision, LogError>>;
    /// A call succeeded.
    fn record_success(
        &self,
        skill_id: &str,
        permit: Permit,
    ) -> impl Future<Output = Result<(), LogError>>;
    /// A call failed.
    fn record_failure(
        &self,
        skill_id: &str,
        permit: Permit,
    ) -> impl Future<Output = Result<(), LogError>>;
    /// A call came to nothing that counts: it was canceled, or its arguments were refused.
    fn release(&self, skill_id: &str, permit: Permit)
    -> impl Future<Output = Result<(), LogError>>;
}

/// A breaker's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerDecision {
    /// The skill may be called.
    Allowed(Permit),
    /// It may not.
    Refused(Rejection),
}

/// The right to call a skill once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permit {
    /// Nobody counts.
    Unguarded,
    /// The circuit was closed.
    Closed,
    /// The circuit is half open, and this call is the one that tests it.
    Probe,
}

/// Why a skill may not be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rejection {
    /// [`CircuitState::Open`], or [`CircuitState::HalfOpen`] where a probe is under way.
    pub state: CircuitState,
    /// How many calls have failed in a row.
    pub failures: u32,
    /// When the next probe is let through, at the latest.
    pub until: Timestamp,
}

/// The state of a circuit. OpenBotStack's `CircuitState`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CircuitState {
    /// Normal operation.
    #[default]
    Closed,
    /// Blocking requests.
    Open,
    /// Testing recovery.
    HalfOpen,
}

impl CircuitState {
    /// The state as OpenBotStack spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

impl fmt::Display for CircuitState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
