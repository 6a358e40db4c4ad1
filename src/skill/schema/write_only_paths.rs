//! The places of a value that its schema marks as `writeOnly`.
//!
//! Invariant: a place is hidden if any schema that may apply to it says so, whether that one is met
//! or not: one schema too many hides more. Each schema looks at each place once, so cycles end.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use serde_json::{Map, Value};

use super::links::Linked;
use crate::document::escape_token;

/// True if some part of `schema` may hide something.
pub(super) fn may_hide(schema: &Value) -> bool {
    match schema {
        Value::Object(map) => map.contains_key("writeOnly") || map.values().any(may_hide),
        Value::Array(list) => list.iter().any(may_hide),
        _ => false,
    }
}

/// The outermost hidden places of `value`, as RFC 6901 pointers.
pub(super) fn places(schema: &Linked, value: &Value) -> Vec<String> {
    let mut search = WriteOnlySearch {
        schema,
        open: vec![(schema.value(), value, Rc::from(""))],
        seen: HashSet::new(),
        pointers: HashMap::new(),
        hidden: Vec::new(),
    };
    while let Some((schema, value, pointer)) = search.open.pop() {
        if search.seen.insert((schema, value)) {
            search.visit(schema, value, &pointer);
        }
    }
    let mut hidden = search.hidden;
    hidden.sort_unstable();
    hidden.dedup();
    // What lies in a hidden place comes right after it, but for places whose names begin with its
    // own.
    let all: HashSet<String> = hidden.iter().cloned().collect();
    hidden.retain(|place| {
        let above = place.match_indices('/').map(|(at, _)| &place[..at]);
        !above.into_iter().any(|above| all.contains(above))
    });
    hidden
}

struct WriteOnlySearch<'s> {
    schema: &'s Linked,
    open: Vec<(&'s Value, &'s Value, Rc<str>)>,
    seen: HashSet<(*const Value, *const Value)>,
    /// The pointers to the entries that were looked at, so that each is made once.
    pointers: HashMap<*const Value, Rc<str>>,
    hidden: Vec<String>,
}

impl<'s> WriteOnlySearch<'s> {
    fn visit(&mut self, schema: &'s Value, value: &'s Value, pointer: &Rc<str>) {
        let Some(keywords) = schema.as_object() else {
            return;
        };
        if keywords.get("writeOnly") == Some(&Value::Bool(true)) {
            self.hidden.push(pointer.to_string());
            return;
        }
        for schema in self
            .schema
            .links(keywords)
            .flatten()
            .chain(beside(keywords))
        {
            self.open.push((schema, value, Rc::clone(pointer)));
        }
        match value {
            Value::Object(map) => {
                for (name, value) in map {
                    let schemas = schemas_of_entry(keywords, name);
                    self.go_down(schemas, value, pointer, || escape_token(name).to_string());
                }
            }
            Value::Array(list) => {
                for (index, value) in list.iter().enumerate() {
                    let schemas = schemas_of_item(keywords, index);
                    self.go_down(schemas, value, pointer, || index.to_string());
                }
            }
            _ => {}
        }
    }

    fn go_down(
        &mut self,
        schemas: Vec<&'s Value>,
        value: &'s Value,
        above: &str,
        token: impl Fn() -> String,
    ) {
        for schema in schemas {
            let pointer = self.pointers.entry(value);
            let pointer = pointer.or_insert_with(|| Rc::from(format!("{above}/{}", token())));
            self.open.push((schema, value, Rc::clone(pointer)));
        }
    }
}

/// The schemas that may be about the same value.
fn beside(keywords: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    let one = |key: &str| keywords.get(key);
    let list = |key: &str| one(key).and_then(Value::as_array).into_iter().flatten();
    let map = |key: &str| {
        one(key)
            .and_then(Value::as_object)
            .into_iter()
            .flat_map(Map::values)
    };
    let choices = ["allOf", "anyOf", "oneOf"].into_iter().flat_map(list);
    let conditions = ["if", "then", "else", "not"].into_iter().filter_map(one);
    let dependent = ["dependentSchemas", "dependencies"]
        .into_iter()
        .flat_map(map);
    choices
        .chain(conditions)
        .chain(dependent)
        .collect::<Vec<_>>()
        .into_iter()
}

/// The schemas that may be about the entry `name`. Which pattern matches is not asked.
fn schemas_of_entry<'s>(keywords: &'s Map<String, Value>, name: &str) -> Vec<&'s Value> {
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

/// The schemas that may be about an item.
fn schemas_of_item(keywords: &Map<String, Value>, index: usize) -> Vec<&Value> {
    let items = keywords.get("items");
    let first = keywords.get("prefixItems").or(items);
    let own = first
        .and_then(Value::as_array)
        .and_then(|first| first.get(index));
    let rest = items.filter(|items| !items.is_array());
    let others = ["additionalItems", "unevaluatedItems"].into_iter();
    let others = others.filter_map(|key| keywords.get(key)).chain(rest);
    let others = others.filter(|_| own.is_none());
    own.into_iter()
        .chain(others)
        .chain(keywords.get("contains"))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::skill::Schema;

    fn hidden(schema: &Value, value: &Value) -> String {
        let schema = Schema::compile(schema).unwrap();
        schema.hidden_in(value).join(" ")
    }

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
        let value = json!({"a": {"x": 1}, "b": "s", "c": ["s", "t"], "d": {"e": "s", "i": 1},
            "f": [1, "s"], "g": {"any": "s"}, "h": {"a": "s"}, "i": "s", "j": {"k": "s"},
            "l": {"any": "s"}, "m": ["s"], "open": "o"});
        assert_eq!(
            hidden(&schema, &value),
            "/a /b /c/0 /c/1 /d/e /f/1 /g/any /h/a /i /j/k /l/any /m/0"
        );
    }

    #[test]
    fn references_lead_where_the_validator_follows_them() {
        let secret = json!({"type": "string", "writeOnly": true});
        for schema in [
            json!({"properties": {"t": {"$ref": "#/%24defs/x"}}, "$defs": {"x": secret}}),
            json!({"properties": {"t": {"$ref": "#/$defs/a~1b%25c~0d"}},
                "$defs": {"a/b%c~d": secret}}),
            json!({"properties": {"t": {"$ref": "#/%24defs/%C3%A4"}}, "$defs": {"ä": secret}}),
            json!({"properties": {"t": {"allOf": [{"$ref": "#x"}]}},
                "$defs": {"x": {"$anchor": "x", "writeOnly": true}}}),
            json!({"$id": "https://a.test/s/root.json", "properties": {"t": {"$ref": "part.json"}},
                "$defs": {"x": {"$id": "part.json", "writeOnly": true}}}),
            json!({"$id": "https://a.test/s/root.json",
                "properties": {"t": {"$ref": "/p.json#/$defs/y"}},
                "$defs": {"x": {"$id": "../p.json", "$defs": {"y": secret}}}}),
            json!({"properties": {"t": {"$ref": "urn:x:y#z"}},
                "$defs": {"x": {"$id": "urn:x:y",
                    "$defs": {"y": {"$anchor": "z", "writeOnly": true}}}}}),
            // A pointer from inside an embedded schema begins there.
            json!({"properties": {"t": {"$ref": "inner"}},
                "$defs": {"x": {"$id": "inner", "$ref": "#/$defs/y", "$defs": {"y": secret}},
                    "y": {}}}),
            json!({"properties": {"t": {"$dynamicRef": "#node"}},
                "$defs": {"x": {"$dynamicAnchor": "node", "writeOnly": true}}}),
            json!({"properties": {"t": {"if": {"$ref": "#/$defs/x"}, "then": true}},
                "$defs": {"x": secret}}),
            json!({"if": {"required": ["no"]}, "else": {"properties": {"t": {"$ref": "#/$defs/x"}}},
                "$defs": {"x": secret}}),
            json!({"dependentSchemas": {"o": {"properties": {"t": secret}}}}),
            json!({"anyOf": [true, {"properties": {"t": {
                    "anyOf": [{"type": "null"}, {"$ref": "#/$defs/x"}]}}}],
                "$defs": {"x": secret}}),
            json!({"$ref": "#/kept/elsewhere",
                "kept": {"elsewhere": {"properties": {"t": {"$ref": "#/kept/x"}}}, "x": secret}}),
            json!({"$schema": "http://json-schema.org/draft-07/schema#",
                "definitions": {"x": secret}, "properties": {"t": {"$ref": "#/definitions/x"}}}),
            json!({"$schema": "https://json-schema.org/draft/2019-09/schema",
                "$recursiveAnchor": true,
                "properties": {"t": {"writeOnly": true}, "u": {"$recursiveRef": "#"}}}),
        ] {
            assert_eq!(
                hidden(&schema, &json!({"t": "s", "o": "o"})),
                "/t",
                "{schema}"
            );
        }
        // A reference in a value that is no schema is none.
        let schema = json!({
            "properties": {"t": {"const": {"$ref": "#/$defs/x"}}, "$ref": {"type": "string"}},
            "$defs": {"x": secret}
        });
        assert_eq!(
            hidden(&schema, &json!({"t": {"$ref": "#/$defs/x"}, "$ref": "a"})),
            ""
        );
    }

    #[test]
    fn circles_end_at_once() {
        let twice = json!([{"$ref": "#"}, {"$ref": "#"}, {"$dynamicRef": "#a"}]);
        let schema = json!({
            "$dynamicAnchor": "a", "allOf": twice,
            "properties": {"l": {"$ref": "#"}, "t": {"writeOnly": true}}
        });
        let mut value = json!({"t": 1});
        for _ in 0..50 {
            value = json!({"l": value, "t": 2});
        }
        assert_eq!(hidden(&schema, &value).split(' ').count(), 51);
    }

    #[test]
    fn only_the_outermost_places_are_told() {
        let schema = json!({
            "properties": {"a": {"writeOnly": true, "properties": {"b": {"writeOnly": true}}}},
            "allOf": [{"properties": {"a": {"properties": {"b": {"writeOnly": true}}}}}]
        });
        assert_eq!(
            hidden(&schema, &json!({"a": {"b": 1}, "a-b": 1, "a/b": {}})),
            "/a"
        );
    }
}
