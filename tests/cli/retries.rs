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
            .contains("↻ flaky exit code 9; attempt 2 of 4 in "),
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
