//! Removes the trees that skills leave, whatever their shape.
//!
//! Invariant: memory and descriptors do not grow with the depth or the width of a tree, and nothing
//! outside the tree is touched: no link is followed, no mount is crossed, and names are resolved
//! only in an open directory. A directory below the second level is not entered in place. It is
//! renamed into a new directory at the top, which is emptied next, so a tree is removed level by
//! level and no `..` is needed. An interrupted removal leaves a tree like any other, which the next
//! removal deletes.

use std::ffi::{CStr, CString};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, RawDir, SeekFrom, fstat, mkdirat, renameat, seek, statat,
    unlinkat,
};
use rustix::io::Errno;

use crate::process::{OwnerGets, grant_all, open_directory, open_subdirectory};

/// The buffer for one read of a directory.
const BUFFER_BYTES: usize = 16 * 1024;

/// The largest directory that is reused as a level.
const MAX_SPARE_BYTES: i64 = 64 * 1024;

/// Removes whatever is at `path`. An entry with the name `last` goes when all the others are gone.
///
/// # Errors
/// Why something is left. Everything else is removed.
pub(crate) fn remove_tree(path: &Path, last: Option<&CStr>) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    match unlinkat(CWD, &path, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        // It is a directory.
        Err(_) => {}
    }
    let top = open_directory(&path, OwnerGets::All)?;
    Removal::new(&top, last).run()?;
    if let Some(last) = last {
        ignore_missing(unlinkat(&top, last, AtFlags::empty()))?;
    }
    ignore_missing(unlinkat(CWD, &path, AtFlags::REMOVEDIR))
}

/// Removes everything in the directory at `path`.
///
/// # Errors
/// Why something is left. Everything else is removed.
pub(crate) fn empty_directory(path: &Path) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let top = open_directory(&path, OwnerGets::All)?;
    Removal::new(&top, None).run()
}

fn ignore_missing(outcome: rustix::io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(Errno::NOENT) => Ok(()),
        outcome => Ok(outcome?),
    }
}

struct Removal<'a> {
    top: &'a OwnedFd,
    /// An entry of `top` to keep.
    kept: Option<&'a CStr>,
    /// The number in the next level's name.
    number: u64,
    removed: u64,
    made: u64,
    /// How many entries were moved since the current level was begun.
    moved: u64,
    /// An empty level to reuse.
    spare: Option<RemovalLevel>,
    /// An error that left something behind.
    error: Option<Errno>,
}

/// A directory at the top that receives what is below the level being removed.
struct RemovalLevel {
    dir: OwnedFd,
    name: CString,
}

impl<'a> Removal<'a> {
    fn new(top: &'a OwnedFd, kept: Option<&'a CStr>) -> Self {
        Self {
            top,
            kept,
            number: 0,
            removed: 0,
            made: 0,
            moved: 0,
            spare: None,
            error: None,
        }
    }

    /// Removes all levels, repeatedly as long as a pass removes more than it makes.
    fn run(mut self) -> io::Result<()> {
        loop {
            self.error = None;
            (self.removed, self.made, self.moved) = (0, 0, 0);
            let is_deeper_at_top = self.remove_levels();
            match self.error {
                None if !is_deeper_at_top => return Ok(()),
                Some(errno) if self.removed <= self.made => return Err(errno.into()),
                _ => {}
            }
        }
    }

    /// Removes the top's entries, then those of each level that this makes. True if no level could
    /// be made and new entries were moved to the top instead.
    fn remove_levels(&mut self) -> bool {
        let mut next = None;
        self.empty(self.top, true, &mut next);
        let mut is_deeper_at_top = next.is_none() && self.moved > 0;
        while let Some(level) = next.take() {
            self.moved = 0;
            next = self.spare.take();
            self.empty(&level.dir, false, &mut next);
            is_deeper_at_top |= next.is_none() && self.moved > 0;
            if self.moved == 0 {
                self.spare = next.take();
            }
            self.finish_level(level);
        }
        if let Some(level) = self.spare.take() {
            self.remove_level(&level);
        }
        is_deeper_at_top
    }

    /// Keeps an emptied level for reuse: a deep tree alternates between two. A large one is not
    /// kept: most file systems never shrink a directory, and reading it takes time.
    fn finish_level(&mut self, level: RemovalLevel) {
        let is_small = fstat(&level.dir).is_ok_and(|stat| stat.st_size <= MAX_SPARE_BYTES);
        if is_small && self.error.is_none() && self.spare.is_none() {
            self.spare = Some(level);
        } else {
            self.remove_level(&level);
        }
    }

    fn remove_level(&mut self, level: &RemovalLevel) {
        let outcome = unlinkat(self.top, &level.name, AtFlags::REMOVEDIR);
        self.note_removal(outcome);
    }

    /// Removes the entries of `dir` and of its directories. Deeper directories move to `next`.
    fn empty(&mut self, dir: &OwnedFd, is_top: bool, next: &mut Option<RemovalLevel>) {
        self.each_entry(dir, |removal, name, is_dir| {
            let is_next = next.as_ref().is_some_and(|next| *next.name == *name);
            if is_top && (removal.kept == Some(name) || is_next) {
                return;
            }
            if !removal.remove(dir, name, is_dir) {
                let opened = open_subdirectory(dir, name, OwnerGets::All);
                match opened {
                    Ok((child, _)) => removal.flatten(&child, next),
                    Err(errno) => removal.error = Some(errno),
                }
                let outcome = unlinkat(dir, name, AtFlags::REMOVEDIR);
                removal.note_removal(outcome);
            }
        });
    }

    /// Removes the entries of `dir`; directories that are not empty move to `next`.
    fn flatten(&mut self, dir: &OwnedFd, next: &mut Option<RemovalLevel>) {
        self.each_entry(dir, |removal, name, is_dir| {
            if !removal.remove(dir, name, is_dir) {
                removal.raise(dir, name, next);
            }
        });
    }

    /// Calls `act` for the entries of `dir`, and again as long as something was removed: a file
    /// system need not list all entries of a directory that changes.
    fn each_entry(&mut self, dir: &OwnedFd, mut act: impl FnMut(&mut Self, &CStr, bool)) {
        let mut buffer = [MaybeUninit::uninit(); BUFFER_BYTES];
        loop {
            let before = (self.removed, self.moved);
            if let Err(errno) = seek(dir, SeekFrom::Start(0)) {
                self.error = Some(errno);
                return;
            }
            let mut entries = RawDir::new(dir, &mut buffer);
            while let Some(entry) = entries.next() {
                let entry = match entry {
                    Ok(entry) => entry,
                    Err(errno) => {
                        self.error = Some(errno);
                        break;
                    }
                };
                let name = entry.file_name();
                if name != c"." && name != c".." {
                    act(self, name, is_directory(dir, name, entry.file_type()));
                }
            }
            if before == (self.removed, self.moved) {
                return;
            }
        }
    }

    /// Removes an entry. False if it is a directory that is not empty.
    fn remove(&mut self, dir: &OwnedFd, name: &CStr, is_dir: bool) -> bool {
        let flags = if is_dir {
            AtFlags::REMOVEDIR
        } else {
            AtFlags::empty()
        };
        match unlinkat(dir, name, flags) {
            Err(Errno::NOTEMPTY | Errno::EXIST) if is_dir => return false,
            outcome => self.note_removal(outcome),
        }
        true
    }

    fn note_removal(&mut self, outcome: rustix::io::Result<()>) {
        match outcome {
            Ok(()) => self.removed += 1,
            Err(Errno::NOENT) => {}
            Err(errno) => self.error = Some(errno),
        }
    }

    /// Moves a directory to the next level; to the top if no level can be made, because the disk is
    /// full.
    fn raise(&mut self, dir: &OwnedFd, name: &CStr, next: &mut Option<RemovalLevel>) {
        if next.is_none() {
            *next = self.make_level();
        }
        let target = next.as_ref().map_or(self.top, |next| &next.dir);
        let mut is_granted = false;
        loop {
            match renameat(dir, name, target, self.next_name()) {
                Ok(()) => {
                    self.moved += 1;
                    return;
                }
                // The name is taken.
                Err(Errno::EXIST | Errno::NOTEMPTY | Errno::NOTDIR) => {}
                // Its entry `..` changes, which takes the permission to write to it.
                Err(Errno::ACCESS) if !is_granted => {
                    is_granted = true;
                    grant_all(dir, name).ok();
                }
                Err(errno) => {
                    self.error = Some(errno);
                    return;
                }
            }
        }
    }

    fn make_level(&mut self) -> Option<RemovalLevel> {
        loop {
            let name = self.next_name();
            match mkdirat(self.top, &name, Mode::RWXU) {
                Ok(()) => {
                    self.made += 1;
                    let (dir, _) = open_subdirectory(self.top, &name, OwnerGets::All).ok()?;
                    return Some(RemovalLevel { dir, name });
                }
                Err(Errno::EXIST) => {}
                Err(_) => return None,
            }
        }
    }

    fn next_name(&mut self) -> CString {
        self.number += 1;
        CString::new(format!(".obs-remove-{}", self.number)).unwrap_or_default()
    }
}

fn is_directory(dir: &OwnedFd, name: &CStr, kind: FileType) -> bool {
    match kind {
        FileType::Unknown => statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory),
        kind => kind == FileType::Directory,
    }
}

#[cfg(test)]
mod tests;
