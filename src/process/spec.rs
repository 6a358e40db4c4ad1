//! The specification of a process, its events and its result.
//!
//! Invariant: these are plain values. A leader ended in one of two ways. An error says what was
//! tried, why it failed and, if possible, what to do about it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::limits::{LimitBreach, Limits};
use super::redact::Secrets;
use super::sandbox::{Applied, Confinement};
use super::tree_usage::TreeUsage;
use crate::model::{Excerpt, LeakedProcesses};

/// What to start, and its limits. The process inherits nothing from obs except the user.
#[derive(Debug, Clone)]
pub struct ProcessSpec {
    /// Absolute path of the program. Its directory is canonical; the last component may be a
    /// symlink, because some programs depend on the name that they are called by.
    pub program: PathBuf,
    /// The canonical path that it must lead to; otherwise it is not executed.
    pub target: PathBuf,
    /// All arguments, including the name as the first one.
    pub argv: Vec<OsString>,
    /// The whole environment.
    pub env: Vec<(OsString, OsString)>,
    /// The working directory, canonical.
    pub cwd: PathBuf,
    /// Standard input; `None` is an empty input.
    pub stdin: Option<Vec<u8>>,
    /// The cap on standard output; one byte more ends the tree.
    pub max_output_bytes: u64,
    /// The time between SIGTERM and SIGKILL.
    pub grace_period: Duration,
    /// How long processes that outlive the leader may take to end by themselves.
    pub leak_timeout: Duration,
    /// What it may access; `None` for no sandbox.
    pub confinement: Option<Arc<Confinement>>,
    /// What its tree may consume.
    pub limits: Limits,
    /// Absolute paths of the directories that [`Limits::disk`] applies to.
    pub written: Vec<PathBuf>,
    /// Values that are masked in standard error. Output and events are not masked here.
    pub secrets: Secrets,
}

/// The caller's request to stop a running process. It may only be raised.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum StopRequest {
    /// Let it run.
    #[default]
    None,
    /// End its tree: SIGTERM, grace period, SIGKILL.
    Terminate,
    /// End its tree with SIGKILL at once.
    Kill,
}

/// An event of a running process.
#[derive(Debug)]
pub enum ProcessEvent<'a> {
    /// The program is being executed.
    Started {
        /// The leader's process id.
        pid: i32,
    },
    /// It wrote to standard output. Split as it was read; nothing beyond the cap.
    Stdout(&'a [u8]),
    /// It wrote to standard error.
    Stderr(&'a [u8]),
    /// It wrote a line to the events descriptor.
    EventLine(&'a str),
    /// Its tree got SIGTERM because of a stop request.
    Ending {
        /// Time until SIGKILL.
        grace: Duration,
    },
    /// Its leader has exited, and the remaining processes got SIGTERM.
    EndingSurvivors {
        /// Time until SIGKILL.
        grace: Duration,
    },
}

/// The result of a process. Nothing that it started is alive.
#[derive(Debug, Clone)]
pub struct ProcessExit {
    /// How the leader ended.
    pub leader: LeaderExit,
    /// Standard output up to the cap.
    pub stdout: Vec<u8>,
    /// It exceeded the cap on standard output and was killed.
    pub output_limit_exceeded: bool,
    /// Standard error.
    pub stderr: Excerpt,
    /// What the tree consumed.
    pub usage: TreeUsage,
    /// The limit that the tree exceeded, for which it was killed.
    pub limit_breach: Option<LimitBreach>,
    /// From the detection of the breach to the end of the tree; zero without one.
    pub breach_to_end: Duration,
    /// The layers of the sandbox that were in force.
    pub applied: Applied,
    /// The leader ended before any stop request reached it.
    pub ended_by_itself: bool,
    /// The processes that outlived the leader and had to be ended; `None` if there were none.
    pub leaked: Option<LeakedProcesses>,
    /// Event lines that were too long or not UTF-8.
    pub dropped_event_lines: u64,
    /// From the request to the end of the tree, without suspensions.
    pub wall: Duration,
}

/// How the first process of a tree ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaderExit {
    /// It exited.
    Code(i32),
    /// A signal ended it.
    Signal(i32),
}

impl LeaderExit {
    /// Reads a raw wait status of a process that has ended.
    pub(super) fn from_wait_status(status: i32) -> Self {
        if libc::WIFSIGNALED(status) {
            Self::Signal(libc::WTERMSIG(status))
        } else {
            Self::Code(libc::WEXITSTATUS(status))
        }
    }
}

/// The stage at which a start failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartStage {
    /// Arguments or environment can't be passed to a program.
    Arguments,
    /// Creating a process.
    Clone,
    /// Creating its session, or setting the signal for its supervisor's death.
    Session,
    /// Setting up its standard streams.
    Descriptors,
    /// Changing to the working directory.
    WorkingDirectory,
    /// Applying the sandbox.
    Confinement,
    /// Finding the program where it was proven to be.
    Program,
    /// Executing the program.
    Exec,
    /// Measuring its directories.
    Disk,
}

impl StartStage {
    const ALL: [Self; 9] = [
        Self::Arguments,
        Self::Clone,
        Self::Session,
        Self::Descriptors,
        Self::WorkingDirectory,
        Self::Confinement,
        Self::Program,
        Self::Exec,
        Self::Disk,
    ];

    /// Never zero, which means that nothing failed.
    pub(super) fn to_wire(self) -> u8 {
        match self {
            Self::Arguments => 1,
            Self::Clone => 2,
            Self::Session => 3,
            Self::Descriptors => 4,
            Self::WorkingDirectory => 5,
            Self::Confinement => 6,
            Self::Exec => 7,
            Self::Program => 8,
            Self::Disk => 9,
        }
    }

    pub(super) fn from_wire(number: u8) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|stage| stage.to_wire() == number)
    }
}
