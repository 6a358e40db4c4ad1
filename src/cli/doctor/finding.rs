//! What the doctor says of one thing: a line.

use serde_json::{Value, json};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum FindingSeverity {
    /// It works.
    Ok,
    /// Some plans won't run, or something looks unintended.
    Warning,
    /// Plans won't run.
    Error,
}

impl FindingSeverity {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// What was found.
#[derive(Debug)]
pub(super) struct Finding {
    /// What was looked at.
    pub(super) check: &'static str,
    pub(super) severity: FindingSeverity,
    pub(super) message: String,
    /// What to do.
    pub(super) help: Option<String>,
}

impl Finding {
    pub(super) fn ok(check: &'static str, message: impl Into<String>) -> Self {
        Self {
            check,
            severity: FindingSeverity::Ok,
            message: message.into(),
            help: None,
        }
    }

    pub(super) fn warning(check: &'static str, message: impl Into<String>, help: &str) -> Self {
        Self {
            severity: FindingSeverity::Warning,
            help: Some(help.to_owned()),
            ..Self::ok(check, message)
        }
    }

    pub(super) fn error(check: &'static str, message: impl Into<String>, help: &str) -> Self {
        Self {
            severity: FindingSeverity::Error,
            ..Self::warning(check, message, help)
        }
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "check": self.check,
            "status": self.severity.as_str(),
            "message": self.message,
            "help": self.help,
        })
    }
}
