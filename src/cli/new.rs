//! `obs new plan`: a plan that calls skills with placeholders for what they require.
//!
//! Invariant: what a person has to fill in is `{{TODO}}`, which no plan runs with. With the values
//! that stand beside it, the plan is valid if the schemas of the skills permit a value that obs can
//! think of. No file is overwritten.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::args::{NewCommand, NewPlanArgs};
use super::error::{CommandError, CommandResult, ErrorKind};
use super::printer::Printer;
use super::{exit_code, roots, skills};
use crate::model::{Escaped, json_line};
use crate::plan::PLACEHOLDER;
use crate::skill::{Registry, SAMPLE_TEXT, Skill, sample};

/// How many alternatives of a schema are tried.
const MAX_CHOICES: usize = 8;

/// The longest comment, in characters.
const MAX_COMMENT: usize = 70;

/// How many ids are named if no skill is given.
const MAX_IDS: usize = 10;

/// Writes the plan.
pub(super) fn new(command: NewCommand, printer: &Printer) -> CommandResult {
    let NewCommand::Plan(args) = command;
    plan(&args, printer)
}

fn plan(args: &NewPlanArgs, printer: &Printer) -> CommandResult {
    let output = args
        .output
        .as_deref()
        .filter(|path| *path != Path::new("-"));
    let registry = roots::registry(&args.roots, output)?;
    if args.skill_ids.is_empty() {
        return Err(no_skill_named(&registry));
    }
    let found = args
        .skill_ids
        .iter()
        .map(|id| skills::find_in(&registry, id));
    let found: Vec<Arc<Skill>> = found.collect::<Result<_, _>>()?;
    let mut names: Vec<String> = Vec::new();
    let mut steps = Vec::new();
    for skill in &found {
        let name = step_name(skill, &names, &args.skill_ids);
        steps.push(NewStep::new(&name, skill));
        names.push(name);
    }
    let text = plan_text(&steps);
    let todos = steps.iter().map(NewStep::todos).sum::<usize>();
    let Some(path) = output else {
        printer.print(text);
        return Ok(exit_code::SUCCESS);
    };
    write_new(path, &text)?;
    printer.print_line(path.display());
    let shown = path.display().to_string();
    let file = Escaped(&shown);
    let lines = todo_lines(&text);
    match todos {
        0 => printer.info(format_args!("run it with `obs run {file}`")),
        1 => printer.info(format_args!(
            "replace the TODO in {lines}, then `obs run {file}`"
        )),
        many => printer.info(format_args!(
            "replace the {many} TODOs in {lines}, then `obs run {file}`"
        )),
    }
    Ok(exit_code::SUCCESS)
}

/// The lines that something has to be filled in: `line 7`, `lines 7 to 19`.
fn todo_lines(text: &str) -> String {
    // The first line says what a TODO is.
    let lines = (1..).zip(text.lines()).skip(1);
    let numbers: Vec<usize> = lines
        .filter(|(_, line)| line.contains(PLACEHOLDER))
        .map(|(number, _)| number)
        .collect();
    match numbers.as_slice() {
        [first, .., last] => format!("lines {first} to {last}"),
        [line] => format!("line {line}"),
        [] => String::new(),
    }
}

fn write_new(path: &Path, text: &str) -> Result<(), CommandError> {
    let create = OpenOptions::new().write(true).create_new(true).open(path);
    let written = create.and_then(|mut file| {
        file.write_all(text.as_bytes()).inspect_err(|_| {
            // Half a plan is none.
            fs::remove_file(path).ok();
        })
    });
    written.map_err(|error| {
        let what = format!("can't create `{}`", path.display());
        CommandError::with_source(ErrorKind::Io, what, &error)
            .hint("nothing is overwritten; choose another file with `-o FILE`")
    })
}

fn no_skill_named(registry: &Registry) -> CommandError {
    let error = CommandError::new(ErrorKind::Usage, "no skill is named");
    let listing = registry.list();
    let own = listing.skills.iter().filter(|listed| listed.root.is_some());
    let ids: Vec<&str> = own.map(|listed| listed.id.as_str()).collect();
    if ids.is_empty() {
        return error.hint("there are no skills here: `obs init` makes one and a plan");
    }
    let more = if ids.len() > MAX_IDS { ", …" } else { "" };
    let shown = ids[..ids.len().min(MAX_IDS)].join(", ");
    error.hint(format_args!(
        "name skills that the plan calls: {shown}{more}"
    ))
}

/// The skill's id, with a number if a step has that name already.
fn step_name(skill: &Skill, names: &[String], ids: &[String]) -> String {
    let id = skill.id.as_str();
    if !names.iter().any(|name| name == id) {
        return id.to_owned();
    }
    let numbered = (2..=names.len() + ids.len() + 2).map(|number| format!("{id}-{number}"));
    let mut free = numbered.filter(|name| !names.contains(name) && !ids.contains(name));
    free.next().unwrap_or_default()
}

/// A step with its arguments.
struct NewStep<'s> {
    name: String,
    skill: &'s Skill,
    arguments: Vec<NewArgument>,
    /// Why the skill does not take these arguments.
    refusal: Option<String>,
}

struct NewArgument {
    name: String,
    value: Value,
    /// What has to be filled in.
    todo: Option<String>,
}

impl<'s> NewStep<'s> {
    fn new(name: &str, skill: &'s Skill) -> Self {
        let step = |choice| {
            let arguments = arguments(skill, choice);
            let map: Map<String, Value> = arguments
                .iter()
                .map(|argument| (argument.name.clone(), argument.value.clone()))
                .collect();
            let problems = skill.check_arguments(&map, "");
            let refusal = problems
                .iter()
                .next()
                .map(|problem| problem.message.clone());
            Self {
                name: name.to_owned(),
                skill,
                arguments,
                refusal,
            }
        };
        let mut steps = (0..MAX_CHOICES).map(step);
        let first = steps.next();
        match first {
            Some(first) if first.refusal.is_some() => {
                steps.find(|step| step.refusal.is_none()).unwrap_or(first)
            }
            Some(first) => first,
            None => step(0),
        }
    }

    fn todos(&self) -> usize {
        let marked = self
            .arguments
            .iter()
            .filter(|argument| argument.todo.is_some());
        marked.count() + usize::from(self.refusal.is_some())
    }

    /// Writing to a String can't fail.
    fn write(&self, text: &mut String) {
        if let Some(refusal) = &self.refusal {
            writeln!(text, "  # TODO: {}", comment(refusal)).ok();
        }
        writeln!(text, "  - name: {}", scalar(&self.name)).ok();
        if self.name != self.skill.id.as_str() {
            writeln!(text, "    skill: {}", scalar(self.skill.id.as_str())).ok();
        }
        writeln!(text, "    type: {}", self.skill.kind().as_str()).ok();
        if self.arguments.is_empty() {
            return;
        }
        text.push_str("    arguments:\n");
        for argument in &self.arguments {
            let name = scalar(&argument.name);
            match &argument.todo {
                Some(todo) => {
                    writeln!(text, "      {name}: \"{{{{{PLACEHOLDER}}}}}\"  # {todo}").ok()
                }
                None => writeln!(text, "      {name}: {}", yaml(&escaped(&argument.value))).ok(),
            };
        }
    }
}

fn plan_text(steps: &[NewStep<'_>]) -> String {
    let mut text = String::new();
    if steps.iter().any(|step| step.todos() > 0) {
        text.push_str("# Replace each TODO. {{STEP}} is the result of an earlier step.\n");
    }
    text.push_str("assistant_id: me  # who wrote the plan\nsteps:\n");
    for step in steps {
        step.write(&mut text);
    }
    text
}

/// The arguments that the schema requires, then those that only the command needs.
fn arguments(skill: &Skill, choice: usize) -> Vec<NewArgument> {
    let none = json!({});
    let schema = skill.manifest.input_schema.as_ref().unwrap_or(&none);
    let properties = schema.get("properties").and_then(Value::as_object);
    let property = |name: &str| properties.and_then(|properties| properties.get(name));
    let all = match skill.manifest.input_schema {
        Some(_) => sample(schema, schema, choice).value,
        None => Value::Null,
    };
    let mut arguments: Vec<NewArgument> = Vec::new();
    for (name, value) in all.as_object().cloned().unwrap_or_default() {
        let of_property = property(&name).unwrap_or(&none);
        let is_given = sample(of_property, schema, choice).is_given;
        arguments.push(NewArgument {
            todo: (!is_given).then(|| todo_text(&name, of_property, &value)),
            name,
            value,
        });
    }
    let native = skill.native().into_iter();
    for used in native.flat_map(|native| native.execution.command.arguments()) {
        if used.is_optional || arguments.iter().any(|known| known.name == used.name) {
            continue;
        }
        let sampled = property(used.name).map(|property| sample(property, schema, choice));
        let (value, is_given) = match sampled {
            Some(sampled) => (sampled.value, sampled.is_given),
            None if used.is_spread => (json!([SAMPLE_TEXT]), false),
            None => (json!(SAMPLE_TEXT), false),
        };
        let of_property = property(used.name).unwrap_or(&none);
        arguments.push(NewArgument {
            name: used.name.to_owned(),
            todo: (!is_given).then(|| todo_text(used.name, of_property, &value)),
            value,
        });
    }
    arguments
}

/// What the schema says of an argument, and a value that it permits, in one line.
fn todo_text(name: &str, schema: &Value, value: &Value) -> String {
    if let Some(Value::Array(values)) = schema.get("enum") {
        let values: Vec<String> = values.iter().map(yaml).collect();
        return comment(&format!("one of {}", values.join(", ")));
    }
    let described = ["description", "title"]
        .into_iter()
        .find_map(|key| schema.get(key)?.as_str());
    let kind = schema.get("type").and_then(Value::as_str);
    let first = described.map(|text| text.lines().next().unwrap_or_default().trim());
    let text = match (first.filter(|text| !text.is_empty()), kind) {
        (Some(text), _) => comment(text.trim_end_matches('.')),
        (None, Some(kind)) => comment(&format!("{name}, {kind}")),
        (None, None) => comment(name),
    };
    if value.as_str() == Some(SAMPLE_TEXT) {
        return text;
    }
    format!("{text}, such as {}", comment(&yaml(&escaped(value))))
}

/// The value with `{{{{` for each `{{`, which would begin a reference.
fn escaped(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::from(text.replace("{{", "{{{{")),
        Value::Array(list) => list.iter().map(escaped).collect(),
        Value::Object(map) => {
            let entries = map.iter().map(|(key, value)| (key.clone(), escaped(value)));
            Value::Object(entries.collect())
        }
        other => other.clone(),
    }
}

/// One line of a comment, bounded and escaped.
fn comment(text: &str) -> String {
    let mut shown: String = text.chars().take(MAX_COMMENT).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    Escaped(&shown).to_string()
}

/// A value as YAML on one line: JSON, and plain words without quotes.
fn yaml(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        // Values made of text and numbers always have a JSON form.
        other => json_line(other).unwrap_or_default(),
    }
}

/// A text as YAML: bare if it can't be read as anything else.
fn scalar(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '/' | '.');
    let is_word = text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(is_plain);
    let lower = text.to_ascii_lowercase();
    let is_keyword = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    if is_word && text.len() <= 128 && !is_keyword.contains(&lower.as_str()) {
        return text.to_owned();
    }
    json_line(&text).unwrap_or_default()
}
