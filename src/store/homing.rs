//! Bringing into the file what the log ahead of it holds, while a run goes on.
//!
//! Invariant: no commit waits for it: it has a thread and a connection of its own, and takes only what it can have
//! without anybody's leave. SQLite does the same inside of a commit once the log has a thousand pages, and then
//! waits for the disk, for a tenth of a step's time on average; what was brought home before costs it
//! nothing any more. So the log stays short, which whoever opens the state first has to read. Runs that are too
//! short for that leave it to SQLite, after fewer pages: each of them reads all that those before it have left.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::Builder;

use rusqlite::Connection;

use super::database::Database;

/// After so many commits, each of some five pages.
const COMMITS: u32 = 80;

/// A run with so many commits is no short one.
const FEW_COMMITS: u32 = 20;

/// After so many pages SQLite does it inside of a commit: in short runs, and in others.
pub(super) const PAGES_OF_SHORT: u32 = 200;
const PAGES: u32 = 1000;

/// Counts commits, and has the log brought home now and then.
pub(super) struct Homing {
    dir: PathBuf,
    commits: u32,
    thread: Option<SyncSender<()>>,
}

impl Homing {
    /// For the state in `dir`. Short runs never come to the point where a thread is started.
    pub(super) fn new(dir: PathBuf) -> Self {
        let (commits, thread) = (0, None);
        Self {
            dir,
            commits,
            thread,
        }
    }

    /// A transaction of `connection` is over.
    pub(super) fn committed(&mut self, connection: &Connection) {
        self.commits += 1;
        if self.commits == FEW_COMMITS {
            // Where it is refused, commits do more of the work.
            leave_to_commits(connection, PAGES).ok();
        }
        if self.commits.is_multiple_of(COMMITS) {
            let thread = self.thread.get_or_insert_with(|| start(self.dir.clone()));
            // Where it is still at it, it takes in what has come since.
            thread.try_send(()).ok();
        }
    }
}

/// Has SQLite do it inside of a commit after so many pages.
pub(super) fn leave_to_commits(connection: &Connection, pages: u32) -> rusqlite::Result<()> {
    connection.query_row(&format!("PRAGMA wal_autocheckpoint = {pages}"), [], |_| {
        Ok(())
    })
}

fn start(dir: PathBuf) -> SyncSender<()> {
    let (sender, asked) = mpsc::sync_channel(1);
    let thread = Builder::new().name("obs-home".to_owned());
    // Without it, commits do its work.
    thread.spawn(move || bring_home(&dir, &asked)).ok();
    sender
}

fn bring_home(dir: &Path, asked: &Receiver<()>) {
    let Ok(Some(database)) = Database::open(dir) else {
        return;
    };
    for () in asked {
        let passive = "PRAGMA wal_checkpoint(PASSIVE)";
        database.connection.query_row(passive, [], |_| Ok(())).ok();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::mailbox::Haste;
    use crate::store::state_writer::Store;

    #[tokio::test]
    async fn short_runs_do_not_leave_a_long_log_behind() {
        let temp = tempfile::tempdir().unwrap();
        // How many pages whoever opens the state has to read.
        let pages = || {
            let database = Database::open(temp.path()).unwrap().unwrap();
            let frames = |row: &rusqlite::Row<'_>| row.get::<_, u32>(1);
            let look = database
                .connection
                .query_row("PRAGMA wal_checkpoint(NOOP)", [], frames);
            look.unwrap()
        };
        let mut longest = 0;
        for run in 0..150 {
            let store = Store::open(temp.path(), None).unwrap();
            for n in 0..3 {
                let insert = move |connection: &Connection| {
                    let text = "INSERT INTO runs (run_id, assistant_id, plan, steps, started_ms, status, head, header)
                                VALUES (?1, '', '', 0, 0, 'success', '', hex(randomblob(500)))";
                    connection.execute(text, [run * 3 + n])
                };
                store.submit(insert, Haste::Now).await.unwrap();
            }
            drop(store);
            longest = longest.max(pages());
        }
        assert!(
            (PAGES_OF_SHORT / 2..2 * PAGES_OF_SHORT).contains(&longest),
            "{longest}"
        );
    }

    #[tokio::test]
    async fn what_many_commits_have_written_is_brought_home() {
        let temp = tempfile::tempdir().unwrap();
        let store = Store::open(temp.path(), None).unwrap();
        let file = temp.path().join("obs.db");
        let size = || file.metadata().unwrap().len();
        let before = size();
        // Fewer pages than make SQLite do it by itself.
        for n in 0..2 * COMMITS {
            let insert = move |connection: &rusqlite::Connection| {
                let text = "INSERT INTO runs (run_id, assistant_id, plan, steps, started_ms, status, head, header)
                            VALUES (?1, '', '', 0, 0, 'success', '', hex(randomblob(500)))";
                connection.execute(text, [n])
            };
            store.submit(insert, Haste::Now).await.unwrap();
        }
        let since = Instant::now();
        while size() == before {
            assert!(since.elapsed().as_secs() < 30, "nothing was brought home");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }
}
