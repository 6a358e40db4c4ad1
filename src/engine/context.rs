//! The request-scoped state of one run.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use crate::process::{Moment, RunClock};

/// Who asked for a run. Empty texts mean that nobody said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The caller's id for the run; obs's own run id where none was given.
    pub request_id: String,
    /// The assistant that wrote the plan.
    pub assistant_id: String,
    /// The session that it belongs to.
    pub session_id: String,
    /// The tenant.
    pub tenant_id: String,
    /// The user.
    pub user_id: String,
}

/// The identity and the bounds of a run: OpenBotStack's `ExecutionContext`, whose results are the
/// records that the engine holds.
#[derive(Debug)]
pub struct ExecutionContext {
    /// Who asked.
    pub identity: Identity,
    /// obs's own id of the run.
    pub run_id: String,
    /// When the run started, for people and records.
    pub started_at: Timestamp,
    /// What the run may take.
    pub timeout: Duration,
    clock: RunClock,
    start: Moment,
}

impl ExecutionContext {
    /// A context whose time begins now.
    pub fn new(identity: Identity, run_id: String, timeout: Duration, clock: RunClock) -> Self {
        let start = clock.now();
        Self {
            identity,
            run_id,
            started_at: Timestamp::now(),
            timeout,
            clock,
            start,
        }
    }

    /// The clock of the run.
    pub fn clock(&self) -> &RunClock {
        &self.clock
    }

    /// The moment at which the run began.
    pub fn start(&self) -> Moment {
        self.start
    }

    /// How long the run has taken, without the time that obs was stopped.
    pub fn elapsed(&self) -> Duration {
        self.clock.elapsed(self.start)
    }
}

/// The wall-clock time that lies `remaining` ahead.
pub(super) fn deadline_in(remaining: Duration) -> Timestamp {
    SystemTime::now()
        .checked_add(remaining)
        .and_then(|time| Timestamp::try_from(time).ok())
        .unwrap_or(Timestamp::MAX)
}
