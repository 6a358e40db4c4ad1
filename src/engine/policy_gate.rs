//! The interface to policies, which permit or deny steps.
//!
//! Invariant: a denied step is never started, and if one is denied before the run, no step starts.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::ProvenStep;

/// Permits or denies steps.
///
/// It decides about the whole plan before anything runs, and about a step with references again
/// right before it starts.
pub trait PolicyGate: fmt::Debug {
    /// The decision about one call.
    fn decide(&self, question: &PolicyRequest<'_>) -> Decision;
}

/// A call to decide about.
#[derive(Debug)]
pub struct PolicyRequest<'q> {
    /// The call: a step, or its fallback.
    pub step: &'q ProvenStep,
    /// The step's place in the plan, from 0.
    pub index: usize,
    /// How many steps the plan has.
    pub steps: usize,
    /// The arguments that are known.
    pub arguments: &'q Map<String, Value>,
    /// The names of the arguments that depend on outputs that are not known yet.
    pub unknown: BTreeSet<String>,
}

/// What the policies say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Their effect.
    pub effect: Effect,
    /// The ids of the policies that decided.
    pub policies: Vec<String>,
    /// What could not be evaluated: the policies' ids, with the reason.
    pub errors: Vec<(String, String)>,
    /// The skill of the call that was decided about, if it is not the step's own.
    pub fallback: Option<Arc<str>>,
}

/// The effect of a decision, from the mildest to the most severe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// A policy permits it.
    Permitted,
    /// It depends on outputs that are not known yet.
    Deferred,
    /// No policy permits it.
    NotPermitted,
    /// A policy forbids it.
    Forbidden,
    /// A policy could not be evaluated.
    Erred,
}

impl Effect {
    /// True if the step is denied.
    pub fn is_denial(self) -> bool {
        self >= Self::NotPermitted
    }
}

impl Decision {
    /// A decision by these policies.
    pub fn new(effect: Effect, policies: Vec<String>) -> Self {
        Self {
            effect,
            policies,
            errors: Vec::new(),
            fallback: None,
        }
    }

    /// Evaluate it again when the outputs are known.
    pub fn deferred() -> Self {
        Self::new(Effect::Deferred, Vec::new())
    }

    /// Policies that could not be evaluated.
    pub fn from_errors(errors: Vec<(String, String)>) -> Self {
        Self {
            policies: errors.iter().map(|(id, _)| id.clone()).collect(),
            errors,
            ..Self::new(Effect::Erred, Vec::new())
        }
    }

    /// The request could not be built.
    pub fn request_error(reason: String) -> Self {
        Self::from_errors(vec![("the question".to_owned(), reason)])
    }

    /// Why `step` is denied; `None` if it is permitted or deferred.
    pub fn denial(&self, step: &ProvenStep) -> Option<String> {
        let skill = match &self.fallback {
            Some(skill) => format!("the fallback `{skill}`"),
            None => format!("`{}`", step.skill_id),
        };
        let ids: Vec<String> = self.policies.iter().map(|id| format!("`{id}`")).collect();
        Some(match self.effect {
            Effect::Permitted | Effect::Deferred => return None,
            Effect::NotPermitted => format!("no policy permits {skill}"),
            Effect::Forbidden if ids.len() > 1 => format!("{} forbid {skill}", ids.join(", ")),
            Effect::Forbidden => format!("{} forbids {skill}", ids.concat()),
            Effect::Erred => {
                let errors = self.errors.iter();
                let errors =
                    errors.map(|(id, reason)| format!("`{id}` can't be evaluated: {reason}"));
                format!(
                    "{skill} is not permitted: {}",
                    errors.collect::<Vec<_>>().join("; ")
                )
            }
        })
    }
}

/// Why a step is denied, with a hint.
pub(super) struct Denial {
    pub(super) reason: String,
    pub(super) hint: Option<String>,
    /// An approver refused it, not a policy.
    pub(super) is_by_approver: bool,
}

impl Denial {
    /// Denied by policies.
    pub(super) fn by_policy(reason: String) -> Self {
        let hint =
            "`obs policy test PLAN` with the same flags shows what the policies say of each step";
        Self {
            reason,
            hint: Some(hint.to_owned()),
            is_by_approver: false,
        }
    }

    /// Not approved; the reason says how to approve it.
    pub(super) fn unapproved(reason: String) -> Self {
        Self {
            reason,
            hint: None,
            is_by_approver: true,
        }
    }
}
