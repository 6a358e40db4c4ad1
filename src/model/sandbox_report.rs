//! How a step was confined.

use serde::{Deserialize, Serialize};

/// How strictly a skill is confined.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SandboxMode {
    /// It runs only if all that its confinement relies on can be enforced.
    #[default]
    Require,
    /// It runs with what this machine can enforce.
    BestEffort,
    /// Files and network are open to it. It still has a session and a tree of its own.
    Off,
    /// A built-in tool: no process was started, so there was nothing to confine.
    InProcess,
    /// Nothing was run at all.
    None,
}

impl SandboxMode {
    /// The mode as the record and the command line spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Require => "require",
            Self::BestEffort => "best-effort",
            Self::Off => "off",
            Self::InProcess => "in-process",
            Self::None => "none",
        }
    }
}

/// What confined a step, and what did not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxReport {
    /// The mode of the run.
    pub mode: SandboxMode,
    /// Layers that held.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub enforced: Vec<String>,
    /// Layers that did not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}
