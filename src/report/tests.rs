//! Whole runs, from events to the two streams.

mod bars;
mod failures;
mod hostile;
mod live;
mod print;
mod runs;
mod tables;
