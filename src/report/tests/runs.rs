//! What a run says, format by format.

use std::sync::Arc;
use std::time::Duration;

use insta::assert_snapshot;
use serde_json::Value;
use tokio::sync::oneshot;

use crate::event::{self, RunEvent, RunSummary, StepDetail, Streaming};
use crate::model::{ErrorCode, ExecutionLogRecord, RunStatus, StepStatus};
use crate::report::testing::{
    CapturedStreams, OFF_TERMINAL, RUN_ID, Script, failed, record, skipped, started, summary,
    with_output,
};
use crate::report::{
    Format, JsonDocument, OutputStreams, Progress, ReportOptions, Reporter, write_json_document,
};

fn off_terminal() -> Arc<CapturedStreams> {
    CapturedStreams::new(OFF_TERMINAL, OFF_TERMINAL)
}

/// A run of which one step fails.
fn failing_run(options: ReportOptions) -> Arc<CapturedStreams> {
    let memory = off_terminal();
    let mut script = Script::new(options, &memory, &["fetch", "build", "deploy"]);
    script.start(0);
    script.done(with_output(record(0, "fetch"), r#"{"status": 200}"#));
    script.start(1);
    script.pass(Duration::from_secs(130));
    script.done(failed(1, "build"));
    script.done(skipped(2, "deploy"));
    script.finish(summary(RunStatus::Failed, 1, Some(1)));
    memory
}

fn good_run(options: ReportOptions) -> Arc<CapturedStreams> {
    let memory = off_terminal();
    let mut script = Script::new(options, &memory, &["fetch"]);
    script.start(0);
    script.done(with_output(record(0, "fetch"), r#"{"status": 200}"#));
    script.finish(summary(RunStatus::Success, 0, None));
    memory
}

#[test]
fn lines_a_table_a_report_and_a_last_line() {
    let memory = failing_run(ReportOptions::default());
    assert_snapshot!("failing_run_stderr", memory.stderr());
    assert_snapshot!("failing_run_stdout", memory.stdout());
}

#[test]
fn success_is_short() {
    let memory = good_run(ReportOptions::default());
    assert_snapshot!(memory.stderr(), @r"
    → fetch
    ✓ fetch 1.2s
    ok: 1 step · 41s
    run 0192ab12-3456-7890
    ");
}

#[test]
fn quiet_is_silent_on_success_and_explains_a_failure() {
    let quiet = || ReportOptions {
        quiet: true,
        ..ReportOptions::default()
    };
    let memory = good_run(quiet());
    assert_eq!(
        (memory.stdout(), memory.stderr()),
        (String::new(), String::new())
    );
    let memory = failing_run(quiet());
    assert_eq!(memory.stdout(), "");
    assert!(
        memory
            .stderr()
            .starts_with("\n✗ build (core/build) failed: "),
        "{}",
        memory.stderr()
    );
    let jsonl = ReportOptions {
        format: Format::Jsonl,
        ..quiet()
    };
    assert_eq!(good_run(jsonl).stdout().lines().count(), 1);
}

#[test]
fn jsonl_is_a_record_a_line_at_once() {
    let options = ReportOptions {
        format: Format::Jsonl,
        ..ReportOptions::default()
    };
    assert_snapshot!(failing_run(options.clone()).stdout());

    let memory = off_terminal();
    let mut script = Script::new(options, &memory, &["fetch"]);
    script.done(record(0, "fetch"));
    assert_eq!(memory.stdout().lines().count(), 1);
}

#[test]
fn json_is_one_document() {
    let options = ReportOptions {
        format: Format::Json,
        ..ReportOptions::default()
    };
    let text = good_run(options.clone()).stdout();
    assert_snapshot!(text);
    let text = failing_run(options).stdout();
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["exit_code"], 1);
    assert_eq!(value["records"].as_array().unwrap().len(), 3);
}

#[test]
fn a_document_can_be_written_when_nothing_ran() {
    let memory = off_terminal();
    let problems = [serde_json::json!({"code": "unknown_key", "message": "a ##[error]"})];
    let document = JsonDocument {
        run_id: None,
        status: "failed",
        exit_code: 65,
        problems: &problems,
        records: &[],
        resumable: false,
        head: None,
    };
    write_json_document(&*memory, &document);
    assert_snapshot!(memory.stdout(), @r##"
    {
      "run_id": null,
      "status": "failed",
      "exit_code": 65,
      "problems": [
        {
          "code": "unknown_key",
          "message": "a #\u0023[error]"
        }
      ],
      "records": [],
      "resumable": false
    }
    "##);
}

#[test]
fn none_leaves_stdout_alone() {
    let options = ReportOptions {
        format: Format::None,
        ..ReportOptions::default()
    };
    assert_eq!(failing_run(options).stdout(), "");
}

fn last_line(records: Vec<ExecutionLogRecord>, summary: RunSummary) -> String {
    let memory = off_terminal();
    let labels = vec!["x"; records.len()];
    let mut script = Script::new(ReportOptions::default(), &memory, &labels);
    for record in records {
        script.start(record.step_index);
        script.done(record);
    }
    script.finish(summary);
    let stderr = memory.stderr();
    let (rest, names) = stderr.trim_end().rsplit_once('\n').unwrap();
    assert_eq!(names, "run 0192ab12-3456-7890");
    rest.lines().last().unwrap().to_owned()
}

fn decided(word: &str, code: ErrorCode, status: StepStatus, summary: RunSummary) -> String {
    let record = ExecutionLogRecord {
        status,
        error_code: Some(code),
        exit_code: None,
        duration_ms: 30_000,
        ..failed(0, "build")
    };
    let reason = Some(word.to_owned()).filter(|word| !word.is_empty());
    last_line(vec![record], RunSummary { reason, ..summary })
}

#[test]
fn the_last_line_of_a_success_counts_what_the_plan_allowed_to_fail() {
    let success = || summary(RunStatus::Success, 0, None);
    let lines = [
        last_line(vec![record(0, "a"), record(1, "b")], success()),
        last_line(vec![record(0, "a"), failed(1, "b")], success()),
    ];
    assert_snapshot!(lines.join("\n"), @r"
    ok: 2 steps · 41s
    ok: 2 steps · 1 ok 1 failed · 41s
    ");
}

#[test]
fn the_step_that_decided_is_named_if_that_is_not_plain_from_the_reports() {
    let by_step = |status, exit_code| summary(status, exit_code, Some(0));
    let killed = ExecutionLogRecord {
        exit_code: None,
        signal: Some(9),
        ..failed(0, "build")
    };
    let failure = || by_step(RunStatus::Failed, 1);
    let late = by_step(RunStatus::Timeout, 124);
    let lines = [
        last_line(vec![failed(0, "build"), skipped(1, "c")], failure()),
        last_line(vec![killed], failure()),
        last_line(vec![failed(0, "build"), failed(1, "c")], failure()),
        decided("", ErrorCode::PlanTimeout, StepStatus::Timeout, late),
        decided("", ErrorCode::Canceled, StepStatus::Canceled, failure()),
    ];
    assert_snapshot!(lines.join("\n"), @r"
    failed: 1 failed 1 skipped · 41s
    failed: 1 failed · 41s
    failed: build · 2 failed · 41s
    timeout: 1 timeout · 41s
    failed: build (canceled) · 1 canceled · 41s
    ");
}

#[test]
fn the_last_line_says_what_else_decided() {
    let (canceled, stopped) = (ErrorCode::Canceled, StepStatus::Canceled);
    let lines = [
        decided(
            "SIGINT",
            canceled,
            stopped,
            summary(RunStatus::Canceled, 130, None),
        ),
        decided(
            "plan timeout 10m",
            canceled,
            stopped,
            summary(RunStatus::Timeout, 124, None),
        ),
        decided(
            "the log is gone",
            canceled,
            stopped,
            summary(RunStatus::Failed, 74, None),
        ),
        last_line(vec![], summary(RunStatus::Failed, 70, Some(9))),
        last_line(vec![], summary(RunStatus::Canceled, 130, None)),
    ];
    assert_snapshot!(lines.join("\n"), @r"
    canceled: SIGINT · 1 canceled · 41s
    timeout: plan timeout 10m · 1 canceled · 41s
    failed: the log is gone · 1 canceled · 41s
    failed: step 9 · 41s
    canceled: 41s
    ");
}

#[test]
fn a_run_that_ends_without_a_word_still_shows_what_is_known() {
    let memory = off_terminal();
    let options = ReportOptions {
        format: Format::Json,
        ..ReportOptions::default()
    };
    let mut script = Script::new(options, &memory, &["build", "deploy"]);
    script.done(failed(0, "build"));
    let outcome = script.abandon();
    assert!(outcome.summary.is_none() && !outcome.panicked);
    let document: Value = serde_json::from_str(&memory.stdout()).unwrap();
    assert_eq!(
        (&document["exit_code"], &document["run_id"]),
        (&70.into(), &RUN_ID.into())
    );
    assert!(memory.stderr().contains("✗ build (core/build) failed: "));
}

#[test]
fn events_out_of_order_and_out_of_range_do_no_harm() {
    for progress in [Progress::Bars, Progress::Lines, Progress::None] {
        let memory = CapturedStreams::new(OFF_TERMINAL, crate::report::testing::terminal(20));
        let options = ReportOptions {
            progress,
            streaming: Streaming::Text,
            ..ReportOptions::default()
        };
        let mut script = Script::new(options, &memory, &[]);
        script.output(usize::MAX, b"x\n");
        script.event(RunEvent::StepProgress {
            index: 7,
            fraction: Some(f64::NAN),
            message: Some(String::new()),
        });
        script.event(RunEvent::StepStarted {
            index: 5,
            timeout: Duration::MAX,
            is_builtin: false,
        });
        script.event(RunEvent::StepStarted {
            index: 5,
            timeout: Duration::ZERO,
            is_builtin: true,
        });
        script.event(RunEvent::Resumed {
            stopped_for: Duration::ZERO,
        });
        script.done(record(9, ""));
        script.event(RunEvent::PauseTerminal(oneshot::channel().0));
        script.event(RunEvent::PauseTerminal(oneshot::channel().0));
        script.pass(Duration::from_hours(1));
        script.finish(summary(RunStatus::Failed, 1, Some(77)));
    }
}

#[tokio::test]
async fn the_thread_ends_with_the_run_or_with_its_sender() {
    for finished in [true, false] {
        let memory = off_terminal();
        let streams: Arc<dyn OutputStreams> = Arc::<CapturedStreams>::clone(&memory);
        let (sender, receiver) = event::channel();
        let handle = Reporter::spawn(ReportOptions::default(), receiver, streams).unwrap();
        sender.emit(started(&["fetch"]));
        sender.emit(RunEvent::StepFinished {
            record: Arc::new(record(0, "fetch")),
            detail: StepDetail::default(),
        });
        if finished {
            sender.emit(RunEvent::RunFinished(summary(RunStatus::Success, 0, None)));
        } else {
            drop(sender);
        }
        let outcome = handle.finish().await;
        assert_eq!(outcome.summary.is_some(), finished);
        assert!(memory.stdout().contains("fetch"));
    }
}
