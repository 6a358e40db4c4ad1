//! Keys of other formats in a condition of `when`.

use serde_json::Value;

use super::{Entries, key_if, normalized};
use crate::document::Meaning;

/// What a key of a condition of `when` means.
pub(in crate::plan) fn in_condition(
    key: &str,
    value: &Value,
    condition: &Entries,
) -> Option<Meaning> {
    let plain = normalized(key);
    of_subject(&plain, value, condition)
        .or_else(|| of_comparison(&plain, value))
        .or_else(|| of_logic(&plain, value))
}

/// What is tested.
fn of_subject(plain: &str, value: &Value, condition: &Entries) -> Option<Meaning> {
    let has_step = condition.contains_key("step");
    Some(match plain {
        "ref" | "reference" | "var" | "variable" | "input" | "field" | "left" | "expression"
        | "expr" | "if" => key_if(
            value.as_str().is_some_and(|text| text.starts_with("{{")),
            "value",
            "write `value: \"{{step.field}}\"`, and beside it what it is compared with",
        ),
        "state" | "result" | "outcome" | "ended" | "conclusion" if has_step => key_if(
            value.is_array(),
            "status",
            "write `status: [success]`, or other statuses",
        ),
        "step_id" | "step_name" | "name" | "task" | "job" => {
            key_if(value.is_string(), "step", "write `step: NAME`")
        }
        _ => return None,
    })
}

/// What it is compared with.
fn of_comparison(plain: &str, value: &Value) -> Option<Meaning> {
    Some(match plain {
        "equals" | "equal" | "eq" | "is" | "expected" | "expect" | "right" | "equal_to" | "==" => {
            Meaning::Key("const")
        }
        "in" | "one_of" | "any_of_values" | "values" | "is_in" => {
            key_if(value.is_array(), "enum", "write `enum: [VALUE, VALUE]`")
        }
        "min" | "gte" | "ge" | "at_least" | ">=" => key_if(
            value.is_number(),
            "minimum",
            "write `minimum:` with a number",
        ),
        "max" | "lte" | "le" | "at_most" | "<=" => key_if(
            value.is_number(),
            "maximum",
            "write `maximum:` with a number",
        ),
        "gt" | "greater_than" | ">" | "exclusive_minimum" => Meaning::rewrite(
            "write `minimum:`, or `schema: {exclusiveMinimum: NUMBER}` for a number that is not \
             whole",
            "minimum",
        ),
        "lt" | "less_than" | "<" | "exclusive_maximum" => Meaning::rewrite(
            "write `maximum:`, or `schema: {exclusiveMaximum: NUMBER}` for a number that is not \
             whole",
            "maximum",
        ),
        "matches" | "regex" | "regexp" | "match" => key_if(
            value.is_string(),
            "pattern",
            "write `pattern:` with a regular expression",
        ),
        _ => return None,
    })
}

/// How conditions are combined.
fn of_logic(plain: &str, value: &Value) -> Option<Meaning> {
    Some(match plain {
        "not" | "negated" | "inverse" | "invert" => {
            key_if(value.is_boolean(), "negate", "write `negate: true`")
        }
        "ne" | "not_equals" | "not_equal" | "!=" => {
            Meaning::rewrite("write `const:` with the value, and `negate: true`", "const")
        }
        "exists" | "is_null" | "empty" | "defined" => Meaning::rewrite(
            "write `value: \"{{step.field?}}\"`, `const: null` and `negate: true`: it holds if \
             there is a value",
            "const",
        ),
        "or" | "any_of" | "one_of_conditions" => key_if(
            value.is_array(),
            "any",
            "write `any: [CONDITION, CONDITION]`",
        ),
        "and" | "all" | "all_of" => {
            Meaning::advice("write its conditions into `when`: all of them must hold")
        }
        "operator" | "op" | "comparison" => Meaning::rewrite(
            "write the keyword itself: `const`, `enum`, `minimum`, `maximum`, `pattern` …",
            "const",
        ),
        _ => return None,
    })
}
