//! Looking at the machine's processes.

use std::fs;

/// The processes whose environment holds `marker`, whoever their parents are by now.
pub(crate) fn marked(marker: &str) -> Vec<i32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid: &i32| {
        let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environ
            .windows(marker.len())
            .any(|window| window == marker.as_bytes())
    })
    .filter(|pid| state(*pid).is_some_and(|state| state != 'Z'))
    .collect()
}

/// The state letter of a process.
pub(crate) fn state(pid: i32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

/// The name of a process.
pub(crate) fn name(pid: i32) -> Option<String> {
    Some(
        fs::read_to_string(format!("/proc/{pid}/comm"))
            .ok()?
            .trim_end()
            .to_owned(),
    )
}

/// The parent of a process.
pub(crate) fn parent(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

/// The processes below `root`, `root` not included.
pub(crate) fn below(root: i32) -> Vec<i32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let all: Vec<i32> = entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    let mut found = vec![root];
    loop {
        let more: Vec<i32> = all
            .iter()
            .copied()
            .filter(|pid| !found.contains(pid))
            .filter(|pid| parent(*pid).is_some_and(|parent| found.contains(&parent)))
            .collect();
        if more.is_empty() {
            break;
        }
        found.extend(more);
    }
    found.split_off(1)
}

pub(crate) fn kill(pid: i32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    // A process that is gone already is no failure.
    rustix::process::kill_process(pid, signal).ok();
}
