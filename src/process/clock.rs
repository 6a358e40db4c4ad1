//! A clock that stops while obs itself is suspended by the terminal.
//!
//! Invariant: after a suspension, its length is added before any timer is checked again. On a
//! `current_thread` runtime this holds if there is no await between the stop and
//! [`RunClock::add_suspended`]. It uses tokio's clock, so that tests can pause it. The design
//! follows cargo-nextest's `StopwatchStart` and pausable sleep.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// A handle to the clock of one run; clones share the time.
#[derive(Debug, Clone, Default)]
pub struct RunClock {
    /// Nanoseconds; 584 years of them fit.
    suspended: Arc<AtomicU64>,
}

/// A point on a [`RunClock`].
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    at: Instant,
    suspended: Duration,
}

impl RunClock {
    /// A clock without suspensions.
    pub fn new() -> Self {
        Self::default()
    }

    /// The present.
    pub fn now(&self) -> Moment {
        Moment {
            at: Instant::now(),
            suspended: self.suspended_total(),
        }
    }

    /// How long obs has been suspended so far.
    pub fn suspended_total(&self) -> Duration {
        Duration::from_nanos(self.suspended.load(Ordering::Relaxed))
    }

    /// Subtracts `stopped_for` from all measurements in progress.
    pub fn add_suspended(&self, stopped_for: Duration) {
        let nanos = u64::try_from(stopped_for.as_nanos()).unwrap_or(u64::MAX);
        self.suspended.fetch_add(nanos, Ordering::Relaxed);
    }

    /// Time since `start`, without suspensions.
    pub fn elapsed(&self, start: Moment) -> Duration {
        let stopped = self.suspended_total().saturating_sub(start.suspended);
        start.at.elapsed().saturating_sub(stopped)
    }

    /// Returns when `budget` has passed since `start`, not counting suspensions before or during
    /// the call.
    pub async fn sleep_until_elapsed(&self, start: Moment, budget: Duration) {
        loop {
            let elapsed = self.elapsed(start);
            if elapsed >= budget {
                return;
            }
            tokio::time::sleep(budget.saturating_sub(elapsed)).await;
        }
    }
}
