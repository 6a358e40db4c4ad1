//! The layers of the sandbox, as a set that fits into a message.
//!
//! Invariant: a set of applied layers contains a layer only if the system call that applies it has
//! succeeded, or its effect was seen.

use std::fmt;

/// Something that the kernel enforces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layer {
    /// Executing a program never gains privileges.
    NoNewPrivileges,
    /// No process has capabilities, and none can get any.
    Capabilities,
    /// Files outside the grants can't be opened, created, renamed or removed.
    Files,
    /// Files outside the grants can't be truncated by path.
    Truncate,
    /// Devices outside the grants can't be controlled by `ioctl`.
    DeviceControl,
    /// TCP only to granted ports.
    Tcp,
    /// No connections to abstract Unix sockets outside.
    AbstractSockets,
    /// No signals to the outside.
    Signals,
    /// System calls that no skill needs are denied, and sockets by family and type.
    Seccomp,
    /// One signal reaches the whole tree and nothing else.
    TreeKill,
    /// Orphans of a tree stay in it.
    Subreaper,
    /// Memory, CPU time and processes of a tree can be summed.
    Limits,
}

impl Layer {
    /// All layers, in the order in which they are reported.
    pub const ALL: [Self; 12] = [
        Self::NoNewPrivileges,
        Self::Capabilities,
        Self::Files,
        Self::Truncate,
        Self::DeviceControl,
        Self::Tcp,
        Self::AbstractSockets,
        Self::Signals,
        Self::Seccomp,
        Self::TreeKill,
        Self::Subreaper,
        Self::Limits,
    ];

    /// Its name in records and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoNewPrivileges => "no-new-privs",
            Self::Capabilities => "capabilities",
            Self::Files => "files",
            Self::Truncate => "truncate",
            Self::DeviceControl => "device-ioctl",
            Self::Tcp => "tcp",
            Self::AbstractSockets => "abstract-sockets",
            Self::Signals => "signals",
            Self::Seccomp => "seccomp",
            Self::TreeKill => "tree-end",
            Self::Subreaper => "subreaper",
            Self::Limits => "limits",
        }
    }

    /// What it needs from the kernel.
    pub fn needs(self) -> &'static str {
        match self {
            Self::NoNewPrivileges => "Linux 3.5",
            Self::Capabilities => "Linux 4.3",
            Self::Files => "Landlock ABI 1 (Linux 5.13)",
            Self::Truncate => "Landlock ABI 3 (Linux 6.2) or seccomp",
            Self::DeviceControl => "Landlock ABI 5 (Linux 6.10)",
            Self::Tcp => "Landlock ABI 4 (Linux 6.7)",
            Self::AbstractSockets | Self::Signals | Self::TreeKill => "Landlock ABI 6 (Linux 6.12)",
            Self::Seccomp => "seccomp filters (CONFIG_SECCOMP_FILTER)",
            Self::Subreaper => "Linux 3.4",
            Self::Limits => "a readable /proc",
        }
    }

    fn bit(self) -> u16 {
        1 << (self as u16)
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of layers.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Layers(u16);

impl Layers {
    /// The set of `layers`.
    pub fn from_list(layers: &[Layer]) -> Self {
        Self(layers.iter().fold(0, |bits, layer| bits | layer.bit()))
    }

    /// Adds one.
    pub fn insert(&mut self, layer: Layer) {
        self.0 |= layer.bit();
    }

    /// True if `layer` is in it.
    pub fn contains(self, layer: Layer) -> bool {
        self.0 & layer.bit() != 0
    }

    /// The layers in this set that are not in `other`.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The layers in either set.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// True if it contains no layer.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The layers in it, in the order of [`Layer::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Layer> {
        Layer::ALL
            .into_iter()
            .filter(move |layer| self.contains(*layer))
    }

    pub(in crate::process) fn to_bits(self) -> u16 {
        self.0
    }

    pub(in crate::process) fn from_bits(bits: u16) -> Self {
        Self(bits)
    }
}

impl fmt::Debug for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Layer::name)).finish()
    }
}

/// The layers that were in force while a process ran, and those that were missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Applied {
    /// The layers that were in force.
    pub enforced: Layers,
    /// The wanted layers that were not in force.
    pub missing: Layers,
}
