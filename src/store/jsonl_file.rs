//! Appends whole lines to a file that other processes append to as well.
//!
//! Invariant: a reader finds whole lines only. Each line is written under the log's lock, which is
//! a file elsewhere (see [`LogLock`]); a line that did not fit is truncated again, and a line that
//! a dead writer left incomplete is closed with a line feed before the next one. Without a lock, or
//! with locks in different directories, lines of two obs still do not mix, because a line is one
//! write to a file opened for appending; only a line truncated by a full disk may then stay.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

use super::lock::LogLock;

/// A file open for appending lines.
#[derive(Debug)]
pub(super) struct JsonlFile {
    file: File,
    lock: Option<LogLock>,
    /// False for pipes and devices, which can't be locked, measured or truncated.
    is_regular: bool,
}

impl JsonlFile {
    /// Opens or creates the file, whose lock is in the directory `locks`. A FIFO that nobody reads
    /// is an error instead of a wait.
    pub(super) fn open(path: &Path, locks: Option<&Path>) -> io::Result<Self> {
        let options = |read: bool| {
            let mut options = OpenOptions::new();
            let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
            options
                .read(read)
                .append(true)
                .create(true)
                .custom_flags(flags.bits().cast_signed());
            options
        };
        let is_fifo = path
            .metadata()
            .is_ok_and(|metadata| metadata.file_type().is_fifo());
        // Read access is for the last byte; if it is not allowed, or would make obs the FIFO's own
        // reader, the file is opened for writing only.
        let file = match options(!is_fifo).open(path) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                options(false).open(path)
            }
            outcome => outcome,
        }?;
        // The open had to be non-blocking, the writes must not be.
        let flags = rustix::fs::fcntl_getfl(&file)?;
        rustix::fs::fcntl_setfl(&file, flags - OFlags::NONBLOCK)?;
        let metadata = file.metadata()?;
        let is_regular = metadata.is_file();
        let locks = locks.filter(|_| is_regular);
        let lock = locks.map(|locks| LogLock::open(locks, &metadata));
        Ok(Self {
            file,
            lock: lock.transpose()?,
            is_regular,
        })
    }

    /// Appends `line` and a line feed, whole or not at all.
    pub(super) fn append(&mut self, line: &str) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(line.len() + 2);
        if !self.is_regular {
            bytes.extend_from_slice(line.as_bytes());
            bytes.push(b'\n');
            return self.file.write_all(&bytes);
        }
        let _guard = self.lock.as_mut().map(LogLock::acquire).transpose()?;
        let before = self.file.metadata()?.len();
        if ends_in_the_middle_of_a_line(&self.file, before) {
            bytes.push(b'\n');
        }
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
        let mut written = 0;
        let outcome = write_counting(&self.file, &bytes, &mut written);
        let is_last = |file: &File| {
            file.metadata()
                .is_ok_and(|now| now.len() == before + written)
        };
        if outcome.is_err() && is_last(&self.file) {
            // Best effort: the write's own error is the one to report.
            self.file.set_len(before).ok();
        }
        outcome
    }
}

/// Writes all of `bytes`, and counts those that were written.
fn write_counting(mut file: &File, mut bytes: &[u8], written: &mut u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                *written += count as u64;
                bytes = &bytes[count..];
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn ends_in_the_middle_of_a_line(mut file: &File, len: u64) -> bool {
    let mut last = [b'\n'];
    len > 0
        && file.seek(SeekFrom::Start(len - 1)).is_ok()
        && file.read_exact(&mut last).is_ok()
        && last != [b'\n']
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_writers_leave_whole_lines() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.jsonl");
        let line = "x".repeat(20_000);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut file = JsonlFile::open(&path, Some(&dir.path().join("locks"))).unwrap();
                    for _ in 0..50 {
                        file.append(&line).unwrap();
                    }
                });
            }
        });
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 200);
        assert!(text.lines().all(|read| read == line));
    }

    #[test]
    fn a_torn_line_is_closed_before_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.jsonl");
        std::fs::write(&path, "{\"torn\":").unwrap();
        JsonlFile::open(&path, Some(&dir.path().join("locks")))
            .unwrap()
            .append("{}")
            .unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"torn\":\n{}\n");
    }

    #[test]
    fn what_cannot_be_written_is_an_error_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        let mode = rustix::fs::Mode::RWXU;
        let kind = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, kind, mode, 0).unwrap();
        assert!(JsonlFile::open(&fifo, Some(&dir.path().join("locks"))).is_err());
        assert!(JsonlFile::open(dir.path(), Some(&dir.path().join("locks"))).is_err());
        let full = JsonlFile::open(Path::new("/dev/full"), None)
            .unwrap()
            .append("x")
            .unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
    }
}
