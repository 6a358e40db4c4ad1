//! Finds arguments in places of a command where a program expects code.
//!
//! Invariant: a value never stands where a program expects code, the name of a program, or an
//! option that names code. Which places these are, the list in [`program_table`] says; every word of a
//! command is checked, also behind programs that start other programs (`timeout 5 env -S 'sh -c'
//! …`). A nested list that may be dropped and a list that is spread are checked in each form that
//! they can take.

mod collect;
mod faults;
mod input;
mod operands;
mod options;
mod program_table;
mod programs;
mod reader;
mod shell;
mod words;

use std::collections::BTreeSet;
use std::path::Path;

use crate::document::{Diagnostic, Diagnostics, Location};

use super::{Element, Stdin};

pub(in crate::skill) use input::is_standard_input;
pub(in crate::skill) use programs::is_code_variable;
pub(in crate::skill) use words::{CodeWord, Role};

/// What the check needs to know of the rest of the manifest.
#[derive(Debug, Clone, Copy)]
pub(super) struct CommandContext<'m> {
    /// A value may begin with `-`.
    pub(super) allow_leading_dash: bool,
    /// What standard input holds.
    pub(super) stdin: &'m Stdin,
}

/// Reports every argument that is in the place of code. `places` are those of all templates, in
/// order.
pub(super) fn refuse_arguments_in_code(
    elements: &[Element],
    places: &[Location],
    surroundings: CommandContext<'_>,
    problems: &mut Diagnostics,
) {
    let mut found = reader::Analysis::default();
    for words in words::variants(elements) {
        reader::read_command(&words, surroundings, &mut found);
    }
    for (index, fault) in found {
        problems.push(
            Diagnostic::error("argument_in_code", places[index].clone(), fault.message)
                .help(fault.help),
        );
    }
}

/// The words without an argument that are in a place of code, in each form that the command can
/// take.
pub(super) fn code_words(elements: &[Element]) -> Vec<Vec<CodeWord>> {
    let surroundings = CommandContext {
        allow_leading_dash: false,
        stdin: &Stdin::None,
    };
    let variants = words::variants(elements);
    let code = variants
        .iter()
        .map(|words| reader::read_command(words, surroundings, &mut reader::Analysis::default()));
    let distinct: BTreeSet<Vec<CodeWord>> = code.collect();
    distinct.into_iter().collect()
}

/// True for the name or the path of a program that runs the script that its words name.
fn is_interpreter(program: &str) -> bool {
    let name = Path::new(program)
        .file_name()
        .and_then(|name| name.to_str());
    let found = name.and_then(|name| programs::find(program_table::PROGRAMS, name));
    found.is_some_and(|found| {
        let operands = &found.operands;
        matches!(
            operands,
            programs::Operands::Shell | programs::Operands::Script
        )
    })
}

#[cfg(test)]
mod more_tests;
#[cfg(test)]
mod tests;
