//! Reading `command` and `stdin` from a manifest, with the place of every mistake.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{
    ArgumentSlot, CommandTemplate, DirName, DirText, Element, ElementTemplate, MAX_COMMAND_BYTES,
    ProgramName, Stdin, code_injection, dirs_in_code,
};
use crate::document::{Diagnostic, Diagnostics, Location, Node, Severity, kind_of, nearest};

/// What the reading of a command needs to know about the rest of the manifest.
#[derive(Debug, Clone, Copy)]
pub(in crate::skill) struct Reading<'m> {
    pub(in crate::skill) input_schema: Option<&'m Value>,
    pub(in crate::skill) allow_leading_dash: bool,
    /// A permission asks for `$RUN_DIR`.
    pub(in crate::skill) has_run_dir: bool,
    pub(in crate::skill) stdin: &'m Stdin,
}

/// Reads `execution.command`. None if it has an error.
pub(in crate::skill) fn read_command(
    node: &Node<'_>,
    reading: Reading<'_>,
    problems: &mut Diagnostics,
) -> Option<CommandTemplate> {
    if let Value::String(line) = node.value {
        problems.push(command_line(node, line));
        return None;
    }
    let nodes = node.list(problems)?;
    let errors_before = errors(problems);
    let Some(first) = nodes.first() else {
        problems.push(
            Diagnostic::error("command", node.place(), "the command is empty")
                .help("name a program: `command: [./run.sh]`"),
        );
        return None;
    };
    let program = program(first, problems);
    let mut elements = Vec::new();
    let mut places = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        if let Value::Array(_) = node.value
            && index > 0
        {
            elements.push(group(node, reading, problems, &mut places));
        } else if let Some(template) = template(node, index == 0, reading, problems) {
            places.push(node.place());
            elements.push(Element::One(template));
        }
    }
    let surroundings = code_injection::CommandContext {
        allow_leading_dash: reading.allow_leading_dash,
        stdin: reading.stdin,
    };
    code_injection::refuse_arguments_in_code(&elements, &places, surroundings, problems);
    dirs_in_code::refuse_directories_in_code(&elements, &places, problems);
    let literal_bytes: usize = elements.iter().map(Element::literal_bytes).sum();
    if literal_bytes > MAX_COMMAND_BYTES / 2 {
        problems.push(
            Diagnostic::error("command", node.place(), "the command is too long")
                .help("put the text into a file beside the manifest"),
        );
    }
    (errors(problems) == errors_before).then_some(())?;
    Some(CommandTemplate {
        program: program?,
        elements,
        allow_leading_dash: reading.allow_leading_dash,
    })
}

/// Reads `execution.stdin`.
pub(in crate::skill) fn read_stdin(
    node: &Node<'_>,
    reading: Reading<'_>,
    problems: &mut Diagnostics,
) -> Option<Stdin> {
    let text = node.string(problems)?;
    if !text.contains("{{") {
        return match text {
            "arguments" => Some(Stdin::Arguments),
            "none" => Some(Stdin::None),
            _ => {
                let message = format!("`stdin` can't be `{text}`");
                let problem = Diagnostic::error("wrong_value", node.place(), message)
                    .expected(["arguments", "none", "{{name}}"].as_slice())
                    .got(text);
                problems.push(match nearest(text, ["arguments", "none"]) {
                    Some(word) => problem
                        .help(format!("did you mean `{word}`?"))
                        .fix(node.replace_with(&word.into())),
                    None => problem.help(
                        "it is `arguments`, `none` or one argument in braces, such as \"{{text}}\"",
                    ),
                });
                None
            }
        };
    }
    match split(text) {
        Ok((before, Some(slot), after))
            if before.is_empty() && after.is_empty() && !slot.is_spread =>
        {
            check_name(&slot, node, reading, problems);
            return Some(Stdin::Argument(slot.name));
        }
        Ok(_) => problems.push(
            Diagnostic::error(
                "wrong_value",
                node.place(),
                "`stdin` is more than one argument",
            )
            .help("write `arguments`, `none` or one argument alone, such as \"{{text}}\""),
        ),
        Err((message, help)) => {
            problems.push(Diagnostic::error("wrong_value", node.place(), message).help(help));
        }
    }
    None
}

/// A command that was written as one line.
fn command_line(node: &Node<'_>, line: &str) -> Diagnostic {
    let problem = Diagnostic::error(
        "command",
        node.place(),
        "`command` must be a list, found text",
    )
    .expected("array")
    .got("string");
    let needs_shell = line.contains(['|', '>', '<', ';', '&', '$', '`', '*', '\n']);
    match shlex::split(line) {
        Some(words) if !words.is_empty() && !needs_shell => {
            let list = Value::from(words);
            problem
                .help(format!(
                    "no shell reads it; write each word by itself: {list}"
                ))
                .fix(node.replace_with(&list))
        }
        _ => problem.help(
            "no shell reads it; write each word by itself, or `[sh, -c, '… \"$1\"', sh, \
             \"{{x}}\"]`",
        ),
    }
}

fn errors(problems: &Diagnostics) -> usize {
    let errors = problems
        .iter()
        .filter(|problem| problem.severity == Severity::Error);
    errors.count() + problems.suppressed()
}

fn program(node: &Node<'_>, problems: &mut Diagnostics) -> Option<ProgramName> {
    let mut refuse = |message: String, help: &str| {
        problems.push(Diagnostic::error("command", node.place(), message).help(help));
        None
    };
    let Value::String(text) = node.value else {
        if let Value::Array(_) = node.value {
            let message = "the program can't be in a nested list".to_owned();
            return refuse(message, "begin the command with the program");
        }
        return None; // Said when it is read as an element.
    };
    if text.contains("{{") {
        let message = format!("the program `{text}` depends on an argument");
        return refuse(
            message,
            "name it outright: which program runs is known before the run",
        );
    }
    let name = program_text(text);
    let below = |rest: &str| PathBuf::from(rest.trim_start_matches('/'));
    let program = match name.path() {
        Some((DirName::SkillDir, rest)) => ProgramName::InSkillDir(below(rest)),
        Some((DirName::Workspace, rest)) => ProgramName::InWorkspace(below(rest)),
        Some((DirName::RunDir, _)) => {
            let message = format!("the program `{text}` lies in `$RUN_DIR`, where steps write");
            let help = "name one that is there before the run: `$SKILL_DIR/…`, `$WORKSPACE/…`";
            return refuse(message, help);
        }
        None if name.dirs().next().is_some() => {
            let message = format!("the program `{text}` has a directory inside its name");
            let help = "begin it with the directory and a slash: `$WORKSPACE/…`";
            return refuse(message, help);
        }
        None if text.starts_with('/') => ProgramName::Absolute(PathBuf::from(text)),
        None if text.contains('/') => {
            let message = format!("the program `{text}` is neither a name nor a full path");
            let help = format!("write `./{text}` for a file beside the manifest");
            return refuse(message, &help);
        }
        None if text.trim().is_empty() => {
            return refuse(
                "the program has no name".to_owned(),
                "name a program: `[./run.sh]`",
            );
        }
        None => ProgramName::Bare(text.clone()),
    };
    match &program {
        ProgramName::InSkillDir(below) | ProgramName::InWorkspace(below)
            if below == Path::new("") =>
        {
            refuse(
                format!("the program `{text}` is a directory"),
                "name a file in it",
            )
        }
        _ => Some(program),
    }
}

fn group(
    node: &Node<'_>,
    reading: Reading<'_>,
    problems: &mut Diagnostics,
    places: &mut Vec<Location>,
) -> Element {
    let mut templates = Vec::new();
    for node in node.list(problems).unwrap_or_default() {
        if let Value::Array(_) = node.value {
            problems.push(
                Diagnostic::error("command", node.place(), "a list in a nested list")
                    .help("lists nest once: each is dropped or kept as a whole"),
            );
        } else if let Some(template) = template(&node, false, reading, problems) {
            places.push(node.place());
            templates.push(template);
        }
    }
    let has_text_only = node.value.as_array().is_some_and(|list| {
        list.iter()
            .all(|value| value.as_str().is_some_and(|text| !text.contains("{{")))
    });
    if has_text_only {
        problems.push(
            Diagnostic::error("command", node.place(), "a nested list without an argument").help(
                "it is dropped when its `{{x}}` is not given; without one, leave out its brackets",
            ),
        );
    }
    Element::Group(templates)
}

fn template(
    node: &Node<'_>,
    is_program: bool,
    reading: Reading<'_>,
    problems: &mut Diagnostics,
) -> Option<ElementTemplate> {
    if is_program && node.value.is_array() {
        return None; // Said already.
    }
    let Value::String(text) = node.value else {
        problems.push(not_text(node));
        return None;
    };
    match split(text) {
        Ok((before, slot, after)) => {
            if let Some(slot) = &slot
                && !is_program
            {
                check_slot(slot, node, reading, problems);
            }
            let before = if is_program {
                program_text(&before)
            } else {
                DirText::parse(&before)
            };
            let after = DirText::parse(&after);
            let template = ElementTemplate {
                before,
                slot,
                after,
            };
            if !is_program && template.uses_run_dir() {
                check_run_dir(node, reading.has_run_dir, problems);
            }
            Some(template)
        }
        Err((message, help)) if !is_program || !text.contains("{{") => {
            problems.push(Diagnostic::error("command", node.place(), message).help(help));
            None
        }
        Err(_) => None,
    }
}

/// The problem of an element that is a number or the like.
fn not_text(node: &Node<'_>) -> Diagnostic {
    let message = format!("an element must be text, found {}", kind_of(node.value));
    let problem = Diagnostic::error("wrong_type", node.place(), message).expected("string");
    match node.value {
        Value::Number(_) | Value::Bool(_) => {
            let quoted = Value::String(node.value.to_string());
            let help = format!("quote it: {quoted}");
            problem.help(help).fix(node.replace_with(&quoted))
        }
        _ => problem,
    }
}

impl Element {
    fn literal_bytes(&self) -> usize {
        let templates = self.templates().iter();
        let bytes = templates
            .map(|template| template.before.literal_bytes() + template.after.literal_bytes() + 9);
        bytes.sum()
    }
}

/// Reports that `node` uses `$RUN_DIR` if no permission asks for it.
pub(in crate::skill) fn check_run_dir(
    node: &Node<'_>,
    has_run_dir: bool,
    problems: &mut Diagnostics,
) {
    if has_run_dir {
        return;
    }
    let message = "no permission asks for `$RUN_DIR`, so there is none for this skill";
    problems.push(Diagnostic::error("permission", node.place(), message).help(
        "add `fs.write:$RUN_DIR` to `permissions`, or `fs.read:$RUN_DIR` if it only reads there",
    ));
}

/// The program's name; `./` is the skill's directory.
fn program_text(text: &str) -> DirText {
    match text.strip_prefix("./") {
        Some(below) => DirText::parse(&format!("{}/{below}", DirName::SkillDir.as_str())),
        None => DirText::parse(text),
    }
}

type Split = (String, Option<ArgumentSlot>, String);
pub(in crate::skill) type Refusal = (String, String);

/// Splits an element at its one `{{x}}`. `{{{{` is a literal `{{`.
fn split(text: &str) -> Result<Split, Refusal> {
    let refuse = |message: &str, help: &str| Err((message.to_owned(), help.to_owned()));
    if text.contains('\0') {
        return refuse("an element can't hold a NUL character", "take it out");
    }
    let (mut before, mut literal, mut slot) = (String::new(), String::new(), None);
    let mut rest = text;
    while let Some(at) = rest.find("{{") {
        literal.push_str(&rest[..at]);
        let opened = &rest[at + 2..];
        if let Some(after) = opened.strip_prefix("{{") {
            literal.push_str("{{");
            rest = after;
            continue;
        }
        if rest[..at].ends_with('$') {
            return refuse(
                "`${{` could mean two things",
                "write `${{{{` for the text `${{`; an argument can't follow a `$`",
            );
        }
        let Some(end) = opened.find("}}") else {
            return refuse(
                "`{{` is never closed",
                "close it with `}}`, or write `{{{{` for the text `{{`",
            );
        };
        let inner = opened[..end].trim();
        let (name, is_spread) = match inner.strip_suffix("...") {
            Some(name) => (name.trim_end(), true),
            None => (inner, false),
        };
        if !is_name(name) {
            return Err((
                format!("`{{{{{inner}}}}}` names no argument"),
                "write the name of one argument, such as `{{url}}`, or `{{{{` for the text `{{`"
                    .to_owned(),
            ));
        }
        if slot.is_some() {
            return refuse(
                "an element takes one argument, this one has two",
                "make it two elements, or let the skill read the arguments from stdin",
            );
        }
        before = std::mem::take(&mut literal);
        slot = Some(ArgumentSlot {
            name: name.to_owned(),
            is_spread,
        });
        rest = &opened[end + 2..];
    }
    literal.push_str(rest);
    Ok(match slot {
        Some(_) => (before, slot, literal),
        None => (literal, None, String::new()),
    })
}

/// A text with `{{` for `{{{{`; `None` if it holds an argument.
pub(in crate::skill) fn literal_text(text: &str) -> Result<Option<String>, Refusal> {
    let (literal, slot, _) = split(text)?;
    Ok(slot.is_none().then_some(literal))
}

fn is_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    name.chars().all(is_plain) && name.starts_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// Holds a `{{x}}` against the names of `input_schema`. The property comes back, where there is
/// one.
fn check_name<'m>(
    slot: &ArgumentSlot,
    node: &Node<'_>,
    reading: Reading<'m>,
    problems: &mut Diagnostics,
) -> Option<&'m Value> {
    let schema = reading.input_schema?;
    let properties = schema.get("properties").and_then(Value::as_object)?;
    let property = properties.get(&slot.name);
    let is_closed = schema.get("additionalProperties") == Some(&Value::Bool(false))
        && schema.get("patternProperties").is_none();
    if property.is_none() && is_closed {
        let message = format!("`{}` is not an argument in `input_schema`", slot.name);
        let known = properties.keys().map(String::as_str);
        let problem =
            Diagnostic::error("unknown_argument", node.place(), message).got(slot.name.as_str());
        problems.push(match nearest(&slot.name, known) {
            Some(near) => problem
                .help(format!("did you mean `{near}`?"))
                .expected(near),
            None => problem.help("add it to `properties`, or leave it out here"),
        });
    }
    property
}

/// Holds a `{{x}}` of the command against its property of `input_schema`.
fn check_slot(
    slot: &ArgumentSlot,
    node: &Node<'_>,
    reading: Reading<'_>,
    problems: &mut Diagnostics,
) {
    let Some(property) = check_name(slot, node, reading, problems) else {
        return;
    };
    let name = &slot.name;
    let kinds: Vec<&str> = match property.get("type") {
        Some(Value::String(kind)) => vec![kind],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => return,
    };
    let is_scalar = |kind: &&str| matches!(*kind, "string" | "number" | "integer" | "boolean");
    let (message, help) = match kinds.as_slice() {
        ["array"] if !slot.is_spread => (
            format!("`{name}` is a list, but one element holds one value"),
            format!("write `{{{{{name}...}}}}` to make one element of each item"),
        ),
        ["object"] => (
            format!("`{name}` is a mapping, which no element can hold"),
            "let the skill read it from stdin".to_owned(),
        ),
        [_, ..] if slot.is_spread && kinds.iter().all(is_scalar) => (
            format!("`{name}` is not a list and can't be spread"),
            format!("write `{{{{{name}}}}}`"),
        ),
        _ => return,
    };
    problems.push(Diagnostic::error("command", node.place(), message).help(help));
}
