//! Files as they were at one moment, to be compared with later.
//!
//! Invariant: files are equal only if their names, kinds, modes, link targets and bytes are, and if
//! every path still leads to the same place. Times are not compared and not relied on: a skill can
//! set a modification time, and a write through a shared mapping on tmpfs changes no time at all.
//! The number of a file's names (hard links) is compared: a further name would be a way to write
//! the file past the grants. Nothing is left out ([`Skill::digest`](super::Skill::digest) leaves
//! out directories that tools fill, which hold code nevertheless). No link is followed, nothing but
//! regular files is opened, and the work is bounded: what is over [`MAX_ENTRIES`] or [`MAX_BYTES`],
//! or can't be read, counts as changed.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf};

use rustix::fs::OFlags;
use sha2::{Digest as _, Sha256};

use crate::model::digest_of;

/// The most files and directories that are compared.
pub(super) const MAX_ENTRIES: usize = 50_000;

/// The most bytes that are compared: 512 MiB.
pub(super) const MAX_BYTES: u64 = 512 << 20;

/// How many links one path may lead through: the kernel's own limit.
const MAX_LINKS: usize = 40;

/// Which files are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All of them.
    Everything,
    /// Regular files with more than one name.
    HardLinks,
}

/// Files as they were at one moment.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// The paths as they were given, with the places that decide where each leads.
    paths: Vec<(PathBuf, Vec<PathBuf>)>,
    scope: Scope,
    entries: BTreeMap<PathBuf, SnapshotEntry>,
    bytes: u64,
    /// Why there is nothing to compare with.
    fault: Option<Change>,
}

/// How files differ from a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// The file or directory was not there.
    Added(PathBuf),
    /// It is not there any more.
    Removed(PathBuf),
    /// It is another one, or holds something else.
    Changed(PathBuf),
    /// The path leads elsewhere, through a link.
    Redirected(PathBuf),
    /// There is more than is compared.
    TooMuch,
    /// It can't be read.
    Unreadable(PathBuf, String),
}

#[derive(Debug, PartialEq, Eq)]
struct SnapshotEntry {
    /// Type and permissions.
    mode: u32,
    /// Of a regular file.
    bytes: u64,
    /// How many names a regular file has.
    names: u64,
    /// The number of a file that has several names: which of them lead to it must not change.
    number: Option<(u64, u64)>,
    /// Of the bytes of a file and of the target of a link.
    digest: [u8; 32],
}

impl Snapshot {
    /// The files at `paths`, and all below those that are directories, as they are now.
    pub(crate) fn take(paths: &[PathBuf], scope: Scope) -> Self {
        let led = |path: &PathBuf| (path.clone(), decisive(path));
        let mut snapshot = Self {
            paths: paths.iter().map(led).collect(),
            scope,
            entries: BTreeMap::new(),
            bytes: 0,
            fault: None,
        };
        let roots = snapshot.roots();
        snapshot.fault = walk(&roots, Err, &mut |path, metadata| {
            snapshot.add(path, metadata)
        })
        .err();
        snapshot
    }

    /// How the files that are there now differ; `None` if they don't.
    pub(crate) fn difference(&self) -> Option<Change> {
        self.compare().err()
    }

    fn compare(&self) -> Result<(), Change> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        for (path, places) in &self.paths {
            if decisive(path) != *places {
                return Err(Change::Redirected(path.clone()));
            }
        }
        if self.scope == Scope::HardLinks {
            let mut entries = self.entries.iter();
            return entries.try_for_each(|(path, then)| match fs::symlink_metadata(path) {
                Ok(metadata) => then.compare_with(path, &metadata),
                Err(error) => Err(lost(path, &error)),
            });
        }
        let mut found = 0;
        walk(&self.roots(), Err, &mut |path, metadata| {
            found += 1;
            let then = self.entries.get(path);
            let then = then.ok_or_else(|| Change::Added(path.to_owned()))?;
            then.compare_with(path, metadata)
        })?;
        if found == self.entries.len() {
            return Ok(());
        }
        let is_missing = |path: &&PathBuf| fs::symlink_metadata(path).is_err();
        let missing = self.entries.keys().find(is_missing);
        missing.map_or(Ok(()), |path| Err(Change::Removed(path.clone())))
    }

    /// Where the paths lead, without those that lie below another.
    fn roots(&self) -> Vec<PathBuf> {
        let ends = self.paths.iter().filter_map(|(_, places)| places.last());
        let mut roots: Vec<PathBuf> = ends.cloned().collect();
        roots.sort_unstable();
        roots.dedup_by(|below, above| below.starts_with(above));
        roots
    }

    fn add(&mut self, path: &Path, metadata: &Metadata) -> Result<(), Change> {
        let has_names = metadata.is_file() && metadata.nlink() > 1;
        if self.scope == Scope::HardLinks && !has_names {
            return Ok(());
        }
        if metadata.is_file() {
            self.bytes = self.bytes.saturating_add(metadata.size());
        }
        if self.entries.len() == MAX_ENTRIES || self.bytes > MAX_BYTES {
            return Err(Change::TooMuch);
        }
        let entry =
            SnapshotEntry::read(path, metadata).map_err(|error| unreadable(path, &error))?;
        self.entries.insert(path.to_owned(), entry);
        Ok(())
    }
}

impl SnapshotEntry {
    /// What can be known without reading the file.
    fn outline(metadata: &Metadata) -> Self {
        let file = Some(metadata).filter(|metadata| metadata.is_file());
        Self {
            mode: metadata.mode(),
            bytes: file.map_or(0, Metadata::size),
            names: file.map_or(0, Metadata::nlink),
            number: file
                .filter(|file| file.nlink() > 1)
                .map(|file| (file.dev(), file.ino())),
            digest: [0; 32],
        }
    }

    fn read(path: &Path, metadata: &Metadata) -> io::Result<Self> {
        let digest = if metadata.is_file() {
            digest_of(&mut open(path)?)?
        } else if metadata.is_symlink() {
            Sha256::digest(fs::read_link(path)?.as_os_str().as_bytes()).into()
        } else {
            [0; 32]
        };
        Ok(Self {
            digest,
            ..Self::outline(metadata)
        })
    }

    /// Reads the file only if nothing else differs, so that no more is read than was at first.
    fn compare_with(&self, path: &Path, metadata: &Metadata) -> Result<(), Change> {
        let outline = Self {
            digest: self.digest,
            ..Self::outline(metadata)
        };
        if *self != outline {
            return Err(Change::Changed(path.to_owned()));
        }
        let now = Self::read(path, metadata).map_err(|error| unreadable(path, &error))?;
        if *self == now {
            Ok(())
        } else {
            Err(Change::Changed(path.to_owned()))
        }
    }
}

/// Opens what was a regular file a moment ago.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// Visits what is at `roots` and below, without a link followed. The depth is bounded by that of
/// paths. What can't be read ends the walk, or is passed over, as `on_unreadable` says.
pub(super) fn walk(
    roots: &[PathBuf],
    on_unreadable: impl Fn(Change) -> Result<(), Change>,
    visit: &mut impl FnMut(&Path, &Metadata) -> Result<(), Change>,
) -> Result<(), Change> {
    let mut pending: Vec<PathBuf> = Vec::new();
    let mut enter = |path: PathBuf, pending: &mut Vec<PathBuf>| {
        let metadata = match fs::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if super::root_dir::is_absence(&error) => return Ok(()),
            Err(error) => return on_unreadable(unreadable(&path, &error)),
        };
        visit(&path, &metadata)?;
        if metadata.is_dir() {
            pending.push(path);
        }
        Ok(())
    };
    for root in roots {
        enter(root.clone(), &mut pending)?;
        while let Some(dir) = pending.pop() {
            let entries = match fs::read_dir(&dir) {
                Ok(entries) => entries,
                Err(error) => {
                    on_unreadable(unreadable(&dir, &error))?;
                    continue;
                }
            };
            for entry in entries {
                match entry {
                    Ok(entry) => enter(entry.path(), &mut pending)?,
                    Err(error) => {
                        on_unreadable(unreadable(&dir, &error))?;
                        break;
                    }
                }
            }
        }
    }
    Ok(())
}

/// The places that decide where `path` leads: each link on the way and, as the last, what it leads
/// to. Links are resolved as the kernel does it; what does not exist is taken as it is written.
pub(crate) fn decisive(path: &Path) -> Vec<PathBuf> {
    let parts = |path: &Path| -> VecDeque<OsString> {
        let parts = path.components();
        parts.map(|part| part.as_os_str().to_owned()).collect()
    };
    // An absolute path begins with a part that leads to the root.
    let start = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
    let (mut places, mut at, mut left) = (Vec::new(), start, parts(path));
    while let Some(part) = left.pop_front() {
        match Path::new(&part).components().next() {
            Some(Component::RootDir) => at = PathBuf::from("/"),
            Some(Component::ParentDir) => {
                at.pop();
            }
            Some(Component::Normal(name)) => {
                let next = at.join(name);
                match fs::read_link(&next) {
                    Ok(target) if places.len() < MAX_LINKS => {
                        places.push(next);
                        let mut target = parts(&target);
                        target.append(&mut left);
                        left = target;
                    }
                    _ => at = next,
                }
            }
            _ => {}
        }
    }
    places.push(at);
    places
}

fn lost(path: &Path, error: &io::Error) -> Change {
    if super::root_dir::is_absence(error) {
        Change::Removed(path.to_owned())
    } else {
        unreadable(path, error)
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Change {
    Change::Unreadable(path.to_owned(), error.to_string())
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = "after the plan was proven";
        match self {
            Self::Added(path) => write!(f, "`{}` was added {since}", path.display()),
            Self::Removed(path) => write!(f, "`{}` was removed {since}", path.display()),
            Self::Changed(path) => write!(f, "`{}` was changed {since}", path.display()),
            Self::Redirected(path) => {
                write!(
                    f,
                    "`{}` points elsewhere since the plan was proven",
                    path.display()
                )
            }
            Self::TooMuch => write!(
                f,
                "its files can't be compared with what was proven: they are more than \
                 {MAX_ENTRIES} or larger than {} MiB",
                MAX_BYTES >> 20
            ),
            Self::Unreadable(path, reason) => write!(
                f,
                "`{}` can't be compared with what was proven: {reason}",
                path.display()
            ),
        }
    }
}

#[cfg(test)]
mod tests;
