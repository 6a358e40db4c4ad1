//! The life of a step with `for_each`, from its list to its record.
//!
//! Invariant: an item is one call of its step, not a step: `step` makes the call, as it does for a
//! step without items. The list and the arguments of all items are checked before the first item
//! starts; a step that is refused there has no records of items. Otherwise each item has exactly
//! one record, and the step has one after them. The records of items stay in the log: memory holds
//! the list, the running items and one status for each item, and the outputs are read back from
//! the log when all items are over (see `gather`).

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::approval::ApprovalOutcome;
use super::approver::ApprovalItems;
use super::arguments::ResolvedArguments;
use super::attempts_outcome::{AttemptsOutcome, not_started};
use super::completion::StepCompletion;
use super::item_run::{ItemRun, ItemsOutcome};
use super::policy_check::evaluate_step;
use super::policy_gate::Denial;
use super::resolve::{self, ResolveError};
use super::run_state::RunState;
use super::step::unresolved_outcome;
use super::termination::TerminationReason;
use super::{CircuitBreaker, ExecutionLogger, ProvenForEach, ProvenStep, SkillExecutor, record};
use crate::event::{RunEvent, StepDetail};
use crate::model::{
    ErrorCode, ExecutionLogRecord, ExecutionResult, ExecutionStatus, RecordedApproval, StepStatus,
    hex,
};
use crate::plan::ItemList;

/// How many items are checked before others may go on.
const CHECKED_AT_ONCE: usize = 256;

/// How many items an approver sees.
const MAX_SAMPLES: usize = 3;

/// Why no item of a step starts.
enum NoStart {
    Unresolved(ResolveError),
    Denied(Denial),
    Waits(RecordedApproval),
    Stopped(TerminationReason),
}

impl<E: SkillExecutor, L: ExecutionLogger, B: CircuitBreaker> RunState<'_, E, L, B> {
    /// Runs the items of a step and commits their records and that of the step.
    pub(super) async fn run_items(&self, index: usize, for_each: &ProvenForEach) -> StepCompletion {
        let step = &self.plan.steps[index];
        let resolved;
        let list = match &for_each.known {
            Some(list) => &**list,
            None => match self.resolve_list(for_each) {
                Ok(list) => {
                    resolved = list;
                    &resolved
                }
                Err(unresolved) => return self.commit_unresolved(index, &unresolved).await,
            },
        };
        let shown = step.shown_arguments.clone();
        match self.check_items(index, list).await {
            Ok(()) => self.run_list(index, for_each, list).await,
            Err(NoStart::Unresolved(unresolved)) => {
                self.commit_unresolved(index, &unresolved).await
            }
            Err(NoStart::Denied(denial)) => {
                let context = self.context;
                let record = record::denied_record(context, index, step, &denial.reason, shown);
                self.commit_not_run(record, denial.hint).await
            }
            Err(NoStart::Waits(request)) => self.commit_waiting(index, shown, request).await,
            Err(NoStart::Stopped(reason)) => self.end_before_start(index, shown, reason).await,
        }
    }

    /// Runs the items of `list`, gathers their outputs and commits the step's record.
    async fn run_list(
        &self,
        index: usize,
        for_each: &ProvenForEach,
        list: &ItemList,
    ) -> StepCompletion {
        let step = &self.plan.steps[index];
        self.options.events.emit(RunEvent::ItemsStarted {
            index,
            count: list.len(),
        });
        let started_at = Timestamp::now();
        let start = self.context.clock().now();
        let outcome = ItemRun::new(self, index, for_each, list).run().await;
        let mut outcome = match outcome {
            Ok(outcome) => outcome,
            Err(completion) => return completion,
        };
        let termination = outcome.termination.take();
        let is_cut = outcome.failure.is_some() || termination.is_some();
        let gathered = if is_cut {
            None
        } else {
            match self.gather(index, for_each, list, &outcome.statuses).await {
                Ok(gathered) => gathered.map_err(|error| outcome.failure = Some(error)).ok(),
                Err(error) => return StepCompletion::unlogged(error),
            }
        };
        let clock = self.context.clock();
        let completed = record::CompletedStep {
            started_at,
            duration: clock.elapsed(start),
            suspended: clock.suspended_since(start),
            approved: self.approvals.borrow().get(&index).cloned(),
            outcome: AttemptsOutcome::new(
                step_result(&mut outcome, termination.is_none()),
                step,
                step.shown_arguments.clone(),
            ),
            termination,
        };
        let record = ExecutionLogRecord {
            items: Some(outcome.counts()),
            reused_from: outcome.reused_from(self.options.reused.get(index)),
            ..record::finished_record(self.context, index, completed)
        };
        let detail = StepDetail {
            gathered: gathered.filter(|_| record.status == StepStatus::Success),
            ..StepDetail::default()
        };
        self.commit_record(record, detail, outcome.run_stop).await
    }

    fn resolve_list(&self, for_each: &ProvenForEach) -> Result<ItemList, ResolveError> {
        let list = resolve::resolve_items(&for_each.items, &self.run_value.borrow(), |index| {
            self.record_of(index)
        })?;
        if list.len() <= for_each.max_items {
            return Ok(list);
        }
        Err(ResolveError {
            code: ErrorCode::ResourceExhausted,
            message: format!(
                "`for_each` has {} items; `--max-items` is {}",
                list.len(),
                for_each.max_items
            ),
        })
    }

    /// Resolves and checks the arguments of all items, unless they are known from the proof, and
    /// asks for approval of all at once.
    async fn check_items(&self, index: usize, list: &ItemList) -> Result<(), NoStart> {
        if self.is_reused(index) {
            return Ok(());
        }
        let step = &self.plan.steps[index];
        // These were decided about with the plan.
        let is_decided = step.template.is_none() || step.known_items().is_some();
        let is_asked = self.awaits_approval(index) && list.len() > 0;
        if is_decided && !is_asked {
            return Ok(());
        }
        let mut request = ItemsRequest::default();
        for item in 0..list.len() {
            let arguments = self
                .item_arguments(step, list, item)
                .map_err(|error| NoStart::Unresolved(error.in_item(item)))?;
            let gate = self.options.gate.filter(|_| !is_decided);
            let denial = gate.and_then(|gate| {
                evaluate_step(gate, self.plan, index, &arguments.arguments).denial(step)
            });
            if let Some(reason) = denial {
                let denial = Denial::by_policy(format!("item {item}: {reason}"));
                return Err(NoStart::Denied(denial));
            }
            if is_asked {
                request.add(&arguments);
            }
            if item % CHECKED_AT_ONCE == CHECKED_AT_ONCE - 1 {
                tokio::task::yield_now().await;
                if let Some(reason) = self.start_blocked_by(false) {
                    return Err(NoStart::Stopped(reason));
                }
            }
        }
        if !is_asked {
            return Ok(());
        }
        let (items, shown) = (request.finish(), &step.shown_arguments);
        match self
            .request_approval(index, &step.arguments, shown, Some(&items))
            .await
        {
            ApprovalOutcome::Free => Ok(()),
            ApprovalOutcome::Refused(reason) => Err(NoStart::Denied(Denial::unapproved(reason))),
            ApprovalOutcome::Waits(request) => Err(NoStart::Waits(request)),
            ApprovalOutcome::Stopped(reason) => Err(NoStart::Stopped(reason)),
        }
    }

    /// The arguments of an item.
    pub(super) fn item_arguments(
        &self,
        step: &ProvenStep,
        list: &ItemList,
        item: usize,
    ) -> Result<ResolvedArguments, ResolveError> {
        let run = self.run_value.borrow().clone();
        ResolvedArguments::of_item(step, list, item, &run, |index| self.record_of(index))
    }

    async fn commit_unresolved(&self, index: usize, unresolved: &ResolveError) -> StepCompletion {
        let outcome = unresolved_outcome(&self.plan.steps[index], unresolved);
        let completed = record::CompletedStep::without_start(outcome);
        let record = record::finished_record(self.context, index, completed);
        self.commit_not_run(record, None).await
    }
}

/// The items that an approver is asked about.
#[derive(Default)]
struct ItemsRequest {
    count: usize,
    samples: Vec<Arc<Map<String, Value>>>,
    digest: Sha256,
    real_digest: Sha256,
}

impl ItemsRequest {
    /// Adds the arguments of the next item.
    fn add(&mut self, arguments: &ResolvedArguments) {
        let shown = &arguments.shown;
        self.real_digest.update(&arguments.input);
        self.real_digest.update(b"\n");
        self.count += 1;
        if self.samples.len() < MAX_SAMPLES {
            self.samples.push(Arc::clone(shown));
        }
        // A map of JSON values always serializes.
        let line = serde_json::to_vec(&**shown).unwrap_or_default();
        self.digest.update(&line);
        self.digest.update(b"\n");
    }

    fn finish(self) -> ApprovalItems {
        ApprovalItems {
            count: self.count,
            samples: self.samples,
            digest: hex(&self.digest.finalize()),
            real_digest: hex(&self.real_digest.finalize()),
        }
    }
}

/// The result of a step by those of its items.
fn step_result(outcome: &mut ItemsOutcome, ended_by_itself: bool) -> ExecutionResult {
    let usage = &outcome.usage;
    let result = match outcome.failure.take() {
        None => ExecutionResult {
            status: ExecutionStatus::Success,
            ..ExecutionResult::failure(ErrorCode::SkillFailed, String::new())
        },
        Some(failure) => ExecutionResult {
            status: failure.status,
            ..not_started(failure.code, failure.error)
        },
    };
    ExecutionResult {
        attempts: usage.attempts,
        resource_usage: usage.resources,
        sandbox: usage.sandbox.clone(),
        ended_by_itself,
        ..result
    }
}
