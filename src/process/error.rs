//! Why a process did not run until it ended or obs ended it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::spec::{ProcessSpec, StartStage};
use super::start_error::{explain, find_link};

/// Why a process did not run until it ended or obs ended it.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It was not started.
    #[error("can't start `{}`: {explanation}", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// What failed.
        stage: StartStage,
        /// The human-readable reason, and what to do about it if that is known.
        explanation: String,
        /// The reason as the system gave it.
        source: io::Error,
    },
    /// It was stopped before it was started.
    #[error("ended before it was started")]
    Stopped,
    /// It was not started, because a path has become a symlink since the plan was proven.
    #[error("`{}` became a link{}", link.display(), on_the_way(link, path))]
    BecameLink {
        /// The symlink.
        link: PathBuf,
        /// The path that it is a component of.
        path: PathBuf,
    },
    /// The supervisor of the step was killed. What the step had started was ended.
    #[error("the supervisor of the step was killed, so the step was ended")]
    SupervisorDied,
    /// The zygote was killed, so nothing more can be started.
    #[error("the helper process `obs-zygote` was killed, so no more steps can be started")]
    ZygoteDied,
    /// The kernel does not end a process: it hangs in a driver or a network file system.
    #[error("processes of the step are still alive {}s after SIGKILL", waited.as_secs())]
    Unkillable {
        /// How long they were waited for.
        waited: Duration,
    },
    /// A resource of obs itself is missing: descriptors, memory, processes.
    #[error("can't prepare a process: {0}")]
    Io(#[from] io::Error),
}

impl ProcessError {
    /// The error for a start of `spec` that failed with `source` at `stage`.
    pub(super) fn start(spec: &ProcessSpec, stage: StartStage, source: io::Error) -> Self {
        if source.raw_os_error() == Some(libc::ELOOP)
            && let Some((link, path)) = find_link(spec)
        {
            return Self::BecameLink { link, path };
        }
        Self::Start {
            program: spec.program.clone(),
            stage,
            explanation: explain(spec, stage, &source),
            source,
        }
    }
}

fn on_the_way(link: &Path, path: &Path) -> String {
    if link == path {
        String::new()
    } else {
        format!(", which is on the way to `{}`", path.display())
    }
}
