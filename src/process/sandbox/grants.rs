//! The grants that every skill gets without a permission.
//!
//! Invariant: they contain no file of the user except the workspace, and the workspace only if it
//! does not contain the home directory. From /etc, they contain only what programs need to start,
//! to resolve host and user names and to verify certificates: an allow-list, so a key or password
//! that somebody stores there is not included. Paths that do not exist are not granted. All paths
//! are canonical; those of the system are resolved once, at first use. The lists come from the
//! sandboxes of bazel and codex, and from what Python, Node, git, make and a C compiler were seen
//! to open.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::{Access, Grant, Network};
use crate::model::StepDirs;
use crate::process::symlinks::canonicalize;

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

/// Prefixes of directories in /etc with a version in their name.
const ETC_PREFIXES: [&str; 2] = ["python", "java"];

/// Where runtimes read the number of processors and the memory that they may use.
const SYS: [&str; 3] = [
    "/sys/devices/system/cpu",
    "/sys/fs/cgroup",
    "/sys/kernel/mm/transparent_hugepage",
];

const READ_DEVICES: [&str; 2] = ["/dev/random", "/dev/urandom"];
const WRITE_DEVICES: [&str; 3] = ["/dev/null", "/dev/zero", "/dev/full"];

/// The configuration of the resolver.
const RESOLVER: &str = "/etc/resolv.conf";

/// Grants that need no permission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DefaultGrants {
    pub grants: Vec<Grant>,
    /// The workspace is not granted, because it is the root or contains the home directory.
    pub workspace_withheld: bool,
}

/// True if a canonical path is in one of the directories of programs and libraries.
pub(crate) fn is_system(path: &Path) -> bool {
    SYSTEM.iter().any(|system| path.starts_with(system))
}

/// The grants that need no permission. `network` is what the skill has a permission for.
pub(crate) fn default_grants(dirs: &StepDirs<'_>, network: &Network) -> DefaultGrants {
    let system = System::get();
    let mut grants = Vec::with_capacity(system.grants.len() + 16);
    grants.extend_from_slice(&system.grants);
    if *network != Network::None {
        grants.extend(system.resolver.clone());
    }
    grants.push(Grant::new(dirs.skill, Access::ReadExec));
    let scratch = dirs.scratch.into_iter();
    grants.extend(scratch.map(|scratch| Grant::new(scratch, Access::ReadWriteExec)));
    let workspace_withheld = is_too_much(dirs.workspace, dirs.home);
    if !workspace_withheld {
        grants.push(Grant::new(dirs.workspace, Access::ReadExec));
    }
    DefaultGrants {
        grants,
        workspace_withheld,
    }
}

/// The grants that are the same for every skill on this machine.
struct System {
    grants: Vec<Grant>,
    resolver: Option<Grant>,
}

impl System {
    /// Resolves the paths at the first call, and returns the same grants from then on.
    fn get() -> &'static Self {
        static SYSTEM: OnceLock<System> = OnceLock::new();
        SYSTEM.get_or_init(Self::find)
    }

    fn find() -> Self {
        let mut grants: Vec<Grant> = Vec::with_capacity(96);
        let mut add = |path: &Path, access| {
            // A path with two names is granted once: `/bin` is often a link to `/usr/bin`.
            grants.extend(system_grant(path, access).filter(|grant| !is_covered(&grants, grant)));
        };
        for (paths, access) in [
            (&SYSTEM[..], Access::ReadExec),
            (&ETC, Access::Read),
            (&SYS, Access::Read),
            (&["/proc"], Access::Read),
            (&READ_DEVICES, Access::Read),
            (&WRITE_DEVICES, Access::ReadWrite),
        ] {
            for path in paths {
                add(Path::new(path), access);
            }
        }
        for path in versioned() {
            add(&path, Access::Read);
        }
        let resolver = system_grant(Path::new(RESOLVER), Access::Read);
        Self { grants, resolver }
    }
}

/// A grant for a path of the system; `None` if it does not exist.
fn system_grant(path: &Path, access: Access) -> Option<Grant> {
    let path = canonicalize(path).ok()?;
    let exists = std::fs::symlink_metadata(&path).is_ok();
    exists.then(|| Grant {
        is_system: true,
        ..Grant::new(path, access)
    })
}

fn is_covered(grants: &[Grant], new: &Grant) -> bool {
    let covers = |grant: &Grant| grant.access == new.access && new.path.starts_with(&grant.path);
    grants.iter().any(covers)
}

/// Configuration directories with a version in their name.
fn versioned() -> Vec<PathBuf> {
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
        .map(|entry| entry.path())
        .collect()
}

/// True if `workspace` is the root or contains the home directory.
fn is_too_much(workspace: &Path, home: Option<&Path>) -> bool {
    workspace.parent().is_none() || home.is_some_and(|home| home.starts_with(workspace))
}
