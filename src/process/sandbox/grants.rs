//! What every skill may read without asking.
//!
//! Invariant: nothing of a user's own is in it but the workspace, and that only where it is not more
//! than that. Of /etc only what programs need to start, to find hosts and users' names and to trust
//! certificates: an allow-list, so a key or a password that somebody puts there is not in it. Paths
//! that do not exist are no grant. The lists are those of bazel's and codex's sandboxes and of what
//! Python, Node, git, make and a C compiler were seen to open.

use std::path::Path;

use super::{Access, Grant, Network};

/// Programs and libraries.
const SYSTEM: [&str; 11] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/opt",
    "/nix",
    "/gnu",
    "/run/current-system",
];

const ETC: [&str; 58] = [
    // Loader.
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/ld.so.preload",
    "/etc/ld-musl-x86_64.path",
    "/etc/ld-musl-aarch64.path",
    "/etc/alternatives",
    // Hosts.
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/hostname",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/protocols",
    "/etc/networks",
    "/etc/rpc",
    // Certificates, not the keys beside them.
    "/etc/ssl/certs",
    "/etc/ssl/cert.pem",
    "/etc/ssl/openssl.cnf",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/certs",
    "/etc/pki/tls/cert.pem",
    "/etc/pki/tls/openssl.cnf",
    "/etc/pki/ca-trust/extracted",
    "/etc/ca-certificates",
    "/etc/ca-certificates.conf",
    "/etc/crypto-policies",
    "/etc/gnutls",
    // Time, language, names of users.
    "/etc/localtime",
    "/etc/timezone",
    "/etc/locale.conf",
    "/etc/locale.alias",
    "/etc/default/locale",
    "/etc/passwd",
    "/etc/group",
    "/etc/login.defs",
    "/etc/shells",
    // The system.
    "/etc/os-release",
    "/etc/lsb-release",
    "/etc/debian_version",
    "/etc/alpine-release",
    "/etc/redhat-release",
    "/etc/static",
    // Programs.
    "/etc/gitconfig",
    "/etc/inputrc",
    "/etc/profile",
    "/etc/profile.d",
    "/etc/bash.bashrc",
    "/etc/terminfo",
    "/etc/magic",
    "/etc/magic.mime",
    "/etc/mime.types",
    "/etc/fonts",
    "/etc/perl",
    "/etc/npmrc",
    "/etc/pip.conf",
    "/etc/openal",
    "/etc/ImageMagick-6",
];

/// In /etc, a directory for each version.
const ETC_PREFIXES: [&str; 2] = ["python", "java"];

/// What a runtime asks for the number of processors and the memory it may use.
const SYS: [&str; 3] = [
    "/sys/devices/system/cpu",
    "/sys/fs/cgroup",
    "/sys/kernel/mm/transparent_hugepage",
];

const READ_DEVICES: [&str; 2] = ["/dev/random", "/dev/urandom"];
const WRITE_DEVICES: [&str; 3] = ["/dev/null", "/dev/zero", "/dev/full"];

/// The places that a skill starts from.
#[derive(Debug, Clone, Copy)]
pub struct Ground<'a> {
    /// The skill's own directory.
    pub skill_dir: &'a Path,
    /// The workspace.
    pub workspace: &'a Path,
    /// The step's private directory.
    pub scratch: &'a Path,
    /// The user's home directory, where it is known.
    pub home: Option<&'a Path>,
}

/// Grants that need no permission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefaultGrants {
    /// The grants.
    pub grants: Vec<Grant>,
    /// The workspace is not among them: it is the root, the home directory or above it.
    pub workspace_withheld: bool,
}

/// What a skill may touch without asking. `network` is what it asked for otherwise.
pub fn default_grants(ground: &Ground<'_>, network: &Network) -> DefaultGrants {
    let mut grants = Vec::with_capacity(96);
    let mut add = |paths: &[&str], access| {
        grants.extend(paths.iter().map(|path| Grant::of_system(path, access)));
    };
    add(&SYSTEM, Access::ReadExec);
    add(&ETC, Access::Read);
    add(&SYS, Access::Read);
    add(&["/proc"], Access::Read);
    add(&READ_DEVICES, Access::Read);
    add(&WRITE_DEVICES, Access::ReadWrite);
    if *network != Network::None {
        add(&["/etc/resolv.conf"], Access::Read);
    }
    grants.extend(versioned());
    grants.push(Grant::new(ground.skill_dir, Access::ReadExec));
    grants.push(Grant::new(ground.scratch, Access::ReadWriteExec));
    let workspace_withheld = is_too_much(ground.workspace, ground.home);
    if !workspace_withheld {
        grants.push(Grant::new(ground.workspace, Access::ReadExec));
    }
    DefaultGrants {
        grants,
        workspace_withheld,
    }
}

/// Configuration directories with a version in their name.
fn versioned() -> Vec<Grant> {
    let Ok(entries) = std::fs::read_dir("/etc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            ETC_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
                && entry.file_type().is_ok_and(|kind| kind.is_dir())
        })
        .map(|entry| Grant::of_system(entry.path(), Access::Read))
        .collect()
}

/// True if `workspace` is the root, the home directory or above it.
fn is_too_much(workspace: &Path, home: Option<&Path>) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let workspace = real(workspace);
    workspace.parent().is_none() || home.is_some_and(|home| real(home).starts_with(&workspace))
}
