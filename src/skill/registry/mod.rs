//! From an id to a skill: the roots, in order.
//!
//! Invariant: the first root that has an id wins, also where its manifest is broken: a skill is
//! never silently replaced by the next one. On the usual way, where the id is the path below the
//! root, one manifest is opened and no directory is listed; only an id that no path has makes the
//! registry look for a manifest that gives itself that id.

mod problem;
mod roots;
mod walk;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

pub(crate) use problem::LoadProblem;
pub(crate) use roots::{RootSources, default_roots};

use self::walk::Walk;
use super::builtin::Builtin;
use super::id::SkillId;
use super::manifest::{
    self, FrontMatter, LoadedManifest, MANIFEST_NAMES, MAX_MANIFEST_BYTES, SKILL_MD,
};
use super::root_dir::{RootDir, is_absence, leaves_root, read_at_most};
use super::skill::{NativeSkill, Skill, SkillKind};
use crate::document::{Source, nearest};

type Outcome<T> = Result<T, Arc<LoadProblem>>;

/// The skills that can be called.
#[derive(Debug)]
pub struct Registry {
    roots: Vec<SkillRoot>,
    found: Mutex<HashMap<String, Arc<Skill>>>,
}

/// A skill as `obs skills list` shows it.
#[derive(Debug)]
pub struct ListedSkill {
    /// Its id.
    pub id: String,
    /// The root that it is in; none for what is built in.
    pub root: Option<PathBuf>,
    /// Its directory as the user knows it; none for what is built in.
    pub dir: Option<PathBuf>,
    /// The skill, or why it can't be called.
    pub outcome: Outcome<Arc<Skill>>,
    /// The earlier root that has the same id.
    pub hidden_by: Option<PathBuf>,
}

/// What `obs skills list` has to show.
#[derive(Debug)]
pub struct SkillList {
    /// The skills, root by root, each sorted by path.
    pub skills: Vec<ListedSkill>,
    /// Roots that could not be opened, or hold more than is looked at, and what is not quite a
    /// skill.
    pub problems: Vec<Arc<LoadProblem>>,
}

impl Registry {
    /// A registry over `roots`. Nothing is opened yet; a root that does not exist holds nothing.
    pub fn new(roots: Vec<PathBuf>) -> Self {
        Self {
            roots: roots.into_iter().map(SkillRoot::new).collect(),
            found: Mutex::default(),
        }
    }

    /// The roots, in order, with whether each is there.
    pub fn roots(&self) -> impl Iterator<Item = (&Path, bool)> {
        self.roots
            .iter()
            .map(|root| (root.path.as_path(), !matches!(root.open(), Ok(None))))
    }

    /// The skill that `id` names. A skill that was found stays the same for the registry's life.
    pub fn find(&self, id: &str) -> Outcome<Option<Arc<Skill>>> {
        let id = SkillId::parse(id).map_err(|error| Arc::new(LoadProblem::Id(error)))?;
        if let Some(skill) = self.found().get(id.as_str()) {
            return Ok(Some(Arc::clone(skill)));
        }
        let Some(skill) = self.search(&id)? else {
            return Ok(None);
        };
        let mut found = self.found();
        let skill = found.entry(id.as_str().to_owned()).or_insert(skill);
        Ok(Some(Arc::clone(skill)))
    }

    fn found(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Skill>>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn search(&self, id: &SkillId) -> Outcome<Option<Arc<Skill>>> {
        if id.is_reserved() {
            let builtin = Builtin::find(id.as_str()).and_then(Skill::builtin);
            return Ok(builtin.map(Arc::new));
        }
        for root in &self.roots {
            if let Some(skill) = root.find(id)? {
                return Ok(Some(Arc::new(skill)));
            }
        }
        Ok(None)
    }

    /// The directories of the skills in later roots that can't be called because `skill` has their
    /// id.
    pub fn shadowed_by(&self, skill: &Skill) -> Vec<PathBuf> {
        let Some(native) = skill.native() else {
            return Vec::new();
        };
        let is_own = |root: &&SkillRoot| {
            let opened = root.open().ok().flatten();
            opened.is_some_and(|dir| Arc::ptr_eq(&dir, &native.root))
        };
        let later = self.roots.iter().skip_while(|root| !is_own(root)).skip(1);
        let shadowed = later.filter_map(|root| match root.find(&skill.id) {
            Ok(Some(other)) => {
                let other = other.native()?;
                (other.dir != native.dir).then(|| root.path.join(&other.below))
            }
            Err(problem) if problem.is_of_skill() => Some(root.path.join(skill.id.as_str())),
            Ok(None) | Err(_) => None,
        });
        shadowed.collect()
    }

    /// Every skill of every root, and what is built in.
    pub fn list(&self) -> SkillList {
        let mut skills: Vec<ListedSkill> = Vec::new();
        let mut problems = Vec::new();
        let mut first_root: HashMap<String, PathBuf> = HashMap::new();
        for root in &self.roots {
            let mut listed = match root.list() {
                Ok(listed) => listed,
                Err(problem) => {
                    problems.push(problem);
                    continue;
                }
            };
            problems.extend(root.unlisted());
            problems.extend(root.is_cut());
            problems.extend(root.without_manifest());
            for skill in &mut listed {
                skill.hidden_by = first_root.get(&skill.id).cloned();
            }
            for skill in &listed {
                let first = first_root.entry(skill.id.clone());
                first.or_insert_with(|| root.path.clone());
            }
            skills.extend(listed);
        }
        let builtins = Builtin::ALL.into_iter().filter_map(Skill::builtin);
        skills.extend(builtins.map(|skill| ListedSkill {
            id: skill.id.to_string(),
            root: None,
            dir: None,
            outcome: Ok(Arc::new(skill)),
            hidden_by: None,
        }));
        SkillList { skills, problems }
    }

    /// The id that was probably meant by `typed`.
    pub fn nearest_id(&self, typed: &str) -> Option<String> {
        let mut ids: Vec<String> = Vec::new();
        for root in &self.roots {
            if let Some((_, walk)) = root.walk().ok().flatten() {
                ids.extend(walk.skills.iter().map(|skill| skill.id.clone()));
            }
        }
        ids.extend(Builtin::ALL.map(|builtin| builtin.id().to_owned()));
        let ids = ids.iter().map(String::as_str);
        // Models drop the namespace: `fetch` for `core/fetch`.
        let last_part = |id: &str| id.rsplit(['/', '.']).next() == Some(typed);
        let near = nearest(typed, ids.clone()).or_else(|| ids.clone().find(|id| last_part(id)));
        near.map(str::to_owned)
    }
}

#[derive(Debug)]
struct SkillRoot {
    path: PathBuf,
    opened: OnceLock<Outcome<Option<Arc<RootDir>>>>,
    walked: OnceLock<Walk>,
}

impl SkillRoot {
    fn new(path: PathBuf) -> Self {
        Self {
            path,
            opened: OnceLock::new(),
            walked: OnceLock::new(),
        }
    }

    fn open(&self) -> Outcome<Option<Arc<RootDir>>> {
        let open = || match RootDir::open(&self.path) {
            Ok(dir) => Ok(dir.map(Arc::new)),
            Err(source) => Err(Arc::new(LoadProblem::Root {
                path: self.path.clone(),
                source,
            })),
        };
        self.opened.get_or_init(open).clone()
    }

    fn walk(&self) -> Outcome<Option<(Arc<RootDir>, &Walk)>> {
        let dir = self.open()?;
        Ok(dir.map(|dir| {
            let walk = self.walked.get_or_init(|| Walk::new(&dir));
            (dir, walk)
        }))
    }

    fn find(&self, id: &SkillId) -> Outcome<Option<Skill>> {
        let Some(dir) = self.open()? else {
            return Ok(None);
        };
        if let Some(loaded) = read_manifest(&dir, &self.path, Path::new(id.as_str()))?
            && is_named(&loaded, id)
        {
            return skill(id.clone(), &dir, Path::new(id.as_str()), loaded).map(Some);
        }
        let walk = self.walked.get_or_init(|| Walk::new(&dir));
        let mut same = walk.skills.iter().filter(|skill| skill.id == id.as_str());
        match (same.next(), same.next()) {
            // Another root's skill must not stand in for one that may be here.
            (None, _) => match walk.unlisted.iter().find(|(at, _)| at == Path::new("")) {
                Some((at, error)) => Err(self.unlisted_at(at, error)),
                None => Ok(None),
            },
            (Some(one), None) => match read_manifest(&dir, &self.path, &one.below)? {
                Some(loaded) => skill(id.clone(), &dir, &one.below, loaded).map(Some),
                None => Ok(None),
            },
            (Some(one), Some(other)) => Err(self.twice(id.as_str(), &one.below, &other.below)),
        }
    }

    fn twice(&self, id: &str, one: &Path, other: &Path) -> Arc<LoadProblem> {
        Arc::new(LoadProblem::DuplicateId {
            id: id.to_owned(),
            first: self.path.join(one),
            second: self.path.join(other),
        })
    }

    fn list(&self) -> Outcome<Vec<ListedSkill>> {
        let Some((dir, walk)) = self.walk()? else {
            return Ok(Vec::new());
        };
        let mut listed = Vec::new();
        for found in &walk.skills {
            let twin = walk
                .skills
                .iter()
                .find(|other| other.id == found.id && other.file != found.file);
            let outcome = match twin {
                Some(twin) => Err(self.twice(&found.id, &found.below, &twin.below)),
                None => self.load_listed(&dir, &found.id, &found.below),
            };
            listed.push(ListedSkill {
                id: found.id.clone(),
                root: Some(self.path.clone()),
                dir: Some(self.path.join(&found.below)),
                outcome,
                hidden_by: None,
            });
        }
        Ok(listed)
    }

    fn load_listed(&self, dir: &Arc<RootDir>, id: &str, below: &Path) -> Outcome<Arc<Skill>> {
        let path = || self.path.join(below);
        let loaded = read_manifest(dir, &self.path, below)?
            .ok_or_else(|| Arc::new(LoadProblem::Gone { path: path() }))?;
        let id = match SkillId::parse(id) {
            Ok(id) if id.is_reserved() && !loaded.problems.has_errors() => {
                return Err(Arc::new(LoadProblem::Reserved { path: path() }));
            }
            Ok(id) => id,
            // If the manifest gives itself a bad id, its own problem says so better.
            Err(_) if loaded.problems.has_errors() => {
                return Err(Arc::new(LoadProblem::invalid(id, loaded)));
            }
            Err(error) => {
                return Err(Arc::new(LoadProblem::NoId {
                    path: path(),
                    source: error,
                }));
            }
        };
        skill(id, dir, below, loaded).map(Arc::new)
    }

    /// The directories that the walk could not look into.
    fn unlisted(&self) -> Vec<Arc<LoadProblem>> {
        let unlisted = self.walked.get().map_or(&[][..], |walk| &walk.unlisted);
        unlisted
            .iter()
            .map(|(below, error)| self.unlisted_at(below, error))
            .collect()
    }

    fn unlisted_at(&self, below: &Path, error: &std::io::Error) -> Arc<LoadProblem> {
        let path = self.path_of(below);
        let source = std::io::Error::new(error.kind(), error.to_string());
        Arc::new(LoadProblem::Unlisted { path, source })
    }

    /// What is `below` the root, without a slash at its end.
    fn path_of(&self, below: &Path) -> PathBuf {
        if below.as_os_str().is_empty() {
            self.path.clone()
        } else {
            self.path.join(below)
        }
    }

    /// What looks like a skill and can't be called.
    fn without_manifest(&self) -> Vec<Arc<LoadProblem>> {
        let Some(walk) = self.walked.get() else {
            return Vec::new();
        };
        let root = walk.is_skill.then(|| LoadProblem::RootIsSkill {
            path: self.path.clone(),
        });
        let only = walk.only_skill_md.iter();
        let only = only.map(|below| LoadProblem::OnlySkillMd {
            path: self.path_of(below),
        });
        root.into_iter().chain(only).map(Arc::new).collect()
    }

    fn is_cut(&self) -> Option<Arc<LoadProblem>> {
        let is_cut = self.walked.get().is_some_and(|walk| walk.is_cut);
        is_cut.then(|| {
            Arc::new(LoadProblem::TooMany {
                path: self.path.clone(),
            })
        })
    }
}

/// True if the manifest at the path `id` gives itself no other id.
fn is_named(loaded: &LoadedManifest, id: &SkillId) -> bool {
    match loaded.document.value.get("id").and_then(|id| id.as_str()) {
        Some(own) => own == id.as_str(),
        None => true,
    }
}

/// Reads the manifest in the directory `below` of `dir`; none if there is none. `root` is the
/// skills root as the user knows it.
pub(super) fn read_manifest(
    dir: &RootDir,
    root: &Path,
    below: &Path,
) -> Outcome<Option<LoadedManifest>> {
    for name in MANIFEST_NAMES {
        let file = match dir.open_file(&below.join(name)) {
            Ok(file) => file,
            Err(error) if is_absence(&error) => continue,
            Err(error) => return Err(refused(root, below, name, error)),
        };
        let bytes = read_at_most(&file, MAX_MANIFEST_BYTES)
            .map_err(|error| refused(root, below, name, error))?;
        let shown = root.join(below).join(name).display().to_string();
        let source = Source::from_bytes(shown, bytes)
            .map_err(|error| Arc::new(LoadProblem::Source(error)))?;
        return Ok(Some(manifest::load(source, || front_matter(dir, below))));
    }
    Ok(None)
}

fn refused(root: &Path, below: &Path, name: &str, source: std::io::Error) -> Arc<LoadProblem> {
    let path = root.join(below).join(name);
    Arc::new(if leaves_root(&source) {
        LoadProblem::LeavesRoot {
            path,
            root: root.to_owned(),
        }
    } else {
        LoadProblem::Unreadable { path, source }
    })
}

/// What `SKILL.md` says; nothing if there is none that can be read.
fn front_matter(dir: &RootDir, below: &Path) -> FrontMatter {
    let head = dir
        .open_file(&below.join(SKILL_MD))
        .and_then(|file| super::root_dir::read_head(&file, manifest::MAX_FRONT_MATTER_BYTES));
    head.map_or_else(|_| FrontMatter::default(), |head| FrontMatter::read(&head))
}

/// Makes a skill of a manifest without errors.
fn skill(id: SkillId, root: &Arc<RootDir>, below: &Path, loaded: LoadedManifest) -> Outcome<Skill> {
    if loaded.problems.has_errors() {
        return Err(Arc::new(LoadProblem::invalid(id.as_str(), loaded)));
    }
    let LoadedManifest {
        manifest,
        execution: Some(execution),
        document,
        ..
    } = loaded
    else {
        return Err(Arc::new(LoadProblem::invalid(id.as_str(), loaded)));
    };
    let dir = root.canonical_dir(below).map_err(|source| {
        Arc::new(LoadProblem::Unreadable {
            path: root.path.join(below),
            source,
        })
    })?;
    let native = NativeSkill {
        dir,
        root: Arc::clone(root),
        below: below.to_owned(),
        execution,
        document,
    };
    Ok(Skill::new(
        id,
        manifest,
        SkillKind::Native(Box::new(native)),
    ))
}

#[cfg(test)]
mod tests;
