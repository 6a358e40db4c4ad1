//! `for_each`: a step that is called once for each item of a list.

use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A step's list, and how its items run.
#[derive(Debug, Clone, PartialEq)]
pub struct ForEach {
    /// What the items are.
    pub source: ItemSource,
    /// How many items may run at the same time.
    pub max_parallel: Option<NonZeroUsize>,
    /// How many items may fail without the step failing.
    pub max_failed: u64,
    /// What the step's output is.
    pub gather: Gather,
}

/// What the items of a step are, as the plan has it.
#[derive(Debug, Clone, PartialEq)]
pub enum ItemSource {
    /// A list, or a reference to one.
    List {
        /// Where it stands below `for_each`: empty, or `/list`.
        below: &'static str,
        /// The list.
        value: Value,
    },
    /// It can't be read, and a problem says why.
    Unread,
    /// All combinations of these values; the last name varies fastest.
    Matrix(Vec<MatrixAxis>),
}

impl ForEach {
    /// The items of `source`, one at a time; `None` if it can't be read.
    pub fn new(source: Option<ItemSource>) -> Self {
        Self {
            source: source.unwrap_or(ItemSource::Unread),
            max_parallel: None,
            max_failed: 0,
            gather: Gather::default(),
        }
    }
}

impl ItemSource {
    /// The text that stands for the list, or for that of `name` in a matrix.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self {
            Self::List { value, .. } => value.as_str(),
            Self::Unread => None,
            Self::Matrix(axes) => {
                let mut named = axes.iter().filter(|axis| axis.name == name);
                named.next()?.values.as_str()
            }
        }
    }
}

/// The values of one name of a matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct MatrixAxis {
    /// The field of `{{item}}`.
    pub name: String,
    /// A list, or a reference to one.
    pub values: Value,
}

/// What the output of a step with `for_each` is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Gather {
    /// The outputs of the items; null for one that did not succeed.
    #[default]
    Outputs,
    /// For each item a mapping of item, index, status, output and error.
    Results,
}

/// An item's place in its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemPosition {
    /// From 0.
    pub index: usize,
    /// How many items there are.
    pub count: usize,
}

/// How many items of a step ended in which way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemCounts {
    /// All of them.
    pub total: usize,
    /// They succeeded.
    pub success: usize,
    /// They failed, took too long, were refused or canceled.
    pub failed: usize,
    /// They were not started.
    pub skipped: usize,
}
