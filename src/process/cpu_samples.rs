//! The CPU time of processes that nobody waits for, estimated from samples.
//!
//! Invariant: the estimate does not exceed what the tree consumed, up to an error of four standard deviations that
//! is subtracted. The kernel adds the CPU time of a process to that of its parent when the parent waits for it.
//! If the parent ignores SIGCHLD, the kernel reaps the process by itself and its time is in nobody's numbers.
//! Exact counts of such processes need a privilege (`taskstats`) or a cgroup, so they are sampled: what a
//! process has used by its last sample counts as it is. A process that is in one sample only counts with the
//! time between two samples, if it was running then. On average that is its CPU time, because it is in a
//! sample with a probability of its lifetime divided by that interval. The intervals are random, so that
//! periodic work does not keep step with them.

use std::collections::HashMap;
use std::fs;
use std::time::{Duration, Instant};

use super::census::{Census, Found, stat_of_thread, threads_of};

/// So many standard deviations are subtracted from what is estimated.
const CONFIDENCE: f64 = 4.0;

/// In so many samples the time of a process is read exactly. Later its clock ticks are exact enough.
const EXACT_SAMPLES: u32 = 4;

/// Samples of a tree.
pub(super) struct CpuSamples {
    known: HashMap<i32, Sampled>,
    last: Instant,
    /// Time that living and ended processes had used by their last sample.
    seen: Duration,
    /// Estimated time of those that were in one sample only.
    estimated: Duration,
    /// Square of the standard deviation of `estimated`, in seconds.
    variance: f64,
    /// A new process was running at the last sample.
    has_transients: bool,
}

/// A process at its last sample.
struct Sampled {
    start: u64,
    samples: u32,
    used: Duration,
    /// What it counts with if it is in no other sample.
    expected: Duration,
}

impl CpuSamples {
    pub(super) fn new() -> Self {
        Self {
            known: HashMap::new(),
            last: Instant::now(),
            seen: Duration::ZERO,
            estimated: Duration::ZERO,
            variance: 0.0,
            has_transients: false,
        }
    }

    /// Takes in what a census has found.
    pub(super) fn add(&mut self, census: &Census) {
        let interval = self.last.elapsed();
        self.last = Instant::now();
        self.has_transients = false;
        let mut before = std::mem::take(&mut self.known);
        for found in census.found() {
            let known = before.remove(&found.pid);
            let known = known.filter(|known| known.start == found.start);
            let sampled = self.sample(found, known, interval);
            self.known.insert(found.pid, sampled);
        }
        for ended in before.into_values().filter(|ended| ended.samples == 1) {
            self.estimated += ended.expected;
            self.variance += ended.expected.as_secs_f64().powi(2);
        }
    }

    fn sample(&mut self, found: &Found, known: Option<Sampled>, interval: Duration) -> Sampled {
        let Some(known) = known else {
            let activity = Activity::read(found);
            let expected = interval.mul_f64(activity.running);
            self.has_transients |= !expected.is_zero();
            return Sampled {
                start: found.start,
                samples: 1,
                used: found.own.max(activity.used),
                expected,
            };
        };
        let exact = (known.samples < EXACT_SAMPLES).then(|| Activity::read(found).used);
        let used = known.used.max(found.own).max(exact.unwrap_or_default());
        self.seen += if known.samples == 1 {
            used
        } else {
            used.saturating_sub(known.used)
        };
        Sampled {
            samples: known.samples.saturating_add(1),
            used,
            expected: Duration::ZERO,
            ..known
        }
    }

    /// The CPU time that the tree has used at least.
    pub(super) fn total(&self) -> Duration {
        let error = CONFIDENCE * self.variance.sqrt();
        let error = Duration::try_from_secs_f64(error).unwrap_or(Duration::MAX);
        self.seen + self.estimated.saturating_sub(error)
    }

    /// True if processes come and go between two samples, so that more samples give a better estimate.
    pub(super) fn has_transients(&self) -> bool {
        self.has_transients
    }
}

/// What the scheduler knows of a process.
#[derive(Default)]
struct Activity {
    used: Duration,
    /// How many threads have a processor, on average while they could use one.
    running: f64,
}

impl Activity {
    fn read(found: &Found) -> Self {
        let Found { pid, threads, .. } = *found;
        let mut activity = Self::default();
        if threads <= 1 {
            activity.add(pid, pid, found.is_running);
        } else {
            for thread in threads_of(pid) {
                let stat = stat_of_thread(pid, thread);
                activity.add(pid, thread, stat.is_some_and(|stat| stat.is_running));
            }
        }
        activity
    }

    fn add(&mut self, pid: i32, thread: i32, is_running: bool) {
        let Some([used, delayed, turns]) = scheduled(pid, thread) else {
            return;
        };
        self.used += used;
        if !is_running || turns.is_zero() {
            return;
        }
        // The kernel adds a turn's time at the end of the turn or at a clock tick: without any, this is the first
        // turn.
        self.running += if used.is_zero() {
            1.0
        } else {
            used.div_duration_f64(used + delayed)
        };
    }
}

/// Time that a thread has had a processor and has waited for one, and how often it got one. Kernels without
/// scheduling statistics do not tell.
fn scheduled(pid: i32, thread: i32) -> Option<[Duration; 3]> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{thread}/schedstat")).ok()?;
    let mut numbers = text
        .split_ascii_whitespace()
        .map(|number| number.parse().ok().map(Duration::from_nanos));
    Some([numbers.next()??, numbers.next()??, numbers.next()??])
}
