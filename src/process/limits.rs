//! Limits on what a tree of processes consumes.
//!
//! Invariant: a limit is on the tree, and the number that decides is the number that is reported.
//! The supervisor looks at the tree while it runs
//! ([`LimitMonitor`](super::limit_monitor::LimitMonitor)) and ends it at a breach. When the tree
//! has ended, its usage is held against the limits once more, because a tree can go over a limit
//! and end between two looks. Resource limits of the kernel are per process; they are the backstop
//! for a supervisor that is late. Never `RLIMIT_AS`, of which Node and Java die, and never
//! `RLIMIT_NPROC`: it counts all of the user's processes, and root's not at all.

use std::time::Duration;

/// What a tree of processes may consume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Memory of all processes together, in bytes.
    pub memory: Option<u64>,
    /// User and system time of all processes together.
    pub cpu: Option<Duration>,
    /// Processes at the same time. Eight times as many threads are allowed.
    pub processes: Option<u64>,
    /// The size of any file that is written, in bytes.
    pub file_size: Option<u64>,
    /// By how much the directories that the process specification names may grow, in bytes.
    pub disk: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            processes: Some(512),
            ..Self::NONE
        }
    }
}

/// Something that is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResourceKind {
    /// In bytes.
    Memory,
    /// In milliseconds.
    Cpu,
    /// A number.
    Processes,
    /// A number.
    Threads,
    /// In bytes.
    FileSize,
    /// In bytes.
    Disk,
    /// A number of directories, one in the other.
    DirectoryDepth,
}

/// A tree was ended because it went over a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitBreach {
    /// Which.
    pub limit: ResourceKind,
    /// The limit.
    pub allowed: u64,
    /// What was seen. For a file size the limit once more: the kernel lets nothing larger come to
    /// be.
    pub measured: u64,
}

/// A limit of the kernel for one process.
#[derive(Clone, Copy)]
pub(super) struct Rlimit {
    pub(super) resource: libc::__rlimit_resource_t,
    pub(super) value: libc::rlimit,
}

/// Threads for each process that is allowed.
pub(super) const THREADS_PER_PROCESS: u64 = 8;

/// Descriptors for each process: what `select` can handle, and what a program may raise that to.
const OPEN_FILES: (u64, u64) = (1024, 64 * 1024);

impl Limits {
    /// No limits.
    pub const NONE: Self = Self {
        memory: None,
        cpu: None,
        processes: None,
        file_size: None,
        disk: None,
    };

    /// The kernel's limits for every process of a tree.
    pub(super) fn rlimits(&self, confined: bool) -> Vec<Rlimit> {
        let mut rlimits = Vec::new();
        let mut add = |resource, soft, hard| {
            rlimits.push(Rlimit {
                resource,
                value: clamped(resource, soft, hard),
            });
        };
        if let Some(cpu) = self.cpu {
            // Only whole seconds, and late enough that the sum is over the limit before.
            let seconds = cpu.as_secs().saturating_add(2);
            add(libc::RLIMIT_CPU, seconds, seconds.saturating_add(1));
        }
        if let Some(bytes) = self.file_size {
            add(libc::RLIMIT_FSIZE, bytes, bytes);
        }
        if confined {
            add(libc::RLIMIT_NOFILE, OPEN_FILES.0, OPEN_FILES.1);
            // A core holds everything that the process knew.
            add(libc::RLIMIT_CORE, 0, 0);
        }
        rlimits
    }
}

/// Not above what this process has itself: only root may raise that.
fn clamped(resource: libc::__rlimit_resource_t, soft: u64, hard: u64) -> libc::rlimit {
    let own = super::sys::rlimit(resource);
    let hard = own.map_or(hard, |own| hard.min(own.rlim_max));
    libc::rlimit {
        rlim_cur: soft.min(hard),
        rlim_max: hard,
    }
}
