//! Files of obs itself that no skill may reach: the state and its locks. And the log, which none
//! should change.
//!
//! Invariant: nothing runs whose grants cover the state, for reading either: a process that can
//! open a file can hold its lock, and SQLite's. Paths are compared by what they lead to, so that
//! neither a link nor a second mount of the same directory hides that a grant covers one.

use std::collections::HashSet;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::process::canonicalize;

/// Where obs keeps its own files during a run.
#[derive(Debug, Clone, Default)]
pub struct OwnFiles {
    /// The directory of the state.
    pub state: Option<PathBuf>,
    /// The directory of the log's lock, if that is not in the state.
    pub locks: Option<PathBuf>,
    /// `--log`.
    pub log: Option<PathBuf>,
    /// `--run-dir`, which `$RUN_DIR` in a permission means.
    pub run_dir: Option<PathBuf>,
}

/// The files of obs itself that grants are compared with.
pub(super) struct ProtectedFiles {
    pub(super) state: Option<Protected>,
    pub(super) locks: Option<Protected>,
    pub(super) log: Option<Protected>,
}

impl ProtectedFiles {
    pub(super) fn new(own: &OwnFiles) -> Self {
        let protected = |path: &Option<_>| path.as_deref().map(Protected::new);
        // A terminal, a pipe or /dev/null can't be changed afterwards.
        let log = own
            .log
            .as_ref()
            .filter(|log| log.is_file() || !log.exists());
        Self {
            state: protected(&own.state),
            locks: protected(&own.locks),
            log: log.map(|log| Protected::new(log)),
        }
    }
}

/// A file or directory, known by all that leads to it.
#[derive(Debug)]
pub(super) struct Protected {
    /// As given, and without links.
    paths: [PathBuf; 2],
    /// Device and inode of it, of the directories above it and of what lies directly in it.
    identities: HashSet<(u64, u64)>,
}

impl Protected {
    pub(super) fn new(path: &Path) -> Self {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let real = real_path(&absolute);
        let content = std::fs::read_dir(&real).into_iter().flatten().flatten();
        let content: Vec<PathBuf> = content.map(|entry| entry.path()).collect();
        let all = real.ancestors().chain(content.iter().map(PathBuf::as_path));
        let identities = all
            .filter_map(|path| std::fs::symlink_metadata(path).ok())
            .map(|metadata| identity(&metadata))
            .collect();
        let paths = [absolute, real];
        Self { paths, identities }
    }

    /// True if `path` is this, or a directory above it.
    pub(super) fn is_below(&self, path: &Path) -> bool {
        self.paths.iter().any(|own| own.starts_with(path))
            || std::fs::metadata(path)
                .is_ok_and(|metadata| self.identities.contains(&identity(&metadata)))
    }

    /// True if a grant of `path` is one of this, of a directory above it or of anything in it.
    pub(super) fn is_covered_by(&self, path: &Path) -> bool {
        self.is_below(path) || {
            let real = real_path(path);
            let [_, own] = &self.paths;
            own.starts_with(&real) || real.starts_with(own)
        }
    }
}

/// `path` without links, as far as it exists; as it is if they lead nowhere.
fn real_path(path: &Path) -> PathBuf {
    canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_grant_covers_what_it_leads_to() {
        let temp = tempfile::tempdir().unwrap();
        let temp = temp.path().canonicalize().unwrap();
        let path = |name: &str| temp.join(name);
        std::fs::create_dir_all(path("a/state/locks")).unwrap();
        std::fs::create_dir_all(path("b")).unwrap();
        std::fs::write(path("a/state/obs.db"), "").unwrap();
        symlink(path("a/state"), path("b/link")).unwrap();
        symlink(path("a"), path("above")).unwrap();
        std::fs::hard_link(path("a/state/obs.db"), path("b/copy")).unwrap();
        for name in ["a/state", "b/link", "above/state"] {
            let state = Protected::new(&path(name));
            for covering in [
                "",
                "a",
                "a/state",
                "a/state/obs.db",
                "a/state/locks",
                "a/state/new/file",
                "b/link",
                "b/link/locks/x",
                "above",
                "above/state",
                "b/copy",
            ] {
                assert!(state.is_covered_by(&path(covering)), "{name} {covering}");
            }
            for other in ["c", "c/d", "a/stat", "a/other", "a/state2"] {
                assert!(!state.is_covered_by(&path(other)), "{name} {other}");
            }
        }
        // Whoever can replace the link controls where the state is.
        assert!(Protected::new(&path("b/link")).is_covered_by(&path("b")));
        assert!(!Protected::new(&path("a/state")).is_covered_by(&path("b")));
    }

    #[test]
    fn what_does_not_exist_yet_is_covered_as_well() {
        let temp = tempfile::tempdir().unwrap();
        let path = |name: &str| temp.path().join(name);
        symlink(temp.path(), path("link")).unwrap();
        let state = Protected::new(&path("link/new/state"));
        for covering in [
            "link",
            "link/new",
            "new",
            "new/state",
            "link/new/state/locks",
        ] {
            assert!(state.is_covered_by(&path(covering)), "{covering}");
        }
        assert!(!state.is_covered_by(&path("new/stat")));
        assert!(!state.is_covered_by(&path("link/old")));
    }
}
