//! What a skill is called with.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::mask::{mask_arguments, mask_string};
use super::resolve::{self, CallValues, ItemText, ResolveError};
use super::write_only::mask_shared;
use super::{ProvenStep, RunValue};
use crate::model::ExecutionLogRecord;
use crate::plan::ItemList;

/// A step's final arguments.
#[derive(Debug)]
pub struct ResolvedArguments {
    /// The arguments.
    pub arguments: Arc<Map<String, Value>>,
    /// The arguments as one JSON object in compact text.
    pub(super) input: Arc<[u8]>,
    /// The arguments as they may be shown.
    pub shown: Arc<Map<String, Value>>,
}

impl ResolvedArguments {
    /// Resolves the references of `step` and validates the result against the skill's schema.
    /// `record_of` returns the record of a completed step.
    pub fn resolve(
        step: &ProvenStep,
        run: &RunValue,
        record_of: impl Fn(usize) -> Option<Arc<ExecutionLogRecord>>,
    ) -> Result<Self, ResolveError> {
        match &step.template {
            None => Ok(Self::new(
                Arc::clone(&step.arguments),
                Arc::clone(&step.shown_arguments),
            )),
            Some(template) => {
                let values = CallValues { run, item: None };
                let arguments = resolve::resolve(template, values, record_of)?;
                Self::check(step, Arc::new(arguments))
            }
        }
    }

    /// The same for an item of a step with `for_each`.
    pub(super) fn of_item(
        step: &ProvenStep,
        list: &ItemList,
        index: usize,
        run: &RunValue,
        record_of: impl Fn(usize) -> Option<Arc<ExecutionLogRecord>>,
    ) -> Result<Self, ResolveError> {
        let Some(template) = &step.template else {
            return Self::resolve(step, run, record_of);
        };
        let (item, index) = (list.get(index), index.to_string());
        let item = Some(ItemText {
            item: &item,
            index: &index,
        });
        let values = CallValues { run, item };
        let arguments = resolve::resolve(template, values, record_of)?;
        Self::check(step, Arc::new(arguments))
    }

    /// The arguments of all items of a step with `for_each`, as far as `record_of` tells.
    pub(crate) fn of_items(
        step: &ProvenStep,
        run: &RunValue,
        record_of: impl Fn(usize) -> Option<Arc<ExecutionLogRecord>>,
    ) -> Option<Vec<(String, Self)>> {
        let for_each = step.for_each.as_deref()?;
        let resolved;
        let list = if let Some(list) = &for_each.known {
            &**list
        } else {
            resolved = resolve::resolve_items(&for_each.items, run, &record_of).ok()?;
            &resolved
        };
        let item = |index| {
            let arguments = Self::of_item(step, list, index, run, &record_of).ok()?;
            Some((list.get(index).into_owned(), arguments))
        };
        (0..list.len()).map(item).collect()
    }

    /// Validates arguments that were not known before the run.
    pub(super) fn check(
        step: &ProvenStep,
        arguments: Arc<Map<String, Value>>,
    ) -> Result<Self, ResolveError> {
        resolve::check(&step.skill, &arguments).map_err(|mut unresolved| {
            mask_string(&step.secrets, &mut unresolved.message);
            unresolved
        })?;
        let mut shown = mask_shared(&step.skill, &arguments);
        mask_arguments(&step.secrets, &mut shown);
        Ok(Self::new(arguments, shown))
    }

    fn new(arguments: Arc<Map<String, Value>>, shown: Arc<Map<String, Value>>) -> Self {
        // A map of JSON values always serializes.
        let input = serde_json::to_vec(&*arguments).unwrap_or_default().into();
        Self {
            arguments,
            input,
            shown,
        }
    }
}
