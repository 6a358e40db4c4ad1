//! Arguments as records and screens may show them.
//!
//! Invariant: a value that the skill's `input_schema` marks as `writeOnly`, in whatever way it leads
//! there (`properties`, `items`, `$ref`, `allOf`, …), is shown as `"***"` only.

use serde_json::{Map, Value};

/// What is shown in the place of a hidden value.
const MASK: &str = "***";

/// How deep schemas are followed. A `$ref` that leads in a circle ends here.
const MAX_DEPTH: usize = 64;

/// `arguments` without their hidden values.
pub(super) fn shown_arguments(
    schema: Option<&Value>,
    arguments: &Map<String, Value>,
) -> Map<String, Value> {
    let mut shown = Value::Object(arguments.clone());
    if let Some(schema) = schema {
        hide(schema, schema, &mut shown, 0);
    }
    match shown {
        Value::Object(map) => map,
        // The root itself is hidden: then nothing can be shown.
        _ => Map::new(),
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
    for key in ["$ref", "$dynamicRef"] {
        let target = keywords.get(key).and_then(Value::as_str);
        let pointer = target.and_then(|target| target.strip_prefix('#'));
        if let Some(target) = pointer.and_then(|pointer| root.pointer(pointer)) {
            follow(target, value);
        }
    }
    for key in ["allOf", "anyOf", "oneOf"] {
        for schema in keywords
            .get(key)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            follow(schema, value);
        }
    }
    for key in ["if", "then", "else"] {
        if let Some(schema) = keywords.get(key) {
            follow(schema, value);
        }
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
                if let Some(schema) = schema.or_else(|| keywords.get("items")) {
                    follow(schema, value);
                }
            }
        }
        _ => {}
    }
}

/// The schemas that may be about the entry `name`. Which pattern fits is the validator's to say; one
/// schema too many hides more.
fn schemas_of<'s>(keywords: &'s Map<String, Value>, name: &str) -> Vec<&'s Value> {
    if let Some(schema) = keywords
        .get("properties")
        .and_then(|properties| properties.get(name))
    {
        return vec![schema];
    }
    let patterns = keywords.get("patternProperties").and_then(Value::as_object);
    let patterns = patterns.into_iter().flat_map(Map::values);
    patterns
        .chain(keywords.get("additionalProperties"))
        .collect()
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
                "open": {"type": "string"}
            }
        });
        let arguments = json!({"a": {"x": 1}, "b": "s", "c": ["s", "t"], "d": {"e": "s", "i": 1},
            "f": [1, "s"], "g": {"any": "s"}, "h": {"a": "s"}, "open": "o"});
        let shown = shown_arguments(Some(&schema), arguments.as_object().unwrap());
        assert_eq!(
            Value::Object(shown),
            json!({"a": "***", "b": "***", "c": ["***", "***"], "d": {"e": "***", "i": 1},
                "f": [1, "***"], "g": {"any": "***"}, "h": {"a": "***"}, "open": "o"})
        );
    }

    #[test]
    fn a_circle_ends() {
        let schema = json!({"$ref": "#"});
        shown_arguments(Some(&schema), &Map::new());
    }
}
