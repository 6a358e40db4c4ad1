//! From a document to a plan, with every problem in its place.
//!
//! Invariant: nothing in this module starts a process or looks at a skill. [`load()`] turns data
//! into a plan and all its problems; [`DependencyGraph`] says which step waits for which.

mod approval;
mod chat_wrapper;
mod finally;
mod for_each;
mod foreign_keys;
mod graph;
mod items;
mod load;
mod reference;
mod retry;
mod skill_ref;
mod step_fields;
mod structure;
mod validate;
mod when;

pub(crate) use graph::{BoundTest, DependencyCondition, DependencyGraph, Edge, StepDependencies};
#[cfg(test)]
pub(crate) use items::ListTemplate;
pub(crate) use items::{ItemList, ItemTemplate};
pub use load::{LoadedPlan, load};
pub(crate) use reference::{
    KnownValues, PLACEHOLDER, Reference, ReferenceSource, Segment, Template, WRAPPERS,
    format_reference,
};
pub use validate::validate;
