//! Answers that were given to an earlier run, and what they are bound to.
//!
//! Invariant: an answer counts for one digest only: for the text of the plan, the workspace, the
//! step, the files of its skills, and its arguments as the skill gets them, before anything is
//! masked.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{ProvenStep, Provenance};
use crate::model::{json_line, sha256_hex};

/// How steps get their approval, beside the approver.
#[derive(Debug, Clone, Default)]
pub struct ApprovalOptions {
    /// Steps that nobody has approved wait so long for an answer in the state; with `None` the
    /// approver is asked.
    pub wait: Option<Duration>,
    /// The answers to the runs that this one resumes, by digest.
    pub answers: BTreeMap<String, ApprovalAnswer>,
}

/// An answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalAnswer {
    /// What it says.
    pub decision: ApprovalDecision,
    /// Who gave it; empty if it has expired.
    pub by: String,
    /// When it was given or expired.
    pub at: Timestamp,
    /// What the person said.
    pub comment: Option<String>,
}

/// What an answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApprovalDecision {
    /// The step may run.
    Approved,
    /// The step must not run.
    Denied,
    /// Nobody answered in time.
    Expired,
}

impl ApprovalAnswer {
    /// Why the step with this label is refused; `None` if it is approved.
    pub(super) fn refusal(&self, label: &str) -> Option<String> {
        let Self { by, at, .. } = self;
        let at = at.strftime("%Y-%m-%d %H:%M:%SZ");
        let comment = self.comment.as_deref().map(|text| format!(": {text}"));
        let comment = comment.unwrap_or_default();
        match self.decision {
            ApprovalDecision::Approved => None,
            ApprovalDecision::Denied => Some(format!("{by} denied `{label}` at {at}{comment}")),
            ApprovalDecision::Expired => Some(format!(
                "nobody approved `{label}` until {at}, when the request expired"
            )),
        }
    }
}

/// What an answer is bound to. The digest is made from its JSON.
#[derive(Serialize)]
struct Subject<'s> {
    plan: &'s str,
    workspace: &'s str,
    step_index: usize,
    step_id: &'s str,
    skills: Vec<(&'s str, Option<&'s String>)>,
    arguments: &'s Map<String, Value>,
    /// The digest of the arguments of all items, with `for_each`.
    items: Option<&'s str>,
}

/// The digest of a step with its final arguments.
pub(super) fn approval_digest(
    provenance: &Provenance,
    step_index: usize,
    step: &ProvenStep,
    arguments: &Map<String, Value>,
    items: Option<&str>,
) -> String {
    let skills = step.calls().map(|call| {
        let id = &*call.skill_id;
        (id, provenance.skills.get(id))
    });
    let subject = Subject {
        plan: &provenance.plan_digest,
        workspace: &provenance.workspace,
        step_index,
        step_id: &step.label,
        skills: skills.collect(),
        arguments,
        items,
    };
    // Text, numbers and JSON values always have a JSON form.
    sha256_hex(json_line(&subject).unwrap_or_default().as_bytes())
}
