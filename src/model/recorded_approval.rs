//! What a record says about the approval of its step.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What a record says about the approval of its step by an answer in the state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedApproval {
    /// What the answer is bound to: SHA-256 over the plan, the step, its skills and its arguments.
    pub digest: String,
    /// Until when an answer counts; set while the step waits for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// What the plan tells the person who is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The items that the answer is for, of a step with `for_each` that waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<RequestedItems>,
    /// When it was approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<Timestamp>,
    /// What the approver said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// The items that one request is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestedItems {
    /// How many there are.
    pub count: usize,
    /// The arguments of the first few, as they may be shown.
    pub samples: Vec<Arc<Map<String, Value>>>,
    /// SHA-256 of the arguments of all, as they may be shown.
    pub digest: String,
}
