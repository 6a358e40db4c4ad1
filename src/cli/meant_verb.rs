//! For a verb that does not exist: what was meant.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind as ClapErrorKind};

use super::error::{CommandError, ErrorKind};
use super::verb_path::VerbPath;
use crate::document::nearest;
use crate::skill::SkillId;

/// Verbs of other tools below a verb of obs (`""` is obs itself), and what does the same here.
/// What begins with a verb that does not exist is left out.
const MEANINGS: &[(&str, &[&str], &[&str])] = &[
    ("", &["list", "ls", "l", "dir"], &["skills list", "runs"]),
    (
        "",
        &["exec", "execute", "start", "apply", "up", "go", "do"],
        &["run PLAN", "skills run SKILL"],
    ),
    ("", &["call", "invoke"], &["skills run SKILL", "run PLAN"]),
    (
        "",
        &["test", "check", "lint"],
        &["validate PLAN", "skills check", "policy test PLAN"],
    ),
    ("", &["prove", "verify-plan"], &["validate PLAN"]),
    (
        "",
        &["plan", "plans"],
        &["new plan", "validate PLAN", "run PLAN"],
    ),
    (
        "",
        &["status", "st", "stat", "ps", "top", "history", "jobs"],
        &["runs"],
    ),
    ("", &["log", "tail", "output", "records"], &["logs"]),
    (
        "",
        &["show", "inspect", "describe", "info", "cat", "get", "view"],
        &["show RUN", "logs RUN", "skills show SKILL"],
    ),
    (
        "",
        &["resume", "retry", "rerun", "continue", "restart"],
        &["run PLAN --resume"],
    ),
    (
        "",
        &["dry-run", "dryrun", "preview", "explain"],
        &["run PLAN --dry-run"],
    ),
    (
        "",
        &["create", "add", "generate", "scaffold"],
        &["new plan", "skills new SKILL -- COMMAND"],
    ),
    ("", &["setup"], &["init", "skills new SKILL -- COMMAND"]),
    (
        "",
        &["clean", "gc", "purge", "rm", "remove", "delete"],
        &["runs prune"],
    ),
    ("", &["audit"], &["verify RUN"]),
    ("", &["dot", "tree", "draw", "deps"], &["graph PLAN"]),
    ("", &["pending", "waiting", "requests"], &["approvals"]),
    ("", &["accept", "confirm", "allow"], &["approve RUN STEP"]),
    ("", &["reject", "refuse", "decline"], &["deny RUN STEP"]),
    ("", &["skill", "tool", "tools"], &["skills list"]),
    ("", &["breaker", "breakers"], &["circuits"]),
    ("", &["complete", "completion"], &["completions SHELL"]),
    ("", &["manual"], &["man"]),
    ("", &["version"], &["--version"]),
    ("skills", &["ls", "all"], &["skills list"]),
    (
        "skills",
        &["add", "create", "init", "generate"],
        &["skills new SKILL -- COMMAND"],
    ),
    (
        "skills",
        &["info", "cat", "describe", "inspect", "get", "view"],
        &["skills show SKILL"],
    ),
    (
        "skills",
        &["exec", "execute", "call", "start", "invoke", "test"],
        &["skills run SKILL"],
    ),
    ("skills", &["validate", "lint", "verify"], &["skills check"]),
    ("runs", &["list", "ls"], &["runs"]),
    (
        "runs",
        &["rm", "remove", "delete", "clean", "gc", "purge"],
        &["runs prune"],
    ),
    ("runs", &["show", "view", "get"], &["show RUN", "logs RUN"]),
    ("circuits", &["list", "ls", "show", "status"], &["circuits"]),
    ("circuits", &["close", "clear"], &["circuits reset SKILL"]),
    ("policy", &["validate", "lint"], &["policy check FILE"]),
    (
        "policy",
        &["eval", "evaluate", "run", "show"],
        &["policy test PLAN"],
    ),
];

/// The most suggestions.
const MAX_SUGGESTIONS: usize = 3;

/// What to say if a verb is what is wrong in `arguments`.
pub(super) fn error(
    path: &VerbPath<'_>,
    error: &clap::Error,
    arguments: &[OsString],
) -> Option<CommandError> {
    let is_verb_wrong = error.kind() == ClapErrorKind::InvalidSubcommand
        || (error.kind() == ClapErrorKind::UnknownArgument
            && path.verb().has_subcommands()
            && path.verb().get_positionals().next().is_none());
    let is_flag = matches!(
        error.get(ContextKind::InvalidArg),
        Some(ContextValue::String(typed)) if typed.starts_with('-')
    );
    let word = arguments.get(path.rest);
    let word = word.filter(|_| is_verb_wrong && !is_flag)?;
    if word.as_encoded_bytes().starts_with(b"-") && word != "-" {
        return None;
    }
    let program = path.commands.first()?;
    let below: Vec<&str> = path.commands[1..]
        .iter()
        .map(|verb| verb.get_name())
        .collect();
    let below = below.join(" ");
    let (what, meant) = match file(word).filter(|_| below.is_empty()) {
        Some(meant) => ("is not a verb", vec![meant]),
        None => (
            "",
            verbs(program, path.verb(), &below, &word.to_string_lossy()),
        ),
    };
    let shown: String = word.to_string_lossy().chars().take(100).collect();
    let message = match (what, below.as_str()) {
        ("", "") => format!("unknown verb `{shown}`"),
        ("", below) => format!("unknown verb `{shown}` of `obs {below}`"),
        (what, _) => format!("`{shown}` {what}"),
    };
    let meant: Vec<String> = meant.iter().map(|meant| format!("`obs {meant}`")).collect();
    Some(match meant.split_last() {
        None => {
            let hint = match only_verb(path.verb()) {
                Some(verb) => format!("did you mean `{} {verb} {shown}`?", path.name()),
                None => format!("`{} --help` lists the verbs", path.name()),
            };
            CommandError::new(ErrorKind::Usage, message).hint(hint)
        }
        Some((last, [])) => {
            CommandError::new(ErrorKind::Usage, format!("{message}; did you mean {last}?"))
        }
        Some((last, rest)) => {
            let meant = format!("{} or {last}", rest.join(", "));
            CommandError::new(
                ErrorKind::Usage,
                format!("{message}; did you mean {meant}?"),
            )
        }
    })
}

/// What a file or a skill in the place of the verb means.
fn file(word: &OsStr) -> Option<String> {
    let path = Path::new(word);
    let text = word.to_string_lossy();
    let extension = path.extension().map(OsStr::to_string_lossy);
    let is_plan = extension.is_some_and(|extension| matches!(&*extension, "yaml" | "yml" | "json"));
    let is_log = path
        .extension()
        .is_some_and(|extension| extension == "jsonl");
    let quoted = shlex::try_quote(&text).ok()?.into_owned();
    if is_log {
        Some(format!("verify {quoted}"))
    } else if is_plan || text == "-" || path.is_file() {
        Some(format!("run {quoted}"))
    } else if text.contains('/') && SkillId::parse(&text).is_ok() {
        Some(format!("skills run {quoted}"))
    } else {
        None
    }
}

/// What an unknown verb below `below` means: by the table, by its name elsewhere, by its spelling.
fn verbs(program: &Command, here: &Command, below: &str, word: &str) -> Vec<String> {
    let word = word.to_lowercase();
    let table = MEANINGS
        .iter()
        .filter(|(parent, words, _)| *parent == below && words.contains(&word.as_str()));
    let meant: Vec<String> = table
        .flat_map(|(_, _, meant)| *meant)
        .filter(|meant| exists(program, meant))
        .take(MAX_SUGGESTIONS)
        .map(|meant| (*meant).to_owned())
        .collect();
    if !meant.is_empty() {
        return meant;
    }
    let mut all = Vec::new();
    collect(program, "", &mut all);
    let last = |path: &String| path.rsplit(' ').next().unwrap_or_default().to_owned();
    let same = all.iter().filter(|path| last(path) == word);
    let same: Vec<String> = same.take(MAX_SUGGESTIONS).cloned().collect();
    if !same.is_empty() {
        return same;
    }
    let own = here.get_subcommands().map(Command::get_name);
    let prefix = if below.is_empty() {
        String::new()
    } else {
        format!("{below} ")
    };
    if let Some(near) = nearest(&word, own) {
        return vec![format!("{prefix}{near}")];
    }
    let words: Vec<String> = all.iter().map(last).collect();
    let near = nearest(&word, words.iter().map(String::as_str));
    let near = all
        .iter()
        .find(|path| near.is_some_and(|near| last(path) == near));
    near.into_iter().cloned().collect()
}

/// True if the words of `meant` that are verbs exist.
fn exists(program: &Command, meant: &str) -> bool {
    let mut command = program;
    for word in meant.split(' ').take_while(|word| !word.starts_with('-')) {
        if word.chars().all(|c| c.is_ascii_uppercase()) {
            break;
        }
        match command.find_subcommand(word) {
            Some(verb) => command = verb,
            // A word behind a verb without verbs is an argument.
            None => return command.get_name() != program.get_name() && !command.has_subcommands(),
        }
    }
    true
}

/// The paths of all verbs.
fn collect(command: &Command, prefix: &str, all: &mut Vec<String>) {
    for verb in command
        .get_subcommands()
        .filter(|verb| verb.get_name() != "help")
    {
        let path = format!("{prefix}{}", verb.get_name());
        collect(verb, &format!("{path} "), all);
        all.push(path);
    }
}

/// The verb below `verb`, if there is just one.
fn only_verb(verb: &Command) -> Option<&str> {
    let mut names = verb.get_subcommands().map(Command::get_name);
    let mut names = names.by_ref().filter(|name| *name != "help");
    names.next().filter(|_| names.next().is_none())
}
