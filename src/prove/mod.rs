//! Proves a loaded plan: skills, programs, arguments, environment, timeouts.
//!
//! Invariant: nothing is started here, and all problems are found in one pass. The result is a
//! [`ProvenPlan`](crate::engine::ProvenPlan) only if there is no error.

mod conditions;
mod context;
mod default_timeout;
mod description;
mod environment;
mod exposed;
mod for_each;
mod inputs;
mod known_values;
mod masked_values;
mod own_files;
mod prover;
mod references;
mod retry;
mod skill_call;
mod skill_info;
mod state_files;
mod step_type;

pub use context::{ProveContext, TimeFlags};
pub(crate) use masked_values::hide_all_arguments;
pub use prover::{ProveOutcome, prove};
pub use state_files::OwnFiles;
