//! The limits on what a tree of processes consumes.
//!
//! Invariant: a limit applies to the whole tree, and the number that decides is the number that is
//! reported. The supervisor samples the running tree
//! ([`LimitMonitor`](super::limit_monitor::LimitMonitor)) and ends it at a breach. When the tree
//! has ended, its usage is checked once more, because a tree can exceed a limit and end between two
//! samples. The kernel's resource limits are per process; they are a backstop if the supervisor is
//! late. `RLIMIT_AS` is never set, because Node and Java fail with it, nor is `RLIMIT_NPROC`: it
//! counts all processes of the user, and none of root's.

use std::time::Duration;

/// What a tree of processes may consume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Memory of all processes together, in bytes.
    pub memory: Option<u64>,
    /// User and system time of all processes together.
    pub cpu: Option<Duration>,
    /// Concurrent processes. Eight times as many threads are allowed.
    pub processes: Option<u64>,
    /// The size of any written file, in bytes.
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

/// A limited resource.
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
    /// A number of nested directories.
    DirectoryDepth,
}

/// The limit that a tree exceeded, and by how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitBreach {
    /// The resource.
    pub limit: ResourceKind,
    /// The limit.
    pub allowed: u64,
    /// The measured value. For a file size it is the limit again: the kernel does not let a file
    /// exceed it.
    pub measured: u64,
}

/// A kernel limit for one process.
#[derive(Clone, Copy)]
pub(super) struct Rlimit {
    pub(super) resource: libc::__rlimit_resource_t,
    pub(super) value: libc::rlimit,
}

/// The threads that are allowed for each process.
pub(super) const THREADS_PER_PROCESS: u64 = 8;

/// Descriptors of a process: what `select` can handle, and the maximum that a program can raise
/// this to.
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

    /// The kernel limits for every process of a tree.
    pub(super) fn rlimits(&self, confined: bool) -> Vec<Rlimit> {
        let mut rlimits = Vec::new();
        let mut add = |resource, soft, hard| {
            rlimits.push(Rlimit {
                resource,
                value: clamped(resource, soft, hard),
            });
        };
        if let Some(cpu) = self.cpu {
            // Whole seconds only, and late enough that the supervisor's sum exceeds the limit
            // first.
            let seconds = cpu.as_secs().saturating_add(2);
            add(libc::RLIMIT_CPU, seconds, seconds.saturating_add(1));
        }
        if let Some(bytes) = self.file_size {
            add(libc::RLIMIT_FSIZE, bytes, bytes);
        }
        if confined {
            add(libc::RLIMIT_NOFILE, OPEN_FILES.0, OPEN_FILES.1);
            // A core dump contains everything in the process's memory.
            add(libc::RLIMIT_CORE, 0, 0);
        }
        rlimits
    }
}

/// Clamps to the hard limit of this process, which only root can raise.
fn clamped(resource: libc::__rlimit_resource_t, soft: u64, hard: u64) -> libc::rlimit {
    let own = super::sys::rlimit(resource);
    let hard = own.map_or(hard, |own| hard.min(own.rlim_max));
    libc::rlimit {
        rlim_cur: soft.min(hard),
        rlim_max: hard,
    }
}
