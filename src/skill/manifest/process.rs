//! The environment and the working directory that a manifest gives to its program.
//!
//! Invariant: both are constant: no argument gets into them, so no plan decides which code a
//! program finds through them. obs's own variables can't be replaced, and a secret is asked for by a
//! permission, never written down.

use std::ffi::OsString;

use crate::document::{Diagnostic, Diagnostics, Location, Node};
use crate::model::StepDirs;
use crate::skill::command::{
    DirName, DirText, MAX_ELEMENT_BYTES, Stdin, check_run_dir, is_code_variable, is_standard_input,
    literal_text,
};
use crate::skill::permission::{EnvName, GrantPath, PathBase, Permission, grant_path};

/// Variables whose values are obs's, besides those that begin with `OBS_`.
const OWN_VARIABLES: [(&str, &str); 3] = [
    (
        "PATH",
        "obs finds the programs of the command in it before the run",
    ),
    ("HOME", "it is the step's private directory"),
    ("TMPDIR", "it is the step's private directory"),
];

/// The longest value: the name and `=` are a part of the same string.
const MAX_VALUE_BYTES: usize = MAX_ELEMENT_BYTES - 1024;

/// A variable that the manifest gives to the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvVariable {
    /// Its name.
    pub(crate) name: String,
    value: DirText,
}

impl EnvVariable {
    /// Its value for a step with these directories.
    pub(crate) fn value(&self, dirs: &StepDirs<'_>) -> OsString {
        self.value.expand(dirs)
    }

    /// True if the value is neither empty nor a path.
    pub(crate) fn is_literal(&self) -> bool {
        let mut literals = self.value.literals();
        let first = literals.next().unwrap_or_default();
        self.value.dirs().next().is_none() && !first.is_empty() && !first.starts_with('/')
    }

    /// True if programs take its value for code, or for a place of code.
    pub(crate) fn is_code(&self) -> bool {
        is_code_variable(&self.name)
    }
}

/// What the reading of `env` and `workdir` needs to know about the rest of the manifest.
#[derive(Clone, Copy)]
pub(super) struct ProcessReading<'m> {
    pub(super) permissions: &'m [Permission],
    pub(super) has_run_dir: bool,
    pub(super) stdin: &'m Stdin,
}

/// Reads `execution.env`.
pub(super) fn read_env(
    node: &Node<'_>,
    reading: ProcessReading<'_>,
    problems: &mut Diagnostics,
) -> Vec<EnvVariable> {
    let Some(entries) = node.entries(problems) else {
        return Vec::new();
    };
    let variables = entries.iter().filter_map(|entry| {
        let name = entry.name();
        if let Some((message, help)) = wrong_name(&name, reading.permissions) {
            let place = Location::key(&entry.pointer);
            problems.push(Diagnostic::error("variable", place, message).help(help));
            return None;
        }
        let value = read_value(&name, entry, reading, problems)?;
        Some(EnvVariable { name, value })
    });
    variables.collect()
}

fn wrong_name(name: &str, permissions: &[Permission]) -> Option<(String, String)> {
    if !EnvName::is_valid(name) {
        return Some((
            format!("`{name}` is not the name of a variable"),
            "a name has letters, digits and `_`, and does not begin with a digit".to_owned(),
        ));
    }
    let own = OWN_VARIABLES.iter().find(|(own, _)| *own == name);
    if let Some((_, why)) = own {
        return Some((
            format!("the manifest can't set `{name}`: {why}"),
            "set it in a script beside the manifest, for the programs that the script starts"
                .to_owned(),
        ));
    }
    if name.starts_with("OBS_") {
        return Some((
            format!("the manifest can't set `{name}`: names that begin with `OBS_` are obs's"),
            "choose another name".to_owned(),
        ));
    }
    let mut asked = permissions.iter().filter(|permission| {
        let env = permission.env();
        env.is_some_and(|(env, _)| env.name == name)
    });
    asked.next().map(|permission| {
        (
            format!("`{name}` has a value here, and `{permission}` asks for another"),
            "remove one of the two".to_owned(),
        )
    })
}

fn read_value(
    name: &str,
    node: &Node<'_>,
    reading: ProcessReading<'_>,
    problems: &mut Diagnostics,
) -> Option<DirText> {
    let text = node.string(problems)?;
    let fault = |code, message: String, help: &str| {
        Diagnostic::error(code, node.place(), message).help(help)
    };
    let literal = match literal_text(text) {
        Ok(Some(literal)) => literal,
        Ok(None) => {
            let message = format!("`{name}` holds an argument: the environment is constant");
            let help = "pass the argument in the command or on standard input; `{{{{` is the text \
                        `{{`";
            problems.push(fault("variable", message, help));
            return None;
        }
        Err((message, help)) => {
            problems.push(fault("variable", message, &help));
            return None;
        }
    };
    let value = DirText::parse(&literal);
    let uses_run_dir = value.dirs().any(|dir| dir == DirName::RunDir);
    if uses_run_dir {
        check_run_dir(node, reading.has_run_dir, problems);
    }
    let reads_stdin = || *reading.stdin != Stdin::None && literal.split(':').any(is_standard_input);
    problems.push(if literal.len() > MAX_VALUE_BYTES {
        let message = format!("the value of `{name}` has more than {MAX_VALUE_BYTES} bytes");
        fault(
            "variable",
            message,
            "put it into a file beside the manifest",
        )
    } else if is_code_variable(name) && uses_run_dir {
        let message = format!("programs take code from `{name}`, and steps write in `$RUN_DIR`");
        let help = "name a directory beside the manifest: `$SKILL_DIR/…`";
        fault("directory_in_code", message, help)
    } else if is_code_variable(name) && reads_stdin() {
        let message = format!("programs take code from `{name}`: standard input, with arguments");
        fault(
            "argument_in_code",
            message,
            "name a file, or write `stdin: none`",
        )
    } else {
        return Some(value);
    });
    None
}

/// Reads `execution.workdir`.
pub(super) fn read_workdir(
    node: &Node<'_>,
    reading: ProcessReading<'_>,
    problems: &mut Diagnostics,
) -> Option<GrantPath> {
    let text = node.string(problems)?;
    let mut refuse = |message: String, help: &str| {
        problems.push(Diagnostic::error("workdir", node.place(), message).help(help));
        None
    };
    if text.contains("{{") {
        let message = format!("the working directory `{text}` is not constant");
        return refuse(
            message,
            "write a path without arguments; the script may change to another",
        );
    }
    if text.contains('\0') {
        return refuse(
            "a path can't hold a NUL character".to_owned(),
            "take it out",
        );
    }
    match grant_path(&format!("the working directory `{text}`"), text) {
        Ok(path) => {
            if path.base == PathBase::RunDir {
                check_run_dir(node, reading.has_run_dir, problems);
            }
            Some(path)
        }
        Err(error) => refuse(error.message, &error.help),
    }
}

/// The key of `execution` that one of another format means.
pub(super) fn key_meant(key: &str) -> Option<&'static str> {
    Some(match key {
        "environment" | "envs" | "env_vars" | "environ" | "variables" | "vars" => "env",
        "cwd" | "working_directory" | "working_dir" | "workingDirectory" | "workingDir"
        | "work_dir" | "dir" | "directory" | "chdir" => "workdir",
        _ => return None,
    })
}
