//! obs's side of the zygote: requests supervisors, and makes sure that a dead one leaves no process
//! behind.
//!
//! Invariant: each request gets a reply, or its caller learns that the zygote is dead, in bounded
//! time. If the zygote is dead, obs kills the orphans instead. obs is a subreaper for that reason,
//! and kills only processes that have a supervisor's mark.

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
    CLEAN_SWEEPS, FIRST_TAG, REQUEST_TIMEOUT, SWEEP_INTERVAL, Zygote, ZygoteRequest, decode_reply,
    decode_supervisor_reply, socket_pair,
};
use super::{poll, proc_walk, wire};

/// After this many sweeps obs gives up: what is left hangs in the kernel.
const MAX_SWEEPS: u32 = 1000;

/// How long to wait for the helper processes to exit.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// A request to the zygote, the descriptor that goes with it, and the sender for the reply.
type PendingRequest = (ZygoteRequest, Option<OwnedFd>, oneshot::Sender<i32>);

#[derive(Debug)]
pub(super) struct ZygoteClient {
    requests: mpsc::UnboundedSender<PendingRequest>,
    socket: Arc<UnixStream>,
    zygote: Pid,
    inherited: HashSet<Pid>,
    /// Supervisors that are not known to be dead.
    supervisors: Mutex<HashSet<Pid>>,
    /// No step runs any more, so there can't be orphans.
    dismissed: AtomicBool,
}

impl ZygoteClient {
    /// Returns the client, and pid and socket of the first supervisor. Must be called inside a
    /// tokio runtime.
    ///
    /// # Errors
    /// The reason why the zygote or its first supervisor did not start.
    pub(super) fn new(mut zygote: Zygote) -> io::Result<(Self, Pid, OwnedFd)> {
        let first = zygote.wait()?;
        rustix::io::ioctl_fionbio(&zygote.first, true)?;
        rustix::io::ioctl_fionbio(&zygote.socket, true)?;
        // tokio only watches the descriptor, so it may be a sequential-packet socket instead of a
        // stream.
        let socket = Arc::new(UnixStream::from_std(zygote.socket.into())?);
        let (requests, receiver) = mpsc::unbounded_channel();
        tokio::spawn(event_loop(Arc::clone(&socket), receiver));
        let zygote_client = Self {
            requests,
            socket,
            zygote: zygote.pid,
            inherited: zygote.inherited,
            supervisors: Mutex::new(HashSet::from([first])),
            dismissed: AtomicBool::new(false),
        };
        Ok((zygote_client, first, zygote.first))
    }

    /// Starts a supervisor; returns its pid and obs's end of its socket.
    pub(super) async fn supervisor(&self) -> Result<(Pid, OwnedFd), ProcessError> {
        let (ours, theirs) = socket_pair(SocketType::STREAM).map_err(io::Error::from)?;
        // Only obs's end: the two ends are two open files, and the supervisor's stays blocking.
        rustix::io::ioctl_fionbio(&ours, true).map_err(io::Error::from)?;
        let reply = self.request(ZygoteRequest::Supervisor, Some(theirs)).await;
        let pid = decode_supervisor_reply(reply.ok_or(ProcessError::ZygoteDied)?)?;
        self.known().insert(pid);
        Ok((pid, ours))
    }

    /// Returns when the supervisor `pid`, whose socket has ended, and its orphans are gone.
    pub(super) async fn await_reaped(self: &Arc<Self>, pid: Pid) {
        if self.dismissed.load(Ordering::Relaxed) {
            return;
        }
        let reply = self
            .request(ZygoteRequest::AwaitReaped(pid.as_raw_pid()), None)
            .await;
        if reply.is_none() {
            let zygote_client = Arc::clone(self);
            // It sleeps and reads /proc, so it must not run on the runtime's thread.
            tokio::task::spawn_blocking(move || zygote_client.sweep(pid))
                .await
                .ok();
        }
        self.known().remove(&pid);
    }

    /// Forgets a supervisor that ended at obs's request.
    pub(super) fn forget(&self, pid: Pid) {
        self.known().remove(&pid);
    }

    /// Tells the zygote to exit.
    pub(super) fn dismiss(&self) {
        self.dismissed.store(true, Ordering::Relaxed);
        shutdown(&self.socket, Shutdown::Both).ok();
    }

    /// Waits until the dismissed zygote and all supervisors have exited, and reaps the zygote: in a
    /// container, nobody else may do it.
    pub(super) fn close(&self) {
        let Ok(pidfd) = pidfd_open(self.zygote, PidfdFlags::empty()) else {
            return;
        };
        if poll::poll_one(&pidfd, Some(CLOSE_TIMEOUT)).is_ok_and(|gone| gone) {
            reap(self.zygote);
        }
    }

    async fn request(&self, request: ZygoteRequest, fd: Option<OwnedFd>) -> Option<i32> {
        let (sender, reply) = oneshot::channel();
        self.requests.send((request, fd, sender)).ok()?;
        tokio::time::timeout(REQUEST_TIMEOUT, reply)
            .await
            .ok()?
            .ok()
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashSet<Pid>> {
        self.supervisors
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Kills orphans in place of the dead zygote.
    fn sweep(&self, dead: Pid) {
        let mut sweeps_left = CLEAN_SWEEPS;
        for _ in 0..MAX_SWEEPS {
            // A dying process closes its sockets before its children get a new parent. A process
            // that can be reaped has done both. The same holds for one that is not a child of obs
            // (any more).
            let gone = reap(self.zygote) & reap(dead);
            let found = self.kill_orphans();
            sweeps_left = match found {
                0 if gone => sweeps_left - 1,
                _ => CLEAN_SWEEPS,
            };
            if sweeps_left == 0 {
                return;
            }
            std::thread::sleep(SWEEP_INTERVAL);
        }
    }

    /// Kills and reaps the orphans that obs has adopted, and everything below them. Returns how
    /// many it found.
    fn kill_orphans(&self) -> usize {
        let exclude = |pid: Pid| {
            pid == self.zygote
                || self.inherited.contains(&pid)
                || self.known().contains(&pid)
                // Every process of a skill has this mark, which it inherits from its supervisor.
                || !proc_walk::has_no_new_privileges(pid)
        };
        let found = proc_walk::signal_descendants(getpid(), &exclude, Signal::KILL);
        for orphan in proc_walk::dead_children(getpid()) {
            if !exclude(orphan) {
                reap(orphan);
            }
        }
        found
    }
}

/// Reaps `pid` if it has ended. False if it is a living child of this process.
fn reap(pid: Pid) -> bool {
    !matches!(waitpid(Some(pid), WaitOptions::NOHANG), Ok(None))
}

/// Exchanges requests and replies with the zygote. Ends when the zygote is dead or the client is
/// dropped; the pending requests are dropped then, which tells their callers.
async fn event_loop(
    socket: Arc<UnixStream>,
    mut requests: mpsc::UnboundedReceiver<PendingRequest>,
) {
    let mut waiting: HashMap<u32, oneshot::Sender<i32>> = HashMap::new();
    let mut next_tag = FIRST_TAG;
    loop {
        tokio::select! {
            pending = requests.recv() => {
                let Some((request, fd, sender)) = pending else { return };
                next_tag = next_tag.wrapping_add(1);
                waiting.insert(next_tag, sender);
                let message = request.encode(next_tag);
                let sent = socket.async_io(Interest::WRITABLE, || {
                    let fds: Vec<_> = fd.iter().map(AsFd::as_fd).collect();
                    wire::send(&socket, &message, &fds)
                });
                if sent.await.is_err() {
                    return;
                }
            }
            reply = socket.async_io(Interest::READABLE, || receive(&socket)) => {
                let Ok(Some(reply)) = reply else { return };
                let (tag, value) = decode_reply(reply);
                if let Some(sender) = waiting.remove(&tag) {
                    // The caller may have stopped waiting.
                    sender.send(value).ok();
                }
            }
        }
    }
}

/// One reply; `None` at the end of the stream.
fn receive(socket: &UnixStream) -> io::Result<Option<[u8; 8]>> {
    let mut message = [0; 8];
    let (_, received) = recv(socket, &mut message, RecvFlags::empty())?;
    Ok((received == message.len()).then_some(message))
}
