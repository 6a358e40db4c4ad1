//! OpenBotStack's errors.

use thiserror::Error;

use crate::model::ErrorCode;

/// Why a skill was not executed, or not to its end. The texts are OpenBotStack's, word for word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum RuntimeError {
    /// OpenBotStack's `ErrSkillNotLoaded`.
    #[error("runtime: skill not loaded")]
    SkillNotLoaded,
    /// OpenBotStack's `ErrExecutionTimeout`.
    #[error("runtime: execution timeout")]
    ExecutionTimeout,
    /// OpenBotStack's `ErrCircuitOpen`.
    #[error("runtime: circuit breaker open")]
    CircuitOpen,
    /// OpenBotStack's `ErrResourceExhausted`.
    #[error("runtime: resource exhausted")]
    ResourceExhausted,
    /// OpenBotStack's `ErrPolicyRejected`.
    #[error("runtime: policy rejected execution")]
    PolicyRejected,
}

impl RuntimeError {
    /// OpenBotStack's text for `code`, where OpenBotStack has one.
    pub(crate) fn from_code(code: ErrorCode) -> Option<Self> {
        match code {
            ErrorCode::SkillNotLoaded => Some(Self::SkillNotLoaded),
            ErrorCode::ResourceExhausted => Some(Self::ResourceExhausted),
            ErrorCode::ExecutionTimeout | ErrorCode::PlanTimeout => Some(Self::ExecutionTimeout),
            ErrorCode::PolicyRejected => Some(Self::PolicyRejected),
            ErrorCode::CircuitOpen => Some(Self::CircuitOpen),
            ErrorCode::SkillFailed
            | ErrorCode::InvalidOutput
            | ErrorCode::Canceled
            | ErrorCode::InvalidArguments
            | ErrorCode::Skipped => None,
        }
    }

    /// The text of a failure of kind `code`: OpenBotStack's words if it has some, then `detail`.
    pub(crate) fn text(code: ErrorCode, detail: &str) -> String {
        match (Self::from_code(code), detail) {
            (Some(error), "") => error.to_string(),
            (Some(error), detail) => format!("{error}: {detail}"),
            (None, detail) => detail.to_owned(),
        }
    }
}
