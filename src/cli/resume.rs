//! `--resume`: the run to resume, and what is taken over from it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::args::{ResumeArgs, RunSelector, StateArgs};
use super::error::{CommandError, ErrorKind};
use super::plan_path::{is_path, recorded_name};
use super::printer::Printer;
use super::selection;
use super::state::{chain_key, no_run_in, not_found, run_name};
use crate::engine::{ProvenPlan, ProvenStep, Provenance, Reused};
use crate::model::{Escaped, NotReused};
use crate::report::short_id;
use crate::skill::{InputFilesCache, InputPaths, SandboxPolicy};
use crate::store::{
    self, FindError, PreviousRun, ResumeContext, ResumeError, ResumeLock, RunName, StateReader,
    StateWriter, UnsafeStep, files_of,
};

/// What is taken over from the earlier run.
#[derive(Debug, Default)]
pub(super) struct Reuse {
    /// By the steps' indices.
    pub(super) steps: Vec<Result<Reused, NotReused>>,
    /// The steps whose items may be reused one by one: the plan's, and the earlier run's.
    pub(super) items: Vec<(usize, usize)>,
}

/// The run that `--resume` means.
pub(super) struct ResumedRun {
    /// The run, as its records tell it.
    pub(super) previous: PreviousRun,
    /// Where the state keeps the files between its steps.
    kept_files: Option<PathBuf>,
    /// `--run-dir`: whoever gives it answers for what is in it.
    run_dir: Option<PathBuf>,
    /// `--rerun-unsafe`.
    rerun_unsafe: bool,
}

impl ResumedRun {
    /// Finds the run of the plan in `file`; `None` if `--resume` is not given.
    pub(super) fn find(
        args: &ResumeArgs,
        state: &StateArgs,
        run_dir: Option<&Path>,
        file: &Path,
        text: &str,
    ) -> Result<Option<Self>, CommandError> {
        let Some(selector) = &args.resume else {
            return Ok(None);
        };
        let plan = recorded_name(file, text);
        let state_dir = state.directory()?;
        let previous = match selector {
            RunSelector::Path(path) if path != Path::new("-") => {
                in_file_or_of_plan(path, &plan, state)?
            }
            _ if state_dir.is_none() => {
                let message = "`--state-dir none` keeps no run to resume";
                return Err(CommandError::new(ErrorKind::Usage, message)
                    .hint("`--resume=FILE` resumes a run from a file written by `--log`"));
            }
            _ => {
                let history = state.open_reader()?;
                let history = history.ok_or_else(|| not_found(&FindError::Empty))?;
                in_state(&history, &run_name(selector, &plan))?
            }
        };
        Ok(Some(Self {
            kept_files: state_dir.map(|dir| files_of(&dir, previous.first_run())),
            previous,
            run_dir: run_dir.map(Path::to_owned),
            rerun_unsafe: args.rerun_unsafe,
        }))
    }

    /// What `$RUN_DIR` will be, if it may hold files already.
    pub(super) fn run_dir(&self) -> Option<&Path> {
        self.run_dir.as_deref().or(self.kept_files.as_deref())
    }

    /// Takes the right to resume the run.
    pub(super) fn claim(&self, store: &StateWriter) -> Result<ResumeLock, CommandError> {
        store::claim(store, &self.previous.run_id, self.rerun_unsafe).map_err(refused)
    }

    /// What is taken over, by the steps' indices; says how much it is.
    ///
    /// # Errors
    /// If a step would run a second time that must not.
    pub(super) fn reuse(
        &self,
        plan: &ProvenPlan,
        now: &Provenance,
        sandbox: &SandboxPolicy,
        printer: &Printer,
    ) -> Result<Reuse, CommandError> {
        let run = short_id(&self.previous.run_id);
        let cache = RefCell::new(InputFilesCache::default());
        let input_files = |step: &ProvenStep| {
            let skills = std::iter::once(step).chain(step.fallback.as_deref());
            let skills = skills.map(|step| &*step.skill);
            let paths = InputPaths::of(skills, sandbox, Path::new(&now.workspace));
            paths.digests(Instant::now(), &mut cache.borrow_mut())
        };
        let resumption = self.previous.decide_reuse(
            plan,
            &ResumeContext {
                digests: &now.skills,
                files: &now.skill_files,
                workspace: &now.workspace,
                has_files: self.run_dir.is_some()
                    || self.kept_files.as_deref().is_some_and(Path::is_dir),
                input_files: &input_files,
            },
        );
        let is_safe = resumption.unsafe_steps.is_empty() || self.rerun_unsafe;
        if is_safe {
            let (count, steps) = (
                resumption.reused.iter().flatten().count(),
                resumption.reused.len(),
            );
            printer.info(format_args!(
                "resuming run {run}: {count} of {steps} steps are reused"
            ));
        }
        print_reasons(plan, &resumption.reused, printer);
        for (permission, steps) in &resumption.not_compared {
            let steps = shortened(steps);
            printer.info(format_args!(
                "  not compared: files of `{permission}` ({steps})"
            ));
        }
        if is_safe {
            selection::check_values(plan, &resumption.reused)?;
            return Ok(Reuse {
                steps: resumption.reused,
                items: resumption.items,
            });
        }
        let steps: Vec<String> = resumption.unsafe_steps.iter().map(named).collect();
        let message = format!(
            "{} may already have had an effect in run {run} and can't safely run again",
            steps.join(", "),
        );
        Err(CommandError::new(ErrorKind::Invalid, message).hint(
            "nothing was run; `--rerun-unsafe` runs them again, `idempotent: true` in a manifest \
             declares that its skill is safe to run twice",
        ))
    }
}

/// The plan of a run in the state, and its workspace.
pub(super) fn plan_of_run(
    selector: &RunSelector,
    state: &StateArgs,
) -> Result<(PathBuf, Option<PathBuf>), CommandError> {
    if *selector == RunSelector::LatestOfPlan {
        let message = "`--resume` without a run needs the plan whose latest run it resumes";
        return Err(CommandError::new(ErrorKind::Usage, message).hint(
            "`obs run PLAN --resume`, or `obs run --resume=RUN`; `obs runs` lists the runs",
        ));
    }
    let (_, run) = state.find_run(selector)?;
    if !is_path(&run.plan) {
        let message = "the plan of that run came from standard input";
        return Err(CommandError::new(ErrorKind::Usage, message)
            .hint("give the plan too: `obs run PLAN --resume=RUN`"));
    }
    let workspace = run.workspace().filter(|text| !text.is_empty());
    Ok((run.plan.into(), workspace.map(PathBuf::from)))
}

fn in_state(history: &StateReader, name: &RunName) -> Result<PreviousRun, CommandError> {
    PreviousRun::from_history(history, name, chain_key()).map_err(refused)
}

/// The run in the file `path`, which `--log` wrote, or the latest run of the plan in that file.
/// `plan` is the plan at hand.
fn in_file_or_of_plan(
    path: &Path,
    plan: &str,
    state: &StateArgs,
) -> Result<PreviousRun, CommandError> {
    let error = match PreviousRun::from_file(path, plan, chain_key()) {
        Err(ResumeError::Export(error)) => error,
        other => return other.map_err(refused),
    };
    match state.run_of_plan(path) {
        Some((history, run)) => in_state(&history, &RunName::Id(run.run_id)),
        None => Err(no_run_in(&error)),
    }
}

/// Says why steps are not reused: each reason once, with the steps that it is about.
fn print_reasons(plan: &ProvenPlan, reused: &[Result<Reused, NotReused>], printer: &Printer) {
    let mut reasons: Vec<(String, Vec<String>)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for (step, reused) in plan.steps.iter().zip(reused) {
        let Err(not_reused) = reused else { continue };
        let reason = not_reused.to_string();
        let place = *places.entry(reason.clone()).or_insert_with(|| {
            reasons.push((reason, Vec::new()));
            reasons.len() - 1
        });
        reasons[place].1.push(step.label.clone());
    }
    for (reason, steps) in reasons.iter().take(MAX_REASONS) {
        let (steps, reason) = (shortened(steps), Escaped(reason));
        printer.info(format_args!("  not reused: {steps} ({reason})"));
    }
    if let more @ 1.. = reasons.len().saturating_sub(MAX_REASONS) {
        printer.info(format_args!(
            "  and {more} more reasons: `--dry-run` shows all"
        ));
    }
}

/// The names of the first few steps, and how many more there are.
fn shortened(steps: &[String]) -> String {
    let shown = steps.iter().take(MAX_NAMED);
    let shown: Vec<String> = shown.map(|step| format!("`{}`", Escaped(step))).collect();
    match steps.len().saturating_sub(MAX_NAMED) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn named(step: &UnsafeStep) -> String {
    match &step.before {
        Some(before) => format!("`{}` (it was `{before}`)", step.label),
        None => format!("`{}`", step.label),
    }
}

fn refused(error: ResumeError) -> CommandError {
    match error {
        ResumeError::Find(error) => not_found(&error),
        ResumeError::Export(ref error) => no_run_in(error),
        ResumeError::Unreadable(_) => CommandError::from_error(ErrorKind::Unreadable, &error),
        ResumeError::Faulty { .. } => CommandError::from_error(ErrorKind::Invalid, &error)
            .hint("nothing was run; `obs verify` reports all its faults"),
        ResumeError::AlreadyResumed { ref by, .. } => {
            let hint = format!("`--resume={by}` resumes that one");
            CommandError::from_error(ErrorKind::Usage, &error).hint(hint)
        }
        ResumeError::ManyRuns { .. } => CommandError::from_error(ErrorKind::Usage, &error)
            .hint("pass a file that contains one run, or one of this plan"),
        ResumeError::InProgress(_) | ResumeError::BeingResumed(_) | ResumeError::NoHeader(_) => {
            CommandError::from_error(ErrorKind::Usage, &error)
        }
    }
}

/// How many reasons are printed before the run; a dry run shows all.
const MAX_REASONS: usize = 20;

/// How many of the steps with one reason are named.
const MAX_NAMED: usize = 12;
