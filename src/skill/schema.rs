//! JSON Schema 2020-12 as obs uses it: for arguments, outputs and a step's own `output_schema`.
//!
//! Invariant: nothing is fetched, a `$ref` that leads out of the schema is an error when it is
//! compiled; work and answer are bounded (backtracking, size of a pattern, [`MAX_VIOLATIONS`]).
//! `jsonschema` decides what is valid; this module only finds the words, in [`super::violation`].

mod complexity;
mod links;
mod subschemas;
mod write_only_paths;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{PatternOptions, ValidationError, Validator};
use serde_json::Value;
use std::sync::Arc;
use thiserror::Error;

pub(crate) use self::links::Linked;
use self::subschemas::{UnknownFormat, find_unknown_draft, unknown_formats};
use super::violation::{ShownValues, Violation, violations_of};
use crate::document::escape_token;

/// The most violations that are told of one value.
pub(super) const MAX_VIOLATIONS: usize = 50;

/// How often a pattern may backtrack before it is given up.
const BACKTRACK_LIMIT: usize = 100_000;

/// The most bytes that a compiled pattern may take.
const PATTERN_SIZE_LIMIT_BYTES: usize = 1 << 20;

/// A schema that compiled.
#[derive(Debug)]
pub struct Schema {
    linked: Arc<Linked>,
    validator: Validator,
    /// Some part of it says `writeOnly`.
    hides: bool,
}

/// Why a value is no schema.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct SchemaError {
    /// Where in the schema, as an RFC 6901 pointer.
    pub pointer: String,
    /// What is wrong there.
    pub message: String,
    /// The way out.
    pub help: Option<String>,
}

impl Schema {
    /// Compiles `value`.
    pub fn compile(value: &Value) -> Result<Self, SchemaError> {
        if let Some(pointer) = find_unknown_draft(value) {
            return Err(SchemaError {
                pointer,
                message: "the `$schema` names an unknown draft".to_owned(),
                help: Some("leave it out: draft 2020-12 is meant".to_owned()),
            });
        }
        let linked = Linked::new(value);
        if linked
            .as_ref()
            .is_ok_and(|linked| complexity::complexity(linked) > complexity::MAX)
        {
            return Err(SchemaError {
                pointer: String::new(),
                message: "the schema's `$ref`s multiply without bound".to_owned(),
                help: Some("refer to each schema once where it is needed".to_owned()),
            });
        }
        let patterns = PatternOptions::fancy_regex()
            .backtrack_limit(BACKTRACK_LIMIT)
            .size_limit(PATTERN_SIZE_LIMIT_BYTES);
        let options = jsonschema::options()
            .offline()
            .should_validate_formats(true)
            .with_pattern_options(patterns);
        let validator = options.build(value);
        let validator = validator.map_err(|error| schema_error(value, error))?;
        let linked = linked.map_err(|error| SchemaError {
            pointer: String::new(),
            message: format!("a reference in the schema can't be followed: {error}"),
            help: None,
        })?;
        Ok(Self {
            linked: Arc::new(linked),
            validator,
            hides: write_only_paths::may_hide(value),
        })
    }

    /// The formats in the schema that are not checked, because nobody knows them.
    pub(crate) fn unknown_formats(value: &Value) -> Vec<UnknownFormat> {
        unknown_formats(value)
    }

    /// The schema itself, with what its references lead to.
    pub fn linked(&self) -> &Arc<Linked> {
        &self.linked
    }

    /// True if it may hide some part of a value.
    pub fn may_hide(&self) -> bool {
        self.hides
    }

    /// The places of `value` that nobody may see, as RFC 6901 pointers: those that the schema marks
    /// as `writeOnly`, in whatever way it leads there. None lies in another.
    pub fn hidden_in(&self, value: &Value) -> Vec<String> {
        if self.hides {
            write_only_paths::places(&self.linked, value)
        } else {
            Vec::new()
        }
    }

    /// True if `value` meets the schema.
    pub fn accepts(&self, value: &Value) -> bool {
        self.validator.is_valid(value)
    }

    /// What `value` violates, at most [`MAX_VIOLATIONS`]. `what` names the whole value in messages:
    /// "the output".
    pub fn violations(&self, value: &Value, what: &str) -> Vec<Violation> {
        self.violations_partial(&UnknownPaths::default(), value, what)
    }

    /// What `value` violates whatever will stand in its `unknown` places.
    pub fn violations_partial(
        &self,
        unknown: &UnknownPaths,
        value: &Value,
        what: &str,
    ) -> Vec<Violation> {
        let errors = self.validator.iter_errors(value);
        let certain = errors.filter(|error| !unknown.may_cause(error));
        let hidden = self.hidden_in(value);
        let seen = ShownValues::new(value, &hidden);
        violations_of(
            self.linked.value(),
            &seen,
            certain.take(MAX_VIOLATIONS),
            what,
        )
    }
}

/// Places of a value of which nothing is known yet, as RFC 6901 pointers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnknownPaths {
    /// Sorted, so that each question is a search.
    places: Vec<String>,
}

impl UnknownPaths {
    /// These places.
    pub fn new(mut places: Vec<String>) -> Self {
        places.sort_unstable();
        Self { places }
    }

    /// True if `pointer` leads to an unknown place or into one.
    fn holds(&self, pointer: &str) -> bool {
        let above = pointer.match_indices('/').map(|(at, _)| &pointer[..at]);
        let mut prefixes = above.chain([pointer]);
        prefixes.any(|prefix| self.find(prefix).is_ok())
    }

    /// True if what `pointer` leads to holds an unknown place.
    fn is_below(&self, pointer: &str) -> bool {
        let inside = format!("{pointer}/");
        let first = self.find(&inside).unwrap_or_else(|next| next);
        let next = self.places.get(first);
        next.is_some_and(|place| place.starts_with(&inside))
    }

    fn find(&self, place: &str) -> Result<usize, usize> {
        self.places
            .binary_search_by(|other| other.as_str().cmp(place))
    }

    /// True if an error may be gone once the unknown is known.
    fn may_cause(&self, error: &ValidationError<'_>) -> bool {
        let pointer = error.instance_path().as_str();
        if self.holds(pointer) {
            return true;
        }
        if !self.is_below(pointer) {
            return false;
        }
        // What only counts or names the entries of a collection does not ask what they are; unless
        // the schema asks for it under a condition.
        let is_of_form = matches!(
            error.kind(),
            ValidationErrorKind::Type { .. }
                | ValidationErrorKind::Required { .. }
                | ValidationErrorKind::AdditionalProperties { .. }
                | ValidationErrorKind::MinItems { .. }
                | ValidationErrorKind::MaxItems { .. }
                | ValidationErrorKind::MinProperties { .. }
                | ValidationErrorKind::MaxProperties { .. }
        );
        let conditions = [
            "anyOf",
            "oneOf",
            "not",
            "if",
            "then",
            "else",
            "contains",
            "dependentSchemas",
        ];
        let mut path = error.schema_path().as_str().split('/');
        !is_of_form || path.any(|token| conditions.contains(&token))
    }
}

fn schema_error(schema: &Value, error: ValidationError<'_>) -> SchemaError {
    if let ValidationErrorKind::Referencing(cause) = error.kind() {
        let cause = cause.to_string();
        let (pointer, target) = find_reference(schema, &cause).unwrap_or_default();
        if target.is_empty() {
            return SchemaError {
                pointer,
                message: format!("a reference in the schema can't be followed: {cause}"),
                help: None,
            };
        }
        let is_local = target.starts_with('#');
        let help = if is_local {
            "a `$ref` leads to a place in the same schema, such as `#/$defs/name`"
        } else {
            "obs fetches no schema; copy it under `$defs` and refer to `#/$defs/name`"
        };
        return SchemaError {
            pointer,
            message: format!("the `$ref` `{target}` leads nowhere"),
            help: Some(help.to_owned()),
        };
    }
    let pointer = error.instance_path().as_str().to_owned();
    if let ValidationErrorKind::Format { format } = error.kind()
        && format == "regex"
    {
        return SchemaError {
            pointer,
            message: "the pattern is not a valid regular expression".to_owned(),
            help: None,
        };
    }
    let first = violations_of(
        &Value::Null,
        &ShownValues::new(schema, &[]),
        std::iter::once(error),
        "the schema",
    )
    .pop();
    match first {
        Some(violation) => SchemaError {
            pointer: violation.pointer,
            message: violation.message,
            help: violation.help,
        },
        None => SchemaError {
            pointer,
            message: "it is not a JSON Schema".to_owned(),
            help: None,
        },
    }
}

/// The `$ref` that `cause` speaks of.
fn find_reference(schema: &Value, cause: &str) -> Option<(String, String)> {
    let mut open = vec![(String::new(), schema)];
    let mut first = None;
    while let Some((pointer, value)) = open.pop() {
        match value {
            Value::Object(map) => {
                if let Some(Value::String(target)) = map.get("$ref") {
                    let found = (format!("{pointer}/$ref"), target.clone());
                    let fragment = target.rsplit('#').next().unwrap_or(target);
                    if !fragment.is_empty() && cause.contains(fragment) {
                        return Some(found);
                    }
                    if !target.starts_with('#') {
                        first.get_or_insert(found);
                    }
                }
                for (key, value) in map {
                    open.push((format!("{pointer}/{}", escape_token(key)), value));
                }
            }
            Value::Array(list) => {
                let child = |(index, value)| (format!("{pointer}/{index}"), value);
                open.extend(list.iter().enumerate().map(child));
            }
            _ => {}
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn error(schema: &Value) -> String {
        let error = Schema::compile(schema).unwrap_err();
        let help = error.help.map_or(String::new(), |help| format!("; {help}"));
        format!("{} {}{help}", error.pointer, error.message)
    }

    #[test]
    fn mistakes_in_a_schema_have_a_place() {
        let lines: Vec<String> = [
            json!({"type": "strin"}),
            json!({"properties": {"a": {"pattern": "("}}}),
            json!({"properties": {"a": {"minimum": "x"}}}),
            json!({"properties": 5}),
            json!({"required": "a"}),
            json!(5),
            json!({"$schema": "https://example.com/mine"}),
            json!({"properties": {"a": {"$schema": "https://example.com/mine"}}}),
            json!({"properties": {"a": {"$ref": "https://example.com/a.json"}}}),
            json!({"items": {"$ref": "#/$defs/b"}, "$defs": {"a": {}}}),
            json!({"items": [{"$ref": "#a"}]}),
            json!({"prefixItems": [{"$ref": "other.json#/a"}]}),
        ]
        .iter()
        .map(|schema| format!("{schema}\n    {}", error(schema)))
        .collect();
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn references_may_recur_but_not_multiply() {
        for schema in [
            json!({"$ref": "#"}),
            json!({"allOf": [{"$ref": "#"}]}),
            json!({"properties": {"l": {"$ref": "#"}, "r": {"$ref": "#"}}}),
            json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}},
                "$ref": "#/$defs/a"}),
        ] {
            let schema = Schema::compile(&schema).unwrap();
            assert!(schema.accepts(&json!({"l": {"r": {}}})));
        }
        let bomb = |to: &dyn Fn(u32) -> String| {
            let mut defs = serde_json::Map::new();
            for level in 0..40 {
                let next = level + 1;
                let target = to(next);
                let twice = json!([{"$ref": target}, {"$ref": target}]);
                defs.insert(
                    format!("a{level}"),
                    json!({"$anchor": format!("a{level}"), "allOf": twice}),
                );
            }
            defs.insert("a40".to_owned(), json!({"$anchor": "a40"}));
            json!({"$defs": defs, "$ref": "#/$defs/a0"})
        };
        let ways: [&dyn Fn(u32) -> String; 4] = [
            &|next| format!("#a{next}"),
            &|next| format!("#/$defs/a{next}"),
            &|next| format!("#/%24defs/%61{next}"),
            &|next| format!("json-schema:///#a{next}"),
        ];
        for way in ways {
            assert!(error(&bomb(way)).contains("multiply"));
        }
    }

    #[test]
    fn a_hostile_pattern_ends() {
        let schema = Schema::compile(&json!({"pattern": "^(a+)+(?=b)$"})).unwrap();
        let violations = schema.violations(&json!("a".repeat(5_000)), "the output");
        assert_eq!(violations.len(), 1);
    }

    #[test]
    fn what_an_unknown_may_mend_is_not_told() {
        let value = json!({"a": "?", "b": {"c": ["?", 1, 2]}, "d": 1});
        let unknown = UnknownPaths::new(vec!["/b/c/0".to_owned(), "/a".to_owned()]);
        for (schema, count) in [
            // In its place, and in what holds it.
            (json!({"properties": {"a": {"type": "integer"}}}), 0),
            (
                json!({"properties": {"b": {"properties": {"c": {"uniqueItems": true}}}}}),
                0,
            ),
            (json!({"properties": {"b": {"const": 1}}}), 0),
            (json!({"properties": {"b": {"enum": [{}]}}}), 0),
            (
                json!({"anyOf": [{"properties": {"a": {"const": 1}}}, {"required": ["x"]}]}),
                0,
            ),
            (
                json!({"if": {"properties": {"a": {"const": "?"}}}, "then": {"required": ["x"]}}),
                0,
            ),
            (json!({"not": {"properties": {"a": {"const": "?"}}}}), 0),
            // Beside it, and in the form of what holds it.
            (json!({"properties": {"d": {"type": "string"}}}), 1),
            (json!({"required": ["x"]}), 1),
            (
                json!({"properties": {"a": true, "d": true}, "additionalProperties": false}),
                1,
            ),
            (json!({"properties": {"b": {"type": "string"}}}), 1),
            (
                json!({"properties": {"b": {"properties": {"c": {"maxItems": 2}}}}}),
                1,
            ),
            (
                json!({"properties": {"b": {"properties": {"c": {"items": {"type": "string"}}}}}}),
                2,
            ),
        ] {
            let violations = Schema::compile(&schema).unwrap();
            let violations = violations.violations_partial(&unknown, &value, "it");
            assert_eq!(violations.len(), count, "{schema}: {violations:?}");
        }
    }

    #[test]
    fn known_formats_are_checked_wherever_they_stand() {
        for (format, good, bad) in [
            ("date", "2026-01-31", "2026-02-30"),
            ("date-time", "2026-01-31T10:00:00Z", "2026-01-31"),
            ("time", "10:00:00Z", "25:00:00Z"),
            ("duration", "P1DT2H", "1 day"),
            ("email", "a@b.example", "a b"),
            ("hostname", "a.example", "-a"),
            ("ipv4", "10.0.0.1", "10.0.0.256"),
            ("ipv6", "::1", "::g"),
            ("uri", "https://a.example/b", "b c"),
            ("uri-reference", "../b?c", "\\\\b"),
            ("uri-template", "/a/{b}", "/a/{b"),
            ("iri", "https://ä.example", "b"),
            ("uuid", "0192ab12-3456-7890-abcd-0123456789ab", "0192ab12"),
            ("regex", "^a+$", "("),
            ("json-pointer", "/a~1b", "a"),
            ("relative-json-pointer", "1/a", "/a"),
        ] {
            let schema = Schema::compile(&json!({"items": {"format": format}})).unwrap();
            assert!(schema.accepts(&json!([good, 7, null])), "{format} {good}");
            let violations = schema.violations(&json!([good, bad]), "it");
            assert_eq!(violations.len(), 1, "{format} {bad}");
            assert_eq!(violations[0].pointer, "/1");
            assert!(violations[0].message.contains(format), "{violations:?}");
        }
        let unknown = Schema::compile(&json!({"format": "int64"})).unwrap();
        assert!(unknown.accepts(&json!("x")));
        let old = json!({"$schema": "http://json-schema.org/draft-07/schema#", "format": "date"});
        assert!(!Schema::compile(&old).unwrap().accepts(&json!("x")));
    }

    #[test]
    fn a_hostile_regex_as_a_value_ends() {
        let schema = Schema::compile(&json!({"format": "regex"})).unwrap();
        for text in [
            "((((a{1000}){1000}){1000}){1000})",
            &"(".repeat(100_000),
            &"a?".repeat(100_000),
        ] {
            schema.accepts(&json!(text));
        }
    }

    #[test]
    fn violations_are_bounded() {
        let schema = Schema::compile(&json!({"items": {"type": "string"}})).unwrap();
        let list = json!(vec![1; 10_000]);
        assert_eq!(schema.violations(&list, "the output").len(), MAX_VIOLATIONS);
    }
}
