//! `--print`: what a reference means and what it leaves on stdout.

use std::sync::Arc;

use crate::model::{ExecutionLogRecord, RunStatus};
use crate::report::print_ref::PrintRefError;
use crate::report::terminal::TerminalInfo;
use crate::report::testing::{
    CapturedStreams, OFF_TERMINAL, Script, failed, record, summary, terminal, with_output,
};
use crate::report::{PrintRef, ReportOptions};

fn printed(
    reference: &str,
    records: Vec<ExecutionLogRecord>,
    look: TerminalInfo,
) -> (String, String) {
    let memory = CapturedStreams::new(look, OFF_TERMINAL);
    let options = ReportOptions {
        print: Some(reference.parse().unwrap()),
        ..ReportOptions::default()
    };
    let mut script = Script::new(options, &Arc::clone(&memory), &["a"]);
    for record in records {
        script.done(record);
    }
    let outcome = script.finish(summary(RunStatus::Success, 0, None));
    let error = outcome
        .print_error
        .map(|error| error.to_string())
        .unwrap_or_default();
    assert_eq!(memory.stderr().contains("error: "), !error.is_empty());
    (memory.stdout(), error)
}

fn report() -> Vec<ExecutionLogRecord> {
    let json = r##"{"markdown": "# hi\n\u001b[2J", "files": ["a", {"n": 123456789012345678901234567890}], "": 1, "none": null}"##;
    vec![
        with_output(record(0, "report"), json),
        with_output(record(1, "report.files"), r#"["from the longer name"]"#),
    ]
}

#[test]
fn a_value_is_found_by_the_longest_step_name() {
    for (reference, want) in [
        ("report.markdown", "# hi\n\u{1b}[2J\n"),
        ("report.files.0", "from the longer name\n"),
        ("report.files", "[\"from the longer name\"]\n"),
        ("report.none", "null\n"),
        ("report.", "1\n"),
    ] {
        assert_eq!(
            printed(reference, report(), OFF_TERMINAL),
            (want.to_owned(), String::new())
        );
    }
    let only = vec![report().remove(0)];
    let (text, _) = printed("report.files.1.n", only, OFF_TERMINAL);
    assert_eq!(text, "123456789012345678901234567890\n");
}

#[test]
fn a_string_is_raw_for_programs_and_escaped_for_people() {
    let (text, _) = printed("report.markdown", report(), terminal(80));
    assert_eq!(text, "# hi\n");
    let odd = vec![with_output(
        record(0, "a"),
        r#""\u0007\u001b[31mred\u001b[0m\r\u001b[""#,
    )];
    let (text, _) = printed("a", odd, terminal(80));
    assert_eq!(text, "\\u{7}red\n\\u{1b}[\n");
    let ends_itself = vec![with_output(record(0, "a"), r#""one\n""#)];
    assert_eq!(printed("a", ends_itself, OFF_TERMINAL).0, "one\n");
}

#[test]
fn what_is_missing_is_named_with_what_there_is() {
    let long = vec![with_output(
        record(0, "a"),
        r#"{"x": {"y": [1]}, "z": "s"}"#,
    )];
    for (reference, want) in [
        ("a.b", "`a` has no `b`: it is an object with `x`, `z`"),
        ("a.x.y.1", "`a.x.y` has no `1`: it is an array of 1 item"),
        ("a.z.0", "`a.z` has no `0`: it is a string"),
        (
            "other",
            "nothing to print for `other`: its step did not run",
        ),
    ] {
        let (stdout, error) = printed(reference, long.clone(), OFF_TERMINAL);
        assert_eq!((stdout.as_str(), error.as_str()), ("", want));
    }
    let (_, error) = printed("a.b", vec![failed(0, "a")], OFF_TERMINAL);
    assert_eq!(
        error,
        "nothing to print for `a.b`: step `a` ended as failed"
    );
}

#[test]
fn a_reference_is_checked_against_the_plan_before_the_run() {
    let labels = [
        (0, "mcp.his.query"),
        (1, "mcp"),
        (1, "id"),
        (2, "twin"),
        (3, "twin"),
        (4, ""),
    ];
    let resolve = |text: &str| text.parse::<PrintRef>().and_then(|r| r.resolve(labels));
    let target = resolve("mcp.his.query.age").unwrap();
    assert_eq!(
        (target.step_index, target.path),
        (0, vec!["age".to_owned()])
    );
    let target = resolve("mcp.his").unwrap();
    assert_eq!(
        (target.step_index, target.path),
        (1, vec!["his".to_owned()])
    );
    assert_eq!(resolve("id").unwrap().step_index, 1);
    assert_eq!(resolve("").unwrap_err(), PrintRefError::Empty);
    assert!(matches!(
        resolve("mcpx").unwrap_err(),
        PrintRefError::UnknownStep { .. }
    ));
    let error = resolve("twin.x").unwrap_err().to_string();
    assert_eq!(
        error,
        "`twin` names steps 2 and 3: give them a `step_id` each"
    );
    assert!(
        resolve(".")
            .unwrap_err()
            .to_string()
            .contains("`mcp.his.query`, `mcp`, `id`")
    );
}
