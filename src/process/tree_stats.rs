//! Counts the living descendants of this process and the resources that they use.
//!
//! Invariant: a process counts once, and only if its parent, when it is read, is the process below
//! which it was found, or this process (which adopts orphans). Parents are read before their
//! children, so a process that ends in between may be missing from the sum but never counts twice.
//! The kernel's lists of children make this cheap, because no other processes are read; on a kernel
//! without them, all of /proc is read.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::time::Duration;

use rustix::process::getpid;

use super::proc_walk;

/// A sample of the tree.
#[derive(Debug, Default)]
pub(super) struct TreeStats {
    found: Vec<SampledProcess>,
    /// Threads of all processes.
    pub(super) threads: u64,
    /// Resident bytes of all processes; shared pages count for each.
    pub(super) resident: u64,
    /// CPU time of all processes, and of the children that they have waited for.
    pub(super) cpu: Duration,
}

/// A process in a sample.
#[derive(Debug)]
pub(super) struct SampledProcess {
    pub(super) pid: i32,
    /// In clock ticks since boot; with the pid it identifies a process.
    pub(super) start: u64,
    pub(super) threads: u64,
    /// Its own CPU time, without that of its children.
    pub(super) own: Duration,
    /// Its first thread is running or waits for a processor.
    pub(super) is_runnable: bool,
    /// The processor on which its first thread runs or ran last.
    pub(super) processor: u64,
    /// A thread that has the process's memory: the first one, unless it has exited.
    thread: i32,
    resident: u64,
}

/// A process from /proc.
pub(super) struct Stat {
    parent: i32,
    /// The first thread has exited.
    is_ended: bool,
    /// The first thread is running or waits for a processor.
    pub(super) is_runnable: bool,
    /// The processor on which the first thread runs or ran last.
    pub(super) processor: u64,
    /// Its own CPU time, in clock ticks.
    own: u64,
    /// CPU time of the children that it has waited for, in clock ticks.
    waited: u64,
    threads: u64,
    start: u64,
    pages: u64,
}

impl Stat {
    /// A thread that has the memory of the process `pid`, and its resident pages. A first thread
    /// that has exited no longer has the memory, but the others do.
    fn memory(&self, pid: i32) -> (i32, u64) {
        if self.is_ended && self.threads > 1 {
            for thread in threads_of(pid) {
                let stat = stat_of_thread(pid, thread);
                if let Some(stat) = stat.filter(|stat| stat.pages > 0) {
                    return (thread, stat.pages);
                }
            }
        }
        (pid, self.pages)
    }
}

impl TreeStats {
    /// Takes a sample of at most `enough` processes.
    pub(super) fn sample(enough: u64) -> Self {
        let own = getpid().as_raw_pid();
        let mut stats = Self::default();
        let mut known = HashSet::from([own]);
        let mut waiting = vec![(own, own)];
        let (mut ticks, mut lists) = (0, true);
        while let Some((pid, parent)) = waiting.pop() {
            let mut threads = 1;
            if pid != own {
                let Some(stat) = stat(pid).filter(|stat| [parent, own].contains(&stat.parent))
                else {
                    continue;
                };
                threads = stat.threads;
                ticks += stat.own + stat.waited;
                stats.add(pid, &stat);
                if stats.processes() >= enough {
                    break;
                }
            }
            match children(pid, threads) {
                Some(children) => {
                    waiting.extend(
                        children
                            .into_iter()
                            .filter(|child| known.insert(*child))
                            .map(|child| (child, pid)),
                    );
                }
                None if pid == own => {
                    lists = false;
                    break;
                }
                // It has ended.
                None => {}
            }
        }
        if !lists {
            ticks = stats.sample_by_walk();
        }
        stats.cpu = from_ticks(ticks);
        stats
    }

    pub(super) fn found(&self) -> &[SampledProcess] {
        &self.found
    }

    pub(super) fn processes(&self) -> u64 {
        self.found.len() as u64
    }

    /// Bytes of all processes, with shared pages divided among the processes that share them. This
    /// reads every page table, one after the other; pages that become shared by more processes
    /// meanwhile count too much, so a single sum is not reliable.
    pub(super) fn proportional(&self) -> u64 {
        self.found
            .iter()
            .map(|found| match proportional(found) {
                Ok(bytes) => bytes,
                // It may not be read, so its resident size counts.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => found.resident,
                // It has ended.
                Err(_) => 0,
            })
            .sum()
    }

    /// The largest resident size of a single process.
    pub(super) fn largest(&self) -> u64 {
        let sizes = self.found.iter().map(|found| found.resident);
        sizes.max().unwrap_or_default()
    }

    fn add(&mut self, pid: i32, stat: &Stat) {
        let (thread, pages) = stat.memory(pid);
        let resident = pages.saturating_mul(rustix::param::page_size() as u64);
        self.resident = self.resident.saturating_add(resident);
        self.threads += stat.threads;
        self.found.push(SampledProcess {
            pid,
            start: stat.start,
            threads: stat.threads,
            own: from_ticks(stat.own),
            is_runnable: stat.is_runnable,
            processor: stat.processor,
            thread,
            resident,
        });
    }

    /// Samples on a kernel without lists of children. Returns the clock ticks.
    fn sample_by_walk(&mut self) -> u64 {
        let mut ticks = 0;
        for process in proc_walk::descendants(getpid(), &|_| false) {
            let pid = process.pid().as_raw_pid();
            if let Some(stat) = stat(pid) {
                ticks += stat.own + stat.waited;
                self.add(pid, &stat);
            }
        }
        ticks
    }
}

/// The children of `pid`, of all its threads.
fn children(pid: i32, threads: u64) -> Option<Vec<i32>> {
    if threads <= 1 {
        return children_of_thread(pid, pid);
    }
    let lists = threads_of(pid).filter_map(|thread| children_of_thread(pid, thread));
    Some(lists.flatten().collect())
}

/// Converts clock ticks from `/proc`.
pub(super) fn from_ticks(ticks: u64) -> Duration {
    Duration::from_millis(ticks.saturating_mul(1000) / rustix::param::clock_ticks_per_second())
}

/// The threads of `pid`; none if it has ended.
pub(super) fn threads_of(pid: i32) -> impl Iterator<Item = i32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"));
    let tasks = tasks.into_iter().flatten();
    tasks.filter_map(|task| task.ok()?.file_name().to_str()?.parse().ok())
}

fn children_of_thread(pid: i32, task: i32) -> Option<Vec<i32>> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{task}/children")).ok()?;
    Some(
        list.split_ascii_whitespace()
            .filter_map(|child| child.parse().ok())
            .collect(),
    )
}

fn stat(pid: i32) -> Option<Stat> {
    stat_at(&format!("/proc/{pid}/stat"))
}

/// Like `stat`, but with state and memory of one thread.
pub(super) fn stat_of_thread(pid: i32, thread: i32) -> Option<Stat> {
    stat_at(&format!("/proc/{pid}/task/{thread}/stat"))
}

fn stat_at(path: &str) -> Option<Stat> {
    let bytes = fs::read(path).ok()?;
    let fields: Vec<&str> = proc_walk::stat_fields(&bytes)?.collect();
    // Field numbers of proc_pid_stat(5); the first one here is 3.
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        is_ended: proc_walk::is_ended(fields.first()?),
        is_runnable: *fields.first()? == "R",
        processor: field(39)?,
        own: field(14)? + field(15)?,
        waited: field(16)? + field(17)?,
        threads: field(20)?,
        start: field(22)?,
        pages: field(24)?,
    })
}

/// `Pss` and `SwapPss` of a process.
fn proportional(found: &SampledProcess) -> io::Result<u64> {
    let SampledProcess { pid, thread, .. } = found;
    let text = fs::read_to_string(format!("/proc/{pid}/task/{thread}/smaps_rollup"))?;
    let kib = |name: &str| -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix("kB")?.trim().parse().ok()
    };
    let sum = ["Pss:", "SwapPss:"]
        .iter()
        .filter_map(|name| kib(name))
        .sum::<u64>();
    Ok(sum.saturating_mul(1024))
}

/// Reads what [`TreeStats`] needs of this process.
pub(super) fn try_on_itself() -> io::Result<()> {
    let pid = getpid().as_raw_pid();
    fs::read(format!("/proc/{pid}/stat"))?;
    let invalid = || io::Error::from_raw_os_error(libc::ENODATA);
    stat(pid).map(drop).ok_or_else(invalid)
}
