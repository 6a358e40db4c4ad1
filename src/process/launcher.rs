//! Public entry point of this module: runs processes, and suspends and resumes all of them.
//!
//! Invariant: a supervisor has at most one step; it is returned only after a step that ended well.
//! While suspended, no step starts. Dropping the launcher ends its supervisors and everything that
//! they started.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::clock::RunClock;
use super::error::ProcessError;
use super::sandbox::{Confinement, SandboxSupport};
use super::spec::{ProcessEvent, ProcessExit, ProcessSpec, StopRequest};
use super::stdio::SkillPipes;
use super::step_run::{StepRun, unsendable};
use super::supervisor_handle::{Lease, SupervisorHandle, SupervisorRequest};
use super::wire::{self, CommandFrame, SupervisorReport};
use super::zygote::Zygote;
use super::zygote_client::ZygoteClient;

/// How long to wait for supervisors to acknowledge a command.
const ACKNOWLEDGE_TIMEOUT: Duration = Duration::from_secs(1);

/// Runs processes. Create it once, inside a tokio runtime with I/O and time; share it by reference.
#[derive(Debug)]
pub struct Launcher {
    zygote_client: Arc<ZygoteClient>,
    clock: RunClock,
    /// The first supervisor, while it runs a probe that was started ahead of time.
    probing: Mutex<Option<Lease>>,
    idle: Mutex<Vec<SupervisorHandle>>,
    busy: Mutex<ActiveSteps>,
    suspended: watch::Sender<bool>,
}

/// The senders for requests to running steps.
#[derive(Debug, Default)]
struct ActiveSteps {
    next: u64,
    requests: HashMap<u64, mpsc::UnboundedSender<SupervisorRequest>>,
}

/// An entry in [`ActiveSteps`].
struct ActiveGuard<'a> {
    launcher: &'a Launcher,
    key: u64,
}

impl Drop for ActiveGuard<'_> {
    fn drop(&mut self) {
        self.launcher.busy().requests.remove(&self.key);
    }
}

impl Drop for Launcher {
    fn drop(&mut self) {
        // No step is running: it would borrow this.
        self.dismiss();
        self.zygote_client.close();
    }
}

impl Launcher {
    /// A launcher that uses `zygote`. Must be called inside a tokio runtime.
    pub fn new(zygote: Zygote, clock: RunClock) -> io::Result<Self> {
        let is_probing = zygote.is_probing;
        let (zygote_client, pid, socket) = ZygoteClient::new(zygote)?;
        let zygote_client = Arc::new(zygote_client);
        let (mut probing, mut idle) = (None, Vec::new());
        if is_probing {
            probing = Some(SupervisorHandle::busy(
                pid,
                socket,
                Arc::clone(&zygote_client),
            )?);
        } else {
            idle.push(SupervisorHandle::new(
                pid,
                socket,
                Arc::clone(&zygote_client),
            )?);
        }
        Ok(Self {
            zygote_client,
            clock,
            probing: Mutex::new(probing),
            idle: Mutex::new(idle),
            busy: Mutex::default(),
            suspended: watch::Sender::new(false),
        })
    }

    /// The clock that measures grace periods.
    pub fn clock(&self) -> &RunClock {
        &self.clock
    }

    /// Runs one process until its tree has ended. `stop` may be raised at any time. `on_event` is
    /// called for each event and must not block. Dropping the future kills the tree with SIGKILL.
    ///
    /// # Errors
    /// See [`ProcessError`]. Except after [`ProcessError::Unkillable`], no started process is
    /// alive.
    pub async fn run(
        &self,
        spec: ProcessSpec,
        mut stop: watch::Receiver<StopRequest>,
        on_event: impl FnMut(ProcessEvent<'_>),
    ) -> Result<ProcessExit, ProcessError> {
        let mut spec = spec;
        self.resumed().await;
        let frame = wire::encode_start(&spec).map_err(|error| unsendable(&spec, error))?;
        let (streams, fds) =
            SkillPipes::open(spec.stdin.take(), spec.max_output_bytes, &spec.secrets)?;
        let confinement = spec.confinement.clone();
        let (mut lease, active_guard) = self.lease(frame, fds, confinement, Some(&stop)).await?;
        let run = StepRun::new(&spec, &self.clock, streams, on_event);
        let outcome = run.follow(&mut lease, &mut stop).await;
        drop(active_guard);
        if let Ok(_) | Err(ProcessError::Start { .. }) = &outcome {
            self.idle().extend(lease.finish());
        }
        outcome
    }

    /// Finds out what this machine can enforce. Only a child of a supervisor is changed.
    ///
    /// # Errors
    /// If there is no supervisor.
    pub async fn probe(&self) -> Result<SandboxSupport, ProcessError> {
        let ahead = self.probing().take();
        let (mut lease, active_guard) = if let Some(lease) = ahead {
            (lease, None)
        } else {
            let frame = wire::encode_probe();
            let (lease, active_guard) = self.lease(frame, Vec::new(), None, None).await?;
            (lease, Some(active_guard))
        };
        let report = lease.report().await;
        drop(active_guard);
        let Some(SupervisorReport::Probed(result)) = report else {
            return Err(ProcessError::SupervisorDied);
        };
        self.idle().extend(lease.finish());
        Ok(SandboxSupport::from_probe(result))
    }

    /// Makes the first supervisor prepare for a step with `confinement` while obs opens the state:
    /// a run of one step takes 1.3 ms less, of 11.4. Call this before running anything.
    pub fn prepare_ahead(&self, confinement: &Arc<Confinement>) {
        if let Some(lease) = &mut *self.probing() {
            lease.prepare(confinement);
        }
    }

    /// Lets the helper processes end when a run starts no more steps. Dropping this waits for their
    /// end.
    pub fn dismiss(&self) {
        drop(self.probing().take());
        self.idle().clear();
        self.zygote_client.dismiss();
    }

    /// Stops every running tree and returns when all have stopped. No step starts until
    /// [`Launcher::resume`].
    pub async fn suspend(&self) {
        self.suspended.send_replace(true);
        self.send_all(CommandFrame::Stop).await;
    }

    /// Continues every tree.
    pub async fn resume(&self) {
        self.send_all(CommandFrame::Continue).await;
        self.suspended.send_replace(false);
    }

    async fn resumed(&self) {
        let mut suspended = self.suspended.subscribe();
        // `self` owns the sender, so waiting can't fail.
        suspended.wait_for(|suspended| !suspended).await.ok();
    }

    async fn send_all(&self, command: CommandFrame) {
        let acknowledged: Vec<_> = self
            .busy()
            .requests
            .values()
            .filter_map(|requests| {
                let (sender, receiver) = oneshot::channel();
                requests
                    .send(SupervisorRequest::AcknowledgedCommand(command, sender))
                    .ok()?;
                Some(receiver)
            })
            .collect();
        let all = async {
            for receiver in acknowledged {
                // A supervisor that died has nothing left to stop.
                receiver.await.ok();
            }
        };
        tokio::time::timeout(ACKNOWLEDGE_TIMEOUT, all).await.ok();
    }

    /// Starts a step on an idle supervisor, or a new one, unless `stop` has been raised in the
    /// meantime.
    async fn lease(
        &self,
        frame: Vec<u8>,
        fds: Vec<OwnedFd>,
        confinement: Option<Arc<Confinement>>,
        stop: Option<&watch::Receiver<StopRequest>>,
    ) -> Result<(Lease, ActiveGuard<'_>), ProcessError> {
        let handle = if let Some(handle) = self.take_idle(confinement.as_ref()) {
            handle
        } else {
            let (pid, socket) = self.zygote_client.supervisor().await?;
            SupervisorHandle::new(pid, socket, Arc::clone(&self.zygote_client))?
        };
        // Checked again, because making a supervisor takes time. From here to the entry in the list
        // there is no await: a suspension comes before this start or finds it in the list.
        self.resumed().await;
        if stop.is_some_and(|stop| *stop.borrow() != StopRequest::None) {
            self.idle().push(handle);
            return Err(ProcessError::Stopped);
        }
        let lease = handle.lease(frame, fds, confinement);
        let mut busy = self.busy();
        let key = busy.next;
        busy.next += 1;
        busy.requests
            .extend(lease.request_sender().map(|requests| (key, requests)));
        let active_guard = ActiveGuard {
            launcher: self,
            key,
        };
        Ok((lease, active_guard))
    }

    /// The idle supervisor with the best compatibility; of several, the one that ran last.
    fn take_idle(&self, wanted: Option<&Arc<Confinement>>) -> Option<SupervisorHandle> {
        let mut idle = self.idle();
        // Supervisors that have died in the meantime are dropped.
        std::iter::from_fn(|| {
            let rated = idle.iter().enumerate();
            let (_, best) = rated
                .filter_map(|(at, handle)| Some((handle.fit(wanted)?, at)))
                .max()?;
            Some(idle.remove(best))
        })
        .find(SupervisorHandle::is_alive)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<SupervisorHandle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn probing(&self) -> MutexGuard<'_, Option<Lease>> {
        self.probing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn busy(&self) -> MutexGuard<'_, ActiveSteps> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
