//! The installed skills as a Cedar schema.
//!
//! Invariant: what the schema says is required is there whenever a policy is asked. An argument of a type
//! that Cedar does not have is left out, and an integer may be left out at run time, because it may be
//! too big: it is optional, so that the validator makes a policy ask `has` first.

use std::fmt::Write as _;

use serde_json::Value;

use crate::model::StepType;
use crate::skill::Skill;

/// How deep the schemas of arguments are followed.
const MAX_DEPTH: usize = 16;

const HEAD: &str = "\
// Who asks. Without `--user-id` and `--tenant-id`: User::\"local\" in Tenant::\"default\".
entity Tenant;
entity User in [Tenant];

// What is called, with what its manifest asks for. `risk_level` is the step's where that is higher.
// `fs_write_within` holds every directory that all of `fs_write` lies in.
entity Skill, Tool = {
  id: String,
  namespace: String,
  version?: String,
  risk_level: String,
  permissions: Set<String>,
  net: Bool,
  fs_read: Set<String>,
  fs_exec: Set<String>,
  fs_write: Set<String>,
  fs_write_within: Set<String>,
  env: Set<String>,
  secrets: Set<String>,
};

// Every skill's action is in this one.
action \"execute\";
";

/// The schema for `skills`, in Cedar's own syntax.
pub fn schema_text<'s>(skills: impl IntoIterator<Item = &'s Skill>) -> String {
    let mut text = HEAD.to_owned();
    for skill in skills {
        let resource = resource_type(skill.kind());
        let arguments = skill.manifest.input_schema.as_ref();
        let arguments = arguments
            .and_then(|schema| type_of(schema, 0))
            .filter(|typed| typed.name.starts_with('{'))
            .map_or_else(|| "{}".to_owned(), |typed| typed.name);
        // Writing to a String can't fail.
        write!(
            text,
            "\naction {} in [Action::\"execute\"] appliesTo {{\n  principal: [User],\n  resource: \
             [{resource}],\n  context: {{\n    arguments: {arguments},\n    arguments_json: String,\n    \
             assistant_id: String,\n    session_id: String,\n    step_name: String,\n    step_index: \
             Long,\n    plan_steps: Long,\n  }},\n}};\n",
            quoted(skill.id.as_str())
        )
        .ok();
    }
    text
}

/// The entity type of what steps of this type call.
pub(super) fn resource_type(kind: StepType) -> &'static str {
    match kind {
        StepType::Skill => "Skill",
        StepType::Tool => "Tool",
    }
}

/// A type of Cedar, and whether every value that the JSON Schema accepts can be told in it.
struct Typed {
    name: String,
    is_sure: bool,
}

fn type_of(schema: &Value, depth: usize) -> Option<Typed> {
    if depth >= MAX_DEPTH {
        return None;
    }
    let sure = |name: &str| {
        Some(Typed {
            name: name.to_owned(),
            is_sure: true,
        })
    };
    match schema.get("type")?.as_str()? {
        "string" => sure("String"),
        "boolean" => sure("Bool"),
        "integer" => Some(Typed {
            name: "Long".to_owned(),
            is_sure: false,
        }),
        "array" if schema.get("prefixItems").is_none() => {
            let item = type_of(schema.get("items")?, depth + 1)?;
            Some(Typed {
                name: format!("Set<{}>", item.name),
                is_sure: item.is_sure,
            })
        }
        "object" => sure(&record(schema, depth)),
        _ => None,
    }
}

fn record(schema: &Value, depth: usize) -> String {
    let required = schema.get("required").and_then(Value::as_array);
    let is_required =
        |name: &str| required.is_some_and(|list| list.iter().any(|item| item == name));
    let properties = schema.get("properties").and_then(Value::as_object);
    let fields = properties
        .into_iter()
        .flatten()
        .filter_map(|(name, schema)| {
            let typed = type_of(schema, depth + 1)?;
            let mark = if typed.is_sure && is_required(name) {
                ""
            } else {
                "?"
            };
            Some(format!("{}{mark}: {}", quoted(name), typed.name))
        });
    format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
}

/// A text as Cedar quotes it.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.escape_debug())
}
