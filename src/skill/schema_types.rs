//! What a schema says about a part of a value before there is a value.
//!
//! Invariant: where a schema leaves something open, nothing is ruled out. References are followed,
//! so deep and so many in all and no more, so that no schema costs more than that.

use std::ops::{BitAnd, BitOr};

use serde_json::{Map, Value};

use super::schema::Linked;

/// How many subschemas one question looks at.
const FUEL: u32 = 10_000;

/// How many subschemas lie within each other on the way to an answer.
const MAX_DEPTH: u32 = 64;

/// The kinds of value that may stand in a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TypeSet(u8);

impl TypeSet {
    /// Anything.
    pub(crate) const ALL: Self = Self(0b111_1111);
    /// Text.
    pub(crate) const TEXT: Self = Self(0b001_0000);

    const NONE: Self = Self(0);
    /// Null.
    pub(crate) const NULL: Self = Self(0b000_0001);
    const BOOLEAN: Self = Self(0b000_0010);
    const INTEGER: Self = Self(0b000_0100);
    /// Numbers that are not whole.
    const FRACTION: Self = Self(0b000_1000);
    /// A list.
    pub(crate) const LIST: Self = Self(0b010_0000);
    const MAPPING: Self = Self(0b100_0000);

    const WORDS: [(Self, &'static str); 7] = [
        (Self::TEXT, "text"),
        (Self::INTEGER, "an integer"),
        (Self::FRACTION, "a number"),
        (Self::BOOLEAN, "a boolean"),
        (Self::LIST, "a list"),
        (Self::MAPPING, "a mapping"),
        (Self::NULL, "null"),
    ];

    /// True if no value can be of both.
    pub(crate) fn exclude(self, other: Self) -> bool {
        self != Self::NONE && other != Self::NONE && self & other == Self::NONE
    }

    /// True if every kind of it is one of `other`.
    pub(crate) fn is_within(self, other: Self) -> bool {
        self & other == self
    }

    /// The kinds with one of these names.
    pub(crate) fn any_of(names: &[&str]) -> Self {
        let kinds = names.iter().map(|name| Self::from_name(name));
        kinds.fold(Self::NONE, BitOr::bitor)
    }

    fn has(self, kind: Self) -> bool {
        self & kind != Self::NONE
    }

    pub(crate) fn from_name(name: &str) -> Self {
        match name {
            "null" => Self::NULL,
            "boolean" => Self::BOOLEAN,
            "integer" => Self::INTEGER,
            "number" => Self::INTEGER | Self::FRACTION,
            "string" => Self::TEXT,
            "array" => Self::LIST,
            "object" => Self::MAPPING,
            _ => Self::ALL,
        }
    }

    pub(crate) fn from_value(value: &Value) -> Self {
        match value {
            Value::Null => Self::NULL,
            Value::Bool(_) => Self::BOOLEAN,
            // `1.0` is whole, so either may be meant.
            Value::Number(_) => Self::INTEGER | Self::FRACTION,
            Value::String(_) => Self::TEXT,
            Value::Array(_) => Self::LIST,
            Value::Object(_) => Self::MAPPING,
        }
    }

    /// The kinds in words: "text or a list".
    pub(crate) fn words(self) -> String {
        if self == Self::NONE {
            return "nothing".to_owned();
        }
        let is_number = self.has(Self::INTEGER) && self.has(Self::FRACTION);
        let words = Self::WORDS
            .into_iter()
            .filter(|(kind, _)| self.has(*kind) && !(is_number && *kind == Self::INTEGER));
        let words: Vec<&str> = words.map(|(_, word)| word).collect();
        words.join(" or ")
    }
}

impl BitAnd for TypeSet {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl BitOr for TypeSet {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// What a schema says about the part of a value at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SchemaPart {
    /// It may be there, and then it is of these kinds.
    Possible(TypeSet),
    /// It can't be there.
    Excluded(Impossible),
}

/// Why a part can't be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Impossible {
    /// How many tokens of the path lead to what has no such part.
    pub depth: usize,
    /// What stands there.
    pub kinds: TypeSet,
    /// The fields that it has, as far as the schema names them.
    pub fields: Vec<String>,
}

impl SchemaPart {
    /// What holds where both schemas do.
    #[must_use]
    pub(crate) fn intersect(self, other: Self) -> Self {
        match (self, other) {
            (Self::Possible(one), Self::Possible(other)) => Self::Possible(one & other),
            (excluded @ Self::Excluded(_), _) | (_, excluded) => excluded,
        }
    }

    /// What holds where one of the schemas does.
    #[must_use]
    pub(crate) fn union(self, other: Self) -> Self {
        match (self, other) {
            (Self::Possible(one), Self::Possible(other)) => Self::Possible(one | other),
            (possible @ Self::Possible(_), _) | (_, possible @ Self::Possible(_)) => possible,
            (excluded, Self::Excluded(_)) => excluded,
        }
    }
}

/// What `schema` says about the part at `path` of a value that meets it.
pub(crate) fn part_of(schema: &Linked, path: &[String]) -> SchemaPart {
    let mut look = SchemaWalker {
        linked: schema,
        fuel: FUEL,
        nesting: 0,
    };
    look.part(schema.value(), path, 0)
}

/// The fields that `schema` names if it does not name the field that `path` asks for, although
/// others may be there: most likely it is misspelled.
pub(crate) fn unnamed_field<'s>(
    schema: &'s Linked,
    path: &[String],
) -> Option<(usize, Vec<&'s str>)> {
    let mut schema = schema.value();
    for (depth, token) in path.iter().enumerate() {
        let properties = schema.get("properties")?.as_object()?;
        let is_open = |key: &&str| schema.get(*key).is_some();
        let open = [
            "$ref",
            "$dynamicRef",
            "$recursiveRef",
            "allOf",
            "anyOf",
            "oneOf",
            "patternProperties",
            "additionalProperties",
        ];
        match properties.get(token) {
            Some(next) => schema = next,
            None if open.iter().any(is_open) => return None,
            None => return Some((depth, properties.keys().map(String::as_str).collect())),
        }
    }
    None
}

/// The subschema at `path` if plain `properties` and `items` lead to it, and whether a value that
/// meets `schema` certainly has that part.
pub(crate) fn plain_part<'s>(
    schema: &'s Linked,
    path: &[String],
) -> Option<(&'s Map<String, Value>, bool)> {
    let mut keywords = schema.value().as_object()?;
    let mut is_required = true;
    for token in path {
        let properties = keywords
            .get("properties")
            .and_then(|named| named.get(token));
        let has_type = keywords.get("type").and_then(Value::as_str) == Some("object");
        let required = list(keywords, "required").any(|name| name == token);
        is_required &= has_type && required;
        keywords = match properties {
            Some(next) => next,
            None if is_index(token) => keywords.get("items")?,
            None => return None,
        }
        .as_object()?;
    }
    Some((keywords, is_required))
}

struct SchemaWalker<'s> {
    linked: &'s Linked,
    fuel: u32,
    nesting: u32,
}

impl<'s> SchemaWalker<'s> {
    fn part(&mut self, schema: &'s Value, path: &[String], depth: usize) -> SchemaPart {
        if self.fuel == 0 || self.nesting == MAX_DEPTH {
            return SchemaPart::Possible(TypeSet::ALL);
        }
        self.fuel -= 1;
        self.nesting += 1;
        let part = self.part_inside(schema, path, depth);
        self.nesting -= 1;
        part
    }

    fn part_inside(&mut self, schema: &'s Value, path: &[String], depth: usize) -> SchemaPart {
        let keywords = match schema {
            Value::Bool(false) => {
                return match path {
                    [] => SchemaPart::Possible(TypeSet::NONE),
                    _ => excluded(depth, TypeSet::NONE, Vec::new()),
                };
            }
            Value::Object(keywords) => keywords,
            _ => return SchemaPart::Possible(TypeSet::ALL),
        };
        let mut part = match path {
            [] => SchemaPart::Possible(own_kinds(keywords)),
            [token, rest @ ..] => self.child(keywords, token, rest, depth),
        };
        for targets in self.linked.links(keywords) {
            // One that leads nowhere known rules nothing out; of several, any may be meant.
            let parts = targets
                .into_iter()
                .map(|target| self.part(target, path, depth));
            if let Some(any) = parts.reduce(SchemaPart::union) {
                part = part.intersect(any);
            }
        }
        for schema in list(keywords, "allOf") {
            part = part.intersect(self.part(schema, path, depth));
        }
        for key in ["anyOf", "oneOf"] {
            let branches: Vec<&Value> = list(keywords, key).collect();
            let parts = branches
                .into_iter()
                .map(|branch| self.part(branch, path, depth));
            if let Some(any) = parts.reduce(SchemaPart::union) {
                part = part.intersect(any);
            }
        }
        part
    }

    /// The part below `token`, by the keywords of one schema alone.
    fn child(
        &mut self,
        keywords: &'s Map<String, Value>,
        token: &str,
        rest: &[String],
        depth: usize,
    ) -> SchemaPart {
        let kinds = own_kinds(keywords);
        let fields = || {
            let properties = keywords.get("properties").and_then(Value::as_object);
            properties
                .into_iter()
                .flat_map(Map::keys)
                .cloned()
                .collect()
        };
        let in_mapping = kinds.has(TypeSet::MAPPING).then(|| {
            let named = keywords
                .get("properties")
                .and_then(|named| named.get(token));
            match (named, keywords.get("patternProperties")) {
                (Some(schema), _) => Some(schema),
                // Which pattern fits is the validator's to say.
                (None, Some(_)) => Some(&Value::Bool(true)),
                (None, None) => keywords.get("additionalProperties"),
            }
        });
        let in_list = (kinds.has(TypeSet::LIST) && is_index(token)).then(|| {
            let first: Vec<&Value> = list(keywords, "prefixItems").collect();
            let at = token.parse::<usize>().ok();
            at.and_then(|at| first.get(at).copied())
                .or_else(|| keywords.get("items"))
        });
        let looked = in_mapping
            .into_iter()
            .chain(in_list)
            .map(|schema| match schema {
                Some(Value::Bool(false)) => excluded(depth, kinds, fields()),
                Some(schema) => self.part(schema, rest, depth + 1),
                None => SchemaPart::Possible(TypeSet::ALL),
            });
        let found = looked.reduce(SchemaPart::union);
        found.unwrap_or_else(|| excluded(depth, kinds, Vec::new()))
    }
}

fn excluded(depth: usize, kinds: TypeSet, fields: Vec<String>) -> SchemaPart {
    SchemaPart::Excluded(Impossible {
        depth,
        kinds,
        fields,
    })
}

/// The kinds that a schema's own keywords leave.
fn own_kinds(keywords: &Map<String, Value>) -> TypeSet {
    let by_type = match keywords.get("type") {
        Some(Value::String(name)) => TypeSet::from_name(name),
        Some(Value::Array(names)) => {
            let names = names
                .iter()
                .filter_map(Value::as_str)
                .map(TypeSet::from_name);
            names.fold(TypeSet::NONE, BitOr::bitor)
        }
        _ => TypeSet::ALL,
    };
    let by_value = match (keywords.get("const"), keywords.get("enum")) {
        (Some(value), _) => TypeSet::from_value(value),
        (None, Some(Value::Array(values))) => {
            let values = values.iter().map(TypeSet::from_value);
            values.fold(TypeSet::NONE, BitOr::bitor)
        }
        _ => TypeSet::ALL,
    };
    by_type & by_value
}

fn list<'s>(
    keywords: &'s Map<String, Value>,
    key: &str,
) -> impl Iterator<Item = &'s Value> + use<'s> {
    keywords
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn is_index(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn describe(schema: &Value, path: &str) -> String {
        let path: Vec<String> = path
            .split('.')
            .filter(|t| !t.is_empty())
            .map(str::to_owned)
            .collect();
        match part_of(&Linked::new(schema).unwrap(), &path) {
            SchemaPart::Possible(TypeSet::ALL) => "anything".to_owned(),
            SchemaPart::Possible(kinds) => kinds.words(),
            SchemaPart::Excluded(Impossible {
                depth,
                kinds,
                fields,
            }) => {
                format!("no part of {} at {depth}, {fields:?}", kinds.words())
            }
        }
    }

    #[test]
    fn a_schema_tells_of_the_parts_of_its_values() {
        let page = json!({
            "type": "object",
            "properties": {
                "body": {"type": "string"},
                "sizes": {"type": "array", "items": {"type": "integer"}},
                "pair": {"prefixItems": [{"type": "boolean"}], "items": false, "type": "array"},
                "next": {"$ref": "#/$defs/next"},
                "any": {},
            },
            "$defs": {"next": {"anyOf": [{"type": "null"}, {"$ref": "#"}]}},
            "additionalProperties": false,
        });
        for (path, want) in [
            ("", "a mapping"),
            ("body", "text"),
            ("body.x", "no part of text at 1, []"),
            ("sizes.0", "an integer"),
            ("sizes.first", "no part of a list at 1, []"),
            ("sizes.0.x", "no part of an integer at 2, []"),
            ("pair.0", "a boolean"),
            ("pair.1", "no part of a list at 1, []"),
            ("any.thing.at.all", "anything"),
            ("next", "a mapping or null"),
            ("next.next.body", "text"),
            (
                "bdy",
                "no part of a mapping at 0, [\"body\", \"sizes\", \"pair\", \"next\", \"any\"]",
            ),
        ] {
            assert_eq!(describe(&page, path), want, "{path}");
        }
    }

    #[test]
    fn several_schemas_hold_together() {
        let schema = json!({
            "allOf": [{"type": ["integer", "string"]}, {"type": ["number", "null"]}],
        });
        assert_eq!(describe(&schema, ""), "an integer");
        assert_eq!(describe(&json!({"enum": ["a", 1]}), ""), "text or a number");
        assert_eq!(describe(&json!({"const": [1]}), ""), "a list");
        let either = json!({"oneOf": [
            {"type": "object", "properties": {"a": {"type": "string"}},
                "additionalProperties": false},
            {"type": "object", "properties": {"a": {"type": "null"}},
                "additionalProperties": false},
        ]});
        assert_eq!(describe(&either, "a"), "text or null");
        assert_eq!(describe(&either, "b"), "no part of a mapping at 0, [\"a\"]");
        assert_eq!(describe(&json!(true), "x.y"), "anything");
        assert_eq!(describe(&json!({"properties": {"a": {}}}), "b"), "anything");
        assert_eq!(
            describe(
                &json!({"patternProperties": {"^x": {}}, "additionalProperties": false}),
                "x"
            ),
            "anything"
        );
    }

    #[test]
    fn references_are_followed_as_the_validator_does() {
        let text = json!({"type": "string"});
        for schema in [
            json!({"properties": {"a": {"$ref": "#/%24defs/x"}}, "$defs": {"x": text}}),
            json!({"properties": {"a": {"$ref": "urn:t:x"}},
                "$defs": {"x": {"$id": "urn:t:x", "type": "string"}}}),
            json!({"properties": {"a": {"allOf": [{"$ref": "#x"}]}},
                "$defs": {"x": {"$anchor": "x", "type": "string"}}}),
        ] {
            assert_eq!(describe(&schema, "a"), "text", "{schema}");
        }
        // A dynamic reference may lead to either.
        let schema = json!({"$dynamicRef": "#n", "$defs": {
            "x": {"$dynamicAnchor": "n", "type": "string"},
            "y": {"$id": "y", "$dynamicAnchor": "n", "type": "null"},
        }});
        assert_eq!(describe(&schema, ""), "text or null");
        assert_eq!(
            describe(
                &json!({"$ref": "https://json-schema.org/draft/2020-12/schema"}),
                "a"
            ),
            "anything"
        );
    }

    #[test]
    fn circles_and_bombs_end() {
        let bomb = json!({"allOf": [{"$ref": "#"}, {"$ref": "#"}, {"$ref": "#"}]});
        assert_eq!(describe(&bomb, "a.b"), "anything");
    }

    #[test]
    fn a_field_that_nobody_names_is_found() {
        let schema = json!({"properties": {"files": {"properties": {"count": {}}}}});
        let schema = Linked::new(&schema).unwrap();
        let path = |text: &str| -> Vec<String> { text.split('.').map(str::to_owned).collect() };
        assert_eq!(
            unnamed_field(&schema, &path("fils")),
            Some((0, vec!["files"]))
        );
        assert_eq!(
            unnamed_field(&schema, &path("files.cont")),
            Some((1, vec!["count"]))
        );
        assert_eq!(unnamed_field(&schema, &path("files.count.x")), None);
        assert_eq!(unnamed_field(&Linked::default(), &path("x")), None);
    }
}
