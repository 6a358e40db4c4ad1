//! Appending whole lines to a file that others append to as well.
//!
//! Invariant: a reader finds whole lines only. Each line is written under an exclusive `flock`; one
//! that did not fit is cut off again, and what a dead writer left half-written is closed with a line
//! feed before the next line begins.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::{FlockOperation, OFlags, flock};

/// A file open for appending lines.
#[derive(Debug)]
pub(super) struct LineFile {
    file: File,
    /// False for pipes and devices, which can't be locked, measured or cut.
    is_regular: bool,
}

impl LineFile {
    /// Opens or creates the file. A FIFO that nobody reads is an error instead of a wait.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
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
        // Reading is wanted for the look at the last byte; where it is not allowed, or would make
        // obs the FIFO's own reader, writing alone must do.
        let file = match options(!is_fifo).open(path) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                options(false).open(path)
            }
            outcome => outcome,
        }?;
        // The open had to be non-blocking, the writes must not be.
        let flags = rustix::fs::fcntl_getfl(&file)?;
        rustix::fs::fcntl_setfl(&file, flags - OFlags::NONBLOCK)?;
        let is_regular = file.metadata()?.is_file();
        Ok(Self { file, is_regular })
    }

    /// Appends `line` and a line feed, whole or not at all.
    pub(super) fn append(&mut self, line: &str) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(line.len() + 2);
        if !self.is_regular {
            bytes.extend_from_slice(line.as_bytes());
            bytes.push(b'\n');
            return self.file.write_all(&bytes);
        }
        let lock = Lock::take(&self.file)?;
        let before = self.file.metadata()?.len();
        if self.ends_in_the_middle_of_a_line(before) {
            bytes.push(b'\n');
        }
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
        let outcome = (&self.file).write_all(&bytes);
        if outcome.is_err() {
            // Best effort: the write's own error is the one to tell.
            self.file.set_len(before).ok();
        }
        drop(lock);
        outcome
    }

    fn ends_in_the_middle_of_a_line(&self, len: u64) -> bool {
        let mut last = [b'\n'];
        let mut file = &self.file;
        len > 0
            && file.seek(SeekFrom::Start(len - 1)).is_ok()
            && file.read_exact(&mut last).is_ok()
            && last != [b'\n']
    }
}

struct Lock<'f>(&'f File);

impl<'f> Lock<'f> {
    fn take(file: &'f File) -> io::Result<Self> {
        flock(file, FlockOperation::LockExclusive)?;
        Ok(Self(file))
    }
}

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        // Closing the file would release it as well.
        flock(self.0, FlockOperation::Unlock).ok();
    }
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
                    let mut file = LineFile::open(&path).unwrap();
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
        LineFile::open(&path).unwrap().append("{}").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"torn\":\n{}\n");
    }

    #[test]
    fn what_cannot_be_written_is_an_error_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        let mode = rustix::fs::Mode::RWXU;
        let kind = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, kind, mode, 0).unwrap();
        assert!(LineFile::open(&fifo).is_err());
        assert!(LineFile::open(dir.path()).is_err());
        let full = LineFile::open(Path::new("/dev/full"))
            .unwrap()
            .append("x")
            .unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
    }
}
