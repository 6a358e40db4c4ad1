//! The effect of one step's end on the other steps.

use tokio::sync::watch;

/// The effect of one step's end on the other steps. It only moves down this list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Halt {
    /// The plan continues.
    #[default]
    None,
    /// No further step starts, for this reason; running steps finish.
    NoStart(String),
    /// Running steps are terminated as well.
    EndAll(String),
}

impl Halt {
    fn level(&self) -> u8 {
        match self {
            Self::None => 0,
            Self::NoStart(_) => 1,
            Self::EndAll(_) => 2,
        }
    }

    /// Raises `halt` to this level if it is lower. The first reason is kept.
    pub(super) fn raise(self, halt: &watch::Sender<Self>) {
        halt.send_if_modified(|now| {
            let is_raised = self.level() > now.level();
            if is_raised {
                *now = self;
            }
            is_raised
        });
    }

    /// Waits until one of two halts says that running steps must terminate, and returns the reason.
    pub(super) async fn one_ends_all([one, other]: &mut [watch::Receiver<Self>; 2]) -> String {
        tokio::select! {
            biased;
            reason = Self::ends_all(one) => reason,
            reason = Self::ends_all(other) => reason,
        }
    }

    /// Waits until running steps must terminate, and returns the reason.
    async fn ends_all(halt: &mut watch::Receiver<Self>) -> String {
        let halted = halt.wait_for(|halt| matches!(halt, Self::EndAll(_))).await;
        match halted.as_deref() {
            Ok(Self::EndAll(reason)) => reason.clone(),
            // The sender was dropped.
            _ => std::future::pending().await,
        }
    }
}
