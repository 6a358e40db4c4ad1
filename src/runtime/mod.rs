//! Running a proven plan.
//!
//! Invariant: this room decides order, time and outcome, and nothing else. It tells the outside
//! through [`crate::event::RunEvent`] only, keeps records through [`ExecutionLogger`], and starts
//! skills through [`SkillExecutor`]; the rooms above implement those traits. The way is a straight
//! line: [`prove`] (plan and skills to a [`ProvenPlan`]), [`engine`] (whose turn it is), `step` (one
//! step's life), an executor (one attempt), [`RunOutcome`] (what happened).

mod approval;
mod breaker;
mod call;
mod confine;
mod context;
mod control;
pub mod engine;
#[cfg(test)]
mod engine_tests;
mod environment;
mod error;
mod events_line;
mod executor;
mod exposure;
mod gate;
mod hidden;
mod interpret;
mod keep;
mod limit;
mod lock_file;
mod logger;
mod mask;
mod native;
mod outcome;
mod own_files;
pub mod prove;
mod proven;
mod recent;
mod record;
mod remove_tree;
mod repeat;
mod resolve;
mod reuse;
mod schedule;
mod scratch;
mod signals;
mod step;
mod stopping;
mod verdict;

pub use approval::{Approval, ApprovalRequest, Approver};
pub use breaker::{Admission, CircuitBreaker, CircuitState, NoBreaker, Permit, Refusal};
pub use call::Call;
pub use confine::SandboxPolicy;
pub use context::{ExecutionContext, Identity, StepResult};
pub use control::{Controller, RunControl, SignalState};
pub use environment::BaseEnvironment;
pub use error::RuntimeError;
pub use events_line::{EventLine, read_event_line};
pub use executor::{SkillExecutor, StepControl};
pub use exposure::Exposure;
pub use gate::{Decision, PolicyGate, PolicyQuestion, Ruling, judge};
pub use limit::{Limit, LimitSource};
pub(crate) use lock_file::{
    create_lock_file, create_new_lock_file, open_lock_file, private_directory,
};
pub use logger::{Begun, ExecutionLogger, LogError, PlanEnd, PlanStart, Provenance, StepStart};
pub use native::{NativeExecutor, shown_command};
pub use outcome::{RunEnd, RunOutcome, UnloggedStep};
pub use own_files::OwnFiles;
pub use proven::{Concurrency, ProvenPlan, ProvenStep, Retries};
pub(crate) use remove_tree::remove_tree;
pub use resolve::Unresolved;
pub use reuse::Reused;
pub use scratch::{FilesPlace, RunDirs};
pub use signals::Signals;
pub use verdict::{Cause, Verdict};
