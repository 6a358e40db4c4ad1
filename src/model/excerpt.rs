//! The head and the tail of a long text.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Text of a stream that was too long to keep whole: its head and its tail, as UTF-8 with
/// replacement characters. In JSON it is one string with a line that counts what was left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Excerpt {
    /// The first part; all of it where nothing was left out.
    pub head: String,
    /// Bytes between head and tail that were not kept.
    pub omitted_bytes: u64,
    /// The last part; empty if nothing was left out.
    pub tail: String,
}

impl Excerpt {
    /// An excerpt that holds all of `text`.
    pub fn whole(text: impl Into<String>) -> Self {
        Self {
            head: text.into(),
            ..Self::default()
        }
    }

    /// The head and the tail of `bytes`, at most 8 KiB each.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        const HALF: usize = 8 * 1024;
        if bytes.len() <= 2 * HALF {
            return Self::whole(String::from_utf8_lossy(bytes));
        }
        let tail_start = bytes.len() - HALF;
        Self {
            head: String::from_utf8_lossy(&bytes[..HALF]).into_owned(),
            omitted_bytes: (tail_start - HALF) as u64,
            tail: String::from_utf8_lossy(&bytes[tail_start..]).into_owned(),
        }
    }

    /// True if the stream was empty.
    pub fn is_empty(&self) -> bool {
        self.head.is_empty() && self.omitted_bytes == 0 && self.tail.is_empty()
    }

    /// Head, a line about what was left out, tail.
    pub fn text(&self) -> Cow<'_, str> {
        if self.omitted_bytes == 0 {
            return Cow::Borrowed(&self.head);
        }
        Cow::Owned(format!(
            "{}\n[... {} bytes left out ...]\n{}",
            self.head, self.omitted_bytes, self.tail
        ))
    }
}

impl Serialize for Excerpt {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl<'de> Deserialize<'de> for Excerpt {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::whole)
    }
}
