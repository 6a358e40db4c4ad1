//! From the name of a program to the file that would run, proven before anything does.
//!
//! Invariant: a [`Program`] is a regular file that this user may execute, and so is every
//! interpreter that its `#!` line leads to. A program beside the manifest lies below the skills
//! root also after all links; only the `python` of a virtual environment may lead out of it,
//! because that is what it is. Nothing is started here.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata};
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, accessat};
use thiserror::Error;

use super::command::ProgramName;
use super::root_dir::{FileId, RootDir, is_absence, leaves_root};
use crate::document::nearest;

/// How many bytes of a file the kernel looks at for a `#!` line.
const SHEBANG_BYTES: u64 = 256;

/// How many scripts may interpret each other: the kernel's own limit.
const MAX_INTERPRETERS: usize = 4;

/// How many names of a skill's directory are looked at for "did you mean".
const MAX_NAMES: usize = 1_000;

/// A program that can be executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The absolute path to execute. Its directory is canonical, and its last component is kept if
    /// it is a symlink: `busybox` and virtual environments go by the name they are called with.
    pub path: PathBuf,
    /// The file behind all links.
    pub target: PathBuf,
    /// The programs that its `#!` line leads to, in the order in which they start.
    pub interpreters: Vec<Interpreter>,
}

/// A program that runs a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interpreter {
    /// The absolute path as the script or `PATH` names it.
    pub path: PathBuf,
    /// The file behind all links.
    pub target: PathBuf,
}

/// Why a program can't be executed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct ProgramError {
    /// What is wrong.
    pub message: String,
    /// The way out.
    pub help: String,
}

fn error(message: impl Into<String>, help: impl Into<String>) -> ProgramError {
    ProgramError {
        message: message.into(),
        help: help.into(),
    }
}

/// Where programs are looked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct ProgramDirs<'a> {
    /// The skills root.
    pub(super) root: &'a RootDir,
    /// The skill's directory below the root.
    pub(super) below: &'a Path,
    /// The skill's directory, absolute.
    pub(super) skill_dir: &'a Path,
    /// The workspace, absolute.
    pub(super) workspace: &'a Path,
    /// The value of `PATH`.
    pub(super) path: &'a OsStr,
}

/// Finds the program that `name` means.
pub(super) fn resolve(
    name: &ProgramName,
    places: &ProgramDirs<'_>,
) -> Result<Program, ProgramError> {
    let (path, file) = match name {
        ProgramName::InSkillDir(below) => in_skill_dir(below, places)?,
        ProgramName::InWorkspace(below) => (places.workspace.join(below), None),
        ProgramName::Absolute(path) => (path.clone(), None),
        ProgramName::Bare(name) => (in_path(OsStr::new(name), places.path)?, None),
    };
    let shown = match name {
        ProgramName::InSkillDir(below) => format!("./{}", below.display()),
        ProgramName::InWorkspace(below) => format!("$WORKSPACE/{}", below.display()),
        ProgramName::Absolute(_) | ProgramName::Bare(_) => path.display().to_string(),
    };
    let metadata = executable(&path, &shown)?;
    if file.is_some_and(|file| file != (metadata.dev(), metadata.ino())) {
        let message = format!("`{shown}` was replaced while obs read it");
        return Err(error(message, "try again"));
    }
    let target = canonical(&path, &shown)?;
    let path = match (path.parent(), path.file_name()) {
        (Some(directory), Some(name)) if path != target => canonical(directory, &shown)?.join(name),
        // Canonical as it is; or it ends in `..`, and is no file.
        _ => path,
    };
    let interpreters = interpreters(&target, &shown, places.path)?;
    Ok(Program {
        path,
        target,
        interpreters,
    })
}

/// The program at `file`, if the kernel can execute it. `path` is the value of `PATH`.
pub(super) fn program_at(file: &Path, path: &OsStr) -> Option<Program> {
    let shown = file.display().to_string();
    executable(file, &shown).ok()?;
    let target = canonical(file, &shown).ok()?;
    Some(Program {
        path: file.to_owned(),
        interpreters: interpreters(&target, &shown, path).ok()?,
        target,
    })
}

/// The path of a file beside the manifest, which must stay below the root, with the file that was
/// found there.
fn in_skill_dir(
    below: &Path,
    places: &ProgramDirs<'_>,
) -> Result<(PathBuf, Option<FileId>), ProgramError> {
    let from_root = places.below.join(below);
    let path = places.skill_dir.join(below);
    match places.root.file_kind(&from_root) {
        Ok((_, file)) => Ok((path, Some(file))),
        Err(cause) if is_absence(&cause) => Err(missing_in_skill_dir(below, places)),
        Err(cause) if leaves_root(&cause) => {
            if is_in_virtual_environment(&from_root, places.root) {
                return Ok((path, None));
            }
            let message = format!("`./{}` leads out of the skills root", below.display());
            Err(error(
                message,
                "copy the file into the skill's directory, or name it by its full path",
            ))
        }
        Err(cause) => {
            let message = format!("can't inspect `./{}`: {cause}", below.display());
            Err(error(
                message,
                "check the permissions of the skill's directory",
            ))
        }
    }
}

fn missing_in_skill_dir(below: &Path, places: &ProgramDirs<'_>) -> ProgramError {
    if places.workspace.join(below).is_file() {
        let shown = below.display();
        let dir: PathBuf = places.skill_dir.components().collect();
        return error(
            format!("`./{shown}` is not in the skill's directory"),
            format!(
                "copy it to `{}`, or write `$WORKSPACE/{shown}` for the one in the workspace",
                dir.join(below).display()
            ),
        );
    }
    let message = format!("`./{}` does not exist", below.display());
    let parent = below.parent().unwrap_or(Path::new(""));
    let names = places.root.names(&places.below.join(parent), MAX_NAMES);
    let names = names.unwrap_or_default();
    let file_name = below.file_name().unwrap_or_default().to_string_lossy();
    let help = if let Some(near) = nearest(&file_name, names.iter().map(String::as_str)) {
        format!("did you mean `./{}`?", parent.join(near).display())
    } else {
        let dir = places.skill_dir.join(parent);
        let dir: PathBuf = dir.components().collect();
        format!("put it into `{}`", dir.display())
    };
    error(message, help)
}

/// True for `…/bin/NAME` with a `pyvenv.cfg` beside `bin`, all below the root.
fn is_in_virtual_environment(from_root: &Path, root: &RootDir) -> bool {
    let Some(bin) = from_root.parent().filter(|bin| bin.ends_with("bin")) else {
        return false;
    };
    root.file_kind(bin).is_ok()
        && bin
            .parent()
            .is_some_and(|environment| root.open_file(&environment.join("pyvenv.cfg")).is_ok())
}

/// The first file of that name in `PATH` that may be executed. Relative entries are passed over:
/// what they hold depends on where a program is started.
pub(super) fn in_path(name: &OsStr, path: &OsStr) -> Result<PathBuf, ProgramError> {
    let mut refused = None;
    for directory in std::env::split_paths(path).filter(|directory| directory.is_absolute()) {
        let candidate = directory.join(name);
        let shown = candidate.display().to_string();
        match executable(&candidate, &shown) {
            Ok(_) => return Ok(candidate),
            Err(problem) => {
                if fs::metadata(&candidate).is_ok_and(|metadata| metadata.is_file()) {
                    refused.get_or_insert(problem);
                }
            }
        }
    }
    let name = name.to_string_lossy();
    Err(refused.unwrap_or_else(|| {
        error(
            format!("`{name}` is not in PATH"),
            format!(
                "install it, name it by its full path, or write `./{name}` for a file beside \
                 the manifest"
            ),
        )
    }))
}

/// Makes sure that `path` is a regular file which this user may execute.
fn executable(path: &Path, shown: &str) -> Result<Metadata, ProgramError> {
    let metadata = fs::metadata(path).map_err(|cause| {
        if !is_absence(&cause) {
            error(
                format!("can't inspect `{shown}`: {cause}"),
                "check its permissions",
            )
        } else if path.is_symlink() {
            error(
                format!("`{shown}` is a dangling link"),
                "fix or replace the link",
            )
        } else {
            error(
                format!("`{shown}` does not exist"),
                "check the path in `command`",
            )
        }
    })?;
    if !metadata.is_file() {
        let kind = if metadata.is_dir() {
            "a directory"
        } else {
            "not a regular file"
        };
        return Err(error(
            format!("`{shown}` is {kind}"),
            "name an executable file",
        ));
    }
    match accessat(CWD, path, Access::EXEC_OK, AtFlags::EACCESS) {
        Ok(()) => Ok(metadata),
        Err(_) if metadata.mode() & 0o111 == 0 => {
            let quoted = shlex::try_quote(&path.to_string_lossy())
                .map_or_else(|_| shown.to_owned(), Cow::into_owned);
            let help = format!("make it so: chmod +x {quoted}");
            Err(error(format!("`{shown}` is not executable"), help))
        }
        Err(_) => Err(error(
            format!("`{shown}` can't be executed by this user"),
            "check its owner and mode, and whether its file system is mounted `noexec`",
        )),
    }
}

fn canonical(path: &Path, shown: &str) -> Result<PathBuf, ProgramError> {
    fs::canonicalize(path).map_err(|cause| {
        error(
            format!("can't inspect `{shown}`: {cause}"),
            "check its permissions",
        )
    })
}

/// What the `#!` lines lead to, from the script to the binary.
fn interpreters(
    target: &Path,
    shown: &str,
    path: &OsStr,
) -> Result<Vec<Interpreter>, ProgramError> {
    let mut found = Vec::new();
    let (mut script, mut shown) = (target.to_owned(), shown.to_owned());
    while let Some(shebang) = Shebang::read(&script, &shown)? {
        if found.len() == MAX_INTERPRETERS {
            return Err(error(
                format!("`{shown}` is a script of a script of a script"),
                "name a binary in its `#!` line",
            ));
        }
        let interpreter = interpreter(PathBuf::from(shebang.program.clone()), &shown)?;
        script.clone_from(&interpreter.target);
        let is_env = interpreter.path.file_name() == Some(OsStr::new("env"));
        found.push(interpreter);
        if is_env && let Some(name) = shebang.env_program(&shown)? {
            let path = if name.as_bytes().contains(&b'/') {
                PathBuf::from(name)
            } else {
                in_path(&name, path).map_err(|cause| {
                    let name = name.to_string_lossy();
                    error(
                        format!("`{shown}` is run by `{name}`: {}", cause.message),
                        format!("install `{name}`, or change the `#!` line of `{shown}`"),
                    )
                })?
            };
            let interpreter = self::interpreter(path, &shown)?;
            script.clone_from(&interpreter.target);
            found.push(interpreter);
        }
        if let Some(last) = found.last() {
            shown = last.path.display().to_string();
        }
    }
    Ok(found)
}

fn interpreter(path: PathBuf, script: &str) -> Result<Interpreter, ProgramError> {
    let shown = path.display().to_string();
    let found = executable(&path, &shown).and_then(|_| canonical(&path, &shown));
    match found {
        Ok(target) => Ok(Interpreter { path, target }),
        Err(cause) => Err(error(
            format!("`{script}` is run by `{shown}`: {}", cause.message),
            format!("install `{shown}`, or change the `#!` line of `{script}`"),
        )),
    }
}

struct Shebang {
    program: OsString,
    argument: Option<OsString>,
}

impl Shebang {
    /// The `#!` line of the file at `path`; none for a binary and for a file that can't be read,
    /// which may be executed all the same.
    fn read(path: &Path, shown: &str) -> Result<Option<Self>, ProgramError> {
        let mut head = Vec::new();
        let outcome =
            File::open(path).and_then(|file| file.take(SHEBANG_BYTES).read_to_end(&mut head));
        if outcome.is_err() {
            return Ok(None);
        }
        let Some(line) = head.strip_prefix(b"#!") else {
            return refuse_bare_script(&head, shown).map(|()| None);
        };
        let end = line.iter().position(|&byte| byte == b'\n');
        let is_cut = end.is_none() && head.len() as u64 == SHEBANG_BYTES;
        let line = line[..end.unwrap_or(line.len())].trim_ascii_start();
        if line.ends_with(b"\r") {
            return Err(error(
                format!("the `#!` line of `{shown}` ends with a carriage return"),
                "save the file with Unix line ends",
            ));
        }
        let line = line.trim_ascii_end();
        let split = line.iter().position(|byte| matches!(byte, b' ' | b'\t'));
        let (program, argument) = match split {
            Some(at) => (&line[..at], line[at..].trim_ascii_start()),
            None => (line, &b""[..]),
        };
        if !program.starts_with(b"/") || (is_cut && argument.is_empty()) {
            return Err(error(
                format!("the `#!` line of `{shown}` names no program by its full path"),
                "begin the file with a line such as `#!/bin/sh` or `#!/usr/bin/env python3`",
            ));
        }
        let own = |bytes: &[u8]| OsStr::from_bytes(bytes).to_owned();
        Ok(Some(Self {
            program: own(program),
            argument: (!argument.is_empty()).then(|| own(argument)),
        }))
    }

    /// The program that `#!/usr/bin/env …` starts; none if it can't be told.
    fn env_program(&self, shown: &str) -> Result<Option<OsString>, ProgramError> {
        let argument = self.argument.as_deref().unwrap_or_default().as_bytes();
        let split = [&b"-S"[..], b"--split-string="];
        if let Some(rest) = split
            .iter()
            .find_map(|option| argument.strip_prefix(*option))
        {
            let words = rest
                .split(u8::is_ascii_whitespace)
                .filter(|word| !word.is_empty());
            let mut words = words.skip_while(|word| word.contains(&b'='));
            let program = words.next().filter(|word| !word.starts_with(b"-"));
            return Ok(program.map(|word| OsStr::from_bytes(word).to_owned()));
        }
        if argument.starts_with(b"-") {
            return Ok(None);
        }
        let line = String::from_utf8_lossy(argument);
        if argument.is_empty() {
            return Err(error(
                format!("the `#!` line of `{shown}` gives `env` no program"),
                "name one: `#!/usr/bin/env python3`",
            ));
        }
        if argument.iter().any(u8::is_ascii_whitespace) {
            return Err(error(
                format!("the `#!` line of `{shown}` looks for a program named `{line}`"),
                format!("a `#!` line has one argument; write `#!/usr/bin/env -S {line}`"),
            ));
        }
        Ok(Some(OsStr::from_bytes(argument).to_owned()))
    }
}

/// Text without a `#!` line is run by shells, not by the kernel.
fn refuse_bare_script(head: &[u8], shown: &str) -> Result<(), ProgramError> {
    if head.is_empty() {
        return Err(error(
            format!("`{shown}` is empty"),
            "write the program into it",
        ));
    }
    let is_text = |byte: &u8| !byte.is_ascii_control() || byte.is_ascii_whitespace();
    if head.iter().all(is_text) {
        return Err(error(
            format!("`{shown}` is text without a `#!` line"),
            "begin it with a line such as `#!/bin/sh`",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
