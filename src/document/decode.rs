//! Typed reading of a document that collects every problem instead of stopping at the first.
//!
//! Invariant: a mapping has the keys of its [`Shape`], and debug builds check that each of them is
//! asked for. Another key is reported once: if it means one that is not there, it is read as that
//! one, so that nothing else is said about the same mistake. Plans and manifests are both read
//! through this module, so that their mistakes read alike.

use std::borrow::Cow;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::nearest::nearest;
use super::{Diagnostic, Diagnostics, Location};
use crate::model::parse_duration;

/// A mapping of so many entries is small.
const SMALL: usize = 8;

const DURATION_HELP: &str = "write a number above zero with a unit: `500ms`, `30s`, `1m30s`, `2h`";

/// What a mapping is, and its keys.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// What messages call it: "a step".
    pub what: &'static str,
    /// The keys that it may have.
    pub keys: &'static [&'static str],
    /// What an entry of `map` with an unknown key means; `None` if only the spelling can tell.
    pub meaning: fn(key: &str, value: &Value, map: &Map<String, Value>) -> Option<Meaning>,
    /// What follows a key in the question whether it is meant.
    pub note: fn(key: &str) -> Option<&'static str>,
}

impl Shape {
    /// A mapping whose unknown keys are misspelled ones.
    pub(crate) const fn new(what: &'static str, keys: &'static [&'static str]) -> Self {
        Self {
            what,
            keys,
            meaning: |_, _, _| None,
            note: |_| None,
        }
    }
}

/// What an unknown key means.
#[derive(Debug, Clone)]
pub(crate) enum Meaning {
    /// Another key, with the same value.
    Key(&'static str),
    /// Nothing to obs: a key of the author's own, which begins with `x-`.
    Own,
    /// Something that is written in another way.
    Advice {
        /// What to do.
        help: String,
        /// The key that it takes the place of, so that this one is not missed.
        instead_of: Option<&'static str>,
        /// The entry to write, if that is certain. No part of it is a text of the plan, which may be
        /// a secret.
        write: Option<(&'static str, Value)>,
    },
}

impl Meaning {
    /// What to do, where no entry takes the place of this one.
    pub(crate) fn advice(help: impl Into<String>) -> Self {
        Self::Advice {
            help: help.into(),
            instead_of: None,
            write: None,
        }
    }

    /// The entry to write in its place.
    pub(crate) fn entry(help: impl Into<String>, key: &'static str, value: Value) -> Self {
        Self::Advice {
            help: help.into(),
            instead_of: Some(key),
            write: Some((key, value)),
        }
    }

    /// The key that it takes the place of, in a way that needs a person.
    pub(crate) fn rewrite(help: impl Into<String>, key: &'static str) -> Self {
        Self::Advice {
            help: help.into(),
            instead_of: Some(key),
            write: None,
        }
    }
}

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

    /// The entries of a mapping.
    pub(crate) fn fields(&self, problems: &mut Diagnostics, shape: &Shape) -> Option<Fields<'d>> {
        let Value::Object(map) = self.value else {
            let what = shape.what;
            let message = format!("{what} must be a mapping, found {}", kind_of(self.value));
            problems.push(
                self.wrong_type(message, "object")
                    .help("write `key: value` entries"),
            );
            return None;
        };
        let mut fields = Fields {
            node: self.clone(),
            map,
            shape: *shape,
            unknown: Vec::new(),
            #[cfg(debug_assertions)]
            asked: Vec::new(),
        };
        fields.interpret(problems);
        Some(fields)
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

/// A mapping with the keys of a [`Shape`].
#[derive(Debug)]
pub(crate) struct Fields<'d> {
    /// The mapping itself.
    pub node: Node<'d>,
    map: &'d Map<String, Value>,
    shape: Shape,
    unknown: Vec<UnknownKey<'d>>,
    #[cfg(debug_assertions)]
    asked: Vec<&'static str>,
}

/// A key that the shape does not have.
#[derive(Debug)]
struct UnknownKey<'d> {
    key: &'d str,
    value: &'d Value,
    meaning: Option<Meaning>,
}

impl UnknownKey<'_> {
    /// The key that it is read as, or that it takes the place of.
    fn known_key(&self) -> Option<&'static str> {
        match self.meaning.as_ref()? {
            Meaning::Key(known) => Some(known),
            Meaning::Own => None,
            Meaning::Advice { instead_of, .. } => *instead_of,
        }
    }
}

impl<'d> Fields<'d> {
    /// Finds out what the unknown keys mean. Keys that begin with `x-` are free.
    fn interpret(&mut self, problems: &mut Diagnostics) {
        let map = self.map;
        let is_known = |key: &str| self.shape.keys.contains(&key) || key.starts_with("x-");
        for (key, value) in map.iter().filter(|(key, _)| !is_known(key)) {
            let is_free = |known: &str| {
                let is_taken = |other: &UnknownKey<'_>| other.known_key() == Some(known);
                map.get(known).is_none_or(Value::is_null) && !self.unknown.iter().any(is_taken)
            };
            // The rest is only counted, and many would cost their square.
            let meaning = if self.unknown.len() + problems.len() < Diagnostics::MAX_KEPT {
                let meant = (self.shape.meaning)(key, value, map).filter(|meaning| match meaning {
                    Meaning::Key(known) => is_free(known),
                    Meaning::Own | Meaning::Advice { .. } => true,
                });
                meant.or_else(|| {
                    let free = self
                        .shape
                        .keys
                        .iter()
                        .copied()
                        .filter(|known| is_free(known));
                    nearest(key, free).map(Meaning::Key)
                })
            } else {
                None
            };
            let unknown = UnknownKey {
                key,
                value,
                meaning,
            };
            if let Some(known) = unknown.known_key()
                && is_free(known)
            {
                problems.read_as(&self.node.pointer, known, &escape_token(key));
            }
            self.unknown.push(unknown);
        }
    }

    /// The entry under `key`, or under a key that means it, if it is there and not null.
    pub(crate) fn get(&mut self, key: &'static str) -> Option<Node<'d>> {
        #[cfg(debug_assertions)]
        self.asked.push(key);
        debug_assert!(self.shape.keys.contains(&key), "{key}");
        let (key, value) = self.find(key)?;
        (!value.is_null()).then(|| self.node.entry(key, value))
    }

    /// The entry under `key`, or under a key that means it, also if it is null.
    pub(crate) fn get_or_null(&mut self, key: &'static str) -> Option<Node<'d>> {
        #[cfg(debug_assertions)]
        self.asked.push(key);
        debug_assert!(self.shape.keys.contains(&key), "{key}");
        let (key, value) = self.find(key)?;
        Some(self.node.entry(key, value))
    }

    /// The entry under `key`. Most mappings are so small that looking at each key is quicker than
    /// hashing one.
    fn find(&self, key: &str) -> Option<(&'d str, &'d Value)> {
        let entry = if self.map.len() > SMALL {
            self.map.get_key_value(key)
        } else {
            self.map.iter().find(|(name, _)| *name == key)
        };
        let entry = entry.map(|(key, value)| (key.as_str(), value));
        let means_it = |unknown: &&UnknownKey<'_>| matches!(unknown.meaning, Some(Meaning::Key(known)) if known == key);
        let other = || self.unknown.iter().find(means_it);
        entry
            .filter(|(_, value)| !value.is_null())
            .or_else(|| other().map(|unknown| (unknown.key, unknown.value)))
            .or(entry)
    }

    /// True if there is an entry under `key`, or under a key that means it.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.find(key).is_some_and(|(_, value)| !value.is_null())
    }

    /// True if another key was written for `key`, which is then no more to be missed.
    pub(crate) fn is_renamed(&self, key: &str) -> bool {
        self.unknown
            .iter()
            .any(|unknown| unknown.known_key() == Some(key))
    }

    /// Place of a key that is there; of the mapping if it is not.
    pub(crate) fn place_of_key(&self, key: &str) -> Location {
        let written = self.find(key).map_or(key, |(written, _)| written);
        self.key(written)
    }

    fn key(&self, written: &str) -> Location {
        Location::key([&self.node.pointer, "/", &*escape_token(written)].concat())
    }

    /// Reports every unknown key.
    pub(crate) fn finish(self, problems: &mut Diagnostics) {
        #[cfg(debug_assertions)]
        for key in self.shape.keys {
            assert!(self.asked.contains(key), "nobody asks for `{key}`");
        }
        for unknown in &self.unknown {
            problems.push_error_with(|| self.unknown_key(unknown));
        }
    }

    fn unknown_key(&self, unknown: &UnknownKey<'_>) -> Diagnostic {
        let UnknownKey { key, meaning, .. } = unknown;
        let message = format!("unknown key `{key}` in {}", self.shape.what);
        let problem = Diagnostic::error("unknown_key", self.key(key), message).got(*key);
        let pointer = |key: &str| [&self.node.pointer, "/", &*escape_token(key)].concat();
        match meaning {
            Some(Meaning::Key(known)) => {
                let note = (self.shape.note)(known).unwrap_or_default();
                let help = format!("did you mean `{known}`{note}?");
                let (from, path) = (pointer(key), pointer(known));
                problem
                    .help(help)
                    .expected(*known)
                    .fix(json!([{"op": "move", "from": from, "path": path}]))
            }
            Some(Meaning::Own) => {
                let own = format!("x-{key}");
                let help =
                    format!("obs has no use for it: name it `{own}`, as all keys of your own");
                let problem = problem.help(help);
                if self.map.contains_key(&own) {
                    return problem;
                }
                let (from, path) = (pointer(key), pointer(&own));
                problem.fix(json!([{"op": "move", "from": from, "path": path}]))
            }
            Some(Meaning::Advice {
                help,
                instead_of,
                write,
            }) => {
                let problem = problem.help(help);
                let problem = match instead_of {
                    Some(known) => problem.expected(*known),
                    None => problem,
                };
                match write
                    .as_ref()
                    .filter(|(key, _)| !self.map.contains_key(*key))
                {
                    Some((written, value)) => problem.fix(json!([
                        {"op": "remove", "path": pointer(key)},
                        {"op": "add", "path": pointer(written), "value": value},
                    ])),
                    None => problem,
                }
            }
            None => {
                let keys = self.shape.keys;
                problem
                    .help(format!("known keys are {}", in_backticks(keys)))
                    .expected(keys.to_vec())
            }
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
