//! Running a proven plan: the one place where executor, engine, signals, log and report meet.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::args::IdentityArgs;
use super::error::{CommandError, Kind};
use super::exit_code;
use super::memory::Memory;
use super::printer::Printer;
use super::{Outcome, confine, panic, policy};
use crate::event::{self, EventSender, RunEvent, RunStatus, RunSummary};
use crate::model::signal_name;
use crate::policy::CedarGate;
use crate::process::{Launcher, RunClock, Zygote, affordable_steps, ignore_file_size_signal};
use crate::report::{ReportOptions, ReportOutcome, Reporter, ReporterHandle};
use crate::runtime::{
    Approver, BaseEnvironment, Cause, Controller, ExecutionContext, FilesPlace, NativeExecutor,
    PolicyGate, ProvenPlan, RunControl, RunDirs, RunOutcome, SandboxPolicy, Signals,
    SkillExecutor as _, Verdict,
    engine::{self, Conduct},
};
use crate::skill::Skill;

/// How long a reporter that is stuck in a write may take after a second signal.
const STUCK_REPORT_PATIENCE: Duration = Duration::from_secs(2);

/// Starts the zygote. The first thing that a verb does which runs skills, while this process is small
/// and single-threaded: see `process`. What obs ignores from then on, skills don't.
pub(super) fn start_zygote() -> Result<Zygote, CommandError> {
    let zygote = Zygote::start().map_err(|error| {
        CommandError::with_source(Kind::Unavailable, "can't start the helper process", &error)
    })?;
    ignore_file_size_signal();
    Ok(zygote)
}

/// A plan that is proven, and everything to run it with.
#[derive(Debug)]
pub(super) struct Execution {
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
    /// What it remembers and is remembered by.
    pub(super) memory: Memory,
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
    pub(super) conduct: Conduct,
}

/// What lies ready before the first step.
struct Ready {
    launcher: Launcher,
    signals: Signals,
    dirs: RunDirs,
    run_id: String,
}

impl Execution {
    /// Runs the plan to its end and gives the exit code.
    pub(super) fn execute(mut self, zygote: Zygote, printer: &Printer) -> Outcome {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| CommandError::with_source(Kind::Fault, "can't start tokio", &error))?;
        let mut ready = {
            let _inside = runtime.enter();
            self.make_ready(zygote)?
        };
        let skills = self.skills.iter().map(AsRef::as_ref);
        runtime.block_on(confine::assure(
            &self.sandbox,
            skills,
            &self.workspace,
            &ready.launcher,
            printer,
        ))?;
        let (events, receiver) = event::channel();
        let reporter =
            Reporter::spawn(self.report.clone(), receiver, printer.streams()).map_err(|error| {
                CommandError::with_source(Kind::Fault, "can't start the reporter", &error)
            })?;
        let (controller, control) = Controller::new();
        let outcome = runtime.block_on(self.drive(&mut ready, &events, &controller, control));
        let verdict = Verdict::of(&outcome.end, &outcome.records, &self.plan.steps);
        let code = exit_code::of(verdict.cause);
        let is_kept = self.memory.store.is_some();
        let summary = summary(ready.run_id.clone(), &verdict, code, &outcome, is_kept);
        events.emit(RunEvent::RunFinished(summary));
        drop(events);
        let last_word = finish_report(reporter, &mut ready.signals, controller.was_forced());
        let code = match runtime.block_on(last_word) {
            Some(exit_code::FAULT) => exit_code::FAULT,
            Some(other) if code == exit_code::SUCCESS => other,
            _ => code,
        };
        drop(ready);
        // A reporter that is stuck in a write is left behind.
        runtime.shutdown_background();
        Ok(code)
    }

    /// Everything that can go wrong before the first step, does so here.
    fn make_ready(&self, zygote: Zygote) -> Result<Ready, CommandError> {
        let fault = |error| CommandError::with_source(Kind::Fault, "can't prepare the run", &error);
        let launcher = Launcher::new(zygote, RunClock::new()).map_err(fault)?;
        let signals = Signals::listen().map_err(fault)?;
        let run_id = uuid::Uuid::now_v7().to_string();
        let dirs = RunDirs::new(match &self.run_dir {
            Some(given) => FilesPlace::Given(given.clone()),
            None => self.memory.files_place(&run_id),
        });
        dirs.prepare(&self.plan)
            .map_err(|(message, hint)| CommandError::new(Kind::Unavailable, message).hint(hint))?;
        Ok(Ready {
            launcher,
            signals,
            dirs,
            run_id,
        })
    }

    /// The tokio side: one executor, one engine, and the signals beside them.
    async fn drive(
        &mut self,
        ready: &mut Ready,
        events: &EventSender,
        controller: &Controller,
        control: RunControl,
    ) -> RunOutcome {
        let Ready {
            launcher,
            signals,
            dirs,
            run_id,
        } = ready;
        let executor = NativeExecutor::new(
            launcher,
            self.environment.clone(),
            self.workspace.clone(),
            dirs,
            self.sandbox.clone(),
            self.report.stream,
        );
        for skill in &self.skills {
            executor.load_skill(Arc::clone(skill));
        }
        let context = ExecutionContext::new(
            policy::identity(&self.identity, &self.plan.assistant_id, run_id),
            run_id.clone(),
            self.plan.timeout.duration,
            launcher.clock().clone(),
        );
        let log = self.memory.log();
        let breaker = self.memory.breaker(&context.identity.tenant_id, run_id);
        let run = engine::Run {
            logger: &log,
            breaker: &breaker,
            provenance: self.memory.provenance.clone(),
            reused: self.memory.reused.clone(),
            approver: Arc::clone(&self.approver),
            gate: self.gate.as_ref().map(|gate| gate as &dyn PolicyGate),
            events,
            conduct: Conduct {
                jobs: affordable_steps(self.conduct.jobs),
                ..self.conduct
            },
        };
        let outcome = tokio::select! {
            outcome = executor.execute_plan(&self.plan, &context, run, control) => outcome,
            never = signals.pass_on(controller, launcher, events) => match never {},
        };
        let verdict = Verdict::of(&outcome.end, &outcome.records, &self.plan.steps);
        dirs.finish(verdict.status == RunStatus::Success);
        outcome
    }
}

/// The last word on a run.
fn summary(
    run_id: String,
    verdict: &Verdict,
    code: u8,
    outcome: &RunOutcome,
    is_kept: bool,
) -> RunSummary {
    let (decided_by, reason) = match verdict.cause {
        Cause::Nothing => (None, None),
        Cause::Step(index, _) => (Some(index), None),
        Cause::Signal(signal) => (None, Some(signal_name(signal).into_owned())),
        Cause::PlanTimeout | Cause::Log => (None, verdict.error.clone()),
    };
    let unlogged = outcome.unlogged.iter().map(|record| {
        let (step, status) = (&record.step_id, record.status);
        format!("; `{step}` ran ({status}), but its record is not in the log")
    });
    let unlogged: Vec<String> = unlogged.collect();
    RunSummary {
        run_id,
        status: verdict.status,
        exit_code: code,
        decided_by,
        reason: reason.map(|reason| reason + &unlogged.concat()),
        elapsed: outcome.elapsed,
        head: outcome.head.clone(),
        resumable: is_kept && verdict.status != RunStatus::Success,
    }
}

/// Waits for the last word to be said, and gives the exit code where it changes it. A reader that
/// does not read must not keep obs alive once somebody wants its end.
async fn finish_report(
    reporter: ReporterHandle,
    signals: &mut Signals,
    forced: bool,
) -> Option<u8> {
    let impatience = async {
        if !forced {
            signals.wants_end().await;
        }
        tokio::time::sleep(STUCK_REPORT_PATIENCE).await;
    };
    let outcome = tokio::select! {
        outcome = tokio::task::spawn_blocking(move || reporter.finish()) => outcome.ok()?,
        () = impatience => return None,
    };
    let ReportOutcome {
        print_error,
        panicked,
        ..
    } = outcome;
    if panicked {
        panic::say_first();
        return Some(exit_code::FAULT);
    }
    // The reporter has said what could not be printed.
    print_error.map(|_| exit_code::FAILED)
}
