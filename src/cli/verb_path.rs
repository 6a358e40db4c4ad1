//! Where the verb is in a command line: what clap knows while it parses, and does not tell.

use std::ffi::OsString;

use clap::{Arg, ArgAction, Command};

/// The verb of a command line.
pub(super) struct VerbPath<'c> {
    /// The program's command, then that of each verb.
    pub commands: Vec<&'c Command>,
    /// The place of the last verb among the arguments; 0 if there is none.
    pub at: usize,
    /// The place of the first argument that is neither a verb nor a flag before one.
    pub rest: usize,
}

impl<'c> VerbPath<'c> {
    /// Finds the verb in `arguments`, the program's name first.
    pub(super) fn find(program: &'c Command, arguments: &[OsString]) -> Self {
        let mut commands = vec![program];
        let (mut at, mut index) = (0, 1);
        while let Some(word) = arguments.get(index) {
            let word = word.to_string_lossy();
            if word == "--" {
                break;
            }
            if word.starts_with('-') && word.len() > 1 {
                index += 1 + usize::from(is_value_next(&commands, &word));
                continue;
            }
            let here = commands.last().unwrap_or(&program);
            let Some(verb) = here.find_subcommand(&*word) else {
                break;
            };
            commands.push(verb);
            at = index;
            index += 1;
        }
        Self {
            commands,
            at,
            rest: index,
        }
    }

    /// The command of the last verb.
    pub(super) fn verb(&self) -> &'c Command {
        self.commands[self.commands.len() - 1]
    }

    /// As it is typed: `obs skills list`.
    pub(super) fn name(&self) -> String {
        let names = self.commands.iter().map(|command| command.get_name());
        names.collect::<Vec<_>>().join(" ")
    }

    /// The flags that can be given to the verb: its own, and those of every verb.
    pub(super) fn args(&self) -> impl Iterator<Item = &'c Arg> {
        let verb = self.verb();
        let above = self.commands[..self.commands.len() - 1].iter();
        let globals = above
            .flat_map(|command| command.get_arguments())
            .filter(|arg| arg.is_global_set());
        let is_own = |arg: &Arg| verb.get_arguments().any(|own| own.get_id() == arg.get_id());
        let globals: Vec<&Arg> = globals.filter(|arg| !is_own(arg)).collect();
        verb.get_arguments().chain(globals)
    }
}

/// True if the value of the last flag in `word` is the next word.
pub(super) fn is_value_next(commands: &[&Command], word: &str) -> bool {
    let args = || commands.iter().flat_map(|command| command.get_arguments());
    let takes_next = |arg: &Arg| {
        matches!(arg.get_action(), ArgAction::Set | ArgAction::Append)
            && !arg.is_require_equals_set()
    };
    if let Some(long) = word.strip_prefix("--") {
        return args().any(|arg| arg.get_long() == Some(long) && takes_next(arg));
    }
    // Of `-qn5` or `-qn 5`, the first flag with a value takes the rest.
    let mut shorts = word.chars().skip(1);
    let with_value =
        shorts.find(|short| args().any(|arg| arg.get_short() == Some(*short) && takes_next(arg)));
    with_value.is_some() && shorts.next().is_none()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::super::Cli;
    use super::*;

    #[test]
    fn finds_the_verb_behind_any_flags() {
        for (line, name, at) in [
            ("obs", "obs", 0),
            ("obs run plan.yaml", "obs run", 1),
            ("obs -q run skills", "obs run", 2),
            ("obs --color never skills -v new list", "obs skills new", 5),
            ("obs --color=never skills list", "obs skills list", 3),
            (
                "obs --state-dir skills runs prune --dry-run",
                "obs runs prune",
                4,
            ),
            ("obs runs -n 5 prune", "obs runs prune", 4),
            ("obs runs -qn5 prune", "obs runs prune", 3),
            ("obs runs -qn 5 prune", "obs runs prune", 4),
            ("obs skills new x -- run", "obs skills new", 2),
            ("obs nope run", "obs", 0),
            ("obs -- run", "obs", 0),
        ] {
            let mut command = Cli::command();
            command.build();
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            let path = VerbPath::find(&command, &words);
            assert_eq!((path.name().as_str(), path.at), (name, at), "{line}");
        }
    }
}
