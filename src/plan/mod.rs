//! From a path to a plan, with every problem in its place.
//!
//! Invariant: nothing in this room starts a process or looks at a skill. The way is a straight
//! line: [`Source`] (path to text), [`Document`] (text to data and places), [`load()`] (data to plan
//! and problems), [`diagnostic`] (problems to what a person or a program reads).

pub mod decode;
pub mod diagnostic;
mod document;
mod flow;
mod json;
mod load;
mod mistaken;
mod nearest;
mod number;
mod reference;
mod retry;
mod source;
mod spans;
mod validate;
mod yaml;

pub use document::Document;
pub use flow::{Flow, StepFlow};
pub use load::{LoadedPlan, load};
pub use nearest::nearest;
pub use reference::{Origin, Piece, Reference, Template, WRAPPERS, written};
pub use source::{DEFAULT_MAX_BYTES, Language, STDIN_NAME, Source, SourceError};
pub use validate::validate;
