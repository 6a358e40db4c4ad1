//! One program of a comparison.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A command that does the work of a row.
pub(crate) struct Contender {
    pub(crate) name: String,
    command: Command,
    stdin: Option<PathBuf>,
    is_there: bool,
}

impl Contender {
    /// `program` of `PATH`, with its arguments.
    pub(crate) fn program<A: AsRef<OsStr>>(program: &str, args: &[A]) -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        // pyenv puts shell scripts before the programs, which take longer than what is measured.
        let found = std::env::split_paths(&path)
            .filter(|dir| !dir.ends_with("shims"))
            .map(|dir| dir.join(program))
            .find(|file| file.is_file())
            .or_else(|| behind_pyenv(program));
        let mut contender = Self::file(found.as_deref().unwrap_or(Path::new(program)), args);
        program.clone_into(&mut contender.name);
        contender.is_there = found.is_some();
        contender
    }

    /// The program that is this file.
    pub(crate) fn file<A: AsRef<OsStr>>(file: &Path, args: &[A]) -> Self {
        let mut command = Command::new(file);
        command.args(args);
        Self {
            name: file.display().to_string(),
            command,
            stdin: None,
            is_there: true,
        }
    }

    pub(crate) fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    pub(crate) fn within(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    pub(crate) fn reading(mut self, file: PathBuf) -> Self {
        self.stdin = Some(file);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Says so where the program is not on this machine.
    pub(crate) fn is_there(&self) -> bool {
        self.is_there
    }

    /// Runs it once and gives how long that took.
    pub(crate) fn run(&mut self) -> Duration {
        let stdin = match &self.stdin {
            Some(file) => File::open(file).unwrap().into(),
            None => Stdio::null(),
        };
        self.command.stdin(stdin).stdout(Stdio::null());
        let began = Instant::now();
        let output = self.command.stderr(Stdio::piped()).output().unwrap();
        let took = began.elapsed();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{} failed: {said}", self.name);
        took
    }

    /// Runs it once and gives its peak memory in KiB, by GNU time: nobody else says that of a
    /// process that is gone.
    pub(crate) fn peak_kib(&self, report: &Path) -> u32 {
        let mut command = Command::new("/usr/bin/time");
        command
            .args(["-f", "%M", "-o"])
            .arg(report)
            .arg(self.command.get_program())
            .args(self.command.get_args());
        let env = self.command.get_envs();
        command.envs(env.filter_map(|(name, value)| Some((name, value?))));
        if let Some(dir) = self.command.get_current_dir() {
            command.current_dir(dir);
        }
        command.stdout(Stdio::null()).stderr(Stdio::null());
        assert!(command.status().unwrap().success(), "{}", self.name);
        let report = std::fs::read_to_string(report).unwrap();
        report.trim().parse().unwrap()
    }
}

fn behind_pyenv(program: &str) -> Option<PathBuf> {
    let output = Command::new("pyenv").args(["which", program]).output();
    let output = output.ok().filter(|output| output.status.success())?;
    Some(PathBuf::from(
        String::from_utf8(output.stdout).ok()?.trim_end(),
    ))
}
