//! `obs validate`: everything that is wrong with plans, and nothing runs.

use std::path::Path;

use super::args::{ProblemFormat, StateArgs, ValidateArgs};
use super::error::{CommandError, CommandResult};
use super::printer::{Printer, Verbosity};
use super::problems::{self, FileReport};
use super::{enforceable, exit_code, inputs, policy, roots, secrets};
use crate::document::{Severity, Source, SourceError};
use crate::engine::MOST_ITEMS;
use crate::executor::BaseEnvironment;
use crate::model::Escaped;
use crate::plan::{self, LoadedPlan};
use crate::prove::{self, OwnFiles, ProveContext, ProveOutcome};

/// What became of one file.
enum ValidatedPlan {
    Unread(SourceError),
    Read {
        loaded: Box<LoadedPlan>,
        outcome: Box<ProveOutcome>,
    },
}

/// Runs the verb.
pub(super) fn validate(args: &ValidateArgs, state: &StateArgs, printer: &Printer) -> CommandResult {
    let own_files = state.own_files(None, None);
    let workspace = roots::workspace(args.workspace.as_deref())?;
    let environment = secrets::environment(&args.secrets, printer)?;
    let checked: Vec<ValidatedPlan> = args
        .plans
        .iter()
        .map(|path| check(path, args, &workspace, &environment, &own_files, printer))
        .collect::<Result<_, _>>()?;
    // A file that can't be read says more than one that is wrong.
    let code = checked
        .iter()
        .map(|checked| checked.code(args.strict))
        .max()
        .unwrap_or_default();
    let findings: Vec<FileReport<'_>> = checked.iter().flat_map(ValidatedPlan::findings).collect();
    let is_hidden = printer.verbosity() == Verbosity::Quiet
        && args.format == ProblemFormat::Table
        && code == exit_code::SUCCESS;
    if !is_hidden {
        problems::print(&findings, args.format, printer);
    }
    let counts = problems::counts(&findings);
    if !counts.is_empty() {
        printer.info(&counts);
    }
    for (path, checked) in args.plans.iter().zip(&checked) {
        if let ValidatedPlan::Read { loaded, .. } = checked
            && checked.code(args.strict) == exit_code::SUCCESS
        {
            let name = path.display().to_string();
            let steps = loaded.plan.steps.len();
            let plural = if steps == 1 { "" } else { "s" };
            printer.info(format_args!(
                "ok: {} ({steps} step{plural})",
                Escaped(&name)
            ));
        }
    }
    drop(findings);
    // A long plan is very many small pieces, and the process is about to give all of them back at
    // once.
    std::mem::forget(checked);
    Ok(code)
}

fn check(
    path: &Path,
    args: &ValidateArgs,
    workspace: &Path,
    environment: &BaseEnvironment,
    own_files: &OwnFiles,
    printer: &Printer,
) -> Result<ValidatedPlan, CommandError> {
    Ok(match Source::read(path, args.max_plan_size) {
        Err(error) => ValidatedPlan::Unread(error),
        Ok(source) => {
            let mut loaded = plan::load(source);
            let context = ProveContext {
                own_files: own_files.clone(),
                inputs: inputs::of_plan(&args.inputs, path, &loaded)?,
                read: roots::read_files(path, &args.inputs, &args.policy),
                max_items: MOST_ITEMS,
                ..ProveContext::new(
                    roots::registry(&args.roots, Some(path))?,
                    workspace.to_owned(),
                    environment.clone(),
                    enforceable::default_policy(environment),
                )
            };
            let outcome = prove::prove(&mut loaded, &context);
            if let Some(plan) = &outcome.plan
                && let Some(gate) = policy::gate(&args.policy, &args.identity, plan, printer)?
            {
                policy::add_denials(&gate, plan, &mut loaded);
            }
            ValidatedPlan::Read {
                loaded: Box::new(loaded),
                outcome: Box::new(outcome),
            }
        }
    })
}

impl ValidatedPlan {
    /// The plan's own problems, then those of the manifests that it needs.
    fn findings(&self) -> Vec<FileReport<'_>> {
        match self {
            Self::Unread(error) => vec![FileReport::Unread(error)],
            Self::Read { loaded, outcome } => problems::of_plan(loaded, &outcome.not_loaded),
        }
    }

    fn code(&self, strict: bool) -> u8 {
        match self {
            Self::Unread(error) if error.is_unreadable() => exit_code::UNREADABLE,
            Self::Unread(_) => exit_code::INVALID,
            Self::Read { loaded, outcome } => {
                let fails = |severity| severity == Severity::Error || strict;
                let own = loaded
                    .problems
                    .iter()
                    .any(|problem| fails(problem.severity));
                if policy::is_all(&loaded.problems) {
                    exit_code::REJECTED
                } else if own || outcome.plan.is_none() {
                    exit_code::INVALID
                } else {
                    exit_code::SUCCESS
                }
            }
        }
    }
}
