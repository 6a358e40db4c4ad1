//! One number for all files of a skill.
//!
//! Invariant: the digest changes when a name, the right to execute, a link's target or a byte of a
//! file does, and with nothing else: not with times, owners or the order of a directory. No link is
//! followed, and nothing but regular files is opened.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::skill::{Skill, SkillKind};
use crate::model::hex;

/// Directories that tools fill as they run.
const LEFT_OUT: [&str; 4] = [".git", ".venv", "node_modules", "__pycache__"];

impl Skill {
    /// The SHA-256 of the skill's files, without `.git`, `.venv`, `node_modules` and `__pycache__`.
    /// A built-in tool is what the version of obs is.
    ///
    /// # Errors
    /// If a file can't be read.
    pub fn digest(&self) -> io::Result<String> {
        let mut hasher = Sha256::new();
        match &self.body {
            SkillKind::Builtin(_) => {
                field(&mut hasher, b"builtin", self.id.to_string().as_bytes());
                field(&mut hasher, b"obs", env!("CARGO_PKG_VERSION").as_bytes());
            }
            SkillKind::Native(native) => directory(&mut hasher, &native.dir)?,
        }
        Ok(hex(&hasher.finalize()))
    }
}

fn directory(hasher: &mut Sha256, path: &Path) -> io::Result<()> {
    let mut entries = fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        if LEFT_OUT.iter().any(|left_out| name == *left_out) {
            continue;
        }
        let metadata = entry.metadata()?;
        field(hasher, kind(&metadata), name.as_bytes());
        if metadata.is_dir() {
            directory(hasher, &entry.path())?;
            field(hasher, b"end", b"");
        } else if metadata.is_symlink() {
            let target = fs::read_link(entry.path())?;
            field(hasher, b"target", target.as_os_str().as_bytes());
        } else if metadata.is_file() {
            let content = digest_of(&mut File::open(entry.path())?)?;
            field(hasher, b"content", &content);
        }
    }
    Ok(())
}

/// The SHA-256 of what is left to read of `file`.
pub(super) fn digest_of(file: &mut File) -> io::Result<[u8; 32]> {
    let mut content = Sha256::new();
    io::copy(file, &mut HashWriter(&mut content))?;
    Ok(content.finalize().into())
}

fn kind(metadata: &Metadata) -> &'static [u8] {
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
fn field(hasher: &mut Sha256, name: &[u8], value: &[u8]) {
    for part in [name, value] {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
}

struct HashWriter<'h>(&'h mut Sha256);

impl io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_changes_it_and_nothing_else_does() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path();
        let digest = || {
            let mut hasher = Sha256::new();
            directory(&mut hasher, path).unwrap();
            hex(&hasher.finalize())
        };
        let mut seen = vec![digest()];
        let mut is_new = || {
            let digest = digest();
            let is_new = !seen.contains(&digest);
            seen.push(digest);
            is_new
        };
        fs::write(path.join("run.sh"), "echo 1").unwrap();
        assert!(is_new(), "a file");
        fs::write(path.join("run.sh"), "echo 2").unwrap();
        assert!(is_new(), "its content");
        fs::set_permissions(path.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        assert!(is_new(), "its mode");
        fs::rename(path.join("run.sh"), path.join("ran.sh")).unwrap();
        assert!(is_new(), "its name");
        fs::create_dir(path.join("lib")).unwrap();
        assert!(is_new(), "a directory");
        std::os::unix::fs::symlink("ran.sh", path.join("link")).unwrap();
        assert!(is_new(), "a link");
        for left_out in LEFT_OUT {
            fs::create_dir_all(path.join("lib").join(left_out)).unwrap();
            fs::write(path.join("lib").join(left_out).join("x"), "x").unwrap();
        }
        File::open(path.join("ran.sh"))
            .unwrap()
            .set_modified(std::time::UNIX_EPOCH)
            .unwrap();
        assert!(!is_new(), "caches and times");
    }
}
