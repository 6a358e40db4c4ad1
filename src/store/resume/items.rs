//! The items of the steps of an earlier run.
//!
//! Invariant: of an item only the digest of its arguments and its place are kept. Its output stays
//! in the state and is read when the item is reused; those of a file are kept.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::engine::{ItemDigest, PreviousItems, Reused, item_digest};
use crate::model::{ExecutionLogRecord, InputFiles, StepStatus};
use crate::store::state_reader::StateReader;

/// The items of one step.
#[derive(Debug, Clone, Default)]
pub(super) struct PreviousStepItems {
    /// A success, which stands for all in what is compared beside the arguments.
    pub(super) sample: Option<Arc<ExecutionLogRecord>>,
    /// The places of the successes in their list, by their arguments.
    pub(super) successes: HashMap<ItemDigest, Vec<usize>>,
    /// How many successes there are, and how many items.
    pub(super) succeeded: usize,
    pub(super) count: usize,
    /// An item without a success may have had its effect.
    pub(super) has_doubtful: bool,
}

impl PreviousStepItems {
    /// Adds the record of an item. `may_have_had_effect`: although it has no success.
    pub(super) fn add(&mut self, record: ExecutionLogRecord, may_have_had_effect: bool) {
        self.count = record.item_count.unwrap_or_default();
        if record.status != StepStatus::Success {
            self.has_doubtful |= may_have_had_effect;
            return;
        }
        let Some(place) = record.item_index else {
            return;
        };
        let files = |record: &ExecutionLogRecord| record.input_files.clone();
        let first = self.sample.as_deref().map(files);
        // An item that read other files than the first is not compared, and runs again.
        if first.is_some_and(|first| first != record.input_files) {
            return;
        }
        self.succeeded += 1;
        let digest = item_digest(&record.arguments);
        self.successes.entry(digest).or_default().push(place);
        self.sample.get_or_insert_with(|| Arc::new(record));
    }

    /// Puts the successes in the order of the list.
    pub(super) fn sort(&mut self) {
        self.successes
            .values_mut()
            .for_each(|places| places.sort_unstable());
    }

    /// The place of the success with these arguments and this number among equal ones.
    pub(super) fn place(&self, digest: &ItemDigest, number: usize) -> Option<usize> {
        self.successes.get(digest)?.get(number).copied()
    }
}

/// Where the outputs of items are.
#[derive(Debug, Default)]
pub(crate) enum ItemOutputs {
    /// There are none.
    #[default]
    None,
    /// In the state, by the number of the run.
    State(Box<StateReader>, i64),
    /// In memory, by step and place: they come from a file.
    Kept(BTreeMap<(usize, usize), ItemOutput>),
}

/// What is read back of an item.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ItemOutput {
    #[serde(default)]
    pub(super) output: Option<Arc<RawValue>>,
    #[serde(default)]
    pub(super) reused_from: Option<String>,
}

impl ItemOutputs {
    /// The output of an item, if it can be read.
    pub(super) fn read(&self, step_index: usize, item_index: usize) -> Option<ItemOutput> {
        match self {
            Self::None => None,
            Self::State(reader, run) => {
                let line = reader.item_line(*run, step_index, item_index).ok()??;
                serde_json::from_str(&line).ok()
            }
            Self::Kept(outputs) => outputs.get(&(step_index, item_index)).cloned(),
        }
    }
}

/// The items that a resumed run may reuse.
#[derive(Debug, Default)]
pub(crate) struct ReusableItems {
    run_id: String,
    /// By the indices of the plan's steps: the step in the earlier run, and its items.
    steps: HashMap<usize, (usize, PreviousStepItems)>,
    outputs: ItemOutputs,
}

impl ReusableItems {
    pub(super) fn new(
        run_id: String,
        steps: HashMap<usize, (usize, PreviousStepItems)>,
        outputs: ItemOutputs,
    ) -> Self {
        Self {
            run_id,
            steps,
            outputs,
        }
    }
}

impl PreviousItems for ReusableItems {
    fn find(&self, step_index: usize, digest: &ItemDigest, number: usize) -> Option<Reused> {
        let (before, items) = self.steps.get(&step_index)?;
        let place = items.place(digest, number)?;
        let read = self.outputs.read(*before, place)?;
        let files = items
            .sample
            .as_ref()
            .map(|sample| sample.input_files.clone());
        Some(Reused {
            // The run that produced it, however often it was reused since.
            run_id: read.reused_from.unwrap_or_else(|| self.run_id.clone()),
            output: read.output,
            input_files: files.unwrap_or_else(InputFiles::new),
        })
    }
}
