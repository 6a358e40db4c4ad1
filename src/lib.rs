//! obs runs execution plans: lists of steps, most of them written by a language model, each step a
//! call of a skill with JSON arguments.
//!
//! # The way of one plan
//!
//! A straight line; no module reaches back to an earlier one.
//!
//! 1. [`cli`] turns argv into options. `run` forks the [`process::Zygote`] first of all, while the
//!    process is small and has one thread.
//! 2. [`document::Source`] turns a path into text, [`document::Document`] text into data that knows
//!    its place, [`plan::load()`] data into an [`model::ExecutionPlan`] and *all* problems. Its
//!    [`plan::DependencyGraph`] says which step waits for which, and where one uses what another
//!    gives.
//! 3. [`skill::Registry`] finds the skills, [`mod@prove`] proves the plan against them: programs,
//!    arguments, inputs, references, environment, time. Until here nothing has run.
//! 4. [`engine`] asks a [`policy`], where one is in force, about the whole plan, and a person about
//!    what is critical. Then it starts each step when its turn has come. A step's life owns time
//!    and signals: references become values, are asked about once more, and each attempt goes to a
//!    [`engine::SkillExecutor`].
//! 5. [`executor::NativeExecutor`] expands the skill's command and asks the [`process::Launcher`]
//!    for a process tree of its own, fed, read, capped and ended whole.
//! 6. The outcome becomes an [`model::ExecutionLogRecord`]. It is in the log ([`store`]) before
//!    anybody hears of it.
//! 7. [`event::RunEvent`]s feed the [`report`]: table, JSON lines, document, progress, failures.
//! 8. [`engine::exit_code`] turns the outcome into a number that scripts can rely on.
//!
//! # Library
//!
//! A program can load, prove and run a plan with a [`SkillExecutor`] and an [`ExecutionLogger`] of
//! its own, as OpenBotStack does:
//!
//! ```standalone_crate
//! use std::sync::{Arc, Mutex};
//!
//! use obs::{
//!     BaseEnvironment, ExecutionLogRecord, ExecutionLogger, ExecutionRequest, ExecutionResult,
//!     LogError, LoggedRunStart, PlanEnd, PlanStart, ProveContext, Registry, RunStatus,
//!     SandboxMode, SandboxPolicy, Skill, SkillExecutor, Source, StepControl, StepStart,
//! };
//!
//! /// Echoes the arguments, in this process.
//! struct Echo;
//!
//! impl SkillExecutor for Echo {
//!     async fn execute(&self, request: ExecutionRequest, _: StepControl) -> ExecutionResult {
//!         match serde_json::value::to_raw_value(&*request.arguments) {
//!             Ok(output) => ExecutionResult::success(output),
//!             Err(error) => {
//!                 ExecutionResult::failure(obs::ErrorCode::SkillFailed, error.to_string())
//!             }
//!         }
//!     }
//!
//!     fn load_skill(&self, _: Arc<Skill>) {}
//! }
//!
//! /// Keeps the records in memory.
//! #[derive(Default)]
//! struct Log(Mutex<Vec<Arc<ExecutionLogRecord>>>);
//!
//! impl ExecutionLogger for Log {
//!     fn name(&self) -> String {
//!         "memory".to_owned()
//!     }
//!
//!     async fn log_plan_start(
//!         &self,
//!         start: PlanStart,
//!         reused: Vec<ExecutionLogRecord>,
//!     ) -> Result<LoggedRunStart, LogError> {
//!         let reused = reused.into_iter().map(Arc::new).collect();
//!         Ok(LoggedRunStart { start, reused })
//!     }
//!
//!     async fn log_step_start(&self, _: StepStart) -> Result<(), LogError> {
//!         Ok(())
//!     }
//!
//!     async fn log_step(
//!         &self,
//!         record: ExecutionLogRecord,
//!     ) -> Result<Arc<ExecutionLogRecord>, LogError> {
//!         let record = Arc::new(record);
//!         self.0.lock().unwrap().push(Arc::clone(&record));
//!         Ok(record)
//!     }
//!
//!     async fn log_plan_end(&self, end: PlanEnd) -> Result<PlanEnd, LogError> {
//!         Ok(end)
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let text = r#"{
//!     "assistant_id": "example",
//!     "steps": [
//!         {"name": "builtin.json_parse", "step_id": "one", "type": "tool",
//!          "arguments": {"text": "1"}},
//!         {"name": "builtin.json_parse", "step_id": "two", "type": "tool",
//!          "arguments": {"text": "{{one.text}}"}}
//!     ]
//! }"#;
//! let mut loaded = obs::load(Source::from_bytes("plan.json".to_owned(), text.into())?);
//! let context = ProveContext::new(
//!     Registry::new(Vec::new()),
//!     std::env::current_dir()?,
//!     BaseEnvironment::of_this_process(),
//!     SandboxPolicy::new(SandboxMode::Require),
//! );
//! let plan = obs::prove(&mut loaded, &context).plan.ok_or("the plan has problems")?;
//!
//! let log = Log::default();
//! let outcome = obs::run(&plan, &Echo, &log).await;
//!
//! assert_eq!(outcome.result.status, RunStatus::Success);
//! let records = log.0.into_inner()?;
//! assert_eq!(records.len(), 2);
//! assert_eq!(records[1].output.as_ref().unwrap().get(), r#"{"text":"1"}"#);
//! # Ok(())
//! # }
//! ```
//!
//! # Modules
//!
//! Imports go down this list, and no two files import each other; `tests/cli/architecture.rs`
//! checks both.
//!
//! ```text
//! cli → {report, store, policy} → prove → executor → engine → skill
//!     → {plan, process, event} → document → model
//! ```
//!
//! # Glossary
//!
//! The domain is that of the Go package `openbotstack-core/execution` (OpenBotStack): its types are
//! here under the same names.
//!
//! | term | meaning |
//! |---|---|
//! | plan | a JSON or YAML list of steps |
//! | step | one call of a skill, with its arguments |
//! | skill | a directory with a manifest; its program takes JSON on stdin and gives JSON on stdout |
//! | tool | a skill that is built into obs |
//! | run | one execution of a plan |
//! | record | the outcome of one step of a run |
//! | attempt | one start of a skill for a step; retries make more than one |
//! | breaker | the circuit breaker of a skill that keeps failing |
//! | grace period | the time between SIGTERM and SIGKILL |
//! | workspace | the directory in which skills work |
//! | run directory | `$RUN_DIR`, the directory for files between the steps of a run |
//! | scratch directory | the private temporary directory of one step |
//! | grant | a path and what a skill may do with it |
//! | layer | one mechanism of the sandbox, such as Landlock's file rules |
//! | leader | the process that obs starts for an attempt |
//! | tree | the leader and all its descendants |
//! | orphan | a process of a tree whose parent has died |
//! | supervisor | the process that starts a skill, enforces its limits and kills its tree |
//! | lease | the use of a supervisor for one step |
//! | zygote | the process, forked first of all, that forks supervisors and kills their orphans |
//! | chain | the hashes of a run's records, each over the one before |
//! | head | the hash of the last record of a chain |
//! | ledger | the chain of all starts, ends and removals of runs in a state |
//! | state | the directory with the database of runs, records and circuits |

#[cfg(not(target_os = "linux"))]
compile_error!(
    "obs needs Linux: it confines and ends process trees by means of its kernel (on Windows: WSL2)"
);

pub mod cli;
mod document;
mod engine;
mod event;
mod executor;
mod model;
mod plan;
mod policy;
mod process;
mod prove;
mod report;
mod skill;
mod store;

use std::collections::HashMap;

pub use document::{
    DEFAULT_MAX_BYTES, Diagnostic, Diagnostics, Language, Location, Severity, Source, SourceError,
};
pub use engine::{
    Approval, ApprovalAnswer, ApprovalDecision, ApprovalItems, ApprovalOptions, ApprovalRequest,
    Approver, BreakerDecision, CallDecision, CallId, CallLimiter, CircuitBreaker, CircuitState,
    DecidingCause, Decision, Effect, ExecutionContext, ExecutionLogger, FailurePolicy, Identity,
    ItemDigest, LimiterFuture, LogError, LoggedItem, LoggedRunStart, Permit, PlanEnd, PlanStart,
    PolicyGate, PolicyRequest, PreviousItems, ProvenPlan, ProvenStep, Provenance, Rejection,
    Reused, RunOptions, RunOutcome, RunPolicy, RunResult, RunStopReason, ShutdownReceiver,
    ShutdownSender, SkillExecutor, StepControl, StepStart, UnloggedStep, execute_plan,
};
pub use event::{
    EventReceiver, EventSender, RunEvent, RunStarted, RunSummary, StepDetail, TerminationCause,
    channel,
};
pub use executor::BaseEnvironment;
pub use model::{
    AppliedSandbox, Condition, ConditionSubject, ConditionTest, ErrorCode, Excerpt,
    ExecutionLogRecord, ExecutionPlan, ExecutionRequest, ExecutionResult, ExecutionStatus,
    ExecutionStep, InputFiles, ItemCounts, ItemPosition, LeakedProcesses, NotReused,
    NotReusedReason, RecordedApproval, RequestedItems, ResourceUsage, RiskLevel, RunStatus,
    SandboxMode, SandboxReport, SkipKind, SkippedBecause, StepStatus, StepType,
};
pub use plan::{LoadedPlan, load, validate};
pub use process::{RunClock, StopRequest};
pub use prove::{OwnFiles, ProveContext, ProveOutcome, TimeFlags, prove};
pub use skill::{Registry, SandboxPolicy, Skill};

/// Runs `plan` with the defaults of `obs run`: no policies, no circuit breakers, as many steps at
/// the same time as there are cores. What needs an approval is refused, because nobody is asked.
/// [`execute_plan`] takes all of these.
pub async fn run(
    plan: &ProvenPlan,
    executor: &impl SkillExecutor,
    logger: &impl ExecutionLogger,
) -> RunOutcome {
    let run_id = uuid::Uuid::now_v7().to_string();
    let identity = Identity {
        request_id: run_id.clone(),
        assistant_id: plan.assistant_id.clone(),
        ..Identity::default()
    };
    let breaker = store::Breaker::new(None, String::new(), run_id.clone(), HashMap::new());
    let limiter = store::CallLimitStore::new(None, String::new(), run_id.clone(), plan);
    let context = ExecutionContext::new(identity, run_id, plan.timeout.duration, RunClock::new());
    // Nobody listens.
    let (events, _) = channel();
    let mut options = RunOptions::new(logger, &breaker, &events);
    options.limiter = Some(&limiter);
    let (_sender, shutdown) = ShutdownSender::new();
    execute_plan(executor, plan, &context, options, shutdown).await
}

/// What the benchmarks, fuzz targets and tests of this repository use beside the library. It can
/// change at any time.
#[doc(hidden)]
pub mod internal {
    pub use crate::document::{Document, render};
    pub use crate::engine::{ResolvedArguments, RunValue, evaluate_plan};
    pub use crate::executor::read_event_line;
    pub use crate::policy::{CedarGate, FlagPolicies, load as load_policies};
    pub use crate::process::{EventLines, Launcher, Limits, ProcessSpec, Secrets, Zygote};
    pub use crate::report::{RecordTable, TerminalInfo};
    pub use crate::skill::{FrontMatter, load as load_manifest};
    pub use crate::store::{StateLog, StateWriter};
}
