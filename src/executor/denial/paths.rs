//! Paths that a step may not use, and the permissions for them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use rustix::fs::{Access as Mode, access};

use super::denied::DeniedAccess;
use crate::model::StepDirs;
use crate::process::{self, Confinement, canonicalize};
use crate::skill::Permission;

/// What a step may do with files.
#[derive(Clone, Copy)]
pub(super) struct Reach<'a> {
    pub(super) dirs: StepDirs<'a>,
    pub(super) confinement: &'a Confinement,
}

/// What a step lacks for a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lack {
    Read(PathBuf),
    /// With the path to grant, and whether that is a directory.
    Write {
        path: PathBuf,
        granted: PathBuf,
        is_directory: bool,
    },
}

impl Reach<'_> {
    /// What the step lacks for a path that was denied to it; `None` if the sandbox is not the cause.
    pub(super) fn lack(&self, path: &str, access: DeniedAccess) -> Option<Lack> {
        let real = self.real(path)?;
        if self.is_private(&real) || real.starts_with("/dev/tty") {
            return None;
        }
        let exists = real.symlink_metadata().is_ok();
        if access == DeniedAccess::Any && exists && !self.may(&real, |_| true) {
            return may_host(&real, Mode::READ_OK).then_some(Lack::Read(real));
        }
        let (granted, is_directory) = grant_for(&real, access)?;
        let changed = if access == DeniedAccess::Replace || !exists {
            real.parent()?
        } else {
            &real
        };
        let is_granted = self.may(&granted, is_write);
        let is_denied = !is_granted && may_host(existing(changed)?, Mode::WRITE_OK);
        is_denied.then_some(Lack::Write {
            path: real,
            granted,
            is_directory,
        })
    }

    /// The path without links, from the workspace on.
    pub(super) fn real(&self, path: &str) -> Option<PathBuf> {
        let path = Path::new(path.strip_prefix("file://").unwrap_or(path));
        canonicalize(&self.dirs.workspace.join(path)).ok()
    }

    /// True if a grant with such access covers a canonical path.
    pub(super) fn may(&self, real: &Path, is_enough: fn(process::Access) -> bool) -> bool {
        let mut grants = self.confinement.grants.iter();
        grants.any(|grant| is_enough(grant.access) && real.starts_with(&grant.path))
    }

    /// True for a path below the directory that is the step's own.
    fn is_private(&self, real: &Path) -> bool {
        self.dirs
            .scratch
            .is_some_and(|scratch| real.starts_with(scratch))
    }

    /// The path that a missing file of the private directory has below the user's home.
    pub(super) fn hidden_home(&self, path: &str) -> Option<PathBuf> {
        let (scratch, home) = (self.dirs.scratch?, self.dirs.home?);
        let below = Path::new(path).strip_prefix(scratch).ok()?;
        let real = home.join(below);
        (below.file_name().is_some() && real.exists()).then_some(real)
    }

    /// The permission of a kind for a path; `None` if it would be too much, or none that obs reads.
    pub(super) fn permission(&self, kind: &str, real: &Path, slash: &str) -> Option<Permission> {
        let home = self.dirs.home;
        let is_too_much =
            real.parent().is_none() || home.is_some_and(|home| home.starts_with(real));
        if is_too_much {
            return None;
        }
        let below = |base: Option<&Path>| {
            let rest = real.strip_prefix(base?).ok()?;
            Some(rest.to_str()?.to_owned())
        };
        let dirs = &self.dirs;
        let text = if let Some(rest) = below(dirs.run) {
            joined("$RUN_DIR", &rest)
        } else if let Some(rest) = below(Some(dirs.skill)) {
            joined("$SKILL_DIR", &rest)
        } else if let Some(rest) = below(Some(dirs.workspace)) {
            if rest.is_empty() {
                ".".to_owned()
            } else {
                rest
            }
        } else if let Some(rest) = below(home) {
            joined("~", &rest)
        } else {
            real.to_str()?.to_owned()
        };
        let slash = if matches!(&*text, "." | "$RUN_DIR") {
            ""
        } else {
            slash
        };
        Permission::parse(&format!("{kind}:{text}{slash}")).ok()
    }

    /// As a person knows the path: relative to the workspace, or from `~`.
    pub(super) fn shown(&self, real: &Path) -> String {
        let below = |base: &Path| real.strip_prefix(base).ok();
        let home = self.dirs.home;
        match (below(self.dirs.workspace), home.and_then(below)) {
            (Some(rest), _) if rest.as_os_str().is_empty() => ".".to_owned(),
            (Some(rest), _) => rest.display().to_string(),
            (None, Some(rest)) => format!("~/{}", rest.display()),
            (None, None) => real.display().to_string(),
        }
    }
}

/// The program of that name or path that the step may not start.
pub(super) fn hidden_program(reach: &Reach<'_>, name: &str, path: &OsStr) -> Option<PathBuf> {
    let is_program = |file: &PathBuf| {
        let is_file = file.metadata().is_ok_and(|found| found.is_file());
        is_file && access(file, Mode::EXEC_OK).is_ok()
    };
    let files: Vec<PathBuf> = if name.contains('/') {
        vec![reach.dirs.workspace.join(name)]
    } else {
        let directories = std::env::split_paths(path);
        directories.map(|directory| directory.join(name)).collect()
    };
    let mut found = files.into_iter().filter(is_program);
    let real = canonicalize(&found.next()?).ok()?;
    let is_execute = |access| {
        matches!(
            access,
            process::Access::ReadExec | process::Access::ReadWriteExec
        )
    };
    (!reach.may(&real, is_execute)).then_some(real)
}

fn is_write(access: process::Access) -> bool {
    matches!(
        access,
        process::Access::ReadWrite | process::Access::ReadWriteExec
    )
}

/// What to grant so that `real` can be written, and whether it is a directory.
fn grant_for(real: &Path, access: DeniedAccess) -> Option<(PathBuf, bool)> {
    let names: Vec<_> = real.components().collect();
    let git = names.iter().position(|name| name.as_os_str() == ".git");
    if let Some(git) = git {
        return Some((names[..=git].iter().collect(), true));
    }
    match access {
        DeniedAccess::Replace => Some((real.parent()?.to_owned(), true)),
        DeniedAccess::Directory | DeniedAccess::MakeDirectory => Some((real.to_owned(), true)),
        DeniedAccess::Any | DeniedAccess::Write => Some((real.to_owned(), real.is_dir())),
    }
}

/// The path, or the nearest directory above it that exists.
fn existing(path: &Path) -> Option<&Path> {
    path.ancestors()
        .find(|path| path.symlink_metadata().is_ok())
}

/// True if obs may do it, without what makes root root: a skill has no capabilities.
fn may_host(path: &Path, mode: Mode) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    if access(path, mode).is_err() {
        return false;
    }
    if !rustix::process::geteuid().is_root() {
        return true;
    }
    let Ok(found) = path.metadata() else {
        return false;
    };
    let bits = if mode.contains(Mode::WRITE_OK) {
        0o2
    } else {
        0o4
    };
    let shift = match (found.uid(), found.gid()) {
        (0, _) => 6,
        (_, 0) => 3,
        _ => 0,
    };
    found.mode() & (bits << shift) != 0
}

fn joined(base: &str, rest: &str) -> String {
    if rest.is_empty() {
        base.to_owned()
    } else {
        format!("{base}/{rest}")
    }
}
