//! How a step was confined.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// How strictly skills are confined: `--sandbox`, whose help these comments are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SandboxMode {
    /// Run only what can be confined.
    Require,
    /// Confine what can be.
    BestEffort,
    /// Confine nothing.
    Off,
}

/// How a step was confined.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AppliedSandbox {
    /// With all that its confinement relies on.
    #[default]
    Require,
    /// With what this machine can enforce.
    BestEffort,
    /// Files and network were open to it. It still had a session and a tree of its own.
    Off,
    /// A built-in tool: no process was started, so there was nothing to confine.
    InProcess,
    /// Nothing was run at all.
    None,
}

impl From<SandboxMode> for AppliedSandbox {
    fn from(mode: SandboxMode) -> Self {
        match mode {
            SandboxMode::Require => Self::Require,
            SandboxMode::BestEffort => Self::BestEffort,
            SandboxMode::Off => Self::Off,
        }
    }
}

impl AppliedSandbox {
    /// The mode as the record spells it.
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
    /// How strictly.
    pub mode: AppliedSandbox,
    /// Layers that held.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub enforced: Vec<String>,
    /// Layers that did not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}
