//! Confining a skill: what it may touch, and how the kernel is made to see to it.
//!
//! Invariant: what is not granted is denied, by the kernel, to every process of the tree and for
//! ever; nothing a skill does later widens it. Rules and filter are made in the supervisor, from
//! plain data ([`Confinement`]) that came over its socket; the child between clone and exec only
//! puts them on (`child_sandbox`). Which layers are in force is reported and never assumed.
//!
//! Every layer covers what the others can't see:
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
//! - With `dns`, datagrams may go to any address.
//! - Memory that no process has mapped (`memfd`, tmpfs) and the number of files are not counted.
//!
//! And these are denied more widely than necessary, because a filter can't tell the cases apart:
//! watches on files (`inotify`), and the priority and affinity of a thread by its id, also if it is
//! the caller's.
//!
//! The supervisor wears the filter, so its children are born with it (`child_sandbox`). The order
//! in the child is: limits, capabilities, Landlock. Capabilities go first, so that the domain is
//! entered by a process that is nobody special. The ideas: codex's linux-sandbox (Landlock and
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
mod support;

use std::path::PathBuf;

pub(crate) use grants::{default_grants, is_system};
pub(crate) use layer::{Applied, Layer, Layers};
#[cfg(test)]
pub(super) use support::LayerStatus;
pub(crate) use support::SandboxSupport;

pub(super) use child_sandbox::{ChildSandbox, SandboxBuilder};
pub(super) use encoding::encode;
pub(super) use probe::{ProbeResult, try_layers};

/// What a process may touch. Everything else is denied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confinement {
    /// Files and directories; where several cover a path, their rights add up.
    pub grants: Vec<Grant>,
    /// Sockets.
    pub network: Network,
    /// Whether the process starts although the kernel lacks one of [`Confinement::required`].
    pub best_effort: bool,
}

/// Access to a file, or to a directory and everything below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Canonical path, as of before the first step. What does not exist is not granted, without a
    /// word; a symlink on it fails the start.
    pub path: PathBuf,
    /// What may be done.
    pub access: Access,
    /// The path belongs to the system: nothing that a skill does replaces what is there. Rules that
    /// are used for several steps need not look at it each time, and an update that puts a symlink
    /// there fails no step.
    pub is_system: bool,
}

/// What may be done to a granted path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reading files, listing directories.
    Read,
    /// Reading, listing, executing.
    ReadExec,
    /// Reading, listing, writing, making, renaming and removing.
    ReadWrite,
    /// All of it.
    ReadWriteExec,
}

/// The sockets that a process may have. Pairs of connected Unix sockets are always allowed, any
/// other Unix socket never is: what listens there (a session bus, docker, an agent) has more rights
/// than the process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Network {
    /// None.
    None,
    /// Some. Both parts need TCP rules of Landlock (ABI 4).
    Some {
        /// Ports that TCP connections may go to.
        tcp: Vec<u16>,
        /// UDP, and TCP to port 53. Where datagrams go can't be restricted by the kernels of today.
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
    /// True if TCP is allowed to some ports only.
    fn has_tcp_rules(&self) -> bool {
        matches!(self, Self::Some { .. })
    }

    /// What the filter sees of it: families and types. Ports are for Landlock.
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
    /// The layers without which this is not what it says. The others are a gain where they exist.
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

    /// All layers that would be put on by a kernel that has them.
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
