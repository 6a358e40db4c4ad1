//! obs's side of one supervisor.
//!
//! Invariant: one task owns the reading of a supervisor's socket, so an order to stop is carried
//! out and acknowledged also while nobody polls the step. Whoever has a [`Lease`] has the
//! supervisor for one step; dropping it before the tree has ended closes the socket at once, and
//! the supervisor kills the tree.

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

/// The most that is sent ahead of a step, in bytes: what a socket takes at once.
const MAX_AHEAD: usize = 32 * 1024;

/// What a supervisor's task is to do.
#[derive(Debug)]
pub(super) enum SupervisorRequest {
    /// Send a `StartFrame` frame with its descriptors; reports go to the sender until the tree has
    /// ended.
    Start {
        frame: Vec<u8>,
        fds: Vec<OwnedFd>,
        reports: mpsc::UnboundedSender<SupervisorReport>,
    },
    /// Send a command.
    Tell(CommandFrame),
    /// Send a command that is acknowledged.
    Ask(CommandFrame, oneshot::Sender<()>),
}

/// How well a supervisor suits a step, the best last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Compatibility {
    /// It wears no filter, so it can serve any.
    Fresh,
    /// It wears the step's filter.
    Filter,
    /// It has the step's rules as well.
    Same,
}

/// A supervisor. Dropping this closes its socket, upon which it ends what it runs, and itself.
#[derive(Debug)]
pub(super) struct SupervisorHandle {
    orders: mpsc::UnboundedSender<SupervisorRequest>,
    socket: Arc<UnixStream>,
    /// That of the last step, or of the one that it is ready for. Its filter is the supervisor's
    /// own from then on, and its rules are at hand.
    confinement: Option<Arc<Confinement>>,
}

impl SupervisorHandle {
    /// Takes a new supervisor into service.
    pub(super) fn new(
        pid: Pid,
        socket: OwnedFd,
        zygote_client: Arc<ZygoteClient>,
    ) -> io::Result<Self> {
        Self::with_reports(pid, socket, zygote_client, None)
    }

    /// Takes a new supervisor into service that has been given its first work already.
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
        let (orders, received) = mpsc::unbounded_channel();
        let connection = Connection {
            socket: Arc::clone(&socket),
            orders: received,
            inbox: FrameReader::default(),
            reports,
            acknowledged: VecDeque::new(),
        };
        tokio::spawn(serve(connection, pid, zygote_client));
        Ok(Self {
            orders,
            socket,
            confinement: None,
        })
    }

    /// How well the supervisor suits a step; none if it wears another filter than the step's.
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

    /// False if the supervisor is known to be dead. Between steps it never says anything, so there
    /// is either nothing to read or the end.
    pub(super) fn is_alive(&self) -> bool {
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        !self.orders.is_closed()
            && recv(&self.socket, &mut [0; 1], flags)
                .is_err_and(|errno| errno == rustix::io::Errno::AGAIN)
    }

    /// Has the supervisor make ready for a step with `confinement`, while obs does other work. Only
    /// before its first step.
    pub(super) fn prepare(&mut self, confinement: &Arc<Confinement>) {
        let frame = wire::encode_prepare(confinement);
        if frame.len() > MAX_AHEAD {
            return;
        }
        match wire::send(&self.socket, &frame, &[]) {
            Ok(sent) if sent == frame.len() => self.confinement = Some(Arc::clone(confinement)),
            // Nothing was said, so the step says it all.
            Err(_) => {}
            // Half a frame: nothing that follows would make sense.
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
        lease.order(SupervisorRequest::Start {
            frame,
            fds,
            reports: sender,
        });
        lease
    }
}

impl Drop for SupervisorHandle {
    fn drop(&mut self) {
        // Now, not when the task is polled: perhaps it never is again.
        shutdown(&self.socket, Shutdown::Both).ok();
    }
}

/// The right to one supervisor for one step.
#[derive(Debug)]
pub(super) struct Lease {
    /// Gone when the step has ended well.
    handle: Option<SupervisorHandle>,
    reports: mpsc::UnboundedReceiver<SupervisorReport>,
}

impl Lease {
    /// The next report; `None` when the supervisor is dead and what it had orphaned is gone too.
    pub(super) async fn report(&mut self) -> Option<SupervisorReport> {
        self.reports.recv().await
    }

    /// True if the supervisor has said more than was asked for yet.
    pub(super) fn has_reports(&self) -> bool {
        !self.reports.is_empty()
    }

    pub(super) fn send(&self, command: CommandFrame) {
        self.order(SupervisorRequest::Tell(command));
    }

    /// Where to send orders that are not the step's own.
    pub(super) fn orders(&self) -> Option<mpsc::UnboundedSender<SupervisorRequest>> {
        self.handle.as_ref().map(|handle| handle.orders.clone())
    }

    /// Like [`SupervisorHandle::prepare`].
    pub(super) fn prepare(&mut self, confinement: &Arc<Confinement>) {
        if let Some(handle) = &mut self.handle {
            handle.prepare(confinement);
        }
    }

    /// Gives the supervisor back after its last report.
    pub(super) fn finish(mut self) -> Option<SupervisorHandle> {
        self.handle.take()
    }

    fn order(&self, order: SupervisorRequest) {
        if let Some(handle) = &self.handle {
            // A task that has ended drops the reports, which is how the step learns of it.
            handle.orders.send(order).ok();
        }
    }
}

/// What the task of a supervisor works with.
struct Connection {
    socket: Arc<UnixStream>,
    orders: mpsc::UnboundedReceiver<SupervisorRequest>,
    inbox: FrameReader,
    /// Where the reports of the running step go.
    reports: Option<mpsc::UnboundedSender<SupervisorReport>>,
    acknowledged: VecDeque<oneshot::Sender<()>>,
}

/// How a supervisor's task came to its end.
enum ConnectionEnd {
    /// Nobody needs the supervisor any more, and it has no step.
    Unused,
    /// It died, or the step was abandoned: there may be processes whose end has to be awaited.
    Died,
}

/// The life of a supervisor as obs sees it.
async fn serve(mut connection: Connection, pid: Pid, zygote_client: Arc<ZygoteClient>) {
    let ended = connection.event_loop().await;
    // Of a supervisor that lives, this ends the step.
    shutdown(&connection.socket, Shutdown::Both).ok();
    match ended {
        ConnectionEnd::Unused => zygote_client.forget(pid),
        ConnectionEnd::Died => {
            connection.orders.close();
            zygote_client.await_reaped(pid).await;
        }
    }
    // Only now are the reports dropped: the step learns of the death when it is over.
}

impl Connection {
    async fn event_loop(&mut self) -> ConnectionEnd {
        loop {
            tokio::select! {
                order = self.orders.recv() => {
                    let Some(order) = order else {
                        return match self.reports {
                            None => ConnectionEnd::Unused,
                            Some(_) => ConnectionEnd::Died,
                        };
                    };
                    if self.handle(order).await.is_err() {
                        return ConnectionEnd::Died;
                    }
                }
                received = self.socket.async_io(Interest::READABLE, || {
                    self.inbox.receive(self.socket.as_fd())
                }) => {
                    if !matches!(received, Ok(true)) || self.forward().is_err() {
                        return ConnectionEnd::Died;
                    }
                }
            }
        }
    }

    async fn handle(&mut self, order: SupervisorRequest) -> io::Result<()> {
        match order {
            SupervisorRequest::Start {
                frame,
                fds,
                reports,
            } => {
                self.reports = Some(reports);
                let fds: Vec<_> = fds.iter().map(AsFd::as_fd).collect();
                self.send(&frame, &fds).await
            }
            SupervisorRequest::Tell(command) => self.send(&command.encode(), &[]).await,
            SupervisorRequest::Ask(command, asker) => {
                self.acknowledged.push_back(asker);
                self.send(&command.encode(), &[]).await
            }
        }
    }

    async fn send(&self, frame: &[u8], fds: &[std::os::fd::BorrowedFd<'_>]) -> io::Result<()> {
        let (mut sent, began) = (0, Instant::now());
        while sent < frame.len() {
            // Descriptors go with the first byte, and only once.
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

    /// Hands on what has been received whole.
    fn forward(&mut self) -> io::Result<()> {
        while let Some(frame) = self.inbox.next_frame()? {
            let report = SupervisorReport::decode(&frame)?;
            if report == SupervisorReport::Acknowledged {
                if let Some(asker) = self.acknowledged.pop_front() {
                    asker.send(()).ok();
                }
                continue;
            }
            if let Some(reports) = &self.reports {
                // A step that has left has closed the socket too.
                reports.send(report).ok();
            }
            if report.is_last() {
                self.reports = None;
            }
        }
        Ok(())
    }
}
