//! Computes how many concurrent steps obs's limit of open files allows.
//!
//! Invariant: a step that may start has the descriptors that obs needs for it. Skills get a limit
//! of their own, so raising obs's limit affects nobody else.

use std::num::NonZeroUsize;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that obs needs for a step: four once it runs, three times as many while it starts,
/// when obs has both ends of everything. All steps may start at once.
const PER_STEP: u64 = 16;

/// Descriptors that obs needs otherwise: streams, logs, the runtime.
const BESIDE: u64 = 64;

/// How many concurrent steps the limit allows, if it is raised as far as possible. Nothing is
/// raised.
pub(crate) fn allowed_steps() -> u64 {
    let most = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    most.saturating_sub(BESIDE) / PER_STEP
}

/// Raises the limit of open files for `wanted` concurrent steps as far as possible, and returns how
/// many of them it allows.
pub(crate) fn max_concurrent_steps(wanted: NonZeroUsize) -> NonZeroUsize {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(u64::MAX);
    let wanted_files = u64::try_from(wanted.get())
        .unwrap_or(u64::MAX)
        .saturating_mul(PER_STEP)
        .saturating_add(BESIDE)
        .min(most);
    let mut files = limit.current.unwrap_or(u64::MAX);
    if files < wanted_files {
        let raised = Rlimit {
            current: Some(wanted_files),
            ..limit
        };
        // If it can't be raised, fewer steps run at once.
        if setrlimit(Resource::Nofile, raised).is_ok() {
            files = wanted_files;
        }
    }
    let steps = usize::try_from(files.saturating_sub(BESIDE) / PER_STEP).unwrap_or(usize::MAX);
    NonZeroUsize::new(steps).map_or(NonZeroUsize::MIN, |steps| steps.min(wanted))
}
