//! JSON Schema 2020-12 as obs uses it: for arguments, outputs and a step's own `output_schema`.
//!
//! Invariant: nothing is fetched, a `$ref` that leads out of the schema is an error when it is
//! compiled; work and answer are bounded (backtracking, size of a pattern, [`MAX_VIOLATIONS`]).
//! `jsonschema` decides what is valid; this room only finds the words, in [`super::violation`].

use jsonschema::error::ValidationErrorKind;
use jsonschema::{PatternOptions, ValidationError, Validator};
use serde_json::Value;
use thiserror::Error;

use super::violation::{Violation, violations_of};
use crate::plan::decode::escape_token;

/// The most violations that are told of one value.
pub const MAX_VIOLATIONS: usize = 50;

/// How often a pattern may backtrack before it is given up.
const BACKTRACK_LIMIT: usize = 100_000;

/// The most bytes that a compiled pattern may take.
const PATTERN_SIZE_LIMIT_BYTES: usize = 1 << 20;

/// A schema that compiled.
#[derive(Debug)]
pub struct Schema {
    value: Value,
    validator: Validator,
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
        if weight::of(value) > weight::MAX {
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
            .with_pattern_options(patterns);
        match options.build(value) {
            Ok(validator) => Ok(Self {
                value: value.clone(),
                validator,
            }),
            Err(error) => Err(schema_error(value, error)),
        }
    }

    /// The schema itself.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// True where `value` meets the schema.
    pub fn accepts(&self, value: &Value) -> bool {
        self.validator.is_valid(value)
    }

    /// What `value` violates, at most [`MAX_VIOLATIONS`]. `what` names the whole value in messages:
    /// "the output".
    pub fn violations(&self, value: &Value, what: &str) -> Vec<Violation> {
        self.violations_beside(&Unknown::default(), value, what)
    }

    /// What `value` violates whatever will stand in its `unknown` places.
    pub fn violations_beside(
        &self,
        unknown: &Unknown,
        value: &Value,
        what: &str,
    ) -> Vec<Violation> {
        let errors = self.validator.iter_errors(value);
        let certain = errors.filter(|error| !unknown.may_cause(error));
        violations_of(&self.value, value, certain.take(MAX_VIOLATIONS), what)
    }
}

/// Places of a value of which nothing is known yet, as RFC 6901 pointers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unknown {
    /// Sorted, so that each question is a search.
    places: Vec<String>,
}

impl Unknown {
    /// These places.
    pub fn at(mut places: Vec<String>) -> Self {
        places.sort_unstable();
        Self { places }
    }

    /// True where `pointer` leads to an unknown place or into one.
    fn holds(&self, pointer: &str) -> bool {
        let above = pointer.match_indices('/').map(|(at, _)| &pointer[..at]);
        let mut prefixes = above.chain([pointer]);
        prefixes.any(|prefix| self.find(prefix).is_ok())
    }

    /// True where what `pointer` leads to holds an unknown place.
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

    /// True where an error may be gone once the unknown is known.
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
                pointer: "/$schema".to_owned(),
                message: "the `$schema` names no draft that obs knows".to_owned(),
                help: Some("leave it out: draft 2020-12 is meant".to_owned()),
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
            message: "the pattern is no regular expression".to_owned(),
            help: None,
        };
    }
    let first = violations_of(&Value::Null, schema, std::iter::once(error), "the schema").pop();
    match first {
        Some(violation) => SchemaError {
            pointer: violation.pointer,
            message: violation.message,
            help: violation.help,
        },
        None => SchemaError {
            pointer,
            message: "it is no JSON Schema".to_owned(),
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

mod weight {
    //! How much work a schema can make of one value.
    //!
    //! Invariant: a schema whose references multiply (`a0: {allOf: [a1, a1]}`, `a1: {allOf: [a2,
    //! a2]}`, …) is refused before it is compiled: 24 such lines take a validator seconds. It is
    //! the alias bomb of YAML in another dress. A reference that leads back to itself counts once.

    use std::collections::HashMap;

    use serde_json::Value;

    /// The most that a schema may weigh.
    pub(super) const MAX: u64 = 100_000;

    /// The number of subschemas with every reference replaced by what it leads to.
    pub(super) fn of(schema: &Value) -> u64 {
        let mut scale = Scale {
            root: schema,
            names: HashMap::new(),
            weights: HashMap::new(),
        };
        scale.name(schema);
        scale.weigh(schema)
    }

    struct Scale<'s> {
        root: &'s Value,
        /// What `$anchor`, `$dynamicAnchor` and `$id` name.
        names: HashMap<&'s str, &'s Value>,
        weights: HashMap<*const Value, u64>,
    }

    impl<'s> Scale<'s> {
        fn name(&mut self, value: &'s Value) {
            match value {
                Value::Object(map) => {
                    for key in ["$anchor", "$dynamicAnchor", "$id"] {
                        if let Some(name) = map.get(key).and_then(Value::as_str) {
                            self.names.insert(name, value);
                        }
                    }
                    map.values().for_each(|child| self.name(child));
                }
                Value::Array(list) => list.iter().for_each(|child| self.name(child)),
                _ => {}
            }
        }

        fn weigh(&mut self, value: &'s Value) -> u64 {
            if let Some(weight) = self.weights.get(&std::ptr::from_ref(value)) {
                return *weight;
            }
            self.weights.insert(value, 1);
            let weight = match value {
                Value::Object(map) => {
                    let below = map.iter().map(|(key, child)| match (key.as_str(), child) {
                        ("$ref" | "$dynamicRef", Value::String(target)) => {
                            self.target(target).map_or(1, |target| self.weigh(target))
                        }
                        // Not applied by being there.
                        ("$defs" | "definitions", _) => 0,
                        // Their keys are names, not keywords.
                        (
                            "properties" | "patternProperties" | "dependentSchemas",
                            Value::Object(map),
                        ) => {
                            let below = map.values().map(|child| self.weigh(child));
                            below.fold(0, u64::saturating_add)
                        }
                        _ => self.weigh(child),
                    });
                    below.fold(1, u64::saturating_add)
                }
                Value::Array(list) => {
                    let below = list.iter().map(|child| self.weigh(child));
                    below.fold(0, u64::saturating_add)
                }
                _ => 0,
            };
            self.weights.insert(value, weight);
            weight
        }

        fn target(&self, target: &str) -> Option<&'s Value> {
            match target.strip_prefix('#') {
                Some(pointer) if pointer.is_empty() || pointer.starts_with('/') => {
                    self.root.pointer(pointer)
                }
                Some(anchor) => self.names.get(anchor).copied(),
                None => self.names.get(target).copied(),
            }
        }
    }
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
        let told: Vec<String> = [
            json!({"type": "strin"}),
            json!({"properties": {"a": {"pattern": "("}}}),
            json!({"properties": {"a": {"minimum": "x"}}}),
            json!({"properties": 5}),
            json!({"required": "a"}),
            json!(5),
            json!({"$schema": "https://example.com/mine"}),
            json!({"properties": {"a": {"$ref": "https://example.com/a.json"}}}),
            json!({"items": {"$ref": "#/$defs/b"}, "$defs": {"a": {}}}),
            json!({"items": [{"$ref": "#a"}]}),
            json!({"prefixItems": [{"$ref": "other.json#/a"}]}),
        ]
        .iter()
        .map(|schema| format!("{schema}\n    {}", error(schema)))
        .collect();
        insta::assert_snapshot!(told.join("\n"));
    }

    #[test]
    fn references_may_recur_but_not_multiply() {
        for schema in [
            json!({"$ref": "#"}),
            json!({"allOf": [{"$ref": "#"}]}),
            json!({"properties": {"l": {"$ref": "#"}, "r": {"$ref": "#"}}}),
            json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}),
        ] {
            let schema = Schema::compile(&schema).unwrap();
            assert!(schema.accepts(&json!({"l": {"r": {}}})));
        }
        let bomb = |by_anchor: bool| {
            let mut defs = serde_json::Map::new();
            for level in 0..40 {
                let next = level + 1;
                let target = if by_anchor {
                    format!("#a{next}")
                } else {
                    format!("#/$defs/a{next}")
                };
                let twice = json!([{"$ref": target}, {"$ref": target}]);
                defs.insert(
                    format!("a{level}"),
                    json!({"$anchor": format!("a{level}"), "allOf": twice}),
                );
            }
            defs.insert("a40".to_owned(), json!({"$anchor": "a40"}));
            json!({"$defs": defs, "$ref": "#/$defs/a0"})
        };
        for by_anchor in [true, false] {
            assert!(error(&bomb(by_anchor)).contains("multiply"));
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
        let unknown = Unknown::at(vec!["/b/c/0".to_owned(), "/a".to_owned()]);
        for (schema, told) in [
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
            let violations = violations.violations_beside(&unknown, &value, "it");
            assert_eq!(violations.len(), told, "{schema}: {violations:?}");
        }
    }

    #[test]
    fn violations_are_bounded() {
        let schema = Schema::compile(&json!({"items": {"type": "string"}})).unwrap();
        let list = json!(vec![1; 10_000]);
        assert_eq!(schema.violations(&list, "the output").len(), MAX_VIOLATIONS);
    }
}
