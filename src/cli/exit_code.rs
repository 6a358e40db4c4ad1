//! The exit codes, for the verbs.

pub(crate) use crate::engine::exit_code::{
    CIRCUIT_OPEN, EXHAUSTED, FAILED, FAULT, INVALID, IO, NOT_LOADED, REJECTED, SIGNAL_BASE,
    SUCCESS, TIMEOUT, UNREADABLE, USAGE, WAITING, from_cause, with_report,
};
