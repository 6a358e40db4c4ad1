//! What an executor is asked to do.

use std::sync::Arc;

use serde_json::{Map, Value};

/// The input to one skill execution.
///
/// OpenBotStack's `ExecutionRequest`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionRequest {
    /// The skill to execute.
    pub skill_id: String,
    /// The arguments.
    pub arguments: Arc<Map<String, Value>>,
    /// The arguments as one JSON object in compact text, made once for all attempts.
    pub input: Arc<[u8]>,
    /// Tenant for isolation; empty when none was given.
    pub tenant_id: String,
    /// User for audit; empty when none was given.
    pub user_id: String,
    /// The caller's id for tracing.
    pub request_id: String,
}
