//! Dispatches the steps of a plan, as many at once as may run.
//!
//! Invariant: every step of the plan gets exactly one record as long as the log can be written. The
//! outcome has the records in plan order; the log has them in commit order. This file decides which
//! step runs and when the plan is done; `step` runs one step, and `schedule` tracks the
//! dependencies.

use std::cell::{Cell, RefCell, RefMut};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use jiff::Timestamp;
use tokio::sync::{Mutex, watch};

use super::approval::ApprovalOutcome;
use super::completion::{CommitFailure, StepCompletion};
use super::halt::Halt;
use super::policy_gate::Denial;
use super::run_options::{FailurePolicy, RunOptions};
use super::run_state::RunState;
use super::schedule::{ReadyStep, Schedule, StepEnding};
use super::skip_reason::SkipReason;
use super::step::StepAction;
use super::stop_reason::max_severity;
use super::verdict::{RunResult, reason_of, stops_the_plan};
use super::{
    CircuitBreaker, Concurrency, ExecutionContext, ExecutionLogger, LogError, PlanEnd, PlanStart,
    ProvenPlan, RunOutcome, RunStopReason, RunValue, ShutdownReceiver, SkillExecutor, UnloggedStep,
    evaluate_plan,
};
use crate::event::{RunEvent, RunStarted, StepDetail};
use crate::model::{ExecutionLogRecord, RecordedApproval};

/// Runs `plan` to its end. Never fails: errors are part of the outcome.
pub async fn execute_plan<E: SkillExecutor, L: ExecutionLogger, B: CircuitBreaker>(
    executor: &E,
    plan: &ProvenPlan,
    context: &ExecutionContext,
    run: RunOptions<'_, L, B>,
    shutdown: ShutdownReceiver,
) -> RunOutcome {
    let first_run = run.provenance.first_run.as_deref();
    let run_value = RunValue::of_id(first_run.unwrap_or(&context.run_id));
    let state = RunState {
        executor,
        plan,
        context,
        options: run,
        shutdown,
        approvals: RefCell::default(),
        asking: Mutex::new(()),
        halt: watch::Sender::default(),
        phase: Cell::default(),
        run_value: RefCell::new(run_value),
        has_called: Cell::default(),
        schedule: RefCell::new(Schedule::new(&plan.flow)),
        records: RefCell::new(vec![None; plan.steps.len()]),
        log_end: RefCell::default(),
        slots: watch::Sender::default(),
    };
    let mut dispatcher = Dispatcher {
        state: &state,
        unlogged: Vec::new(),
        stop_reason: None,
        denied: BTreeMap::new(),
        waiting: BTreeMap::new(),
        is_rejected: false,
        has_exclusive: false,
        end: None,
    };
    if let Err(error) = dispatcher.log_run_start().await {
        dispatcher.end = Some(RunStopReason::LogFailed(error));
    } else {
        dispatcher.skip_unselected().await;
        dispatcher.authorize().await;
        dispatcher.dispatch().await;
        dispatcher.skip_remaining().await;
        dispatcher.run_finally().await;
    }
    dispatcher.finish().await
}

pub(super) struct Dispatcher<'r, E, L, B> {
    pub(super) state: &'r RunState<'r, E, L, B>,
    /// The steps that ran but whose records could not be committed.
    unlogged: Vec<UnloggedStep>,
    /// Why no more steps start, if a step or a denial decided that.
    pub(super) stop_reason: Option<SkipReason>,
    /// The steps that were denied before the first step started.
    pub(super) denied: BTreeMap<usize, Denial>,
    /// The `finally` steps that wait for an approval. Nothing starts before they have it.
    pub(super) waiting: BTreeMap<usize, RecordedApproval>,
    /// A step was denied before the first step started, so none starts.
    pub(super) is_rejected: bool,
    /// An exclusive step is running.
    has_exclusive: bool,
    /// Set once something other than a step's failure stops the run.
    pub(super) end: Option<RunStopReason>,
}

impl<E: SkillExecutor, L: ExecutionLogger, B: CircuitBreaker> Dispatcher<'_, E, L, B> {
    async fn log_run_start(&mut self) -> Result<(), LogError> {
        let RunState {
            context,
            plan,
            options: run,
            ..
        } = self.state;
        let identity = &context.identity;
        let start = PlanStart {
            request_id: identity.request_id.clone(),
            assistant_id: identity.assistant_id.clone(),
            run_id: context.run_id.clone(),
            plan_id: plan.id.clone(),
            parent_id: plan.parent_id.clone(),
            session_id: identity.session_id.clone(),
            tenant_id: identity.tenant_id.clone(),
            user_id: identity.user_id.clone(),
            steps: plan.steps.len(),
            finally_steps: plan.steps.len() - plan.finally_from(),
            timestamp: context.started_at,
            provenance: run.provenance.clone(),
            chain: String::new(),
            hash: String::new(),
        };
        let write = run.logger.log_plan_start(start, self.state.reused());
        let logged = self.state.with_log_timeout(write).await?;
        self.state.log_end.borrow_mut().head = logged.start.hash;
        run.events.emit(RunEvent::RunStarted(RunStarted {
            run_id: context.run_id.clone(),
            labels: plan.steps.iter().map(|step| step.label.clone()).collect(),
            timeout: plan.timeout.duration,
        }));
        for record in logged.reused {
            let event = self.state.record_committed(record, StepDetail::default());
            run.events.emit(event);
        }
        Ok(())
    }

    /// Records the steps as skipped that flags leave out. One that is reused has its record.
    async fn skip_unselected(&mut self) {
        for (index, why) in &self.state.plan.selection.left_out {
            if self.end.is_some() || self.state.is_over(*index) {
                continue;
            }
            let reason = StepAction::Skip(SkipReason::flag(why));
            let completion = self.state.run_step(*index, reason).await;
            self.record_outcome(completion);
        }
    }

    /// Authorizes the whole plan: policies first, then approvals. If one step is denied, none
    /// starts. A reused step does not start and needs no authorization.
    async fn authorize(&mut self) {
        let RunState {
            plan, options: run, ..
        } = self.state;
        if let Some(gate) = run.gate {
            let decisions = evaluate_plan(gate, plan).into_iter().enumerate();
            self.denied = decisions
                .filter(|(index, _)| self.is_to_run(*index))
                .filter_map(|(index, decision)| {
                    let reason = decision.denial(&plan.steps[index])?;
                    Some((index, Denial::by_policy(reason)))
                })
                .collect();
        }
        if self.denied.is_empty() {
            self.approve().await;
        }
        if let Some((first, denial)) = self.denied.first_key_value() {
            self.stop_reason = Some(SkipReason::denied(&plan.steps[*first], denial));
            self.is_rejected = true;
            self.waiting.clear();
            self.schedule().cancel_all();
        } else if let Some((first, _)) = self.waiting.first_key_value() {
            self.stop_reason = Some(SkipReason::waits(&plan.steps[*first]));
            self.schedule().cancel_all();
        }
    }

    /// True unless the step is over, or the inputs of the plan alone decide that it is skipped.
    fn is_to_run(&self, index: usize) -> bool {
        let RunState { plan, .. } = self.state;
        !self.state.needs_nothing(index) && plan.steps[index].unmet_by_inputs(plan).is_none()
    }

    /// Requests approval of the steps that require it and hold no references; steps with references
    /// are approved once these are resolved, and so are steps that wait for an answer or have one,
    /// except `finally` steps. All steps are decided about without a prompt first, so that a
    /// refusal comes before any prompt.
    async fn approve(&mut self) {
        let plan = self.state.plan;
        let to_run = (0..plan.steps.len()).filter(|index| self.is_to_run(*index));
        for index in to_run.collect::<Vec<_>>() {
            if let ApprovalOutcome::Refused(reason) = self.state.preapprove(index) {
                self.denied.insert(index, Denial::unapproved(reason));
            }
        }
        for (index, step) in plan.steps.iter().enumerate() {
            if !self.denied.is_empty() || self.end.is_some() {
                break;
            }
            // Whether it runs, or with what, is decided at its turn.
            let has_open_arguments = step.template.is_some() || step.for_each.is_some();
            let is_open = has_open_arguments
                || !step.when.is_empty()
                || self.state.is_decided_at_its_turn(index);
            let is_asked_later = is_open && index < plan.finally_from();
            if is_asked_later || !self.is_to_run(index) {
                continue;
            }
            match self
                .state
                .request_approval(index, &step.arguments, &step.shown_arguments, None)
                .await
            {
                ApprovalOutcome::Free => {}
                ApprovalOutcome::Waits(request) => {
                    self.waiting.insert(index, request);
                }
                ApprovalOutcome::Refused(reason) => {
                    self.denied.insert(index, Denial::unapproved(reason));
                }
                ApprovalOutcome::Stopped(reason) => self.end = reason.run_stop_reason(),
            }
        }
    }

    /// Starts the steps that may start and waits for one to complete, until none is running.
    async fn dispatch(&mut self) {
        let mut running = FuturesUnordered::new();
        let mut slots = self.state.slots.subscribe();
        loop {
            slots.mark_unchanged();
            while self.state.take_slot() {
                let Some((index, action)) = self.next_step(running.is_empty()) else {
                    self.state.release_slot();
                    break;
                };
                running.push(self.state.run_step(index, action));
            }
            slots.mark_unchanged();
            let completion = tokio::select! {
                biased;
                Some(completion) = running.next() => completion,
                // An item of a step with `for_each` is over.
                Ok(()) = slots.changed(), if !running.is_empty() => continue,
                else => return,
            };
            self.state.release_slot();
            self.complete(completion);
        }
    }

    /// The next step that may start. An exclusive step waits until nothing runs, and later steps
    /// wait behind it, so exclusivity does not change the order of steps.
    fn next_step(&mut self, is_idle: bool) -> Option<(usize, StepAction)> {
        self.check_signals_and_time();
        if self.end.is_some() {
            return None;
        }
        let first = self.schedule().peek_next()?;
        let is_exclusive = self.state.plan.steps[first].concurrency == Concurrency::Exclusive;
        if !is_idle && (is_exclusive || self.has_exclusive) {
            return None;
        }
        self.has_exclusive = is_exclusive;
        let next = self.schedule().next()?;
        Some(match next {
            ReadyStep::Start(index) => (index, StepAction::Run),
            ReadyStep::WithoutValue {
                step,
                because_of,
                is_failure,
            } => {
                let cause = &self.state.plan.steps[because_of];
                let reason = if is_failure {
                    SkipReason::no_success(cause)
                } else {
                    SkipReason::no_value(cause)
                };
                (step, StepAction::RunWithoutValue(reason))
            }
            ReadyStep::Skip { step, because_of } => {
                let cause = &self.state.plan.steps[because_of];
                let reason = if self.schedule().is_waiting(because_of) {
                    SkipReason::waits(cause)
                } else {
                    SkipReason::no_success(cause)
                };
                (step, StepAction::Skip(reason))
            }
        })
    }

    /// Stops the run on a signal or a timeout that came between steps, if steps are left to run.
    fn check_signals_and_time(&mut self) {
        if self.end.is_some() || !self.schedule().has_remaining() {
            return;
        }
        let RunState {
            shutdown,
            context,
            plan,
            ..
        } = self.state;
        if let Some(signal) = shutdown.state().signal() {
            self.end = Some(RunStopReason::Signal(signal));
        } else if context.elapsed() >= plan.timeout.duration {
            self.end = Some(RunStopReason::PlanTimeout(plan.timeout));
        }
    }

    fn complete(&mut self, completion: StepCompletion) {
        if let Ok(record) = &completion.record {
            self.advance(record);
        }
        self.record_outcome(completion);
    }

    /// Applies the failure policy and releases the steps that waited for the step of `record`.
    fn advance(&mut self, record: &ExecutionLogRecord) {
        let index = record.step_index;
        let step = &self.state.plan.steps[index];
        let on_failure = self.state.options.policy.on_failure;
        if stops_the_plan(record.status, step) && on_failure != FailurePolicy::KeepGoing {
            let reason = SkipReason::no_success(step);
            let group = self.state.plan.flow.group_of(index);
            self.schedule().start_only(&group);
            if on_failure == FailurePolicy::FailFast {
                self.halt(Halt::EndAll(reason.text.clone()));
                self.schedule().cancel_all();
            } else if group.len() == 1 {
                self.halt(Halt::NoStart(reason.text.clone()));
            }
            self.stop_reason.get_or_insert(reason);
        }
        let ending = StepEnding::new(record, step.continue_on_error);
        self.schedule().complete(index, ending);
    }

    /// Records a committed step, or stops the run if the commit failed.
    pub(super) fn record_outcome(&mut self, completion: StepCompletion) {
        let StepCompletion { record, run_stop } = completion;
        self.end = max_severity(self.end.take(), run_stop);
        match record {
            Ok(_) => {}
            Err(CommitFailure { step, error }) => {
                self.unlogged.extend(step);
                let end = RunStopReason::LogFailed(error);
                self.halt(Halt::EndAll(reason_of(&end)));
                self.end = max_severity(self.end.take(), Some(end));
            }
        }
    }

    fn halt(&self, halt: Halt) {
        halt.raise(&self.state.halt);
    }

    fn schedule(&self) -> RefMut<'_, Schedule> {
        self.state.schedule.borrow_mut()
    }

    /// Records the remaining steps as skipped or denied.
    async fn skip_remaining(&mut self) {
        let rest = self.schedule().remaining();
        for index in rest {
            if matches!(self.end, Some(RunStopReason::LogFailed(_))) {
                return;
            }
            let of_end = self.end.as_ref().map(SkipReason::run_end);
            let reason = of_end.or_else(|| self.stop_reason.clone());
            let reason = reason.unwrap_or_else(|| SkipReason::run_end(&RunStopReason::Steps));
            let action = match self.denied.remove(&index) {
                Some(denial) => StepAction::Deny(denial),
                None => StepAction::Skip(reason),
            };
            let completion = self.state.run_step(index, action).await;
            self.complete(completion);
        }
    }

    /// The records so far, in plan order.
    pub(super) fn records(&self) -> Vec<Arc<ExecutionLogRecord>> {
        self.state
            .records
            .borrow()
            .iter()
            .flatten()
            .cloned()
            .collect()
    }

    /// The result of the run as it would be with `records`.
    pub(super) fn result(&self, records: &[Arc<ExecutionLogRecord>]) -> RunResult {
        let end = self.end.as_ref().unwrap_or(&RunStopReason::Steps);
        let RunState { plan, options, .. } = self.state;
        RunResult::new(end, self.is_rejected, records, plan, &options.policy)
    }

    /// What `{{run}}` stands for, now that the steps are over.
    pub(super) fn run_value(&self) -> RunValue {
        let RunState {
            context, options, ..
        } = self.state;
        let records = self.records();
        let id = options.provenance.first_run.as_deref();
        let id = id.unwrap_or(&context.run_id);
        RunValue::of_result(id, &self.result(&records), &records)
    }

    async fn finish(mut self) -> RunOutcome {
        let RunState {
            context,
            options: run,
            ..
        } = self.state;
        let elapsed: Duration = context.elapsed();
        let records = self.records();
        let result = self.result(&records);
        let end = PlanEnd {
            request_id: context.identity.request_id.clone(),
            assistant_id: context.identity.assistant_id.clone(),
            run_id: context.run_id.clone(),
            status: result.status,
            error: result.error,
            duration_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            timestamp: Timestamp::now(),
            records: self.state.log_end.borrow().count,
            prev_hash: String::new(),
            hash: String::new(),
        };
        if !matches!(self.end, Some(RunStopReason::LogFailed(_))) {
            match self
                .state
                .with_log_timeout(run.logger.log_plan_end(end))
                .await
            {
                Ok(end) => self.state.log_end.borrow_mut().head = end.prev_hash,
                Err(error) => self.end = Some(RunStopReason::LogFailed(error)),
            }
        }
        let result = self.result(&records);
        RunOutcome {
            result,
            records,
            head: self.state.log_end.borrow().head.clone(),
            end: self.end.unwrap_or(RunStopReason::Steps),
            unlogged: self.unlogged,
            elapsed,
        }
    }
}
