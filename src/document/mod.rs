//! Reads plans and manifests into data in which every value has a location.
//!
//! Invariant: this module knows nothing about plans or skills, and starts nothing. The stages:
//! [`Source`] (path to text), [`Document`] (text to data with spans), `decode` (data to typed
//! values and [`Diagnostic`]s), [`render`] (problems to what a person or a program reads).

mod decode;
mod diagnostic;
#[expect(
    clippy::module_inception,
    reason = "the module's main type has the module's name"
)]
mod document;
pub(crate) mod json;
mod json_only;
mod json_syntax;
mod lines;
mod nearest;
mod number;
mod parser_message;
pub mod render;
mod source;
mod spans;
pub(crate) mod yaml;
mod yaml_syntax;

pub(crate) use decode::{Fields, Meaning, Node, Shape, escape_token, in_backticks, kind_of};
pub(crate) use diagnostic::NodePart;
pub use diagnostic::{Diagnostic, Diagnostics, Location, Severity};
pub use document::Document;
pub(crate) use nearest::{all_near, nearest};
pub(crate) use source::is_fifo;
pub use source::{DEFAULT_MAX_BYTES, Language, Source, SourceError};
