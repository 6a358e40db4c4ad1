//! The state machine of one circuit, without a clock or storage of its own.
//!
//! Invariant: closed until enough calls have failed in a row, then open for the cooldown, then half
//! open: one probe and no more, whose success closes it and whose failure opens it again. No stored
//! time counts for longer than its duration, so a clock that is set back by a day does not keep a
//! circuit open for a day.

use std::time::Duration;

use jiff::Timestamp;

use crate::engine::{BreakerDecision, CircuitState, Permit, Rejection};
use crate::skill::BreakerSettings;

/// The stored state of a skill's circuit. Times are Unix milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Circuit {
    pub(super) failures: u32,
    /// None while closed.
    pub(super) open_until_ms: Option<i64>,
    /// The duration in `open_until_ms`.
    pub(super) cooldown_ms: i64,
    pub(super) probe: Option<Probe>,
}

/// A call that tests a half-open circuit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Probe {
    pub(super) run_id: String,
    pub(super) until_ms: i64,
    /// The duration in `until_ms`.
    pub(super) lease_ms: i64,
}

impl Circuit {
    /// Clamps stored times at `now_ms`: a time further ahead than its duration came from another
    /// clock.
    fn clamp_clock_skew(&mut self, now_ms: i64) {
        let latest = now_ms.saturating_add(self.cooldown_ms);
        self.open_until_ms = self.open_until_ms.map(|until| until.min(latest));
        if let Some(probe) = &mut self.probe {
            probe.until_ms = probe.until_ms.min(now_ms.saturating_add(probe.lease_ms));
        }
        self.probe = self.probe.take().filter(|probe| now_ms < probe.until_ms);
    }

    /// The state at `now_ms`.
    pub(super) fn state(&self, now_ms: i64) -> CircuitState {
        let mut bounded = self.clone();
        bounded.clamp_clock_skew(now_ms);
        match bounded.open_until_ms {
            None => CircuitState::Closed,
            Some(until) if now_ms < until => CircuitState::Open,
            Some(_) => CircuitState::HalfOpen,
        }
    }

    /// Whether `run_id` may call now.
    pub(super) fn try_acquire(
        &mut self,
        now_ms: i64,
        run_id: &str,
        lease: Duration,
    ) -> BreakerDecision {
        self.clamp_clock_skew(now_ms);
        let Some(open_until_ms) = self.open_until_ms else {
            return BreakerDecision::Allowed(Permit::Closed);
        };
        let refused = |state, until_ms| {
            BreakerDecision::Refused(Rejection {
                state,
                failures: self.failures,
                until: Timestamp::from_millisecond(until_ms).unwrap_or(Timestamp::MAX),
            })
        };
        if now_ms < open_until_ms {
            return refused(CircuitState::Open, open_until_ms);
        }
        if let Some(probe) = &self.probe {
            return refused(CircuitState::HalfOpen, probe.until_ms);
        }
        let lease_ms = milliseconds(lease);
        self.probe = Some(Probe {
            run_id: run_id.to_owned(),
            until_ms: now_ms.saturating_add(lease_ms),
            lease_ms,
        });
        BreakerDecision::Allowed(Permit::Probe)
    }

    /// A call of `run_id` succeeded.
    pub(super) fn record_success(&mut self, permit: Permit, run_id: &str) {
        match permit {
            Permit::Closed if self.open_until_ms.is_none() => self.failures = 0,
            Permit::Probe if self.is_probed_by(run_id) => *self = Self::default(),
            // It began before the circuit opened, or another probe has taken its place.
            Permit::Closed | Permit::Probe | Permit::Unguarded => {}
        }
    }

    /// A call of `run_id` failed.
    pub(super) fn record_failure(
        &mut self,
        permit: Permit,
        run_id: &str,
        settings: BreakerSettings,
        now_ms: i64,
    ) {
        if permit == Permit::Unguarded {
            return;
        }
        self.failures = self.failures.saturating_add(1);
        let is_probe = permit == Permit::Probe && self.is_probed_by(run_id);
        let is_enough = self.open_until_ms.is_none() && self.failures >= settings.failure_threshold;
        if is_probe || is_enough {
            self.cooldown_ms = milliseconds(settings.cooldown);
            self.open_until_ms = Some(now_ms.saturating_add(self.cooldown_ms));
            self.probe = None;
        }
    }

    /// A call of `run_id` ended without a result that counts.
    pub(super) fn release(&mut self, permit: Permit, run_id: &str) {
        if permit == Permit::Probe && self.is_probed_by(run_id) {
            self.probe = None;
        }
    }

    /// True if there is nothing to store.
    pub(super) fn is_clean(&self) -> bool {
        *self == Self::default()
    }

    fn is_probed_by(&self, run_id: &str) -> bool {
        let probe = self.probe.as_ref();
        probe.is_some_and(|probe| probe.run_id == run_id)
    }
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: BreakerSettings = BreakerSettings {
        failure_threshold: 3,
        cooldown: Duration::from_secs(30),
    };
    const LEASE: Duration = Duration::from_secs(10);
    const DAY_MS: i64 = 24 * 60 * 60 * 1000;

    fn open_at(now_ms: i64) -> Circuit {
        let mut circuit = Circuit::default();
        for _ in 0..3 {
            assert_eq!(
                circuit.try_acquire(now_ms, "a", LEASE),
                BreakerDecision::Allowed(Permit::Closed)
            );
            circuit.record_failure(Permit::Closed, "a", SETTINGS, now_ms);
        }
        circuit
    }

    fn is_refused(admission: BreakerDecision, state: CircuitState, until_ms: i64) -> bool {
        matches!(admission, BreakerDecision::Refused(refusal)
            if refusal.state == state && refusal.until.as_millisecond() == until_ms)
    }

    #[test]
    fn a_success_between_failures_starts_the_count_anew() {
        let mut circuit = Circuit::default();
        for _ in 0..9 {
            circuit.record_failure(Permit::Closed, "a", SETTINGS, 0);
            circuit.record_failure(Permit::Closed, "a", SETTINGS, 0);
            circuit.record_success(Permit::Closed, "a");
        }
        assert_eq!(circuit.state(0), CircuitState::Closed);
        assert!(circuit.is_clean());
    }

    #[test]
    fn open_then_one_probe_then_closed() {
        let mut circuit = open_at(1_000);
        assert_eq!(circuit.state(1_000), CircuitState::Open);
        assert!(is_refused(
            circuit.try_acquire(30_999, "b", LEASE),
            CircuitState::Open,
            31_000
        ));
        assert_eq!(
            circuit.try_acquire(31_000, "b", LEASE),
            BreakerDecision::Allowed(Permit::Probe)
        );
        assert_eq!(circuit.state(31_000), CircuitState::HalfOpen);
        // Neither another run nor the same one gets a second.
        for run in ["c", "b"] {
            assert!(is_refused(
                circuit.try_acquire(31_500, run, LEASE),
                CircuitState::HalfOpen,
                41_000
            ));
        }
        circuit.record_success(Permit::Probe, "b");
        assert!(circuit.is_clean());
    }

    #[test]
    fn a_probe_that_fails_opens_it_again_and_one_that_is_canceled_lets_the_next_try() {
        let mut circuit = open_at(0);
        assert_eq!(
            circuit.try_acquire(30_000, "b", LEASE),
            BreakerDecision::Allowed(Permit::Probe)
        );
        circuit.release(Permit::Probe, "b");
        assert_eq!(
            circuit.try_acquire(30_000, "c", LEASE),
            BreakerDecision::Allowed(Permit::Probe)
        );
        circuit.record_failure(Permit::Probe, "c", SETTINGS, 31_000);
        assert!(is_refused(
            circuit.try_acquire(31_000, "d", LEASE),
            CircuitState::Open,
            61_000
        ));
    }

    #[test]
    fn what_began_before_it_opened_decides_nothing() {
        let mut circuit = open_at(0);
        circuit.record_success(Permit::Closed, "slow");
        assert_eq!(circuit.state(1), CircuitState::Open);
        assert_eq!(
            circuit.try_acquire(30_000, "b", LEASE),
            BreakerDecision::Allowed(Permit::Probe)
        );
        circuit.record_failure(Permit::Closed, "slow", SETTINGS, 30_001);
        assert_eq!(circuit.state(30_001), CircuitState::HalfOpen);
        // A probe whose lease is over has no say either.
        assert_eq!(
            circuit.try_acquire(40_000, "c", LEASE),
            BreakerDecision::Allowed(Permit::Probe)
        );
        circuit.record_success(Permit::Probe, "b");
        assert_eq!(circuit.state(40_000), CircuitState::HalfOpen);
    }

    #[test]
    fn a_clock_set_back_by_a_day_shuts_nothing_for_a_day() {
        let mut circuit = open_at(2 * DAY_MS);
        let back = DAY_MS;
        assert!(is_refused(
            circuit.try_acquire(back, "b", LEASE),
            CircuitState::Open,
            back + 30_000
        ));
        assert_eq!(
            circuit.try_acquire(back + 30_000, "b", LEASE),
            BreakerDecision::Allowed(Permit::Probe)
        );
        // And once more, with a probe under way.
        let back = 0;
        circuit.open_until_ms = Some(-1);
        assert!(is_refused(
            circuit.try_acquire(back, "c", LEASE),
            CircuitState::HalfOpen,
            back + 10_000
        ));
        assert_eq!(
            circuit.try_acquire(back + 10_000, "c", LEASE),
            BreakerDecision::Allowed(Permit::Probe)
        );
    }
}
