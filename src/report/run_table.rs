//! `obs runs`: a line for each run.
//!
//! Invariant: each line is written at once; nothing is buffered.

use std::time::Duration;

use jiff::Timestamp;

use super::summary::short_id;
use super::terminal::TerminalInfo;
use super::text::{Style, columns_of, escaped_line, paint, shorten};
use crate::model::{RunStatus, format_duration};

/// The maximum width of the assistant's name.
const ASSISTANT_COLUMNS: usize = 16;
/// The minimum width of the plan's name on a terminal.
const MIN_PLAN_COLUMNS: usize = 12;

/// A run as it is listed.
#[derive(Debug, Clone)]
pub(crate) struct RunLine {
    /// obs's own id of the run.
    pub run_id: String,
    /// The plan's file.
    pub plan: String,
    /// The assistant that wrote the plan.
    pub assistant_id: String,
    /// How it ended, or that it has not.
    pub status: RunStatus,
    /// How many records it has.
    pub records: u64,
    /// How many steps it has.
    pub steps: u64,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took; `None` if it has not ended.
    pub duration_ms: Option<u64>,
}

/// A table of runs, written line by line.
#[derive(Debug)]
pub(crate) struct RunTable {
    look: TerminalInfo,
    has_header: bool,
}

impl RunTable {
    /// An empty table.
    pub(crate) fn new(look: TerminalInfo) -> Self {
        Self {
            look,
            has_header: false,
        }
    }

    /// The line of a run, with the header before the first.
    pub(crate) fn add(&mut self, run: &RunLine) -> String {
        let time = run.duration_ms.map(Duration::from_millis);
        let cells = [
            short_id(&run.run_id),
            run.status.to_string(),
            format!("{}/{}", run.records, run.steps),
            time.map_or("-".to_owned(), format_duration),
            run.started_at.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
            shorten(&escaped_line(&run.assistant_id), ASSISTANT_COLUMNS),
            escaped_line(&run.plan),
        ];
        let tone = match run.status {
            RunStatus::Success => Style::Good,
            RunStatus::Running => Style::Active,
            RunStatus::Canceled | RunStatus::Interrupted => Style::Warn,
            RunStatus::Failed | RunStatus::Timeout | RunStatus::Rejected => Style::Bad,
        };
        let mut text = String::new();
        if !std::mem::replace(&mut self.has_header, true) {
            let titles = [
                "RUN",
                "STATUS",
                "STEPS",
                "TIME",
                "STARTED",
                "ASSISTANT",
                "PLAN",
            ];
            text = self.line(&titles.map(str::to_owned), Style::Plain);
        }
        text + &self.line(&cells, tone)
    }

    fn line(&self, cells: &[String; 7], tone: Style) -> String {
        const WIDTHS: [usize; 6] = [18, 11, 9, 8, 20, ASSISTANT_COLUMNS];
        let [.., plan] = cells;
        let mut line = String::new();
        for (at, (cell, width)) in cells.iter().zip(WIDTHS).enumerate() {
            let pad = " ".repeat(width.saturating_sub(columns_of(cell)) + 2);
            let tone = if at == 1 { tone } else { Style::Plain };
            let is_plain = tone == Style::Plain;
            line.push_str(&paint(self.look.color && !is_plain, tone, cell));
            line.push_str(&pad);
        }
        let taken: usize = WIDTHS.iter().map(|width| width + 2).sum();
        let room = self.look.usable_columns().saturating_sub(taken);
        if self.look.terminal {
            line.push_str(&shorten(plan, room.max(MIN_PLAN_COLUMNS)));
        } else {
            line.push_str(plan);
        }
        line.truncate(line.trim_end().len());
        line.push('\n');
        line
    }
}
