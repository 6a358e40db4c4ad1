//! Whole runs, from events to the two streams.

mod bars;
mod failures;
mod hostile;
mod live;
mod print;
mod run_tables;
mod runs;
mod tables;
