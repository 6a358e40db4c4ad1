//! The reporter: a thread that turns events into text, and its state.
//!
//! Invariant: every event is consumed, even if the streams fail, and memory grows with the number
//! of steps, not with their output, except for `json`, which is one document, and for the record of
//! `--print`.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::oneshot;

use super::failure::{self, ReportLook};
use super::item_failures::ItemFailures;
use super::json_document::{JsonDocument, write_json_document, write_value};
use super::live_output::LiveOutput;
use super::print_ref::{PrintRef, PrintRefError};
use super::progress::ProgressDisplay;
use super::screen_text::screen_text;
use super::summary::RunStats;
use super::table::StepTable;
use super::terminal::{OutputStream, OutputStreams};
use super::text::{Style, counted, escaped_line, label_of, paint};
use super::{Format, ReportOptions, jsonl};
use crate::event::{
    EventReceiver, RunEvent, RunStarted, RunSummary, SkillStream, StepDetail, Streaming,
};
use crate::model::{Escaped, EscapedLines, ExecutionLogRecord, RunStatus, signal_name};

/// The exit code in the document if the run ended without one: an internal error.
const FAULT: u8 = 70;
/// How often dropped live output is reported.
const DROPPED_EVERY: Duration = Duration::from_secs(1);

/// Shows one run.
#[derive(Debug)]
pub(crate) struct Reporter;

impl Reporter {
    /// Starts the thread that consumes `receiver` until the run is over.
    pub(crate) fn spawn(
        options: ReportOptions,
        receiver: EventReceiver,
        streams: Arc<dyn OutputStreams>,
    ) -> io::Result<ReporterHandle> {
        let (alive, finished) = oneshot::channel();
        let thread = Builder::new().name("report".to_owned()).spawn(move || {
            // Dropped when everything is written, or in a panic.
            let _alive: oneshot::Sender<Infallible> = alive;
            consume(
                ReporterState::new(options, streams, Instant::now()),
                &receiver,
            )
        })?;
        Ok(ReporterHandle { thread, finished })
    }
}

/// A [`Reporter`] at work.
#[derive(Debug)]
pub(crate) struct ReporterHandle {
    thread: JoinHandle<ReportOutcome>,
    finished: oneshot::Receiver<Infallible>,
}

impl ReporterHandle {
    /// Waits until everything is written, which the reader of stdout can delay. The sender must have
    /// sent `RunFinished` or be gone.
    pub(crate) async fn finish(self) -> ReportOutcome {
        self.finished.await.ok();
        self.thread.join().unwrap_or_else(|_| ReportOutcome {
            panicked: true,
            ..ReportOutcome::default()
        })
    }
}

/// What became of a report.
#[derive(Debug, Default)]
pub(crate) struct ReportOutcome {
    /// The run's summary; `None` if the run ended without one.
    pub summary: Option<RunSummary>,
    /// Why `--print` printed nothing. Already reported on stderr.
    pub print_error: Option<PrintRefError>,
    /// The reporter panicked.
    pub panicked: bool,
}

fn consume(mut report: ReporterState, receiver: &EventReceiver) -> ReportOutcome {
    loop {
        let timeout = report.timeout(Instant::now());
        match receiver.recv_timeout(timeout) {
            Ok(event) => {
                let is_last = matches!(event, RunEvent::RunFinished(_));
                if matches!(event, RunEvent::StepFinished { .. }) {
                    report.dropped(receiver.take_dropped());
                }
                report.handle(event, Instant::now());
                if is_last {
                    break;
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        report.tick(Instant::now(), receiver);
    }
    report.dropped(receiver.take_dropped());
    report.finish()
}

/// What goes to stdout, with its buffers.
#[derive(Debug)]
enum Data {
    Table(StepTable),
    Jsonl,
    Json(Vec<Arc<ExecutionLogRecord>>),
    Print(PrintRef, Vec<Arc<ExecutionLogRecord>>),
    None,
}

/// A step by its index, or one of its items.
pub(super) type CallPlace = (usize, Option<usize>);

/// The state of one report. Each call passes the current time.
#[derive(Debug)]
pub(super) struct ReporterState {
    streams: Arc<dyn OutputStreams>,
    pub(super) screen: ProgressDisplay,
    data: Data,
    live: Option<LiveOutput<CallPlace>>,
    pub(super) item_failures: ItemFailures,
    next_dropped: Instant,
    labels: Vec<String>,
    tally: RunStats,
    /// Reported in plan order, the step before its items.
    reports: BTreeMap<CallPlace, String>,
    run_id: Option<String>,
    quiet: bool,
    problems: Vec<Value>,
    verbose: bool,
    /// All of standard error was shown, and reports do not repeat it.
    omits_stderr: bool,
    outcome: ReportOutcome,
}

impl ReporterState {
    pub(super) fn new(
        options: ReportOptions,
        streams: Arc<dyn OutputStreams>,
        now: Instant,
    ) -> Self {
        let data = match (options.print, options.format) {
            (Some(reference), _) => Data::Print(reference, Vec::new()),
            (None, Format::Table) if options.quiet => Data::None,
            (None, Format::Table) => Data::Table(StepTable::default()),
            (None, Format::Jsonl) => Data::Jsonl,
            (None, Format::Json) => Data::Json(Vec::new()),
            (None, Format::None) => Data::None,
        };
        Self {
            screen: ProgressDisplay::new(
                Arc::clone(&streams),
                options.progress,
                options.quiet,
                now,
            ),
            streams,
            data,
            live: (options.streaming != Streaming::Off).then(LiveOutput::default),
            item_failures: ItemFailures::default(),
            next_dropped: now,
            labels: Vec::new(),
            tally: RunStats::default(),
            reports: BTreeMap::new(),
            run_id: None,
            quiet: options.quiet,
            verbose: options.verbose,
            omits_stderr: options.shows_stderr_once,
            problems: options.problems,
            outcome: ReportOutcome::default(),
        }
    }

    /// How long to wait for the next event.
    pub(super) fn timeout(&self, now: Instant) -> Duration {
        let idle = self.live.as_ref().and_then(LiveOutput::next_idle);
        let idle = idle.map_or(Duration::MAX, |idle| idle.saturating_duration_since(now));
        self.screen.timeout(now).min(idle)
    }

    /// Does what is due at `now` without an event.
    fn tick(&mut self, now: Instant, receiver: &EventReceiver) {
        if now >= self.next_dropped {
            self.next_dropped = now + DROPPED_EVERY;
            self.dropped(receiver.take_dropped());
        }
        self.advance(now);
    }

    /// Draws, or writes progress lines and the beginnings of lines of skills.
    pub(super) fn advance(&mut self, now: Instant) {
        let idle = self.live.as_mut().map(|live| live.take_idle(now));
        for (place, text) in idle.unwrap_or_default() {
            self.say_live(place, &[text]);
        }
        self.screen.tick(now);
    }

    /// Takes one event.
    pub(super) fn handle(&mut self, event: RunEvent, now: Instant) {
        match event {
            RunEvent::RunStarted(run) => self.run_started(run, now),
            RunEvent::StepStarted {
                index,
                timeout,
                is_builtin,
            } => {
                let label = self.label((index, None));
                if !is_builtin {
                    self.screen.announce(&label);
                }
                self.screen.start(index, label, timeout, now);
            }
            RunEvent::StepProgress {
                index,
                fraction,
                message,
            } => {
                self.screen.advance(index, fraction, message.as_deref());
            }
            RunEvent::StepRepeated {
                index,
                message,
                retry,
            } => {
                self.end_live((index, None));
                let label = self.label((index, None));
                self.screen.repeat(index, &label, &message, retry, now);
            }
            RunEvent::StepWaiting { index, limit } => {
                let label = self.label((index, None));
                self.screen.wait(index, &label, limit.as_deref());
            }
            RunEvent::StepOutput {
                index,
                stream,
                bytes,
            } => self.step_output((index, None), stream, &bytes, now),
            RunEvent::StepEnding { index, reason } => self.screen.end(index, reason, now),
            RunEvent::StepFinished { record, detail } if record.item_index.is_some() => {
                self.item_finished(&record, &detail, now);
            }
            RunEvent::StepFinished { record, detail } => self.step_finished(&record, &detail, now),
            RunEvent::FinallyStarted => self.tally.runs_finally = true,
            RunEvent::ItemsStarted { index, count } => {
                let label = self.label((index, None));
                self.screen.announce(&label);
                self.screen.start_items(index, label, count, now);
            }
            RunEvent::OfItem { item, event } => self.item_event(item, *event, now),
            RunEvent::SignalReceived { signal, forced } => self.signal(signal, forced),
            RunEvent::PauseTerminal(ready) => {
                self.screen.suspend();
                // The engine may no longer wait for the answer.
                ready.send(()).ok();
            }
            RunEvent::Resumed { stopped_for } => self.screen.resume(stopped_for, now),
            RunEvent::RunFinished(summary) => self.outcome.summary = Some(summary),
        }
    }

    fn run_started(&mut self, run: RunStarted, now: Instant) {
        self.labels = run.labels;
        self.run_id = Some(run.run_id);
        self.screen.begin(self.labels.len(), now);
    }

    /// A step's label, escaped.
    pub(super) fn label(&self, (index, item): CallPlace) -> String {
        let label = label_of(self.labels.get(index).map_or("", String::as_str), index);
        match item {
            Some(item) => format!("{label}[{item}]"),
            None => label,
        }
    }

    pub(super) fn step_output(
        &mut self,
        place: CallPlace,
        stream: SkillStream,
        bytes: &[u8],
        now: Instant,
    ) {
        let live = self.live.as_mut();
        let lines = live.map(|live| live.push(place, stream, bytes, now));
        self.say_live(place, &lines.unwrap_or_default());
    }

    fn say_live(&mut self, place: CallPlace, lines: &[String]) {
        if lines.is_empty() {
            return;
        }
        let color = self.streams.terminal_info(OutputStream::Stderr).color;
        let prefix = paint(color, Style::Dim, &format!("{} │", self.label(place)));
        let text: Vec<String> = lines
            .iter()
            .map(|line| format!("{prefix} {}", EscapedLines(&screen_text(line))))
            .collect();
        self.screen.print_above(&text.join("\n"));
    }

    pub(super) fn end_live(&mut self, place: CallPlace) {
        let rest = self.live.as_mut().map(|live| live.finish(place));
        self.say_live(place, &rest.unwrap_or_default());
    }

    /// Reports that `count` pieces of live output were dropped.
    pub(super) fn dropped(&mut self, count: u64) {
        if count == 0 || self.live.is_none() {
            return;
        }
        self.omits_stderr = false;
        let pieces = counted(usize::try_from(count).unwrap_or(usize::MAX), "piece");
        self.screen
            .print_above(&format!("… {pieces} of live output not shown"));
    }

    fn step_finished(
        &mut self,
        record: &Arc<ExecutionLogRecord>,
        detail: &StepDetail,
        now: Instant,
    ) {
        self.end_live((record.step_index, None));
        self.tally.count(record);
        if failure::is_failure(record) || (failure::is_reported(record) && !self.quiet) {
            self.report(record, detail);
        }
        self.warn_of_leak(record);
        self.add_data(record, detail);
        self.screen.finish(record, now);
    }

    pub(super) fn report(&mut self, record: &ExecutionLogRecord, detail: &StepDetail) {
        let info = self.streams.terminal_info(OutputStream::Stderr);
        let look = ReportLook {
            omits_stderr: self.omits_stderr,
            ..ReportLook::new(info, self.verbose)
        };
        let report = failure::render(record, detail, look);
        let place = (record.step_index, record.item_index);
        self.reports.insert(place, report);
    }

    /// Adds a record to what goes to stdout.
    pub(super) fn add_data(&mut self, record: &Arc<ExecutionLogRecord>, detail: &StepDetail) {
        match &mut self.data {
            Data::Table(_) if record.item_index.is_some() => {}
            Data::Table(table) => table.add(record),
            Data::Jsonl => self
                .screen
                .suspend_for(|streams| jsonl::write(streams, record)),
            Data::Json(records) => records.push(Arc::clone(record)),
            Data::Print(reference, records) if reference.may_mean(record) => {
                records.push(match &detail.gathered {
                    None => Arc::clone(record),
                    Some(gathered) => Arc::new(ExecutionLogRecord {
                        output: Some(Arc::clone(gathered)),
                        ..(**record).clone()
                    }),
                });
            }
            Data::Print(..) | Data::None => {}
        }
    }

    /// Reports the processes that a skill left running and that obs ended.
    pub(super) fn warn_of_leak(&mut self, record: &ExecutionLogRecord) {
        let Some(leaked) = record.leaked.as_ref().filter(|_| !self.quiet) else {
            return;
        };
        let (processes, them) = match leaked.count {
            1 => ("1 process".to_owned(), "it"),
            count => (format!("{count} processes"), "them"),
        };
        let names = match leaked.names.as_slice() {
            [] => String::new(),
            names => format!(": {}", escaped_line(&names.join(", "))),
        };
        let label = self.label((record.step_index, record.item_index));
        let color = self.streams.terminal_info(OutputStream::Stderr).color;
        let warning = paint(color, Style::Warn, "warning");
        self.screen.print_above(&format!(
            "{warning}: {label}: obs ended {processes} that the skill left running{names} \
             (`leak_timeout: 10s` in its manifest gives {them} time to finish)"
        ));
    }

    fn signal(&mut self, signal: i32, forced: bool) {
        self.tally.signal(signal);
        let steps = match self.screen.running_count() {
            0 => "the run".to_owned(),
            count => counted(count, "running step"),
        };
        let action = match (forced, self.tally.runs_finally) {
            (true, _) => format!("killing {steps}"),
            (false, true) => "the `finally` steps run on (again to kill at once)".to_owned(),
            (false, false) => format!("ending {steps} (again to kill at once)"),
        };
        let name = signal_name(signal);
        self.screen
            .print_above(&format!("received {name}: {action}"));
    }

    /// Writes the end of the report: data, failures and warnings, the last line.
    pub(super) fn finish(mut self) -> ReportOutcome {
        for place in self
            .live
            .as_ref()
            .map(LiveOutput::unfinished)
            .unwrap_or_default()
        {
            self.end_live(place);
        }
        self.screen.close();
        self.write_data();
        self.write_reports();
        let failed = self
            .outcome
            .summary
            .as_ref()
            .is_some_and(|s| s.status != RunStatus::Success);
        if let Some(error) = &self.outcome.print_error
            // The step's failure was already reported; its missing output needs no message.
            && !(failed && matches!(error, PrintRefError::NoOutput { .. }))
        {
            self.say(&format!("error: {}", Escaped(&error.to_string())));
        }
        if let Some(summary) = &self.outcome.summary
            && (!self.quiet || summary.status != RunStatus::Success)
        {
            let info = self.streams.terminal_info(OutputStream::Stderr);
            self.say(&self.tally.lines(summary, info).join("\n"));
        }
        self.outcome
    }

    fn say(&self, line: &str) {
        self.streams
            .write(OutputStream::Stderr, format!("{line}\n").as_bytes());
    }

    fn write_data(&mut self) {
        let summary = self.outcome.summary.as_ref();
        match std::mem::replace(&mut self.data, Data::None) {
            Data::Table(mut table) => {
                let look = self.streams.terminal_info(OutputStream::Stdout);
                let left_out = (!self.verbose).then(|| table.leave_out_good()).flatten();
                let mut text = table.render(look, self.verbose);
                if let Some(line) = left_out {
                    text = format!("{text}{}\n", paint(look.color, Style::Dim, &line));
                }
                if !text.is_empty() {
                    self.streams.write(OutputStream::Stdout, text.as_bytes());
                }
            }
            Data::Json(mut records) => {
                // They were written as their steps finished.
                records.sort_by_key(|record| {
                    let item = record.item_index.unwrap_or(usize::MAX);
                    (record.step_index, item)
                });
                let document = JsonDocument {
                    run_id: summary
                        .map(|s| s.run_id.as_str())
                        .or(self.run_id.as_deref()),
                    status: summary.map_or("failed", |summary| summary.status.as_str()),
                    exit_code: summary.map_or(FAULT, |summary| summary.exit_code),
                    problems: &self.problems,
                    records: &records,
                    resumable: summary.is_some_and(|summary| summary.resumable),
                    head: summary
                        .map(|summary| summary.head.as_str())
                        .filter(|head| !head.is_empty()),
                };
                write_json_document(&*self.streams, &document);
            }
            Data::Print(reference, records) => {
                match reference.pick(records.iter().map(AsRef::as_ref)) {
                    Ok(value) => write_value(&*self.streams, &value),
                    Err(error) => self.outcome.print_error = Some(error),
                }
            }
            Data::Jsonl | Data::None => {}
        }
    }

    fn write_reports(&self) {
        let mut reports = self.reports.iter().peekable();
        while let Some(((index, _), report)) = reports.next() {
            let is_last = reports.peek().is_none_or(|((next, _), _)| next != index);
            let label = self.labels.get(*index).filter(|_| is_last);
            let more = label.and_then(|label| self.more_failures(*index, label));
            let text = format!("\n{report}{}", more.unwrap_or_default());
            self.streams.write(OutputStream::Stderr, text.as_bytes());
        }
        if !self.reports.is_empty() {
            self.streams.write(OutputStream::Stderr, b"\n");
        }
    }
}
