//! Approval by a person: of steps that can do real harm, and of those whose plan asks for it.
//!
//! Invariant: a step that requires approval starts only after it is approved: by somebody who sees
//! the arguments that its skill will get, or in advance by name. The step's record names the
//! approver. A prompt is closed as soon as its step may no longer start.

use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::oneshot;

use super::approver::{Approval, ApprovalItems, ApprovalRequest};
use super::run_state::RunState;
use super::termination::TerminationReason;
use super::{CircuitBreaker, ExecutionLogger, ProvenStep, SkillExecutor};
use crate::event::{EventSender, RunEvent};
use crate::model::RiskLevel;

/// Timeout for clearing the terminal before a prompt.
const TERMINAL_TIMEOUT: Duration = Duration::from_secs(1);

impl ProvenStep {
    /// True if this call, whatever its fallback, requires approval: its risk is critical, or the
    /// plan asks for it.
    pub fn call_wants_approval(&self) -> bool {
        self.risk_level == RiskLevel::Critical || self.approval.is_some()
    }

    /// True if the step or its fallback requires approval.
    pub fn wants_approval(&self) -> bool {
        self.calls().any(Self::call_wants_approval)
    }

    /// The step's own call, then its fallback's.
    pub fn calls(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |call| call.fallback.as_deref())
    }
}

/// The outcome of a request for approval.
pub(super) enum ApprovalOutcome {
    /// Nothing blocks it.
    Free,
    /// It is not approved, for this reason.
    Refused(String),
    /// The step may no longer start, whatever the answer would be.
    Stopped(TerminationReason),
}

impl<E: SkillExecutor, L: ExecutionLogger, B: CircuitBreaker> RunState<'_, E, L, B> {
    /// True if the step at `index` is still to be approved.
    pub(super) fn awaits_approval(&self, index: usize) -> bool {
        let is_approved = self.approvals.borrow().contains_key(&index);
        self.plan.steps[index].wants_approval() && !self.is_reused(index) && !is_approved
    }

    /// Decides about the step at `index` without a prompt, if possible.
    pub(super) fn preapprove(&self, index: usize) -> ApprovalOutcome {
        if !self.awaits_approval(index) {
            return ApprovalOutcome::Free;
        }
        match self.options.approver.preapprove(&self.plan.steps[index]) {
            Approval::Refused(reason) => ApprovalOutcome::Refused(reason),
            Approval::Ask => ApprovalOutcome::Free,
            Approval::Approved(approver) => {
                self.approvals.borrow_mut().insert(index, approver);
                ApprovalOutcome::Free
            }
        }
    }

    /// Requests approval of the step at `index`, with its final arguments. The prompt is closed
    /// once the step may no longer start.
    pub(super) async fn request_approval(
        &self,
        index: usize,
        arguments: &Map<String, Value>,
        items: Option<&ApprovalItems>,
    ) -> ApprovalOutcome {
        if !self.awaits_approval(index) {
            return ApprovalOutcome::Free;
        }
        tokio::select! {
            biased;
            reason = self.wait_until_start_blocked() => ApprovalOutcome::Stopped(reason),
            outcome = self.ask(index, arguments, items) => outcome,
        }
    }

    async fn ask(
        &self,
        index: usize,
        arguments: &Map<String, Value>,
        items: Option<&ApprovalItems>,
    ) -> ApprovalOutcome {
        // One prompt at a time.
        let _guard = self.asking.lock().await;
        let _paused = PausedTerminal::pause(self.options.events).await;
        let request = ApprovalRequest {
            step: &self.plan.steps[index],
            index,
            steps: self.plan.steps.len(),
            arguments,
            items,
            time_left: self.phase_time_left(),
        };
        match self.options.approver.ask(&request).await {
            Approval::Approved(approver) => {
                self.approvals.borrow_mut().insert(index, approver);
                ApprovalOutcome::Free
            }
            Approval::Refused(reason) => ApprovalOutcome::Refused(reason),
            Approval::Ask => ApprovalOutcome::Refused("no approver could be asked".to_owned()),
        }
    }
}

/// The report draws nothing on the terminal until this is dropped.
struct PausedTerminal<'e>(&'e EventSender);

impl<'e> PausedTerminal<'e> {
    async fn pause(events: &'e EventSender) -> Self {
        let (ready_sender, ready) = oneshot::channel();
        events.emit(RunEvent::PauseTerminal(ready_sender));
        let paused = Self(events);
        tokio::time::timeout(TERMINAL_TIMEOUT, ready).await.ok();
        paused
    }
}

impl Drop for PausedTerminal<'_> {
    fn drop(&mut self) {
        let stopped_for = Duration::ZERO;
        self.0.emit(RunEvent::Resumed { stopped_for });
    }
}
