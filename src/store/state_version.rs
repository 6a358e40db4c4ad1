//! The schema version of a state, read without opening the database.
//!
//! Invariant: nothing is created or changed. SQLite itself would create the files beside a database
//! in WAL mode, also to read it, so the version is read from the header of page 1: of the newest
//! copy in the write-ahead log, else of the file.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use super::database::{MIGRATIONS, database_files};

/// The beginning of every database of SQLite.
const MAGIC: &[u8] = b"SQLite format 3\0";

/// Where `user_version` stands in page 1.
const USER_VERSION: usize = 60;

const WAL_HEADER: u64 = 32;
const FRAME_HEADER: u64 = 24;

/// The most frames that are looked at: obs writes the log back long before.
const MAX_FRAMES: u64 = 1 << 20;

/// The versions of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StateVersion {
    /// Of the state.
    pub found: usize,
    /// The newest that this obs supports.
    pub known: usize,
}

/// The version of the state in `dir`; `None` if there is no state yet.
pub(crate) fn state_version(dir: &Path) -> io::Result<Option<StateVersion>> {
    let [database, log] = database_files(dir);
    let file = match open(&database) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut header = [0; 64];
    let is_read = file.read_exact_at(&mut header, 0);
    if is_read.is_err() || !header.starts_with(MAGIC) {
        return Err(io::Error::other("it is not a database of SQLite"));
    }
    let newer = open(&log).ok().and_then(|log| first_page(&log));
    let header = newer.unwrap_or(header);
    Ok(Some(StateVersion {
        found: usize::try_from(number(&header, USER_VERSION)).unwrap_or(usize::MAX),
        known: MIGRATIONS.len(),
    }))
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).custom_flags(libc::O_NONBLOCK);
    options.open(path)
}

/// The header of page 1 as the last commit in the log has it.
fn first_page(log: &File) -> Option<[u8; 64]> {
    let mut start = [0; 32];
    log.read_exact_at(&mut start, 0).ok()?;
    let page_bytes = u64::from(number(&start, 8));
    let (mut pending, mut committed) = (None, None);
    for index in 0..MAX_FRAMES {
        let at = WAL_HEADER + index * (FRAME_HEADER + page_bytes);
        let mut frame = [0; 24];
        // Frames of an earlier round have other salts.
        if log.read_exact_at(&mut frame, at).is_err() || frame[8..16] != start[16..24] {
            break;
        }
        if number(&frame, 0) == 1 {
            pending = Some(at + FRAME_HEADER);
        }
        if number(&frame, 4) != 0 {
            committed = pending;
        }
    }
    let mut header = [0; 64];
    log.read_exact_at(&mut header, committed?).ok()?;
    header.starts_with(MAGIC).then_some(header)
}

fn number(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..at + 4).and_then(|four| four.try_into().ok());
    four.map_or(0, u32::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::super::database::Database;
    use super::*;

    #[test]
    fn the_version_is_that_of_the_last_commit() {
        let temp = tempfile::tempdir().unwrap();
        assert_eq!(state_version(temp.path()).unwrap(), None);
        let database = Database::create(temp.path()).unwrap();
        let found = || state_version(temp.path()).unwrap().unwrap().found;
        assert_eq!(found(), MIGRATIONS.len());
        for version in [7, 2] {
            let connection = &database.connection;
            connection
                .pragma_update(None, "user_version", version)
                .unwrap();
            assert_eq!(found(), version);
        }
        drop(database);
        assert_eq!(found(), 2);
        for other in [&b""[..], b"no database", &[0; 4096]] {
            let [file, log] = database_files(temp.path());
            std::fs::remove_file(log).ok();
            std::fs::write(file, other).unwrap();
            assert!(state_version(temp.path()).is_err());
        }
    }
}
