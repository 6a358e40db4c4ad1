//! `--format table`: the steps at a glance.
//!
//! Invariant: of each record only the row's text is kept, bounded and escaped.

use std::time::Duration;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use super::failure::news_of;
use super::lines::{repeats_of, retried};
use super::summary::short_id;
use super::terminal::TerminalInfo;
use super::text::{
    Style, columns_of, counted, label_of, label_of_record, last_said_line, output_line, paint,
    said_line, shorten, shorten_at_word, shorten_to_ends, time_of,
};
use crate::model::{ExecutionLogRecord, ItemCounts, StepStatus, format_duration};

/// The width of a table that is not on a terminal.
const COLUMNS_OFF_TERMINAL: usize = 120;
/// The minimum width of a detail off a terminal, however long the names are.
const MIN_DETAIL_OFF_TERMINAL: usize = 40;
/// A detail narrower than this is left out.
const MIN_DETAIL: usize = 12;
/// The minimum width of a step's name.
const MIN_NAME: usize = 8;
/// If step and skill would each be narrower than this, the step gets the whole width.
const MIN_PAIR: usize = 12;
/// The width that a name leaves to the detail if both are long.
const FAIR_DETAIL: usize = 20;
/// Columns between two columns.
const GAP: usize = 2;
/// No cell is longer than this before it is cut to its column.
const CELL_COLUMNS: usize = 400;

/// A table of more rows leaves out what needs no attention.
const FEW_ROWS: usize = 20;

/// The rows of a table, filled as steps finish.
#[derive(Debug, Default)]
pub(super) struct StepTable {
    rows: Vec<StepRow>,
    /// Each row says which run it is of.
    has_runs: bool,
}

#[derive(Debug)]
struct StepRow {
    run: String,
    index: usize,
    step: String,
    /// Empty if it is the step's own label.
    skill: String,
    status: StepStatus,
    attempts: u32,
    time: String,
    cpu: String,
    memory: String,
    detail: String,
}

impl StepTable {
    /// An empty table.
    pub(super) fn new(has_runs: bool) -> Self {
        Self {
            rows: Vec::new(),
            has_runs,
        }
    }

    /// How many rows it has.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Adds a step's row.
    pub(super) fn add(&mut self, record: &ExecutionLogRecord) {
        let ran = record.attempts > 0 || record.duration_ms > 0;
        let or_dash = |text: String| if ran { text } else { "-".to_owned() };
        let usage = &record.resource_usage;
        let detail = detail_of(record);
        let skill = Some(&*record.skill_id).filter(|skill| *skill != record.step_id);
        let detail = match &record.reused_from {
            Some(run_id) if detail.is_empty() => format!("reused from {}", short_id(run_id)),
            Some(run_id) => format!("reused from {} · {detail}", short_id(run_id)),
            None => detail,
        };
        self.rows.push(StepRow {
            run: if self.has_runs {
                short_id(&record.run_id)
            } else {
                String::new()
            },
            index: record.step_index,
            step: label_of_record(record),
            skill: skill
                .map(|skill| label_of(skill, record.step_index))
                .unwrap_or_default(),
            status: record.status,
            attempts: repeats_of(record),
            time: or_dash(time_of(record)),
            cpu: or_dash(format_duration(Duration::from_millis(usage.cpu_time_ms))),
            memory: or_dash(format!("{}MiB", usage.memory_mb)),
            detail: shorten_to_ends(&detail, CELL_COLUMNS),
        });
    }

    /// Leaves out of a long table the steps that succeeded or were skipped. Returns the line that
    /// counts them.
    pub(super) fn leave_out_good(&mut self) -> Option<String> {
        let all = self.rows.len();
        if all <= FEW_ROWS {
            return None;
        }
        let is_good =
            |row: &StepRow| matches!(row.status, StepStatus::Success | StepStatus::Skipped);
        let count = |status| self.rows.iter().filter(|row| row.status == status).count();
        let counts: Vec<String> = [StepStatus::Success, StepStatus::Skipped]
            .into_iter()
            .map(|status| (count(status), status))
            .filter(|(count, _)| *count > 0)
            .map(|(count, status)| format!("{count} {status}"))
            .collect();
        self.rows.retain(|row| !is_good(row));
        let counts = Some(counts.join(", ")).filter(|counts| !counts.is_empty())?;
        Some(format!("not shown: {counts} (-v shows all {all} steps)"))
    }

    /// The table as lines, in plan order; empty if no step ended.
    pub(super) fn render(self, look: TerminalInfo, verbose: bool) -> String {
        self.portion(look, verbose, &mut None)
    }

    /// A portion of a table. The first one has a header, and a later one widens the columns where
    /// it needs that.
    pub(super) fn portion(
        mut self,
        look: TerminalInfo,
        verbose: bool,
        columns: &mut Option<Columns>,
    ) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        if !self.has_runs {
            self.rows.sort_by_key(|row| row.index);
        }
        let is_first = columns.is_none();
        let mut widest = columns
            .as_ref()
            .map_or_else(Widest::titles, |last| last.widest);
        widest.grow(&self.rows);
        let columns = columns.insert(Columns::choose(widest, look, verbose, self.has_runs));
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_content_arrangement(ContentArrangement::Disabled);
        if is_first {
            table.set_header(columns.header(look.color));
        }
        for row in &self.rows {
            table.add_row(columns.cells(row, look.color));
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, u16::try_from(GAP).unwrap_or_default()));
        }
        if let Some(number) = table.column_mut(usize::from(self.has_runs)) {
            number.set_cell_alignment(CellAlignment::Right);
        }
        let mut text = String::new();
        for line in table.lines() {
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// The widest cell of each column so far; 0 where all are empty.
#[derive(Debug, Clone, Copy)]
struct Widest {
    run: usize,
    index: usize,
    step: usize,
    skill: usize,
    status: usize,
    time: usize,
    cpu: usize,
    memory: usize,
    detail: usize,
}

impl Widest {
    /// Those of the titles.
    fn titles() -> Self {
        Self {
            run: "RUN".len(),
            index: "#".len(),
            step: "STEP".len(),
            skill: 0,
            status: "STATUS".len(),
            time: "TIME".len(),
            cpu: "CPU".len(),
            memory: "MEM".len(),
            detail: 0,
        }
    }

    fn grow(&mut self, rows: &[StepRow]) {
        for row in rows {
            let grow = |width: &mut usize, cell: usize| *width = cell.max(*width);
            grow(&mut self.run, row.run.len());
            grow(&mut self.index, row.index.to_string().len());
            grow(&mut self.step, columns_of(&row.step));
            grow(&mut self.status, columns_of(&row.status_text()));
            grow(&mut self.time, row.time.len());
            grow(&mut self.cpu, row.cpu.len());
            grow(&mut self.memory, row.memory.len());
            if !row.skill.is_empty() {
                grow(&mut self.skill, columns_of(&row.skill).max("SKILL".len()));
            }
            if !row.detail.is_empty() {
                grow(
                    &mut self.detail,
                    columns_of(&row.detail).max("DETAIL".len()),
                );
            }
        }
    }
}

/// Which columns are shown, and the widths of those that can be shortened.
#[derive(Debug)]
pub(super) struct Columns {
    widest: Widest,
    has_runs: bool,
    step: usize,
    skill: Option<usize>,
    detail: Option<usize>,
    verbose: bool,
}

impl Columns {
    fn choose(widest: Widest, look: TerminalInfo, verbose: bool, has_runs: bool) -> Self {
        let mut fixed = widest.index + widest.status + widest.time + 3 * GAP;
        if has_runs {
            fixed += widest.run + GAP;
        }
        if verbose {
            fixed += widest.cpu + widest.memory + 2 * GAP;
        }
        let step = widest.step;
        let skill = Some(widest.skill).filter(|&skill| skill > 0);
        let detail = widest.detail;
        let says_more = detail > 0;
        if !look.terminal {
            let names = fixed + step + skill.map_or(0, |skill| skill + GAP) + GAP;
            let room = COLUMNS_OFF_TERMINAL
                .saturating_sub(names)
                .max(MIN_DETAIL_OFF_TERMINAL);
            return Self {
                widest,
                has_runs,
                step,
                skill,
                detail: says_more.then_some(room),
                verbose,
            };
        }
        let room = look.usable_columns().saturating_sub(fixed);
        let reserved = if says_more {
            detail.min(FAIR_DETAIL) + GAP
        } else {
            0
        };
        let mut chosen = Self {
            widest,
            has_runs,
            step,
            skill,
            detail: None,
            verbose,
        };
        chosen.fit(room, reserved);
        let left = room.saturating_sub(chosen.names());
        chosen.detail =
            Some(left.saturating_sub(GAP)).filter(|&width| says_more && width >= MIN_DETAIL);
        if chosen.detail.is_none() {
            (chosen.step, chosen.skill) = (step, skill);
            chosen.fit(room, 0);
        }
        chosen
    }

    /// Shortens the names so that `reserved` columns of `room` are left: first the skill, as its
    /// own column, then the step.
    fn fit(&mut self, room: usize, reserved: usize) {
        let names = room.saturating_sub(reserved);
        if let Some(skill) = self.skill {
            let half = names.saturating_sub(GAP) / 2;
            if half < MIN_PAIR {
                self.skill = None;
            } else if self.names() > names {
                self.step = self.step.min(half.max(names.saturating_sub(GAP + skill)));
                self.skill = Some(skill.min(names.saturating_sub(GAP + self.step)));
            }
        }
        if self.skill.is_none() {
            self.step = self.step.min(names.max(MIN_NAME));
        }
    }

    fn names(&self) -> usize {
        self.step + self.skill.map_or(0, |skill| skill + GAP)
    }

    fn header(&self, color: bool) -> Vec<String> {
        let heading = |text: &str| paint(color, Style::Strong, text);
        let mut cells = Vec::new();
        cells.extend(self.has_runs.then(|| heading("RUN")));
        cells.extend([heading("#"), heading("STEP")]);
        cells.extend(self.skill.map(|_| heading("SKILL")));
        cells.extend([heading("STATUS"), heading("TIME")]);
        if self.verbose {
            cells.extend([heading("CPU"), heading("MEM")]);
        }
        cells.extend(self.detail.map(|_| heading("DETAIL")));
        cells
    }

    /// The cells, as wide as their columns but for the last. With colours, every cell is painted:
    /// the codes then widen all cells of a column by the same amount.
    fn cells(&self, row: &StepRow, color: bool) -> Vec<String> {
        let widest = &self.widest;
        let painted = |tone: Style, text: &str, width: usize| {
            let pad = " ".repeat(width.saturating_sub(columns_of(text)));
            paint(color, tone, &format!("{text}{pad}"))
        };
        let plain = |text: &str, width| painted(Style::Plain, text, width);
        let mut cells = Vec::new();
        cells.extend(self.has_runs.then(|| plain(&row.run, widest.run)));
        let index = format!("{:>width$}", row.index, width = widest.index);
        cells.push(paint(color, Style::Dim, &index));
        cells.push(plain(&shorten(&row.step, self.step), self.step));
        let skill = |width| plain(&shorten(&row.skill, width), width);
        cells.extend(self.skill.map(skill));
        let tone = Style::for_status(row.status);
        cells.push(painted(tone, &row.status_text(), widest.status));
        cells.push(plain(&row.time, widest.time));
        if self.verbose {
            cells.push(plain(&row.cpu, widest.cpu));
            cells.push(plain(&row.memory, widest.memory));
        }
        let plain = |text: &str| paint(color, Style::Plain, text);
        let detail = |width| {
            plain(&if row.is_error() {
                shorten_to_ends(&row.detail, width)
            } else {
                shorten_at_word(&row.detail, width)
            })
        };
        cells.extend(self.detail.map(detail));
        cells
    }
}

/// One line about a step: its output, or why it failed; if that is the exit code alone, what it
/// said last.
fn detail_of(record: &ExecutionLogRecord) -> String {
    match (&record.error, &record.output) {
        (Some(error), _) if record.status == StepStatus::Failed && news_of(record).is_none() => {
            let streams = [&record.stderr, &record.stdout].into_iter().flatten();
            let mut said = streams.map(last_said_line);
            said.find(|line| !line.is_empty())
                .unwrap_or_else(|| said_line(error))
        }
        (Some(error), _) => said_line(error),
        (None, Some(output)) => output_line(output),
        (None, None) => record.items.map_or_else(String::new, items_line),
    }
}

/// `10 items`, `10 items: 8 ok, 2 failed`.
fn items_line(items: ItemCounts) -> String {
    let ItemCounts {
        total,
        success,
        failed,
        skipped,
    } = items;
    let counts = [(success, "ok"), (failed, "failed"), (skipped, "skipped")];
    let counts: Vec<String> = counts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let all = counted(total, "item");
    if success == total {
        return all;
    }
    format!("{all}: {}", counts.join(", "))
}

impl StepRow {
    /// True if the detail is an error, whose end says most.
    fn is_error(&self) -> bool {
        matches!(
            self.status,
            StepStatus::Failed | StepStatus::Timeout | StepStatus::Rejected
        )
    }

    fn status_text(&self) -> String {
        format!("{}{}", self.status, retried(self.attempts))
    }
}
