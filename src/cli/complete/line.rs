//! What stands on the command line before the word that is completed.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::Command;

use crate::cli::args::StateArgs;
use crate::cli::verb_path::{VerbPath, is_value_next};

/// The command line without the word at the cursor.
#[derive(Debug, Default)]
pub(super) struct TypedLine {
    /// Flags with their values; a flag without one has an empty value.
    flags: Vec<(String, OsString)>,
    /// What is neither a verb nor a flag nor its value.
    pub positionals: Vec<OsString>,
}

impl TypedLine {
    /// Reads `words`, the program's name first.
    pub(super) fn read(program: &Command, words: &[OsString]) -> Self {
        let path = VerbPath::find(program, words);
        let mut line = Self::default();
        let mut index = 1;
        let mut is_escaped = false;
        while let Some(word) = words.get(index) {
            let text = word.to_string_lossy();
            index += 1;
            if is_escaped || !text.starts_with('-') || text == "-" {
                if index > path.rest {
                    line.positionals.push(word.clone());
                }
            } else if text == "--" {
                is_escaped = true;
            } else if let Some((flag, value)) = text.split_once('=') {
                line.flags.push((flag.to_owned(), value.into()));
            } else if is_value_next(&path.commands, &text) {
                let value = words.get(index).cloned().unwrap_or_default();
                line.flags.push((text.into_owned(), value));
                index += 1;
            } else {
                line.flags.push((text.into_owned(), OsString::new()));
            }
        }
        line
    }

    /// The values of a flag; if it is not typed, that of its variable.
    pub(super) fn values(&self, flag: &str, variable: &str) -> Vec<OsString> {
        let typed = self.flags.iter().filter(|(name, _)| name == flag);
        let typed: Vec<OsString> = typed.map(|(_, value)| value.clone()).collect();
        if !typed.is_empty() {
            return typed;
        }
        let set = std::env::var_os(variable).filter(|value| !value.is_empty());
        set.into_iter().collect()
    }

    /// Where the state is.
    pub(super) fn state(&self) -> StateArgs {
        let dir = self.values("--state-dir", "OBS_STATE_DIR").pop();
        StateArgs {
            dir: dir.map(|dir| expanded(&dir)),
        }
    }
}

/// A path with the home directory in the place of `~`, which the shell does not expand here.
pub(super) fn expanded(path: &OsStr) -> PathBuf {
    let home = crate::process::directory_variable("HOME");
    let below = path.to_str().and_then(|path| path.strip_prefix("~/"));
    match (below, home) {
        (Some(below), Some(home)) => home.join(below),
        _ => PathBuf::from(path),
    }
}
