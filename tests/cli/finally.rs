//! `finally`: cleanup whatever came of the steps, and every rule about it.

use std::process::Stdio;

use rustix::process::Signal;
use serde_json::json;

use crate::support::processes::{kill, marked};
use crate::support::{Case, wait_for};
use crate::wrong_plans::{Rule, check_rules};

/// An environment is a file `env`; `builds` waits for an end that never comes.
fn environment(steps: &str) -> Case {
    let plan = format!(
        "assistant_id: test\nsteps:\n- {{name: create, type: skill}}\n{steps}finally:\n\
         - {{name: remove, type: skill}}\n- {{name: note, type: skill}}\n"
    );
    Case::new()
        .sh_skill("create", "touch env; echo '{\"id\": 7}'", "")
        .sh_skill("remove", "rm env", "")
        .sh_skill("note", "echo noted >> notes; echo 1", "")
        .sh_skill("good", "echo 1", "")
        .sh_skill("fails", "exit 3", "")
        .sh_skill("slow", "sleep 60", "timeout: 100ms\n")
        .sh_skill(
            "builds",
            "sleep 61 & touch building; sleep 60",
            "grace: 50ms\n",
        )
        .file("plan.yaml", plan)
}

fn exists(case: &Case, file: &str) -> bool {
    case.path().join(file).exists()
}

#[test]
fn what_was_created_is_removed_whatever_came_of_the_steps() {
    for (steps, flags, code) in [
        ("", &[][..], 0),
        ("- {name: good, type: skill}\n", &[], 0),
        ("- {name: fails, type: skill}\n", &[], 1),
        ("- {name: slow, type: skill}\n", &[], 124),
        ("- {name: builds, type: skill}\n", &["--timeout", "1s"], 124),
        (
            "- {name: fails, type: skill}\n- {name: good, type: skill}\n",
            &["--keep-going"],
            1,
        ),
    ] {
        let case = environment(steps);
        let mut args = vec!["run", "plan.yaml", "--format", "jsonl"];
        args.extend(flags);
        let output = case.run(&args).expect_code(code);
        assert!(!exists(&case, "env"), "{}", output.whole());
        assert!(exists(&case, "notes"), "{}", output.whole());
        let records = output.records();
        let last: Vec<_> = records.iter().rev().take(2).collect();
        assert_eq!(last[0]["step_id"], "note");
        assert_eq!(last[1]["step_id"], "remove");
    }
}

#[test]
fn a_first_signal_lets_them_run_and_nothing_is_left() {
    let marker = format!("finally-{}", std::process::id());
    let case = environment("- {name: builds, type: skill}\n");
    let child = case
        .command(&["run", "plan.yaml", "-q", "--request-id", &marker])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_for("the build", || exists(&case, "building"));
    kill(i32::try_from(child.id()).unwrap(), Signal::TERM);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(143));
    assert!(!exists(&case, "env") && exists(&case, "notes"));
    assert_eq!(marked(&marker), Vec::<i32>::new());
}

#[test]
fn a_failed_build_leaves_nothing_running_and_exits_1() {
    let marker = format!("finally-build-{}", std::process::id());
    let case = environment("- {name: fails, type: skill}\n");
    let output = case
        .run(&["run", "plan.yaml", "-q", "--request-id", &marker])
        .expect_code(1);
    assert!(!exists(&case, "env"), "{}", output.whole());
    assert_eq!(marked(&marker), Vec::<i32>::new());
}

#[test]
fn their_failure_turns_only_a_success_into_1() {
    for (step, cleanup, code, status) in [
        ("good", "fails", 1, "failed"),
        ("good", "slow", 1, "failed"),
        ("slow", "fails", 124, "timeout"),
        ("fails", "slow", 1, "failed"),
    ] {
        let case = environment("").file(
            "plan.yaml",
            format!(
                "assistant_id: test\nsteps: [{{name: {step}, type: skill}}]\n\
                 finally: [{{name: {cleanup}, type: skill, step_id: cleanup}}, {{name: note, type: skill}}]\n"
            ),
        );
        let output = case
            .run(&["run", "plan.yaml", "--format", "json"])
            .expect_code(code);
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(document["status"], status, "{document}");
        assert!(exists(&case, "notes"), "the next one runs all the same");
    }
}

#[test]
fn they_do_not_run_for_a_rejected_plan_and_are_asked_about_before_the_first_step() {
    let case = environment("");
    let output = case
        .run(&["run", "plan.yaml", "--deny", "remove", "--format", "jsonl"])
        .expect_code(77);
    assert!(
        !exists(&case, "env") && !exists(&case, "notes"),
        "{}",
        output.whole()
    );

    let case = environment("")
        .sh_skill("harmful", "touch harmed", "risk_level: critical\n")
        .file(
            "plan.yaml",
            "assistant_id: test\nsteps: [{name: create, type: skill}]\nfinally:\n\
             - {name: harmful, type: skill, arguments: {id: \"{{create.id}}\"}}\n",
        );
    let output = case.run(&["run", "plan.yaml"]).expect_code(77);
    assert!(!exists(&case, "env"), "{}", output.whole());
    let approve = ["run", "plan.yaml", "--approve", "harmful=harmful"];
    case.run(&approve).expect_code(0);
    assert!(exists(&case, "env") && exists(&case, "harmed"));
}

#[test]
fn a_resumed_run_runs_them_again() {
    let case = environment("- {name: fails, type: skill}\n");
    case.run(&["run", "plan.yaml"]).expect_code(1);
    let case = case.sh_skill("fails", "echo 1", "");
    // `remove` finds nothing any more.
    let output = case
        .run(&["run", "plan.yaml", "--resume", "--format", "jsonl"])
        .expect_code(1);
    let records = output.records();
    let status = |index: usize| records[index]["status"].as_str().unwrap_or_default();
    assert_eq!(
        [0, 1, 2, 3].map(status),
        ["success", "success", "failed", "success"]
    );
    assert!(
        records[0].get("reused_from").is_some(),
        "{}",
        output.whole()
    );
    assert_eq!(records[2]["not_reused"]["reason"], "finally");
}

/// The arguments that `tell` got in a run with these steps, and the run's id.
fn told(steps: &str, code: i32) -> (serde_json::Value, serde_json::Value) {
    let case = environment("")
        .sh_skill("tell", "cat", "")
        .file(
            "plan.yaml",
            format!(
                "assistant_id: test\nsteps:\n{steps}finally:\n- {name}\n",
                name = "{name: tell, type: skill, arguments: {run: \"{{run}}\", text: \"{{run.id}} {{run.status}}\"}}",
            ),
        );
    let output = case
        .run(&["run", "plan.yaml", "--format", "jsonl", "--keep-going"])
        .expect_code(code);
    let records = output.records();
    let last = records.last().unwrap();
    assert_eq!(last["finally"], true);
    assert_eq!(records[0].get("finally"), None);
    (last["output"].clone(), last["run_id"].clone())
}

#[test]
fn they_are_told_how_the_steps_ended() {
    let (told_of, id) = told("- {name: good, type: skill}\n", 0);
    let want = json!({"id": id, "status": "success", "exit_code": 0, "failed": []});
    assert_eq!(told_of["run"], want);
    assert_eq!(told_of["text"], format!("{} success", id.as_str().unwrap()));

    let steps = "- {name: good, type: skill}\n- {name: slow, type: skill}\n\
                 - {name: fails, step_id: f, type: skill, continue_on_error: true}\n";
    let (told_of, id) = told(steps, 124);
    assert_eq!(
        told_of["run"],
        json!({"id": id, "status": "timeout", "exit_code": 124, "failed": [
            {"step": "slow", "status": "timeout", "error_code": "execution_timeout",
             "error": told_of["run"]["failed"][0]["error"]},
            {"step": "f", "status": "failed", "error_code": "skill_failed",
             "error": told_of["run"]["failed"][1]["error"]},
        ]})
    );
    let error = told_of["run"]["failed"][0]["error"].as_str().unwrap();
    assert!(error.contains("timeout of 100ms"), "{error}");
}

#[test]
fn the_id_of_the_run_stays_when_it_is_resumed() {
    let case = environment("").sh_skill("create", "cat", "").file(
        "plan.yaml",
        "assistant_id: test\nsteps:\n- {name: create, type: skill, arguments: {name: \"env-{{run.id}}\"}}\n\
         - {name: fails, type: skill}\nfinally:\n- {name: note, type: skill, arguments: {id: \"{{run.id}}\"}}\n",
    );
    let first = case
        .run(&["run", "plan.yaml", "--format", "jsonl"])
        .expect_code(1);
    let first = first.records();
    let id = first[0]["run_id"].as_str().unwrap().to_owned();
    assert_eq!(first[0]["output"]["name"], format!("env-{id}"));
    for _ in 0..2 {
        let output = case
            .run(&["run", "plan.yaml", "--resume", "--format", "jsonl"])
            .expect_code(1);
        let records = output.records();
        assert_ne!(records[0]["run_id"], id);
        assert_eq!(records[0]["reused_from"], id, "{}", output.whole());
        assert_eq!(records[2]["arguments"]["id"], id);
    }
}

/// A plan whose cleanup undoes the first step, which counts in `created`.
fn undoing() -> Case {
    environment("")
        .sh_skill("create", "touch env; echo x >> created; echo 1", "")
        .file(
            "plan.yaml",
            "assistant_id: test\nsteps:\n- {name: create, type: skill}\n- {name: fails, type: skill}\n\
             finally:\n- {name: remove, type: skill, undoes: [create]}\n",
        )
}

fn created(case: &Case) -> usize {
    std::fs::read_to_string(case.path().join("created"))
        .unwrap()
        .lines()
        .count()
}

#[test]
fn what_was_undone_runs_again() {
    let case = undoing();
    case.run(&["run", "plan.yaml"]).expect_code(1);
    let case = case.sh_skill("fails", "test -e env && echo 1", "");
    let output = case
        .run(&["run", "plan.yaml", "--resume", "--format", "jsonl"])
        .expect_code(0);
    let records = output.records();
    assert_eq!(
        records[0]["not_reused"],
        json!({"reason": "undone", "detail": "remove"})
    );
    assert_eq!(created(&case), 2);
    assert!(!exists(&case, "env"));
}

#[test]
fn what_may_be_undone_in_part_is_refused_and_what_is_not_undone_is_reused() {
    let case = undoing().sh_skill("remove", "exit 1", "");
    case.run(&["run", "plan.yaml"]).expect_code(1);
    let output = case.run(&["run", "plan.yaml", "--resume"]).expect_code(65);
    assert!(
        output.stderr().contains("`create` may already"),
        "{}",
        output.whole()
    );
    let again = ["run", "plan.yaml", "--resume", "--rerun-unsafe"];
    case.run(&again).expect_code(1);
    assert_eq!(created(&case), 2);

    // A second run, whose obs is killed before its `finally` steps.
    let case = undoing().sh_skill("fails", "touch building; sleep 60", "grace: 50ms\n");
    let mut child = case
        .command(&["run", "plan.yaml", "-q"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_for("the build", || exists(&case, "building"));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(exists(&case, "env"), "a killed obs runs no `finally` step");
    let case = case.sh_skill("fails", "test -e env && echo 1", "");
    let args = [
        "run",
        "plan.yaml",
        "--resume",
        "--rerun-unsafe",
        "--format",
        "jsonl",
    ];
    let output = case.run(&args).expect_code(0);
    assert!(
        output.records()[0].get("reused_from").is_some(),
        "{}",
        output.whole()
    );
    assert_eq!(created(&case), 1);
    assert!(!exists(&case, "env"));
}

#[test]
fn they_may_have_items() {
    let case = environment("").sh_skill("tell", "cat", "").file(
        "plan.yaml",
        "assistant_id: test\nsteps: [{name: fails, type: skill}, {name: slow, type: skill}]\nfinally:\n\
         - {name: tell, type: skill, for_each: \"{{run.failed}}\", arguments: {step: \"{{item.step}}\"}}\n",
    );
    let args = ["run", "plan.yaml", "--format", "jsonl", "--keep-going"];
    let output = case.run(&args).expect_code(1);
    assert!(
        !output.stderr().contains("the run may take"),
        "{}",
        output.whole()
    );
    let records = output.records();
    let outputs: Vec<_> = records[2..]
        .iter()
        .map(|record| &record["output"])
        .collect();
    let steps = [json!({"step": "fails"}), json!({"step": "slow"})];
    assert_eq!(outputs[..2], [&steps[0], &steps[1]]);
    assert_eq!(records[2..].len(), 3);
    assert!(records[2..].iter().all(|record| record["finally"] == true));

    let slow = case.sh_skill("tell", "sleep 60", "grace: 50ms\n");
    let args = [&args[..], &["--finally-timeout", "500ms"]].concat();
    let records = slow.run(&args).expect_code(1).records();
    let last = &records[records.len() - 2];
    assert_eq!(last["status"], "skipped");
    let error = last["error"].as_str().unwrap();
    assert!(
        error.contains("`finally` steps exceeded their timeout of 500ms"),
        "{error}"
    );
}

#[test]
fn they_are_drawn_and_shown_before_they_run() {
    let case = environment("- {name: good, type: skill}\n");
    let all = ["mermaid", "dot", "tree", "table", "jsonl"].map(|format| {
        case.run(&["graph", "plan.yaml", "--format", format])
            .expect_code(0)
            .stdout()
    });
    crate::support::plain_settings()
        .bind(|| insta::assert_snapshot!("finally_drawn", all.join("\n")));
    let output = case.run(&["run", "plan.yaml", "--dry-run"]).expect_code(0);
    let text = output.stdout();
    assert!(
        text.contains(
            "\nfinally, whatever came of the steps (timeout: 1m, set by obs's default)\n"
        ),
        "{text}"
    );
}

const RULES: &[Rule] = &[
    Rule {
        wrong: "steps: []\nfinally: [{name: fetch, type: skill}]\n",
        problem: "no_steps 2:8 plan must have at least one step",
        help: "add one",
        right: "steps: [{name: fetch, type: skill}]\nfinally: [{name: fetch, step_id: b, type: skill}]\n",
    },
    Rule {
        wrong: "steps: [{name: fetch, type: skill}]\nfinally: {name: lines, type: skill}\n",
        problem: "wrong_type 3:10 `finally` must be a list, found a mapping",
        help: "in brackets",
        right: "steps: [{name: fetch, type: skill}]\nfinally: [{name: lines, type: skill}]\n",
    },
    Rule {
        wrong: "steps: [{name: fetch, type: skill}]\nfinally: [{name: lines, type: skill, depends_on: [fetch]}]\n",
        problem: "finally_step 3:38 a `finally` step can't have `depends_on`",
        help: "remove it",
        right: "steps: [{name: fetch, type: skill}]\nfinally: [{name: lines, type: skill}]\n",
    },
    Rule {
        wrong: "steps: [{name: fetch, type: skill}]\nfinally: [{name: lines, type: skill, needs: [fetch]}]\n",
        problem: "unknown_key 3:38 unknown key `needs` in a `finally` step",
        help: "remove it",
        right: "steps: [{name: fetch, type: skill}]\nfinally: [{name: lines, type: skill}]\n",
    },
    Rule {
        wrong: "steps: [{name: fetch, type: skill}]\nfinally: [{name: lines, type: skill, parallel_group: a}, {name: text, type: skill}]\n",
        problem: "finally_step 3:38 a `finally` step can't have `parallel_group`",
        help: "one after another",
        right: "steps: [{name: fetch, type: skill}]\nfinally: [{name: lines, type: skill}, {name: text, type: skill}]\n",
    },
    Rule {
        wrong: "steps: [{name: fetch, type: skill}]\nfinally: [{name: lines, type: skill, parallelizable: false}]\n",
        problem: "finally_step 3:38 a `finally` step can't have `parallelizable`",
        help: "remove it",
        right: "steps: [{name: fetch, type: skill}]\nfinally: [{name: lines, type: skill}]\n",
    },
    Rule {
        wrong: "order: graph\nsteps: [{name: fetch, type: skill, depends_on: [lines]}]\nfinally: [{name: lines, type: skill}]\n",
        problem: "finally_step 3:49 `lines` is a `finally` step, which runs after this one",
        help: "move it to `steps`",
        right: "order: graph\nsteps: [{name: fetch, type: skill, depends_on: [lines]}, {name: lines, type: skill}]\n",
    },
    Rule {
        wrong: "steps: [{name: use, type: skill, arguments: {text: \"{{text}}\"}}]\nfinally: [{name: text, type: skill}]\n",
        problem: "finally_step 2:52 `text` is a `finally` step, which runs after this one",
        help: "only later `finally` steps",
        right: "steps: [{name: text, type: skill}]\nfinally: [{name: use, type: skill, arguments: {text: \"{{text}}\"}}]\n",
    },
    Rule {
        wrong: "steps: [{name: fetch, type: skill}]\nfinally:\n- {name: use, type: skill, arguments: {text: \"{{text}}\"}}\n- {name: text, type: skill}\n",
        problem: "finally_step 4:46 `text` is a `finally` step, which runs after this one",
        help: "only later `finally` steps",
        right: "steps: [{name: fetch, type: skill}]\nfinally:\n- {name: text, type: skill}\n- {name: use, type: skill, arguments: {text: \"{{text}}\"}}\n",
    },
    Rule {
        wrong: "steps: [{name: fetch, type: skill}]\nfinally: [{name: use, type: skill, arguments: {text: \"{{fetch.bdy}}\"}}]\n",
        problem: "unknown_field 3:54 `{{fetch.bdy}}` asks for `bdy`, which does not exist",
        help: "did you mean `{{fetch.body}}`?",
        right: "steps: [{name: fetch, type: skill}]\nfinally: [{name: use, type: skill, arguments: {text: \"{{fetch.body}}\"}}]\n",
    },
    Rule {
        wrong: "steps: [{name: fetch, type: skill}]\nfinally: [{name: use, type: skill, arguments: {text: \"{{use}}\"}}]\n",
        problem: "own_output 3:54 `{{use}}` refers to the output of this step itself",
        help: "another step",
        right: "steps: [{name: fetch, type: skill}]\nfinally: [{name: use, type: skill, arguments: {text: \"{{fetch.body}}\"}}]\n",
    },
    Rule {
        wrong: "steps: [{name: fetch, step_id: a, type: skill}]\nfinally: [{name: lines, step_id: a, type: skill}]\n",
        problem: "duplicate_step_id 3:34 the step_id `a` is taken by step 0",
        help: "unique",
        right: "steps: [{name: fetch, step_id: a, type: skill}]\nfinally: [{name: lines, step_id: b, type: skill}]\n",
    },
    Rule {
        wrong: "steps: [{name: fetch, type: skill}]\nfinally: [{type: skill}]\n",
        problem: "empty_name 3:11 `finally` step 0 has empty name",
        help: "add `name:`",
        right: "steps: [{name: fetch, type: skill}]\nfinally: [{name: lines, type: skill}]\n",
    },
    Rule {
        wrong: "steps: [{name: fetch, type: skill}]\nfinally: [{name: fetch, type: skill}, {name: use, type: skill, arguments: {text: \"{{fetch.body}}\"}}]\n",
        problem: "ambiguous_step 3:82 `fetch` can mean step 0 or `finally` step 0",
        help: "`step_id`",
        right: "steps: [{name: fetch, type: skill, step_id: a}]\nfinally: [{name: fetch, type: skill}, {name: use, type: skill, arguments: {text: \"{{a.body}}\"}}]\n",
    },
    Rule {
        wrong: "steps: [{name: use, type: skill, arguments: {text: \"{{run.status}}\"}}]\n",
        problem: "run_not_over 2:52 `{{run.status}}` is known only when the steps are over",
        help: "`{{run.id}}` is known in every step",
        right: "steps: [{name: use, type: skill, arguments: {text: \"{{run.id}}\"}}]\nfinally: [{name: use, step_id: b, type: skill, arguments: {text: \"{{run.status}}\"}}]\n",
    },
    Rule {
        wrong: "steps: [{name: use, type: skill, arguments: {text: x, any: \"{{run}}\"}}]\n",
        problem: "run_not_over 2:60 `{{run}}` is known only when the steps are over",
        help: "in a step of `finally`",
        right: "steps: [{name: fetch, type: skill}]\nfinally: [{name: use, type: skill, arguments: {text: x, any: \"{{run}}\"}}]\n",
    },
    Rule {
        wrong: "steps: [{name: fetch, type: skill}]\nfinally: [{name: use, type: skill, arguments: {text: \"{{run.state}}\"}}]\n",
        problem: "unknown_field 3:54 `{{run.state}}` asks for `state`, which does not exist",
        help: "did you mean `{{run.status}}`?",
        right: "steps: [{name: fetch, type: skill}]\nfinally: [{name: use, type: skill, arguments: {text: \"{{run.status}}\"}}]\n",
    },
    Rule {
        wrong: "steps: [{name: fetch, type: skill}]\nfinally: [{name: use, type: skill, arguments: {text: x, count: \"{{run.status}}\"}}]\n",
        problem: "reference_type 3:64 `count` must be an integer, but `{{run.status}}` is text",
        help: "obs skills show use",
        right: "steps: [{name: fetch, type: skill}]\nfinally: [{name: use, type: skill, arguments: {text: x, count: \"{{run.exit_code}}\"}}]\n",
    },
    Rule {
        wrong: "steps: [{name: fetch, type: skill}]\nfinally: [{name: use, type: skill, arguments: {text: \"{{run.failed.0.message}}\"}}]\n",
        problem: "unknown_field 3:54 `{{run.failed.0.message}}` asks for `message`, which does not exist",
        help: "`error`",
        right: "steps: [{name: fetch, type: skill}]\nfinally: [{name: use, type: skill, arguments: {any: \"{{run.failed.0.error?}}\", text: x}}]\n",
    },
    Rule {
        wrong: "steps: [{name: run, skill: fetch, type: skill}]\n",
        problem: "name 2:16 the name `run` is a reserved word",
        help: "`skill: run`",
        right: "steps: [{name: runs, skill: fetch, type: skill}]\n",
    },
    Rule {
        wrong: "steps: [{name: fetch, step_id: item_index, type: skill}]\n",
        problem: "step_id 2:32 the step_id `item_index` is a reserved word",
        help: "another step_id",
        right: "steps: [{name: fetch, step_id: items, type: skill}]\n",
    },
    Rule {
        wrong: "steps: [{name: fetch, step_id: run, type: skill}]\n",
        problem: "step_id 2:32 the step_id `run` is a reserved word",
        help: "another step_id",
        right: "steps: [{name: fetch, step_id: runs, type: skill}]\n",
    },
    Rule {
        wrong: "steps: [{name: fetch, type: skill}, {name: lines, type: skill, undoes: [fetch]}]\n",
        problem: "undoes 2:64 only a `finally` step can have `undoes`",
        help: "move the step to `finally`",
        right: "steps: [{name: fetch, type: skill}]\nfinally: [{name: lines, type: skill, undoes: [fetch]}]\n",
    },
    Rule {
        wrong: "steps: [{name: fetch, type: skill}]\nfinally: [{name: lines, type: skill, undoes: [fech]}]\n",
        problem: "unknown_step 3:47 unknown step `fech`",
        help: "did you mean `fetch`?",
        right: "steps: [{name: fetch, type: skill}]\nfinally: [{name: lines, type: skill, undoes: [fetch]}]\n",
    },
    Rule {
        wrong: "steps: [{name: fetch, type: skill}]\nfinally: [{name: text, type: skill}, {name: lines, type: skill, undoes: [text]}]\n",
        problem: "undoes 3:74 `text` is a `finally` step, which runs in every run",
        help: "in `steps`",
        right: "steps: [{name: fetch, type: skill}]\nfinally: [{name: text, type: skill}, {name: lines, type: skill, undoes: [fetch]}]\n",
    },
    Rule {
        wrong: "steps: [{name: fetch, type: skill}]\nfinally: [{name: lines, type: skill, undoes: fetch}]\n",
        problem: "wrong_type 3:46 `undoes` must be a list, found text",
        help: "`[fetch]`",
        right: "steps: [{name: fetch, type: skill}]\nfinally: [{name: lines, type: skill, undoes: [fetch]}]\n",
    },
    Rule {
        wrong: "steps: [{name: fetch, type: skill}]\nfinally: [{name: lines, type: skill, undo: [fetch]}]\n",
        problem: "unknown_key 3:38 unknown key `undo` in a `finally` step",
        help: "did you mean `undoes`?",
        right: "steps: [{name: fetch, type: skill}]\nfinally: [{name: lines, type: skill, undoes: [fetch]}]\n",
    },
    Rule {
        wrong: "steps: [{name: fetch, type: skill}]\nensure: [{name: lines, type: skill}]\n",
        problem: "unknown_key 3:1 unknown key `ensure` in a plan",
        help: "did you mean `finally`?",
        right: "steps: [{name: fetch, type: skill}]\nfinally: [{name: lines, type: skill}]\n",
    },
    Rule {
        wrong: "steps: [{name: fetch, type: skill}]\nhandlerOn: {exit: {command: rm x}}\n",
        problem: "unknown_key 3:1 unknown key `handlerOn` in a plan",
        help: "write `finally:` with a list of steps",
        right: "steps: [{name: fetch, type: skill}]\nfinally: [{name: lines, type: skill}]\n",
    },
    Rule {
        wrong: "steps: [{name: fetch, type: skill, finally: [{name: lines}]}]\n",
        problem: "unknown_key 2:36 unknown key `finally` in a step",
        help: "list `finally` of the plan",
        right: "steps: [{name: fetch, type: skill}]\nfinally: [{name: lines, type: skill}]\n",
    },
    Rule {
        wrong: "steps: [{name: fetch, type: skill}, {name: lines, type: skill, if: \"always()\"}]\n",
        problem: "unknown_key 2:64 unknown key `if` in a step",
        help: "move the step to the plan's `finally`",
        right: "steps: [{name: fetch, type: skill}]\nfinally: [{name: lines, type: skill}]\n",
    },
    Rule {
        wrong: "steps: [{name: fetch, type: skill}]\nfinaly: [{name: lines, type: skill}]\n",
        problem: "unknown_key 3:1 unknown key `finaly` in a plan",
        help: "did you mean `finally`?",
        right: "steps: [{name: fetch, type: skill}]\nfinally: [{name: lines, type: skill}]\n",
    },
    Rule {
        wrong: "steps: [{name: fetch, type: skill}]\nfinally: [{name: use, type: skill, arguments: {txt: a}}]\n",
        problem: "arguments 3:48 unknown key `txt` in `arguments`",
        help: "did you mean `text`?",
        right: "steps: [{name: fetch, type: skill}]\nfinally: [{name: use, type: skill, arguments: {text: a}}]\n",
    },
];

#[test]
fn each_broken_rule_is_reported_and_no_kept_one() {
    assert!(RULES.len() >= 30, "{}", RULES.len());
    check_rules(RULES);
}
