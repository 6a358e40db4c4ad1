//! What a value violates of its schema, in obs's words.
//!
//! Invariant: one mistake is told once and in place. A value is shown shortened, and not at all
//! where its schema says `writeOnly`. A fix is offered only where nothing else can have been meant.

mod messages;
mod seen;

use jsonschema::ValidationError;
use serde_json::{Value, json};

use self::messages::Words;
pub(super) use self::seen::Seen;
pub use self::seen::mask;
use crate::document::escape_token;
use crate::document::{Part, Place, Problem};

/// How many characters of a value a message shows.
const MAX_SHOWN_CHARS: usize = 60;

/// How many bytes of a value `got` repeats.
const MAX_GOT_BYTES: usize = 200;

/// One thing that is wrong with a value.
#[derive(Debug, Clone, PartialEq)]
pub struct Violation {
    /// Where in the value, as an RFC 6901 pointer.
    pub pointer: String,
    /// Whether the entry's key or its value is meant.
    pub part: Part,
    /// What is wrong.
    pub message: String,
    /// The way out.
    pub help: Option<String>,
    /// What would have been right.
    pub expected: Option<Value>,
    /// What stands there.
    pub got: Option<Value>,
    /// What mends it for certain.
    pub fix: Option<Fix>,
    /// The rule that it breaks, as an RFC 6901 pointer into the schema.
    pub rule: String,
}

/// What mends a violation.
#[derive(Debug, Clone, PartialEq)]
pub enum Fix {
    /// Another value in its place.
    Replace(Value),
    /// Another key for the same value.
    Rename(String),
}

impl Violation {
    fn new(pointer: impl Into<String>, message: String) -> Self {
        Self {
            pointer: pointer.into(),
            part: Part::Value,
            message,
            help: None,
            expected: None,
            got: None,
            fix: None,
            rule: String::new(),
        }
    }

    /// The violation as a problem of a document that holds the value at `base`.
    pub fn problem(self, code: &'static str, base: &str) -> Problem {
        let path = format!("{base}{}", self.pointer);
        let fix = self.fix.map(|fix| match fix {
            Fix::Replace(value) => json!([{"op": "replace", "path": path, "value": value}]),
            Fix::Rename(name) => {
                let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
                let to = format!("{parent}/{}", escape_token(&name));
                json!([{"op": "move", "from": path, "path": to}])
            }
        });
        let place = Place::Node(path, self.part);
        Problem {
            help: self.help,
            expected: self.expected,
            got: self.got,
            fix,
            ..Problem::error(code, place, self.message)
        }
    }
}

/// The violations behind a validator's `errors`. `what` names the whole value.
pub(super) fn violations_of<'e>(
    schema: &Value,
    seen: &Seen<'_>,
    errors: impl Iterator<Item = ValidationError<'e>>,
    what: &str,
) -> Vec<Violation> {
    let mut violations = Vec::new();
    for error in errors {
        let before = violations.len();
        Words::of(schema, seen, &error, what).add_to(&mut violations);
        for violation in violations.iter_mut().skip(before) {
            error.schema_path().as_str().clone_into(&mut violation.rule);
        }
    }
    // Two rules may say the same.
    violations.dedup_by(|one, other| one.pointer == other.pointer && one.message == other.message);
    // A required key that stands there misspelled is one mistake, not two.
    let renamed: Vec<String> = violations
        .iter()
        .filter_map(|violation| match &violation.fix {
            Some(Fix::Rename(name)) => {
                let parent = violation.pointer.rsplit_once('/')?.0;
                Some(format!("{parent}/{}", escape_token(name)))
            }
            _ => None,
        })
        .collect();
    violations.retain(|violation| !(is_missing(violation) && renamed.contains(&violation.pointer)));
    for violation in violations
        .iter_mut()
        .filter(|violation| is_missing(violation))
    {
        // A key that is not there has its place where it is to be added.
        let parent = violation
            .pointer
            .rsplit_once('/')
            .map_or("", |(parent, _)| parent);
        violation.pointer = parent.to_owned();
        violation.part = Part::Value;
    }
    violations
}

/// True for a key that should be there, as [`Words::missing`] makes it.
fn is_missing(violation: &Violation) -> bool {
    violation.part == Part::Key && violation.got.is_none()
}

/// A value in a message: compact and cut.
pub(super) fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match text.char_indices().nth(MAX_SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests;
