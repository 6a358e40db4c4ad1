//! `obs logs`: the table of `run`, of any number of records.
//!
//! Invariant: rows are written in portions, so that what is kept does not grow with their number.
//! A portion that needs wider columns widens them from there on.

use super::table::{Columns, StepTable};
use super::terminal::TerminalInfo;
use crate::model::ExecutionLogRecord;

/// How many rows one portion has.
const PORTION: usize = 500;

/// A table of records, written in portions.
#[derive(Debug)]
pub struct RecordTable {
    look: TerminalInfo,
    verbose: bool,
    has_many_runs: bool,
    rows: StepTable,
    columns: Option<Columns>,
}

impl RecordTable {
    /// An empty table. With `has_many_runs` each row says which run it is of; without, the rows of
    /// a portion are in plan order.
    pub fn new(look: TerminalInfo, verbose: bool, has_many_runs: bool) -> Self {
        Self {
            look,
            verbose,
            has_many_runs,
            rows: StepTable::new(has_many_runs),
            columns: None,
        }
    }

    /// Adds a row, and returns the text of a complete portion.
    pub fn add(&mut self, record: &ExecutionLogRecord) -> String {
        self.rows.add(record);
        if self.rows.len() < PORTION {
            return String::new();
        }
        self.flush()
    }

    /// The text of all rows that were added since.
    pub fn flush(&mut self) -> String {
        let rows = std::mem::replace(&mut self.rows, StepTable::new(self.has_many_runs));
        rows.portion(self.look, self.verbose, &mut self.columns)
    }
}
