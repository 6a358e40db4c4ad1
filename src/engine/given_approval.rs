//! An approval that was given.

use crate::model::RecordedApproval;

/// An approval that was given.
#[derive(Debug, Clone)]
pub(super) struct GivenApproval {
    /// Who gave it, and how.
    pub(super) by: String,
    /// The answer in the state, if it was one.
    pub(super) recorded: Option<RecordedApproval>,
}
