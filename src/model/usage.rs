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
