//! What a skill may give as its output, and what obs makes of anything else.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{Case, Output, wait_for};

/// A skill that prints these bytes, as `printf` spells them.
fn printing(bytes: &str, execution: &str) -> Case {
    Case::new()
        .file(
            "skills/say/manifest.yaml",
            format!("description: d\nexecution: {{command: [./run.sh]{execution}}}\n"),
        )
        .script(
            "skills/say/run.sh",
            &format!("#!/bin/sh\nprintf '%b' '{bytes}'\n"),
        )
        .plan("- {name: say, type: skill}\n")
}

#[track_caller]
fn only_record(output: &Output) -> Value {
    let mut records = output.records();
    assert_eq!(records.len(), 1, "{}", output.whole());
    records.remove(0)
}

#[test]
fn json_that_other_readers_refuse_is_no_output() {
    for (bytes, why) in [
        (
            r#"{"title":"x\\ud83d","n":1}"#,
            "lone surrogate `\\ud83d` at byte 11",
        ),
        (r#"[{"\\udfff":1}]"#, "lone surrogate `\\udfff` at byte 3"),
        (
            r#"{"n":[0,1e9999]}"#,
            "the number `1e9999` is too large at byte 8",
        ),
        ("-1.5E400", "the number `-1.5E400` is too large at byte 0"),
        (r#"{"a":1,"a":2}"#, "duplicate key `a` at byte 7"),
        (r#"{"a":1} x"#, "trailing characters at byte 8"),
        ("NaN", "expected value at byte 0"),
        (r#"["\0377"]"#, "invalid UTF-8 at byte 2"),
    ] {
        let output = printing(bytes, "")
            .run(&["run", "plan.yaml", "--format", "jsonl"])
            .expect_code(1);
        let record = only_record(&output);
        assert_eq!(record["status"], "failed");
        assert_eq!(record["error_code"], "invalid_output");
        assert_eq!(
            record["error"],
            format!("the output is not valid JSON: {why}")
        );
        assert_eq!(record.get("output"), None);
    }
    let output = printing(r#"["\\ud83d\\ude00",1e308,-0]"#, "")
        .run(&["run", "plan.yaml", "--format", "jsonl"])
        .expect_code(0);
    assert_eq!(only_record(&output)["output"][0], "😀");
}

#[test]
fn the_step_that_wrote_it_is_blamed_and_not_its_reader() {
    let case = printing(r#"{"title":"x\\ud83d","n":1}"#, "").plan(
        "- {name: say, type: skill}\n\
         - {name: builtin.json_query, type: tool, arguments: {value: \"{{say}}\", query: \"$.n\"}}\n",
    );
    let output = case
        .run(&["run", "plan.yaml", "--format", "jsonl"])
        .expect_code(1);
    let records = output.records();
    let of = |at: usize, key: &str| records[at][key].as_str().unwrap().to_owned();
    assert_eq!(of(0, "error_code"), "invalid_output");
    assert_eq!(of(1, "status"), "skipped");
    case.run(&["run", "plan.yaml", "--print", "say.n", "-q"])
        .expect_code(1);
}

#[test]
fn a_failing_skill_is_read_by_the_same_rules() {
    let failing = |bytes: &str| {
        printing(bytes, "")
            .script(
                "skills/say/run.sh",
                &format!("#!/bin/sh\nprintf '%b' '{bytes}'\nexit 7\n"),
            )
            .run(&["run", "plan.yaml", "--format", "jsonl"])
            .expect_code(1)
    };
    let output = failing(r#"{"x":1,"error":{"message":"no","code":"c","retryable":true}}"#);
    assert_eq!(only_record(&output)["error"], "c: no");
    for bytes in [
        r#"{"error":{"message":"no"},"error":{}}"#,
        r#"{"error":{"message":"\\udc00"}}"#,
        r#"{"error":{"message":7}}"#,
        r#"{"error":"no"}"#,
    ] {
        assert_eq!(only_record(&failing(bytes))["error"], "exit code 7");
    }
}

#[test]
fn text_is_utf_8_or_declared_to_be_lossy() {
    for format in ["text", "lines"] {
        let output = printing(r"a\0377b\nc", &format!(", output: {format}"))
            .run(&["run", "plan.yaml", "--format", "jsonl"])
            .expect_code(1);
        let record = only_record(&output);
        assert_eq!(record["error_code"], "invalid_output");
        assert_eq!(record["error"], "the output is not UTF-8 at byte 1");
        assert!(
            output.stderr().contains("`encoding: lossy`"),
            "{}",
            output.whole()
        );
    }
    for (execution, want) in [
        (", output: text, encoding: lossy", json!("a\u{fffd}b\nc")),
        (
            ", output: lines, encoding: lossy",
            json!(["a\u{fffd}b", "c"]),
        ),
    ] {
        let output = printing(r"a\0377b\nc", execution)
            .run(&["run", "plan.yaml", "--format", "jsonl"])
            .expect_code(0);
        assert_eq!(only_record(&output)["output"], want);
    }
    let output = printing("a\\0303\\0251", ", output: text, encoding: lossy")
        .run(&["run", "plan.yaml", "--format", "jsonl"])
        .expect_code(0);
    assert_eq!(only_record(&output)["output"], "aé");
}

#[test]
fn a_secret_beside_bytes_that_are_no_text_is_masked() {
    let case = Case::new()
        .file(
            "skills/say/manifest.yaml",
            "description: d\n\
             execution: {command: [./run.sh], output: text, encoding: lossy}\n\
             permissions: [\"secret:TOKEN\"]\n",
        )
        .script(
            "skills/say/run.sh",
            "#!/bin/sh\nprintf '\\377%s\\377' \"$TOKEN\"\n",
        )
        .plan("- {name: say, type: skill}\n")
        .env("TOKEN", "hunter-two-7");
    let output = case
        .run(&["run", "plan.yaml", "--format", "jsonl"])
        .expect_code(0);
    assert_eq!(
        only_record(&output)["output"],
        "\u{fffd}***\u{fffd}",
        "{}",
        output.whole()
    );
}

/// Reads each form of the records with a reader that stops at 127 levels.
#[track_caller]
fn expect_readable(case: &Case, code: i32) {
    let args = ["run", "plan.yaml", "--format", "json"];
    let document = case.run(&args).expect_code(code);
    serde_json::from_slice::<Value>(&document.stdout).unwrap();
    let args = ["run", "plan.yaml", "--format", "jsonl"];
    case.run(&args).expect_code(code).records();
    case.run(&["logs", "--all", "--format", "jsonl"])
        .expect_code(0)
        .records();
    case.run(&["verify", "--all"]).expect_code(0);
}

#[test]
fn what_is_nested_too_deeply_for_a_record_is_refused() {
    let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    expect_readable(&printing(&nested(124), ""), 0);
    let output = printing(&nested(125), "")
        .run(&["run", "plan.yaml", "--format", "jsonl"])
        .expect_code(1);
    let error = only_record(&output)["error"].clone();
    let why = "the output is not valid JSON: nested more than 124 levels deep at byte 125";
    assert_eq!(error, why);
    // What fits as an output need not fit into an argument, or into what a tool makes of it.
    for (levels, more, code) in [(123, "", 0), (124, "", 65), (122, "[", 0), (123, "[", 65)] {
        let close = more.replace('[', "]");
        let value = format!("{more}\"{{{{say}}}}\"{close}");
        let case = printing(&nested(levels), "").sh_skill("take", "cat >&2; echo 1", "").plan(
            &format!("- {{name: say, type: skill}}\n- {{name: take, type: skill, arguments: {{value: {value}}}}}\n"),
        );
        expect_readable(&case, code);
    }
    let case = printing(&nested(123), "").plan(
        "- {name: say, type: skill}\n\
         - {name: builtin.json_query, type: tool, arguments: {value: \"{{say}}\", query: \"$\"}}\n",
    );
    expect_readable(&case, 1);
    let output = case.run(&["run", "plan.yaml", "--format", "jsonl"]);
    assert_eq!(output.records()[1]["error_code"], "invalid_output");
}

/// The most memory that obs had while it ran `plan.yaml`, in KiB.
fn peak_kib(case: &Case, code: i32) -> u64 {
    let mut child = case
        .command(&["run", "plan.yaml", "--format", "jsonl"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let status_file = format!("/proc/{}/status", child.id());
    let (mut peak, mut status) = (0, None);
    wait_for("the run", || {
        let text = std::fs::read_to_string(&status_file).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        peak = peak.max(kib.unwrap_or_default());
        status = child.try_wait().unwrap();
        status.is_some()
    });
    assert_eq!(status.unwrap().code(), Some(code));
    peak
}

#[test]
fn memory_is_bounded_by_the_output() {
    let base = peak_kib(&printing("1", ""), 0);
    let kib = 8 << 10;
    let bytes = kib << 10;
    for (script, output, code) in [
        (format!("head -c {bytes} /dev/zero | tr '\\0' a"), "text", 0),
        (format!("yes abcdefghijklmno | head -c {bytes}"), "lines", 0),
        (
            format!(
                "printf '['; yes 123, | tr -d '\\n' | head -c {}; echo 1]",
                bytes - 4
            ),
            "json",
            0,
        ),
        // Many keys in one object.
        (
            "printf '{'; seq -f '\"%.0f\":0,' 1 600000 | tr -d '\\n'; echo '\"a\":1}'".to_owned(),
            "json",
            0,
        ),
        // A failure is looked at for what it says of itself.
        (
            format!(
                "printf '['; yes 1, | tr -d '\\n' | head -c {}; echo 1]; exit 1",
                bytes - 4
            ),
            "json",
            1,
        ),
    ] {
        let case = printing("", "")
            .file(
                "skills/say/manifest.yaml",
                format!(
                    "description: d\nexecution: {{command: [./run.sh], output: {output}}}\n\
                     resources: {{max_output_bytes: {bytes}}}\n"
                ),
            )
            .script("skills/say/run.sh", &format!("#!/bin/sh\n{script}\n"));
        let peak = peak_kib(&case, code);
        assert!(peak - base <= 6 * kib, "{peak} KiB for {script}");
    }
}
