//! Files that exist only to be locked with `flock`.
//!
//! Invariant: opening one never blocks, follows no link and returns a regular file of this user.
//! Any process that can open a file, even only for reading, can hold a lock on it, so lock files
//! are in directories that nobody else can write to and that no skill is granted (see
//! [`OwnFiles`](crate::prove::OwnFiles)).

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

/// Opens the lock file at `path`.
pub(crate) fn open_lock_file(path: &Path) -> io::Result<File> {
    open(OpenOptions::new().read(true), path)
}

/// Opens the lock file at `path`, and creates it if it does not exist.
pub(crate) fn create_lock_file(path: &Path) -> io::Result<File> {
    open(
        OpenOptions::new().write(true).create(true).truncate(false),
        path,
    )
}

/// Creates the lock file at `path`.
///
/// # Errors
/// Fails if anything exists there.
pub(crate) fn create_new_lock_file(path: &Path) -> io::Result<File> {
    open(OpenOptions::new().write(true).create_new(true), path)
}

fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    // The standard library adds O_CLOEXEC. O_NONBLOCK: a FIFO must not make obs wait for its other
    // end.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = options
        .mode(0o600)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
        .map_err(|error| named(path, &error))?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(named(path, &"not a regular file"));
    }
    if metadata.uid() != own_id() {
        return Err(named(path, &"owned by another user"));
    }
    Ok(file)
}

/// Creates the directory at `path`, with its parents, if it does not exist, and checks that only
/// this user can change what is in it.
pub(crate) fn private_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| named(path, &error))?;
    let metadata = std::fs::symlink_metadata(path)?;
    if !metadata.is_dir() {
        return Err(named(path, &"not a directory"));
    }
    if metadata.uid() != own_id() {
        return Err(named(path, &"owned by another user"));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(named(path, &"other users may write to it"));
    }
    Ok(())
}

fn named(path: &Path, reason: &dyn std::fmt::Display) -> io::Error {
    io::Error::other(format!("can't lock in `{}`: {reason}", path.display()))
}

fn own_id() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    #[test]
    fn only_a_regular_file_is_opened_and_nothing_waits() {
        let temp = tempfile::tempdir().unwrap();
        let path = |name: &str| temp.path().join(name);
        for (name, kind) in [("fifo", FileType::Fifo), ("socket", FileType::Socket)] {
            mknodat(CWD, path(name), kind, Mode::RWXU, 0).unwrap();
        }
        std::fs::create_dir(path("directory")).unwrap();
        std::fs::write(path("regular"), "").unwrap();
        symlink(path("regular"), path("link")).unwrap();
        symlink(path("nowhere"), path("dangling")).unwrap();
        symlink("/dev/zero", path("device")).unwrap();
        for name in ["fifo", "socket", "directory", "link", "dangling", "device"] {
            for open in [open_lock_file, create_lock_file, create_new_lock_file] {
                open(&path(name)).expect_err(name);
            }
        }
        assert!(!path("nowhere").exists(), "created through a link");
        open_lock_file(&path("regular")).unwrap();
        create_lock_file(&path("regular")).unwrap();
        create_new_lock_file(&path("regular")).unwrap_err();
        create_lock_file(&path("new")).unwrap();
        open_lock_file(&path("newer")).unwrap_err();
    }

    #[test]
    fn a_directory_that_others_may_write_to_is_refused() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("a/b");
        private_directory(&dir).unwrap();
        assert_eq!(dir.metadata().unwrap().mode() & 0o777, 0o700);
        private_directory(&dir).unwrap();
        for mode in [0o720, 0o702, 0o1777] {
            std::fs::set_permissions(&dir, Permissions::from_mode(mode)).unwrap();
            let error = private_directory(&dir).unwrap_err().to_string();
            assert!(error.ends_with("other users may write to it"), "{error}");
        }
        std::fs::set_permissions(&dir, Permissions::from_mode(0o755)).unwrap();
        private_directory(&dir).unwrap();
        let link = temp.path().join("link");
        symlink(&dir, &link).unwrap();
        let error = private_directory(&link).unwrap_err().to_string();
        assert!(error.ends_with("not a directory"), "{error}");
        std::fs::write(temp.path().join("file"), "").unwrap();
        private_directory(&temp.path().join("file")).unwrap_err();
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&dir, Some(65534), None).unwrap();
            let error = private_directory(&dir).unwrap_err().to_string();
            assert!(error.ends_with("owned by another user"), "{error}");
        }
    }
}
