//! What a value violates of its schema, in obs's words.
//!
//! Invariant: one mistake is told once and in place. A value is shown shortened, and not at all
//! where its schema says `writeOnly`. A fix is offered only if nothing else can have been meant.

mod messages;
mod seen;

use serde_json::{Value, json};

pub(super) use self::messages::violations_of;
pub(super) use self::seen::ShownValues;
pub(crate) use self::seen::mask;
use crate::document::{Diagnostic, Location, NodePart, escape_token};

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
    pub part: NodePart,
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
            part: NodePart::Value,
            message,
            help: None,
            expected: None,
            got: None,
            fix: None,
            rule: String::new(),
        }
    }

    /// The violation as a problem of a document that holds the value at `base`.
    pub fn problem(self, code: &'static str, base: &str) -> Diagnostic {
        let path = format!("{base}{}", self.pointer);
        let fix = self.fix.map(|fix| match fix {
            Fix::Replace(value) => json!([{"op": "replace", "path": path, "value": value}]),
            Fix::Rename(name) => {
                let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
                let to = format!("{parent}/{}", escape_token(&name));
                json!([{"op": "move", "from": path, "path": to}])
            }
        });
        let place = Location::Node(path, self.part);
        Diagnostic {
            help: self.help,
            expected: self.expected,
            got: self.got,
            fix,
            ..Diagnostic::error(code, place, self.message)
        }
    }
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
