//! Attempts: when a failed skill is retried, and when its fallback is called.
//!
//! Invariant: only a failure is retried, only if the skill is idempotent or has not run at all, and
//! only until the step is terminated. The step's timeout spans all attempts and waits, also those
//! for the limits of a skill.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;

use super::arguments::ResolvedArguments;
use super::attempts_outcome::{AttemptsOutcome, not_started};
use super::call_wait::CallWait;
use super::context::deadline_in;
use super::record::refusal_text;
use super::run_state::RunState;
use super::step_call::StepCall;
use super::termination::TerminationReason;
use super::write_only::mask_shared;
use super::{
    CircuitBreaker, ExecutionLogger, LogError, ProvenStep, Rejection, Retries, RuntimeError,
    SkillExecutor, StepControl, TimeLimit,
};
use crate::event::{EventSender, Retry, RunEvent, TerminationCause};
use crate::model::{
    ErrorCode, Excerpt, ExecutionRequest, ExecutionResult, ExecutionStatus, ItemPosition,
    LeakedProcesses, ResourceUsage, format_duration,
};
use crate::process::{Moment, StopRequest};

/// The attempts of one step.
pub(super) struct Attempts<'a, E, L, B> {
    state: &'a RunState<'a, E, L, B>,
    index: usize,
    step: &'a ProvenStep,
    item: Option<ItemPosition>,
    events: &'a EventSender,
    started: Moment,
    /// Requests the end of the step, with SIGTERM or SIGKILL.
    stop: watch::Sender<StopRequest>,
    /// How many times a skill was started, the fallback included.
    starts: u32,
    consumed: ResourceUsage,
    leaked: Option<LeakedProcesses>,
    previous_error: Option<String>,
    /// The limit that a call waited for until the step was terminated.
    waited_for: Option<String>,
    /// Why a call was not made; no skill is called after that.
    blocked_by: Option<TerminationReason>,
    start_error: Option<LogError>,
}

impl<'a, E: SkillExecutor, L: ExecutionLogger, B: CircuitBreaker> Attempts<'a, E, L, B> {
    /// `stop` requests the end of the step.
    pub(super) fn new(
        state: &'a RunState<'a, E, L, B>,
        call: &'a StepCall<'_>,
        stop: watch::Sender<StopRequest>,
    ) -> Self {
        Self {
            state,
            index: call.index,
            step: call.step,
            item: call.item,
            events: &call.events,
            started: state.context.clock().now(),
            stop,
            starts: 0,
            consumed: ResourceUsage::default(),
            leaked: None,
            previous_error: None,
            waited_for: None,
            blocked_by: None,
            start_error: None,
        }
    }

    /// Makes attempts until one succeeds or no further attempt is allowed. A skill that its breaker
    /// refused is not attempted.
    pub(super) async fn run(
        mut self,
        call: ResolvedArguments,
        refusal: Option<Rejection>,
    ) -> AttemptsOutcome<'a> {
        let (result, verb) = match refusal {
            None => (self.run_with_retries(&call).await, "had failed"),
            Some(refusal) => {
                let text = refusal_text(&self.step.skill_id, &refusal);
                (not_started(ErrorCode::CircuitOpen, text), "was not called")
            }
        };
        let mut outcome = match self.step.fallback.as_deref() {
            Some(fallback)
                if self.is_retryable_failure(&result)
                    && self.may_retry()
                    && self.check_start_allowed() =>
            {
                self.remember_failure(&result, verb);
                let message = format!("{}; now `{}`", result.error, fallback.skill_id);
                self.emit_repeated(message, None);
                self.fall_back(fallback, call).await
            }
            _ => AttemptsOutcome::new(result, self.step, call.shown),
        };
        outcome.result.attempts = self.starts;
        outcome.result.resource_usage = self.consumed;
        outcome.result.leaked = self.leaked;
        outcome.previous_error = self.previous_error;
        outcome.waited_for = self.waited_for;
        outcome.start_error = self.start_error;
        // What blocked the next call terminated the step after the last attempt.
        outcome.result.ended_by_itself &= self.blocked_by.is_none();
        outcome.termination = self.blocked_by;
        outcome
    }

    /// Calls the step's own skill until it succeeds or no retry is left.
    async fn run_with_retries(&mut self, call: &ResolvedArguments) -> ExecutionResult {
        let retries = self.step.retry;
        let mut retry = 0;
        let mut result = self.attempt(self.step, call).await;
        loop {
            if !self.is_retryable_failure(&result) {
                return result;
            }
            if !self.may_retry() {
                self.explain_no_retry(&mut result);
                return result;
            }
            if retry == retries.max || result.is_final {
                return result;
            }
            retry += 1;
            let backoff = || retries.backoff(retry, fastrand::f64());
            let wait = result.retry_after.unwrap_or_else(backoff);
            let left = self.time_left();
            if wait >= left {
                let left = format_duration(left);
                let why_not = format!(
                    "; not retried: another attempt does not fit into the remaining {left}"
                );
                result.error.push_str(&why_not);
                return result;
            }
            self.remember_failure(&result, "had failed");
            let next = Retry {
                number: retry,
                max: retries.max,
                wait,
            };
            self.emit_repeated(result.error.clone(), Some(next));
            if !(self.wait_unless_stopped(wait).await && self.check_start_allowed()) {
                // The step was terminated between two attempts.
                result.ended_by_itself = false;
                return result;
            }
            result = self.attempt(self.step, call).await;
        }
    }

    /// Calls the fallback once, with the same arguments.
    async fn fall_back(
        &mut self,
        fallback: &'a ProvenStep,
        call: ResolvedArguments,
    ) -> AttemptsOutcome<'a> {
        let fallback_outcome = |result, shown| AttemptsOutcome {
            is_fallback: true,
            ..AttemptsOutcome::new(result, fallback, shown)
        };
        let call = match ResolvedArguments::check(fallback, call.arguments) {
            Ok(call) => call,
            Err(unresolved) => {
                let error = RuntimeError::text(unresolved.code, &unresolved.message);
                let result = not_started(unresolved.code, error);
                return fallback_outcome(result, call.shown);
            }
        };
        let mut result = self.attempt(fallback, &call).await;
        // What the step's own skill hides stays hidden if the fallback gets it.
        let shown = mask_shared(&self.step.skill, &call.shown);
        if shown != call.shown {
            result.command.clear();
        }
        fallback_outcome(result, shown)
    }

    /// True if a skill may still be called. After the first `false` no further attempt is made.
    fn check_start_allowed(&mut self) -> bool {
        let is_over = self.time_left().is_zero();
        let step_timeout = is_over.then_some(TerminationReason::StepTimeout(self.step.timeout));
        let blocked_by = self
            .state
            .start_blocked_by(self.starts > 0 || self.item.is_some())
            .or(step_timeout);
        self.blocked_by = self.blocked_by.take().or(blocked_by);
        self.blocked_by.is_none()
    }

    /// Waits until the limits of the skill allow a call, and calls it.
    async fn attempt(&mut self, target: &ProvenStep, call: &ResolvedArguments) -> ExecutionResult {
        let (state, stop) = (self.state, self.stop.subscribe());
        let waited = state.wait_for_limits(self.index, self.events, target, self.time_left(), stop);
        let limited = match waited.await {
            Ok(CallWait::MayStart(limited)) => limited,
            Ok(CallWait::Terminated(limit)) => {
                self.waited_for = Some(limit);
                return not_started(ErrorCode::Canceled, String::new());
            }
            Err(error) => {
                self.start_error = Some(error);
                return not_started(ErrorCode::Canceled, String::new());
            }
        };
        let result = self.call(target, call).await;
        if let Some(limited) = limited
            && let Err(error) = state.end_call(target, limited).await
        {
            self.start_error.get_or_insert(error);
        }
        result
    }

    async fn call(&mut self, target: &ProvenStep, call: &ResolvedArguments) -> ExecutionResult {
        if !target.is_idempotent
            && let Err(error) = self.state.commit_start(self.index, self.item, target).await
        {
            self.start_error = Some(error);
        }
        if self.start_error.is_some() || !self.check_start_allowed() {
            return not_started(ErrorCode::Canceled, String::new());
        }
        self.state.has_called.set(true);
        let context = self.state.context;
        let run_left = self.state.phase_time_left();
        let time = target.attempt_timeout.duration.min(self.time_left());
        let request = ExecutionRequest {
            skill_id: target.skill_id.to_string(),
            arguments: Arc::clone(&call.arguments),
            input: Arc::clone(&call.input),
            tenant_id: context.identity.tenant_id.clone(),
            user_id: context.identity.user_id.clone(),
            request_id: context.identity.request_id.clone(),
        };
        let stop = watch::Sender::new(*self.stop.borrow());
        let control = StepControl {
            index: self.index,
            item: self.item,
            step_name: target.name.clone(),
            attempt: self.starts + 1,
            run_id: context.run_id.clone(),
            assistant_id: context.identity.assistant_id.clone(),
            session_id: context.identity.session_id.clone(),
            grace: target.grace,
            deadline: deadline_in(time.min(run_left)),
            stop: stop.subscribe(),
            events: self.events.clone(),
        };
        let execution = self.state.executor.execute(request, control);
        let mut result = self
            .within_attempt_time(execution, &stop, target.attempt_timeout)
            .await;
        check_output(&mut result, target);
        self.starts += result.attempts;
        // The last attempt that left processes behind.
        self.leaked = result.leaked.take().or(self.leaked.take());
        self.consumed.add(result.resource_usage);
        result
    }

    /// Requests the end of `execution` through `stop` when the attempt has taken its time or the
    /// step is to end.
    async fn within_attempt_time(
        &self,
        execution: impl Future<Output = ExecutionResult>,
        stop: &watch::Sender<StopRequest>,
        limit: TimeLimit,
    ) -> ExecutionResult {
        let clock = self.state.context.clock();
        let attempt_time = clock.sleep_until_elapsed(clock.now(), limit.duration);
        let raise = |request: StopRequest| {
            stop.send_if_modified(|now| {
                let is_more = request > *now;
                *now = request.max(*now);
                is_more
            });
        };
        let mut of_step = self.stop.subscribe();
        of_step.mark_changed();
        let mut timed_out = false;
        tokio::pin!(execution, attempt_time);
        loop {
            tokio::select! {
                biased;
                mut result = &mut execution => {
                    if timed_out && !result.ended_by_itself && result.attempts > 0 {
                        let code = ErrorCode::ExecutionTimeout;
                        let text = format!("an attempt exceeded its timeout of {limit}");
                        result.status = ExecutionStatus::Timeout;
                        result.error_code = Some(code);
                        result.error = RuntimeError::text(code, &text);
                    }
                    return result;
                }
                Ok(()) = of_step.changed() => raise(*of_step.borrow_and_update()),
                () = &mut attempt_time, if !timed_out => {
                    timed_out = true;
                    let (index, reason) = (self.index, TerminationCause::StepTimeout);
                    self.events.emit(RunEvent::StepEnding { index, reason });
                    raise(StopRequest::Terminate);
                }
            }
        }
    }

    /// True if a retry may help: the skill failed, and the step was not terminated.
    fn is_retryable_failure(&self, result: &ExecutionResult) -> bool {
        matches!(
            result.status,
            ExecutionStatus::Failed | ExecutionStatus::Timeout
        ) && *self.stop.borrow() == StopRequest::None
            && self.blocked_by.is_none()
            && self.start_error.is_none()
    }

    fn may_retry(&self) -> bool {
        self.step.is_idempotent || self.state.options.policy.retry_unsafe || self.starts == 0
    }

    fn explain_no_retry(&self, result: &mut ExecutionResult) {
        if self.step.retry.max > 0 || self.step.fallback.is_some() {
            let skill = &self.step.skill_id;
            let why_not = format!("; not retried: `{skill}` is not idempotent");
            result.error.push_str(&why_not);
            let hint = "`--retry-unsafe` also retries skills that are not idempotent";
            result.hint.get_or_insert_with(|| hint.to_owned());
        }
    }

    fn remember_failure(&mut self, result: &ExecutionResult, verb: &str) {
        let skill = &self.step.skill_id;
        self.previous_error = Some(format!("`{skill}` {verb}: {}", result.error));
    }

    fn emit_repeated(&self, message: String, retry: Option<Retry>) {
        self.events.emit(RunEvent::StepRepeated {
            index: self.index,
            message,
            retry,
        });
    }

    fn time_left(&self) -> Duration {
        let elapsed = self.state.context.clock().elapsed(self.started);
        self.step.timeout.duration.saturating_sub(elapsed)
    }

    /// Returns false if the step was terminated meanwhile.
    async fn wait_unless_stopped(&self, wait: Duration) -> bool {
        let clock = self.state.context.clock();
        let mut stop = self.stop.subscribe();
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop != StopRequest::None) => false,
            () = clock.sleep_until_elapsed(clock.now(), wait) => true,
        }
    }
}

impl Retries {
    /// The backoff before a retry, from 1. It doubles with each retry, with jitter over its upper
    /// half, so that clients that failed together don't retry together. `random` is from 0 to 1.
    fn backoff(self, retry: u32, random: f64) -> Duration {
        let doubled = 2_u32.saturating_pow(retry);
        let max = self
            .initial_backoff
            .saturating_mul(doubled)
            .min(self.max_backoff);
        let min = (max / 2).max(self.initial_backoff).min(max);
        min + max.saturating_sub(min).mul_f64(random.clamp(0.0, 1.0))
    }
}

/// Applies the plan's own `output_schema` to a success.
fn check_output(result: &mut ExecutionResult, step: &ProvenStep) {
    let (ExecutionStatus::Success, Some(schema)) = (result.status, &step.output_schema) else {
        return;
    };
    let text = result.output.as_deref().map_or("null", |raw| raw.get());
    let outcome = match serde_json::from_str::<Value>(text) {
        Ok(output) => crate::skill::check_output(schema, &output),
        Err(error) => Err(error.to_string()),
    };
    if let Err(message) = outcome {
        // A failure shows what was printed; only a success keeps it as its output.
        result.stdout = Some(Excerpt::from_bytes(text.as_bytes()));
        result.status = ExecutionStatus::Failed;
        result.error_code = Some(ErrorCode::InvalidOutput);
        result.error = format!("by the step's own `output_schema`, {message}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_a_bound_and_is_spread() {
        let retries = Retries {
            max: 9,
            initial_backoff: Duration::from_secs(1),
            max_backoff: Duration::from_secs(10),
        };
        let seconds = |retry, random| retries.backoff(retry, random).as_secs_f64();
        for (retry, min, max) in [
            (1, 1.0, 2.0),
            (2, 2.0, 4.0),
            (3, 4.0, 8.0),
            (4, 5.0, 10.0),
            (99, 5.0, 10.0),
        ] {
            assert!((seconds(retry, 0.0) - min).abs() < 1e-6, "{retry}");
            assert!((seconds(retry, 1.0) - max).abs() < 1e-6, "{retry}");
        }
        let fixed = Retries {
            max_backoff: Duration::from_secs(1),
            ..retries
        };
        assert_eq!(fixed.backoff(5, 0.7), Duration::from_secs(1));
    }
}
