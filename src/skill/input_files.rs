//! The files that a skill's manifest reads (`fs.read:`), as digests.
//!
//! Invariant: the work is bounded: what has more than [`MAX_FILES`] entries, [`MAX_BYTES`] or
//! [`MAX_DEPTH`], or takes longer than [`MAX_TIME`], is not compared, and nor is what changes
//! meanwhile, what the skill may write itself, what lies in `$RUN_DIR`, or a file system of the
//! kernel. No link below a path is followed, and nothing but regular files and directories is
//! opened; what is put in their place after they are listed is not read.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{Dir, Mode, OFlags};
use sha2::{Digest as _, Sha256};

use super::digest::{field, kind, open_listed};
use super::{PathBase, Permission, SandboxPolicy, Skill};
use crate::model::{InputFiles, digest_of, hex};

/// The most files and directories of one step that are compared.
const MAX_FILES: usize = 10_000;

/// The most bytes of one step that are compared: 256 MiB.
const MAX_BYTES: u64 = 256 << 20;

/// The most levels of directories below a path.
const MAX_DEPTH: usize = 256;

/// How long a step waits for the digests: until then it heeds no signal and no timeout.
const MAX_TIME: Duration = Duration::from_secs(5);

/// The magic numbers of `/proc` and `/sys`, whose files change by themselves.
const KERNEL_FILE_SYSTEMS: [u32; 2] = [0x9fa0, 0x6265_6572];

/// A file as it was when its content was read.
type Stamp = [i128; 5];

/// The digests of files that were read before, so that the steps of one run read each file once.
#[derive(Debug, Default)]
pub(crate) struct InputFilesCache(HashMap<PathBuf, (Stamp, [u8; 32])>);

/// What the manifests of some skills read.
#[derive(Debug)]
pub(crate) struct InputPaths(BTreeMap<String, InputPath>);

#[derive(Debug)]
enum InputPath {
    At(PathBuf),
    Missing,
    /// The skill may write there itself.
    Own,
}

impl InputPaths {
    /// The paths that `skills` read, under the text of each permission.
    pub(crate) fn of<'s>(
        skills: impl Iterator<Item = &'s Skill>,
        policy: &SandboxPolicy,
        workspace: &Path,
    ) -> Self {
        let mut paths = BTreeMap::new();
        for skill in skills {
            let Some(native) = skill.native() else {
                continue;
            };
            let at = |permission: &Permission| policy.path_of(permission, native, workspace, None);
            let permissions = &skill.manifest.permissions;
            let writes = permissions
                .iter()
                .filter(|p| matches!(p, Permission::FsWrite(_)));
            let written: Vec<PathBuf> = writes.filter_map(at).collect();
            for permission in permissions {
                let Permission::FsRead(path) = permission else {
                    continue;
                };
                if path.base == PathBase::RunDir {
                    continue;
                }
                let is_own = |path: &PathBuf| {
                    let mut written = written.iter();
                    written.any(|own| path.starts_with(own) || own.starts_with(path))
                };
                let place = match at(permission) {
                    Some(path) if is_own(&path) => InputPath::Own,
                    Some(path) => InputPath::At(path),
                    None => InputPath::Missing,
                };
                paths.insert(permission.to_string(), place);
            }
        }
        Self(paths)
    }

    /// True if nothing is read.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The digests of the files as they are now. `start` is when the step began to wait for them.
    pub(crate) fn digests(&self, start: Instant, cache: &mut InputFilesCache) -> InputFiles {
        let mut budget = Budget {
            files: MAX_FILES,
            bytes: MAX_BYTES,
            end: start + MAX_TIME,
        };
        let digest = |place: &InputPath| match place {
            InputPath::Own => None,
            InputPath::Missing => Some(hex(&Sha256::digest(b"missing"))),
            InputPath::At(path) => {
                let mut left = budget;
                let digest = digest_at(path, &mut left, cache)?;
                budget = left;
                Some(digest)
            }
        };
        let mut digest = digest;
        let digests = self.0.iter();
        digests
            .map(|(permission, place)| (permission.clone(), digest(place)))
            .collect()
    }
}

#[derive(Debug, Clone, Copy)]
struct Budget {
    files: usize,
    bytes: u64,
    end: Instant,
}

/// A path that is compared, and what is there if that can be known.
type Entry = (PathBuf, Option<Metadata>);

/// The digest of a file, or of a directory and all below it; `None` if it is not compared.
fn digest_at(path: &Path, budget: &mut Budget, cache: &mut InputFilesCache) -> Option<String> {
    let entries = list(path, budget)?;
    let mut hasher = Sha256::new();
    for (entry, metadata) in entries {
        let below = entry.strip_prefix(path).unwrap_or(&entry);
        let Some(metadata) = metadata else {
            field(&mut hasher, b"unreadable", below.as_os_str().as_bytes());
            continue;
        };
        field(&mut hasher, kind(&metadata), below.as_os_str().as_bytes());
        if metadata.is_symlink() {
            let target = fs::read_link(&entry).ok()?;
            field(&mut hasher, b"target", target.as_os_str().as_bytes());
        } else if metadata.is_file() {
            match cache.content(&entry, &metadata, budget.end) {
                Ok(content) => field(&mut hasher, b"content", &content),
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    field(&mut hasher, b"unreadable", b"");
                }
                // It changed, or the time is over.
                Err(_) => return None,
            }
        }
    }
    Some(hex(&hasher.finalize()))
}

/// Lists what is compared, in a fixed order; `None` if it is too much.
fn list(path: &Path, budget: &mut Budget) -> Option<Vec<Entry>> {
    if is_of_kernel(rustix::fs::statfs(path)) {
        return None;
    }
    budget.files = budget.files.checked_sub(1)?;
    let mut entries = Vec::new();
    // Not a recursion: a skill decides how deep a tree is.
    let mut waiting = vec![(path.to_owned(), 0)];
    while let Some((path, depth)) = waiting.pop() {
        if depth > MAX_DEPTH || Instant::now() >= budget.end {
            return None;
        }
        let metadata = match fs::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if is_no_access(error.kind()) => {
                entries.push((path, None));
                continue;
            }
            Err(_) => return None,
        };
        if metadata.is_file() {
            budget.bytes = budget.bytes.checked_sub(metadata.len())?;
        }
        let mut below = Vec::new();
        let mut hidden = None;
        if metadata.is_dir() {
            match open_directory(&path, &metadata) {
                Ok(directory) => below = names(&path, directory, budget)?,
                Err(error) if is_no_access(error.kind()) => hidden = Some((path.join("*"), None)),
                Err(_) => return None,
            }
        }
        entries.push((path, Some(metadata)));
        entries.extend(hidden);
        below.sort_unstable_by(|one, other| other.cmp(one));
        waiting.extend(below.into_iter().map(|path| (path, depth + 1)));
    }
    Some(entries)
}

/// Nothing is there, or obs may not see it: both are compared.
fn is_no_access(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied | io::ErrorKind::NotADirectory
    )
}

/// Opens the directory that `listed` describes.
///
/// # Errors
/// Also if another one is at `path` by now.
fn open_directory(path: &Path, listed: &Metadata) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = rustix::fs::open(path, flags, Mode::empty())?;
    let now = rustix::fs::fstat(&directory)?;
    if (now.st_dev, now.st_ino) != (listed.dev(), listed.ino()) {
        return Err(io::Error::other("another directory is in its place"));
    }
    Ok(directory)
}

/// The paths in `directory`, which is at `path`; `None` if they are too many.
fn names(path: &Path, directory: OwnedFd, budget: &mut Budget) -> Option<Vec<PathBuf>> {
    if is_of_kernel(rustix::fs::fstatfs(directory.as_fd())) {
        return None;
    }
    let mut names = Vec::new();
    for entry in Dir::new(directory).ok()? {
        let entry = entry.ok()?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            budget.files = budget.files.checked_sub(1)?;
            names.push(path.join(OsStr::from_bytes(name)));
        }
    }
    Some(names)
}

fn is_of_kernel(found: rustix::io::Result<rustix::fs::StatFs>) -> bool {
    let kind = found.map(|found| u32::try_from(found.f_type));
    matches!(kind, Ok(Ok(kind)) if KERNEL_FILE_SYSTEMS.contains(&kind))
}

fn stamp_of(metadata: &Metadata) -> Stamp {
    [
        i128::from(metadata.dev()),
        i128::from(metadata.ino()),
        i128::from(metadata.len()),
        // Unlike the time of modification, no process can set it.
        i128::from(metadata.ctime()),
        i128::from(metadata.ctime_nsec()),
    ]
}

impl InputFilesCache {
    /// The digest of the content of the file that `listed` describes.
    ///
    /// # Errors
    /// Also if the file is another one by now, or changes until it is read, or `end` comes before.
    fn content(&mut self, path: &Path, listed: &Metadata, end: Instant) -> io::Result<[u8; 32]> {
        let stamp = stamp_of(listed);
        if let Some((before, digest)) = self.0.get(path)
            && *before == stamp
        {
            return Ok(*digest);
        }
        let file = open_listed(path, listed)?;
        // One byte more: a file that grows meanwhile is not read to its end.
        let bytes = (&file).take(listed.len().saturating_add(1));
        let digest = digest_of(&mut ReadUntil { bytes, end })?;
        if stamp_of(&file.metadata()?) != stamp {
            return Err(io::Error::other("the file changed"));
        }
        self.0.insert(path.to_owned(), (stamp, digest));
        Ok(digest)
    }
}

/// Reads what `R` reads, until `end`.
struct ReadUntil<R> {
    bytes: R,
    end: Instant,
}

impl<R: Read> Read for ReadUntil<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if Instant::now() >= self.end {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.bytes.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write as _;
    use std::os::unix::fs::symlink;

    use super::*;

    /// What is put in the place of a file, and how.
    type Swap = (&'static str, fn(&Path));

    /// Tests don't wait for the end.
    fn end() -> Instant {
        Instant::now() + Duration::from_hours(1)
    }

    fn budget() -> Budget {
        Budget {
            files: 20,
            bytes: 1000,
            end: end(),
        }
    }

    fn digest(path: &Path) -> Option<String> {
        digest_at(path, &mut budget(), &mut InputFilesCache::default())
    }

    #[test]
    fn content_names_and_links_count_and_times_do_not() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path();
        let mut seen = vec![digest(path)];
        let mut is_new = || {
            let now = digest(path);
            let is_new = now.is_some() && !seen.contains(&now);
            seen.push(now);
            is_new
        };
        fs::write(path.join("a"), "1").unwrap();
        assert!(is_new(), "a file");
        fs::write(path.join("a"), "2").unwrap();
        assert!(is_new(), "its content");
        fs::rename(path.join("a"), path.join("b")).unwrap();
        assert!(is_new(), "its name");
        symlink("b", path.join("l")).unwrap();
        assert!(is_new(), "a link");
        let file = File::open(path.join("b")).unwrap();
        file.set_modified(std::time::UNIX_EPOCH).unwrap();
        assert!(!is_new(), "a time");
    }

    #[test]
    fn what_is_too_much_or_of_the_kernel_is_not_compared() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path();
        for n in 0..19 {
            fs::write(path.join(format!("{n}")), "x").unwrap();
        }
        assert!(digest(path).is_some());
        fs::write(path.join("19"), "x").unwrap();
        assert_eq!(digest(path), None, "files");
        fs::remove_file(path.join("19")).unwrap();
        fs::write(path.join("0"), "x".repeat(983)).unwrap();
        assert_eq!(digest(path), None, "bytes");
        fs::write(path.join("0"), "x".repeat(982)).unwrap();
        assert!(digest(path).is_some());
        for path in ["/proc/self", "/proc/meminfo", "/sys"] {
            assert_eq!(digest(Path::new(path)), None, "{path}");
        }
    }

    #[test]
    fn a_file_is_read_again_once_it_has_changed() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("a");
        let mut cache = InputFilesCache::default();
        let mut digest = || digest_at(&path, &mut budget(), &mut cache);
        fs::write(&path, "1").unwrap();
        let before = digest();
        assert_eq!(digest(), before);
        // Another file of the same length in its place.
        fs::write(path.with_extension("new"), "2").unwrap();
        fs::rename(path.with_extension("new"), &path).unwrap();
        assert_ne!(digest(), before);
    }

    #[test]
    fn what_is_put_in_the_place_of_a_listed_file_is_not_read() {
        let swaps: [Swap; 6] = [
            ("a FIFO", |path| {
                let mode = Mode::from_raw_mode(0o600);
                let kind = rustix::fs::FileType::Fifo;
                rustix::fs::mknodat(rustix::fs::CWD, path, kind, mode, 0).unwrap();
            }),
            ("a link to the file", |path| {
                symlink("kept", path).unwrap();
            }),
            ("a link to a device", |path| {
                symlink("/dev/zero", path).unwrap();
            }),
            ("a socket", |path| {
                std::os::unix::net::UnixListener::bind(path).unwrap();
            }),
            ("a directory", |path| fs::create_dir(path).unwrap()),
            ("another file", |path| fs::write(path, "1").unwrap()),
        ];
        for (what, swap) in swaps {
            let temp = tempfile::tempdir().unwrap();
            let path = temp.path().join("a");
            fs::write(&path, "1").unwrap();
            let listed = fs::symlink_metadata(&path).unwrap();
            // The kept file keeps its inode, so that nothing else gets it.
            fs::rename(&path, temp.path().join("kept")).unwrap();
            swap(&path);
            let mut cache = InputFilesCache::default();
            assert!(cache.content(&path, &listed, end()).is_err(), "{what}");
            assert!(cache.0.is_empty(), "{what}");
        }
    }

    #[test]
    fn what_is_put_in_the_place_of_a_listed_directory_is_not_read() {
        let temp = tempfile::tempdir().unwrap();
        let (path, kept) = (temp.path().join("a"), temp.path().join("kept"));
        fs::create_dir(&path).unwrap();
        fs::write(path.join("file"), "1").unwrap();
        let directory = fs::symlink_metadata(&path).unwrap();
        let file = fs::symlink_metadata(path.join("file")).unwrap();
        fs::rename(&path, &kept).unwrap();
        symlink(&kept, &path).unwrap();
        assert!(open_directory(&path, &directory).is_err(), "a link");
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        fs::write(path.join("file"), "1").unwrap();
        assert!(open_directory(&path, &directory).is_err(), "another one");
        let mut cache = InputFilesCache::default();
        let content = cache.content(&path.join("file"), &file, end());
        assert!(content.is_err(), "a file below another one");
    }

    #[test]
    fn a_file_that_changes_after_it_is_listed_has_no_digest() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("a");
        fs::write(&path, "12").unwrap();
        let listed = fs::symlink_metadata(&path).unwrap();
        let mut cache = InputFilesCache::default();
        let mut file = File::options().append(true).open(&path).unwrap();
        file.write_all(b"3").unwrap();
        assert!(cache.content(&path, &listed, end()).is_err(), "grown");
        file.set_len(1 << 40).unwrap();
        let content = cache.content(&path, &listed, end());
        assert!(content.is_err(), "grown beyond what can be read");
        file.set_len(1).unwrap();
        assert!(cache.content(&path, &listed, end()).is_err(), "shortened");
        let listed = fs::symlink_metadata(&path).unwrap();
        assert!(cache.content(&path, &listed, end()).is_ok());
    }

    #[test]
    fn nothing_is_listed_or_read_once_the_time_is_over() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("a");
        fs::write(&path, "1").unwrap();
        let listed = fs::symlink_metadata(&path).unwrap();
        let mut cache = InputFilesCache::default();
        let over = Instant::now();
        let error = cache.content(&path, &listed, over).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        let mut budget = Budget {
            end: over,
            ..budget()
        };
        assert_eq!(digest_at(&path, &mut budget, &mut cache), None);
    }

    /// Its path is longer than the kernel takes, so it is made and removed from the top.
    #[test]
    fn a_tree_that_is_too_deep_is_not_compared() {
        let temp = tempfile::tempdir().unwrap();
        let (tree, other) = (temp.path().join("d"), temp.path().join("e"));
        let digest = |depth| {
            let budget = &mut Budget {
                files: MAX_FILES,
                ..budget()
            };
            let digest = digest_at(&tree, budget, &mut InputFilesCache::default());
            assert_eq!(digest.is_some(), depth <= MAX_DEPTH, "{depth}");
        };
        fs::create_dir(&tree).unwrap();
        for depth in 1..=3000 {
            fs::create_dir(&other).unwrap();
            fs::rename(&tree, other.join("d")).unwrap();
            fs::rename(&other, &tree).unwrap();
            if [MAX_DEPTH, MAX_DEPTH + 1, 2030, 3000].contains(&depth) {
                digest(depth);
            }
        }
        while fs::rename(tree.join("d"), &other).is_ok() {
            fs::remove_dir(&tree).unwrap();
            fs::rename(&other, &tree).unwrap();
        }
    }
}
