//! `--log FILE`: whole lines, two writers, and never a false success.

use std::process::Stdio;

use serde_json::Value;

use crate::support::Case;

fn lines(case: &Case, name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(case.path().join(name)).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect()
}

#[test]
fn every_event_is_a_line_in_order() {
    let case = Case::new().sh_skill("no", "exit 3", "").plan(
        "- {name: builtin.now, type: tool}\n- {name: \"no\", type: skill}\n- {name: builtin.now, type: tool, step_id: last}\n",
    );
    let output = case
        .run(&[
            "run",
            "plan.yaml",
            "--log",
            "run.jsonl",
            "--format",
            "jsonl",
        ])
        .expect_code(1);
    let log = lines(&case, "run.jsonl");
    let events: Vec<_> = log
        .iter()
        .map(|line| line["event"].as_str().unwrap())
        .collect();
    assert_eq!(events, ["plan_start", "step", "step", "step", "plan_end"]);
    for (logged, printed) in log[1..4].iter().zip(output.records()) {
        let mut logged = logged.clone();
        logged.as_object_mut().unwrap().remove("event");
        assert_eq!(logged, printed);
    }
    assert_eq!(log[4]["error"], "exit code 3");
    assert_eq!(log[0]["run_id"], log[4]["run_id"]);
}

#[test]
fn two_runs_may_share_a_log() {
    let text = "x".repeat(100_000);
    let steps = "- {name: talk, type: skill}\n".repeat(10);
    let case = Case::new()
        .sh_skill("talk", &format!("printf '\"{text}\"'"), "")
        .plan(&steps);
    let children: Vec<_> = (0..3)
        .map(|_| {
            case.command(&["run", "plan.yaml", "--log", "shared.jsonl", "-q"])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let log = lines(&case, "shared.jsonl");
    assert_eq!(log.len(), 3 * 12);
    let ends = log
        .iter()
        .filter(|line| line["event"] == "plan_end")
        .count();
    assert_eq!(ends, 3);
}

#[test]
fn a_full_disk_is_74_and_a_sentence() {
    let case =
        Case::new().plan("- {name: builtin.now, type: tool}\n- {name: builtin.now, type: tool}\n");
    let output = case
        .run(&[
            "run",
            "plan.yaml",
            "--log",
            "/dev/full",
            "--format",
            "jsonl",
        ])
        .expect_code(74);
    assert_eq!(
        output.stdout(),
        "",
        "a record that is not in the log is not printed"
    );
    let stderr = output.stderr();
    assert!(
        stderr.contains("can't write the log `/dev/full`"),
        "{stderr}"
    );
    assert!(stderr.contains("No space left on device"), "{stderr}");
}

#[test]
fn a_log_that_cannot_be_opened_stops_the_run_before_it_starts() {
    let case = Case::new()
        .sh_skill("touch", "touch ran", "")
        .plan("- {name: touch, type: skill}\n");
    for log in [".", "absent/run.jsonl"] {
        let output = case
            .run(&["run", "plan.yaml", "--log", log])
            .expect_code(74);
        assert!(
            output.stderr().contains("nothing was run"),
            "{}",
            output.whole()
        );
    }
    assert!(!case.path().join("ran").exists());
}

#[test]
fn a_full_stdout_is_74_but_the_plan_still_finishes() {
    let case = Case::new()
        .sh_skill("touch", "touch ran; echo 1", "")
        .plan("- {name: builtin.now, type: tool}\n- {name: touch, type: skill}\n");
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = case
        .command(&["run", "plan.yaml", "--format", "jsonl"])
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(74));
    assert!(case.path().join("ran").exists());
}
