//! A file that a skill's command needs and that the skill's own confinement would hide.
//!
//! Invariant: what is reported fails for certain: the file exists, it is named by a constant word
//! of the command in a place where a program or a script is expected, and no grant covers it. It is
//! compared with what the kernel is told, after all links.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::command::{CommandTemplate, Role};
use super::program::{self, Program};
use super::{NativeSkill, Permission, SandboxPolicy, Skill};
use crate::model::StepDirs;
use crate::process::{Access, Grant, canonicalize};

/// A file that the grants would hide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HiddenFile {
    /// The program, its interpreter, a program that it starts, or its script.
    pub(crate) file: PathBuf,
    /// What the skill has to do with it.
    pub(crate) needs: FileUse,
    /// The permission to add.
    pub(crate) permission: String,
}

/// What a skill has to do with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileUse {
    /// It starts it.
    Execute,
    /// An interpreter reads it.
    Read,
}

impl FileUse {
    /// In a sentence: "may not execute".
    pub(crate) fn verb(self) -> &'static str {
        match self {
            Self::Execute => "execute",
            Self::Read => "read",
        }
    }

    fn is_granted(self, grants: &[Grant], file: &Path) -> bool {
        let grants_use = |access| match self {
            Self::Execute => matches!(access, Access::ReadExec | Access::ReadWriteExec),
            Self::Read => true,
        };
        let covers = |grant: &Grant| grants_use(grant.access) && file.starts_with(&grant.path);
        grants.iter().any(covers)
    }
}

/// A command, and where it would run.
#[derive(Clone, Copy)]
pub(super) struct CommandFiles<'a> {
    pub(super) command: &'a CommandTemplate,
    pub(super) permissions: &'a [Permission],
    /// A step's own directories hold no program before the step runs.
    pub(super) dirs: &'a StepDirs<'a>,
    /// The value of `PATH`.
    pub(super) path: &'a OsStr,
}

impl SandboxPolicy {
    /// The first file that `skill` needs, if it runs as `program`, and that the grants would hide.
    pub(crate) fn hidden_file_of(
        &self,
        skill: &Skill,
        native: &NativeSkill,
        workspace: &Path,
        path: &OsStr,
        program: &Program,
    ) -> Option<HiddenFile> {
        let files = CommandFiles {
            command: &native.execution.command,
            permissions: &skill.manifest.permissions,
            dirs: &self.dirs(native, workspace),
            path,
        };
        self.hidden_file(files, program)
    }

    /// The same for a command.
    pub(super) fn hidden_file(
        &self,
        files: CommandFiles<'_>,
        program: &Program,
    ) -> Option<HiddenFile> {
        let grants = self.grants(files.permissions, files.dirs)?;
        let (file, needs) = match hidden_of_program(&grants, program) {
            Some(file) => (file, FileUse::Execute),
            None => files.hidden_word(&grants)?,
        };
        let permission = self.permission_for(&file, needs);
        Some(HiddenFile {
            file,
            needs,
            permission,
        })
    }

    /// The permission to execute a file.
    pub(crate) fn exec_permission(&self, file: &Path) -> String {
        self.permission_for(file, FileUse::Execute)
    }

    /// The line to add: the top directory below the home directory, else the file's own directory.
    /// Not `~/.local`, which holds obs's state: what lies directly below it.
    fn permission_for(&self, file: &Path, needs: FileUse) -> String {
        let kind = match needs {
            FileUse::Execute => "fs.exec",
            FileUse::Read => "fs.read",
        };
        let home = self.home.as_deref();
        let below_home = home.and_then(|home| file.strip_prefix(home).ok());
        match below_home {
            Some(below) => {
                let depth = if below.starts_with(".local") { 2 } else { 1 };
                let top: PathBuf = below.components().take(depth).collect();
                format!("{kind}:~/{}", top.display())
            }
            None => format!("{kind}:{}", file.parent().unwrap_or(file).display()),
        }
    }
}

impl CommandFiles<'_> {
    /// A program that the first one starts, or the script of an interpreter.
    fn hidden_word(&self, grants: &[Grant]) -> Option<(PathBuf, FileUse)> {
        self.command.code_words(self.dirs).iter().find_map(|words| {
            let programs = words.iter().filter(|(role, _)| *role == Role::Program);
            let programs = programs.filter_map(|(_, word)| self.hidden_program(grants, word));
            let mut programs = programs.map(|file| (file, FileUse::Execute));
            programs.next().or_else(|| {
                let scripts = words.iter().filter(|(role, _)| *role == Role::Script);
                let file = hidden_script(grants, scripts.map(|(_, word)| word))?;
                Some((file, FileUse::Read))
            })
        })
    }

    /// Of a bare name, every place in `PATH` must be hidden: the kernel goes on to the next.
    fn hidden_program(&self, grants: &[Grant], word: &OsStr) -> Option<PathBuf> {
        let file = Path::new(word);
        let candidates: Vec<PathBuf> = if file.is_absolute() {
            vec![file.to_owned()]
        } else if word.as_encoded_bytes().contains(&b'/') {
            // It depends on the directory in which the first program starts it.
            Vec::new()
        } else {
            let dirs = std::env::split_paths(self.path).filter(|dir| dir.is_absolute());
            dirs.map(|dir| dir.join(file)).collect()
        };
        let programs = candidates
            .iter()
            .filter_map(|file| program::program_at(file, self.path));
        let mut first = None;
        for program in programs {
            first = first.or(Some(hidden_of_program(grants, &program)?));
        }
        first
    }
}

/// What of a program is hidden: itself, or what its `#!` lines lead to.
fn hidden_of_program(grants: &[Grant], program: &Program) -> Option<PathBuf> {
    // The kernel goes the way that a `#!` line names; what is granted is canonical.
    let interpreters = program.interpreters.iter();
    let interpreters = interpreters.flat_map(|one| [real_directory(&one.path), one.target.clone()]);
    let own = [real_directory(&program.path), program.target.clone()];
    own.into_iter()
        .chain(interpreters)
        .find(|file| !FileUse::Execute.is_granted(grants, file))
}

/// The script that an interpreter would read: the first word that is a file. A relative word
/// depends on the directory in which the interpreter starts.
fn hidden_script<'w>(
    grants: &[Grant],
    words: impl Iterator<Item = &'w OsString>,
) -> Option<PathBuf> {
    for word in words {
        let script = Path::new(word);
        if !script.is_absolute() {
            return None;
        }
        if script.is_file() {
            let real = canonicalize(script).ok()?;
            return (!FileUse::Read.is_granted(grants, &real)).then_some(real);
        }
    }
    None
}

/// The path with the symlinks of its directory followed.
fn real_directory(path: &Path) -> PathBuf {
    let directory = path.parent().and_then(|parent| canonicalize(parent).ok());
    match (directory, path.file_name()) {
        (Some(directory), Some(name)) => directory.join(name),
        _ => path.to_owned(),
    }
}
