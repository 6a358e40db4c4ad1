//! The processes that a skill left behind.

use serde::{Deserialize, Serialize};

/// Processes that outlived the first process of a skill, and that obs ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeakedProcesses {
    /// How many obs found and ended.
    pub count: u32,
    /// The names of their programs, sorted, each once, the first eight.
    pub names: Vec<String>,
}

impl LeakedProcesses {
    /// The most names that are kept.
    pub(crate) const MAX_NAMES: usize = 8;
}
