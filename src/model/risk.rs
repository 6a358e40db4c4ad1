//! How much harm a skill can do.

/// How much harm a skill can do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum RiskLevel {
    /// It only looks.
    #[default]
    Info,
    /// It touches what should stay private.
    Sensitive,
    /// It touches people's health.
    Clinical,
    /// It requires a person's approval.
    Critical,
}

impl RiskLevel {
    /// The words of plan and manifest.
    pub const WORDS: [(&'static str, Self); 4] = [
        ("info", Self::Info),
        ("sensitive", Self::Sensitive),
        ("clinical", Self::Clinical),
        ("critical", Self::Critical),
    ];

    /// The level as plan and manifest spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Sensitive => "sensitive",
            Self::Clinical => "clinical",
            Self::Critical => "critical",
        }
    }
}
