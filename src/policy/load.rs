//! Policies from files.
//!
//! Invariant: a file's policies are loaded all together or not at all; problems have a location.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cedar_policy::{Policy, PolicySet};
use thiserror::Error;

use super::dependencies::LoadedPolicy;
use crate::document::{Diagnostic, Diagnostics, Document, Location, Source, SourceError};

/// The most bytes that a file of policies may have: 4 MiB.
const MAX_BYTES: u64 = 4 << 20;

/// A file of policies.
#[derive(Debug)]
pub struct PolicyFile {
    /// Its text.
    pub document: Document,
    /// What is wrong with it.
    pub problems: Diagnostics,
    /// Its policies, in order; none if something is wrong.
    pub rules: Vec<LoadedPolicy>,
}

/// Why there are no policies.
#[derive(Debug, Error)]
pub enum LoadError {
    /// A file can't be taken as text.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A directory can't be listed.
    #[error("can't list the policies in `{}`: {source}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A directory holds no policy.
    #[error("`{}` contains no `*.cedar` file", .0.display())]
    Empty(PathBuf),
}

impl LoadError {
    /// True for an error of the file system, not of a file's content.
    pub fn is_unreadable(&self) -> bool {
        match self {
            Self::Source(error) => error.is_unreadable(),
            Self::Directory { .. } | Self::Empty(_) => true,
        }
    }
}

/// Reads the file at `path`, or all `*.cedar` files of the directory at `path`, by name.
pub fn load(path: &Path) -> Result<Vec<PolicyFile>, LoadError> {
    let is_directory = path.is_dir();
    let paths = if is_directory {
        files_of(path)?
    } else {
        vec![path.to_owned()]
    };
    let mut files = Vec::new();
    let mut taken = BTreeMap::new();
    for path in paths {
        let source = if is_directory {
            Source::read_regular(&path, MAX_BYTES)?
        } else {
            Source::read(&path, MAX_BYTES)?
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        files.push(read(source, &name, &mut taken));
    }
    Ok(files)
}

fn files_of(directory: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let failed = |source| LoadError::Directory {
        path: directory.to_owned(),
        source,
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "cedar")
        {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(LoadError::Empty(directory.to_owned()));
    }
    Ok(files)
}

/// Reads one file. `taken` holds the ids of the files before it, with their files.
fn read(source: Source, name: &str, taken: &mut BTreeMap<String, String>) -> PolicyFile {
    let document = Document::from_text(source);
    let mut problems = Diagnostics::default();
    let mut rules = Vec::new();
    match document.source.text.parse::<PolicySet>() {
        Err(errors) => {
            for error in errors.iter() {
                problems.push(problem("policy_syntax", error));
            }
        }
        Ok(set) => {
            if set.num_of_templates() > 0 {
                let message = "policy templates (`?principal`, `?resource`) are not supported";
                problems.push(
                    Diagnostic::error("policy_template", Location::File, message)
                        .help("write the policy out, or use a group: `principal in Tenant::\"…\"`"),
                );
            }
            for (count, policy) in in_order(&set).into_iter().enumerate() {
                let id = id_of(policy, name, count + 1);
                if let Some(other) = taken.insert(id.clone(), name.to_owned()) {
                    let message = format!("the policy id `{id}` is taken by one in `{other}`");
                    problems.push(
                        Diagnostic::error("policy_id", Location::File, message)
                            .help("give each policy an `@id(\"…\")` of its own"),
                    );
                }
                rules.push(LoadedPolicy::new(id, policy));
            }
        }
    }
    if problems.has_errors() {
        rules.clear();
    }
    PolicyFile {
        document,
        problems,
        rules,
    }
}

/// Its id in messages: `@id`, else the file and its number there.
fn id_of(policy: &Policy, file: &str, number: usize) -> String {
    match policy.annotation("id") {
        Some(id) if !id.is_empty() => id.to_owned(),
        _ => format!("{file}#{number}"),
    }
}

/// The policies as they stand in their text: Cedar numbers them.
fn in_order(set: &PolicySet) -> Vec<&Policy> {
    let mut policies: Vec<&Policy> = set.policies().collect();
    policies.sort_by_key(|policy| {
        let id = policy.id().to_string();
        id.trim_start_matches("policy").parse::<usize>().ok()
    });
    policies
}

/// Cedar's message, at Cedar's location.
pub(super) fn problem(code: &'static str, error: &dyn miette::Diagnostic) -> Diagnostic {
    let label = error.labels().and_then(|mut labels| labels.next());
    let place = label.as_ref().map_or(Location::File, |label| {
        Location::Bytes(label.offset()..label.offset() + label.len())
    });
    let problem = Diagnostic::error(code, place, error.to_string());
    let label_text = label.and_then(|label| label.label().map(str::to_owned));
    match error.help().map(|help| help.to_string()).or(label_text) {
        Some(help) => problem.help(help),
        None => problem,
    }
}
