//! Which step may start.
//!
//! Invariant: a step is handed out once, and only after all its dependencies completed as required.
//! Counters track that: each dependency is visited once, so the time per step does not grow with
//! the number of steps. The result does not depend on the order in which steps complete.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use crate::model::StepStatus;
use crate::plan::{DependencyCondition, DependencyGraph, Edge};

/// The steps of a plan with their open dependencies; `finally` steps are not among them.
#[derive(Debug)]
pub(super) struct Schedule {
    /// Steps first, then the barriers between groups.
    nodes: Vec<ScheduleNode>,
    steps: usize,
    taken: usize,
    /// Steps without open dependencies, the first in plan order on top.
    ready: BinaryHeap<Reverse<usize>>,
    /// If set, no step becomes ready any more.
    is_closed: bool,
}

#[derive(Debug, Default)]
struct ScheduleNode {
    /// How many dependencies have not completed.
    open_dependencies: usize,
    followers: Vec<(usize, DependencyCondition)>,
    /// The first step in plan order whose status blocks this one.
    blocked_by: Option<usize>,
    is_taken: bool,
    /// It waits for an answer, or for a step that does.
    is_waiting: bool,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadyStep {
    /// This step may start.
    Start(usize),
    /// This step can't run, because of the status of that one.
    Skip {
        /// The step.
        step: usize,
        /// The step that blocks it.
        because_of: usize,
    },
}

impl Schedule {
    /// Nothing has run yet.
    pub(super) fn new(graph: &DependencyGraph) -> Self {
        let steps = graph.finally_from;
        let mut nodes = Vec::with_capacity(steps);
        nodes.resize_with(steps, ScheduleNode::default);
        for Edge {
            target,
            waiter,
            condition,
        } in graph.edges()
        {
            let needed = target.max(waiter) + 1;
            if nodes.len() < needed {
                nodes.resize_with(needed, ScheduleNode::default);
            }
            nodes[target].followers.push((waiter, condition));
            nodes[waiter].open_dependencies += 1;
        }
        let is_ready = |step: &usize| nodes[*step].open_dependencies == 0;
        let ready = (0..steps).filter(is_ready).map(Reverse).collect();
        Self {
            nodes,
            steps,
            taken: 0,
            ready,
            is_closed: false,
        }
    }

    /// The step that comes next. The caller leaves it in place while it can't run beside what runs;
    /// later steps wait behind it.
    pub(super) fn peek_next(&self) -> Option<usize> {
        self.ready.peek().map(|Reverse(step)| *step)
    }

    /// Takes the next step out.
    pub(super) fn next(&mut self) -> Option<ReadyStep> {
        let Reverse(step) = self.ready.pop()?;
        self.nodes[step].is_taken = true;
        self.taken += 1;
        Some(match self.nodes[step].blocked_by {
            None => ReadyStep::Start(step),
            Some(because_of) => ReadyStep::Skip { step, because_of },
        })
    }

    /// Nothing that comes after this step starts, whatever it requires: neither it nor what it
    /// blocks is over.
    pub(super) fn wait(&mut self, step: usize) {
        self.nodes[step].is_waiting = true;
    }

    /// True if the step waits for an answer, or for a step that does.
    pub(super) fn is_waiting(&self, step: usize) -> bool {
        self.nodes[step].is_waiting
    }

    /// Completes a step that was taken. `is_tolerated`: it may fail.
    pub(super) fn complete(&mut self, step: usize, status: StepStatus, is_tolerated: bool) {
        let is_met = |need| match (need, status) {
            (DependencyCondition::Over, _) | (_, StepStatus::Success) => true,
            (DependencyCondition::Passed, StepStatus::Failed | StepStatus::Timeout) => is_tolerated,
            _ => false,
        };
        // A blocked step passes on the step that blocked it.
        let root = self.nodes[step].blocked_by.unwrap_or(step);
        let mut completed = vec![step];
        while let Some(node) = completed.pop() {
            let is_waiting = self.nodes[node].is_waiting;
            let root = self.nodes[node].blocked_by.unwrap_or(root);
            for (waiter, need) in std::mem::take(&mut self.nodes[node].followers) {
                let follower = &mut self.nodes[waiter];
                follower.is_waiting |= is_waiting;
                if is_waiting || !is_met(need) {
                    let first = follower.blocked_by.map_or(root, |other| other.min(root));
                    follower.blocked_by = Some(first);
                }
                follower.open_dependencies -= 1;
                match follower.open_dependencies {
                    0 if waiter >= self.steps => completed.push(waiter),
                    0 if !self.is_closed => self.ready.push(Reverse(waiter)),
                    _ => {}
                }
            }
        }
    }

    /// Nothing starts any more but the steps in `group`, those that are ready.
    pub(super) fn start_only(&mut self, group: &Range<usize>) {
        self.is_closed = true;
        self.ready.retain(|Reverse(step)| group.contains(step));
    }

    /// Nothing starts any more.
    pub(super) fn cancel_all(&mut self) {
        self.is_closed = true;
        self.ready.clear();
    }

    /// The steps that were not taken, in plan order.
    pub(super) fn remaining(&self) -> Vec<usize> {
        let not_taken = |step: &usize| !self.nodes[*step].is_taken;
        (0..self.steps).filter(not_taken).collect()
    }

    /// True if a step was not taken.
    pub(super) fn has_remaining(&self) -> bool {
        self.taken < self.steps
    }
}
