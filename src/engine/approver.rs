//! The interface to whoever approves what can do real harm.

use std::fmt;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use serde_json::{Map, Value};

use super::ProvenStep;

/// Approves steps, or does not.
pub trait Approver: fmt::Debug + Send + Sync {
    /// What can be said of a step without asking anybody.
    fn preapprove(&self, step: &ProvenStep) -> Approval;
    /// Asks, and waits for the answer. To drop the future closes the question.
    fn ask<'a>(&'a self, request: &'a ApprovalRequest<'a>) -> LocalBoxFuture<'a, Approval>;
}

/// Refuses every step, because nobody can be asked.
#[derive(Debug)]
pub(super) struct RefuseAll;

impl Approver for RefuseAll {
    fn preapprove(&self, _: &ProvenStep) -> Approval {
        Approval::Refused("nobody can approve it".to_owned())
    }

    fn ask<'a>(&'a self, request: &'a ApprovalRequest<'a>) -> LocalBoxFuture<'a, Approval> {
        Box::pin(std::future::ready(self.preapprove(request.step)))
    }
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

/// What a person is asked about.
#[derive(Debug)]
pub struct ApprovalRequest<'r> {
    /// The step, with the skill that it calls and the one that is called when that one fails.
    pub step: &'r ProvenStep,
    /// The step's place in the plan, from 0.
    pub index: usize,
    /// How many steps the plan has.
    pub steps: usize,
    /// The step's final arguments as they may be shown.
    pub arguments: &'r Map<String, Value>,
    /// How much of the run's time is left to answer.
    pub time_left: Duration,
}
