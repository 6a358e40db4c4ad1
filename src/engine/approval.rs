//! Approval by a person: of steps that can do real harm, and of those whose plan asks for it.
//!
//! Invariant: a step that requires approval starts only after it is approved: by somebody who sees
//! the arguments that its skill will get, in advance by name, or by an answer in the state that is
//! bound to these arguments. The step's record names the approver. A prompt is closed as soon as its step may no longer start.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};
use tokio::sync::oneshot;

use super::approval_answer::approval_digest;
use super::approver::{Approval, ApprovalItems, ApprovalRequest};
use super::given_approval::GivenApproval;
use super::run_state::RunState;
use super::termination::TerminationReason;
use super::{ApprovalAnswer, CircuitBreaker, ExecutionLogger, ProvenStep, SkillExecutor};
use crate::event::{EventSender, RunEvent};
use crate::model::{RecordedApproval, RequestedItems, RiskLevel};

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
    /// It waits for an answer in the state.
    Waits(RecordedApproval),
    /// The step may no longer start, whatever the answer would be.
    Stopped(TerminationReason),
}

impl<E: SkillExecutor, L: ExecutionLogger, B: CircuitBreaker> RunState<'_, E, L, B> {
    /// True if the step at `index` is still to be approved.
    pub(super) fn awaits_approval(&self, index: usize) -> bool {
        let is_approved = self.approvals.borrow().contains_key(&index);
        self.plan.steps[index].wants_approval() && !self.is_reused(index) && !is_approved
    }

    /// True if the approval of the step at `index` is decided at its turn, with its resolved
    /// arguments, and not before the first step: it waits for an answer, or may have one.
    pub(super) fn is_decided_at_its_turn(&self, index: usize) -> bool {
        let step = &self.plan.steps[index];
        let approvals = &self.options.approvals;
        let has_open_arguments = step.template.is_some() || step.for_each.is_some();
        let may_have_answer = || {
            if has_open_arguments {
                !approvals.answers.is_empty()
            } else {
                self.answer(index, &step.arguments, None).is_some()
            }
        };
        approvals.wait.is_some() || may_have_answer()
    }

    /// Decides about the step at `index` without a prompt, if possible.
    pub(super) fn preapprove(&self, index: usize) -> ApprovalOutcome {
        if !self.awaits_approval(index) {
            return ApprovalOutcome::Free;
        }
        match self.options.approver.preapprove(&self.plan.steps[index]) {
            Approval::Refused(_) if self.is_decided_at_its_turn(index) => ApprovalOutcome::Free,
            Approval::Refused(reason) => ApprovalOutcome::Refused(reason),
            Approval::Ask => ApprovalOutcome::Free,
            Approval::Approved(by) => self.approve(index, by, None),
        }
    }

    /// Requests approval of the step at `index`, with its final arguments and as they may be
    /// shown: an answer in the state decides, else the step waits for one, or a prompt asks. The
    /// prompt is closed once the step may no longer start.
    pub(super) async fn request_approval(
        &self,
        index: usize,
        arguments: &Map<String, Value>,
        shown: &Map<String, Value>,
        items: Option<&ApprovalItems>,
    ) -> ApprovalOutcome {
        if !self.awaits_approval(index) {
            return ApprovalOutcome::Free;
        }
        let step = &self.plan.steps[index];
        if let Some((digest, answer)) = self.answer(index, arguments, items) {
            if let Some(reason) = answer.refusal(&step.label) {
                return ApprovalOutcome::Refused(reason);
            }
            let recorded = RecordedApproval {
                digest,
                expires_at: None,
                message: step.approval.clone(),
                items: None,
                answered_at: Some(answer.at),
                comment: answer.comment.clone(),
            };
            let by = format!("{} (obs approve)", answer.by);
            return self.approve(index, by, Some(recorded));
        }
        if let Some(timeout) = self.options.approvals.wait {
            let expires_at = Timestamp::now().checked_add(timeout);
            return ApprovalOutcome::Waits(RecordedApproval {
                digest: self.digest(index, arguments, items),
                expires_at: Some(expires_at.unwrap_or(Timestamp::MAX)),
                message: step.approval.clone(),
                items: items.map(requested_items),
                answered_at: None,
                comment: None,
            });
        }
        if let Approval::Refused(reason) = self.options.approver.preapprove(step) {
            return ApprovalOutcome::Refused(reason);
        }
        tokio::select! {
            biased;
            reason = self.wait_until_start_blocked() => ApprovalOutcome::Stopped(reason),
            outcome = self.ask(index, shown, items) => outcome,
        }
    }

    fn digest(
        &self,
        index: usize,
        arguments: &Map<String, Value>,
        items: Option<&ApprovalItems>,
    ) -> String {
        let step = &self.plan.steps[index];
        let items = items.map(|items| &*items.real_digest);
        approval_digest(&self.options.provenance, index, step, arguments, items)
    }

    /// The answer in the state for the step with these arguments, and its digest.
    fn answer(
        &self,
        index: usize,
        arguments: &Map<String, Value>,
        items: Option<&ApprovalItems>,
    ) -> Option<(String, &ApprovalAnswer)> {
        let answers = &self.options.approvals.answers;
        if answers.is_empty() {
            return None;
        }
        let digest = self.digest(index, arguments, items);
        let answer = answers.get(&digest)?;
        Some((digest, answer))
    }

    fn approve(
        &self,
        index: usize,
        by: String,
        recorded: Option<RecordedApproval>,
    ) -> ApprovalOutcome {
        let given = GivenApproval { by, recorded };
        self.approvals.borrow_mut().insert(index, given);
        ApprovalOutcome::Free
    }

    async fn ask(
        &self,
        index: usize,
        shown: &Map<String, Value>,
        items: Option<&ApprovalItems>,
    ) -> ApprovalOutcome {
        // One prompt at a time.
        let _guard = self.asking.lock().await;
        let _paused = PausedTerminal::pause(self.options.events).await;
        let request = ApprovalRequest {
            step: &self.plan.steps[index],
            index,
            steps: self.plan.steps.len(),
            arguments: shown,
            items,
            time_left: self.phase_time_left(),
        };
        match self.options.approver.ask(&request).await {
            Approval::Approved(by) => self.approve(index, by, None),
            Approval::Refused(reason) => ApprovalOutcome::Refused(reason),
            Approval::Ask => ApprovalOutcome::Refused("no approver could be asked".to_owned()),
        }
    }
}

fn requested_items(items: &ApprovalItems) -> RequestedItems {
    RequestedItems {
        count: items.count,
        samples: items.samples.clone(),
        digest: items.digest.clone(),
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
