//! `--resume`: the run to resume, and what is taken over from it.

use std::path::{Path, PathBuf};

use super::args::{ResumeArgs, RunArgs, RunSelector, StateArgs};
use super::error::{CommandError, ErrorKind};
use super::printer::Printer;
use super::state::{chain_key, not_found};
use crate::engine::{ProvenPlan, Provenance, Reused};
use crate::model::sha256_hex;
use crate::report::short_id;
use crate::store::{
    self, ExportError, PreviousRun, ResumeContext, ResumeError, ResumeLock, StateWriter,
    UnsafeStep, files_of,
};

/// The run that `--resume` means; `None` if it is not asked for.
pub(super) fn find(
    args: &ResumeArgs,
    state: &StateArgs,
    file: &Path,
    text: &str,
) -> Result<Option<PreviousRun>, CommandError> {
    let Some(selector) = &args.resume else {
        return Ok(None);
    };
    let plan = plan_name(file, text);
    let base = match (selector, state.directory()?) {
        (RunSelector::File(file), _) => PreviousRun::from_file(file, &plan, chain_key()),
        (_, None) => {
            let message = "`--state-dir none` keeps no run to resume";
            return Err(CommandError::new(ErrorKind::Usage, message)
                .hint("`--resume=FILE` resumes a run from a file written by `--log`"));
        }
        (_, Some(_)) => match state.open_reader()? {
            Some(history) => {
                PreviousRun::from_history(&history, selector.name(), &plan, chain_key())
            }
            None => Err(ResumeError::NoRun(plan)),
        },
    };
    base.map(Some).map_err(refused)
}

/// What `$RUN_DIR` will be, if it may hold files already: what `--run-dir` names, or that of the
/// run `base`.
pub(super) fn run_dir(
    args: &RunArgs,
    state: &StateArgs,
    base: Option<&PreviousRun>,
) -> Result<Option<PathBuf>, CommandError> {
    if let Some(given) = &args.directories.run_dir {
        return Ok(Some(given.clone()));
    }
    let Some(base) = base else { return Ok(None) };
    let dir = state.directory()?;
    Ok(dir.map(|dir| files_of(&dir, base.first_run())))
}

/// Takes the right to resume `base`.
pub(super) fn claim(
    base: &PreviousRun,
    store: &StateWriter,
    args: &ResumeArgs,
) -> Result<ResumeLock, CommandError> {
    let claim = store::claim(store, &base.run_id, args.rerun_unsafe);
    claim.map_err(refused)
}

/// What is taken over from `base`, by the steps' indices.
///
/// # Errors
/// If a step would run a second time that must not.
pub(super) fn reused(
    base: &PreviousRun,
    args: &RunArgs,
    state: &StateArgs,
    plan: &ProvenPlan,
    now: &Provenance,
) -> Result<Vec<Option<Reused>>, CommandError> {
    let dir = state.directory()?;
    let is_kept = dir.is_some_and(|dir| files_of(&dir, base.first_run()).is_dir());
    let resumption = base.resume(
        plan,
        &ResumeContext {
            digests: &now.skills,
            workspace: &now.workspace,
            // What stands where `--run-dir` says is whoever's who says it.
            has_files: is_kept || args.directories.run_dir.is_some(),
        },
    );
    if resumption.unsafe_steps.is_empty() || args.resume.rerun_unsafe {
        return Ok(resumption.reused);
    }
    let steps: Vec<String> = resumption.unsafe_steps.iter().map(named).collect();
    let message = format!(
        "{} may already have had an effect in run {} and can't safely run again",
        steps.join(", "),
        short_id(&base.run_id)
    );
    Err(CommandError::new(ErrorKind::Invalid, message).hint(
        "nothing was run; `--rerun-unsafe` runs them again, `idempotent: true` in a manifest \
         declares that its skill is safe to run twice",
    ))
}

/// Says what is taken over.
pub(super) fn say(base: &PreviousRun, reused: &[Option<Reused>], printer: &Printer) {
    let (count, steps) = (reused.iter().flatten().count(), reused.len());
    let run = short_id(&base.run_id);
    printer.info(format_args!(
        "resuming run {run}: {count} of {steps} steps are reused"
    ));
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
        ResumeError::NoRun(_) => CommandError::from_error(ErrorKind::Unreadable, &error)
            .hint("run it without `--resume`, or name one of the runs that `obs runs` lists"),
        ResumeError::Export(ExportError::Unreadable { .. }) | ResumeError::Unreadable(_) => {
            CommandError::from_error(ErrorKind::Unreadable, &error)
        }
        ResumeError::Faulty { .. } => CommandError::from_error(ErrorKind::Invalid, &error)
            .hint("nothing was run; `obs verify` reports all its faults"),
        ResumeError::AlreadyResumed { ref by, .. } => {
            let hint = format!("`--resume={by}` resumes that one");
            CommandError::from_error(ErrorKind::Usage, &error).hint(hint)
        }
        ResumeError::ManyRuns { .. } => CommandError::from_error(ErrorKind::Usage, &error)
            .hint("pass a file that contains one run, or one of this plan"),
        ResumeError::InProgress(_)
        | ResumeError::BeingResumed(_)
        | ResumeError::NoHeader(_)
        | ResumeError::Export(_) => CommandError::from_error(ErrorKind::Usage, &error),
    }
}

/// How much of a digest tells one plan from standard input from another.
const STDIN_DIGITS: usize = 16;

/// The name by which the runs of the plan in `file` are found again. What came from standard input
/// is known by its text alone.
pub(super) fn plan_name(file: &Path, text: &str) -> String {
    if file == Path::new("-") {
        let digest = sha256_hex(text.as_bytes());
        return format!("- ({})", &digest[..STDIN_DIGITS]);
    }
    let absolute = file.canonicalize().ok();
    absolute.as_deref().unwrap_or(file).display().to_string()
}
