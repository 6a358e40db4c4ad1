//! Which files of a skill's directory are not compared when a run is resumed.
//!
//! Invariant: nothing that the command names, no manifest, and no code is left out by a
//! `.gitignore`: not an executable file, a script, nor a file with the suffix of code. What else git
//! ignores is data that a tool or a run made. The directories that tools fill and the backups of
//! editors are left out unless the command names them.

use std::fs::{self, File, Metadata};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::skill::NativeSkill;
use crate::model::StepDirs;

/// Directories that tools fill as they run.
const TOOL_DIRECTORIES: [&str; 4] = [".git", ".venv", "node_modules", "__pycache__"];

/// Suffixes of files that an interpreter or a linker loads.
const CODE: [&str; 40] = [
    "awk", "bash", "bat", "cjs", "class", "clj", "cts", "dll", "ex", "exs", "fish", "go", "hs",
    "jar", "jl", "js", "jsx", "lua", "mjs", "ml", "mts", "nu", "php", "pl", "pm", "ps1", "py",
    "pyc", "pyz", "r", "rb", "rs", "scm", "sh", "so", "sql", "tcl", "ts", "wasm", "zsh",
];

/// The longest `.gitignore` that is read.
const MAX_IGNORE_BYTES: u64 = 1 << 20;

/// Which files of a directory are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compared {
    All,
    /// Git ignores the directory.
    Code,
    /// Tools fill the directory.
    Named,
}

/// Which files are not compared.
pub(super) struct LeftOut {
    /// Files and directories that the command names, as they are written and without links.
    named: Vec<PathBuf>,
    dir: PathBuf,
    /// From the repository's root down to the directory that is walked.
    rules: Vec<Gitignore>,
}

impl LeftOut {
    /// The rules for the skill in `dir`.
    pub(super) fn new(dir: &Path, named: Vec<PathBuf>) -> Self {
        let mut rules = Vec::new();
        let is_root = |dir: &&Path| dir.join(".git").exists();
        if let Some(root) = dir.ancestors().find(is_root) {
            rules.extend(rules_in(root, &root.join(".git/info/exclude")));
            // The skill's own are read when it is entered.
            let mut above: Vec<&Path> = dir.ancestors().skip(1).collect();
            above.retain(|above| above.starts_with(root));
            for directory in above.iter().rev() {
                rules.extend(rules_in(directory, &directory.join(".gitignore")));
            }
        }
        Self {
            named,
            dir: dir.to_owned(),
            rules,
        }
    }

    /// Reads the rules of a directory below, and returns how many there were before.
    pub(super) fn enter(&mut self, directory: &Path) -> usize {
        let before = self.rules.len();
        self.rules
            .extend(rules_in(directory, &directory.join(".gitignore")));
        before
    }

    /// Forgets the rules of the directory that was entered last.
    pub(super) fn leave(&mut self, before: usize) {
        self.rules.truncate(before);
    }

    /// How the entry at `path` is compared, in a directory that is compared as `within`.
    pub(super) fn scope(&self, path: &Path, is_dir: bool, within: Compared) -> Compared {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if TOOL_DIRECTORIES.contains(&&*name) || is_backup(&name) {
            Compared::Named
        } else if within == Compared::All && self.is_ignored(path, is_dir) {
            Compared::Code
        } else {
            within
        }
    }

    /// True if a file is compared where all are that are in `scope`.
    pub(super) fn is_compared(&self, path: &Path, metadata: &Metadata, scope: Compared) -> bool {
        scope == Compared::All
            || self.is_named(path)
            || (scope == Compared::Code && self.is_code(path, metadata))
    }

    /// True if git ignores the path by itself.
    fn is_ignored(&self, path: &Path, is_dir: bool) -> bool {
        let mut rules = self.rules.iter().rev();
        let matched = rules.find_map(|rules| match rules.matched(path, is_dir) {
            Match::None => None,
            Match::Ignore(_) => Some(true),
            Match::Whitelist(_) => Some(false),
        });
        matched.unwrap_or(false)
    }

    /// True for what is compared even if git ignores it.
    fn is_code(&self, path: &Path, metadata: &Metadata) -> bool {
        let suffix = path.extension().unwrap_or_default().to_string_lossy();
        let is_manifest = path.parent() == Some(&self.dir)
            && (path.file_stem().is_some_and(|stem| stem == "manifest")
                || path.file_name().is_some_and(|name| name == "SKILL.md"));
        // What a link leads to is not known to be data.
        metadata.is_symlink()
            || (metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
            || is_manifest
            || CODE.contains(&&*suffix.to_ascii_lowercase())
            || (metadata.is_file() && starts_like_a_program(path))
    }

    /// True if the command names something in the directory.
    pub(super) fn holds_named(&self, directory: &Path) -> bool {
        let mut named = self.named.iter();
        self.is_named(directory) || named.any(|named| named.starts_with(directory))
    }

    /// True for what the command names, and for what is below it.
    fn is_named(&self, path: &Path) -> bool {
        self.named.iter().any(|named| path.starts_with(named))
    }
}

impl NativeSkill {
    /// The paths below the skill's directory that words of the command name.
    pub(super) fn named_files(&self, workspace: &Path) -> Vec<PathBuf> {
        let places = StepDirs::new(&self.dir, workspace, None);
        let mut named = Vec::new();
        let execution = &self.execution;
        let workdir = execution.fixed_workdir(&places);
        let mut bases = vec![self.dir.as_path(), workspace];
        bases.extend(workdir.as_deref());
        let words = execution.command.constant_words(&places).into_iter();
        for word in words.chain(execution.code_of_variables(&places)) {
            let text = word.to_string_lossy();
            let value = text.split_once('=').map(|(_, value)| value);
            for part in [Some(&*text), value, text.strip_prefix('@')]
                .into_iter()
                .flatten()
            {
                for base in &bases {
                    let path: PathBuf = base.join(part).components().collect();
                    named.extend(path.canonicalize().ok());
                    named.push(path);
                }
            }
        }
        named.retain(|path| path.starts_with(&self.dir) && *path != self.dir);
        named.sort_unstable();
        named.dedup();
        named
    }
}

/// True for the names of Vim's and Emacs's backups, swap files, locks and probes.
fn is_backup(name: &str) -> bool {
    let is_swap = |rest: &str| {
        let suffix = rest
            .rsplit_once('.')
            .map(|(name, suffix)| (name.is_empty(), suffix));
        matches!(suffix, Some((false, suffix)) if suffix.len() == 3
            && suffix.starts_with("sw") && suffix.ends_with(|c: char| c.is_ascii_lowercase()))
    };
    (name.len() > 1 && name.ends_with('~'))
        || name.strip_prefix('.').is_some_and(is_swap)
        || (name.len() > 2 && name.starts_with('#') && name.ends_with('#'))
        || name.starts_with(".#")
        || name == "4913"
}

fn rules_in(directory: &Path, file: &Path) -> Option<Gitignore> {
    let metadata = fs::symlink_metadata(file).ok()?;
    if !metadata.is_file() || metadata.len() > MAX_IGNORE_BYTES {
        return None;
    }
    let mut builder = GitignoreBuilder::new(directory);
    // A line that is not a pattern ignores nothing.
    drop(builder.add(file));
    builder.build().ok()
}

/// True for `#!` and for ELF.
fn starts_like_a_program(path: &Path) -> bool {
    let mut start = [0; 4];
    let Ok(mut file) = File::open(path) else {
        return true;
    };
    let length = file.read(&mut start).unwrap_or_default();
    start[..length].starts_with(b"#!") || &start == b"\x7fELF"
}
