//! Confines a skill: what it may access, and how the kernel enforces that.
//!
//! Invariant: the kernel denies what is not granted, to every process of the tree, permanently;
//! nothing that a skill does later widens its rights. The supervisor makes rules and filter from
//! plain data ([`Confinement`]) that it receives over its socket; between clone and exec, the child
//! only applies them (`child_sandbox`). The layers in force are reported, never assumed.
//!
//! Each layer covers what the others can't:
//!
//! | layer | covers |
//! |---|---|
//! | capabilities | what root could do to rules, mounts, other people's files |
//! | Landlock | files by path, TCP ports, abstract sockets and signals to the outside |
//! | seccomp | sockets by family and type, other processes by id, set-ID files, interfaces with a large attack surface |
//! | `no_new_privs` | setuid programs |
//! | rlimits | a backstop for what the supervisor counts (`limits`) |
//!
//! Known gaps, which no layer covers:
//!
//! - The owner of a file outside can change its mode, times and group (`chmod`, `utimensat`,
//!   `chgrp`): Landlock has no such right, and a filter can't read paths.
//! - A skill can learn that a file exists, its size and its attributes (`stat`, `getxattr`), and
//!   the command lines of other processes.
//! - With `net.dns`, datagrams may go to any address.
//! - Memory that no process has mapped (`memfd`, tmpfs) and the number of files are not counted.
//!
//! The filter denies more than necessary if it can't distinguish the cases: watches on files
//! (`inotify`), and the priority and affinity of a thread by its id, even of the calling thread.
//!
//! The supervisor has the filter, so its children inherit it (`child_sandbox`). The order in the
//! child is: limits, capabilities, Landlock. Capabilities are dropped first, so that an
//! unprivileged process enters the domain. The design follows codex's linux-sandbox (Landlock and
//! seccomp without root, sockets by family), systemd's filter groups (`@mount`, `@keyring`,
//! `@module`, …) and `RestrictSUIDSGID`, Chromium's and Docker's `ENOSYS` for `clone3`, bazel's
//! linux-sandbox (grants as a list of paths).

mod capabilities;
mod child_sandbox;
mod encoding;
mod grants;
mod landlock;
mod layer;
mod probe;
mod ruleset_cache;
mod seccomp;
mod shortage;
mod support;

use std::path::PathBuf;

pub(crate) use grants::{default_grants, is_system};
pub(crate) use layer::{Applied, Layer, Layers};
#[cfg(test)]
pub(super) use support::LayerStatus;
pub(crate) use support::SandboxSupport;

pub(super) use child_sandbox::{ChildSandbox, SandboxBuilder};
pub(super) use encoding::encode;
pub(super) use landlock::io_error;
pub(super) use probe::{ProbeResult, try_layers};

/// What a process may access. Everything else is denied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confinement {
    /// Files and directories. If several grants cover a path, their rights add up.
    pub grants: Vec<Grant>,
    /// The sockets that it may create.
    pub network: Network,
    /// Whether the process starts although the kernel lacks one of [`Confinement::required`].
    pub best_effort: bool,
}

/// Access to a file, or to a directory and everything below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Canonical path, resolved before the first step. A path that does not exist is silently not
    /// granted. If it contains a symlink, the start fails.
    pub path: PathBuf,
    /// The granted rights.
    pub access: Access,
    /// The path belongs to the system, so no skill can replace what is there. Rules that serve
    /// several steps don't check it again, and no step fails if an update puts a symlink there.
    pub is_system: bool,
}

/// The rights on a granted path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reading files, listing directories.
    Read,
    /// Reading, listing, executing.
    ReadExec,
    /// Reading, listing, writing, creating, renaming and removing.
    ReadWrite,
    /// All of the above.
    ReadWriteExec,
}

/// The sockets that a process may create. Connected pairs of Unix sockets are always allowed, other
/// Unix sockets never: their servers (a session bus, docker, an agent) have more rights than the
/// process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Network {
    /// None.
    None,
    /// Some. Both fields need Landlock's TCP rules (ABI 4).
    Some {
        /// Ports that the process may connect to over TCP.
        tcp: Vec<u16>,
        /// UDP, and TCP to port 53. Today's kernels can't restrict where datagrams go.
        dns: bool,
    },
    /// TCP and UDP to and from everywhere, and the list of interfaces.
    Full,
}

impl Grant {
    /// A grant for a canonical path.
    pub fn new(path: impl Into<PathBuf>, access: Access) -> Self {
        Self {
            path: path.into(),
            access,
            is_system: false,
        }
    }
}

impl Network {
    /// True if TCP is allowed to certain ports only.
    fn has_tcp_rules(&self) -> bool {
        matches!(self, Self::Some { .. })
    }

    /// The part that the filter enforces: families and types. Landlock enforces the ports.
    pub(super) fn without_ports(&self) -> Self {
        match self {
            Self::Some { dns, .. } => Self::Some {
                tcp: Vec::new(),
                dns: *dns,
            },
            other => other.clone(),
        }
    }
}

impl Confinement {
    /// The layers that this confinement can't do without. The others are used if they exist.
    pub fn required(&self) -> Layers {
        let mut layers = Layers::from_list(&[
            Layer::NoNewPrivileges,
            Layer::Capabilities,
            Layer::Files,
            Layer::Truncate,
            Layer::Seccomp,
        ]);
        if self.network.has_tcp_rules() {
            layers.insert(Layer::Tcp);
        }
        layers
    }

    /// All layers that this applies if the kernel has them.
    pub fn wanted(&self) -> Layers {
        let mut layers = self.required();
        for layer in [
            Layer::DeviceControl,
            Layer::AbstractSockets,
            Layer::Signals,
            Layer::TreeKill,
        ] {
            layers.insert(layer);
        }
        layers
    }
}
