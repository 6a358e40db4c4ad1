//! Waits for descriptors, in the single-threaded helper processes.
//!
//! Invariant: this module only waits; the caller reads.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Which of two descriptors is readable or has ended.
pub(super) struct Ready {
    pub(super) socket: bool,
    pub(super) signals: bool,
}

/// Waits for a socket or a signal descriptor. There is no timeout if `timeout` is `None`.
pub(super) fn poll_either(
    socket: &OwnedFd,
    signals: &OwnedFd,
    timeout: Option<Duration>,
) -> io::Result<Ready> {
    let [socket, signals] = wait([socket, signals], timeout)?;
    Ok(Ready { socket, signals })
}

pub(super) fn poll_one(fd: &OwnedFd, timeout: Option<Duration>) -> io::Result<bool> {
    let [ready] = wait([fd], timeout)?;
    Ok(ready)
}

fn wait<const N: usize>(fds: [&OwnedFd; N], timeout: Option<Duration>) -> io::Result<[bool; N]> {
    let timeout = timeout.map(|timeout| Timespec {
        tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(timeout.subsec_nanos()),
    });
    let mut fds = fds.map(|fd| PollFd::new(fd, PollFlags::IN));
    rustix::io::retry_on_intr(|| poll(&mut fds, timeout.as_ref()))?;
    Ok(fds.map(|fd| !fd.revents().is_empty()))
}
