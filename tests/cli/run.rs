//! `obs run`: what goes to which stream, and what records hold.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use crate::support::{Case, confines, stable_settings, wait_for};

const SEED_KEYS: [&str; 8] = [
    "request_id",
    "assistant_id",
    "step_name",
    "step_type",
    "status",
    "output",
    "duration_ms",
    "timestamp",
];

const NO_PERMISSIONS: &str = "permissions: []\n";

#[test]
fn records_have_the_keys_of_openbotstack_in_its_order() {
    let case = Case::new().sh_skill("greet", "cat", "").plan(
        "- {name: greet, type: skill, arguments: {a: 1}}\n- {name: builtin.now, type: tool}\n",
    );
    let output = case
        .run(&["run", "plan.yaml", "--format", "jsonl"])
        .expect_code(0);
    for line in output.stdout().lines() {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        let keys: Vec<&String> = record.as_object().unwrap().keys().take(8).collect();
        assert_eq!(keys, SEED_KEYS);
    }
    let stderr = output.stderr();
    assert!(
        stderr.contains("greet") && stderr.contains("ok: 2 steps"),
        "{stderr}"
    );
}

#[test]
fn a_run_as_a_table() {
    if !confines("run::a_run_as_a_table") {
        return;
    }
    let case = Case::new()
        .sh_skill("good", "echo '{\"answer\": 42}'", NO_PERMISSIONS)
        .sh_skill(
            "bad",
            "echo partial; echo 'it broke' >&2; exit 3",
            NO_PERMISSIONS,
        )
        .plan(
            "- {name: good, type: skill}\n- {name: label, skill: bad, type: skill}\n\
             - {name: good, type: skill, step_id: again}\n",
        );
    let output = case.run(&["run", "plan.yaml"]).expect_code(1);
    stable_settings().bind(|| insta::assert_snapshot!(output.whole()));
}

#[test]
fn a_run_as_one_document() {
    if !confines("run::a_run_as_one_document") {
        return;
    }
    let case = Case::new()
        .sh_skill("bad", "echo '{\"error\": {\"code\": \"gone\", \"message\": \"no such page\"}}'; exit 4", NO_PERMISSIONS)
        .plan("- {name: bad, type: skill, continue_on_error: true}\n- {name: builtin.json_parse, type: tool, arguments: {text: \"[1]\"}}\n");
    let output = case
        .run(&["run", "plan.yaml", "--format", "json", "-q"])
        .expect_code(0);
    stable_settings().bind(|| insta::assert_snapshot!(output.whole()));
}

#[test]
fn a_plan_that_does_not_run_is_one_document_too() {
    let case = Case::new().plan("- {name: absent, type: skill}\n");
    let output = case
        .run(&["run", "plan.yaml", "--format", "json"])
        .expect_code(65);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["exit_code"], 65);
    assert_eq!(document["run_id"], serde_json::Value::Null);
    assert_eq!(document["problems"][0]["code"], "unknown_skill");
    assert_eq!(document["records"], serde_json::json!([]));
}

#[test]
fn quiet_is_silent_on_success_and_not_on_failure() {
    let case = Case::new()
        .sh_skill("bad", "exit 1", "")
        .plan("- {name: builtin.now, type: tool}\n")
        .file(
            "bad.yaml",
            "assistant_id: a\nsteps:\n- {name: bad, type: skill}\n",
        );
    let output = case.run(&["run", "plan.yaml", "-q"]).expect_code(0);
    assert_eq!(
        (output.stdout(), output.stderr()),
        (String::new(), String::new())
    );
    let output = case.run(&["run", "bad.yaml", "-q"]).expect_code(1);
    assert!(output.stderr().contains("bad"), "{}", output.whole());
}

#[test]
fn print_gives_one_value() {
    let case = Case::new()
        .sh_skill(
            "page",
            "printf '{\"text\": \"a\\\\nb\", \"list\": [1, {\"x\": true}]}'",
            "",
        )
        .plan("- {name: page, type: skill}\n");
    for (reference, want) in [
        ("page.text", "a\nb\n"),
        ("page.list.0", "1\n"),
        ("page.list.1", "{\"x\":true}\n"),
    ] {
        let output = case
            .run(&["run", "plan.yaml", "--print", reference])
            .expect_code(0);
        assert_eq!(output.stdout(), want);
    }
    let output = case
        .run(&["run", "plan.yaml", "--print", "page.txt"])
        .expect_code(1);
    assert!(output.stderr().contains("text"), "{}", output.whole());
    let output = case
        .run(&["run", "plan.yaml", "--print", "pag.text"])
        .expect_code(2);
    assert!(output.stderr().contains("page"), "{}", output.whole());
}

#[test]
fn a_dry_run_runs_nothing() {
    let case = Case::new()
        .sh_skill("touch", "touch ran", "permissions: [net]\nversion: 1.2.3\n")
        .plan("- {name: touch, type: skill, timeout: 5s}\n- {name: builtin.now, type: tool}\n");
    let output = case.run(&["run", "plan.yaml", "--dry-run"]).expect_code(0);
    stable_settings().bind(|| insta::assert_snapshot!(output.whole()));
    let output = case
        .run(&["run", "plan.yaml", "--dry-run", "--format", "json"])
        .expect_code(0);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["steps"][0]["timeout_ms"], 5000);
    assert!(!case.path().join("ran").exists());
}

#[test]
fn nothing_runs_when_a_later_step_is_wrong() {
    let case = Case::new()
        .sh_skill("touch", "touch ran", "")
        .plan("- {name: touch, type: skill}\n- {name: absent, type: skill}\n");
    case.run(&["run", "plan.yaml"]).expect_code(65);
    assert!(!case.path().join("ran").exists());
}

#[test]
fn a_closed_stdout_does_not_stop_the_plan() {
    let case = Case::new()
        .sh_skill("talk", "head -c 200000 /dev/zero | tr '\\0' x; echo \"$OBS_STEP_NAME\" >> ran", "")
        .file("skills/talk/manifest.yaml", "description: d\nexecution: {command: [./run.sh], output: text}\npermissions: [\"fs.write:.\"]\n")
        .plan("- {name: talk, type: skill}\n- {name: talk, type: skill}\n- {name: talk, type: skill}\n");
    let mut child = case
        .command(&["run", "plan.yaml", "--format", "jsonl"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert!(line.starts_with("{\"request_id\""));
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(!stderr.contains("panic"), "{stderr}");
    assert_eq!(
        std::fs::read_to_string(case.path().join("ran"))
            .unwrap()
            .lines()
            .count(),
        3
    );
}

#[test]
fn unread_input_is_no_failure_500_times() {
    // A plan of ten steps, each with more input than a pipe holds, fifty times.
    let text = "x".repeat(128 << 10);
    let step = format!(r#"{{"name": "deaf", "type": "skill", "arguments": {{"text": "{text}"}}}}"#);
    let steps = vec![step; 10].join(",\n");
    let plan = format!("{{\"assistant_id\": \"a\", \"steps\": [\n{steps}\n]}}");
    let case = Case::new()
        .file(
            "skills/deaf/manifest.yaml",
            "description: d\nexecution: {command: [./run.sh], stdin: \"{{text}}\"}\npermissions: [\"fs.write:.\"]\n",
        )
        .script("skills/deaf/run.sh", "#!/bin/sh\necho >> ran\n")
        .file("plan.json", plan);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..25 {
                    case.run(&["run", "plan.json", "-q", "--max-plan-size", "16000000"])
                        .expect_code(0);
                }
            });
        }
    });
    let ran = std::fs::read(case.path().join("ran")).unwrap();
    assert_eq!(ran.len(), 500);
}

#[test]
fn sixty_four_mib_come_back_without_a_deadlock() {
    let case = Case::new()
        .sh_skill(
            "double",
            "cat > /dev/null; head -c 67108864 /dev/zero | tr '\\0' a",
            "resources: {max_output_bytes: 67108864}\n",
        )
        .file(
            "skills/double/manifest.yaml",
            "description: d\nexecution: {command: [./run.sh], output: text}\nresources: {max_output_bytes: 67108864}\n",
        )
        .plan("- {name: double, type: skill}\n");
    let output = case
        .run(&["run", "plan.yaml", "--format", "jsonl"])
        .expect_code(0);
    assert!(output.stdout.len() > 64 << 20);
}

#[test]
fn output_without_end_is_stopped_at_the_cap() {
    let case = Case::new()
        .file(
            "skills/yes/manifest.yaml",
            "description: d\nexecution: {command: [\"yes\"], stdin: none, output: text}\n",
        )
        .plan("- {name: \"yes\", type: skill}\n");
    let mut child = case
        .command(&["run", "plan.yaml", "--format", "jsonl"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pid = child.id();
    let mut peak_kib = 0;
    let mut status = None;
    wait_for("the cap", || {
        let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        peak_kib = peak_kib.max(kib.unwrap_or_default());
        status = child.try_wait().unwrap();
        status.is_some()
    });
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(71));
    let record: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(record["error_code"], "resource_exhausted");
    assert_eq!(
        record["error"],
        "runtime: resource exhausted: the output exceeds its limit of 10485760 bytes"
    );
    assert!(peak_kib < 64 << 10, "{peak_kib} KiB");
}

#[test]
fn a_grandchild_that_holds_stdout_does_not_hold_the_step() {
    let marker = format!("holder-{}", std::process::id());
    let case = Case::new()
        .sh_skill(
            "leader",
            "setsid sh -c 'trap \"\" TERM; sleep 60; echo late' &\nprintf '\"%s\"' \"$(head -c 300000 /dev/zero | tr '\\0' z)\"",
            "grace: 100ms\n",
        )
        .plan("- {name: leader, type: skill, timeout: 30s}\n");
    let output = case
        .run(&[
            "run",
            "plan.yaml",
            "--format",
            "jsonl",
            "--request-id",
            &marker,
        ])
        .expect_code(0);
    let record = &output.records()[0];
    assert_eq!(record["output"].as_str().unwrap(), "z".repeat(300_000));
    assert_eq!(
        crate::support::processes::marked(&marker),
        Vec::<i32>::new()
    );
}

#[test]
fn progress_and_tokens_come_through_the_events_descriptor() {
    let case = Case::new()
        .sh_skill(
            "talk",
            "echo '{\"progress\": 0.5, \"message\": \"half\"}' >&3; echo '{\"tokens_used\": 5}' >&3; echo nonsense >&3; echo '{\"tokens_used\": 7}' >&$OBS_EVENTS_FD; echo 1",
            "",
        )
        .plan("- {name: talk, type: skill}\n");
    let output = case
        .run(&["run", "plan.yaml", "--format", "jsonl"])
        .expect_code(0);
    assert_eq!(output.records()[0]["resource_usage"]["tokens_used"], 12);
}

#[test]
fn stream_shows_what_skills_say_line_by_line() {
    let case = Case::new()
        .sh_skill("talk", "echo one >&2; printf 'two' >&2; echo 1", "")
        .plan("- {name: talk, type: skill}\n");
    let output = case.run(&["run", "plan.yaml", "--stream"]).expect_code(0);
    let stderr = output.stderr();
    assert!(
        stderr.contains("talk │ one\n") && stderr.contains("talk │ two\n"),
        "{stderr}"
    );
}

#[test]
fn the_environment_is_cleared_and_filled() {
    let case = Case::new()
        .sh_skill("env", "env | cut -d= -f1 | sort | tr '\\n' ' '", "permissions: [\"env:WANTED\", \"env:ABSENT?\", \"fs.write:$RUN_DIR\"]\n")
        .file("skills/env/manifest.yaml", "description: d\nexecution: {command: [./run.sh], output: text}\npermissions: [\"env:WANTED\", \"env:ABSENT?\", \"fs.write:$RUN_DIR\"]\n")
        .plan("- {name: env, type: skill}\n")
        .env("WANTED", "1")
        .env("UNWANTED", "canary-4711");
    let output = case
        .run(&["run", "plan.yaml", "--print", "env"])
        .expect_code(0);
    let names: Vec<String> = output
        .stdout()
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    for name in [
        "PATH",
        "LANG",
        "HOME",
        "TMPDIR",
        "WANTED",
        "OBS_RUN_ID",
        "OBS_RUN_DIR",
        "OBS_DEADLINE",
    ] {
        assert!(names.contains(&name.to_owned()), "{name}: {names:?}");
    }
    assert!(!names.contains(&"UNWANTED".to_owned()), "{names:?}");
    let home = case.path().to_string_lossy().into_owned();
    let case = case
        .sh_skill("home", "printf '\"%s\"' \"$HOME\"", "")
        .plan("- {name: home, type: skill}\n");
    let output = case
        .run(&["run", "plan.yaml", "--print", "home"])
        .expect_code(0);
    assert_ne!(output.stdout().trim_end(), home);
    assert!(
        !std::path::Path::new(output.stdout().trim_end()).exists(),
        "scratch goes away"
    );
}

#[test]
fn a_variable_that_is_not_set_is_found_before_the_run() {
    let case = Case::new()
        .sh_skill("env", "echo 1", "permissions: [\"env:SURELY_NOT_SET\"]\n")
        .plan("- {name: env, type: skill}\n");
    let output = case.run(&["run", "plan.yaml"]).expect_code(65);
    assert!(
        output.stderr().contains("SURELY_NOT_SET"),
        "{}",
        output.whole()
    );
}
