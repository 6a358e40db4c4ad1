//! What an executor is asked to do.

/// The input to one skill execution.
///
/// OpenBotStack's `ExecutionRequest`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionRequest {
    /// The skill to execute.
    pub skill_id: String,
    /// The arguments: one JSON object as UTF-8 text.
    pub input: Vec<u8>,
    /// Tenant for isolation; empty when none was given.
    pub tenant_id: String,
    /// User for audit; empty when none was given.
    pub user_id: String,
    /// The caller's id for tracing.
    pub request_id: String,
}
