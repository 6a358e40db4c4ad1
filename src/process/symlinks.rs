//! Resolves symlinks once, before the first step of a run, and refuses them from then on.
//!
//! Invariant: every path from the user goes through [`canonicalize`] before any skill of the run
//! starts. Afterwards, [`Opener`] finds whatever is opened, created or entered. It opens each
//! component separately and follows no symlink: a symlink on the path was created during the run.
//! (`openat2` with `RESOLVE_NO_SYMLINKS` does the same in one call, but a supervisor has the filter
//! of its skills, which denies it.)

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, PROC_SUPER_MAGIC, Stat, fstat, mkdirat, open, openat,
    readlinkat, statat, statfs,
};
use rustix::io::Errno;
use thiserror::Error;

/// The number of symlinks that the kernel follows on one path.
const MAX_LINKS: usize = 40;

/// Opens a symlink itself instead of its target, so that it is detected.
const OPEN: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Why a path can't be used.
#[derive(Debug, Error)]
pub(crate) enum PathError {
    /// This component of it is a symlink.
    #[error("`{}` became a link", .0.display())]
    BecameLink(PathBuf),
    /// An error of the system.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<Errno> for PathError {
    fn from(errno: Errno) -> Self {
        Self::Io(errno.into())
    }
}

impl PathError {
    /// The errno for it. From an [`Opener`], `ELOOP` always means a symlink.
    pub(super) fn errno(&self) -> i32 {
        match self {
            Self::BecameLink(_) => libc::ELOOP,
            Self::Io(error) => error.raw_os_error().unwrap_or(libc::EIO),
        }
    }
}

/// Resolves all symlinks of an absolute path, as far as it exists; the missing names are appended.
///
/// # Errors
/// `ELOOP` for symlinks that form a loop, and for those of procfs: their targets depend on the
/// process, so they lead a skill elsewhere than obs.
pub(crate) fn canonicalize(path: &Path) -> io::Result<PathBuf> {
    if !path.is_absolute() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut resolved = PathBuf::from("/");
    let mut pending = reversed_names(path);
    let (mut links, mut is_missing) = (0, false);
    while let Some(name) = pending.pop() {
        if name == ".." {
            resolved.pop();
            continue;
        }
        resolved.push(&name);
        if is_missing {
            continue;
        }
        match readlinkat(CWD, &resolved, Vec::new()) {
            Ok(target) => {
                resolved.pop();
                links += 1;
                if links > MAX_LINKS || statfs(&resolved)?.f_type == PROC_SUPER_MAGIC {
                    return Err(Errno::LOOP.into());
                }
                let target = PathBuf::from(OsString::from_vec(target.into_bytes()));
                if target.is_absolute() {
                    resolved = PathBuf::from("/");
                }
                pending.extend(reversed_names(&target));
            }
            // It is not a symlink.
            Err(Errno::INVAL) => {}
            // This user can't find it, so there is nothing to follow.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS | Errno::NAMETOOLONG) => {
                is_missing = true;
            }
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(resolved)
}

/// The names of a path, the last one first. `..` is one of them.
fn reversed_names(path: &Path) -> Vec<OsString> {
    let names = path.components().rev().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::CurDir | Component::RootDir | Component::Prefix(_) => None,
    });
    names.collect()
}

/// Creates a directory and its missing parents. An existing one is left as it is.
///
/// # Errors
/// [`PathError::BecameLink`] if the path contains a symlink, and errors of the system.
pub(crate) fn make_directory(path: &Path) -> Result<(), PathError> {
    let mut opener = Opener::default();
    let mut at = opener.root()?;
    for name in names(path)? {
        at = match opener.directory(at, name) {
            Err(PathError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
                match mkdirat(opener.fd(at), name, Mode::from_raw_mode(0o777)) {
                    Ok(()) | Err(Errno::EXIST) => opener.directory(at, name)?,
                    Err(errno) => return Err(errno.into()),
                }
            }
            outcome => outcome?,
        };
    }
    Ok(())
}

/// Creates a directory, which must not exist, for this user only. Its parent must exist.
///
/// # Errors
/// As for [`make_directory`].
pub(crate) fn make_private_directory(path: &Path) -> Result<(), PathError> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Errno::INVAL.into());
    };
    let parent = Opener::default().open_directory(parent)?;
    Ok(mkdirat(&*parent, name, Mode::RWXU)?)
}

/// Opens paths without following symlinks. It keeps the directories on the paths open, so that
/// paths with common parents are cheap. Use it for one start only, because it reflects the file
/// system at one moment.
#[derive(Default)]
pub(super) struct Opener {
    directories: Vec<OpenDir>,
}

/// An open directory. The first one is the root.
struct OpenDir {
    parent: usize,
    name: OsString,
    fd: Rc<OwnedFd>,
}

/// A file that was opened with `O_PATH`, and is not a symlink.
pub(super) struct OpenedPath {
    pub(super) fd: Rc<OwnedFd>,
    stat: Stat,
}

impl OpenedPath {
    /// Device and inode.
    pub(super) fn id(&self) -> (u64, u64) {
        (self.stat.st_dev, self.stat.st_ino)
    }

    pub(super) fn is_directory(&self) -> bool {
        FileType::from_raw_mode(self.stat.st_mode).is_dir()
    }
}

impl Opener {
    /// Opens the file at a canonical path.
    pub(super) fn open(&mut self, path: &Path) -> Result<OpenedPath, PathError> {
        let mut at = self.root()?;
        let mut names = names(path)?.peekable();
        while let Some(name) = names.next() {
            if names.peek().is_some() {
                at = self.directory(at, name)?;
            } else if let Some(known) = self.known(at, name) {
                at = known;
            } else {
                let fd = openat(self.fd(at), name, OPEN, Mode::empty())?;
                let stat = fstat(&fd)?;
                if FileType::from_raw_mode(stat.st_mode).is_symlink() {
                    return Err(self.became_link(at, name));
                }
                let fd = Rc::new(fd);
                return Ok(OpenedPath { fd, stat });
            }
        }
        let fd = Rc::clone(&self.directories[at].fd);
        let stat = fstat(&fd)?;
        Ok(OpenedPath { fd, stat })
    }

    /// Opens the directory at a canonical path.
    pub(super) fn open_directory(&mut self, path: &Path) -> Result<Rc<OwnedFd>, PathError> {
        let mut at = self.root()?;
        for name in names(path)? {
            at = self.directory(at, name)?;
        }
        Ok(Rc::clone(&self.directories[at].fd))
    }

    fn root(&mut self) -> Result<usize, PathError> {
        if self.directories.is_empty() {
            let fd = open("/", OPEN | OFlags::DIRECTORY, Mode::empty())?;
            self.directories.push(OpenDir {
                parent: 0,
                name: OsString::new(),
                fd: Rc::new(fd),
            });
        }
        Ok(0)
    }

    /// The index of a directory that is in another one.
    fn directory(&mut self, parent: usize, name: &OsStr) -> Result<usize, PathError> {
        if let Some(known) = self.known(parent, name) {
            return Ok(known);
        }
        match openat(
            self.fd(parent),
            name,
            OPEN | OFlags::DIRECTORY,
            Mode::empty(),
        ) {
            Ok(fd) => {
                self.directories.push(OpenDir {
                    parent,
                    name: name.to_owned(),
                    fd: Rc::new(fd),
                });
                Ok(self.directories.len() - 1)
            }
            Err(Errno::NOTDIR | Errno::LOOP) if self.is_link(parent, name) => {
                Err(self.became_link(parent, name))
            }
            Err(errno) => Err(errno.into()),
        }
    }

    fn known(&self, parent: usize, name: &OsStr) -> Option<usize> {
        let mut known = self.directories.iter().skip(1);
        let at = known.position(|directory| directory.parent == parent && directory.name == name);
        at.map(|at| at + 1)
    }

    fn is_link(&self, parent: usize, name: &OsStr) -> bool {
        statat(self.fd(parent), name, AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode).is_symlink())
    }

    fn became_link(&self, mut parent: usize, name: &OsStr) -> PathError {
        let mut names = vec![name];
        while parent != 0 {
            let directory = &self.directories[parent];
            names.push(&directory.name);
            parent = directory.parent;
        }
        let names = names.into_iter().rev();
        PathError::BecameLink(Path::new("/").join(names.collect::<PathBuf>()))
    }

    fn fd(&self, at: usize) -> impl AsFd + '_ {
        self.directories[at].fd.as_fd()
    }
}

/// The names of a canonical path, which has no other components.
fn names(path: &Path) -> Result<impl Iterator<Item = &OsStr>, PathError> {
    let is_name = |part| matches!(part, Component::Normal(_) | Component::RootDir);
    if !path.is_absolute() || !path.components().all(is_name) {
        return Err(Errno::INVAL.into());
    }
    Ok(path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name),
        _ => None,
    }))
}

#[cfg(test)]
mod tests;
