//! The directories of a run and of its steps.
//!
//! Invariant: all of them are in one private directory per run (mode 0700, an unguessable name),
//! which is locked while obs is alive. It is removed at the end of the run, whatever the steps left
//! in it; the next obs finds that of a killed obs by its free lock and removes it. A step's scratch
//! directory is reused for a later step if it is pristine at that moment: empty, and owned by this
//! user. (Rules that grant it are reused with it, see `process::sandbox`.) No step waits for the
//! removal of what another step left.

use std::ffi::{CStr, OsStr};
use std::fs::{File, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use rustix::fs::{FlockOperation, flock};

use super::remove_tree::{empty_directory, remove_tree};
use crate::engine::ProvenPlan;
use crate::process::{create_new_lock_file, make_private_directory, open_lock_file, temp_dir};

/// Prefix of the names of these directories.
const PREFIX: &str = "obs-run-";

/// The file that a live obs keeps locked.
const LOCK: &CStr = c"lock";

/// The time within which obs creates the lock in a new directory.
const LOCK_TIMEOUT: Duration = Duration::from_hours(1);

/// The directories of one run.
#[derive(Debug, Default)]
pub(crate) struct RunDirs {
    place: OnceLock<SharedDirKind>,
    /// Stopped before the root is removed.
    cleaner: Mutex<Option<Cleaner>>,
    root: OnceLock<RunRoot>,
    files: OnceLock<PathBuf>,
    /// Scratch directories that no step uses at the moment. A step may have written to any of them.
    free: Arc<Mutex<Vec<Scratch>>>,
}

/// Where the shared files of steps are.
#[derive(Debug, Clone, Default)]
pub(crate) enum SharedDirKind {
    /// In `--run-dir`. They stay.
    Given(PathBuf),
    /// In the state. They are removed after a success, and stay for `--resume` otherwise.
    Kept(PathBuf),
    /// Beside the scratch directories. They are removed with them.
    #[default]
    Temporary,
}

#[derive(Debug)]
struct RunRoot {
    dir: PathBuf,
    /// Held until the end.
    _lock: File,
}

/// A thread that empties scratch directories one by one.
#[derive(Debug)]
struct Cleaner {
    /// None at the end.
    queue: Option<Sender<Scratch>>,
    thread: Option<JoinHandle<()>>,
}

/// A step's own directory: its HOME and TMPDIR.
#[derive(Debug)]
pub(super) struct Scratch {
    path: PathBuf,
    identity: FileIdentity,
}

impl RunDirs {
    /// Creates the run's directories before the run, and removes what a killed obs left behind.
    ///
    /// # Errors
    /// A sentence that names the directory, with the way out.
    pub(crate) fn prepare(&self, plan: &ProvenPlan) -> Result<(), (String, &'static str)> {
        if plan.steps.iter().all(|step| step.program.is_none()) {
            return Ok(());
        }
        let temp = temp_dir();
        sweep(&temp);
        self.root().map(drop).map_err(|error| {
            // tempfile's error repeats the path; its source does not.
            let source = error.get_ref().and_then(|error| error.source());
            let reason = source.map_or_else(|| error.to_string(), ToString::to_string);
            let message = format!("can't make a directory in `{}`: {reason}", temp.display());
            (message, "give another one with `TMPDIR`")
        })
    }

    /// Sets the place of shared files, and creates it if a step of the plan uses it.
    ///
    /// # Errors
    /// A sentence that names the directory, with the way out.
    pub(crate) fn create_shared(
        &self,
        place: SharedDirKind,
        plan: &ProvenPlan,
    ) -> Result<(), (String, &'static str)> {
        let place = self.place.get_or_init(|| place);
        if !plan.steps.iter().any(|step| step.wants_run_dir) {
            return Ok(());
        }
        self.files().map(drop).map_err(|error| {
            let temp = temp_dir();
            let place = match place {
                SharedDirKind::Given(path) | SharedDirKind::Kept(path) => path,
                SharedDirKind::Temporary => &temp,
            };
            let place = place.display();
            let message = format!("can't use `{place}` as the run's directory: {error}");
            (message, "give another one with `--run-dir`")
        })
    }

    /// An empty directory for one step.
    pub(super) fn scratch(&self) -> io::Result<Scratch> {
        loop {
            // Unlocked at once, which it is not in a `while let`.
            let Some(free) = locked(&self.free).pop() else {
                break;
            };
            if free.is_pristine() {
                return Ok(free);
            }
            self.clean(free);
        }
        let path = self
            .root()?
            .join(format!("step-{:016x}", fastrand::u64(..)));
        make_private_directory(&path).map_err(io::Error::other)?;
        let identity = identity(&path)?;
        Ok(Scratch { path, identity })
    }

    /// Recycles the directory of a completed step.
    pub(super) fn recycle(&self, scratch: Scratch) {
        locked(&self.free).push(scratch);
    }

    /// Empties a directory in the background: a large tree may take a while. Most steps leave
    /// nothing.
    fn clean(&self, scratch: Scratch) {
        let mut cleaner = locked(&self.cleaner);
        if cleaner.is_none() {
            *cleaner = Cleaner::start(Arc::clone(&self.free)).ok();
        }
        let queue = cleaner.as_ref().and_then(|cleaner| cleaner.queue.as_ref());
        // What is not emptied goes with the root.
        if let Some(queue) = queue {
            queue.send(scratch).ok();
        }
    }

    /// The directory for shared files, created if needed.
    pub(super) fn files(&self) -> io::Result<&Path> {
        if let Some(path) = self.files.get() {
            return Ok(path);
        }
        let place = self.place.get();
        let path = match place {
            Some(SharedDirKind::Given(path) | SharedDirKind::Kept(path)) => path.clone(),
            Some(SharedDirKind::Temporary) | None => self.root()?.join("files"),
        };
        let mut private = std::fs::DirBuilder::new();
        if !matches!(place, Some(SharedDirKind::Given(_))) {
            private.mode(0o700);
        }
        private.recursive(true).create(&path)?;
        let path = path.canonicalize()?;
        Ok(self.files.get_or_init(|| path))
    }

    /// Removes the directories. One that was given stays, and so does one that a resumed run would
    /// need.
    pub(crate) fn finish(&self, is_success: bool) {
        // Two that remove the same tree would disturb each other.
        drop(locked(&self.cleaner).take());
        if let (Some(SharedDirKind::Kept(path)), true) = (self.place.get(), is_success) {
            remove_tree(path, None).ok();
        }
        if let Some(root) = self.root.get() {
            root.remove();
        }
    }

    fn root(&self) -> io::Result<&Path> {
        if let Some(root) = self.root.get() {
            return Ok(&root.dir);
        }
        let mode = Permissions::from_mode(0o700);
        let dir = tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(mode)
            .tempdir_in(temp_dir().canonicalize()?)?;
        // Locked before it has its name: another obs must never find the lock free.
        let unnamed = dir.path().join("lock.new");
        let lock = create_new_lock_file(&unnamed)?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        std::fs::rename(unnamed, dir.path().join(lock_name()))?;
        let dir = dir.keep();
        Ok(&self.root.get_or_init(|| RunRoot { dir, _lock: lock }).dir)
    }
}

impl Cleaner {
    /// Starts the thread; pristine directories return to `free`.
    fn start(free: Arc<Mutex<Vec<Scratch>>>) -> io::Result<Self> {
        let (queue, dirty) = channel::<Scratch>();
        let clean = move || {
            for scratch in dirty {
                if let Some(scratch) = scratch.clean() {
                    locked(&free).push(scratch);
                }
            }
        };
        let thread = std::thread::Builder::new().name("obs-cleaner".to_owned());
        Ok(Self {
            thread: Some(thread.spawn(clean)?),
            queue: Some(queue),
        })
    }
}

impl Drop for Cleaner {
    /// Waits until the queue is empty.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

impl RunRoot {
    /// Removes it. What can't be removed stays with the lock, for the sweep of another obs.
    fn remove(&self) {
        remove_tree(&self.dir, Some(LOCK)).ok();
    }
}

impl Drop for RunRoot {
    fn drop(&mut self) {
        self.remove();
    }
}

impl Scratch {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn is_pristine(&self) -> bool {
        identity(&self.path).is_ok_and(|identity| identity == self.identity)
            && std::fs::read_dir(&self.path).is_ok_and(|mut entries| entries.next().is_none())
    }

    /// Empties it. Returns `None`, and removes it, if that does not make it pristine.
    fn clean(self) -> Option<Self> {
        empty_directory(&self.path).ok();
        if self.is_pristine() {
            return Some(self);
        }
        remove_tree(&self.path, None).ok();
        None
    }
}

fn lock_name() -> &'static OsStr {
    OsStr::from_bytes(LOCK.to_bytes())
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Device, inode, owner, mode and size. (The size of a directory that held many entries does not
/// always shrink back, and then even listing it takes long.)
type FileIdentity = (u64, u64, u32, u32, u64);

fn identity(path: &Path) -> io::Result<FileIdentity> {
    let metadata = std::fs::symlink_metadata(path)?;
    Ok((
        metadata.dev(),
        metadata.ino(),
        metadata.uid(),
        metadata.mode(),
        metadata.len(),
    ))
}

/// Removes the directories of this user's runs whose obs is dead.
fn sweep(temp: &Path) {
    for entry in std::fs::read_dir(temp).into_iter().flatten().flatten() {
        let is_run = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if is_run && (is_abandoned(&entry.path()) || is_forgotten(&entry.path())) {
            remove_tree(&entry.path(), Some(LOCK)).ok();
        }
    }
}

/// True if there was no lock for an hour: the obs was killed before it created the lock, or after
/// it removed it.
fn is_forgotten(root: &Path) -> bool {
    let own = rustix::process::geteuid().as_raw();
    let is_old = |changed: SystemTime| changed.elapsed().is_ok_and(|age| age > LOCK_TIMEOUT);
    let is_missing = |path: &Path| {
        std::fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    };
    std::fs::symlink_metadata(root).is_ok_and(|metadata| {
        metadata.is_dir() && metadata.uid() == own && metadata.modified().is_ok_and(is_old)
    }) && is_missing(&root.join(lock_name()))
}

/// True if the lock exists and nobody holds it. A directory without a lock is about to be used. One
/// whose lock is not a regular file of this user is not from obs: a skill that may write here can
/// create anything.
fn is_abandoned(root: &Path) -> bool {
    let own = rustix::process::geteuid().as_raw();
    let is_own_dir = std::fs::symlink_metadata(root)
        .is_ok_and(|metadata| metadata.is_dir() && metadata.uid() == own);
    is_own_dir
        && open_lock_file(&root.join(lock_name()))
            .is_ok_and(|lock| flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scratch_directory_is_private_empty_and_goes_away() {
        let dirs = RunDirs::default();
        let scratch = dirs.scratch().unwrap();
        let path = scratch.path().to_owned();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        let other = dirs.scratch().unwrap();
        assert_ne!(other.path(), path, "two steps at once");
        // Left empty or not, the next step finds nothing in it.
        let locked = path.join("locked");
        std::fs::create_dir(&locked).unwrap();
        std::fs::write(locked.join("file"), "x").unwrap();
        std::os::unix::fs::symlink("/", path.join("link")).unwrap();
        std::fs::set_permissions(&locked, Permissions::from_mode(0o500)).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o1500)).unwrap();
        dirs.recycle(scratch);
        let next = dirs.scratch().unwrap();
        assert_ne!(next.path(), path, "nobody waits for the removal");
        await_cleaner(&dirs);
        dirs.recycle(next);
        dirs.recycle(other);
        let all = [(); 3].map(|()| dirs.scratch().unwrap());
        let next = all.iter().find(|scratch| scratch.path() == path).unwrap();
        assert_eq!(next.path().read_dir().unwrap().count(), 0);
        let mode = next.path().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o700);
        let root = dirs.root().unwrap().to_owned();
        dirs.finish(true);
        assert!(!root.exists());
    }

    #[test]
    fn a_scratch_directory_that_was_replaced_is_not_used_again() {
        let dirs = RunDirs::default();
        let elsewhere = tempfile::tempdir().unwrap();
        std::fs::write(elsewhere.path().join("kept"), "x").unwrap();
        let scratch = dirs.scratch().unwrap();
        let path = scratch.path().to_owned();
        std::fs::remove_dir(&path).unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), &path).unwrap();
        dirs.recycle(scratch);
        assert_ne!(dirs.scratch().unwrap().path(), path);
        await_cleaner(&dirs);
        assert!(elsewhere.path().join("kept").exists());
        assert_ne!(dirs.scratch().unwrap().path(), path);
        dirs.finish(true);
    }

    /// Until it has emptied what it was given.
    fn await_cleaner(dirs: &RunDirs) {
        drop(locked(&dirs.cleaner).take());
    }

    #[test]
    fn what_another_step_wrote_to_a_free_directory_is_not_handed_out() {
        let dirs = RunDirs::default();
        let free = [dirs.scratch().unwrap(), dirs.scratch().unwrap()];
        let paths = free.each_ref().map(|scratch| scratch.path().to_owned());
        for scratch in free {
            dirs.recycle(scratch);
        }
        // Empty when they were taken back; one is written to and one is replaced before the next
        // step.
        std::fs::create_dir_all(paths[0].join(".local/lib")).unwrap();
        std::fs::remove_dir(&paths[1]).unwrap();
        std::fs::create_dir(&paths[1]).unwrap();
        std::fs::set_permissions(&paths[1], Permissions::from_mode(0o777)).unwrap();
        for _ in 0..3 {
            let scratch = dirs.scratch().unwrap();
            assert_eq!(scratch.path().read_dir().unwrap().count(), 0);
            let mode = scratch.path().metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o7777, 0o700);
        }
        dirs.finish(true);
    }

    #[test]
    fn the_end_of_a_run_waits_for_the_removal_of_what_steps_left() {
        for is_finished in [true, false] {
            let dirs = RunDirs::default();
            for _ in 0..3 {
                let scratch = dirs.scratch().unwrap();
                for number in 0..300 {
                    std::fs::create_dir_all(scratch.path().join(format!("{number}/a/b/c")))
                        .unwrap();
                }
                dirs.recycle(scratch);
                dirs.recycle(dirs.scratch().unwrap());
            }
            let root = dirs.root().unwrap().to_owned();
            if is_finished {
                dirs.finish(true);
            } else {
                drop(dirs);
            }
            assert!(!root.exists());
        }
    }

    fn placed(place: SharedDirKind) -> RunDirs {
        RunDirs {
            place: place.into(),
            ..RunDirs::default()
        }
    }

    #[test]
    fn files_between_steps_go_away_unless_their_place_was_given() {
        let fresh = RunDirs::default();
        let path = fresh.files().unwrap().to_owned();
        std::fs::write(path.join("part"), "x").unwrap();
        fresh.finish(false);
        assert!(!path.exists());

        let parent = tempfile::tempdir().unwrap();
        let given = placed(SharedDirKind::Given(parent.path().join("a/b")));
        given.files().unwrap();
        given.finish(true);
        assert!(parent.path().join("a/b").is_dir());

        let kept = placed(SharedDirKind::Kept(parent.path().join("c/d")));
        let path = kept.files().unwrap().to_owned();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        kept.finish(false);
        assert!(path.is_dir(), "for a resumed run");
        kept.finish(true);
        assert!(!path.exists());
    }

    #[test]
    fn a_sweep_never_takes_what_is_just_being_made() {
        let threads = (0..4).map(|_| {
            std::thread::spawn(|| {
                for _ in 0..50 {
                    sweep(&temp_dir());
                    let dirs = RunDirs::default();
                    let files = dirs.files().unwrap().to_owned();
                    sweep(&temp_dir());
                    assert!(files.is_dir());
                    dirs.finish(true);
                }
            })
        });
        for thread in threads.collect::<Vec<_>>() {
            thread.join().unwrap();
        }
    }

    #[test]
    fn only_what_a_dead_obs_left_is_swept() {
        let temp = tempfile::tempdir().unwrap();
        let make = |name: &str, lock: bool| {
            let dir = temp.path().join(name);
            std::fs::create_dir(&dir).unwrap();
            lock.then(|| File::create(dir.join(lock_name())).unwrap())
        };
        let locked = make("obs-run-alive", true).unwrap();
        flock(&locked, FlockOperation::NonBlockingLockExclusive).unwrap();
        drop(make("obs-run-dead", true));
        make("obs-run-new", false);
        make("obs-run-forgotten", false);
        let old = SystemTime::now() - 2 * LOCK_TIMEOUT;
        let forgotten = File::open(temp.path().join("obs-run-forgotten")).unwrap();
        forgotten.set_modified(old).unwrap();
        drop(make("other", true));
        sweep(temp.path());
        let mut left: Vec<_> = std::fs::read_dir(temp.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, ["obs-run-alive", "obs-run-new", "other"]);
    }
}
