//! What a skill asks for beyond the default grants: one line of `permissions`.
//!
//! Invariant: a permission comes from the manifest alone. It holds no argument (`{{x}}` is refused)
//! and no `..`, so that what it grants can be read off its text; no plan can widen it.

use std::fmt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::document::nearest;
use crate::model::StepDirs;

/// One permission of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Permission {
    /// Any network.
    Net,
    /// TCP connections to one port.
    NetTcp(u16),
    /// Name resolution.
    NetDns,
    /// Reading a file or everything below a directory.
    FsRead(GrantPath),
    /// Reading and executing.
    FsExec(GrantPath),
    /// Reading, writing and creating: a directory if the path ends in `/`, otherwise what exists
    /// there, or a file of that name.
    FsWrite(GrantPath),
    /// An environment variable.
    Env(EnvName),
    /// An environment variable whose value is never shown.
    Secret(EnvName),
}

/// The name of an environment variable that a skill asks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EnvName {
    /// The variable.
    pub name: String,
    /// The skill can do without it (`env:NAME?`).
    pub is_optional: bool,
}

impl EnvName {
    /// True for the name of a variable: letters, digits and `_`, and no digit in front.
    pub fn is_valid(name: &str) -> bool {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let begins_well = name.starts_with(|c: char| !c.is_ascii_digit());
        begins_well && name.chars().all(is_word)
    }
}

/// A path of a permission: where it starts, and the rest.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GrantPath {
    /// Where the path starts.
    pub base: PathBase,
    /// What follows; empty for the base itself. Absolute where the base is [`PathBase::RunDir`].
    pub rest: PathBuf,
    /// The path of `fs.write` ends in `/`: a directory, which is created if it does not exist.
    pub is_directory: bool,
}

/// Where the path of a permission starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PathBase {
    /// The workspace: relative paths and `$WORKSPACE`.
    Workspace,
    /// The skill's own directory: `$SKILL_DIR`.
    SkillDir,
    /// The run's shared directory: `$RUN_DIR`.
    RunDir,
    /// The user's home directory: `~`.
    Home,
    /// The root of the file system: absolute paths.
    Root,
}

/// Why a text is no permission.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct PermissionError {
    /// What is wrong.
    pub message: String,
    /// The way out.
    pub help: String,
    /// What was meant, where that is certain.
    pub meant: Option<String>,
}

impl PermissionError {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: help.into(),
            meant: None,
        }
    }
}

/// All kinds, and what follows them.
const KINDS: [(&str, &str); 8] = [
    ("net", ""),
    ("net.tcp", ":PORT"),
    ("net.dns", ""),
    ("fs.read", ":PATH"),
    ("fs.exec", ":PATH"),
    ("fs.write", ":PATH"),
    ("env", ":NAME"),
    ("secret", ":NAME"),
];

impl Permission {
    /// Reads a permission.
    pub fn parse(text: &str) -> Result<Self, PermissionError> {
        if text.contains("{{") || text.contains('\0') {
            return Err(PermissionError::new(
                format!("the permission `{text}` is not constant"),
                "a permission can't hold an argument: what a plan can choose never widens it",
            ));
        }
        let (kind, rest) = match text.split_once(':') {
            Some((kind, rest)) => (kind, Some(rest)),
            None => (text, None),
        };
        match (kind, rest) {
            ("net", None) => Ok(Self::Net),
            ("net.dns", None) => Ok(Self::NetDns),
            ("net" | "net.dns", Some(_)) => Err(takes_nothing(text, kind)),
            ("net.tcp", _) => port(text, rest.unwrap_or_default()).map(Self::NetTcp),
            ("fs.read", Some(path)) => permitted_path(text, path).map(Self::FsRead),
            ("fs.exec", Some(path)) => permitted_path(text, path).map(Self::FsExec),
            ("fs.write", Some(path)) => write_path(text, path).map(Self::FsWrite),
            ("env", Some(name)) => env_name(text, name).map(Self::Env),
            ("secret", Some(name)) => env_name(text, name).map(Self::Secret),
            ("fs.read" | "fs.exec" | "fs.write", None) => Err(PermissionError::new(
                format!("the permission `{text}` names no path"),
                format!("write it with one: `{text}:data`"),
            )),
            ("env" | "secret", None) => Err(PermissionError::new(
                format!("the permission `{text}` names no variable"),
                format!("write it with one: `{text}:API_TOKEN`"),
            )),
            _ => Err(unknown(text, kind, rest)),
        }
    }

    /// The environment variable that it asks for, and whether its value is secret.
    pub fn env(&self) -> Option<(&EnvName, bool)> {
        match self {
            Self::Env(name) => Some((name, false)),
            Self::Secret(name) => Some((name, true)),
            _ => None,
        }
    }

    /// The path that it grants.
    pub fn path(&self) -> Option<&GrantPath> {
        match self {
            Self::FsRead(path) | Self::FsExec(path) | Self::FsWrite(path) => Some(path),
            _ => None,
        }
    }
}

/// The environment variables that a skill asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct EnvNames<'a> {
    /// Those that must be set before the run.
    pub required: Vec<&'a str>,
    /// Those that are passed where they are set.
    pub optional: Vec<&'a str>,
    /// Those of both whose value is never shown.
    pub secret: Vec<&'a str>,
}

impl<'a> EnvNames<'a> {
    /// The variables that `permissions` ask for. One that is asked for twice is required, or
    /// secret, where either says so.
    pub(crate) fn new(permissions: &'a [Permission]) -> Self {
        let mut names = Self::default();
        for (env, is_secret) in permissions.iter().filter_map(Permission::env) {
            let name = env.name.as_str();
            if !env.is_optional && !names.required.contains(&name) {
                names.required.push(name);
            } else if env.is_optional && !names.optional.contains(&name) {
                names.optional.push(name);
            }
            if is_secret && !names.secret.contains(&name) {
                names.secret.push(name);
            }
        }
        names.optional.retain(|name| !names.required.contains(name));
        names
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Net => f.write_str("net"),
            Self::NetTcp(port) => write!(f, "net.tcp:{port}"),
            Self::NetDns => f.write_str("net.dns"),
            Self::FsRead(path) => write!(f, "fs.read:{path}"),
            Self::FsExec(path) => write!(f, "fs.exec:{path}"),
            Self::FsWrite(path) => write!(f, "fs.write:{path}{}", path.slash()),
            Self::Env(name) => write!(f, "env:{name}"),
            Self::Secret(name) => write!(f, "secret:{name}"),
        }
    }
}

impl fmt::Display for EnvName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.is_optional { "?" } else { "" };
        write!(f, "{}{mark}", self.name)
    }
}

impl GrantPath {
    /// What its text ends in, after the path itself.
    pub(crate) fn slash(&self) -> &'static str {
        if self.is_directory { "/" } else { "" }
    }

    /// The path on this machine; none if its base is not known.
    pub fn resolve(&self, dirs: &StepDirs<'_>) -> Option<PathBuf> {
        let base = match self.base {
            PathBase::Root => return Some(self.rest.clone()),
            PathBase::Workspace => Some(dirs.workspace),
            PathBase::SkillDir => Some(dirs.skill),
            PathBase::RunDir => dirs.run,
            PathBase::Home => dirs.home,
        };
        base.map(|base| {
            if self.rest.as_os_str().is_empty() {
                base.to_owned()
            } else {
                base.join(&self.rest)
            }
        })
    }
}

impl fmt::Display for GrantPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rest = self.rest.display();
        let base = match self.base {
            PathBase::Workspace if self.rest.as_os_str().is_empty() => ".",
            PathBase::Workspace | PathBase::Root => return write!(f, "{rest}"),
            PathBase::SkillDir => "$SKILL_DIR",
            PathBase::RunDir => "$RUN_DIR",
            PathBase::Home => "~",
        };
        if self.rest.as_os_str().is_empty() {
            f.write_str(base)
        } else {
            write!(f, "{base}/{rest}")
        }
    }
}

fn takes_nothing(text: &str, kind: &str) -> PermissionError {
    let help = if kind == "net" {
        "`net` is all or nothing; for one port write `net.tcp:443`".to_owned()
    } else {
        format!("write `{kind}` alone")
    };
    PermissionError::new(
        format!("the permission `{text}` says more than `{kind}` can"),
        help,
    )
}

fn port(text: &str, port: &str) -> Result<u16, PermissionError> {
    match port.parse::<u16>() {
        Ok(number) if number > 0 && !port.starts_with('+') => Ok(number),
        _ => Err(PermissionError::new(
            format!("the permission `{text}` names no port"),
            "write one from 1 to 65535: `net.tcp:443`",
        )),
    }
}

fn env_name(text: &str, name: &str) -> Result<EnvName, PermissionError> {
    let (name, is_optional) = match name.strip_suffix('?') {
        Some(name) => (name, true),
        None => (name, false),
    };
    if !EnvName::is_valid(name) {
        let help = if name.contains('=') {
            "give the name only; the value comes from the environment of obs"
        } else if name.contains('*') {
            "name each variable by itself"
        } else {
            "a name has letters, digits and `_`, and does not begin with a digit"
        };
        let message = format!("the permission `{text}` names no environment variable");
        return Err(PermissionError::new(message, help));
    }
    Ok(EnvName {
        name: name.to_owned(),
        is_optional,
    })
}

/// A path to write to. A base (`.`, `$RUN_DIR`, `/`) is a directory with and without a slash.
fn write_path(text: &str, path: &str) -> Result<GrantPath, PermissionError> {
    let grant = permitted_path(text, path)?;
    let is_below_base = grant.rest.file_name().is_some();
    Ok(GrantPath {
        is_directory: is_below_base && (path.ends_with('/') || path.ends_with("/.")),
        ..grant
    })
}

fn permitted_path(text: &str, path: &str) -> Result<GrantPath, PermissionError> {
    grant_path(&format!("the permission `{text}`"), path)
}

/// A path, of which messages say that it is `subject`.
pub(super) fn grant_path(subject: &str, path: &str) -> Result<GrantPath, PermissionError> {
    let refuse =
        |what: &str, help: &str| Err(PermissionError::new(format!("{subject} {what}"), help));
    if path.trim().is_empty() {
        return refuse(
            "names no path",
            "write one, such as `fs.read:data`; `.` is the workspace",
        );
    }
    if path.split('/').any(|part| part == "..") {
        return refuse(
            "climbs with `..`",
            "write the absolute path, or one that begins with `~`",
        );
    }
    let (base, rest) = if let Some(variable) = path.strip_prefix('$') {
        let (name, rest) = variable.split_once('/').unwrap_or((variable, ""));
        let base = match name {
            "WORKSPACE" => PathBase::Workspace,
            "SKILL_DIR" => PathBase::SkillDir,
            "RUN_DIR" => PathBase::RunDir,
            _ => {
                let what = format!("begins with `${name}`, which obs does not know");
                return refuse(
                    &what,
                    "`$WORKSPACE`, `$SKILL_DIR`, `$RUN_DIR` and `~` may begin a path",
                );
            }
        };
        (base, rest)
    } else if let Some(rest) = path.strip_prefix('~') {
        match rest.strip_prefix('/') {
            Some(rest) => (PathBase::Home, rest),
            None if rest.is_empty() => (PathBase::Home, rest),
            None => return refuse("names another user's home", "write the absolute path"),
        }
    } else if path.starts_with('/') {
        (PathBase::Root, path)
    } else {
        (PathBase::Workspace, path)
    };
    // Without `.` parts and double slashes, so that a path below a base never reads as absolute.
    let keep = |part: &std::path::Component<'_>| match part {
        std::path::Component::RootDir => base == PathBase::Root,
        part => matches!(part, std::path::Component::Normal(_)),
    };
    let rest = Path::new(rest).components().filter(keep).collect();
    Ok(GrantPath {
        base,
        rest,
        is_directory: false,
    })
}

fn unknown(text: &str, kind: &str, rest: Option<&str>) -> PermissionError {
    let message = format!("unknown permission `{text}`");
    let alias = match kind {
        "network" | "internet" | "http" | "https" => Some("net"),
        "dns" => Some("net.dns"),
        "tcp" => Some("net.tcp"),
        "read" | "filesystem.read" | "file.read" => Some("fs.read"),
        "write" | "filesystem.write" | "file.write" => Some("fs.write"),
        "exec" | "execute" | "fs.execute" => Some("fs.exec"),
        "environment" => Some("env"),
        _ => None,
    };
    let Some(near) = alias.or_else(|| nearest(kind, KINDS.map(|(kind, _)| kind))) else {
        let kinds = KINDS.map(|(kind, rest)| format!("`{kind}{rest}`"));
        return PermissionError::new(message, format!("the permissions are {}", kinds.join(", ")));
    };
    let meant = match rest {
        Some(rest) => format!("{near}:{rest}"),
        None => near.to_owned(),
    };
    let mut error = PermissionError::new(message, format!("did you mean `{meant}`?"));
    error.meant = Permission::parse(&meant).is_ok().then_some(meant);
    error
}

#[cfg(test)]
mod tests;
