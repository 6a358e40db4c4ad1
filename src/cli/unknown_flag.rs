//! For a flag or an argument that a verb does not take: what was meant.
//!
//! Invariant: a flag that is named exists at the verb that is named with it.

use clap::error::{ContextKind, ContextValue, ErrorKind as ClapErrorKind};
use clap::{Arg, Command};

use super::error::{CommandError, ErrorKind};
use super::verb_path::VerbPath;
use crate::document::nearest;

/// The most characters of an argument that a message repeats.
const MAX_SHOWN: usize = 100;

/// Words for values that `--set` takes, not flags.
const SETTERS: [(&str, &str); 2] = [
    ("obs run", "an input of the plan"),
    ("obs skills run", "an argument of the skill"),
];

/// What to say if an argument is one too many for the verb of `path`.
pub(super) fn error(path: &VerbPath<'_>, error: &clap::Error) -> Option<CommandError> {
    if error.kind() != ClapErrorKind::UnknownArgument {
        return None;
    }
    let Some(ContextValue::String(typed)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    let verb = path.name();
    let word = typed.split('=').next().unwrap_or_default();
    let shown: String = word.chars().take(MAX_SHOWN).collect();
    let all = format!("`{verb} --help` shows all options");
    let Some(name) = word.strip_prefix('-') else {
        let refused = CommandError::new(
            ErrorKind::Usage,
            format_args!("unexpected argument `{shown}` for `{verb}`"),
        );
        let takes_command = path.verb().get_positionals().any(Arg::is_last_set);
        return Some(if takes_command {
            refused.hint(format_args!(
                "the command stands behind `--`: `{verb} … -- COMMAND`"
            ))
        } else {
            refused.hint(all)
        });
    };
    let name = name.trim_start_matches('-');
    let refused = CommandError::new(
        ErrorKind::Usage,
        format_args!("unknown flag `{shown}` of `{verb}`"),
    );
    if let Some(near) = nearest(name, path.args().filter_map(Arg::get_long)) {
        return Some(refused.hint(format_args!("did you mean `--{near}`?")));
    }
    let elsewhere = path
        .commands
        .first()
        .and_then(|program| elsewhere(program, name));
    if let Some((verb, flag)) = elsewhere {
        return Some(
            refused
                .hint(format_args!("`{verb}` has `--{flag}`"))
                .hint(all),
        );
    }
    let setter = SETTERS.iter().find(|(setter, _)| *setter == verb);
    Some(match setter.filter(|_| word.starts_with("--")) {
        Some((_, what)) => refused
            .hint(format_args!("{what} is set with `--set {name}=VALUE`"))
            .hint(all),
        None => refused.hint(all),
    })
}

/// The verb that has a flag of this name, with the flag.
fn elsewhere<'c>(command: &'c Command, name: &str) -> Option<(String, &'c str)> {
    let mut verbs: Vec<(String, &Command)> = vec![(command.get_name().to_owned(), command)];
    let mut at = 0;
    while let Some((path, verb)) = verbs.get(at).cloned() {
        let below = verb
            .get_subcommands()
            .filter(|verb| verb.get_name() != "help");
        verbs.extend(below.map(|verb| (format!("{path} {}", verb.get_name()), verb)));
        at += 1;
    }
    let has = |verb: &&'c Command| {
        let mut longs = verb.get_arguments().filter_map(Arg::get_long);
        longs.find(|long| *long == name)
    };
    verbs
        .iter()
        .find_map(|(path, verb)| Some((path.clone(), has(verb)?)))
}
