//! An answer to a request for approval, as the state and the ledger have it.

use serde::{Deserialize, Serialize};

/// An answer as the state and the ledger have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GivenAnswer {
    /// Whether the step may run.
    pub is_approved: bool,
    /// When it was given, in Unix milliseconds.
    pub answered_ms: i64,
    /// Who gave it.
    pub by: String,
    /// What the person said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// What the ledger has of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LedgerApproval {
    pub(super) step_index: usize,
    pub(super) step_id: String,
    pub(super) skill_id: String,
    pub(super) digest: String,
    #[serde(flatten)]
    pub(super) answer: GivenAnswer,
}

impl GivenAnswer {
    /// What was done to the step.
    pub(crate) fn verb(&self) -> &'static str {
        if self.is_approved {
            "approved"
        } else {
            "denied"
        }
    }
}
