//! Skills that fail and are tried again, with real processes.

use serde_json::Value;

use crate::support::{Case, Output};

/// Fails until it has been started `until` times.
fn flaky(until: u32) -> String {
    format!(
        "cd out; echo x >> tries; n=$(wc -l < tries)\n\
         if [ $n -lt {until} ]; then echo \"try $OBS_ATTEMPT\" >&2; exit 9; fi\necho \"{{\\\"attempt\\\": $OBS_ATTEMPT}}\""
    )
}

fn step(retry: &str) -> String {
    format!("- {{name: flaky, type: skill, arguments: {{x: 1}}, retry: {retry}}}\n")
}

fn record(output: &Output) -> Value {
    output.records()[0].clone()
}

const RUN: [&str; 4] = ["run", "plan.yaml", "--format", "jsonl"];
const OUT: &str = "permissions: [\"fs.write:out/\"]\n";
const IDEMPOTENT: &str = "idempotent: true\npermissions: [\"fs.write:out/\"]\n";

#[test]
fn a_flaky_skill_succeeds_in_the_end() {
    let case = Case::new()
        .sh_skill("flaky", &flaky(3), IDEMPOTENT)
        .plan(&step("{max_retries: 3, initial_backoff: 10ms}"));
    let record = record(&case.run(&RUN).expect_code(0));
    assert_eq!(record["attempts"], 3);
    assert_eq!(record["output"]["attempt"], 3);
    let table = case.run(&["run", "plan.yaml"]).expect_code(0);
    assert!(
        !table.stdout().contains('×'),
        "the second run needs one: {}",
        table.whole()
    );
    std::fs::remove_file(case.path().join("out/tries")).unwrap();
    let output = case.run(&["run", "plan.yaml"]).expect_code(0);
    assert!(output.stdout().contains("×3"), "{}", output.whole());
    assert!(
        output
            .stderr()
            .contains("↻ flaky exit code 9; retry 1/3 in "),
        "{}",
        output.whole()
    );
}

#[test]
fn what_is_not_idempotent_is_not_tried_again_and_says_so() {
    let case = Case::new()
        .sh_skill("flaky", &flaky(2), OUT)
        .plan(&step("{max_retries: 3, initial_backoff: 10ms}"));
    let output = case.run(&RUN).expect_code(1);
    let record = record(&output);
    assert_eq!(record["attempts"], 1);
    assert_eq!(
        record["error"],
        "exit code 9; not retried: `flaky` is not idempotent"
    );
    assert!(
        output.stderr().contains("--retry-unsafe"),
        "{}",
        output.whole()
    );
    case.run(&["validate", "plan.yaml", "--strict"])
        .expect_code(65);
    std::fs::remove_file(case.path().join("out/tries")).unwrap();
    case.run(&[&RUN[..], &["--retry-unsafe", "--strict"]].concat())
        .expect_code(0);
}

#[test]
fn a_skill_may_say_that_another_attempt_is_no_use() {
    let script = "echo x >> tries\n\
                  echo '{\"error\": {\"code\": \"gone\", \"message\": \"no such page\", \"retryable\": false}}'; exit 1";
    let case = Case::new()
        .sh_skill("flaky", script, IDEMPOTENT)
        .plan(&step("{max_retries: 3, initial_backoff: 10ms}"));
    let record = record(&case.run(&RUN).expect_code(1));
    assert_eq!(
        (&record["attempts"], &record["error"]),
        (&Value::from(1), &Value::from("gone: no such page"))
    );
}

#[test]
fn the_fallback_gets_the_same_arguments_and_answers_for_the_step() {
    let plan = "- {name: source, skill: builtin.json_parse, type: tool, arguments: {text: '{\"t\": \"v\"}'}}\n\
                - {name: flaky, type: skill, arguments: {x: \"{{source.t}}\"}, \
                   retry: {max_retries: 1, initial_backoff: 10ms, fallback: backup@2.0}}\n\
                - {name: uses, skill: backup, type: skill, arguments: {got: \"{{flaky.x}}\"}}\n";
    let case = Case::new()
        .sh_skill("flaky", "exit 9", "idempotent: true\n")
        .sh_skill("backup", "cat", "version: \"2.0\"\n")
        .plan(plan);
    let records = case.run(&RUN).expect_code(0).records();
    assert_eq!(records[1]["attempts"], 3);
    assert_eq!(records[1]["skill_id"], "backup");
    assert_eq!(records[1]["skill_version"], "2.0");
    assert_eq!(records[1]["output"]["x"], "v");
    assert_eq!(records[2]["output"]["got"], "v");
    let output = case.run(&["run", "plan.yaml"]).expect_code(0);
    assert!(
        output
            .stderr()
            .contains("↻ flaky exit code 9; now `backup`\n"),
        "{}",
        output.whole()
    );
    let shown = case
        .run(&["run", "plan.yaml", "--dry-run"])
        .expect_code(0)
        .stdout();
    assert!(
        shown.contains("retry        once, after 10ms to 30s"),
        "{shown}"
    );
    assert!(shown.contains("fallback     backup"), "{shown}");
}

#[test]
fn what_a_skill_hides_stays_hidden_when_its_fallback_gets_it() {
    let hides = "idempotent: true\ninput_schema: {type: object, properties: {token: {type: string, writeOnly: true}}}\n";
    let case = Case::new()
        .sh_skill("own", "exit 1", hides)
        .file(
            "skills/other/manifest.yaml",
            "description: d\nexecution: {command: [sh, -c, 'exit 3', sh, \"{{token}}\"], stdin: none}\n",
        )
        .plan("- {name: own, type: skill, arguments: {token: canary-4711}, retry: {fallback: other}}\n");
    let output = case
        .run(&["run", "plan.yaml", "--format", "jsonl"])
        .expect_code(1);
    assert_eq!(
        output.records()[0]["skill_id"],
        "other",
        "{}",
        output.whole()
    );
    assert!(!output.whole().contains("canary"), "{}", output.whole());
}

/// Hangs until it has been started `until` times.
fn hanging(until: u32) -> String {
    format!(
        "cd out; echo x >> tries; [ $(wc -l < tries) -lt {until} ] && sleep 60; echo \"{{\\\"attempt\\\": $OBS_ATTEMPT}}\""
    )
}

#[test]
fn a_hang_is_tried_again_within_the_skills_own_time() {
    for own in ["", ", timeout: 25s"] {
        let step = step(&format!("{{max_retries: 3, initial_backoff: 10ms}}{own}"));
        let case = Case::new()
            .sh_skill("flaky", &hanging(3), &format!("{IDEMPOTENT}timeout: 1s\n"))
            .plan(&step);
        let record = record(&case.run(&RUN).expect_code(0));
        assert_eq!(record["attempts"], 3, "{record}");
        assert_eq!(record["output"]["attempt"], 3, "{record}");
    }
}

#[test]
fn the_step_timeout_bounds_all_attempts_that_hang() {
    let step = step("{max_retries: 9, initial_backoff: 10ms}, timeout: 1500ms");
    let case = Case::new()
        .sh_skill("flaky", &hanging(99), &format!("{IDEMPOTENT}timeout: 1s\n"))
        .plan(&step);
    let record = record(&case.run(&RUN).expect_code(124));
    assert_eq!(record["status"], "timeout");
    assert_eq!(record["attempts"], 2, "{record}");
    let error = record["error"].as_str().unwrap();
    assert!(
        error.contains("the step exceeded its timeout of 1500ms, set by the step")
            || error.contains("the step exceeded its timeout of 1.5s, set by the step"),
        "{error}"
    );
    assert!(
        error.contains("an attempt exceeded its timeout of 1s"),
        "{error}"
    );
}

#[test]
fn a_hang_of_a_skill_that_is_not_idempotent_is_final() {
    let case = Case::new()
        .sh_skill("flaky", &hanging(2), &format!("{OUT}timeout: 1s\n"))
        .plan(&step("{max_retries: 3, initial_backoff: 10ms}"));
    let record = record(&case.run(&RUN).expect_code(124));
    assert_eq!(
        (&record["status"], &record["attempts"]),
        (&"timeout".into(), &1.into())
    );
    let error = record["error"].as_str().unwrap();
    assert!(
        error.ends_with("set by the skill's manifest; not retried: `flaky` is not idempotent"),
        "{error}"
    );
}

#[test]
fn the_fallback_answers_for_a_skill_that_hangs() {
    let case = Case::new()
        .sh_skill("flaky", &hanging(99), &format!("{IDEMPOTENT}timeout: 1s\n"))
        .sh_skill("spare", "echo '{\"from\": \"spare\"}'", "permissions: []\n")
        .plan(&step(
            "{max_retries: 1, initial_backoff: 10ms, fallback: spare}",
        ));
    let record = record(&case.run(&RUN).expect_code(0));
    assert_eq!(record["skill_id"], "spare");
    assert_eq!(record["output"]["from"], "spare");
    assert_eq!(record["attempts"], 3);
}

#[test]
fn a_program_that_is_being_written_is_tried_again_though_not_idempotent() {
    let case = Case::new()
        .sh_skill("flaky", "echo '{}'", "permissions: []\n")
        .plan(&step("{max_retries: 9, initial_backoff: 200ms}"));
    let program = case.path().join("skills/flaky/run.sh");
    let writer = std::fs::OpenOptions::new()
        .append(true)
        .open(program)
        .unwrap();
    let child = case
        .command(&[
            "run",
            "plan.yaml",
            "--format",
            "jsonl",
            "--progress",
            "lines",
        ])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // Held until obs says that it tries again.
    let mut child = child;
    let mut stderr = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("retry 1/9 in ") {
        let length = std::io::BufRead::read_line(&mut stderr, &mut said).unwrap();
        assert_ne!(length, 0, "{said}");
    }
    assert!(said.contains("it is open for writing"), "{said}");
    drop(writer);
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut stderr, &mut rest).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}{rest}");
    let text = String::from_utf8(output.stdout).unwrap();
    let record: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&record["status"], &record["attempts"]),
        (&"success".into(), &1.into())
    );
}

#[test]
fn a_skill_says_when_it_is_worth_another_attempt() {
    let script = |milliseconds: &str| {
        format!(
            "cd out; echo x >> tries; [ $(wc -l < tries) = 1 ] || {{ echo '{{}}'; exit; }}
             echo '{{\"error\": {{\"message\": \"busy\", \"retry_after_ms\": {milliseconds}}}}}'; exit 1"
        )
    };
    // The backoff of the plan would not fit into the step's time.
    let plan = step("{max_retries: 1, initial_backoff: 1h, max_backoff: 1h}, timeout: 20s");
    for (milliseconds, code) in [
        ("50", 0),
        ("0", 0),
        // What is no such number is not followed.
        ("-1", 1),
        ("\"50\"", 1),
        ("1.5", 1),
        // Nor is a wait that is longer than the step.
        ("99999999", 1),
        ("18446744073709551615", 1),
    ] {
        let case = Case::new()
            .sh_skill("flaky", &script(milliseconds), IDEMPOTENT)
            .plan(&plan);
        let output = case.run(&RUN).expect_code(code);
        let attempts = if code == 0 { 2 } else { 1 };
        assert_eq!(record(&output)["attempts"], attempts, "{milliseconds}");
    }
}

#[test]
fn a_step_that_ends_between_two_attempts_has_the_reason_of_its_end() {
    let plan = step("{max_retries: 3, initial_backoff: 20s}");
    let case = Case::new()
        .sh_skill("flaky", "exit 1", IDEMPOTENT)
        .plan(&plan);
    let args = [&RUN[..], &["--timeout", "2s"]].concat();
    let record = record(&case.run(&args).expect_code(124));
    assert_eq!(record["status"], "timeout", "{record}");
    assert_eq!(record["error_code"], "plan_timeout", "{record}");
    // The step that fails decides the run, not the one that waits.
    let case = case
        .sh_skill(
            "bad",
            "while [ ! -e out/tries ]; do sleep 0.01; done; sleep 0.2; exit 3",
            OUT,
        )
        .sh_skill("flaky", "echo x > out/tries; exit 1", IDEMPOTENT)
        .file(
            "plan.yaml",
            format!("assistant_id: a\norder: graph\nsteps:\n{plan}- {{name: bad, type: skill}}\n"),
        );
    let output = case.run(&[
        "run",
        "plan.yaml",
        "--fail-fast",
        "--jobs",
        "2",
        "--format",
        "json",
    ]);
    let document: Value = serde_json::from_str(&output.expect_code(1).stdout()).unwrap();
    assert_eq!(document["records"][0]["status"], "canceled", "{document}");
    assert_eq!(document["records"][1]["status"], "failed", "{document}");
}
