//! `obs init`: a skill, a plan that calls it, and a line of `.gitignore`.
//!
//! Invariant: all or nothing. Everything is looked at before anything is made, no file that exists
//! is changed but `.gitignore`, which gets a line, and no link is followed below the directory. If
//! something can't be made, what was made before is removed again.

use std::borrow::Cow;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use ignore::gitignore::GitignoreBuilder;

use super::args::InitArgs;
use super::error::{CommandError, CommandResult, ErrorKind};
use super::exit_code;
use super::printer::Printer;
use crate::model::Escaped;
use crate::skill::{NewSkill, SkillId, manifest_text};

/// The directories of the skill, from the outermost.
const SKILL_DIRS: [&str; 2] = ["skills", "skills/hello"];
const MANIFEST: &str = "skills/hello/manifest.yaml";
const PLAN: &str = "plan.yaml";
const GITIGNORE: &str = ".gitignore";

/// The name of a log in the documents. obs writes nothing else into a workspace by itself: the
/// state lies elsewhere.
const LOG: &str = "run.jsonl";

/// The most bytes of a `.gitignore` that are read.
const MAX_GITIGNORE_BYTES: u64 = 1 << 20;

const PLAN_TEXT: &str = r#"# Run it with `obs run plan.yaml`.
assistant_id: me                            # who wrote the plan
steps:
  - name: now                               # a tool that is built in
    skill: builtin.now
    type: tool
  - name: hello                             # the skill in skills/hello
    type: skill
    arguments:
      name: "world, it is {{now.now}}"      # uses the result of the first step
"#;

/// Makes what is missing and says what to do next.
pub(super) fn init(args: &InitArgs, printer: &Printer) -> CommandResult {
    let files = [(MANIFEST, manifest()?), (PLAN, PLAN_TEXT.to_owned())];
    let dir = &args.directory;
    let missing = missing_files(dir, &files)?;
    let ignored = read_gitignore(dir)?;
    let mut made = Made::default();
    let outcome = make(dir, &files, &missing, ignored.as_ref(), &mut made);
    if let Err((path, error)) = outcome {
        made.remove();
        let what = format!("can't create `{}`", shown(dir, &path).display());
        return Err(CommandError::with_source(ErrorKind::Io, what, &error)
            .hint("nothing was created; choose another directory: `obs init DIR`"));
    }
    let gitignore = (GITIGNORE, ignored.is_some());
    let files = files
        .iter()
        .map(|(path, _)| (*path, missing.contains(path)));
    report(dir, files.chain([gitignore]).collect(), printer);
    Ok(exit_code::SUCCESS)
}

fn manifest() -> Result<String, CommandError> {
    let fault = |error: &dyn std::error::Error| CommandError::from_error(ErrorKind::Fault, error);
    let id = SkillId::parse("hello").map_err(|error| fault(&error))?;
    let command = ["printf", "Hello, %s!\\n", "{{name}}"].map(str::to_owned);
    let new = NewSkill {
        description: Some("Greets somebody by name.".to_owned()),
        ..NewSkill::default()
    };
    manifest_text(&id, &command, &new).map_err(|error| fault(&error))
}

/// The files that are not there. What is there must be as obs would write it.
fn missing_files<'f>(
    dir: &Path,
    files: &'f [(&'static str, String)],
) -> Result<Vec<&'f str>, CommandError> {
    for below in SKILL_DIRS {
        let path = shown(dir, below);
        match path.symlink_metadata() {
            Ok(found) if found.is_dir() => {}
            Ok(found) => return Err(in_the_way(&path, &found)),
            Err(error) if is_absence(&error) => break,
            Err(error) => return Err(unreadable(&path, &error)),
        }
    }
    let mut missing = Vec::new();
    let mut taken = Vec::new();
    for (below, text) in files {
        let path = shown(dir, below);
        match path.symlink_metadata() {
            Ok(found) if found.is_file() && is_text(&path, text) => {}
            Ok(_) => taken.push(format!("`{}`", path.display())),
            Err(error) if is_absence(&error) => missing.push(*below),
            Err(error) => return Err(unreadable(&path, &error)),
        }
    }
    if taken.is_empty() {
        return Ok(missing);
    }
    let verb = if taken.len() == 1 { "exists" } else { "exist" };
    let message = format!("{} {verb} already", taken.join(" and "));
    Err(CommandError::new(ErrorKind::Io, message)
        .hint("nothing was changed; `obs init DIR` starts in another directory")
        .hint("`obs skills new` makes a skill, `obs new plan SKILL -o FILE` writes a plan"))
}

fn is_text(path: &Path, text: &str) -> bool {
    let mut bytes = Vec::new();
    let read = open_existing(OpenOptions::new().read(true), path).and_then(|file| {
        let most = u64::try_from(text.len()).unwrap_or(u64::MAX);
        file.take(most.saturating_add(1)).read_to_end(&mut bytes)
    });
    read.is_ok() && bytes == text.as_bytes()
}

/// Opens a file without following a link at its end, and without waiting for a FIFO.
fn open_existing(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    options.custom_flags(flags).open(path)
}

/// What `.gitignore` holds, if it lacks the line; `None` if it has it.
fn read_gitignore(dir: &Path) -> Result<Option<Vec<u8>>, CommandError> {
    let path = shown(dir, GITIGNORE);
    match path.symlink_metadata() {
        Ok(found) if found.is_file() => {}
        Ok(found) => return Err(in_the_way(&path, &found)),
        Err(error) if is_absence(&error) => return Ok(Some(Vec::new())),
        Err(error) => return Err(unreadable(&path, &error)),
    }
    let mut bytes = Vec::new();
    open_existing(OpenOptions::new().read(true), &path)
        .and_then(|file| file.take(MAX_GITIGNORE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| unreadable(&path, &error))?;
    if bytes.len() as u64 > MAX_GITIGNORE_BYTES {
        return Err(unreadable(&path, &io::ErrorKind::FileTooLarge.into()));
    }
    let mut rules = GitignoreBuilder::new(dir);
    for line in String::from_utf8_lossy(&bytes).lines() {
        // git passes over a line that is no pattern, too.
        rules.add_line(None, line).ok();
    }
    let ignores = rules
        .build()
        .is_ok_and(|rules| rules.matched(LOG, false).is_ignore());
    Ok((!ignores).then_some(bytes))
}

fn in_the_way(path: &Path, found: &fs::Metadata) -> CommandError {
    let kind = if found.is_symlink() {
        "a link"
    } else if path.ends_with(GITIGNORE) {
        "not a regular file"
    } else {
        "not a directory"
    };
    let message = format!("`{}` is {kind}", path.display());
    CommandError::new(ErrorKind::Io, message)
        .hint("nothing was changed; choose another directory: `obs init DIR`")
}

fn unreadable(path: &Path, error: &io::Error) -> CommandError {
    let what = format!("can't look at `{}`", path.display());
    CommandError::with_source(ErrorKind::Io, what, error).hint("nothing was changed")
}

fn is_absence(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

/// The path as the user knows it.
fn shown(dir: &Path, below: impl AsRef<Path>) -> PathBuf {
    if dir == Path::new(".") {
        below.as_ref().to_owned()
    } else {
        dir.join(below)
    }
}

/// What was made, to remove it again.
#[derive(Default)]
struct Made {
    dirs: Vec<PathBuf>,
    files: Vec<PathBuf>,
}

impl Made {
    /// The directory and those above it that are missing.
    fn dir(&mut self, dir: &Path) -> io::Result<()> {
        let above = dir.ancestors().skip(1);
        let is_missing = |dir: &&Path| !dir.as_os_str().is_empty() && !dir.exists();
        let mut missing: Vec<&Path> = above.take_while(is_missing).collect();
        missing.insert(0, dir);
        for dir in missing.into_iter().rev() {
            match fs::create_dir(dir) {
                Ok(()) => self.dirs.push(dir.to_owned()),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, text: &[u8]) -> io::Result<()> {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).open(path)?;
        self.files.push(path.to_owned());
        file.write_all(text)
    }

    /// The newest first. What can't be removed stays: the first error says enough.
    fn remove(&self) {
        for file in self.files.iter().rev() {
            fs::remove_file(file).ok();
        }
        for dir in self.dirs.iter().rev() {
            fs::remove_dir(dir).ok();
        }
    }
}

/// Makes what is missing; the error names what could not be made.
fn make(
    dir: &Path,
    files: &[(&'static str, String)],
    missing: &[&str],
    gitignore: Option<&Vec<u8>>,
    made: &mut Made,
) -> Result<(), (PathBuf, io::Error)> {
    let failed = |below: &str| {
        let path = PathBuf::from(below);
        move |error| (path, error)
    };
    made.dir(dir).map_err(failed(""))?;
    if missing.contains(&MANIFEST) {
        for below in SKILL_DIRS {
            made.dir(&shown(dir, below)).map_err(failed(below))?;
        }
    }
    for (below, text) in files {
        if missing.contains(below) {
            let path = shown(dir, below);
            made.file(&path, text.as_bytes()).map_err(failed(below))?;
        }
    }
    match gitignore {
        None => Ok(()),
        Some(old) => ignore_log(&shown(dir, GITIGNORE), old, made).map_err(failed(GITIGNORE)),
    }
}

/// Adds the line behind `old`, what the file holds; its last line may lack a line feed.
fn ignore_log(path: &Path, old: &[u8], made: &mut Made) -> io::Result<()> {
    let line = format!("/{LOG}\n");
    let exists = path.symlink_metadata().is_ok();
    if !exists {
        return made.file(path, line.as_bytes());
    }
    let ends_well = old.is_empty() || old.ends_with(b"\n");
    let line = if ends_well { line } else { format!("\n{line}") };
    let mut file = open_existing(OpenOptions::new().append(true), path)?;
    let length = file.metadata()?.len();
    let written = file.write_all(line.as_bytes());
    if written.is_err() {
        file.set_len(length).ok();
    }
    written
}

/// Says what became of each file, and the next commands.
fn report(dir: &Path, files: Vec<(&str, bool)>, printer: &Printer) {
    if printer.is_quiet() {
        return;
    }
    let is_new = files.iter().any(|(_, is_made)| *is_made);
    for (below, is_made) in files {
        let exists_since = match (below, is_made) {
            (GITIGNORE, true) => "ignores run.jsonl, a log of runs",
            (_, true) => "created",
            (_, false) => "is there already",
        };
        let path = shown(dir, below).display().to_string();
        printer.print_line(format_args!("{}: {exists_since}", Escaped(&path)));
    }
    if !is_new {
        printer.info("nothing to do");
    }
    let is_here = dir == Path::new(".");
    let dir = dir.to_string_lossy();
    let quoted = shlex::try_quote(&dir).unwrap_or(Cow::Borrowed(&dir));
    let change = if is_here {
        String::new()
    } else {
        format!("\n  cd {}", Escaped(&quoted))
    };
    printer.info(format_args!("next:{change}{NEXT}"));
}

const NEXT: &str = "
  obs run plan.yaml                           run the plan
  obs skills new count -- wc -w '{{file}}'    make a skill of a command
  obs new plan count -o count.yaml            write a plan that calls it";
