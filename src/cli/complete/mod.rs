//! Completion: what may stand in the place of the word at the cursor.
//!
//! Invariant: a completion changes nothing and says nothing but its candidates. It ends within
//! [`LONGEST`], whatever files and state hold, and no candidate holds a character that can't be
//! seen. Names that others gave are quoted, so that the shell runs none of them: zsh and fish do
//! that themselves, for bash [`bash_line`] does.

mod bash_line;
mod line;
mod plan_file;
mod values;

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use clap::CommandFactory as _;
use clap_complete::engine::{CompletionCandidate, complete};

use self::bash_line::BashLine;
use self::line::TypedLine;
use super::Cli;
use super::printer::{ColorChoice, Printer, Verbosity};
use crate::model::Escaped;

/// The variable that holds the shell which asks; the scripts set it.
pub(super) const VARIABLE: &str = "_OBS_COMPLETE";

/// How long a completion may take.
const LONGEST: Duration = Duration::from_secs(2);

/// The most candidates.
const MAX_CANDIDATES: usize = 500;

/// The most characters of a help text.
const MAX_HELP: usize = 72;

/// One candidate.
struct Suggestion {
    value: String,
    help: String,
}

/// Answers the shell that asks, if one does: its words come behind `--`.
pub(super) fn answer(arguments: &[OsString]) -> bool {
    let Some(shell) = std::env::var_os(VARIABLE) else {
        return false;
    };
    let words = arguments.iter().skip_while(|word| *word != "--").skip(1);
    let words: Vec<OsString> = words.cloned().collect();
    let (sender, receiver) = mpsc::channel();
    // A file system that does not answer holds the thread, and the process ends without it.
    std::thread::spawn(move || sender.send(candidates_for(&shell, words)));
    if let Ok(text) = receiver.recv_timeout(LONGEST) {
        let printer = Printer::new(ColorChoice::Never, Verbosity::Quiet);
        printer.limit_waits(LONGEST);
        printer.print(text);
    }
    true
}

/// The answer in the form that the shell's script reads.
fn candidates_for(shell: &OsStr, words: Vec<OsString>) -> String {
    let mut text = String::new();
    // Writing to a String can't fail.
    match shell.to_str() {
        Some("bash") => {
            let mut words = words.into_iter();
            let line = words.next().unwrap_or_default();
            let current = words.next().unwrap_or_default();
            let line = BashLine::read(&line.to_string_lossy(), &current.to_string_lossy());
            for candidate in candidates(line.words.clone()) {
                if let Some(value) = line.quoted(&candidate.value) {
                    writeln!(text, "{value}").ok();
                }
            }
        }
        Some("elvish") => {
            for candidate in candidates(words) {
                writeln!(text, "{}", candidate.value).ok();
            }
        }
        _ => {
            let words = match words.split_last() {
                // fish gives the word at the cursor as it is typed.
                Some((last, before)) if shell == "fish" => {
                    let last = bash_line::unquoted(&last.to_string_lossy());
                    before.iter().cloned().chain([last.into()]).collect()
                }
                _ => words,
            };
            for Suggestion { value, help } in candidates(words) {
                let tab = if help.is_empty() { "" } else { "\t" };
                writeln!(text, "{value}{tab}{help}").ok();
            }
        }
    }
    text
}

/// What may stand in the place of the last of `words`, the program's name first.
fn candidates(words: Vec<OsString>) -> Vec<Suggestion> {
    let Some(at) = words.len().checked_sub(1) else {
        return Vec::new();
    };
    let is_empty = words[at].is_empty();
    let mut command = Cli::command();
    command.build();
    let line = Arc::new(TypedLine::read(&command, &words[..at]));
    let mut command = values::attach(Cli::command(), &line);
    let Ok(found) = complete(&mut command, words, at, None) else {
        return Vec::new();
    };
    let found: Vec<Suggestion> = found.iter().filter_map(shown).collect();
    let is_flag = |candidate: &Suggestion| candidate.value.starts_with('-');
    // Flags are many: they are offered where nothing else is, and once one is begun.
    let only_values = is_empty && !found.iter().all(is_flag);
    let found = found
        .into_iter()
        .filter(|found| !(only_values && is_flag(found)));
    found.take(MAX_CANDIDATES).collect()
}

/// The candidate, unless it can't be shown as it is.
fn shown(candidate: &CompletionCandidate) -> Option<Suggestion> {
    let value = candidate.get_value().to_str()?;
    if Escaped(value).to_string() != value {
        return None;
    }
    let help = candidate
        .get_help()
        .map(ToString::to_string)
        .unwrap_or_default();
    let first = Escaped(help.lines().next().unwrap_or_default()).to_string();
    Some(Suggestion {
        value: value.to_owned(),
        help: match first.char_indices().nth(MAX_HELP) {
            Some((end, _)) => format!("{}…", &first[..end]),
            None => first,
        },
    })
}
