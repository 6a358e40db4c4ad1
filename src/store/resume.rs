//! Resuming an earlier run.
//!
//! Invariant: a step's success is reused only if nothing about the step is known to differ (its
//! skill's files, its arguments, its place, the workspace) and no step before it runs again: in a
//! sequence any earlier one, in a graph one that it depends on, at any distance. A step that may
//! have had its effect and is not idempotent never runs again without `--rerun-unsafe`, wherever it
//! is in the plan now. A run that fails verification is not resumed at all.

mod items;
mod matching;
mod matching_items;
mod previous_run;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Map;

pub(crate) use self::items::ReusableItems;
use self::items::{ItemOutput, ItemOutputs, PreviousStepItems};
pub(crate) use self::matching::{ResumeContext, Resumption, UnsafeStep};
pub(crate) use self::previous_run::PreviousRun;
use self::previous_run::PreviousStep;
use super::chain::ChainKey;
use super::database::unusable;
use super::error::ResumeError;
use super::lock::ResumeLock;
use super::log_reader::{ExportedLog, ExportedRun};
use super::run_name::RunName;
use super::run_row::RunRow;
use super::state_reader::{RecordFilter, StateReader};
use super::state_writer::StateWriter;
use super::verify::{RunReport, VerifyIssueKind, VerifyKeys, exported_run};
use crate::engine::{PlanStart, ProvenPlan};
use crate::model::{ExecutionLogRecord, StepStatus};

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
        let keys = VerifyKeys { key, head: None };
        refuse_faults(&history.verify(&run, &keys)?)?;
        let mut base = Self::new(&run.run_id, &run.header)?;
        base.add_records(history, &run)?;
        for call in history.under_way(&run)? {
            let (index, label, skill_id) = (call.step_index, call.step_id, call.skill_id);
            if call.item_index.is_some() {
                base.items_of(index, &label, &skill_id).has_doubtful = true;
            } else {
                base.steps.push(PreviousStep::begun(index, label, skill_id));
            }
        }
        base.finish();
        if base.steps.iter().any(|step| step.items.is_some()) {
            let again = StateReader::open(history.dir(), None)?;
            base.outputs = again.map_or(ItemOutputs::None, |reader| {
                ItemOutputs::State(Box::new(reader), run.id)
            });
        }
        let inputs = serde_json::from_str(&run.inputs);
        base.inputs = inputs.map_err(|_| ResumeError::Unreadable(run.run_id.clone()))?;
        let (answers, of_runs) = history.answers(&run.run_id, Timestamp::now())?;
        for run_id in of_runs.iter().filter(|run_id| **run_id != run.run_id) {
            if let Some(earlier) = history.run(run_id)? {
                refuse_faults(&history.verify(&earlier, &keys)?)?;
            }
        }
        base.answers = answers;
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
        let mut base = Self::new(&run.run_id, header)?;
        let mut outputs = BTreeMap::new();
        for line in &run.records {
            let record = base.add(line)?;
            if let Some((step, item, output)) = record {
                outputs.insert((step, item), output);
            }
        }
        base.outputs = ItemOutputs::Kept(outputs);
        base.is_unended_file = run.end.is_none();
        base.finish();
        Ok(base)
    }

    /// A run without records.
    fn new(run_id: &str, header: &str) -> Result<Self, ResumeError> {
        let header = serde_json::from_str(header);
        Ok(Self {
            run_id: run_id.to_owned(),
            inputs: Map::new(),
            answers: BTreeMap::new(),
            header: header.map_err(|_| ResumeError::Unreadable(run_id.to_owned()))?,
            steps: Vec::new(),
            is_unended_file: false,
            outputs: ItemOutputs::None,
        })
    }

    /// Adds the records of `run`, one at a time: those of items may be very many.
    fn add_records(&mut self, history: &StateReader, run: &RunRow) -> Result<(), ResumeError> {
        let filter = RecordFilter {
            run: Some(run.clone()),
            ..RecordFilter::default()
        };
        let mut added = Ok(());
        history.records(&filter, |_, line| {
            added = self.add(line).map(drop);
            added.is_ok()
        })?;
        added
    }

    /// Adds a record; returns the output of an item's success.
    fn add(&mut self, line: &str) -> Result<Option<(usize, usize, ItemOutput)>, ResumeError> {
        let unreadable = |_| ResumeError::Unreadable(self.run_id.clone());
        let record: ExecutionLogRecord = serde_json::from_str(line).map_err(unreadable)?;
        let Some(item) = record.item_index else {
            self.steps.push(PreviousStep::recorded(Arc::new(record)));
            return Ok(None);
        };
        let index = record.step_index;
        let output = ItemOutput {
            output: record.output.clone(),
            reused_from: record.reused_from.clone(),
        };
        let is_success = record.status == StepStatus::Success;
        let has_effect = PreviousStep::recorded(Arc::new(record.clone())).may_have_had_effect();
        let (label, skill_id) = (record.step_id.clone(), record.skill_id.to_string());
        let items = self.items_of(index, &label, &skill_id);
        items.add(record, has_effect);
        Ok(is_success.then_some((index, item, output)))
    }

    /// The items of the step at `index`.
    fn items_of(&mut self, index: usize, label: &str, skill_id: &str) -> &mut PreviousStepItems {
        // A step's record comes after those of its items.
        let at = self.steps.iter().rposition(|step| step.index == index);
        let at = at.unwrap_or_else(|| {
            let step = PreviousStep::begun(index, label.to_owned(), skill_id.to_owned());
            self.steps.push(step);
            self.steps.len() - 1
        });
        self.steps[at].items.get_or_insert_default()
    }

    /// Puts each step's record to its items, and the steps in plan order.
    fn finish(&mut self) {
        self.steps.sort_by_key(|step| step.index);
        self.steps.dedup_by(|later, first| {
            let is_same = later.index == first.index && first.items.is_some();
            if is_same {
                first.record = later.record.take();
                first.skill_id.clone_from(&later.skill_id);
            }
            is_same
        });
        for step in &mut self.steps {
            if let Some(items) = &mut step.items {
                items.sort();
                items.has_doubtful |= self.is_unended_file && step.record.is_none();
            }
        }
    }

    /// Decides which results of this run the steps of `plan` reuse.
    pub(crate) fn decide_reuse(
        &self,
        plan: &ProvenPlan,
        context: &ResumeContext<'_>,
    ) -> Resumption {
        matching::decide_reuse(self, plan, context)
    }

    /// The items that may be reused, by the steps of the plan and of this run.
    pub(crate) fn into_items(self, steps: &[(usize, usize)]) -> ReusableItems {
        let mut items: HashMap<usize, Box<PreviousStepItems>> = self
            .steps
            .into_iter()
            .filter_map(|step| Some((step.index, step.items?)))
            .collect();
        let steps = steps.iter().filter_map(|(step, before)| {
            let items = items.remove(before)?;
            Some((*step, (*before, *items)))
        });
        ReusableItems::new(self.run_id, steps.collect(), self.outputs)
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
