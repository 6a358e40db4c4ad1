//! A clock that stops while obs itself is suspended by the terminal.
//!
//! Invariant: after a suspension, its length is added before any timer is checked again. On a
//! `current_thread` runtime this holds if there is no await between the stop and
//! [`RunClock::add_suspended`]. It uses tokio's clock, so that tests can pause it. The design
//! follows cargo-nextest's `StopwatchStart` and pausable sleep.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
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
    sleep: MachineSleep,
}

/// How long the machine had slept at one time, since it was started. The clock of timers and
/// durations stops meanwhile. The two clocks are read one after the other, so this is an interval.
#[derive(Debug, Clone, Copy)]
struct MachineSleep {
    least: Duration,
    most: Duration,
}

impl MachineSleep {
    fn now() -> Self {
        let awake_before = clock_time(ClockId::Monotonic);
        let all = clock_time(ClockId::Boottime);
        let awake_after = clock_time(ClockId::Monotonic);
        Self {
            least: all.saturating_sub(awake_after),
            most: all.saturating_sub(awake_before),
        }
    }

    /// How long it has slept since `start`; zero if it has not.
    fn since(self, start: Self) -> Duration {
        self.least.saturating_sub(start.most)
    }
}

fn clock_time(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::try_from(time).unwrap_or_default()
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
            sleep: MachineSleep::now(),
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

    /// How long obs was suspended or the machine slept since `start`. [`RunClock::elapsed`] counts
    /// neither.
    pub fn suspended_since(&self, start: Moment) -> Duration {
        let suspended = self.suspended_total().saturating_sub(start.suspended);
        suspended.saturating_add(MachineSleep::now().since(start.sleep))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_time_that_certainly_was_sleep_counts() {
        let sleep = |least, most| MachineSleep {
            least: Duration::from_millis(least),
            most: Duration::from_millis(most),
        };
        for (start, end, want) in [
            (sleep(0, 0), sleep(0, 0), 0),
            (sleep(0, 9), sleep(0, 0), 0),
            (sleep(0, 0), sleep(0, 9), 0),
            (sleep(5_000, 5_003), sleep(65_000, 65_007), 59_997),
        ] {
            assert_eq!(end.since(start), Duration::from_millis(want));
        }
        for _ in 0..1_000 {
            let start = MachineSleep::now();
            assert_eq!(MachineSleep::now().since(start), Duration::ZERO);
        }
    }
}
