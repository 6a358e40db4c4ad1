//! What ends a command, and what to do about it. The kind picks the exit code, as in jj's
//! `command_error.rs`.

use std::error::Error as StdError;
use std::fmt;

use super::exit_code;
use super::printer::Printer;
use crate::document::SourceError;
use crate::model::Escaped;

/// The result of a verb: an exit code, or what stopped it.
pub(super) type CommandResult = Result<u8, CommandError>;

/// An error that ends the command.
#[derive(Debug)]
pub(super) struct CommandError {
    kind: ErrorKind,
    message: String,
    /// What the message does not say yet of what caused it, the nearest cause first.
    causes: Vec<String>,
    /// What the message speaks of, a line each.
    listed: Vec<String>,
    hints: Vec<String>,
}

/// What kind of thing went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ErrorKind {
    /// The command line asks for something that can't be.
    Usage,
    /// A plan, a manifest or arguments are invalid.
    Invalid,
    /// A file can't be read.
    Unreadable,
    /// It is not what somebody approved.
    Rejected,
    /// A skill or obs's helper processes can't be started.
    Unavailable,
    /// Something can't be written.
    Io,
    /// obs is at fault.
    Fault,
}

impl ErrorKind {
    /// What obs exits with.
    pub(super) fn exit_code(self) -> u8 {
        match self {
            Self::Usage => exit_code::USAGE,
            Self::Invalid => exit_code::INVALID,
            Self::Unreadable => exit_code::UNREADABLE,
            Self::Rejected => exit_code::REJECTED,
            Self::Unavailable => exit_code::NOT_LOADED,
            Self::Io => exit_code::IO,
            Self::Fault => exit_code::FAULT,
        }
    }

    /// The kind of a file that can't be read, or holds what obs can't use.
    pub(super) fn of_file(is_unreadable: bool) -> Self {
        if is_unreadable {
            Self::Unreadable
        } else {
            Self::Invalid
        }
    }
}

impl CommandError {
    /// An error of `kind` without a cause.
    pub(super) fn new(kind: ErrorKind, message: impl fmt::Display) -> Self {
        Self {
            kind,
            message: message.to_string(),
            causes: Vec::new(),
            listed: Vec::new(),
            hints: Vec::new(),
        }
    }

    /// An error of `kind` that says what `error` says, with the causes of it.
    pub(super) fn from_error(kind: ErrorKind, error: &dyn StdError) -> Self {
        Self::new(kind, error).caused_by(error.source())
    }

    /// An error of `kind`: `what` could not be done because of `source`.
    pub(super) fn with_source(
        kind: ErrorKind,
        what: impl fmt::Display,
        source: &dyn StdError,
    ) -> Self {
        Self::new(kind, format_args!("{what}: {source}")).caused_by(source.source())
    }

    /// Keeps the causes that add something: many errors repeat their source in their own message.
    fn caused_by(mut self, mut source: Option<&dyn StdError>) -> Self {
        while let Some(error) = source {
            let cause = error.to_string();
            let is_told = |said: &String| said.contains(&cause);
            if !is_told(&self.message) && !self.causes.iter().any(is_told) {
                self.causes.push(cause);
            }
            source = error.source();
        }
        self
    }

    /// Adds what the message speaks of, a line each.
    #[must_use]
    pub(super) fn list(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.listed.extend(lines);
        self
    }

    /// Adds something that caused it.
    #[must_use]
    pub(super) fn cause(mut self, cause: impl fmt::Display) -> Self {
        self.causes.push(cause.to_string());
        self
    }

    /// Adds something that the user can do.
    #[must_use]
    pub(super) fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hints.push(hint.to_string());
        self
    }

    /// What happened, with its causes, on one line.
    pub(super) fn message(&self) -> String {
        let parts = std::iter::once(&self.message).chain(&self.causes);
        let parts: Vec<&str> = parts.map(String::as_str).collect();
        parts.join(": ")
    }

    /// Prints the message, what it lists, the causes and the hints, a line for each.
    pub(super) fn print(&self, printer: &Printer) {
        printer.error(&self.message);
        for line in &self.listed {
            printer.eprint(format_args!("  {}", Escaped(line)));
        }
        for cause in &self.causes {
            printer.cause(cause);
        }
        for hint in &self.hints {
            printer.hint(hint);
        }
    }

    /// What obs exits with.
    pub(super) fn exit_code(&self) -> u8 {
        self.kind.exit_code()
    }
}

impl From<SourceError> for CommandError {
    fn from(error: SourceError) -> Self {
        Self::from_error(ErrorKind::of_file(error.is_unreadable()), &error)
    }
}

#[cfg(test)]
mod tests {
    use thiserror::Error;

    use super::*;

    #[derive(Debug, Error)]
    #[error("the disk is full")]
    struct Disk;

    #[derive(Debug, Error)]
    #[error("can't write: {0}")]
    struct Repeats(#[source] Disk);

    #[derive(Debug, Error)]
    #[error("can't save")]
    struct Hides(#[source] Repeats);

    #[test]
    fn a_cause_is_kept_only_if_it_adds_something() {
        let error = CommandError::from_error(ErrorKind::Io, &Repeats(Disk));
        assert_eq!(error.message, "can't write: the disk is full");
        assert!(error.causes.is_empty(), "{error:?}");

        let error = CommandError::from_error(ErrorKind::Io, &Hides(Repeats(Disk)));
        assert_eq!(error.message, "can't save");
        assert_eq!(error.causes, ["can't write: the disk is full"]);

        let error = CommandError::with_source(ErrorKind::Io, "nothing was run", &Disk);
        assert_eq!(error.message, "nothing was run: the disk is full");
        assert!(error.causes.is_empty(), "{error:?}");
    }

    #[test]
    fn hints_stay_in_order() {
        let error = CommandError::new(ErrorKind::Usage, "no")
            .hint("first")
            .hint("second");
        assert_eq!(error.hints, ["first", "second"]);
        assert_eq!(error.exit_code(), exit_code::USAGE);
    }
}
