//! The secrets of a run taken out of data: out of what a text says, however it was written.
//!
//! Invariant: what a skill answers is read first and masked then, so that no escape hides a secret,
//! and no mask makes JSON invalid. A text keeps its place, a key stays unique, and a number that
//! holds a secret becomes a text.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::model::ExecutionResult;
use crate::process::{MASK, Secrets};

/// `json` without the secrets; `None` if it holds none.
pub(crate) fn mask_json(
    secrets: &Secrets,
    json: &RawValue,
) -> Result<Option<Box<RawValue>>, serde_json::Error> {
    if secrets.is_empty() {
        return Ok(None);
    }
    let mut value: Value = serde_json::from_str(json.get())?;
    if !mask_value(secrets, &mut value) {
        return Ok(None);
    }
    serde_json::value::to_raw_value(&value).map(Some)
}

/// Takes the secrets out of `value`. True if there were some.
pub(crate) fn mask_value(secrets: &Secrets, value: &mut Value) -> bool {
    match value {
        Value::String(text) => mask_string(secrets, text),
        Value::Number(number) => {
            let has_secret = mask_string(secrets, &mut number.to_string());
            if has_secret {
                *value = Value::from(MASK);
            }
            has_secret
        }
        Value::Array(list) => list
            .iter_mut()
            .fold(false, |found, item| mask_value(secrets, item) | found),
        Value::Object(map) => mask_map(secrets, map),
        Value::Null | Value::Bool(_) => false,
    }
}

/// Takes the secrets out of `arguments` that many may hold.
pub(crate) fn mask_arguments(secrets: &Secrets, arguments: &mut Arc<Map<String, Value>>) {
    if secrets.is_empty() {
        return;
    }
    let mut masked = Map::clone(arguments);
    if mask_map(secrets, &mut masked) {
        *arguments = Arc::new(masked);
    }
}

/// Takes the secrets out of `text`. True if there were some.
pub(crate) fn mask_string(secrets: &Secrets, text: &mut String) -> bool {
    let Cow::Owned(masked) = secrets.mask_text(text) else {
        return false;
    };
    *text = masked;
    true
}

fn mask_map(secrets: &Secrets, map: &mut Map<String, Value>) -> bool {
    let mut found = false;
    for value in map.values_mut() {
        found |= mask_value(secrets, value);
    }
    let is_clear = |key: &&String| matches!(secrets.mask_text(key), Cow::Borrowed(_));
    let mut taken: HashSet<String> = map.keys().filter(is_clear).cloned().collect();
    if taken.len() == map.len() {
        return found;
    }
    for (mut key, value) in std::mem::take(map) {
        if mask_string(secrets, &mut key) {
            let masked = key.clone();
            let mut count = 1;
            while !taken.insert(key.clone()) {
                count += 1;
                key = format!("{masked}{count}");
            }
        }
        map.insert(key, value);
    }
    true
}

/// Takes the secrets out of what a result says in words. Its output and what it printed are masked
/// where they are read.
pub(crate) fn mask_words(secrets: &Secrets, result: &mut ExecutionResult) {
    if secrets.is_empty() {
        return;
    }
    mask_string(secrets, &mut result.error);
    for word in &mut result.command {
        mask_string(secrets, word);
    }
    if let Some(hint) = &mut result.hint {
        mask_string(secrets, hint);
    }
    if let Some(leaked) = &mut result.leaked {
        // A process chooses its name, 15 bytes of a secret for instance.
        leaked.names.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(secrets: &[&str], json: &str) -> String {
        let secrets = Secrets::new(secrets.iter().map(|secret| secret.as_bytes().to_vec()));
        let raw: Box<RawValue> = serde_json::from_str(json).unwrap();
        let masked = mask_json(&secrets, &raw).unwrap();
        masked.map_or_else(|| "unchanged".to_owned(), |masked| masked.get().to_owned())
    }

    #[test]
    fn what_a_text_says_is_masked() {
        for (json, want) in [
            (r#"["a\/b&cd"]"#, r#"["***"]"#),
            (r#"{"\u0061/b&cd": 1}"#, r#"{"***":1}"#),
            (r#"{"x": {"y": "<a/b\u0026cd>"}}"#, r#"{"x":{"y":"<***>"}}"#),
            // JSON in a text.
            (
                r#"["{\"t\":\"a\\/b\\u0026cd\"}"]"#,
                r#"["{\"t\":\"***\"}"]"#,
            ),
            (r#"["a/b", "&cd"]"#, "unchanged"),
        ] {
            assert_eq!(masked(&["a/b&cd"], json), want, "{json}");
        }
    }

    #[test]
    fn json_stays_json() {
        for (secret, json, want) in [
            ("12345678", r#"{"pin": 12345678}"#, r#"{"pin":"***"}"#),
            ("12345678", "[1.12345678e5, true]", r#"["***",true]"#),
            ("true", r#"[true, "true"]"#, r#"[true,"***"]"#),
            (r#"": ""#, r#"{"a": "b"}"#, "unchanged"),
            (r#""a","#, r#"["a","b"]"#, "unchanged"),
            (r"abc\", r#"["abc\\", "abc"]"#, r#"["***","abc"]"#),
            ("12345678", "[1.50, 12345670]", "unchanged"),
            (
                "12345678",
                "[1.50, 12345678, 1e+400]",
                r#"[1.50,"***",1e+400]"#,
            ),
        ] {
            assert_eq!(masked(&[secret], json), want, "{json}");
        }
    }

    #[test]
    fn keys_stay_apart() {
        let json = r#"{"***": 0, "secret-one": 1, "a": 2, "secret-two": 3}"#;
        let want = r#"{"***":0,"***2":1,"a":2,"***3":3}"#;
        assert_eq!(masked(&["secret-one", "secret-two"], json), want);
        let json = r#"{"secret-one": 1, "***": 0}"#;
        assert_eq!(masked(&["secret-one"], json), r#"{"***2":1,"***":0}"#);
    }
}
