//! The thread that owns the connection.
//!
//! Invariant: one thread of a process writes to the state. It takes all work that waits into one
//! transaction and acknowledges it after the commit, never before. If anything in a transaction fails,
//! all of it does: what can't be kept must not look kept.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::Builder;

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use super::chain::ChainKey;
use super::database::{Database, StoreError, files_of, sqlite_message, unusable};
use crate::engine::LogError;

/// The length of the write-ahead log, in pages, at which a commit brings it into the file. Whoever opens
/// the state first reads all of it, so a short run pays for a long one; a commit that does it waits for the
/// disk.
const MAX_WAL_PAGES: u32 = 200;

/// What the writer keeps of the database, in KiB: it only ever needs the ends of its tables.
const CACHE_KIB: i64 = 256;

/// A piece of work: first done, then told what became of its transaction.
trait Work: Send {
    fn run(&mut self, transaction: &Connection) -> rusqlite::Result<()>;
    fn acknowledge(self: Box<Self>, committed: &Result<(), String>);
}

struct Job<F, T> {
    work: Option<F>,
    value: Option<T>,
    done: oneshot::Sender<Result<T, String>>,
}

impl<F, T> Work for Job<F, T>
where
    F: FnOnce(&Connection) -> rusqlite::Result<T> + Send,
    T: Send,
{
    fn run(&mut self, transaction: &Connection) -> rusqlite::Result<()> {
        if let Some(work) = self.work.take() {
            self.value = Some(work(transaction)?);
        }
        Ok(())
    }

    fn acknowledge(self: Box<Self>, committed: &Result<(), String>) {
        let value = self.value.ok_or_else(String::new);
        let outcome = committed.clone().and(value);
        // The run may have stopped waiting.
        self.done.send(outcome).ok();
    }
}

/// The state, open for writing. Its thread is never waited for: what counts was acknowledged, and a
/// disk that hangs must not keep obs alive.
#[derive(Debug)]
pub struct StateWriter {
    dir: PathBuf,
    key: Option<ChainKey>,
    work: Sender<Box<dyn Work>>,
}

impl StateWriter {
    /// Opens the state in `dir`, which is made where it is not there, and marks the runs whose obs is
    /// dead as interrupted. `key` is that of the chains and of the ledger.
    pub fn open(dir: &Path, key: Option<ChainKey>) -> Result<Self, StoreError> {
        let Database {
            mut connection,
            dir,
        } = Database::create(dir)?;
        let wrong = |error: rusqlite::Error| unusable(&dir, &sqlite_message(&error));
        super::lock::mark_interrupted(&connection, &dir, key.as_ref()).map_err(wrong)?;
        let autocheckpoint = format!("PRAGMA wal_autocheckpoint = {MAX_WAL_PAGES}");
        // Negative: in KiB and not in pages.
        connection
            .pragma_update(None, "cache_size", -CACHE_KIB)
            .and_then(|()| connection.query_row(&autocheckpoint, [], |_| Ok(())))
            .map_err(wrong)?;
        let (work, waiting) = mpsc::channel();
        Builder::new()
            .name("obs-store".to_owned())
            .spawn(move || serve(&mut connection, &waiting))
            .map_err(|error| unusable(&dir, &error))?;
        Ok(Self { dir, key, work })
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

    /// Sends `work` to the thread at once; the future waits for the commit.
    pub(super) fn submit<T, F>(
        &self,
        work: F,
    ) -> impl Future<Output = Result<T, LogError>> + use<T, F>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let (done, acknowledged) = oneshot::channel();
        let name = self.name();
        let (work, value) = (Some(work), None);
        let sent = self.work.send(Box::new(Job { work, value, done }));
        async move {
            let outcome = match sent {
                Ok(()) => acknowledged.await.ok(),
                Err(_) => None,
            };
            let outcome = outcome.unwrap_or_else(|| Err("its writer has stopped".to_owned()));
            outcome.map_err(|reason| LogError { name, reason })
        }
    }
}

fn serve(connection: &mut Connection, waiting: &Receiver<Box<dyn Work>>) {
    // After a failure nothing is kept any more: what follows in a chain would not follow.
    let mut committed = Ok(());
    while let Ok(first) = waiting.recv() {
        let mut all: Vec<_> = std::iter::once(first).chain(waiting.try_iter()).collect();
        if committed.is_ok() {
            committed = commit(connection, &mut all).map_err(|error| sqlite_message(&error));
        }
        for work in all {
            work.acknowledge(&committed);
        }
    }
}

fn commit(connection: &mut Connection, all: &mut [Box<dyn Work>]) -> rusqlite::Result<()> {
    // Dropping it rolls it back.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for work in all {
        work.run(&transaction)?;
    }
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insert(connection: &Connection, run_id: &str) -> rusqlite::Result<usize> {
        let text =
            "INSERT INTO runs (run_id, assistant_id, plan, steps, started_ms, status, head, header)
                    VALUES (?1, '', '', 0, 0, 'success', '', '')";
        connection.execute(text, [run_id])
    }

    #[tokio::test]
    async fn what_waits_is_committed_together_and_fails_together() {
        let temp = tempfile::tempdir().unwrap();
        let store = StateWriter::open(temp.path(), None).unwrap();
        let one = store.submit(|connection| insert(connection, "1"));
        let two = store.submit(|connection| insert(connection, "2"));
        one.await.unwrap();
        two.await.unwrap();
        let error = store
            .submit(|connection| insert(connection, "1"))
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("UNIQUE constraint failed"),
            "{error}"
        );
        // After a failure nothing is kept any more, but what was kept is there.
        let later = store.submit(|connection| insert(connection, "3"));
        let later = later.await;
        assert_eq!(later.unwrap_err().to_string(), error.to_string());
        let store = StateWriter::open(temp.path(), None).unwrap();
        let count = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
        let query = move |c: &Connection| c.query_row("SELECT count(*) FROM runs", [], count);
        let count = store.submit(query);
        assert_eq!(count.await.unwrap(), 2);
    }
}
