//! Opens directories that a skill has filled.
//!
//! Invariant: only directories are opened. A subdirectory is on the file system of its parent. The
//! last component is never followed if it is a link, even if it is replaced at the same time.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, Stat, chmod, fstat, openat, openat2};
use rustix::io::{Errno, Result};

/// Permissions that the owner of a directory gets if they are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OwnerGets {
    /// None: opening fails if the owner can't read the directory.
    Nothing,
    /// Permission to read it.
    Read,
    /// All permissions, and others get none.
    All,
}

/// Opens the directory at `path`, which may be a mount point.
pub(crate) fn open_directory(path: &CStr, owner_gets: OwnerGets) -> Result<OwnedFd> {
    let handle = openat(CWD, path, OFlags::PATH | flags(), Mode::empty())?;
    let stat = fstat(&handle)?;
    open_handle(&handle, &stat, owner_gets)
}

/// Opens the directory `name` in `parent`.
pub(crate) fn open_subdirectory(
    parent: impl AsFd,
    name: &CStr,
    owner_gets: OwnerGets,
) -> Result<(OwnedFd, Stat)> {
    let parent = parent.as_fd();
    let handle = open_in(parent, name)?;
    let stat = fstat(&handle)?;
    if stat.st_dev != fstat(parent)?.st_dev {
        return Err(Errno::XDEV);
    }
    let dir = open_handle(&handle, &stat, owner_gets)?;
    Ok((dir, stat))
}

/// Gives the owner of the directory `name` all permissions.
pub(crate) fn grant_all(parent: impl AsFd, name: &CStr) -> Result<()> {
    let handle = open_in(parent.as_fd(), name)?;
    chmod(own_path(&handle), Mode::RWXU)
}

/// Opens for reading what `handle` refers to, even if its name now belongs to something else.
fn open_handle(handle: &OwnedFd, stat: &Stat, owner_gets: OwnerGets) -> Result<OwnedFd> {
    let mode = Mode::from_raw_mode(stat.st_mode);
    let wanted = match owner_gets {
        OwnerGets::Nothing => mode,
        OwnerGets::Read => mode | Mode::RUSR | Mode::XUSR,
        OwnerGets::All => Mode::RWXU,
    };
    if mode != wanted {
        chmod(own_path(handle), wanted)?;
    }
    openat(handle, c".", OFlags::RDONLY | flags(), Mode::empty())
}

/// A path to an open file that needs no permission on the directories above it.
fn own_path(file: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

fn flags() -> OFlags {
    OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC
}

/// A handle to `name`, without crossing a mount. If `openat2` is not available, a mount of the same
/// file system is not detected.
fn open_in(parent: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd> {
    let flags = OFlags::PATH | flags();
    let resolve = ResolveFlags::NO_XDEV | ResolveFlags::NO_SYMLINKS | ResolveFlags::BENEATH;
    match openat2(parent, name, flags, Mode::empty(), resolve) {
        Err(Errno::NOSYS | Errno::PERM) => openat(parent, name, flags, Mode::empty()),
        outcome => outcome,
    }
}
