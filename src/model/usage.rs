//! What a step consumed.

use serde::{Deserialize, Serialize};

/// Resources that one step consumed, over its whole process tree and all attempts.
///
/// OpenBotStack's `ResourceUsage`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceUsage {
    /// User plus system CPU time, in milliseconds.
    pub cpu_time_ms: u64,
    /// Peak resident memory of the largest process, in mebibytes, rounded up.
    pub memory_mb: u64,
    /// Tokens that the skill said it used, through the events descriptor.
    pub tokens_used: u64,
}

impl ResourceUsage {
    /// Adds what another call consumed. Memory is the larger of both.
    pub(crate) fn add(&mut self, other: Self) {
        self.cpu_time_ms = self.cpu_time_ms.saturating_add(other.cpu_time_ms);
        self.memory_mb = self.memory_mb.max(other.memory_mb);
        self.tokens_used = self.tokens_used.saturating_add(other.tokens_used);
    }
}
