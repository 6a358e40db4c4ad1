//! Directories that variables of the environment name.
//!
//! Invariant: an empty or relative value counts as not set, as the XDG Base Directory Specification
//! wants it. What it meant would depend on where obs was started.

use std::path::PathBuf;

/// The directory that the variable `name` names, if it is absolute.
pub(crate) fn directory_variable(name: &str) -> Option<PathBuf> {
    let directory = std::env::var_os(name).map(PathBuf::from);
    directory.filter(|directory| directory.is_absolute())
}

/// `$TMPDIR`, else `/tmp`.
pub(crate) fn temp_dir() -> PathBuf {
    directory_variable("TMPDIR").unwrap_or_else(|| PathBuf::from("/tmp"))
}
