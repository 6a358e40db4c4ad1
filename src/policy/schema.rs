//! The installed skills as a Cedar schema.
//!
//! Invariant: what the schema says is required is there whenever a policy is evaluated. A policy
//! that looks at an argument that Cedar can't express is not evaluated, but an error; so a number
//! is a Long here. An argument whose type may be one of several, or null, has no type here.

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
// `fs_write_within` holds every directory that all of `fs_write` lies in. `namespace` is the id up
// to its last `/`, or up to its last `.` if it has no `/`. A number that is no Long (a fraction,
// one beyond 64 bits) and a null make a policy that looks at them an error, which denies. `root` is
// the absolute path, without links, of the skills root that it was found in; \"builtin\" for a tool
// that is built in.
entity Skill, Tool = {
  id: String,
  namespace: String,
  root: String,
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
pub(crate) fn schema_text<'s>(skills: impl IntoIterator<Item = &'s Skill>) -> String {
    let mut text = HEAD.to_owned();
    for skill in skills {
        let resource = resource_type(skill.kind());
        let arguments = skill.manifest.input_schema.as_ref();
        let arguments = arguments
            .and_then(|schema| type_of(schema, 0))
            .filter(|kind| kind.starts_with('{'))
            .unwrap_or_else(|| "{}".to_owned());
        // Writing to a String can't fail.
        write!(
            text,
            "\naction {} in [Action::\"execute\"] appliesTo {{\n\
             \x20 principal: [User],\n\
             \x20 resource: [{resource}],\n\
             \x20 context: {{\n\
             \x20   arguments: {arguments},\n\
             \x20   arguments_json: String,\n\
             \x20   assistant_id: String,\n\
             \x20   session_id: String,\n\
             \x20   step_name: String,\n\
             \x20   step_index: Long,\n\
             \x20   plan_steps: Long,\n\
             \x20 }},\n\
             }};\n",
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

/// The type of Cedar for what the JSON Schema accepts.
fn type_of(schema: &Value, depth: usize) -> Option<String> {
    if depth >= MAX_DEPTH {
        return None;
    }
    match schema.get("type")?.as_str()? {
        "string" => Some("String".to_owned()),
        "boolean" => Some("Bool".to_owned()),
        "integer" | "number" => Some("Long".to_owned()),
        "array" if schema.get("prefixItems").is_none() => {
            let item = type_of(schema.get("items")?, depth + 1)?;
            Some(format!("Set<{item}>"))
        }
        "object" => Some(record(schema, depth)),
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
            let kind = type_of(schema, depth + 1)?;
            let mark = if is_required(name) { "" } else { "?" };
            Some(format!("{}{mark}: {kind}", quoted(name)))
        });
    format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
}

/// A text as Cedar quotes it.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.escape_debug())
}
