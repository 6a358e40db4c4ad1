//! The implementations of [`SkillExecutor`](crate::engine::SkillExecutor).
//!
//! Invariant: what a skill gets comes from its manifest and obs's own environment; the plan gives
//! the arguments and nothing else.

mod confinement_cache;
mod denial;
mod environment;
mod event_forwarder;
mod event_line;
mod interpret;
mod native;
mod remove_tree;
mod scratch;
mod write_targets;

pub use environment::BaseEnvironment;
pub(crate) use environment::SKILL_VARIABLES;
pub use event_line::read_event_line;
pub(crate) use native::{NativeExecutor, shown_command};
pub(crate) use remove_tree::remove_tree;
pub(crate) use scratch::{RunDirs, SharedDirKind};
