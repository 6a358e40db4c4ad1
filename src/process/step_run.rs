//! One step, from its start to the end of the last process of its tree.
//!
//! Invariant: one `select!` handles everything that can happen to a step (reports, streams, stop
//! requests, the clock), so all state is in one place and nothing races with it. It returns when no
//! process of the tree is left, or with the reason why that is unknown; dropping it kills the tree.
//! The structure follows `run_test_inner` in nextest's runner.

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
use crate::model::LeakedProcesses;

/// A tree that is alive this long after SIGKILL hangs in the kernel.
const KILL_TIMEOUT: Duration = Duration::from_secs(30);

/// How far the termination of a tree has come. It only moves down this list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum TerminationPhase {
    /// The leader runs, and no stop was requested.
    Running,
    /// The leader has exited and others have not; they get the leak timeout.
    LeakTimeout,
    /// The tree got SIGTERM.
    Terminated,
    /// The tree got SIGKILL.
    Killed,
}

pub(super) struct StepRun<'a, F> {
    spec: &'a ProcessSpec,
    clock: &'a RunClock,
    start: Moment,
    streams: SkillPipes,
    on_event: F,
    state: StepState,
}

/// The mutable state of a step.
struct StepState {
    phase: TerminationPhase,
    /// When `phase` began.
    since: Moment,
    leader: Option<LeaderExit>,
    applied: Applied,
    limit_breach: Option<LimitBreach>,
    breach_to_end: Duration,
    output_limit_exceeded: bool,
    ended_by_itself: bool,
    leaked: LeakedProcesses,
}

/// An event that `select!` waits for.
enum StepRunEvent {
    Report(Option<SupervisorReport>),
    StopRequested(StopRequest),
    PipeReady(super::stdio::SkillPipe),
    PhaseTimedOut,
}

impl<'a, F: FnMut(ProcessEvent<'_>)> StepRun<'a, F> {
    pub(super) fn new(
        spec: &'a ProcessSpec,
        clock: &'a RunClock,
        streams: SkillPipes,
        on_event: F,
    ) -> Self {
        let start = clock.now();
        let state = StepState {
            phase: TerminationPhase::Running,
            since: start,
            leader: None,
            applied: Applied::default(),
            limit_breach: None,
            breach_to_end: Duration::ZERO,
            output_limit_exceeded: false,
            ended_by_itself: false,
            leaked: LeakedProcesses::default(),
        };
        Self {
            spec,
            clock,
            start,
            streams,
            on_event,
            state,
        }
    }

    /// Follows the step until its tree has ended.
    pub(super) async fn follow(
        mut self,
        lease: &mut Lease,
        stop: &mut watch::Receiver<StopRequest>,
    ) -> Result<ProcessExit, ProcessError> {
        // Level-triggered: a request made before counts too.
        stop.mark_changed();
        loop {
            let event = tokio::select! {
                report = lease.report() => StepRunEvent::Report(report),
                request = next_stop_request(stop) => StepRunEvent::StopRequested(request),
                stream = self.streams.ready() => StepRunEvent::PipeReady(stream),
                () = self.phase_timed_out() => StepRunEvent::PhaseTimedOut,
            };
            match event {
                StepRunEvent::Report(report) => {
                    if let Some(usage) = self.handle_report(report, lease)? {
                        return self.into_exit(usage);
                    }
                }
                StepRunEvent::StopRequested(StopRequest::None) => {}
                StepRunEvent::StopRequested(StopRequest::Terminate) => {
                    self.advance_to(TerminationPhase::Terminated, lease);
                }
                StepRunEvent::StopRequested(StopRequest::Kill) => {
                    self.advance_to(TerminationPhase::Killed, lease);
                }
                StepRunEvent::PipeReady(stream) => {
                    if self.streams.pump(stream, &mut self.on_event) == CapStatus::OverCap {
                        self.state.output_limit_exceeded = true;
                        self.advance_to(TerminationPhase::Killed, lease);
                    }
                }
                StepRunEvent::PhaseTimedOut => self.escalate(lease)?,
            }
        }
    }

    /// Handles a report. Returns the tree's usage if it was the last one.
    fn handle_report(
        &mut self,
        report: Option<SupervisorReport>,
        lease: &Lease,
    ) -> Result<Option<TreeUsage>, ProcessError> {
        match report.ok_or(ProcessError::SupervisorDied)? {
            SupervisorReport::Started { pid, applied } => {
                self.state.applied = applied;
                // The supervisor sends this together with the end, unless the skill runs for a
                // while.
                if !lease.has_reports() {
                    self.streams.watch()?;
                }
                (self.on_event)(ProcessEvent::Started { pid });
            }
            SupervisorReport::StartFailed { stage, errno } => {
                let source = io::Error::from_raw_os_error(errno);
                return Err(ProcessError::start(self.spec, stage, source));
            }
            SupervisorReport::LeaderExited {
                status,
                stopped,
                tree_empty,
            } => {
                self.state.leader = Some(LeaderExit::from_wait_status(status));
                self.state.ended_by_itself = !stopped;
                if !tree_empty {
                    self.advance_to(TerminationPhase::LeakTimeout, lease);
                }
            }
            SupervisorReport::TreeEnded {
                usage,
                breach,
                breach_to_end,
                leaked,
            } => {
                self.state.leaked = leaked;
                self.state.limit_breach = breach;
                self.state.breach_to_end = breach_to_end;
                return Ok(Some(usage));
            }
            SupervisorReport::Acknowledged | SupervisorReport::Probed(_) => {}
        }
        Ok(None)
    }

    /// Advances the termination of the tree to `phase`, if it is not there yet.
    fn advance_to(&mut self, phase: TerminationPhase, lease: &Lease) {
        if self.state.phase >= phase {
            return;
        }
        let grace = self.spec.grace_period;
        let survivors = self.state.leader.is_some();
        match phase {
            TerminationPhase::Running | TerminationPhase::LeakTimeout => {}
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
        self.state.phase = phase;
        self.state.since = self.clock.now();
    }

    /// Returns when the current phase has lasted long enough.
    async fn phase_timed_out(&self) {
        let budget = match self.state.phase {
            TerminationPhase::Running => return pending().await,
            TerminationPhase::LeakTimeout => self.spec.leak_timeout,
            TerminationPhase::Terminated => self.spec.grace_period,
            TerminationPhase::Killed => KILL_TIMEOUT,
        };
        self.clock
            .sleep_until_elapsed(self.state.since, budget)
            .await;
    }

    fn escalate(&mut self, lease: &Lease) -> Result<(), ProcessError> {
        match self.state.phase {
            TerminationPhase::Running => {}
            TerminationPhase::LeakTimeout => self.advance_to(TerminationPhase::Terminated, lease),
            TerminationPhase::Terminated => self.advance_to(TerminationPhase::Killed, lease),
            TerminationPhase::Killed => {
                return Err(ProcessError::Unkillable {
                    waited: KILL_TIMEOUT,
                });
            }
        }
        Ok(())
    }

    /// No process is alive any more, but the pipes may still hold output.
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
            ended_by_itself: self.state.ended_by_itself,
            leaked: Some(self.state.leaked).filter(|leaked| leaked.count > 0),
            dropped_event_lines,
            wall: self.clock.elapsed(self.start),
        })
    }
}

/// The caller's next stop request. A caller that has dropped the sender makes no more.
async fn next_stop_request(stop: &mut watch::Receiver<StopRequest>) -> StopRequest {
    match stop.changed().await {
        Ok(()) => *stop.borrow_and_update(),
        Err(_) => pending().await,
    }
}

/// The error for a specification that can't be encoded.
pub(super) fn unsendable(spec: &ProcessSpec, source: io::Error) -> ProcessError {
    ProcessError::start(spec, StartStage::Arguments, source)
}
