//! The process that owns a skill's tree: starts its leader, adopts its orphans, ends it, counts it.
//!
//! Invariant: one step at a time, and the next one is only accepted when no child is left. A
//! subreaper's descendants always hang below one of its children, so "no child" is exact. Whatever
//! happens to obs, the end of its socket ends the tree. Single threaded; every signal is blocked,
//! so nothing but its own program and SIGKILL can end it. The shape is that of bazel's
//! linux-sandbox (a pid 1 that starts one child and outlives it) and of tini.

use std::ffi::{CStr, OsStr};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, statat};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, getpid, set_child_subreaper};
use rustix::thread::{set_name, set_no_new_privs};

use super::child::{ChildSpawner, ExecSpec, StartFailure};
use super::disk::DiskMonitor;
use super::limit_monitor::LimitMonitor;
use super::limits::{LimitBreach, Limits};
use super::poll;
use super::sandbox::{Applied, SandboxBuilder, try_layers};
use super::spec::StartStage;
use super::symlinks::Opener;
use super::sys::{self, Waited};
use super::tree::{OutsideProcesses, SignalDomain, SignalDomainRules};
use super::tree_usage::TreeUsage;
use super::wire::{self, CommandFrame, FrameReader, Request, StartFrame, SupervisorReport};

/// How long a supervisor waits before it kills what is still there once more.
const KILL_AGAIN: Duration = Duration::from_millis(20);

/// How long it is not said that a step has started: most say by then that they have ended, and obs
/// is woken once and not twice.
const START_MAY_WAIT: Duration = Duration::from_millis(5);

/// So many are reaped before anything else is looked at: a tree that forks and exits as fast as it
/// can would keep a supervisor from all its other work.
const REAP_AT_ONCE: usize = 256;

/// The life of a supervisor, right after its fork. Returns when obs's end of `socket` is closed and
/// no process is left.
pub(super) fn main(
    socket: OwnedFd,
    witness: OutsideProcesses,
    rules: SignalDomainRules,
) -> io::Result<()> {
    let socket = sys::keep_only(socket)?;
    set_child_subreaper(Some(getpid()))?;
    set_name(c"obs-super")?;
    set_no_new_privs(true)?;
    // A tree that forks as fast as it can must not keep its supervisor from ending it.
    sys::ask_for_short_slices();
    let mut supervisor = Supervisor {
        signals: sys::child_signals()?,
        domain: SignalDomain::enter(witness, rules),
        spawner: ChildSpawner::new(),
        sandbox_builder: SandboxBuilder::new(),
        inbox: FrameReader::default(),
        reports: Vec::new(),
        start_waits: false,
        step: None,
        unreaped: false,
        socket,
    };
    let outcome = supervisor.serve();
    supervisor.kill_all();
    outcome
}

struct Supervisor {
    socket: OwnedFd,
    signals: OwnedFd,
    domain: SignalDomain,
    spawner: ChildSpawner,
    sandbox_builder: SandboxBuilder,
    inbox: FrameReader,
    /// Frames to be sent with the next write.
    reports: Vec<u8>,
    /// The start of a step is among them and may wait for what comes next.
    start_waits: bool,
    step: Option<SupervisedStep>,
    /// There may be more to reap.
    unreaped: bool,
}

/// The step that runs.
struct SupervisedStep {
    leader: Pid,
    leader_status: Option<i32>,
    usage: TreeUsage,
    /// Kill what turns up until nothing is left.
    killing: bool,
    watch: LimitMonitor,
    breach: Option<LimitBreach>,
    /// When the breach was seen.
    breached: Option<Instant>,
    /// obs wants the tree to stand still.
    suspended: bool,
}

impl SupervisedStep {
    /// How long nothing need be done for it.
    fn next_check_in(&self) -> Option<Duration> {
        if self.killing {
            Some(KILL_AGAIN)
        } else {
            self.watch.sample_interval()
        }
    }

    /// Ends the tree if it is over a limit. One that may be a fork bomb stands still while it is
    /// counted: else it is larger by far when it is to be ended, and keeps this process from its
    /// work.
    fn enforce_limits(&mut self, domain: &SignalDomain) {
        if self.killing || !self.watch.is_due() {
            return;
        }
        let stops = self.watch.suspect_fork_bomb() && !self.suspended;
        if stops {
            domain.signal_tree(Signal::STOP);
        }
        if let Some(breach) = self.watch.sample(self.usage.cpu) {
            self.breach = Some(breach);
            self.breached = Some(Instant::now());
            self.killing = true;
        } else if stops {
            domain.signal_tree(Signal::CONT);
        }
    }
}

impl Supervisor {
    /// Works until the socket ends.
    fn serve(&mut self) -> io::Result<()> {
        loop {
            let patience = match &self.step {
                _ if self.unreaped => Some(Duration::ZERO),
                Some(step) => step.next_check_in(),
                None => None,
            };
            let patience = if std::mem::take(&mut self.start_waits) {
                Some(patience.map_or(START_MAY_WAIT, |patience| patience.min(START_MAY_WAIT)))
            } else {
                patience
            };
            let ready = poll::poll_either(&self.socket, &self.signals, patience)?;
            if ready.signals || self.unreaped {
                sys::drain(&self.signals);
                self.reap();
            }
            if let Some(step) = &mut self.step {
                step.enforce_limits(&self.domain);
            }
            if ready.socket {
                if !self.inbox.receive(self.socket.as_fd())? {
                    return Ok(());
                }
                while let Some(frame) = self.inbox.next_frame()? {
                    self.handle(&frame)?;
                }
            }
            if self.step.as_ref().is_some_and(|step| step.killing) {
                self.domain.signal_tree(Signal::KILL);
            }
            if !self.start_waits {
                self.send_reports()?;
            }
        }
    }

    fn handle(&mut self, frame: &[u8]) -> io::Result<()> {
        match Request::decode(frame)? {
            Request::Start(start) => self.start(start),
            Request::Command(command) => {
                self.signal(command);
                Ok(())
            }
            Request::Probe => self.probe(),
            Request::Prepare(encoded) => {
                // A path may hang. What has been found out is not to wait for it.
                self.send_reports()?;
                // What is wrong with it is told to the step that wants it.
                let opener = &mut Opener::default();
                self.sandbox_builder
                    .prepare(Some(encoded), &Limits::NONE, opener)
                    .ok();
                Ok(())
            }
        }
    }

    fn signal(&mut self, command: CommandFrame) {
        // Without a step there is nobody to signal: the order was under way when the tree ended.
        if let Some(step) = &mut self.step {
            match command {
                CommandFrame::Terminate => {
                    self.domain.signal_tree(Signal::TERM);
                    // A stopped process acts on SIGTERM only when it goes on.
                    self.domain.signal_tree(Signal::CONT);
                }
                // The signal itself is sent, again and again, by the loop.
                CommandFrame::Kill => step.killing = true,
                CommandFrame::Stop => {
                    step.suspended = true;
                    self.domain.signal_tree(Signal::STOP);
                }
                CommandFrame::Continue => {
                    step.suspended = false;
                    self.domain.signal_tree(Signal::CONT);
                }
            }
        }
        if matches!(command, CommandFrame::Stop | CommandFrame::Continue) {
            SupervisorReport::Acknowledged.encode(&mut self.reports);
        }
    }

    fn start(&mut self, start: StartFrame<'_>) -> io::Result<()> {
        if self.step.is_some() {
            return Err(io::Error::other("a step is running already"));
        }
        let stdin = if start.with_stdin {
            Some(self.inbox.next_fd()?)
        } else {
            None
        };
        let streams = [
            self.inbox.next_fd()?,
            self.inbox.next_fd()?,
            self.inbox.next_fd()?,
        ];
        let limits = start.limits;
        let disk = limits
            .disk
            .map(|allowed| DiskMonitor::new(&start.directories, allowed))
            .transpose()
            .map_err(|error| StartFailure::new(StartStage::Disk, &error));
        let started =
            disk.and_then(|disk| Ok((self.spawn(start, stdin.as_ref(), &streams)?, disk)));
        let report = match started {
            Ok(((leader, applied), disk)) => {
                self.step = Some(SupervisedStep {
                    leader,
                    leader_status: None,
                    usage: TreeUsage::default(),
                    killing: false,
                    watch: LimitMonitor::new(limits, disk),
                    breach: None,
                    breached: None,
                    suspended: false,
                });
                self.start_waits = true;
                SupervisorReport::Started {
                    pid: leader.as_raw_pid(),
                    applied,
                }
            }
            Err(failure) => SupervisorReport::StartFailed {
                stage: failure.stage,
                errno: failure.errno,
            },
        };
        report.encode(&mut self.reports);
        Ok(())
    }

    fn spawn(
        &mut self,
        start: StartFrame<'_>,
        stdin: Option<&OwnedFd>,
        [stdout, stderr, events]: &[OwnedFd; 3],
    ) -> Result<(Pid, Applied), StartFailure> {
        let failed = |stage| move |errno| StartFailure { stage, errno };
        let opener = &mut Opener::default();
        let cwd = opener
            .open_directory(path(start.cwd))
            .map_err(|error| error.errno())
            .map_err(failed(StartStage::WorkingDirectory))?;
        check_program(opener, path(start.program), path(start.target))
            .map_err(failed(StartStage::Program))?;
        let prepared = self
            .sandbox_builder
            .prepare(start.encoded, &start.limits, opener)
            .map_err(|error| StartFailure::new(StartStage::Confinement, &error))?;
        let child_sandbox = prepared.child_sandbox(self.domain.skill_rules());
        let leader = self.spawner.spawn(&ExecSpec {
            program: start.program,
            cwd: sys::raw(&cwd),
            argv: start.argv,
            env: start.env,
            stdio: [
                // Descriptor 0 of a supervisor is /dev/null.
                stdin.map_or(0, sys::raw),
                sys::raw(stdout),
                sys::raw(stderr),
                sys::raw(events),
            ],
            child_sandbox: &child_sandbox,
        })?;
        let enforced = child_sandbox.applied().union(self.domain.layers());
        let missing = prepared.wanted().without(enforced);
        Ok((leader, Applied { enforced, missing }))
    }

    fn probe(&mut self) -> io::Result<()> {
        if self.step.is_some() {
            return Err(io::Error::other("a step is running"));
        }
        SupervisorReport::Probed(try_layers(self.domain.is_isolated())).encode(&mut self.reports);
        Ok(())
    }

    /// Takes in everybody who has ended, and reports the leader's end and the tree's.
    fn reap(&mut self) {
        let mut leader_ended = false;
        let mut reaped = 0;
        self.unreaped = false;
        let childless = loop {
            if reaped == REAP_AT_ONCE {
                self.unreaped = true;
                break false;
            }
            match sys::wait_any() {
                Waited::Ended { pid, status, usage } => {
                    reaped += 1;
                    if let Some(step) = &mut self.step {
                        step.usage.add(&usage);
                        if step.breach.is_none() && libc::WIFSIGNALED(status) {
                            let signal = libc::WTERMSIG(status);
                            step.breach = step.watch.breach_from_signal(signal, step.usage.cpu);
                        }
                        if pid == step.leader {
                            step.leader_status = Some(status);
                            leader_ended = true;
                        }
                    }
                }
                Waited::Running => break false,
                Waited::Childless => break true,
            }
        };
        let Some(step) = &mut self.step else { return };
        if leader_ended && let Some(status) = step.leader_status {
            SupervisorReport::LeaderExited {
                status,
                tree_empty: childless,
            }
            .encode(&mut self.reports);
        }
        if childless {
            let breach_to_end = step.breached.map_or(Duration::ZERO, |at| at.elapsed());
            let breach = step
                .watch
                .conclude(step.breach, &mut step.usage, sys::own_peak_memory);
            SupervisorReport::TreeEnded {
                usage: step.usage,
                breach,
                breach_to_end,
            }
            .encode(&mut self.reports);
            self.step = None;
        }
    }

    fn send_reports(&mut self) -> io::Result<()> {
        let mut sent = 0;
        while sent < self.reports.len() {
            sent += wire::send(&self.socket, &self.reports[sent..], &[])?;
        }
        self.reports.clear();
        Ok(())
    }

    /// Ends everything, however long that takes. Nobody is there to report to.
    fn kill_all(&mut self) {
        loop {
            self.reap();
            if let Waited::Childless = sys::wait_any() {
                return;
            }
            self.domain.signal_tree(Signal::KILL);
            poll::poll_one(&self.signals, Some(KILL_AGAIN)).ok();
            sys::drain(&self.signals);
        }
    }
}

fn path(text: &CStr) -> &Path {
    Path::new(OsStr::from_bytes(text.to_bytes()))
}

/// Makes sure that `program` leads to `target`, past no symlink but its own last component; else
/// gives an errno. Nobody can change that before it is executed: a step that may write what decides
/// it has the run to itself.
fn check_program(opener: &mut Opener, program: &Path, target: &Path) -> Result<(), i32> {
    let found = opener.open(target).map_err(|error| error.errno())?;
    if program == target {
        return Ok(());
    }
    let (Some(directory), Some(name)) = (program.parent(), program.file_name()) else {
        return Err(libc::EINVAL);
    };
    let directory = opener
        .open_directory(directory)
        .map_err(|error| error.errno())?;
    let named = statat(&*directory, name, AtFlags::empty()).map_err(Errno::raw_os_error)?;
    if found.id() == (named.st_dev, named.st_ino) {
        Ok(())
    } else {
        Err(libc::ESTALE)
    }
}
