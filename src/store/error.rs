//! Why an operation of the store failed. All messages of the module are here.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::run_name::RunName;
use super::run_row::Candidate;

/// Why the state can't be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StoreError {
    /// Neither a directory nor a home is known.
    #[error("no directory for the state: neither `XDG_STATE_HOME` nor `HOME` is an absolute path")]
    NoPlace,
    /// The system or SQLite failed.
    #[error("can't use the state in `{}`: {reason}", dir.display())]
    Unusable {
        /// The state's directory.
        dir: PathBuf,
        /// What they say.
        reason: String,
    },
    /// A newer obs migrated the schema.
    #[error(
        "the state in `{}` was written by a newer obs (schema {found}, this obs supports {known})",
        dir.display()
    )]
    TooNew {
        /// The state's directory.
        dir: PathBuf,
        /// The form's number.
        found: usize,
        /// The newest that this obs knows.
        known: usize,
    },
}

/// Why a file can't be read.
#[derive(Debug, Error)]
pub(crate) enum ExportError {
    /// The file can't be opened or read.
    #[error("can't read `{name}`: {source}")]
    Unreadable {
        /// The path as given.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// It is something else than a regular file.
    #[error("`{0}` is not a regular file")]
    NotRegular(String),
    /// It holds no record at all.
    #[error("`{0}` contains no run")]
    Empty(String),
}

/// Why a run can't be found. The messages lead to the candidates, which follow.
#[derive(Debug, Clone, Error)]
pub(crate) enum FindError {
    /// The state has no run.
    #[error("no runs yet")]
    Empty,
    /// No run has this name.
    #[error("no run {name}; {}", match name {
        RunName::Plan(_) => "the plans that ran last:",
        _ => "the newest runs:",
    })]
    Unknown {
        /// What was asked for.
        name: RunName,
        /// Runs that may be meant.
        candidates: Vec<Candidate>,
    },
    /// There are fewer runs.
    #[error("no run {name}: the oldest is {oldest}")]
    TooFar {
        /// What was asked for.
        name: RunName,
        /// The name of the oldest run.
        oldest: RunName,
    },
    /// More than one id begins with this.
    #[error("{count} runs start with `{prefix}`{}:", match candidates.len() {
        listed if listed as u64 == *count => "",
        _ => "; the newest",
    })]
    Ambiguous {
        /// What was asked for.
        prefix: String,
        /// How many there are.
        count: u64,
        /// Some of them.
        candidates: Vec<Candidate>,
    },
    /// The state can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why verification was not possible.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VerifyError {
    /// The file can't be read.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The state can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a run can't be resumed.
#[derive(Debug, Error)]
pub(crate) enum ResumeError {
    /// The run can't be found.
    #[error(transparent)]
    Find(#[from] FindError),
    /// The run's obs is alive.
    #[error("run `{0}` is in progress")]
    InProgress(String),
    /// Another obs is resuming it.
    #[error("another obs is resuming run `{0}`")]
    BeingResumed(String),
    /// Another run already resumed it.
    #[error("run `{run_id}` was already resumed by run `{by}`")]
    AlreadyResumed {
        /// The run to resume.
        run_id: String,
        /// The newest run that resumed it.
        by: String,
    },
    /// The file can't be read.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The file holds several runs, none of this plan.
    #[error("`{name}` contains {count} runs, none of this plan")]
    ManyRuns {
        /// The file as given.
        name: String,
        /// How many.
        count: usize,
    },
    /// The file has records but no header.
    #[error("`{0}` has no run header: only files written by `--log` can be resumed")]
    NoHeader(String),
    /// The run failed verification.
    #[error("run `{run_id}` failed verification: {fault}")]
    Faulty {
        /// The run.
        run_id: String,
        /// The first fault.
        fault: String,
    },
    /// The stored run can't be read.
    #[error("the records of run `{0}` can't be read")]
    Unreadable(String),
}

impl From<StoreError> for ResumeError {
    fn from(error: StoreError) -> Self {
        Self::Find(error.into())
    }
}
