//! What obs remembers: runs, their records, the circuits of skills; and the file of `--log`.
//!
//! Invariant: [`ExecutionLogger::log_step`](crate::runtime::ExecutionLogger::log_step) returns only
//! when the record has left this process, so that a `kill -9` right after it loses nothing. What is
//! kept is never changed: a run's `chain` shows it where somebody did.

mod append;
mod breaker;
mod chain;
mod circuit;
mod database;
mod exported;
mod history;
mod homing;
mod ledger;
#[cfg(test)]
mod ledger_tests;
mod lock;
mod log_file;
mod memory_log;
mod resume;
mod run_log;
mod state_log;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod verify;
mod writer;

pub use breaker::{Breaker, Guard};
pub use chain::ChainKey;
pub use database::StoreError;
pub use exported::ExportError;
pub use history::{CircuitRow, FindError, History, Keep, RecordFilter, RunFilter, RunRow};
pub use lock::{ResumeLock, lock_directory};
pub use log_file::LogFile;
pub use memory_log::MemoryLog;
pub use resume::{Base, Grounds, ResumeError, Resumption, UnsafeStep};
pub use run_log::{Keeper, RunLog};
pub use state_log::StateLog;
pub use verify::{
    Anchors, Fault, FaultKind, LEAST_HEAD_DIGITS, LedgerReport, RunReport, VerifyError, verify_file,
};
pub use writer::{Store, files_of};
