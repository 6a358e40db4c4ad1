//! One call of a step: the step itself, or one of its items.
//!
//! Invariant: everything from the breaker to the record serves both: the breaker, the attempts, the
//! time limits, the end by a signal. What comes before (arguments, policy, approval) is decided for
//! all items of a step before the first one starts; see `for_each`.

use tokio::sync::watch;

use super::ProvenStep;
use super::halt::Halt;
use super::run_state::RunState;
use crate::event::EventSender;
use crate::model::ItemPosition;

/// One call of a step.
pub(super) struct StepCall<'c> {
    pub(super) index: usize,
    pub(super) step: &'c ProvenStep,
    /// The item that the step is called with.
    pub(super) item: Option<ItemPosition>,
    /// Ends the calls of this step alone.
    pub(super) halt: watch::Sender<Halt>,
    /// Where the events of the call go.
    pub(super) events: EventSender,
}

impl<'c, E, L, B> RunState<'c, E, L, B> {
    /// The only call of the step at `index`.
    pub(super) fn step_call(&self, index: usize) -> StepCall<'c> {
        StepCall {
            index,
            step: &self.plan.steps[index],
            item: None,
            halt: watch::Sender::default(),
            events: self.options.events.clone(),
        }
    }

    /// What ends a call: the halt of the run, and that of its step.
    pub(super) fn halts(&self, call: &StepCall<'_>) -> [watch::Receiver<Halt>; 2] {
        [self.halt.subscribe(), call.halt.subscribe()]
    }

    /// A call of the step at `index` with an item. `halt` ends all its calls.
    pub(super) fn item_call(
        &self,
        index: usize,
        item: ItemPosition,
        halt: &watch::Sender<Halt>,
    ) -> StepCall<'c> {
        StepCall {
            item: Some(item),
            halt: halt.clone(),
            events: self.options.events.of_item(item.index),
            ..self.step_call(index)
        }
    }
}
