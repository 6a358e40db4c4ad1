//! What a test says of every value that a schema allows.
//!
//! Invariant: if a schema leaves something open, the answer is that it depends.

use serde_json::Value;

use super::references::KnownPart;
use crate::skill::Schema;
use crate::skill::schema_types::TypeSet;

/// How often a test holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Truth {
    Always,
    Never,
    Depends,
}

/// The keywords that bound a number: that of a value, a text or a list.
const RANGES: [(&str, &str, &str); 3] = [
    ("number", "minimum", "maximum"),
    ("string", "minLength", "maxLength"),
    ("array", "minItems", "maxItems"),
];

/// How often a value that `known` describes meets `test`, whose keywords are `keywords`.
pub(super) fn truth_of(
    test: &Schema,
    keywords: &Value,
    known: &KnownPart<'_>,
    is_optional: bool,
) -> Truth {
    if let Some(mut values) = possible_values(known) {
        if is_optional {
            values.push(Value::Null);
        }
        let accepted = values.iter().filter(|value| test.accepts(value)).count();
        return match accepted {
            0 => Truth::Never,
            count if count == values.len() => Truth::Always,
            _ => Truth::Depends,
        };
    }
    let mut truth = Truth::Always;
    for (keyword, wanted) in keywords.as_object().into_iter().flatten() {
        let of_keyword = match keyword.as_str() {
            "type" => types(wanted, known.kinds),
            "const" => literal(std::slice::from_ref(wanted), known),
            "enum" => literal(wanted.as_array().map_or(&[], Vec::as_slice), known),
            _ => range(keyword, wanted, known),
        };
        match of_keyword {
            Truth::Never => return Truth::Never,
            Truth::Always => {}
            Truth::Depends => truth = Truth::Depends,
        }
    }
    truth
}

/// The values that a schema allows, if these are few.
fn possible_values(known: &KnownPart<'_>) -> Option<Vec<Value>> {
    known.schemas.iter().find_map(|schema| {
        if let Some(value) = schema.get("const") {
            return Some(vec![value.clone()]);
        }
        if let Some(Value::Array(values)) = schema.get("enum") {
            return Some(values.clone());
        }
        match schema.get("type").and_then(Value::as_str) {
            Some("boolean") => Some(vec![Value::from(false), Value::from(true)]),
            Some("null") => Some(vec![Value::Null]),
            _ => None,
        }
    })
}

fn types(wanted: &Value, kinds: TypeSet) -> Truth {
    let names = match wanted {
        Value::String(name) => vec![name.as_str()],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => return Truth::Depends,
    };
    let wanted = TypeSet::any_of(&names);
    if kinds.exclude(wanted) {
        Truth::Never
    } else if kinds.is_within(wanted) {
        Truth::Always
    } else {
        Truth::Depends
    }
}

/// One of these values is wanted.
fn literal(values: &[Value], known: &KnownPart<'_>) -> Truth {
    let is_possible = |value: &Value| !known.kinds.exclude(TypeSet::from_value(value));
    if values.iter().any(is_possible) {
        Truth::Depends
    } else {
        Truth::Never
    }
}

fn range(keyword: &str, wanted: &Value, known: &KnownPart<'_>) -> Truth {
    let Some((kind, least_key, most_key)) = RANGES
        .iter()
        .find(|(_, least, most)| *least == keyword || *most == keyword)
    else {
        return Truth::Depends;
    };
    let Some(wanted) = wanted.as_f64() else {
        return Truth::Depends;
    };
    let bound = |key: &str| {
        let mut bounds = known.schemas.iter().filter_map(|schema| schema.get(key));
        bounds.find_map(Value::as_f64)
    };
    let floor = (*kind != "number").then_some(0.0);
    let (low, high) = (bound(least_key).or(floor), bound(most_key));
    let has_kind = known.kinds.is_within(TypeSet::from_name(kind));
    if keyword == *least_key {
        match (low, high) {
            (_, Some(high)) if high < wanted => Truth::Never,
            (Some(low), _) if low >= wanted && has_kind => Truth::Always,
            _ => Truth::Depends,
        }
    } else {
        match (low, high) {
            (Some(low), _) if low > wanted => Truth::Never,
            (_, Some(high)) if high <= wanted && has_kind => Truth::Always,
            _ => Truth::Depends,
        }
    }
}
