//! Results of an earlier run that need not be made again.
//!
//! Invariant: an item of a step with `for_each` is known by its arguments and by its number among
//! the items with equal ones, not by its place in the list.

use std::fmt;
use std::sync::Arc;

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::model::InputFiles;

/// The success of a step in an earlier run, which stands for the step in this one.
#[derive(Debug, Clone)]
pub struct Reused {
    /// The run that it is from.
    pub run_id: String,
    /// The output; `None` is JSON null.
    pub output: Option<Arc<RawValue>>,
    /// The files that its manifest read.
    pub input_files: InputFiles,
}

/// The SHA-256 of an item's arguments.
pub type ItemDigest = [u8; 32];

/// The successes of the items of an earlier run.
pub trait PreviousItems: fmt::Debug {
    /// The success of an item of the step at `step_index` of this plan: the one with these arguments
    /// and this number, from 0, among those with equal ones.
    fn find(&self, step_index: usize, digest: &ItemDigest, number: usize) -> Option<Reused>;
}

/// What an item is known by: its arguments.
pub(crate) fn item_digest(arguments: &Map<String, Value>) -> ItemDigest {
    // A map of JSON values always serializes.
    Sha256::digest(serde_json::to_vec(arguments).unwrap_or_default()).into()
}
