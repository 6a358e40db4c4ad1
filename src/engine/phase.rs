//! The two phases of a run: its steps, and then its `finally` steps.
//!
//! Invariant: each phase has a time limit of its own. The first signal ends the steps and not the
//! `finally` steps; a second one kills what runs in either phase.

use super::run_state::{Phase, RunState};
use super::termination::TerminationReason;
use super::{ShutdownState, TimeLimit};
use crate::process::{Moment, StopRequest};

impl<E, L, B> RunState<'_, E, L, B> {
    /// The moment at which the phase began, and how long it may take.
    pub(super) fn phase_time(&self) -> (Moment, TimeLimit) {
        match self.phase.get() {
            Phase::Steps => (self.context.start(), self.plan.timeout),
            Phase::Finally(start) => (start, self.plan.finally_timeout),
        }
    }

    /// The time that is left to the phase.
    pub(super) fn phase_time_left(&self) -> std::time::Duration {
        let (start, limit) = self.phase_time();
        let elapsed = self.context.clock().elapsed(start);
        limit.duration.saturating_sub(elapsed)
    }

    /// Why a step ends when the time of the phase is over.
    pub(super) fn phase_timeout(&self) -> TerminationReason {
        match self.phase_time() {
            (_, limit) if matches!(self.phase.get(), Phase::Steps) => {
                TerminationReason::PlanTimeout(limit)
            }
            (_, limit) => TerminationReason::FinallyTimeout(limit),
        }
    }

    /// What signals ask of the steps of this phase.
    pub(super) fn requested_by_signal(&self, signals: ShutdownState) -> StopRequest {
        match (signals, self.phase.get()) {
            (ShutdownState::None, _) | (ShutdownState::First(_), Phase::Finally(_)) => {
                StopRequest::None
            }
            (ShutdownState::First(_), Phase::Steps) => StopRequest::Terminate,
            (ShutdownState::Second(_), _) => StopRequest::Kill,
        }
    }
}
