//! Where the code of a skill lies.
//!
//! Invariant: whoever can write none of these paths, and nothing below them, can't change what a call of the
//! skill starts: its own directory, the program and its interpreters with every link that leads to them, the
//! places in `PATH` that would be found before them, the scripts that its command gives to an interpreter, and
//! what links in its directory lead to. Modules that an interpreter loads from elsewhere are not among them.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::command::{Places, ProgramName};
use super::program::Program;
use super::skill::Native;
use super::snapshot::{decisive, walk};

/// Where the code of a skill lies.
#[derive(Debug)]
pub struct CodePaths {
    /// Files and directories; some may not exist.
    pub paths: Vec<PathBuf>,
    /// A file of its directory has more than one name, so that it can be written through another.
    pub has_hard_links: bool,
}

impl Native {
    /// Where the code of the skill lies, if it is run as `program`. `path` is the value of `PATH`.
    pub fn code_paths(&self, program: &Program, workspace: &Path, path: &OsStr) -> CodePaths {
        let mut code = CodePaths {
            paths: vec![self.dir.clone(), program.path.clone()],
            has_hard_links: false,
        };
        let interpreters = program.interpreters.iter();
        code.paths.extend(interpreters.map(|i| i.path.clone()));
        code.paths.extend(self.found_before(program, path));
        code.paths.extend(self.scripts(workspace));
        let root = std::slice::from_ref(&self.dir);
        // What can't be read is no code; a snapshot finds out whether it stays so.
        let pass_over = |_| Ok(());
        walk(root, pass_over, &mut |path, metadata| {
            code.has_hard_links |= metadata.is_file() && metadata.nlink() > 1;
            if metadata.is_symlink() {
                code.paths.extend(self.linked(path));
            }
            Ok(())
        })
        .ok();
        code
    }

    /// What a link of the skill's directory leads to outside of it: code that skills share. A directory counts
    /// only inside the skills root; one outside of it holds data more often than code.
    fn linked(&self, link: &Path) -> Option<PathBuf> {
        let end = decisive(link).pop()?;
        let is_code = !end.starts_with(&self.dir)
            && !self.dir.starts_with(&end)
            && (end.is_file() || end.starts_with(&self.root.path));
        is_code.then(|| link.to_owned())
    }

    /// The files that would be found in `PATH` before those that were, if somebody put them there.
    fn found_before(&self, program: &Program, path: &OsStr) -> Vec<PathBuf> {
        let is_bare = matches!(self.execution.command.program(), ProgramName::Bare(_));
        let mut searched: Vec<&Path> = Vec::new();
        searched.extend(is_bare.then_some(program.path.as_path()));
        let by_env = program.interpreters.windows(2);
        let by_env = by_env.filter(|pair| pair[0].path.file_name() == Some(OsStr::new("env")));
        searched.extend(by_env.map(|pair| pair[1].path.as_path()));
        let mut before = Vec::new();
        for found in searched {
            let name = found.file_name().unwrap_or_default();
            let places = std::env::split_paths(path).filter(|dir| dir.is_absolute());
            let places = places.map(|dir| dir.join(name));
            before.extend(places.take_while(|place| place != found));
        }
        before
    }

    /// The files that the command, as the manifest writes it, gives to an interpreter.
    fn scripts(&self, workspace: &Path) -> Vec<PathBuf> {
        let places = Places {
            skill_dir: &self.dir,
            workspace,
        };
        let mut scripts = Vec::new();
        let mut is_wanted = false;
        for word in self.execution.command.constant_words(&places) {
            let path = workspace.join(&word);
            let is_option = word.as_encoded_bytes().starts_with(b"-");
            if is_wanted && !is_option && is_script(&path, workspace) {
                scripts.push(path);
                is_wanted = false;
            }
            is_wanted |= super::command::is_interpreter(Path::new(&word));
        }
        scripts
    }
}

/// A file, or a directory that an interpreter takes for a program.
fn is_script(path: &Path, workspace: &Path) -> bool {
    let found = fs::metadata(path);
    found.is_ok_and(|found| {
        let end = || decisive(path).pop().unwrap_or_default();
        found.is_file() || (found.is_dir() && !workspace.starts_with(end()))
    })
}
