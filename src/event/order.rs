//! Events in the order in which things happened, also where one may be told only later.
//!
//! Invariant: what was emitted after a place was taken is sent after what is told there. A place that is
//! given up keeps nobody waiting.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::RunEvent;
use crate::mailbox::{Haste, Sender};

/// The way to the reporter.
#[derive(Debug, Clone)]
pub(super) struct InOrder(Arc<Mutex<Waiting>>);

#[derive(Debug)]
struct Waiting {
    sender: Sender<RunEvent>,
    /// The number of the first of `events`, counted from the run's beginning.
    first: u64,
    /// What can't be sent yet; the first one is a place that is still open.
    events: VecDeque<Slot>,
}

#[derive(Debug)]
enum Slot {
    Open,
    Told(RunEvent),
    GivenUp,
}

/// A place among the events of a run for one that can't be told yet.
#[derive(Debug)]
pub struct EventPlace {
    number: u64,
    all: InOrder,
}

impl EventPlace {
    /// Tells it now.
    pub fn tell(self, event: RunEvent) {
        self.all.lock().fill(self.number, Slot::Told(event));
    }
}

impl Drop for EventPlace {
    fn drop(&mut self) {
        // Where it was told, there is nothing left to give up.
        self.all.lock().fill(self.number, Slot::GivenUp);
    }
}

impl InOrder {
    pub(super) fn new(sender: Sender<RunEvent>) -> Self {
        let (first, events) = (0, VecDeque::new());
        Self(Arc::new(Mutex::new(Waiting {
            sender,
            first,
            events,
        })))
    }

    /// Sends `event`, after those that may have to wait.
    pub(super) fn emit(&self, event: RunEvent) {
        let mut waiting = self.lock();
        if waiting.events.is_empty() {
            waiting.send(event);
        } else {
            waiting.events.push_back(Slot::Told(event));
        }
    }

    /// Sends `event` at once, whatever waits.
    pub(super) fn emit_first(&self, event: RunEvent) {
        self.lock().send(event);
    }

    pub(super) fn place(&self) -> EventPlace {
        let mut waiting = self.lock();
        waiting.events.push_back(Slot::Open);
        let number = waiting.first + waiting.events.len() as u64 - 1;
        let all = self.clone();
        EventPlace { number, all }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // A panic leaves the queue whole: each change of it is one step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn send(&self, event: RunEvent) {
        // A closed channel means that the reporter has ended; the run goes on without it.
        let haste = haste_of(&event);
        self.sender.send(event, haste).ok();
    }

    /// Fills the place `number` where it is still open, and sends what waited for that.
    fn fill(&mut self, number: u64, slot: Slot) {
        let place = number
            .checked_sub(self.first)
            .and_then(|place| self.events.get_mut(usize::try_from(place).ok()?));
        let Some(open @ Slot::Open) = place else {
            return;
        };
        *open = slot;
        while let Some(Slot::Told(_) | Slot::GivenUp) = self.events.front() {
            self.first += 1;
            if let Some(Slot::Told(event)) = self.events.pop_front() {
                self.send(event);
            }
        }
    }
}

/// A step more is shown soon enough when others are; somebody waits for the rest.
fn haste_of(event: &RunEvent) -> Haste {
    match event {
        RunEvent::SignalReceived { .. }
        | RunEvent::Suspending(_)
        | RunEvent::Resumed { .. }
        | RunEvent::RunFinished(_) => Haste::Now,
        _ => Haste::Soon,
    }
}
