//! The failure report, on its own.

use insta::assert_snapshot;

use crate::event::StepDetail;
use crate::model::{AppliedSandbox, ErrorCode, Excerpt, ExecutionLogRecord, StepStatus};
use crate::report::failure;
use crate::report::testing::{detail, failed};

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
        failure::render(&rejected, &StepDetail::default(), false),
        failure::render(&timed_out, &detail(), false),
        failure::render(&built_in, &StepDetail::default(), false),
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
        let report = failure::render(&record, &detail(), false);
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
    let report = failure::render(&record, &detail, false);
    assert!(report.len() < 20_000, "{}", report.len());
}
