//! obs runs execution plans.

pub mod event;
pub mod model;
pub mod plan;
pub mod process;
pub mod report;
pub mod runtime;
pub mod skill;
pub mod store;
