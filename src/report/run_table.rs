//! `obs runs`: a line for each run.
//!
//! Invariant: on a terminal no line is wider than it if that leaves the id, the status and the
//! plan's file name; elsewhere a line depends on its run alone and nothing is cut, so that scripts
//! can rely on it. Lines are written in portions, so that what is kept does not grow with their
//! number.

use std::time::Duration;

use jiff::Timestamp;

use super::age::age;
use super::terminal::TerminalInfo;
use super::text::{Style, columns_of, escaped_line, paint, shorten_middle};
use crate::model::{RunStatus, format_duration};

/// How many lines one portion has.
const PORTION: usize = 500;
/// Columns between two columns.
const GAP: usize = 2;
/// The width for the plan that is worth a column with something else.
const FAIR_PLAN: usize = 12;
/// The minimum width of the plan.
const MIN_PLAN: usize = 8;

/// A run as it is listed.
#[derive(Debug, Clone)]
pub(crate) struct RunLine {
    /// What names it, in short.
    pub short_id: String,
    /// obs's own id of the run.
    pub run_id: String,
    /// The plan's file.
    pub plan: String,
    /// How it ended, or that it has not.
    pub status: RunStatus,
    /// How many of its steps succeeded.
    pub succeeded: u64,
    /// How many did not.
    pub failed: u64,
    /// How many have neither succeeded nor failed.
    pub others: u64,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took; `None` if it has not ended.
    pub duration_ms: Option<u64>,
}

impl RunLine {
    /// `2✓ 1✗ 1–`; `2✓ 1…` while it runs.
    fn counts(&self) -> String {
        let others = if self.status == RunStatus::Running {
            "…"
        } else {
            "–"
        };
        let counts = [
            (self.succeeded, "✓"),
            (self.failed, "✗"),
            (self.others, others),
        ];
        let counts = counts.iter().filter(|(count, _)| *count > 0);
        let counts: Vec<String> = counts
            .map(|(count, mark)| format!("{count}{mark}"))
            .collect();
        counts.join(" ")
    }

    fn time(&self, now: Timestamp) -> String {
        let so_far = || now.duration_since(self.started_at).as_millis();
        let time_ms = match (self.duration_ms, self.status) {
            (Some(duration_ms), _) => Some(duration_ms),
            (None, RunStatus::Running) => u64::try_from(so_far()).ok(),
            (None, _) => None,
        };
        let time = time_ms.map(Duration::from_millis);
        time.map_or_else(|| "-".to_owned(), format_duration)
    }

    fn tone(&self) -> Style {
        match self.status {
            RunStatus::Success => Style::Good,
            RunStatus::Running => Style::Active,
            RunStatus::Waiting | RunStatus::Canceled | RunStatus::Interrupted => Style::Warn,
            RunStatus::Failed | RunStatus::Timeout | RunStatus::Rejected => Style::Bad,
        }
    }
}

/// The columns before the plan.
const TITLES: [&str; COLUMNS] = ["RUN", "STATUS", "STEPS", "TIME", "STARTED"];
const COLUMNS: usize = 5;
const STATUS: usize = 1;
/// The columns that a narrow terminal does without, in this order.
const OPTIONAL: [usize; 3] = [3, 2, 4];
/// The widths of the columns where a line depends on its run alone.
const FIXED: [usize; COLUMNS] = [36, 11, 12, 8, 20];

/// A table of runs, written in portions.
#[derive(Debug)]
pub(crate) struct RunTable {
    look: TerminalInfo,
    /// Whether times are absolute.
    utc: bool,
    now: Timestamp,
    rows: Vec<RunCells>,
    widths: [usize; COLUMNS],
    has_header: bool,
}

#[derive(Debug)]
struct RunCells {
    cells: [String; COLUMNS],
    plan: String,
    tone: Style,
}

impl RunTable {
    /// An empty table, which shows times as they are at `now`; absolute ones with `utc`.
    pub(crate) fn new(look: TerminalInfo, utc: bool, now: Timestamp) -> Self {
        Self {
            look,
            utc: utc || !look.terminal,
            now,
            rows: Vec::new(),
            widths: if look.terminal {
                TITLES.map(str::len)
            } else {
                FIXED
            },
            has_header: false,
        }
    }

    /// Adds the line of a run, and returns the text of a complete portion.
    pub(crate) fn add(&mut self, run: &RunLine) -> String {
        let id = if self.look.terminal {
            &run.short_id
        } else {
            &run.run_id
        };
        let started = if self.utc {
            run.started_at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
        } else {
            age(run.started_at, self.now)
        };
        self.rows.push(RunCells {
            cells: [
                escaped_line(id),
                run.status.to_string(),
                run.counts(),
                run.time(self.now),
                started,
            ],
            plan: escaped_line(&run.plan),
            tone: run.tone(),
        });
        if self.rows.len() < PORTION {
            return String::new();
        }
        self.flush()
    }

    /// The text of all lines that were added since, with the header before the first.
    pub(crate) fn flush(&mut self) -> String {
        let rows = std::mem::take(&mut self.rows);
        if rows.is_empty() {
            return String::new();
        }
        if self.look.terminal {
            for row in &rows {
                for (width, cell) in self.widths.iter_mut().zip(&row.cells) {
                    *width = columns_of(cell).max(*width);
                }
            }
        }
        let (shown, room) = self.layout(&rows);
        let header = RunCells {
            cells: TITLES.map(str::to_owned),
            plan: "PLAN".to_owned(),
            tone: Style::Plain,
        };
        let first = (!std::mem::replace(&mut self.has_header, true)).then_some(&header);
        let lines = first.into_iter().chain(&rows);
        lines.map(|row| self.line(row, shown, room)).collect()
    }

    /// Which columns are shown, and how many are left for the plan.
    fn layout(&self, rows: &[RunCells]) -> ([bool; COLUMNS], Option<usize>) {
        let mut shown = [true; COLUMNS];
        if !self.look.terminal {
            return (shown, None);
        }
        let widest = rows.iter().map(|row| columns_of(&row.plan)).max();
        let fair = widest.unwrap_or_default().min(FAIR_PLAN);
        let room = |shown: &[bool; COLUMNS]| {
            let taken = self.widths.iter().zip(shown).filter(|(_, shown)| **shown);
            let taken: usize = taken.map(|(width, _)| width + GAP).sum();
            self.look.usable_columns().saturating_sub(taken)
        };
        for column in OPTIONAL {
            if room(&shown) < fair {
                shown[column] = false;
            }
        }
        (shown, Some(room(&shown).max(MIN_PLAN)))
    }

    fn line(&self, row: &RunCells, shown: [bool; COLUMNS], room: Option<usize>) -> String {
        let mut line = String::new();
        for (column, cell) in row.cells.iter().enumerate() {
            if !shown[column] {
                continue;
            }
            let is_toned = column == STATUS && row.tone != Style::Plain;
            let pad = self.widths[column].saturating_sub(columns_of(cell)) + GAP;
            line.push_str(&paint(self.look.color && is_toned, row.tone, cell));
            line.push_str(&" ".repeat(pad));
        }
        match room {
            Some(room) => line.push_str(&shorten_middle(&row.plan, room)),
            None => line.push_str(&row.plan),
        }
        line.truncate(line.trim_end().len());
        line.push('\n');
        line
    }
}
