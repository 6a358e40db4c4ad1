//! The built-in tools that read the workspace.
//!
//! Invariant: nothing outside the workspace is opened, and nothing but directories and regular
//! files. Names are resolved one by one in open directories and no link is followed, so a step that
//! puts a link in their place changes nothing. The work is bounded, and ends when the step is to
//! end.

#[cfg(test)]
mod tests;

use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path};
use std::rc::Rc;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, fstat, openat, statat};
use rustix::io::Errno;
use serde_json::{Map, Value, json};

use crate::model::{digest_of, hex};

/// The most files that a list may have, whatever `max` says.
pub(super) const MAX_LISTED: u64 = 100_000;
/// The most files of a list if `max` is not given.
const DEFAULT_LISTED: u64 = 10_000;
/// The most entries that are looked at for one list.
const MAX_ENTRIES: usize = 1_000_000;
/// The most levels of directories.
const MAX_DEPTH: usize = 256;
/// The most bytes of one list that are digested: 1 GiB.
const MAX_DIGESTED_BYTES: u64 = 1 << 30;
/// The largest file that can be read: 16 MiB.
pub(super) const MAX_READ_BYTES: u64 = 16 << 20;
/// The largest file that is read if `max_bytes` is not given: 1 MiB.
const DEFAULT_READ_BYTES: u64 = 1 << 20;

/// Where a tool reads, and until when.
pub struct Workspace<'w> {
    /// The workspace; canonical.
    pub path: &'w Path,
    /// True once the step is to end.
    pub is_stopped: &'w dyn Fn() -> bool,
}

/// `builtin.list_files`.
pub(super) fn list_files(
    arguments: &Map<String, Value>,
    workspace: &Workspace<'_>,
) -> Result<Value, String> {
    let pattern = text(arguments, "pattern")?;
    let prefix = literal_prefix(pattern)?;
    let excluded = arguments.get("exclude").and_then(Value::as_array);
    let excluded = excluded.into_iter().flatten().filter_map(Value::as_str);
    let mut list = FileList {
        pattern: globs([pattern])?,
        excluded: globs(excluded)?,
        max: number(arguments, "max", DEFAULT_LISTED)?,
        with_digests: arguments.get("sha256") == Some(&Value::Bool(true)),
        workspace,
        entries: 0,
        digested_bytes: 0,
        files: Vec::new(),
    };
    list.walk(&prefix)?;
    list.files.sort_by(|one, other| one.path.cmp(&other.path));
    let paths: Vec<&str> = list.files.iter().map(|file| &*file.path).collect();
    let files: Vec<Value> = list.files.iter().map(ListedFile::to_json).collect();
    Ok(json!({"paths": paths, "files": files}))
}

/// `builtin.read_file`.
pub(super) fn read_file(
    arguments: &Map<String, Value>,
    workspace: &Workspace<'_>,
) -> Result<Value, String> {
    let path = text(arguments, "path")?;
    let max = number(arguments, "max_bytes", DEFAULT_READ_BYTES)?;
    let mut names = names(path)?;
    let Some(name) = names.pop() else {
        return Err(format!("`{path}` is not a file"));
    };
    let mut directory = open_root(workspace.path)?;
    for name in names {
        directory = open_directory(&directory, name).map_err(|errno| cannot_read(path, errno))?;
    }
    let (file, stat) = open_file(&directory, name).map_err(|errno| cannot_read(path, errno))?;
    if size_of(&stat) > max {
        let bytes = size_of(&stat);
        return Err(format!(
            "`{path}` has {bytes} bytes, more than {max}; raise `max_bytes`"
        ));
    }
    let mut bytes = Vec::new();
    // It may grow while it is read.
    let read = file.take(max + 1).read_to_end(&mut bytes);
    read.map_err(|error| format!("can't read `{path}`: {error}"))?;
    if bytes.len() as u64 > max {
        return Err(format!(
            "`{path}` has more than {max} bytes; raise `max_bytes`"
        ));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        format!("`{path}` is not UTF-8 at byte {at}")
    })?;
    Ok(json!({"path": path, "bytes": text.len(), "text": text}))
}

struct FileList<'w> {
    pattern: GlobSet,
    excluded: GlobSet,
    max: u64,
    with_digests: bool,
    workspace: &'w Workspace<'w>,
    entries: usize,
    digested_bytes: u64,
    files: Vec<ListedFile>,
}

struct ListedFile {
    path: String,
    bytes: u64,
    sha256: Option<String>,
}

impl ListedFile {
    fn to_json(&self) -> Value {
        let mut file = json!({"path": self.path, "bytes": self.bytes});
        if let Some(sha256) = &self.sha256 {
            file["sha256"] = json!(sha256);
        }
        file
    }
}

/// A directory that is still to be listed. It keeps its parent open and not itself, so that as many
/// are open as there are levels.
struct Pending {
    parent: Rc<OwnedFd>,
    name: CString,
    path: Vec<u8>,
    depth: usize,
}

impl FileList<'_> {
    /// Lists everything below the directory `prefix`.
    fn walk(&mut self, prefix: &[&str]) -> Result<(), String> {
        let mut directory = Rc::new(open_root(self.workspace.path)?);
        let mut path = Vec::new();
        for name in prefix {
            directory = match open_directory(&directory, name) {
                Ok(directory) => Rc::new(directory),
                // A link, a file or nothing: no file is below it.
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(()),
                Err(errno) => return Err(cannot_read(&prefix.join("/"), errno)),
            };
            path = joined(&path, name.as_bytes());
        }
        let mut pending = Vec::new();
        self.list(&directory, &path, prefix.len(), &mut pending)?;
        while let Some(next) = pending.pop() {
            let directory =
                match open_directory(&next.parent, OsStr::from_bytes(next.name.as_bytes())) {
                    Ok(directory) => Rc::new(directory),
                    // Removed or replaced meanwhile.
                    Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => continue,
                    Err(errno) => {
                        return Err(cannot_read(&String::from_utf8_lossy(&next.path), errno));
                    }
                };
            self.list(&directory, &next.path, next.depth, &mut pending)?;
        }
        Ok(())
    }

    /// Adds the files in `directory`, and its directories to `pending`.
    fn list(
        &mut self,
        directory: &Rc<OwnedFd>,
        path: &[u8],
        depth: usize,
        pending: &mut Vec<Pending>,
    ) -> Result<(), String> {
        let wrong = |errno| cannot_read(&String::from_utf8_lossy(path), errno);
        for entry in Dir::read_from(directory).map_err(wrong)? {
            let entry = entry.map_err(wrong)?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                return Err(format!(
                    "more than {MAX_ENTRIES} files and directories; use a narrower `pattern`, \
                     or `exclude`"
                ));
            }
            if (self.workspace.is_stopped)() {
                return Err("stopped".to_owned());
            }
            let below = joined(path, name.to_bytes());
            if self.excluded.is_match(OsStr::from_bytes(&below)) {
                continue;
            }
            let Ok(stat) = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) else {
                continue;
            };
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory if depth >= MAX_DEPTH => {
                    return Err(format!(
                        "the directories are more than {MAX_DEPTH} levels deep; use `exclude`"
                    ));
                }
                FileType::Directory => pending.push(Pending {
                    parent: Rc::clone(directory),
                    name: name.to_owned(),
                    path: below,
                    depth: depth + 1,
                }),
                FileType::RegularFile if self.pattern.is_match(OsStr::from_bytes(&below)) => {
                    self.add(directory, OsStr::from_bytes(name.to_bytes()), below, &stat)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn add(
        &mut self,
        directory: &OwnedFd,
        name: &OsStr,
        path: Vec<u8>,
        stat: &Stat,
    ) -> Result<(), String> {
        let path = String::from_utf8(path).map_err(|error| {
            let shown = String::from_utf8_lossy(error.as_bytes()).into_owned();
            format!("the name of `{shown}` is not UTF-8; rename it, or use `exclude`")
        })?;
        if self.files.len() as u64 >= self.max {
            return Err(format!(
                "more than {} files match; use a narrower `pattern`, or raise `max`",
                self.max
            ));
        }
        let mut bytes = size_of(stat);
        let mut sha256 = None;
        if self.with_digests {
            let (mut file, stat) = match open_file(directory, name) {
                Ok(opened) => opened,
                Err(Errno::NOENT | Errno::LOOP) => return Ok(()),
                Err(errno) => return Err(cannot_read(&path, errno)),
            };
            bytes = size_of(&stat);
            self.digested_bytes = self.digested_bytes.saturating_add(bytes);
            if self.digested_bytes > MAX_DIGESTED_BYTES {
                return Err(format!(
                    "the files have more than {MAX_DIGESTED_BYTES} bytes; leave `sha256` out, or \
                     use a narrower `pattern`"
                ));
            }
            let mut file = (&mut file).take(bytes);
            let digest = digest_of(&mut file);
            sha256 = Some(hex(
                &digest.map_err(|error| format!("can't read `{path}`: {error}"))?
            ));
        }
        self.files.push(ListedFile {
            path,
            bytes,
            sha256,
        });
        Ok(())
    }
}

fn text<'a>(arguments: &'a Map<String, Value>, name: &str) -> Result<&'a str, String> {
    let text = arguments.get(name).and_then(Value::as_str);
    text.ok_or_else(|| format!("the argument `{name}` must be text"))
}

fn number(arguments: &Map<String, Value>, name: &str, default: u64) -> Result<u64, String> {
    let Some(value) = arguments.get(name) else {
        return Ok(default);
    };
    let number = value.as_u64();
    number.ok_or_else(|| format!("the argument `{name}` must be an integer such as {default}"))
}

fn globs<'p>(patterns: impl IntoIterator<Item = &'p str>) -> Result<GlobSet, String> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let invalid = |error: globset::Error| format!("invalid glob `{pattern}`: {}", error.kind());
        // As the paths are that it is matched with.
        let clean = pattern.strip_prefix("./").unwrap_or(pattern);
        let clean = clean.strip_suffix('/').unwrap_or(clean);
        let glob = GlobBuilder::new(clean)
            .literal_separator(true)
            .backslash_escape(true)
            .build();
        set.add(glob.map_err(invalid)?);
    }
    set.build()
        .map_err(|error| format!("invalid glob: {}", error.kind()))
}

/// The directories at the beginning of `pattern` that are no globs: only what is below them is
/// looked at.
fn literal_prefix(pattern: &str) -> Result<Vec<&str>, String> {
    let mut components = names(pattern)?;
    components.pop();
    let is_glob = |name: &&str| name.contains(['*', '?', '[', '{', '\\']);
    let literal = components.iter().position(is_glob);
    components.truncate(literal.unwrap_or(components.len()));
    Ok(components)
}

/// The names in a path below the workspace.
fn names(path: &str) -> Result<Vec<&str>, String> {
    let mut names = Vec::new();
    for component in Path::new(path).components() {
        match component {
            Component::Normal(name) => names.extend(name.to_str()),
            Component::CurDir => {}
            Component::RootDir | Component::ParentDir | Component::Prefix(_) => {
                return Err(format!(
                    "`{path}` must be relative to the workspace, without `..`"
                ));
            }
        }
    }
    Ok(names)
}

fn joined(path: &[u8], name: &[u8]) -> Vec<u8> {
    if path.is_empty() {
        return name.to_owned();
    }
    [path, b"/", name].concat()
}

fn open_root(workspace: &Path) -> Result<OwnedFd, String> {
    openat(CWD, workspace, directory_flags(), Mode::empty())
        .map_err(|errno| cannot_read(&workspace.to_string_lossy(), errno))
}

fn open_directory(parent: impl AsFd, name: impl AsRef<OsStr>) -> Result<OwnedFd, Errno> {
    openat(parent, name.as_ref(), directory_flags(), Mode::empty())
}

fn directory_flags() -> OFlags {
    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC
}

/// Opens a regular file; nothing else is opened for reading.
fn open_file(directory: &OwnedFd, name: impl AsRef<OsStr>) -> Result<(File, Stat), Errno> {
    // NONBLOCK: a FIFO in its place would wait for a writer.
    let flags =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let before = statat(directory, name.as_ref(), AtFlags::SYMLINK_NOFOLLOW)?;
    if FileType::from_raw_mode(before.st_mode) == FileType::Symlink {
        return Err(Errno::LOOP);
    }
    if FileType::from_raw_mode(before.st_mode) != FileType::RegularFile {
        return Err(Errno::INVAL);
    }
    let file = openat(directory, name.as_ref(), flags, Mode::empty())?;
    let stat = fstat(&file)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(Errno::INVAL);
    }
    Ok((File::from(file), stat))
}

fn size_of(stat: &Stat) -> u64 {
    u64::try_from(stat.st_size).unwrap_or_default()
}

fn cannot_read(path: &str, errno: Errno) -> String {
    let reason = match errno {
        Errno::LOOP | Errno::NOTDIR => "a link or not a directory is on its way".to_owned(),
        Errno::INVAL => "it is not a regular file".to_owned(),
        errno => std::io::Error::from(errno).to_string(),
    };
    format!("can't read `{path}`: {reason}")
}
