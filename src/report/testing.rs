//! What the tests of this module share: streams in memory, steps by the line, a run by its events.

use std::num::NonZero;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::reporter::ReportOutcome;
use super::reporter::ReporterState;
use super::{OutputStream, OutputStreams, ReportOptions, TerminalInfo};
use crate::event::{RunEvent, RunStarted, RunSummary, SkillStream, StepDetail};
use crate::model::{
    ErrorCode, Excerpt, ExecutionLogRecord, InputFiles, ResourceUsage, RunStatus, SCHEMA_VERSION,
    SandboxReport, StepStatus,
};

pub(super) const RUN_ID: &str = "0192ab12-3456-7890-abcd-ef0123456789";

/// A pipe or a file.
pub(super) const OFF_TERMINAL: TerminalInfo = TerminalInfo {
    terminal: false,
    cursor: false,
    color: false,
    watched: false,
    columns: 80,
    rows: 24,
};

/// A terminal without colours, so that a test can read what it shows.
pub(super) fn terminal(columns: usize) -> TerminalInfo {
    TerminalInfo {
        terminal: true,
        cursor: true,
        watched: true,
        columns,
        ..OFF_TERMINAL
    }
}

/// Streams that are read back.
#[derive(Debug)]
pub(super) struct CapturedStreams {
    stdout: Mutex<(TerminalInfo, Vec<u8>)>,
    stderr: Mutex<(TerminalInfo, Vec<u8>)>,
}

impl CapturedStreams {
    pub(super) fn new(stdout: TerminalInfo, stderr: TerminalInfo) -> Arc<Self> {
        Arc::new(Self {
            stdout: Mutex::new((stdout, Vec::new())),
            stderr: Mutex::new((stderr, Vec::new())),
        })
    }

    pub(super) fn stdout(&self) -> String {
        String::from_utf8(self.stdout.lock().unwrap().1.clone()).unwrap()
    }

    pub(super) fn stderr(&self) -> String {
        String::from_utf8(self.stderr.lock().unwrap().1.clone()).unwrap()
    }

    /// What a terminal shows of stderr.
    pub(super) fn screen(&self) -> String {
        let (look, bytes) = &*self.stderr.lock().unwrap();
        shown(*look, bytes)
    }

    fn stream(&self, stream: OutputStream) -> &Mutex<(TerminalInfo, Vec<u8>)> {
        match stream {
            OutputStream::Stdout => &self.stdout,
            OutputStream::Stderr => &self.stderr,
        }
    }
}

/// What a terminal of that size shows of `bytes`.
pub(super) fn shown(look: TerminalInfo, bytes: &[u8]) -> String {
    let size = |count: usize| NonZero::new(u16::try_from(count).unwrap()).unwrap();
    let mut parser = vt100::Parser::new(size(look.rows), size(look.columns), 0);
    for &byte in bytes {
        // As a terminal's driver does.
        parser.process(if byte == b'\n' {
            b"\r\n"
        } else {
            std::slice::from_ref(&byte)
        });
    }
    assert!(!parser.screen().hide_cursor());
    // By rows: the text of the whole screen would join the bars, which fill their lines.
    let columns = parser.screen().size().1;
    let rows: Vec<String> = parser.screen().rows(0, columns.get()).collect();
    let text = rows
        .iter()
        .map(|row| row.trim_end())
        .collect::<Vec<_>>()
        .join("\n");
    text.trim_end().to_owned()
}

impl OutputStreams for CapturedStreams {
    fn write(&self, stream: OutputStream, bytes: &[u8]) {
        self.stream(stream)
            .lock()
            .unwrap()
            .1
            .extend_from_slice(bytes);
    }

    fn terminal_info(&self, stream: OutputStream) -> TerminalInfo {
        self.stream(stream).lock().unwrap().0
    }
}

/// A record of a step that succeeded after 1.2 s without output.
pub(crate) fn record(index: usize, name: &str) -> ExecutionLogRecord {
    ExecutionLogRecord {
        request_id: RUN_ID.to_owned(),
        assistant_id: "triage".to_owned(),
        step_name: name.to_owned(),
        step_type: "skill".to_owned(),
        status: StepStatus::Success,
        output: None,
        error: None,
        duration_ms: 1_200,
        timestamp: Timestamp::from_second(1_700_000_001).unwrap(),
        run_id: RUN_ID.to_owned(),
        step_id: name.to_owned(),
        step_index: index,
        item_index: None,
        item_count: None,
        items: None,
        skill_id: name.into(),
        skill_version: None,
        started_at: Timestamp::from_second(1_700_000_000).unwrap(),
        attempts: 1,
        approved_by: None,
        reused_from: None,
        fallback_reason: None,
        suspended_ms: 0,
        not_reused: None,
        input_files: InputFiles::new(),
        arguments: Arc::default(),
        error_code: None,
        hint: None,
        exit_code: None,
        signal: None,
        stdout: None,
        stderr: None,
        leaked: None,
        resource_usage: ResourceUsage {
            cpu_time_ms: 40,
            memory_mb: 12,
            tokens_used: 0,
        },
        sandbox: SandboxReport::default(),
        approval: None,
        skipped_because: None,
        is_finally: false,
        schema_version: SCHEMA_VERSION,
        seq: 0,
        prev_hash: String::new(),
        hash: String::new(),
    }
}

pub(super) fn with_output(mut record: ExecutionLogRecord, json: &str) -> ExecutionLogRecord {
    record.output = Some(RawValue::from_string(json.to_owned()).unwrap().into());
    record
}

/// A step that exited with 2 after three attempts.
pub(super) fn failed(index: usize, name: &str) -> ExecutionLogRecord {
    ExecutionLogRecord {
        status: StepStatus::Failed,
        error: Some("exit code 2".to_owned()),
        error_code: Some(ErrorCode::SkillFailed),
        hint: Some("raise `resources.max_memory_mb`".to_owned()),
        exit_code: Some(2),
        attempts: 3,
        duration_ms: 4_000,
        skill_id: "core/build".into(),
        skill_version: Some("1.2.0".to_owned()),
        stdout: Some(Excerpt::default()),
        stderr: Some(Excerpt::whole(
            "error[E0308]: mismatched types\n  --> src/main.rs:3:5\n",
        )),
        ..record(index, name)
    }
}

pub(super) fn skipped(index: usize, name: &str) -> ExecutionLogRecord {
    ExecutionLogRecord {
        status: StepStatus::Skipped,
        error: Some("`build` failed".to_owned()),
        error_code: Some(ErrorCode::Skipped),
        attempts: 0,
        duration_ms: 0,
        resource_usage: ResourceUsage::default(),
        ..record(index, name)
    }
}

pub(super) fn detail() -> StepDetail {
    StepDetail {
        gathered: None,
        command: ["cargo", "build", "--message", "it's fine"]
            .map(str::to_owned)
            .to_vec(),
        confinement: ["read: system, data", "network: net"]
            .map(str::to_owned)
            .into(),
        working_directory: Some(PathBuf::from("/srv/work")),
        lacks: Vec::new(),
    }
}

pub(crate) fn summary(status: RunStatus, exit_code: u8, decided_by: Option<usize>) -> RunSummary {
    RunSummary {
        run_id: RUN_ID.to_owned(),
        status,
        exit_code,
        decided_by,
        reason: None,
        elapsed: Duration::from_secs(41),
        head: String::new(),
        resumable: false,
        is_kept: true,
    }
}

/// A run that is told to a report event by event, with its own time.
pub(super) struct Script {
    pub(super) memory: Arc<CapturedStreams>,
    report: ReporterState,
    now: Instant,
}

impl Script {
    /// A run of steps with these labels.
    pub(super) fn new(
        options: ReportOptions,
        memory: &Arc<CapturedStreams>,
        labels: &[&str],
    ) -> Self {
        let now = Instant::now();
        let streams: Arc<dyn OutputStreams> = Arc::<CapturedStreams>::clone(memory);
        let mut script = Self {
            memory: Arc::clone(memory),
            report: ReporterState::new(options, streams, now),
            now,
        };
        script.event(started(labels));
        script
    }

    pub(super) fn event(&mut self, event: RunEvent) {
        self.report.handle(event, self.now);
        self.report.advance(self.now);
    }

    pub(super) fn start(&mut self, index: usize) {
        self.event(RunEvent::StepStarted {
            index,
            timeout: Duration::from_secs(30),
            is_builtin: false,
        });
    }

    /// Starts a tool of obs itself.
    pub(super) fn start_builtin(&mut self, index: usize) {
        self.event(RunEvent::StepStarted {
            index,
            timeout: Duration::from_secs(30),
            is_builtin: true,
        });
    }

    pub(super) fn done(&mut self, record: ExecutionLogRecord) {
        self.event(RunEvent::StepFinished {
            record: Arc::new(record),
            detail: detail(),
        });
    }

    /// A skill writes to standard error.
    pub(super) fn output(&mut self, index: usize, bytes: &[u8]) {
        self.write(index, SkillStream::Stderr, bytes);
    }

    pub(super) fn write(&mut self, index: usize, stream: SkillStream, bytes: &[u8]) {
        self.event(RunEvent::StepOutput {
            index,
            stream,
            bytes: bytes.to_vec(),
        });
    }

    pub(super) fn dropped(&mut self, count: u64) {
        self.report.dropped(count);
    }

    /// Lets time pass as the thread does: it wakes when the report wants to be woken.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            let timeout = self.report.timeout(self.now);
            self.now += timeout.min(end - self.now);
            self.report.advance(self.now);
        }
    }

    pub(super) fn finish(mut self, summary: RunSummary) -> ReportOutcome {
        self.event(RunEvent::RunFinished(summary));
        self.report.finish()
    }

    /// The sender went away.
    pub(super) fn abandon(self) -> ReportOutcome {
        self.report.finish()
    }
}

pub(crate) fn started(labels: &[&str]) -> RunEvent {
    RunEvent::RunStarted(RunStarted {
        run_id: RUN_ID.to_owned(),
        labels: labels.iter().map(|label| (*label).to_owned()).collect(),
        timeout: Duration::from_mins(10),
    })
}
