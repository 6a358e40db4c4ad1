//! What a manifest's `env` and `workdir` mean before the run.
//!
//! Invariant: a working directory that is sure to fail is found before the run. One in the workspace
//! or in `$RUN_DIR` that is missing may still come: a step may create it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use super::manifest::Execution;
use super::{PathBase, Permission, SandboxPolicy};
use crate::model::StepDirs;
use crate::process::canonicalize;

impl Execution {
    /// The working directory, if that is not the workspace and known before the run.
    pub(super) fn fixed_workdir(&self, dirs: &StepDirs<'_>) -> Option<PathBuf> {
        canonicalize(&self.workdir.as_ref()?.resolve(dirs)?).ok()
    }

    /// What the variables name that programs take code from.
    pub(super) fn code_of_variables(&self, dirs: &StepDirs<'_>) -> Vec<OsString> {
        let variables = self.env.iter().filter(|variable| variable.is_code());
        let values = variables.map(|variable| variable.value(dirs));
        let parts = values.flat_map(|value| {
            let parts = value.as_bytes().split(|byte| *byte == b':');
            let parts = parts.filter(|part| !part.is_empty());
            parts
                .map(|part| OsStr::from_bytes(part).to_owned())
                .collect::<Vec<_>>()
        });
        parts.collect()
    }

    /// Why the working directory can't be used, and what to do about it.
    pub(crate) fn workdir_fault(
        &self,
        permissions: &[Permission],
        sandbox: &SandboxPolicy,
        dirs: &StepDirs<'_>,
    ) -> Option<(String, String)> {
        let workdir = self.workdir.as_ref()?;
        let path = workdir.resolve(dirs)?;
        let says = |what: &str| format!("the working directory `{workdir}` {what}");
        let Ok(found) = path.canonicalize() else {
            let may_come = workdir.base == PathBase::Workspace;
            return (!may_come).then(|| {
                let help = "create the directory, or name another one".to_owned();
                (says("does not exist"), help)
            });
        };
        if !found.is_dir() {
            let help = "name the directory that the program is to work in".to_owned();
            return Some((says("is not a directory"), help));
        }
        let grants = sandbox.grants(permissions, dirs)?;
        let mut real = grants
            .iter()
            .filter_map(|grant| grant.path.canonicalize().ok());
        let is_granted = real.any(|real| found.starts_with(real));
        (!is_granted).then(|| {
            let help = format!("add `fs.read:{workdir}` to `permissions`");
            (says("is hidden by the sandbox"), help)
        })
    }
}
