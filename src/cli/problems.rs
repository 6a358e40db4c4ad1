//! Problems of one or more files, shown in one of four forms.

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::{Value, json};

use super::args::ProblemFormat;
use super::printer::Printer;
use crate::document::{Diagnostic, Diagnostics, Document, Severity, SourceError, render};
use crate::model::{Escaped, json_line, json_pretty, wrap};
use crate::plan::LoadedPlan;
use crate::report::TerminalInfo;
use crate::skill::LoadProblem;

/// What was found in one file.
#[derive(Debug)]
pub(super) enum FileReport<'f> {
    /// The file could not be taken as text.
    Unread(&'f SourceError),
    /// The skill could not be loaded, for a reason that has no place in a text.
    NotLoaded(&'f LoadProblem),
    /// Its problems; maybe none.
    Read {
        /// The file.
        document: &'f Document,
        /// What is wrong with it.
        problems: &'f Diagnostics,
    },
    /// A plan; the problems of manifests follow in reports of their own.
    Plan {
        /// The plan.
        document: &'f Document,
        /// What is wrong with it.
        problems: &'f Diagnostics,
        /// The skills that can't be loaded.
        not_loaded: &'f [Arc<LoadProblem>],
    },
}

/// The plan's own problems, then those of the manifests that it needs.
pub(super) fn of_plan<'f>(
    loaded: &'f LoadedPlan,
    not_loaded: &'f [Arc<LoadProblem>],
) -> Vec<FileReport<'f>> {
    let plan = FileReport::Plan {
        document: &loaded.document,
        problems: &loaded.problems,
        not_loaded,
    };
    let manifests = not_loaded.iter().filter_map(|error| error.loaded());
    let manifests = manifests.map(|loaded| FileReport::Read {
        document: &loaded.document,
        problems: &loaded.problems,
    });
    std::iter::once(plan).chain(manifests).collect()
}

impl<'f> FileReport<'f> {
    /// How many problems of `severity` it has.
    fn count(&self, severity: Severity) -> usize {
        match self {
            Self::Unread(_) | Self::NotLoaded(_) => usize::from(severity == Severity::Error),
            Self::Read { problems, .. } => problems.count(severity),
            Self::Plan { problems, .. } => {
                let told = problems.iter().filter(|problem| !self.is_shown(problem));
                let told = told.filter(|problem| problem.severity == severity);
                problems.count(severity) - told.count()
            }
        }
    }

    /// False for a problem that the report on a manifest shows in its place.
    fn is_shown(&self, problem: &Diagnostic) -> bool {
        let Self::Plan { not_loaded, .. } = self else {
            return true;
        };
        let tells_it = |error: &Arc<LoadProblem>| {
            let is_same = error.loaded().is_some() && error.code() == problem.code;
            is_same && error.to_string() == problem.message
        };
        !not_loaded.iter().any(tells_it)
    }

    /// The problem of something that could not be read, else the text and its problems.
    fn split(&self) -> Result<(&'f Document, &'f Diagnostics), UnlocatedDiagnostic> {
        match self {
            Self::Unread(error) => Err(UnlocatedDiagnostic {
                code: error.code(),
                message: error.to_string(),
                help: error.help().map(str::to_owned),
                file: Some(error.name().to_owned()),
                place: error.place(),
            }),
            Self::NotLoaded(error) => Err(UnlocatedDiagnostic {
                code: error.code(),
                message: error.to_string(),
                help: error.help(),
                file: None,
                place: None,
            }),
            Self::Read { document, problems }
            | Self::Plan {
                document, problems, ..
            } => Ok((document, problems)),
        }
    }

    /// The problems as machines read them.
    pub(super) fn to_json(&self) -> Vec<Value> {
        match self.split() {
            Err(bare) => vec![bare.to_json()],
            Ok((document, problems)) => problems
                .iter()
                .map(|problem| render::render_json(problem, document))
                .collect(),
        }
    }

    /// The problems as text, each ending in an empty line.
    pub(super) fn text(&self, look: TerminalInfo) -> String {
        let (document, problems) = match self.split() {
            Err(bare) => return bare.text(look),
            Ok(read) => read,
        };
        let columns = look.terminal.then(|| look.usable_columns());
        let snippet =
            |problem| render::render_snippet(problem, document, look.color, columns) + "\n";
        let shown = problems.iter().filter(|problem| self.is_shown(problem));
        let snippets = shown.map(snippet);
        let mut text: String = snippets.collect();
        if problems.suppressed() > 0 {
            // Writing to a String can't fail.
            writeln!(text, "... and {} more problems\n", problems.suppressed()).ok();
        }
        text
    }

    fn github(&self) -> String {
        match self.split() {
            Err(bare) => bare.github(),
            Ok((document, problems)) => problems
                .iter()
                .filter(|problem| self.is_shown(problem))
                .map(|problem| render::render_github(problem, document))
                .collect(),
        }
    }
}

/// A problem of something that could not be read, so that it has no place in a text.
struct UnlocatedDiagnostic {
    code: &'static str,
    message: String,
    help: Option<String>,
    file: Option<String>,
    /// Line and column of what can't be taken as text.
    place: Option<(usize, usize)>,
}

impl UnlocatedDiagnostic {
    fn text(&self, look: TerminalInfo) -> String {
        let broken = |text: &str, indent: usize| {
            let text = Escaped(text).to_string();
            if !look.terminal {
                return text;
            }
            let columns = look.usable_columns().saturating_sub(indent);
            let lines = wrap(&text, columns, columns);
            lines.join(&format!("\n{}", " ".repeat(indent)))
        };
        let help = self
            .help
            .as_ref()
            .map(|help| format!("  = help: {}\n", broken(help, "  = help: ".len())));
        let help = help.unwrap_or_default();
        let place = self.file.as_ref().zip(self.place);
        let place =
            place.map(|(file, (line, column))| format!(" --> {}:{line}:{column}\n", Escaped(file)));
        let place = place.unwrap_or_default();
        let label = format!("error[{}]: ", self.code);
        let message = broken(&self.message, label.len());
        format!("{label}{message}\n{place}{help}\n")
    }

    fn github(&self) -> String {
        let message = Escaped(&self.message).to_string().replace('%', "%25");
        format!("::error title={}::{message}\n", self.code)
    }

    fn to_json(&self) -> Value {
        json!({
            "code": self.code,
            "severity": Severity::Error.as_str(),
            "message": self.message,
            "help": self.help,
            "pointer": "",
            "step_index": null,
            "file": self.file,
            "line": self.place.map(|(line, _)| line),
            "column": self.place.map(|(_, column)| column),
            "expected": null,
            "got": null,
            "fix": null,
        })
    }
}

/// Prints findings as the data of a command.
pub(super) fn print(findings: &[FileReport<'_>], format: ProblemFormat, printer: &Printer) {
    match format {
        ProblemFormat::Table => {
            let look = printer.stdout_look();
            for finding in findings {
                printer.print(finding.text(look));
            }
        }
        ProblemFormat::Jsonl => {
            for problem in findings.iter().flat_map(FileReport::to_json) {
                printer.print_line(json_line(&problem).unwrap_or_default());
            }
        }
        ProblemFormat::Json => {
            let all: Vec<Value> = findings.iter().flat_map(FileReport::to_json).collect();
            // Values made of text and numbers always have a JSON form.
            printer.print_line(json_pretty(&all).unwrap_or_default());
        }
        ProblemFormat::Github => {
            for finding in findings {
                printer.print(finding.github());
            }
        }
    }
}

/// `2 errors, 1 warning`; empty if there is neither.
pub(super) fn counts(findings: &[FileReport<'_>]) -> String {
    let count = |severity| {
        findings
            .iter()
            .map(|finding| finding.count(severity))
            .sum::<usize>()
    };
    [
        (count(Severity::Error), "error"),
        (count(Severity::Warning), "warning"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, noun)| format!("{count} {noun}{}", if count == 1 { "" } else { "s" }))
    .collect::<Vec<_>>()
    .join(", ")
}
