//! Running a proven plan: the one place where executor, engine, signals, log and report meet.

use std::future::pending;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::args::{IdentityArgs, SandboxArgs};
use super::error::{CommandError, CommandResult, ErrorKind};
use super::printer::Printer;
use super::run_storage::RunStorage;
use super::{enforceable, exit_code, next_step, panic, policy};
use crate::engine::{
    ApprovalOptions, Approver, DecidingCause, ExecutionContext, PolicyGate, PreviousItems,
    ProvenPlan, RunOptions, RunOutcome, RunPolicy, ShutdownSender, Signals, SkillExecutor as _,
    execute_plan,
};
use crate::event::{self, EventSender, RunEvent, RunSummary};
use crate::executor::{BaseEnvironment, NativeExecutor, RunDirs, SharedDirKind};
use crate::model::{RunStatus, SandboxMode, StepStatus, signal_name};
use crate::policy::CedarGate;
use crate::process::{Launcher, RunClock, Zygote, ignore_file_size_signal, max_concurrent_steps};
use crate::report::{ReportOptions, Reporter, ReporterHandle};
use crate::skill::{SandboxPolicy, Skill};
use crate::store::RetentionLimits;

/// The least time that the reader of an output may take for its next part after the run.
const STUCK_OUTPUT_TIMEOUT: Duration = Duration::from_secs(2);

/// Starts the zygote. The first thing that a verb does which runs skills, while this process is
/// small and single-threaded: see `process`. What obs ignores from then on, skills don't. What this
/// machine can enforce is found out while the plan is proven.
pub(super) fn start_zygote(sandbox: &SandboxArgs) -> Result<Zygote, CommandError> {
    let zygote = if sandbox.sandbox == SandboxMode::Off {
        Zygote::start_unconfined().map_err(|error| no_helper(&error))?
    } else {
        let mut zygote = Zygote::start().map_err(|error| no_helper(&error))?;
        zygote.probe_ahead();
        zygote
    };
    ignore_file_size_signal();
    Ok(zygote)
}

/// Says that no helper process can be had.
pub(super) fn no_helper(error: &io::Error) -> CommandError {
    CommandError::with_source(
        ErrorKind::Unavailable,
        "can't start the helper process",
        error,
    )
}

/// A plan that is proven, and everything to run it with.
#[derive(Debug)]
pub(super) struct PreparedRun {
    /// The plan.
    pub(super) plan: ProvenPlan,
    /// The skills that it calls.
    pub(super) skills: Vec<Arc<Skill>>,
    /// obs's own environment.
    pub(super) environment: BaseEnvironment,
    /// Where skills work.
    pub(super) workspace: PathBuf,
    /// `--run-dir`.
    pub(super) run_dir: Option<PathBuf>,
    /// Who asks.
    pub(super) identity: IdentityArgs,
    /// The policies in force.
    pub(super) gate: Option<CedarGate>,
    /// Who approves what can do real harm.
    pub(super) approver: Arc<dyn Approver>,
    /// What is shown.
    pub(super) report: ReportOptions,
    /// How skills are confined.
    pub(super) sandbox: SandboxPolicy,
    /// How steps are run.
    pub(super) policy: RunPolicy,
    /// How long steps that nobody approves wait for an answer; `None` if they don't.
    pub(super) approval_wait: Option<Duration>,
    /// The runs beyond these limits are removed at the end.
    pub(super) retention: RetentionLimits,
    /// `--state-dir`, if it was typed.
    pub(super) typed_state_dir: Option<PathBuf>,
}

/// What lies ready before the first step.
struct RunResources {
    launcher: Launcher,
    dirs: RunDirs,
    run_id: String,
}

impl RunResources {
    /// Takes the helper processes into service. Called inside a tokio runtime.
    fn new(zygote: Zygote, dirs: RunDirs) -> Result<Self, CommandError> {
        let launcher = Launcher::new(zygote, RunClock::new());
        Ok(Self {
            launcher: launcher.map_err(|error| no_helper(&error))?,
            dirs,
            run_id: uuid::Uuid::now_v7().to_string(),
        })
    }
}

fn tokio_runtime() -> Result<tokio::runtime::Runtime, CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime
        .map_err(|error| CommandError::with_source(ErrorKind::Fault, "can't start tokio", &error))
}

fn listen(runtime: &tokio::runtime::Runtime) -> Result<Signals, CommandError> {
    let _inside = runtime.enter();
    Signals::listen().map_err(|error| {
        CommandError::with_source(ErrorKind::Fault, "can't prepare the run", &error)
    })
}

impl PreparedRun {
    /// Runs the plan to its end and returns the exit code. `open_storage` opens the state while the
    /// first supervisor prepares the first step.
    pub(super) fn run(
        self,
        mut zygote: Zygote,
        open_storage: impl FnOnce(&Self) -> Result<RunStorage, CommandError>,
        printer: &Printer,
    ) -> CommandResult {
        let dirs = RunDirs::default();
        dirs.prepare(&self.plan).map_err(no_directory)?;
        zygote.wait().map_err(|error| no_helper(&error))?;
        let runtime = tokio_runtime()?;
        let ready = {
            let _inside = runtime.enter();
            RunResources::new(zygote, dirs)?
        };
        let executor = self.executor(&ready);
        if let Some(first) = self.plan.steps.first() {
            executor.prepare_ahead(&first.skill_id);
        }
        let mut storage = open_storage(&self)?;
        self.settle(&ready, &mut storage)?;
        // Not before: who can't wait for a state that is in use, ends obs. (A directory of its
        // steps that is left behind by that is found by the next obs.)
        let mut signals = listen(&runtime)?;
        let skills = self.skills.iter().map(AsRef::as_ref);
        runtime.block_on(enforceable::ensure_enforceable(
            &self.sandbox,
            skills,
            &self.workspace,
            &ready.launcher,
            printer,
        ))?;
        let (events, reporter) = self.start_reporter(printer)?;
        let keeps = storage.keeps();
        let run = self.drive(&ready, &executor, &mut storage, &mut signals, &events);
        let (outcome, was_forced) = runtime.block_on(run);
        // They go while the last word is said.
        ready.launcher.dismiss();
        let code = exit_code::from_cause(outcome.result.cause);
        let mut summary = summary(ready.run_id.clone(), code, &outcome);
        summary.is_kept = keeps;
        summary.resumable &= storage.store.is_some();
        events.emit(RunEvent::RunFinished(summary));
        drop(events);
        let time_left = self.plan.timeout.duration.saturating_sub(outcome.elapsed);
        let last_word = finish_report(reporter, &mut signals, was_forced, time_left, printer);
        let code = exit_code::with_report(code, runtime.block_on(last_word));
        warn_if_nothing_ran(&outcome, printer);
        self.print_next_step(&storage, &ready.run_id, &outcome, printer);
        storage.remove_expired(self.retention);
        drop(ready);
        // What is at work on threads of its own (a built-in tool, a reporter that is stuck in a
        // write) is left behind.
        runtime.shutdown_background();
        Ok(code)
    }

    fn start_reporter(
        &self,
        printer: &Printer,
    ) -> Result<(EventSender, ReporterHandle), CommandError> {
        let (events, receiver) = event::channel();
        let reporter = Reporter::spawn(self.report.clone(), receiver, printer.streams());
        let reporter = reporter.map_err(|error| {
            CommandError::with_source(ErrorKind::Fault, "can't start the reporter", &error)
        })?;
        Ok((events, reporter))
    }

    fn print_next_step(
        &self,
        storage: &RunStorage,
        run_id: &str,
        outcome: &RunOutcome,
        printer: &Printer,
    ) {
        if let Some(store) = &storage.store {
            let typed_dir = self.typed_state_dir.as_deref();
            next_step::print(store.dir(), typed_dir, run_id, outcome, printer);
        }
    }

    /// The executor, with all skills of the plan.
    fn executor<'r>(&self, ready: &'r RunResources) -> NativeExecutor<'r> {
        let executor = NativeExecutor::new(
            &ready.launcher,
            self.environment.clone(),
            self.workspace.clone(),
            &ready.dirs,
            self.sandbox.clone(),
            self.report.streaming,
            &self.plan.exposure,
        );
        for skill in &self.skills {
            executor.load_skill(Arc::clone(skill));
        }
        executor
    }

    /// Makes the directory for files between steps.
    fn settle(&self, ready: &RunResources, storage: &mut RunStorage) -> Result<(), CommandError> {
        let place = match &self.run_dir {
            Some(given) => SharedDirKind::Given(given.clone()),
            None => storage.files_place(&ready.run_id),
        };
        let settled = ready.dirs.create_shared(place, &self.plan);
        settled.map_err(no_directory)?;
        match &self.run_dir {
            Some(given) if given.is_dir() => storage.lock_run_dir(given, &ready.run_id),
            _ => Ok(()),
        }
    }

    /// The tokio side: one executor, one engine, and the signals beside them. Says too whether
    /// somebody forced the end.
    async fn drive(
        &self,
        ready: &RunResources,
        executor: &NativeExecutor<'_>,
        storage: &mut RunStorage,
        signals: &mut Signals,
        events: &EventSender,
    ) -> (RunOutcome, bool) {
        let RunResources {
            launcher,
            dirs,
            run_id,
        } = ready;
        let context = ExecutionContext::new(
            policy::identity(&self.identity, &self.plan.assistant_id, run_id),
            run_id.clone(),
            self.plan.timeout.duration,
            launcher.clock().clone(),
        );
        let log = storage.log();
        let breaker = storage.breaker(&context.identity.tenant_id, run_id);
        let limiter = storage.call_limits(&context.identity.tenant_id, run_id, &self.plan);
        let run = RunOptions {
            logger: &log,
            breaker: &breaker,
            limiter: Some(&limiter),
            provenance: storage.provenance.clone(),
            reused: storage.reused.clone(),
            previous_items: storage
                .items
                .as_ref()
                .map(|items| items as &dyn PreviousItems),
            approver: Arc::clone(&self.approver),
            approvals: ApprovalOptions {
                wait: self.approval_wait,
                answers: storage.answers.clone(),
            },
            gate: self.gate.as_ref().map(|gate| gate as &dyn PolicyGate),
            events,
            policy: RunPolicy {
                jobs: max_concurrent_steps(self.policy.jobs),
                ..self.policy
            },
        };
        let (controller, control) = ShutdownSender::new();
        let outcome = tokio::select! {
            outcome = execute_plan(executor, &self.plan, &context, run, control) => outcome,
            never = signals.forward(&controller, launcher, events) => match never {},
        };
        dirs.finish(outcome.result.status == RunStatus::Success);
        (outcome, controller.was_forced())
    }
}

fn no_directory((message, hint): (String, &'static str)) -> CommandError {
    CommandError::new(ErrorKind::Unavailable, message).hint(hint)
}

/// A run whose conditions skip every step is a success, but hardly what was meant.
fn warn_if_nothing_ran(outcome: &RunOutcome, printer: &Printer) {
    let mut records = outcome.records.iter();
    let is_success = outcome.result.status == RunStatus::Success;
    if is_success && records.all(|record| record.status == StepStatus::Skipped) {
        printer.warning("no step ran: all steps were skipped");
    }
}

/// The last word on a run.
fn summary(run_id: String, code: u8, outcome: &RunOutcome) -> RunSummary {
    let result = &outcome.result;
    let (decided_by, reason) = match result.cause {
        DecidingCause::Nothing => (None, None),
        DecidingCause::Step(index, _) | DecidingCause::Finally(index) => (Some(index), None),
        DecidingCause::Signal(signal) => (None, Some(signal_name(signal).into_owned())),
        DecidingCause::Leak(_)
        | DecidingCause::Waiting(_)
        | DecidingCause::PlanTimeout
        | DecidingCause::Log => (None, result.error.clone()),
    };
    let unlogged = outcome.unlogged.iter().map(|record| {
        let (step, status) = (&record.step_id, record.status);
        format!("; `{step}` ran ({status}), but its record is not in the log")
    });
    let unlogged: Vec<String> = unlogged.collect();
    RunSummary {
        run_id,
        status: result.status,
        exit_code: code,
        decided_by,
        reason: reason.map(|reason| reason + &unlogged.concat()),
        elapsed: outcome.elapsed,
        head: outcome.head.clone(),
        resumable: result.status != RunStatus::Success,
        is_kept: true,
    }
}

/// Waits until everything is written, and gives the exit code if that changes it. A reader that
/// does not read is waited for as long as the run might have taken. A signal makes the wait short,
/// and a second one ends it.
async fn finish_report(
    reporter: ReporterHandle,
    signals: &mut Signals,
    forced: bool,
    time_left: Duration,
    printer: &Printer,
) -> Option<u8> {
    printer.limit_waits(time_left.max(STUCK_OUTPUT_TIMEOUT));
    let shorten_wait = async {
        if !forced {
            signals.recv_shutdown().await;
            printer.limit_waits(STUCK_OUTPUT_TIMEOUT);
            signals.recv_shutdown().await;
        }
        printer.limit_waits(Duration::ZERO);
        pending().await
    };
    let outcome = tokio::select! {
        outcome = reporter.finish() => outcome,
        never = shorten_wait => match never {},
    };
    if outcome.panicked {
        panic::say_first();
        return Some(exit_code::FAULT);
    }
    // The reporter has said what could not be printed.
    outcome.print_error.map(|_| exit_code::FAILED)
}
