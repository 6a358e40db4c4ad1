//! From the flags about policies to the gate of a run, and what it says of a plan; `obs policy`.

mod check;
mod test;

use std::path::Path;
use std::sync::Arc;

use super::args::{IdentityArgs, PolicyArgs, PolicyCommand, PolicySchemaArgs};
use super::error::{CommandError, CommandResult, ErrorKind};
use super::printer::Printer;
use super::problems::{self, FileReport};
use super::{exit_code, roots};
use crate::document::{Diagnostic, Diagnostics, Location};
use crate::engine::{Identity, ProvenPlan, evaluate_plan};
use crate::plan::LoadedPlan;
use crate::policy::{self, CedarGate, PolicyFile};
use crate::skill::{Registry, Skill};

/// The code of the problem that a policy makes of a step.
const CODE: &str = "policy_rejected";

/// Runs the verb.
pub(super) fn policy(command: PolicyCommand, printer: &Printer) -> CommandResult {
    match command {
        PolicyCommand::Schema(args) => schema(&args, printer),
        PolicyCommand::Check(args) => check::check(&args, printer),
        PolicyCommand::Test(args) => test::test(&args, printer),
    }
}

fn schema(args: &PolicySchemaArgs, printer: &Printer) -> CommandResult {
    let registry = roots::registry(&args.roots, None)?;
    let skills = skills(&registry, printer);
    printer.print(policy::schema_text(skills.iter().map(AsRef::as_ref)));
    Ok(exit_code::SUCCESS)
}

/// The skills that can be called, each once.
fn skills(registry: &Registry, printer: &Printer) -> Vec<Arc<Skill>> {
    let listing = registry.list();
    for problem in listing.problems.iter().filter(|found| !found.is_doubt()) {
        printer.warning(&problem.to_string());
    }
    let seen = (listing.skills.into_iter()).filter(|listed| listed.hidden_by.is_none());
    let mut skills = Vec::new();
    for listed in seen {
        match listed.outcome {
            Ok(skill) => skills.push(skill),
            Err(problem) => printer.warning(&format!("skipped skill `{}`: {problem}", listed.id)),
        }
    }
    skills
}

/// The gate that the flags ask for; none if they ask for nothing, so that Cedar is not touched.
pub(super) fn gate(
    args: &PolicyArgs,
    who: &IdentityArgs,
    plan: &ProvenPlan,
    printer: &Printer,
) -> Result<Option<CedarGate>, CommandError> {
    let short = args.short_form();
    if args.policy.is_none() && short.is_empty() {
        return Ok(None);
    }
    let rules = match args.policy.as_deref() {
        Some(path) => {
            let files = sound(read(path)?, path, printer)?;
            Some(files.into_iter().flat_map(|file| file.rules).collect())
        }
        None => None,
    };
    // The id of the run is not known yet, and no part of the question.
    let identity = identity(who, &plan.assistant_id, "");
    let gate = CedarGate::new(rules, &short, identity);
    gate.map(Some)
        .map_err(|error| CommandError::from_error(ErrorKind::Invalid, &error))
}

/// Who asks, as a run of a plan by `assistant_id` will say.
pub(super) fn identity(flags: &IdentityArgs, assistant_id: &str, run_id: &str) -> Identity {
    let or_empty = |flag: &Option<String>| flag.clone().unwrap_or_default();
    let or = |flag: &Option<String>, other: &str| flag.clone().unwrap_or_else(|| other.to_owned());
    Identity {
        request_id: or(&flags.request_id, run_id),
        assistant_id: or(&flags.assistant_id, assistant_id),
        session_id: or_empty(&flags.session_id),
        tenant_id: or_empty(&flags.tenant_id),
        user_id: or_empty(&flags.user_id),
    }
}

fn read(path: &Path) -> Result<Vec<PolicyFile>, CommandError> {
    policy::load(path).map_err(|error| {
        CommandError::from_error(ErrorKind::of_file(error.is_unreadable()), &error)
    })
}

/// The files, where nothing is wrong with them.
fn sound(
    files: Vec<PolicyFile>,
    path: &Path,
    printer: &Printer,
) -> Result<Vec<PolicyFile>, CommandError> {
    if !files.iter().any(|file| file.problems.has_errors()) {
        return Ok(files);
    }
    let findings: Vec<FileReport<'_>> = files.iter().map(finding).collect();
    for finding in &findings {
        let text = finding.text(printer.stderr_look());
        if !text.is_empty() {
            printer.eprint(text.trim_end_matches('\n'));
            printer.eprint("");
        }
    }
    let counts = problems::counts(&findings);
    let message = format!("invalid policies in `{}`: {counts}", path.display());
    Err(CommandError::new(ErrorKind::Invalid, message).hint("nothing was run"))
}

fn finding(file: &PolicyFile) -> FileReport<'_> {
    FileReport::Read {
        document: &file.document,
        problems: &file.problems,
    }
}

/// Adds what the policies say against steps of `plan` to the problems of the plan as it was read.
pub(super) fn add_denials(gate: &CedarGate, plan: &ProvenPlan, loaded: &mut LoadedPlan) {
    let mut problems = Diagnostics::default();
    for (index, decision) in evaluate_plan(gate, plan).into_iter().enumerate() {
        if plan.selection.leaves_out(index) {
            continue;
        }
        let Some(denial) = decision.denial(&plan.steps[index]) else {
            continue;
        };
        let place = Location::value(loaded.plan.pointer(index));
        let mut problem = Diagnostic::error(CODE, place, denial)
            .help("obs would reject the plan (exit code 77) before anything runs");
        problem.step_index = Some(index);
        problems.push(problem);
    }
    loaded.problems.append(problems);
    loaded.document.sort_and_dedup(&mut loaded.problems);
}

/// True if nothing but policies stands against the plan.
pub(super) fn is_all(problems: &Diagnostics) -> bool {
    let mut errors = problems
        .iter()
        .filter(|problem| problem.is_error())
        .peekable();
    errors.peek().is_some() && errors.all(|problem| problem.code == CODE)
}
