//! JSON text that a stranger wrote, taken strictly and kept as text.
//!
//! Invariant: what passes is one JSON value without duplicate keys, in UTF-8, its numbers digit for
//! digit; it is never built up in memory, so ten megabytes of output cost ten megabytes.

use std::collections::HashSet;

use serde_json::value::RawValue;
use thiserror::Error;

use super::json_text::is_reserved_key;

/// The deepest nesting that is taken: what `serde_json` reads back.
const MAX_DEPTH: usize = 127;

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
    let compact =
        Compactor::default().run(raw.get(), text.len() - text.trim_ascii_start().len())?;
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

/// Copies JSON without the space between its tokens, and looks at each key.
#[derive(Default)]
struct Compactor {
    out: String,
    /// One entry for each open bracket; a set of keys if it is an object's.
    open: Vec<Option<HashSet<String>>>,
}

impl Compactor {
    /// `json` is known to be valid; `offset` is where it stands in the whole.
    fn run(mut self, json: &str, offset: usize) -> Result<String, StrictJsonError> {
        self.out.reserve(json.len());
        let mut rest = json;
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
            if self.open.len() > MAX_DEPTH {
                let message = format!("nested more than {MAX_DEPTH} levels deep");
                return Err(StrictJsonError {
                    message,
                    offset: offset + json.len() - rest.len(),
                });
            }
            match byte {
                b'{' => self.open.push(Some(HashSet::new())),
                b'[' => self.open.push(None),
                b'}' | b']' => drop(self.open.pop()),
                b'"' if awaits_key => self.key(token, offset + json.len() - rest.len())?,
                _ => {}
            }
            let in_object = matches!(self.open.last(), Some(Some(_)));
            awaits_key = matches!(byte, b'{' | b',') && in_object;
            self.out.push_str(token);
            rest = &rest[token.len()..];
        }
        Ok(self.out)
    }

    fn key(&mut self, token: &str, offset: usize) -> Result<(), StrictJsonError> {
        let name: String = serde_json::from_str(token).map_err(|error| StrictJsonError {
            message: error.to_string(),
            offset,
        })?;
        if is_reserved_key(&name) {
            let message = format!("reserved key `{name}`");
            return Err(StrictJsonError { message, offset });
        }
        let message = format!("duplicate key `{name}`");
        if let Some(Some(keys)) = self.open.last_mut()
            && !keys.insert(name)
        {
            return Err(StrictJsonError { message, offset });
        }
        Ok(())
    }
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
    use serde_json::Value;

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
            ("hello", "expected value at byte 0"),
            ("[1,", "EOF while parsing a value at byte 2"),
        ] {
            assert_eq!(compact(text).unwrap_err(), want, "{text}");
        }
        let deep = "[".repeat(500) + &"]".repeat(500);
        assert_eq!(
            compact(&deep).unwrap_err(),
            "nested more than 127 levels deep at byte 128"
        );
        assert_eq!(strict_json(b"\"a\xff\"").unwrap_err().offset, 2);
    }

    proptest! {
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
