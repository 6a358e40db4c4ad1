//! Measures what the files in a step's directories occupy, while the step changes them.
//!
//! Invariant: a measurement uses one descriptor and a bounded amount of memory, however deep or
//! wide the tree is. It follows no link, stays on the file system and never reads a directory
//! outside the roots: if a directory's parent is not the one it came from, the measurement ends. It
//! can be interrupted after every entry, so it takes at most a twentieth of the time. Each link to
//! a file counts with its share of the file's size, so no list of seen files is needed.

use std::ffi::CStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, RawDir, SeekFrom, Stat, fstat, openat, seek, statat,
};
use rustix::io::Errno;

use super::limits::{LimitBreach, ResourceKind};
use super::subdirectory::{OwnerGets, open_directory, open_subdirectory};

/// How long one part of a measurement may take. The pause after it is twenty times as long as the
/// part.
const SLICE: Duration = Duration::from_millis(2);
const PAUSE_FACTOR: u32 = 20;

/// How long the measurement before the step may take. The supervisor handles no request meanwhile.
const FIRST_TIMEOUT: Duration = Duration::from_secs(2);

/// How long the last measurement may take, when the step has ended.
const LAST_TIMEOUT: Duration = Duration::from_secs(10);

/// The greatest depth of directories under a limit: each level takes memory.
const MAX_DEPTH: usize = 32 * 1024;

/// Small, because it is read again after each subdirectory.
const BUFFER_BYTES: usize = 4 * 1024;

/// The unit of `st_blocks`.
const BLOCK_BYTES: u64 = 512;

/// Measures a step's directories periodically.
pub(super) struct DiskMonitor {
    roots: Vec<OwnedFd>,
    allowed: u64,
    /// The bytes before the step.
    before: u64,
    /// A directory was too deep before the step.
    was_too_deep: bool,
    measurement: Measurement,
    /// The previous measurement exceeded the limit.
    suspected: bool,
    next: Instant,
}

impl DiskMonitor {
    /// Measures what is in `directories` before the step.
    ///
    /// # Errors
    /// [`io::ErrorKind::TimedOut`] if there is too much to be measured.
    pub(super) fn new(directories: &[&CStr], allowed: u64) -> io::Result<Self> {
        Self::within(FIRST_TIMEOUT, directories, allowed)
    }

    fn within(timeout: Duration, directories: &[&CStr], allowed: u64) -> io::Result<Self> {
        let deadline = Some(Instant::now() + timeout);
        let roots = directories
            .iter()
            .map(|path| open_directory(path, OwnerGets::Nothing))
            .collect::<Result<Vec<_>, _>>()?;
        let first = loop {
            let mut measurement = Measurement::new(OwnerGets::Nothing);
            match measurement.advance(&roots, deadline) {
                MeasureProgress::Complete => break measurement,
                MeasureProgress::Disturbed if !is_over(deadline) => {}
                MeasureProgress::Paused | MeasureProgress::Disturbed => {
                    return Err(Errno::TIMEDOUT.into());
                }
            }
        };
        Ok(Self {
            roots,
            allowed,
            before: first.bytes,
            was_too_deep: first.is_too_deep,
            measurement: Measurement::new(OwnerGets::Nothing),
            suspected: false,
            next: Instant::now(),
        })
    }

    /// Continues the measurement. Files that are renamed meanwhile may count twice, so two
    /// measurements have to agree.
    pub(super) fn measure(&mut self) -> Option<LimitBreach> {
        let begun = Instant::now();
        if begun < self.next {
            return None;
        }
        let progress = self.measurement.advance(&self.roots, Some(begun + SLICE));
        self.next = Instant::now() + begun.elapsed() * PAUSE_FACTOR;
        let breach = self.breach();
        if progress == MeasureProgress::Paused && breach.is_none() {
            return None;
        }
        self.measurement = Measurement::new(OwnerGets::Nothing);
        let confirmed = self.suspected;
        // A disturbed measurement says nothing about the previous one.
        if progress != MeasureProgress::Disturbed || breach.is_some() {
            self.suspected = breach.is_some();
        }
        breach.filter(|_| confirmed)
    }

    /// Measures what the step has left, which nobody changes any more.
    pub(super) fn last(&mut self) -> Option<LimitBreach> {
        let mut measurement = Measurement::new(OwnerGets::Read);
        measurement.advance(&self.roots, Some(Instant::now() + LAST_TIMEOUT));
        self.measurement = measurement;
        self.breach()
    }

    fn breach(&self) -> Option<LimitBreach> {
        if self.measurement.is_too_deep && !self.was_too_deep {
            return Some(LimitBreach {
                limit: ResourceKind::DirectoryDepth,
                allowed: MAX_DEPTH as u64,
                measured: MAX_DEPTH as u64 + 1,
            });
        }
        let measured = self.measurement.bytes.saturating_sub(self.before);
        (measured > self.allowed).then_some(LimitBreach {
            limit: ResourceKind::Disk,
            allowed: self.allowed,
            measured,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MeasureProgress {
    Complete,
    /// Its time slice has ended.
    Paused,
    /// A directory was moved while it was measured.
    Disturbed,
}

/// A resumable walk through directory trees.
struct Measurement {
    owner_gets: OwnerGets,
    /// Allocated bytes of everything that was read.
    bytes: u64,
    /// There is a directory that is too deep; its content was not read.
    is_too_deep: bool,
    /// The first root that is not complete yet.
    root: usize,
    current: Option<DirReader>,
    /// The directories above the current one.
    above: Vec<Position>,
}

struct DirReader {
    fd: OwnedFd,
    position: Position,
}

/// How far a directory has been read.
struct Position {
    device: u64,
    inode: u64,
    /// The position of the next entry.
    offset: u64,
}

impl Measurement {
    fn new(owner_gets: OwnerGets) -> Self {
        Self {
            owner_gets,
            bytes: 0,
            is_too_deep: false,
            root: 0,
            current: None,
            above: Vec::new(),
        }
    }

    /// Continues until everything is measured or the deadline has passed.
    fn advance(&mut self, roots: &[OwnedFd], deadline: Option<Instant>) -> MeasureProgress {
        loop {
            let Some(directory) = &mut self.current else {
                let Some(root) = roots.get(self.root) else {
                    return MeasureProgress::Complete;
                };
                match DirReader::reopen(root) {
                    Ok((directory, stat)) => {
                        self.bytes += allocated(&stat);
                        self.current = Some(directory);
                    }
                    Err(_) => self.root += 1,
                }
                continue;
            };
            match directory.next_child(&mut self.bytes, self.owner_gets, deadline) {
                NextEntry::Child(child) => {
                    if self.above.len() >= MAX_DEPTH {
                        self.is_too_deep = true;
                    } else {
                        let parent = std::mem::replace(directory, child);
                        self.above.push(parent.position);
                    }
                    if is_over(deadline) {
                        return MeasureProgress::Paused;
                    }
                }
                NextEntry::Paused => return MeasureProgress::Paused,
                NextEntry::End => {
                    if let Some(position) = self.above.pop() {
                        let Some(parent) = directory.parent(position) else {
                            return MeasureProgress::Disturbed;
                        };
                        *directory = parent;
                    } else {
                        self.current = None;
                        self.root += 1;
                    }
                }
            }
        }
    }
}

enum NextEntry {
    Child(DirReader),
    Paused,
    End,
}

impl DirReader {
    fn new(fd: OwnedFd, stat: &Stat) -> Self {
        let position = Position {
            device: stat.st_dev,
            inode: stat.st_ino,
            offset: 0,
        };
        Self { fd, position }
    }

    /// Opens a root again, with a separate reading position.
    fn reopen(root: &OwnedFd) -> rustix::io::Result<(Self, Stat)> {
        let fd = openat(root, c".", flags(), Mode::empty())?;
        let stat = fstat(&fd)?;
        Ok((Self::new(fd, &stat), stat))
    }

    /// The directory above, if it is the one with `position`.
    fn parent(&self, position: Position) -> Option<Self> {
        let fd = openat(&self.fd, c"..", flags(), Mode::empty()).ok()?;
        let stat = fstat(&fd).ok()?;
        let is_same = (stat.st_dev, stat.st_ino) == (position.device, position.inode);
        is_same.then_some(Self { fd, position })
    }

    /// Counts the entries up to the next subdirectory.
    fn next_child(
        &mut self,
        bytes: &mut u64,
        owner_gets: OwnerGets,
        deadline: Option<Instant>,
    ) -> NextEntry {
        let mut buffer = [MaybeUninit::uninit(); BUFFER_BYTES];
        if seek(&self.fd, SeekFrom::Start(self.position.offset)).is_err() {
            return NextEntry::End;
        }
        let mut entries = RawDir::new(&self.fd, &mut buffer);
        while let Some(Ok(entry)) = entries.next() {
            self.position.offset = entry.next_entry_cookie();
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            // It may have been removed by now.
            let Ok(stat) = statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) else {
                continue;
            };
            if counts(&stat, self.position.device) {
                *bytes = bytes.saturating_add(allocated(&stat));
                if is_directory(&stat)
                    && let Ok((child, stat)) = open_subdirectory(&self.fd, name, owner_gets)
                {
                    return NextEntry::Child(Self::new(child, &stat));
                }
            }
            if is_over(deadline) {
                return NextEntry::Paused;
            }
        }
        NextEntry::End
    }
}

/// True unless it is a directory on another file system than its parent, which is on `device`.
/// Files are not compared: if the layers of an overlayfs are on several file systems, it reports
/// the device of the layer.
fn counts(stat: &Stat, device: u64) -> bool {
    !is_directory(stat) || stat.st_dev == device
}

fn is_directory(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Directory
}

/// Widens a number that is 32 or 64 bits, depending on the architecture.
fn wide(number: impl Into<u64>) -> u64 {
    number.into()
}

fn is_over(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| Instant::now() >= deadline)
}

fn flags() -> OFlags {
    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC
}

/// Allocated bytes, divided by the number of links for a file.
fn allocated(stat: &Stat) -> u64 {
    let bytes = u64::try_from(stat.st_blocks).unwrap_or(0) * BLOCK_BYTES;
    if is_directory(stat) {
        bytes
    } else {
        bytes / wide(stat.st_nlink).max(1)
    }
}

#[cfg(test)]
mod tests;
