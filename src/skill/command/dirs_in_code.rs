//! Finds directories in places of a command where a program expects code.
//!
//! Invariant: a directory's name never becomes a part of code, because a path can hold anything
//! (`a; rm -rf b`). A file that holds the code may be named by its directory, but not by `$RUN_DIR`:
//! which code runs is known before the run, and other steps write there.

use super::code_injection::{CodeWord, Role, code_words};
use super::dir_text::{DirName, DirText};
use super::{Element, ElementTemplate};
use crate::document::{Diagnostic, Diagnostics, Location};

/// Reports every directory that is in the place of code. `places` are those of all templates, in
/// order.
pub(super) fn refuse_directories_in_code(
    elements: &[Element],
    places: &[Location],
    problems: &mut Diagnostics,
) {
    let has_some = |template: &ElementTemplate| template.before.dirs().next().is_some();
    if !elements
        .iter()
        .any(|element| element.templates().iter().any(has_some))
    {
        return;
    }
    let mut reported = vec![false; places.len()];
    for words in code_words(elements) {
        let mut is_script_next = false;
        for word in &words {
            let is_code = match word.role {
                Role::Program | Role::Code => true,
                Role::Script => is_script_next,
                Role::Possible => false,
            };
            is_script_next = match word.role {
                Role::Program => true,
                Role::Script => false,
                _ => is_script_next,
            };
            // The program itself is checked when it is read.
            if word.index > 0
                && is_code
                && !std::mem::replace(&mut reported[word.index], true)
                && let Some((message, help)) = fault(word)
            {
                let place = places[word.index].clone();
                problems.push(Diagnostic::error("directory_in_code", place, message).help(help));
            }
        }
    }
}

fn fault(word: &CodeWord) -> Option<(String, String)> {
    let text = DirText::from_stand_in(&word.text);
    let dir = text.dirs().next()?;
    let name = dir.as_str();
    if word.role == Role::Code && text.literals().any(is_code) {
        let variable = name.replace('$', "$OBS_");
        return Some((
            format!("`{name}` is in code: a directory's name could change what it does"),
            format!(
                "write `\"{variable}\"`, a variable that the skill has, or pass the path as an \
                 argument of the code"
            ),
        ));
    }
    let is_file = text.path().is_some_and(|(dir, _)| dir == DirName::RunDir);
    is_file.then(|| {
        (
            format!("the code that runs lies in `{name}`, where steps write"),
            "put it beside the manifest, `$SKILL_DIR/…`, and pass it the path as an argument"
                .to_owned(),
        )
    })
}

/// True for what is more than a part of a file's name or an option.
fn is_code(text: &str) -> bool {
    text.contains(|c: char| c.is_whitespace() || "\"'`$;|&<>(){}[]*?!#\\".contains(c))
}
