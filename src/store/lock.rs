//! The locks in the state's directory: of runs, of the right to resume one, and of logs.
//!
//! Invariant: a run that is `running` in the state holds an exclusive `flock` on a file of its own,
//! from before its row is there until after its end is. The kernel releases it however obs dies, so
//! a run that is `running` and not locked was interrupted.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};
use rustix::fs::{FlockOperation, flock};
use rustix::io::{Errno, retry_on_intr};

use super::chain::{ChainKey, has_key};
use super::database::{LAST_HASH, RECORDS};
use super::ledger::{LedgerEntry, LedgerEvent};
use crate::process::{create_lock_file, create_new_lock_file, open_lock_file, private_directory};

/// The lock directory's name in the state's directory.
const DIR: &str = "locks";

/// Prefix of the names of log locks.
const LOG_PREFIX: &str = "log-";

/// Prefix of the names of files that name the user of a directory of `--run-dir`.
const RUN_DIR_PREFIX: &str = "run-dir-";

/// A run's lock. Dropping it releases it.
#[derive(Debug)]
pub(super) struct RunLock {
    path: PathBuf,
    /// Held until the end.
    _file: File,
}

impl RunLock {
    /// Locks a run that is about to start.
    pub(super) fn take(state: &Path, run_id: &str) -> io::Result<Self> {
        let dir = lock_directory(state);
        private_directory(&dir)?;
        let path = dir.join(run_id);
        let file = create_new_lock_file(&path)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Self { path, _file: file })
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        // The next obs finds a file that is left behind.
        std::fs::remove_file(&self.path).ok();
    }
}

/// The right to resume a run. Its file stays, so that later processes lock the same one.
#[derive(Debug)]
pub(crate) struct ResumeLock {
    /// Held until the end.
    _file: File,
}

impl ResumeLock {
    /// Takes the right to resume `run_id`; `None` if another obs has it.
    pub(super) fn take(state: &Path, run_id: &str) -> io::Result<Option<Self>> {
        private_directory(&lock_directory(state))?;
        let file = create_lock_file(&resume_file(state, run_id))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// The right to use a directory of `--run-dir`, which one run has at a time. Dropping it releases
/// it.
///
/// The lock is on the directory itself, so it holds for every path to it and for every state. A
/// file in `locks` names the run that has it.
#[derive(Debug)]
pub(crate) struct RunDirLock {
    name: Option<PathBuf>,
    /// Held until the end.
    _directory: File,
}

/// Why a directory of `--run-dir` can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunDirLockError {
    #[error("the run {0} uses it")]
    UsedBy(String),
    #[error("another run uses it")]
    Used,
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl RunDirLock {
    /// Locks the directory at `path` for the run `run_id`.
    pub(crate) fn take(
        path: &Path,
        locks: Option<&Path>,
        run_id: &str,
    ) -> Result<Self, RunDirLockError> {
        let directory = File::open(path)?;
        let metadata = directory.metadata()?;
        let name = format!("{RUN_DIR_PREFIX}{:x}-{}", metadata.dev(), metadata.ino());
        let name = locks.map(|locks| locks.join(name));
        match flock(&directory, FlockOperation::NonBlockingLockExclusive) {
            // Some network file systems have no locks on directories; then nothing is locked.
            Ok(()) | Err(Errno::BADF | Errno::NOTSUP | Errno::NOLCK) => {}
            Err(Errno::WOULDBLOCK) => {
                let user = name.and_then(|name| std::fs::read_to_string(name).ok());
                let user = user.filter(|user| !user.is_empty());
                return Err(user.map_or(RunDirLockError::Used, RunDirLockError::UsedBy));
            }
            Err(errno) => return Err(io::Error::from(errno).into()),
        }
        if let (Some(locks), Some(name)) = (locks, &name) {
            private_directory(locks)?;
            std::fs::write(name, run_id)?;
        }
        Ok(Self {
            name,
            _directory: directory,
        })
    }
}

impl Drop for RunDirLock {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            std::fs::remove_file(name).ok();
        }
    }
}

/// The lock of a log: a file of its own, because a skill that can read the log could lock the log
/// itself.
///
/// Its name is the log's device and inode, so that every path to one log leads to one lock.
#[derive(Debug)]
pub(super) struct LogLock {
    path: PathBuf,
    file: File,
}

impl LogLock {
    /// The lock of the log with this metadata, in the directory `locks`.
    pub(super) fn open(locks: &Path, log: &Metadata) -> io::Result<Self> {
        private_directory(locks)?;
        let path = locks.join(format!("{LOG_PREFIX}{:x}-{}", log.dev(), log.ino()));
        let file = create_lock_file(&path)?;
        Ok(Self { path, file })
    }

    /// Waits for the lock, which is held until the return value is dropped.
    pub(super) fn acquire(&mut self) -> io::Result<LogGuard<'_>> {
        loop {
            retry_on_intr(|| flock(&self.file, FlockOperation::LockExclusive))?;
            if self.file.metadata()?.nlink() > 0 {
                return Ok(LogGuard(&self.file));
            }
            // `obs runs prune` has removed it.
            self.file = create_lock_file(&self.path)?;
        }
    }
}

/// A log's lock, held.
pub(super) struct LogGuard<'l>(&'l File);

impl Drop for LogGuard<'_> {
    fn drop(&mut self) {
        // Closing the file would release it as well.
        flock(self.0, FlockOperation::Unlock).ok();
    }
}

/// Removes the locks of logs that nobody holds.
pub(super) fn remove_log_locks(state: &Path) {
    let entries = std::fs::read_dir(lock_directory(state));
    for entry in entries.into_iter().flatten().flatten() {
        let name = entry.file_name();
        if name.as_encoded_bytes().starts_with(LOG_PREFIX.as_bytes())
            && let Ok(file) = open_lock_file(&entry.path())
            && flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok()
        {
            // Held meanwhile: a waiting process sees that it has no name any more.
            std::fs::remove_file(entry.path()).ok();
        }
    }
}

/// The directory of lock files of the state in `state`.
pub(crate) fn lock_directory(state: &Path) -> PathBuf {
    state.join(DIR)
}

fn resume_file(state: &Path, run_id: &str) -> PathBuf {
    state.join(DIR).join(format!("resume-{run_id}"))
}

/// Removes the lock files of a removed run.
pub(super) fn forget(state: &Path, run_id: &str) {
    std::fs::remove_file(resume_file(state, run_id)).ok();
}

/// True if the run's obs lives.
pub(super) fn is_held(state: &Path, run_id: &str) -> bool {
    open_lock_file(&state.join(DIR).join(run_id)).is_ok_and(|file| {
        flock(&file, FlockOperation::NonBlockingLockShared) == Err(Errno::WOULDBLOCK)
    })
}

/// Marks the runs whose obs is dead as interrupted, ends their probes and calls, and returns how
/// many.
///
/// Each gets its end in the ledger. That of a run with a key needs the key: without it, the next
/// obs that has it adds the end.
pub(super) fn mark_interrupted(
    connection: &Connection,
    state: &Path,
    key: Option<&ChainKey>,
) -> rusqlite::Result<usize> {
    let mut running =
        connection.prepare_cached("SELECT run_id FROM runs WHERE status = 'running'")?;
    let running = running.query_map([], |row| row.get::<_, String>(0))?;
    let mut dead = Vec::new();
    for run_id in running {
        let run_id = run_id?;
        if !is_held(state, &run_id) {
            dead.push(run_id);
        }
    }
    let unended = key.map_or(Ok(Vec::new()), |_| without_end(connection))?;
    if dead.is_empty() && unended.is_empty() {
        return Ok(0);
    }
    // The caller may have a transaction already.
    let begin = || Transaction::new_unchecked(connection, TransactionBehavior::Immediate);
    let transaction = connection.is_autocommit().then(begin).transpose()?;
    for run_id in &dead {
        // It may have ended since: then its row says so.
        let marked = connection.execute(
            &format!(
                "UPDATE runs SET status = 'interrupted', ended_ms = coalesce(
                 (SELECT max(ended_ms) FROM records WHERE run = runs.id), started_ms),
                 count = {RECORDS}, head = {LAST_HASH}
             WHERE run_id = ?1 AND status = 'running'"
            ),
            params![run_id],
        )?;
        connection.execute(
            "UPDATE circuits SET probe_run = NULL, probe_until_ms = NULL WHERE probe_run = ?1",
            params![run_id],
        )?;
        for text in [
            "DELETE FROM calls WHERE run_id = ?1 AND started_ms IS NULL",
            "UPDATE calls SET until_ms = NULL WHERE run_id = ?1",
        ] {
            connection.execute(text, params![run_id])?;
        }
        if marked > 0 && may_end(connection, run_id, key)? {
            LedgerEntry::about(LedgerEvent::RunEnd, run_id, connection)?.append(connection, key)?;
        }
    }
    if !unended.is_empty() {
        // Checked again, because another obs may have added some of them.
        for run_id in without_end(connection)? {
            LedgerEntry::about(LedgerEvent::RunEnd, &run_id, connection)?
                .append(connection, key)?;
        }
    }
    if let Some(transaction) = transaction {
        transaction.commit()?;
    }
    for run_id in &dead {
        std::fs::remove_file(state.join(DIR).join(run_id)).ok();
    }
    Ok(dead.len())
}

/// The interrupted runs without an end in the ledger.
fn without_end(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let text = "SELECT run_id FROM runs WHERE status = 'interrupted' AND is_in_ledger = 1
                    AND NOT EXISTS (SELECT 1 FROM ledger
                                    WHERE ledger.run_id = runs.run_id AND event = 'run_end')
                ORDER BY id";
    let mut statement = connection.prepare_cached(text)?;
    let rows = statement.query_map([], |row| row.get(0))?;
    rows.collect()
}

/// True if the ledger has no end of the run, and an obs with this key, or without one, may add it.
fn may_end(
    connection: &Connection,
    run_id: &str,
    key: Option<&ChainKey>,
) -> rusqlite::Result<bool> {
    let text = "SELECT header FROM runs WHERE run_id = ?1 AND is_in_ledger = 1
                    AND NOT EXISTS (SELECT 1 FROM ledger WHERE run_id = ?1 AND event = 'run_end')";
    let header: Option<String> = connection
        .prepare_cached(text)?
        .query_row([run_id], |row| row.get(0))
        .optional()?;
    Ok(header.is_some_and(|header| key.is_some() || !has_key(&header)))
}
