//! The samples of a tree that its limits are checked against.
//!
//! Invariant: the number that decides is the number that is reported.
//!
//! Memory is the sum of resident sizes as long as that is within the limit, which makes a look
//! cheap and errs on no skill's side. A sum over the limit may count shared pages more than once,
//! so then the proportional sizes decide, if two looks in a row agree. The resident size of a
//! single process counts as it is, shared pages included. Pages that nobody has mapped (in a
//! `memfd`, on a tmpfs) are not seen. CPU time is that of the living, of those that they have
//! waited for, and of those that the supervisor has reaped; that of processes that the kernel reaps
//! by itself is estimated ([`CpuSamples`]). What the step writes to its own directories is measured
//! there ([`DiskMonitor`]).

use std::time::{Duration, Instant};

use super::cpu_samples::CpuSamples;
use super::disk::DiskMonitor;
use super::limits::{LimitBreach, Limits, ResourceKind, THREADS_PER_PROCESS};
use super::tree_stats::TreeStats;
use super::tree_usage::TreeUsage;

/// Looks at a tree now and then, and sees when it is over its limits.
pub(super) struct LimitMonitor {
    limits: Limits,
    next: Option<Instant>,
    /// Processes that the last look has seen.
    last: u64,
    /// The last look has found too much memory.
    suspected: bool,
    /// The largest resident size of a single process that a look has seen.
    largest: u64,
    /// Tasks of the whole machine when the tree was last known to be small.
    tasks: u16,
    /// Only with a limit on CPU time.
    cpu: Option<CpuSamples>,
    /// Only with a limit on what is written.
    disk: Option<DiskMonitor>,
}

impl LimitMonitor {
    /// Between two looks.
    const INTERVAL: Duration = Duration::from_millis(50);
    /// Before the first look, and between two where the tree grows, or is halfway to a limit.
    const SOON: Duration = Duration::from_millis(10);
    /// A tree with so many more processes than before is one that grows.
    const MANY: u64 = 4;
    /// A tree of fewer processes is counted before it has become much larger.
    const CROWD: u64 = 32;

    pub(super) fn new(limits: Limits, disk: Option<DiskMonitor>) -> Self {
        let is_limited = limits.memory.is_some() || limits.cpu.is_some() || disk.is_some();
        let is_limited = is_limited || limits.processes.is_some();
        Self {
            limits,
            next: is_limited.then(|| Instant::now() + Self::SOON),
            last: 0,
            suspected: false,
            largest: 0,
            tasks: tasks(),
            cpu: limits.cpu.map(|_| CpuSamples::new()),
            disk,
        }
    }

    /// Time until the next look.
    pub(super) fn sample_interval(&self) -> Option<Duration> {
        self.next
            .map(|next| next.saturating_duration_since(Instant::now()))
    }

    /// True if it is time to look.
    pub(super) fn is_due(&self) -> bool {
        self.next.is_some_and(|next| Instant::now() >= next)
    }

    /// True if the machine has so many tasks more than before that the tree may be a fork bomb. It
    /// is a single cheap look, where counting a tree takes long enough for a bomb to become ten
    /// times as large. Others' tasks and the tree's threads count too, so it may well be none.
    pub(super) fn suspect_fork_bomb(&mut self) -> bool {
        let Some(processes) = self.limits.processes else {
            return false;
        };
        let now = tasks();
        // The kernel's number has 16 bits. If there are fewer, more will be counted from there.
        let more = now.wrapping_sub(self.tasks).cast_signed();
        let is_crowded = u64::try_from(more).is_ok_and(|more| more > processes.max(Self::CROWD));
        if is_crowded || more < 0 {
            self.tasks = now;
        }
        is_crowded
    }

    /// Looks. `reaped` is the CPU time of those who are no more.
    pub(super) fn sample(&mut self, reaped: Duration) -> Option<LimitBreach> {
        // Whoever is over the limit anyway need not be counted to the end.
        let enough = self.limits.processes.unwrap_or(u64::MAX).saturating_add(1);
        let census = TreeStats::sample(enough);
        self.largest = self.largest.max(census.largest());
        if let Some(samples) = &mut self.cpu {
            samples.add(&census);
        }
        let breach = self
            .counted(&census, reaped)
            .or_else(|| self.memory(&census))
            .or_else(|| self.disk.as_mut()?.measure());
        let hurry = self.is_halfway(&census)
            || census.processes() >= self.last + Self::MANY
            || self.cpu.as_ref().is_some_and(CpuSamples::has_transients);
        self.last = census.processes();
        let pause = if hurry { Self::SOON } else { Self::INTERVAL };
        let pause = if self.cpu.is_some() {
            pause.mul_f64(0.5 + fastrand::f64())
        } else {
            pause
        };
        self.next = Some(Instant::now() + pause);
        breach
    }

    /// Holds what a tree has used, now that it has ended, against the limits, unless it was ended
    /// for a breach already. Completes the usage with what only the looks have seen. `own_peak` is
    /// the most memory that this process has ever had: the kernel starts counting a child's peak
    /// from there.
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

    /// What is over a limit as soon as it is seen.
    fn counted(&self, census: &TreeStats, reaped: Duration) -> Option<LimitBreach> {
        let Limits { cpu, processes, .. } = self.limits;
        let threads = processes.map(|processes| processes.saturating_mul(THREADS_PER_PROCESS));
        let cpu = cpu.map(millis);
        let estimate = self.cpu.as_ref().map(CpuSamples::total);
        let used = (census.cpu + reaped).max(estimate.unwrap_or_default());
        breach_if_over(ResourceKind::Processes, processes, census.processes())
            .or_else(|| breach_if_over(ResourceKind::Threads, threads, census.threads))
            .or_else(|| breach_if_over(ResourceKind::Cpu, cpu, millis(used)))
    }

    /// Cheap and too high first; exact only if that decides; and twice, because it is not exact
    /// while the tree forks.
    fn memory(&mut self, census: &TreeStats) -> Option<LimitBreach> {
        let memory = self.limits.memory;
        let single = breach_if_over(ResourceKind::Memory, memory, census.largest());
        if single.is_some() {
            return single;
        }
        let breach = breach_if_over(ResourceKind::Memory, memory, census.resident)
            .and_then(|_| breach_if_over(ResourceKind::Memory, memory, census.proportional()));
        let confirmed = self.suspected;
        self.suspected = breach.is_some();
        breach.filter(|_| confirmed)
    }

    fn is_halfway(&self, census: &TreeStats) -> bool {
        let half = |limit: Option<u64>, measured| limit.is_some_and(|limit| measured > limit / 2);
        half(self.limits.memory, census.resident) || half(self.limits.processes, census.processes())
    }

    /// The breach that the kernel's own limits have seen, told by the signal that ended a process.
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

/// Processes and threads of the whole machine, modulo 2^16.
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
