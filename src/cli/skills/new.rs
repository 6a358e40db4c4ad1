//! `obs skills new`.

use std::path::Path;

use crate::cli::args::NewArgs;
use crate::cli::error::{CommandError, CommandResult, ErrorKind};
use crate::cli::printer::Printer;
use crate::cli::{enforceable, exit_code, roots};
use crate::executor::BaseEnvironment;
use crate::model::Escaped;
use crate::skill::{CheckContext, NewSkill, SkillId, check, manifest_text, write_new};

/// Writes a manifest from a command and says what is left to do.
pub(super) fn new(args: &NewArgs, printer: &Printer) -> CommandResult {
    let id = SkillId::parse(&args.name)
        .map_err(|error| CommandError::from_error(ErrorKind::Usage, &error).hint(SkillId::FORM))?;
    if id.is_reserved() {
        let message = format_args!("the id `{id}` is reserved for tools that are built in");
        return Err(CommandError::new(ErrorKind::Usage, message).hint("choose another name"));
    }
    let new = NewSkill {
        description: args.description.clone(),
        output: args.output.clone(),
        permissions: args.permissions.clone(),
        timeout: args.timeout.clone(),
        is_tool: args.tool,
    };
    let text = manifest_text(&id, &args.command, &new).map_err(|error| {
        let refused = CommandError::from_error(ErrorKind::Usage, &error);
        match error.help {
            Some(help) => refused.hint(help),
            None => refused,
        }
    })?;
    let path = write_new(&args.root, &id, &text).map_err(|error| {
        let what = format!("can't create the skill `{id}`");
        CommandError::with_source(ErrorKind::Io, what, &error)
            .hint("choose another name or another root with `--skills`")
    })?;
    printer.print_line(path.display());
    warn(&args.root, &id, printer);
    let first = match args.description {
        Some(_) => "try it",
        None => "write its `description` there, then try it",
    };
    let flags = set_flags(&args.command);
    printer.info(format_args!("{first} with `obs skills run {id}{flags}`"));
    printer.info(format_args!(
        "`obs new plan {id} -o FILE` writes a plan that calls it"
    ));
    Ok(exit_code::SUCCESS)
}

/// A `--set` for each argument that the command takes.
fn set_flags(command: &[String]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for part in command.iter().flat_map(|word| word.split("{{").skip(1)) {
        let name = part.split_once("}}").map_or("", |(name, _)| name.trim());
        if !name.is_empty() && !name.ends_with('?') && !names.contains(&name) {
            names.push(name);
        }
    }
    let flag = |name: &str| format!(" --set {}=VALUE", Escaped(name));
    names.into_iter().map(flag).collect::<Vec<_>>().concat()
}

/// A program may still be written or installed, so a missing one only gets a warning.
fn warn(root: &Path, id: &SkillId, printer: &Printer) {
    let environment = BaseEnvironment::of_this_process();
    let Ok(workspace) = roots::workspace(None) else {
        return;
    };
    let surroundings = CheckContext {
        workspace: &workspace,
        sandbox: &enforceable::default_policy(&environment),
        path: environment.path(),
        is_set: &|name| environment.get(name).is_some(),
    };
    let Ok(checked) = check(root, Path::new(id.as_str()), &surroundings) else {
        return;
    };
    for problem in checked.problems.iter().filter(|found| found.code != "todo") {
        let help = problem.help.as_ref().map(|help| format!(" ({help})"));
        printer.warning(&format!("{}{}", problem.message, help.unwrap_or_default()));
    }
}
