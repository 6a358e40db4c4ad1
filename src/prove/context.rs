//! What a plan is proven against.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value};

use super::state_files::OwnFiles;
use crate::executor::BaseEnvironment;
use crate::skill::{Registry, SandboxPolicy};

/// What a plan is proven against.
#[derive(Debug)]
pub struct ProveContext<'q> {
    /// The skills there are.
    pub registry: &'q Registry,
    /// Where skills work.
    pub workspace: &'q Path,
    /// obs's own environment.
    pub environment: &'q BaseEnvironment,
    /// The flags about time.
    pub time_flags: TimeFlags,
    /// How skills are confined.
    pub sandbox: &'q SandboxPolicy,
    /// Files of obs itself.
    pub own_files: &'q OwnFiles,
    /// `--retry-unsafe`.
    pub retry_unsafe: bool,
    /// What was given for the plan's inputs; `None` if nobody was asked yet.
    pub inputs: Option<&'q Map<String, Value>>,
    /// What `$RUN_DIR` will be, if it may hold files before the run.
    pub run_dir: Option<&'q Path>,
    /// The files that obs reads before the run: what each is, in words, and its path.
    pub read: Vec<(&'static str, PathBuf)>,
}

/// The flags that replace defaults of time and cap what plan and manifest say.
#[derive(Debug, Clone, Copy, Default)]
pub struct TimeFlags {
    /// `--timeout`.
    pub run: Option<Duration>,
    /// `--step-timeout`.
    pub step: Option<Duration>,
    /// `--grace-period`: for manifests that say nothing.
    pub grace: Option<Duration>,
}

/// Time between SIGTERM and SIGKILL where nobody says.
pub const DEFAULT_GRACE: Duration = Duration::from_secs(5);
