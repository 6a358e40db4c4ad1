//! The process that makes supervisors.
//!
//! Invariant: it is forked while obs has one thread and little memory, and it stays that way, so a
//! supervisor is small and sound however large and threaded obs has become. It holds no descriptor
//! of obs but its socket. Every child of it is a supervisor or was orphaned by one that died; the
//! latter are ended. It is gone when obs and all its supervisors are. The idea is Android's zygote
//! and Chromium's. Its first supervisor is asked for with it, so that all of that happens while obs
//! reads a plan and not after.

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

/// How long the zygote waits between two looks for orphans.
const SWEEP_AGAIN: Duration = Duration::from_millis(10);

/// After so many looks in a row that found nothing, nothing is left: a single look may miss a
/// process that was forked while its parent died.
const CLEAN_SWEEPS: u8 = 2;

/// A zygote that has not answered by then (somebody stopped it, or what it is to end hangs in the
/// kernel) is as good as dead.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The tag of the first question; the others count on from it.
pub(super) const FIRST_TAG: u32 = 0;

/// What the zygote is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ZygoteRequest {
    /// A supervisor, for the socket that comes with the message. The answer is its pid, or an errno
    /// below zero.
    Supervisor,
    /// An answer when the supervisor with this pid, and what it has orphaned, are gone.
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

/// Puts a tag and a number into a message, which is what an answer is too.
fn encode_reply(tag: u32, value: i32) -> [u8; 8] {
    (u64::from(tag) << 32 | u64::from(value.cast_unsigned())).to_le_bytes()
}

/// Takes an answer apart.
pub(super) fn decode_reply(message: [u8; 8]) -> (u32, i32) {
    let both = u64::from_le_bytes(message);
    let half = |half: u64| u32::try_from(half & u64::from(u32::MAX)).unwrap_or_default();
    (half(both >> 32), half(both).cast_signed())
}

/// obs's hold on the zygote. When it, or the launcher made from it, is dropped, everything ends.
#[derive(Debug)]
pub struct Zygote {
    pub(super) socket: OwnedFd,
    pub(super) pid: Pid,
    /// Children that this process had before (a shell that became obs may have left some): never
    /// ours to touch.
    pub(super) inherited: HashSet<Pid>,
    /// obs's end of the first supervisor's socket.
    pub(super) first: OwnedFd,
    /// The first supervisor, once it is known to live.
    pub(super) first_pid: Option<Pid>,
    /// The first supervisor has been asked for a trial.
    pub(super) is_probing: bool,
}

impl Zygote {
    /// Forks the zygote. To be called first thing in `main`: while there is one thread, before
    /// anything large is read and before an async runtime exists. That it lives is not waited for.
    pub fn start() -> io::Result<Self> {
        Self::start_with(SignalDomainRules::SignalsAndRefer)
    }

    /// Like [`Zygote::start`], for skills that are not confined: they may mount.
    pub fn start_unconfined() -> io::Result<Self> {
        Self::start_with(SignalDomainRules::Signals)
    }

    /// Like [`Zygote::start`]; its supervisors enter a domain with these rules.
    pub(super) fn start_with(rules: SignalDomainRules) -> io::Result<Self> {
        let obs = getpid();
        let inherited = proc_walk::own_children().into_iter().collect();
        let (ours, theirs) = pair_of_sockets(SocketType::SEQPACKET)?;
        let (first, its) = pair_of_sockets(SocketType::STREAM)?;
        let pid = match sys::fork()? {
            Forked::Child => sys::run_forked_child(|| main(theirs, obs, rules)),
            Forked::Parent(pid) => pid,
        };
        drop(theirs);
        // If the zygote is killed, what it had adopted comes here instead of going to init.
        set_child_subreaper(Some(obs))?;
        ask_for_first(&ours, &its)?;
        Ok(Self {
            socket: ours,
            pid,
            inherited,
            first,
            first_pid: None,
            is_probing: false,
        })
    }

    /// Has the first supervisor try what this machine can enforce, while obs proves the plan: a run
    /// of one step takes 3.8 ms less, of 11.4.
    /// [`Launcher::probe`](super::Launcher::probe) gives what came of it.
    pub fn probe_ahead(&mut self) {
        self.is_probing = wire::send(&self.first, &wire::encode_probe(), &[]).is_ok();
    }

    /// Waits until the first supervisor lives, and gives its pid. A launcher does so too, but needs
    /// a runtime first, which fails in its own way where little is left to fail with.
    ///
    /// # Errors
    /// Why there is none.
    pub fn wait(&mut self) -> io::Result<Pid> {
        if let Some(pid) = self.first_pid {
            return Ok(pid);
        }
        let pid = self.first_answer()?;
        self.first_pid = Some(pid);
        Ok(pid)
    }

    fn first_answer(&self) -> io::Result<Pid> {
        if !poll::poll_one(&self.socket, Some(REQUEST_TIMEOUT))? {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let mut answer = [0; 8];
        let received =
            rustix::io::retry_on_intr(|| recv(&self.socket, &mut answer, RecvFlags::empty()));
        match received {
            // It may not even have read the question.
            Ok((_, 0)) | Err(Errno::CONNRESET) => Err(why_it_ended(self.pid)),
            Ok(_) => supervisor_of(decode_reply(answer).1),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// Asks for the first supervisor, which gets `its` end of its socket.
fn ask_for_first(zygote: &OwnedFd, its: &OwnedFd) -> io::Result<()> {
    let question = ZygoteRequest::Supervisor.encode(FIRST_TAG);
    let began = Instant::now();
    loop {
        match wire::send(zygote, &question, &[its.as_fd()]) {
            Err(error) if wire::is_fd_limit(&error) && began.elapsed() < wire::FD_LIMIT_TIMEOUT => {
                std::thread::sleep(wire::FD_LIMIT_PAUSE);
            }
            // It has died, of which is told where its answer is waited for.
            Err(error) if matches!(error.raw_os_error(), Some(libc::EPIPE | libc::ECONNRESET)) => {
                return Ok(());
            }
            outcome => return outcome.map(drop),
        }
    }
}

/// Two ends that no program inherits.
pub(super) fn pair_of_sockets(kind: SocketType) -> rustix::io::Result<(OwnedFd, OwnedFd)> {
    socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)
}

/// What an answer to [`ZygoteRequest::Supervisor`] says.
pub(super) fn supervisor_of(answer: i32) -> io::Result<Pid> {
    Pid::from_raw(answer.max(0))
        .ok_or_else(|| io::Error::from_raw_os_error(answer.saturating_neg()))
}

/// The errno that a zygote which never got to work exited with.
fn why_it_ended(pid: Pid) -> io::Error {
    match waitpid(Some(pid), WaitOptions::empty()) {
        Ok(Some((_, status))) => match status.exit_status() {
            Some(errno) => io::Error::from_raw_os_error(errno),
            None => io::Error::other("the helper process `obs-zygote` was killed"),
        },
        _ => io::Error::other("the helper process `obs-zygote` did not start"),
    }
}

/// The life of the zygote, right after its fork.
fn main(socket: OwnedFd, obs: Pid, rules: SignalDomainRules) -> io::Result<()> {
    sys::block_all_signals()?;
    sys::reset_signal_actions();
    // obs's hook may touch its terminal; a helper has none.
    std::panic::set_hook(Box::new(|_| {}));
    setsid()?;
    let socket = sys::keep_only(socket)?;
    // So that no directory is kept from being unmounted.
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
        looks: 0,
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
    /// Tags of those who want to know that a supervisor and its orphans are gone.
    waiting: Vec<(u32, i32)>,
    /// Looks for orphans that are still to be made.
    looks: u8,
    obs_gone: bool,
}

impl ZygoteServer {
    fn serve(&mut self) -> io::Result<()> {
        loop {
            let timeout = (self.looks > 0).then_some(SWEEP_AGAIN);
            let (mut asked, mut signaled) = (false, true);
            if self.obs_gone {
                // A closed socket is readable for ever.
                poll::poll_one(&self.signals, timeout)?;
            } else {
                let ready = poll::poll_either(&self.socket, &self.signals, timeout)?;
                (asked, signaled) = (ready.socket, ready.signals);
            }
            if signaled {
                sys::drain(&self.signals);
            }
            let childless = self.reap();
            if asked {
                self.answer();
            }
            if self.looks > 0 {
                self.sweep(childless);
            }
            if self.obs_gone && childless {
                return Ok(());
            }
        }
    }

    /// Takes in everybody who has ended. True if there is no child.
    fn reap(&mut self) -> bool {
        loop {
            match sys::wait_any() {
                Waited::Ended { pid, .. } => {
                    if self.supervisors.remove(&pid) {
                        self.looks = CLEAN_SWEEPS;
                    }
                }
                Waited::Running => return false,
                Waited::Childless => return true,
            }
        }
    }

    /// Ends orphans, and tells those who wait once there are none.
    fn sweep(&mut self, childless: bool) {
        let found = if childless {
            0
        } else {
            let spare = |pid| self.supervisors.contains(&pid);
            proc_walk::signal_descendants(getpid(), &spare, Signal::KILL)
        };
        self.looks = match (childless, found) {
            (true, _) => 0,
            (false, 0) => self.looks - 1,
            (false, _) => CLEAN_SWEEPS,
        };
        if self.looks > 0 {
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

    /// Takes one message from obs.
    fn answer(&mut self) {
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
        // An error is as final as the end: obs can't be talked to.
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
                self.looks = CLEAN_SWEEPS;
            }
            // The descriptor got lost on its way: there was no room for it here.
            ((tag, ZygoteRequest::Supervisor), None) => {
                let answer = encode_reply(tag, -libc::EMFILE);
                send(&self.socket, &answer, SendFlags::NOSIGNAL).ok();
            }
        }
    }
}
