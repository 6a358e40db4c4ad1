//! The files that a skill's manifest reads (`fs.read:`), as digests.
//!
//! Invariant: the work is bounded: what has more than [`MAX_FILES`] entries or [`MAX_BYTES`] is not
//! compared, and nor is what the skill may write itself, what lies in `$RUN_DIR`, or a file system
//! of the kernel. No link below a path is followed, and nothing but regular files is opened.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::digest::{digest_of, field, kind};
use super::{PathBase, Permission, SandboxPolicy, Skill};
use crate::model::{InputFiles, hex};

/// The most files and directories of one step that are compared.
const MAX_FILES: usize = 10_000;

/// The most bytes of one step that are compared: 256 MiB.
const MAX_BYTES: u64 = 256 << 20;

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

    /// The digests of the files as they are now.
    pub(crate) fn digests(&self, cache: &mut InputFilesCache) -> InputFiles {
        let mut budget = Budget {
            files: MAX_FILES,
            bytes: MAX_BYTES,
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
}

/// The digest of a file, or of a directory and all below it; `None` if it is not compared.
fn digest_at(path: &Path, budget: &mut Budget, cache: &mut InputFilesCache) -> Option<String> {
    if is_of_kernel(path) {
        return None;
    }
    let mut entries = Vec::new();
    list(path, budget, &mut entries)?;
    let mut hasher = Sha256::new();
    for (entry, metadata) in entries {
        let below = entry.strip_prefix(path).unwrap_or(&entry);
        let Some(metadata) = metadata else {
            field(&mut hasher, b"unreadable", below.as_os_str().as_bytes());
            continue;
        };
        field(&mut hasher, kind(&metadata), below.as_os_str().as_bytes());
        if metadata.is_symlink() {
            let target = fs::read_link(&entry).unwrap_or_default();
            field(&mut hasher, b"target", target.as_os_str().as_bytes());
        } else if metadata.is_file() {
            match cache.content(&entry, &metadata) {
                Ok(content) => field(&mut hasher, b"content", &content),
                Err(_) => field(&mut hasher, b"unreadable", b""),
            }
        }
    }
    Some(hex(&hasher.finalize()))
}

/// Lists what is compared, in a fixed order; `None` if it is too much.
fn list(
    path: &Path,
    budget: &mut Budget,
    entries: &mut Vec<(PathBuf, Option<Metadata>)>,
) -> Option<()> {
    budget.files = budget.files.checked_sub(1)?;
    let metadata = fs::symlink_metadata(path).ok();
    let is_directory = metadata.as_ref().is_some_and(Metadata::is_dir);
    if let Some(metadata) = metadata.as_ref().filter(|metadata| metadata.is_file()) {
        budget.bytes = budget.bytes.checked_sub(metadata.len())?;
    }
    if is_directory && is_of_kernel(path) {
        return None;
    }
    entries.push((path.to_owned(), metadata));
    if is_directory {
        let Ok(found) = fs::read_dir(path) else {
            entries.push((path.join("*"), None));
            return Some(());
        };
        let mut below: Vec<PathBuf> = Vec::new();
        for entry in found.flatten() {
            if below.len() == budget.files {
                return None;
            }
            below.push(entry.path());
        }
        below.sort_unstable();
        for path in below {
            list(&path, budget, entries)?;
        }
    }
    Some(())
}

fn is_of_kernel(path: &Path) -> bool {
    let kind = rustix::fs::statfs(path).map(|found| u32::try_from(found.f_type));
    matches!(kind, Ok(Ok(kind)) if KERNEL_FILE_SYSTEMS.contains(&kind))
}

impl InputFilesCache {
    fn content(&mut self, path: &Path, metadata: &Metadata) -> io::Result<[u8; 32]> {
        let stamp = [
            i128::from(metadata.dev()),
            i128::from(metadata.ino()),
            i128::from(metadata.len()),
            // Unlike the time of modification, no process can set it.
            i128::from(metadata.ctime()),
            i128::from(metadata.ctime_nsec()),
        ];
        if let Some((before, digest)) = self.0.get(path)
            && *before == stamp
        {
            return Ok(*digest);
        }
        let mut file = File::open(path)?.take(MAX_BYTES);
        let digest = digest_of(&mut file)?;
        self.0.insert(path.to_owned(), (stamp, digest));
        Ok(digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(path: &Path) -> Option<String> {
        let mut budget = Budget {
            files: 20,
            bytes: 1000,
        };
        digest_at(path, &mut budget, &mut InputFilesCache::default())
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
        std::os::unix::fs::symlink("b", path.join("l")).unwrap();
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
        let mut digest = || {
            let mut budget = Budget {
                files: 20,
                bytes: 1000,
            };
            digest_at(&path, &mut budget, &mut cache)
        };
        fs::write(&path, "1").unwrap();
        let before = digest();
        assert_eq!(digest(), before);
        // Another file of the same length in its place.
        fs::write(path.with_extension("new"), "2").unwrap();
        fs::rename(path.with_extension("new"), &path).unwrap();
        assert_ne!(digest(), before);
    }
}
