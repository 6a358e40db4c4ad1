//! Which step may start.
//!
//! Invariant: a step is handed out once, and only after all its dependencies completed as required.
//! Counters track that: each dependency is visited once, so the time per step does not grow with
//! the number of steps. The result does not depend on the order in which steps complete.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use crate::model::{ExecutionLogRecord, SkipKind, StepStatus};
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
    /// The first step in plan order whose failure leaves a reference of this one without a value.
    failed_value: Option<usize>,
    /// The first step in plan order whose condition leaves a reference of this one without a value.
    skipped_value: Option<usize>,
    /// What blocks it has failed although the plan does not allow that.
    has_hard_failure: bool,
    is_taken: bool,
    /// It waits for an answer, or for a step that does.
    is_waiting: bool,
}

impl ScheduleNode {
    /// The step that decides about this one if it is skipped.
    fn root(&self, ending: StepEnding) -> Option<usize> {
        match ending {
            StepEnding::SkippedByCondition => None,
            StepEnding::WithoutValue => self.skipped_value,
            _ => self.blocked_by.or(self.failed_value),
        }
    }

    /// Blocks this one because of `root`.
    fn block(&mut self, root: usize) {
        self.blocked_by = Some(self.blocked_by.map_or(root, |other| other.min(root)));
    }

    /// Notes how `root` decides about this one, which needs it in this way.
    fn take_in(
        &mut self,
        need: DependencyCondition,
        ending: StepEnding,
        is_hard: bool,
        root: usize,
    ) {
        let first = |place: &mut Option<usize>| {
            *place = Some(place.map_or(root, |other| other.min(root)));
        };
        match (need, ending) {
            (DependencyCondition::Over, _)
            | (_, StepEnding::Success)
            | (
                DependencyCondition::Passed,
                StepEnding::Tolerated | StepEnding::SkippedByCondition | StepEnding::WithoutValue,
            ) => return,
            (DependencyCondition::Available, _) if !is_hard => return,
            (
                DependencyCondition::Succeeded,
                StepEnding::SkippedByCondition | StepEnding::WithoutValue,
            ) => return first(&mut self.skipped_value),
            (DependencyCondition::Succeeded, _) => first(&mut self.failed_value),
            (DependencyCondition::Passed | DependencyCondition::Available, _) => self.block(root),
        }
        self.has_hard_failure |= is_hard;
    }
}

/// How a step ended, as far as the steps after it ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StepEnding {
    Success,
    /// It failed or timed out, which the plan allows.
    Tolerated,
    /// Its condition is not met.
    SkippedByCondition,
    /// A step that was skipped by its condition leaves it without a value.
    WithoutValue,
    /// Another step's failure skipped it.
    SkippedByFailure,
    /// It failed, was canceled or was rejected.
    Failure,
}

impl StepEnding {
    /// The ending of a step with this record. `is_tolerated`: it may fail.
    pub(super) fn new(record: &ExecutionLogRecord, is_tolerated: bool) -> Self {
        let kind = record.skipped_because.as_ref().map(|because| because.kind);
        match (record.status, kind) {
            (StepStatus::Success, _) | (StepStatus::Skipped, Some(SkipKind::Flag)) => Self::Success,
            (StepStatus::Failed | StepStatus::Timeout, _) if is_tolerated => Self::Tolerated,
            (StepStatus::Skipped, Some(SkipKind::Condition)) => Self::SkippedByCondition,
            (StepStatus::Skipped, Some(SkipKind::NoValue)) => Self::WithoutValue,
            (StepStatus::Skipped, _) => Self::SkippedByFailure,
            _ => Self::Failure,
        }
    }
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadyStep {
    /// This step may start.
    Start(usize),
    /// The turn of this step has come, but a reference has no value. It is skipped, unless its own
    /// condition skips it.
    WithoutValue {
        /// The step.
        step: usize,
        /// The step that decides that.
        because_of: usize,
        /// That one failed; else its condition was not met.
        is_failure: bool,
    },
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
        let node = &self.nodes[step];
        Some(
            match (node.blocked_by, node.failed_value, node.skipped_value) {
                (Some(because_of), ..) => ReadyStep::Skip { step, because_of },
                (None, Some(because_of), _) => ReadyStep::WithoutValue {
                    step,
                    because_of,
                    is_failure: true,
                },
                (None, None, Some(because_of)) => ReadyStep::WithoutValue {
                    step,
                    because_of,
                    is_failure: false,
                },
                (None, None, None) => ReadyStep::Start(step),
            },
        )
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

    /// Completes a step that was taken.
    pub(super) fn complete(&mut self, step: usize, ending: StepEnding) {
        let node = &self.nodes[step];
        let is_hard = match ending {
            StepEnding::Failure => true,
            StepEnding::SkippedByFailure => node.has_hard_failure,
            _ => false,
        };
        // A step that another one blocked passes that one on.
        let root = node.root(ending).unwrap_or(step);
        let mut completed = vec![step];
        while let Some(node) = completed.pop() {
            let is_waiting = self.nodes[node].is_waiting;
            // A barrier passes on what waits before it.
            let waits_for = self.nodes[node].blocked_by.filter(|_| is_waiting);
            let root = waits_for.unwrap_or(root);
            for (waiter, need) in std::mem::take(&mut self.nodes[node].followers) {
                let follower = &mut self.nodes[waiter];
                if is_waiting {
                    follower.is_waiting = true;
                    follower.block(root);
                } else {
                    follower.take_in(need, ending, is_hard, root);
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
