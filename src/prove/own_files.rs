//! Whether a skill could reach files of obs itself.

use std::path::Path;

use super::prover::Prover;
use super::state_files::{OwnFiles, Protected, ProtectedFiles};
use crate::document::{Diagnostic, Diagnostics, Location};
use crate::model::{SandboxMode, StepDirs};
use crate::process::{Access, Grant, Network, default_grants};
use crate::skill::{Permission, SandboxPolicy, Skill};

/// A grant of one skill, and where it comes from.
struct SkillGrant<'s> {
    skill: &'s Skill,
    grant: Grant,
    permission: Option<&'s Permission>,
}

impl Prover<'_> {
    /// The state and its locks must lie outside of everything that a skill is granted, the log
    /// should lie outside of what it may write to.
    pub(super) fn check_own_files(
        &mut self,
        skill: &Skill,
        place: &Location,
        problems: &mut Diagnostics,
    ) {
        let Some(native) = skill.native() else { return };
        let (context, sandbox) = (self.context, &self.context.sandbox);
        if sandbox.mode == SandboxMode::Off {
            return;
        }
        let is_first = self.own_files.is_none();
        let files = self
            .own_files
            .get_or_insert_with(|| ProtectedFiles::new(&context.own_files));
        let dirs = StepDirs {
            run: context.own_files.run_dir.as_deref(),
            ..sandbox.dirs(native, &context.workspace)
        };
        let defaults = default_grants(&dirs, &Network::Full).grants;
        // System grants are the same for all skills.
        let defaults = defaults
            .into_iter()
            .filter(|grant| is_first || !grant.is_system)
            .map(|grant| (None, grant));
        let of_permissions = SandboxPolicy::permission_grants(skill, &dirs);
        let of_permissions = of_permissions.map(|(permission, grant)| (Some(permission), grant));
        for (permission, grant) in defaults.chain(of_permissions) {
            let grant = SkillGrant {
                skill,
                grant,
                permission,
            };
            let found = files.check_grant(&grant, &context.own_files, place);
            if let Some(problem) = found {
                problems.push(problem);
            }
        }
    }
}

impl ProtectedFiles {
    fn check_grant(
        &self,
        grant: &SkillGrant<'_>,
        own: &OwnFiles,
        place: &Location,
    ) -> Option<Diagnostic> {
        if grant.covers(self.state.as_ref()) {
            let message = grant.text("the state of obs", own.state.as_deref());
            let help = "keep the state elsewhere with `--state-dir DIR` (or nowhere: `none`), or \
                        narrow the grant";
            return Some(Diagnostic::error("state_granted", place.clone(), message).help(help));
        }
        if grant.covers(self.locks.as_ref()) {
            let message = grant.text("the lock of the log", own.locks.as_deref());
            let help = "set `XDG_RUNTIME_DIR` to a directory elsewhere, give a `--state-dir`, or \
                        narrow the grant";
            return Some(Diagnostic::error("state_granted", place.clone(), message).help(help));
        }
        if grant.may_write() && grant.covers(self.log.as_ref()) {
            let message = grant.text("the log", own.log.as_deref());
            let help = "write the log elsewhere, or narrow the grant";
            return Some(Diagnostic::warning("log_granted", place.clone(), message).help(help));
        }
        None
    }
}

impl SkillGrant<'_> {
    fn covers(&self, file: Option<&Protected>) -> bool {
        file.is_some_and(|file| {
            if self.grant.is_system {
                file.is_below(&self.grant.path)
            } else {
                file.is_covered_by(&self.grant.path)
            }
        })
    }

    fn may_write(&self) -> bool {
        matches!(self.grant.access, Access::ReadWrite | Access::ReadWriteExec)
    }

    fn text(&self, what: &str, path: Option<&Path>) -> String {
        let may = if self.may_write() { "write to" } else { "read" };
        let path = path.unwrap_or(Path::new("")).display();
        let source = match self.permission {
            Some(permission) => format!("`{permission}`"),
            None => format!("every skill may read `{}`", self.grant.path.display()),
        };
        format!("`{}` may {may} {what} in `{path}`: {source}", self.skill.id)
    }
}
