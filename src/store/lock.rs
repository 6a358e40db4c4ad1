//! Which runs are in progress, without guessing at process ids.
//!
//! Invariant: a run that is `running` in the state holds an exclusive `flock` on a file of its own,
//! from before its row is there until after its end is. The kernel releases it when obs dies in
//! whatever way; so a run that is `running` and not locked was interrupted.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};
use rustix::fs::{FlockOperation, flock};

/// Where the files are, in the state's directory.
const DIR: &str = "locks";

/// A run's lock. Dropping it ends it.
#[derive(Debug)]
pub(super) struct RunLock {
    path: PathBuf,
    /// Held until the end.
    _file: File,
}

impl RunLock {
    /// Locks a run that is about to start.
    pub(super) fn take(state: &Path, run_id: &str) -> io::Result<Self> {
        let dir = state.join(DIR);
        DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
        let path = dir.join(run_id);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Self { path, _file: file })
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        // A file that stays behind is found by the next obs.
        std::fs::remove_file(&self.path).ok();
    }
}

/// The right to go on with a run. Its file stays, so that whoever comes later locks the same one.
#[derive(Debug)]
pub struct ResumeLock {
    /// Held until the end.
    _file: File,
}

impl ResumeLock {
    /// Takes the right to go on with `run_id`; `None` where another obs has it.
    pub(super) fn take(state: &Path, run_id: &str) -> io::Result<Option<Self>> {
        let dir = state.join(DIR);
        DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(resume_file(state, run_id))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }
}

fn resume_file(state: &Path, run_id: &str) -> PathBuf {
    state.join(DIR).join(format!("resume-{run_id}"))
}

/// Removes what is left of a run that is removed.
pub(super) fn forget(state: &Path, run_id: &str) {
    std::fs::remove_file(resume_file(state, run_id)).ok();
}

/// True where the run's obs lives.
pub(super) fn is_held(state: &Path, run_id: &str) -> bool {
    File::open(state.join(DIR).join(run_id)).is_ok_and(|file| {
        flock(&file, FlockOperation::NonBlockingLockShared) == Err(rustix::io::Errno::WOULDBLOCK)
    })
}

/// Marks the runs whose obs is dead, ends the probes that they had under way, and gives how many.
pub(super) fn mark_interrupted(connection: &Connection, state: &Path) -> rusqlite::Result<usize> {
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
    for run_id in &dead {
        // It may have ended since: then its row says so.
        connection.execute(
            "UPDATE runs SET status = 'interrupted', ended_ms = coalesce(
                 (SELECT max(ended_ms) FROM records WHERE run = runs.id), started_ms)
             WHERE run_id = ?1 AND status = 'running'",
            params![run_id],
        )?;
        connection.execute(
            "UPDATE circuits SET probe_run = NULL, probe_until_ms = NULL WHERE probe_run = ?1",
            params![run_id],
        )?;
        std::fs::remove_file(state.join(DIR).join(run_id)).ok();
    }
    Ok(dead.len())
}
