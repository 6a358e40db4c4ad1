//! Resuming an earlier run.
//!
//! Invariant: a step's success is reused only if nothing about the step is known to differ (its
//! skill's files, its arguments, its place, the workspace) and no step before it runs again: in a
//! sequence any earlier one, in a graph one that it depends on, at any distance. A step that may
//! have had its effect and is not idempotent never runs again without `--rerun-unsafe`, wherever it
//! is in the plan now. A run that fails verification is not resumed at all.

mod matching;
mod previous_run;

use std::path::Path;
use std::sync::Arc;

use serde_json::Map;

pub(crate) use self::matching::{ResumeContext, Resumption, UnsafeStep};
pub(crate) use self::previous_run::PreviousRun;
use self::previous_run::PreviousStep;
use super::chain::ChainKey;
use super::database::unusable;
use super::error::{ResumeError, StoreError};
use super::lock::ResumeLock;
use super::log_reader::{ExportedLog, ExportedRun};
use super::run_name::RunName;
use super::run_row::RunRow;
use super::state_reader::{RecordFilter, StateReader};
use super::state_writer::StateWriter;
use super::verify::{RunReport, VerifyIssueKind, VerifyKeys, exported_run};
use crate::engine::{PlanStart, ProvenPlan};
use crate::model::ExecutionLogRecord;

impl PreviousRun {
    /// Finds the run in the state.
    pub(crate) fn from_history(
        history: &StateReader,
        name: &RunName,
        key: Option<ChainKey>,
    ) -> Result<Self, ResumeError> {
        let run = history.find(name)?;
        if run.is_running() {
            return Err(ResumeError::InProgress(run.run_id));
        }
        refuse_faults(&history.verify(&run, &VerifyKeys { key, head: None })?)?;
        let mut base = Self::from_lines(&run.run_id, &run.header, &lines_of(history, &run)?)?;
        let under_way = history.under_way(&run)?;
        base.steps
            .extend(under_way.into_iter().map(PreviousStep::under_way));
        base.steps.sort_by_key(|before| before.index);
        let inputs = serde_json::from_str(&run.inputs);
        base.inputs = inputs.map_err(|_| ResumeError::Unreadable(run.run_id))?;
        Ok(base)
    }

    /// Reads a run from a file that `--log` wrote: the latest of the plan in the file `plan`, or
    /// the only one there is.
    pub(crate) fn from_file(
        path: &Path,
        plan: &str,
        key: Option<ChainKey>,
    ) -> Result<Self, ResumeError> {
        let exported = ExportedLog::read(path)?;
        let name = path.display().to_string();
        let is_of_plan = |run: &&ExportedRun| {
            let header = run
                .header
                .as_deref()
                .and_then(|line| serde_json::from_str(line).ok());
            header.is_some_and(|header: PlanStart| header.provenance.plan == plan)
        };
        let run = match exported.runs.as_slice() {
            [only] => only,
            runs => runs
                .iter()
                .rev()
                .find(is_of_plan)
                .ok_or(ResumeError::ManyRuns {
                    name: name.clone(),
                    count: runs.len(),
                })?,
        };
        let header = run.header.as_ref().ok_or(ResumeError::NoHeader(name))?;
        let mut report = exported_run(run, None, &VerifyKeys { key, head: None });
        // A killed obs wrote no end.
        report
            .faults
            .retain(|fault| fault.kind != VerifyIssueKind::Cut);
        refuse_faults(&report)?;
        let mut base = Self::from_lines(&run.run_id, header, &run.records)?;
        base.is_unended_file = run.end.is_none();
        Ok(base)
    }

    fn from_lines(run_id: &str, header: &str, lines: &[String]) -> Result<Self, ResumeError> {
        let unreadable = |_| ResumeError::Unreadable(run_id.to_owned());
        let mut steps = Vec::new();
        for line in lines {
            let record: ExecutionLogRecord = serde_json::from_str(line).map_err(unreadable)?;
            steps.push(PreviousStep::recorded(Arc::new(record)));
        }
        steps.sort_by_key(|before| before.index);
        Ok(Self {
            run_id: run_id.to_owned(),
            inputs: Map::new(),
            header: serde_json::from_str(header).map_err(unreadable)?,
            steps,
            is_unended_file: false,
        })
    }

    /// Decides which results of this run the steps of `plan` reuse.
    pub(crate) fn decide_reuse(
        &self,
        plan: &ProvenPlan,
        context: &ResumeContext<'_>,
    ) -> Resumption {
        matching::decide_reuse(self, plan, context)
    }
}

/// Takes the exclusive right to resume `run_id`. With `may_repeat` other runs may have resumed it
/// before.
///
/// # Errors
/// If another obs holds it, or another run already resumed `run_id`.
pub(crate) fn claim(
    store: &StateWriter,
    run_id: &str,
    may_repeat: bool,
) -> Result<ResumeLock, ResumeError> {
    let taken =
        ResumeLock::take(store.dir(), run_id).map_err(|error| unusable(store.dir(), &error))?;
    let lock = taken.ok_or_else(|| ResumeError::BeingResumed(run_id.to_owned()))?;
    let history = StateReader::open(store.dir(), store.key().cloned())?;
    let resumed_by = history
        .map(|history| history.resumed_by(run_id))
        .transpose()?;
    match resumed_by.flatten().filter(|_| !may_repeat) {
        None => Ok(lock),
        Some(by) => Err(ResumeError::AlreadyResumed {
            run_id: run_id.to_owned(),
            by,
        }),
    }
}

fn refuse_faults(report: &RunReport) -> Result<(), ResumeError> {
    match report.faults.first() {
        None => Ok(()),
        Some(fault) => Err(ResumeError::Faulty {
            run_id: report.run_id.clone(),
            fault: fault.message.clone(),
        }),
    }
}

fn lines_of(history: &StateReader, run: &RunRow) -> Result<Vec<String>, StoreError> {
    let mut lines = Vec::new();
    let filter = RecordFilter {
        run: Some(run.clone()),
        ..RecordFilter::default()
    };
    history.records(&filter, |_, line| {
        lines.push(line.to_owned());
        true
    })?;
    Ok(lines)
}
