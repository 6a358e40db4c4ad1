//! The options of a run: everything but plan and context.

use std::num::NonZeroUsize;
use std::sync::Arc;

use super::approver::{Approver, RefuseAll};
use super::{ApprovalOptions, CallLimiter, PolicyGate, PreviousItems, Provenance, Reused};
use crate::event::EventSender;
use crate::model::NotReused;

/// The options of a run: everything but plan and context.
#[derive(Debug)]
pub struct RunOptions<'r, L, B> {
    /// Where records go.
    pub logger: &'r L,
    /// The circuit breaker.
    pub breaker: &'r B,
    /// Limits on the calls of skills; none if nothing limits them.
    pub limiter: Option<&'r dyn CallLimiter>,
    /// What exactly is about to run, for the log.
    pub provenance: Provenance,
    /// Results of an earlier run, or why they are not reused, by the steps' indices. Empty if there
    /// is no earlier run.
    pub reused: Vec<Result<Reused, NotReused>>,
    /// Successes of items of an earlier run.
    pub previous_items: Option<&'r dyn PreviousItems>,
    /// The policies in force; none if everything is permitted.
    pub gate: Option<&'r dyn PolicyGate>,
    /// The approver of steps that can do real harm.
    pub approver: Arc<dyn Approver>,
    /// Answers in the state, and whether steps wait for one.
    pub approvals: ApprovalOptions,
    /// Where events go.
    pub events: &'r EventSender,
    /// How steps are run.
    pub policy: RunPolicy,
}

impl<'r, L, B> RunOptions<'r, L, B> {
    /// A run without policies and without results of an earlier run, with the default
    /// [`RunPolicy`]. Steps that require approval are refused.
    pub fn new(logger: &'r L, breaker: &'r B, events: &'r EventSender) -> Self {
        Self {
            logger,
            breaker,
            limiter: None,
            provenance: Provenance::default(),
            reused: Vec::new(),
            previous_items: None,
            gate: None,
            approver: Arc::new(RefuseAll),
            approvals: ApprovalOptions::default(),
            events,
            policy: RunPolicy::default(),
        }
    }
}

/// The most bytes of a gathered output, unless `--max-value` says otherwise: 64 MiB.
const DEFAULT_MAX_VALUE: usize = 64 << 20;

/// How steps are run.
#[derive(Debug, Clone, Copy)]
pub struct RunPolicy {
    /// The most steps that run at the same time.
    pub jobs: NonZeroUsize,
    /// What happens when a step does not succeed.
    pub on_failure: FailurePolicy,
    /// The most bytes of the gathered output of a step with `for_each`: `--max-value`.
    pub max_value_bytes: usize,
    /// Retry skills that are not idempotent: `--retry-unsafe`.
    pub retry_unsafe: bool,
    /// A run fails if a skill left processes behind that obs had to end: `--strict`.
    pub fail_on_leak: bool,
}

impl Default for RunPolicy {
    /// One step per core; failures are drained.
    fn default() -> Self {
        Self {
            jobs: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            on_failure: FailurePolicy::default(),
            max_value_bytes: DEFAULT_MAX_VALUE,
            retry_unsafe: false,
            fail_on_leak: false,
        }
    }
}

/// What happens if a step fails that the plan does not allow to fail.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FailurePolicy {
    /// No more steps start except those of the same group; running steps finish.
    #[default]
    Drain,
    /// No more steps start, and running steps are canceled: `--fail-fast`.
    FailFast,
    /// Only what depends on the step is skipped: `--keep-going`.
    KeepGoing,
}
