//! Signals to obs itself: the end of a run, and job control.
//!
//! Invariant: a stop by the terminal is one piece of code without an await between the stop and the
//! correction of the clock, so that no timer fires for time that obs was not there. The trees live
//! in sessions of their own and never see the terminal's SIGTSTP; they are stopped first and
//! continued last. The order of things is cargo-nextest's.

use std::convert::Infallible;
use std::io;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal as KillSignal, getpid, kill_process};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use super::{ShutdownSender, ShutdownState};
use crate::event::{EventSender, RunEvent};
use crate::process::Launcher;

/// Timeout for clearing the terminal before obs stops.
const TERMINAL_TIMEOUT: Duration = Duration::from_secs(1);

/// The signals that obs listens to. One that was ignored when obs started (`nohup`, `trap '' INT`)
/// stays ignored.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: Option<Signal>,
    terminate: Option<Signal>,
    hangup: Option<Signal>,
    stop: Option<Signal>,
}

enum SignalEvent {
    End(i32),
    Stop,
}

impl Signals {
    /// Starts to listen. From here on a Ctrl-C no longer ends the process by itself.
    pub(crate) fn listen() -> io::Result<Self> {
        let ignored = ignored_signals();
        let listen = |number: i32| {
            let is_ignored = ignored & (1 << (number - 1)) != 0;
            (!is_ignored)
                .then(|| signal(SignalKind::from_raw(number)))
                .transpose()
        };
        Ok(Self {
            interrupt: listen(libc::SIGINT)?,
            terminate: listen(libc::SIGTERM)?,
            hangup: listen(libc::SIGHUP)?,
            stop: listen(libc::SIGTSTP)?,
        })
    }

    /// Passes signals on to the run. Never returns; dropped when the run is over.
    pub(crate) async fn forward(
        &mut self,
        controller: &ShutdownSender,
        launcher: &Launcher,
        events: &EventSender,
    ) -> Infallible {
        loop {
            match self.next().await {
                SignalEvent::Stop => stop_with_the_terminal(launcher, events).await,
                SignalEvent::End(number) => {
                    let state = controller.signal(number);
                    let forced = matches!(state, ShutdownState::Second(_));
                    events.emit(RunEvent::SignalReceived {
                        signal: number,
                        forced,
                    });
                }
            }
        }
    }

    /// Waits for a signal that wants obs to end.
    pub(crate) async fn recv_shutdown(&mut self) {
        while let SignalEvent::Stop = self.next().await {}
    }

    async fn next(&mut self) -> SignalEvent {
        tokio::select! {
            () = arrival(&mut self.interrupt) => SignalEvent::End(libc::SIGINT),
            () = arrival(&mut self.terminate) => SignalEvent::End(libc::SIGTERM),
            () = arrival(&mut self.hangup) => SignalEvent::End(libc::SIGHUP),
            () = arrival(&mut self.stop) => SignalEvent::Stop,
        }
    }
}

async fn arrival(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// The signals that are ignored as this process stands, one bit each; none if that can't be known.
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or_default()
}

/// Ctrl-Z: trees, screen, obs. Then `fg`: clock, trees, screen.
async fn stop_with_the_terminal(launcher: &Launcher, events: &EventSender) {
    launcher.suspend().await;
    let (in_order, screen) = oneshot::channel();
    events.emit(RunEvent::PauseTerminal(in_order));
    // A screen that can't be put in order, because nobody reads it, stops obs no later than this.
    tokio::time::timeout(TERMINAL_TIMEOUT, screen).await.ok();

    let stopped_at = Instant::now();
    stop_this_process();
    let stopped_for = stopped_at.elapsed();
    launcher.clock().add_suspended(stopped_for);

    events.emit(RunEvent::Resumed { stopped_for });
    launcher.resume().await;
}

/// Returns after a SIGCONT. On failure obs keeps running, the lesser evil.
fn stop_this_process() {
    let this: Pid = getpid();
    kill_process(this, KillSignal::STOP).ok();
}
