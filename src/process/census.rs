//! Counting the living descendants of this process, and what they use.
//!
//! Invariant: a process counts once, and only if the one it was found below, or this one (which
//! adopts orphans), is its parent at the moment it is read. Parents are read before their children:
//! one that ends in between is missing from the sum and never in it twice. The kernel's lists of
//! children make this cheap, because nobody else's processes are looked at; a kernel without them has
//! all of /proc looked at.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::time::Duration;

use rustix::process::getpid;

use super::walk;

/// What was counted.
#[derive(Debug, Default)]
pub(super) struct Census {
    found: Vec<Found>,
    /// Threads of all processes.
    pub(super) threads: u64,
    /// Resident bytes of all processes; shared pages count for each.
    pub(super) resident: u64,
    /// CPU time of all processes, and of those that they have waited for.
    pub(super) cpu: Duration,
}

#[derive(Debug)]
struct Found {
    pid: i32,
    resident: u64,
}

/// A process as /proc shows it.
struct Stat {
    parent: i32,
    ticks: u64,
    threads: u64,
    pages: u64,
}

impl Census {
    /// Counts, at most to `enough` processes.
    pub(super) fn take(enough: u64) -> Self {
        let own = getpid().as_raw_pid();
        let mut census = Self::default();
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
                ticks += stat.ticks;
                census.add(pid, &stat);
                if census.processes() >= enough {
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
            ticks = census.take_by_walk();
        }
        census.cpu = Duration::from_millis(
            ticks.saturating_mul(1000) / rustix::param::clock_ticks_per_second(),
        );
        census
    }

    /// How many there are.
    pub(super) fn processes(&self) -> u64 {
        self.found.len() as u64
    }

    /// Bytes of all processes, shared pages divided among those that share them. Takes a look at
    /// every page table. One look after the other, so that what is shared by more and more while
    /// it looks counts too much: no single sum is to be trusted.
    pub(super) fn proportional(&self) -> u64 {
        self.found
            .iter()
            .map(|found| match proportional(found.pid) {
                Ok(bytes) => bytes,
                // It does not let itself be looked at, so it counts as it did before.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => found.resident,
                // It has ended.
                Err(_) => 0,
            })
            .sum()
    }

    fn add(&mut self, pid: i32, stat: &Stat) {
        let resident = stat.pages.saturating_mul(rustix::param::page_size() as u64);
        self.resident = self.resident.saturating_add(resident);
        self.threads += stat.threads;
        self.found.push(Found { pid, resident });
    }

    /// For a kernel without lists of children. Returns the ticks.
    fn take_by_walk(&mut self) -> u64 {
        let mut ticks = 0;
        for process in walk::descendants(getpid(), &|_| false) {
            let pid = process.pid().as_raw_pid();
            if let Some(stat) = stat(pid) {
                ticks += stat.ticks;
                self.add(pid, &stat);
            }
        }
        ticks
    }
}

/// The children of `pid`, whichever of its threads has started them.
fn children(pid: i32, threads: u64) -> Option<Vec<i32>> {
    if threads <= 1 {
        return children_of_thread(pid, pid);
    }
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    Some(
        tasks
            .filter_map(|task| task.ok()?.file_name().to_str()?.parse().ok())
            .filter_map(|task| children_of_thread(pid, task))
            .flatten()
            .collect(),
    )
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
    let bytes = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = walk::stat_fields(&bytes)?.collect();
    // Numbers of proc_pid_stat(5), of which the first here is 3.
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        ticks: field(14)? + field(15)? + field(16)? + field(17)?,
        threads: field(20)?,
        pages: field(24)?,
    })
}

/// `Pss` and `SwapPss` of a process.
fn proportional(pid: i32) -> io::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
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

/// True if this process can see what [`Census`] needs, tried on itself.
pub(super) fn is_possible() -> bool {
    stat(getpid().as_raw_pid()).is_some()
}
