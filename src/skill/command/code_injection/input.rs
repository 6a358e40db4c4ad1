//! The names of standard input in a command.

use super::words::Word;

/// True if the word is a path of standard input.
pub(super) fn is_input(word: &Word) -> bool {
    word.literal().is_some_and(is_standard_input)
}

/// True for each spelling of a path of standard input: `//dev/./stdin`, `/proc/self/fd/0`.
pub(in crate::skill) fn is_standard_input(path: &str) -> bool {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let is_path = parts.ends_with(&["dev", "stdin"]) || parts.ends_with(&["fd", "0"]);
    path == "-" || is_path || path == "php://stdin"
}
