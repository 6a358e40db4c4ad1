//! `OBS_<FLAG>`: the variable of each flag, at every verb that has the flag.
//!
//! Invariant: what was typed wins. A variable is read as the flag would be if it were typed, but
//! it never decides what a verb requires: neither a positional argument nor a flag of which one
//! must be given, such as `--all` of `circuits reset`.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::verb_path::VerbPath;
use crate::document::nearest;
use crate::executor::SKILL_VARIABLES;

const PREFIX: &str = "OBS_";

/// Variables that are no flag.
const OTHERS: [&str; 3] = ["OBS_CHAIN_KEY", "OBS_PAGER", "OBS_SKILLS_PATH"];

/// A variable that an obs has which a skill started.
const OF_A_SKILL: &str = "OBS_SKILL_ID";

/// Words of a variable that leave a flag off, and those that set it.
const OFF: [&str; 6] = ["0", "n", "no", "f", "false", "off"];
const ON: [&str; 6] = ["1", "y", "yes", "t", "true", "on"];

/// The most unknown variables that are named.
const MAX_NAMED: usize = 5;

/// A variable that is set, and what it stands for.
#[derive(Debug)]
pub(super) struct SetVariable {
    pub name: String,
    /// The flag, as it is typed.
    pub flag: String,
    /// The flag with its values.
    pub words: Vec<OsString>,
}

/// The value of a variable that a flag without a value can't have.
#[derive(Debug)]
pub(super) struct NotBoolean {
    pub name: String,
    pub value: String,
}

/// The variable of a flag; `None` for a positional argument, and for help and version.
pub(super) fn name_of(arg: &Arg) -> Option<String> {
    let is_flag = matches!(
        arg.get_action(),
        ArgAction::Set | ArgAction::Append | ArgAction::SetTrue
    );
    let long = arg.get_long().filter(|_| is_flag)?;
    Some(format!("{PREFIX}{}", long.to_uppercase().replace('-', "_")))
}

/// True if one of several arguments must be given, and this is one of them.
pub(super) fn is_required_choice(verb: &Command, arg: &Arg) -> bool {
    let groups = verb.get_groups().filter(|group| group.is_required_set());
    arg.is_required_set()
        || groups
            .flat_map(clap::ArgGroup::get_args)
            .any(|id| id == arg.get_id())
}

/// The variables of obs that are set and not empty.
pub(super) fn all_set() -> Vec<OsString> {
    let is_ours = |name: &OsStr| name.as_bytes().starts_with(PREFIX.as_bytes());
    std::env::vars_os()
        .filter(|(name, value)| is_ours(name) && !value.is_empty())
        .map(|(name, _)| name)
        .collect()
}

/// The variables among `set` that count for the verb, beside what was typed.
pub(super) fn of_verb(
    path: &VerbPath<'_>,
    typed: &ArgMatches,
    set: &[OsString],
) -> Result<Vec<SetVariable>, NotBoolean> {
    if set.is_empty() {
        return Ok(Vec::new());
    }
    let verb = path.verb();
    let mut counting: Vec<(&Arg, String)> = path
        .args()
        .filter_map(|arg| Some((arg, name_of(arg)?)))
        .filter(|(arg, name)| {
            set.iter().any(|set| set == name.as_str()) && !is_required_choice(verb, arg)
        })
        .collect();
    if counting.is_empty() {
        return Ok(Vec::new());
    }
    let is_typed = |arg: &&Arg| is_typed(typed, arg.get_id().as_str());
    let typed: Vec<&Arg> = path.args().filter(is_typed).collect();
    // Who sets `OBS_DRY_RUN` wants nothing to run, whatever else is typed.
    let is_silenced = |arg: &Arg| {
        let clashes = |other: &Arg| conflict(verb, arg, other) && arg.get_id() != "dry_run";
        typed
            .iter()
            .any(|other| other.get_id() == arg.get_id() || clashes(other))
    };
    counting.retain(|(arg, _)| !is_silenced(arg));
    // A format is often set for all verbs.
    let prints = counting.iter().any(|(arg, _)| arg.get_id() == "print");
    counting.retain(|(arg, _)| !(prints && arg.get_id() == "format"));
    counting
        .into_iter()
        .filter_map(|(arg, name)| variable(arg, name).transpose())
        .collect()
}

/// True if two flags can't stand beside each other.
fn conflict(verb: &Command, one: &Arg, other: &Arg) -> bool {
    let says = |of: &Arg, with: &Arg| {
        let conflicts = verb.get_arg_conflicts_with(of);
        conflicts
            .iter()
            .any(|conflict| conflict.get_id() == with.get_id())
    };
    says(one, other) || says(other, one)
}

/// True if the argument `id` was typed, at whatever verb.
fn is_typed(matches: &ArgMatches, id: &str) -> bool {
    let is_known = matches.try_contains_id(id).is_ok();
    let here = is_known && matches.value_source(id) == Some(ValueSource::CommandLine);
    here || matches
        .subcommand()
        .is_some_and(|(_, below)| is_typed(below, id))
}

/// The variable as words of a command line; `None` if it leaves its flag off.
fn variable(arg: &Arg, name: String) -> Result<Option<SetVariable>, NotBoolean> {
    let value = std::env::var_os(&name).unwrap_or_default();
    let flag = format!("--{}", arg.get_long().unwrap_or_default());
    let with = |value: &[u8]| {
        let mut word = OsString::from(&flag);
        word.push("=");
        word.push(OsStr::from_bytes(value));
        word
    };
    let words = match arg.get_action() {
        ArgAction::SetTrue => {
            let word = value.to_string_lossy().to_ascii_lowercase();
            if OFF.contains(&&*word) {
                return Ok(None);
            }
            if !ON.contains(&&*word) {
                let value = value.to_string_lossy().into_owned();
                return Err(NotBoolean { name, value });
            }
            vec![OsString::from(&flag)]
        }
        ArgAction::Append => {
            let lines = value.as_bytes().split(|byte| *byte == b'\n');
            lines.filter(|line| !line.is_empty()).map(with).collect()
        }
        _ => vec![with(value.as_bytes())],
    };
    Ok(Some(SetVariable { name, flag, words }))
}

/// What to say of variables among `set` that obs does not know; `verb` has already taken its own.
///
/// An obs that a skill started says nothing: the one that started the skill has said it.
pub(super) fn warnings(
    program: impl FnOnce() -> Command,
    path: &VerbPath<'_>,
    set: &[OsString],
    arguments: &[OsString],
) -> Vec<String> {
    if set.iter().any(|name| name == OF_A_SKILL) {
        return Vec::new();
    }
    let is_other = |name: &str| OTHERS.contains(&name) || SKILL_VARIABLES.contains(&name);
    let is_of_verb = |name: &str| {
        path.args()
            .any(|arg| name_of(arg).is_some_and(|n| n == name))
    };
    // `--secret TOKEN=env:OBS_TOKEN`
    let is_typed = |name: &str| {
        let origin = format!("env:{name}");
        arguments
            .iter()
            .any(|word| word.to_string_lossy().contains(&origin))
    };
    let names = set.iter().map(|name| name.to_string_lossy());
    let rest: BTreeSet<String> = names
        .filter(|name| !is_other(name) && !is_of_verb(name) && !is_typed(name))
        .map(std::borrow::Cow::into_owned)
        .collect();
    if rest.is_empty() {
        return Vec::new();
    }
    let (mut known, mut typed_only) = (BTreeSet::new(), BTreeSet::new());
    collect(&program(), &mut known, &mut typed_only);
    known.extend(OTHERS.map(str::to_owned));
    let unknown: Vec<&String> = rest.iter().filter(|name| !known.contains(*name)).collect();
    let mut warnings: Vec<String> = unknown
        .iter()
        .take(MAX_NAMED)
        .map(|name| warning(name, &known, &typed_only))
        .collect();
    match unknown.len().saturating_sub(MAX_NAMED) {
        0 => {}
        1 => warnings.push("1 more unknown variable begins with `OBS_`".to_owned()),
        more => warnings.push(format!("{more} more unknown variables begin with `OBS_`")),
    }
    warnings
}

fn warning(name: &str, known: &BTreeSet<String>, typed_only: &BTreeSet<String>) -> String {
    const LONGEST: usize = 100;
    if typed_only.contains(name) {
        return format!("`{name}` has no effect: this flag must be typed");
    }
    let shown: String = name.chars().take(LONGEST).collect();
    let more = if shown.len() < name.len() { "…" } else { "" };
    let plain = |name: &'_ str| name.strip_prefix(PREFIX).unwrap_or(name).to_owned();
    let words: Vec<String> = known.iter().map(|known| plain(known)).collect();
    match nearest(&plain(name), words.iter().map(String::as_str)) {
        Some(near) => {
            format!("unknown variable `{shown}{more}`: did you mean `{PREFIX}{near}`?")
        }
        None => format!("unknown variable `{shown}{more}`: no flag of obs has this name"),
    }
}

/// Collects the variables of all verbs, and those of flags that must be typed wherever they are.
fn collect(command: &Command, known: &mut BTreeSet<String>, typed_only: &mut BTreeSet<String>) {
    for arg in command.get_arguments() {
        let Some(name) = name_of(arg) else { continue };
        if is_required_choice(command, arg) {
            typed_only.insert(name);
        } else {
            known.insert(name);
        }
    }
    for verb in command.get_subcommands() {
        collect(verb, known, typed_only);
    }
}
