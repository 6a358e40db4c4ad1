//! What a run needs beside plan and context.

use std::num::NonZeroUsize;
use std::sync::Arc;

use super::approver::Approver;
use super::{PolicyGate, Provenance, Reused};
use crate::event::EventSender;

/// What a run needs beside plan and context.
#[derive(Debug)]
pub struct RunOptions<'r, L, B> {
    /// Where records go.
    pub logger: &'r L,
    /// Who says whether a skill may be called.
    pub breaker: &'r B,
    /// What exactly is about to run, for the log.
    pub provenance: Provenance,
    /// Results of an earlier run, by the steps' indices. Empty if there is none.
    pub reused: Vec<Option<Reused>>,
    /// The policies in force; none if everything is permitted.
    pub gate: Option<&'r dyn PolicyGate>,
    /// Who approves what can do real harm.
    pub approver: Arc<dyn Approver>,
    /// Where events go.
    pub events: &'r EventSender,
    /// How steps are run.
    pub policy: RunPolicy,
}

/// How steps are run.
#[derive(Debug, Clone, Copy)]
pub struct RunPolicy {
    /// The most steps that run at the same time.
    pub jobs: NonZeroUsize,
    /// What happens when a step does not succeed.
    pub on_failure: FailurePolicy,
    /// Try skills again that are not marked as idempotent: `--retry-unsafe`.
    pub retry_unsafe: bool,
}

/// What happens when a step does not succeed that the plan does not allow to fail.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FailurePolicy {
    /// No more steps start, but for those of the same group; what runs comes to its end.
    #[default]
    Drain,
    /// No more steps start, and what runs is canceled: `--fail-fast`.
    FailFast,
    /// Only what depends on the step is skipped: `--keep-going`.
    KeepGoing,
}
