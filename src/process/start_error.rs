//! Explains why a program could not be started.
//!
//! Invariant: this module changes nothing and runs only after a failure. The errno of `execve` is
//! about one of three files (program, interpreter, loader) and does not say which, so the program
//! is inspected to find out.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::spec::{ProcessSpec, StartStage};
use super::symlinks::{Opener, PathError};

/// The human-readable reason for a failed start.
pub(super) fn explain(spec: &ProcessSpec, stage: StartStage, error: &io::Error) -> String {
    match stage {
        StartStage::Program if error.raw_os_error() == Some(libc::ESTALE) => {
            "it leads to another file than when the plan was proven".to_owned()
        }
        StartStage::Exec | StartStage::Program => explain_exec(&spec.program, error),
        StartStage::WorkingDirectory => {
            format!(
                "can't enter the working directory `{}`: {}",
                spec.cwd.display(),
                plain(error)
            )
        }
        StartStage::Arguments => plain(error),
        StartStage::Clone => format!("can't create a process: {}", plain(error)),
        StartStage::Session => format!("can't create its session: {}", plain(error)),
        StartStage::Descriptors => format!("can't open its streams: {}", plain(error)),
        StartStage::Confinement if error.raw_os_error() == Some(libc::ENOSYS) => {
            "this kernel lacks a layer of the sandbox that is required".to_owned()
        }
        // It was a symlink when the supervisor opened it, and is none any more.
        StartStage::Confinement if error.raw_os_error() == Some(libc::ELOOP) => {
            "a path of its permissions became a link".to_owned()
        }
        StartStage::Disk if error.raw_os_error() == Some(libc::ETIMEDOUT) => {
            "its run directory holds too many files to be measured in time, as `max_disk_mb` needs; \
             use a new or smaller run directory, or no `max_disk_mb`"
                .to_owned()
        }
        StartStage::Disk => format!("can't measure its directories: {}", plain(error)),
        StartStage::Confinement => format!("can't apply its sandbox: {}", plain(error)),
    }
}

/// The symlink that prevented the start of `spec`, and the path that contains it.
pub(super) fn find_link(spec: &ProcessSpec) -> Option<(PathBuf, PathBuf)> {
    let grants = spec.confinement.iter().flat_map(|all| &all.grants);
    let grants = grants.filter(|grant| !grant.is_system);
    let program = spec.program.parent();
    let paths = [spec.cwd.as_path(), spec.target.as_path()].into_iter();
    let mut paths = paths
        .chain(program)
        .chain(grants.map(|grant| grant.path.as_path()));
    let mut opener = Opener::default();
    paths.find_map(|path| match opener.open(path).err()? {
        PathError::BecameLink(link) => Some((link, path.to_owned())),
        PathError::Io(_) => None,
    })
}

fn explain_exec(program: &Path, error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::ENOENT) => missing(program),
        Some(libc::EACCES) => forbidden(program),
        Some(libc::ENOEXEC) => {
            "it is neither a program for this machine nor a script with a `#!` line; \
             put `#!/bin/sh` or the like into its first line"
                .to_owned()
        }
        Some(libc::E2BIG) => {
            "its arguments and environment are too large for the system; pass large values on stdin"
                .to_owned()
        }
        Some(libc::ETXTBSY) => "it is open for writing".to_owned(),
        _ => plain(error),
    }
}

fn missing(program: &Path) -> String {
    if fs::metadata(program).is_err() {
        return "no such file".to_owned();
    }
    match interpreter(program) {
        Some(name) if name.ends_with('\r') => {
            "its `#!` line ends in a carriage return; save the file with Unix line ends".to_owned()
        }
        Some(name) => format!("its interpreter `{}` does not exist", name.escape_debug()),
        None => "the dynamic loader that it was built for does not exist".to_owned(),
    }
}

fn forbidden(program: &Path) -> String {
    use std::os::unix::fs::PermissionsExt;
    match fs::metadata(program) {
        Ok(metadata) if metadata.is_dir() => "it is a directory".to_owned(),
        Ok(metadata) if !metadata.is_file() => "it is not a regular file".to_owned(),
        Ok(metadata) if metadata.permissions().mode() & 0o111 == 0 => {
            format!("it is not executable; try `chmod +x {}`", program.display())
        }
        Ok(_) => match interpreter(program) {
            Some(name) => format!(
                "permission denied: it or its interpreter `{}` may not be executed by this user, \
                 or is on a file system mounted noexec",
                name.escape_debug()
            ),
            None => "permission denied: this user may not execute it, \
                     or it is on a file system mounted noexec"
                .to_owned(),
        },
        Err(_) => "permission denied on the way to it".to_owned(),
    }
}

/// The interpreter that the first line of a script names. If the line ends in a carriage return
/// and has no argument, the name ends in it too, as it does for the kernel.
fn interpreter(program: &Path) -> Option<String> {
    if !fs::metadata(program).ok()?.is_file() {
        return None;
    }
    let mut start = Vec::new();
    // The kernel reads this many bytes (BINPRM_BUF_SIZE).
    File::open(program)
        .ok()?
        .take(256)
        .read_to_end(&mut start)
        .ok()?;
    let line = start
        .strip_prefix(b"#!")?
        .split(|byte| *byte == b'\n')
        .next()?;
    let line = String::from_utf8_lossy(line);
    let name = line.trim_start_matches([' ', '\t']);
    Some(name.split([' ', '\t']).next()?.to_owned())
}

/// The error without Rust's `(os error 2)`, beginning in lower case.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut characters = text.chars();
    characters
        .next()
        .map(|first| first.to_lowercase().chain(characters).collect())
        .unwrap_or_default()
}
