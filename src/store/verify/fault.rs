//! The faults that verification finds.

use serde::Serialize;

/// Something that failed verification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct VerifyIssue {
    /// Its kind.
    pub kind: VerifyIssueKind,
    /// The record's place in the chain, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// Human-readable message.
    pub message: String,
}

/// The kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum VerifyIssueKind {
    /// An entry's content does not match its hash.
    Changed,
    /// Records are missing between others.
    Removed,
    /// A record is out of order or duplicated.
    Reordered,
    /// Records are missing at the end.
    Cut,
    /// An entry does not follow the one before it.
    Replaced,
    /// The head is not the expected one.
    Head,
    /// The key does not match the chain.
    Key,
    /// Indexed columns do not match the records.
    Index,
    /// A line is not a log entry.
    Strange,
}
