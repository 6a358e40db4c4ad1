//! The ledger: one row for each start, end, answer about and removal of a run, which reveals truncated and
//! removed runs.
//!
//! Invariant: a row is written in the transaction of the change that it records, and its hash
//! covers the row before it, as in the chain of a run. No row is ever removed. The head, hashed as
//! well, says which row is the last: without the key nobody can make one for a shorter ledger. A
//! row added to a ledger that does not end as its head says has no `prev_hash`, so the damage stays
//! visible.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Deserialize, Serialize};

use super::chain::{ChainKey, KEYED, PLAIN, hashes, seal};
use super::given_answer::LedgerApproval;

/// Why a row can't be added without the key.
pub(super) const NEEDS_KEY: &str = "its ledger is written with a key: set `OBS_CHAIN_KEY`";

/// The event of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum LedgerEvent {
    /// A run has started.
    RunStart,
    /// A run has ended, or was interrupted.
    RunEnd,
    /// A request for approval was answered.
    Approval,
    /// `obs runs prune` has removed a run.
    Prune,
}

impl LedgerEvent {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::RunStart => "run_start",
            Self::RunEnd => "run_end",
            Self::Approval => "approval",
            Self::Prune => "prune",
        }
    }
}

/// A row. Its fields are written in this order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LedgerEntry {
    pub(super) event: LedgerEvent,
    /// From 1.
    pub(super) seq: u64,
    pub(super) timestamp: Timestamp,
    pub(super) run_id: String,
    pub(super) status: String,
    /// How many records the run has.
    pub(super) records: u64,
    /// The hash of the last record; of the header if there is none.
    pub(super) head: String,
    /// The hash of the run's end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) end: Option<String>,
    /// The answer, of an [`LedgerEvent::Approval`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) approval: Option<LedgerApproval>,
    pub(super) chain: String,
    pub(super) prev_hash: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) hash: String,
}

/// Where the ledger ends.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LedgerHead {
    pub(super) last_entry: String,
    pub(super) entries: u64,
    pub(super) chain: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) hash: String,
}

/// The end of the ledger, to which the next row is added.
struct LedgerTail {
    entries: u64,
    /// The hash of the last row; `None` if the ledger is damaged.
    head: Option<String>,
}

impl LedgerEntry {
    /// A row with the current values of the run.
    pub(super) fn about(
        event: LedgerEvent,
        run_id: &str,
        connection: &Connection,
    ) -> rusqlite::Result<Self> {
        let text = "SELECT status, count, head, \"end\" FROM runs WHERE run_id = ?1";
        connection.prepare_cached(text)?.query_row([run_id], |row| {
            let end: Option<String> = row.get(3)?;
            Ok(Self {
                event,
                seq: 0,
                timestamp: Timestamp::now(),
                run_id: run_id.to_owned(),
                status: row.get(0)?,
                records: row.get(1)?,
                head: row.get(2)?,
                end: end.and_then(|end| hash_of(&end)),
                approval: None,
                chain: String::new(),
                prev_hash: String::new(),
                hash: String::new(),
            })
        })
    }

    /// Adds it to the ledger. The caller has a write transaction.
    pub(super) fn append(
        mut self,
        connection: &Connection,
        key: Option<&ChainKey>,
    ) -> rusqlite::Result<()> {
        let tail = LedgerTail::read(connection, key)?;
        self.seq = tail.entries.saturating_add(1);
        self.prev_hash = tail.head.unwrap_or_default();
        let chain = if key.is_some() { KEYED } else { PLAIN };
        chain.clone_into(&mut self.chain);
        let (line, hash) = seal(&self, key).map_err(not_json)?;
        let text = "INSERT INTO ledger (seq, event, run_id, line) VALUES (?1, ?2, ?3, ?4)";
        connection.prepare_cached(text)?.execute(params![
            self.seq,
            self.event.as_str(),
            self.run_id,
            line
        ])?;
        let head = LedgerHead {
            last_entry: hash,
            entries: self.seq,
            chain: self.chain,
            hash: String::new(),
        };
        let (line, _) = seal(&head, key).map_err(not_json)?;
        connection
            .prepare_cached("INSERT OR REPLACE INTO ledger_head (id, line) VALUES (1, ?1)")?
            .execute([line])
            .map(drop)
    }
}

/// True if appending to the ledger needs the key.
pub(super) fn needs_key(connection: &Connection) -> rusqlite::Result<bool> {
    let head = read_head(connection)?;
    let head = head.and_then(|line| serde_json::from_str::<LedgerHead>(&line).ok());
    Ok(head.is_some_and(|head| head.chain == KEYED))
}

impl LedgerTail {
    fn read(connection: &Connection, key: Option<&ChainKey>) -> rusqlite::Result<Self> {
        let text = "SELECT seq, line FROM ledger ORDER BY seq DESC LIMIT 1";
        let last = connection
            .prepare_cached(text)?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        Ok(Self::check(last, read_head(connection)?.as_deref(), key))
    }

    fn check(last: Option<(u64, String)>, head: Option<&str>, key: Option<&ChainKey>) -> Self {
        let (Some((seq, line)), Some(head)) = (&last, head) else {
            let is_new = last.is_none() && head.is_none();
            return Self {
                entries: last.map_or(0, |(seq, _)| seq),
                head: is_new.then(String::new),
            };
        };
        let entry = serde_json::from_str::<LedgerEntry>(line).ok();
        let parsed = serde_json::from_str::<LedgerHead>(head).ok();
        let entries = parsed.as_ref().map_or(0, |head| head.entries).max(*seq);
        let is_sealed = |chain: &str| has_seal(head, chain, key) != Some(false);
        let head = entry.zip(parsed).and_then(|(entry, head)| {
            let is_last = head.entries == *seq
                && head.last_entry == entry.hash
                && head.chain == entry.chain
                && is_sealed(&head.chain);
            is_last.then_some(entry.hash)
        });
        Self { entries, head }
    }
}

pub(super) fn read_head(connection: &Connection) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT line FROM ledger_head")?
        .query_row([], |row| row.get(0))
        .optional()
}

/// Whether the hash of `line` matches its content; `None` if only the key could tell.
pub(super) fn has_seal(line: &str, chain: &str, key: Option<&ChainKey>) -> Option<bool> {
    let key = match (chain, key) {
        (PLAIN, _) => None,
        (KEYED, Some(key)) => Some(key),
        (KEYED, None) => return None,
        _ => return Some(false),
    };
    Some(hashes(line, key).is_some_and(|(want, got)| want == got))
}

/// The hash that a sealed line ends in.
pub(super) fn hash_of(line: &str) -> Option<String> {
    hashes(line, None).map(|(_, hash)| hash.to_owned())
}

fn not_json(error: serde_json::Error) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(error))
}
