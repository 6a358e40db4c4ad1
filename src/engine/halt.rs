//! What the end of one step means for the others.

use tokio::sync::watch;

/// What the end of one step means for the others. It only ever moves down this list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Halt {
    /// Nothing: the plan goes on.
    #[default]
    None,
    /// Nothing else starts, for this reason; what runs comes to its end.
    NoStart(String),
    /// What runs is ended too.
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

    /// Moves `halt` on to this, if it is not as far yet. The first reason is kept.
    pub(super) fn raise(self, halt: &watch::Sender<Self>) {
        halt.send_if_modified(|now| {
            let is_raised = self.level() > now.level();
            if is_raised {
                *now = self;
            }
            is_raised
        });
    }

    /// Waits until the steps that run are to end, and gives the reason.
    pub(super) async fn ends_all(halt: &mut watch::Receiver<Self>) -> String {
        let halted = halt.wait_for(|halt| matches!(halt, Self::EndAll(_))).await;
        match halted.as_deref() {
            Ok(Self::EndAll(reason)) => reason.clone(),
            // The sender was dropped.
            _ => std::future::pending().await,
        }
    }
}
