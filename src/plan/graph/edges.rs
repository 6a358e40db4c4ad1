//! The dependencies of a plan as edges: one form for sequences, groups and graphs.
//!
//! Invariant: the number of edges is linear in the plan. Between two stages of which one is a group
//! stands a barrier, a node that is no step, instead of an edge for each pair of steps.

use std::ops::Range;

use super::DependencyGraph;

/// What a node requires of one that it waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DependencyCondition {
    /// Completed, with any status.
    Over,
    /// Succeeded, or failed with `continue_on_error`.
    Passed,
    /// Succeeded.
    Succeeded,
    /// Completed, with a value or without one, unless the reason is a failure that the plan does
    /// not allow.
    Available,
}

/// One node waits for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// The node that has to complete first.
    pub target: usize,
    /// The node that waits.
    pub waiter: usize,
    /// What the waiter requires.
    pub condition: DependencyCondition,
}

impl DependencyGraph {
    /// All edges between steps that are no `finally` steps. Nodes are the steps by their index; the numbers above are barriers.
    pub fn edges(&self) -> Vec<Edge> {
        let mut edges = Vec::new();
        let mut add = |target, waiter, condition| {
            edges.push(Edge {
                target,
                waiter,
                condition,
            });
        };
        let mut barrier = self.finally_from;
        for (before, after) in self.stages.iter().zip(self.stages.iter().skip(1)) {
            if before.len() == 1 && after.len() == 1 {
                add(before.start, after.start, DependencyCondition::Over);
                continue;
            }
            for step in before.clone() {
                add(step, barrier, DependencyCondition::Over);
            }
            for step in after.clone() {
                add(barrier, step, DependencyCondition::Over);
            }
            barrier += 1;
        }
        let steps = &self.steps[..self.finally_from];
        for (step, dependencies) in steps.iter().enumerate() {
            for &target in &dependencies.depends_on {
                add(target, step, DependencyCondition::Passed);
            }
            for &target in &dependencies.inputs_from {
                add(target, step, DependencyCondition::Succeeded);
            }
            for &target in &dependencies.optional_from {
                add(target, step, DependencyCondition::Available);
            }
            for &target in &dependencies.conditions_on {
                add(target, step, DependencyCondition::Over);
            }
        }
        edges
    }

    /// The steps that start although `step` has failed: those of its group, itself among them.
    pub fn group_of(&self, step: usize) -> Range<usize> {
        let at = self.stages.partition_point(|stage| stage.end <= step);
        let group = self.stages.get(at).cloned();
        group.unwrap_or(step..step + 1)
    }
}
