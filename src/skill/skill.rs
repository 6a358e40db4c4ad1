//! A skill that was found: what it is called, what it says of itself, and what it is made of.
//!
//! Invariant: the rest of obs treats a skill that is a directory and a tool that is built in alike;
//! only who runs a step looks at the [`SkillKind`]. Schemas are compiled when they are first asked
//! for, once.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value};

use super::builtin::Builtin;
use super::id::SkillId;
use super::manifest::{Execution, Manifest};
use super::program::{Program, ProgramDirs, ProgramError, resolve};
use super::root_dir::RootDir;
use super::schema::{Schema, SchemaError, UnknownPaths};
use super::violation::Violation;
use crate::document::{Diagnostic, Diagnostics, Document, Location, escape_token};
use crate::model::{MAX_JSON_DEPTH, StepType, is_too_deep};

/// How many violations the error of an output tells.
const MAX_SHOWN_OUTPUT_PROBLEMS: usize = 3;

/// A skill.
#[derive(Debug)]
pub struct Skill {
    /// The id under which steps call it.
    pub id: SkillId,
    /// What it says of itself.
    pub manifest: Manifest,
    /// What it is made of.
    pub body: SkillKind,
    input: OnceLock<Result<Schema, SchemaError>>,
    output: OnceLock<Result<Schema, SchemaError>>,
}

/// What a skill is made of.
#[derive(Debug)]
pub enum SkillKind {
    /// A directory with a manifest and a program.
    Native(Box<NativeSkill>),
    /// Code of obs.
    Builtin(Builtin),
}

/// A skill that is a directory.
#[derive(Debug)]
pub struct NativeSkill {
    /// The skill's directory, canonical and absolute.
    pub dir: PathBuf,
    /// The skills root that it was found in.
    pub root: Arc<RootDir>,
    /// The skill's directory below the root.
    pub below: PathBuf,
    /// How it is run.
    pub execution: Execution,
    /// The manifest's text and the places in it; its name is the path as the user knows it.
    pub document: Document,
}

impl Skill {
    /// A built-in tool, which is a skill like any other.
    pub fn builtin(tool: Builtin) -> Option<Self> {
        let id = SkillId::parse(tool.id()).ok()?;
        Some(Self::new(id, tool.manifest(), SkillKind::Builtin(tool)))
    }

    /// A skill of these parts.
    pub(super) fn new(id: SkillId, manifest: Manifest, body: SkillKind) -> Self {
        Self {
            id,
            manifest,
            body,
            input: OnceLock::new(),
            output: OnceLock::new(),
        }
    }

    /// Whether steps of type `skill` or `tool` call it.
    pub fn kind(&self) -> StepType {
        self.manifest.kind
    }

    /// The directory that it is, unless it is built in.
    pub fn native(&self) -> Option<&NativeSkill> {
        match &self.body {
            SkillKind::Native(native) => Some(native),
            SkillKind::Builtin(_) => None,
        }
    }

    /// True if obs itself reads files of the workspace for it.
    pub(crate) fn reads_workspace(&self) -> bool {
        matches!(self.body, SkillKind::Builtin(builtin) if builtin.reads_files())
    }

    /// The compiled `input_schema`, where there is one.
    pub fn input(&self) -> Option<Result<&Schema, &SchemaError>> {
        let value = self.manifest.input_schema.as_ref()?;
        Some(self.input.get_or_init(|| Schema::compile(value)).as_ref())
    }

    /// The compiled `output_schema`, where there is one.
    pub fn output(&self) -> Option<Result<&Schema, &SchemaError>> {
        let value = self.manifest.output_schema.as_ref()?;
        Some(self.output.get_or_init(|| Schema::compile(value)).as_ref())
    }

    /// What is wrong with the schemas, with its place in the manifest.
    pub fn check_schemas(&self) -> Diagnostics {
        let mut problems = Diagnostics::default();
        for (key, schema) in [
            ("/input_schema", self.input()),
            ("/output_schema", self.output()),
        ] {
            if let Some(Err(error)) = schema {
                problems.push(schema_problem(key, error));
            }
        }
        problems
    }

    /// What is wrong with `arguments`, which stand at `base_pointer` of the plan: all violations of
    /// `input_schema`, else the first thing that keeps them out of the command.
    pub fn check_arguments(
        &self,
        arguments: &Map<String, Value>,
        base_pointer: &str,
    ) -> Diagnostics {
        self.check_arguments_partial(&UnknownPaths::default(), arguments, base_pointer)
    }

    /// The same where nothing is known yet of some places, which hold something that stands in.
    pub fn check_arguments_partial(
        &self,
        unknown: &UnknownPaths,
        arguments: &Map<String, Value>,
        base_pointer: &str,
    ) -> Diagnostics {
        let mut problems = Diagnostics::default();
        // What is deeper can't be read back from the records. The arguments are a level themselves.
        let is_unreadable = |value| is_too_deep(value, MAX_JSON_DEPTH - 1);
        if arguments.values().any(is_unreadable) {
            let message = format!("`arguments` is nested more than {MAX_JSON_DEPTH} levels deep");
            problems.push(
                Diagnostic::error("too_deep", Location::value(base_pointer), message)
                    .help("flatten it, or put the data into a file and pass its path"),
            );
            return problems;
        }
        match self.input() {
            Some(Ok(schema)) => {
                let value = Value::Object(arguments.clone());
                for violation in schema.violations_partial(unknown, &value, "`arguments`") {
                    problems.push(violation.problem("arguments", base_pointer));
                }
            }
            Some(Err(error)) => problems.push(
                Diagnostic::error(
                    "skill_schema",
                    Location::value(base_pointer),
                    format!("the `input_schema` of `{}` is broken: {error}", self.id),
                )
                .help(format!("`obs skills check {}` shows where", self.id)),
            ),
            None => {}
        }
        if problems.is_empty()
            && let Some(native) = self.native()
            && let Err(error) = native.execution.command.check(arguments)
        {
            let name = error.argument();
            let place = Location::value(if arguments.contains_key(name) {
                format!("{base_pointer}/{}", escape_token(name))
            } else {
                base_pointer.to_owned()
            });
            problems
                .push(Diagnostic::error("arguments", place, error.to_string()).help(error.help()));
        }
        problems
    }

    /// Says whether `output` meets the skill's `output_schema`.
    pub fn check_output(&self, output: &Value) -> Result<(), String> {
        match self.output() {
            Some(Ok(schema)) => check_output(schema, output),
            Some(Err(error)) => Err(format!(
                "the `output_schema` of `{}` is broken: {error}",
                self.id
            )),
            None => Ok(()),
        }
    }
}

/// Says whether `output` meets `schema`, a skill's or a step's own, in one sentence.
pub(crate) fn check_output(schema: &Schema, output: &Value) -> Result<(), String> {
    if schema.accepts(output) {
        return Ok(());
    }
    let violations = schema.violations(output, "the output");
    let messages: Vec<String> = violations
        .iter()
        .take(MAX_SHOWN_OUTPUT_PROBLEMS)
        .map(|violation| {
            let Violation {
                message,
                pointer,
                rule,
                ..
            } = violation;
            match pointer.as_str() {
                "" => format!("{message} (by {rule})"),
                pointer => format!("{message} (at {pointer}, by {rule})"),
            }
        })
        .collect();
    let rest = match violations.len().saturating_sub(MAX_SHOWN_OUTPUT_PROBLEMS) {
        0 => String::new(),
        rest => format!("; and {rest} more"),
    };
    Err(format!(
        "the output does not match its schema: {}{rest}",
        messages.join("; ")
    ))
}

impl NativeSkill {
    /// Finds the program that the skill runs.
    pub fn resolve_program(
        &self,
        workspace: &std::path::Path,
        path: &std::ffi::OsStr,
    ) -> Result<Program, ProgramError> {
        let places = ProgramDirs {
            root: &self.root,
            below: &self.below,
            skill_dir: &self.dir,
            workspace,
            path,
        };
        resolve(self.execution.command.program(), &places)
    }
}

/// A broken schema as a problem of the manifest that holds it under `key`.
pub(super) fn schema_problem(key: &str, error: &SchemaError) -> Diagnostic {
    let place = Location::value(format!("{key}{}", error.pointer));
    let problem = Diagnostic::error("schema", place, error.message.clone());
    match &error.help {
        Some(help) => problem.help(help.clone()),
        None => problem,
    }
}
