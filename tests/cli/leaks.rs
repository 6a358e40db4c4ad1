//! Processes that outlive their skill: its result stands, they get a time, and obs names them.

use std::process::{Child, Stdio};

use rustix::process::Signal;

use crate::support::processes::kill;
use crate::support::{Case, wait_for};

/// Prints its result and leaves a process that ignores SIGTERM, and that makes the file `alone`
/// once the leader is gone.
const STUBBORN: &str = "\
echo x >> effects
(trap '' TERM; touch left; while kill -0 $$; do sleep 0.01; done; touch alone
while :; do sleep 0.05; done) >/dev/null 2>&1 </dev/null &
while [ ! -e left ]; do sleep 0.01; done
echo '{\"n\": 42}'";

/// The keys under which the left-over process outlives the leak timeout.
const PATIENT: &str = "leak_timeout: 1h\ngrace: 50ms\n";

fn stubborn(more: &str) -> Case {
    Case::new()
        .sh_skill("left", STUBBORN, more)
        .plan("- {name: left, type: skill}\n")
}

/// obs with records on stdout, once its skill has made the file `mark`.
fn start(case: &Case, mark: &str, arguments: &[&str]) -> Child {
    let arguments = [&["run", "plan.yaml", "--format", "jsonl"], arguments].concat();
    let child = case
        .command(&arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for("the skill", || case.path().join(mark).exists());
    child
}

/// The first record, which is a success with its result and the name of what was left.
#[track_caller]
fn expect_result(stdout: &[u8]) {
    let text = String::from_utf8_lossy(stdout);
    let line = text.lines().next().unwrap();
    let record: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(record["status"], "success", "{record}");
    assert_eq!(record["output"]["n"], 42, "{record}");
    assert!(record["leaked"]["count"].as_u64() >= Some(1), "{record}");
    let names = record["leaked"]["names"].as_array().unwrap();
    assert!(names.iter().any(|name| name == "run.sh"), "{record}");
}

#[test]
fn a_result_stands_when_the_step_timeout_ends_what_is_left() {
    let case = stubborn(&format!("{PATIENT}timeout: 1s\n"));
    let output = case.run(&["run", "plan.yaml", "--format", "jsonl"]);
    expect_result(&output.expect_code(0).stdout);
    case.run(&["run", "plan.yaml", "--resume", "-q"])
        .expect_code(0);
    let effects = std::fs::read_to_string(case.path().join("effects")).unwrap();
    assert_eq!(effects, "x\n", "not run again");
}

#[test]
fn a_result_stands_when_the_run_timeout_ends_what_is_left() {
    let case = stubborn(PATIENT);
    let output = case.run(&["run", "plan.yaml", "--format", "jsonl", "--timeout", "1s"]);
    expect_result(&output.expect_code(124).stdout);
}

#[test]
fn a_result_stands_when_one_signal_or_two_end_what_is_left() {
    for (more, signals) in [(PATIENT, 1), ("leak_timeout: 1h\ngrace: 1h\n", 2)] {
        let case = stubborn(more);
        let child = start(&case, "alone", &[]);
        let pid = i32::try_from(child.id()).unwrap();
        for _ in 0..signals {
            kill(pid, Signal::TERM);
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(143));
        expect_result(&output.stdout);
    }
}

#[test]
fn a_result_stands_when_fail_fast_ends_what_is_left() {
    // A skill that may write skills runs alone, so these two may not.
    let permissions = "permissions: [\"fs.write:out\"]\n";
    let case = Case::new()
        .file("out/here", "")
        .sh_skill(
            "left",
            &format!("cd out; {STUBBORN}"),
            &format!("{PATIENT}{permissions}"),
        )
        .sh_skill(
            "bad",
            "while [ ! -e out/alone ]; do sleep 0.01; done; exit 3",
            permissions,
        )
        .plan(
            "- {name: left, type: skill, parallel_group: g}
- {name: bad, type: skill, parallel_group: g}
",
        );
    let output = case.run(&[
        "run",
        "plan.yaml",
        "--format",
        "json",
        "--fail-fast",
        "--jobs",
        "2",
    ]);
    let document: serde_json::Value =
        serde_json::from_str(&output.expect_code(1).stdout()).unwrap();
    let left = &document["records"][0];
    assert_eq!(left["status"], "success", "{left}");
    assert_eq!(left["output"]["n"], 42);
}

#[test]
fn a_failure_of_the_leader_stands_too() {
    let script = format!("{STUBBORN}; exit 3");
    let case = Case::new()
        .sh_skill("left", &script, &format!("{PATIENT}timeout: 1s\n"))
        .plan("- {name: left, type: skill}\n");
    let output = case.run(&["run", "plan.yaml", "--format", "jsonl"]);
    let record = &output.expect_code(1).records()[0];
    assert_eq!(record["status"], "failed", "{record}");
    assert_eq!(record["exit_code"], 3);
    assert!(record["leaked"]["count"].as_u64() >= Some(1), "{record}");
}

#[test]
fn a_leader_that_obs_stops_has_not_succeeded_and_its_output_is_kept() {
    let script = "trap 'echo saved 57 of 100; echo so it was >&2; exit 0' TERM
echo begun; touch left; while :; do sleep 0.01; done";
    for (format, code) in [("text", "124"), ("json", "124"), ("lines", "143")] {
        let case = Case::new()
            .script("skills/left/run.sh", &format!("#!/bin/sh\n{script}\n"))
            .file(
                "skills/left/manifest.yaml",
                format!(
                    "description: A skill.\nexecution: {{command: [./run.sh], output: {format}}}\n\
                     permissions: [\"fs.write:.\"]\n"
                ),
            )
            .plan("- {name: left, type: skill}\n");
        let output = if code == "143" {
            let child = start(&case, "left", &[]);
            kill(i32::try_from(child.id()).unwrap(), Signal::TERM);
            child.wait_with_output().unwrap()
        } else {
            let child = start(&case, "left", &["--step-timeout", "1s"]);
            child.wait_with_output().unwrap()
        };
        assert_eq!(output.status.code(), code.parse().ok());
        let text = String::from_utf8_lossy(&output.stdout);
        let record: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_ne!(record["status"], "success");
        assert_eq!(record["exit_code"], 0);
        assert_eq!(record["stdout"], "begun\nsaved 57 of 100\n", "{record}");
        let stderr = record["stderr"].as_str().unwrap();
        assert!(stderr.ends_with("so it was\n"), "{record}");
        assert!(record.get("leaked").is_none(), "{record}");
    }
}

#[test]
fn what_obs_ends_is_named_and_a_strict_run_fails() {
    let case = stubborn("grace: 50ms\n");
    let output = case.run(&["run", "plan.yaml"]).expect_code(0);
    let warning = "that the skill left running: run.sh";
    assert!(output.stderr().contains(warning), "{}", output.whole());
    let output = case.run(&["run", "plan.yaml", "-q"]).expect_code(0);
    assert_eq!(output.stderr(), "");
    let strict = Case::new()
        .sh_skill(
            "left",
            STUBBORN,
            "grace: 50ms\npermissions: [\"fs.write:out\"]\n",
        )
        .file("skills/left/run.sh", STUBBORN_IN_SCRATCH)
        .script("skills/left/run.sh", STUBBORN_IN_SCRATCH)
        .plan("- {name: left, type: skill}\n- {name: builtin.now, type: tool}\n");
    let output = strict.run(&["run", "plan.yaml", "--strict", "--format", "json"]);
    let document: serde_json::Value =
        serde_json::from_str(&output.expect_code(1).stdout()).unwrap();
    assert_eq!(document["status"], "failed");
    assert_eq!(document["records"][0]["status"], "success");
    assert_eq!(document["records"][1]["status"], "success");
    let output = strict.run(&["run", "plan.yaml", "--strict"]).expect_code(1);
    assert!(
        output
            .stderr()
            .contains("failed: `left` left processes behind"),
        "{}",
        output.whole()
    );
    strict.run(&["run", "plan.yaml"]).expect_code(0);
}

/// Writes nothing in the workspace, so that a strict run has no warning before it starts.
const STUBBORN_IN_SCRATCH: &str = "#!/bin/sh
(trap '' TERM; while :; do sleep 0.05; done) >/dev/null 2>&1 </dev/null &
echo '{\"n\": 42}'
";

#[test]
fn what_finishes_within_the_leak_timeout_is_no_leak() {
    let script = "(sleep 0.4; echo whole > late) >/dev/null 2>&1 & echo '{}'";
    let case = Case::new()
        .sh_skill("late", script, "leak_timeout: 30s\n")
        .plan("- {name: late, type: skill}\n");
    let output = case.run(&["run", "plan.yaml", "--format", "jsonl"]);
    let record = &output.expect_code(0).records()[0];
    assert!(record.get("leaked").is_none(), "{record}");
    let late = std::fs::read_to_string(case.path().join("late")).unwrap();
    assert_eq!(late, "whole\n");
}
