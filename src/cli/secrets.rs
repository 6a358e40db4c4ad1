//! `--secret`: values that skills get by `secret:NAME`, from another variable or from a file.
//!
//! Invariant: no value is ever a part of the command line or of a message. A file is read once,
//! before the plan is proven.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;

use super::args::SecretArgs;
use super::error::{CommandError, ErrorKind};
use super::printer::Printer;
use crate::executor::BaseEnvironment;
use crate::model::Escaped;
use crate::skill::{EnvName, EnvNames, SandboxPolicy, Skill};

/// The largest file that a secret is read from: 64 KiB. An environment variable can't be much
/// larger.
const MAX_BYTES: u64 = 64 << 10;

/// Any user may read it.
const READABLE_BY_ALL: u32 = 0o004;

/// Where a secret comes from.
enum SecretSource<'a> {
    Variable(&'a str),
    File(&'a Path),
}

/// The environment of this process, with the secrets that the flags name.
pub(super) fn environment(
    args: &SecretArgs,
    printer: &Printer,
) -> Result<BaseEnvironment, CommandError> {
    let environment = BaseEnvironment::of_this_process();
    let mut secrets: Vec<(String, OsString)> = Vec::with_capacity(args.secret.len());
    for flag in &args.secret {
        let (name, origin) = parse(flag)?;
        if secrets.iter().any(|(known, _)| known == name) {
            let message = format!("duplicate `--secret {name}=…`");
            return Err(CommandError::new(ErrorKind::Usage, message));
        }
        let value = match origin {
            SecretSource::Variable(variable) => environment
                .get(variable)
                .map(ToOwned::to_owned)
                .ok_or_else(|| {
                    let message = format!(
                        "`--secret {name}=env:{variable}`: the variable `{variable}` is not set"
                    );
                    CommandError::new(ErrorKind::Usage, message)
                })?,
            SecretSource::File(path) => read(name, path, printer)?,
        };
        secrets.push((name.to_owned(), value));
    }
    Ok(environment.with_secrets(secrets))
}

/// Warns of secrets that no skill gets, and of files that a skill can read by itself.
pub(super) fn warn(
    args: &SecretArgs,
    skills: &[Arc<Skill>],
    sandbox: &SandboxPolicy,
    workspace: &Path,
    printer: &Printer,
) {
    for (name, origin) in args.secret.iter().filter_map(|flag| parse(flag).ok()) {
        let asks = |skill: &Arc<Skill>| {
            let names = EnvNames::new(&skill.manifest.permissions);
            names.secret.contains(&name)
        };
        if !skills.iter().any(asks) {
            let message =
                format!("`--secret {name}=…`: no skill of the plan asks for `secret:{name}`");
            printer.warning(&message);
        }
        let SecretSource::File(path) = origin else {
            continue;
        };
        let Ok(real) = path.canonicalize() else {
            continue;
        };
        for skill in skills {
            if sandbox.can_read(skill, workspace, &real) {
                let message = format!(
                    "`--secret {name}=…`: `{}` can read the file `{}` itself; keep it outside of the \
                     workspace and of what skills may read",
                    skill.id,
                    Escaped(&path.display().to_string())
                );
                printer.warning(&message);
            }
        }
    }
}

fn parse(flag: &str) -> Result<(&str, SecretSource<'_>), CommandError> {
    let hint = "write `--secret NAME=env:VARIABLE` or `--secret NAME=file:PATH`";
    // What is wrong may be the value itself: it is not repeated.
    let wrong = |message: &str| Err(CommandError::new(ErrorKind::Usage, message).hint(hint));
    let Some((name, origin)) = flag.split_once('=') else {
        return wrong("missing `=` in `--secret`");
    };
    if !EnvName::is_valid(name) {
        return wrong("`--secret` must start with the name of a variable");
    }
    match origin.split_once(':') {
        Some(("env", variable)) if !variable.is_empty() => {
            Ok((name, SecretSource::Variable(variable)))
        }
        Some(("file", path)) if !path.is_empty() => Ok((name, SecretSource::File(Path::new(path)))),
        _ => wrong(&format!(
            "`--secret {name}=…` names neither a variable nor a file"
        )),
    }
}

fn read(name: &str, path: &Path, printer: &Printer) -> Result<OsString, CommandError> {
    let shown = path.display().to_string();
    let about = |what: &str| format!("`--secret {name}=file:{shown}`: {what}");
    let unreadable = |what: &str| CommandError::new(ErrorKind::Unreadable, about(what));
    let failed = |error: io::Error| {
        CommandError::with_source(ErrorKind::Unreadable, about("can't read the file"), &error)
    };
    let file = open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(unreadable("it is not a regular file"));
    }
    let owners = [0, rustix::process::geteuid().as_raw()];
    if !owners.contains(&metadata.uid()) {
        printer.warning(&about("the file belongs to another user"));
    } else if metadata.mode() & READABLE_BY_ALL != 0 {
        printer.warning(&about(
            "all users can read the file; `chmod 600` prevents it",
        ));
    }
    let mut value = Vec::new();
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut value)
        .map_err(failed)?;
    if value.len() as u64 > MAX_BYTES {
        return Err(unreadable("the file is larger than 64 KiB"));
    }
    // As `$(cat FILE)` does.
    while value.last() == Some(&b'\n') {
        value.pop();
    }
    if value.contains(&0) {
        return Err(unreadable(
            "the file holds a NUL byte, which no variable can hold",
        ));
    }
    Ok(OsString::from_vec(value))
}

/// A FIFO does not block this, and a terminal does not become the controlling one.
fn open(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
}
