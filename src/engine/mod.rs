//! The run of a proven plan: dispatch, the life of one step, attempts, approvals, the commit of a
//! record.
//!
//! Invariant: this module decides order, time and outcome, and nothing else. It reports through
//! [`RunEvent`](crate::event::RunEvent) only, commits records through [`ExecutionLogger`], and
//! starts skills through [`SkillExecutor`]; the modules above implement those traits. `dispatch`
//! decides whose turn it is, `step` holds one step's life, an executor makes one attempt, and
//! [`RunOutcome`] says what happened.

mod approval;
mod approval_answer;
mod approver;
mod arguments;
mod attempts;
mod attempts_outcome;
mod call_limiter;
mod call_wait;
mod circuit_breaker;
mod commit;
mod completion;
mod condition;
mod context;
mod dispatch;
mod error;
mod executor;
pub(crate) mod exit_code;
mod finally;
mod for_each;
mod gather;
mod given_approval;
mod halt;
mod item_run;
mod logger;
mod mask;
mod outcome;
mod phase;
mod policy_check;
mod policy_gate;
mod prepared_item;
mod proven;
mod proven_condition;
mod record;
mod resolve;
mod reused;
mod run_options;
mod run_state;
mod run_value;
mod schedule;
mod selection;
mod shutdown;
mod signals;
mod skip_reason;
mod step;
mod step_call;
mod stop_reason;
mod stopping;
mod termination;
#[cfg(test)]
mod tests;
mod time_limit;
mod verdict;
mod write_only;

pub use approval_answer::{ApprovalAnswer, ApprovalDecision, ApprovalOptions};
pub use approver::{Approval, ApprovalItems, ApprovalRequest, Approver};
pub use arguments::ResolvedArguments;
pub use call_limiter::{CallDecision, CallId, CallLimiter, LimiterFuture};
pub use circuit_breaker::{BreakerDecision, CircuitBreaker, CircuitState, Permit, Rejection};
pub(crate) use condition::{ConditionOutcome, StepOutcome, evaluate_conditions};
pub use context::{ExecutionContext, Identity};
pub use dispatch::execute_plan;
pub(crate) use error::RuntimeError;
pub use executor::{SkillExecutor, StepControl};
pub use logger::{
    ExecutionLogger, LogError, LoggedItem, LoggedRunStart, PlanEnd, PlanStart, Provenance,
    StepStart,
};
pub(crate) use mask::{mask_arguments, mask_json, mask_string, mask_value, mask_words};
pub use outcome::{RunOutcome, UnloggedStep};
pub use policy_check::evaluate_plan;
pub use policy_gate::{Decision, Effect, PolicyGate, PolicyRequest};
pub(crate) use proven::{Concurrency, Retries};
pub(crate) use proven::{DEFAULT_MAX_ITEMS, MOST_ITEMS, ProvenForEach};
pub use proven::{ProvenPlan, ProvenStep};
pub(crate) use proven_condition::{ProvenCondition, ProvenTest, TestSubject};
pub(crate) use reused::item_digest;
pub use reused::{ItemDigest, PreviousItems, Reused};
pub use run_options::{FailurePolicy, RunOptions, RunPolicy};
pub use run_value::RunValue;
pub(crate) use selection::Selection;
pub(crate) use shutdown::ShutdownState;
pub use shutdown::{ShutdownReceiver, ShutdownSender};
pub(crate) use signals::Signals;
pub use stop_reason::RunStopReason;
pub(crate) use time_limit::{TimeLimit, TimeLimitSource};
pub use verdict::{DecidingCause, RunResult};
pub(crate) use write_only::{mask_shared, shown_arguments};
