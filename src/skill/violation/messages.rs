//! The words for one violation, kind by kind.

use std::borrow::Cow;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{JsonType, ValidationError};
use serde_json::{Value, json};

use super::{Fix, MAX_GOT_BYTES, ShownValues, Violation, shown};
use crate::document::{NodePart, escape_token, in_backticks, kind_of, nearest};

/// One error on its way into words.
pub(super) struct MessageBuilder<'a> {
    kind: &'a ValidationErrorKind,
    keyword: &'a str,
    value: &'a Value,
    /// The value as it may be shown.
    visible: Cow<'a, Value>,
    /// The value that holds it all.
    seen: &'a ShownValues<'a>,
    pointer: &'a str,
    /// The schema that the keyword stands in; null if it is not known.
    schema: &'a Value,
    /// The value stands in a hidden place, which `pointer` leads to.
    is_secret: bool,
    what: &'a str,
}

impl<'a> MessageBuilder<'a> {
    pub(super) fn new(
        root: &'a Value,
        seen: &'a ShownValues<'a>,
        error: &'a ValidationError<'_>,
        what: &'a str,
    ) -> Self {
        let (parent, keyword) = error
            .schema_path()
            .as_str()
            .rsplit_once('/')
            .unwrap_or_default();
        let (pointer, value) = (error.instance_path().as_str(), error.instance());
        let hidden_at = seen.hidden_at(pointer);
        Self {
            kind: error.kind(),
            keyword,
            value,
            visible: seen.shown(pointer, value),
            seen,
            pointer: hidden_at.unwrap_or(pointer),
            schema: root.pointer(parent).unwrap_or(&Value::Null),
            is_secret: hidden_at.is_some(),
            what,
        }
    }

    pub(super) fn add_to(&self, violations: &mut Vec<Violation>) {
        match self.kind {
            // Not even the keys of what is hidden are told.
            ValidationErrorKind::AdditionalProperties { .. }
            | ValidationErrorKind::UnevaluatedProperties { .. }
            | ValidationErrorKind::FalseSchema
            | ValidationErrorKind::Required { .. }
                if self.is_secret =>
            {
                violations.push(self.other());
            }
            ValidationErrorKind::AdditionalProperties { unexpected }
            | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
                violations.extend(unexpected.iter().map(|key| self.unknown(key)));
            }
            // With `additionalProperties: false` alone the validator names the mapping, not the
            // key.
            ValidationErrorKind::FalseSchema if self.keyword == "additionalProperties" => {
                let map = self
                    .seen
                    .whole
                    .pointer(self.pointer)
                    .and_then(Value::as_object);
                let keys = map.into_iter().flat_map(|map| map.keys());
                violations.extend(keys.map(|key| self.unknown(key)));
            }
            ValidationErrorKind::Required { property } => violations.push(self.missing(property)),
            ValidationErrorKind::Type { kind } => violations.push(self.wrong_type(kind)),
            ValidationErrorKind::Enum { options } => violations.push(self.not_listed(options)),
            ValidationErrorKind::AnyOf { context }
            | ValidationErrorKind::OneOfNotValid { context } => {
                violations.push(self.none_of(context));
            }
            _ => violations.push(self.other()),
        }
    }

    /// The value's name in a sentence.
    fn name(&self) -> String {
        let mut tokens = self.pointer.rsplit('/');
        let unescape = |token: &str| token.replace("~1", "/").replace("~0", "~");
        match (tokens.next(), tokens.next()) {
            (Some(token), Some(parent)) => {
                let is_item = token.bytes().all(|byte| byte.is_ascii_digit());
                let list = if parent.is_empty() {
                    self.what.to_owned()
                } else {
                    format!("`{}`", unescape(parent))
                };
                if is_item && !token.is_empty() {
                    format!("item {token} of {list}")
                } else {
                    format!("`{}`", unescape(token))
                }
            }
            _ => self.what.to_owned(),
        }
    }

    fn shown(&self) -> String {
        shown(&self.visible)
    }

    fn got(&self) -> Value {
        if self.visible.to_string().len() > MAX_GOT_BYTES {
            json!(JsonType::from(self.value).as_str())
        } else {
            Value::clone(&self.visible)
        }
    }

    fn properties(&self) -> impl Iterator<Item = &'a str> {
        let properties = self.schema.get("properties").and_then(Value::as_object);
        properties
            .into_iter()
            .flat_map(|map| map.keys().map(String::as_str))
    }

    fn unknown(&self, key: &str) -> Violation {
        let object = self.value.as_object();
        let is_free = |name: &&str| object.is_none_or(|object| !object.contains_key(*name));
        let free: Vec<&str> = self.properties().filter(is_free).collect();
        let pointer = format!("{}/{}", self.pointer, escape_token(key));
        let owner = self.name();
        let mut violation = Violation::new(pointer, format!("unknown key `{key}` in {owner}"));
        violation.part = NodePart::Key;
        violation.got = Some(json!(key));
        if let Some(near) = nearest(key, free.iter().copied()) {
            violation.help = Some(format!("did you mean `{near}`?"));
            violation.expected = Some(json!(near));
            violation.fix = Some(Fix::Rename(near.to_owned()));
        } else {
            let all: Vec<&str> = self.properties().take(20).collect();
            violation.help = Some(if all.is_empty() {
                format!("{owner} has no such key; remove it")
            } else {
                format!("known keys are {}", in_backticks(&all))
            });
            violation.expected = (!all.is_empty()).then(|| json!(all));
        }
        violation
    }

    fn missing(&self, property: &Value) -> Violation {
        let name = property.as_str().unwrap_or_default();
        // The pointer of the missing key finds its misspelled twin; it is cut off afterwards.
        let pointer = format!("{}/{}", self.pointer, escape_token(name));
        let owner = self.name();
        let mut violation = Violation::new(pointer, format!("{owner} must have the key `{name}`"));
        violation.part = NodePart::Key;
        violation.expected = Some(json!(name));
        let known: Vec<&str> = self.properties().collect();
        let object = self.value.as_object();
        let strangers = object
            .into_iter()
            .flat_map(|object| object.keys().map(String::as_str))
            .filter(|key| !known.contains(key));
        let description = || {
            let schema = self.schema.get("properties")?.get(name)?;
            Some(shown(schema.get("description")?))
        };
        violation.help = Some(if let Some(stranger) = nearest(name, strangers) {
            format!("did `{stranger}` mean that key?")
        } else if let Some(description) = description() {
            format!("add `{name}:` ({description})")
        } else {
            format!("add `{name}:`")
        });
        violation
    }

    fn wrong_type(&self, kind: &TypeKind) -> Violation {
        let types: Vec<JsonType> = match kind {
            TypeKind::Single(one) => vec![*one],
            TypeKind::Multiple(set) => set.iter().collect(),
        };
        let expected: Vec<&str> = types.iter().map(|kind| in_words(*kind)).collect();
        let message = format!(
            "{} must be {}, found {}",
            self.name(),
            expected.join(" or "),
            kind_of(self.value)
        );
        let mut violation = Violation::new(self.pointer, message);
        let names: Vec<&str> = types.iter().map(|kind| kind.as_str()).collect();
        violation.expected = Some(match names.as_slice() {
            [one] => json!(one),
            many => json!(many),
        });
        violation.got = Some(json!(JsonType::from(self.value).as_str()));
        if let [expected] = types.as_slice()
            && !self.is_secret
            && let Some(meant) = converted(self.value, *expected)
        {
            violation.help = Some(format!("write {meant}"));
            violation.fix = Some(Fix::Replace(meant));
        }
        violation
    }

    fn not_listed(&self, options: &Value) -> Violation {
        let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
        let message = format!("{} can't be `{}`", self.name(), self.shown());
        let mut violation = Violation::new(self.pointer, message);
        violation.expected = Some(json!(options));
        violation.got = Some(self.got());
        let words = options.iter().filter_map(Value::as_str);
        // That it is near to a word would tell of what is hidden.
        let text = self.value.as_str().filter(|_| !self.is_secret);
        let near = text.and_then(|text| nearest(text, words));
        if let Some(near) = near {
            violation.help = Some(format!("did you mean `{near}`?"));
            violation.fix = Some(Fix::Replace(json!(near)));
        } else {
            let shown: Vec<String> = options.iter().take(20).map(shown).collect();
            let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
            violation.help = Some(format!("use one of {}", in_backticks(&shown)));
        }
        violation
    }

    /// The kinds that are told in one sentence.
    fn other(&self) -> Violation {
        let (sentence, expected) = self.sentence();
        let mut violation = Violation::new(self.pointer, format!("{} {sentence}", self.name()));
        violation.expected = expected;
        violation.got = Some(self.got());
        violation
    }

    fn sentence(&self) -> (String, Option<Value>) {
        use ValidationErrorKind as Kind;
        if let Some((sentence, limit)) = self.limit() {
            return (sentence, Some(limit));
        }
        let found = self.shown();
        match self.kind {
            Kind::Constant { expected_value } => {
                let expected = shown(expected_value);
                let sentence = format!("must be `{expected}`, found `{found}`");
                return (sentence, Some(Value::clone(expected_value)));
            }
            Kind::Pattern { pattern } => {
                let shown = shown(&json!(pattern));
                let sentence = format!("must match the pattern `{shown}`, found `{found}`");
                return (sentence, Some(json!(pattern)));
            }
            Kind::Format { format } => {
                return (
                    format!("is not a valid {format}: `{found}`"),
                    Some(json!(format)),
                );
            }
            _ => {}
        }
        let sentence = match self.kind {
            Kind::UniqueItems => "has an item twice",
            Kind::Contains => "must hold an item that `contains` describes",
            Kind::UnevaluatedItems { .. } => "has items that its schema does not describe",
            Kind::FalseSchema => "must not be there",
            Kind::Not { .. } => "is what its schema rules out with `not`",
            Kind::PropertyNames { .. } => "has a key that its schema does not allow",
            Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
                let forms = context.len();
                return (
                    format!("has none of the {forms} forms that it may have"),
                    None,
                );
            }
            Kind::OneOfMultipleValid { .. } => {
                "has more than one of the forms of which it may have one"
            }
            Kind::BacktrackLimitExceeded { .. } | Kind::RegexEngineFailure { .. } => {
                "took the pattern of its schema too long to check"
            }
            _ => {
                return (
                    format!("does not meet `{}` of its schema", self.keyword),
                    None,
                );
            }
        };
        (sentence.to_owned(), None)
    }

    /// The kinds that bound a number or a count.
    fn limit(&self) -> Option<(String, Value)> {
        use ValidationErrorKind as Kind;
        let number = |words: &str, limit: &Value| {
            let sentence = format!("must be {words} {}, found {}", shown(limit), self.shown());
            Some((sentence, limit.clone()))
        };
        let count = |words: &str, limit: u64, what: &str| {
            Some((format!("must have at {words} {limit} {what}"), json!(limit)))
        };
        match self.kind {
            Kind::Minimum { limit } => number("at least", limit),
            Kind::Maximum { limit } => number("at most", limit),
            Kind::ExclusiveMinimum { limit } => number("more than", limit),
            Kind::ExclusiveMaximum { limit } => number("less than", limit),
            Kind::MultipleOf { multiple_of } => number("a multiple of", multiple_of),
            Kind::MinLength { limit } => count("least", *limit, "characters"),
            Kind::MaxLength { limit } => count("most", *limit, "characters"),
            Kind::MinItems { limit } => count("least", *limit, "items"),
            Kind::MaxItems { limit } => count("most", *limit, "items"),
            Kind::AdditionalItems { limit } => count("most", *limit as u64, "items"),
            Kind::MinProperties { limit } => count("least", *limit, "keys"),
            Kind::MaxProperties { limit } => count("most", *limit, "keys"),
            _ => None,
        }
    }

    /// A value that has none of the forms it may have: what is wrong in the nearest one, where only
    /// one thing is, else that it has none.
    fn none_of(&self, forms: &[Vec<ValidationError<'static>>]) -> Violation {
        let is_of_type = |errors: &&Vec<ValidationError<'static>>| {
            !errors.iter().any(|error| {
                error.instance_path().as_str() == self.pointer
                    && matches!(error.kind(), ValidationErrorKind::Type { .. })
            })
        };
        let nearest = forms
            .iter()
            .filter(is_of_type)
            .min_by_key(|errors| errors.len());
        if let Some([error]) = nearest.map(Vec::as_slice)
            && !self.is_secret
        {
            let mut violations = Vec::new();
            MessageBuilder::new(&Value::Null, self.seen, error, self.what).add_to(&mut violations);
            if let [violation] = violations.as_mut_slice() {
                let form = format!("of its {} forms this is the nearest", forms.len());
                violation.help = Some(match violation.help.take() {
                    Some(help) => format!("{help} ({form})"),
                    None => form,
                });
                // Another form may have been meant.
                violation.fix = None;
                violation.part = NodePart::Value;
                if matches!(error.kind(), ValidationErrorKind::Required { .. }) {
                    error
                        .instance_path()
                        .as_str()
                        .clone_into(&mut violation.pointer);
                }
                return violation.clone();
            }
        }
        self.other()
    }
}

fn in_words(kind: JsonType) -> &'static str {
    match kind {
        JsonType::Array => "a list",
        JsonType::Boolean => "`true` or `false`",
        JsonType::Integer => "a whole number",
        JsonType::Null => "null",
        JsonType::Number => "a number",
        JsonType::Object => "a mapping",
        JsonType::String => "text",
    }
}

/// The value that was certainly meant, in the type that is wanted.
fn converted(value: &Value, expected: JsonType) -> Option<Value> {
    match (expected, value) {
        (JsonType::String, Value::Number(_) | Value::Bool(_)) => Some(json!(value.to_string())),
        // A list of one text, where the text itself is meant.
        (JsonType::String, Value::Array(list)) => match list.as_slice() {
            [text @ Value::String(_)] => Some(text.clone()),
            _ => None,
        },
        (JsonType::Boolean, Value::String(text)) => match text.as_str() {
            "true" => Some(json!(true)),
            "false" => Some(json!(false)),
            _ => None,
        },
        (JsonType::Integer | JsonType::Number, Value::String(text)) => {
            let number = serde_json::from_str::<Value>(text)
                .ok()
                .filter(Value::is_number)?;
            let is_whole = || {
                text.bytes()
                    .all(|byte| byte.is_ascii_digit() || byte == b'-')
            };
            (expected == JsonType::Number || is_whole()).then_some(number)
        }
        _ => None,
    }
}

/// The violations behind a validator's `errors`. `what` names the whole value.
pub(in crate::skill) fn violations_of<'e>(
    schema: &Value,
    seen: &ShownValues<'_>,
    errors: impl Iterator<Item = ValidationError<'e>>,
    what: &str,
) -> Vec<Violation> {
    let mut violations = Vec::new();
    for error in errors {
        let before = violations.len();
        MessageBuilder::new(schema, seen, &error, what).add_to(&mut violations);
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
        violation.part = NodePart::Value;
    }
    violations
}

/// True for a key that should be there, as [`MessageBuilder::missing`] makes it.
fn is_missing(violation: &Violation) -> bool {
    violation.part == NodePart::Key && violation.got.is_none()
}
