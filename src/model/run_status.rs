//! How a run stands, or ended.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a run stands, or ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Its obs is alive.
    Running,
    /// Every step succeeded, or failed where the plan allows it.
    Success,
    /// A step failed.
    Failed,
    /// A step or the run took too long.
    Timeout,
    /// A signal ended it.
    Canceled,
    /// A step was not allowed.
    Rejected,
    /// It ended, and a step of it waits for an approval.
    Waiting,
    /// Its obs was killed before it could end the run.
    Interrupted,
}

impl RunStatus {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Running,
        Self::Success,
        Self::Failed,
        Self::Timeout,
        Self::Canceled,
        Self::Rejected,
        Self::Waiting,
        Self::Interrupted,
    ];

    /// The status in one lowercase word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Timeout => "timeout",
            Self::Canceled => "canceled",
            Self::Rejected => "rejected",
            Self::Waiting => "waiting",
            Self::Interrupted => "interrupted",
        }
    }

    /// The status that `word` names.
    pub fn from_name(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// True if the run has an end of its own.
    pub fn is_ended(self) -> bool {
        !matches!(self, Self::Running | Self::Interrupted)
    }
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
