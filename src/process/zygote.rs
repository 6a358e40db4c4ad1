//! The process that forks supervisors.
//!
//! Invariant: it is forked while obs has one thread and little memory, and it stays that way, so a
//! fork of it is small and safe however large and multithreaded obs has become. Its only descriptor
//! of obs is its socket. Each of its children is a supervisor or the orphan of one that died; it
//! kills the orphans. It exits when obs and all supervisors have ended. The design follows the
//! zygotes of Android and Chromium. The first supervisor is requested together with the zygote, so
//! that both start while obs reads the plan.

use std::collections::HashSet;
use std::io;
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendFlags, SocketFlags,
    SocketType, recv, recvmsg, send, socketpair,
};
use rustix::process::{
    Pid, Signal, WaitOptions, chdir, getpid, set_child_subreaper, setsid, waitpid,
};
use rustix::thread::set_name;

use super::sys::{self, Forked, Waited};
use super::tree::{OutsideProcesses, SignalDomainRules};
use super::{poll, proc_walk, supervisor, wire};

/// The time between two sweeps, which kill orphans.
pub(super) const SWEEP_INTERVAL: Duration = Duration::from_millis(10);

/// After this many consecutive sweeps that find nothing, nothing is left. A single sweep may miss a
/// process that was forked while its parent died.
pub(super) const CLEAN_SWEEPS: u8 = 2;

/// A zygote that has not replied by then counts as dead: it was stopped, or a process that it kills
/// hangs in the kernel.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The tag of the first request; each further one is larger by one.
pub(super) const FIRST_TAG: u32 = 0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ZygoteRequest {
    /// Fork a supervisor for the socket that comes with the message. The reply is its pid, or a
    /// negative errno.
    Supervisor,
    /// Reply when the supervisor with this pid and its orphans are gone.
    AwaitReaped(i32),
}

impl ZygoteRequest {
    pub(super) fn encode(self, tag: u32) -> [u8; 8] {
        let pid = match self {
            Self::Supervisor => 0,
            Self::AwaitReaped(pid) => pid,
        };
        encode_reply(tag, pid)
    }

    fn decode(message: [u8; 8]) -> (u32, Self) {
        match decode_reply(message) {
            (tag, 0) => (tag, Self::Supervisor),
            (tag, pid) => (tag, Self::AwaitReaped(pid)),
        }
    }
}

/// Encodes a tag and a number. Requests and replies have this form.
fn encode_reply(tag: u32, value: i32) -> [u8; 8] {
    (u64::from(tag) << 32 | u64::from(value.cast_unsigned())).to_le_bytes()
}

/// Decodes a reply into its tag and its value.
pub(super) fn decode_reply(message: [u8; 8]) -> (u32, i32) {
    let both = u64::from_le_bytes(message);
    let half = |half: u64| u32::try_from(half & u64::from(u32::MAX)).unwrap_or_default();
    (half(both >> 32), half(both).cast_signed())
}

/// obs's handle on the zygote. Dropping it, or the launcher made from it, ends all helper
/// processes.
#[derive(Debug)]
pub struct Zygote {
    pub(super) socket: OwnedFd,
    pub(super) pid: Pid,
    /// Children that this process had before, for example from a shell that executed obs. obs never
    /// signals or reaps them.
    pub(super) inherited: HashSet<Pid>,
    /// obs's end of the first supervisor's socket.
    pub(super) first: OwnedFd,
    /// The pid of the first supervisor, once it is known to run.
    pub(super) first_pid: Option<Pid>,
    /// The first supervisor runs a probe.
    pub(super) is_probing: bool,
}

impl Zygote {
    /// Forks the zygote, without waiting until it runs. Call this first in `main`: while there is
    /// one thread, before reading anything large and before creating an async runtime.
    pub fn start() -> io::Result<Self> {
        Self::start_with(SignalDomainRules::SignalsAndRefer)
    }

    /// Like [`Zygote::start`], for skills without a sandbox: they may mount.
    pub fn start_unconfined() -> io::Result<Self> {
        Self::start_with(SignalDomainRules::Signals)
    }

    /// Like [`Zygote::start`]; the supervisors enter a domain with these rules.
    pub(super) fn start_with(rules: SignalDomainRules) -> io::Result<Self> {
        let obs = getpid();
        let inherited = proc_walk::own_children().into_iter().collect();
        let (ours, theirs) = socket_pair(SocketType::SEQPACKET)?;
        let (first, supervisor_end) = socket_pair(SocketType::STREAM)?;
        let pid = match sys::fork()? {
            Forked::Child => sys::run_forked_child(|| main(theirs, obs, rules)),
            Forked::Parent(pid) => pid,
        };
        drop(theirs);
        // If the zygote is killed, obs adopts its children instead of init.
        set_child_subreaper(Some(obs))?;
        request_first(&ours, &supervisor_end)?;
        Ok(Self {
            socket: ours,
            pid,
            inherited,
            first,
            first_pid: None,
            is_probing: false,
        })
    }

    /// Makes the first supervisor probe what this machine can enforce, while obs proves the plan: a
    /// run of one step takes 3.8 ms less, of 11.4. [`Launcher::probe`](super::Launcher::probe)
    /// returns the result.
    pub fn probe_ahead(&mut self) {
        self.is_probing = wire::send(&self.first, &wire::encode_probe(), &[]).is_ok();
    }

    /// Waits until the first supervisor runs, and returns its pid. A launcher does this too, but
    /// needs a runtime first, which reports a lack of resources in its own way.
    ///
    /// # Errors
    /// The reason why it did not start.
    pub fn wait(&mut self) -> io::Result<Pid> {
        if let Some(pid) = self.first_pid {
            return Ok(pid);
        }
        let pid = self.receive_first_reply()?;
        self.first_pid = Some(pid);
        Ok(pid)
    }

    fn receive_first_reply(&self) -> io::Result<Pid> {
        if !poll::poll_one(&self.socket, Some(REQUEST_TIMEOUT))? {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let mut reply = [0; 8];
        let received =
            rustix::io::retry_on_intr(|| recv(&self.socket, &mut reply, RecvFlags::empty()));
        match received {
            // It may not even have read the request.
            Ok((_, 0)) | Err(Errno::CONNRESET) => Err(exit_error(self.pid)),
            Ok(_) => decode_supervisor_reply(decode_reply(reply).1),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// Requests the first supervisor, which gets `supervisor_end` of its socket.
fn request_first(zygote: &OwnedFd, supervisor_end: &OwnedFd) -> io::Result<()> {
    let request = ZygoteRequest::Supervisor.encode(FIRST_TAG);
    let began = Instant::now();
    loop {
        match wire::send(zygote, &request, &[supervisor_end.as_fd()]) {
            Err(error) if wire::is_fd_limit(&error) && began.elapsed() < wire::FD_LIMIT_TIMEOUT => {
                std::thread::sleep(wire::FD_LIMIT_PAUSE);
            }
            // It has died; `receive_first_reply` reports this.
            Err(error) if matches!(error.raw_os_error(), Some(libc::EPIPE | libc::ECONNRESET)) => {
                return Ok(());
            }
            outcome => return outcome.map(drop),
        }
    }
}

/// A pair of sockets that are closed on exec.
pub(super) fn socket_pair(kind: SocketType) -> rustix::io::Result<(OwnedFd, OwnedFd)> {
    socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)
}

/// The pid or the error in a reply to [`ZygoteRequest::Supervisor`].
pub(super) fn decode_supervisor_reply(reply: i32) -> io::Result<Pid> {
    Pid::from_raw(reply.max(0)).ok_or_else(|| io::Error::from_raw_os_error(reply.saturating_neg()))
}

/// The error of a zygote that failed to start, from its exit status.
fn exit_error(pid: Pid) -> io::Error {
    match waitpid(Some(pid), WaitOptions::empty()) {
        Ok(Some((_, status))) => match status.exit_status() {
            Some(errno) => io::Error::from_raw_os_error(errno),
            None => io::Error::other("the helper process `obs-zygote` was killed"),
        },
        _ => io::Error::other("the helper process `obs-zygote` did not start"),
    }
}

/// The main function of the zygote after its fork.
fn main(socket: OwnedFd, obs: Pid, rules: SignalDomainRules) -> io::Result<()> {
    sys::block_all_signals()?;
    sys::reset_signal_actions();
    // obs's hook may write to the terminal, which a helper must not.
    std::panic::set_hook(Box::new(|_| {}));
    setsid()?;
    let socket = sys::keep_only(socket)?;
    // So that the zygote keeps no file system from being unmounted.
    chdir("/")?;
    set_name(c"obs-zygote")?;
    set_child_subreaper(Some(getpid()))?;
    let mut server = ZygoteServer {
        signals: sys::child_signals()?,
        socket,
        outside: OutsideProcesses {
            zygote: getpid(),
            obs,
        },
        rules,
        supervisors: HashSet::new(),
        waiting: Vec::new(),
        sweeps_left: 0,
        obs_gone: false,
    };
    server.serve()
}

struct ZygoteServer {
    socket: OwnedFd,
    signals: OwnedFd,
    outside: OutsideProcesses,
    rules: SignalDomainRules,
    supervisors: HashSet<Pid>,
    /// Tags of the requests that wait until a supervisor and its orphans are gone.
    waiting: Vec<(u32, i32)>,
    /// The number of clean sweeps that are still needed.
    sweeps_left: u8,
    obs_gone: bool,
}

impl ZygoteServer {
    fn serve(&mut self) -> io::Result<()> {
        loop {
            let timeout = (self.sweeps_left > 0).then_some(SWEEP_INTERVAL);
            let (mut has_request, mut has_signal) = (false, true);
            if self.obs_gone {
                // A closed socket is always readable.
                poll::poll_one(&self.signals, timeout)?;
            } else {
                let ready = poll::poll_either(&self.socket, &self.signals, timeout)?;
                (has_request, has_signal) = (ready.socket, ready.signals);
            }
            if has_signal {
                sys::drain(&self.signals);
            }
            let childless = self.reap();
            if has_request {
                self.handle_request();
            }
            if self.sweeps_left > 0 {
                self.sweep(childless);
            }
            if self.obs_gone && childless {
                return Ok(());
            }
        }
    }

    /// Reaps ended processes. True if there is no child left.
    fn reap(&mut self) -> bool {
        loop {
            match sys::wait_any() {
                Waited::Ended { pid, .. } => {
                    if self.supervisors.remove(&pid) {
                        self.sweeps_left = CLEAN_SWEEPS;
                    }
                }
                Waited::Running => return false,
                Waited::Childless => return true,
            }
        }
    }

    /// Kills orphans, and replies to the waiting requests when there are none.
    fn sweep(&mut self, childless: bool) {
        let found = if childless {
            0
        } else {
            let exclude = |pid| self.supervisors.contains(&pid);
            proc_walk::signal_descendants(getpid(), &exclude, Signal::KILL)
        };
        self.sweeps_left = match (childless, found) {
            (true, _) => 0,
            (false, 0) => self.sweeps_left - 1,
            (false, _) => CLEAN_SWEEPS,
        };
        if self.sweeps_left > 0 {
            return;
        }
        let supervisors = &self.supervisors;
        let socket = &self.socket;
        self.waiting.retain(|(tag, pid)| {
            let alive = Pid::from_raw(*pid).is_some_and(|pid| supervisors.contains(&pid));
            if !alive {
                send(socket, &encode_reply(*tag, 0), SendFlags::NOSIGNAL).ok();
            }
            alive
        });
    }

    /// Receives and handles one request.
    fn handle_request(&mut self) {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut message = [0; 8];
        let received = rustix::io::retry_on_intr(|| {
            recvmsg(
                &self.socket,
                &mut [IoSliceMut::new(&mut message)],
                &mut ancillary,
                RecvFlags::CMSG_CLOEXEC,
            )
        });
        // An error is as final as the end of the stream: obs can't be reached.
        if received.map_or(0, |received| received.bytes) == 0 {
            self.obs_gone = true;
            return;
        }
        let fd = ancillary.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
            _ => None,
        });
        match (ZygoteRequest::decode(message), fd) {
            ((tag, ZygoteRequest::Supervisor), Some(fd)) => {
                let value = match sys::fork() {
                    Ok(Forked::Child) => {
                        let (outside, rules) = (self.outside, self.rules);
                        sys::run_forked_child(|| supervisor::main(fd, outside, rules))
                    }
                    Ok(Forked::Parent(pid)) => {
                        self.supervisors.insert(pid);
                        pid.as_raw_pid()
                    }
                    Err(error) => -error.raw_os_error().unwrap_or(libc::EAGAIN),
                };
                send(&self.socket, &encode_reply(tag, value), SendFlags::NOSIGNAL).ok();
            }
            ((tag, ZygoteRequest::AwaitReaped(pid)), _) => {
                self.waiting.push((tag, pid));
                self.sweeps_left = CLEAN_SWEEPS;
            }
            // The kernel dropped the descriptor: this process has reached its limit of open files.
            ((tag, ZygoteRequest::Supervisor), None) => {
                let reply = encode_reply(tag, -libc::EMFILE);
                send(&self.socket, &reply, SendFlags::NOSIGNAL).ok();
            }
        }
    }
}
