//! `--print REF`: one value of one step's output.
//!
//! Invariant: a reference means the same before the run, when it is checked against the plan, and
//! after it, when the value is read: the longest step name that it begins with, then fields.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;
use thiserror::Error;

use crate::model::{
    ExecutionLogRecord, StepStatus, begins_path, format_path, json_entry, parse_path,
};

/// How many names an error message lists.
const NAMES_SHOWN: usize = 20;

/// A reference to a value, such as `report.files.0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrintRef(String);

/// What a [`PrintRef`] means in one plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrintTarget {
    /// The step's index in the plan.
    pub step_index: usize,
    /// The item, of a step with `for_each`.
    pub item: Option<usize>,
    /// The fields and indices after the step's name.
    pub path: Vec<String>,
}

/// Why a value can't be printed. The messages hold names as the plan has them: escape them.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PrintRefError {
    /// No text at all.
    #[error("empty reference: write `step.field`")]
    Empty,
    /// A bracket that holds anything but one key in quotes.
    #[error(
        "`{reference}` is not a name followed by fields: write `step.field` or `step[\"any key\"]`"
    )]
    Odd {
        /// The reference.
        reference: String,
    },
    /// No step has this name.
    #[error("`{reference}` doesn't start with a step name; the steps are {known}")]
    UnknownStep {
        /// The reference.
        reference: String,
        /// The labels there are.
        known: String,
    },
    /// Two steps have this name.
    #[error("`{label}` names steps {first} and {second}: give them a `step_id` each")]
    Ambiguous {
        /// The name.
        label: String,
        /// The index of one of them.
        first: usize,
        /// The index of another.
        second: usize,
    },
    /// The step has no output, because it did not succeed.
    #[error("nothing to print for `{reference}`: step `{label}` ended as {status}")]
    NoOutput {
        /// The reference.
        reference: String,
        /// The step.
        label: String,
        /// How it ended.
        status: &'static str,
    },
    /// The step did not end.
    #[error("nothing to print for `{reference}`: its step did not run")]
    NotRun {
        /// The reference.
        reference: String,
    },
    /// The output is not JSON that obs can parse.
    #[error("the output of `{label}` can't be read: {reason}")]
    Unreadable {
        /// The step.
        label: String,
        /// Why.
        reason: String,
    },
    /// The output has no such field.
    #[error("`{place}` has no `{field}`: it is {found}{likely}")]
    NoField {
        /// The part of the reference that was found.
        place: String,
        /// The part that was not.
        field: String,
        /// What is there instead.
        found: String,
        /// What was probably meant, after a semicolon.
        likely: String,
    },
}

impl FromStr for PrintRef {
    type Err = PrintRefError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim() {
            "" => Err(PrintRefError::Empty),
            trimmed => Ok(Self(trimmed.to_owned())),
        }
    }
}

impl fmt::Display for PrintRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PrintRef {
    /// Finds the referenced step. `labels` are the steps' indices with their `step_id`s and names;
    /// a step with both comes twice.
    pub fn resolve<'a>(
        &self,
        labels: impl IntoIterator<Item = (usize, &'a str)>,
    ) -> Result<PrintTarget, PrintRefError> {
        let mut best: Option<(usize, &str)> = None;
        let mut other: Option<usize> = None;
        let mut known = Vec::new();
        for (index, label) in labels {
            known.push(label);
            let longest = best.map_or(0, |(_, label)| label.len());
            if self.rest_after(label).is_none() || label.len() < longest {
                continue;
            }
            match best {
                Some((first, best_label)) if best_label == label && first != index => {
                    other = Some(index);
                }
                Some((_, best_label)) if best_label == label => {}
                _ => (best, other) = (Some((index, label)), None),
            }
        }
        let Some((step_index, label)) = best else {
            known.dedup();
            return Err(PrintRefError::UnknownStep {
                reference: self.0.clone(),
                known: listed(known.into_iter()),
            });
        };
        if let Some(second) = other {
            let label = label.to_owned();
            return Err(PrintRefError::Ambiguous {
                label,
                first: step_index,
                second,
            });
        }
        let (item, rest) = self.rest_after(label).unwrap_or_default();
        let path = parse_path(rest, |_| true).ok_or_else(|| PrintRefError::Odd {
            reference: self.0.clone(),
        })?;
        Ok(PrintTarget {
            step_index,
            item,
            path,
        })
    }

    /// True if `record` may be the referenced one and must be kept.
    pub fn may_mean(&self, record: &ExecutionLogRecord) -> bool {
        let names = [&record.step_id, &record.step_name];
        let mut rests = names.into_iter().filter_map(|name| self.rest_after(name));
        rests.any(|(item, _)| item == record.item_index)
    }

    /// Reads the value from the records that [`may_mean`](Self::may_mean) accepted.
    pub fn pick<'a>(
        &self,
        records: impl Iterator<Item = &'a ExecutionLogRecord> + Clone,
    ) -> Result<Value, PrintRefError> {
        let not_run = || PrintRefError::NotRun {
            reference: self.0.clone(),
        };
        let labels = records.clone().flat_map(|r| {
            [
                (r.step_index, r.step_id.as_str()),
                (r.step_index, r.step_name.as_str()),
            ]
        });
        let target = match self.resolve(labels) {
            Err(PrintRefError::UnknownStep { .. }) => return Err(not_run()),
            other => other?,
        };
        let record = records
            .into_iter()
            .find(|record| {
                record.step_index == target.step_index && record.item_index == target.item
            })
            .ok_or_else(not_run)?;
        if record.status != StepStatus::Success {
            return Err(PrintRefError::NoOutput {
                reference: self.0.clone(),
                label: record.step_id.clone(),
                status: record.status.as_str(),
            });
        }
        let output = record.output.as_ref().map_or("null", |raw| raw.get());
        descend(output, &record.step_id, &target.path)
    }

    /// What follows `label` in the reference, if it begins with it: an item, and a path.
    fn rest_after(&self, label: &str) -> Option<(Option<usize>, &str)> {
        let rest = self.0.strip_prefix(label)?;
        let (item, rest) = item_in(rest).map_or((None, rest), |(item, rest)| (Some(item), rest));
        (!label.is_empty() && begins_path(rest)).then_some((item, rest))
    }
}

/// The item that `[7]` at the beginning of `text` names, and what follows.
fn item_in(text: &str) -> Option<(usize, &str)> {
    let (digits, rest) = text.strip_prefix('[')?.split_once(']')?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let item = digits.parse().ok().filter(|_| is_number)?;
    Some((item, rest))
}

fn descend(output: &str, label: &str, path: &[String]) -> Result<Value, PrintRefError> {
    let mut part = output;
    for depth in 0..path.len() {
        let (before, after) = path.split_at(depth);
        part = json_entry(part, after).map_err(|missing| PrintRefError::NoField {
            place: format_path(label, before),
            field: after[0].clone(),
            likely: missing.likely(after).map_or_else(String::new, |after| {
                let likely = format_path(label, &[before, &after].concat());
                format!("; did you mean `{likely}`?")
            }),
            found: missing.found,
        })?;
    }
    serde_json::from_str(part).map_err(|error| PrintRefError::Unreadable {
        label: label.to_owned(),
        reason: error.to_string(),
    })
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    let shown: Vec<String> = names
        .iter()
        .take(NAMES_SHOWN)
        .map(|name| format!("`{}`", super::text::head(name, 128)))
        .collect();
    match names.len().saturating_sub(NAMES_SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
