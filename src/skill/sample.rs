//! A value for a schema, as a placeholder that a person replaces.
//!
//! Invariant: a proposal. It takes the usual keywords into account, in bounded time, and whoever
//! uses it holds it against the schema. The same schema and choice always give the same value.

use serde_json::{Map, Number, Value, json};

use super::schema::Schema;

/// How deep a value is, and how many values it has.
const MAX_DEPTH: usize = 8;
const MAX_VALUES: usize = 500;

/// The longest text and list.
const MAX_CHARS: u64 = 1_000;
const MAX_ITEMS: u64 = 50;

/// How many `$ref`s lead to each other.
const MAX_REFS: usize = 16;

/// What stands for a text.
pub(crate) const TEXT: &str = "text";

/// Values of the formats that are checked.
const FORMATS: [(&str, &str); 18] = [
    ("date", "2026-01-31"),
    ("date-time", "2026-01-31T12:00:00Z"),
    ("time", "12:00:00Z"),
    ("duration", "P1D"),
    ("email", "todo@example.com"),
    ("hostname", "example.com"),
    ("ipv4", "192.0.2.1"),
    ("ipv6", "2001:db8::1"),
    ("uri", "https://example.com/"),
    ("uri-reference", "https://example.com/"),
    ("uri-template", "https://example.com/"),
    ("iri", "https://example.com/"),
    ("iri-reference", "https://example.com/"),
    ("uuid", "00000000-0000-4000-8000-000000000000"),
    ("regex", "todo"),
    ("json-pointer", "/todo"),
    ("relative-json-pointer", "0"),
    ("idn-hostname", "example.com"),
];

/// Texts that are tried for a `pattern`.
const PATTERN_TEXTS: [&str; 16] = [
    "TODO",
    "todo",
    "a",
    "A",
    "0",
    "1",
    "1.0",
    "1.0.0",
    "v1.0.0",
    "todo.txt",
    "2026-01-31",
    "example.com",
    "https://example.com/",
    "todo@example.com",
    "0000000000000000000000000000000000000000",
    "00000000-0000-4000-8000-000000000000",
];

/// A value for a schema.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    /// The value.
    pub value: Value,
    /// The schema itself gives it (`const`, `default`), so that nobody has to replace it.
    pub is_given: bool,
}

/// A value for `schema`, which is a part of `root`. `choice` picks among alternatives.
pub(crate) fn sample(schema: &Value, root: &Value, choice: usize) -> Sample {
    let mut sampler = Sampler {
        root,
        choice,
        left: MAX_VALUES,
    };
    sampler.sample(schema, 0)
}

struct Sampler<'s> {
    root: &'s Value,
    choice: usize,
    left: usize,
}

impl Sampler<'_> {
    fn sample(&mut self, schema: &Value, depth: usize) -> Sample {
        let todo = |value| Sample {
            value,
            is_given: false,
        };
        if depth > MAX_DEPTH || self.left == 0 {
            return todo(Value::Null);
        }
        self.left -= 1;
        let schema = self.merged(schema);
        if let Some(value) = schema.get("const").or_else(|| schema.get("default")) {
            return Sample {
                value: value.clone(),
                is_given: true,
            };
        }
        if let Some(Value::Array(values)) = schema.get("enum") {
            let value = values.get(self.choice % values.len().max(1));
            return Sample {
                value: value.cloned().unwrap_or_default(),
                is_given: values.len() == 1,
            };
        }
        if let Some(Value::Array(examples)) = schema.get("examples")
            && let Some(example) = examples.first()
        {
            return todo(example.clone());
        }
        match type_of(&schema) {
            "object" => self.object(&schema, depth),
            "array" => todo(self.array(&schema, depth)),
            "integer" => todo(number(&schema, true)),
            "number" => todo(number(&schema, false)),
            "boolean" => todo(json!(false)),
            "null" => todo(Value::Null),
            _ => todo(text(&schema)),
        }
    }

    /// The keywords of a schema with those that it refers to and those of one alternative.
    fn merged(&self, schema: &Value) -> Map<String, Value> {
        let mut merged = Map::new();
        let mut parts = vec![(schema, 0)];
        while let Some((part, refs)) = parts.pop() {
            let Value::Object(keywords) = part else {
                continue;
            };
            for (keyword, value) in keywords {
                match keyword.as_str() {
                    "$ref" if refs < MAX_REFS => {
                        let pointer = value.as_str().and_then(|text| text.strip_prefix('#'));
                        let target = pointer.and_then(|pointer| self.root.pointer(pointer));
                        parts.extend(target.map(|target| (target, refs + 1)));
                    }
                    "allOf" if refs < MAX_REFS => {
                        let all = value.as_array().into_iter().flatten();
                        parts.extend(all.map(|one| (one, refs + 1)));
                    }
                    "anyOf" | "oneOf" if refs < MAX_REFS => {
                        parts.extend(self.alternative(value).map(|one| (one, refs + 1)));
                    }
                    _ => merge(&mut merged, keyword, value),
                }
            }
        }
        merged
    }

    /// One that is not only null, if there is one.
    fn alternative<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        let all = value.as_array()?;
        let is_null = |one: &Value| one.get("type").is_some_and(|kind| kind == "null");
        let useful: Vec<&Value> = all.iter().filter(|one| !is_null(one)).collect();
        let useful = if useful.is_empty() {
            all.iter().collect()
        } else {
            useful
        };
        useful.get(self.choice % useful.len().max(1)).copied()
    }

    fn object(&mut self, schema: &Map<String, Value>, depth: usize) -> Sample {
        let properties = schema.get("properties").and_then(Value::as_object);
        let others = schema.get("additionalProperties").unwrap_or(&Value::Null);
        let mut object = Map::new();
        let mut is_given = true;
        for name in required(schema) {
            let property = properties.and_then(|properties| properties.get(name));
            let sample = self.sample(property.unwrap_or(others), depth + 1);
            is_given &= sample.is_given;
            object.insert(name.to_owned(), sample.value);
        }
        Sample {
            is_given: is_given && !object.is_empty(),
            value: Value::Object(object),
        }
    }

    fn array(&mut self, schema: &Map<String, Value>, depth: usize) -> Value {
        let bound = |key: &str| schema.get(key).and_then(Value::as_u64);
        let least = bound("minItems").unwrap_or(1);
        let count = least
            .min(bound("maxItems").unwrap_or(u64::MAX))
            .min(MAX_ITEMS);
        let first = schema.get("prefixItems").and_then(Value::as_array);
        let rest = schema.get("items").unwrap_or(&Value::Null);
        let is_unique = schema.get("uniqueItems") == Some(&Value::Bool(true));
        let mut items: Vec<Value> = Vec::new();
        for index in 0..usize::try_from(count).unwrap_or_default() {
            if self.left == 0 {
                break;
            }
            let of_item = first.and_then(|first| first.get(index)).unwrap_or(rest);
            let mut item = self.sample(of_item, depth + 1).value;
            if is_unique && items.contains(&item) {
                item = another(&item, index);
            }
            items.push(item);
        }
        Value::Array(items)
    }
}

/// The names of `required`, those that `properties` describes first and in its order.
fn required(schema: &Map<String, Value>) -> Vec<&str> {
    let required = schema.get("required").and_then(Value::as_array);
    let mut names: Vec<&str> = required
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let properties = schema.get("properties").and_then(Value::as_object);
    let place = |name: &&str| {
        let mut keys = properties.into_iter().flat_map(Map::keys);
        keys.position(|key| key == name).unwrap_or(usize::MAX)
    };
    names.sort_by_key(place);
    names.dedup();
    names
}

/// Adds a keyword to others: objects and lists of names grow, of others the first one stays.
fn merge(merged: &mut Map<String, Value>, keyword: &str, value: &Value) {
    match (merged.get_mut(keyword), value) {
        (None, _) => {
            merged.insert(keyword.to_owned(), value.clone());
        }
        (Some(Value::Object(old)), Value::Object(new)) => {
            for (key, value) in new {
                old.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
        (Some(Value::Array(old)), Value::Array(new)) if keyword == "required" => {
            old.extend(new.iter().cloned());
        }
        (Some(_), _) => {}
    }
}

/// The type that is meant; of several the first that is not null.
fn type_of(schema: &Map<String, Value>) -> &str {
    match schema.get("type") {
        Some(Value::String(one)) => one,
        Some(Value::Array(several)) => {
            let mut words = several.iter().filter_map(Value::as_str);
            words.find(|word| *word != "null").unwrap_or("null")
        }
        _ => {
            let hints = [
                ("properties", "object"),
                ("required", "object"),
                ("items", "array"),
                ("minItems", "array"),
                ("minimum", "number"),
                ("maximum", "number"),
                ("multipleOf", "number"),
            ];
            let mut hints = hints.into_iter();
            let found = hints.find(|(keyword, _)| schema.contains_key(*keyword));
            found.map_or("string", |(_, kind)| kind)
        }
    }
}

fn text(schema: &Map<String, Value>) -> Value {
    let bound = |key: &str| schema.get(key).and_then(Value::as_u64);
    let format = schema.get("format").and_then(Value::as_str);
    let of_format = FORMATS.iter().find(|(name, _)| Some(*name) == format);
    if let Some((_, text)) = of_format {
        return json!(text);
    }
    let least = bound("minLength").unwrap_or_default().min(MAX_CHARS);
    let most = bound("maxLength").unwrap_or(u64::MAX);
    let length = usize::try_from(least.max(TEXT.len() as u64).min(most)).unwrap_or_default();
    let plain: String = TEXT.chars().cycle().take(length).collect();
    if !schema.contains_key("pattern") {
        return json!(plain);
    }
    let mut bounds = Map::new();
    for key in ["pattern", "minLength", "maxLength"] {
        bounds.extend(schema.get(key).map(|value| (key.to_owned(), value.clone())));
    }
    let compiled = Schema::compile(&Value::Object(bounds));
    let fits = |text: &&str| {
        let compiled = compiled.as_ref();
        compiled.is_ok_and(|compiled| compiled.accepts(&json!(text)))
    };
    let mut texts = [plain.as_str()].into_iter().chain(PATTERN_TEXTS);
    json!(texts.find(fits).unwrap_or(&plain))
}

/// The plainest number within the bounds.
fn number(schema: &Map<String, Value>, is_whole: bool) -> Value {
    let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
    let (least, most) = (bound("minimum"), bound("maximum"));
    let (above, below) = (bound("exclusiveMinimum"), bound("exclusiveMaximum"));
    let multiple = bound("multipleOf").filter(|multiple| *multiple > 0.0);
    let fits = |number: &f64| {
        number.is_finite()
            && (!is_whole || number.fract() == 0.0)
            && least.is_none_or(|least| *number >= least)
            && most.is_none_or(|most| *number <= most)
            && above.is_none_or(|above| *number > above)
            && below.is_none_or(|below| *number < below)
            && multiple.is_none_or(|multiple| (number / multiple).fract() == 0.0)
    };
    let low = least.or(above);
    let high = most.or(below);
    let mut tried = vec![1.0, 0.0];
    tried.extend(
        low.into_iter()
            .flat_map(|low| [low.ceil(), low.floor() + 1.0, low]),
    );
    tried.extend(
        high.into_iter()
            .flat_map(|high| [high.floor(), high.ceil() - 1.0, high]),
    );
    tried.extend(low.zip(high).map(|(low, high)| low.midpoint(high)));
    if let Some(multiple) = multiple {
        let first = (low.unwrap_or_default() / multiple).ceil() * multiple;
        tried.extend([multiple, first, first + multiple]);
    }
    let number = tried.into_iter().find(fits).unwrap_or_default();
    // A whole number is written without a fraction.
    match format!("{number:.0}").parse::<i64>() {
        Ok(whole) if number.fract() == 0.0 => json!(whole),
        _ => Number::from_f64(number).map_or(Value::Null, Value::Number),
    }
}

/// A value of the same type that differs.
fn another(value: &Value, index: usize) -> Value {
    match value {
        Value::String(text) => json!(format!("{text}{index}")),
        Value::Number(number) => {
            let offset = i64::try_from(index).unwrap_or_default();
            number
                .as_i64()
                .map_or_else(|| value.clone(), |old| json!(old.saturating_add(offset)))
        }
        Value::Bool(flag) => json!(!flag),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(schema: &Value) -> Sample {
        sample(schema, schema, 0)
    }

    #[test]
    fn what_it_gives_is_accepted() {
        for schema in [
            json!({}),
            json!({"type": "string", "minLength": 9}),
            json!({"type": "string", "maxLength": 2}),
            json!({"type": "string", "pattern": "^[a-z]+$"}),
            json!({"type": "string", "pattern": "^v\\d+\\.\\d+\\.\\d+$"}),
            json!({"type": "integer", "minimum": 7}),
            json!({"type": "integer", "maximum": -7}),
            json!({"type": "integer", "exclusiveMinimum": 7, "exclusiveMaximum": 9}),
            json!({"type": "integer", "minimum": 7, "multipleOf": 5}),
            json!({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.5}),
            json!({"type": ["null", "boolean"]}),
            json!({"type": "null"}),
            json!({"enum": [[1], 2]}),
            json!({"type": "array", "items": {"type": "integer"}, "minItems": 3, "uniqueItems": true}),
            json!({"type": "array", "maxItems": 0}),
            json!({"type": "array", "prefixItems": [{"const": 1}, {"type": "string"}], "minItems": 2}),
            json!({"properties": {"a": {"$ref": "#/$defs/d"}}, "required": ["a", "b"],
                "$defs": {"d": {"type": "object", "required": ["x"], "properties": {"x": {"type": "number"}}}}}),
            json!({"allOf": [{"type": "object", "required": ["a"]},
                {"properties": {"a": {"type": "boolean"}}}, {"required": ["b"]}]}),
            json!({"anyOf": [{"type": "null"}, {"type": "integer", "minimum": 3}]}),
            json!({"oneOf": [{"required": ["a"]}, {"required": ["b"]}], "type": "object"}),
            json!({"type": "string", "format": "date-time"}),
        ] {
            let Sample { value, .. } = of(&schema);
            let compiled = Schema::compile(&schema).unwrap();
            assert!(compiled.accepts(&value), "{schema} does not take {value}");
        }
        for (format, text) in FORMATS {
            let schema = json!({"type": "string", "format": format});
            let compiled = Schema::compile(&schema).unwrap();
            assert!(compiled.accepts(&json!(text)), "{format}: {text}");
        }
    }

    #[test]
    fn what_the_schema_gives_needs_no_replacement() {
        for (schema, is_given) in [
            (json!({"const": 5}), true),
            (json!({"default": [], "type": "array"}), true),
            (json!({"enum": ["only"]}), true),
            (json!({"enum": ["a", "b"]}), false),
            (json!({"examples": ["a"]}), false),
            (json!({"type": "object"}), false),
            (
                json!({"required": ["a"], "properties": {"a": {"const": 1}}}),
                true,
            ),
        ] {
            assert_eq!(of(&schema).is_given, is_given, "{schema}");
        }
    }

    #[test]
    fn hostile_schemas_are_bounded() {
        for schema in [
            json!({"$ref": "#"}),
            json!({"$ref": "#/nowhere"}),
            json!({"allOf": [{"$ref": "#"}, {"$ref": "#"}]}),
            json!({"required": ["a"], "properties": {"a": {"$ref": "#"}}}),
            json!({"type": "array", "items": {"$ref": "#"}, "minItems": 1_000_000}),
            json!({"type": "string", "minLength": u64::MAX}),
            json!({"type": "integer", "minimum": 1e300}),
            json!({"type": 5, "required": 5, "properties": [], "enum": [], "examples": []}),
            json!(true),
            json!([]),
        ] {
            let text = of(&schema).value.to_string();
            assert!(text.len() < 200_000, "{schema}: {}", text.len());
        }
    }
}
