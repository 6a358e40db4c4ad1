//! Which skills may write the files of which.
//!
//! Invariant: known before the run, from the manifests' write grants and from where the skills'
//! files lie, both with all links followed. A call of a skill that may write another one's files,
//! or its own, has the run to itself, and a skill whose files somebody may have written since is
//! compared with what was proven right before it starts again ([`ExposedSkill`]). So nothing of
//! what runs is other than what was proven, and a plan whose skills write elsewhere pays nothing
//! for it. A call of a skill that may read or write the private directories of other steps has the
//! run to itself too.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::sandbox_policy::SandboxPolicy;
use super::{Change, CodePaths, Permission, Program, Scope, Skill, Snapshot, decisive};
use crate::process::temp_dir;

/// Which skills of a plan may write the files of which.
#[derive(Debug, Clone, Default)]
pub struct Exposure {
    /// The skills whose files others may write, by the ids of those others.
    victims_of: HashMap<String, Vec<String>>,
    exposed: HashMap<String, Arc<ExposedSkill>>,
}

/// A skill whose files a step of the plan may write.
#[derive(Debug)]
pub(crate) struct ExposedSkill {
    paths: Vec<PathBuf>,
    scope: Scope,
    /// The ids of the skills that may write them.
    writers: Vec<String>,
}

/// What is asked of a plan's skills.
pub(crate) struct ExposureQuery<'q> {
    /// The skills with their programs, each once.
    pub(crate) skills: &'q [(Arc<Skill>, Option<Arc<Program>>)],
    pub(crate) sandbox: &'q SandboxPolicy,
    pub(crate) workspace: &'q Path,
    /// What `$RUN_DIR` will be, if it holds files already.
    pub(crate) run_dir: Option<&'q Path>,
    /// The value of `PATH`.
    pub(crate) path: &'q OsStr,
}

/// What a skill may read or write that the run relies on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Covered {
    /// The skill's index in the query.
    pub(crate) writer: usize,
    /// It may only read it.
    pub(crate) is_read: bool,
    /// The permission that covers the first of them.
    pub(crate) permission: String,
    /// What is covered, in words.
    pub(crate) what: Vec<String>,
}

/// What a grant of the temporary directory covers, in words.
const STEPS_DIRECTORIES: &str = "the private directories of steps in `TMPDIR`";

/// A write grant, with all links followed.
struct WriteGrant<'p> {
    permission: &'p Permission,
    path: PathBuf,
}

impl WriteGrant<'_> {
    /// True if something at the place, on the way to it or below it can be written.
    fn covers(&self, place: &Path) -> bool {
        place.starts_with(&self.path) || self.path.starts_with(place)
    }
}

impl Exposure {
    /// True if calls of this skill have the run to themselves.
    pub(crate) fn is_exclusive(&self, skill_id: &str) -> bool {
        self.victims_of.contains_key(skill_id)
    }

    /// The skills whose files a call of this skill may have written.
    pub(crate) fn victims_of(&self, skill_id: &str) -> &[String] {
        self.victims_of.get(skill_id).map_or(&[], Vec::as_slice)
    }

    /// The skills whose files somebody may write.
    pub(crate) fn exposed(&self) -> impl Iterator<Item = (&str, &Arc<ExposedSkill>)> {
        self.exposed.iter().map(|(id, skill)| (id.as_str(), skill))
    }

    /// Finds out who may write what. `read` is what obs has read before the run, in words and by
    /// its path.
    pub(crate) fn find(
        query: &ExposureQuery<'_>,
        read: &[(&'static str, PathBuf)],
    ) -> (Self, Vec<Covered>) {
        let grants = query.skills.iter();
        let grants: Vec<Vec<WriteGrant<'_>>> =
            grants.map(|(skill, _)| query.write_grants(skill)).collect();
        let (mut exposure, mut covered) = (Self::default(), Vec::new());
        let over_steps = exposure.add_grants_over_steps(query, &mut covered);
        if grants.iter().all(Vec::is_empty) {
            return (exposure, covered);
        }
        let codes = query.skills.iter();
        let codes: Vec<Option<SkillCode>> = codes
            .map(|(skill, program)| query.code_of(skill, program.as_deref(), &grants))
            .collect();
        for (writer, grants) in grants.iter().enumerate() {
            let mut found = Vec::new();
            for (victim, code) in codes.iter().enumerate() {
                let Some(code) = code else { continue };
                let covering = grants
                    .iter()
                    .find_map(|grant| Some((grant, code.covered_by(grant)?)));
                if let Some((grant, place)) = covering {
                    let what = query.words_of(victim, writer, place);
                    found.push((grant.permission, what));
                    exposure.add(query, writer, victim, &code.found, Scope::Everything);
                } else if code.found.has_hard_links && !grants.is_empty() {
                    exposure.add(query, writer, victim, &code.found, Scope::HardLinks);
                }
            }
            for (what, path) in read {
                let places = decisive(path);
                let covers =
                    |grant: &&WriteGrant<'_>| places.iter().any(|place| grant.covers(place));
                if let Some(grant) = grants.iter().find(covers) {
                    found.push((grant.permission, format!("{what} `{}`", path.display())));
                }
            }
            if let Some(permission @ Permission::FsWrite(_)) = over_steps[writer] {
                found.push((permission, STEPS_DIRECTORIES.to_owned()));
            }
            if let Some((permission, _)) = found.first() {
                covered.push(Covered {
                    writer,
                    is_read: false,
                    permission: permission.to_string(),
                    what: found.into_iter().map(|(_, what)| what).collect(),
                });
            }
        }
        (exposure, covered)
    }

    /// Adds the skills that may reach the private directories of steps, and gives the permission of
    /// each. Those that may only read them are covered with that.
    fn add_grants_over_steps<'q>(
        &mut self,
        query: &ExposureQuery<'q>,
        covered: &mut Vec<Covered>,
    ) -> Vec<Option<&'q Permission>> {
        let skills = query.skills.iter();
        let grants: Vec<_> = skills
            .map(|(skill, _)| query.grant_over_steps(skill))
            .collect();
        for (writer, permission) in grants.iter().enumerate() {
            let Some(permission) = permission else {
                continue;
            };
            self.victims_of.entry(query.id(writer)).or_default();
            if !matches!(permission, Permission::FsWrite(_)) {
                covered.push(Covered {
                    writer,
                    is_read: true,
                    permission: permission.to_string(),
                    what: vec![STEPS_DIRECTORIES.to_owned()],
                });
            }
        }
        grants
    }

    fn add(
        &mut self,
        query: &ExposureQuery<'_>,
        writer: usize,
        victim: usize,
        code: &CodePaths,
        scope: Scope,
    ) {
        let victims = self.victims_of.entry(query.id(writer)).or_default();
        victims.push(query.id(victim));
        let exposed = self.exposed.entry(query.id(victim)).or_insert_with(|| {
            Arc::new(ExposedSkill {
                paths: code.paths.clone(),
                scope,
                writers: Vec::new(),
            })
        });
        // Nobody else has it yet.
        if let Some(exposed) = Arc::get_mut(exposed) {
            exposed.writers.push(query.id(writer));
            if scope == Scope::Everything {
                exposed.scope = scope;
            }
        }
    }
}

/// Where the code of a skill lies, and every place on the way to it.
struct SkillCode {
    found: CodePaths,
    places: Vec<PathBuf>,
}

impl SkillCode {
    fn covered_by(&self, grant: &WriteGrant<'_>) -> Option<&Path> {
        let place = self.places.iter().find(|place| grant.covers(place));
        place.map(PathBuf::as_path)
    }
}

impl<'q> ExposureQuery<'q> {
    fn id(&self, index: usize) -> String {
        self.skills[index].0.id.to_string()
    }

    /// The permission, one to write first, that covers the directory in which obs makes those of
    /// steps. (Below it nobody knows their names before the run.)
    fn grant_over_steps(&self, skill: &'q Skill) -> Option<&'q Permission> {
        let native = skill.native()?;
        let temp = decisive(&temp_dir()).pop()?;
        let covers = |permission: &&Permission| {
            let path = self
                .sandbox
                .path_of(permission, native, self.workspace, self.run_dir);
            let path = path.and_then(|path| decisive(&path).pop());
            path.is_some_and(|path| temp.starts_with(path))
        };
        let permissions = skill.manifest.permissions.iter().filter(covers);
        permissions.min_by_key(|permission| !matches!(permission, Permission::FsWrite(_)))
    }

    fn write_grants(&self, skill: &'q Skill) -> Vec<WriteGrant<'q>> {
        let Some(native) = skill.native() else {
            return Vec::new();
        };
        let is_write = |permission: &&Permission| matches!(permission, Permission::FsWrite(_));
        let permissions = skill.manifest.permissions.iter().filter(is_write);
        let grants = permissions.filter_map(|permission| {
            let path = self
                .sandbox
                .path_of(permission, native, self.workspace, self.run_dir)?;
            let path = decisive(&path).pop()?;
            Some(WriteGrant { permission, path })
        });
        grants.collect()
    }

    /// `grants` are those of all skills.
    fn code_of(
        &self,
        skill: &Skill,
        program: Option<&Program>,
        grants: &[Vec<WriteGrant<'_>>],
    ) -> Option<SkillCode> {
        let (native, program) = (skill.native()?, program?);
        let mut found = native.code_paths(program, self.workspace, self.path);
        let is_writable = |link: &PathBuf| {
            let end = decisive(link).pop().unwrap_or_default();
            grants.iter().flatten().any(|grant| grant.covers(&end))
        };
        let linked_dirs = std::mem::take(&mut found.linked_dirs);
        found
            .paths
            .extend(linked_dirs.into_iter().filter(is_writable));
        let places = found.paths.iter().flat_map(|path| decisive(path));
        Some(SkillCode {
            places: places.collect(),
            found,
        })
    }

    /// What is covered. A place outside of the skill's directory is named: it is not where one
    /// looks for it.
    fn words_of(&self, victim: usize, writer: usize, place: &Path) -> String {
        let skill = &self.skills[victim].0;
        let whose = if victim == writer {
            "its own files".to_owned()
        } else {
            format!("the files of `{}`", skill.id)
        };
        let is_inside = skill
            .native()
            .is_some_and(|native| place.starts_with(&native.dir));
        if is_inside {
            whose
        } else {
            format!("{whose} (`{}`)", place.display())
        }
    }
}

impl ExposedSkill {
    /// The skill's files as they are now.
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot::take(&self.paths, self.scope)
    }

    /// What to do about a change.
    pub(crate) fn help(&self, change: &Change) -> String {
        let writers: Vec<String> = self.writers.iter().map(|id| format!("`{id}`")).collect();
        let what = match change {
            Change::TooMuch | Change::Unreadable(..) => "could have written it",
            _ => "may write it",
        };
        format!(
            "{} {what}: narrow `fs.write` in the manifest, or keep skills and programs outside of \
             what steps may write",
            writers.join(", ")
        )
    }
}

impl fmt::Display for Covered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&list(&self.what))
    }
}

/// `a, b and c`, at most a few.
fn list(what: &[String]) -> String {
    const MAX_NAMED: usize = 4;
    let (named, more) = what.split_at(what.len().min(MAX_NAMED));
    match (named, more.len()) {
        ([one], 0) => one.clone(),
        ([first @ .., last], 0) => format!("{} and {last}", first.join(", ")),
        (named, more) => format!("{} and {more} more", named.join(", ")),
    }
}
