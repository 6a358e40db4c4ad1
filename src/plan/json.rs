//! JSON text to value and places.
//!
//! Invariant: `serde_json` decides what is JSON; the scan that follows only looks for places,
//! duplicate keys and numbers that overflow, in text that is already known to be good.

use std::collections::HashMap;
use std::ops::Range;

use serde_json::Value;

use super::number::check_finite;
use super::spans::{Spans, narrow};
use crate::model::{Place, Problem, Problems};

/// Reads `text`. Problems that leave the document readable come beside it.
pub(super) fn parse(text: &str) -> (Option<(Value, Spans)>, Problems) {
    match serde_json::from_str::<Value>(text) {
        Ok(value) => {
            let mut scan = Scan {
                text,
                at: 0,
                problems: Problems::default(),
            };
            let spans = scan.value();
            (Some((value, spans)), scan.problems)
        }
        Err(error) => (None, syntax_problem(text, &error).into()),
    }
}

fn syntax_problem(text: &str, error: &serde_json::Error) -> Problem {
    let at = offset_of(text, error.line(), error.column());
    let place = Place::Bytes(at..text[at..].chars().next().map_or(at, |c| at + c.len_utf8()));
    let whole = error.to_string();
    // serde_json's text ends with the place, which is shown beside the text.
    let message = whole.split(" at line ").next().unwrap_or(&whole);
    if message.starts_with("recursion limit") {
        return too_deep(place);
    }
    let problem = Problem::error("syntax", place, format!("invalid JSON: {message}"));
    match message {
        "trailing characters" => problem.help("a plan is one JSON object; remove what follows it"),
        "trailing comma" => problem.help("remove the comma"),
        _ => problem,
    }
}

/// The problem of a document that is nested too deeply for obs.
pub(super) fn too_deep(place: Place) -> Problem {
    Problem::error(
        "too_deep",
        place,
        "nested too deeply: 128 levels are the most",
    )
}

/// The byte offset of `serde_json`'s line (from 1) and column (from 1, in bytes).
fn offset_of(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    text.floor_char_boundary((before + column.saturating_sub(1)).min(text.len()))
}

struct Scan<'t> {
    text: &'t str,
    at: usize,
    problems: Problems,
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
        let mut seen: HashMap<String, Range<usize>> = HashMap::new();
        self.at += 1;
        while self.next_item(b'}') {
            let key = self.string();
            let name = serde_json::from_str::<String>(&self.text[key.clone()]).unwrap_or_default();
            if let Some(first) = seen.get(&name) {
                self.problems
                    .push(duplicate_key(self.text, &name, key.clone(), first));
            } else {
                seen.insert(name, key.clone());
            }
            self.skip_space();
            self.at += 1; // the colon
            let mut child = self.value();
            child.key = Some(narrow(&key));
            children.push(child);
        }
        Spans {
            value: narrow(&(start..self.at)),
            key: None,
            children,
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
            children,
        }
    }

    /// Moves to the next item; past the closing bracket where there is none.
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
                Problem::error(
                    "number",
                    Place::Bytes(start..self.at),
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

/// The problem of a key that stands in a mapping for the second time.
pub(super) fn duplicate_key(
    text: &str,
    name: &str,
    second: Range<usize>,
    first: &Range<usize>,
) -> Problem {
    let line = 1 + text[..first.start].matches('\n').count();
    Problem::error(
        "duplicate_key",
        Place::Bytes(second),
        format!("the key `{name}` stands twice"),
    )
    .help(format!(
        "it stands on line {line} already; remove one of the two"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Part;

    #[test]
    fn finds_every_node() {
        let text = "{\n  \"a/b\": [1, {\"k\\u0065y\": \"v\"}],\n  \"n\": null\n}";
        let (document, problems) = parse(text);
        let (value, spans) = document.unwrap();
        assert!(problems.is_empty());
        for (pointer, part, want) in [
            ("/a~1b", Part::Key, "\"a/b\""),
            ("/a~1b/0", Part::Value, "1"),
            ("/a~1b/1/key", Part::Key, "\"k\\u0065y\""),
            ("/a~1b/1/key", Part::Value, "\"v\""),
            ("/n", Part::Value, "null"),
            ("/n/missing", Part::Value, "\"n\""),
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
    fn syntax_errors_have_a_place() {
        let (document, problems) = parse("{\n  \"a\": 1,\n}");
        assert!(document.is_none());
        assert_eq!(problems[0].place, Place::Bytes(12..13));
        assert_eq!(problems[0].message, "invalid JSON: trailing comma");
    }

    #[test]
    fn depth_is_bounded() {
        let (document, problems) = parse(&"[".repeat(200_000));
        assert!(document.is_none());
        assert_eq!(problems[0].code, "too_deep");
    }
}
