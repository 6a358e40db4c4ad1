//! Time that stands still while obs itself is stopped by the terminal.
//!
//! Invariant: whoever continues after a stop adds the length of it before any timer is looked at
//! again. On a `current_thread` runtime that holds when the stop and [`RunClock::add_suspended`]
//! are in one piece of code without an await between them. Built on tokio's clock, so that tests
//! can pause it. The idea is cargo-nextest's `StopwatchStart` and pausable sleep.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// A handle on the clock of one run; clones show the same time.
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
    /// A clock that was never stopped.
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

    /// How long obs has stood still so far.
    pub fn suspended_total(&self) -> Duration {
        Duration::from_nanos(self.suspended.load(Ordering::Relaxed))
    }

    /// Takes `stopped_for` out of all measurements that are under way.
    pub fn add_suspended(&self, stopped_for: Duration) {
        let nanos = u64::try_from(stopped_for.as_nanos()).unwrap_or(u64::MAX);
        self.suspended.fetch_add(nanos, Ordering::Relaxed);
    }

    /// Time since `start`, without the time that obs stood still.
    pub fn elapsed(&self, start: Moment) -> Duration {
        let stopped = self.suspended_total().saturating_sub(start.suspended);
        start.at.elapsed().saturating_sub(stopped)
    }

    /// Returns when `budget` has passed since `start`, not counting the time that obs stood still,
    /// be it before the call or during it.
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
