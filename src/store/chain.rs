//! The hash chain of a run, which reveals changed records.
//!
//! Invariant: an entry (the run's header, each record in commit order, the end) is one line of JSON
//! whose last key is `hash`: the SHA-256 of the exact bytes of the line before `,"hash"`. The key
//! before it, `prev_hash`, is the hash of the entry before. Without a key this protects against
//! accidents and edits; with a key ([`ChainKey`], an HMAC) also against rewriting the whole chain.
//! The idea is that of Git's commits and of certificate transparency, in its simplest form.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Serialize;
use sha2::Sha256;

use crate::engine::{PlanEnd, PlanStart};
use crate::model::{ExecutionLogRecord, hex, json_line, sha256_hex};

/// The header's value for a chain without a key.
pub(super) const PLAIN: &str = "sha256";
/// The header's value for a chain with a key.
pub(super) const KEYED: &str = "hmac-sha256";

/// The separator between a line's content and its hash.
const HASH_KEY: &str = ",\"hash\":\"";

/// The secret that makes a chain unforgeable: `OBS_CHAIN_KEY`.
#[derive(Clone)]
pub struct ChainKey(Vec<u8>);

impl ChainKey {
    /// A key of these bytes; `None` if there are none.
    pub fn new(bytes: Vec<u8>) -> Option<Self> {
        (!bytes.is_empty()).then_some(Self(bytes))
    }
}

impl fmt::Debug for ChainKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChainKey(***)")
    }
}

/// The end of a chain, to which the next entry is added.
#[derive(Debug)]
pub(super) struct Chain {
    key: Option<ChainKey>,
    count: u64,
    head: String,
}

impl Chain {
    /// Begins a chain with `start`, sets its hash, and returns the header's line.
    pub(super) fn begin(
        start: &mut PlanStart,
        key: Option<ChainKey>,
    ) -> serde_json::Result<(Self, String)> {
        let chain = if key.is_some() { KEYED } else { PLAIN };
        chain.clone_into(&mut start.chain);
        start.hash.clear();
        let (line, hash) = seal(start, key.as_ref())?;
        start.hash.clone_from(&hash);
        let chain = Self {
            key,
            count: 0,
            head: hash,
        };
        Ok((chain, line))
    }

    /// Adds `record`, sets its place in the chain, and returns its line.
    pub(super) fn add(&mut self, record: &mut ExecutionLogRecord) -> serde_json::Result<String> {
        record.seq = self.count + 1;
        record.prev_hash.clone_from(&self.head);
        record.hash.clear();
        let (line, hash) = seal(record, self.key.as_ref())?;
        record.hash.clone_from(&hash);
        self.count = record.seq;
        self.head = hash;
        Ok(line)
    }

    /// Ends the chain with `end` and returns its line. The head stays that of the last record.
    pub(super) fn end(&self, end: &mut PlanEnd) -> serde_json::Result<String> {
        end.records = self.count;
        end.prev_hash.clone_from(&self.head);
        end.hash.clear();
        let (line, hash) = seal(end, self.key.as_ref())?;
        end.hash = hash;
        Ok(line)
    }

    /// The key of the chain.
    pub(super) fn key(&self) -> Option<&ChainKey> {
        self.key.as_ref()
    }
}

/// The line of an entry that has no hash yet, and its hash.
pub(super) fn seal(
    entry: &impl Serialize,
    key: Option<&ChainKey>,
) -> serde_json::Result<(String, String)> {
    let mut line = json_line(entry)?;
    line.pop();
    let hash = digest(line.as_bytes(), key);
    line.push_str(HASH_KEY);
    line.push_str(&hash);
    line.push_str("\"}");
    Ok((line, hash))
}

/// True if a run with this header was recorded with a key.
pub(super) fn has_key(header: &str) -> bool {
    serde_json::from_str::<PlanStart>(header).is_ok_and(|header| header.chain == KEYED)
}

/// The hash that `line` should end in, and the one that it does end in. `None` if it ends in none.
pub(super) fn hashes<'l>(line: &'l str, key: Option<&ChainKey>) -> Option<(String, &'l str)> {
    let (content, hash) = line.strip_suffix("\"}")?.rsplit_once(HASH_KEY)?;
    Some((digest(content.as_bytes(), key), hash))
}

fn digest(bytes: &[u8], key: Option<&ChainKey>) -> String {
    match key {
        None => sha256_hex(bytes),
        Some(ChainKey(key)) => {
            // HMAC takes keys of any length; the error is for other constructions.
            let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
                return String::new();
            };
            mac.update(bytes);
            hex(&mac.finalize().into_bytes())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing;

    #[test]
    fn the_hash_is_that_of_the_bytes_before_it() {
        let mut start = testing::start("run-1");
        let (mut chain, header) = Chain::begin(&mut start, None).unwrap();
        let mut record = testing::record(0, "success");
        let line = chain.add(&mut record).unwrap();
        // As anybody can check it with `sha256sum`.
        let content = line.split(",\"hash\":").next().unwrap();
        assert_eq!(sha256_hex(content.as_bytes()), record.hash);
        assert_eq!(record.prev_hash, start.hash);
        assert_eq!(record.seq, 1);
        assert_eq!(json_line(&record).unwrap(), line, "printed as it is kept");
        assert_eq!(json_line(&start).unwrap(), header);
        assert_eq!(
            hashes(&line, None).unwrap(),
            (record.hash.clone(), &*record.hash)
        );
        assert_eq!((chain.count, &*chain.head), (1, &*record.hash));
    }

    #[test]
    fn an_output_that_holds_a_hash_does_not_confuse() {
        let (mut chain, _) = Chain::begin(&mut testing::start("run-1"), None).unwrap();
        let mut record = testing::record(0, "success");
        let text = r#"{"a":1,"hash":"00"}"#.to_owned();
        record.output = Some(
            serde_json::value::RawValue::from_string(text)
                .unwrap()
                .into(),
        );
        let line = chain.add(&mut record).unwrap();
        let (want, got) = hashes(&line, None).unwrap();
        assert_eq!(want, got);
    }

    #[test]
    fn a_key_makes_another_chain() {
        let key = ChainKey::new(b"secret".to_vec());
        let mut start = testing::start("run-1");
        let (_, line) = Chain::begin(&mut start, key.clone()).unwrap();
        assert_eq!(start.chain, KEYED);
        let (want, got) = hashes(&line, key.as_ref()).unwrap();
        assert_eq!(want, got);
        let (want, got) = hashes(&line, None).unwrap();
        assert_ne!(want, got);
        assert!(ChainKey::new(Vec::new()).is_none());
        assert_eq!(format!("{:?}", key.unwrap()), "ChainKey(***)");
    }
}
