//! Waits until the limits of a skill let it be called.
//!
//! Invariant: a step waits within its own time, and a call that waits is not counted as started.

use std::time::Duration;

use tokio::sync::watch;

use super::run_state::RunState;
use super::{
    CallDecision, CallId, CircuitBreaker, ExecutionLogger, LogError, ProvenStep, SkillExecutor,
};
use crate::event::{EventSender, RunEvent};
use crate::process::StopRequest;

/// How long a call may take after its step's time and grace period, until it counts as ended.
const LEASE_MARGIN: Duration = Duration::from_secs(5);

/// How a wait ended.
pub(super) enum CallWait {
    /// The skill may be called. A call of a limited skill must be ended.
    MayStart(Option<CallId>),
    /// The step was terminated while it waited for this limit.
    Terminated(String),
}

impl<E: SkillExecutor, L: ExecutionLogger, B: CircuitBreaker> RunState<'_, E, L, B> {
    /// Waits until the skill of `target` may be called. `time_left` is that of the step.
    pub(super) async fn wait_for_limits(
        &self,
        index: usize,
        events: &EventSender,
        target: &ProvenStep,
        time_left: Duration,
        mut stop: watch::Receiver<StopRequest>,
    ) -> Result<CallWait, LogError> {
        let Some(limiter) = self.options.limiter else {
            return Ok(CallWait::MayStart(None));
        };
        let emit = |limit| {
            let event = RunEvent::StepWaiting { index, limit };
            events.emit(event);
        };
        let lease = time_left
            .saturating_add(target.grace)
            .saturating_add(LEASE_MARGIN);
        let clock = self.context.clock();
        let mut waiting: Option<(CallId, String)> = None;
        loop {
            let known = waiting.as_ref().map(|(call, _)| *call);
            let asked = limiter.try_start(&target.skill_id, known, lease);
            let (call, limit, retry_after) = match self.with_log_timeout(asked).await? {
                CallDecision::Unlimited => return Ok(CallWait::MayStart(None)),
                CallDecision::Started(call) => {
                    if waiting.is_some() {
                        emit(None);
                    }
                    return Ok(CallWait::MayStart(Some(call)));
                }
                CallDecision::Wait {
                    call,
                    limit,
                    retry_after,
                } => (call, limit, retry_after),
            };
            if waiting.as_ref().is_none_or(|(_, shown)| *shown != limit) {
                emit(Some(limit.clone()));
            }
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop != StopRequest::None) => {
                    self.end_call(target, call).await?;
                    return Ok(CallWait::Terminated(limit));
                }
                () = clock.sleep_until_elapsed(clock.now(), retry_after) => {}
            }
            waiting = Some((call, limit));
        }
    }

    /// Tells the limiter that a call has ended.
    pub(super) async fn end_call(&self, target: &ProvenStep, call: CallId) -> Result<(), LogError> {
        match self.options.limiter {
            Some(limiter) => {
                self.with_log_timeout(limiter.end(&target.skill_id, call))
                    .await
            }
            None => Ok(()),
        }
    }
}
