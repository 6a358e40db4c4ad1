//! Policies in Cedar, which permit or deny steps.
//!
//! Invariant: deny unless permitted, forbid wins, and whatever can't be evaluated is a deny. A
//! plan's content comes in as single values and is never parsed as Cedar or as Cedar's JSON: an
//! `__entity` in a plan stays text. The steps of a decision: [`load()`] and [`FlagPolicies`] (texts
//! to [`LoadedPolicy`]s), [`CedarGate`] (a step and an identity to a
//! [`Decision`](crate::engine::Decision)). [`schema_text`] describes the skills' arguments in
//! Cedar's syntax, and [`check()`] validates policies against that.

mod cedar_gate;
mod check;
mod dependencies;
mod entity;
mod flag_policies;
mod load;
mod schema;
#[cfg(test)]
mod tests;
mod value;

pub use cedar_gate::CedarGate;
pub(crate) use check::check;
pub(crate) use dependencies::LoadedPolicy;
pub use flag_policies::FlagPolicies;
pub(crate) use flag_policies::Glob;
pub(crate) use load::PolicyFile;
pub use load::load;
pub(crate) use schema::schema_text;
