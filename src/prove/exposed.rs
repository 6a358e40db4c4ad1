//! Warnings about where the plan's skills lie: which skills may write their files or reach the
//! private directories of steps, and which others have the same id.

use std::path::Path;
use std::sync::Arc;

use super::prover::Prover;
use crate::document::{Diagnostic, Diagnostics, Location};
use crate::skill::{Exposure, ExposureQuery, Skill};

impl Prover<'_> {
    /// Finds skills that may write what the run relies on, and warns.
    pub(super) fn exposure(&self, problems: &mut Diagnostics) -> Exposure {
        let skills = self.skills.iter().map(|called| {
            let program = self.skill_info.program_of(&called.skill);
            (Arc::clone(&called.skill), program)
        });
        let query = ExposureQuery {
            skills: &skills.collect::<Vec<_>>(),
            sandbox: &self.context.sandbox,
            workspace: &self.context.workspace,
            run_dir: self.context.run_dir.as_deref(),
            path: self.context.environment.path(),
        };
        let is_file = |read: &&(&str, _)| read.1 != Path::new("-");
        let read = self.context.read.iter().filter(is_file).cloned();
        let (exposure, covered) = Exposure::find(&query, &read.collect::<Vec<_>>());
        for covered in covered {
            let called = &self.skills[covered.writer];
            let (code, verb, help) = if covered.is_read {
                let help =
                    "grant only the directory that it needs, or set `TMPDIR` to one outside of it";
                ("read_grant", "read", help)
            } else {
                let help = "grant only the directory that it needs, such as `fs.write:out/`; keep \
                            skills, plans, policies and `TMPDIR` outside of it";
                ("write_grant", "write", help)
            };
            let message = format!(
                "`{}` may {verb} {covered}, by its `{}`",
                called.skill.id, covered.permission
            );
            let mut problem = Diagnostic::warning(code, called.place.clone(), message).help(help);
            problem.step_index = Some(called.step);
            problems.push(problem);
        }
        exposure
    }

    /// Two roots with one id: the plan may mean the other skill.
    pub(super) fn check_shadowed(
        &self,
        skill: &Skill,
        place: &Location,
        problems: &mut Diagnostics,
    ) {
        for other in self.context.registry.shadowed_by(skill) {
            let own = skill
                .native()
                .map(|native| native.dir.display().to_string());
            let message = format!(
                "`{}` is found in `{}` and shadows the one in `{}`",
                skill.id,
                own.unwrap_or_default(),
                other.display()
            );
            problems.push(
                Diagnostic::warning("shadowed_skill", place.clone(), message)
                    .help("rename or remove one of them; `obs skills list` shows both"),
            );
        }
    }
}
