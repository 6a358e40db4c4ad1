//! What obs exits with, and why. Scripts rely on these numbers.
//!
//! Invariant: the one place where an exit code is chosen. The numbers follow `sysexits.h`,
//! `timeout` (124) and the shells (128 + signal). A skill's own exit code is in its record, never
//! here.

use super::DecidingCause;
use crate::model::ErrorCode;

/// Everything went well.
pub(crate) const SUCCESS: u8 = 0;
/// A step failed.
pub(crate) const FAILED: u8 = 1;
/// The command line is wrong.
pub(crate) const USAGE: u8 = 2;
/// The plan, a manifest or arguments are invalid.
pub(crate) const INVALID: u8 = 65;
/// A file can't be read.
pub(crate) const UNREADABLE: u8 = 66;
/// A skill can't be loaded or started.
pub(crate) const NOT_LOADED: u8 = 69;
/// An internal error.
pub(crate) const FAULT: u8 = 70;
/// A step exceeded a resource limit.
pub(crate) const EXHAUSTED: u8 = 71;
/// A log or standard output can't be written.
pub(crate) const IO: u8 = 74;
/// A circuit breaker is open: try later.
pub(crate) const CIRCUIT_OPEN: u8 = 75;
/// Denied by policy or approver.
pub(crate) const REJECTED: u8 = 77;
/// A step waits for an approval.
pub(crate) const WAITING: u8 = 79;
/// A step or the run took too long.
pub(crate) const TIMEOUT: u8 = 124;
/// Added to a signal's number.
pub(crate) const SIGNAL_BASE: u8 = 128;

/// The code of a run that ended with `run` and whose report ended with `report`, if that went
/// wrong. A state or log that can't be written (74) comes first, then an internal error (70), then
/// what the run says.
pub(crate) fn with_report(run: u8, report: Option<u8>) -> u8 {
    match (run, report) {
        (IO, _) => IO,
        (_, Some(FAULT)) => FAULT,
        (SUCCESS, Some(other)) => other,
        _ => run,
    }
}

/// The number for what decided how a run ended.
pub(crate) fn from_cause(cause: DecidingCause) -> u8 {
    match cause {
        DecidingCause::Nothing => SUCCESS,
        DecidingCause::Step(_, error) => code_of(error),
        DecidingCause::Leak(_) | DecidingCause::Finally(_) => FAILED,
        DecidingCause::Waiting(_) => WAITING,
        DecidingCause::PlanTimeout => TIMEOUT,
        DecidingCause::Signal(signal) => {
            SIGNAL_BASE.saturating_add(u8::try_from(signal).unwrap_or_default())
        }
        DecidingCause::Log => IO,
    }
}

fn code_of(error: Option<ErrorCode>) -> u8 {
    match error {
        Some(ErrorCode::SkillNotLoaded) => NOT_LOADED,
        Some(ErrorCode::ResourceExhausted) => EXHAUSTED,
        Some(ErrorCode::ExecutionTimeout | ErrorCode::PlanTimeout) => TIMEOUT,
        Some(ErrorCode::PolicyRejected) => REJECTED,
        Some(ErrorCode::CircuitOpen) => CIRCUIT_OPEN,
        Some(ErrorCode::InvalidArguments) => INVALID,
        Some(
            ErrorCode::SkillFailed
            | ErrorCode::InvalidOutput
            | ErrorCode::Canceled
            | ErrorCode::Skipped,
        )
        | None => FAILED,
    }
}
