//! Where records are kept.
//!
//! Invariant: [`ExecutionLogger::log_step`](crate::runtime::ExecutionLogger::log_step) returns only
//! when the record has left this process, so that a `kill -9` right after it loses nothing.

mod append;
mod log_file;

pub use log_file::LogFile;
