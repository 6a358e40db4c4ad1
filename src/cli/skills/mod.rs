//! `obs skills`: one module for each verb.

mod arguments;
mod check;
mod list;
mod new;
mod run;
mod show;

use std::sync::Arc;

use super::args::{RootArgs, SkillsCommand, StateArgs};
use super::error::{CommandError, CommandResult, ErrorKind};
use super::printer::Printer;
use super::roots;
use crate::skill::{Registry, Skill};

/// Runs the verb.
pub(super) fn skills(
    command: SkillsCommand,
    state: &StateArgs,
    printer: &Printer,
) -> CommandResult {
    match command {
        SkillsCommand::List(args) => list::list(&args, printer),
        SkillsCommand::Show(args) => show::show(&args, printer),
        SkillsCommand::Check(args) => check::check(&args, printer),
        SkillsCommand::New(args) => new::new(&args, printer),
        SkillsCommand::Run(args) => run::run(*args, state, printer),
    }
}

/// The skill that `id` names.
fn find(id: &str, args: &RootArgs) -> Result<(Registry, Arc<Skill>), CommandError> {
    let registry = roots::registry(args, None)?;
    let skill = find_in(&registry, id)?;
    Ok((registry, skill))
}

/// The skill of `registry` that `id` names.
pub(super) fn find_in(registry: &Registry, id: &str) -> Result<Arc<Skill>, CommandError> {
    match registry.find(id) {
        Ok(Some(skill)) => Ok(skill),
        Ok(None) => Err(unknown(id, registry)),
        Err(problem) => {
            let error = CommandError::from_error(ErrorKind::Invalid, &problem);
            Err(match problem.help() {
                Some(help) => error.hint(help),
                None => error,
            })
        }
    }
}

/// Says that no skill has this id, and which one has nearly.
fn unknown(id: &str, registry: &Registry) -> CommandError {
    let error = CommandError::new(ErrorKind::Invalid, format_args!("unknown skill `{id}`"));
    match registry.nearest_id(id) {
        Some(near) => error.hint(format_args!("did you mean `{near}`?")),
        None => error.hint("`obs skills list` lists the skills"),
    }
}
