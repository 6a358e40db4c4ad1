//! Where the code of a skill lies.
//!
//! Invariant: whoever can write none of these paths, and nothing below them, can't change what a
//! call of the skill starts: its own directory, the program and its interpreters with every link
//! that leads to them, the places in `PATH` that would be found before them, the files and programs
//! that its command names in a place of code, and what links in its directory lead to. Files that
//! only the code itself names are not among them.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::command::{ProgramName, Role};
use super::program::{self, Program};
use super::skill::NativeSkill;
use super::snapshot::{decisive, walk};
use crate::model::StepDirs;
use crate::process::is_system;

/// The most directories below which the words of a command are looked for.
const MAX_BASES: usize = 32;

/// Where the code of a skill lies.
#[derive(Debug)]
pub struct CodePaths {
    /// Files and directories; some may not exist.
    pub paths: Vec<PathBuf>,
    /// Links in its directory that lead to directories outside of the skills root. They hold data
    /// more often than code, so they count only if somebody may write there.
    pub linked_dirs: Vec<PathBuf>,
    /// A file has more than one name, so that it can be written through another.
    pub has_hard_links: bool,
}

impl NativeSkill {
    /// Where the code of the skill lies, if it is run as `program`. `path` is the value of `PATH`.
    pub fn code_paths(&self, program: &Program, workspace: &Path, path: &OsStr) -> CodePaths {
        let is_bare = matches!(self.execution.command.program(), ProgramName::Bare(_));
        let mut paths = vec![self.dir.clone()];
        paths.extend(places_of(program, is_bare, path));
        paths.extend(self.named(workspace, path));
        let mut linked_dirs = Vec::new();
        visit(std::slice::from_ref(&self.dir), |link, metadata| {
            let end = metadata.is_symlink().then(|| decisive(link).pop());
            let Some(end) = end.flatten() else { return };
            if end.starts_with(&self.dir) || self.dir.starts_with(&end) {
                return;
            }
            // Code that skills share.
            if end.is_file() || end.starts_with(&self.root.path) {
                paths.push(link.to_owned());
            } else {
                linked_dirs.push(link.to_owned());
            }
        });
        CodePaths {
            has_hard_links: has_hard_links(&paths, workspace),
            paths,
            linked_dirs,
        }
    }

    /// The files and directories that the command names in a place of code.
    fn named(&self, workspace: &Path, path: &OsStr) -> Vec<PathBuf> {
        let places = StepDirs::new(&self.dir, workspace, None);
        let command = &self.execution.command;
        let mut bases = bases(&command.constant_words(&places), workspace);
        bases.extend(self.execution.fixed_workdir(&places));
        let search = CodePathSearch {
            bases,
            workspace,
            path,
        };
        // The forms of a command have most words in common.
        let mut known: BTreeMap<(Role, OsString), Vec<PathBuf>> = BTreeMap::new();
        for words in command.code_words(&places) {
            let mut has_script = false;
            for (role, word) in words {
                let role = if role == Role::Script && has_script {
                    Role::Possible
                } else {
                    role
                };
                let found = known
                    .entry((role, word))
                    .or_insert_with_key(|(role, word)| search.run(*role, word));
                has_script = role != Role::Program && has_script;
                has_script |= role == Role::Script && !found.is_empty();
            }
        }
        let of_variables = self.execution.code_of_variables(&places);
        let mut named: BTreeSet<PathBuf> = known.into_values().flatten().collect();
        named.extend(
            of_variables
                .iter()
                .flat_map(|part| search.run(Role::Code, part)),
        );
        named.into_iter().collect()
    }
}

/// Where the words of a command are looked for.
struct CodePathSearch<'a> {
    /// The directories that a relative path can start from.
    bases: Vec<PathBuf>,
    workspace: &'a Path,
    /// The value of `PATH`.
    path: &'a OsStr,
}

impl CodePathSearch<'_> {
    /// What counts as code of what `word` names.
    fn run(&self, role: Role, word: &OsStr) -> Vec<PathBuf> {
        let is_bare = !word.as_encoded_bytes().contains(&b'/');
        let texts = match role {
            Role::Program if is_bare => Vec::new(),
            Role::Code | Role::Possible => parts(word),
            _ => vec![word.to_owned()],
        };
        let files = texts
            .iter()
            .flat_map(|text| self.bases.iter().map(move |base| base.join(text)));
        let mut found: Vec<PathBuf> = files.filter(|file| self.is_code(role, file)).collect();
        let mut programs = found.clone();
        let in_path = is_bare && found.is_empty() && role != Role::Code;
        programs.extend(program::in_path(word, self.path).ok().filter(|_| in_path));
        if matches!(role, Role::Program | Role::Possible) || in_path {
            for file in programs {
                match program::program_at(&file, self.path) {
                    Some(program) => found.extend(places_of(&program, in_path, self.path)),
                    None => found.push(file),
                }
            }
        }
        found
    }

    fn is_code(&self, role: Role, path: &Path) -> bool {
        let Ok(found) = fs::metadata(path) else {
            return false;
        };
        match role {
            Role::Program => found.is_file(),
            Role::Possible => found.is_file() && (found.mode() & 0o111 != 0 || is_script(path)),
            Role::Code | Role::Script => {
                let end = || decisive(path).pop().unwrap_or_default();
                found.is_file() || (found.is_dir() && !self.workspace.starts_with(end()))
            }
        }
    }
}

/// The workspace, and the directories that words name: `env -C DIR`, `--chdir=DIR`.
fn bases(words: &[OsString], workspace: &Path) -> Vec<PathBuf> {
    let mut bases = vec![workspace.to_owned()];
    for word in words {
        let text = word.to_str().unwrap_or_default();
        let attached = text.strip_prefix('-').and_then(|rest| rest.get(1..));
        let value = text.split_once('=').map(|(_, value)| value);
        let texts = [word.to_str(), attached, value].into_iter().flatten();
        let texts = texts.filter(|text| !text.is_empty());
        let dirs: Vec<PathBuf> = texts
            .flat_map(|text| bases.iter().map(move |base| base.join(text)))
            .filter(|dir| dir.is_dir() && !bases.contains(dir))
            .collect();
        bases.extend(dirs);
        bases.truncate(MAX_BASES);
    }
    bases
}

/// The text, and what an option or a program takes of it for the name of a file.
fn parts(word: &OsStr) -> Vec<OsString> {
    let mut parts = vec![word.to_owned()];
    if let Some(text) = word.to_str() {
        parts.extend(text.split_once('=').map(|(_, value)| value.into()));
        parts.extend(
            ["file://", "@"]
                .iter()
                .filter_map(|mark| Some(text.strip_prefix(mark)?.into())),
        );
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// True for a file that begins with `#!`.
fn is_script(path: &Path) -> bool {
    let mut start = [0; 2];
    let outcome = File::open(path).and_then(|mut file| file.read_exact(&mut start));
    outcome.is_ok() && start == *b"#!"
}

/// The program with its interpreters, and the files that would be found in `PATH` before those that
/// were, if somebody put them there.
fn places_of(program: &Program, is_bare: bool, path: &OsStr) -> Vec<PathBuf> {
    let mut searched: Vec<&Path> = Vec::new();
    searched.extend(is_bare.then_some(program.path.as_path()));
    let by_env = program.interpreters.windows(2);
    let by_env = by_env.filter(|pair| pair[0].path.file_name() == Some(OsStr::new("env")));
    searched.extend(by_env.map(|pair| pair[1].path.as_path()));
    let mut found = vec![program.path.clone()];
    found.extend(program.interpreters.iter().map(|i| i.path.clone()));
    for file in searched {
        let name = file.file_name().unwrap_or_default();
        let places = std::env::split_paths(path).filter(|dir| dir.is_absolute());
        let places = places.map(|dir| dir.join(name));
        let before = places.take_while(|place| place != file);
        found.extend(before.filter(|place| !is_out_of_reach(place)));
    }
    found
}

/// True if this user may not look there: no step puts anything there, and nothing is found there.
fn is_out_of_reach(place: &Path) -> bool {
    let found = fs::symlink_metadata(place);
    found.is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied)
}

/// True if a file there has another name. Those of the system have several by nature, and no step
/// may write them.
fn has_hard_links(paths: &[PathBuf], workspace: &Path) -> bool {
    let ends = paths.iter().filter_map(|path| decisive(path).pop());
    let mut roots: Vec<PathBuf> = ends
        .filter(|end| end.starts_with(workspace) || !is_system(end))
        .collect();
    roots.sort_unstable();
    roots.dedup_by(|below, above| below.starts_with(above));
    let mut has_some = false;
    visit(&roots, |_, metadata| {
        has_some |= metadata.is_file() && metadata.nlink() > 1;
    });
    has_some
}

/// Visits what can be read. What can't is no code; a snapshot finds out whether it stays so.
fn visit(roots: &[PathBuf], mut visit: impl FnMut(&Path, &fs::Metadata)) {
    let pass_over = |_| Ok(());
    let outcome = walk(roots, pass_over, &mut |path, metadata| {
        visit(path, metadata);
        Ok(())
    });
    debug_assert!(outcome.is_ok(), "nothing ends the walk");
}
