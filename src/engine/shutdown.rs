//! The one string by which the outside can pull at a run: signals.
//!
//! Invariant: the state only ever gets more urgent. It is level-triggered, so that a step that
//! starts after a signal sees it too. From cargo-nextest's signal handling: the first signal asks,
//! the second kills.

use tokio::sync::watch;

/// Which signals have arrived.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ShutdownState {
    /// None.
    #[default]
    None,
    /// One: running steps are ended with grace, no more are started.
    First(i32),
    /// A second of any kind: what runs is killed at once. Holds the first one's number, which
    /// decides the exit code.
    Second(i32),
}

impl ShutdownState {
    /// The number of the first signal.
    pub fn signal(self) -> Option<i32> {
        match self {
            Self::None => None,
            Self::First(signal) | Self::Second(signal) => Some(signal),
        }
    }
}

/// The pulling end.
#[derive(Debug)]
pub struct ShutdownSender(watch::Sender<ShutdownState>);

/// The run's end.
#[derive(Debug, Clone)]
pub struct ShutdownReceiver(watch::Receiver<ShutdownState>);

impl ShutdownSender {
    /// Makes both ends.
    pub fn new() -> (Self, ShutdownReceiver) {
        let (sender, receiver) = watch::channel(ShutdownState::None);
        (Self(sender), ShutdownReceiver(receiver))
    }

    /// A signal arrived. Gives the new state.
    pub fn signal(&self, number: i32) -> ShutdownState {
        self.0.send_modify(|state| {
            *state = match *state {
                ShutdownState::None => ShutdownState::First(number),
                ShutdownState::First(first) | ShutdownState::Second(first) => {
                    ShutdownState::Second(first)
                }
            };
        });
        *self.0.borrow()
    }
}

impl ShutdownSender {
    /// True if a second signal has arrived.
    pub fn was_forced(&self) -> bool {
        matches!(*self.0.borrow(), ShutdownState::Second(_))
    }
}

impl ShutdownReceiver {
    /// The state now.
    pub fn state(&self) -> ShutdownState {
        *self.0.borrow()
    }

    /// Waits for the second signal. For ever, if no more signals can come.
    pub async fn forced(&mut self) {
        let forced = self
            .0
            .wait_for(|state| matches!(state, ShutdownState::Second(_)))
            .await
            .is_ok();
        if !forced {
            std::future::pending::<()>().await;
        }
    }

    /// Waits until the state is another than `seen`. For ever, if no more signals can come.
    pub async fn changed_from(&mut self, seen: ShutdownState) -> ShutdownState {
        match self.0.wait_for(|state| *state != seen).await {
            Ok(state) => *state,
            Err(_) => std::future::pending().await,
        }
    }
}
