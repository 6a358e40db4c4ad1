//! Samples a tree of processes and checks it against its limits.
//!
//! Invariant: the number that decides is the number that is reported.
//!
//! Memory is the sum of resident sizes while that is within the limit, which makes a sample cheap
//! and is never too low. A sum over the limit may count shared pages more than once, so then the
//! proportional sizes decide, if two consecutive samples agree. The resident size of a single
//! process counts in full, including shared pages. Pages that no process has mapped (in a `memfd`,
//! on a tmpfs) are not counted. CPU time is that of living processes, of those that they have
//! waited for, and of those that the supervisor has reaped; for processes that the kernel reaps
//! itself, it is estimated ([`CpuSamples`]). What the step writes to its directories is measured
//! there ([`DiskMonitor`]).

use std::time::{Duration, Instant};

use super::cpu_samples::CpuSamples;
use super::disk::DiskMonitor;
use super::limits::{LimitBreach, Limits, ResourceKind, THREADS_PER_PROCESS};
use super::tree_stats::TreeStats;
use super::tree_usage::TreeUsage;

/// Samples a tree periodically and detects when it exceeds its limits.
pub(super) struct LimitMonitor {
    limits: Limits,
    next: Option<Instant>,
    /// The number of processes in the last sample.
    last: u64,
    /// The last sample exceeded the memory limit.
    suspected: bool,
    /// The largest resident size of a single process in any sample.
    largest: u64,
    /// The tasks of the whole machine when the tree was last known to be small.
    tasks: u16,
    /// Only with a limit on CPU time.
    cpu: Option<CpuSamples>,
    /// Only with a limit on the disk.
    disk: Option<DiskMonitor>,
}

impl LimitMonitor {
    /// The time between two samples.
    const INTERVAL: Duration = Duration::from_millis(50);
    /// The time before the first sample, and between two if the tree grows or is halfway to a
    /// limit.
    const SHORT_INTERVAL: Duration = Duration::from_millis(10);
    /// A tree grows if it has this many more processes than in the last sample.
    const FAST_GROWTH: u64 = 4;
    /// The fewest new tasks that make a tree a suspect: a smaller tree is counted before it becomes
    /// much larger.
    const MIN_FORK_BOMB: u64 = 32;

    pub(super) fn new(limits: Limits, disk: Option<DiskMonitor>) -> Self {
        let is_limited = limits.memory.is_some() || limits.cpu.is_some() || disk.is_some();
        let is_limited = is_limited || limits.processes.is_some();
        Self {
            limits,
            next: is_limited.then(|| Instant::now() + Self::SHORT_INTERVAL),
            last: 0,
            suspected: false,
            largest: 0,
            tasks: tasks(),
            cpu: limits.cpu.map(|_| CpuSamples::new()),
            disk,
        }
    }

    /// The time until the next sample.
    pub(super) fn sample_interval(&self) -> Option<Duration> {
        self.next
            .map(|next| next.saturating_duration_since(Instant::now()))
    }

    /// True if it is time for a sample.
    pub(super) fn is_due(&self) -> bool {
        self.next.is_some_and(|next| Instant::now() >= next)
    }

    /// True if the machine has so many more tasks than before that the tree may be a fork bomb.
    /// This is one cheap system call; counting the tree takes long enough for a bomb to grow
    /// tenfold. Tasks of others and the tree's threads count too, so this is only a suspicion.
    pub(super) fn suspect_fork_bomb(&mut self) -> bool {
        let Some(processes) = self.limits.processes else {
            return false;
        };
        let now = tasks();
        // The kernel's number has 16 bits. If it has decreased, later increases are counted from
        // there.
        let more = now.wrapping_sub(self.tasks).cast_signed();
        let is_suspect =
            u64::try_from(more).is_ok_and(|more| more > processes.max(Self::MIN_FORK_BOMB));
        if is_suspect || more < 0 {
            self.tasks = now;
        }
        is_suspect
    }

    /// Takes a sample. `reaped` is the CPU time of the processes that were reaped.
    pub(super) fn sample(&mut self, reaped: Duration) -> Option<LimitBreach> {
        // A tree over the limit need not be counted completely.
        let enough = self.limits.processes.unwrap_or(u64::MAX).saturating_add(1);
        let stats = TreeStats::sample(enough);
        self.largest = self.largest.max(stats.largest());
        if let Some(samples) = &mut self.cpu {
            samples.add(&stats);
        }
        let breach = self
            .check_single_sample(&stats, reaped)
            .or_else(|| self.check_memory(&stats))
            .or_else(|| self.disk.as_mut()?.measure());
        let is_urgent = self.is_halfway(&stats)
            || stats.processes() >= self.last + Self::FAST_GROWTH
            || self.cpu.as_ref().is_some_and(CpuSamples::has_transients);
        self.last = stats.processes();
        let pause = if is_urgent {
            Self::SHORT_INTERVAL
        } else {
            Self::INTERVAL
        };
        let pause = if self.cpu.is_some() {
            pause.mul_f64(0.5 + fastrand::f64())
        } else {
            pause
        };
        self.next = Some(Instant::now() + pause);
        breach
    }

    /// Checks the usage of an ended tree against the limits, unless it was ended for a breach
    /// already. Completes the usage with what only the samples have seen. `own_peak` is the peak
    /// memory of this process: the kernel starts the count of a child's peak from there.
    pub(super) fn conclude(
        &mut self,
        breach: Option<LimitBreach>,
        usage: &mut TreeUsage,
        own_peak: impl FnOnce() -> u64,
    ) -> Option<LimitBreach> {
        let Limits { memory, cpu, .. } = self.limits;
        if let Some(samples) = &self.cpu {
            usage.cpu = usage.cpu.max(samples.total());
        }
        if breach_if_over(ResourceKind::Memory, memory, usage.peak_memory_bytes).is_some()
            && usage.peak_memory_bytes <= own_peak()
        {
            usage.peak_memory_bytes = self.largest;
        }
        let breach = breach
            .or_else(|| breach_if_over(ResourceKind::Cpu, cpu.map(millis), millis(usage.cpu)))
            .or_else(|| breach_if_over(ResourceKind::Memory, memory, usage.peak_memory_bytes))
            .or_else(|| self.disk.as_mut()?.last());
        match breach {
            Some(breach) if breach.limit == ResourceKind::Memory => {
                usage.peak_memory_bytes = usage.peak_memory_bytes.max(breach.measured);
            }
            Some(breach) if breach.limit == ResourceKind::Cpu => {
                usage.cpu = usage.cpu.max(Duration::from_millis(breach.measured));
            }
            _ => {}
        }
        breach
    }

    /// A breach of a limit for which one sample is enough.
    fn check_single_sample(&self, stats: &TreeStats, reaped: Duration) -> Option<LimitBreach> {
        let Limits { cpu, processes, .. } = self.limits;
        let threads = processes.map(|processes| processes.saturating_mul(THREADS_PER_PROCESS));
        let cpu = cpu.map(millis);
        let estimate = self.cpu.as_ref().map(CpuSamples::total);
        let used = (stats.cpu + reaped).max(estimate.unwrap_or_default());
        breach_if_over(ResourceKind::Processes, processes, stats.processes())
            .or_else(|| breach_if_over(ResourceKind::Threads, threads, stats.threads))
            .or_else(|| breach_if_over(ResourceKind::Cpu, cpu, millis(used)))
    }

    /// Compares the cheap and too high sum first, and the exact one only if that exceeds the limit.
    /// Two samples must agree, because the sum is not exact while the tree forks.
    fn check_memory(&mut self, stats: &TreeStats) -> Option<LimitBreach> {
        let memory = self.limits.memory;
        let single = breach_if_over(ResourceKind::Memory, memory, stats.largest());
        if single.is_some() {
            return single;
        }
        let breach = breach_if_over(ResourceKind::Memory, memory, stats.resident)
            .and_then(|_| breach_if_over(ResourceKind::Memory, memory, stats.proportional()));
        let confirmed = self.suspected;
        self.suspected = breach.is_some();
        breach.filter(|_| confirmed)
    }

    fn is_halfway(&self, stats: &TreeStats) -> bool {
        let half = |limit: Option<u64>, measured| limit.is_some_and(|limit| measured > limit / 2);
        half(self.limits.memory, stats.resident) || half(self.limits.processes, stats.processes())
    }

    /// The breach of a kernel limit, from the signal that ended a process.
    pub(super) fn breach_from_signal(
        &self,
        signal: i32,
        consumed: Duration,
    ) -> Option<LimitBreach> {
        match signal {
            libc::SIGXCPU => self.limits.cpu.map(|allowed| LimitBreach {
                limit: ResourceKind::Cpu,
                allowed: millis(allowed),
                measured: millis(consumed.max(allowed)),
            }),
            libc::SIGXFSZ => self.limits.file_size.map(|allowed| LimitBreach {
                limit: ResourceKind::FileSize,
                allowed,
                measured: allowed,
            }),
            _ => None,
        }
    }
}

/// The processes and threads of the whole machine, modulo 2^16.
fn tasks() -> u16 {
    rustix::system::sysinfo().procs
}

fn breach_if_over(limit: ResourceKind, allowed: Option<u64>, measured: u64) -> Option<LimitBreach> {
    let allowed = allowed.filter(|allowed| measured > *allowed)?;
    Some(LimitBreach {
        limit,
        allowed,
        measured,
    })
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
