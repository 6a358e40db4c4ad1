//! The arguments of a skill: what its schema says of each, and how each reaches the program.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::model::Escaped;
use crate::skill::{NativeSkill, Skill, Stdin};

/// One argument.
pub(super) struct SkillArgument<'s> {
    /// Its name.
    name: &'s str,
    /// What the schema says of it.
    schema: Option<&'s Value>,
    /// A plan must give it.
    is_required: bool,
    /// What the command takes in its place.
    command: Option<CommandUse>,
    /// It is on standard input, by itself or with all others.
    is_on_stdin: bool,
}

/// What the command takes in the place of an argument.
#[derive(Clone, Copy)]
enum CommandUse {
    /// One word: text, a number or a boolean.
    Text,
    /// A list, whose items become words.
    List,
}

impl CommandUse {
    fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::List => "list",
        }
    }
}

/// The arguments of the schema in its order, then those that only the command names.
pub(super) fn of_skill(skill: &Skill) -> Vec<SkillArgument<'_>> {
    let schema = skill.manifest.input_schema.as_ref();
    let properties = schema.and_then(|schema| schema.get("properties")?.as_object());
    let mut names: Vec<&str> = properties
        .into_iter()
        .flat_map(|properties| properties.keys().map(String::as_str))
        .collect();
    let native = skill.native();
    let required = schema.and_then(|schema| schema.get("required")?.as_array());
    let required = required.into_iter().flatten().filter_map(Value::as_str);
    let used = native.into_iter().flat_map(|native| {
        let command = &native.execution.command;
        command.arguments().map(|argument| argument.name)
    });
    let on_stdin = native.and_then(|native| match &native.execution.stdin {
        Stdin::Argument(name) => Some(name.as_str()),
        Stdin::Arguments | Stdin::None => None,
    });
    for name in required.chain(used).chain(on_stdin) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let argument = |name| argument(name, skill, native);
    names.into_iter().map(argument).collect()
}

fn argument<'s>(
    name: &'s str,
    skill: &'s Skill,
    native: Option<&'s NativeSkill>,
) -> SkillArgument<'s> {
    let schema = skill.manifest.input_schema.as_ref();
    let required = schema.and_then(|schema| schema.get("required")?.as_array());
    let is_required = required.is_some_and(|names| names.iter().any(|other| other == name));
    let uses = native.into_iter().flat_map(|native| {
        let command = &native.execution.command;
        command.arguments().filter(move |used| used.name == name)
    });
    let uses: Vec<_> = uses.collect();
    let command = uses.first().map(|first| {
        if first.is_spread {
            CommandUse::List
        } else {
            CommandUse::Text
        }
    });
    SkillArgument {
        name,
        schema: schema.and_then(|schema| schema.get("properties")?.get(name)),
        is_required: is_required || uses.iter().any(|used| !used.is_optional),
        command,
        is_on_stdin: native.is_some_and(|native| match &native.execution.stdin {
            Stdin::Arguments => true,
            Stdin::None => false,
            Stdin::Argument(only) => only == name,
        }),
    }
}

impl SkillArgument<'_> {
    fn key(&self, key: &str) -> Option<&Value> {
        self.schema?.get(key)
    }

    /// The type that the schema wants, in words: `string or number`.
    fn type_words(&self) -> String {
        match self.key("type") {
            Some(Value::String(one)) => one.clone(),
            Some(Value::Array(several)) => {
                let words: Vec<&str> = several.iter().filter_map(Value::as_str).collect();
                words.join(" or ")
            }
            _ => "any".to_owned(),
        }
    }

    /// Where it goes, in words.
    fn goes_to(&self) -> String {
        let word = self.command.map(|used| match used {
            CommandUse::Text => "text: one word of the command".to_owned(),
            CommandUse::List => "list: words of the command".to_owned(),
        });
        let stdin = self.is_on_stdin.then(|| "standard input".to_owned());
        let places: Vec<String> = word.into_iter().chain(stdin).collect();
        places.join(", ")
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name,
            "type": self.key("type"),
            "description": self.key("description"),
            "default": self.key("default"),
            "required": self.is_required,
            "command": self.command.map(CommandUse::as_str),
            "stdin": self.is_on_stdin,
        })
    }
}

/// The arguments as machines read them.
pub(super) fn json(arguments: &[SkillArgument<'_>]) -> Vec<Value> {
    arguments.iter().map(SkillArgument::json).collect()
}

/// A line for each argument; nothing if there is none.
pub(super) fn text(arguments: &[SkillArgument<'_>]) -> String {
    let mut text = String::new();
    let width = |cells: &dyn Fn(&SkillArgument<'_>) -> String| {
        let widths = arguments.iter().map(|one| cells(one).chars().count());
        widths.max().unwrap_or_default().min(MAX_CELL)
    };
    let name = |one: &SkillArgument<'_>| Escaped(one.name).to_string();
    let kind = |one: &SkillArgument<'_>| Escaped(&one.type_words()).to_string();
    let (name_width, kind_width) = (width(&name), width(&kind));
    for argument in arguments {
        let (name, kind) = (name(argument), kind(argument));
        let need = if argument.is_required {
            "required"
        } else {
            "optional"
        };
        let line = format!(
            "  {name:name_width$}  {kind:kind_width$}  {need}  {}",
            argument.goes_to()
        );
        // Writing to a String can't fail.
        writeln!(text, "{}", line.trim_end()).ok();
        if let Some(description) = argument.key("description").and_then(Value::as_str) {
            let line = description.lines().next().unwrap_or_default();
            writeln!(text, "  {:name_width$}  {}", "", Escaped(line)).ok();
        }
    }
    text
}

/// The widest column.
const MAX_CELL: usize = 30;
