//! The seed's circuit breaker, as an interface.

use std::fmt;
use std::future::Future;

use serde::{Deserialize, Serialize};

/// Prevents cascading failures: a skill that keeps failing is not called for a while.
///
/// From the seed's `CircuitBreaker`. A breaker is asked and told once per step.
pub trait CircuitBreaker {
    /// What can go wrong with the breaker's own state.
    type Error;

    /// Whether `skill_id` may be called now.
    fn allow(&self, skill_id: &str) -> impl Future<Output = Result<bool, Self::Error>>;
    /// A call succeeded.
    fn record_success(&self, skill_id: &str) -> impl Future<Output = ()>;
    /// A call failed.
    fn record_failure(&self, skill_id: &str) -> impl Future<Output = ()>;
    /// The state of the circuit.
    fn state(&self, skill_id: &str) -> impl Future<Output = Result<CircuitState, Self::Error>>;
}

/// The state of a circuit. From the seed's `CircuitState`.
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

impl fmt::Display for CircuitState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        })
    }
}
