//! Typed reading of a document that collects every problem instead of stopping at the first.
//!
//! Invariant: a key is known because some code asked for it; what nobody asked for is reported with
//! the nearest key that somebody did. Plans and manifests are both read through this module, so
//! that their mistakes read alike.

use std::borrow::Cow;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::nearest::nearest;
use super::{Diagnostic, Diagnostics, Location};
use crate::model::parse_duration;

/// The mapping with the most keys has about as many.
const EXPECTED_KEYS: usize = 24;

/// A mapping of so many entries is small.
const SMALL: usize = 8;

const DURATION_HELP: &str = "write a number above zero with a unit: `500ms`, `30s`, `1m30s`, `2h`";

/// A node of a document with its pointer.
#[derive(Debug, Clone)]
pub(crate) struct Node<'d> {
    /// The node's data.
    pub value: &'d Value,
    /// Its RFC 6901 pointer.
    pub pointer: String,
}

impl<'d> Node<'d> {
    /// The root of a document.
    pub(crate) fn root(value: &'d Value) -> Self {
        Self {
            value,
            pointer: String::new(),
        }
    }

    /// The entry under `key`, which must be one.
    fn entry(&self, key: &str, value: &'d Value) -> Self {
        let token = escape_token(key);
        Self {
            value,
            pointer: [&self.pointer, "/", &*token].concat(),
        }
    }

    /// The place of the value.
    pub(crate) fn place(&self) -> Location {
        Location::value(&self.pointer)
    }

    /// The last token of the pointer, for messages.
    pub(crate) fn name(&self) -> String {
        let token = self.pointer.rsplit('/').next().unwrap_or_default();
        token.replace("~1", "/").replace("~0", "~")
    }

    /// The entries of a mapping. `what` names it in problems: "a step".
    pub(crate) fn fields(
        &self,
        problems: &mut Diagnostics,
        what: &'static str,
    ) -> Option<Fields<'d>> {
        match self.value {
            Value::Object(map) => Some(Fields {
                node: self.clone(),
                map,
                what,
                known: Vec::with_capacity(EXPECTED_KEYS),
            }),
            other => {
                let message = format!("{what} must be a mapping, found {}", kind_of(other));
                problems.push(
                    self.wrong_type(message, "object")
                        .help("write `key: value` entries"),
                );
                None
            }
        }
    }

    /// A mapping with free keys.
    pub(crate) fn object(&self, problems: &mut Diagnostics) -> Option<&'d Map<String, Value>> {
        let map = self.value.as_object();
        if map.is_none() {
            problems.push(
                self.must_be("a mapping", "object")
                    .help("write `key: value` entries"),
            );
        }
        map
    }

    /// The entries of a mapping with free keys.
    pub(crate) fn entries(&self, problems: &mut Diagnostics) -> Option<Vec<Self>> {
        let map = self.object(problems)?;
        Some(
            map.iter()
                .map(|(key, value)| self.entry(key, value))
                .collect(),
        )
    }

    /// The elements of a list.
    pub(crate) fn list(&self, problems: &mut Diagnostics) -> Option<Vec<Self>> {
        let Some(list) = self.value.as_array() else {
            problems.push(
                self.must_be("a list", "array")
                    .help("write the elements in brackets: `[…, …]`"),
            );
            return None;
        };
        let element = |(index, value)| self.entry(&usize::to_string(&index), value);
        Some(list.iter().enumerate().map(element).collect())
    }

    /// A text.
    pub(crate) fn string(&self, problems: &mut Diagnostics) -> Option<&'d str> {
        let text = self.value.as_str();
        if text.is_none() {
            let problem = self.must_be("text", "string");
            problems.push(match self.value {
                Value::Number(_) | Value::Bool(_) => {
                    let quoted = Value::String(self.value.to_string());
                    let help = format!("quote it: {quoted}");
                    problem.help(help).fix(self.replace_with(&quoted))
                }
                _ => problem.help("write one string, in quotes if it is not a plain word"),
            });
        }
        text
    }

    /// True or false.
    pub(crate) fn boolean(&self, problems: &mut Diagnostics) -> Option<bool> {
        let flag = self.value.as_bool();
        if flag.is_none() {
            let problem = self.must_be("`true` or `false`", "boolean");
            problems.push(match self.value.as_str() {
                Some("yes" | "on" | "True" | "y") => problem
                    .help("write `true`")
                    .fix(self.replace_with(&json!(true))),
                Some("no" | "off" | "False" | "n") => problem
                    .help("write `false`")
                    .fix(self.replace_with(&json!(false))),
                _ => problem.help("write `true` or `false`"),
            });
        }
        flag
    }

    /// A whole number of at least `least`.
    pub(crate) fn integer(&self, problems: &mut Diagnostics, least: u64) -> Option<u64> {
        match self.value.as_u64() {
            Some(number) if number >= least => Some(number),
            _ => {
                let what = format!("a whole number of at least {least}");
                let help = format!("write {what}");
                let mut problem = self.must_be(&what, "integer").help(help);
                if let Value::Number(number) = self.value {
                    problem.message = format!("`{}` must be {what}, found {number}", self.name());
                    problem = problem.got(self.value.clone());
                }
                problems.push(problem);
                None
            }
        }
    }

    /// A duration with a unit.
    pub(crate) fn duration(&self, problems: &mut Diagnostics) -> Option<Duration> {
        let name = self.name();
        let problem = match self.value {
            Value::String(text) => match parse_duration(text) {
                Ok(duration) => return Some(duration),
                Err(error) => {
                    Diagnostic::error("duration", self.place(), format!("`{name}`: {error}"))
                        .help(DURATION_HELP)
                }
            },
            Value::Number(number) => Diagnostic::error(
                "duration",
                self.place(),
                format!("`{name}` is the bare number {number}: a duration has a unit"),
            )
            .help(format!(
                "write `{number}s` for seconds or `{number}ms` for milliseconds"
            )),
            _ => self
                .must_be("a duration such as `30s`", "duration")
                .help(DURATION_HELP),
        };
        problems.push(problem.expected("duration").got(self.value.clone()));
        None
    }

    /// One of a few words.
    pub(crate) fn choice<T: Copy>(
        &self,
        problems: &mut Diagnostics,
        choices: &[(&'static str, T)],
    ) -> Option<T> {
        let text = self.string(problems)?;
        if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let message = format!("`{}` can't be `{text}`", self.name());
        let problem = Diagnostic::error("wrong_value", self.place(), message)
            .expected(words.clone())
            .got(text);
        problems.push(match nearest(text, words.iter().copied()) {
            Some(word) => problem
                .help(format!("did you mean `{word}`?"))
                .fix(self.replace_with(&json!(word))),
            None => problem.help(format!("use one of {}", in_backticks(&words))),
        });
        None
    }

    /// A JSON Patch that puts `value` here.
    pub(crate) fn replace_with(&self, value: &Value) -> Value {
        json!([{"op": "replace", "path": self.pointer, "value": value}])
    }

    fn must_be(&self, what: &str, expected: &'static str) -> Diagnostic {
        let message = format!(
            "`{}` must be {what}, found {}",
            self.name(),
            kind_of(self.value)
        );
        self.wrong_type(message, expected)
    }

    fn wrong_type(&self, message: String, expected: &'static str) -> Diagnostic {
        Diagnostic::error("wrong_type", self.place(), message)
            .expected(expected)
            .got(json_type(self.value))
    }
}

/// A mapping whose keys are known by being asked for.
#[derive(Debug)]
pub(crate) struct Fields<'d> {
    /// The mapping itself.
    pub node: Node<'d>,
    map: &'d Map<String, Value>,
    what: &'static str,
    known: Vec<&'static str>,
}

impl<'d> Fields<'d> {
    /// The entry under `key`, if it is there and not null.
    pub(crate) fn get(&mut self, key: &'static str) -> Option<Node<'d>> {
        self.known.push(key);
        self.find(key)
            .filter(|value| !value.is_null())
            .map(|value| self.node.entry(key, value))
    }

    /// The value under `key`. Most mappings are so small that looking at each key is quicker than
    /// hashing one.
    fn find(&self, key: &str) -> Option<&'d Value> {
        if self.map.len() > SMALL {
            return self.map.get(key);
        }
        let is_meant = |(name, _): &(&String, _)| *name == key;
        self.map.iter().find(is_meant).map(|(_, value)| value)
    }

    /// True if the mapping has the key, null included. Does not make it known.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.map.contains_key(key)
    }

    /// Place of a key that is there; of the mapping if it is not.
    pub(crate) fn place_of_key(&self, key: &str) -> Location {
        Location::key(format!("{}/{}", self.node.pointer, escape_token(key)))
    }

    /// Reports every key that nobody asked for. Keys that begin with `x-` are free.
    pub(crate) fn finish(self, problems: &mut Diagnostics) {
        for key in self.map.keys() {
            if !self.known.contains(&key.as_str()) && !key.starts_with("x-") {
                problems.push_error_with(|| self.unknown_key(key));
            }
        }
    }

    fn unknown_key(&self, key: &str) -> Diagnostic {
        let message = format!("unknown key `{key}` in {}", self.what);
        let problem = Diagnostic::error("unknown_key", self.place_of_key(key), message).got(key);
        let unused = self.known.iter().copied().filter(|known| !self.has(known));
        match nearest(key, unused) {
            Some(known) => {
                let from = format!("{}/{}", self.node.pointer, escape_token(key));
                let path = format!("{}/{known}", self.node.pointer);
                problem
                    .help(format!("did you mean `{known}`?"))
                    .expected(known)
                    .fix(json!([{"op": "move", "from": from, "path": path}]))
            }
            None => problem
                .help(format!("known keys are {}", in_backticks(&self.known)))
                .expected(self.known.clone()),
        }
    }
}

/// A pointer token with its two special characters escaped.
pub(crate) fn escape_token(token: &str) -> Cow<'_, str> {
    if token.contains(['~', '/']) {
        Cow::Owned(token.replace('~', "~0").replace('/', "~1"))
    } else {
        Cow::Borrowed(token)
    }
}

/// `a`, `b` and `c`, each in backticks.
pub(crate) fn in_backticks(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.as_slice() {
        [] => "none".to_owned(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

/// What a value is, with its article, in words for people.
pub(crate) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
