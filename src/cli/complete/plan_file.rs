//! What a plan on the command line offers: its steps, inputs and skills.
//!
//! A plan that is being written is often invalid, so it is looked at as a document, not loaded.

use std::path::Path;

use serde_json::{Map, Value};

use crate::document::{Document, Source};

/// A longer plan offers nothing.
const MAX_BYTES: u64 = 1024 * 1024;

/// The parts of a plan that can be named on a command line.
#[derive(Debug, Default)]
pub(super) struct PlanFile {
    /// Steps: what they are called, and their skill.
    pub steps: Vec<(String, String)>,
    /// The schemas of its inputs.
    pub inputs: Map<String, Value>,
}

impl PlanFile {
    /// Reads a regular file; whatever can't be read offers nothing.
    pub(super) fn read(path: &Path) -> Self {
        let Ok(source) = Source::read_regular(path, MAX_BYTES) else {
            return Self::default();
        };
        let (document, _) = Document::parse(source);
        let plan = &document.value;
        let text = |step: &Value, key: &str| Some(step.get(key)?.as_str()?.to_owned());
        let lists = ["steps", "finally"].into_iter();
        let lists = lists.filter_map(|list| plan.get(list)?.as_array());
        let steps = lists.flatten().filter_map(|step| {
            let name = text(step, "name");
            let name = name.filter(|name| !name.is_empty());
            let id = text(step, "step_id")
                .filter(|id| !id.is_empty())
                .or_else(|| name.clone())?;
            let skill = text(step, "skill").or(name).unwrap_or_default();
            Some((id, skill))
        });
        let inputs = plan.get("inputs").and_then(Value::as_object);
        Self {
            steps: steps.collect(),
            inputs: inputs.cloned().unwrap_or_default(),
        }
    }
}
