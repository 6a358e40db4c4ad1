//! `obs policy check`.

use crate::cli::args::{PolicyCheckArgs, ProblemFormat};
use crate::cli::error::{CommandError, CommandResult, ErrorKind};
use crate::cli::printer::Printer;
use crate::cli::problems::{self, FileReport};
use crate::cli::{exit_code, roots};
use crate::policy;

/// Holds policies against the schema of the skills.
pub(super) fn check(args: &PolicyCheckArgs, printer: &Printer) -> CommandResult {
    let mut files = Vec::new();
    for path in &args.paths {
        files.extend(super::read(path)?);
    }
    let registry = roots::registry(&args.roots, None)?;
    let skills = super::skills(&registry, printer);
    policy::check(&mut files, skills.iter().map(AsRef::as_ref))
        .map_err(|fault| CommandError::from_error(ErrorKind::Fault, &fault))?;
    let findings: Vec<FileReport<'_>> = files.iter().map(super::finding).collect();
    problems::print(&findings, args.format, printer);
    if args.format == ProblemFormat::Table {
        let policies: usize = files.iter().map(|file| file.rules.len()).sum();
        let noun = if policies == 1 { "policy" } else { "policies" };
        let counts = match problems::counts(&findings) {
            counts if counts.is_empty() => "no problems".to_owned(),
            counts => counts,
        };
        let skills = skills.len();
        printer.info(format_args!(
            "checked {policies} {noun} against {skills} skills: {counts}"
        ));
    }
    let is_wrong = files.iter().any(|file| file.problems.has_errors());
    Ok(if is_wrong {
        exit_code::INVALID
    } else {
        exit_code::SUCCESS
    })
}
