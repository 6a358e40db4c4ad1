//! How a run in the state is named.

use std::fmt;

/// The name of a run in the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RunName {
    /// The run that began so many runs before the latest of all.
    Last(u64),
    /// A run's id, or a prefix of it.
    Id(String),
    /// The latest run of the plan in this file, named as runs record it.
    Plan(String),
}

impl fmt::Display for RunName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Last(0) => f.write_str("`last`"),
            Self::Last(count) => write!(f, "`last~{count}`"),
            Self::Id(id) => write!(f, "`{id}`"),
            Self::Plan(plan) => write!(f, "of the plan `{plan}`"),
        }
    }
}
