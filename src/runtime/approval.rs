//! Who approves what can do real harm: a person.
//!
//! Invariant: a step that wants approval starts only once somebody has given it, seeing the arguments
//! that its skill will get, or in advance and by name. Who that was is in the step's record.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::oneshot;

use super::step::Ground;
use super::{CircuitBreaker, ExecutionLogger, ProvenStep, SignalState, SkillExecutor};
use crate::event::RunEvent;
use crate::model::RiskLevel;

/// How long the screen may take to be put in order before somebody is asked.
const SCREEN_PATIENCE: Duration = Duration::from_secs(1);

/// Approves steps, or does not.
pub trait Approver: fmt::Debug + Send + Sync {
    /// What can be said of a step without asking anybody.
    fn foresee(&self, step: &ProvenStep) -> Approval;
    /// Asks, and waits for the answer. Called from a thread that may wait.
    fn ask(&self, request: &ApprovalRequest) -> Approval;
}

/// An approver's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Approval {
    /// It may be made; by whom.
    Approved(String),
    /// It may not; why.
    Refused(String),
    /// Somebody has to be asked.
    Ask,
}

/// What a person sees before they approve.
#[derive(Debug, Clone)]
pub struct ApprovalRequest {
    /// The step's `step_id`, else its name.
    pub label: String,
    /// The skill that it calls.
    pub skill_id: Arc<str>,
    /// The skill that is called when that one fails.
    pub fallback: Option<Arc<str>>,
    /// How much harm it can do.
    pub risk_level: RiskLevel,
    /// What its skills may do.
    pub permissions: Vec<String>,
    /// Its arguments as they may be shown.
    pub arguments: Map<String, Value>,
}

/// Approves everything, in somebody's name.
#[derive(Debug)]
pub struct ApprovedBy(pub String);

impl Approver for ApprovedBy {
    fn foresee(&self, _: &ProvenStep) -> Approval {
        Approval::Approved(self.0.clone())
    }

    fn ask(&self, _: &ApprovalRequest) -> Approval {
        Approval::Approved(self.0.clone())
    }
}

impl ProvenStep {
    /// How much harm the step can do, whoever answers.
    pub fn highest_risk(&self) -> RiskLevel {
        let fallback = self.fallback.as_deref();
        let of_fallback = fallback.map_or(RiskLevel::Info, Self::highest_risk);
        self.risk_level.max(of_fallback)
    }

    /// True where a person has to approve it.
    pub fn wants_approval(&self) -> bool {
        self.highest_risk() == RiskLevel::Critical
    }
}

/// What came of asking.
pub(super) enum Asked {
    /// Nothing stands in the way.
    Free,
    /// It is not approved, for this reason.
    Refused(String),
    /// A signal came first.
    Signal(i32),
}

impl<E: SkillExecutor, L: ExecutionLogger, B: CircuitBreaker> Ground<'_, E, L, B> {
    /// True where the step at `index` is still to be approved.
    pub(super) fn awaits_approval(&self, index: usize) -> bool {
        let is_reused = matches!(self.run.reused.get(index), Some(Some(_)));
        let is_approved = self.approvals.borrow().contains_key(&index);
        self.plan.steps[index].wants_approval() && !is_reused && !is_approved
    }

    /// What can be said of the step at `index` without asking anybody.
    pub(super) fn foresee(&self, index: usize) -> Asked {
        if !self.awaits_approval(index) {
            return Asked::Free;
        }
        match self.run.approver.foresee(&self.plan.steps[index]) {
            Approval::Refused(reason) => Asked::Refused(reason),
            Approval::Ask => Asked::Free,
            Approval::Approved(by) => {
                self.approvals.borrow_mut().insert(index, by);
                Asked::Free
            }
        }
    }

    /// Has the step at `index` approved, with arguments that are final.
    pub(super) async fn approved(&self, index: usize, arguments: &Map<String, Value>) -> Asked {
        if !self.awaits_approval(index) {
            return Asked::Free;
        }
        let step = &self.plan.steps[index];
        let fallback = step.fallback.as_deref();
        let calls = std::iter::once(step).chain(fallback);
        let permissions = calls.flat_map(|call| call.permissions.iter().cloned());
        let request = ApprovalRequest {
            label: step.label.clone(),
            skill_id: step.skill_id.clone(),
            fallback: fallback.map(|step| step.skill_id.clone()),
            risk_level: step.highest_risk(),
            permissions: permissions.collect(),
            arguments: arguments.clone(),
        };
        // One question at a time.
        let _turn = self.asking.lock().await;
        let (in_order, screen) = oneshot::channel();
        self.run.events.emit(RunEvent::Suspending(in_order));
        tokio::time::timeout(SCREEN_PATIENCE, screen).await.ok();
        let approver = self.run.approver.clone();
        let answer = tokio::task::spawn_blocking(move || approver.ask(&request));
        let mut signals = self.control.clone();
        let asked = tokio::select! {
            biased;
            state = signals.changed_from(SignalState::None) => {
                Asked::Signal(state.signal().unwrap_or_default())
            }
            answer = answer => match answer {
                Ok(Approval::Approved(by)) => {
                    self.approvals.borrow_mut().insert(index, by);
                    Asked::Free
                }
                Ok(Approval::Refused(reason)) => Asked::Refused(reason),
                Ok(Approval::Ask) | Err(_) => Asked::Refused("nobody could be asked".to_owned()),
            },
        };
        let stopped_for = Duration::ZERO;
        self.run.events.emit(RunEvent::Resumed { stopped_for });
        asked
    }
}
