//! Finding the descendants of a process through /proc, and signalling them.
//!
//! Invariant: a signal only goes to a process that was seen below the root a moment ago and is
//! still the one that was seen: it is opened as a pidfd, then its start time is compared, then the
//! signal goes through the pidfd. A walk is always behind a tree that forks, so it stops what it
//! finds first and looks again until nothing new turns up. This is the second-best way to end a
//! tree; the best one is in `tree`. Stopping before killing is what `killall5` and systemd's
//! `cg_kill_recursive` loop do.

use std::collections::{HashMap, HashSet};
use std::fs;

use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, getpid, kill_process, pidfd_open, pidfd_send_signal,
};

/// How often a walk looks for processes it has not stopped yet. A tree that still forks after that
/// is signalled as far as it is known; whoever wants it gone walks again.
const MAX_ROUNDS: usize = 64;

/// A process as /proc shows it.
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

/// The children of the calling thread. Exact where nothing forks meanwhile.
pub(super) fn own_children() -> Vec<Pid> {
    // The list that not every kernel has saves looking at every process of the machine.
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

/// The living descendants of `root`, parents before their children. A child of `root` that `spare`
/// holds for is left out with everything below it.
pub(super) fn descendants(root: Pid, spare: &dyn Fn(Pid) -> bool) -> Vec<Process> {
    let mut by_parent: HashMap<i32, Vec<Process>> = HashMap::new();
    for process in snapshot() {
        by_parent.entry(process.parent).or_default().push(process);
    }
    let mut found = by_parent.remove(&root.as_raw_pid()).unwrap_or_default();
    found.retain(|process| !spare(process.pid));
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

/// Sends `signal` to every descendant of `root` that [`descendants`] finds, and returns how many
/// that were. They are left stopped unless the signal is SIGKILL or SIGCONT.
pub(super) fn signal_descendants(root: Pid, spare: &dyn Fn(Pid) -> bool, signal: Signal) -> usize {
    let frozen = freeze(root, spare);
    for process in &frozen {
        signal_one(process, signal);
    }
    frozen.len()
}

/// Stops every descendant of `root`, and returns them.
fn freeze(root: Pid, spare: &dyn Fn(Pid) -> bool) -> Vec<Process> {
    let mut frozen = Vec::new();
    let mut known = HashSet::new();
    for _ in 0..MAX_ROUNDS {
        let before = frozen.len();
        for process in descendants(root, spare) {
            if known.insert((process.pid, process.start)) {
                signal_one(&process, Signal::STOP);
                frozen.push(process);
            }
        }
        if frozen.len() == before {
            break;
        }
    }
    frozen
}

/// Signals `process` if it is still the process that was seen.
fn signal_one(process: &Process, signal: Signal) {
    match pidfd_open(process.pid, PidfdFlags::empty()) {
        Ok(pidfd) => {
            if read(process.pid).is_some_and(|now| now.start == process.start) {
                // Gone in the meantime, or not ours to signal: both leave nothing to do.
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

/// All processes there are.
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

/// The fields of /proc/PID/stat from number 3, the state, on (`proc_pid_stat(5)`). The second field
/// is the name in brackets, which may itself hold brackets and spaces, so they are counted from the
/// last bracket.
pub(super) fn stat_fields(bytes: &[u8]) -> Option<impl Iterator<Item = &str>> {
    let name_end = bytes.iter().rposition(|byte| *byte == b')')?;
    let fields = str::from_utf8(bytes.get(name_end + 1..)?).ok()?;
    Some(fields.split_ascii_whitespace())
}

/// True for the state, in /proc/PID/stat, of a thread that has exited.
pub(super) fn is_ended(state: &str) -> bool {
    matches!(state, "Z" | "X")
}

/// True if `pid` and everything it will ever start can gain no privileges by exec. Supervisors set
/// this on themselves, so every process of a skill has it.
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
