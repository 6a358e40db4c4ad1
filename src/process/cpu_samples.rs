//! The CPU time of processes that nobody waits for, estimated from samples.
//!
//! Invariant: the estimate does not exceed what the tree consumed, because three standard
//! deviations are subtracted. The kernel adds the CPU time of a process to that of its parent when
//! the parent waits for it. If the parent ignores SIGCHLD, the kernel reaps the process itself and
//! adds its time nowhere. Exact counts of such processes need a privilege (`taskstats`) or a
//! cgroup, so they are sampled: what a process has used by its last sample counts exactly. A
//! process that is in only one sample counts with the time between two samples, if it was running
//! then. On average that is its CPU time, because the probability that it is in a sample is its
//! lifetime divided by that interval. The intervals are random, so that periodic work does not
//! synchronize with them.

use std::collections::HashMap;
use std::fs;
use std::time::{Duration, Instant};

use rustix::thread::sched_getcpu;

use super::tree_stats::{SampledProcess, TreeStats, from_ticks, stat_of_thread, threads_of};

/// The number of standard deviations that are subtracted from the estimate.
const CONFIDENCE: f64 = 3.0;

/// The number of samples in which the time of a process is read exactly. Later, clock ticks are
/// exact enough.
const EXACT_SAMPLES: u32 = 4;

pub(super) struct CpuSamples {
    known: HashMap<i32, Sampled>,
    last: Instant,
    /// The time that living and ended processes had used by their last sample.
    seen: Duration,
    /// The estimated time of processes that were in only one sample.
    estimated: Duration,
    /// Square of the standard deviation of `estimated`, in seconds.
    variance: f64,
    /// The last sample contained a new process.
    has_transients: bool,
}

/// A process at its last sample.
struct Sampled {
    start: u64,
    samples: u32,
    used: Duration,
    /// The time it counts with if it is in no other sample.
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

    /// Adds a sample.
    pub(super) fn add(&mut self, stats: &TreeStats) {
        let interval = self.last.elapsed();
        self.last = Instant::now();
        self.has_transients = false;
        let mut before = std::mem::take(&mut self.known);
        for found in stats.found() {
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

    fn sample(
        &mut self,
        found: &SampledProcess,
        known: Option<Sampled>,
        interval: Duration,
    ) -> Sampled {
        let Some(known) = known else {
            let activity = Activity::read(found);
            let expected = interval.mul_f64(activity.running);
            self.has_transients = true;
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

    /// A lower bound of the CPU time that the tree has used.
    pub(super) fn total(&self) -> Duration {
        let error = CONFIDENCE * self.variance.sqrt();
        let error = Duration::try_from_secs_f64(error).unwrap_or(Duration::MAX);
        self.seen + self.estimated.saturating_sub(error)
    }

    /// True if processes come and go between two samples, so that more samples give a better
    /// estimate.
    pub(super) fn has_transients(&self) -> bool {
        self.has_transients
    }
}

/// What the scheduler knows of a process.
#[derive(Default)]
struct Activity {
    used: Duration,
    /// How many threads were running before this process took a processor for the sample.
    running: f64,
}

impl Activity {
    fn read(found: &SampledProcess) -> Self {
        let SampledProcess { pid, threads, .. } = *found;
        let mut activity = Self::default();
        if threads <= 1 {
            let processor = found.is_runnable.then_some(found.processor);
            activity.add(found, pid, processor);
        } else {
            for thread in threads_of(pid) {
                let stat = stat_of_thread(pid, thread).filter(|stat| stat.is_runnable);
                activity.add(found, thread, stat.map(|stat| stat.processor));
            }
        }
        activity
    }

    /// Adds a thread. One that is runnable has or had `processor`.
    fn add(&mut self, found: &SampledProcess, thread: i32, processor: Option<u64>) {
        let Some(stat) = SchedStat::read(found.pid, thread) else {
            return;
        };
        self.used += stat.used;
        let Some(processor) = processor else { return };
        if stat.begun > stat.ended {
            self.running += 1.0;
        } else if processor == sched_getcpu() as u64 {
            // It waits for the processor that this process uses, and may have run on it until now;
            // the probability is its share of its lifetime.
            let age = age(found.start).max(stat.used);
            self.running += stat.used.div_duration_f64(age);
        }
    }
}

/// What the scheduler knows of a thread.
struct SchedStat {
    /// CPU time up to the last clock tick.
    used: Duration,
    begun: u64,
    ended: u64,
}

impl SchedStat {
    /// `None` if the thread has ended, or the kernel has no scheduling statistics.
    fn read(pid: i32, thread: i32) -> Option<Self> {
        let statistics = fs::read_to_string(format!("/proc/{pid}/task/{thread}/schedstat")).ok()?;
        let mut numbers = statistics.split_ascii_whitespace();
        let used = numbers.next()?.parse().ok().map(Duration::from_nanos)?;
        let begun = numbers.nth(1)?.parse().ok()?;
        let status = fs::read_to_string(format!("/proc/{pid}/task/{thread}/status")).ok()?;
        let ended = status
            .lines()
            .filter_map(|line| line.split_once("voluntary_ctxt_switches:"))
            .filter_map(|(_, number)| number.trim().parse::<u64>().ok())
            .sum();
        Some(Self { used, begun, ended })
    }
}

/// How long ago a process started, rounded up and never zero.
fn age(start: u64) -> Duration {
    let uptime = fs::read_to_string("/proc/uptime").unwrap_or_default();
    let uptime = uptime.split_ascii_whitespace().next();
    let uptime = uptime.and_then(|time| Duration::try_from_secs_f64(time.parse().ok()?).ok());
    // Both are rounded down to a clock tick.
    let elapsed = uptime.map_or(Duration::MAX, |now| now.saturating_sub(from_ticks(start)));
    elapsed.saturating_add(from_ticks(1))
}
