//! The `finally` steps: they run one after another once the other steps are over.
//!
//! Invariant: they run if a step has started, whatever came of the steps: success, failure,
//! timeout, or a first signal. They don't run if the plan was rejected or no record can be
//! committed. A failure of one does not stop the next, and decides the result of the run only if
//! nothing else does.

use super::dispatch::Dispatcher;
use super::halt::Halt;
use super::run_state::Phase;
use super::skip_reason::SkipReason;
use super::step::StepAction;
use super::stop_reason::max_severity;
use super::{
    CircuitBreaker, DecidingCause, ExecutionLogger, ProvenStep, RunStopReason, ShutdownState,
    SkillExecutor,
};
use crate::event::RunEvent;
use crate::model::{SkipKind, StepStatus};

impl<E: SkillExecutor, L: ExecutionLogger, B: CircuitBreaker> Dispatcher<'_, E, L, B> {
    /// Runs the `finally` steps, or records why they don't run.
    pub(super) async fn run_finally(&mut self) {
        let steps = self.state.plan.finally_from()..self.state.plan.steps.len();
        if steps.is_empty() {
            return;
        }
        // The steps of a run that waits are kept for the end of the run that resumes it.
        let kept = self.waiting_step().map(SkipReason::waits);
        let runs = !self.is_rejected && kept.is_none() && self.state.has_started();
        *self.state.run_value.borrow_mut() = self.run_value();
        let clock = self.state.context.clock();
        self.state.phase.set(Phase::Finally(clock.now()));
        if !matches!(self.end, Some(RunStopReason::LogFailed(_))) {
            self.state.halt.send_replace(Halt::None);
        }
        if runs {
            self.state.options.events.emit(RunEvent::FinallyStarted);
        }
        for index in steps {
            let action = self.finally_action(index, runs, kept.as_ref());
            if matches!(self.end, Some(RunStopReason::LogFailed(_))) {
                return;
            }
            let completion = self.state.run_step(index, action).await;
            self.record_outcome(completion);
        }
    }

    /// The step that the whole run waits for; none if something else decides how it ends.
    fn waiting_step(&self) -> Option<&ProvenStep> {
        let steps = &self.state.plan.steps;
        if let Some((index, _)) = self.waiting.first_key_value() {
            return steps.get(*index);
        }
        let signals = self.state.shutdown.state();
        match self.result(&self.records()).cause {
            DecidingCause::Waiting(index) if signals.signal().is_none() => steps.get(index),
            _ => None,
        }
    }

    fn finally_action(
        &mut self,
        index: usize,
        runs: bool,
        kept: Option<&SkipReason>,
    ) -> StepAction {
        if let Some(request) = self.waiting.remove(&index) {
            return StepAction::Wait(request);
        }
        if let Some(denial) = self.denied.remove(&index) {
            return StepAction::Deny(denial);
        }
        let signals = self.state.shutdown.state();
        if let Some(signal) = signals.signal() {
            let signal = Some(RunStopReason::Signal(signal));
            self.end = max_severity(self.end.take(), signal);
        }
        if !runs {
            let rejected = self.stop_reason.clone().filter(|_| self.is_rejected);
            let reason = rejected.or_else(|| kept.cloned());
            return StepAction::Skip(reason.unwrap_or_else(SkipReason::nothing_started));
        }
        if let (ShutdownState::Second(_), Some(end)) = (signals, &self.end) {
            return StepAction::Skip(SkipReason::run_end(end));
        }
        if self.state.phase_time_left().is_zero() {
            return StepAction::End(self.state.phase_timeout());
        }
        match self.without_success(index) {
            Some(source) => StepAction::RunWithoutValue(self.no_value_of(source)),
            None => StepAction::Run,
        }
    }

    /// Why a step has no value of the step at `source`.
    fn no_value_of(&self, source: usize) -> SkipReason {
        let records = self.state.records.borrow();
        let because = records[source]
            .as_ref()
            .and_then(|record| record.skipped_because.as_ref());
        let step = &self.state.plan.steps[source];
        match because.map(|because| because.kind) {
            Some(SkipKind::Condition | SkipKind::NoValue) => SkipReason::no_value(step),
            _ => SkipReason::no_success(step),
        }
    }

    /// A step whose output the step at `index` needs and that did not succeed.
    fn without_success(&self, index: usize) -> Option<usize> {
        let records = self.state.records.borrow();
        let has_output = |step: usize| {
            let record = records[step].as_ref();
            record.is_some_and(|record| record.status == StepStatus::Success)
        };
        let needs = &self.state.plan.flow.steps[index].inputs_from;
        needs.iter().copied().find(|step| !has_output(*step))
    }
}
