//! Decides about the items of a step with `for_each`.
//!
//! Invariant: an item's success is reused if its arguments are the same, whatever became of the
//! other items and wherever it is in the list. The step itself counts as reused only if all of its
//! items are, so that later steps may be, too. A step before it that runs again matters only if it
//! may have an effect: what a built-in tool gives is in the arguments.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::value::RawValue;

use super::matching::{ReusedList, StepMatcher};
use super::previous_run::PreviousStep;
use crate::engine::{ItemDigest, ResolvedArguments, Reused, RunValue, item_digest};
use crate::model::{ExecutionLogRecord, Gather, InputFiles, NotReused, NotReusedReason};

impl StepMatcher<'_> {
    /// Decides whether items of the step may be reused, and whether all are.
    pub(super) fn decide_items(
        &self,
        index: usize,
        affected_by: Option<usize>,
        record_of: impl Fn(usize) -> Option<Arc<ExecutionLogRecord>>,
    ) -> Result<Reused, NotReused> {
        if self.plan.selection.rerun.contains(&index) {
            return Err(NotReusedReason::Requested.into());
        }
        if let Some(undoing) = self.undone_by(index) {
            return Err(NotReusedReason::Undone.because(&undoing.label));
        }
        let run = RunValue::of_id(self.previous.first_run());
        let before = self.matched[index];
        let items = before.and_then(|before| before.items.as_deref());
        let sample = items.and_then(|items| items.sample.as_deref());
        let Some((items, sample)) = items.zip(sample) else {
            let record = self.success(index)?;
            let is_empty = record.items.is_some_and(|items| items.total == 0);
            let now = ResolvedArguments::of_items(&self.plan.steps[index], &run, record_of);
            return match now {
                Some(now) if now.is_empty() && is_empty => Ok(self.reused(Vec::new(), index)),
                _ => Err(NotReusedReason::ArgumentsChanged.into()),
            };
        };
        self.compare(index, sample)?;
        if let Some(affected_by) = affected_by {
            let label = &self.plan.steps[affected_by].label;
            return Err(NotReusedReason::EarlierStepRunsAgain.because(label));
        }
        self.items.borrow_mut().insert(index, None);
        if before.and_then(PreviousStep::success).is_none() || items.succeeded < items.count {
            let detail = format!("{} of {} items succeeded", items.succeeded, items.count);
            return Err(NotReusedReason::NotFinished.because(detail));
        }
        let now = ResolvedArguments::of_items(&self.plan.steps[index], &run, record_of);
        let now = now.ok_or(NotReusedReason::ArgumentsChanged)?;
        let mut numbers: HashMap<ItemDigest, usize> = HashMap::new();
        let mut all = Vec::with_capacity(now.len());
        for (item, call) in now {
            if call.arguments != call.shown {
                return Err(NotReusedReason::ArgumentsHidden.into());
            }
            let digest = item_digest(&call.arguments);
            let number = numbers.entry(digest).or_default();
            let place = items.place(&digest, *number);
            *number += 1;
            all.push((item, place.ok_or(NotReusedReason::ArgumentsChanged)?));
        }
        Ok(self.reused(all, index))
    }

    /// The step with all of its items. Their outputs are in the earlier run.
    fn reused(&self, items: Vec<(String, usize)>, index: usize) -> Reused {
        let list = ReusedList { items };
        self.items.borrow_mut().insert(index, Some(list));
        Reused {
            run_id: self.previous.run_id.clone(),
            output: None,
            input_files: InputFiles::new(),
        }
    }

    /// The record of a step that is reused; with `for_each`, with the gathered output.
    pub(super) fn record_of(&self, index: usize) -> Option<Arc<ExecutionLogRecord>> {
        let before = self.matched[index]?;
        let record = before.record.clone()?;
        let Some(for_each) = &self.plan.steps[index].for_each else {
            return Some(record);
        };
        let items = self.items.borrow();
        let list = items.get(&index)?.as_ref()?;
        let mut text = String::from("[");
        for (at, (item, place)) in list.items.iter().enumerate() {
            let read = self.previous.outputs.read(before.index, *place)?;
            let output = read.output.as_deref().map_or("null", RawValue::get);
            let comma = if at > 0 { "," } else { "" };
            // Writing to a String can't fail.
            match for_each.gather {
                Gather::Outputs => write!(text, "{comma}{output}"),
                Gather::Results => write!(
                    text,
                    "{comma}{{\"item\":{item},\"index\":{at},\"status\":\"success\",\
                     \"output\":{output},\"error\":null}}"
                ),
            }
            .ok();
        }
        text.push(']');
        Some(Arc::new(ExecutionLogRecord {
            output: Some(Arc::from(RawValue::from_string(text).ok()?)),
            ..(*record).clone()
        }))
    }

    /// True if running the step again may have an effect a second time.
    pub(super) fn may_have_effect_twice(&self, index: usize) -> bool {
        let items = self.matched[index].and_then(|before| before.items.as_deref());
        match (self.items.borrow().contains_key(&index), items) {
            (true, Some(items)) => items.has_doubtful,
            _ => self.may_have_had_effect(index),
        }
    }

    /// See [`Resumption::items`](super::Resumption::items).
    pub(super) fn reusable_items(&self) -> Vec<(usize, usize)> {
        let items = self.items.borrow();
        let step = |index: &usize| Some((*index, self.matched[*index]?.index));
        items.keys().filter_map(step).collect()
    }
}
