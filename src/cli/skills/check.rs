//! `obs skills check`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cli::args::{CheckArgs, ProblemFormat};
use crate::cli::error::{CommandError, CommandResult, ErrorKind};
use crate::cli::printer::Printer;
use crate::cli::problems::{self, FileReport};
use crate::cli::{enforceable, exit_code, roots};
use crate::document::Severity;
use crate::executor::BaseEnvironment;
use crate::skill::{
    CheckContext, CheckReport, LoadProblem, Registry, SkillList, check as check_skill,
};

/// What was found in one skill, or why it can't be looked through.
type Checked = Result<CheckReport, Arc<LoadProblem>>;

/// Checks the named skills, or all.
pub(super) fn check(args: &CheckArgs, printer: &Printer) -> CommandResult {
    let registry = roots::registry(&args.roots, None)?;
    let listing = registry.list();
    let mut checked = check_listed(args, &registry, &listing)?;
    let skills = checked.len();
    if args.ids.is_empty() {
        let (doubts, problems): (Vec<_>, Vec<_>) = listing
            .problems
            .iter()
            .partition(|problem| problem.is_doubt());
        if skills == 0 && problems.is_empty() {
            problems::print(&[], args.format, printer);
            return Err(no_skills(&registry, &doubts));
        }
        for doubt in doubts {
            printer.warning(&doubt.to_string());
        }
        checked.extend(problems.into_iter().map(|problem| Err(Arc::clone(problem))));
    }
    let findings: Vec<FileReport<'_>> = checked.iter().map(finding).collect();
    problems::print(&findings, args.format, printer);
    if args.format == ProblemFormat::Table {
        let plural = if skills == 1 { "" } else { "s" };
        let mut counts = problems::counts(&findings);
        if counts.is_empty() {
            "no problems".clone_into(&mut counts);
        }
        printer.info(format_args!("checked {skills} skill{plural}: {counts}"));
    }
    Ok(
        if checked.iter().any(|checked| fails(checked, args.strict)) {
            exit_code::INVALID
        } else {
            exit_code::SUCCESS
        },
    )
}

fn fails(checked: &Checked, strict: bool) -> bool {
    let is_bad = |severity| severity == Severity::Error || strict;
    match checked {
        Ok(report) => report.problems.iter().any(|found| is_bad(found.severity)),
        Err(_) => true,
    }
}

fn finding(checked: &Checked) -> FileReport<'_> {
    match checked {
        Ok(checked) => FileReport::Read {
            document: &checked.document,
            problems: &checked.problems,
        },
        Err(problem) => FileReport::NotLoaded(problem),
    }
}

/// Looks through each skill that was asked for.
fn check_listed(
    args: &CheckArgs,
    registry: &Registry,
    listing: &SkillList,
) -> Result<Vec<Checked>, CommandError> {
    let directories = directories(args, registry, listing)?;
    let environment = BaseEnvironment::of_this_process();
    let surroundings = CheckContext {
        workspace: &roots::workspace(None)?,
        sandbox: &enforceable::default_policy(&environment),
        path: environment.path(),
        is_set: &|name| environment.get(name).is_some(),
    };
    let checked = directories
        .iter()
        .map(|(root, below)| check_skill(root, below, &surroundings));
    Ok(checked.collect())
}

/// Root and path below it of each skill that was asked for.
fn directories(
    args: &CheckArgs,
    registry: &Registry,
    listing: &SkillList,
) -> Result<Vec<(PathBuf, PathBuf)>, CommandError> {
    let wanted = |id: &str| args.ids.is_empty() || args.ids.iter().any(|skill| skill == id);
    let found: Vec<_> = listing
        .skills
        .iter()
        .filter(|listed| wanted(&listed.id))
        .collect();
    let is_found = |id: &String| found.iter().any(|listed| listed.id == *id);
    if let Some(id) = args.ids.iter().find(|id| !is_found(id)) {
        return Err(super::unknown(id, registry));
    }
    let paths = found.into_iter().filter_map(|listed| {
        let (root, dir) = (listed.root.as_ref()?, listed.dir.as_ref()?);
        Some((root.clone(), dir.strip_prefix(root).ok()?.to_owned()))
    });
    Ok(paths.collect())
}

/// Says where obs looked, and what it found instead of skills.
fn no_skills(registry: &Registry, doubts: &[&Arc<LoadProblem>]) -> CommandError {
    let mut error = CommandError::new(ErrorKind::Unreadable, "no skills here");
    for (root, is_there) in registry.roots() {
        error = error.cause(empty_root(root, is_there));
    }
    for doubt in doubts {
        error = error.cause(doubt);
    }
    let mut helps: Vec<String> = doubts.iter().filter_map(|doubt| doubt.help()).collect();
    helps.dedup();
    if helps.is_empty() {
        helps.push(
            "`obs init` makes a skill and a plan, `obs skills new` makes a skill of a command, \
             `--skills DIR` searches elsewhere"
                .to_owned(),
        );
    }
    helps.into_iter().fold(error, CommandError::hint)
}

fn empty_root(root: &Path, is_there: bool) -> String {
    let shown = root.display();
    if is_there {
        format!("`{shown}` holds no directory with a `manifest.yaml`")
    } else if root.symlink_metadata().is_ok() {
        format!("`{shown}` is not a directory")
    } else {
        format!("`{shown}` does not exist")
    }
}
