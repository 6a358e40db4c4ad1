//! Checks the environment and the working directory that a skill requires.

use std::os::unix::ffi::OsStrExt as _;

use super::prover::Prover;
use crate::document::{Diagnostic, Diagnostics, Location};
use crate::process::{MIN_SECRET_CHARS, is_maskable};
use crate::skill::{EnvNames, Skill};

impl Prover<'_> {
    /// Checks that the skill can work where its manifest says.
    pub(super) fn check_workdir(
        &self,
        skill: &Skill,
        place: &Location,
        problems: &mut Diagnostics,
    ) {
        let Some(native) = skill.native() else { return };
        let sandbox = &self.context.sandbox;
        let dirs = sandbox.dirs(native, &self.context.workspace);
        let permissions = &skill.manifest.permissions;
        if let Some((message, help)) = native.execution.workdir_fault(permissions, sandbox, &dirs) {
            let message = format!("`{}` can't run: {message}", skill.id);
            problems.push(Diagnostic::error("workdir", place.clone(), message).help(help));
        }
    }

    /// Checks that required variables are set, and that secrets are long enough to be masked.
    pub(super) fn check_environment(
        &self,
        skill: &Skill,
        place: &Location,
        problems: &mut Diagnostics,
    ) {
        let environment = &self.context.environment;
        let names = EnvNames::new(&skill.manifest.permissions);
        for name in &names.required {
            let help = if names.secret.contains(name) {
                if environment.secret(name).is_some() {
                    continue;
                }
                format!(
                    "set it before `obs`, give `--secret {name}=file:PATH`, or write \
                     `secret:{name}?`"
                )
            } else {
                if environment.get(name).is_some() {
                    continue;
                }
                format!("set it before `obs`, or write `env:{name}?`")
            };
            let message = format!(
                "`{}` needs the variable `{name}`, which is not set",
                skill.id
            );
            problems.push(Diagnostic::error("environment", place.clone(), message).help(help));
        }
        let is_short = |name: &str| {
            let value = environment.secret(name);
            value.is_some_and(|value| !is_maskable(value.as_bytes()))
        };
        for name in names.secret.into_iter().filter(|name| is_short(name)) {
            let message = format!(
                "the secret `{name}` of `{}` has fewer than {MIN_SECRET_CHARS} characters, so it \
                 is not masked",
                skill.id
            );
            problems.push(
                Diagnostic::warning("short_secret", place.clone(), message)
                    .help("give a longer value, or ask for it by `env:` if it is not a secret"),
            );
        }
    }
}
