//! One step, from its start to the last process of its tree.
//!
//! Invariant: one `select!` owns everything that can happen to a step (reports, streams, the
//! caller's wish, the clock), so each state is in one place and nothing races with it. It returns
//! when no process of the tree is left, or with the reason why that is not known; dropping it ends
//! the tree. The shape is that of `run_test_inner` in nextest's runner.

use std::future::pending;
use std::io;
use std::time::Duration;

use tokio::sync::watch;

use super::capture::CapStatus;
use super::clock::{Moment, RunClock};
use super::error::ProcessError;
use super::limits::LimitBreach;
use super::sandbox::Applied;
use super::spec::{LeaderExit, ProcessEvent, ProcessExit, ProcessSpec, StartStage, StopRequest};
use super::stdio::SkillPipes;
use super::supervisor_handle::Lease;
use super::tree_usage::TreeUsage;
use super::wire::{CommandFrame, SupervisorReport};

/// A tree that is alive so long after SIGKILL hangs in the kernel.
const KILL_TIMEOUT: Duration = Duration::from_secs(30);

/// How far the end of a tree has come. Only ever moves down this list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum TerminationPhase {
    /// It runs.
    Not,
    /// The leader is gone and others are not.
    Leeway,
    /// It got SIGTERM.
    Terminated,
    /// It got SIGKILL.
    Killed,
}

/// A step that runs.
pub(super) struct StepRun<'a, F> {
    spec: &'a ProcessSpec,
    clock: &'a RunClock,
    /// How long what a leader leaves behind may end by itself.
    leeway: Duration,
    begun: Moment,
    streams: SkillPipes,
    on_event: F,
    state: RunPhase,
}

/// What has happened to it.
struct RunPhase {
    ending: TerminationPhase,
    /// When `ending` became what it is.
    since: Moment,
    leader: Option<LeaderExit>,
    applied: Applied,
    limit_breach: Option<LimitBreach>,
    breach_to_end: Duration,
    output_limit_exceeded: bool,
    survivors_ended: bool,
}

/// What `select!` saw.
enum StepRunEvent {
    Reported(Option<SupervisorReport>),
    Wished(StopRequest),
    Ready(super::stdio::SkillPipe),
    TimeUp,
}

impl<'a, F: FnMut(ProcessEvent<'_>)> StepRun<'a, F> {
    pub(super) fn new(
        spec: &'a ProcessSpec,
        clock: &'a RunClock,
        leeway: Duration,
        streams: SkillPipes,
        on_event: F,
    ) -> Self {
        let begun = clock.now();
        let state = RunPhase {
            ending: TerminationPhase::Not,
            since: begun,
            leader: None,
            applied: Applied::default(),
            limit_breach: None,
            breach_to_end: Duration::ZERO,
            output_limit_exceeded: false,
            survivors_ended: false,
        };
        Self {
            spec,
            clock,
            leeway,
            begun,
            streams,
            on_event,
            state,
        }
    }

    /// Stays with the step until its tree has ended.
    pub(super) async fn follow(
        mut self,
        lease: &mut Lease,
        stop: &mut watch::Receiver<StopRequest>,
    ) -> Result<ProcessExit, ProcessError> {
        // Level-triggered: what was wished before counts too.
        stop.mark_changed();
        loop {
            let happened = tokio::select! {
                report = lease.report() => StepRunEvent::Reported(report),
                wish = next_wish(stop) => StepRunEvent::Wished(wish),
                stream = self.streams.ready() => StepRunEvent::Ready(stream),
                () = self.time_up() => StepRunEvent::TimeUp,
            };
            match happened {
                StepRunEvent::Reported(report) => {
                    if let Some(usage) = self.reported(report, lease)? {
                        return self.into_exit(usage);
                    }
                }
                StepRunEvent::Wished(StopRequest::None) => {}
                StepRunEvent::Wished(StopRequest::Terminate) => {
                    self.end(TerminationPhase::Terminated, lease);
                }
                StepRunEvent::Wished(StopRequest::Kill) => {
                    self.end(TerminationPhase::Killed, lease);
                }
                StepRunEvent::Ready(stream) => {
                    if self.streams.pump(stream, &mut self.on_event) == CapStatus::OverCap {
                        self.state.output_limit_exceeded = true;
                        self.end(TerminationPhase::Killed, lease);
                    }
                }
                StepRunEvent::TimeUp => self.escalate(lease)?,
            }
        }
    }

    /// Returns the tree's usage when the report was the last one.
    fn reported(
        &mut self,
        report: Option<SupervisorReport>,
        lease: &Lease,
    ) -> Result<Option<TreeUsage>, ProcessError> {
        match report.ok_or(ProcessError::SupervisorDied)? {
            SupervisorReport::Started { pid, applied } => {
                self.state.applied = applied;
                // This is told together with the end, unless the skill runs for a while.
                if !lease.has_reports() {
                    self.streams.watch()?;
                }
                (self.on_event)(ProcessEvent::Started { pid });
            }
            SupervisorReport::StartFailed { stage, errno } => {
                let source = io::Error::from_raw_os_error(errno);
                return Err(ProcessError::start(self.spec, stage, source));
            }
            SupervisorReport::LeaderExited { status, tree_empty } => {
                self.state.leader = Some(LeaderExit::from_wait_status(status));
                if !tree_empty {
                    self.end(TerminationPhase::Leeway, lease);
                }
            }
            SupervisorReport::TreeEnded {
                usage,
                breach,
                breach_to_end,
            } => {
                self.state.limit_breach = breach;
                self.state.breach_to_end = breach_to_end;
                return Ok(Some(usage));
            }
            SupervisorReport::Acknowledged | SupervisorReport::Probed(_) => {}
        }
        Ok(None)
    }

    /// Moves the end of the tree on to `ending`, if it is not there yet.
    fn end(&mut self, ending: TerminationPhase, lease: &Lease) {
        if self.state.ending >= ending {
            return;
        }
        let grace = self.spec.grace_period;
        let survivors = self.state.leader.is_some();
        match ending {
            TerminationPhase::Not | TerminationPhase::Leeway => {}
            TerminationPhase::Terminated => {
                lease.send(CommandFrame::Terminate);
                (self.on_event)(if survivors {
                    ProcessEvent::EndingSurvivors { grace }
                } else {
                    ProcessEvent::Ending { grace }
                });
            }
            TerminationPhase::Killed => lease.send(CommandFrame::Kill),
        }
        if ending >= TerminationPhase::Terminated && survivors {
            self.state.survivors_ended = true;
        }
        self.state.ending = ending;
        self.state.since = self.clock.now();
    }

    /// Returns when the present state of the end has lasted long enough.
    async fn time_up(&self) {
        let budget = match self.state.ending {
            TerminationPhase::Not => return pending().await,
            TerminationPhase::Leeway => self.leeway,
            TerminationPhase::Terminated => self.spec.grace_period,
            TerminationPhase::Killed => KILL_TIMEOUT,
        };
        self.clock
            .sleep_until_elapsed(self.state.since, budget)
            .await;
    }

    fn escalate(&mut self, lease: &Lease) -> Result<(), ProcessError> {
        match self.state.ending {
            TerminationPhase::Not => {}
            TerminationPhase::Leeway => self.end(TerminationPhase::Terminated, lease),
            TerminationPhase::Terminated => self.end(TerminationPhase::Killed, lease),
            TerminationPhase::Killed => {
                return Err(ProcessError::Unkillable {
                    waited: KILL_TIMEOUT,
                });
            }
        }
        Ok(())
    }

    /// Nothing is alive any more; what it had written is still there.
    fn into_exit(mut self, usage: TreeUsage) -> Result<ProcessExit, ProcessError> {
        let drained = self.streams.drain(&mut self.on_event);
        let on_event = &mut self.on_event;
        let dropped_event_lines = self
            .streams
            .lines
            .finish(|line| on_event(ProcessEvent::EventLine(line)));
        let leader = self
            .state
            .leader
            .ok_or_else(|| io::Error::other("the tree ended without its leader"))?;
        Ok(ProcessExit {
            leader,
            stdout: self.streams.output.into_bytes(),
            output_limit_exceeded: self.state.output_limit_exceeded
                || drained == CapStatus::OverCap,
            stderr: self.streams.errors.into_excerpt(),
            usage,
            limit_breach: self.state.limit_breach,
            breach_to_end: self.state.breach_to_end,
            applied: self.state.applied,
            survivors_ended: self.state.survivors_ended,
            dropped_event_lines,
            wall: self.clock.elapsed(self.begun),
        })
    }
}

/// The caller's next wish. A caller that is gone wishes nothing more.
async fn next_wish(stop: &mut watch::Receiver<StopRequest>) -> StopRequest {
    match stop.changed().await {
        Ok(()) => *stop.borrow_and_update(),
        Err(_) => pending().await,
    }
}

/// The error for a specification that can't be passed on at all.
pub(super) fn unsendable(spec: &ProcessSpec, source: io::Error) -> ProcessError {
    ProcessError::start(spec, StartStage::Arguments, source)
}
