//! Opening files below a skills root without ever leaving it.
//!
//! Invariant: a descriptor that leaves this module was reached from the root's own descriptor by
//! `openat2(RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS)`, never by a joined string. Links inside the
//! root are fine, one that leads out of it fails with `EXDEV`. If the system has no `openat2`
//! (before Linux 5.6, or a filter that refuses it) every component is opened by itself with
//! `O_NOFOLLOW`, which refuses all links.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, Stat, fstat, openat, openat2};
use rustix::io::Errno;

/// A directory, held open, that nothing below leads out of.
#[derive(Debug)]
pub struct RootDir {
    fd: OwnedFd,
    /// The canonical absolute path.
    pub path: PathBuf,
}

/// What stands at a path below a root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileKind {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A FIFO, a socket or a device.
    Other,
}

/// Device and inode: the same for two paths to one file.
pub(super) type FileId = (u64, u64);

impl RootDir {
    /// Opens the directory at `path`, which may itself be a link. None where there is no directory.
    pub(super) fn open(path: &Path) -> io::Result<Option<Self>> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = fs::canonicalize(path)
            .and_then(|path| Ok((openat(CWD, &path, flags, Mode::empty())?, path)));
        match opened {
            Ok((fd, path)) => Ok(Some(Self { fd, path })),
            Err(error) if is_absence(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Opens the directory at `below`; `""` is the root itself, here and in all that follows.
    pub(super) fn open_dir(&self, below: &Path) -> io::Result<OwnedFd> {
        open_beneath(self.fd.as_fd(), below, OFlags::RDONLY | OFlags::DIRECTORY)
    }

    /// Opens the regular file at `below` for reading. `O_NONBLOCK` keeps a FIFO from blocking.
    pub(super) fn open_file(&self, below: &Path) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = File::from(open_beneath(self.fd.as_fd(), below, flags)?);
        match kind_of(&fstat(&file)?) {
            FileKind::Regular => Ok(file),
            FileKind::Directory => Err(io::ErrorKind::IsADirectory.into()),
            FileKind::Other => Err(io::Error::other("it is not a regular file")),
        }
    }

    /// What stands at `below`, links followed as far as they stay inside.
    pub(super) fn file_kind(&self, below: &Path) -> io::Result<(FileKind, FileId)> {
        let stat = fstat(open_beneath(self.fd.as_fd(), below, OFlags::PATH)?)?;
        Ok((kind_of(&stat), file_id(&stat)))
    }

    /// The canonical absolute path of the directory at `below`, which must still be the one that
    /// opening beneath the root finds.
    pub(super) fn canonical_dir(&self, below: &Path) -> io::Result<PathBuf> {
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        let opened = fstat(open_beneath(self.fd.as_fd(), below, flags)?)?;
        let path = fs::canonicalize(self.path.join(below))?;
        let named = rustix::fs::stat(&path)?;
        if path.starts_with(&self.path) && file_id(&opened) == file_id(&named) {
            Ok(path)
        } else {
            Err(Errno::XDEV.into())
        }
    }

    /// The names in the directory at `below`, at most `most`, sorted. Those that are no UTF-8 are
    /// left out: no skill can have such a name.
    pub(super) fn names(&self, below: &Path, most: usize) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::new(self.open_dir(below)?)? {
            let name = OsString::from_vec(entry?.file_name().to_bytes().to_vec());
            if let Ok(name) = name.into_string()
                && !matches!(name.as_str(), "." | "..")
            {
                names.push(name);
            }
            if names.len() == most {
                break;
            }
        }
        names.sort_unstable();
        Ok(names)
    }
}

/// Reads at most `most` bytes of `file`; an error where there are more.
pub(super) fn read_at_most(file: &File, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        let message = format!("it is larger than {most} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

/// Reads the first `most` bytes of `file`.
pub(super) fn read_head(file: &File, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(most as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// True if there is simply nothing at a path.
pub(super) fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// True if a path led out of its root, through a link or by climbing.
pub(super) fn leaves_root(error: &io::Error) -> bool {
    [Errno::XDEV, Errno::LOOP]
        .iter()
        .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

fn open_beneath(root: BorrowedFd<'_>, below: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    let below = if below.as_os_str().is_empty() {
        Path::new(".")
    } else {
        below
    };
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let flags = flags | OFlags::CLOEXEC;
    // EAGAIN: something was renamed meanwhile and the kernel could not be sure.
    for _ in 0..16 {
        match openat2(root, below, flags, Mode::empty(), resolve) {
            Err(Errno::AGAIN) => {}
            Err(Errno::NOSYS | Errno::PERM) => return open_component_wise(root, below, flags),
            other => return Ok(other?),
        }
    }
    Err(Errno::AGAIN.into())
}

fn open_component_wise(root: BorrowedFd<'_>, below: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    let step = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut dir: Option<OwnedFd> = None;
    let mut components = below.components().peekable();
    while let Some(component) = components.next() {
        let name = match component {
            Component::Normal(name) => name,
            Component::CurDir => std::ffi::OsStr::new("."),
            _ => return Err(Errno::XDEV.into()),
        };
        let flags = if components.peek().is_some() {
            step
        } else {
            flags | OFlags::NOFOLLOW
        };
        let at = dir.as_ref().map_or(root, |dir| dir.as_fd());
        let opened = openat(at, name, flags, Mode::empty())?;
        // With O_PATH a link is opened itself instead of being refused.
        if rustix::fs::FileType::from_raw_mode(fstat(&opened)?.st_mode).is_symlink() {
            return Err(Errno::LOOP.into());
        }
        dir = Some(opened);
    }
    dir.ok_or_else(|| Errno::NOENT.into())
}

fn kind_of(stat: &Stat) -> FileKind {
    let kind = rustix::fs::FileType::from_raw_mode(stat.st_mode);
    if kind.is_file() {
        FileKind::Regular
    } else if kind.is_dir() {
        FileKind::Directory
    } else {
        FileKind::Other
    }
}

fn file_id(stat: &Stat) -> FileId {
    (stat.st_dev, stat.st_ino)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn tree() -> (tempfile::TempDir, RootDir) {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::create_dir_all(dir.path().join("outside")).unwrap();
        fs::write(root.join("a/b/file"), "inside").unwrap();
        fs::write(dir.path().join("outside/file"), "outside").unwrap();
        symlink("a/b", root.join("inner")).unwrap();
        symlink("../outside", root.join("outer")).unwrap();
        symlink("/proc/self/root", root.join("magic")).unwrap();
        symlink(root.join("a"), root.join("absolute")).unwrap();
        symlink("../../../outside/file", root.join("a/b/link")).unwrap();
        let root = RootDir::open(&root).unwrap().unwrap();
        (dir, root)
    }

    #[test]
    fn links_inside_are_followed_and_links_out_are_not() {
        let (_dir, root) = tree();
        for path in ["a/b/file", "inner/file", "a/../a/b/file"] {
            let bytes = read_at_most(&root.open_file(Path::new(path)).unwrap(), 100).unwrap();
            assert_eq!(bytes, b"inside", "{path}");
        }
        for path in [
            "outer/file",
            "a/b/link",
            "magic/etc/passwd",
            "absolute/b/file",
            "../outside/file",
            "a/../../outside/file",
            "/etc/passwd",
        ] {
            let error = root.open_file(Path::new(path)).unwrap_err();
            assert!(leaves_root(&error), "{path}: {error}");
        }
    }

    #[test]
    fn without_openat2_no_link_is_followed_at_all() {
        let (_dir, root) = tree();
        let open = |path: &str, flags| open_component_wise(root.fd.as_fd(), Path::new(path), flags);
        assert!(open("a/b/file", OFlags::RDONLY).is_ok());
        assert!(open("a/b", OFlags::PATH).is_ok());
        for path in [
            "inner/file",
            "outer/file",
            "a/b/link",
            "magic/etc",
            "../x",
            "/etc",
        ] {
            for flags in [OFlags::RDONLY, OFlags::PATH] {
                assert!(open(path, flags).is_err(), "{path}");
            }
        }
    }

    #[test]
    fn only_regular_files_are_read_and_never_more_than_the_cap() {
        let (dir, root) = tree();
        let fifo = dir.path().join("root/fifo");
        let fifo_type = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(CWD, &fifo, fifo_type, Mode::RWXU, 0).unwrap();
        assert!(root.open_file(Path::new("fifo")).is_err());
        assert!(root.open_file(Path::new("a")).is_err());
        let file = root.open_file(Path::new("a/b/file")).unwrap();
        assert!(read_at_most(&file, 5).is_err());
    }

    #[test]
    fn a_missing_root_is_no_root() {
        assert!(
            RootDir::open(Path::new("/nowhere/at/all"))
                .unwrap()
                .is_none()
        );
        assert!(RootDir::open(Path::new("/etc/passwd")).unwrap().is_none());
    }
}
