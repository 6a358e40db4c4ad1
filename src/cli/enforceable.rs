//! From the flags about confinement to the policy of a run, and the refusal where this machine
//! can't keep it.

use std::path::{Path, PathBuf};

use super::args::SandboxArgs;
use super::error::{CommandError, ErrorKind};
use super::printer::Printer;
use crate::executor::BaseEnvironment;
use crate::model::SandboxMode;
use crate::process::{Launcher, ProcessError, canonicalize};
use crate::skill::{SandboxPolicy, Skill};

/// The policy that the flags ask for.
pub(super) fn policy(args: &SandboxArgs, environment: &BaseEnvironment) -> SandboxPolicy {
    SandboxPolicy {
        mode: args.sandbox,
        max_memory_mb: args.max_memory,
        max_cpu: args.max_cpu,
        max_processes: args.max_processes,
        max_disk_mb: args.max_disk,
        ..default_policy(environment)
    }
}

/// The policy without any flag.
pub(super) fn default_policy(environment: &BaseEnvironment) -> SandboxPolicy {
    SandboxPolicy {
        home: environment.home().map(home),
        ..SandboxPolicy::new(SandboxMode::Require)
    }
}

/// The home directory, links followed.
fn home(path: &Path) -> PathBuf {
    canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// Asks this machine for all that `skills` rely on, before anything runs.
pub(super) async fn ensure_enforceable<'s>(
    policy: &SandboxPolicy,
    skills: impl Iterator<Item = &'s Skill>,
    workspace: &Path,
    launcher: &Launcher,
    printer: &Printer,
) -> Result<(), CommandError> {
    let native: Vec<&Skill> = skills.filter(|skill| skill.native().is_some()).collect();
    if native.is_empty() {
        return Ok(());
    }
    if policy.mode == SandboxMode::Off {
        printer.warning("`--sandbox off`: files and network are open to the skills of this run");
        return Ok(());
    }
    if policy.excludes_workspace(workspace) {
        printer.warning(
            "skills can't read the workspace, because it is the home directory or above it; \
             grant `fs.read:.` in the manifest, or choose another `--workspace`",
        );
    }
    let probed = launcher.probe().await;
    let enforceable = probed.map_err(|error| no_trial(&error))?;
    let mut missing: Vec<String> = native
        .iter()
        .flat_map(|skill| enforceable.missing(&policy.needs(skill)))
        .collect();
    missing.sort();
    missing.dedup();
    if missing.is_empty() {
        return Ok(());
    }
    let missing = missing.join("; ");
    if policy.mode == SandboxMode::BestEffort {
        printer.warning(&format!("not enforced on this machine: {missing}"));
        return Ok(());
    }
    let is_unknown = |skill: &&Skill| enforceable.is_unknown(&policy.needs(skill));
    if native.iter().any(is_unknown) {
        let message =
            format!("can't find out whether this machine confines the plan's skills: {missing}");
        return Err(CommandError::new(ErrorKind::Unavailable, message)
            .hint("nothing was run; free what is missing (see `ulimit -a`) and try again"));
    }
    let message = format!("this machine can't confine the plan's skills: {missing}");
    Err(CommandError::new(ErrorKind::Unavailable, message)
        .hint("nothing was run; `--sandbox best-effort` runs with what can be enforced"))
}

/// Says that what this machine can enforce is not known.
pub(super) fn no_trial(error: &ProcessError) -> CommandError {
    CommandError::with_source(
        ErrorKind::Unavailable,
        "can't probe what this machine can enforce",
        error,
    )
}
