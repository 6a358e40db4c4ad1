//! Every exit code, each by a real run, and which one wins where there are several.

use std::process::Stdio;

use rustix::process::Signal;

use crate::support::processes::kill;
use crate::support::{Case, concat, wait_for};

/// Skills that end in each way that a step can end, named after it.
fn endings() -> Case {
    Case::new()
        .sh_skill("good", "echo 1", "")
        .sh_skill("fails", "exit 42", "")
        .sh_skill("killed", "kill -9 $$", "")
        .sh_skill("garbled", "echo '{'", "")
        .sh_skill(
            "floods",
            "head -c 5000 /dev/zero | tr '\\0' x",
            "resources: {max_output_bytes: 100}\n",
        )
        .sh_skill("slow", "sleep 60", "timeout: 100ms\n")
        .sh_skill("breaks-good", "rm skills/good/run.sh; echo 1", "")
        .sh_skill("waits", "touch ready; sleep 60", "grace: 100ms\n")
}

fn steps(names: &[&str]) -> String {
    concat(
        names
            .iter()
            .map(|name| format!("- {{name: {name}, type: skill}}\n")),
    )
}

#[test]
fn the_first_step_that_did_not_succeed_decides() {
    for (names, flags, code) in [
        (&["good"][..], &[][..], 0),
        (&["good", "fails"], &[], 1),
        (&["killed"], &[], 1),
        (&["garbled"], &[], 1),
        (&["floods"], &[], 71),
        (&["slow"], &[], 124),
        (&["breaks-good", "good"], &[], 69),
        (&["fails", "slow"], &[], 1),
        // What runs on after a failure changes nothing about it.
        (&["fails", "slow", "floods"], &["--keep-going"], 1),
        (&["slow", "fails"], &["--keep-going"], 124),
        (&["floods", "slow"], &["--keep-going"], 71),
        (
            &["good", "breaks-good", "good", "fails"],
            &["--keep-going"],
            69,
        ),
    ] {
        let case = endings().plan(&steps(names));
        let mut args = vec!["run", "plan.yaml", "--format", "jsonl"];
        args.extend(flags);
        let output = case.run(&args).expect_code(code);
        assert_eq!(output.records().len(), names.len(), "{names:?}");
    }
}

#[test]
fn an_output_that_is_not_as_promised_is_told_with_its_place_and_the_rule() {
    let schema = "{type: object, properties: {n: {type: integer, minimum: 3}}, required: [n]}";
    for (output, want) in [
        (
            "{\"n\": 2}",
            "`n` must be at least 3, found 2 (at /n, by /properties/n/minimum)",
        ),
        (
            "{\"n\": \"x\"}",
            "`n` must be a whole number, found text (at /n, by /properties/n/type)",
        ),
        ("{}", "the output must have the key `n` (by /required)"),
    ] {
        let script = format!("echo '{output}'");
        let manifest = format!("output_schema: {schema}\n");
        let own = format!("- {{name: gives, type: skill, output_schema: {schema}}}\n");
        for (manifest, plan, by) in [
            (manifest.as_str(), "- {name: gives, type: skill}\n", ""),
            ("", own.as_str(), "by the step's own `output_schema`, "),
        ] {
            let case = Case::new().sh_skill("gives", &script, manifest).plan(plan);
            let output = case.run(&["run", "plan.yaml", "--format", "jsonl"]);
            let record = output.expect_code(1).records().remove(0);
            assert_eq!(record["error_code"], "invalid_output");
            let want = format!("{by}the output does not match its schema: {want}");
            assert_eq!(record["error"], want);
        }
    }
}

#[test]
fn keep_going_runs_what_comes_after_a_failure() {
    let case = endings().plan(&steps(&["fails", "good", "slow", "good"]));
    let status = |flags: &[&str]| -> Vec<String> {
        let mut args = vec!["run", "plan.yaml", "--format", "jsonl"];
        args.extend(flags);
        let records = case.run(&args).expect_code(1).records();
        let word = |record: &serde_json::Value| record["status"].as_str().unwrap().to_owned();
        records.iter().map(word).collect()
    };
    assert_eq!(status(&[]), ["failed", "skipped", "skipped", "skipped"]);
    assert_eq!(
        status(&["--keep-going"]),
        ["failed", "success", "timeout", "success"]
    );
}

#[test]
fn what_may_fail_never_decides() {
    let may_fail = |name| format!("- {{name: {name}, type: skill, continue_on_error: true}}\n");
    for (plan, code) in [
        (may_fail("fails") + &steps(&["good"]), 0),
        (may_fail("slow") + &may_fail("floods"), 0),
        (may_fail("fails") + &steps(&["floods"]), 71),
        (may_fail("floods") + &steps(&["slow"]), 124),
    ] {
        endings()
            .plan(&plan)
            .run(&["run", "plan.yaml"])
            .expect_code(code);
    }
}

#[test]
fn a_program_removed_between_proof_and_start_fails_its_step() {
    let case = endings().plan(&steps(&["breaks-good", "good", "fails"]));
    let output = case
        .run(&["run", "plan.yaml", "--format", "jsonl"])
        .expect_code(69);
    let records = output.records();
    assert_eq!(records[0]["status"], "success");
    assert_eq!(records[1]["status"], "failed");
    assert_eq!(records[1]["error_code"], "skill_not_loaded");
    let error = records[1]["error"].as_str().unwrap();
    assert!(error.starts_with("runtime: skill not loaded"), "{error}");
    assert_eq!(records[2]["status"], "skipped");
    assert!(!output.stderr().contains("panic"), "{}", output.whole());
}

#[test]
fn arguments_that_a_command_cannot_take_are_65() {
    let case = Case::new()
        .file(
            "skills/say/manifest.yaml",
            "description: d\nexecution: {command: [printf, \"{{text}}\"], stdin: none, output: text}\n",
        )
        .plan("- {name: say, type: skill, arguments: {text: \"-v\"}}\n");
    let output = case.run(&["run", "plan.yaml"]).expect_code(65);
    assert!(output.stderr().contains("-v"), "{}", output.whole());
}

#[test]
fn the_runs_own_timeout_comes_before_its_steps() {
    let case = endings()
        .sh_skill("long", "sleep 60", "")
        .plan(&steps(&["fails", "long"]));
    let output = case
        .run(&[
            "run",
            "plan.yaml",
            "--keep-going",
            "--timeout",
            "1s",
            "--format",
            "jsonl",
        ])
        .expect_code(124);
    let records = output.records();
    assert_eq!(records[0]["status"], "failed");
    assert_eq!(records[1]["error_code"], "plan_timeout");
}

#[test]
fn a_signal_comes_before_a_failed_step() {
    for (signal, code) in [(Signal::HUP, 129), (Signal::INT, 130), (Signal::TERM, 143)] {
        let case = endings().plan(&steps(&["floods", "waits"]));
        let child = case
            .command(&["run", "plan.yaml", "--keep-going", "--format", "jsonl"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        wait_for("the step", || case.path().join("ready").exists());
        kill(i32::try_from(child.id()).unwrap(), signal);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code));
        let text = String::from_utf8(output.stdout).unwrap();
        let statuses: Vec<String> = text
            .lines()
            .map(|line| {
                let record: serde_json::Value = serde_json::from_str(line).unwrap();
                record["status"].as_str().unwrap().to_owned()
            })
            .collect();
        assert_eq!(statuses, ["failed", "canceled"]);
    }
}

#[test]
fn a_log_that_breaks_comes_before_everything() {
    let case = endings()
        .plan(&steps(&["slow", "fails"]))
        .env("OBS_STATE_DIR", "none");
    let args = ["run", "plan.yaml", "--keep-going", "--log"];
    case.run(&[&args[..], &["/dev/full"]].concat())
        .expect_code(74);
    // A log that fills up on the way: the first line fits, a later one does not.
    let script = "trap '' XFSZ; ulimit -f 3 && exec \"$0\" \"$@\"";
    let args = [&args[..], &["full.jsonl"]].concat();
    let output = case
        .command_under(&["sh", "-c", script], &args)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(74), "{stderr}");
    assert!(stderr.contains("full.jsonl"), "{stderr}");
    let log = std::fs::read_to_string(case.path().join("full.jsonl")).unwrap();
    assert!(
        !log.is_empty() && log.ends_with('\n'),
        "whole lines only: {log}"
    );
}

#[test]
fn what_stops_obs_before_a_plan_runs() {
    let case = endings()
        .plan(&steps(&["absent"]))
        .file("broken/manifest.yaml", "description: d\n")
        .file("text.yaml", "hello");
    for (args, code) in [
        (&["run"][..], 2),
        (&["run", "plan.yaml", "--no-such-flag"], 2),
        (&["run", "plan.yaml", "--format", "xml"], 2),
        (&["run", "plan.yaml", "--timeout", "5"], 2),
        (&["run", "plan.yaml", "-q", "-v"], 2),
        (&["no-such-verb"], 2),
        (&[], 2),
        (&["run", "plan.yaml"], 65),
        (&["run", "text.yaml"], 65),
        (&["validate", "plan.yaml"], 65),
        (&["run", "absent.yaml"], 66),
        (&["validate", "absent.yaml"], 66),
        (&["run", "plan.yaml", "--workspace", "absent"], 66),
        (&["--help"], 0),
        (&["--version"], 0),
        (&["help", "run"], 0),
    ] {
        let output = case.run(args).expect_code(code);
        assert!(
            output.code == 0 || !output.stderr.is_empty(),
            "{args:?} says nothing"
        );
    }
}

#[test]
fn a_fault_in_obs_is_70_and_a_sentence() {
    // No thread can have such a stack, and obs shows its report from a thread.
    let case = endings()
        .plan(&steps(&["good"]))
        .env("OBS_STATE_DIR", "none")
        .env("RUST_MIN_STACK", "70000000000000")
        .env("RUST_BACKTRACE", "1");
    let output = case.run(&["run", "plan.yaml"]).expect_code(70);
    assert!(
        output.stderr().contains("error: can't start "),
        "{}",
        output.whole()
    );
}

#[test]
fn with_few_descriptors_a_run_ends_in_a_sentence() {
    let case = endings().plan(&steps(&["good"]));
    let mut seen = Vec::new();
    for limit in 3..40 {
        let script = format!("ulimit -n {limit} && exec \"$0\" \"$@\"");
        let output = case
            .command_under(&["sh", "-c", &script], &["run", "plan.yaml"])
            .env("RUST_BACKTRACE", "1")
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        // 127: too few to load the program at all.
        let code = output.status.code().unwrap_or_default();
        assert!(
            [0, 66, 69, 70, 74, 127].contains(&code),
            "{limit}: {code}: {stderr}"
        );
        assert!(
            !stderr.contains("stack backtrace") && !stderr.contains("panicked"),
            "{limit}: {stderr}"
        );
        if ![0, 127].contains(&code) {
            assert!(stderr.contains("error: "), "{limit}: {stderr}");
        }
        seen.push(code);
    }
    assert!(seen.contains(&69), "{seen:?}");
    assert_eq!(seen.last(), Some(&0), "{seen:?}");
}
