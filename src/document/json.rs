//! JSON text to value and places.
//!
//! Invariant: `serde_json` decides what is JSON, and [`json_syntax`] says why a text is none; the scan that follows only looks for places,
//! duplicate keys and numbers that overflow, in text that is already known to be good.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::Value;

use super::lines::line_number;
use super::number::check_finite;
use super::parser_message::{is_too_deep, without_place};
use super::spans::{Spans, narrow};
use super::{Diagnostic, Diagnostics, Location, json_syntax};
use crate::model::{is_reserved_key, json_error_offset};

/// The default help for text that is not a document.
pub(crate) const SYNTAX_HELP: &str =
    "fix this first: the rest is checked once the text can be parsed";

/// The deepest nesting that is read: `serde_json`'s own limit.
pub(crate) const MAX_DEPTH: usize = 127;

/// The most values, keys not counted, that a document may hold: a value of one byte of text takes
/// some 200 bytes of memory, so a limit on the text alone is not enough.
pub(crate) const MAX_VALUES: usize = 65_536;

/// Reads `text`. Problems that leave the document readable come beside it.
pub(crate) fn parse(text: &str) -> (Option<(Value, Spans)>, Diagnostics) {
    if let Some(at) = first_value_too_many(text) {
        return (None, too_many_values(Location::Bytes(at..at + 1)).into());
    }
    match serde_json::from_str::<Value>(text) {
        Ok(value) => {
            let mut scan = Scan {
                text,
                at: 0,
                problems: Diagnostics::default(),
            };
            let spans = scan.value();
            (Some((value, spans)), scan.problems)
        }
        Err(error) => (None, syntax_problem(text, &error).into()),
    }
}

fn syntax_problem(text: &str, error: &serde_json::Error) -> Diagnostic {
    let at = json_error_offset(text, error);
    let place = Location::Bytes(at..text[at..].chars().next().map_or(at, |c| at + c.len_utf8()));
    let whole = error.to_string();
    let message = without_place(&whole);
    if is_too_deep(message) {
        return too_deep(place);
    }
    json_syntax::first_mistake(text).unwrap_or_else(|| {
        Diagnostic::error("syntax", place, format!("invalid JSON: {message}")).help(SYNTAX_HELP)
    })
}

/// The byte at which a document exceeds [`MAX_VALUES`]. Values lie between brackets and commas,
/// which can be counted before anything is built.
fn first_value_too_many(text: &str) -> Option<usize> {
    let most_values = 1 + [',', '[', '{']
        .map(|c| text.matches(c).count())
        .iter()
        .sum::<usize>();
    if most_values <= MAX_VALUES {
        return None;
    }
    let mut values = 1;
    let mut depth = 0_usize;
    let (mut in_string, mut escaped, mut opened) = (false, false, false);
    for (at, byte) in text.bytes().enumerate() {
        if escaped || byte.is_ascii_whitespace() {
            escaped = false;
            continue;
        }
        // An opening bracket is followed by a value, unless by its closing one.
        let is_first = opened && !matches!(byte, b']' | b'}');
        let is_next = byte == b',' && !in_string;
        values += usize::from(is_first) + usize::from(is_next);
        if values > MAX_VALUES {
            return Some(at);
        }
        opened = !in_string && matches!(byte, b'[' | b'{');
        match byte {
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            // `serde_json` stops here, and that is then what is wrong.
            b'[' | b'{' if !in_string && depth == MAX_DEPTH => return None,
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// The problem of a document that holds too much for obs.
pub(crate) fn too_many_values(place: Location) -> Diagnostic {
    Diagnostic::error(
        "too_many_values",
        place,
        format!("more than {MAX_VALUES} values"),
    )
    .help("put large data into a file and pass its path")
}

/// The problem of a document that is nested too deeply for obs.
pub(crate) fn too_deep(place: Location) -> Diagnostic {
    Diagnostic::error(
        "too_deep",
        place,
        format!("nested too deeply: the maximum is {MAX_DEPTH} levels"),
    )
    .help("flatten it, or put the data into a file and pass its path")
}

/// The name that a key in good text stands for.
fn name_of<'t>(text: &'t str, key: &Range<usize>) -> Cow<'t, str> {
    let quoted = &text[key.clone()];
    match quoted
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    {
        Some(plain) if !plain.contains('\\') => Cow::Borrowed(plain),
        _ => Cow::Owned(serde_json::from_str(quoted).unwrap_or_default()),
    }
}

struct Scan<'t> {
    text: &'t str,
    at: usize,
    problems: Diagnostics,
}

impl Scan<'_> {
    fn value(&mut self) -> Spans {
        self.skip_space();
        match self.peek() {
            Some(b'{') => self.object(),
            Some(b'[') => self.array(),
            Some(b'"') => Spans::leaf(self.string()),
            _ => Spans::leaf(self.scalar()),
        }
    }

    fn object(&mut self) -> Spans {
        let start = self.at;
        let mut children = Vec::new();
        let mut names = Vec::new();
        self.at += 1;
        while self.next_item(b'}') {
            let key = self.string();
            let name = name_of(self.text, &key);
            if is_reserved_key(&name) {
                self.problems.push(reserved_key(&name, key.clone()));
            }
            names.push((name, key.clone()));
            self.skip_space();
            self.at += 1; // the colon
            let mut child = self.value();
            child.key = Some(narrow(&key));
            children.push(child);
        }
        self.refuse_twins(names);
        Spans {
            value: narrow(&(start..self.at)),
            key: None,
            children: children.into(),
        }
    }

    /// Adds a problem for each duplicate key of a mapping.
    fn refuse_twins(&mut self, mut names: Vec<(Cow<'_, str>, Range<usize>)>) {
        // Stable: of equal names, the first comes first.
        names.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut twins = Vec::new();
        for same in names.chunk_by(|(one, _), (other, _)| one == other) {
            let [(name, first), others @ ..] = same else {
                continue;
            };
            twins.extend(others.iter().map(|(_, second)| (second, name, first)));
        }
        twins.sort_by_key(|(second, ..)| second.start);
        for (second, name, first) in twins {
            let text = self.text;
            self.problems
                .push_error_with(|| duplicate_key(text, name, second.clone(), first));
        }
    }

    fn array(&mut self) -> Spans {
        let start = self.at;
        let mut children = Vec::new();
        self.at += 1;
        while self.next_item(b']') {
            children.push(self.value());
        }
        Spans {
            value: narrow(&(start..self.at)),
            key: None,
            children: children.into(),
        }
    }

    /// Moves to the next item; past the closing bracket if there is none.
    fn next_item(&mut self, close: u8) -> bool {
        self.skip_space();
        if self.peek() == Some(b',') {
            self.at += 1;
            self.skip_space();
        }
        match self.peek() {
            Some(byte) if byte != close => true,
            _ => {
                self.at += 1;
                false
            }
        }
    }

    fn string(&mut self) -> Range<usize> {
        let start = self.at;
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                b'"' => break,
                _ => {}
            }
        }
        start..self.at
    }

    fn scalar(&mut self) -> Range<usize> {
        let start = self.at;
        while self
            .peek()
            .is_some_and(|byte| !b",]} \t\r\n".contains(&byte))
        {
            self.at += 1;
        }
        let text = &self.text[start..self.at];
        if text.starts_with(|c: char| c == '-' || c.is_ascii_digit())
            && let Err(refusal) = check_finite(text)
        {
            self.problems.push(
                Diagnostic::error(
                    "number",
                    Location::Bytes(start..self.at),
                    refusal.message(text),
                )
                .help(refusal.help(text)),
            );
        }
        start..self.at
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}

/// The problem of a key that `serde_json` would take for a number or for raw text.
pub(crate) fn reserved_key(name: &str, bytes: Range<usize>) -> Diagnostic {
    let message = format!("the key `{name}` is reserved");
    Diagnostic::error("reserved_key", Location::Bytes(bytes), message).help("choose another key")
}

/// The problem of a duplicate key.
pub(crate) fn duplicate_key(
    text: &str,
    name: &str,
    second: Range<usize>,
    first: &Range<usize>,
) -> Diagnostic {
    let line = line_number(text, first.start);
    Diagnostic::error(
        "duplicate_key",
        Location::Bytes(second),
        format!("duplicate key `{name}`"),
    )
    .help(format!(
        "first defined on line {line}; keep one of the two, or merge them"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::NodePart;

    #[test]
    fn finds_every_node() {
        let text = "{\n  \"a/b\": [1, {\"k\\u0065y\": \"v\"}],\n  \"n\": null\n}";
        let (document, problems) = parse(text);
        let (value, spans) = document.unwrap();
        assert!(problems.is_empty());
        for (pointer, part, want) in [
            ("/a~1b", NodePart::Key, "\"a/b\""),
            ("/a~1b/0", NodePart::Value, "1"),
            ("/a~1b/1/key", NodePart::Key, "\"k\\u0065y\""),
            ("/a~1b/1/key", NodePart::Value, "\"v\""),
            ("/n", NodePart::Value, "null"),
            ("/n/missing", NodePart::Value, "\"n\""),
        ] {
            assert_eq!(&text[spans.find(&value, pointer, part)], want, "{pointer}");
        }
    }

    #[test]
    fn reports_every_duplicate_and_overflow() {
        let (_, problems) = parse(r#"{"a": 1e999, "a": 2, "b": {"c": 1, "c": 2}}"#);
        let codes: Vec<_> = problems.iter().map(|p| p.code).collect();
        assert_eq!(codes, ["number", "duplicate_key", "duplicate_key"]);
    }

    #[test]
    fn a_key_that_the_parser_keeps_for_itself_is_refused() {
        let (_, problems) = parse(r#"{"a": {"$serde_json::private::Number": "1"}}"#);
        assert_eq!(problems[0].code, "reserved_key");
    }

    #[test]
    fn syntax_errors_have_a_place() {
        let (document, problems) = parse("{\n  \"a\": 1,\n}");
        assert!(document.is_none());
        assert_eq!(problems[0].location, Location::Bytes(10..11));
        assert_eq!(problems[0].message, "invalid JSON: a trailing comma");
    }

    #[test]
    fn values_are_bounded() {
        let list = |count: usize| format!("[{} {{\"k\": \"a,\\\"[{{\"}}]", "[ ], ".repeat(count));
        // The list itself, its last element and what that holds are three.
        assert!(parse(&list(MAX_VALUES - 3)).0.is_some());
        let (document, problems) = parse(&list(MAX_VALUES - 2));
        assert!(document.is_none());
        assert_eq!(problems[0].code, "too_many_values");
    }

    #[test]
    fn depth_is_bounded() {
        let (document, problems) = parse(&"[".repeat(200_000));
        assert!(document.is_none());
        assert_eq!(problems[0].code, "too_deep");
    }
}
