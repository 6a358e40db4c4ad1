//! Numbers that keep their digits.
//!
//! Invariant: a number has the exact value of its text, or is refused. A number that only an
//! infinity could hold is refused.

use serde_json::Number;

use crate::model::is_finite_number;

/// What a plain YAML scalar is by the core schema.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum PlainScalar {
    Null,
    Bool(bool),
    Number(Number),
    Text,
    /// Reads like a number but is none that obs takes.
    Refused(NumberError),
}

/// Why a number is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NumberError {
    LeadingZero,
    NotFinite,
    TooLarge,
}

impl NumberError {
    pub(crate) fn message(self, text: &str) -> String {
        match self {
            Self::LeadingZero => format!("the number `{text}` starts with a zero"),
            Self::NotFinite => format!("`{text}` is not a JSON number"),
            Self::TooLarge => format!("the number `{text}` is too large"),
        }
    }

    pub(crate) fn help(self, text: &str) -> String {
        match self {
            Self::LeadingZero => {
                format!("quote it for text (\"{text}\"), write `0o…` for octal, or drop the zero")
            }
            Self::NotFinite => format!("quote it if text is meant: \"{text}\""),
            Self::TooLarge => "the largest number is about 1.8e308".to_owned(),
        }
    }
}

/// Resolves an unquoted scalar by the core schema of YAML 1.2.
pub(crate) fn resolve_plain(text: &str) -> PlainScalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => PlainScalar::Null,
        "true" | "True" | "TRUE" => PlainScalar::Bool(true),
        "false" | "False" | "FALSE" => PlainScalar::Bool(false),
        _ => resolve_number(text),
    }
}

fn resolve_number(text: &str) -> PlainScalar {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return PlainScalar::Refused(NumberError::NotFinite);
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return from_radix(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return from_radix(digits, 8);
    }
    let Some(json) = decimal_as_json(text.starts_with('-'), unsigned) else {
        return PlainScalar::Text;
    };
    if has_leading_zero(unsigned) {
        return PlainScalar::Refused(NumberError::LeadingZero);
    }
    match exact_number(&json) {
        Ok(number) => PlainScalar::Number(number),
        Err(refusal) => PlainScalar::Refused(refusal),
    }
}

/// Reads JSON's spelling of a number without rounding it.
pub(crate) fn exact_number(json: &str) -> Result<Number, NumberError> {
    check_finite(json)?;
    serde_json::from_str(json).map_err(|_| NumberError::NotFinite)
}

/// Refuses a number that overflows to an infinity.
pub(crate) fn check_finite(json: &str) -> Result<(), NumberError> {
    if is_finite_number(json) {
        Ok(())
    } else {
        Err(NumberError::TooLarge)
    }
}

fn from_radix(digits: &str, radix: u32) -> PlainScalar {
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return PlainScalar::Text;
    }
    match u128::from_str_radix(digits, radix)
        .ok()
        .map(|n| exact_number(&n.to_string()))
    {
        Some(Ok(number)) => PlainScalar::Number(number),
        _ => PlainScalar::Refused(NumberError::TooLarge),
    }
}

/// The core schema's decimal (`[0-9]+`, `1.`, `.5`, `1.5e-3`) in JSON's spelling.
fn decimal_as_json(negative: bool, unsigned: &str) -> Option<String> {
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let has_digits = !whole.is_empty() || fraction.is_some_and(|f| !f.is_empty());
    if !has_digits || !is_digits(whole) || !fraction.is_none_or(is_digits) {
        return None;
    }
    let mut json = if negative {
        "-".to_owned()
    } else {
        String::new()
    };
    json.push_str(if whole.is_empty() { "0" } else { whole });
    if let Some(fraction) = fraction {
        json.push('.');
        json.push_str(if fraction.is_empty() { "0" } else { fraction });
    }
    if let Some(exponent) = exponent {
        let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        if digits.is_empty() || !is_digits(digits) {
            return None;
        }
        json.push('e');
        json.push_str(exponent);
    }
    Some(json)
}

fn has_leading_zero(unsigned: &str) -> bool {
    let mut digits = unsigned.bytes();
    digits.next() == Some(b'0') && digits.next().is_some_and(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The core schema, pinned: what each plain scalar is.
    #[test]
    fn golden() {
        let number = |text: &str| PlainScalar::Number(serde_json::from_str(text).unwrap());
        for (text, want) in [
            ("", PlainScalar::Null),
            ("~", PlainScalar::Null),
            ("null", PlainScalar::Null),
            ("nULL", PlainScalar::Text),
            ("true", PlainScalar::Bool(true)),
            ("FALSE", PlainScalar::Bool(false)),
            ("yes", PlainScalar::Text),
            ("no", PlainScalar::Text),
            ("on", PlainScalar::Text),
            ("off", PlainScalar::Text),
            ("y", PlainScalar::Text),
            ("1_000", PlainScalar::Text),
            ("1", number("1")),
            ("-1", number("-1")),
            ("+7", number("7")),
            ("0", number("0")),
            ("0.5", number("0.5")),
            (".5", number("0.5")),
            ("5.", number("5.0")),
            ("1e3", number("1e3")),
            ("1.5E-3", number("1.5e-3")),
            ("0x1F", number("31")),
            ("0o17", number("15")),
            ("0xZZ", PlainScalar::Text),
            (
                "123456789012345678901234567890",
                number("123456789012345678901234567890"),
            ),
            ("0777", PlainScalar::Refused(NumberError::LeadingZero)),
            ("-01", PlainScalar::Refused(NumberError::LeadingZero)),
            ("00.5", PlainScalar::Refused(NumberError::LeadingZero)),
            (".inf", PlainScalar::Refused(NumberError::NotFinite)),
            ("-.Inf", PlainScalar::Refused(NumberError::NotFinite)),
            (".NaN", PlainScalar::Refused(NumberError::NotFinite)),
            ("1e999", PlainScalar::Refused(NumberError::TooLarge)),
            ("1.2.3", PlainScalar::Text),
            ("2026-01-02", PlainScalar::Text),
            ("12:30", PlainScalar::Text),
            ("e5", PlainScalar::Text),
            (".", PlainScalar::Text),
            ("-", PlainScalar::Text),
            ("1e", PlainScalar::Text),
        ] {
            assert_eq!(resolve_plain(text), want, "{text:?}");
        }
    }
}
