//! Going on with an earlier run.
//!
//! Invariant: a step's success is taken over only where nothing about the step is known to be
//! different: its skill's files, its arguments, its place in the plan. From the first difference on
//! steps run anew. A step that may have had its effect and is not safe to run again never runs again
//! without `--allow-changed`.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};
use thiserror::Error;

use super::database::StoreError;
use super::exported::{ExportError, Exported};
use super::history::{FindError, History, RecordFilter, RunRow};
use crate::model::{ExecutionLogRecord, Order, StepStatus};
use crate::runtime::{Call, PlanStart, ProvenPlan, ProvenStep, Reused};

/// The run to go on with.
#[derive(Debug)]
pub struct Base {
    /// Its id.
    pub run_id: String,
    /// What the plan's inputs were; nothing where a file does not say.
    pub inputs: Map<String, Value>,
    header: PlanStart,
    /// By the steps' indices.
    records: BTreeMap<usize, Arc<ExecutionLogRecord>>,
    under_way: UnderWay,
}

/// Which steps that must not run twice may have been under way when obs died.
#[derive(Debug)]
enum UnderWay {
    /// These, by their indices.
    Known(Vec<usize>),
    /// The file does not say, and has no end.
    Unknown,
}

/// Why a run can't be gone on with.
#[derive(Debug, Error)]
pub enum ResumeError {
    /// The plan has not run yet.
    #[error("there is no run of `{0}` to go on with")]
    NoRun(String),
    /// It can't be found.
    #[error(transparent)]
    Find(#[from] FindError),
    /// Its obs lives.
    #[error("run `{0}` is in progress")]
    InProgress(String),
    /// The file can't be read.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The file holds more than one run.
    #[error("`{name}` holds {count} runs; which one is meant can't be known")]
    ManyRuns {
        /// The file as given.
        name: String,
        /// How many.
        count: usize,
    },
    /// What was kept can't be read.
    #[error("the records of run `{0}` can't be read; `obs verify` says more")]
    Unreadable(String),
}

impl From<StoreError> for ResumeError {
    fn from(error: StoreError) -> Self {
        Self::Find(error.into())
    }
}

/// What a resumed run takes over.
#[derive(Debug, Default)]
pub struct Resumption {
    /// By the steps' indices.
    pub reused: Vec<Option<Reused>>,
    /// Steps that would run although they may have had their effect and are not safe to run again.
    pub unsafe_steps: Vec<String>,
}

impl Base {
    /// Finds the run in the state: the one that is named, or else the latest of the plan in this file.
    pub fn from_history(
        history: &History,
        name: Option<&str>,
        plan: &str,
    ) -> Result<Self, ResumeError> {
        let run = match name {
            Some(name) => history.find(name)?,
            None => history
                .latest_of_plan(plan)?
                .ok_or_else(|| ResumeError::NoRun(plan.to_owned()))?,
        };
        if run.is_running() {
            return Err(ResumeError::InProgress(run.run_id));
        }
        let under_way = history.under_way(&run)?;
        let lines = lines_of(history, &run)?;
        let lines = lines.iter().map(String::as_str);
        let under_way = UnderWay::Known(under_way);
        let base = Self::of(&run.run_id, &run.header, lines, under_way)?;
        let inputs = serde_json::from_str(&run.inputs);
        let inputs = inputs.map_err(|_| ResumeError::Unreadable(run.run_id))?;
        Ok(Self { inputs, ..base })
    }

    /// Reads the run from a file that `--log` wrote.
    pub fn from_file(path: &Path) -> Result<Self, ResumeError> {
        let exported = Exported::read(path)?;
        let name = path.display().to_string();
        let count = exported.runs.len();
        let (Some(run), 1) = (exported.runs.first(), count) else {
            return Err(ResumeError::ManyRuns { name, count });
        };
        let header = run.header.as_ref();
        let header = header.ok_or_else(|| ResumeError::Unreadable(run.run_id.clone()))?;
        let lines = run.records.iter().map(String::as_str);
        let under_way = match run.end {
            Some(_) => UnderWay::Known(Vec::new()),
            None => UnderWay::Unknown,
        };
        Self::of(&run.run_id, header, lines, under_way)
    }

    fn of<'l>(
        run_id: &str,
        header: &str,
        lines: impl Iterator<Item = &'l str>,
        under_way: UnderWay,
    ) -> Result<Self, ResumeError> {
        let unreadable = |_| ResumeError::Unreadable(run_id.to_owned());
        let mut records = BTreeMap::new();
        for line in lines {
            let record: ExecutionLogRecord = serde_json::from_str(line).map_err(unreadable)?;
            records.insert(record.step_index, Arc::new(record));
        }
        Ok(Self {
            run_id: run_id.to_owned(),
            inputs: Map::new(),
            header: serde_json::from_str(header).map_err(unreadable)?,
            records,
            under_way,
        })
    }

    /// Says which steps of `plan` need not run again. `digests` are those of its skills.
    pub fn resume(&self, plan: &ProvenPlan, digests: &BTreeMap<String, String>) -> Resumption {
        let steps = plan.steps.len();
        let mut resumption = Resumption {
            reused: vec![None; steps],
            unsafe_steps: Vec::new(),
        };
        let mut anew = vec![false; steps];
        for stage in plan.flow.in_order() {
            let is_past_difference = plan.flow.order == Order::Sequence && anew.contains(&true);
            for index in stage {
                let step = &plan.steps[index];
                let record_of = |index: usize| {
                    let is_reused = resumption.reused[index].is_some();
                    self.records.get(&index).filter(|_| is_reused).cloned()
                };
                anew[index] = is_past_difference
                    || plan.flow.steps[index].targets().any(|target| anew[target])
                    || self.differs(index, step, digests, record_of);
                resumption.reused[index] = self.reused(index).filter(|_| !anew[index]);
            }
        }
        for (index, step) in plan.steps.iter().enumerate() {
            let may_have_had_effect =
                self.reused(index).is_some() || self.was_under_way(index, plan);
            if resumption.reused[index].is_none()
                && may_have_had_effect
                && !step.is_safe_to_repeat()
            {
                resumption.unsafe_steps.push(step.label.clone());
            }
        }
        resumption
    }

    /// The step's success, if it had one.
    fn reused(&self, index: usize) -> Option<Reused> {
        let record = self.records.get(&index)?;
        (record.status == StepStatus::Success).then(|| Reused {
            // The run that made it, however often it was taken over since.
            run_id: record
                .reused_from
                .clone()
                .unwrap_or_else(|| self.run_id.clone()),
            output: record.output.clone(),
        })
    }

    /// True where the step may have been in the middle of its work when obs died.
    fn was_under_way(&self, index: usize, plan: &ProvenPlan) -> bool {
        if let UnderWay::Known(indices) = &self.under_way {
            return indices.contains(&index);
        }
        // In a sequence only the first stage that is not done can have begun.
        let is_done =
            |stage: &Range<usize>| stage.clone().all(|index| self.records.contains_key(&index));
        let first = plan.flow.stages.iter().find(|stage| !is_done(stage));
        !self.records.contains_key(&index) && first.is_none_or(|stage| stage.contains(&index))
    }

    /// True where the step is another than the one that ran. One that did not run can't differ.
    fn differs(
        &self,
        index: usize,
        step: &ProvenStep,
        digests: &BTreeMap<String, String>,
        record_of: impl Fn(usize) -> Option<Arc<ExecutionLogRecord>>,
    ) -> bool {
        let record = self.records.get(&index);
        let Some(record) = record.filter(|record| record.status != StepStatus::Skipped) else {
            return false;
        };
        let before = &self.header.provenance.skills;
        let mut calls = std::iter::once(step).chain(step.fallback.as_deref());
        let answered = calls.find(|call| call.skill_id == record.skill_id);
        let has_same_files = answered.is_some()
            && std::iter::once(step)
                .chain(step.fallback.as_deref())
                .all(|call| {
                    let digest = digests.get(&call.skill_id);
                    digest.is_some() && digest == before.get(&call.skill_id)
                });
        // A value that is hidden in the record can't be compared, so it counts as another.
        let has_same_arguments = Call::of_step(step, record_of)
            .is_ok_and(|call| call.arguments == call.shown && call.shown == record.arguments);
        let is_same = record.step_name == step.name
            && record.step_id == step.label
            && has_same_files
            && has_same_arguments;
        !is_same
    }
}

fn lines_of(history: &History, run: &RunRow) -> Result<Vec<String>, StoreError> {
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
