//! One entry of JSON text, found without building the others.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// How many fields a message names, and how many bytes of each name.
const MAX_FIELDS: usize = 20;
const MAX_NAME_BYTES: usize = 128;

/// The field of an object or the item of an array, as JSON text.
///
/// # Errors
/// What is there instead, in words, such as "an array of 2 items".
pub(crate) fn json_entry<'j>(json: &'j str, token: &str) -> Result<&'j str, String> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let found = match json.trim_start().as_bytes().first() {
        Some(b'{') => deserializer.deserialize_map(EntryFinder(token)),
        Some(b'[') => deserializer.deserialize_seq(EntryFinder(token)),
        _ => serde_json::from_str(json).map(|value| Err(kind_of_scalar(&value).to_owned())),
    };
    found.unwrap_or_else(|error| Err(format!("invalid JSON: {error}")))
}

fn kind_of_scalar(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a string",
        Value::Number(_) => "a number",
        Value::Bool(_) => "a boolean",
        Value::Null | Value::Array(_) | Value::Object(_) => "null",
    }
}

struct EntryFinder<'k>(&'k str);

impl<'de> Visitor<'de> for EntryFinder<'_> {
    type Value = Result<&'de str, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or an array")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut found, mut names, mut count) = (None, Vec::new(), 0_usize);
        while let Some(name) = map.next_key::<String>()? {
            count += 1;
            if name == self.0 {
                found = Some(map.next_value::<&RawValue>()?.get());
                continue;
            }
            map.next_value::<IgnoredAny>()?;
            if names.len() < MAX_FIELDS {
                let end = name.floor_char_boundary(MAX_NAME_BYTES);
                names.push(format!("`{}`", &name[..end]));
            }
        }
        let more = count.saturating_sub(names.len());
        let names = names.join(", ");
        Ok(found.ok_or_else(|| match (count, more) {
            (0, _) => "an empty object".to_owned(),
            (_, 0) => format!("an object with {names}"),
            (_, more) => format!("an object with {names} and {more} more"),
        }))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
        let target = self.0.parse::<usize>().ok();
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
        Ok(found.ok_or_else(|| match count {
            0 => "an empty array".to_owned(),
            1 => "an array of 1 item".to_owned(),
            count => format!("an array of {count} items"),
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
                json_entry(json, token),
                want.map_err(str::to_owned),
                "{json}"
            );
        }
        let many: Vec<String> = (0..25).map(|n| format!("\"{n}\": 0")).collect();
        let found = json_entry(&format!("{{{}}}", many.join(",")), "x").unwrap_err();
        assert!(found.ends_with("`19` and 5 more"), "{found}");
        let cut = json_entry("[1, ", "0").unwrap_err();
        assert!(cut.starts_with("invalid JSON: "), "{cut}");
    }
}
