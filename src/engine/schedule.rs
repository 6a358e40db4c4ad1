//! Which step may start.
//!
//! Invariant: a step is handed out once, and only after all its dependencies completed as required.
//! Counters track that: each dependency is visited once, so the time per step does not grow with
//! the number of steps. The result does not depend on the order in which steps complete.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::model::{StepOrder, StepStatus};
use crate::plan::DependencyGraph;

/// The steps of a plan with their open dependencies.
#[derive(Debug)]
pub(super) struct Schedule {
    /// Steps first, then the barriers between stages.
    nodes: Vec<ScheduleNode>,
    steps: usize,
    taken: usize,
    order: StepOrder,
    /// Steps without open dependencies, the first in plan order on top.
    ready: BinaryHeap<Reverse<usize>>,
    /// If set, only siblings of started steps may start.
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
}

/// What a dependent step requires of a dependency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DependencyCondition {
    /// Completed, with any status.
    Over,
    /// Succeeded, or failed with `continue_on_error`.
    Passed,
    Succeeded,
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
    pub(super) fn new(flow: &DependencyGraph) -> Self {
        let steps = flow.steps.len();
        let mut schedule = Self {
            nodes: Vec::with_capacity(steps),
            steps,
            taken: 0,
            order: flow.order,
            ready: BinaryHeap::new(),
            is_closed: false,
        };
        schedule.nodes.resize_with(steps, ScheduleNode::default);
        for (before, after) in flow.stages.iter().zip(flow.stages.iter().skip(1)) {
            if before.len() == 1 && after.len() == 1 {
                schedule.link(before.start, after.start, DependencyCondition::Over);
                continue;
            }
            // One barrier instead of a dependency for each pair.
            let joint = schedule.nodes.len();
            schedule.nodes.push(ScheduleNode::default());
            before
                .clone()
                .for_each(|step| schedule.link(step, joint, DependencyCondition::Over));
            after
                .clone()
                .for_each(|step| schedule.link(joint, step, DependencyCondition::Over));
        }
        for (step, waits) in flow.steps.iter().enumerate() {
            for &target in &waits.depends_on {
                schedule.link(target, step, DependencyCondition::Passed);
            }
            for &target in &waits.inputs_from {
                schedule.link(target, step, DependencyCondition::Succeeded);
            }
        }
        let is_ready = |step: &usize| schedule.nodes[*step].open_dependencies == 0;
        schedule.ready = (0..steps).filter(is_ready).map(Reverse).collect();
        schedule
    }

    fn link(&mut self, target: usize, waiter: usize, need: DependencyCondition) {
        self.nodes[target].followers.push((waiter, need));
        self.nodes[waiter].open_dependencies += 1;
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
            for (waiter, need) in std::mem::take(&mut self.nodes[node].followers) {
                let follower = &mut self.nodes[waiter];
                if !is_met(need) {
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

    /// A step has failed: nothing starts any more that comes after it. The siblings of its group
    /// do, however few may run at the same time. False if there are no groups.
    pub(super) fn stop_new(&mut self) -> bool {
        self.is_closed = true;
        let has_siblings = self.order == StepOrder::Sequence;
        if !has_siblings {
            self.ready.clear();
        }
        has_siblings
    }

    /// Nothing starts any more, not even siblings.
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
