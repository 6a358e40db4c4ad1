//! obs's side of one supervisor.
//!
//! Invariant: one task reads a supervisor's socket, so a request to stop is carried out and
//! acknowledged even while nobody polls the step. A [`Lease`] gives the use of the supervisor for
//! one step; dropping it before the tree has ended closes the socket at once, and the supervisor
//! kills the tree.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

use rustix::net::{RecvFlags, Shutdown, recv, shutdown};
use rustix::process::Pid;
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};

use super::sandbox::Confinement;
use super::wire::{self, CommandFrame, FrameReader, SupervisorReport};
use super::zygote_client::ZygoteClient;

/// The largest frame that is sent ahead of a step, in bytes: what a socket takes at once.
const MAX_AHEAD: usize = 32 * 1024;

/// A request to a supervisor's task.
#[derive(Debug)]
pub(super) enum SupervisorRequest {
    /// Send a `StartFrame` with its descriptors. Reports go to the sender until the tree has ended.
    Start {
        frame: Vec<u8>,
        fds: Vec<OwnedFd>,
        reports: mpsc::UnboundedSender<SupervisorReport>,
    },
    Command(CommandFrame),
    /// Send a command that the supervisor acknowledges.
    AcknowledgedCommand(CommandFrame, oneshot::Sender<()>),
}

/// How well a supervisor suits a step, from worst to best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Compatibility {
    /// It has no filter yet, so it can serve any step.
    Fresh,
    /// It has the step's filter.
    Filter,
    /// It also has the step's ruleset.
    Same,
}

/// A supervisor. Dropping this closes its socket; the supervisor then ends its tree and exits.
#[derive(Debug)]
pub(super) struct SupervisorHandle {
    requests: mpsc::UnboundedSender<SupervisorRequest>,
    socket: Arc<UnixStream>,
    /// The confinement of the last step, or of the step that it has prepared for. The supervisor
    /// has its filter permanently, and has cached its ruleset.
    confinement: Option<Arc<Confinement>>,
}

impl SupervisorHandle {
    pub(super) fn new(
        pid: Pid,
        socket: OwnedFd,
        zygote_client: Arc<ZygoteClient>,
    ) -> io::Result<Self> {
        Self::with_reports(pid, socket, zygote_client, None)
    }

    /// A lease for a new supervisor that is already working on a request.
    pub(super) fn busy(
        pid: Pid,
        socket: OwnedFd,
        zygote_client: Arc<ZygoteClient>,
    ) -> io::Result<Lease> {
        let (sender, reports) = mpsc::unbounded_channel();
        let handle = Self::with_reports(pid, socket, zygote_client, Some(sender))?;
        let handle = Some(handle);
        Ok(Lease { handle, reports })
    }

    fn with_reports(
        pid: Pid,
        socket: OwnedFd,
        zygote_client: Arc<ZygoteClient>,
        reports: Option<mpsc::UnboundedSender<SupervisorReport>>,
    ) -> io::Result<Self> {
        let socket = Arc::new(UnixStream::from_std(socket.into())?);
        let (requests, receiver) = mpsc::unbounded_channel();
        let connection = Connection {
            socket: Arc::clone(&socket),
            requests: receiver,
            frames: FrameReader::default(),
            reports,
            acknowledged: VecDeque::new(),
        };
        tokio::spawn(serve(connection, pid, zygote_client));
        Ok(Self {
            requests,
            socket,
            confinement: None,
        })
    }

    /// How well the supervisor suits a step; `None` if it has another filter than the step's.
    pub(super) fn fit(&self, wanted: Option<&Arc<Confinement>>) -> Option<Compatibility> {
        let Some(last) = &self.confinement else {
            return Some(Compatibility::Fresh);
        };
        let wanted = wanted?;
        if Arc::ptr_eq(last, wanted) {
            return Some(Compatibility::Same);
        }
        let filter = |confinement: &Confinement| confinement.network.without_ports();
        (filter(last) == filter(wanted)).then_some(Compatibility::Filter)
    }

    /// False if the supervisor is known to be dead. Between steps it never sends anything, so there
    /// is either nothing to read or the end of the stream.
    pub(super) fn is_alive(&self) -> bool {
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        !self.requests.is_closed()
            && recv(&self.socket, &mut [0; 1], flags)
                .is_err_and(|errno| errno == rustix::io::Errno::AGAIN)
    }

    /// Makes the supervisor prepare for a step with `confinement` while obs does other work. Only
    /// before its first step.
    pub(super) fn prepare(&mut self, confinement: &Arc<Confinement>) {
        let frame = wire::encode_prepare(confinement);
        if frame.len() > MAX_AHEAD {
            return;
        }
        match wire::send(&self.socket, &frame, &[]) {
            Ok(sent) if sent == frame.len() => self.confinement = Some(Arc::clone(confinement)),
            // Nothing was sent; the step sends all of it.
            Err(_) => {}
            // Part of a frame was sent: nothing that follows would make sense.
            Ok(_) => drop(shutdown(&self.socket, Shutdown::Both)),
        }
    }

    /// Starts a step.
    pub(super) fn lease(
        mut self,
        frame: Vec<u8>,
        fds: Vec<OwnedFd>,
        confinement: Option<Arc<Confinement>>,
    ) -> Lease {
        if confinement.is_some() {
            self.confinement = confinement;
        }
        let (sender, reports) = mpsc::unbounded_channel();
        let lease = Lease {
            handle: Some(self),
            reports,
        };
        lease.request(SupervisorRequest::Start {
            frame,
            fds,
            reports: sender,
        });
        lease
    }
}

impl Drop for SupervisorHandle {
    fn drop(&mut self) {
        // Now, not when the task is polled: it may never be polled again.
        shutdown(&self.socket, Shutdown::Both).ok();
    }
}

/// The exclusive use of a supervisor for one step.
#[derive(Debug)]
pub(super) struct Lease {
    /// `None` after the step has ended well.
    handle: Option<SupervisorHandle>,
    reports: mpsc::UnboundedReceiver<SupervisorReport>,
}

impl Lease {
    /// The next report; `None` when the supervisor is dead and its orphans are gone too.
    pub(super) async fn report(&mut self) -> Option<SupervisorReport> {
        self.reports.recv().await
    }

    /// True if a report has arrived that was not received yet.
    pub(super) fn has_reports(&self) -> bool {
        !self.reports.is_empty()
    }

    pub(super) fn send(&self, command: CommandFrame) {
        self.request(SupervisorRequest::Command(command));
    }

    /// The sender for requests that are not the step's own.
    pub(super) fn request_sender(&self) -> Option<mpsc::UnboundedSender<SupervisorRequest>> {
        self.handle.as_ref().map(|handle| handle.requests.clone())
    }

    /// Like [`SupervisorHandle::prepare`].
    pub(super) fn prepare(&mut self, confinement: &Arc<Confinement>) {
        if let Some(handle) = &mut self.handle {
            handle.prepare(confinement);
        }
    }

    /// Returns the supervisor after its last report.
    pub(super) fn finish(mut self) -> Option<SupervisorHandle> {
        self.handle.take()
    }

    fn request(&self, request: SupervisorRequest) {
        if let Some(handle) = &self.handle {
            // A task that has ended drops its report sender, which tells the step.
            handle.requests.send(request).ok();
        }
    }
}

/// The state of a supervisor's task.
struct Connection {
    socket: Arc<UnixStream>,
    requests: mpsc::UnboundedReceiver<SupervisorRequest>,
    frames: FrameReader,
    /// Where the reports of the running step go.
    reports: Option<mpsc::UnboundedSender<SupervisorReport>>,
    acknowledged: VecDeque<oneshot::Sender<()>>,
}

/// How the event loop of a supervisor's task ended.
enum ConnectionEnd {
    /// The supervisor is no longer needed and has no step.
    Unused,
    /// It died, or the step was abandoned: some processes may still have to be reaped.
    Died,
}

/// The task of a supervisor.
async fn serve(mut connection: Connection, pid: Pid, zygote_client: Arc<ZygoteClient>) {
    let end = connection.event_loop().await;
    // If the supervisor is alive, this ends its step.
    shutdown(&connection.socket, Shutdown::Both).ok();
    match end {
        ConnectionEnd::Unused => zygote_client.forget(pid),
        ConnectionEnd::Died => {
            connection.requests.close();
            zygote_client.await_reaped(pid).await;
        }
    }
    // The report sender is dropped only now: the step learns of the death after everything is
    // reaped.
}

impl Connection {
    async fn event_loop(&mut self) -> ConnectionEnd {
        loop {
            tokio::select! {
                request = self.requests.recv() => {
                    let Some(request) = request else {
                        return match self.reports {
                            None => ConnectionEnd::Unused,
                            Some(_) => ConnectionEnd::Died,
                        };
                    };
                    if self.handle(request).await.is_err() {
                        return ConnectionEnd::Died;
                    }
                }
                received = self.socket.async_io(Interest::READABLE, || {
                    self.frames.receive(self.socket.as_fd())
                }) => {
                    if !matches!(received, Ok(true)) || self.forward().is_err() {
                        return ConnectionEnd::Died;
                    }
                }
            }
        }
    }

    async fn handle(&mut self, request: SupervisorRequest) -> io::Result<()> {
        match request {
            SupervisorRequest::Start {
                frame,
                fds,
                reports,
            } => {
                self.reports = Some(reports);
                let fds: Vec<_> = fds.iter().map(AsFd::as_fd).collect();
                self.send(&frame, &fds).await
            }
            SupervisorRequest::Command(command) => self.send(&command.encode(), &[]).await,
            SupervisorRequest::AcknowledgedCommand(command, sender) => {
                self.acknowledged.push_back(sender);
                self.send(&command.encode(), &[]).await
            }
        }
    }

    async fn send(&self, frame: &[u8], fds: &[std::os::fd::BorrowedFd<'_>]) -> io::Result<()> {
        let (mut sent, began) = (0, Instant::now());
        while sent < frame.len() {
            // Descriptors are sent once, with the first byte.
            let fds = if sent == 0 { fds } else { &[] };
            let part = self.socket.async_io(Interest::WRITABLE, || {
                wire::send(&self.socket, &frame[sent..], fds)
            });
            match part.await {
                Ok(length) => sent += length,
                Err(error)
                    if wire::is_fd_limit(&error) && began.elapsed() < wire::FD_LIMIT_TIMEOUT =>
                {
                    tokio::time::sleep(wire::FD_LIMIT_PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Forwards each complete report.
    fn forward(&mut self) -> io::Result<()> {
        while let Some(frame) = self.frames.next_frame()? {
            let report = SupervisorReport::decode(&frame)?;
            if report == SupervisorReport::Acknowledged {
                if let Some(sender) = self.acknowledged.pop_front() {
                    sender.send(()).ok();
                }
                continue;
            }
            let is_last = report.is_last();
            if let Some(reports) = &self.reports {
                // A dropped lease has closed the socket too.
                reports.send(report).ok();
            }
            if is_last {
                self.reports = None;
            }
        }
        Ok(())
    }
}
