//! Why no step may start any more.
//!
//! Invariant: a signal, the end of the run's time and the end of the plan are looked at right before a skill
//! is called, without an await in between. Whatever a step waited for since its turn came (a person, a circuit
//! breaker, the log, the time before another attempt), it does not start after one of these.

use tokio::sync::watch;

use super::record::Ending;
use super::step::Ground;
use super::{CircuitBreaker, ExecutionLogger, RunEnd, SignalState, SkillExecutor};

/// What the end of one step means for the others. It only ever moves down this list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Halt {
    /// Nothing: the plan goes on.
    #[default]
    None,
    /// Nothing else starts, for this reason; what runs comes to its end.
    NoStart(String),
    /// What runs is ended too.
    EndAll(String),
}

impl Halt {
    fn level(&self) -> u8 {
        match self {
            Self::None => 0,
            Self::NoStart(_) => 1,
            Self::EndAll(_) => 2,
        }
    }

    /// Moves `halt` on to this, if it is not as far yet. The first reason is kept.
    pub(super) fn raise(self, halt: &watch::Sender<Self>) {
        halt.send_if_modified(|now| {
            let is_more = self.level() > now.level();
            if is_more {
                *now = self;
            }
            is_more
        });
    }

    /// Waits until the steps that run are to end, and gives the reason.
    pub(super) async fn ends_all(halt: &mut watch::Receiver<Self>) -> String {
        let ended = halt.wait_for(|halt| matches!(halt, Self::EndAll(_))).await;
        match ended.as_deref() {
            Ok(Self::EndAll(reason)) => reason.clone(),
            // The sender was dropped.
            _ => std::future::pending().await,
        }
    }
}

impl Ending {
    /// How the run ends because of what ended the step.
    pub(super) fn run_end(&self) -> Option<RunEnd> {
        match self {
            Self::Signal(signal) => Some(RunEnd::Signal(*signal)),
            Self::PlanTimeout(limit) => Some(RunEnd::PlanTimeout(*limit)),
            Self::StepTimeout(_) | Self::Halt(_) => None,
        }
    }
}

impl<E: SkillExecutor, L: ExecutionLogger, B: CircuitBreaker> Ground<'_, E, L, B> {
    /// Why a step may not call a skill any more; none if it may. `has_begun`: it has called one before.
    pub(super) fn start_barred(&self, has_begun: bool) -> Option<Ending> {
        if let Some(signal) = self.control.state().signal() {
            return Some(Ending::Signal(signal));
        }
        if self.context.elapsed() >= self.plan.timeout.duration {
            return Some(Ending::PlanTimeout(self.plan.timeout));
        }
        match &*self.halt.borrow() {
            Halt::None => None,
            Halt::NoStart(_) if has_begun => None,
            Halt::NoStart(reason) | Halt::EndAll(reason) => Some(Ending::Halt(reason.clone())),
        }
    }

    /// Waits until a step that has not begun may not start any more, and gives the reason.
    pub(super) async fn until_start_barred(&self) -> Ending {
        let clock = self.context.clock();
        let (mut signals, mut halt) = (self.control.clone(), self.halt.subscribe());
        loop {
            if let Some(ending) = self.start_barred(false) {
                return ending;
            }
            let limit = self.plan.timeout.duration;
            tokio::select! {
                _ = signals.changed_from(SignalState::None) => {}
                _ = halt.wait_for(|halt| *halt != Halt::None) => {}
                () = clock.sleep_until_elapsed(self.context.start(), limit) => {}
            }
        }
    }
}
