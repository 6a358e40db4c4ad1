//! Arguments as records and screens may show them.
//!
//! Invariant: a value that the skill's `input_schema` marks as `writeOnly`, in whatever way it leads
//! there (`properties`, `items`, `$ref`, `allOf`, …), is shown as `"***"` only.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Map, Value};

/// What is shown in the place of a hidden value.
const MASK: &str = "***";

/// How deep schemas are followed. A `$ref` that leads in a circle ends here.
const MAX_DEPTH: usize = 64;

/// `arguments` without their hidden values.
pub(super) fn shown_arguments<'a>(
    schema: Option<&Value>,
    arguments: &'a Map<String, Value>,
) -> Cow<'a, Map<String, Value>> {
    let Some(schema) = schema.filter(|schema| speaks_of_hiding(schema)) else {
        return Cow::Borrowed(arguments);
    };
    let mut shown = Value::Object(arguments.clone());
    hide(schema, schema, &mut shown, 0);
    Cow::Owned(match shown {
        Value::Object(map) => map,
        // The root itself is hidden: then nothing can be shown.
        _ => Map::new(),
    })
}

/// The same for arguments that many hold: where nothing is hidden, these are the same object.
pub(super) fn shown_or_same(
    schema: Option<&Value>,
    arguments: &Arc<Map<String, Value>>,
) -> Arc<Map<String, Value>> {
    match shown_arguments(schema, arguments) {
        Cow::Owned(shown) if shown != **arguments => Arc::new(shown),
        _ => Arc::clone(arguments),
    }
}

/// True where some part of `schema` may hide something. Schemas are as deep as plans may be.
fn speaks_of_hiding(schema: &Value) -> bool {
    match schema {
        Value::Object(map) => map.contains_key("writeOnly") || map.values().any(speaks_of_hiding),
        Value::Array(list) => list.iter().any(speaks_of_hiding),
        _ => false,
    }
}

fn hide(root: &Value, schema: &Value, value: &mut Value, depth: usize) {
    let Some(keywords) = schema.as_object() else {
        return;
    };
    if keywords.get("writeOnly") == Some(&Value::Bool(true)) {
        *value = Value::from(MASK);
        return;
    }
    if depth >= MAX_DEPTH {
        return;
    }
    let follow = |schema: &Value, value: &mut Value| hide(root, schema, value, depth + 1);
    for schema in beside(root, keywords) {
        follow(schema, value);
    }
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                for schema in schemas_of(keywords, name) {
                    follow(schema, value);
                }
            }
        }
        Value::Array(list) => {
            let prefix = keywords.get("prefixItems").and_then(Value::as_array);
            for (index, value) in list.iter_mut().enumerate() {
                let schema = prefix.and_then(|prefix| prefix.get(index));
                let items = schema.or_else(|| keywords.get("items"));
                let others = ["contains", "unevaluatedItems"];
                let others = others.into_iter().filter_map(|key| keywords.get(key));
                for schema in items.into_iter().chain(others) {
                    follow(schema, value);
                }
            }
        }
        _ => {}
    }
}

/// The schemas that may be about the same value.
fn beside<'s>(root: &'s Value, keywords: &'s Map<String, Value>) -> Vec<&'s Value> {
    let one = |key: &str| keywords.get(key);
    let list = |key: &str| one(key).and_then(Value::as_array).into_iter().flatten();
    let targets = ["$ref", "$dynamicRef"].into_iter().filter_map(one);
    let targets = targets.filter_map(|target| {
        let fragment = target.as_str()?.strip_prefix('#')?;
        let at_pointer = root.pointer(fragment);
        at_pointer.or_else(|| anchored(root, fragment, 0))
    });
    let choices = ["allOf", "anyOf", "oneOf"].into_iter().flat_map(list);
    let conditions = ["if", "then", "else"].into_iter().filter_map(one);
    let dependent = one("dependentSchemas").and_then(Value::as_object);
    let dependent = dependent.into_iter().flat_map(Map::values);
    targets
        .chain(choices)
        .chain(conditions)
        .chain(dependent)
        .collect()
}

/// The schemas that may be about the entry `name`. Which pattern fits is the validator's to say; one
/// schema too many hides more.
fn schemas_of<'s>(keywords: &'s Map<String, Value>, name: &str) -> Vec<&'s Value> {
    let own = keywords
        .get("properties")
        .and_then(|properties| properties.get(name));
    let patterns = keywords.get("patternProperties").and_then(Value::as_object);
    let mut schemas: Vec<&Value> = patterns.into_iter().flat_map(Map::values).collect();
    if own.is_none() {
        let others = ["additionalProperties", "unevaluatedProperties"];
        schemas.extend(others.into_iter().filter_map(|key| keywords.get(key)));
    }
    schemas.extend(own);
    schemas
}

/// The schema that calls itself `name`, wherever it stands.
fn anchored<'s>(schema: &'s Value, name: &str, depth: usize) -> Option<&'s Value> {
    if depth >= MAX_DEPTH {
        return None;
    }
    let is_it = ["$anchor", "$dynamicAnchor"]
        .into_iter()
        .any(|key| schema.get(key).and_then(Value::as_str) == Some(name));
    if is_it {
        return Some(schema);
    }
    match schema {
        Value::Object(map) => map
            .values()
            .find_map(|part| anchored(part, name, depth + 1)),
        Value::Array(list) => list.iter().find_map(|part| anchored(part, name, depth + 1)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_way_to_a_hidden_value_is_followed() {
        let schema = json!({
            "$defs": {"secret": {"type": "string", "writeOnly": true}},
            "properties": {
                "a": {"writeOnly": true},
                "b": {"$ref": "#/$defs/secret"},
                "c": {"items": {"$ref": "#/$defs/secret"}},
                "d": {"allOf": [{"properties": {"e": {"writeOnly": true}}}]},
                "f": {"prefixItems": [true, {"writeOnly": true}]},
                "g": {"additionalProperties": {"writeOnly": true}},
                "h": {"$ref": "#"},
                "i": {"$ref": "#named"},
                "j": {"patternProperties": {".": {"writeOnly": true}}, "properties": {"k": {}}},
                "l": {"unevaluatedProperties": {"writeOnly": true}},
                "m": {"contains": {"writeOnly": true}},
                "n": {"$defs": {"named": {"$anchor": "named", "writeOnly": true}}},
                "open": {"type": "string"}
            }
        });
        let arguments = json!({"a": {"x": 1}, "b": "s", "c": ["s", "t"], "d": {"e": "s", "i": 1},
            "f": [1, "s"], "g": {"any": "s"}, "h": {"a": "s"}, "i": "s", "j": {"k": "s"}, "l": {"any": "s"}, "m": ["s"], "open": "o"});
        let shown = shown_arguments(Some(&schema), arguments.as_object().unwrap());
        assert_eq!(
            Value::Object(shown.into_owned()),
            json!({"a": "***", "b": "***", "c": ["***", "***"], "d": {"e": "***", "i": 1},
                "f": [1, "***"], "g": {"any": "***"}, "h": {"a": "***"}, "i": "***", "j": {"k": "***"}, "l": {"any": "***"}, "m": ["***"],
                "open": "o"})
        );
    }

    #[test]
    fn a_circle_ends() {
        let schema = json!({"$ref": "#"});
        shown_arguments(Some(&schema), &Map::new());
    }
}
