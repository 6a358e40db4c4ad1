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
