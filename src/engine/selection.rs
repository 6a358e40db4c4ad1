//! Which steps of a plan a run leaves out or runs again, because flags say so.
//!
//! Invariant: a step that is left out satisfies the order and `depends_on`. No step that runs takes
//! its output, unless an earlier run has given it.

use std::collections::{BTreeMap, BTreeSet};

/// The steps that flags leave out or run again, by index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// The steps that do not run, with the flag.
    pub left_out: BTreeMap<usize, String>,
    /// The steps whose earlier result is not reused: `--from`.
    pub rerun: BTreeSet<usize>,
}

impl Selection {
    /// True if the step does not run.
    pub fn leaves_out(&self, index: usize) -> bool {
        self.left_out.contains_key(&index)
    }
}
