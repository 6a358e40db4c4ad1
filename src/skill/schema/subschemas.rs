//! The parts of a schema that are schemas themselves, and their doubtful parts.
//!
//! Invariant: which parts are schemas is decided by the crate that `jsonschema` resolves with, and
//! which formats are known by `jsonschema` itself.

use std::collections::{HashMap, HashSet};

use referencing::Draft;
use serde_json::{Map, Value, json};

use crate::document::{Diagnostic, Location, escape_token, nearest};

/// The most unknown formats that are reported for one schema.
const MAX_FORMATS: usize = 20;

/// The formats of draft 2020-12 that are checked, for suggestions.
const FORMATS: [&str; 17] = [
    "date",
    "date-time",
    "duration",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "iri",
    "iri-reference",
    "json-pointer",
    "regex",
    "relative-json-pointer",
    "time",
    "uri",
    "uri-reference",
    "uri-template",
    "uuid",
];

/// A `format` that nobody checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnknownFormat {
    /// Where it stands in the schema, as an RFC 6901 pointer.
    pub pointer: String,
    /// Its name.
    pub name: String,
}

impl UnknownFormat {
    /// The problem of a document that holds the schema at `base_pointer`.
    pub(crate) fn problem(&self, base_pointer: &str) -> Diagnostic {
        let place = Location::value(format!("{base_pointer}{}", self.pointer));
        let message = format!(
            "the format `{}` is not known, so it is not checked",
            self.name
        );
        let problem = Diagnostic::warning("unknown_format", place, message).got(&*self.name);
        match nearest(&self.name, FORMATS) {
            Some(near) => problem
                .help(format!("did you mean `{near}`?"))
                .expected(near),
            None => problem.help("write a `pattern`, or remove it"),
        }
    }
}

/// The pointer to the first `$schema`, in the schema or in a part of it, that names an unknown
/// draft.
pub(super) fn find_unknown_draft(schema: &Value) -> Option<String> {
    let mut found = None;
    see(schema, Draft::default(), &mut |map, pointer, draft| {
        if draft == Draft::Unknown && map.contains_key("$schema") {
            found.get_or_insert_with(|| format!("{pointer}/$schema"));
        }
    });
    found
}

/// The formats in `schema` that are not known, at most [`MAX_FORMATS`].
pub(super) fn unknown_formats(schema: &Value) -> Vec<UnknownFormat> {
    let mut known = HashSet::new();
    let mut unknown = Vec::new();
    see(schema, Draft::default(), &mut |map, pointer, draft| {
        let Some(name) = map.get("format").and_then(Value::as_str) else {
            return;
        };
        if unknown.len() >= MAX_FORMATS || known.contains(&(name, draft)) {
            return;
        }
        if is_known(name, draft) {
            known.insert((name, draft));
        } else {
            unknown.push(UnknownFormat {
                pointer: format!("{pointer}/format"),
                name: name.to_owned(),
            });
        }
    });
    unknown
}

fn is_known(format: &str, draft: Draft) -> bool {
    let options = jsonschema::options()
        .with_draft(draft)
        .should_validate_formats(true)
        .should_ignore_unknown_formats(false);
    options.build(&json!({ "format": format })).is_ok()
}

/// Calls `visit` with each mapping that is a schema, its pointer and its draft. Schemas are as deep
/// as plans may be.
fn see<'s>(
    schema: &'s Value,
    draft: Draft,
    visit: &mut impl FnMut(&'s Map<String, Value>, &str, Draft),
) {
    see_at(schema, "", draft, visit);
}

fn see_at<'s>(
    schema: &'s Value,
    pointer: &str,
    draft: Draft,
    visit: &mut impl FnMut(&'s Map<String, Value>, &str, Draft),
) {
    let Value::Object(map) = schema else { return };
    let draft = draft.detect(schema);
    visit(map, pointer, draft);
    let mut parts = draft.subresources_of(schema).peekable();
    if parts.peek().is_none() {
        return;
    }
    let pointers = pointers_within(map);
    for part in parts {
        if let Some(below) = pointers.get(&std::ptr::from_ref(part)) {
            see_at(part, &format!("{pointer}{below}"), draft, visit);
        }
    }
}

/// The pointers to the values of `map` and to what they hold: a part of a schema is no deeper.
fn pointers_within(map: &Map<String, Value>) -> HashMap<*const Value, String> {
    let mut pointers = HashMap::new();
    for (key, value) in map {
        let pointer = format!("/{}", escape_token(key));
        match value {
            Value::Array(list) => pointers.extend(
                list.iter()
                    .enumerate()
                    .map(|(index, item)| (std::ptr::from_ref(item), format!("{pointer}/{index}"))),
            ),
            Value::Object(fields) => pointers.extend(fields.iter().map(|(name, field)| {
                let token = escape_token(name);
                (std::ptr::from_ref(field), format!("{pointer}/{token}"))
            })),
            _ => {}
        }
        pointers.insert(value, pointer);
    }
    pointers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_schemas_are_looked_at() {
        let bad = || json!({"format": "daet"});
        let schema = json!({
            "properties": {"format": {"type": "string"}, "a/b": bad()},
            "items": {"anyOf": [{"format": "date"}, bad()]},
            "$defs": {"d": bad()}, "not": bad(),
            "enum": [bad()], "const": bad(), "default": bad(), "examples": [bad()], "x": bad(),
        });
        let found = unknown_formats(&schema);
        let pointers: Vec<&str> = found.iter().map(|format| &*format.pointer).collect();
        assert_eq!(
            pointers,
            [
                "/properties/a~1b/format",
                "/items/anyOf/1/format",
                "/$defs/d/format",
                "/not/format",
            ]
        );
        let problem = found[0].problem("/input_schema");
        assert_eq!(problem.help.as_deref(), Some("did you mean `date`?"));
        let many: Vec<Value> = (0..100)
            .map(|n| json!({"format": format!("f{n}")}))
            .collect();
        assert_eq!(unknown_formats(&json!({"allOf": many})).len(), MAX_FORMATS);
        assert_eq!(unknown_formats(&json!(true)), []);
    }

    #[test]
    fn the_suggested_formats_are_those_that_the_library_knows() {
        for format in FORMATS {
            assert!(is_known(format, Draft::default()), "{format}");
        }
        for format in ["idn-email", "", "int64", "password", "binary"] {
            assert!(!is_known(format, Draft::default()), "{format}");
        }
        // A draft knows its own formats.
        assert!(!is_known("uuid", Draft::Draft7));
        let of_draft_7 =
            json!({"$schema": "http://json-schema.org/draft-07/schema#", "format": "uuid"});
        assert_eq!(unknown_formats(&of_draft_7).len(), 1);
    }

    #[test]
    fn an_unknown_draft_is_found_in_each_part() {
        for (schema, want) in [
            (json!({"$schema": "https://a.b/c"}), Some("/$schema")),
            (
                json!({"properties": {"a": {"$schema": "https://a.b/c"}}}),
                Some("/properties/a/$schema"),
            ),
            (
                json!({"allOf": [{}, {"items": {"$schema": "x"}}]}),
                Some("/allOf/1/items/$schema"),
            ),
            (
                json!({"$defs": {"a": {"$id": "https://a.b/d", "$schema": "https://a.b/c"}}}),
                Some("/$defs/a/$schema"),
            ),
            (json!({"properties": {"$schema": {"type": "string"}}}), None),
            (
                json!({"const": {"$schema": "x"}, "default": {"$schema": "x"}}),
                None,
            ),
            (
                json!({"items": {"$schema": "https://json-schema.org/draft/2020-12/schema"}}),
                None,
            ),
        ] {
            assert_eq!(find_unknown_draft(&schema).as_deref(), want, "{schema}");
        }
    }
}
