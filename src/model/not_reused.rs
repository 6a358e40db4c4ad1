//! Why a resumed run runs a step again.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a step of a resumed run does not reuse its earlier result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotReused {
    /// The kind of reason.
    pub reason: NotReusedReason,
    /// What exactly: a file, a step, a status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// The kind of reason, for scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotReusedReason {
    /// The earlier run has no such step.
    NewStep,
    /// It has no success in the earlier run.
    NotFinished,
    /// It has no success, but may have had its effect, and its skill is not idempotent.
    NotIdempotent,
    /// It has another place in the sequence.
    OrderChanged,
    /// It has another name.
    Renamed,
    /// It calls another skill, or the skill's files changed.
    SkillChanged,
    /// Its skill works in another directory.
    WorkspaceChanged,
    /// The files between the steps are gone.
    RunDirGone,
    /// A file changed that the manifest reads.
    InputFileChanged,
    /// It reads the workspace itself: a built-in tool.
    ReadsWorkspace,
    /// Its arguments changed.
    ArgumentsChanged,
    /// An argument is hidden in records, so it can't be compared.
    ArgumentsHidden,
    /// Its condition is not met, or that of a step whose output it takes.
    ConditionUnmet,
    /// A step before it runs again.
    EarlierStepRunsAgain,
    /// `--from` names it.
    Requested,
    /// A `finally` step of the earlier run took back what it did, at least in part.
    Undone,
    /// It is a `finally` step, which runs at the end of every run.
    Finally,
}

impl NotReusedReason {
    /// This reason, with its detail.
    pub(crate) fn because(self, detail: impl Into<String>) -> NotReused {
        NotReused {
            reason: self,
            detail: Some(detail.into()),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::NewStep => "not in the earlier run",
            Self::NotFinished => "not finished",
            Self::NotIdempotent => "not idempotent",
            Self::OrderChanged => "order",
            Self::Renamed => "renamed",
            Self::SkillChanged => "skill changed",
            Self::WorkspaceChanged => "workspace changed",
            Self::RunDirGone => "files between steps are gone",
            Self::InputFileChanged => "input file changed",
            Self::ReadsWorkspace => "reads the workspace",
            Self::ArgumentsChanged => "arguments changed",
            Self::ArgumentsHidden => "arguments are hidden and can't be compared",
            Self::ConditionUnmet => "condition not met",
            Self::EarlierStepRunsAgain => "a step before it runs again",
            Self::Requested => "`--from` names it",
            Self::Undone => "undone",
            Self::Finally => "`finally` steps run in every run",
        }
    }
}

impl From<NotReusedReason> for NotReused {
    fn from(reason: NotReusedReason) -> Self {
        Self {
            reason,
            detail: None,
        }
    }
}

impl fmt::Display for NotReused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason.words())?;
        match &self.detail {
            Some(detail) => write!(f, ": {detail}"),
            None => Ok(()),
        }
    }
}
