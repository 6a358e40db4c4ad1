//! The names by which steps are called.

use std::collections::HashMap;

use crate::model::{ExecutionPlan, Place, Problem};
use crate::plan::nearest;

/// Every name and `step_id`, and the steps that it means.
pub(super) struct Names<'p> {
    meanings: HashMap<&'p str, Meaning>,
}

/// What a name means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// This step.
    One(usize),
    /// Any of several steps, of which these are two.
    Many(usize, usize),
}

impl<'p> Names<'p> {
    pub(super) fn of(plan: &'p ExecutionPlan) -> Self {
        let mut meanings: HashMap<&str, Meaning> = HashMap::new();
        for (index, step) in plan.steps.iter().enumerate() {
            let names = std::iter::once(&step.name).chain(&step.step_id);
            for name in names.filter(|name| !name.is_empty()) {
                let meaning = meanings.entry(name).or_insert(Meaning::One(index));
                if let Meaning::One(first) = *meaning
                    && first != index
                {
                    *meaning = Meaning::Many(first, index);
                }
            }
        }
        Self { meanings }
    }

    pub(super) fn find(&self, name: &str) -> Option<Meaning> {
        self.meanings.get(name).copied()
    }

    /// The name that was probably meant.
    pub(super) fn nearest(&self, name: &str) -> Option<&'p str> {
        // In a fixed order, so that equally near ones are told alike every time.
        let mut all: Vec<&str> = self.meanings.keys().copied().collect();
        all.sort_unstable();
        nearest(name, all)
    }
}

/// A name that several steps have.
pub(super) fn ambiguous(name: &str, first: usize, second: usize, place: Place) -> Problem {
    let message = format!("`{name}` can mean step {first} or step {second}");
    Problem::error("ambiguous_step", place, message)
        .help("give each of them a `step_id` and write that")
        .got(name)
}
