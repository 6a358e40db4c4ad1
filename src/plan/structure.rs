//! Detects data that is no plan as a whole: a plan in another mapping, a step, a list of steps.
//!
//! Invariant: what has a value in `steps` is never rejected here. Nothing else is said of such data, and no
//! value of it is shown, because what is secret in it is not known.

use serde_json::{Map, Value, json};

use crate::document::{Diagnostic, Document, Language, Location, escape_token};

/// How deep a plan is looked for.
const MAX_LEVELS: usize = 3;

/// How many entries are looked at.
const MAX_ENTRIES: usize = 100;

/// Keys of steps that say what is called.
const CALLS: [&str; 8] = [
    "name",
    "skill",
    "tool",
    "action",
    "function",
    "tool_name",
    "skill_id",
    "uses",
];

/// Keys that a step has and a plan has not.
const OF_STEPS: [&str; 11] = [
    "type",
    "arguments",
    "args",
    "skill",
    "tool",
    "function",
    "step_id",
    "parameters",
    "params",
    "tool_input",
    "input",
];

/// Keys whose values may be shown.
const SHOWN: [&str; 7] = ["name", "skill", "tool", "type", "step_id", "action", "uses"];

/// The problem of a document that is no plan as a whole, and the pointers to what it must hide.
pub(super) fn mistaken(document: &Document) -> Option<(Diagnostic, Vec<String>)> {
    match &document.value {
        Value::Object(root) if root.get("steps").is_some_and(|steps| !steps.is_null()) => None,
        Value::Object(root) => item_without_space(root)
            .or_else(|| wrapped(root))
            .or_else(|| single_step(root)),
        Value::Array(list) => list_of_steps(list, document.source.language),
        Value::String(text) => plan_in_text(text),
        _ => None,
    }
}

/// `-name: fetch` below `steps:` is a key of the plan to YAML.
fn item_without_space(root: &Map<String, Value>) -> Option<(Diagnostic, Vec<String>)> {
    let is_item = |key: &&String| {
        key.strip_prefix('-')
            .is_some_and(|key| CALLS.contains(&key) || OF_STEPS.contains(&key))
    };
    let key = root.keys().take(MAX_ENTRIES).find(is_item)?;
    let place = Location::key(format!("/{}", escape_token(key)));
    let problem = Diagnostic::error("syntax", place, "a space is missing after a `-`");
    let help = format!("write `- {}: …` for an element of a list", &key[1..]);
    Some((problem.help(help), hidden_of_step("", root)))
}

/// The pointer to a plan below `map`.
fn inner_plan(map: &Map<String, Value>, levels: usize) -> Option<String> {
    map.iter().take(MAX_ENTRIES).find_map(|(key, value)| {
        let inner = value.as_object()?;
        let pointer = format!("/{}", escape_token(key));
        if inner.get("steps").is_some_and(Value::is_array) {
            return Some(pointer);
        }
        let below = inner_plan(inner, levels.checked_sub(1)?)?;
        Some(pointer + &below)
    })
}

fn wrapped(root: &Map<String, Value>) -> Option<(Diagnostic, Vec<String>)> {
    let pointer = inner_plan(root, MAX_LEVELS)?;
    let keys: Vec<String> = pointer
        .split('/')
        .skip(1)
        .map(|token| token.replace("~1", "/").replace("~0", "~"))
        .collect();
    let path = keys.join(".");
    let first = keys.first().map_or("", String::as_str);
    let problem = Diagnostic::error(
        "wrapped",
        Location::key(format!("/{}", escape_token(first))),
        format!("the plan is inside `{path}`"),
    )
    .got(path.as_str());
    let is_alone = root.len() == 1;
    let problem = if is_alone {
        problem
            .help(format!(
                "write what `{path}` holds as the whole file: `assistant_id`, `steps` and so on"
            ))
            .fix(json!([{"op": "move", "from": pointer, "path": ""}]))
    } else {
        problem.help(format!(
            "move what `{path}` holds to the top of the file, where `steps` belongs"
        ))
    };
    // Also what stands beside the plan: its keys are unknown.
    let hidden = if root.len() > MAX_ENTRIES {
        vec![String::new()]
    } else {
        let keys = root.keys();
        keys.map(|key| format!("/{}", escape_token(key))).collect()
    };
    Some((problem, hidden))
}

/// True if the entries are those of a step.
pub(super) fn is_step(map: &Map<String, Value>) -> bool {
    CALLS.iter().any(|key| map.contains_key(*key))
        && OF_STEPS.iter().any(|key| map.contains_key(*key))
        && !map.contains_key("assistant_id")
}

/// What must be hidden of a step at `pointer`.
fn hidden_of_step(pointer: &str, step: &Map<String, Value>) -> Vec<String> {
    // Looking for each of very many would take the square of the time.
    if step.len() > MAX_ENTRIES {
        return vec![pointer.to_owned()];
    }
    let is_hidden = |(key, value): &(&String, &Value)| {
        !SHOWN.contains(&key.as_str()) || value.is_object() || value.is_array()
    };
    step.iter()
        .filter(is_hidden)
        .map(|(key, _)| format!("{pointer}/{}", escape_token(key)))
        .collect()
}

/// What must be hidden of a mapping where a list of steps belongs: it is one, or holds some by name.
pub(super) fn hidden_of_mapping(pointer: &str, map: &Map<String, Value>) -> Vec<String> {
    if is_step(map) || map.len() > MAX_ENTRIES {
        return hidden_of_step(pointer, map);
    }
    let entries = map.iter().flat_map(|(key, value)| {
        let pointer = format!("{pointer}/{}", escape_token(key));
        match value {
            Value::Object(step) => hidden_of_step(&pointer, step),
            _ => vec![pointer],
        }
    });
    entries.collect()
}

fn single_step(root: &Map<String, Value>) -> Option<(Diagnostic, Vec<String>)> {
    if !is_step(root) {
        return None;
    }
    let problem = Diagnostic::error(
        "no_steps",
        Location::value(""),
        "this is a step, and a plan is a mapping with a list of them",
    )
    .help("write `{\"assistant_id\": \"…\", \"steps\": […]}` around it");
    Some((problem, hidden_of_step("", root)))
}

fn list_of_steps(list: &[Value], language: Language) -> Option<(Diagnostic, Vec<String>)> {
    let steps = list.iter().map(Value::as_object);
    let steps: Vec<&Map<String, Value>> = steps.collect::<Option<_>>()?;
    if steps.is_empty() {
        return None;
    }
    let help = match language {
        Language::Json => "write `{\"assistant_id\": \"…\", \"steps\": […]}` around the list",
        Language::Yaml => "write `steps:` in a line above the list",
    };
    let problem = Diagnostic::error(
        "no_steps",
        Location::value(""),
        "this is a list, and a plan is a mapping with a list of steps",
    )
    .help(help);
    let hidden = steps.iter().enumerate();
    let hidden = hidden.flat_map(|(index, step)| hidden_of_step(&format!("/{index}"), step));
    Some((problem, hidden.collect()))
}

fn plan_in_text(text: &str) -> Option<(Diagnostic, Vec<String>)> {
    let is_plan = text.trim_start().starts_with('{') && text.contains("steps");
    is_plan.then(|| {
        let problem = Diagnostic::error(
            "wrapped",
            Location::value(""),
            "the plan is in quotes: the file holds a text",
        );
        (
            problem.help("write the plan itself, without the quotes around it"),
            vec![String::new()],
        )
    })
}
