//! An empty file that obs creates before a step, so that Landlock can grant it: a rule needs an
//! existing file, and the right to create files in a directory would cover all names in it.
//!
//! Invariant: obs removes only a file that it created, and only if nothing was written to it since.
//! Such a file bears a time of modification that no write leaves. (It is also older than every
//! other file, so that `make` considers it out of date.) An obs that finds an unused file of
//! another obs marks it, and then no obs removes it.

use std::fs::File;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, Mode, OFlags, Stat, Timespec, Timestamps, UTIME_OMIT, fstat, futimens, openat, statat,
    unlinkat, utimensat,
};
use rustix::io::Errno;

use super::symlinks::{Opener, PathError, make_directory};

/// The second of the last modification of an unused file.
const UNUSED: i64 = 0;
/// The same of one that several obs use.
const SHARED: i64 = 1;

/// A file that is removed if it was not used.
#[derive(Debug)]
pub(crate) struct EmptyFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl EmptyFile {
    /// Creates the file and the missing directories above it. `None` if the path exists.
    ///
    /// # Errors
    /// As for [`make_directory`].
    pub(crate) fn create(path: &Path) -> Result<Option<Self>, PathError> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(Errno::INVAL.into());
        };
        make_directory(parent)?;
        let parent = Opener::default().open_directory(parent)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = match openat(&*parent, name, flags, Mode::from_raw_mode(0o666)) {
            Ok(file) => File::from(file),
            Err(Errno::EXIST) => {
                // If it can't be marked, its owner is another user, whose obs leaves it.
                if statat(&*parent, name, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|s| is_unused(&s)) {
                    let times = modified_at(SHARED);
                    utimensat(&*parent, name, &times, AtFlags::SYMLINK_NOFOLLOW).ok();
                }
                return Ok(None);
            }
            Err(errno) => return Err(errno.into()),
        };
        futimens(&file, &modified_at(UNUSED))?;
        let stat = fstat(&file)?;
        let (device, inode) = (stat.st_dev, stat.st_ino);
        let path = path.to_owned();
        Ok(Some(Self {
            path,
            device,
            inode,
        }))
    }
}

impl Drop for EmptyFile {
    fn drop(&mut self) {
        let (Some(parent), Some(name)) = (self.path.parent(), self.path.file_name()) else {
            return;
        };
        let Ok(parent) = Opener::default().open_directory(parent) else {
            return;
        };
        let is_own = |stat: Stat| (stat.st_dev, stat.st_ino) == (self.device, self.inode);
        if statat(&*parent, name, AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|stat| is_unused(&stat) && is_own(stat))
        {
            unlinkat(&*parent, name, AtFlags::empty()).ok();
        }
    }
}

fn is_unused(stat: &Stat) -> bool {
    stat.st_size == 0 && stat.st_mtime == UNUSED
}

/// The time of access is left as it is.
fn modified_at(second: i64) -> Timestamps {
    let omitted = Timespec {
        tv_sec: 0,
        tv_nsec: UTIME_OMIT,
    };
    Timestamps {
        last_access: omitted,
        last_modification: Timespec {
            tv_sec: second,
            tv_nsec: 0,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

    use super::*;

    type Use = fn(&Path);

    fn place() -> (tempfile::TempDir, PathBuf) {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().canonicalize().unwrap();
        (temp, path)
    }

    #[test]
    fn an_unused_file_goes_and_a_used_one_stays() {
        let (_temp, dir) = place();
        let path = dir.join("a/b/file");
        let uses: [(Use, bool); 7] = [
            (|_| {}, false),
            (|path| drop(fs::read(path).unwrap()), false),
            (
                |path| drop(fs::OpenOptions::new().append(true).open(path).unwrap()),
                false,
            ),
            (
                |path| fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap(),
                false,
            ),
            (|path| drop(File::create(path).unwrap()), true),
            (|path| fs::write(path, "x").unwrap(), true),
            (
                |path| {
                    let mut file = File::create(path).unwrap();
                    file.write_all(b"x").unwrap();
                    file.set_len(0).unwrap();
                },
                true,
            ),
        ];
        for (number, (use_it, stays)) in uses.into_iter().enumerate() {
            let file = EmptyFile::create(&path).unwrap().unwrap();
            assert!(EmptyFile::create(&dir.join("a/b")).unwrap().is_none());
            use_it(&path);
            drop(file);
            assert_eq!(path.exists(), stays, "use {number}");
            fs::remove_file(&path).ok();
        }
    }

    #[test]
    fn only_the_file_itself_is_removed() {
        let (_temp, dir) = place();
        let path = dir.join("file");
        // What exists is left as it is.
        fs::write(&path, "").unwrap();
        let modified = path.metadata().unwrap().mtime();
        assert!(EmptyFile::create(&path).unwrap().is_none());
        assert_eq!(path.metadata().unwrap().mtime(), modified);
        fs::remove_file(&path).unwrap();
        // It was replaced meanwhile.
        for replace in [
            |path: &Path| fs::write(path, "").unwrap(),
            |path: &Path| symlink("elsewhere", path).unwrap(),
            |path: &Path| fs::create_dir(path).unwrap(),
        ] {
            let file = EmptyFile::create(&path).unwrap().unwrap();
            fs::rename(&path, dir.join("moved")).unwrap();
            replace(&path);
            drop(file);
            assert!(path.symlink_metadata().is_ok());
            assert!(dir.join("moved").exists());
            fs::remove_file(&path)
                .or_else(|_| fs::remove_dir(&path))
                .unwrap();
        }
        // A link on the way.
        fs::create_dir(dir.join("real")).unwrap();
        symlink(dir.join("real"), dir.join("link")).unwrap();
        for refused in ["link/file", "link/new/file"] {
            let refused = EmptyFile::create(&dir.join(refused)).unwrap_err();
            assert!(matches!(refused, PathError::BecameLink(_)), "{refused}");
        }
        assert_eq!(fs::read_dir(dir.join("real")).unwrap().count(), 0);
    }

    #[test]
    fn a_file_that_another_obs_found_is_not_removed() {
        let (_temp, dir) = place();
        let path = dir.join("file");
        let first = EmptyFile::create(&path).unwrap().unwrap();
        assert!(EmptyFile::create(&path).unwrap().is_none());
        drop(first);
        assert!(path.exists());
    }
}
