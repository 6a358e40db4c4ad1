//! The items of a step while they run.
//!
//! Invariant: at most `max_parallel` items run at the same time, and all calls of the run together
//! never exceed `--jobs`. Items start in the order of the list. Every item that is not started gets
//! a record, too. What decides how the step ends depends on how the items ended, not on the order
//! in which they did.

use std::collections::HashMap;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;

use super::completion::{CommitFailure, StepCompletion};
use super::halt::Halt;
use super::prepared_item::PreparedItem;
use super::run_state::RunState;
use super::skip_reason::SkipReason;
use super::step_call::StepCall;
use super::stop_reason::max_severity;
use super::termination::TerminationReason;
use super::{
    CircuitBreaker, Concurrency, ExecutionLogger, FailurePolicy, ItemDigest, ProvenForEach,
    ProvenStep, Reused, RunStopReason, RuntimeError, SkillExecutor, item_digest, record,
};
use crate::event::StepDetail;
use crate::model::{
    ErrorCode, ExecutionLogRecord, ExecutionStatus, ItemCounts, ItemPosition, NotReused,
    ResourceUsage, SandboxReport, StepStatus,
};
use crate::plan::ItemList;

/// The items of one step while they run.
pub(super) struct ItemRun<'r, E, L, B> {
    state: &'r RunState<'r, E, L, B>,
    index: usize,
    step: &'r ProvenStep,
    for_each: &'r ProvenForEach,
    list: &'r ItemList,
    /// Ends the items that run.
    halt: watch::Sender<Halt>,
    /// Why no more items start.
    stopped: Option<SkipReason>,
    outcome: ItemsOutcome,
    /// The items that failed and that were refused, the first in the list of each.
    first_failed: Option<FailedItem>,
    first_refused: Option<FailedItem>,
    commit_failure: Option<CommitFailure>,
    /// In a resumed run, how many items have had these arguments.
    numbers: HashMap<ItemDigest, usize>,
    /// How many bytes the outputs have, so far.
    bytes: usize,
    /// How many failed.
    failed: u64,
    /// The run's time ended an item.
    is_cut: bool,
}

/// How the items of a step ended.
pub(super) struct ItemsOutcome {
    /// By the items' indices; `Skipped` until one ends.
    pub(super) statuses: Vec<StepStatus>,
    /// How many items are those of an earlier run.
    pub(super) reused: usize,
    /// Why the step fails.
    pub(super) failure: Option<ItemsFailure>,
    /// What ended the step before all items were over.
    pub(super) termination: Option<TerminationReason>,
    /// See [`StepCompletion::run_stop`].
    pub(super) run_stop: Option<RunStopReason>,
    pub(super) usage: ItemsUsage,
}

/// Why a step with items fails.
pub(super) struct ItemsFailure {
    pub(super) status: ExecutionStatus,
    pub(super) code: ErrorCode,
    pub(super) error: String,
}

/// What the items of a step took together.
#[derive(Default)]
pub(super) struct ItemsUsage {
    pub(super) attempts: u32,
    pub(super) resources: ResourceUsage,
    /// Of the last item that ran.
    pub(super) sandbox: SandboxReport,
}

struct FailedItem {
    item: usize,
    code: ErrorCode,
    error: String,
}

impl ItemsOutcome {
    /// The run whose items these are, if `reused` says so and none was called.
    pub(super) fn reused_from(&self, reused: Option<&Result<Reused, NotReused>>) -> Option<String> {
        let is_whole = self.reused == self.statuses.len();
        let reused = reused.and_then(|reused| reused.as_ref().ok());
        reused
            .filter(|_| is_whole)
            .map(|reused| reused.run_id.clone())
    }

    /// How many items ended in which way.
    pub(super) fn counts(&self) -> ItemCounts {
        let count = |wanted| {
            self.statuses
                .iter()
                .filter(|status| **status == wanted)
                .count()
        };
        let (total, success) = (self.statuses.len(), count(StepStatus::Success));
        let skipped = count(StepStatus::Skipped);
        ItemCounts {
            total,
            success,
            failed: total - success - skipped,
            skipped,
        }
    }
}

impl<'r, E: SkillExecutor, L: ExecutionLogger, B: CircuitBreaker> ItemRun<'r, E, L, B> {
    /// No item has started.
    pub(super) fn new(
        state: &'r RunState<'r, E, L, B>,
        index: usize,
        for_each: &'r ProvenForEach,
        list: &'r ItemList,
    ) -> Self {
        Self {
            state,
            index,
            step: &state.plan.steps[index],
            for_each,
            list,
            halt: watch::Sender::default(),
            stopped: None,
            outcome: ItemsOutcome {
                statuses: vec![StepStatus::Skipped; list.len()],
                reused: 0,
                failure: None,
                termination: None,
                run_stop: None,
                usage: ItemsUsage::default(),
            },
            first_failed: None,
            first_refused: None,
            commit_failure: None,
            numbers: HashMap::new(),
            bytes: 0,
            failed: 0,
            is_cut: false,
        }
    }

    /// Runs the items until all are over. An error is the end of a run whose log can't be written.
    pub(super) async fn run(mut self) -> Result<ItemsOutcome, StepCompletion> {
        let mut running = FuturesUnordered::new();
        let mut slots = self.state.slots.subscribe();
        let mut next = 0;
        loop {
            slots.mark_unchanged();
            while next < self.list.len() && self.may_start(next, running.len()) {
                let item = self.prepare(next);
                running.push(self.state.run_item(self.call(next), item));
                next += 1;
            }
            let completion = tokio::select! {
                biased;
                Some(completion) = running.next() => completion,
                Ok(()) = slots.changed(), if !running.is_empty() => continue,
                else => break,
            };
            if !running.is_empty() {
                self.state.release_slot();
            }
            self.complete(completion);
        }
        self.skip_from(next).await;
        if let Some(failure) = self.commit_failure {
            return Err(StepCompletion {
                record: Err(failure),
                run_stop: self.outcome.run_stop,
            });
        }
        self.outcome.failure = self.failure();
        let mut statuses = self.outcome.statuses.iter();
        let is_cut = self.is_cut || statuses.any(|status| !is_ended_by_itself(*status));
        let reason = self.outcome.termination.take();
        if is_cut && self.outcome.failure.is_none() {
            self.outcome.termination = reason.or_else(|| self.state.start_blocked_by(true));
        }
        Ok(self.outcome)
    }

    /// Resolves the arguments of an item and looks for its success in an earlier run.
    fn prepare(&mut self, item: usize) -> PreparedItem {
        let arguments = self.state.item_arguments(self.step, self.list, item);
        let previous = self.state.options.previous_items;
        let reused = match (previous, &arguments) {
            // What is hidden in records can't be compared.
            (Some(previous), Ok(call)) if call.arguments == call.shown => {
                let digest = item_digest(&call.arguments);
                let number = self.numbers.entry(digest).or_default();
                *number += 1;
                previous.find(self.index, &digest, *number - 1)
            }
            _ => None,
        };
        PreparedItem { arguments, reused }
    }

    fn call(&self, item: usize) -> StepCall<'r> {
        let position = ItemPosition {
            index: item,
            count: self.list.len(),
        };
        self.state.item_call(self.index, position, &self.halt)
    }

    /// True if the item may start beside `running` others, which takes a slot. The first one has
    /// that of its step.
    fn may_start(&mut self, item: usize, running: usize) -> bool {
        if self.stopped.is_some() {
            return false;
        }
        if let Some(reason) = self.state.start_blocked_by(item > 0) {
            let run_stop = reason.run_stop_reason();
            self.stopped = Some(match (&reason, &run_stop) {
                (TerminationReason::Halt(text), _) => SkipReason::failure(text.clone()),
                (_, Some(run_stop)) => SkipReason::run_end(run_stop),
                (TerminationReason::FinallyTimeout(limit), _) => SkipReason::failure(format!(
                    "the `finally` steps exceeded their timeout of {limit}"
                )),
                _ => SkipReason::failure(String::new()),
            });
            self.outcome.run_stop = max_severity(self.outcome.run_stop.take(), run_stop);
            self.outcome.termination.get_or_insert(reason);
            return false;
        }
        if running == 0 {
            return true;
        }
        let is_exclusive = self.step.concurrency == Concurrency::Exclusive;
        // A step that is ready comes before one more item.
        running < self.for_each.max_parallel
            && !is_exclusive
            && self.state.schedule.borrow().peek_next().is_none()
            && self.state.take_slot()
    }

    fn complete(&mut self, completion: StepCompletion) {
        let StepCompletion { record, run_stop } = completion;
        self.outcome.run_stop = max_severity(self.outcome.run_stop.take(), run_stop);
        match record {
            Ok(record) => self.take_in(&record),
            Err(failure) => {
                let reason = failure.error.to_string();
                self.stop(SkipReason::failure(reason.clone()));
                Halt::EndAll(reason).raise(&self.halt);
                self.commit_failure.get_or_insert(failure);
            }
        }
    }

    fn take_in(&mut self, record: &ExecutionLogRecord) {
        let Some(item) = record.item_index else {
            return;
        };
        self.outcome.statuses[item] = record.status;
        let usage = &mut self.outcome.usage;
        usage.attempts = usage.attempts.saturating_add(record.attempts);
        usage.resources.add(record.resource_usage);
        if record.reused_from.is_some() {
            self.outcome.reused += 1;
        }
        if record.attempts > 0 {
            usage.sandbox.clone_from(&record.sandbox);
        }
        self.bytes += record
            .output
            .as_deref()
            .map_or(4, |output| output.get().len())
            + 1;
        if self.bytes > self.state.options.policy.max_value_bytes {
            self.stop(SkipReason::failure("the outputs are too long".to_owned()));
        }
        if record.error_code == Some(ErrorCode::PlanTimeout) {
            // That is not the item's failure.
            self.is_cut = true;
            return;
        }
        let is_refused = record.status == StepStatus::Rejected;
        let first = match record.status {
            StepStatus::Failed | StepStatus::Timeout => &mut self.first_failed,
            StepStatus::Rejected => &mut self.first_refused,
            StepStatus::Success | StepStatus::Canceled | StepStatus::Skipped => return,
        };
        if first.as_ref().is_none_or(|first| item < first.item) {
            *first = Some(FailedItem {
                item,
                code: record.error_code.unwrap_or(ErrorCode::SkillFailed),
                error: record.error.clone().unwrap_or_default(),
            });
        }
        self.failed += u64::from(!is_refused);
        self.apply_failure_policy(record);
    }

    /// Decides whether more items start after one that did not succeed.
    fn apply_failure_policy(&mut self, record: &ExecutionLogRecord) {
        let on_failure = self.state.options.policy.on_failure;
        let is_open = record.error_code == Some(ErrorCode::CircuitOpen);
        let has_failed = record.status == StepStatus::Rejected || self.too_many_failed();
        if !(is_open || has_failed && on_failure != FailurePolicy::KeepGoing) {
            return;
        }
        let item = record.item_index.unwrap_or_default();
        let reason = SkipReason::item_failed(self.step, item);
        if on_failure == FailurePolicy::FailFast {
            Halt::EndAll(reason.text.clone()).raise(&self.halt);
        }
        self.stop(reason);
    }

    fn too_many_failed(&self) -> bool {
        self.failed > self.for_each.max_failed
    }

    fn stop(&mut self, reason: SkipReason) {
        self.stopped.get_or_insert(reason);
    }

    /// Commits the records of the items that were not started.
    async fn skip_from(&mut self, next: usize) {
        let Some(reason) = self.stopped.clone() else {
            return; // Each of them has started.
        };
        for item in next..self.list.len() {
            if self.commit_failure.is_some() {
                return;
            }
            let call = self.call(item);
            let context = self.state.context;
            let record = record::skipped_record(context, self.index, self.step, reason.clone());
            let completion = self
                .state
                .commit_call(&call, record, StepDetail::default(), None)
                .await;
            if let Err(failure) = completion.record {
                self.commit_failure = Some(failure);
            }
        }
    }

    /// Why the step fails, if its items say so: the first in the list that was refused or, if too
    /// many failed, that failed.
    fn failure(&mut self) -> Option<ItemsFailure> {
        let counts = self.outcome.counts();
        let failed = self.first_failed.take();
        let failed = failed.filter(|_| self.too_many_failed());
        let refused = self.first_refused.take();
        let max_bytes = self.state.options.policy.max_value_bytes;
        if failed.is_none() && refused.is_none() && self.bytes > max_bytes {
            return Some(too_long(max_bytes));
        }
        let is_refused = match (&failed, &refused) {
            (Some(failed), Some(refused)) => refused.item < failed.item,
            (None, Some(_)) => true,
            (_, None) => false,
        };
        let (status, first) = if is_refused {
            (ExecutionStatus::Rejected, refused?)
        } else {
            (ExecutionStatus::Failed, failed?)
        };
        let FailedItem { item, code, error } = first;
        let verb = if is_refused { "refused" } else { "failed" };
        let ItemCounts { total, failed, .. } = counts;
        Some(ItemsFailure {
            status,
            code,
            error: format!("{failed} of {total} items {verb}; item {item}: {error}"),
        })
    }
}

/// True if no signal, no halt and no time limit of the run ended the item or kept it from starting.
fn is_ended_by_itself(status: StepStatus) -> bool {
    !matches!(status, StepStatus::Canceled | StepStatus::Skipped)
}

/// The gathered output has more than `max_bytes`.
pub(super) fn too_long(max_bytes: usize) -> ItemsFailure {
    ItemsFailure {
        status: ExecutionStatus::Failed,
        code: ErrorCode::ResourceExhausted,
        error: RuntimeError::text(
            ErrorCode::ResourceExhausted,
            &format!(
                "the outputs of the items have more than {max_bytes} bytes together; \
                 `--max-value` allows more, or let each item write a file and give its path"
            ),
        ),
    }
}
