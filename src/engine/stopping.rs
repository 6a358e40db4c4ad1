//! Why no further step may start.
//!
//! Invariant: signals, the run's timeout and halts are checked right before a skill is called,
//! without an await in between. Whatever a step waited for since its dispatch (an approval, a
//! circuit breaker, the log, a backoff), it does not start after one of these.

use super::halt::Halt;
use super::run_state::RunState;
use super::termination::TerminationReason;
use super::{CircuitBreaker, ExecutionLogger, SkillExecutor};
use crate::process::StopRequest;

impl<E: SkillExecutor, L: ExecutionLogger, B: CircuitBreaker> RunState<'_, E, L, B> {
    /// Why a step may no longer call a skill; `None` if it may. `has_begun`: it has called one
    /// before.
    pub(super) fn start_blocked_by(&self, has_begun: bool) -> Option<TerminationReason> {
        let signals = self.shutdown.state();
        if let Some(signal) = signals.signal()
            && self.requested_by_signal(signals) != StopRequest::None
        {
            return Some(TerminationReason::Signal(signal));
        }
        if self.phase_time_left().is_zero() {
            return Some(self.phase_timeout());
        }
        match &*self.halt.borrow() {
            Halt::None => None,
            Halt::NoStart(_) if has_begun => None,
            Halt::NoStart(reason) | Halt::EndAll(reason) => {
                Some(TerminationReason::Halt(reason.clone()))
            }
        }
    }

    /// Waits until a step that has not begun may no longer start, and returns the reason.
    pub(super) async fn wait_until_start_blocked(&self) -> TerminationReason {
        let clock = self.context.clock();
        let (mut signals, mut halt) = (self.shutdown.clone(), self.halt.subscribe());
        loop {
            let seen = self.shutdown.state();
            if let Some(reason) = self.start_blocked_by(false) {
                return reason;
            }
            let (start, limit) = self.phase_time();
            tokio::select! {
                _ = signals.changed_from(seen) => {}
                _ = halt.wait_for(|halt| *halt != Halt::None) => {}
                () = clock.sleep_until_elapsed(start, limit.duration) => {}
            }
        }
    }
}
