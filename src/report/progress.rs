//! Progress on stderr while steps run.
//!
//! Invariant: every line that goes to a stream during a run goes through [`ProgressDisplay`], which
//! clears the bars first. While the display is suspended, nothing is drawn or printed. The drawing
//! fits on the terminal, however many steps run; if the plan has more steps than the terminal has
//! rows, only failures are printed above it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Progress;
use super::bars::Bars;
use super::lines::{self, HEARTBEAT};
use super::running::{ItemProgress, Running, retry_words, whole_seconds};
use super::terminal::{OutputStream, OutputStreams, TerminalInfo};
use super::text::{Style, counted, escaped_line, paint, said_line, shorten};
use crate::event::{Retry, TerminationCause};
use crate::model::{ExecutionLogRecord, StepStatus, format_duration};

/// How often the bars are redrawn.
const FRAME: Duration = Duration::from_millis(100);
const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
/// How long the reporter sleeps if there is nothing to draw.
const LONG: Duration = Duration::from_hours(1);
/// A bar that is wider than this takes at most half the terminal's width, so that it needs no
/// second row on a terminal of half the width. tmux moves what needs more rows into its history,
/// where it can't be erased, if there is no room for it above.
const WIDE: usize = 59;
/// How many columns of a message are shown.
const MESSAGE_COLUMNS: usize = 200;
/// How many lines are buffered while the display is suspended.
const HELD_LINES: usize = 1024;

/// How progress is shown, once it is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Bars,
    Lines,
    None,
}

/// stderr, with what is drawn on it.
#[derive(Debug)]
pub(super) struct ProgressDisplay {
    streams: Arc<dyn OutputStreams>,
    mode: Mode,
    bars: Option<Bars>,
    running: Vec<Running>,
    done: usize,
    failed: usize,
    total: usize,
    frame: usize,
    /// When the run began, without the time that obs was stopped.
    began: Instant,
    next_tick: Instant,
    /// The number of active suspensions: obs may be stopped during a prompt.
    suspensions: usize,
    /// Lines that wait for the end of the last suspension.
    buffered: Option<Vec<String>>,
}

impl ProgressDisplay {
    /// Decides how progress is shown; nothing is drawn yet.
    pub(super) fn new(
        streams: Arc<dyn OutputStreams>,
        progress: Progress,
        quiet: bool,
        now: Instant,
    ) -> Self {
        let bars_work = streams.terminal_info(OutputStream::Stderr).cursor;
        let mode = match progress {
            Progress::None => Mode::None,
            Progress::Auto if quiet => Mode::None,
            Progress::Auto | Progress::Bars if bars_work => Mode::Bars,
            Progress::Auto | Progress::Bars | Progress::Lines => Mode::Lines,
        };
        let mut screen = Self {
            streams,
            mode,
            bars: None,
            running: Vec::new(),
            done: 0,
            failed: 0,
            total: 0,
            frame: 0,
            began: now,
            next_tick: now,
            suspensions: 0,
            buffered: None,
        };
        screen.next_tick = now + screen.interval();
        screen
    }

    /// The run begins.
    pub(super) fn begin(&mut self, total: usize, now: Instant) {
        self.total = total;
        self.began = now;
        self.next_tick = now + self.interval();
    }

    /// Says in line mode that a step begins.
    pub(super) fn announce(&mut self, label: &str) {
        if self.mode == Mode::Lines {
            let color = self.streams.terminal_info(OutputStream::Stderr).color;
            self.print_above(&lines::started(label, color));
        }
    }

    /// A step begins.
    pub(super) fn start(&mut self, index: usize, label: String, timeout: Duration, now: Instant) {
        self.running.retain(|step| step.index != index);
        self.running.push(Running {
            index,
            label,
            started: now,
            timeout,
            fraction: None,
            message: None,
            retry: None,
            ending: None,
            items: None,
        });
        self.draw_soon(now);
    }

    /// The items of a step begin. They share its row.
    pub(super) fn start_items(&mut self, index: usize, label: String, count: usize, now: Instant) {
        self.start(index, label, Duration::ZERO, now);
        if let Some(step) = self.running.iter_mut().find(|step| step.index == index) {
            step.items = Some(ItemProgress {
                count,
                done: 0,
                failed: 0,
            });
        }
    }

    /// An item has finished. `is_said`: with a line if it failed.
    pub(super) fn finish_item(&mut self, record: &ExecutionLogRecord, is_said: bool, now: Instant) {
        let mut running = self.running.iter_mut();
        let step = running.find(|step| step.index == record.step_index);
        let is_failure = is_unsuccessful(record.status);
        if let Some(items) = step.and_then(|step| step.items.as_mut()) {
            items.done += 1;
            items.failed += usize::from(is_failure);
        }
        if is_failure && is_said && self.mode != Mode::None {
            let look = self.streams.terminal_info(OutputStream::Stderr);
            self.print_above(&lines::finished(record, look.color));
        }
        // Very many may end between two frames.
        if self.bars.is_none() {
            self.draw(now);
        }
    }

    /// A skill reported progress. Shown with the next frame.
    pub(super) fn advance(&mut self, index: usize, fraction: Option<f64>, message: Option<&str>) {
        if let Some(step) = self.running.iter_mut().find(|step| step.index == index) {
            step.fraction = fraction
                .filter(|f| f.is_finite())
                .map(|f| f.clamp(0.0, 1.0))
                .or(step.fraction);
            if let Some(message) = message {
                step.message = Some(shorten(&said_line(message), MESSAGE_COLUMNS));
            }
        }
    }

    /// A step's skill failed and is retried, or its fallback is called.
    pub(super) fn repeat(
        &mut self,
        index: usize,
        label: &str,
        message: &str,
        retry: Option<Retry>,
        now: Instant,
    ) {
        self.print_repeat(label, message, retry);
        if let Some(step) = self.running.iter_mut().find(|step| step.index == index) {
            // The failed attempt's progress is obsolete.
            (step.fraction, step.message) = (None, None);
            step.retry = retry.map(|retry| (retry, later(now, retry.wait)));
        }
    }

    /// Says that a call failed and is retried, or that its fallback is called.
    pub(super) fn print_repeat(&mut self, label: &str, message: &str, retry: Option<Retry>) {
        if self.mode != Mode::None {
            let color = self.streams.terminal_info(OutputStream::Stderr).color;
            let message = shorten(&said_line(message), MESSAGE_COLUMNS);
            let next = retry.map_or_else(String::new, |retry| {
                let wait = format_duration(retry.wait);
                format!("; {} in {wait}", retry_words(retry))
            });
            let text = format!("↻ {label} {message}{next}");
            self.print_above(&paint(color, Style::Warn, &text));
        }
    }

    /// A step waits for a limit, or does not wait any more.
    pub(super) fn wait(&mut self, index: usize, label: &str, limit: Option<&str>) {
        let text = limit.map(|limit| format!("waits for {}", escaped_line(limit)));
        let text = text.map(|text| shorten(&text, MESSAGE_COLUMNS));
        if let Some(text) = &text
            && self.mode == Mode::Lines
        {
            self.print_above(&format!("… {label} {text}"));
        }
        if let Some(step) = self.running.iter_mut().find(|step| step.index == index) {
            (step.fraction, step.message) = (None, text);
        }
    }

    /// A step is being terminated.
    pub(super) fn end(&mut self, index: usize, reason: TerminationCause, now: Instant) {
        if let Some(step) = self.running.iter_mut().find(|step| step.index == index) {
            step.ending = Some(match reason {
                TerminationCause::StepTimeout => "ending (timeout)…",
                TerminationCause::PlanTimeout => "ending (plan timeout)…",
                TerminationCause::Canceled => "ending (canceled)…",
            });
        }
        self.draw_soon(now);
    }

    /// A step has finished.
    pub(super) fn finish(&mut self, record: &ExecutionLogRecord, now: Instant) {
        self.running.retain(|step| step.index != record.step_index);
        self.done += 1;
        let is_failure = is_unsuccessful(record.status);
        self.failed += usize::from(is_failure);
        if self.mode != Mode::None && (is_failure || !self.is_crowded()) {
            let look = self.streams.terminal_info(OutputStream::Stderr);
            self.print_above(&lines::finished(record, look.color));
        }
        self.draw_soon(now);
    }

    /// True if bars show a plan of more steps than the terminal has rows.
    fn is_crowded(&self) -> bool {
        self.mode == Mode::Bars
            && self.total > rows_of(self.streams.terminal_info(OutputStream::Stderr))
    }

    /// Draws at once, or with the next frame if the plan is too large to draw after each step.
    fn draw_soon(&mut self, now: Instant) {
        if self.bars.is_none() || !self.is_crowded() {
            self.draw(now);
        }
    }

    /// How many steps run.
    pub(super) fn running_count(&self) -> usize {
        self.running.len()
    }

    /// How long the reporter may wait for the next event.
    pub(super) fn timeout(&self, now: Instant) -> Duration {
        if self.buffered.is_some() || self.mode == Mode::None {
            return LONG;
        }
        self.next_tick.saturating_duration_since(now)
    }

    /// Draws the next frame or writes progress lines, if due.
    pub(super) fn tick(&mut self, now: Instant) {
        if now < self.next_tick || self.buffered.is_some() {
            return;
        }
        self.next_tick = now + self.interval();
        match self.mode {
            Mode::Bars => {
                self.frame = self.frame.wrapping_add(1);
                self.draw(now);
            }
            Mode::Lines => {
                for line in lines::still_running(&self.running, now) {
                    self.print_above(&line);
                }
            }
            Mode::None => {}
        }
    }

    /// Writes one line, or more, to stderr.
    pub(super) fn print_above(&mut self, text: &str) {
        if let Some(buffered) = &mut self.buffered {
            if buffered.len() < HELD_LINES {
                buffered.push(text.to_owned());
            }
            return;
        }
        let text = format!("{text}\n");
        match &self.bars {
            Some(bars) => bars.print_above(&text),
            None => self.streams.write(OutputStream::Stderr, text.as_bytes()),
        }
    }

    /// Runs `write` with the bars cleared.
    pub(super) fn suspend_for(&self, write: impl FnOnce(&dyn OutputStreams)) {
        match &self.bars {
            Some(bars) => bars.suspend(|| write(&*self.streams)),
            None => write(&*self.streams),
        }
    }

    /// Clears the screen, until [`resume`](Self::resume) is called as often.
    pub(super) fn suspend(&mut self) {
        self.bars = None;
        self.suspensions += 1;
        self.buffered.get_or_insert_default();
    }

    /// Resumes after `stopped_for`, during which the steps' clocks were stopped.
    pub(super) fn resume(&mut self, stopped_for: Duration, now: Instant) {
        for step in &mut self.running {
            step.started = later(step.started, stopped_for).min(now);
            if let Some((_, due)) = &mut step.retry {
                *due = later(*due, stopped_for);
            }
        }
        self.began = later(self.began, stopped_for).min(now);
        self.next_tick = match self.mode {
            Mode::Lines => later(self.next_tick, stopped_for),
            Mode::Bars | Mode::None => now,
        };
        self.suspensions = self.suspensions.saturating_sub(1);
        if self.suspensions == 0 {
            self.release();
            self.draw(now);
        }
    }

    /// Clears the screen for good and prints the buffered lines.
    pub(super) fn close(&mut self) {
        self.bars = None;
        self.running.clear();
        self.mode = Mode::None;
        self.release();
    }

    fn release(&mut self) {
        for line in self.buffered.take().unwrap_or_default() {
            self.print_above(&line);
        }
    }

    fn interval(&self) -> Duration {
        match self.mode {
            Mode::Bars => FRAME,
            Mode::Lines => HEARTBEAT,
            Mode::None => LONG,
        }
    }

    fn draw(&mut self, now: Instant) {
        if self.mode != Mode::Bars || self.buffered.is_some() {
            return;
        }
        let look = self.streams.terminal_info(OutputStream::Stderr);
        let picture = self.picture(look, now);
        self.bars
            .get_or_insert_with(|| Bars::new(Arc::clone(&self.streams)))
            .draw(picture);
    }

    /// The lines to draw: the running steps, as many as fit, and the footer.
    fn picture(&self, look: TerminalInfo, now: Instant) -> Vec<String> {
        let columns = look.usable_columns();
        let columns = columns.saturating_sub(1).min(WIDE.max(columns / 2));
        let rows = rows_of(look);
        let room = rows.saturating_sub(3).max(usize::from(rows > 1));
        let spinner = SPINNER[self.frame % SPINNER.len()];
        let mut picture: Vec<String> = self
            .running
            .iter()
            .take(room)
            .map(|step| match columns.checked_sub(2) {
                Some(room) => {
                    let text = shorten(&step.describe(room, now), room);
                    format!("{} {text}", paint(look.color, Style::Active, spinner))
                }
                None => String::new(),
            })
            .collect();
        let more = match self.running.len().saturating_sub(room) {
            0 => String::new(),
            more => format!(" · {more} more running"),
        };
        let failed = match self.failed {
            0 => String::new(),
            failed => format!(" · {failed} failed"),
        };
        let steps = counted(self.total, "step");
        let elapsed = whole_seconds(now.saturating_duration_since(self.began));
        let footer = format!("  {}/{steps}{failed} · {elapsed}{more}", self.done);
        picture.push(paint(look.color, Style::Dim, &shorten(&footer, columns)));
        picture
    }
}

fn is_unsuccessful(status: StepStatus) -> bool {
    !matches!(status, StepStatus::Success | StepStatus::Skipped)
}

fn rows_of(look: TerminalInfo) -> usize {
    match look.rows {
        0 => 24,
        rows => rows,
    }
}

fn later(instant: Instant, delay: Duration) -> Instant {
    instant.checked_add(delay).unwrap_or(instant)
}
