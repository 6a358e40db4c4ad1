//! The process that owns a skill's process tree: starts the leader, adopts orphans, measures the
//! tree and ends it.
//!
//! Invariant: it runs one step at a time and accepts the next one only when it has no child. Every
//! descendant of a subreaper is below one of its children, so "no child" is exact. If obs dies, the
//! end of its socket ends the tree. The process is single-threaded and blocks every signal, so only
//! its own code and SIGKILL can end it. The design follows bazel's linux-sandbox (a pid 1 that
//! starts one child and outlives it) and tini.

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
use super::sandbox::{Applied, SandboxBuilder, try_layers};
use super::spec::StartStage;
use super::symlinks::Opener;
use super::sys::{self, Waited};
use super::tree::{OutsideProcesses, SignalDomain, SignalDomainRules};
use super::tree_usage::TreeUsage;
use super::wire::{self, CommandFrame, FrameReader, Request, StartFrame, SupervisorReport};
use super::{poll, proc_walk};
use crate::model::LeakedProcesses;

/// The time between two SIGKILLs to a tree that has not ended.
const KILL_INTERVAL: Duration = Duration::from_millis(20);

/// The longest time that the report of a start is held back. Most steps end before that, and obs
/// wakes once instead of twice.
const MAX_START_DELAY: Duration = Duration::from_millis(5);

/// The most processes that are reaped in one turn of the loop: a tree that forks and exits as fast
/// as it can would keep the supervisor from all other work.
const MAX_REAPED_PER_TURN: usize = 256;

/// The main function of a supervisor after its fork. Returns when obs's end of `socket` is closed
/// and no process is left.
pub(super) fn main(
    socket: OwnedFd,
    outside: OutsideProcesses,
    rules: SignalDomainRules,
) -> io::Result<()> {
    let socket = sys::keep_only(socket)?;
    set_child_subreaper(Some(getpid()))?;
    set_name(c"obs-super")?;
    set_no_new_privs(true)?;
    // A tree that forks as fast as it can must not starve its supervisor.
    sys::request_short_slices();
    let mut supervisor = Supervisor {
        signals: sys::child_signals()?,
        domain: SignalDomain::enter(outside, rules),
        spawner: ChildSpawner::new(),
        sandbox_builder: SandboxBuilder::new(),
        frames: FrameReader::default(),
        reports: Vec::new(),
        start_delayed: false,
        step: None,
        may_reap_more: false,
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
    frames: FrameReader,
    /// Frames for the next write.
    reports: Vec<u8>,
    /// `reports` contains the start of a step, which may wait for the next report.
    start_delayed: bool,
    step: Option<SupervisedStep>,
    /// The last turn stopped reaping at its maximum.
    may_reap_more: bool,
}

struct SupervisedStep {
    leader: Pid,
    leader_status: Option<i32>,
    usage: TreeUsage,
    /// Send SIGKILL until no process is left.
    killing: bool,
    monitor: LimitMonitor,
    breach: Option<LimitBreach>,
    /// When the breach was detected.
    breached_at: Option<Instant>,
    /// obs has suspended the tree.
    suspended: bool,
    /// A stop request arrived while the leader was running.
    stopped: bool,
    /// What was alive when a stop request arrived after the leader had exited.
    leaked: LeakedProcesses,
}

impl SupervisedStep {
    /// Notes what a stop request is about to end.
    fn note_stop(&mut self) {
        if self.leader_status.is_none() {
            self.stopped = true;
        } else if self.leaked.count == 0 {
            self.leaked = proc_walk::list_leaked(getpid());
        }
    }

    /// The time until this step needs attention.
    fn next_check_in(&self) -> Option<Duration> {
        if self.killing {
            Some(KILL_INTERVAL)
        } else {
            self.monitor.sample_interval()
        }
    }

    /// Ends the tree if it exceeds a limit. A possible fork bomb is stopped while it is counted:
    /// otherwise it would be much larger when it is killed, and would starve this process.
    fn enforce_limits(&mut self, domain: &SignalDomain) {
        if self.killing || !self.monitor.is_due() {
            return;
        }
        let pauses = self.monitor.suspect_fork_bomb() && !self.suspended;
        if pauses {
            domain.signal_tree(Signal::STOP);
        }
        if let Some(breach) = self.monitor.sample(self.usage.cpu) {
            self.breach = Some(breach);
            self.breached_at = Some(Instant::now());
            self.killing = true;
        } else if pauses {
            domain.signal_tree(Signal::CONT);
        }
    }
}

impl Supervisor {
    /// The event loop; returns when the socket ends.
    fn serve(&mut self) -> io::Result<()> {
        loop {
            let timeout = match &self.step {
                _ if self.may_reap_more => Some(Duration::ZERO),
                Some(step) => step.next_check_in(),
                None => None,
            };
            let timeout = if std::mem::take(&mut self.start_delayed) {
                Some(timeout.map_or(MAX_START_DELAY, |timeout| timeout.min(MAX_START_DELAY)))
            } else {
                timeout
            };
            let ready = poll::poll_either(&self.socket, &self.signals, timeout)?;
            if ready.signals || self.may_reap_more {
                sys::drain(&self.signals);
                self.reap();
            }
            if let Some(step) = &mut self.step {
                step.enforce_limits(&self.domain);
            }
            if ready.socket {
                if !self.frames.receive(self.socket.as_fd())? {
                    return Ok(());
                }
                while let Some(frame) = self.frames.next_frame()? {
                    self.handle(&frame)?;
                }
            }
            if self.step.as_ref().is_some_and(|step| step.killing) {
                self.domain.signal_tree(Signal::KILL);
            }
            if !self.start_delayed {
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
                // Opening a path may hang, and pending reports must not wait for it.
                self.send_reports()?;
                // An error is reported by the step that uses the confinement.
                let opener = &mut Opener::default();
                self.sandbox_builder
                    .prepare(Some(encoded), &Limits::NONE, opener)
                    .ok();
                Ok(())
            }
        }
    }

    fn signal(&mut self, command: CommandFrame) {
        // Without a step there is nothing to signal: the tree ended before the command arrived.
        if let Some(step) = &mut self.step {
            match command {
                CommandFrame::Terminate => {
                    step.note_stop();
                    self.domain.signal_tree(Signal::TERM);
                    // A stopped process handles SIGTERM only after SIGCONT.
                    self.domain.signal_tree(Signal::CONT);
                }
                // The event loop sends the signal repeatedly.
                CommandFrame::Kill => {
                    step.note_stop();
                    step.killing = true;
                }
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
            Some(self.frames.next_fd()?)
        } else {
            None
        };
        let streams = [
            self.frames.next_fd()?,
            self.frames.next_fd()?,
            self.frames.next_fd()?,
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
                    monitor: LimitMonitor::new(limits, disk),
                    breach: None,
                    breached_at: None,
                    suspended: false,
                    stopped: false,
                    leaked: LeakedProcesses::default(),
                });
                self.start_delayed = true;
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
        let failed_at = |stage| move |errno| StartFailure { stage, errno };
        let opener = &mut Opener::default();
        let cwd = opener
            .open_directory(path(start.cwd))
            .map_err(|error| error.errno())
            .map_err(failed_at(StartStage::WorkingDirectory))?;
        check_program(opener, path(start.program), path(start.target))
            .map_err(failed_at(StartStage::Program))?;
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
        SupervisorReport::Probed(try_layers(self.domain.proof())).encode(&mut self.reports);
        Ok(())
    }

    /// Reaps ended processes, and reports the end of the leader and of the tree.
    fn reap(&mut self) {
        let mut leader_ended = false;
        let mut reaped = 0;
        self.may_reap_more = false;
        let childless = loop {
            if reaped == MAX_REAPED_PER_TURN {
                self.may_reap_more = true;
                break false;
            }
            match sys::wait_any() {
                Waited::Ended { pid, status, usage } => {
                    reaped += 1;
                    if let Some(step) = &mut self.step {
                        step.usage.add(&usage);
                        if step.breach.is_none() && libc::WIFSIGNALED(status) {
                            let signal = libc::WTERMSIG(status);
                            step.breach = step.monitor.breach_from_signal(signal, step.usage.cpu);
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
                stopped: step.stopped,
                tree_empty: childless,
            }
            .encode(&mut self.reports);
        }
        if childless {
            let breach_to_end = step.breached_at.map_or(Duration::ZERO, |at| at.elapsed());
            let breach = step
                .monitor
                .conclude(step.breach, &mut step.usage, sys::own_peak_memory);
            SupervisorReport::TreeEnded {
                usage: step.usage,
                breach,
                breach_to_end,
                leaked: std::mem::take(&mut step.leaked),
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

    /// Kills the tree and waits until it is gone. There is no reader for reports.
    fn kill_all(&mut self) {
        loop {
            self.reap();
            if let Waited::Childless = sys::wait_any() {
                return;
            }
            self.domain.signal_tree(Signal::KILL);
            poll::poll_one(&self.signals, Some(KILL_INTERVAL)).ok();
            sys::drain(&self.signals);
        }
    }
}

fn path(text: &CStr) -> &Path {
    Path::new(OsStr::from_bytes(text.to_bytes()))
}

/// Checks that `program` leads to `target`, with no symlink except its own last component; returns
/// an errno otherwise. This can't change before the exec, because a step that may write to any part
/// of the path runs alone.
fn check_program(opener: &mut Opener, program: &Path, target: &Path) -> Result<(), i32> {
    let actual = opener.open(target).map_err(|error| error.errno())?;
    if program == target {
        return Ok(());
    }
    let (Some(directory), Some(name)) = (program.parent(), program.file_name()) else {
        return Err(libc::EINVAL);
    };
    let directory = opener
        .open_directory(directory)
        .map_err(|error| error.errno())?;
    let entry = statat(&*directory, name, AtFlags::empty()).map_err(Errno::raw_os_error)?;
    if actual.id() == (entry.st_dev, entry.st_ino) {
        Ok(())
    } else {
        Err(libc::ESTALE)
    }
}
