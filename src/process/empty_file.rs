//! An empty file that obs creates before a step, so that Landlock can grant it: a rule needs an
//! existing file, and the right to create files in a directory would cover all names in it.
//!
//! Invariant: obs removes only a file that it created, and only if nothing was written to it since.
//! Such a file bears a time of modification that no write leaves. (It is also older than every
//! other file, so that `make` considers it out of date.) It has that time before it has its name.
//! An obs that finds an unused file of another obs marks it, and then no obs removes it.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, Mode, OFlags, RenameFlags, Stat, Timespec, Timestamps, UTIME_OMIT, fstat, futimens,
    linkat, openat, renameat_with, statat, unlinkat, utimensat,
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
    /// Open, so that no other file gets its inode number.
    file: File,
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
        // First, because an existing file may be in a directory that is not writable.
        let created = match statat(&*parent, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Err(Errno::EXIST),
            Err(_) => new_unused(&parent, name),
        };
        match created {
            Ok(file) => Ok(Some(Self {
                path: path.to_owned(),
                file,
            })),
            Err(Errno::EXIST) => {
                // If it can't be marked, its owner is another user, whose obs leaves it.
                if statat(&*parent, name, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|s| is_unused(&s)) {
                    let times = modified_at(SHARED);
                    utimensat(&*parent, name, &times, AtFlags::SYMLINK_NOFOLLOW).ok();
                }
                Ok(None)
            }
            Err(errno) => Err(errno.into()),
        }
    }

    fn is_at(&self, place: &Stat) -> bool {
        fstat(&self.file).is_ok_and(|own| (own.st_dev, own.st_ino) == (place.st_dev, place.st_ino))
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
        if statat(&*parent, name, AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|stat| is_unused(&stat) && self.is_at(&stat))
        {
            unlinkat(&*parent, name, AtFlags::empty()).ok();
        }
    }
}

/// Creates an unused file. It gets another name first, because a file with this name and without
/// its time would be one that nobody marks.
fn new_unused(parent: &OwnedFd, name: &OsStr) -> rustix::io::Result<File> {
    let temporary = format!(".obs-{:016x}", fastrand::u64(..));
    let file = new_empty(parent, temporary.as_ref())?;
    let rename = || renameat_with(parent, &temporary, parent, name, RenameFlags::NOREPLACE);
    let link = || linkat(parent, &temporary, parent, name, AtFlags::empty());
    let named = futimens(&file, &modified_at(UNUSED)).and_then(|()| {
        // Some file systems have only one of the two.
        rename().or_else(|errno| match errno {
            Errno::EXIST => Err(errno),
            _ => link(),
        })
    });
    // Gone if it was renamed.
    unlinkat(parent, &temporary, AtFlags::empty()).ok();
    match named {
        Ok(()) => Ok(file),
        Err(Errno::EXIST) => Err(Errno::EXIST),
        Err(_) => {
            // On a file system with neither, two obs at once may lose an empty file.
            let file = new_empty(parent, name)?;
            futimens(&file, &modified_at(UNUSED))?;
            Ok(file)
        }
    }
}

/// Not open for writing: a program that is can't be executed.
fn new_empty(parent: &OwnedFd, name: &OsStr) -> rustix::io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    openat(parent, name, flags, Mode::from_raw_mode(0o666)).map(File::from)
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
    fn a_new_file_does_not_get_the_number_of_one_that_is_gone() {
        let (_temp, dir) = place();
        let path = dir.join("file");
        for _ in 0..20 {
            let first = EmptyFile::create(&path).unwrap().unwrap();
            fs::remove_file(&path).unwrap();
            let second = EmptyFile::create(&path).unwrap().unwrap();
            drop(first);
            assert!(path.exists());
            drop(second);
            assert!(!path.exists());
        }
    }

    #[test]
    fn a_program_that_was_written_to_it_can_be_executed_at_once() {
        let (_temp, dir) = place();
        let file = EmptyFile::create(&dir.join("file")).unwrap().unwrap();
        let flags = rustix::fs::fcntl_getfl(&file.file).unwrap();
        assert!(!flags.intersects(OFlags::WRONLY | OFlags::RDWR));
    }

    #[test]
    fn of_two_obs_at_once_neither_removes_what_the_other_one_found() {
        let (_temp, dir) = place();
        for round in 0..500 {
            let path = dir.join(round.to_string());
            let start = std::sync::Barrier::new(3);
            let create = || {
                start.wait();
                EmptyFile::create(&path).unwrap()
            };
            let files: Vec<Option<EmptyFile>> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..3).map(|_| scope.spawn(create)).collect();
                let join = |thread: std::thread::ScopedJoinHandle<'_, _>| thread.join().unwrap();
                threads.into_iter().map(join).collect()
            });
            assert_eq!(files.iter().flatten().count(), 1);
            drop(files);
            assert!(path.exists(), "round {round}");
        }
        // Nor is anything else left.
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 500);
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
