//! What a skill says about itself: `manifest.yaml`.
//!
//! Invariant: a [`Manifest`] is read through `plan::decode`, as a plan is, so that its mistakes are
//! all found and have their place. A key that obs can't act on is refused, never ignored.

mod process;
mod read;
mod skill_md;

use std::fmt;
use std::time::Duration;

use serde_json::Value;

pub(crate) use process::EnvVariable;
pub(crate) use read::LoadedManifest;
pub use read::load;
pub use skill_md::FrontMatter;
pub(super) use skill_md::MAX_FRONT_MATTER_BYTES;

use super::command::{CommandTemplate, Stdin};
use super::id::SkillId;
use super::permission::{GrantPath, PathBase, Permission};
use crate::model::{RiskLevel, StepType, format_duration};

/// The names that a manifest can have, in the order in which they are looked for.
pub(super) const MANIFEST_NAMES: [&str; 3] = ["manifest.yaml", "manifest.yml", "manifest.json"];

/// The file whose front matter may have the name and the description of a skill.
pub(super) const SKILL_MD: &str = "SKILL.md";

/// The most bytes that a manifest may have: 256 KiB.
pub(super) const MAX_MANIFEST_BYTES: u64 = 256 << 10;

/// A skill's description of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// The id that it gives itself; else its path below the root is its id.
    pub id: Option<SkillId>,
    /// One line that a planner can choose by.
    pub description: String,
    /// A name for people.
    pub name: Option<String>,
    /// Its version, compared as text.
    pub version: Option<String>,
    /// Whether steps of type `skill` or `tool` call it.
    pub kind: StepType,
    /// JSON Schema of its arguments.
    pub input_schema: Option<Value>,
    /// JSON Schema of its output.
    pub output_schema: Option<Value>,
    /// What it asks for beyond the default grants.
    pub permissions: Vec<Permission>,
    /// Bound on one step.
    pub timeout: Option<Duration>,
    /// How long it may take to end after SIGTERM.
    pub grace: Option<Duration>,
    /// How long processes that it leaves behind may take to end by themselves.
    pub leak_timeout: Option<Duration>,
    /// Bounds on what it uses.
    pub resources: Resources,
    /// Safe to run again.
    pub is_idempotent: bool,
    /// How much harm it can do.
    pub risk_level: RiskLevel,
    /// When it is not called for a while, because it keeps failing. No breaker without this.
    pub circuit_breaker: Option<BreakerSettings>,
    /// How often it is called.
    pub call_limits: CallLimits,
}

impl Manifest {
    /// True if a permission asks for a path in `$RUN_DIR`.
    pub(crate) fn uses_run_dir(&self) -> bool {
        let mut paths = self.permissions.iter().filter_map(Permission::path);
        paths.any(|path| path.base == PathBase::RunDir)
    }
}

impl Default for Manifest {
    fn default() -> Self {
        Self {
            id: None,
            description: String::new(),
            name: None,
            version: None,
            kind: StepType::Skill,
            input_schema: None,
            output_schema: None,
            permissions: Vec::new(),
            timeout: None,
            grace: None,
            leak_timeout: None,
            resources: Resources::default(),
            is_idempotent: false,
            risk_level: RiskLevel::default(),
            circuit_breaker: None,
            call_limits: CallLimits::default(),
        }
    }
}

impl Manifest {
    /// True if what a planner chooses by is still a placeholder.
    pub(crate) fn lacks_description(&self) -> bool {
        let rest = self.description.trim_start().strip_prefix("TODO");
        rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
    }
}

/// Limits on the calls of a skill by all obs processes of one state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CallLimits {
    /// So many run at the same time.
    pub concurrency: Option<u32>,
    /// So many start within a time.
    pub rate_limit: Option<RateLimit>,
}

impl CallLimits {
    /// True if nothing is limited.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for CallLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let concurrency = self.concurrency.map(|most| format!("{most} at once"));
        let rate = self.rate_limit.map(|rate| rate.to_string());
        let all: Vec<String> = concurrency.into_iter().chain(rate).collect();
        f.write_str(&all.join(", "))
    }
}

/// So many calls start within any time of this length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// How many.
    pub calls: u32,
    /// Within what time.
    pub per: Duration,
}

impl fmt::Display for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} per {}", self.calls, format_duration(self.per))
    }
}

/// When a skill's circuit opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerSettings {
    /// So many failures in a row open it.
    pub failure_threshold: u32,
    /// So long nothing is let through then.
    pub cooldown: Duration,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            failure_threshold: 5,
            cooldown: Duration::from_secs(30),
        }
    }
}

/// How a skill is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// The command.
    pub command: CommandTemplate,
    /// What it gets on standard input.
    pub stdin: Stdin,
    /// The variables that it gets besides obs's.
    pub env: Vec<EnvVariable>,
    /// Where it works, if not in the workspace.
    pub workdir: Option<GrantPath>,
    /// What its standard output is.
    pub output: OutputFormat,
    /// How bytes become text, unless the output is JSON.
    pub encoding: TextEncoding,
    /// The exit codes that mean success.
    pub success_exit_codes: Vec<u8>,
}

/// What a skill's standard output is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OutputFormat {
    /// One JSON value.
    #[default]
    Json,
    /// Text, as one string.
    Text,
    /// Text, as a list of lines.
    Lines,
}

/// How the bytes of standard output become text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TextEncoding {
    /// UTF-8; anything else is not valid output.
    #[default]
    Utf8,
    /// UTF-8, with U+FFFD for what is none.
    Lossy,
}

impl TextEncoding {
    /// The words of the manifest.
    pub const WORDS: [(&'static str, Self); 2] = [("utf-8", Self::Utf8), ("lossy", Self::Lossy)];

    /// The word of the manifest.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Lossy => "lossy",
        }
    }
}

/// The largest `max_output_bytes`: 64 MiB. A byte takes at most six in a record (`\u001b`), and so
/// do the 64 MiB that references bring into its arguments; together that is less than the 10⁹
/// bytes that SQLite keeps in one row.
pub(crate) const MAX_OUTPUT_BYTES: u64 = 64 << 20;

/// Bounds on what a skill uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_field_names,
    reason = "they are the keys of the manifest"
)]
pub struct Resources {
    /// Memory of the whole tree.
    pub max_memory_mb: Option<u64>,
    /// CPU time of the whole tree.
    pub max_cpu_ms: Option<u64>,
    /// Processes and threads of the whole tree.
    pub max_processes: Option<u64>,
    /// By how much the scratch directory and `$RUN_DIR` may grow.
    pub max_disk_mb: Option<u64>,
    /// Bytes on standard output.
    pub max_output_bytes: Option<u64>,
}

impl OutputFormat {
    /// The words of the manifest.
    pub const WORDS: [(&'static str, Self); 3] = [
        ("json", Self::Json),
        ("text", Self::Text),
        ("lines", Self::Lines),
    ];

    /// The word of the manifest.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Text => "text",
            Self::Lines => "lines",
        }
    }
}
