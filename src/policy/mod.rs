//! Policies: whether a step may be made, in Cedar.
//!
//! Invariant: deny unless permitted, forbid wins, and whatever can't be evaluated is a deny. What a plan
//! says comes in as values, one by one, and is never parsed as Cedar or as Cedar's JSON: an `__entity` in
//! a plan stays text. The way of one question: [`load()`] and [`ShortForm`] (texts to [`Rule`]s),
//! [`CedarGate`] (a step and an identity to a [`Decision`](crate::runtime::Decision)). [`schema_text`]
//! says in Cedar's words what the skills take, and [`check()`] holds policies against that.

mod check;
mod entity;
mod gate;
mod load;
mod needs;
mod schema;
mod short;
#[cfg(test)]
mod tests;
mod value;

pub use check::{SchemaFault, check};
pub use gate::{CedarGate, GateError};
pub use load::{LoadError, PolicyFile, load};
pub use needs::Rule;
pub use schema::schema_text;
pub use short::{Glob, ShortForm};
