//! From arguments and environment to the command line's values.
//!
//! Invariant: the arguments are parsed alone first, so that the error about a wrong argument has the
//! same words whatever the environment holds. Then they are parsed with the variables that apply,
//! which are inserted behind the verb. An error that only this second parse reports names its
//! variable.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, CommandFactory as _, Parser};

use super::Cli;
use super::args::{self, GlobalArgs, RunArgs, StateArgs};
use super::usage_error::UsageError;
use super::variables::{self, SetVariable};
use super::verb_path::VerbPath;
use super::{meant_verb, unknown_flag};

/// A command line, and what to say of the environment.
#[derive(Debug)]
pub(super) struct Parsed<T> {
    pub cli: T,
    /// Variables of obs that obs does not know.
    pub warnings: Vec<String>,
}

/// Reads the command line.
pub(super) fn parse(
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<Parsed<Cli>, UsageError> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    // Without the other verbs, a run of one step takes 0.9 ms less, of 11.4. What this verb alone
    // can't read is for all of them to report.
    if let [_, alone @ ..] = &*arguments
        && alone.first().is_some_and(|verb| verb == "run")
        && let Ok(Parsed { cli, warnings }) = read::<RunAlone>(alone)
    {
        let RunAlone { global, state, run } = cli;
        let command = args::Command::Run(Box::new(run));
        let cli = Cli {
            global,
            state,
            command,
        };
        return Ok(Parsed { cli, warnings });
    }
    read::<Cli>(&arguments)
}

/// `obs run` without the other verbs, most of whose flags are its own.
#[derive(Debug, Parser)]
struct RunAlone {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(flatten)]
    state: StateArgs,
    #[command(flatten)]
    run: RunArgs,
}

/// True if what clap wants to print is no error.
pub(super) fn is_help(error: &clap::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    )
}

/// Reads the arguments, then with those of the variables that count.
fn read<T: Parser>(arguments: &[OsString]) -> Result<Parsed<T>, UsageError> {
    let mut command = T::command();
    let typed = command.try_get_matches_from_mut(arguments);
    let typed = typed.map_err(|error| typed_error(error, &mut command, arguments))?;
    let set = variables::all_set();
    let path = VerbPath::find(&command, arguments);
    let at = path.at + 1;
    let counting = variables::of_verb(&path, &typed, &set)?;
    let warnings = variables::warnings(Cli::command, &path, &set, arguments);
    let matches = if counting.is_empty() {
        typed
    } else {
        let both = with(arguments, at, &counting);
        match command.try_get_matches_from_mut(both) {
            Ok(matches) => matches,
            Err(error) => return Err(blame(error, &mut command, arguments, at, &counting)),
        }
    };
    let cli = T::from_arg_matches(&matches).map_err(UsageError::Clap)?;
    Ok(Parsed { cli, warnings })
}

/// The arguments with variables typed behind the verb.
fn with(arguments: &[OsString], at: usize, variables: &[SetVariable]) -> Vec<OsString> {
    let at = at.min(arguments.len());
    let (before, after) = arguments.split_at(at);
    let words = variables.iter().flat_map(|variable| &variable.words);
    before.iter().chain(words).chain(after).cloned().collect()
}

/// Names the first variable with which the arguments can't be read.
fn blame(
    error: clap::Error,
    command: &mut Command,
    arguments: &[OsString],
    at: usize,
    counting: &[SetVariable],
) -> UsageError {
    for count in 1..=counting.len() {
        let first = &counting[..count];
        if let Err(error) = command.try_get_matches_from_mut(with(arguments, at, first)) {
            return UsageError::variable(&error, first);
        }
    }
    UsageError::Clap(error)
}

/// What is wrong with the arguments alone.
fn typed_error(error: clap::Error, command: &mut Command, arguments: &[OsString]) -> UsageError {
    if is_help(&error) {
        return UsageError::Clap(error);
    }
    let path = VerbPath::find(command, arguments);
    if let Some(error) = meant_verb::error(&path, &error, arguments) {
        return UsageError::Own(error);
    }
    let verb = path.name();
    if let Some(better) = negative_number(&error, command, arguments) {
        return UsageError::typed(better, &verb);
    }
    match unknown_flag::error(&path, &error) {
        Some(error) => UsageError::Own(error),
        None => UsageError::typed(error, &verb),
    }
}

/// For `--jobs -1`, which clap takes for a flag `-1`, what is wrong with the number.
fn negative_number(
    error: &clap::Error,
    command: &Command,
    arguments: &[OsString],
) -> Option<clap::Error> {
    let Some(ContextValue::String(unknown)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    let digit = unknown
        .strip_prefix('-')
        .and_then(|text| text.chars().next());
    if error.kind() != ErrorKind::UnknownArgument || !digit.is_some_and(|c| c.is_ascii_digit()) {
        return None;
    }
    let better = allow_negative_numbers(command.clone()).try_get_matches_from(arguments);
    better.err().filter(|better| {
        matches!(
            better.kind(),
            ErrorKind::ValueValidation | ErrorKind::InvalidValue
        )
    })
}

fn allow_negative_numbers(command: Command) -> Command {
    command
        .mut_args(|arg| {
            let takes_values = arg.get_action().takes_values();
            arg.allow_hyphen_values(takes_values)
        })
        .mut_subcommands(allow_negative_numbers)
}

#[cfg(test)]
mod tests {
    use clap::{ArgMatches, FromArgMatches as _};

    use super::*;

    fn matches(arguments: &[&str]) -> Result<ArgMatches, clap::Error> {
        Cli::command().try_get_matches_from(arguments)
    }

    fn said(arguments: &[&str]) -> String {
        match parse(arguments.iter().map(OsString::from)) {
            Ok(parsed) => format!("{:?}", parsed.cli),
            Err(error) => told(error),
        }
    }

    fn told(error: UsageError) -> String {
        match error {
            UsageError::Clap(error) => error.render().to_string(),
            UsageError::Own(error) => format!("{error:?}"),
        }
    }

    #[test]
    fn the_version_is_the_same_however_it_is_asked_for() {
        let whole = matches(&["obs", "--version"])
            .unwrap_err()
            .render()
            .to_string();
        for arguments in [
            &["obs", "--version"][..],
            &["obs", "-V"],
            &["obs", "-q", "--version"],
        ] {
            assert_eq!(said(arguments), whole, "{arguments:?}");
        }
    }

    #[test]
    fn a_verb_alone_is_read_as_one_among_all() {
        let whole = |arguments: &[&str]| {
            let parsed = matches(arguments).and_then(|matches| Cli::from_arg_matches(&matches));
            match parsed {
                Ok(cli) => format!("{cli:?}"),
                Err(error) => {
                    let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
                    let mut command = Cli::command();
                    command.build();
                    told(typed_error(error, &mut command, &arguments))
                }
            }
        };
        for arguments in [
            &["obs", "run", "plan.yaml"][..],
            &[
                "obs",
                "run",
                "-q",
                "--jobs",
                "8",
                "--set",
                "a=1",
                "plan.yaml",
                "--state-dir",
                "none",
            ],
            &["obs", "run", "--", "-"],
            &["obs", "run", "help"],
            &["obs", "run", "--version"],
            &["obs", "run", "--help"],
            &["obs", "run", "--nope", "plan.yaml"],
            &["obs", "run"],
            &["obs", "run", "plan.yaml", "other.yaml"],
        ] {
            assert_eq!(said(arguments), whole(arguments), "{arguments:?}");
        }
    }
}
