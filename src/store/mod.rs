//! The state of obs: runs, their records, the circuits of skills; and the file of `--log`.
//!
//! Invariant: [`ExecutionLogger::log_step`](crate::engine::ExecutionLogger::log_step) returns only
//! when the record has left this process, so that a `kill -9` right after it loses nothing. Stored
//! records are never changed; a run's `chain` reveals it if somebody did.

#[cfg(test)]
mod approval_tests;
mod approvals;
mod breaker;
mod call_limits;
mod chain;
mod circuit;
mod circuit_table;
mod database;
mod error;
mod find_run;
mod given_answer;
mod jsonl_file;
mod ledger;
#[cfg(test)]
mod ledger_tests;
mod lock;
mod log_file;
mod log_reader;
mod null_log;
mod resume;
mod retention;
mod run_log;
mod run_name;
mod run_row;
mod state_log;
mod state_reader;
mod state_version;
mod state_writer;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod verify;

pub(crate) use approvals::{AnswerError, ApprovalRow};
pub(crate) use breaker::{Breaker, BreakerConfig};
pub(crate) use call_limits::CallLimitStore;
pub(crate) use chain::ChainKey;
pub(crate) use database::files_of;
pub(crate) use error::{ExportError, FindError, ResumeError, StoreError, VerifyError};
pub(crate) use lock::{ResumeLock, RunDirLock, lock_directory};
pub(crate) use log_file::LogFile;
pub(crate) use null_log::NullLog;
pub(crate) use resume::{PreviousRun, ResumeContext, ReusableItems, UnsafeStep, claim};
pub(crate) use retention::{MAX_EXPIRED_TIME, Removed, RetentionLimits, RetentionPolicy, days_ago};
pub(crate) use run_log::{RecordSink, RunLog};
pub(crate) use run_name::RunName;
pub(crate) use run_row::{Candidate, RunRow, StepCounts};
pub use state_log::StateLog;
pub(crate) use state_reader::{CircuitRow, RecordColumn, RecordFilter, RunFilter, StateReader};
pub(crate) use state_version::state_version;
pub use state_writer::StateWriter;
pub(crate) use verify::{
    LedgerReport, MIN_HEAD_DIGITS, RunReport, VerifyIssue, VerifyKeys, verify_file,
};
