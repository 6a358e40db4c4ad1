//! `obs skills check`.

use std::path::PathBuf;
use std::sync::Arc;

use crate::cli::args::{CheckArgs, ProblemFormat};
use crate::cli::error::{CommandError, CommandResult, ErrorKind};
use crate::cli::printer::Printer;
use crate::cli::problems::{self, FileReport};
use crate::cli::{exit_code, roots};
use crate::executor::BaseEnvironment;
use crate::skill::{CheckContext, CheckReport, LoadProblem, check as check_skill};

/// Checks the named skills, or all.
pub(super) fn check(args: &CheckArgs, printer: &Printer) -> CommandResult {
    let directories = directories(args)?;
    let environment = BaseEnvironment::of_this_process();
    let workspace = roots::workspace(None)?;
    let surroundings = CheckContext {
        workspace: &workspace,
        home: environment.home(),
        path: environment.path(),
        is_set: &|name| environment.get(name).is_some(),
    };
    let checked: Vec<Result<CheckReport, Arc<LoadProblem>>> = directories
        .iter()
        .map(|(root, below)| check_skill(root, below, &surroundings))
        .collect();
    let findings: Vec<FileReport<'_>> = checked.iter().map(finding).collect();
    problems::print(&findings, args.format, printer);
    let is_wrong = checked.iter().any(|checked| {
        !checked
            .as_ref()
            .is_ok_and(|checked| !checked.problems.has_errors())
    });
    let counts = problems::counts(&findings);
    let plural = if checked.len() == 1 { "" } else { "s" };
    let counts = if counts.is_empty() {
        "no problems".to_owned()
    } else {
        counts
    };
    if args.format == ProblemFormat::Text {
        printer.info(format_args!(
            "checked {} skill{plural}: {counts}",
            checked.len()
        ));
    }
    Ok(if is_wrong {
        exit_code::INVALID
    } else {
        exit_code::SUCCESS
    })
}

fn finding(checked: &Result<CheckReport, Arc<LoadProblem>>) -> FileReport<'_> {
    match checked {
        Ok(checked) => FileReport::Read {
            document: &checked.document,
            problems: &checked.problems,
        },
        Err(problem) => FileReport::NotLoaded(problem),
    }
}

/// Root and path below it of each skill that was asked for.
fn directories(args: &CheckArgs) -> Result<Vec<(PathBuf, PathBuf)>, CommandError> {
    let registry = roots::registry(&args.roots, None)?;
    let listing = registry.list();
    let wanted = |id: &str| args.ids.is_empty() || args.ids.iter().any(|skill| skill == id);
    let found: Vec<_> = listing
        .skills
        .iter()
        .filter(|listed| wanted(&listed.id))
        .collect();
    for id in &args.ids {
        if !found.iter().any(|listed| listed.id == *id) {
            let error = CommandError::new(ErrorKind::Invalid, format_args!("unknown skill `{id}`"));
            return Err(match registry.nearest_id(id) {
                Some(near) => error.hint(format_args!("did you mean `{near}`?")),
                None => error.hint("`obs skills list` lists the skills"),
            });
        }
    }
    let paths = found.into_iter().filter_map(|listed| {
        let (root, dir) = (listed.root.as_ref()?, listed.dir.as_ref()?);
        Some((root.clone(), dir.strip_prefix(root).ok()?.to_owned()))
    });
    Ok(paths.collect())
}
