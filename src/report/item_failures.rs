//! How many items of which step have failed.

use std::collections::BTreeMap;

/// How many failures of the items of one step are reported.
const MAX_REPORTS: usize = 3;

/// The failures of items that were reported, and how many were not, by step.
#[derive(Debug, Default)]
pub(super) struct ItemFailures(BTreeMap<usize, usize>);

impl ItemFailures {
    /// Counts a failure of the step at `index`; true if it is to be reported.
    pub(super) fn count(&mut self, index: usize) -> bool {
        let count = self.0.entry(index).or_default();
        *count += 1;
        *count <= MAX_REPORTS
    }

    /// How many failures of the step at `index` were not reported.
    pub(super) fn unreported(&self, index: usize) -> usize {
        let count = self.0.get(&index).copied().unwrap_or_default();
        count.saturating_sub(MAX_REPORTS)
    }
}
