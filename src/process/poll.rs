//! Waiting, for the single-threaded helpers.
//!
//! Invariant: only looks; reading is the caller's.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Which of two descriptors can be read, or has ended.
pub(super) struct Ready {
    pub(super) socket: bool,
    pub(super) signals: bool,
}

/// Waits for a socket and a signal descriptor; for ever where `patience` is `None`.
pub(super) fn poll_either(
    socket: &OwnedFd,
    signals: &OwnedFd,
    patience: Option<Duration>,
) -> io::Result<Ready> {
    let [socket, signals] = wait([socket, signals], patience)?;
    Ok(Ready { socket, signals })
}

/// Waits for one descriptor.
pub(super) fn poll_one(fd: &OwnedFd, patience: Option<Duration>) -> io::Result<bool> {
    let [ready] = wait([fd], patience)?;
    Ok(ready)
}

fn wait<const N: usize>(fds: [&OwnedFd; N], patience: Option<Duration>) -> io::Result<[bool; N]> {
    let patience = patience.map(|patience| Timespec {
        tv_sec: i64::try_from(patience.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(patience.subsec_nanos()),
    });
    let mut fds = fds.map(|fd| PollFd::new(fd, PollFlags::IN));
    rustix::io::retry_on_intr(|| poll(&mut fds, patience.as_ref()))?;
    Ok(fds.map(|fd| !fd.revents().is_empty()))
}
