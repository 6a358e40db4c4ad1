//! What a plan is proven against.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value};

use super::state_files::OwnFiles;
use crate::engine::DEFAULT_MAX_ITEMS;
use crate::executor::BaseEnvironment;
use crate::skill::{Registry, SandboxPolicy};

/// What a plan is proven against.
#[derive(Debug)]
pub struct ProveContext {
    /// The skills there are.
    pub registry: Registry,
    /// Where skills work.
    pub workspace: PathBuf,
    /// obs's own environment.
    pub environment: BaseEnvironment,
    /// How skills are confined.
    pub sandbox: SandboxPolicy,
    /// The flags about time.
    pub time_flags: TimeFlags,
    /// Files of obs itself.
    pub own_files: OwnFiles,
    /// `--retry-unsafe`.
    pub retry_unsafe: bool,
    /// The values of the plan's inputs; `None` if no values were given yet.
    pub inputs: Option<Map<String, Value>>,
    /// What `$RUN_DIR` will be, if it may hold files before the run.
    pub run_dir: Option<PathBuf>,
    /// The most items that a step may have: `--max-items`.
    pub max_items: usize,
    /// The files that obs reads before the run: what each is, in words, and its path.
    pub read: Vec<(&'static str, PathBuf)>,
}

impl ProveContext {
    /// What every proof needs. `workspace` is canonical. All else is as without flags.
    pub fn new(
        registry: Registry,
        workspace: PathBuf,
        environment: BaseEnvironment,
        sandbox: SandboxPolicy,
    ) -> Self {
        Self {
            registry,
            workspace,
            environment,
            sandbox,
            time_flags: TimeFlags::default(),
            own_files: OwnFiles::default(),
            retry_unsafe: false,
            inputs: None,
            run_dir: None,
            max_items: DEFAULT_MAX_ITEMS,
            read: Vec::new(),
        }
    }
}

/// The flags that replace defaults of time and cap what plan and manifest say.
#[derive(Debug, Clone, Copy, Default)]
pub struct TimeFlags {
    /// `--timeout`.
    pub run: Option<Duration>,
    /// `--step-timeout`.
    pub step: Option<Duration>,
    /// `--finally-timeout`.
    pub finally: Option<Duration>,
    /// `--grace-period`: for manifests without their own.
    pub grace: Option<Duration>,
}

/// The default time between SIGTERM and SIGKILL.
pub(super) const DEFAULT_GRACE: Duration = Duration::from_secs(5);
