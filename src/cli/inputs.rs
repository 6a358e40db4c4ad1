//! `--set` and `--inputs`: values for a plan's inputs or a skill's arguments.
//!
//! Invariant: a value has the type that its schema wants where its text can be read as that; what
//! is set on the command line wins over the file.

use std::path::Path;

use serde_json::{Map, Value};

use super::args::InputArgs;
use super::error::{CommandError, ErrorKind};
use crate::document::{DEFAULT_MAX_BYTES, Document, Source};
use crate::model::strict_json;
use crate::plan::LoadedPlan;
use crate::store::PreviousRun;

/// The values for the inputs of a plan that was read from `path`.
pub(super) fn of_plan(
    args: &InputArgs,
    path: &Path,
    loaded: &LoadedPlan,
) -> Result<Option<Map<String, Value>>, CommandError> {
    let stdin = Path::new("-");
    if path == stdin && args.file.as_deref() == Some(stdin) {
        let message = "plan and inputs can't both come from standard input";
        return Err(CommandError::new(ErrorKind::Usage, message));
    }
    read(args.file.as_deref(), &args.set, |key| {
        loaded.plan.inputs.get(key)
    })
}

/// The values for the inputs of a run: those of the run that it resumes, and what is given anew.
pub(super) fn of_run(
    args: &InputArgs,
    path: &Path,
    previous: Option<&PreviousRun>,
    loaded: &LoadedPlan,
) -> Result<Map<String, Value>, CommandError> {
    let mut values = previous.map(|run| run.inputs.clone()).unwrap_or_default();
    // The plan may have been changed since.
    values.retain(|name, _| loaded.plan.inputs.contains_key(name));
    values.extend(of_plan(args, path, loaded)?.unwrap_or_default());
    Ok(values)
}

/// The values of a file and those that are set; `None` if nothing was given at all.
pub(super) fn read<'s>(
    file: Option<&Path>,
    set: &[String],
    schema_of: impl Fn(&str) -> Option<&'s Value>,
) -> Result<Option<Map<String, Value>>, CommandError> {
    if file.is_none() && set.is_empty() {
        return Ok(None);
    }
    let mut values = file.map(read_file).transpose()?.unwrap_or_default();
    values.extend(from_flags(set, schema_of)?);
    Ok(Some(values))
}

/// Reads one mapping from a JSON or YAML file, or from standard input for `-`.
fn read_file(path: &Path) -> Result<Map<String, Value>, CommandError> {
    let source = Source::read(path, DEFAULT_MAX_BYTES)?;
    let (document, problems) = Document::parse(source);
    if let Some(problem) = problems.first() {
        let (line, column) = document.line_and_column(document.bytes_of_problem(problem).start);
        let name = &document.source.name;
        let message = format!("{name}:{line}:{column}: {}", problem.message);
        return Err(CommandError::new(ErrorKind::Invalid, message));
    }
    match document.value {
        Value::Object(map) => Ok(map),
        _ => Err(CommandError::new(
            ErrorKind::Invalid,
            format_args!("`{}` must contain one mapping", document.source.name),
        )),
    }
}

/// `--set KEY=VALUE`: text where the schema wants nothing else, else JSON if it is some.
fn from_flags<'s>(
    flags: &[String],
    schema_of: impl Fn(&str) -> Option<&'s Value>,
) -> Result<Map<String, Value>, CommandError> {
    let mut values = Map::new();
    for flag in flags {
        let Some((key, text)) = flag.split_once('=') else {
            return Err(CommandError::new(
                ErrorKind::Usage,
                format_args!("missing `=` in `--set {flag}`"),
            )
            .hint("write `--set count=3`, for example"));
        };
        let kinds = kinds_of(schema_of(key));
        let value = match serde_json::from_str(text) {
            Ok(value) if !is_meant_as_text(&value, &kinds) => {
                strict_json(text.as_bytes()).map_err(|error| {
                    CommandError::new(ErrorKind::Usage, format_args!("`--set {key}=…`: {error}"))
                        .hint("give JSON without it, or a file with `--inputs`")
                })?;
                value
            }
            _ => Value::from(text),
        };
        if values.insert(key.to_owned(), value).is_some() {
            return Err(CommandError::new(
                ErrorKind::Usage,
                format_args!("duplicate `--set {key}=…`"),
            ));
        }
    }
    Ok(values)
}

/// The kinds of value that a property's schema allows by name; empty if it names none.
fn kinds_of(property: Option<&Value>) -> Vec<&str> {
    match property.and_then(|property| property.get("type")) {
        Some(Value::String(kind)) => vec![kind],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// True for a value that reads as JSON where the schema wants text and nothing of its kind.
fn is_meant_as_text(value: &Value, kinds: &[&str]) -> bool {
    let is_allowed = kinds.iter().any(|kind| match *kind {
        "string" => value.is_string() && kinds.len() > 1,
        "number" | "integer" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    });
    kinds.contains(&"string") && !is_allowed
}
