//! A person's approval: on the terminal, or in advance by `--approve`.
//! `--on-approval` chooses what becomes of a step that is not approved in advance.
//!
//! Invariant: the question goes to the terminal itself, whatever standard output and standard error
//! are. It comes after all that it is about has been shown, and only what is typed after it counts.
//! A yes is `y` or `yes`; anything else is a no.

mod prompt;
mod request;

use std::io;
use std::path::PathBuf;

use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use rustix::process::getuid;

use self::prompt::Prompt;
use super::args::{ApprovalArgs, IdentityArgs, OnApproval, StepApproval};
use super::error::{CommandError, ErrorKind};
use super::printer::Printer;
use crate::engine::{Approval, ApprovalRequest, Approver, ProvenPlan, ProvenStep};
use crate::model::RiskLevel;

const QUESTION: &str = "approve? [y/N] (? explains) ";

const EXPLANATION: &str = "
  y or yes: the step runs, as it is shown above and no other way. Its record says who approved it.
  n, Enter, anything else: the step does not run. If none has run yet, none does.
  Ctrl-C ends the run. So does the end of the run's time; then this question is closed.
";

/// Asks on the terminal.
#[derive(Debug)]
pub(super) struct TerminalApprover {
    /// What is approved in advance.
    approved: Vec<StepApproval>,
    /// What becomes of the others.
    on_approval: OnApproval,
    /// Who obs runs for.
    user: String,
    plan: PlanOrigin,
}

/// Where a plan comes from, for the person who is asked.
#[derive(Debug)]
pub(super) struct PlanOrigin {
    /// Its file.
    pub(super) name: String,
    /// Why the planner chose its steps, in its own words.
    pub(super) reasoning: Option<String>,
    /// The assistant that wrote it.
    pub(super) assistant_id: String,
    /// Where its skills work.
    pub(super) workspace: PathBuf,
}

impl TerminalApprover {
    /// The approver that the flags ask for.
    pub(super) fn new(args: &ApprovalArgs, who: &IdentityArgs, plan: PlanOrigin) -> Self {
        let user = who.user_id.clone();
        Self {
            approved: args.approve.clone(),
            on_approval: args.on_approval,
            user: user.unwrap_or_else(|| format!("uid {}", getuid().as_raw())),
            plan,
        }
    }

    /// The calls of `step` that require approval and that nobody has approved in advance.
    fn unapproved<'s>(&self, step: &'s ProvenStep) -> impl Iterator<Item = &'s ProvenStep> {
        let is_approved = |call: &ProvenStep| {
            let mut approved = self.approved.iter();
            approved.any(|approval| names_step(approval, step) && allows_skill(approval, call))
        };
        let calls = step.calls().filter(|call| call.call_wants_approval());
        calls
            .filter(move |call| !is_approved(call))
            .collect::<Vec<_>>()
            .into_iter()
    }

    /// Shows the whole request, a screen at a time, and then asks.
    async fn question(&self, request: &ApprovalRequest<'_>) -> io::Result<bool> {
        let mut terminal = Prompt::open()?;
        let size = terminal.size();
        let rows = request::rows(&request::lines(&self.plan, request), size.columns);
        let pages = request::pages(&rows, size.rows);
        for (index, page) in pages.iter().enumerate() {
            terminal.write(page).await?;
            let number = index + 1;
            if number == pages.len() {
                break;
            }
            let more = format!("-- {number} of {}: Enter: more, q: refuse -- ", pages.len());
            match terminal.ask(&more).await?.as_deref() {
                None | Some("q" | "n" | "no") => return Ok(false),
                Some(_) => {}
            }
        }
        loop {
            match terminal.ask(QUESTION).await?.as_deref() {
                Some("y" | "Y" | "yes") => return Ok(true),
                Some("?") => terminal.write(EXPLANATION).await?,
                _ => return Ok(false),
            }
        }
    }
}

impl Approver for TerminalApprover {
    fn preapprove(&self, step: &ProvenStep) -> Approval {
        let unapproved: Vec<String> = self
            .unapproved(step)
            .map(|call| flag_for(step, call))
            .collect();
        if unapproved.is_empty() {
            return Approval::Approved(format!("{} (--approve)", self.user));
        }
        let why_not = match self.on_approval {
            OnApproval::Wait => return Approval::Ask,
            OnApproval::Ask if prompt::is_there() => return Approval::Ask,
            OnApproval::Ask => "but there is no terminal to ask on",
            OnApproval::Deny => "but `--on-approval deny` asks nobody",
        };
        let verb = match unapproved.len() {
            1 => "approves",
            _ => "approve",
        };
        Approval::Refused(format!(
            "`{}` {} approval, {why_not}; {} {verb} it",
            step.label,
            requires(step),
            unapproved.join(" and ")
        ))
    }

    fn ask<'a>(&'a self, request: &'a ApprovalRequest<'a>) -> LocalBoxFuture<'a, Approval> {
        let label = &request.step.label;
        async move {
            match self.question(request).await {
                Ok(true) => Approval::Approved(format!("{} (terminal)", self.user)),
                Ok(false) => {
                    Approval::Refused(format!("`{label}` was not approved by {}", self.user))
                }
                Err(error) => Approval::Refused(format!("`{label}` was not approved: {error}")),
            }
        }
        .boxed_local()
    }
}

/// What becomes of `--approve STEP` that names no skill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BareStep {
    /// The step can call only one skill.
    Allow,
    /// The step of another plan may call another skill.
    Warn,
    /// The same, with `--strict`.
    Refuse,
}

/// What is approved in advance must be in the plan: a name that is spelled wrong approves nothing,
/// and a step that calls another skill than the approved one is not the step that somebody looked
/// at.
pub(super) fn check(
    args: &ApprovalArgs,
    plan: &ProvenPlan,
    bare: BareStep,
    printer: &Printer,
) -> Result<(), CommandError> {
    for approval in &args.approve {
        let named = || plan.steps.iter().filter(|step| names_step(approval, step));
        let Some(step) = named().next() else {
            let message = format!("`--approve {approval}`: the plan has no such step");
            return Err(CommandError::new(ErrorKind::Usage, message));
        };
        let calls = || named().flat_map(ProvenStep::calls);
        if approval.skill.is_none() {
            let message = format!(
                "`--approve {approval}` approves the step whatever skill it calls; {} approves what it calls now",
                flag_for(step, step)
            );
            match bare {
                BareStep::Allow => {}
                BareStep::Warn => printer.warning(&message),
                BareStep::Refuse => {
                    return Err(CommandError::new(
                        ErrorKind::Usage,
                        message + " (`--strict`)",
                    ));
                }
            }
        } else if !calls().any(|call| allows_skill(approval, call)) {
            let skills: Vec<String> = calls().map(|call| format!("`{}`", call.skill_id)).collect();
            let message = format!(
                "`--approve {approval}`: the step calls {}",
                skills.join(", ")
            );
            return Err(CommandError::new(ErrorKind::Rejected, message)
                .hint("nothing was run; review the plan before you approve another skill"));
        }
    }
    Ok(())
}

fn requires(step: &ProvenStep) -> &'static str {
    let mut calls = step.calls();
    if calls.any(|call| call.risk_level == RiskLevel::Critical) {
        "is critical and requires"
    } else {
        "requires"
    }
}

fn names_step(approval: &StepApproval, step: &ProvenStep) -> bool {
    step.label == approval.step || step.name == approval.step
}

fn allows_skill(approval: &StepApproval, call: &ProvenStep) -> bool {
    let skill = approval.skill.as_deref();
    skill.is_none_or(|skill| *skill == *call.skill_id)
}

/// The flag that approves `call` of `step`, for a shell.
fn flag_for(step: &ProvenStep, call: &ProvenStep) -> String {
    // Only NUL can't be quoted, and no argument can hold one.
    let label = shlex::try_quote(&step.label).unwrap_or_default();
    format!("`--approve {label}={}`", call.skill_id)
}
