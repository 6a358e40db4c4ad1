//! The one connection of a process that writes to the state.
//!
//! Invariant: whatever a call returns is committed, in the files that are in the state's directory:
//! SQLite itself writes on to files that somebody removed. A transaction fails as a whole, and
//! nothing is committed after a failure: the next record would not continue the chain.
//!
//! A transaction runs on the run's thread and not on its own: handing it over and back takes two
//! wake-ups of an idle processor. Measured over 1000 steps, medians of 9 rounds: 1131 ms with a
//! thread and 909 ms without (1164 and 1048 if the skill is not idempotent), 463 of them in the
//! loop that only spawns. The price: while the disk blocks a commit, the run's timers wait. A
//! commit waits for the disk only if it checkpoints the write-ahead log into the file. Waiting for
//! another process that holds the state is a timer and blocks nothing.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use super::chain::ChainKey;
use super::database::{BUSY_TIMEOUT, Database, database_files, files_of, sqlite_message, unusable};
use super::error::StoreError;
use crate::engine::LogError;

/// The length of the write-ahead log, in pages, at which a commit checkpoints it. The first process
/// that opens the state reads all of it, so a short run pays for a long one; a commit that
/// checkpoints waits for the disk.
const MAX_WAL_PAGES: u32 = 200;

/// Time between two attempts to lock the state while another process holds it.
const BUSY_PAUSE: Duration = Duration::from_millis(2);

/// The writer's page cache, in KiB: it only needs the ends of its tables.
const CACHE_KIB: i64 = 256;

/// The failure once the files that are open are not those in the directory.
const REMOVED: &str = "its files were removed or replaced during the run";

/// The state, open for writing.
#[derive(Debug)]
pub struct StateWriter {
    dir: PathBuf,
    key: Option<ChainKey>,
    connection: Mutex<Connection>,
    /// The files that the connection has open.
    files: FileNumbers,
    failure: OnceLock<String>,
}

/// Device and inode of the database and of its write-ahead log.
type FileNumbers = [(u64, u64); 2];

impl StateWriter {
    /// Opens the state in `dir`, which is made if it is not there, and marks the runs whose obs is
    /// dead as interrupted. `key` is that of the chains and of the ledger.
    pub fn open(dir: &Path, key: Option<ChainKey>) -> Result<Self, StoreError> {
        let Database { connection, dir } = Database::create(dir)?;
        let wrong = |error: rusqlite::Error| unusable(&dir, &sqlite_message(&error));
        super::lock::mark_interrupted(&connection, &dir, key.as_ref()).map_err(wrong)?;
        let autocheckpoint = format!("PRAGMA wal_autocheckpoint = {MAX_WAL_PAGES}");
        // Negative: in KiB and not in pages.
        connection
            .pragma_update(None, "cache_size", -CACHE_KIB)
            .and_then(|()| connection.query_row(&autocheckpoint, [], |_| Ok(())))
            .and_then(|()| connection.busy_timeout(Duration::ZERO))
            .map_err(wrong)?;
        let files = file_numbers(&dir).map_err(|error| unusable(&dir, &error))?;
        Ok(Self {
            dir,
            key,
            connection: Mutex::new(connection),
            files,
            failure: OnceLock::new(),
        })
    }

    /// The state's directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The key of the chains and of the ledger.
    pub(super) fn key(&self) -> Option<&ChainKey> {
        self.key.as_ref()
    }

    /// Where the files between the steps of a run are kept.
    pub fn files_of(&self, run_id: &str) -> PathBuf {
        files_of(&self.dir, run_id)
    }

    /// The state's name in messages.
    pub(super) fn name(&self) -> String {
        format!("the state in `{}`", self.dir.display())
    }

    /// Does `work` in a transaction of its own, and waits while another process holds the state.
    pub(super) async fn commit<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, LogError> {
        let error = |reason: &str| LogError {
            name: self.name(),
            reason: reason.to_owned(),
        };
        let since = Instant::now();
        loop {
            if let Some(reason) = self.failure.get() {
                return Err(error(reason));
            }
            match self
                .connection()
                .transaction_with_behavior(TransactionBehavior::Immediate)
            {
                Ok(transaction) => {
                    // Dropping the transaction rolls it back.
                    let value = work(&transaction);
                    let committed = value.and_then(|value| transaction.commit().map(|()| value));
                    let value = committed.map_err(|failure| error(self.fail(&failure)))?;
                    return match file_numbers(&self.dir) {
                        Ok(files) if files == self.files => Ok(value),
                        _ => Err(error(self.failure.get_or_init(|| REMOVED.to_owned()))),
                    };
                }
                Err(busy) if is_busy(&busy) && since.elapsed() < BUSY_TIMEOUT => {}
                Err(failure) => return Err(error(self.fail(&failure))),
            }
            tokio::time::sleep(BUSY_PAUSE).await;
        }
    }

    /// Keeps the first failure and returns its reason.
    fn fail(&self, failure: &rusqlite::Error) -> &str {
        self.failure.get_or_init(|| sqlite_message(failure))
    }

    pub(super) fn connection(&self) -> MutexGuard<'_, Connection> {
        // A panic has rolled its transaction back.
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The files that are in the state's directory now.
fn file_numbers(dir: &Path) -> std::io::Result<FileNumbers> {
    let number = |path: PathBuf| path.symlink_metadata().map(|file| (file.dev(), file.ino()));
    let [database, log] = database_files(dir);
    Ok([number(database)?, number(log)?])
}

/// True if another connection holds the state.
fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insert(connection: &Connection, run_id: &str) -> rusqlite::Result<usize> {
        let text =
            "INSERT INTO runs (run_id, assistant_id, plan, steps, started_ms, status, head, header)
                    VALUES (?1, '', '', 0, 0, 'success', '', hex(randomblob(500)))";
        connection.execute(text, [run_id])
    }

    #[tokio::test]
    async fn after_a_failure_nothing_is_committed_any_more() {
        let temp = tempfile::tempdir().unwrap();
        let store = StateWriter::open(temp.path(), None).unwrap();
        for run_id in ["1", "2"] {
            store
                .commit(|connection| insert(connection, run_id))
                .await
                .unwrap();
        }
        let twice = |connection: &Connection| {
            insert(connection, "3")?;
            insert(connection, "1")
        };
        let error = store.commit(twice).await.unwrap_err();
        assert!(
            error.to_string().contains("UNIQUE constraint failed"),
            "{error}"
        );
        let later = store.commit(|connection| insert(connection, "4")).await;
        assert_eq!(later.unwrap_err().to_string(), error.to_string());
        let store = StateWriter::open(temp.path(), None).unwrap();
        let count = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
        let query = |c: &Connection| c.query_row("SELECT count(*) FROM runs", [], count);
        assert_eq!(store.commit(query).await.unwrap(), 2);
    }

    type Removal<'r> = &'r dyn Fn(&Path);

    #[tokio::test]
    async fn nothing_is_acknowledged_that_is_written_to_removed_files() {
        let remove = |dir: &Path| std::fs::remove_dir_all(dir).unwrap();
        let replace = |dir: &Path| {
            std::fs::remove_dir_all(dir).unwrap();
            StateWriter::open(dir, None).unwrap();
        };
        let rename = |dir: &Path| std::fs::rename(dir, dir.with_extension("old")).unwrap();
        let database = |dir: &Path| std::fs::remove_file(dir.join("obs.db")).unwrap();
        let log = |dir: &Path| std::fs::remove_file(dir.join("obs.db-wal")).unwrap();
        let ways: [(&str, Removal<'_>); 5] = [
            ("removed", &remove),
            ("replaced", &replace),
            ("renamed", &rename),
            ("database", &database),
            ("log", &log),
        ];
        for (what, way) in ways {
            for before in [0, 2] {
                let temp = tempfile::tempdir().unwrap();
                let dir = temp.path().join("state");
                let store = StateWriter::open(&dir, None).unwrap();
                for n in 0..before {
                    let run_id = n.to_string();
                    let kept = store.commit(|connection| insert(connection, &run_id)).await;
                    kept.unwrap();
                }
                way(&dir);
                for _ in 0..2 {
                    let lost = store.commit(|connection| insert(connection, "9")).await;
                    let reason = lost.expect_err(what).to_string();
                    assert!(reason.ends_with(REMOVED), "{what}: {reason}");
                }
            }
        }
    }

    #[tokio::test]
    async fn another_process_that_has_the_state_is_waited_for_without_blocking() {
        let temp = tempfile::tempdir().unwrap();
        let store = StateWriter::open(temp.path(), None).unwrap();
        let other = Database::open(temp.path()).unwrap().unwrap().connection;
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let (inserted, ()) =
            tokio::join!(store.commit(|connection| insert(connection, "1")), async {
                // Runs although the other future waits.
                tokio::task::yield_now().await;
                other.execute_batch("COMMIT").unwrap();
            });
        assert_eq!(inserted.unwrap(), 1);
    }

    #[tokio::test]
    async fn short_runs_do_not_leave_a_long_log_behind() {
        let temp = tempfile::tempdir().unwrap();
        // How many pages whoever opens the state has to read.
        let pages = || {
            let database = Database::open(temp.path()).unwrap().unwrap();
            let frames = |row: &rusqlite::Row<'_>| row.get::<_, u32>(1);
            database
                .connection
                .query_row("PRAGMA wal_checkpoint(NOOP)", [], frames)
                .unwrap()
        };
        let mut longest = 0;
        for run in 0..150 {
            let store = StateWriter::open(temp.path(), None).unwrap();
            for n in 0..3 {
                let run_id = format!("{}", run * 3 + n);
                store
                    .commit(|connection| insert(connection, &run_id))
                    .await
                    .unwrap();
            }
            drop(store);
            longest = longest.max(pages());
        }
        assert!(
            (MAX_WAL_PAGES / 2..2 * MAX_WAL_PAGES).contains(&longest),
            "{longest}"
        );
    }
}
