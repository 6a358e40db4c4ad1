//! A row of the table of runs.

use jiff::Timestamp;
use serde::Serialize;

use crate::engine::{PlanEnd, PlanStart};
use crate::model::RunStatus;

/// A row of `runs`.
#[derive(Debug, Clone)]
pub(crate) struct RunRow {
    pub(super) id: i64,
    /// obs's own id of the run.
    pub run_id: String,
    /// The assistant that wrote the plan.
    pub assistant_id: String,
    /// The plan's file; `-` for standard input.
    pub plan: String,
    /// How many steps the plan has.
    pub steps: u64,
    /// When it began.
    pub started_at: Timestamp,
    /// Its status.
    pub status: RunStatus,
    /// Wall time in milliseconds; `None` if it has no end.
    pub duration_ms: Option<u64>,
    /// The run that it resumed.
    pub resumed_from: Option<String>,
    /// How many records it has.
    pub records: u64,
    /// The hash of the last record.
    pub head: String,
    /// The header's line.
    pub(super) header: String,
    /// The end's line.
    pub(super) end: Option<String>,
    /// The plan's inputs, as JSON.
    pub(super) inputs: String,
    /// False if it is older than the ledger.
    pub(super) is_in_ledger: bool,
}

/// How many steps of a run ended in which way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct StepCounts {
    /// They succeeded.
    pub success: u64,
    /// They failed.
    pub failed: u64,
    /// They took too long.
    pub timeout: u64,
    /// A signal or another step's failure ended them.
    pub canceled: u64,
    /// They were not allowed.
    pub rejected: u64,
    /// They were not run.
    pub skipped: u64,
}

/// A run that somebody may have meant.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    /// What names it.
    pub short_id: String,
    /// The run.
    pub run: RunRow,
}

impl RunRow {
    /// What went wrong, as the run's end says.
    pub(crate) fn error(&self) -> Option<String> {
        let end = serde_json::from_str::<PlanEnd>(self.end.as_deref()?);
        end.ok()?.error
    }

    /// Where its skills worked.
    pub(crate) fn workspace(&self) -> Option<String> {
        let header = serde_json::from_str::<PlanStart>(&self.header).ok()?;
        Some(header.provenance.workspace)
    }

    /// True as long as its obs is alive.
    pub(crate) fn is_running(&self) -> bool {
        self.status == RunStatus::Running
    }
}
