//! The failure report, on its own.

use std::sync::Arc;

use insta::assert_snapshot;

use crate::event::{RunEvent, RunSummary, StepDetail};
use crate::model::{AppliedSandbox, ErrorCode, Excerpt, ExecutionLogRecord, RunStatus, StepStatus};
use crate::report::failure::{self, ReportLook};
use crate::report::testing::{
    CapturedStreams, OFF_TERMINAL, Script, detail, failed, summary, terminal,
};
use crate::report::text::columns_of;
use crate::report::{Progress, ReportOptions, TerminalInfo};

/// Off a terminal.
const PLAIN: ReportLook = ReportLook {
    color: false,
    columns: None,
    verbose: false,
    is_full: false,
    omits_stderr: false,
};
const VERBOSE: ReportLook = ReportLook {
    verbose: true,
    ..PLAIN
};

#[test]
fn the_reports_of_all_kinds_of_failure() {
    let rejected = ExecutionLogRecord {
        status: StepStatus::Rejected,
        error: Some("runtime: policy rejected execution: `no-net` forbids it".to_owned()),
        error_code: Some(ErrorCode::PolicyRejected),
        exit_code: None,
        attempts: 0,
        stdout: None,
        stderr: None,
        ..failed(0, "deploy")
    };
    let mut timed_out = ExecutionLogRecord {
        status: StepStatus::Timeout,
        error: Some("runtime: execution timeout: step timeout 1s (manifest)".to_owned()),
        error_code: Some(ErrorCode::ExecutionTimeout),
        exit_code: None,
        signal: Some(9),
        stdout: Some(Excerpt {
            head: "begin\n".to_owned(),
            omitted_bytes: 9_000,
            tail: "line\r\n".repeat(29) + "last line\r\n",
        }),
        stderr: Some(Excerpt::whole("\n\n")),
        ..failed(1, "slow")
    };
    timed_out.sandbox.enforced = vec!["landlock".to_owned(), "seccomp".to_owned()];
    timed_out.sandbox.missing = vec!["network".to_owned()];
    let mut built_in = ExecutionLogRecord {
        error: Some("not a path".to_owned()),
        exit_code: None,
        attempts: 1,
        skill_version: None,
        ..failed(2, "builtin.json_query")
    };
    built_in.sandbox.mode = AppliedSandbox::InProcess;
    let reports = [
        failure::render(&rejected, &StepDetail::default(), PLAIN),
        failure::render(&timed_out, &detail(), PLAIN),
        failure::render(&timed_out, &detail(), VERBOSE),
        failure::render(&built_in, &StepDetail::default(), PLAIN),
    ];
    assert_snapshot!(reports.join("\n"));
}

#[test]
fn the_reason_at_the_end_is_shown() {
    let bar = |percent: usize| format!("\rDownloading {percent:3}% [####      ]");
    let bars: String = (1..=100).map(bar).collect();
    let no_space = "ERROR: no space left on device";
    for (stderr, is_cut) in [
        (format!("{bars}\r{no_space}\n"), false),
        (
            format!("{bars}\u{1b}[2K\r\u{1b}[1;31m{no_space}\u{1b}[0m\r\n"),
            false,
        ),
        (format!("{}{no_space}", "x".repeat(100_000)), true),
        (format!("{}{no_space}", "日本\u{301}".repeat(1_000)), true),
        (
            format!("{}{no_space}", "\u{1b}[32m.\u{1b}[0m".repeat(5_000)),
            true,
        ),
        (format!("{}{no_space}", "\u{7}".repeat(5_000)), true),
    ] {
        let record = ExecutionLogRecord {
            stderr: Some(Excerpt::from_bytes(stderr.as_bytes())),
            error: Some("\u{1b}[31mit failed\u{1b}[0m".to_owned()),
            ..failed(0, "x")
        };
        let report = failure::render(&record, &detail(), PLAIN);
        let last = report.lines().rfind(|line| line.starts_with("  │"));
        let last = last.unwrap();
        assert!(last.ends_with(no_space), "{report}");
        assert_eq!(last.starts_with("  │ …"), is_cut, "{report}");
        assert!(last.chars().count() < 600, "{last}");
        assert!(
            !report.contains("u{1b}[") && !report.contains("\\r"),
            "{report}"
        );
        assert!(report.contains("  error: it failed\n"), "{report}");
    }
}

#[test]
fn a_report_is_bounded_whatever_the_skill_wrote() {
    let huge = "x".repeat(10 << 20);
    let record = ExecutionLogRecord {
        step_id: huge.clone(),
        skill_id: huge.clone().into(),
        error: Some(huge.clone()),
        stdout: Some(Excerpt::whole(huge.clone())),
        stderr: Some(Excerpt::whole("\u{1b}\n".repeat(5 << 20))),
        ..failed(0, "x")
    };
    let detail = StepDetail {
        command: vec![huge; 3],
        confinement: ["\u{202e}".repeat(1 << 20)].into(),
        ..detail()
    };
    let report = failure::render(&record, &detail, PLAIN);
    assert!(report.len() < 20_000, "{}", report.len());
}

/// What a run of one step writes to stdout and stderr.
fn run_of(record: ExecutionLogRecord, detail: StepDetail, look: TerminalInfo) -> [String; 2] {
    let memory = CapturedStreams::new(look, look);
    let options = ReportOptions {
        progress: Progress::Lines,
        ..ReportOptions::default()
    };
    let mut script = Script::new(options, &memory, &["build"]);
    script.start(0);
    script.event(RunEvent::StepFinished {
        record: Arc::new(record),
        detail,
    });
    script.finish(RunSummary {
        head: "5f0c66b2".repeat(8),
        ..summary(RunStatus::Failed, 1, Some(0))
    });
    [memory.stdout(), memory.stderr()]
}

fn ordinary() -> (ExecutionLogRecord, StepDetail) {
    let record = ExecutionLogRecord {
        stderr: Some(Excerpt::whole("cc: error: main.c: no such file\n")),
        hint: None,
        ..failed(0, "build")
    };
    let detail = StepDetail {
        working_directory: std::env::current_dir().ok(),
        ..detail()
    };
    (record, detail)
}

#[test]
fn an_ordinary_failure_takes_eight_lines_and_says_nothing_three_times() {
    let (record, detail) = ordinary();
    let shown = run_of(record, detail, OFF_TERMINAL).concat();
    let (_, report) = shown.split_once("\n✗ build\n").unwrap_or(("", &shown));
    let start = report.find("✗ build (").unwrap();
    assert!(report[start..].lines().count() <= 8, "{shown}");
    for said in [
        "exit",
        "cc: error",
        "4s",
        "attempts",
        "core/build",
        "0192ab12",
    ] {
        let count = shown.matches(said).count();
        assert!(count <= 2, "{said} {count} times:\n{shown}");
    }
    assert_snapshot!(shown);
}

#[test]
fn no_word_is_broken_on_a_terminal() {
    let words = "the quick brown fox jumps over the lazy dog: ".repeat(12);
    let record = ExecutionLogRecord {
        error: Some(format!("exit code 2; {words}")),
        hint: Some(words.clone()),
        stderr: Some(Excerpt::whole(format!("\tcaret\n{words}\n"))),
        stdout: Some(Excerpt::whole(words.clone())),
        skill_id: "a-rather-long-namespace/and-a-long-name-of-a-skill".into(),
        ..failed(0, "build")
    };
    let command = [
        "sh",
        "-c",
        &words,
        "--flag",
        "it's",
        "/usr/lib/python3/dist-packages",
    ];
    let detail = StepDetail {
        command: command.map(str::to_owned).to_vec(),
        ..detail()
    };
    let [_, whole] = run_of(record.clone(), detail.clone(), OFF_TERMINAL);
    let known = format!("{words} {whole}");
    let known: Vec<&str> = known.split_whitespace().collect();
    for columns in [60, 61, 67, 80, 99, 120, 200] {
        let [_, shown] = run_of(record.clone(), detail.clone(), terminal(columns));
        for line in shown.lines() {
            assert!(columns_of(line) <= columns, "{columns}: {line}");
            for word in line.split_whitespace() {
                let word = word.trim_matches('…');
                let is_whole = matches!(word, "" | "\\") || known.contains(&word);
                assert!(is_whole, "{columns}: {word} in {line}\n{shown}");
            }
        }
    }
    let report = |columns| ReportLook {
        columns: Some(columns),
        ..PLAIN
    };
    assert_snapshot!(failure::render(&record, &detail, report(60)));
}

#[test]
fn what_the_headline_says_is_not_said_again() {
    for (error, code, exit_code, signal, want) in [
        ("exit code 2", ErrorCode::SkillFailed, Some(2), None, None),
        (
            "exit code 2; not retried: `x` is not idempotent",
            ErrorCode::SkillFailed,
            Some(2),
            None,
            Some("not retried: `x` is not idempotent"),
        ),
        (
            "exit code 23",
            ErrorCode::SkillFailed,
            Some(2),
            None,
            Some("exit code 23"),
        ),
        (
            "ended by SIGKILL",
            ErrorCode::SkillFailed,
            None,
            Some(9),
            None,
        ),
        (
            "not_found: no such page",
            ErrorCode::SkillFailed,
            Some(2),
            None,
            Some("not_found: no such page"),
        ),
        (
            "runtime: resource exhausted: 12 MiB of memory",
            ErrorCode::ResourceExhausted,
            Some(0),
            None,
            Some("12 MiB of memory"),
        ),
        (
            "runtime: circuit breaker open",
            ErrorCode::CircuitOpen,
            None,
            None,
            None,
        ),
    ] {
        let record = ExecutionLogRecord {
            error: Some(error.to_owned()),
            error_code: Some(code),
            exit_code,
            signal,
            ..failed(0, "x")
        };
        assert_eq!(failure::news_of(&record), want, "{error}");
    }
}

#[test]
fn an_error_that_the_skill_reports_is_shown_once() {
    let error = r#"{"error": {"code": "not_found", "message": "no such page"}}"#;
    let record = ExecutionLogRecord {
        error: Some("not_found: no such page".to_owned()),
        stdout: Some(Excerpt::whole(error)),
        stderr: None,
        ..failed(0, "x")
    };
    let report = failure::render(&record, &StepDetail::default(), PLAIN);
    assert_eq!(report.matches("no such page").count(), 1, "{report}");
    let full = ReportLook {
        is_full: true,
        ..PLAIN
    };
    let report = failure::render(&record, &StepDetail::default(), full);
    assert!(report.contains(error), "{report}");
}

#[test]
fn a_full_report_has_all_that_is_recorded() {
    let lines = |from: usize| {
        let lines: Vec<String> = (from..from + 500)
            .map(|at| format!("line {at}\n"))
            .collect();
        lines.concat()
    };
    let record = ExecutionLogRecord {
        status: StepStatus::Success,
        error: None,
        error_code: None,
        exit_code: Some(0),
        stdout: None,
        stderr: Some(Excerpt {
            head: lines(0),
            omitted_bytes: 12,
            tail: lines(1_000) + &"wide ".repeat(1_000),
        }),
        hint: None,
        ..failed(0, "x")
    };
    let full = ReportLook {
        is_full: true,
        ..PLAIN
    };
    let report = failure::render(&record, &StepDetail::default(), full);
    assert!(
        report.starts_with("✓ x (core/build) succeeded after 4s, 3 attempts\n  │ line 0\n"),
        "{report}"
    );
    assert!(
        report.contains("line 499\n") && report.contains("12 bytes left out"),
        "{report}"
    );
    assert!(
        report.contains("line 1499\n") && !report.contains('…'),
        "{report}"
    );
}
