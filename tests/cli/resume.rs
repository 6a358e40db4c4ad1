//! Going on with a run: what succeeded is not run again, whatever became of obs.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::{Case, wait_for};

/// A skill that appends its argument to `calls`, and fails for the argument in the file `fails`.
pub(crate) fn counted() -> Case {
    let script = "read -r line; n=${line#*:}; n=${n%\\}}; echo $n >> calls; \
                  test \"$(cat fails 2>/dev/null)\" = \"$n\" && exit 1; echo $n";
    Case::new()
        .sh_skill("safe", script, "idempotent: true\n")
        .sh_skill("once", script, "")
}

/// A step that calls `skill` with `n`.
pub(crate) fn step(skill: &str, n: usize) -> String {
    format!("- {{name: {skill}, step_id: s{n}, type: skill, arguments: {{n: {n}}}}}\n")
}

pub(crate) fn calls(case: &Case) -> BTreeMap<usize, usize> {
    let text = std::fs::read_to_string(case.path().join("calls")).unwrap_or_default();
    let mut calls = BTreeMap::new();
    for line in text.lines() {
        *calls.entry(line.parse().unwrap()).or_default() += 1;
    }
    calls
}

fn write(case: &Case, file: &str, text: &str) {
    std::fs::write(case.path().join(file), text).unwrap();
}

#[test]
fn only_what_did_not_succeed_runs_again() {
    let case = counted().plan(&[step("once", 0), step("once", 1), step("once", 2)].concat());
    write(&case, "fails", "1");
    let first = case
        .run(&["run", "plan.yaml", "--format", "jsonl"])
        .expect_code(1);
    let first_run = first.records()[0]["run_id"].clone();
    write(&case, "fails", "");
    let output = case
        .run(&["run", "plan.yaml", "--resume", "--format", "jsonl"])
        .expect_code(0);
    assert!(
        output.stderr().contains("1 of 3 steps are reused"),
        "{}",
        output.whole()
    );
    assert_eq!(calls(&case), BTreeMap::from([(0, 1), (1, 2), (2, 1)]));
    let records = output.records();
    assert_eq!(records[0]["reused_from"], first_run);
    assert_eq!(
        (&records[0]["output"], &records[0]["attempts"]),
        (&Value::from(0), &Value::from(0))
    );
    assert_eq!(records[1].get("reused_from"), None);
    let runs = case.run(&["runs", "--format", "jsonl"]).records();
    assert_eq!(runs[0]["resumed_from"], first_run);
    // Once more: everything is there, from the runs that made it.
    let again = case
        .run(&["run", "plan.yaml", "--resume", "--format", "jsonl"])
        .expect_code(0);
    assert_eq!(again.records()[0]["reused_from"], first_run);
    assert_eq!(calls(&case), BTreeMap::from([(0, 1), (1, 2), (2, 1)]));
    case.run(&["verify", "--all"]).expect_code(0);
}

#[test]
fn a_change_runs_it_and_what_follows_anew_if_that_is_safe() {
    let plan = [step("safe", 0), step("safe", 1), step("safe", 2)].concat();
    let case = counted().plan(&plan);
    case.run(&["run", "plan.yaml"]).expect_code(0);
    let case = case.plan(&plan.replace("{n: 1}", "{n: 7}"));
    let output = case.run(&["run", "plan.yaml", "--resume"]).expect_code(0);
    assert!(
        output.stderr().contains("1 of 3 steps are reused"),
        "{}",
        output.whole()
    );
    assert_eq!(
        calls(&case),
        BTreeMap::from([(0, 1), (1, 1), (2, 2), (7, 1)])
    );

    let plan = [step("once", 0), step("once", 1)].concat();
    let case = counted().plan(&plan);
    case.run(&["run", "plan.yaml"]).expect_code(0);
    // Another file of the skill is another skill.
    let case = case.file("skills/once/notes.txt", "changed");
    let refused = case.run(&["run", "plan.yaml", "--resume"]).expect_code(65);
    assert!(
        refused
            .stderr()
            .contains("`s0`, `s1` may already have had an effect")
            && refused.stderr().contains("--rerun-unsafe"),
        "{}",
        refused.whole()
    );
    assert_eq!(calls(&case), BTreeMap::from([(0, 1), (1, 1)]));
    case.run(&["run", "plan.yaml", "--resume", "--rerun-unsafe"])
        .expect_code(0);
    assert_eq!(calls(&case), BTreeMap::from([(0, 2), (1, 2)]));
}

#[test]
fn a_log_file_does_where_the_state_is_lost() {
    let case = counted().plan(&[step("once", 0), step("once", 1)].concat());
    write(&case, "fails", "1");
    case.run(&["run", "plan.yaml", "--log", "log.jsonl"])
        .expect_code(1);
    std::fs::remove_dir_all(case.state()).unwrap();
    write(&case, "fails", "");
    case.run(&["run", "plan.yaml", "--resume"]).expect_code(66);
    case.run(&["run", "plan.yaml", "--resume=log.jsonl"])
        .expect_code(0);
    assert_eq!(calls(&case), BTreeMap::from([(0, 1), (1, 2)]));
    // Without its end nobody knows whether the next step had begun.
    let log = std::fs::read_to_string(case.path().join("log.jsonl")).unwrap();
    let lines: Vec<&str> = log.lines().collect();
    write(&case, "cut.jsonl", &(lines[..2].join("\n") + "\n"));
    std::fs::remove_dir_all(case.state()).unwrap();
    let refused = case
        .run(&["run", "plan.yaml", "--resume=cut.jsonl"])
        .expect_code(65);
    assert!(
        refused.stderr().contains("`s1` may already have had"),
        "{}",
        refused.whole()
    );
    case.run(&["run", "plan.yaml", "--resume=plan.yaml"])
        .expect_code(66);
    case.run(&["run", "plan.yaml", "--resume=0000"])
        .expect_code(66);
}

#[test]
fn files_between_steps_are_there_for_the_resumed_run_and_go_with_its_success() {
    let files = "permissions: [\"fs.write:$RUN_DIR\"]\n";
    let case = Case::new()
        .sh_skill("make", "echo made > \"$OBS_RUN_DIR/part\"; echo 1", files)
        .sh_skill(
            "take",
            "test -e ok && printf '\"%s\"' \"$(cat \"$OBS_RUN_DIR/part\")\"",
            files,
        )
        .plan("- {name: make, type: skill}\n- {name: take, type: skill}\n");
    case.run(&["run", "plan.yaml"]).expect_code(1);
    write(&case, "ok", "");
    let output = case
        .run(&["run", "plan.yaml", "--resume", "--print", "take"])
        .expect_code(0);
    assert_eq!(output.stdout(), "made\n");
    let left = std::fs::read_dir(case.state().join("files"))
        .unwrap()
        .count();
    assert_eq!(left, 0);
}

#[test]
fn a_run_in_progress_is_not_resumed() {
    let case = Case::new()
        .sh_skill(
            "wait",
            "touch ready; while [ ! -e go ]; do sleep 0.02; done; echo 1",
            "",
        )
        .plan("- {name: wait, type: skill}\n");
    let mut child = case.command(&["run", "plan.yaml", "-q"]).spawn().unwrap();
    wait_for("the step", || case.path().join("ready").exists());
    let refused = case.run(&["run", "plan.yaml", "--resume"]).expect_code(2);
    assert!(
        refused.stderr().contains("is in progress"),
        "{}",
        refused.whole()
    );
    write(&case, "go", "");
    assert!(child.wait().unwrap().success());
}

#[test]
fn inputs_are_kept_and_references_resolved_against_what_is_reused() {
    let case = counted().file(
        "plan.yaml",
        "assistant_id: a\norder: graph\ninputs: {n: {type: integer}}\nsteps:\n\
         - {name: safe, step_id: last, type: skill, arguments: {n: \"{{middle}}\"}}\n\
         - {name: safe, step_id: middle, type: skill, arguments: {n: \"{{first}}\"}}\n\
         - {name: safe, step_id: first, type: skill, arguments: {n: \"{{inputs.n}}\"}}\n\
         - {name: once, step_id: beside, type: skill, arguments: {n: 3}}\n",
    );
    write(&case, "fails", "5");
    let jobs = ["--jobs", "1", "--keep-going"];
    let first = [&["run", "plan.yaml", "--set", "n=5"][..], &jobs].concat();
    case.run(&first).expect_code(1);
    assert_eq!(calls(&case), BTreeMap::from([(3, 1), (5, 1)]));
    write(&case, "fails", "");
    let resume = [
        &["run", "plan.yaml", "--resume", "--format", "jsonl"][..],
        &jobs,
    ]
    .concat();
    let resumed = case.run(&resume).expect_code(0);
    assert_eq!(calls(&case), BTreeMap::from([(3, 1), (5, 4)]));
    let records = resumed.records();
    let of = |step: &str| {
        records
            .iter()
            .find(|record| record["step_id"] == step)
            .unwrap()
    };
    assert_eq!(of("last")["output"], 5);
    // Once more: all of it is there, what was referred to as well.
    let again = case.run(&resume).expect_code(0);
    assert!(
        again.stderr().contains("4 of 4 steps are reused"),
        "{}",
        again.whole()
    );
    // Another input changes what follows from it, and nothing beside it.
    let other = [&resume[..], &["--set", "n=6"]].concat();
    let changed = case.run(&other).expect_code(0);
    assert!(
        changed.stderr().contains("1 of 4 steps are reused"),
        "{}",
        changed.whole()
    );
    assert_eq!(calls(&case), BTreeMap::from([(3, 1), (5, 4), (6, 3)]));
    case.run(&["verify", "--all"]).expect_code(0);
}

/// A workspace where step `a` has had its effect and the last step failed.
fn half_done(plan: &str) -> Case {
    let case = counted().file("plan.yaml", plan);
    write(&case, "fails", "9");
    case.run(&["run", "plan.yaml"]).expect_code(1);
    write(&case, "fails", "");
    case
}

#[test]
fn a_step_that_was_moved_or_renamed_does_not_run_twice() {
    let once = "- {name: once, step_id: a, type: skill, arguments: {n: 1}}\n";
    let other = "- {name: safe, step_id: b, type: skill, arguments: {n: 2}}\n";
    let last = "- {name: safe, step_id: c, type: skill, arguments: {n: 9}}\n";
    let new = "- {name: safe, step_id: new, type: skill, arguments: {n: 3}}\n";
    let renamed = once.replace("step_id: a", "step_id: other");
    for order in ["sequence", "graph"] {
        let plan = |steps: &[&str]| {
            format!(
                "assistant_id: a\norder: {order}\nsteps:\n{}",
                steps.concat()
            )
        };
        let before = plan(&[once, other, last]);
        for (what, steps) in [
            ("inserted before", vec![new, once, other, last]),
            ("swapped", vec![other, once, last]),
            ("removed before", vec![once, last]),
            ("renamed", vec![renamed.as_str(), other, last]),
        ] {
            let case = half_done(&before).file("plan.yaml", plan(&steps));
            let resumed = case.run(&["run", "plan.yaml", "--resume"]);
            let ran = calls(&case)[&1];
            assert_eq!(ran, 1, "{order}, {what}: {}", resumed.whole());
            assert!(
                [0, 65].contains(&resumed.code),
                "{order}, {what}: {}",
                resumed.whole()
            );
            if what == "renamed" {
                let named = "`other` (it was `a`) may already have had an effect";
                assert!(resumed.stderr().contains(named), "{}", resumed.whole());
            }
        }
    }
}

#[test]
fn a_step_whose_name_another_skill_took_does_not_run_twice() {
    let call = |skill: &str, id: &str, n: usize| {
        format!("- {{name: {skill}, step_id: {id}, type: skill, arguments: {{n: {n}}}}}\n")
    };
    let with_fallback = "- {name: safe, step_id: b, type: skill, arguments: {n: 1}, \
                         retry: {fallback: once}}\n"
        .to_owned();
    let last = call("safe", "c", 9);
    let (once, safe) = (call("once", "a", 1), call("safe", "b", 2));
    for order in ["sequence", "graph"] {
        let plan = |steps: &[&str]| {
            let steps = steps.concat();
            format!("assistant_id: a\norder: {order}\nsteps:\n{steps}")
        };
        let taken = call("safe", "a", 2);
        for (what, before, steps) in [
            (
                "a new step has the name",
                vec![&once, &last],
                vec![&taken, &call("once", "b", 1), &last],
            ),
            (
                "the other one comes first",
                vec![&once, &last],
                vec![&call("once", "b", 1), &taken, &last],
            ),
            (
                "two steps exchange their names",
                vec![&once, &safe, &last],
                vec![&taken, &call("once", "b", 1), &last],
            ),
            (
                "the skill is the fallback now",
                vec![&once, &last],
                vec![&taken, &with_fallback, &last],
            ),
        ] {
            let before: Vec<&str> = before.into_iter().map(String::as_str).collect();
            let steps: Vec<&str> = steps.into_iter().map(String::as_str).collect();
            let case = half_done(&plan(&before)).file("plan.yaml", plan(&steps));
            let resumed = case.run(&["run", "plan.yaml", "--resume"]);
            let whole = resumed.whole();
            assert_eq!(resumed.code, 65, "{order}, {what}: {whole}");
            assert_eq!(calls(&case)[&1], 1, "{order}, {what}: {whole}");
            let named = "`b` (it was `a`) may already have had an effect";
            assert!(resumed.stderr().contains(named), "{order}, {what}: {whole}");
        }
        // Without a successor, the step of that name is one that changed.
        let once_more = format!("{}{last}", call("twice", "a", 2));
        let case = half_done(&plan(&[&once, &last]))
            .sh_skill("twice", "echo 1", "")
            .file("plan.yaml", plan(&[&once_more]));
        case.run(&["run", "plan.yaml", "--resume"]).expect_code(65);
    }
}

#[test]
fn what_was_taken_over_is_kept_before_anything_else_happens() {
    // In a graph, because in a sequence all steps come after the first one.
    let plan = format!(
        "assistant_id: a\norder: graph\nsteps:\n{}{}{}",
        step("safe", 9),
        step("once", 1),
        step("safe", 2)
    );
    // The first step fails again, and the run ends before the second one has its turn.
    let case = counted().file("plan.yaml", &plan);
    write(&case, "fails", "9");
    case.run(&["run", "plan.yaml", "--keep-going"])
        .expect_code(1);
    case.run(&["run", "plan.yaml", "--resume"]).expect_code(1);
    case.run(&["run", "plan.yaml", "--resume", "--keep-going"])
        .expect_code(1);
    // A log that can't be written ends a run at once.
    case.run(&["run", "plan.yaml", "--resume", "--log", "/dev/full"])
        .expect_code(74);
    write(&case, "fails", "");
    case.run(&["run", "plan.yaml", "--resume"]).expect_code(0);
    assert_eq!(calls(&case)[&1], 1);
    case.run(&["verify", "--all"]).expect_code(0);
}

#[test]
fn plans_from_standard_input_are_known_by_their_text() {
    let plan = |name: &str| {
        format!("assistant_id: a\nsteps:\n- {{name: {name}, type: skill, arguments: {{n: 1}}}}\n")
    };
    let case = counted().stdin(plan("once"));
    case.run(&["run", "-"]).expect_code(0);
    case.run(&["run", "-", "--resume"]).expect_code(0);
    assert_eq!(calls(&case)[&1], 1);
    let case = case.stdin(plan("safe"));
    case.run(&["run", "-", "--resume"]).expect_code(66);
}

#[test]
fn only_one_obs_goes_on_with_a_run() {
    let plan = [step("once", 1), step("safe", 9), step("once", 3)].concat();
    let case = half_done(&format!("assistant_id: a\nsteps:\n{plan}"));
    let spawn = |_| {
        case.command(&["run", "plan.yaml", "--resume", "-q"])
            .spawn()
            .unwrap()
    };
    let mut children: Vec<_> = (0..8).map(spawn).collect();
    for child in &mut children {
        child.wait().unwrap();
    }
    assert_eq!(calls(&case)[&3], 1);
    let first = case
        .run(&["runs", "--format", "jsonl"])
        .records()
        .pop()
        .unwrap();
    let named = format!("--resume={}", first["run_id"].as_str().unwrap());
    let refused = case.run(&["run", "plan.yaml", &named]).expect_code(2);
    assert!(
        refused.stderr().contains("was already resumed"),
        "{}",
        refused.whole()
    );
}

#[test]
fn another_workspace_and_files_that_are_gone_are_differences() {
    let case = half_done(&format!(
        "assistant_id: a\nsteps:\n{}{}",
        step("once", 1),
        step("safe", 9)
    ));
    let elsewhere = tempfile::tempdir().unwrap();
    let elsewhere = elsewhere.path().to_str().unwrap();
    case.run(&["run", "plan.yaml", "--resume", "--workspace", elsewhere])
        .expect_code(65);

    let files = "permissions: [\"fs.write:$RUN_DIR\"]\nidempotent: true\n";
    let case = Case::new()
        .sh_skill("make", "echo made > \"$OBS_RUN_DIR/part\"; echo 1", files)
        .plan("- {name: make, type: skill}\n");
    case.run(&["run", "plan.yaml"]).expect_code(0);
    let again = case.run(&["run", "plan.yaml", "--resume"]).expect_code(0);
    assert!(
        again.stderr().contains("0 of 1 steps are reused"),
        "{}",
        again.whole()
    );
}

#[test]
fn what_was_changed_is_not_gone_on_with() {
    let case = counted().plan(&[step("safe", 1), step("safe", 9)].concat());
    write(&case, "fails", "9");
    case.run(&["run", "plan.yaml", "--log", "log.jsonl"])
        .expect_code(1);
    let log = std::fs::read_to_string(case.path().join("log.jsonl")).unwrap();
    write(
        &case,
        "log.jsonl",
        &log.replace("\"output\":1", "\"output\":7"),
    );
    let refused = case
        .run(&["run", "plan.yaml", "--resume=log.jsonl"])
        .expect_code(65);
    assert!(
        refused.stderr().contains("record 1 (`s1`) was changed"),
        "{}",
        refused.whole()
    );
    let database = rusqlite::Connection::open(case.state().join("obs.db")).unwrap();
    let text = "UPDATE records SET line = replace(line, '\"output\":1', '\"output\":7')";
    database.execute(text, []).unwrap();
    case.run(&["run", "plan.yaml", "--resume"]).expect_code(65);
    // Of several runs in a file the latest of this plan is meant.
    write(&case, "several.jsonl", "");
    for _ in 0..2 {
        case.run(&["run", "plan.yaml", "--log", "several.jsonl"])
            .expect_code(1);
    }
    let resumed = case
        .run(&["run", "plan.yaml", "--resume=several.jsonl"])
        .expect_code(1);
    assert!(
        resumed.stderr().contains("1 of 2 steps are reused"),
        "{}",
        resumed.whole()
    );
}

#[test]
fn a_dry_run_shows_what_would_be_reused() {
    let case = half_done(&format!(
        "assistant_id: a\nsteps:\n{}{}",
        step("once", 1),
        step("safe", 9)
    ));
    let shown = case
        .run(&["run", "plan.yaml", "--resume", "--dry-run"])
        .expect_code(0);
    let text = shown.stdout();
    assert!(
        text.starts_with("would run 1 step in ") && text.contains("reused from"),
        "{text}"
    );
    assert_eq!(calls(&case)[&1], 1);
}

#[test]
fn a_hidden_input_is_not_kept_and_is_asked_for_again() {
    let schema =
        "input_schema: {type: object, properties: {token: {type: string, writeOnly: true}}}\n";
    let case = Case::new()
        .sh_skill(
            "use",
            "test -e ok && echo 1",
            &format!("{schema}idempotent: true\n"),
        )
        .file(
            "plan.yaml",
            "assistant_id: a\ninputs: {token: {type: string, writeOnly: true}}\nsteps:\n\
             - {name: use, type: skill, arguments: {token: \"{{inputs.token}}\"}}\n",
        );
    case.run(&["run", "plan.yaml", "--set", "token=canary-4711"])
        .expect_code(1);
    write(&case, "ok", "");
    for entry in std::fs::read_dir(case.state()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("canary"), "the state holds a hidden input");
    }
    let asked = case.run(&["run", "plan.yaml", "--resume"]).expect_code(65);
    assert!(asked.stderr().contains("`token`"), "{}", asked.whole());
    case.run(&["run", "plan.yaml", "--resume", "--set", "token=canary-4711"])
        .expect_code(0);
}

#[test]
fn a_policy_is_not_asked_about_what_is_taken_over_and_still_rejects_the_rest() {
    let case = half_done(&format!(
        "assistant_id: a\nsteps:\n{}{}",
        step("once", 1),
        step("safe", 9)
    ));
    let denied = case
        .run(&["run", "plan.yaml", "--resume", "--deny", "safe"])
        .expect_code(77);
    assert!(!denied.stderr().contains("ok:"), "{}", denied.whole());
    case.run(&["run", "plan.yaml", "--resume", "--deny", "once"])
        .expect_code(0);
    assert_eq!(calls(&case)[&1], 1);
    case.run(&["verify", "--all"]).expect_code(0);
}
