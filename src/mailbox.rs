//! A queue between threads whose reader is woken once for many letters.
//!
//! Invariant: letters come out in the order in which they were put in, and none is lost. One that is urgent
//! wakes the reader at once; the others wake it after a moment in which more may come, so that a thread which
//! does something small for each step is not woken for each of them. The idea is that of
//! `commit_delay` in `PostgreSQL`.

use std::collections::VecDeque;
use std::fmt;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How soon a letter is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Haste {
    /// Somebody waits for it.
    Now,
    /// It may wait for others.
    Soon,
}

/// The end to put letters into.
pub struct Sender<T>(Arc<Mailbox<T>>);

/// The end to read from.
pub struct Receiver<T> {
    all: Arc<Mailbox<T>>,
    /// How long a letter that is not urgent may wait for others.
    moment: Duration,
}

struct Mailbox<T> {
    letters: Mutex<Letters<T>>,
    news: Condvar,
}

struct Letters<T> {
    waiting: VecDeque<T>,
    is_urgent: bool,
    senders: usize,
    is_read: bool,
}

/// Makes a mailbox. A letter that is not urgent waits at most a `moment` for others.
pub fn mailbox<T>(moment: Duration) -> (Sender<T>, Receiver<T>) {
    let all = Arc::new(Mailbox {
        letters: Mutex::new(Letters {
            waiting: VecDeque::new(),
            is_urgent: false,
            senders: 1,
            is_read: true,
        }),
        news: Condvar::new(),
    });
    (Sender(Arc::clone(&all)), Receiver { all, moment })
}

impl<T> Mailbox<T> {
    fn lock(&self) -> MutexGuard<'_, Letters<T>> {
        // A panic leaves the letters whole: each change of them is one step.
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Letters<T> {
    fn is_open(&self) -> bool {
        self.senders > 0
    }
}

impl<T> Sender<T> {
    /// Puts a letter in. Never waits.
    ///
    /// # Errors
    /// The letter, where nobody will read it.
    pub fn send(&self, letter: T, haste: Haste) -> Result<(), T> {
        let mut letters = self.0.lock();
        if !letters.is_read {
            return Err(letter);
        }
        let is_first = letters.waiting.is_empty();
        let becomes_urgent = haste == Haste::Now && !letters.is_urgent;
        letters.waiting.push_back(letter);
        letters.is_urgent |= becomes_urgent;
        drop(letters);
        if is_first || becomes_urgent {
            self.0.news.notify_one();
        }
        Ok(())
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.lock().senders += 1;
        Self(Arc::clone(&self.0))
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut letters = self.0.lock();
        letters.senders -= 1;
        let is_last = !letters.is_open();
        drop(letters);
        if is_last {
            self.0.news.notify_one();
        }
    }
}

impl<T> Receiver<T> {
    /// Waits for letters and takes them all; empty where none will come any more.
    pub fn recv(&self) -> VecDeque<T> {
        let waits = |letters: &mut Letters<T>| letters.waiting.is_empty() && letters.is_open();
        let letters = self.all.news.wait_while(self.all.lock(), waits);
        self.gather(letters.unwrap_or_else(PoisonError::into_inner), self.moment)
    }

    /// Waits at most `patience` for letters and takes them all.
    ///
    /// # Errors
    /// `Timeout` when none came, `Disconnected` when none will come.
    pub fn recv_timeout(&self, patience: Duration) -> Result<VecDeque<T>, RecvTimeoutError> {
        let waits = |letters: &mut Letters<T>| letters.waiting.is_empty() && letters.is_open();
        let letters = self.all.lock();
        let waited = self.all.news.wait_timeout_while(letters, patience, waits);
        let (letters, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match (letters.waiting.is_empty(), letters.is_open()) {
            (true, true) => Err(RecvTimeoutError::Timeout),
            (true, false) => Err(RecvTimeoutError::Disconnected),
            (false, _) => Ok(self.gather(letters, self.moment.min(patience))),
        }
    }

    /// Takes the letters, after a moment in which more may come.
    fn gather(&self, letters: MutexGuard<'_, Letters<T>>, moment: Duration) -> VecDeque<T> {
        let waits = |letters: &mut Letters<T>| !letters.is_urgent && letters.is_open();
        let waited = self.all.news.wait_timeout_while(letters, moment, waits);
        let (mut letters, _) = waited.unwrap_or_else(PoisonError::into_inner);
        letters.is_urgent = false;
        std::mem::take(&mut letters.waiting)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut letters = self.all.lock();
        letters.is_read = false;
        let unread = std::mem::take(&mut letters.waiting);
        drop(letters);
        // What they hold may send too.
        drop(unread);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So long that a test which had to wait for its end would be noticed.
    const LONG: Duration = Duration::from_hours(1);

    #[test]
    fn an_urgent_letter_brings_those_before_it_along() {
        let (sender, receiver) = mailbox(LONG);
        let reader = std::thread::spawn(move || (receiver.recv(), receiver.recv()));
        for letter in 0..3 {
            sender.send(letter, Haste::Soon).unwrap();
        }
        sender.send(3, Haste::Now).unwrap();
        sender.send(4, Haste::Soon).unwrap();
        drop(sender);
        let (mut first, second) = reader.join().unwrap();
        // None of them has woken the reader before.
        assert!(first.len() >= 4, "{first:?}");
        first.extend(second);
        assert_eq!(first, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn letters_that_are_not_urgent_come_after_a_moment() {
        let (sender, receiver) = mailbox(Duration::from_millis(1));
        sender.send(1, Haste::Soon).unwrap();
        assert_eq!(receiver.recv(), [1]);
        assert_eq!(
            receiver.recv_timeout(Duration::ZERO),
            Err(RecvTimeoutError::Timeout)
        );
        // Whoever does not want to wait does not.
        let (sender, receiver) = mailbox(LONG);
        sender.send(1, Haste::Soon).unwrap();
        assert_eq!(receiver.recv_timeout(Duration::ZERO).unwrap(), [1]);
    }

    #[test]
    fn both_ends_hear_of_the_end_of_the_other() {
        let (sender, receiver) = mailbox(LONG);
        let other = sender.clone();
        drop(sender);
        other.send(1, Haste::Soon).unwrap();
        drop(other);
        assert_eq!(receiver.recv(), [1]);
        assert!(receiver.recv().is_empty());
        assert_eq!(
            receiver.recv_timeout(LONG),
            Err(RecvTimeoutError::Disconnected)
        );
        let (sender, receiver) = mailbox(LONG);
        drop(receiver);
        assert_eq!(sender.send(1, Haste::Now), Err(1));
    }
}
