//! One entry of JSON text, found without building the others.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// How many fields a message names, and how many bytes of each name.
const MAX_FIELDS: usize = 20;
const MAX_NAME_BYTES: usize = 128;

/// Why a value has no such entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NoEntry {
    /// What is there instead, in words, such as "an array of 2 items".
    pub found: String,
    /// True if it could have such an entry: an object without the field, an array with fewer items,
    /// null.
    pub is_absent: bool,
    /// How many tokens of the path, joined by dots, are a field that is there: 2 for the path
    /// `report.html` and the field `report.html`.
    pub joined: Option<usize>,
}

impl NoEntry {
    fn wrong_kind(found: impl Into<String>) -> Self {
        Self {
            found: found.into(),
            is_absent: false,
            joined: None,
        }
    }

    fn absent(found: impl Into<String>) -> Self {
        Self {
            is_absent: true,
            ..Self::wrong_kind(found)
        }
    }

    /// `path` with its first tokens joined, if that is a field that is there.
    pub(crate) fn likely(&self, path: &[String]) -> Option<Vec<String>> {
        let (first, rest) = path.split_at_checked(self.joined?)?;
        Some([&[first.join(".")], rest].concat())
    }
}

/// The field of an object or the item of an array that `path` begins with, as JSON text.
pub(crate) fn json_entry<'j>(json: &'j str, path: &[impl AsRef<str>]) -> Result<&'j str, NoEntry> {
    let Some((token, rest)) = path.split_first() else {
        return Ok(json);
    };
    let finder = EntryFinder {
        token: token.as_ref(),
        rest,
    };
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let found = match json.trim_start().as_bytes().first() {
        Some(b'{') => deserializer.deserialize_map(finder),
        Some(b'[') => deserializer.deserialize_seq(finder),
        _ => serde_json::from_str(json).map(|value: Value| {
            Err(match value {
                Value::Null => NoEntry::absent("null"),
                other => NoEntry::wrong_kind(kind_of_scalar(&other)),
            })
        }),
    };
    found.unwrap_or_else(|error| Err(NoEntry::wrong_kind(format!("invalid JSON: {error}"))))
}

fn kind_of_scalar(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a string",
        Value::Number(_) => "a number",
        Value::Bool(_) => "a boolean",
        Value::Null | Value::Array(_) | Value::Object(_) => "null",
    }
}

struct EntryFinder<'k, T> {
    token: &'k str,
    rest: &'k [T],
}

impl<T: AsRef<str>> EntryFinder<'_, T> {
    /// How many tokens, joined by dots, are `name`.
    fn joined(&self, name: &str) -> Option<usize> {
        let mut left = name.strip_prefix(self.token)?;
        for (index, token) in self.rest.iter().enumerate() {
            left = left.strip_prefix('.')?.strip_prefix(token.as_ref())?;
            if left.is_empty() {
                return Some(index + 2);
            }
        }
        None
    }
}

impl<'de, T: AsRef<str>> Visitor<'de> for EntryFinder<'_, T> {
    type Value = Result<&'de str, NoEntry>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or an array")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut found, mut names, mut count) = (None, Vec::new(), 0_usize);
        let mut joined = None;
        while let Some(name) = map.next_key::<String>()? {
            count += 1;
            if name == self.token {
                found = Some(map.next_value::<&RawValue>()?.get());
                continue;
            }
            map.next_value::<IgnoredAny>()?;
            joined = joined.max(self.joined(&name));
            if names.len() < MAX_FIELDS {
                let end = name.floor_char_boundary(MAX_NAME_BYTES);
                names.push(format!("`{}`", &name[..end]));
            }
        }
        let more = count.saturating_sub(names.len());
        let names = names.join(", ");
        Ok(found.ok_or_else(|| NoEntry {
            joined,
            ..NoEntry::absent(match (count, more) {
                (0, _) => "an empty object".to_owned(),
                (_, 0) => format!("an object with {names}"),
                (_, more) => format!("an object with {names} and {more} more"),
            })
        }))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
        let target = self.token.parse::<usize>().ok();
        let (mut found, mut count) = (None, 0_usize);
        loop {
            if target == Some(count) {
                let Some(item) = array.next_element::<&RawValue>()? else {
                    break;
                };
                found = Some(item.get());
            } else if array.next_element::<IgnoredAny>()?.is_none() {
                break;
            }
            count += 1;
        }
        Ok(found.ok_or_else(|| NoEntry {
            is_absent: target.is_some(),
            ..NoEntry::wrong_kind(match count {
                0 => "an empty array".to_owned(),
                1 => "an array of 1 item".to_owned(),
                count => format!("an array of {count} items"),
            })
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_found_or_what_is_there_is_described() {
        for (json, token, want) in [
            (r#"{"a": {"b": 1}, "c": 2}"#, "a", Ok(r#"{"b": 1}"#)),
            (r#" {"\u0061": 1.50}"#, "a", Ok("1.50")),
            (r#"{"a": 1, "a": 2}"#, "a", Ok("2")),
            (r#"["x", [ ]]"#, "1", Ok("[ ]")),
            ("[1]", "1", Err("an array of 1 item")),
            ("[1, 2]", "x", Err("an array of 2 items")),
            ("[]", "0", Err("an empty array")),
            ("{}", "0", Err("an empty object")),
            (r#"{"a": 1, "b": 2}"#, "c", Err("an object with `a`, `b`")),
            (r#""text""#, "c", Err("a string")),
            ("1", "c", Err("a number")),
            ("true", "c", Err("a boolean")),
            ("null", "c", Err("null")),
        ] {
            assert_eq!(
                json_entry(json, &[token]).map_err(|missing| missing.found),
                want.map_err(str::to_owned),
                "{json}"
            );
        }
        let many: Vec<String> = (0..25).map(|n| format!("\"{n}\": 0")).collect();
        let found = json_entry(&format!("{{{}}}", many.join(",")), &["x"]).unwrap_err();
        let found = found.found;
        assert!(found.ends_with("`19` and 5 more"), "{found}");
        let cut = json_entry("[1, ", &["0"]).unwrap_err().found;
        assert!(cut.starts_with("invalid JSON: "), "{cut}");
    }

    #[test]
    fn what_is_absent_differs_from_what_can_not_be() {
        for (json, token, want) in [
            ("{}", "a", true),
            (r#"{"b": 1}"#, "a", true),
            ("[1]", "1", true),
            ("null", "a", true),
            ("[1]", "a", false),
            (r#""text""#, "a", false),
            ("false", "0", false),
        ] {
            let missing = json_entry(json, &[token]).unwrap_err();
            assert_eq!(missing.is_absent, want, "{json} {token}");
        }
    }

    #[test]
    fn a_field_with_dots_is_found_by_the_path_that_its_name_makes() {
        for (json, path, want) in [
            (r#"{"report.html": 1}"#, "report/html", Some("report.html")),
            (
                r#"{"a.b": 1, "a.b.c": 2, "a.b.c.d.e": 3}"#,
                "a/b/c/d",
                Some("a.b.c/d"),
            ),
            (r#"{"a.b": 1}"#, "a/bc", None),
            (r#"{"a.b": 1}"#, "a", None),
            (r#"{"ab": 1}"#, "a/b", None),
            ("[1]", "a/b", None),
        ] {
            let path: Vec<String> = path.split('/').map(str::to_owned).collect();
            let likely = json_entry(json, &path).unwrap_err().likely(&path);
            assert_eq!(likely.map(|path| path.join("/")).as_deref(), want, "{json}");
        }
    }
}
