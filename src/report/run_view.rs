//! `obs show`: a run from its records, as it was reported, and one step with all that is kept.
//!
//! Invariant: of each record only the text of its row and its report is kept, and of reports only
//! the first [`REPORTS`], so that what is kept does not grow with what the skills wrote.

use jiff::Timestamp;

use super::age::age;
use super::failure::{ReportLook, StepReport, is_reported, render, report_of};
use super::summary::RunStats;
use super::table::StepTable;
use super::terminal::TerminalInfo;
use super::text::{counted, escaped_line, time_of};
use crate::event::{RunSummary, StepDetail};
use crate::model::{Excerpt, ExecutionLogRecord, format_duration, json_pretty};

/// How many failures and warnings are reported.
const REPORTS: usize = 50;

/// A run that is shown from its records.
#[derive(Debug)]
pub(crate) struct RunView {
    look: TerminalInfo,
    verbose: bool,
    stats: RunStats,
    table: StepTable,
    /// The step's place in the plan, and the report.
    reports: Vec<((usize, Option<usize>), String)>,
    unreported: usize,
}

impl RunView {
    /// A run without records.
    pub(crate) fn new(look: TerminalInfo, verbose: bool) -> Self {
        Self {
            look,
            verbose,
            stats: RunStats::default(),
            table: StepTable::default(),
            reports: Vec::new(),
            unreported: 0,
        }
    }

    /// Adds a record.
    pub(crate) fn add(&mut self, record: &ExecutionLogRecord) {
        self.stats.count(record);
        if record.item_index.is_none() {
            self.table.add(record);
        }
        if !is_reported(record) {
            return;
        }
        if self.reports.len() == REPORTS {
            self.unreported += 1;
            return;
        }
        let look = ReportLook::new(self.look, self.verbose);
        let report = render(record, &StepDetail::default(), look);
        let place = (record.step_index, record.item_index);
        self.reports.push((place, report));
    }

    /// The run as text: how it ended, what names it, the command that resumes it, its failures and
    /// warnings, its steps.
    pub(crate) fn render(
        mut self,
        summary: &RunSummary,
        plan: &str,
        started_at: Timestamp,
        resume: Option<String>,
    ) -> String {
        let mut lines = self.stats.lines(summary, self.look);
        let age = age(started_at, Timestamp::now());
        let started = started_at.strftime("%Y-%m-%dT%H:%M:%SZ");
        let plan = escaped_line(plan);
        lines.push(format!("plan {plan} · started {started} ({age})"));
        lines.extend(resume.map(|command| format!("`{command}` resumes it")));
        let mut text = lines.join("\n") + "\n";
        self.reports.sort_by_key(|(index, _)| *index);
        for (_, report) in &self.reports {
            text.push('\n');
            text.push_str(report);
        }
        if self.unreported > 0 {
            let more = counted(self.unreported, "more report");
            text = format!("{text}\n… {more}: `obs show RUN STEP` shows one\n");
        }
        let table = self.table.render(self.look, self.verbose);
        if !table.is_empty() {
            text.push('\n');
            text.push_str(&table);
        }
        text
    }
}

/// All that the record of a step holds.
pub(crate) fn step_view(record: &ExecutionLogRecord, look: TerminalInfo) -> String {
    let look = ReportLook {
        is_full: true,
        ..ReportLook::new(look, true)
    };
    let mut report = report_of(record, &StepDetail::default(), look);
    if let Some(output) = &record.output {
        let text = match serde_json::from_str::<String>(output.get()) {
            Ok(text) => text,
            Err(_) => pretty(output.get()),
        };
        report.stream_of("output", &Excerpt::whole(text));
    }
    if !record.arguments.is_empty() {
        let arguments = json_pretty(&record.arguments).unwrap_or_default();
        report.stream_of("arguments", &Excerpt::whole(arguments));
    }
    decisions(record, &mut report);
    if record.attempts > 0 {
        let usage = &record.resource_usage;
        let cpu = format_duration(std::time::Duration::from_millis(usage.cpu_time_ms));
        let resources = format!("{cpu} CPU, {} MiB, {}", usage.memory_mb, time_of(record));
        report.field("resources", &resources);
    }
    let (started, ended) = (record.started_at, record.timestamp);
    report.field("time", &format!("{started} to {ended}"));
    report.text
}

/// What was decided about the step.
fn decisions(record: &ExecutionLogRecord, report: &mut StepReport) {
    let mut field = |name: &str, value: &Option<String>| {
        if let Some(value) = value {
            report.field(name, value);
        }
    };
    field("approved by", &record.approved_by);
    field("reused from run", &record.reused_from);
    field("fallback", &record.fallback_reason);
    let not_reused = record.not_reused.as_ref().map(ToString::to_string);
    field("not reused", &not_reused);
    let skipped = record.skipped_because.as_ref().map(ToString::to_string);
    field("skipped because", &skipped);
    let leaked = record.leaked.as_ref().map(|leaked| {
        let names = leaked.names.join(", ");
        let processes = usize::try_from(leaked.count).unwrap_or(usize::MAX);
        format!("{} that obs ended: {names}", counted(processes, "process"))
    });
    field("left", &leaked);
}

/// JSON on several lines; as it is if it can't be read.
fn pretty(json: &str) -> String {
    let value = serde_json::from_str::<serde_json::Value>(json);
    let text = value.ok().and_then(|value| json_pretty(&value).ok());
    text.unwrap_or_else(|| json.to_owned())
}
