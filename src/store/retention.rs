//! Which runs are removed, and removing them.
//!
//! Invariant: a run that is kept keeps the run that it resumes, whose files are its own. An active
//! run is kept, and so is one that has asked for an approval until the request expires. Each removal is one transaction with its row in the ledger, so a run in progress
//! never waits long for its turn. The files go before the row: a removal that is cut off is
//! repeated.
//!
//! The id of a run begins with its time (UUID version 7), so the index on ids finds the runs beyond
//! a limit: counting over the rows of 10 000 runs would read all their headers at each end of a run.

use std::path::Path;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, TransactionBehavior, params};

use super::database::{Database, files_of, unusable};
use super::error::StoreError;
use super::ledger::{self, LedgerEntry, LedgerEvent, NEEDS_KEY};
use super::lock::{self, ResumeLock};
use super::state_reader::StateReader;
use super::state_writer::StateWriter;
use crate::executor::remove_tree;

/// What `obs runs prune` keeps: whatever matches any of these.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RetentionPolicy {
    /// Runs that began at this time or later.
    pub since: Option<Timestamp>,
    /// This many of the newest.
    pub last: Option<u64>,
}

/// The bounds of the state: a run beyond any of them is removed when another run ends.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RetentionLimits {
    /// In days; no limit if `None`.
    pub max_days: Option<u32>,
    /// How many runs; no limit if `None`.
    pub max_runs: Option<u64>,
}

/// What was removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Removed {
    pub runs: u64,
    /// By how much the files of the state became smaller.
    pub bytes: u64,
}

/// The most runs that the end of a run removes, and how long it may take. Later runs remove the
/// rest.
const MAX_EXPIRED: usize = 100;
pub(crate) const MAX_EXPIRED_TIME: Duration = Duration::from_millis(100);

/// The most pages that the end of a run gives back.
const EXPIRED_PAGES: u32 = 500;

impl RetentionLimits {
    /// The oldest runs beyond the limits, by row and id, at most `most`.
    fn expired(self, connection: &Connection, most: usize) -> rusqlite::Result<Vec<(i64, String)>> {
        let by_age = self.max_days.map(|days| id_before(days_ago(days)));
        let by_count = match self.max_runs {
            Some(runs) => oldest_kept(connection, runs)?,
            None => None,
        };
        let Some(first_kept) = by_age.max(by_count) else {
            return Ok(Vec::new());
        };
        let mut statement = connection.prepare(
            "SELECT id, run_id FROM runs WHERE run_id < ?1 AND status <> 'running'
                 AND NOT EXISTS (SELECT 1 FROM runs later WHERE later.resumed_from = runs.run_id)
                 AND NOT EXISTS (SELECT 1 FROM approvals
                                 WHERE run = runs.id AND expires_ms > ?3)
             ORDER BY run_id LIMIT ?2",
        )?;
        statement
            .query_map(params![first_kept, most, now_ms()], id_and_run)?
            .collect()
    }
}

fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

/// The time that many days ago.
pub(crate) fn days_ago(days: u32) -> Timestamp {
    let ago = SignedDuration::from_hours(24 * i64::from(days));
    Timestamp::now().checked_sub(ago).unwrap_or(Timestamp::MIN)
}

/// A text that is greater than every run id from before `time`, and no greater than later ones.
fn id_before(time: Timestamp) -> String {
    let ms = u64::try_from(time.as_millisecond()).unwrap_or(0);
    format!("{:08x}-{:04x}", ms >> 16, ms & 0xFFFF)
}

/// The id of the oldest of the newest `runs` runs; `None` if there are fewer.
fn oldest_kept(connection: &Connection, runs: u64) -> rusqlite::Result<Option<String>> {
    let text = "SELECT run_id FROM runs ORDER BY run_id DESC LIMIT 1 OFFSET ?1";
    connection
        .query_row(text, [runs.saturating_sub(1)], |row| row.get(0))
        .optional()
}

fn id_and_run(row: &Row<'_>) -> rusqlite::Result<(i64, String)> {
    Ok((row.get(0)?, row.get(1)?))
}

impl StateWriter {
    /// True if a run is beyond `limits`.
    pub(crate) fn has_expired(&self, limits: RetentionLimits) -> bool {
        limits
            .expired(&self.connection(), 1)
            .is_ok_and(|expired| !expired.is_empty())
    }
}

impl StateReader {
    /// Removes the runs that `keep` does not match, with their records and files. With `is_dry` it
    /// only counts.
    pub(crate) fn prune(
        &mut self,
        keep: RetentionPolicy,
        is_dry: bool,
    ) -> Result<Removed, StoreError> {
        let since = keep.since.map_or(i64::MAX, Timestamp::as_millisecond);
        let last = keep.last.unwrap_or_default();
        let text = "WITH RECURSIVE kept (run_id, resumed_from) AS (
                SELECT run_id, resumed_from FROM runs
                WHERE status = 'running' OR started_ms >= ?1
                    OR EXISTS (SELECT 1 FROM approvals WHERE run = runs.id AND expires_ms > ?3)
                    OR id IN (SELECT id FROM runs ORDER BY id DESC LIMIT ?2)
                UNION SELECT runs.run_id, runs.resumed_from
                FROM kept JOIN runs ON runs.run_id = kept.resumed_from)
            SELECT id, run_id FROM runs WHERE run_id NOT IN (SELECT run_id FROM kept)";
        let found = || -> rusqlite::Result<Vec<(i64, String)>> {
            let mut statement = self.database.connection.prepare(text)?;
            statement
                .query_map(params![since, last, now_ms()], id_and_run)?
                .collect()
        };
        let found = found().map_err(|error| self.unreadable(&error))?;
        if is_dry {
            let runs = found.len() as u64;
            return Ok(Removed { runs, bytes: 0 });
        }
        if self.lacks_key()? {
            return Err(unusable(&self.database.dir, &NEEDS_KEY));
        }
        let before = self.database_bytes();
        let (mut runs, mut bytes) = (0, 0);
        for (id, run_id) in &found {
            let of_files = tree_bytes(&files_of(&self.database.dir, run_id));
            if self.remove(*id, run_id)? {
                runs += 1;
                bytes += of_files;
            }
        }
        lock::remove_log_locks(&self.database.dir);
        // What was removed is removed; giving its space back can wait for the next time.
        self.shrink().ok();
        bytes += before.saturating_sub(self.database_bytes());
        Ok(Removed { runs, bytes })
    }

    /// Removes some of the runs beyond `limits`, for a bounded time.
    pub(crate) fn remove_expired(&mut self, limits: RetentionLimits) -> Result<(), StoreError> {
        let wrong = |error: &rusqlite::Error| self.unreadable(error);
        if self.lacks_key()? {
            return Ok(());
        }
        let connection = &self.database.connection;
        connection
            .busy_timeout(MAX_EXPIRED_TIME)
            .map_err(|error| wrong(&error))?;
        let since = Instant::now();
        let expired = limits.expired(connection, MAX_EXPIRED);
        for (id, run_id) in expired.map_err(|error| wrong(&error))? {
            if since.elapsed() > MAX_EXPIRED_TIME {
                break;
            }
            self.remove(id, &run_id)?;
        }
        self.vacuum(EXPIRED_PAGES).map_err(|error| wrong(&error))
    }

    fn lacks_key(&self) -> Result<bool, StoreError> {
        let needs_key = ledger::needs_key(&self.database.connection);
        let needs_key = needs_key.map_err(|error| self.unreadable(&error))?;
        Ok(needs_key && self.key.is_none())
    }

    /// Removes a run with its files and adds a ledger row. Returns false if another obs is about to
    /// resume it.
    fn remove(&self, id: i64, run_id: &str) -> Result<bool, StoreError> {
        let Database { connection, dir } = &self.database;
        let claim = ResumeLock::take(dir, run_id).map_err(|error| unusable(dir, &error))?;
        let Some(_claim) = claim else {
            return Ok(false);
        };
        remove_tree(&files_of(dir, run_id), None).ok();
        let removed = || -> rusqlite::Result<()> {
            let transaction =
                Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
            // Another obs may have removed it.
            let entry = LedgerEntry::about(LedgerEvent::Prune, run_id, connection).optional()?;
            if let Some(entry) = entry {
                connection.execute("DELETE FROM runs WHERE id = ?1", [id])?;
                entry.append(connection, self.key.as_ref())?;
            }
            transaction.commit()
        };
        removed().map_err(|error| self.unreadable(&error))?;
        lock::forget(dir, run_id);
        Ok(true)
    }

    /// Returns all free pages to the system, in portions, and cuts the write-ahead log.
    fn shrink(&self) -> rusqlite::Result<()> {
        let connection = &self.database.connection;
        let free = || connection.query_row("PRAGMA freelist_count", [], |row| row.get::<_, u64>(0));
        let mut left = free()?;
        while left > 0 {
            self.vacuum(1000)?;
            let now = free()?;
            if now >= left {
                break;
            }
            left = now;
        }
        // A reader keeps the log at its length meanwhile, which is not an error.
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
    }

    fn vacuum(&self, pages: u32) -> rusqlite::Result<()> {
        let connection = &self.database.connection;
        let mut statement = connection.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
        let mut rows = statement.query([])?;
        while rows.next()?.is_some() {}
        Ok(())
    }

    /// The size of the database and of its write-ahead log.
    fn database_bytes(&self) -> u64 {
        ["obs.db", "obs.db-wal"]
            .iter()
            .filter_map(|name| self.database.dir.join(name).metadata().ok())
            .map(|metadata| metadata.len())
            .sum()
    }
}

/// The size of the files below `root`. A path that is too long to be read is not counted.
fn tree_bytes(root: &Path) -> u64 {
    let (mut bytes, mut directories) = (0_u64, vec![root.to_owned()]);
    while let Some(directory) = directories.pop() {
        let entries = std::fs::read_dir(directory).into_iter().flatten();
        for entry in entries.flatten() {
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => directories.push(entry.path()),
                Ok(metadata) => bytes = bytes.saturating_add(metadata.len()),
                Err(_) => {}
            }
        }
    }
    bytes
}
