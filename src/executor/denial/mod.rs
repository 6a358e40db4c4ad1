//! Whether the sandbox was the cause of a failure, or of what a step that succeeded did not do, and
//! the permission that was missing.
//!
//! Invariant: nothing is claimed unless the step was confined by the layer in question, its grants
//! lack what was denied, and obs itself may do it. A claim is a guess from the words of a program,
//! and says so. What is suggested is a permission that obs accepts.

mod advice;
mod denied;
mod message;
mod network;
mod paths;
#[cfg(test)]
mod tests;
mod words;

pub(super) use advice::{Scene, suspect};
