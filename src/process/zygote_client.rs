//! obs's side of the zygote: asks for supervisors, and makes sure that a dead one left nobody.
//!
//! Invariant: a question is answered, or its asker learns that the zygote is dead, in bounded time.
//! When it is, its work of ending orphans falls to obs, which is a subreaper for that reason and
//! touches only what a supervisor has marked as its own.

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::net::{RecvFlags, Shutdown, SocketType, recv, shutdown};
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions, getpid, pidfd_open, waitpid};
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};

use super::error::ProcessError;
use super::zygote::{
    FIRST_TAG, REQUEST_TIMEOUT, Zygote, ZygoteRequest, decode_reply, pair_of_sockets, supervisor_of,
};
use super::{poll, proc_walk, wire};

/// A sweep that has not come to an end by then is given up: what is left hangs in the kernel.
const SWEEP_ROUNDS: u32 = 500;
const SWEEP_AGAIN: Duration = Duration::from_millis(20);
const CLEAN_SWEEPS: u8 = 2;

/// Helpers that take longer to go, go alone.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// A question for the zygote, a descriptor that goes with it, and where the answer goes.
type PendingRequest = (ZygoteRequest, Option<OwnedFd>, oneshot::Sender<i32>);

/// The source of supervisors.
#[derive(Debug)]
pub(super) struct ZygoteClient {
    questions: mpsc::UnboundedSender<PendingRequest>,
    socket: Arc<UnixStream>,
    zygote: Pid,
    inherited: HashSet<Pid>,
    /// Supervisors that are not known to be dead.
    supervisors: Mutex<HashSet<Pid>>,
    /// No step runs any more, so none can have left anybody.
    dismissed: AtomicBool,
}

impl ZygoteClient {
    /// Takes the zygote over, with its first supervisor: its pid and obs's end of its socket.
    /// Called inside a tokio runtime.
    ///
    /// # Errors
    /// Why one of the two did not start.
    pub(super) fn new(mut zygote: Zygote) -> io::Result<(Self, Pid, OwnedFd)> {
        let first = zygote.wait()?;
        rustix::io::ioctl_fionbio(&zygote.first, true)?;
        rustix::io::ioctl_fionbio(&zygote.socket, true)?;
        // tokio only watches the descriptor; that it carries messages and no stream is ours to
        // know.
        let socket = Arc::new(UnixStream::from_std(zygote.socket.into())?);
        let (questions, asked) = mpsc::unbounded_channel();
        tokio::spawn(event_loop(Arc::clone(&socket), asked));
        let zygote_client = Self {
            questions,
            socket,
            zygote: zygote.pid,
            inherited: zygote.inherited,
            supervisors: Mutex::new(HashSet::from([first])),
            dismissed: AtomicBool::new(false),
        };
        Ok((zygote_client, first, zygote.first))
    }

    /// Makes a supervisor; returns its pid and obs's end of its socket.
    pub(super) async fn supervisor(&self) -> Result<(Pid, OwnedFd), ProcessError> {
        let (ours, theirs) = pair_of_sockets(SocketType::STREAM).map_err(io::Error::from)?;
        // Only obs's end: the two ends are two open files, and the supervisor's stays blocking.
        rustix::io::ioctl_fionbio(&ours, true).map_err(io::Error::from)?;
        let answer = self.request(ZygoteRequest::Supervisor, Some(theirs)).await;
        let pid = supervisor_of(answer.ok_or(ProcessError::ZygoteDied)?)?;
        self.known().insert(pid);
        Ok((pid, ours))
    }

    /// Returns when the supervisor `pid`, whose socket has ended, and all it has orphaned are gone.
    pub(super) async fn await_reaped(self: &Arc<Self>, pid: Pid) {
        if self.dismissed.load(Ordering::Relaxed) {
            return;
        }
        let answer = self
            .request(ZygoteRequest::AwaitReaped(pid.as_raw_pid()), None)
            .await;
        if answer.is_none() {
            let zygote_client = Arc::clone(self);
            // It waits and reads /proc, neither of which belongs on the runtime's thread.
            tokio::task::spawn_blocking(move || zygote_client.sweep(pid))
                .await
                .ok();
        }
        self.known().remove(&pid);
    }

    /// A supervisor that ended on obs's demand.
    pub(super) fn forget(&self, pid: Pid) {
        self.known().remove(&pid);
    }

    /// Tells the zygote that obs needs it no more.
    pub(super) fn dismiss(&self) {
        self.dismissed.store(true, Ordering::Relaxed);
        shutdown(&self.socket, Shutdown::Both).ok();
    }

    /// Waits until the zygote, which is dismissed, and all supervisors are gone, and reaps it: in a
    /// container nobody else may.
    pub(super) fn close(&self) {
        let Ok(pidfd) = pidfd_open(self.zygote, PidfdFlags::empty()) else {
            return;
        };
        if poll::poll_one(&pidfd, Some(CLOSE_TIMEOUT)).is_ok_and(|gone| gone) {
            reaped(self.zygote);
        }
    }

    async fn request(&self, ask: ZygoteRequest, fd: Option<OwnedFd>) -> Option<i32> {
        let (sender, answer) = oneshot::channel();
        self.questions.send((ask, fd, sender)).ok()?;
        tokio::time::timeout(REQUEST_TIMEOUT, answer)
            .await
            .ok()?
            .ok()
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashSet<Pid>> {
        self.supervisors
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Does the zygote's work after its death.
    fn sweep(&self, dead: Pid) {
        let mut looks = CLEAN_SWEEPS;
        for _ in 0..SWEEP_ROUNDS {
            // Sockets end before children are handed on; whoever can be reaped has done both. Where
            // one is no child of obs (any more), that is true as well.
            let gone = reaped(self.zygote) & reaped(dead);
            let found = self.end_orphans();
            looks = match found {
                0 if gone => looks - 1,
                _ => CLEAN_SWEEPS,
            };
            if looks == 0 {
                return;
            }
            std::thread::sleep(SWEEP_AGAIN);
        }
    }

    /// Kills and reaps the orphans that came to obs, and everything below them.
    fn end_orphans(&self) -> usize {
        let spare = |pid: Pid| {
            pid == self.zygote
                || self.inherited.contains(&pid)
                || self.known().contains(&pid)
                // Every process of a skill bears this mark, put on by its supervisor.
                || !proc_walk::has_no_new_privileges(pid)
        };
        let found = proc_walk::signal_descendants(getpid(), &spare, Signal::KILL);
        for orphan in proc_walk::dead_children(getpid()) {
            if !spare(orphan) {
                reaped(orphan);
            }
        }
        found
    }
}

/// Reaps `pid` if it has ended. False if it is a child of this process that lives.
fn reaped(pid: Pid) -> bool {
    !matches!(waitpid(Some(pid), WaitOptions::NOHANG), Ok(None))
}

/// The conversation with the zygote; ends when it is dead or nobody asks any more. Questions
/// without an answer are dropped then, which tells their askers.
async fn event_loop(socket: Arc<UnixStream>, mut asked: mpsc::UnboundedReceiver<PendingRequest>) {
    let mut open: HashMap<u32, oneshot::Sender<i32>> = HashMap::new();
    let mut next_tag = FIRST_TAG;
    loop {
        tokio::select! {
            question = asked.recv() => {
                let Some((ask, fd, answer)) = question else { return };
                next_tag = next_tag.wrapping_add(1);
                open.insert(next_tag, answer);
                let message = ask.encode(next_tag);
                let sent = socket.async_io(Interest::WRITABLE, || {
                    let fds: Vec<_> = fd.iter().map(AsFd::as_fd).collect();
                    wire::send(&socket, &message, &fds)
                });
                if sent.await.is_err() {
                    return;
                }
            }
            answer = socket.async_io(Interest::READABLE, || receive(&socket)) => {
                let Ok(Some(answer)) = answer else { return };
                let (tag, value) = decode_reply(answer);
                if let Some(asker) = open.remove(&tag) {
                    // An asker that has left needs no answer.
                    asker.send(value).ok();
                }
            }
        }
    }
}

/// One answer; `None` at the end.
fn receive(socket: &UnixStream) -> io::Result<Option<[u8; 8]>> {
    let mut message = [0; 8];
    let (_, received) = recv(socket, &mut message, RecvFlags::empty())?;
    Ok((received == message.len()).then_some(message))
}
