//! Finds the descendants of a process through /proc, and signals them.
//!
//! Invariant: only a process that was just found below the root, and is still the same process, is
//! signalled: it is opened as a pidfd, then its start time is compared, then the signal goes
//! through the pidfd. A walk always lags behind a tree that forks, so it first stops what it finds
//! and repeats until it finds nothing new. This is the fallback for ending a tree; the first choice
//! is in `tree`. `killall5` and systemd's `cg_kill_recursive` loop stop before they kill in the
//! same way.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs;

use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, getpid, kill_process, pidfd_open, pidfd_send_signal,
};

use crate::model::LeakedProcesses;

/// The most rounds in which a walk looks for new processes. If the tree still forks after that,
/// only the known processes are signalled, and the caller has to walk again.
const MAX_ROUNDS: usize = 64;

/// A process from /proc.
#[derive(Debug, Clone, Copy)]
pub(super) struct Process {
    pid: Pid,
    parent: i32,
    /// In clock ticks since boot; with the pid it identifies a process.
    start: u64,
    /// No thread of it runs. A process whose first thread has exited shows the state of a zombie,
    /// but lives as long as its other threads do.
    zombie: bool,
}

impl Process {
    pub(super) fn pid(&self) -> Pid {
        self.pid
    }
}

/// The children of the calling thread. Exact if nothing forks meanwhile.
pub(super) fn own_children() -> Vec<Pid> {
    // Some kernels have no such list. It saves reading every process of the machine.
    if let Ok(list) = fs::read_to_string("/proc/thread-self/children") {
        return list
            .split_ascii_whitespace()
            .filter_map(|pid| Pid::from_raw(pid.parse().ok()?))
            .collect();
    }
    let own = getpid().as_raw_pid();
    snapshot()
        .into_iter()
        .filter(|process| process.parent == own)
        .map(|process| process.pid)
        .collect()
}

/// The living descendants of `root`, parents before their children. Children of `root` for which
/// `exclude` is true are left out, with everything below them.
pub(super) fn descendants(root: Pid, exclude: &dyn Fn(Pid) -> bool) -> Vec<Process> {
    let mut by_parent: HashMap<i32, Vec<Process>> = HashMap::new();
    for process in snapshot() {
        by_parent.entry(process.parent).or_default().push(process);
    }
    let mut found = by_parent.remove(&root.as_raw_pid()).unwrap_or_default();
    found.retain(|process| !exclude(process.pid));
    let mut next = 0;
    while let Some(process) = found.get(next) {
        // Taken out, not copied: a tree seen while it changes must not make a cycle.
        found.extend(
            by_parent
                .remove(&process.pid.as_raw_pid())
                .unwrap_or_default(),
        );
        next += 1;
    }
    found.retain(|process| !process.zombie);
    found
}

/// The processes below `root`, by name. Without /proc there is nothing to count them by: then they
/// count as one.
pub(super) fn list_leaked(root: Pid) -> LeakedProcesses {
    let processes = descendants(root, &|_| false);
    if processes.is_empty() && read(root).is_none() {
        return LeakedProcesses {
            count: 1,
            names: Vec::new(),
        };
    }
    let mut names = BTreeSet::new();
    for process in &processes {
        let comm = fs::read(format!("/proc/{}/comm", process.pid)).unwrap_or_default();
        let name = String::from_utf8_lossy(&comm);
        let name = name.strip_suffix('\n').unwrap_or(&name);
        if !name.is_empty() {
            names.insert(name.to_owned());
        }
    }
    let names = names.into_iter().take(LeakedProcesses::MAX_NAMES);
    LeakedProcesses {
        count: u32::try_from(processes.len()).unwrap_or(u32::MAX),
        names: names.collect(),
    }
}

/// Sends `signal` to every descendant of `root` that [`descendants`] finds, and returns their
/// number. They remain stopped unless the signal is SIGKILL or SIGCONT.
pub(super) fn signal_descendants(
    root: Pid,
    exclude: &dyn Fn(Pid) -> bool,
    signal: Signal,
) -> usize {
    let stopped = stop_descendants(root, exclude);
    for process in &stopped {
        signal_one(process, signal);
    }
    stopped.len()
}

/// Stops every descendant of `root`, and returns them.
fn stop_descendants(root: Pid, exclude: &dyn Fn(Pid) -> bool) -> Vec<Process> {
    let mut stopped = Vec::new();
    let mut known = HashSet::new();
    for _ in 0..MAX_ROUNDS {
        let before = stopped.len();
        for process in descendants(root, exclude) {
            if known.insert((process.pid, process.start)) {
                signal_one(&process, Signal::STOP);
                stopped.push(process);
            }
        }
        if stopped.len() == before {
            break;
        }
    }
    stopped
}

/// Signals `process` if its pid still belongs to it.
fn signal_one(process: &Process, signal: Signal) {
    match pidfd_open(process.pid, PidfdFlags::empty()) {
        Ok(pidfd) => {
            if read(process.pid).is_some_and(|now| now.start == process.start) {
                // It has ended or may not be signalled; there is nothing to do in either case.
                pidfd_send_signal(pidfd, signal).ok();
            }
        }
        Err(Errno::NOSYS) => {
            if read(process.pid).is_some_and(|now| now.start == process.start) {
                kill_process(process.pid, signal).ok();
            }
        }
        Err(_) => {}
    }
}

fn snapshot() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(Pid::from_raw)
        .filter_map(read)
        .collect()
}

/// Reads /proc/PID/stat.
fn read(pid: Pid) -> Option<Process> {
    let bytes = fs::read(format!("/proc/{}/stat", pid.as_raw_pid())).ok()?;
    let mut fields = stat_fields(&bytes)?;
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    let threads: u64 = fields.nth(15)?.parse().ok()?;
    let start = fields.nth(1)?.parse().ok()?;
    Some(Process {
        pid,
        parent,
        start,
        zombie: is_ended(state) && threads <= 1,
    })
}

/// The fields of /proc/PID/stat from number 3, the state (`proc_pid_stat(5)`). The second field is
/// the name in parentheses, which may itself contain parentheses and spaces, so fields are counted
/// from the last parenthesis.
pub(super) fn stat_fields(bytes: &[u8]) -> Option<impl Iterator<Item = &str>> {
    let name_end = bytes.iter().rposition(|byte| *byte == b')')?;
    let fields = str::from_utf8(bytes.get(name_end + 1..)?).ok()?;
    Some(fields.split_ascii_whitespace())
}

/// True if `state`, from /proc/PID/stat, is that of a thread that has exited.
pub(super) fn is_ended(state: &str) -> bool {
    matches!(state, "Z" | "X")
}

/// True if `pid` and all its future descendants can't gain privileges by exec. Supervisors set this
/// flag on themselves, so every process of a skill has it.
pub(super) fn has_no_new_privileges(pid: Pid) -> bool {
    fs::read_to_string(format!("/proc/{}/status", pid.as_raw_pid())).is_ok_and(|status| {
        status
            .lines()
            .filter_map(|line| line.strip_prefix("NoNewPrivs:"))
            .any(|value| value.trim() == "1")
    })
}

/// The children of `parent` that have ended and wait to be reaped.
pub(super) fn dead_children(parent: Pid) -> Vec<Pid> {
    let parent = parent.as_raw_pid();
    snapshot()
        .into_iter()
        .filter(|process| process.parent == parent && process.zombie)
        .map(|process| process.pid)
        .collect()
}
