//! Which steps of a resumed run run again, and why.

use serde_json::Value;

use crate::resume::{calls, step};
use crate::support::{Case, Output, wait_for};

const SAFE: &str = "idempotent: true\n";

/// Skills that append their argument to `calls`. `safe` and `once` fail as long as `fails` names
/// their argument.
fn counted() -> Case {
    let script = "read -r line; n=${line#*:}; n=${n%\\}}; echo $n >> calls; \
                  test \"$(cat fails 2>/dev/null)\" = \"$n\" && exit 1; echo $n";
    Case::new()
        .sh_skill("safe", script, SAFE)
        .sh_skill("once", script, "")
}

fn plan(order: &str, steps: &[String]) -> String {
    format!(
        "assistant_id: a\norder: {order}\nsteps:\n{}",
        steps.concat()
    )
}

/// The reason and its detail for each step of a dry run, `""` for a reused one.
pub(crate) fn reasons(case: &Case) -> Vec<(String, String)> {
    let args = ["run", "plan.yaml", "--resume", "--dry-run", "--format"];
    let output = case
        .run(&[&args[..], &["jsonl", "--rerun-unsafe"]].concat())
        .expect_code(0);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let of = |step: &Value| {
        let not_reused = &step["not_reused"];
        assert_eq!(not_reused.is_null(), step["reused_from"].is_string());
        (text(&not_reused["reason"]), text(&not_reused["detail"]))
    };
    output.records().iter().map(of).collect()
}

pub(crate) fn resume(case: &Case) -> Output {
    case.run(&["run", "plan.yaml", "--resume", "--format", "jsonl"])
}

#[test]
fn whatever_comes_after_a_step_that_runs_again_runs_again() {
    let tolerated = step("safe", 1).replace("type:", "continue_on_error: true, type:");
    let after = |n: usize, before: &str| {
        step("safe", n).replace("type:", &format!("depends_on: [{before}], type:"))
    };
    let reference = "- {name: safe, step_id: s3, type: skill, arguments: {n: \"{{s2}}\"}}\n";
    let group = |n: usize| step("safe", n).replace("type:", "parallel_group: g, type:");
    let in_group = tolerated.replace("type:", "parallel_group: g, type:");
    let graph = [
        tolerated.clone(),
        after(2, "s1"),
        reference.to_owned(),
        step("safe", 4),
        after(9, "s3").replace("[s3]", "[s3, s4]"),
    ];
    let sequence = [step("safe", 0), tolerated, step("safe", 2), step("safe", 9)];
    let grouped = [group(4), in_group, step("safe", 2), step("safe", 9)];
    let s1 = ("earlier_step_runs_again", "s1");
    let failed = ("not_finished", "failed");
    for (order, steps, expected) in [
        (
            "graph",
            &graph[..],
            &[failed, s1, ("earlier_step_runs_again", "s2"), ("", "")][..],
        ),
        ("sequence", &sequence, &[("", ""), failed, s1]),
        ("sequence", &grouped, &[("", ""), failed, s1]),
    ] {
        let case = counted().file("plan.yaml", plan(order, steps));
        // The first run fails at `s1`, which is tolerated, and at the last step.
        let case = case.sh_skill(
            "safe",
            "read -r line; n=${line#*:}; n=${n%\\}}; echo $n >> calls; \
             test -e go || { test \"$n\" = 1 && exit 1; test \"$n\" = 9 && exit 1; }; echo $n",
            SAFE,
        );
        case.run(&["run", "plan.yaml", "--jobs", "1"])
            .expect_code(1);
        std::fs::write(case.path().join("go"), "").unwrap();
        let found = reasons(&case);
        let found: Vec<(&str, &str)> = found.iter().map(|(r, d)| (&**r, &**d)).collect();
        assert_eq!(found[..expected.len()], *expected, "{order}");
        assert_eq!(found.last(), Some(&failed), "{order}");
        let before = calls(&case);
        let records = resume(&case).expect_code(0).records();
        let now = calls(&case);
        assert_eq!(records.len(), steps.len(), "{order}");
        for record in records {
            let n = record["arguments"]["n"].as_u64().unwrap();
            let n = usize::try_from(n).unwrap();
            let is_reused = record["reused_from"].is_string();
            assert_eq!(is_reused, record["not_reused"].is_null(), "{order}: {n}");
            // `s3` has the argument of `s2`.
            let is_alone = n != 2 || order != "graph";
            assert!(
                !is_alone || is_reused == (now.get(&n) == before.get(&n)),
                "{order}: {n}"
            );
        }
    }
}

/// Ways in which a step that was started ends without a word of its own.
const ENDINGS: [(&str, &str, &[&str]); 6] = [
    ("step timeout", "sleep 60", &["--step-timeout", "300ms"]),
    ("run timeout", "sleep 60", &["--timeout", "300ms"]),
    ("limit", "yes", &[]),
    ("signal", "kill -KILL $$", &[]),
    (
        "ignored SIGTERM",
        "trap '' TERM; sleep 60",
        &["--step-timeout", "300ms"],
    ),
    ("output", "echo nonsense", &[]),
];

fn ended(script: &str, more: &str) -> Case {
    let json = "resources: {max_output_bytes: 1000}\ngrace: 100ms\n";
    let manifest = format!(
        "description: A skill.\nexecution:\n  command: [./run.sh]\n  output: json\n\
         permissions: [\"fs.write:.\"]\n{json}{more}"
    );
    Case::new()
        .file("skills/pay/manifest.yaml", manifest)
        .script(
            "skills/pay/run.sh",
            &format!("#!/bin/sh\necho 1 >> calls\ntest -e go && echo 1 && exit\n{script}\n"),
        )
        .plan("- {name: pay, type: skill, arguments: {}}\n")
}

/// Why `pay` ran again. Records come as steps finish.
fn reason_of_pay(output: &Output) -> Value {
    let records = output.records();
    let record = records.iter().find(|record| record["step_name"] == "pay");
    record.unwrap()["not_reused"]["reason"].clone()
}

/// A step that was ended is repeated only if that is safe.
fn check_repeated(case: &Case, is_safe: bool, what: &str) {
    std::fs::write(case.path().join("go"), "").unwrap();
    let resumed = resume(case);
    if is_safe {
        assert_eq!(resumed.code, 0, "{what}: {}", resumed.whole());
        assert_eq!(calls(case)[&1], 2, "{what}");
        let reason = reason_of_pay(&resumed);
        assert_eq!(reason, "not_finished", "{what}");
        return;
    }
    assert_eq!(resumed.code, 65, "{what}: {}", resumed.whole());
    let text = resumed.stderr();
    assert!(
        text.contains("not reused: `pay` (not idempotent: ")
            && text.contains("`pay` may already have had an effect"),
        "{what}: {}",
        resumed.whole()
    );
    assert_eq!(calls(case)[&1], 1, "{what}");
    let args = ["run", "plan.yaml", "--resume", "--rerun-unsafe", "--format"];
    let again = case.run(&[&args[..], &["jsonl"]].concat()).expect_code(0);
    let reason = reason_of_pay(&again);
    assert_eq!(reason, "not_idempotent", "{what}");
    assert_eq!(calls(case)[&1], 2, "{what}");
}

#[test]
fn a_step_that_was_ended_may_have_had_its_effect() {
    for (what, script, flags) in ENDINGS {
        for (more, is_safe) in [("", false), (SAFE, true)] {
            let case = ended(script, more);
            let first = case.run(&[&["run", "plan.yaml"], flags].concat());
            assert_ne!(first.code, 0, "{what}: {}", first.whole());
            check_repeated(&case, is_safe, what);
        }
    }
}

#[test]
fn so_may_a_step_that_a_signal_ended() {
    for signal in ["TERM", "INT", "HUP", "KILL"] {
        for (more, is_safe) in [("", false), (SAFE, true)] {
            let case = ended("touch ready; sleep 60", more);
            let mut child = case.command(&["run", "plan.yaml", "-q"]).spawn().unwrap();
            wait_for("the step", || case.path().join("ready").exists());
            let pid = child.id().to_string();
            let mut kill = std::process::Command::new("kill");
            kill.args([&format!("-{signal}"), &pid]).status().unwrap();
            child.wait().unwrap();
            check_repeated(&case, is_safe, signal);
        }
    }
}

#[test]
fn so_may_one_that_the_failure_of_another_ended() {
    // Files of their own: steps that may write the files of skills don't run at the same time.
    let files = "permissions: [\"fs.write:calls\", \"fs.write:ready\"]\n";
    let case = ended("echo > ready; sleep 60", "")
        .file("calls", "")
        .file("ready", "");
    let manifest = std::fs::read_to_string(case.path().join("skills/pay/manifest.yaml")).unwrap();
    let manifest = manifest.replace("permissions: [\"fs.write:.\"]\n", files);
    let case = case.file("skills/pay/manifest.yaml", manifest).sh_skill(
        "fail",
        "test -e go && exit 0; while [ ! -s ready ]; do sleep 0.02; done; exit 1",
        &format!("permissions: []\n{SAFE}"),
    );
    let case = case.file(
        "plan.yaml",
        plan(
            "graph",
            &["pay", "fail"].map(|name| format!("- {{name: {name}, type: skill}}\n")),
        ),
    );
    case.run(&["run", "plan.yaml", "--fail-fast", "--jobs", "2"])
        .expect_code(1);
    check_repeated(&case, false, "--fail-fast");
}

#[test]
fn a_failure_that_the_skill_reports_and_a_step_without_a_process_are_repeated() {
    for (what, script) in [("exit code", "exit 3"), ("0 of others", "exit 255")] {
        let case = ended(script, "");
        case.run(&["run", "plan.yaml"]).expect_code(1);
        std::fs::write(case.path().join("go"), "").unwrap();
        resume(&case).expect_code(0);
        assert_eq!(calls(&case)[&1], 2, "{what}");
    }
    // The first step takes all the time that the run has.
    let case = counted()
        .sh_skill("wait", "test -e go || sleep 60; echo 1", SAFE)
        .plan(&["- {name: wait, type: skill}\n".to_owned(), step("once", 1)].concat());
    case.run(&["run", "plan.yaml", "--timeout", "300ms"])
        .expect_code(124);
    std::fs::write(case.path().join("go"), "").unwrap();
    resume(&case).expect_code(0);
    assert_eq!(calls(&case)[&1], 1);
}

const NONE: (&str, &str) = ("", "");

/// A run of the plan `before` is resumed with the plan `after`.
fn check_reasons(what: &str, before: &str, after: &str, expected: &[(&str, &str)]) {
    let case = counted().file("plan.yaml", before);
    case.run(&["run", "plan.yaml"]).expect_code(0);
    let case = case.file("plan.yaml", after);
    let found = reasons(&case);
    let found: Vec<(&str, &str)> = found.iter().map(|(r, d)| (&**r, &**d)).collect();
    assert_eq!(found, expected, "{what}");
    let output = resume(&case).expect_code(0);
    for record in output.records() {
        let index = record["step_index"].as_u64().unwrap();
        let (reason, detail) = expected[usize::try_from(index).unwrap()];
        let of = |key: &str| record["not_reused"][key].clone();
        assert_eq!(of("reason").as_str().unwrap_or_default(), reason, "{what}");
        assert_eq!(of("detail").as_str().unwrap_or_default(), detail, "{what}");
    }
    let is_told = output.stderr().contains("not reused: ");
    let is_expected = expected.iter().any(|reason| *reason != NONE);
    assert_eq!(is_told, is_expected, "{what}: {}", output.whole());
    case.run(&["verify", "last"]).expect_code(0);
}

#[test]
fn each_reason_is_told_in_text_dry_run_and_records() {
    let steps = |order: &str, steps: [usize; 3], edit: (&str, &str)| {
        let steps = steps.map(|n| step("safe", n).replace(edit.0, edit.1));
        plan(order, &steps)
    };
    let (all, same) = ([0, 1, 2], ("s0", "s0"));
    let before = |order| steps(order, all, same);
    let changed = |order| steps(order, all, ("n: 1", "n: 5"));
    let changed_1 = ("arguments_changed", "");
    let after_1 = ("earlier_step_runs_again", "s1");
    for (what, order, after, expected) in [
        ("nothing", "graph", before("graph"), vec![NONE; 3]),
        (
            "arguments",
            "graph",
            changed("graph"),
            vec![NONE, changed_1, NONE],
        ),
        (
            "arguments",
            "sequence",
            changed("sequence"),
            vec![NONE, changed_1, after_1],
        ),
        (
            "name",
            "graph",
            steps("graph", all, ("s1", "new")),
            vec![NONE, ("renamed", "s1"), NONE],
        ),
        (
            "order",
            "sequence",
            steps("sequence", [0, 2, 1], same),
            vec![
                NONE,
                ("order_changed", "it was step 2"),
                ("order_changed", "it was step 1"),
            ],
        ),
        (
            "a new step",
            "graph",
            before("graph") + &step("once", 7),
            vec![NONE, NONE, NONE, ("new_step", "")],
        ),
    ] {
        check_reasons(what, &before(order), &after, &expected);
    }
}

#[test]
fn a_changed_file_of_a_skill_is_named_and_what_is_no_part_of_it_changes_nothing() {
    let script = "cat \"$(dirname \"$0\")/data.json\"";
    let case = Case::new()
        .sh_skill("s", script, SAFE)
        .file("skills/s/data.json", "1")
        .file("skills/s/.gitignore", "*.log\n*.json\n")
        .plan("- {name: s, type: skill}\n");
    case.run(&["run", "plan.yaml"]).expect_code(0);
    let is = |case: &Case, reason: &str, detail: &str| {
        assert_eq!(reasons(case), [(reason.to_owned(), detail.to_owned())]);
    };
    let case = case
        .file("skills/s/run.sh~", "old")
        .file("skills/s/.run.sh.swp", "x")
        .file("skills/s/trace.log", "x")
        .file("skills/s/data.json", "2");
    is(&case, "", "");
    let case = case.file("skills/s/lib.sh", "echo 1");
    is(&case, "skill_changed", "s/lib.sh");
    resume(&case).expect_code(0);
    is(&case, "", "");
    // A file that the command names is part of the skill, whatever git does with it.
    let manifest = case.path().join("skills/s/manifest.yaml");
    let text = std::fs::read_to_string(manifest).unwrap();
    let text = text.replace("[./run.sh]", "[./run.sh, --data=skills/s/data.json]");
    let case = case.file("skills/s/manifest.yaml", text);
    is(&case, "skill_changed", "s/data.json");
    resume(&case).expect_code(0);
    is(&case, "", "");
    let case = case.file("skills/s/data.json", "3");
    is(&case, "skill_changed", "s/data.json");
}

#[test]
fn a_file_that_the_manifest_reads_is_compared() {
    let elsewhere = tempfile::tempdir().unwrap();
    let (file, dir) = (elsewhere.path().join("file"), elsewhere.path().join("dir"));
    std::fs::create_dir(&dir).unwrap();
    std::fs::write(&file, "1").unwrap();
    let permission = |path: &std::path::Path| format!("fs.read:{}", path.display());
    let (of_file, of_dir) = (permission(&file), permission(&dir));
    let reads = |more: &str| format!("permissions: [\"{of_file}\", \"{of_dir}\"{more}]\n{SAFE}");
    let case = Case::new()
        .sh_skill("read", "echo 1", &reads(""))
        .sh_skill(
            "own",
            "echo 1",
            &reads(", \"fs.write:data\"").replace(&of_dir, "fs.read:data"),
        )
        .file("data/x", "1")
        .file(
            "plan.yaml",
            plan(
                "graph",
                &[
                    "- {name: read, type: skill}\n".to_owned(),
                    "- {name: own, type: skill}\n".to_owned(),
                    "- {name: read, step_id: after, type: skill, depends_on: [own]}\n".to_owned(),
                ],
            ),
        );
    case.run(&["run", "plan.yaml"]).expect_code(0);
    let changed = ("input_file_changed", of_file.as_str());
    let changed_dir = ("input_file_changed", of_dir.as_str());
    let check = |what: &str, expected: [(&str, &str); 3]| {
        let found = reasons(&case);
        let found: Vec<(&str, &str)> = found.iter().map(|(r, d)| (&**r, &**d)).collect();
        assert_eq!(found, expected, "{what}");
        resume(&case).expect_code(0);
        assert_eq!(reasons(&case)[0].0, "", "{what}: resumed");
    };
    check("nothing", [NONE; 3]);
    std::fs::write(&file, "2").unwrap();
    check("a file", [changed; 3]);
    std::fs::write(dir.join("new"), "").unwrap();
    check(
        "a new file in a directory",
        [changed_dir, NONE, changed_dir],
    );
    std::fs::write(case.path().join("data/x"), "2").unwrap();
    check("what the skill writes itself", [NONE; 3]);
    let told = case
        .run(&["run", "plan.yaml", "--resume", "--dry-run"])
        .expect_code(0);
    assert!(
        told.stderr()
            .contains("not compared: files of `fs.read:data` (`own`)"),
        "{}",
        told.whole()
    );
    std::fs::remove_file(&file).unwrap();
    let found = reasons(&case);
    assert_eq!(found[0].0, "input_file_changed", "a file that is gone");
}
