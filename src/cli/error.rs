//! What stops obs itself, with the way out. The kind picks the exit code, as in jj's
//! `command_error.rs`.

use std::error::Error as StdError;
use std::fmt;

use super::exit_code;

/// The result of a verb: an exit code, or what stopped it.
pub(super) type CommandResult = Result<u8, CommandError>;

/// An error that ends the command.
#[derive(Debug)]
pub(super) struct CommandError {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
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
    fn exit_code(self) -> u8 {
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
}

impl CommandError {
    /// An error of `kind`.
    pub(super) fn new(kind: ErrorKind, message: impl fmt::Display) -> Self {
        Self {
            kind,
            message: message.to_string(),
            hint: None,
        }
    }

    /// An error of `kind` with all its causes.
    pub(super) fn with_source(
        kind: ErrorKind,
        what: impl fmt::Display,
        source: &dyn StdError,
    ) -> Self {
        let mut message = format!("{what}: {source}");
        let mut cause = source.source();
        while let Some(error) = cause {
            message.push_str(": ");
            message.push_str(&error.to_string());
            cause = error.source();
        }
        Self::new(kind, message)
    }

    /// Adds the way out.
    #[must_use]
    pub(super) fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    /// The message, not escaped.
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// The way out, not escaped.
    pub(super) fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// What obs exits with.
    pub(super) fn exit_code(&self) -> u8 {
        self.kind.exit_code()
    }
}
