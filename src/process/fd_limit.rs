//! How many steps at once obs's own open files are enough for.
//!
//! Invariant: a step that may start has the descriptors that it takes in obs. What skills may open
//! is set for each of them, so the limit that is raised here is nobody else's.

use std::num::NonZeroUsize;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What a step takes in obs: four once it runs, three times as many while it starts, when obs holds
/// both ends of everything; all may start at once.
const PER_STEP: u64 = 16;

/// What obs takes beside its steps: streams, logs, the runtime.
const BESIDE: u64 = 64;

/// Of `wanted` steps at the same time as many as can be, after the limit of open files was raised
/// for them as far as that goes.
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
