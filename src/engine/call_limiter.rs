//! Limits on how many calls of a skill run at once and how many start in a time, as an interface.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use super::LogError;

/// An answer of a limiter, to be awaited.
pub type LimiterFuture<'l, T> = Pin<Box<dyn Future<Output = Result<T, LogError>> + 'l>>;

/// Says when a skill may be called. It is asked before each attempt and told the end of each.
pub trait CallLimiter: fmt::Debug {
    /// Asks whether a call of `skill_id` may start now. `waiting` is the call of an earlier answer
    /// [`CallDecision::Wait`]. A call that started counts as running until [`CallLimiter::end`],
    /// until its obs is dead, or for `lease`.
    fn try_start<'l>(
        &'l self,
        skill_id: &'l str,
        waiting: Option<CallId>,
        lease: Duration,
    ) -> LimiterFuture<'l, CallDecision>;
    /// A call has ended, or does not wait any more.
    fn end<'l>(&'l self, skill_id: &'l str, call: CallId) -> LimiterFuture<'l, ()>;
}

/// A call of a limited skill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallId(pub i64);

/// A limiter's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallDecision {
    /// The skill has no limit.
    Unlimited,
    /// The call starts now.
    Started(CallId),
    /// The call has to wait.
    Wait {
        /// The call, which keeps its place in the queue.
        call: CallId,
        /// The limit, for people.
        limit: String,
        /// When to ask again.
        retry_after: Duration,
    },
}
