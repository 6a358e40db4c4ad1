//! Starts a skill, reads its output and ends everything that it started.
//!
//! Invariant: after a step, no process that it started is alive, whatever it did (new sessions,
//! double forks, ignored signals), and even if obs, the zygote or the supervisor was killed
//! meanwhile.
//!
//! ```text
//! obs ──fork, first thing in main──▶ zygote ──fork, on demand──▶ supervisor ──clone──▶ skill
//!  │                                                               ▲  one step at a time  ▲
//!  └───────────── requests, reports, the end of the socket ─────────┘                      │
//!  └────────────── pipes: stdin, stdout, stderr, events ──────────────────────────────────┘
//! ```
//!
//! obs requests a supervisor from the [`Zygote`] (`zygote_client`), keeps it for later steps
//! (`supervisor_handle`, [`Launcher`]), and follows a step in one `select!` (`step_run`). The
//! zygote and the supervisors are single-threaded processes, whose code is in `zygote`,
//! `supervisor`, `tree`, `proc_walk`, `symlinks` and `child`; none of it uses tokio or obs's
//! terminal. What a skill may access ([`Confinement`], `sandbox`) and consume ([`Limits`]) is plain
//! data. `unsafe` is in `sys`, in `readiness`, in `host`, in `child` and in what the child does to
//! itself (`sandbox::child_sandbox`, `sandbox::capabilities`).
//!
//! The design follows bazel's linux-sandbox (a small process that owns the tree), Android's zygote
//! (forked while small), nextest's runner (one `select!` per child, a clock that stops while obs is
//! suspended) and process-wrap (layers around one child).

mod capture;
mod child;
mod clock;
mod cpu_samples;
mod directories;
mod disk;
mod empty_file;
mod error;
mod fd_limit;
mod frame;
mod host;
mod launcher;
mod limit_monitor;
mod limits;
mod lock_file;
mod pipe;
mod poll;
mod proc_walk;
mod readiness;
mod redact;
mod sandbox;
mod spec;
mod start_error;
mod stdio;
mod step_run;
mod subdirectory;
mod supervisor;
mod supervisor_handle;
mod symlinks;
mod sys;
mod tree;
mod tree_stats;
mod tree_usage;
mod wire;
mod zygote;
mod zygote_client;

#[cfg(test)]
mod tests;

pub use capture::EventLines;
pub(crate) use clock::Moment;
pub use clock::RunClock;
pub(crate) use directories::{directory_variable, temp_dir};
pub(crate) use empty_file::EmptyFile;
pub(crate) use error::ProcessError;
pub(crate) use fd_limit::{allowed_steps, max_concurrent_steps};
pub(crate) use host::{ignore_file_size_signal, ignore_interrupts};
pub use launcher::Launcher;
pub use limits::Limits;
pub(crate) use limits::{LimitBreach, ResourceKind};
pub(crate) use lock_file::{
    create_lock_file, create_new_lock_file, open_lock_file, private_directory,
};
pub(crate) use readiness::WatchedFile;
pub use redact::Secrets;
pub(crate) use redact::{MASK, MIN_SECRET_CHARS, Redactor, is_maskable};
pub(crate) use sandbox::{
    Access, Applied, Confinement, Grant, Layer, Network, SandboxSupport, default_grants, is_system,
};
pub(crate) use spec::{LeaderExit, ProcessEvent, ProcessExit};
pub use spec::{ProcessSpec, StopRequest};
pub(crate) use subdirectory::{OwnerGets, grant_all, open_directory, open_subdirectory};
pub(crate) use symlinks::{PathError, canonicalize, make_directory, make_private_directory};
pub use zygote::Zygote;
