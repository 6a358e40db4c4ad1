//! Why a skill can't be loaded.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::walk;
use crate::document::{Severity, SourceError};
use crate::skill::id::{SkillId, SkillIdError};
use crate::skill::manifest::LoadedManifest;

/// Why a skill that may be there can't be loaded.
#[derive(Debug, Error)]
pub enum LoadProblem {
    /// The id breaks the rules, so no skill can have it.
    #[error("{0}")]
    Id(SkillIdError),
    /// A root is there but can't be opened.
    #[error("can't open the skills root `{}`: {source}", path.display())]
    Root {
        /// The root as the user gave it.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A link on the way leads out of the root.
    #[error(
        "`{}` leads out of the skills root `{}` through a link",
        path.display(),
        root.display()
    )]
    LeavesRoot {
        /// The manifest.
        path: PathBuf,
        /// The root.
        root: PathBuf,
    },
    /// A directory can't be listed, so that skills in it may be missed.
    #[error("can't look for skills in `{}`: {source}", path.display())]
    Unlisted {
        /// The directory as the user knows it.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The manifest can't be read.
    #[error("can't read `{}`: {source}", path.display())]
    Unreadable {
        /// The manifest.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The manifest is no text.
    #[error("{0}")]
    Source(SourceError),
    /// The manifest has errors.
    #[error("the manifest of `{id}` has an error: {first}{}", and_more(*more))]
    Invalid {
        /// The skill.
        id: String,
        /// The first error.
        first: String,
        /// How many more errors there are.
        more: usize,
        /// The manifest with all its problems and their places.
        loaded: Box<LoadedManifest>,
    },
    /// Two manifests of one root have the same id.
    #[error("two skills have the id `{id}`: `{}` and `{}`", first.display(), second.display())]
    DuplicateId {
        /// The id.
        id: String,
        /// One directory.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// The directory's path is no id, and the manifest gives none.
    #[error("the path of `{}` is not a valid id: {source}", path.display())]
    NoId {
        /// The directory.
        path: PathBuf,
        /// Why its path is no id.
        source: SkillIdError,
    },
    /// The directory's path is the id of a tool that is built in.
    #[error("`{}` has an id that is reserved for tools that are built in", path.display())]
    Reserved {
        /// The directory.
        path: PathBuf,
    },
    /// The directory is no skill.
    #[error("`{}` contains no manifest", path.display())]
    NoManifest {
        /// The directory.
        path: PathBuf,
    },
    /// The directory has what the Agent Skills format asks for, and nothing that obs can run.
    #[error("`{}` has a `SKILL.md`, but no `manifest.yaml`", path.display())]
    OnlySkillMd {
        /// The directory.
        path: PathBuf,
    },
    /// A root has a manifest that gives it no id.
    #[error("`{}` is itself a skill, so nothing gives it an id", path.display())]
    RootIsSkill {
        /// The root.
        path: PathBuf,
    },
    /// It was there a moment ago.
    #[error("`{}` is gone", path.display())]
    Gone {
        /// The directory.
        path: PathBuf,
    },
    /// The root holds more than is looked at.
    #[error(
        "`{}` is too large to search: more than {} entries or {} levels",
        path.display(),
        walk::MAX_ENTRIES,
        walk::MAX_DEPTH
    )]
    TooMany {
        /// The root.
        path: PathBuf,
    },
}

impl LoadProblem {
    pub(super) fn invalid(id: &str, loaded: LoadedManifest) -> Self {
        let mut errors = loaded
            .problems
            .iter()
            .filter(|problem| problem.severity == Severity::Error);
        Self::Invalid {
            id: id.to_owned(),
            first: errors
                .next()
                .map(|problem| problem.message.clone())
                .unwrap_or_default(),
            more: errors.count() + loaded.problems.suppressed(),
            loaded: Box::new(loaded),
        }
    }

    /// A stable name for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Id(_) | Self::NoId { .. } | Self::Reserved { .. } => "skill_id",
            Self::Root { .. }
            | Self::Unlisted { .. }
            | Self::Unreadable { .. }
            | Self::Gone { .. } => "skill_unreadable",
            Self::NoManifest { .. } | Self::OnlySkillMd { .. } => "no_manifest",
            Self::RootIsSkill { .. } => "root_is_skill",
            Self::LeavesRoot { .. } => "leaves_root",
            Self::Source(error) => error.code(),
            Self::Invalid { .. } => "manifest",
            Self::DuplicateId { .. } => "duplicate_skill",
            Self::TooMany { .. } => "too_many_skills",
        }
    }

    /// True if it only looks like a mistake: what obs knows as skills is complete without it.
    pub fn is_doubt(&self) -> bool {
        matches!(self, Self::OnlySkillMd { .. } | Self::RootIsSkill { .. })
    }

    /// True if there is a skill of that id, which can't be called.
    pub(super) fn is_of_skill(&self) -> bool {
        matches!(
            self,
            Self::Invalid { .. }
                | Self::DuplicateId { .. }
                | Self::Source(_)
                | Self::Unreadable { .. }
        )
    }

    /// The way out.
    pub fn help(&self) -> Option<String> {
        Some(match self {
            Self::Id(_) => SkillId::FORM.to_owned(),
            Self::Root { .. } | Self::Unlisted { .. } => {
                "check its permissions; obs would miss skills in it".to_owned()
            }
            Self::Unreadable { .. } => "check its permissions and size".to_owned(),
            Self::LeavesRoot { .. } => {
                "copy the skill into the root, or give the directory that the link leads to with \
                 `--skills`"
                    .to_owned()
            }
            Self::Source(error) => return error.help().map(str::to_owned),
            Self::Invalid { id, .. } => format!("`obs skills check {id}` shows where"),
            Self::DuplicateId { .. } => "change the `id` of one of them".to_owned(),
            Self::NoId { .. } | Self::Reserved { .. } => {
                "rename the directory, or give the manifest an `id`".to_owned()
            }
            Self::NoManifest { .. } => {
                "add a `manifest.yaml`; `obs skills new` writes one".to_owned()
            }
            Self::OnlySkillMd { .. } => {
                "add a `manifest.yaml` that says what to run: `execution: {command: [./run.sh]}`; \
                 the description may stay in `SKILL.md`"
                    .to_owned()
            }
            Self::RootIsSkill { .. } => {
                "give the directory above it, or give its manifest an `id`".to_owned()
            }
            Self::Gone { .. } => "try again".to_owned(),
            Self::TooMany { .. } => "give a directory that holds skills only".to_owned(),
        })
    }

    /// The manifest with its problems, where it could be read.
    pub fn loaded(&self) -> Option<&LoadedManifest> {
        match self {
            Self::Invalid { loaded, .. } => Some(loaded),
            _ => None,
        }
    }
}

fn and_more(more: usize) -> String {
    match more {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    }
}
