//! One number for all files of a skill.
//!
//! Invariant: the digest changes when a name, the right to execute, a link's target or a byte of a
//! compared file does, and with nothing else: not with times, owners or the order of a directory.
//! [`LeftOut`] says which files are not compared. No link is followed, and nothing but regular
//! files is opened.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;
use sha2::{Digest as _, Sha256};

use super::left_out::{Compared, LeftOut};
use super::skill::{Skill, SkillKind};
use crate::model::{digest_of, hex};

/// The most files whose own digests are kept, to name the one that changed.
const MAX_NAMED: usize = 256;

/// How many digits of a file's own digest are kept.
const FILE_DIGITS: usize = 16;

/// The files of a skill as they are now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SkillDigest {
    /// The SHA-256 of all.
    pub(crate) digest: String,
    /// The first digits of each file's own, by its path below the skill's directory. Empty if there
    /// are more than [`MAX_NAMED`].
    pub(crate) files: BTreeMap<String, String>,
}

impl Skill {
    /// The digest of the skill's files. A built-in tool is what the version of obs is.
    ///
    /// # Errors
    /// If a file can't be read.
    pub(crate) fn digest(&self, workspace: &Path) -> io::Result<SkillDigest> {
        match &self.body {
            SkillKind::Builtin(_) => {
                let mut hasher = Sha256::new();
                field(&mut hasher, b"builtin", self.id.to_string().as_bytes());
                field(&mut hasher, b"obs", env!("CARGO_PKG_VERSION").as_bytes());
                Ok(SkillDigest {
                    digest: hex(&hasher.finalize()),
                    files: BTreeMap::new(),
                })
            }
            SkillKind::Native(native) => {
                let left_out = LeftOut::new(&native.dir, native.named_files(workspace));
                digest_below(&native.dir, left_out)
            }
        }
    }
}

fn digest_below(dir: &Path, left_out: LeftOut) -> io::Result<SkillDigest> {
    let mut walk = DigestWalk {
        left_out,
        hasher: Sha256::new(),
        files: Vec::new(),
    };
    walk.directory(dir, Path::new(""), Compared::All)?;
    let files = walk.files.into_iter();
    Ok(SkillDigest {
        digest: hex(&walk.hasher.finalize()),
        files: if files.len() > MAX_NAMED {
            BTreeMap::new()
        } else {
            files.collect()
        },
    })
}

struct DigestWalk {
    left_out: LeftOut,
    hasher: Sha256,
    files: Vec<(String, String)>,
}

impl DigestWalk {
    /// `below` is the directory's path below the skill's.
    fn directory(&mut self, path: &Path, below: &Path, scope: Compared) -> io::Result<()> {
        let mut entries = fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        let rules = self.left_out.enter(path);
        for entry in entries {
            let metadata = entry.metadata()?;
            let (path, below) = (entry.path(), below.join(entry.file_name()));
            let scope = self.left_out.scope(&path, metadata.is_dir(), scope);
            if metadata.is_dir() {
                if scope == Compared::All {
                    self.add(&below, &metadata, b"");
                }
                if scope != Compared::Named || self.left_out.holds_named(&path) {
                    self.directory(&path, &below, scope)?;
                }
            } else if self.left_out.is_compared(&path, &metadata, scope) {
                self.file(&path, &below, &metadata)?;
            }
        }
        self.left_out.leave(rules);
        Ok(())
    }

    fn file(&mut self, path: &Path, below: &Path, metadata: &Metadata) -> io::Result<()> {
        if metadata.is_symlink() {
            let target = fs::read_link(path)?;
            self.add(below, metadata, target.as_os_str().as_bytes());
        } else if metadata.is_file() {
            let content = digest_of(&mut open_listed(path, metadata)?)?;
            self.add(below, metadata, &content);
        } else {
            self.add(below, metadata, b"");
        }
        Ok(())
    }

    /// Adds an entry with what it holds.
    fn add(&mut self, below: &Path, metadata: &Metadata, content: &[u8]) {
        let kind = kind(metadata);
        field(&mut self.hasher, kind, below.as_os_str().as_bytes());
        field(&mut self.hasher, b"content", content);
        if self.files.len() <= MAX_NAMED {
            let mut own = Sha256::new();
            field(&mut own, kind, content);
            let mut digest = hex(&own.finalize());
            digest.truncate(FILE_DIGITS);
            self.files.push((below.display().to_string(), digest));
        }
    }
}

/// The first file that differs between two digests of one skill.
pub(crate) fn changed_file<'f>(
    before: &'f BTreeMap<String, String>,
    now: &'f BTreeMap<String, String>,
) -> Option<&'f str> {
    if before.is_empty() || now.is_empty() {
        return None;
    }
    let changed = now
        .iter()
        .find(|(file, own)| before.get(*file) != Some(*own));
    let removed = || before.iter().find(|(file, _)| !now.contains_key(*file));
    changed.or_else(removed).map(|(file, _)| file.as_str())
}

/// Opens the regular file that `listed` describes.
///
/// # Errors
/// Also if another file is at `path` by now; a FIFO does not make obs wait for its other end.
pub(super) fn open_listed(path: &Path, listed: &Metadata) -> io::Result<File> {
    // The standard library adds O_CLOEXEC.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let mut options = OpenOptions::new();
    let options = options.read(true).custom_flags(flags.bits().cast_signed());
    let file = options.open(path)?;
    let now = file.metadata()?;
    if now.is_file() && (now.dev(), now.ino()) == (listed.dev(), listed.ino()) {
        Ok(file)
    } else {
        Err(io::Error::other("another file is in its place"))
    }
}

pub(super) fn kind(metadata: &Metadata) -> &'static [u8] {
    if metadata.is_dir() {
        b"directory"
    } else if metadata.is_symlink() {
        b"link"
    } else if !metadata.is_file() {
        b"special"
    } else if metadata.permissions().mode() & 0o111 != 0 {
        b"program"
    } else {
        b"file"
    }
}

/// Lengths keep what stands beside each other apart.
pub(super) fn field(hasher: &mut Sha256, name: &[u8], value: &[u8]) {
    for part in [name, value] {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// A skill's directory, and the digests that it has had.
    struct Dir {
        temp: tempfile::TempDir,
        named: Vec<PathBuf>,
        seen: Vec<String>,
    }

    impl Dir {
        fn new() -> Self {
            let mut dir = Self {
                temp: tempfile::tempdir().unwrap(),
                named: Vec::new(),
                seen: Vec::new(),
            };
            dir.is_new();
            dir
        }

        fn path(&self, below: &str) -> PathBuf {
            self.temp.path().join(below)
        }

        fn write(&self, below: &str, content: &str) {
            let path = self.path(below);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }

        fn digest(&self) -> SkillDigest {
            let dir = self.temp.path();
            digest_below(dir, LeftOut::new(dir, self.named.clone())).unwrap()
        }

        fn is_new(&mut self) -> bool {
            let SkillDigest { digest, .. } = self.digest();
            let is_new = !self.seen.contains(&digest);
            self.seen.push(digest);
            is_new
        }
    }

    #[test]
    fn what_matters_changes_it_and_nothing_else_does() {
        let mut dir = Dir::new();
        dir.write("run.sh", "echo 1");
        assert!(dir.is_new(), "a file");
        dir.write("run.sh", "echo 2");
        assert!(dir.is_new(), "its content");
        fs::set_permissions(dir.path("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        assert!(dir.is_new(), "its mode");
        fs::rename(dir.path("run.sh"), dir.path("ran.sh")).unwrap();
        assert!(dir.is_new(), "its name");
        fs::create_dir(dir.path("lib")).unwrap();
        assert!(dir.is_new(), "a directory");
        std::os::unix::fs::symlink("ran.sh", dir.path("link")).unwrap();
        assert!(dir.is_new(), "a link");
        fs::rename(dir.path("ran.sh"), dir.path("lib/ran.sh")).unwrap();
        assert!(dir.is_new(), "a place");
        for left_out in [".git", ".venv", "node_modules", "__pycache__"] {
            dir.write(&format!("lib/{left_out}/x"), "x");
        }
        for backup in [
            "run.sh~",
            ".run.sh.swp",
            ".run.sh.swo",
            "#run.sh#",
            ".#run.sh",
            "4913",
        ] {
            dir.write(backup, "x");
            dir.write(&format!("lib/{backup}"), "x");
        }
        let ran = File::open(dir.path("lib/ran.sh")).unwrap();
        ran.set_modified(std::time::UNIX_EPOCH).unwrap();
        assert!(!dir.is_new(), "caches, backups and times");
        for near in ["run.sh~1", "a.swp", ".swp", "#run.sh", ".x.swq7", "49130"] {
            dir.write(near, "x");
            assert!(dir.is_new(), "{near}");
        }
    }

    #[test]
    fn data_that_git_ignores_is_left_out_and_code_is_not() {
        let mut dir = Dir::new();
        dir.write(
            ".gitignore",
            "*.log\n/cache/\nout*\n!out.txt\nlib.*\ntool\nnamed.txt\n",
        );
        dir.write("sub/.gitignore", "*.tmp\n!keep.log\n");
        assert!(dir.is_new());
        for ignored in [
            "a.log",
            "sub/a.log",
            "cache/a/b",
            "out.dat",
            "sub/x.tmp",
            "named.txt",
        ] {
            dir.write(ignored, "x");
            assert!(!dir.is_new(), "{ignored}");
        }
        for compared in [
            "out.txt",
            "sub/cache/x",
            "sub/keep.log",
            "x.tmp",
            "lib.py",
            "lib.so",
            "cache/a/lib.js",
        ] {
            dir.write(compared, "x");
            assert!(dir.is_new(), "{compared}");
        }
        dir.write("tool", "#!/bin/sh\n");
        assert!(dir.is_new(), "a script");
        dir.write("lib.x", "x");
        assert!(!dir.is_new(), "a file");
        fs::set_permissions(dir.path("lib.x"), fs::Permissions::from_mode(0o755)).unwrap();
        assert!(dir.is_new(), "a program");
        dir.named = vec![
            dir.path("named.txt"),
            dir.path("cache/a"),
            dir.path("run.sh~"),
        ];
        assert!(dir.is_new(), "what the command names");
        dir.write("cache/a/b", "y");
        assert!(dir.is_new(), "below a directory that the command names");
        dir.write("cache/b", "y");
        assert!(!dir.is_new(), "beside it");
        dir.write("run.sh~", "y");
        assert!(dir.is_new(), "a backup that the command names");
        dir.named.push(dir.path(".venv/bin/python"));
        dir.write(".venv/bin/python", "x");
        assert!(dir.is_new(), "a program in a directory of tools");
        dir.write(".venv/bin/other.py", "x");
        assert!(!dir.is_new(), "another one in it");
    }

    #[test]
    fn rules_above_the_skill_count_up_to_the_repository_and_not_for_all_of_it() {
        let temp = tempfile::tempdir().unwrap();
        let (repository, skill) = (temp.path().join("r"), temp.path().join("r/skills/s"));
        fs::create_dir_all(&skill).unwrap();
        fs::create_dir_all(repository.join(".git/info")).unwrap();
        fs::write(repository.join(".git/info/exclude"), "*.own\n").unwrap();
        fs::write(repository.join(".gitignore"), "*.log\n/skills/\n").unwrap();
        fs::write(temp.path().join(".gitignore"), "*.txt\n").unwrap();
        let digest = || digest_below(&skill, LeftOut::new(&skill, Vec::new())).unwrap();
        let empty = digest();
        fs::write(skill.join("a.log"), "x").unwrap();
        fs::write(skill.join("a.own"), "x").unwrap();
        assert_eq!(digest(), empty);
        fs::write(skill.join("a.txt"), "x").unwrap();
        let with_text = digest();
        assert_ne!(with_text, empty);
        fs::remove_dir_all(repository.join(".git")).unwrap();
        assert_ne!(digest(), with_text, "no repository");
    }

    #[test]
    fn the_file_that_changed_is_named() {
        let dir = Dir::new();
        for n in 0..3 {
            dir.write(&format!("lib/{n}"), "x");
        }
        let before = dir.digest();
        dir.write("lib/1", "y");
        let changed = dir.digest();
        assert_eq!(changed_file(&before.files, &changed.files), Some("lib/1"));
        fs::remove_file(dir.path("lib/1")).unwrap();
        let removed = dir.digest();
        assert_eq!(changed_file(&before.files, &removed.files), Some("lib/1"));
        assert_eq!(changed_file(&before.files, &before.files), None);
        for n in 0..=MAX_NAMED {
            dir.write(&format!("lib/{n}"), "x");
        }
        let many = dir.digest();
        assert_eq!(many.files.len(), 0);
        assert_ne!(many.digest, before.digest);
        assert_eq!(changed_file(&before.files, &many.files), None);
    }
}
