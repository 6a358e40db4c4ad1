//! An item that is about to start.

use super::Reused;
use super::arguments::ResolvedArguments;
use super::resolve::ResolveError;

/// An item that is about to start.
pub(super) struct PreparedItem {
    pub(super) arguments: Result<ResolvedArguments, ResolveError>,
    /// Its success in an earlier run.
    pub(super) reused: Option<Reused>,
}
