//! JSON text from an untrusted source, checked strictly and kept as text.
//!
//! Invariant: what passes is one JSON value that every reader takes: in UTF-8, without duplicate
//! keys, lone surrogates and numbers beyond a double, its numbers digit for digit. These are the
//! rules of plans and manifests. The value is never built up in memory, so ten megabytes of output
//! cost ten megabytes.

use std::borrow::Cow;

use serde_json::Value;
use serde_json::value::RawValue;
use thiserror::Error;

use super::json_text::is_reserved_key;

/// The deepest nesting that is taken: with the three levels of `--format json` around it, what
/// `serde_json` reads back. A plan's arguments can't be deeper either.
pub(crate) const MAX_JSON_DEPTH: usize = 124;

/// How many bytes of a number a message shows.
const MAX_SHOWN_BYTES: usize = 40;

/// Why bytes are not one JSON value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message} at byte {offset}")]
pub(crate) struct StrictJsonError {
    /// What is wrong.
    pub message: String,
    /// Where, from 0.
    pub offset: usize,
}

/// Takes `bytes` as one JSON value in compact form; `None` for JSON null and for nothing at all.
pub(crate) fn strict_json(bytes: &[u8]) -> Result<Option<Box<RawValue>>, StrictJsonError> {
    let text = std::str::from_utf8(bytes).map_err(|error| StrictJsonError {
        message: "invalid UTF-8".to_owned(),
        offset: error.valid_up_to(),
    })?;
    if text.trim_ascii().is_empty() {
        return Ok(None);
    }
    // The parser decides what is JSON. It checks without building a value.
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| located_error(text, &error))?;
    let compact = Compactor::new(raw.get(), text.len() - text.trim_ascii_start().len()).run()?;
    if compact == "null" {
        return Ok(None);
    }
    RawValue::from_string(compact)
        .map(Some)
        .map_err(|error| located_error(text, &error))
}

fn located_error(text: &str, error: &serde_json::Error) -> StrictJsonError {
    let whole = error.to_string();
    let message = whole.split(" at line ").next().unwrap_or(&whole).to_owned();
    StrictJsonError {
        message,
        offset: json_error_offset(text, error),
    }
}

/// The byte offset of a `serde_json` error in `text`.
pub(crate) fn json_error_offset(text: &str, error: &serde_json::Error) -> usize {
    let lines_before = error.line().saturating_sub(1);
    let before: usize = text
        .split_inclusive('\n')
        .take(lines_before)
        .map(str::len)
        .sum();
    text.floor_char_boundary((before + error.column().saturating_sub(1)).min(text.len()))
}

/// True if a double can hold the number that `json` spells: no other reader takes it else. Integers
/// of any length are numbers.
pub(crate) fn is_finite_number(json: &str) -> bool {
    !json.contains(['.', 'e', 'E']) || json.parse::<f64>().is_ok_and(f64::is_finite)
}

/// True if `value` is nested more than `levels` levels deep.
pub(crate) fn is_too_deep(value: &Value, levels: usize) -> bool {
    let mut parts: Box<dyn Iterator<Item = &Value>> = match value {
        Value::Array(list) => Box::new(list.iter()),
        Value::Object(map) => Box::new(map.values()),
        _ => return false,
    };
    match levels.checked_sub(1) {
        Some(levels) => parts.any(|part| is_too_deep(part, levels)),
        None => true,
    }
}

/// Copies JSON without the space between its tokens, and looks at each string, number and key.
struct Compactor<'j> {
    /// Known to be valid JSON.
    json: &'j str,
    /// Where it stands in the whole.
    offset: usize,
    out: String,
    /// One entry for each open bracket; the keys if it is an object's.
    open: Vec<Option<Vec<&'j str>>>,
}

impl<'j> Compactor<'j> {
    fn new(json: &'j str, offset: usize) -> Self {
        Self {
            json,
            offset,
            out: String::with_capacity(json.len()),
            open: Vec::new(),
        }
    }

    fn run(mut self) -> Result<String, StrictJsonError> {
        let mut rest = self.json;
        let mut awaits_key = false;
        while let Some(byte) = rest.bytes().next() {
            let token = match byte {
                b'"' => &rest[..string_len(rest)],
                b' ' | b'\t' | b'\r' | b'\n' => {
                    rest = rest.trim_ascii_start();
                    continue;
                }
                b'{' | b'[' | b'}' | b']' | b',' | b':' => &rest[..1],
                _ => {
                    &rest[..rest
                        .find([',', '}', ']', ' ', '\t', '\r', '\n'])
                        .unwrap_or(rest.len())]
                }
            };
            if self.open.len() > MAX_JSON_DEPTH {
                let message = format!("nested more than {MAX_JSON_DEPTH} levels deep");
                return Err(self.error(message, token));
            }
            match byte {
                b'{' => self.open.push(Some(Vec::new())),
                b'[' => self.open.push(None),
                b'}' | b']' => {
                    let keys = self.open.pop().flatten();
                    self.check_unique(keys.unwrap_or_default())?;
                }
                b'"' => self.string(token, awaits_key)?,
                b'-' | b'0'..=b'9' => self.check_number(token)?,
                _ => {}
            }
            let in_object = matches!(self.open.last(), Some(Some(_)));
            awaits_key = matches!(byte, b'{' | b',') && in_object;
            self.out.push_str(token);
            rest = &rest[token.len()..];
        }
        Ok(self.out)
    }

    /// A problem at `token`, a part of the text.
    fn error(&self, message: String, token: &str) -> StrictJsonError {
        StrictJsonError {
            message,
            offset: self.offset + token.as_ptr().addr() - self.json.as_ptr().addr(),
        }
    }

    fn check_number(&self, token: &str) -> Result<(), StrictJsonError> {
        if is_finite_number(token) {
            return Ok(());
        }
        let shown = &token[..token.len().min(MAX_SHOWN_BYTES)];
        Err(self.error(format!("the number `{shown}` is too large"), token))
    }

    fn string(&mut self, token: &'j str, is_key: bool) -> Result<(), StrictJsonError> {
        if let Some(escape) = lone_surrogate(token) {
            let message = format!("lone surrogate `{escape}`");
            return Err(self.error(message, escape));
        }
        if !is_key {
            return Ok(());
        }
        let name = name_of(token);
        if is_reserved_key(&name) {
            return Err(self.error(format!("reserved key `{name}`"), token));
        }
        if let Some(Some(keys)) = self.open.last_mut() {
            keys.push(token);
        }
        Ok(())
    }

    /// Looks for duplicates among the keys of one object. Sorted and not hashed, because a set of
    /// them takes several times the memory of the text.
    fn check_unique(&self, mut keys: Vec<&str>) -> Result<(), StrictJsonError> {
        keys.sort_unstable_by(|one, other| {
            let by_place = one.as_ptr().cmp(&other.as_ptr());
            name_of(one).cmp(&name_of(other)).then(by_place)
        });
        let duplicates = keys
            .windows(2)
            .filter(|pair| name_of(pair[0]) == name_of(pair[1]));
        match duplicates
            .map(|pair| pair[1])
            .min_by_key(|key| key.as_ptr())
        {
            Some(key) => Err(self.error(format!("duplicate key `{}`", name_of(key)), key)),
            None => Ok(()),
        }
    }
}

/// The name that a key of valid JSON stands for.
fn name_of(key: &str) -> Cow<'_, str> {
    match key
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    {
        Some(plain) if !plain.contains('\\') => Cow::Borrowed(plain),
        _ => Cow::Owned(serde_json::from_str(key).unwrap_or_default()),
    }
}

/// The first escape in a string of valid JSON that is one half of a pair without the other.
fn lone_surrogate(string: &str) -> Option<&str> {
    let unit_at = |at: usize| {
        let digits = string.get(at..at + 6)?.strip_prefix("\\u")?;
        u32::from_str_radix(digits, 16).ok()
    };
    let mut at = 0;
    while let Some(next) = string[at..].find('\\') {
        at += next;
        match unit_at(at) {
            // Another escape, of two bytes: what follows the backslash is not looked at.
            None => at += 2,
            Some(0xD800..=0xDBFF) if matches!(unit_at(at + 6), Some(0xDC00..=0xDFFF)) => at += 12,
            Some(0xD800..=0xDFFF) => return Some(&string[at..at + 6]),
            Some(_) => at += 6,
        }
    }
    None
}

/// The length of the string that `text` begins with, quotes included.
fn string_len(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn compact(text: &str) -> Result<Option<String>, String> {
        let outcome = strict_json(text.as_bytes());
        outcome
            .map(|raw| raw.map(|raw| raw.get().to_owned()))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn keeps_the_text_and_drops_the_space() {
        let text = " {\n \"a b\" : [ 1.50 , -0, 1e5, \"x \\\" y\", null ] , \"é\":{ } }\n";
        let want = r#"{"a b":[1.50,-0,1e5,"x \" y",null],"é":{}}"#;
        assert_eq!(compact(text).unwrap().unwrap(), want);
        let long = "123456789012345678901234567890";
        assert_eq!(compact(long).unwrap().unwrap(), long);
    }

    #[test]
    fn nothing_is_null() {
        assert_eq!(compact("").unwrap(), None);
        assert_eq!(compact(" \n").unwrap(), None);
        assert_eq!(compact("null\n").unwrap(), None);
    }

    #[test]
    fn says_what_is_wrong_and_where() {
        for (text, want) in [
            ("{} {}", "trailing characters at byte 3"),
            (
                "{\"a\":1,\"b\":{\"a\":2},\"a\":3}",
                "duplicate key `a` at byte 19",
            ),
            (" {\"a\":1, \"\\u0061\":2}", "duplicate key `a` at byte 9"),
            (
                "{\"$serde_json::private::Number\":\"1\"}",
                "reserved key `$serde_json::private::Number` at byte 1",
            ),
            (
                r#"{"a":{"x":1},"b":0,"b":0,"a":0}"#,
                "duplicate key `b` at byte 19",
            ),
            (
                r#"[{"t":"x\\\ud83d","n":1}]"#,
                "lone surrogate `\\ud83d` at byte 10",
            ),
            (
                r#" {"\uDC00\uD83D": 0}"#,
                "lone surrogate `\\uDC00` at byte 3",
            ),
            (
                r#"["\ud83d\ud83d\ude00"]"#,
                "lone surrogate `\\ud83d` at byte 2",
            ),
            (r#"["\ud83d\n"]"#, "lone surrogate `\\ud83d` at byte 2"),
            (
                r#"{"a": [1, -1e9999]}"#,
                "the number `-1e9999` is too large at byte 10",
            ),
            ("1E400", "the number `1E400` is too large at byte 0"),
            ("hello", "expected value at byte 0"),
            ("[1,", "EOF while parsing a value at byte 2"),
        ] {
            assert_eq!(compact(text).unwrap_err(), want, "{text}");
        }
        let deep = "[".repeat(500) + &"]".repeat(500);
        assert_eq!(
            compact(&deep).unwrap_err(),
            "nested more than 124 levels deep at byte 125"
        );
        assert_eq!(strict_json(b"\"a\xff\"").unwrap_err().offset, 2);
    }

    #[test]
    fn what_other_readers_take_passes() {
        for text in [
            r#"["\ud83d\ude00","\uD83D\uDE00","\\ud83d","\u00e9\ud7ff\ue000"]"#,
            "[1e308,1e-9999,-0.0,1e0,0.1e+2]",
            r#"{"a":{"a":{"a":[{"a":1},{"a":2}]}},"A":1,"":2}"#,
        ] {
            assert_eq!(compact(text).unwrap().unwrap(), text);
        }
        let long = "9".repeat(400);
        assert_eq!(compact(&long).unwrap().unwrap(), long);
        let long = format!("1{}.5", "0".repeat(400));
        let want = format!("the number `1{}` is too large at byte 0", "0".repeat(39));
        assert_eq!(compact(&long).unwrap_err(), want);
    }

    proptest! {
        /// The document reader, which builds the value, decides the same on what is a string.
        #[test]
        fn surrogates_are_taken_as_serde_json_takes_them(
            units in proptest::collection::vec("(\\\\u(d8|DB|dc|DF|00|e0)(00|3d))|a|é|\\\\\\\\|\\\\n", 0..6)
        ) {
            let text = format!("\"{}\"", units.concat());
            let is_string = serde_json::from_str::<String>(&text).is_ok();
            prop_assert_eq!(compact(&text).is_ok(), is_string, "{}", text);
        }

        #[test]
        fn any_value_stays_the_same(text in "[\\[\\]{}\",: \\\\a0-9\n]{0,40}") {
            let strict = strict_json(text.as_bytes());
            match serde_json::from_str::<Value>(&text) {
                Ok(value) => if let Ok(Some(raw)) = strict {
                    prop_assert_eq!(serde_json::from_str::<Value>(raw.get()).unwrap(), value);
                },
                Err(_) => prop_assert!(strict.is_err() || text.trim().is_empty()),
            }
        }
    }
}
