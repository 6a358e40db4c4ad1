//! Arguments as Cedar's values.
//!
//! Invariant: a value is told exactly or not at all. Floats, null and integers beyond 64 bits have no
//! type in Cedar: they are left out, and with them a list that holds one, which would else be told with
//! an element less. Nothing is read as Cedar's JSON, so that no key of a plan has a meaning here.

use cedar_policy::RestrictedExpression;
use serde_json::{Map, Value};

/// What Cedar's types can say of `value`.
pub(super) fn typed(value: &Value) -> Option<RestrictedExpression> {
    match value {
        Value::Null => None,
        Value::Bool(is) => Some(RestrictedExpression::new_bool(*is)),
        Value::Number(number) => number.as_i64().map(RestrictedExpression::new_long),
        Value::String(text) => Some(RestrictedExpression::new_string(text.clone())),
        Value::Array(list) => {
            let items: Option<Vec<_>> = list.iter().map(typed).collect();
            items.map(RestrictedExpression::new_set)
        }
        Value::Object(map) => record(map),
    }
}

/// The entries of `map` of which Cedar's types can say something.
pub(super) fn record(map: &Map<String, Value>) -> Option<RestrictedExpression> {
    let entries = map
        .iter()
        .filter_map(|(key, value)| typed(value).map(|value| (key.clone(), value)));
    RestrictedExpression::new_record(entries).ok()
}

/// A set of texts.
pub(super) fn texts(texts: impl IntoIterator<Item = String>) -> RestrictedExpression {
    RestrictedExpression::new_set(texts.into_iter().map(RestrictedExpression::new_string))
}
