//! Why a step is skipped, in words and for scripts.
//!
//! Invariant: every `skipped` record is made from one of these.

use super::policy_gate::Denial;
use super::verdict::reason_of;
use super::{ProvenStep, RunStopReason};
use crate::model::{SkipKind, SkippedBecause};

/// Why a step is skipped.
#[derive(Debug, Clone)]
pub(crate) struct SkipReason {
    /// Human-readable message.
    pub(crate) text: String,
    pub(crate) because: SkippedBecause,
}

impl SkipReason {
    /// `step` did not succeed.
    pub(super) fn no_success(step: &ProvenStep) -> Self {
        Self {
            text: format!("`{}` did not succeed", step.label),
            because: SkippedBecause::of_step(SkipKind::Failure, &*step.label),
        }
    }

    /// An item of `step` did not succeed.
    pub(super) fn item_failed(step: &ProvenStep, item: usize) -> Self {
        Self {
            text: format!("item {item} of `{}` did not succeed", step.label),
            because: SkippedBecause::of_step(SkipKind::Failure, &*step.label),
        }
    }

    /// Something else ended the run, or the step of an item.
    pub(super) fn failure(text: String) -> Self {
        Self {
            text,
            because: SkippedBecause::new(SkipKind::Failure),
        }
    }

    /// The condition of `step` is not met, so a reference to it has no value.
    pub(super) fn no_value(step: &ProvenStep) -> Self {
        Self {
            text: format!("`{}` was skipped and has no value", step.label),
            because: SkippedBecause::of_step(SkipKind::NoValue, &*step.label),
        }
    }

    /// `step` was denied before the run.
    pub(super) fn denied(step: &ProvenStep, denial: &Denial) -> Self {
        let kind = if denial.is_by_approver {
            SkipKind::Approval
        } else {
            SkipKind::Failure
        };
        Self {
            text: format!("`{}` is not permitted", step.label),
            because: SkippedBecause::of_step(kind, &*step.label),
        }
    }

    /// `step` waits for an approval.
    pub(super) fn waits(step: &ProvenStep) -> Self {
        Self {
            text: format!("`{}` waits for an approval", step.label),
            because: SkippedBecause::of_step(SkipKind::Approval, &*step.label),
        }
    }

    /// There is nothing that a `finally` step could clean up.
    pub(super) fn nothing_started() -> Self {
        Self {
            text: "no step has started".to_owned(),
            because: SkippedBecause::new(SkipKind::Failure),
        }
    }

    /// A flag leaves the step out.
    pub(super) fn flag(why: &str) -> Self {
        Self {
            text: why.to_owned(),
            because: SkippedBecause::new(SkipKind::Flag),
        }
    }

    /// The run ended.
    pub(super) fn run_end(end: &RunStopReason) -> Self {
        Self {
            text: reason_of(end),
            because: SkippedBecause::new(SkipKind::Failure),
        }
    }
}
