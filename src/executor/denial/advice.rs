//! From what a program says was denied to the permissions that it lacks.

use std::ffi::OsStr;
use std::net::IpAddr;
use std::path::Path;

use super::denied::{Address, Denied, DeniedAccess};
use super::message::denials;
use super::network::{is_socket_path, url_address};
use super::paths::{Lack, Reach, hidden_program};
use crate::model::{Excerpt, ExecutionResult, ExecutionStatus, StepDirs};
use crate::process::{Confinement, Layer, Network};
use crate::skill::{Permission, SandboxPolicy};

/// The step that ended.
#[derive(Clone, Copy)]
pub(in crate::executor) struct Scene<'a> {
    pub(in crate::executor) policy: &'a SandboxPolicy,
    pub(in crate::executor) dirs: StepDirs<'a>,
    pub(in crate::executor) confinement: &'a Confinement,
    pub(in crate::executor) permissions: &'a [Permission],
    /// The manifest, as the user knows it.
    pub(in crate::executor) manifest: &'a str,
    /// Where programs are looked for.
    pub(in crate::executor) path: &'a OsStr,
}

/// What probably was denied.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::executor) struct Suspicion {
    /// For people, in lines.
    pub(in crate::executor) hint: String,
    /// Which lines about the confinement show it.
    pub(in crate::executor) shows: Vec<&'static str>,
    /// The lack is one of write access to files, and nothing else.
    pub(in crate::executor) is_write_only: bool,
}

/// What the sandbox probably denied to a step; `None` if nothing speaks for that. A step that
/// succeeded was denied only what it names.
pub(in crate::executor) fn suspect(
    scene: &Scene<'_>,
    result: &ExecutionResult,
) -> Option<Suspicion> {
    if result.attempts == 0 {
        return None;
    }
    let mut advice = Advice::new(scene, result);
    let streams = [&result.stderr, &result.stdout].into_iter().flatten();
    for denied in streams.flat_map(of_excerpt) {
        advice.take(&denied);
    }
    advice.is_unknown &= result.status != ExecutionStatus::Success;
    advice.finish()
}

fn of_excerpt(excerpt: &Excerpt) -> Vec<Denied> {
    denials(&excerpt.text())
}

struct Advice<'a> {
    scene: &'a Scene<'a>,
    reach: Reach<'a>,
    command: &'a [String],
    enforced: &'a [String],
    /// What was denied, in words.
    denied: Vec<String>,
    missing: Vec<Permission>,
    notes: Vec<String>,
    shows: Vec<&'static str>,
    is_unknown: bool,
}

impl<'a> Advice<'a> {
    fn new(scene: &'a Scene<'a>, result: &'a ExecutionResult) -> Self {
        Self {
            scene,
            reach: Reach {
                dirs: scene.dirs,
                confinement: scene.confinement,
            },
            command: &result.command,
            enforced: &result.sandbox.enforced,
            denied: Vec::new(),
            missing: Vec::new(),
            notes: Vec::new(),
            shows: Vec::new(),
            is_unknown: false,
        }
    }

    fn is_enforced(&self, layer: Layer) -> bool {
        self.enforced.iter().any(|name| name == layer.name())
    }

    fn take(&mut self, denied: &Denied) {
        match denied {
            Denied::Path(path, access) => self.path(path, *access),
            Denied::Program(name) => self.program(name),
            Denied::Runtime(directory) => self.runtime(directory),
            Denied::Missing(path) => self.missing_file(path),
            Denied::Connection(address) => self.connection(address),
            Denied::Name(address) => self.name(address),
            Denied::Listening => self.listening(),
            Denied::UnixSocket(path) => self.unix_socket(path.as_deref()),
            Denied::Terminal => self.device(
                "a pseudo-terminal (`/dev/ptmx`)",
                &["/dev/ptmx", "/dev/pts"],
            ),
            Denied::SharedMemory => self.device("shared memory (`/dev/shm`)", &["/dev/shm"]),
            Denied::Identity => self.identity(),
            Denied::Never(what) => self.never(what),
            Denied::Unknown => self.is_unknown |= self.is_enforced(Layer::Files),
        }
    }

    fn say(&mut self, shows: &'static str, denied: String) {
        if !self.denied.contains(&denied) {
            self.denied.push(denied);
        }
        if !self.shows.contains(&shows) {
            self.shows.push(shows);
        }
    }

    fn note(&mut self, note: &str) {
        if !self.notes.iter().any(|known| known == note) {
            self.notes.push(note.to_owned());
        }
    }

    fn need(&mut self, permission: Option<Permission>) {
        if let Some(permission) = permission
            && !self.missing.contains(&permission)
            && !self.scene.permissions.contains(&permission)
        {
            self.missing.push(permission);
        }
    }

    fn path(&mut self, path: &str, access: DeniedAccess) {
        if path.starts_with("/dev/ptmx") || path.starts_with("/dev/pts") {
            return self.take(&Denied::Terminal);
        }
        if path.starts_with("/dev/shm") {
            return self.take(&Denied::SharedMemory);
        }
        if !self.is_enforced(Layer::Files) {
            return;
        }
        match self.reach.lack(path, access) {
            None => {}
            Some(Lack::Read(real)) => {
                let shown = self.reach.shown(&real);
                self.say("read", format!("reading `{shown}`"));
                let slash = if real.is_dir() { "/" } else { "" };
                let permission = self.reach.permission("fs.read", &real, slash);
                self.need_or_note(permission);
            }
            Some(Lack::Write {
                path: real,
                granted,
                is_directory,
            }) => {
                let shown = self.reach.shown(&real);
                self.say("write", format!("writing `{shown}`"));
                let slash = if is_directory { "/" } else { "" };
                let permission = self.reach.permission("fs.write", &granted, slash);
                if access == DeniedAccess::MakeDirectory && permission.is_some() && !real.exists() {
                    self.note("obs makes the directory before the step, so use `mkdir -p`");
                }
                if real.starts_with(std::env::temp_dir())
                    && !real.starts_with(self.scene.dirs.workspace)
                {
                    self.note("`$TMPDIR` is a directory that the step may write");
                }
                self.need_or_note(permission);
                if granted.ends_with(".git") {
                    self.identity();
                }
            }
        }
    }

    fn need_or_note(&mut self, permission: Option<Permission>) {
        if permission.is_none() {
            self.note("grant the files or directories in it that the step needs, not all of it");
        }
        self.need(permission);
    }

    fn program(&mut self, name: &str) {
        match hidden_program(&self.reach, name, self.scene.path) {
            Some(real) if self.is_enforced(Layer::Files) => self.execution(&real),
            _ => self.path(name, DeniedAccess::Any),
        }
    }

    fn runtime(&mut self, directory: &str) {
        let Some(real) = self.reach.real(directory) else {
            return;
        };
        if self.is_enforced(Layer::Files) && real.exists() && !self.reach.may(&real, |_| true) {
            self.execution(&real);
        }
    }

    fn execution(&mut self, real: &Path) {
        let shown = self.reach.shown(real);
        self.say("read", format!("executing `{shown}`"));
        let permission = Permission::parse(&self.scene.policy.exec_permission(real)).ok();
        self.need_or_note(permission);
    }

    /// A file that is missing because HOME is another directory in a step.
    fn missing_file(&mut self, path: &str) {
        if let Some(real) = self.reach.hidden_home(path) {
            let shown = self.reach.shown(&real);
            self.say(
                "environment",
                format!("reading `{shown}` (a step has a HOME of its own)"),
            );
            self.home(&real);
        }
    }

    /// Git takes who commits and which repositories it trusts from `~/.gitconfig`.
    fn identity(&mut self) {
        let config = self.scene.dirs.home.map(|home| home.join(".gitconfig"));
        let Some(config) = config.filter(|config| config.is_file()) else {
            return;
        };
        let is_home =
            |permission: &Permission| permission.env().is_some_and(|(env, _)| env.name == "HOME");
        if !self.scene.permissions.iter().any(is_home) {
            self.say(
                "environment",
                "reading `~/.gitconfig` (a step has a HOME of its own)".to_owned(),
            );
            self.home(&config);
        }
    }

    fn home(&mut self, real: &Path) {
        self.need(Permission::parse("env:HOME").ok());
        let slash = if real.is_dir() { "/" } else { "" };
        let permission = self.reach.permission("fs.read", real, slash);
        self.need(permission);
    }

    fn device(&mut self, what: &str, paths: &[&str]) {
        let reach = self.reach;
        let lacks = |path: &&&str| {
            reach.real(path).is_some_and(|real| {
                real.exists()
                    && !reach.may(&real, |access| {
                        matches!(
                            access,
                            crate::process::Access::ReadWrite
                                | crate::process::Access::ReadWriteExec
                        )
                    })
            })
        };
        let lacking: Vec<&&str> = paths.iter().filter(lacks).collect();
        if lacking.is_empty() || !self.is_enforced(Layer::Files) {
            return;
        }
        self.say("write", what.to_owned());
        for path in lacking {
            self.need(Permission::parse(&format!("fs.write:{path}")).ok());
        }
    }

    fn connection(&mut self, address: &Address) {
        if let Some(path) = self.unix_argument() {
            return self.unix_socket(Some(&path));
        }
        if self.is_open() {
            return;
        }
        let port = address
            .port
            .or_else(|| self.port_of_command(address.host.as_deref()));
        if port.is_some_and(|port| self.allows(port)) {
            return;
        }
        let host = address.host.as_deref();
        self.say(
            "network",
            match (host, port) {
                (Some(host), Some(port)) => format!("a connection to {host}, port {port}"),
                (None, Some(port)) => format!("a connection to port {port}"),
                (Some(host), None) => format!("a connection to {host}"),
                (None, None) => "a network connection".to_owned(),
            },
        );
        self.need_port(port);
        if host.is_some_and(needs_resolver) {
            self.need_resolver();
        }
    }

    fn name(&mut self, address: &Address) {
        let has_dns = matches!(
            self.scene.confinement.network,
            Network::Some { dns: true, .. }
        );
        if self.is_open() || has_dns {
            return;
        }
        let port = address
            .port
            .or_else(|| self.port_of_command(address.host.as_deref()));
        self.say(
            "network",
            match &address.host {
                Some(host) => format!("the address of {host}"),
                None => "the address of a host".to_owned(),
            },
        );
        if !port.is_some_and(|port| self.allows(port)) {
            self.need_port(port);
        }
        self.need_resolver();
    }

    fn listening(&mut self) {
        if !self.is_open() {
            self.say("network", "listening on a port".to_owned());
            self.need(Some(Permission::Net));
        }
    }

    fn unix_socket(&mut self, path: Option<&str>) {
        if self.is_enforced(Layer::Seccomp) {
            let which = path.map(|path| format!(" `{path}`")).unwrap_or_default();
            self.say("network", format!("the Unix socket{which}"));
            self.note(
                "no permission grants Unix sockets: use the server's TCP port (`net.tcp:PORT`), or \
                 do this outside of obs",
            );
        }
    }

    fn never(&mut self, what: &str) {
        if self.is_enforced(Layer::Seccomp) || self.is_enforced(Layer::Capabilities) {
            self.say("network", what.to_owned());
            self.shows.clear();
            self.note("no permission grants it (plans/security.md)");
        }
    }

    /// True if the network is not restricted.
    fn is_open(&self) -> bool {
        match self.scene.confinement.network {
            Network::None => !self.is_enforced(Layer::Seccomp),
            Network::Some { .. } => !self.is_enforced(Layer::Tcp),
            Network::Full => true,
        }
    }

    fn allows(&self, port: u16) -> bool {
        match &self.scene.confinement.network {
            Network::None => false,
            Network::Some { tcp, .. } => tcp.contains(&port),
            Network::Full => true,
        }
    }

    fn need_port(&mut self, port: Option<u16>) {
        self.need(Some(port.map_or(Permission::Net, Permission::NetTcp)));
    }

    fn need_resolver(&mut self) {
        if !self.missing.contains(&Permission::Net) {
            self.need(Some(Permission::NetDns));
        }
    }

    /// The port of the URL in the command that names the host, or the only one.
    fn port_of_command(&self, host: Option<&str>) -> Option<u16> {
        let text = self.command.join(" ");
        let urls = text.match_indices("://").take(16).filter_map(|(at, _)| {
            let scheme = text[..at]
                .rsplit(|c: char| !c.is_ascii_alphanumeric())
                .next()?;
            url_address(scheme, &text[at + 3..])
        });
        let urls: Vec<Address> = urls.collect();
        let named = urls
            .iter()
            .find(|url| host.is_some() && url.host.as_deref() == host);
        match (named, urls.as_slice()) {
            (Some(url), _) | (None, [url]) => url.port,
            _ => None,
        }
    }

    /// The Unix socket that the command names.
    fn unix_argument(&self) -> Option<String> {
        let text = self.command.join(" ");
        if let Some((_, rest)) = text.split_once("--unix-socket") {
            let rest = rest.trim_start_matches([' ', '=']);
            return rest.split([' ', '\'', '"']).next().map(str::to_owned);
        }
        let mut words = text.split([' ', '\'', '"', '=', ':', '(', ')', ',']);
        let socket = words.find(|word| is_socket_path(word));
        socket.map(str::to_owned)
    }

    fn finish(mut self) -> Option<Suspicion> {
        if self.denied.is_empty() {
            return self.is_unknown.then(|| Suspicion {
                hint:
                    "the sandbox may be the cause: see above what the step may do; with `--sandbox \
                       off` it may do all"
                        .to_owned(),
                shows: vec!["read", "write", "network"],
                is_write_only: true,
            });
        }
        if self.missing.contains(&Permission::Net) {
            let is_part = |permission: &Permission| {
                matches!(permission, Permission::NetTcp(_) | Permission::NetDns)
            };
            self.missing.retain(|permission| !is_part(permission));
        }
        let missing = self.missing.clone();
        self.missing
            .retain(|permission| !missing.iter().any(|other| covers(other, permission)));
        let mut hint = format!("the sandbox probably denied {}", in_words(&self.denied));
        for note in &self.notes {
            hint.push_str("; ");
            hint.push_str(note);
        }
        if !self.missing.is_empty() {
            let all = self.scene.permissions.iter().chain(&self.missing);
            let texts: Vec<String> = all
                .map(|permission| quoted(&permission.to_string()))
                .collect();
            let is_json = Path::new(self.scene.manifest).extension() == Some(OsStr::new("json"));
            let (key, comma) = if is_json {
                ("\"permissions\"", ",")
            } else {
                ("permissions", "")
            };
            let list = texts.join(", ");
            let manifest = self.scene.manifest;
            let place = if self.scene.permissions.is_empty() {
                format!("At the top level of {manifest}")
            } else {
                format!("In {manifest}, in place of its `permissions`")
            };
            let line = format!(". {place}:\n{key}: [{list}]{comma}");
            hint.push_str(&line);
        }
        Some(Suspicion {
            hint,
            is_write_only: self.shows == ["write"],
            shows: self.shows,
        })
    }
}

/// True if one grants a directory to write that the other is in.
fn covers(one: &Permission, other: &Permission) -> bool {
    let (Permission::FsWrite(directory), Permission::FsWrite(path)) = (one, other) else {
        return false;
    };
    let is_directory = directory.is_directory || directory.rest.file_name().is_none();
    one != other
        && is_directory
        && directory.base == path.base
        && path.rest.starts_with(&directory.rest)
}

/// True for a host that is not found without a resolver.
fn needs_resolver(host: &str) -> bool {
    host != "localhost" && host.parse::<IpAddr>().is_err()
}

/// `a, b and c`.
fn in_words(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// As YAML and JSON read it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
