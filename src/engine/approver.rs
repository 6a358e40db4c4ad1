//! The interface to the approver of steps.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use serde_json::{Map, Value};

use super::ProvenStep;

/// Approves or refuses steps.
pub trait Approver: fmt::Debug + Send + Sync {
    /// Decides about a step without a prompt, if possible.
    fn preapprove(&self, step: &ProvenStep) -> Approval;
    /// Asks, and waits for the answer. Dropping the future closes the prompt.
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
    /// Approved, by this approver.
    Approved(String),
    /// Refused, for this reason.
    Refused(String),
    /// Somebody has to be asked.
    Ask,
}

/// The items that an approver is asked about at once.
#[derive(Debug, Clone)]
pub struct ApprovalItems {
    /// How many there are.
    pub count: usize,
    /// The arguments of the first few, as they may be shown.
    pub samples: Vec<Arc<Map<String, Value>>>,
    /// SHA-256 of the arguments of all, as they may be shown: a line of JSON for each.
    pub digest: String,
    /// The same of the arguments as the skill gets them.
    pub(super) real_digest: String,
}

/// What an approver is asked about.
#[derive(Debug)]
pub struct ApprovalRequest<'r> {
    /// The step, with its skill and its fallback.
    pub step: &'r ProvenStep,
    /// The step's place in the plan, from 0.
    pub index: usize,
    /// How many steps the plan has.
    pub steps: usize,
    /// The step's final arguments as they may be shown; with `for_each`, as the plan has them.
    pub arguments: &'r Map<String, Value>,
    /// The items that the step is called with, all of which the answer is for.
    pub items: Option<&'r ApprovalItems>,
    /// How much of the run's time is left to answer.
    pub time_left: Duration,
}
