//! Arguments as Cedar's values.
//!
//! Invariant: a value is expressed exactly or not at all. A number without a fractional part is a
//! Long, however it is written (`5000.0`, `5e3`). Cedar has no type for other numbers, for integers
//! beyond 64 bits and for null: [`record`] omits them, and a list that contains one, and
//! [`find_inexpressible`] reports them, so that no policy decides as if they were absent. Nothing
//! is read as Cedar's JSON, so that no key of a plan has a meaning here.

use std::fmt;

use cedar_policy::RestrictedExpression;
use serde_json::{Map, Value};

/// The most characters of an argument's path that a message shows.
const MAX_SHOWN_PATH: usize = 100;

/// The most decimal digits of an `i64`.
const MAX_DIGITS: usize = 19;

/// A value that has no Cedar type, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Inexpressible {
    /// The keys that lead to it, the innermost first.
    keys: Vec<String>,
    is_in_list: bool,
    kind: CedarType,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CedarType {
    Null,
    Fraction,
    TooLarge,
}

impl Inexpressible {
    /// The same value, below another key.
    pub(super) fn below(mut self, key: &str) -> Self {
        self.keys.push(key.to_owned());
        self
    }
}

impl fmt::Display for Inexpressible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, way_out) = match self.kind {
            CedarType::Null => (
                "null",
                "leave it out of the plan, and declare a type without null in the skill's \
                 `input_schema`",
            ),
            CedarType::Fraction => (
                "a number with a fractional part",
                "declare `type: integer` in the skill's `input_schema`",
            ),
            CedarType::TooLarge => (
                "an integer beyond 64 bits",
                "declare `type: integer` with `minimum` and `maximum` in the skill's \
                 `input_schema`",
            ),
        };
        let keys: Vec<&str> = self.keys.iter().rev().map(String::as_str).collect();
        let path = keys.join(".");
        let shown: String = path.chars().take(MAX_SHOWN_PATH).collect();
        let rest = if shown.len() < path.len() { "…" } else { "" };
        let list = if self.is_in_list {
            "a list that contains "
        } else {
            ""
        };
        write!(
            f,
            "it looks at the argument `{shown}{rest}`, which is {list}{what}, and Cedar has no \
             such value; {way_out}"
        )
    }
}

/// `value` in Cedar's types, if they can express it.
fn typed(value: &Value) -> Option<RestrictedExpression> {
    match value {
        Value::Null => None,
        Value::Bool(is) => Some(RestrictedExpression::new_bool(*is)),
        Value::Number(number) => match long(&number.to_string()) {
            Ok(number) => Some(RestrictedExpression::new_long(number)),
            Err(_) => None,
        },
        Value::String(text) => Some(RestrictedExpression::new_string(text.clone())),
        Value::Array(list) => {
            let items: Option<Vec<_>> = list.iter().map(typed).collect();
            items.map(RestrictedExpression::new_set)
        }
        Value::Object(map) => record(map),
    }
}

/// The entries of `map` that Cedar's types can express.
pub(super) fn record(map: &Map<String, Value>) -> Option<RestrictedExpression> {
    let entries = map
        .iter()
        .filter_map(|(key, value)| typed(value).map(|value| (key.clone(), value)));
    RestrictedExpression::new_record(entries).ok()
}

/// The first value in `value` that Cedar's types can't express.
pub(super) fn find_inexpressible(value: &Value) -> Option<Inexpressible> {
    let found = |kind| {
        Some(Inexpressible {
            keys: Vec::new(),
            is_in_list: false,
            kind,
        })
    };
    match value {
        Value::Null => found(CedarType::Null),
        Value::Number(number) => long(&number.to_string()).err().and_then(found),
        Value::Bool(_) | Value::String(_) => None,
        Value::Array(list) => {
            let inner = list.iter().find_map(find_inexpressible)?;
            // No policy can look into one element of a list: the list is what Cedar can't express.
            Some(Inexpressible {
                keys: Vec::new(),
                is_in_list: true,
                ..inner
            })
        }
        Value::Object(map) => find_inexpressible_entry(map),
    }
}

/// The first entry of `map` that Cedar's types can't express.
pub(super) fn find_inexpressible_entry(map: &Map<String, Value>) -> Option<Inexpressible> {
    map.iter()
        .find_map(|(key, value)| Some(find_inexpressible(value)?.below(key)))
}

/// A JSON number as a Long, by its digits: a float would round them.
fn long(number: &str) -> Result<i64, CedarType> {
    let (sign, unsigned) = match number.strip_prefix('-') {
        Some(unsigned) => ("-", unsigned),
        None => ("", number),
    };
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let digits = digits.trim_start_matches('0');
    let significant = digits.trim_end_matches('0');
    if significant.is_empty() {
        return Ok(0);
    }
    let Ok(exponent) = exponent.parse::<i64>() else {
        // Larger than any text of digits is long.
        return Err(if exponent.starts_with('-') {
            CedarType::Fraction
        } else {
            CedarType::TooLarge
        });
    };
    // The value is `significant` × 10^`zeros`.
    let dropped = digits.len() - significant.len();
    let shift = i64::try_from(dropped).unwrap_or(i64::MAX)
        - i64::try_from(fraction.len()).unwrap_or(i64::MAX);
    let Ok(zeros) = usize::try_from(exponent.saturating_add(shift)) else {
        return Err(CedarType::Fraction);
    };
    if significant.len().saturating_add(zeros) > MAX_DIGITS {
        return Err(CedarType::TooLarge);
    }
    let text = format!("{sign}{significant}{}", "0".repeat(zeros));
    text.parse().map_err(|_| CedarType::TooLarge)
}

/// A set of texts.
pub(super) fn texts(texts: impl IntoIterator<Item = String>) -> RestrictedExpression {
    RestrictedExpression::new_set(texts.into_iter().map(RestrictedExpression::new_string))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_without_a_fraction_is_a_long_however_it_is_written() {
        for (number, want) in [
            ("5000", Ok(5000)),
            ("5000.0", Ok(5000)),
            ("5e3", Ok(5000)),
            ("5E+3", Ok(5000)),
            ("0.5e4", Ok(5000)),
            ("500000e-2", Ok(5000)),
            ("99.00", Ok(99)),
            ("-0.0", Ok(0)),
            ("-0", Ok(0)),
            ("0e99999999999999999999", Ok(0)),
            ("0.000e-99999999999999999999", Ok(0)),
            ("9223372036854775807.0", Ok(i64::MAX)),
            ("-9223372036854775808", Ok(i64::MIN)),
            ("-9.223372036854775808e18", Ok(i64::MIN)),
            ("1000000000000000000", Ok(1_000_000_000_000_000_000)),
            ("9223372036854775808", Err(CedarType::TooLarge)),
            ("-9223372036854775809", Err(CedarType::TooLarge)),
            ("99999999999999999999", Err(CedarType::TooLarge)),
            ("1e19", Err(CedarType::TooLarge)),
            ("1e400", Err(CedarType::TooLarge)),
            ("1e99999999999999999999", Err(CedarType::TooLarge)),
            ("1e9223372036854775807", Err(CedarType::TooLarge)),
            ("0.5", Err(CedarType::Fraction)),
            ("5000.000000000000000000001", Err(CedarType::Fraction)),
            ("1e-1", Err(CedarType::Fraction)),
            ("10e-2", Err(CedarType::Fraction)),
            ("1.5e-99999999999999999999", Err(CedarType::Fraction)),
            ("1e-9223372036854775808", Err(CedarType::Fraction)),
        ] {
            assert_eq!(long(number), want, "{number}");
        }
    }

    proptest! {
        #[test]
        fn shifting_the_point_changes_no_number(number: i64, places in 0_u32..30) {
            prop_assert_eq!(long(&number.to_string()), Ok(number));
            prop_assert_eq!(long(&format!("{number}.{}", "0".repeat(places as usize))), Ok(number));
            let zeros = "0".repeat(places as usize);
            prop_assert_eq!(long(&format!("{number}{zeros}e-{places}")), Ok(number));
        }
    }
}
