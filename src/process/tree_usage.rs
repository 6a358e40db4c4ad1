//! What a tree of processes consumed.
//!
//! Invariant: every process that was waited for counts once: if its own parent waited for it, it is
//! included in that parent's numbers. With a limit, what the samples have seen of other processes
//! is included too, so that the usage never contradicts the decision.

use std::time::Duration;

/// CPU time and memory of all processes of a step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TreeUsage {
    /// User and system time of all processes together.
    pub cpu: Duration,
    /// The largest resident size of a single process; after a breach of the memory limit, at least
    /// the measured value.
    pub peak_memory_bytes: u64,
}

impl TreeUsage {
    /// Adds what one reaped process, and the children that it has waited for, consumed.
    pub(super) fn add(&mut self, usage: &libc::rusage) {
        self.cpu = self
            .cpu
            .saturating_add(duration(usage.ru_utime))
            .saturating_add(duration(usage.ru_stime));
        self.peak_memory_bytes = self.peak_memory_bytes.max(peak_memory(usage));
    }
}

/// The largest resident size, in bytes.
pub(super) fn peak_memory(usage: &libc::rusage) -> u64 {
    let kib = u64::try_from(usage.ru_maxrss).unwrap_or(0);
    kib.saturating_mul(1024)
}

fn duration(time: libc::timeval) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let micros = u64::try_from(time.tv_usec).unwrap_or(0);
    Duration::from_secs(seconds).saturating_add(Duration::from_micros(micros))
}
