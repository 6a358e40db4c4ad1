//! Creates what a skill may write and does not exist yet.
//!
//! Invariant: before each call, the directories that the manifest names with a slash exist, and
//! whatever else it may write exists at least as an empty file, so that Landlock can grant it. An
//! empty file that no call used goes away after the last call that could.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use crate::model::{ErrorCode, ExecutionResult, ExecutionStatus};
use crate::process::{EmptyFile, PathError, make_directory};
use crate::skill::{GrantPath, PathBase, SkillPaths, WriteTarget};

/// The empty files of the calls that run.
#[derive(Debug, Default)]
pub(super) struct EmptyFiles(RefCell<HashMap<PathBuf, Weak<EmptyFile>>>);

/// What a call keeps until it ends.
pub(super) type HeldFiles = Vec<Arc<EmptyFile>>;

impl EmptyFiles {
    /// Creates what is missing. `confined` is false if the skill can create its files itself.
    pub(super) fn create(
        &self,
        paths: &SkillPaths,
        run_dir: Option<&Path>,
        confined: bool,
    ) -> Result<HeldFiles, (PathBuf, PathError)> {
        let mut held = Vec::new();
        for target in paths.write_targets(run_dir) {
            let path = &*target.path;
            let created = if target.is_directory() {
                make_missing_directory(path).map(|()| None)
            } else if confined {
                self.hold(path)
            } else {
                // It can create the file, not the directories above it.
                let parent = path.parent();
                parent.map_or(Ok(()), make_missing_directory).map(|()| None)
            };
            held.extend(created.map_err(|error| (path.to_owned(), error))?);
        }
        Ok(held)
    }

    /// The empty file that is or comes at `path`; `None` if something else is there.
    fn hold(&self, path: &Path) -> Result<Option<Arc<EmptyFile>>, PathError> {
        let mut files = self.0.borrow_mut();
        let known = files.get(path).and_then(Weak::upgrade);
        if known.is_some() && path.symlink_metadata().is_ok() {
            return Ok(known);
        }
        let is_used = |found: std::fs::Metadata| found.len() > 0 || !found.is_file();
        if path.symlink_metadata().is_ok_and(is_used) {
            return Ok(None);
        }
        let created = EmptyFile::create(path)?.map(Arc::new);
        if let Some(file) = &created {
            files.retain(|_, file| file.strong_count() > 0);
            files.insert(path.to_owned(), Arc::downgrade(file));
        }
        Ok(created)
    }
}

/// Whether the way to an existing directory may be granted is found out when it is.
fn make_missing_directory(path: &Path) -> Result<(), PathError> {
    if path.symlink_metadata().is_ok_and(|found| found.is_dir()) {
        return Ok(());
    }
    make_directory(path)
}

/// What to do if a skill failed that may write one file only and wanted to make a directory there,
/// or to create another file beside it.
pub(super) fn hint(
    paths: &SkillPaths,
    run_dir: Option<&Path>,
    result: &ExecutionResult,
) -> Option<String> {
    let of_directory = directory_hint(paths, run_dir, result);
    of_directory.or_else(|| neighbour_hint(paths, run_dir, result))
}

/// For `mkdir report` of a skill with `fs.write:report`.
fn directory_hint(
    paths: &SkillPaths,
    run_dir: Option<&Path>,
    result: &ExecutionResult,
) -> Option<String> {
    const NO_DIRECTORY: [&str; 4] = ["ile exists", "EEXIST", "ot a directory", "ENOTDIR"];
    let has_failed = result.error_code == Some(ErrorCode::SkillFailed);
    let excerpts = [&result.stderr, &result.stdout].into_iter().flatten();
    let texts: Vec<&str> = excerpts
        .flat_map(|excerpt| [&*excerpt.head, &*excerpt.tail])
        .filter(|_| has_failed)
        .collect();
    let is_named = |target: &WriteTarget<'_>| {
        let name = target.path.file_name().and_then(|name| name.to_str());
        let is_denial = |line: &str| NO_DIRECTORY.iter().any(|words| line.contains(words));
        let names_it = |line: &str| name.is_some_and(|name| line.contains(name)) && is_denial(line);
        texts.iter().any(|text| text.lines().any(names_it))
    };
    // An empty file is one that obs made.
    let is_made = |target: &WriteTarget<'_>| {
        let found = target.path.symlink_metadata();
        !target.is_directory() && found.is_ok_and(|found| found.is_file() && found.len() == 0)
    };
    let mut targets = paths.write_targets(run_dir);
    let granted = targets
        .find(|target| is_made(target) && is_named(target))?
        .granted;
    Some(format!(
        "`fs.write:{granted}` grants one file, which obs creates before the step: for a directory \
         write `fs.write:{granted}/`, which obs creates too, so use `mkdir -p`"
    ))
}

fn neighbour_hint(
    paths: &SkillPaths,
    run_dir: Option<&Path>,
    result: &ExecutionResult,
) -> Option<String> {
    let is_denied = result.status != ExecutionStatus::Success
        && result.error_code == Some(ErrorCode::SkillFailed)
        && says_denied(result);
    let is_file = |target: &WriteTarget<'_>| {
        let found = target.path.symlink_metadata();
        !target.is_directory() && found.is_ok_and(|found| found.is_file())
    };
    let mut targets = paths.write_targets(run_dir).filter(|_| is_denied);
    let granted = targets.find(is_file)?.granted;
    Some(format!(
        "`fs.write:{granted}` grants this file alone: a program that replaces, renames or removes \
         it, or creates one beside it (an editor, `sed -i`), needs its directory: {}",
        directory_of(granted)
    ))
}

fn directory_of(granted: &GrantPath) -> String {
    let parent = granted.rest.parent();
    let parent = parent.filter(|parent| parent.file_name().is_some());
    match parent {
        Some(parent) => {
            let parent = GrantPath {
                rest: parent.to_owned(),
                is_directory: true,
                ..granted.clone()
            };
            format!("`fs.write:{parent}/`")
        }
        None if granted.base == PathBase::RunDir => "`fs.write:$RUN_DIR`".to_owned(),
        None => "move it to one of its own and grant `fs.write:DIR/`".to_owned(),
    }
}

/// The texts for EACCES, EPERM, EXDEV and EEXIST, and their names.
fn says_denied(result: &ExecutionResult) -> bool {
    const DENIED: [&str; 8] = [
        "ermission denied",
        "peration not permitted",
        "nvalid cross-device link",
        "ile exists",
        "EACCES",
        "EPERM",
        "EXDEV",
        "EEXIST",
    ];
    let excerpts = [&result.stderr, &result.stdout].into_iter().flatten();
    let mut texts = excerpts.flat_map(|excerpt| [&excerpt.head, &excerpt.tail]);
    texts.any(|text| DENIED.iter().any(|denied| text.contains(denied)))
}
