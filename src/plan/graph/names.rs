//! The names by which steps are called.

use std::collections::HashMap;

use crate::document::{Diagnostic, Location, all_near};
use crate::model::{ExecutionPlan, begins_path};

/// How many names are considered for a suggestion.
const MAX_SUGGESTIONS: usize = 8;

/// Every name and `step_id`, and the steps that it means.
pub(super) struct NameIndex<'p> {
    meanings: HashMap<&'p str, NameTarget>,
    longest_bytes: usize,
}

/// What a name means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NameTarget {
    /// This step.
    One(usize),
    /// Any of several steps, of which these are two.
    Many(usize, usize),
}

impl<'p> NameIndex<'p> {
    pub(super) fn new(plan: &'p ExecutionPlan) -> Self {
        let mut meanings: HashMap<&str, NameTarget> = HashMap::new();
        for (index, step) in plan.steps.iter().enumerate() {
            let names = std::iter::once(&step.name).chain(&step.step_id);
            for name in names.filter(|name| !name.is_empty()) {
                let meaning = meanings.entry(name).or_insert(NameTarget::One(index));
                if let NameTarget::One(first) = *meaning
                    && first != index
                {
                    *meaning = NameTarget::Many(first, index);
                }
            }
        }
        let longest_bytes = meanings.keys().map(|name| name.len()).max();
        Self {
            meanings,
            longest_bytes: longest_bytes.unwrap_or_default(),
        }
    }

    /// The longest name that `inner` begins with, up to a dot, a quoted key or its end.
    pub(super) fn longest_in<'i>(&self, inner: &'i str) -> Option<(&'i str, NameTarget)> {
        // A reference may be as long as a plan; no name in it is longer than the longest there is.
        let begins = |at: &usize| begins_path(&inner[*at..]);
        let ends = inner.match_indices(['.', '[']).map(|(at, _)| at);
        let ends = ends.filter(begins).chain([inner.len()]);
        let mut prefixes: Vec<&str> = ends
            .take_while(|&at| at <= self.longest_bytes)
            .map(|at| &inner[..at])
            .collect();
        let mut longest_first = std::iter::from_fn(|| prefixes.pop());
        longest_first.find_map(|prefix| Some((prefix, self.find(prefix)?)))
    }

    pub(super) fn find(&self, name: &str) -> Option<NameTarget> {
        self.meanings.get(name).copied()
    }

    /// A suggestion for a misspelled name: that of one step, which `is_possible` accepts.
    pub(super) fn nearest(
        &self,
        name: &str,
        is_possible: impl Fn(usize) -> bool,
    ) -> Option<&'p str> {
        // In a fixed order, so that a tie gives the same suggestion every time.
        let mut all: Vec<&str> = self.meanings.keys().copied().collect();
        all.sort_unstable();
        all_near(name, all).take(MAX_SUGGESTIONS).find(
            |near| matches!(self.find(near), Some(NameTarget::One(step)) if is_possible(step)),
        )
    }
}

/// A name that several steps have.
pub(super) fn ambiguous(
    plan: &ExecutionPlan,
    name: &str,
    (first, second): (usize, usize),
    place: Location,
) -> Diagnostic {
    let [first, second] = [first, second].map(|step| plan.place_in_words(step));
    let message = format!("`{name}` can mean {first} or {second}");
    Diagnostic::error("ambiguous_step", place, message)
        .help("give each of them a `step_id` and write that")
        .got(name)
}
