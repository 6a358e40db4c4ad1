//! Text that wants to do something to who reads it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use crate::event::{RunEvent, RunSummary, StepDetail, Streaming};
use crate::model::{Excerpt, ExecutionLogRecord, RunStatus};
use crate::report::terminal::TerminalInfo;
use crate::report::testing::{
    CapturedStreams, OFF_TERMINAL, Script, failed, record, summary, terminal, with_output,
};
use crate::report::{Format, Progress, ReportOptions};

/// Begins as a workflow command, then everything that moves, hides, reorders or sets a clipboard.
const HOSTILE: &str = "::error::a\u{1b}[2J\u{1b}]52;c;eA==\u{7}\u{9b}31m\u{202e}b\u{7f}\r\n\
    ::error::x\n ##[error]y\n\u{2028}::add-mask::z\u{feff}";

fn hostile_failure(index: usize) -> ExecutionLogRecord {
    let excerpt = Excerpt {
        head: HOSTILE.into(),
        omitted_bytes: 7,
        tail: HOSTILE.into(),
    };
    let mut record = ExecutionLogRecord {
        error: Some(HOSTILE.to_owned()),
        hint: Some(HOSTILE.to_owned()),
        skill_id: HOSTILE.into(),
        skill_version: Some(HOSTILE.to_owned()),
        step_name: HOSTILE.to_owned(),
        stdout: Some(excerpt),
        stderr: Some(Excerpt::whole(HOSTILE)),
        ..failed(index, HOSTILE)
    };
    let arguments = [(HOSTILE.to_owned(), HOSTILE.into())];
    record.arguments = Arc::new(arguments.into_iter().collect());
    record.sandbox.enforced = vec![HOSTILE.to_owned()];
    record.sandbox.missing = vec![HOSTILE.to_owned()];
    record
}

fn hostile_run(options: ReportOptions, memory: &Arc<CapturedStreams>) {
    let mut script = Script::new(options, memory, &[HOSTILE, HOSTILE, HOSTILE]);
    script.start(0);
    script.start(1);
    script.event(RunEvent::StepProgress {
        index: 0,
        fraction: Some(f64::INFINITY),
        message: Some(HOSTILE.to_owned()),
    });
    script.pass(Duration::from_mins(1));
    script.output(0, HOSTILE.as_bytes());
    script.output(0, b"\n::error::bytes\xff\n");
    script.event(RunEvent::StepFinished {
        record: Arc::new(hostile_failure(0)),
        detail: StepDetail {
            gathered: None,
            command: vec![
                HOSTILE.to_owned(),
                "nul\0".to_owned(),
                "::error::".to_owned(),
            ],
            confinement: [HOSTILE.to_owned()].into(),
            working_directory: Some(PathBuf::from(HOSTILE)),
            lacks: vec!["read"],
        },
    });
    let json = serde_json::to_string(&serde_json::json!({HOSTILE: [HOSTILE]})).unwrap();
    script.done(with_output(record(1, HOSTILE), &json));
    script.done(with_output(
        record(2, "text"),
        &serde_json::to_string(HOSTILE).unwrap(),
    ));
    script.finish(RunSummary {
        run_id: HOSTILE.to_owned(),
        reason: Some(HOSTILE.to_owned()),
        ..summary(RunStatus::Failed, 1, None)
    });
}

fn assert_harmless(text: &str) {
    let bad = |c: char| {
        (c.is_control() && c != '\n' && c != '\t')
            || matches!(u32::from(c), 0x202a..=0x202e | 0x2028 | 0xfeff)
    };
    assert!(!text.contains(bad), "{text:?}");
    assert!(!text.contains("##["), "{text}");
    for line in text.lines() {
        assert!(!line.trim_start().starts_with("::"), "{line}");
    }
}

#[test]
fn nothing_hostile_gets_out_in_any_format() {
    for format in [Format::Table, Format::Jsonl, Format::Json, Format::None] {
        for look in [OFF_TERMINAL, terminal(60)] {
            // Bars need cursor movement, so that what they write can't be looked at byte by byte.
            let memory = CapturedStreams::new(look, look);
            let options = ReportOptions {
                format,
                progress: Progress::Lines,
                streaming: Streaming::Text,
                verbose: true,
                ..ReportOptions::default()
            };
            hostile_run(options, &memory);
            assert_harmless(&memory.stdout());
            assert_harmless(&memory.stderr());
            assert!(
                memory.stderr().contains("still running 60s"),
                "{}",
                memory.stderr()
            );
        }
    }
}

#[test]
fn a_printed_value_is_harmless_where_people_look() {
    let print = |reference: &str, look| {
        let memory = CapturedStreams::new(look, OFF_TERMINAL);
        let options = ReportOptions {
            print: Some(reference.parse().unwrap()),
            ..ReportOptions::default()
        };
        hostile_run(options, &memory);
        assert_harmless(&memory.stderr());
        memory.stdout()
    };
    assert_harmless(&print("text", terminal(80)));
    assert_harmless(&print(HOSTILE, OFF_TERMINAL));
    assert_harmless(&print("text.::error::\u{1b}", terminal(80)));
    assert_eq!(print("text", OFF_TERMINAL), format!("{HOSTILE}\n"));
}

#[test]
fn bars_let_nothing_through_but_their_own_movements() {
    let memory = CapturedStreams::new(OFF_TERMINAL, terminal(60));
    let options = ReportOptions {
        progress: Progress::Bars,
        streaming: Streaming::Text,
        ..ReportOptions::default()
    };
    hostile_run(options, &memory);
    let mut text = memory.stderr();
    for own in ["[J", "[K", "[1A", "[2A", "[?7l", "[?7h"] {
        text = text.replace(&format!("\u{1b}{own}"), "");
    }
    assert_harmless(&text.replace('\r', ""));
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_text_and_no_width_breaks_a_report(
        text in any::<String>(),
        bytes in any::<Vec<u8>>(),
        columns in 0_usize..100,
        rows in 0_usize..10,
        bars in any::<bool>(),
    ) {
        let look = TerminalInfo { rows, ..terminal(columns) };
        let memory = CapturedStreams::new(look, look);
        let progress = if bars { Progress::Bars } else { Progress::Lines };
        let options =
            ReportOptions { progress, streaming: Streaming::Text, verbose: true, ..ReportOptions::default() };
        let mut script = Script::new(options, &memory, &[text.as_str(), "b"]);
        script.start(0);
        script.start(1);
        script.event(RunEvent::StepProgress {
            index: 0,
            fraction: Some(0.5),
            message: Some(text.clone()),
        });
        script.pass(Duration::from_millis(200));
        script.output(0, &bytes);
        let failure = ExecutionLogRecord {
            error: Some(text.clone()),
            stderr: Some(Excerpt::whole(text.clone())),
            ..failed(0, &text)
        };
        script.done(failure);
        script.done(with_output(record(1, "b"), &serde_json::to_string(&text).unwrap()));
        script.finish(summary(RunStatus::Failed, 1, Some(0)));
        assert_harmless(&memory.stdout());
        if !bars {
            assert_harmless(&memory.stderr());
        }
    }
}
