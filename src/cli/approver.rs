//! A person's approval: on the terminal, or in advance by `--approve`.
//!
//! Invariant: the question goes to the terminal itself, whatever standard output and standard error are,
//! and only what is typed after it was asked counts. All that obs did not write is escaped.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write as _};

use rustix::process::{getpgrp, getuid};
use rustix::termios::{QueueSelector, tcflush, tcgetpgrp};
use serde_json::Value;

use super::args::RunArgs;
use super::error::{CommandError, Kind};
use crate::model::Escaped;
use crate::runtime::{Approval, ApprovalRequest, Approver, ProvenPlan, ProvenStep};

/// The most characters of one argument that are shown.
const MAX_SHOWN: usize = 2000;

/// Asks on the terminal.
#[derive(Debug)]
pub(super) struct TerminalApprover {
    /// The steps that are approved in advance.
    approved: Vec<String>,
    /// Who obs runs for.
    user: String,
}

impl TerminalApprover {
    /// The approver that the flags ask for.
    pub(super) fn new(args: &RunArgs) -> Self {
        let user = args.identity.user_id.clone();
        Self {
            approved: args.approve.clone(),
            user: user.unwrap_or_else(|| format!("uid {}", getuid().as_raw())),
        }
    }
}

/// What is approved in advance must be in the plan: a name that is spelled wrong approves nothing.
pub(super) fn check_names(approved: &[String], plan: &ProvenPlan) -> Result<(), CommandError> {
    let is_unknown = |name: &&String| !plan.steps.iter().any(|step| is_named(step, name));
    match approved.iter().find(is_unknown) {
        None => Ok(()),
        Some(name) => {
            let message = format!("`--approve {name}`: the plan has no such step");
            Err(CommandError::new(Kind::Usage, message))
        }
    }
}

fn is_named(step: &ProvenStep, name: &str) -> bool {
    step.label == name || step.name == name
}

impl Approver for TerminalApprover {
    fn foresee(&self, step: &ProvenStep) -> Approval {
        if self.approved.iter().any(|name| is_named(step, name)) {
            return Approval::Approved(format!("{} (--approve)", self.user));
        }
        if terminal().is_some() {
            return Approval::Ask;
        }
        let label = &step.label;
        Approval::Refused(format!(
            "`{label}` is critical and wants a person's approval, but there is no terminal to ask on; \
             `--approve {label}` approves it"
        ))
    }

    fn ask(&self, request: &ApprovalRequest) -> Approval {
        let label = &request.label;
        let refused =
            |reason: &str| Approval::Refused(format!("`{label}` was not approved{reason}"));
        let Some(terminal) = terminal() else {
            return refused(": the terminal has gone");
        };
        match answer(terminal, &question(request)) {
            Ok(answer) if matches!(answer.trim(), "y" | "Y" | "yes") => {
                Approval::Approved(format!("{} (terminal)", self.user))
            }
            Ok(_) => refused(&format!(" by {}", self.user)),
            Err(error) => refused(&format!(": {error}")),
        }
    }
}

/// The terminal, where obs has one and may read from it.
fn terminal() -> Option<File> {
    let terminal = File::options().read(true).write(true).open("/dev/tty");
    let terminal = terminal.ok()?;
    // A job in the background that reads is stopped.
    let foreground = tcgetpgrp(&terminal).ok()?;
    (foreground == getpgrp()).then_some(terminal)
}

fn answer(mut terminal: File, question: &str) -> io::Result<String> {
    tcflush(&terminal, QueueSelector::IFlush)?;
    terminal.write_all(question.as_bytes())?;
    terminal.flush()?;
    let mut line = String::new();
    BufReader::new(terminal).read_line(&mut line)?;
    Ok(line)
}

fn question(request: &ApprovalRequest) -> String {
    let mut text = format!("\n{} wants approval\n", Escaped(&request.label));
    let mut field = |name: &str, value: &str| {
        // Writing to a String can't fail.
        writeln!(text, "  {name}: {}", Escaped(value)).ok();
    };
    field("risk", request.risk_level.as_str());
    field("skill", &request.skill_id);
    if let Some(fallback) = &request.fallback {
        field("or, when it fails", fallback);
    }
    match request.permissions.as_slice() {
        [] => field("may", "nothing beyond the default"),
        permissions => field("may", &permissions.join(", ")),
    }
    if request.arguments.is_empty() {
        field("arguments", "none");
    }
    for (name, value) in &request.arguments {
        field(&format!("with {}", Escaped(name)), &shown(value));
    }
    text + "approve? [y/N] "
}

/// A value in one line; a long one says how long it is.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    let count = text.chars().count();
    if count <= MAX_SHOWN {
        return text;
    }
    let head: String = text.chars().take(MAX_SHOWN).collect();
    format!("{head}… ({count} characters in all)")
}
