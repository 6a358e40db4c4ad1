//! Whether a skill could reach files of obs itself.

use std::path::Path;

use super::context::ProveContext;
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
        if self.context.sandbox.mode == SandboxMode::Off {
            return;
        }
        let own_files = &self.context.own_files;
        let is_first = self.own_files.is_none();
        let grants = Self::grants_of(self.context, skill, is_first);
        let files = self
            .own_files
            .get_or_insert_with(|| ProtectedFiles::new(own_files));
        for (permission, grant) in grants {
            let grant = SkillGrant {
                skill,
                grant,
                permission,
            };
            let found = files.check_grant(&grant, own_files, place);
            if let Some(problem) = found {
                problems.push(problem);
            }
        }
    }

    /// What the skill is granted; the system's files only if `with_system`: they are the same for
    /// all skills.
    fn grants_of<'s>(
        context: &'s ProveContext,
        skill: &'s Skill,
        with_system: bool,
    ) -> Vec<(Option<&'s Permission>, Grant)> {
        let sandbox = &context.sandbox;
        let Some(native) = skill.native() else {
            // What obs reads for it.
            let permission = skill.manifest.permissions.first();
            let workspace = skill.reads_workspace().then_some(&context.workspace);
            let grant = workspace.map(|workspace| Grant::new(workspace, Access::Read));
            return grant.map(|grant| (permission, grant)).into_iter().collect();
        };
        let dirs = StepDirs {
            run: context.own_files.run_dir.as_deref(),
            ..sandbox.dirs(native, &context.workspace)
        };
        let defaults = default_grants(&dirs, &Network::Full).grants;
        let defaults = defaults
            .into_iter()
            .filter(|grant| with_system || !grant.is_system)
            .map(|grant| (None, grant));
        let of_permissions = SandboxPolicy::permission_grants(skill, &dirs)
            .map(|(permission, grant)| (Some(permission), grant));
        defaults.chain(of_permissions).collect()
    }

    /// A built-in tool reads the workspace only if every skill may.
    pub(super) fn check_workspace(
        &self,
        skill: &Skill,
        place: &Location,
        problems: &mut Diagnostics,
    ) {
        let workspace = &self.context.workspace;
        if skill.reads_workspace() && self.context.sandbox.excludes_workspace(workspace) {
            let message = format!(
                "`{}` may not read the workspace, because it is the home directory or above it",
                skill.id
            );
            problems.push(
                Diagnostic::error("workspace_not_granted", place.clone(), message)
                    .help("choose another directory with `--workspace`"),
            );
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
