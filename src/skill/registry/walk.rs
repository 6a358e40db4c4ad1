//! Every skill directory below a root.
//!
//! Invariant: bounded in depth and count, and never outside the root. A directory with a manifest
//! is a skill as a whole; what lies below it is its own. Links are followed as far as they stay
//! inside, but not to a directory that the way there has already passed.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use crate::document::{Document, Source};
use crate::skill::manifest::{MANIFEST_NAMES, MAX_MANIFEST_BYTES, SKILL_MD};
use crate::skill::root_dir::{FileId, FileKind, RootDir, is_absence, leaves_root, read_at_most};

/// How many directories deep skills are looked for.
pub(super) const MAX_DEPTH: usize = 8;

/// How many entries are looked at.
pub(super) const MAX_ENTRIES: usize = 10_000;

/// How many directories without a manifest are named.
const MAX_ONLY_SKILL_MD: usize = 20;

/// What a walk found.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// The skills, sorted by path.
    pub(super) skills: Vec<FoundManifest>,
    /// True if something was left out.
    pub(super) is_cut: bool,
    /// Directories that are there but can't be listed, below the root; bounded as all entries are.
    pub(super) unlisted: Vec<(PathBuf, io::Error)>,
    /// Directories with a `SKILL.md` and no manifest, below the root.
    pub(super) only_skill_md: Vec<PathBuf>,
    /// The root has a manifest that gives it no id.
    pub(super) is_skill: bool,
    entries: usize,
}

/// A directory with a manifest.
#[derive(Debug)]
pub(super) struct FoundManifest {
    /// The id that the manifest gives itself, else the path.
    pub(super) id: String,
    /// The directory below the root.
    pub(super) below: PathBuf,
    /// The manifest, the same for two ways to it.
    pub(super) file: FileId,
}

impl Walk {
    pub(super) fn new(root: &RootDir) -> Self {
        let mut walk = Self::default();
        let top = Path::new("");
        let mut way = Vec::from_iter(root.file_kind(top).ok().map(|(_, file)| file));
        walk.visit(root, top, &mut way);
        walk.skills
            .sort_by(|one, other| one.below.cmp(&other.below));
        // Two ways to one manifest that names itself are one skill.
        let mut seen = HashSet::new();
        walk.skills
            .retain(|skill| seen.insert((skill.id.clone(), skill.file)));
        walk
    }

    /// `way` holds the directories from the root to this one, which is among them.
    fn visit(&mut self, root: &RootDir, below: &Path, way: &mut Vec<FileId>) {
        let depth = way.len().saturating_sub(1);
        let left = MAX_ENTRIES.saturating_sub(self.entries);
        let names = match root.names(below, left + 1) {
            Ok(names) => names,
            // It is gone, or leads out of the root: nothing in it could be called.
            Err(error) if is_absence(&error) || leaves_root(&error) => return,
            Err(error) => {
                self.unlisted.push((below.to_owned(), error));
                return;
            }
        };
        self.entries += names.len();
        if names.len() > left {
            self.is_cut = true;
            return;
        }
        let manifest = MANIFEST_NAMES
            .iter()
            .find(|name| names.iter().any(|other| other == *name));
        if let Some(manifest) = manifest {
            self.add(root, below, &below.join(manifest));
            if depth > 0 {
                return;
            }
        } else if names.iter().any(|name| name == SKILL_MD)
            && self.only_skill_md.len() < MAX_ONLY_SKILL_MD
        {
            self.only_skill_md.push(below.to_owned());
        }
        for name in names {
            if name.starts_with('.') || name == "node_modules" {
                continue;
            }
            let below = below.join(name);
            let Ok((FileKind::Directory, id)) = root.file_kind(&below) else {
                continue;
            };
            if way.contains(&id) {
                continue;
            }
            if depth < MAX_DEPTH {
                way.push(id);
                self.visit(root, &below, way);
                way.pop();
            } else {
                self.is_cut = true;
            }
        }
    }

    fn add(&mut self, root: &RootDir, below: &Path, manifest: &Path) {
        let own = own_id(root, manifest);
        // A root that is itself a skill has no path to be called by.
        if own.is_none() && below.as_os_str().is_empty() {
            self.is_skill = true;
            return;
        }
        let file = root.file_kind(manifest).map_or((0, 0), |(_, file)| file);
        self.skills.push(FoundManifest {
            id: own.unwrap_or_else(|| below.display().to_string()),
            below: below.to_owned(),
            file,
        });
    }
}

fn own_id(root: &RootDir, manifest: &Path) -> Option<String> {
    let file = root.open_file(manifest).ok()?;
    let bytes = read_at_most(&file, MAX_MANIFEST_BYTES).ok()?;
    // Parsing is the dear part; most manifests have no `id`.
    bytes.windows(2).any(|pair| pair == b"id").then_some(())?;
    let source = Source::from_bytes(manifest.display().to_string(), bytes).ok()?;
    let (document, _) = Document::parse(source);
    document.value.get("id")?.as_str().map(str::to_owned)
}
