//! What goes into a process and what comes out of it.
//!
//! Invariant: plain values. How a leader ended is one of two things, and an error says what was
//! tried, why it failed and, where there is something, what to do about it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::limits::{LimitBreach, Limits};
use super::redact::Secrets;
use super::sandbox::{Applied, Confinement};
use super::tree_usage::TreeUsage;
use crate::model::Excerpt;

/// What to start, and the bounds of its life. Nothing is inherited from obs but its user.
#[derive(Debug, Clone)]
pub struct ProcessSpec {
    /// Absolute path of the program. Its directory is canonical; the last component may be a
    /// symlink, because programs go by the name that they are called with.
    pub program: PathBuf,
    /// The canonical path that it leads to; one that leads elsewhere is not executed.
    pub target: PathBuf,
    /// All arguments, the name in front included.
    pub argv: Vec<OsString>,
    /// The whole environment.
    pub env: Vec<(OsString, OsString)>,
    /// The working directory, canonical.
    pub cwd: PathBuf,
    /// What it reads on standard input, then end of file; `None` is end of file at once.
    pub stdin: Option<Vec<u8>>,
    /// One byte more on standard output ends the tree.
    pub max_output_bytes: u64,
    /// Time between SIGTERM and SIGKILL.
    pub grace_period: Duration,
    /// What it may touch; `None` confines nothing.
    pub confinement: Option<Arc<Confinement>>,
    /// What its tree may consume.
    pub limits: Limits,
    /// The directories that [`Limits::disk`] is about: absolute paths.
    pub written: Vec<PathBuf>,
    /// Values that are taken out of what it writes to standard error. Its output and its events
    /// come raw.
    pub secrets: Secrets,
}

/// What the caller wants of a running process. Only ever raise it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum StopRequest {
    /// Let it run.
    #[default]
    None,
    /// End its tree: SIGTERM, grace, SIGKILL.
    Terminate,
    /// End its tree with SIGKILL at once.
    Kill,
}

/// Something that happened while a process ran.
#[derive(Debug)]
pub enum ProcessEvent<'a> {
    /// The program is being executed.
    Started {
        /// The leader's process id.
        pid: i32,
    },
    /// It wrote to standard output. Cut where reads end; nothing past the cap.
    Stdout(&'a [u8]),
    /// It wrote to standard error.
    Stderr(&'a [u8]),
    /// It wrote a line to the events descriptor.
    EventLine(&'a str),
    /// Its tree got SIGTERM because the caller asked for its end.
    Ending {
        /// Time until SIGKILL.
        grace: Duration,
    },
    /// Its leader has exited, and what it left behind got SIGTERM.
    EndingSurvivors {
        /// Time until SIGKILL.
        grace: Duration,
    },
}

/// How a process ended. Nothing that it started is alive.
#[derive(Debug, Clone)]
pub struct ProcessExit {
    /// How the leader ended.
    pub leader: LeaderExit,
    /// Standard output up to the cap.
    pub stdout: Vec<u8>,
    /// It wrote more than the cap and was killed for it.
    pub output_limit_exceeded: bool,
    /// Standard error.
    pub stderr: Excerpt,
    /// What the tree consumed.
    pub usage: TreeUsage,
    /// The tree went over this limit and was killed for it.
    pub limit_breach: Option<LimitBreach>,
    /// From when the breach was seen to the end of the tree; zero without one.
    pub breach_to_end: Duration,
    /// What was in force.
    pub applied: Applied,
    /// Processes were still alive when the leader had exited, and had to be ended.
    pub survivors_ended: bool,
    /// Event lines that were too long or not UTF-8.
    pub dropped_event_lines: u64,
    /// From the request to the end of the tree, without the time that obs stood still.
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

/// The step of a start that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartStage {
    /// Arguments or environment can't be passed to a program.
    Arguments,
    /// No process could be made.
    Clone,
    /// Its own session, or the signal at its supervisor's death.
    Session,
    /// Standard streams.
    Descriptors,
    /// Changing to the working directory.
    WorkingDirectory,
    /// Confining itself.
    Confinement,
    /// Finding the program where it was proven to be.
    Program,
    /// Executing the program.
    Exec,
    /// Measuring what is in its directories.
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

    /// Never zero: that is how a child says that nothing failed.
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
