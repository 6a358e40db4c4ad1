//! Kinds of failure.

use serde::{Deserialize, Serialize};

/// The kind of a failure, for scripts. Each kind belongs to one status and one exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// Non-zero exit or death by a signal.
    SkillFailed,
    /// The output is not what the manifest or the plan promises.
    InvalidOutput,
    /// The skill can't be loaded or started.
    SkillNotLoaded,
    /// Memory, CPU, processes or output over the limit.
    ResourceExhausted,
    /// The step took longer than it may.
    ExecutionTimeout,
    /// The run took longer than it may.
    PlanTimeout,
    /// A signal, or another step ended the plan.
    Canceled,
    /// Denied by policy or approver.
    PolicyRejected,
    /// The skill's circuit breaker is open.
    CircuitOpen,
    /// The arguments fail the skill's `input_schema` or its command.
    InvalidArguments,
    /// An earlier step decided.
    Skipped,
}
