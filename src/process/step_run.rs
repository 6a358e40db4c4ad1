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

use super::capture::Fits;
use super::clock::{Moment, RunClock};
use super::error::ProcessError;
use super::limits::LimitBreach;
use super::sandbox::Applied;
use super::spec::{LeaderExit, ProcessEvent, ProcessExit, ProcessSpec, StartStage, Stop};
use super::stdio::Streams;
use super::supervisor_handle::Lease;
use super::tree_usage::TreeUsage;
use super::wire::{Command, Report};

/// A tree that is alive so long after SIGKILL hangs in the kernel.
const KILL_PATIENCE: Duration = Duration::from_secs(30);

/// How far the end of a tree has come. Only ever moves down this list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Ending {
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
pub(super) struct Run<'a, F> {
    spec: &'a ProcessSpec,
    clock: &'a RunClock,
    /// How long what a leader leaves behind may end by itself.
    leeway: Duration,
    begun: Moment,
    streams: Streams,
    on_event: F,
    state: State,
}

/// What has happened to it.
struct State {
    ending: Ending,
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
enum Happened {
    Reported(Option<Report>),
    Wished(Stop),
    Ready(super::stdio::Stream),
    TimeUp,
}

impl<'a, F: FnMut(ProcessEvent<'_>)> Run<'a, F> {
    pub(super) fn new(
        spec: &'a ProcessSpec,
        clock: &'a RunClock,
        leeway: Duration,
        streams: Streams,
        on_event: F,
    ) -> Self {
        let begun = clock.now();
        let state = State {
            ending: Ending::Not,
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
        stop: &mut watch::Receiver<Stop>,
    ) -> Result<ProcessExit, ProcessError> {
        // Level-triggered: what was wished before counts too.
        stop.mark_changed();
        loop {
            let happened = tokio::select! {
                report = lease.report() => Happened::Reported(report),
                wish = next_wish(stop) => Happened::Wished(wish),
                stream = self.streams.ready() => Happened::Ready(stream),
                () = self.time_up() => Happened::TimeUp,
            };
            match happened {
                Happened::Reported(report) => {
                    if let Some(usage) = self.reported(report, lease)? {
                        return self.conclude(usage);
                    }
                }
                Happened::Wished(Stop::Run) => {}
                Happened::Wished(Stop::End) => self.end(Ending::Terminated, lease),
                Happened::Wished(Stop::Kill) => self.end(Ending::Killed, lease),
                Happened::Ready(stream) => {
                    if self.streams.pump(stream, &mut self.on_event) == Fits::OverCap {
                        self.state.output_limit_exceeded = true;
                        self.end(Ending::Killed, lease);
                    }
                }
                Happened::TimeUp => self.escalate(lease)?,
            }
        }
    }

    /// Returns the tree's usage when the report was the last one.
    fn reported(
        &mut self,
        report: Option<Report>,
        lease: &Lease,
    ) -> Result<Option<TreeUsage>, ProcessError> {
        match report.ok_or(ProcessError::SupervisorDied)? {
            Report::Started { pid, applied } => {
                self.state.applied = applied;
                // This is told together with the end, unless the skill runs for a while.
                if !lease.has_reports() {
                    self.streams.watch()?;
                }
                (self.on_event)(ProcessEvent::Started { pid });
            }
            Report::StartFailed { stage, errno } => {
                let source = io::Error::from_raw_os_error(errno);
                return Err(ProcessError::start(self.spec, stage, source));
            }
            Report::LeaderExited { status, tree_empty } => {
                self.state.leader = Some(LeaderExit::from_wait_status(status));
                if !tree_empty {
                    self.end(Ending::Leeway, lease);
                }
            }
            Report::TreeEnded {
                usage,
                breach,
                breach_to_end,
            } => {
                self.state.limit_breach = breach;
                self.state.breach_to_end = breach_to_end;
                return Ok(Some(usage));
            }
            Report::Acknowledged | Report::Probed(_) => {}
        }
        Ok(None)
    }

    /// Moves the end of the tree on to `ending`, if it is not there yet.
    fn end(&mut self, ending: Ending, lease: &Lease) {
        if self.state.ending >= ending {
            return;
        }
        let grace = self.spec.grace;
        let survivors = self.state.leader.is_some();
        match ending {
            Ending::Not | Ending::Leeway => {}
            Ending::Terminated => {
                lease.tell(Command::Terminate);
                (self.on_event)(if survivors {
                    ProcessEvent::EndingSurvivors { grace }
                } else {
                    ProcessEvent::Ending { grace }
                });
            }
            Ending::Killed => lease.tell(Command::Kill),
        }
        if ending >= Ending::Terminated && survivors {
            self.state.survivors_ended = true;
        }
        self.state.ending = ending;
        self.state.since = self.clock.now();
    }

    /// Returns when the present state of the end has lasted long enough.
    async fn time_up(&self) {
        let budget = match self.state.ending {
            Ending::Not => return pending().await,
            Ending::Leeway => self.leeway,
            Ending::Terminated => self.spec.grace,
            Ending::Killed => KILL_PATIENCE,
        };
        self.clock
            .sleep_until_elapsed(self.state.since, budget)
            .await;
    }

    fn escalate(&mut self, lease: &Lease) -> Result<(), ProcessError> {
        match self.state.ending {
            Ending::Not => {}
            Ending::Leeway => self.end(Ending::Terminated, lease),
            Ending::Terminated => self.end(Ending::Killed, lease),
            Ending::Killed => {
                return Err(ProcessError::Unkillable {
                    waited: KILL_PATIENCE,
                });
            }
        }
        Ok(())
    }

    /// Nothing is alive any more; what it had written is still there.
    fn conclude(mut self, usage: TreeUsage) -> Result<ProcessExit, ProcessError> {
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
            output_limit_exceeded: self.state.output_limit_exceeded || drained == Fits::OverCap,
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
async fn next_wish(stop: &mut watch::Receiver<Stop>) -> Stop {
    match stop.changed().await {
        Ok(()) => *stop.borrow_and_update(),
        Err(_) => pending().await,
    }
}

/// The error for a specification that can't be passed on at all.
pub(super) fn unsendable(spec: &ProcessSpec, source: io::Error) -> ProcessError {
    ProcessError::start(spec, StartStage::Arguments, source)
}
