//! Values that nobody may see, taken out of what a skill writes.
//!
//! Invariant: a value never passes, also when it comes in pieces: what may be the beginning of one
//! is held back until more is known. The idea is that of the log masks of CI systems.

use std::borrow::Cow;

/// What stands in the place of a secret.
const MASK: &[u8] = b"***";

/// The values that are taken out, the longest first.
#[derive(Debug, Clone, Default)]
pub struct Secrets(Vec<Vec<u8>>);

impl Secrets {
    /// Takes out `values`, and each in the form that it has inside a JSON string. Empty ones are
    /// left out: they stand everywhere.
    pub fn new(values: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let mut all = Vec::new();
        for value in values {
            if let Ok(text) = std::str::from_utf8(&value) {
                let json = serde_json::Value::from(text).to_string();
                all.push(json.as_bytes()[1..json.len() - 1].to_vec());
            }
            all.push(value);
        }
        all.retain(|value| !value.is_empty());
        all.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        all.dedup();
        Self(all)
    }

    /// True where there is nothing to take out.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `text` without the values.
    pub fn redact_text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut redactor = Redactor::new(self.clone());
        let mut bytes = redactor.feed(text.as_bytes()).into_owned();
        bytes.append(&mut redactor.flush());
        Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The secret that `bytes` begins with.
    fn at(&self, bytes: &[u8]) -> Option<&[u8]> {
        self.0
            .iter()
            .map(Vec::as_slice)
            .find(|secret| bytes.starts_with(secret))
    }

    /// True where `bytes` is the beginning of a secret that is longer.
    fn may_begin(&self, bytes: &[u8]) -> bool {
        self.0
            .iter()
            .any(|secret| secret.len() > bytes.len() && secret.starts_with(bytes))
    }
}

/// Takes secrets out of one stream.
#[derive(Debug)]
pub(super) struct Redactor {
    secrets: Secrets,
    held: Vec<u8>,
}

impl Redactor {
    pub(super) fn new(secrets: Secrets) -> Self {
        Self {
            secrets,
            held: Vec::new(),
        }
    }

    /// What of `bytes`, and of what was held back, may be seen now.
    pub(super) fn feed<'b>(&mut self, bytes: &'b [u8]) -> Cow<'b, [u8]> {
        if self.secrets.is_empty() {
            return Cow::Borrowed(bytes);
        }
        let mut waiting = std::mem::take(&mut self.held);
        waiting.extend_from_slice(bytes);
        let mut seen = Vec::with_capacity(waiting.len());
        let mut at = 0;
        while at < waiting.len() {
            let rest = &waiting[at..];
            if self.secrets.may_begin(rest) {
                self.held = rest.to_vec();
                break;
            }
            if let Some(secret) = self.secrets.at(rest) {
                seen.extend_from_slice(MASK);
                at += secret.len();
            } else {
                seen.push(rest[0]);
                at += 1;
            }
        }
        Cow::Owned(seen)
    }

    /// What is left at the end of the stream: no whole secret, unless a shorter one is the beginning
    /// of a longer one.
    pub(super) fn flush(&mut self) -> Vec<u8> {
        let waiting = std::mem::take(&mut self.held);
        let mut seen = Vec::new();
        let mut at = 0;
        while at < waiting.len() {
            let rest = &waiting[at..];
            if let Some(secret) = self.secrets.at(rest) {
                seen.extend_from_slice(MASK);
                at += secret.len();
            } else {
                seen.push(rest[0]);
                at += 1;
            }
        }
        seen
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pieces(secrets: &[&str], pieces: &[&str]) -> String {
        let secrets = secrets.iter().map(|secret| secret.as_bytes().to_vec());
        let mut redactor = Redactor::new(Secrets::new(secrets));
        let mut seen = Vec::new();
        for piece in pieces {
            seen.extend_from_slice(&redactor.feed(piece.as_bytes()));
        }
        seen.append(&mut redactor.flush());
        String::from_utf8(seen).unwrap()
    }

    #[test]
    fn a_value_in_two_writes_is_masked() {
        assert_eq!(pieces(&["s3cret"], &["a s3c", "ret b"]), "a *** b");
        assert_eq!(pieces(&["s3cret"], &["s3cs3cret", "s3c"]), "s3c***s3c");
        assert_eq!(pieces(&["abc", "abcdef"], &["abcd", "ef abc"]), "*** ***");
        assert_eq!(pieces(&["abc", "abcdef"], &["abcd"]), "***d");
        assert_eq!(pieces(&["a\"b"], &[r#"{"x": "a\"b"}"#]), r#"{"x": "***"}"#);
        assert_eq!(pieces(&[""], &["plain"]), "plain");
    }

    proptest! {
        #[test]
        fn a_secret_never_passes(text in "[abc]{0,60}", cut in 0usize..60) {
            let cut = cut.min(text.len());
            let seen = pieces(&["abca", "bb"], &[&text[..cut], &text[cut..]]);
            prop_assert!(!seen.contains("abca") && !seen.contains("bb"), "{} -> {}", text, seen);
            prop_assert_eq!(seen, pieces(&["abca", "bb"], &[&text]));
        }
    }
}
