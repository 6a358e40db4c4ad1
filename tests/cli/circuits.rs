//! Circuit breakers that span runs and processes.

use std::process::Stdio;

use serde_json::Value;

use crate::support::{Case, Output, wait_for};

/// A skill that appends to `calls`, and fails where there is no file `ok`.
fn fragile(threshold: u32, cooldown: &str) -> Case {
    let breaker =
        format!("circuit_breaker: {{failure_threshold: {threshold}, cooldown: {cooldown}}}\n");
    Case::new()
        .sh_skill("fragile", "echo x >> calls; test -e ok && echo 1", &breaker)
        .plan("- {name: fragile, type: skill}\n")
}

fn calls(case: &Case) -> usize {
    std::fs::read_to_string(case.path().join("calls"))
        .unwrap_or_default()
        .lines()
        .count()
}

fn circuit(case: &Case) -> Value {
    let output = case.run(&["circuits", "--format", "json"]).expect_code(0);
    let mut circuits: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let lines = case.run(&["circuits", "--format", "jsonl"]).expect_code(0);
    assert_eq!(lines.records().len(), circuits.len());
    circuits.pop().unwrap_or_default()
}

fn run(case: &Case) -> Output {
    case.run(&["run", "plan.yaml", "--format", "jsonl"])
}

#[test]
fn a_circuit_opens_across_runs_and_closes_after_a_probe() {
    let case = fragile(2, "300ms");
    run(&case).expect_code(1);
    assert_eq!(circuit(&case)["state"], "closed");
    run(&case).expect_code(1);
    let refused = run(&case).expect_code(75);
    let record = &refused.records()[0];
    assert_eq!(record["status"], "rejected");
    assert_eq!(record["error_code"], "circuit_open");
    assert!(
        refused.stderr().contains("`obs circuits reset fragile`"),
        "{}",
        refused.whole()
    );
    assert_eq!(
        (calls(&case), &circuit(&case)["failures"]),
        (2, &Value::from(2))
    );

    wait_for("the cooldown", || circuit(&case)["state"] == "half_open");
    run(&case).expect_code(1);
    assert_eq!(
        (calls(&case), &circuit(&case)["state"]),
        (3, &Value::from("open"))
    );
    std::fs::write(case.path().join("ok"), "").unwrap();
    wait_for("the cooldown", || circuit(&case)["state"] == "half_open");
    run(&case).expect_code(0);
    assert_eq!(circuit(&case), Value::Null);
}

#[test]
fn a_circuit_is_reset_passed_by_and_asked_for() {
    let case = fragile(1, "1h");
    run(&case).expect_code(1);
    run(&case).expect_code(75);
    case.run(&["run", "plan.yaml", "--circuit-breaker=off"])
        .expect_code(1);
    assert_eq!(calls(&case), 2);
    case.run(&["circuits", "reset", "other"]).expect_code(0);
    run(&case).expect_code(75);
    let reset = case.run(&["circuits", "reset", "fragile"]).expect_code(0);
    assert_eq!(reset.stderr(), "reset 1 circuit\n");
    run(&case).expect_code(1);
    case.run(&["circuits", "reset"]).expect_code(2);

    // A skill whose manifest says nothing has one only if that is asked for.
    let plain = Case::new()
        .sh_skill("plain", "echo x >> calls; exit 1", "")
        .plan("- {name: plain, type: skill}\n");
    for _ in 0..6 {
        run(&plain).expect_code(1);
    }
    for _ in 0..5 {
        plain
            .run(&["run", "plan.yaml", "--circuit-breaker"])
            .expect_code(1);
    }
    plain
        .run(&["run", "plan.yaml", "--circuit-breaker"])
        .expect_code(75);
    assert_eq!(calls(&plain), 11);
    // Another tenant's skill has a circuit of its own.
    plain
        .run(&["run", "plan.yaml", "--circuit-breaker", "--tenant-id", "b"])
        .expect_code(1);
}

/// Starts twenty at once, and gives their exit codes.
fn twenty(case: &Case) -> Vec<i32> {
    let mut children: Vec<_> = (0..20)
        .map(|_| {
            let mut command = case.command(&["run", "plan.yaml", "-q"]);
            command
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    children
        .iter_mut()
        .map(|child| child.wait().unwrap().code().unwrap())
        .collect()
}

#[test]
fn twenty_at_once_lose_no_record_and_no_failure_and_send_one_probe() {
    let case = fragile(20, "1h");
    assert_eq!(twenty(&case), [1; 20]);
    assert_eq!(
        (calls(&case), &circuit(&case)["failures"]),
        (20, &Value::from(20))
    );
    let records = case
        .run(&["logs", "--all", "--format", "jsonl"])
        .expect_code(0)
        .records();
    assert_eq!(records.len(), 20, "no record is lost");
    case.run(&["verify", "--all"]).expect_code(0);
    assert_eq!(twenty(&case), [75; 20]);
    assert_eq!(calls(&case), 20);

    // Half open: the one that gets through waits until all others have been turned away.
    let breaker = "circuit_breaker: {failure_threshold: 1, cooldown: 1ms}\n";
    let case = Case::new()
        .sh_skill("probe", "echo x >> calls; test -e open || exit 1; while [ ! -e go ]; do sleep 0.02; done; exit 1", breaker)
        .plan("- {name: probe, type: skill}\n");
    run(&case).expect_code(1);
    std::fs::write(case.path().join("open"), "").unwrap();
    wait_for("the cooldown", || circuit(&case)["state"] == "half_open");
    let mut children: Vec<_> = (0..20)
        .map(|_| {
            case.command(&["run", "plan.yaml", "-q"])
                .stderr(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    let mut ended = 0;
    wait_for("all but the probe", || {
        ended = children
            .iter_mut()
            .filter_map(|child| child.try_wait().unwrap())
            .count();
        ended >= 19
    });
    assert_eq!(ended, 19);
    std::fs::write(case.path().join("go"), "").unwrap();
    let codes: Vec<_> = children
        .iter_mut()
        .map(|child| child.wait().unwrap().code().unwrap())
        .collect();
    assert_eq!(
        codes.iter().filter(|code| **code == 75).count(),
        19,
        "{codes:?}"
    );
    assert_eq!(calls(&case), 2, "one failure and one probe");
}

#[test]
fn a_probe_that_is_killed_frees_its_place() {
    let breaker = "circuit_breaker: {failure_threshold: 1, cooldown: 1ms}\ntimeout: 1h\n";
    let case = Case::new()
        .sh_skill(
            "probe",
            "echo x >> calls; test -e open || exit 1; test -e free && echo 1 || sleep 600",
            breaker,
        )
        .plan("- {name: probe, type: skill}\n");
    run(&case).expect_code(1);
    std::fs::write(case.path().join("open"), "").unwrap();
    wait_for("the cooldown", || circuit(&case)["state"] == "half_open");
    let mut child = case.command(&["run", "plan.yaml", "-q"]).spawn().unwrap();
    wait_for("the probe", || calls(&case) == 2);
    run(&case).expect_code(75);
    child.kill().unwrap();
    child.wait().unwrap();
    std::fs::write(case.path().join("free"), "").unwrap();
    run(&case).expect_code(0);
}

#[test]
fn the_fallback_answers_while_the_circuit_is_open() {
    let breaker = "circuit_breaker: {failure_threshold: 1, cooldown: 1h}\n";
    let case = Case::new()
        .sh_skill("fragile", "echo x >> calls; exit 1", breaker)
        .sh_skill(
            "backup",
            "test -e ok && echo '\"spare\"'",
            "idempotent: true\n",
        )
        .plan("- {name: fragile, type: skill, retry: {fallback: backup}}\n")
        .file("ok", "");
    run(&case).expect_code(1);
    for attempts in [1, 2] {
        let output = run(&case).expect_code(0);
        let record = &output.records()[0];
        assert_eq!(
            (record["skill_id"].as_str(), record["output"].as_str()),
            (Some("backup"), Some("spare"))
        );
        let reason = record["fallback_reason"].as_str().unwrap();
        let expected = "`fragile` was not called: runtime: circuit breaker open: `fragile` failed; \
                        the next probe call may start at ";
        assert!(reason.starts_with(expected), "{reason}");
        assert_eq!(record["attempts"], 1);
        // A call that was not made counts neither as a failure nor as a success.
        assert_eq!(
            (calls(&case), circuit(&case)["failures"].as_u64()),
            (1, Some(1)),
            "{attempts}"
        );
    }
    // If the fallback fails too, both reasons are in the error.
    std::fs::remove_file(case.path().join("ok")).unwrap();
    let output = run(&case).expect_code(1);
    let error = output.records()[0]["error"].as_str().unwrap().to_owned();
    assert!(
        error.starts_with("exit code 1; before that, `fragile` was not called: "),
        "{error}"
    );
    // The reason is kept for a skill that was called and failed as well.
    let case = case.file("ok", "");
    let args = [
        "run",
        "plan.yaml",
        "--format",
        "jsonl",
        "--circuit-breaker=off",
        "--retry-unsafe",
    ];
    let output = case.run(&args).expect_code(0);
    assert_eq!(
        output.records()[0]["fallback_reason"],
        "`fragile` had failed: exit code 1"
    );
}
