//! Steps that run side by side, and what one means for the others.

use std::fs;
use std::process::Stdio;

use rustix::process::Signal;

use crate::support::processes::{kill, marked};
use crate::support::{Case, Output, concat, wait_for};

fn statuses(output: &Output) -> Vec<(String, String)> {
    let word = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let mut records = output.records();
    records.sort_by_key(|record| record["step_index"].as_u64());
    let of = |record: &serde_json::Value| (word(&record["step_id"]), word(&record["status"]));
    records.iter().map(of).collect()
}

fn pairs(words: &[(&str, &str)]) -> Vec<(String, String)> {
    let own = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
    words.iter().map(own).collect()
}

/// May write a directory that holds no skill: a step that may write skills has the run to itself.
const OUT: &str = "permissions: [\"fs.write:out/\"]\n";

/// A skill that ends when both of two have begun.
const MEET: &str = "cd out; touch \"$OBS_STEP_NAME.here\"\n\
    while ! [ -e a.here ] || ! [ -e b.here ]; do sleep 0.02; done\necho 1";

#[test]
fn the_steps_of_a_group_run_at_the_same_time() {
    let group = |name: &str| {
        format!("- {{name: {name}, skill: meet, type: skill, parallel_group: g, timeout: 30s}}\n")
    };
    let case = Case::new()
        .sh_skill("meet", MEET, OUT)
        .plan(&(group("a") + &group("b")));
    // Each waits for the other: one after the other they would never end.
    case.run(&["run", "plan.yaml", "--jobs", "2"])
        .expect_code(0);
}

#[test]
fn few_open_files_mean_fewer_steps_at_once_and_no_failure() {
    let step =
        |at: usize| format!("- {{name: s, step_id: s{at}, type: skill, parallel_group: g}}\n");
    let case = Case::new()
        .sh_skill("s", "sleep 0.1; echo 1", OUT)
        .plan(&concat((0..30).map(step)));
    // If the limit may be raised it is, and if it may not, obs makes do.
    for limit in ["-Sn 100", "-n 100"] {
        let script = format!("ulimit {limit} && exec \"$0\" \"$@\"");
        let args = ["run", "plan.yaml", "--jobs", "30", "--format", "jsonl"];
        let mut command = case.command_under(&["sh", "-c", &script], &args);
        let output = command.output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{limit}: {stderr}");
    }
}

#[test]
fn ctrl_c_ends_all_that_run() {
    let step =
        |name: &str| format!("- {{name: {name}, skill: waits, type: skill, parallel_group: g}}\n");
    let case = Case::new()
        .sh_skill(
            "waits",
            "touch \"out/$OBS_STEP_NAME.here\"; sleep 300",
            &format!("grace: 1s\n{OUT}"),
        )
        .plan(&concat(["a", "b", "c"].map(step)))
        .env("LC_MARK", "flows-ctrl-c-4711");
    let mut command = case.command(&["run", "plan.yaml", "--jobs", "2", "--format", "jsonl"]);
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let here = |name: &str| case.path().join(format!("out/{name}.here")).exists();
    wait_for("two steps", || here("a") && here("b"));
    kill(i32::try_from(child.id()).unwrap(), Signal::INT);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let text = String::from_utf8(output.stdout).unwrap();
    let records = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let records: Vec<serde_json::Value> = records.collect();
    let statuses: Vec<&str> = records
        .iter()
        .map(|r| r["status"].as_str().unwrap())
        .collect();
    assert_eq!(statuses, ["canceled", "canceled", "skipped"], "{text}");
    assert_eq!(
        marked("LC_MARK=flows-ctrl-c-4711"),
        [0; 0],
        "somebody is left"
    );
}

#[test]
fn a_graph_runs_in_its_own_order_and_is_shown_in_the_plans() {
    let skill = "echo \"$OBS_STEP_NAME\" >> order\necho 1";
    let plan = "assistant_id: test\norder: graph\nsteps:\n\
                - {name: last, skill: log, type: skill, depends_on: [middle]}\n\
                - {name: middle, skill: log, type: skill, depends_on: [first]}\n\
                - {name: first, skill: log, type: skill}\n";
    let case = Case::new()
        .sh_skill("log", skill, "")
        .file("plan.yaml", plan);
    let output = case.run(&["run", "plan.yaml"]).expect_code(0);
    let order = fs::read_to_string(case.path().join("order")).unwrap();
    assert_eq!(order, "first\nmiddle\nlast\n");
    let table = output.stdout();
    let at = |name: &str| table.find(name).unwrap();
    assert!(
        at("last") < at("middle") && at("middle") < at("first"),
        "{table}"
    );
    let output = case
        .run(&["run", "plan.yaml", "--format", "jsonl"])
        .expect_code(0);
    let steps: Vec<_> = output
        .records()
        .iter()
        .map(|r| r["step_id"].clone())
        .collect();
    assert_eq!(steps, ["first", "middle", "last"], "as they finish");
}

#[test]
fn a_dry_run_shows_what_waits_for_what() {
    let plan = "assistant_id: test\norder: graph\nsteps:\n\
                - {name: last, skill: log, type: skill, depends_on: [middle], arguments: {x: \"{{first}}\"}}\n\
                - {name: middle, skill: log, type: skill, depends_on: [first]}\n\
                - {name: first, skill: log, type: skill}\n";
    let case = Case::new()
        .sh_skill("log", "echo 1", "")
        .file("plan.yaml", plan);
    let text = case
        .run(&["run", "plan.yaml", "--dry-run"])
        .expect_code(0)
        .stdout();
    assert!(text.contains("waits for    middle, first\n"), "{text}");
    let steps = case
        .run(&["run", "plan.yaml", "--dry-run", "--format", "jsonl"])
        .expect_code(0);
    let waits: Vec<_> = steps
        .records()
        .iter()
        .map(|step| step["waits_for"].clone())
        .collect();
    assert_eq!(
        waits,
        [
            serde_json::json!([1, 2]),
            serde_json::json!([2]),
            serde_json::json!([])
        ]
    );
}

#[test]
fn fail_fast_ends_what_runs_and_keep_going_skips_what_depends() {
    let plan = "assistant_id: test\norder: graph\nsteps:\n\
                - {name: bad, type: skill}\n\
                - {name: long, type: skill, timeout: 30s}\n\
                - {name: after-bad, skill: good, type: skill, depends_on: [bad]}\n\
                - {name: good, type: skill}\n";
    let case = Case::new()
        .sh_skill("good", "echo 1", "")
        // It fails when the other one runs.
        .sh_skill(
            "bad",
            "while ! [ -e out/begun ]; do sleep 0.02; done\nexit 3",
            OUT,
        )
        .sh_skill(
            "long",
            "touch out/begun\nif [ -e short ]; then echo 1; else sleep 300; fi",
            OUT,
        )
        .file("plan.yaml", plan);
    let args = ["run", "plan.yaml", "--format", "jsonl", "--jobs", "2"];
    let output = case
        .run(&[&args[..], &["--fail-fast"]].concat())
        .expect_code(1);
    let want = [
        ("bad", "failed"),
        ("long", "canceled"),
        ("after-bad", "skipped"),
        ("good", "skipped"),
    ];
    assert_eq!(statuses(&output), pairs(&want), "{}", output.whole());
    let case = case.file("short", "");
    let output = case
        .run(&[&args[..], &["--keep-going"]].concat())
        .expect_code(1);
    let want = [
        ("bad", "failed"),
        ("long", "success"),
        ("after-bad", "skipped"),
        ("good", "success"),
    ];
    assert_eq!(statuses(&output), pairs(&want), "{}", output.whole());
    case.run(&["run", "plan.yaml", "--fail-fast", "--keep-going"])
        .expect_code(2);
    case.run(&["run", "plan.yaml", "--jobs", "0"])
        .expect_code(2);
}

#[test]
fn a_circle_is_refused_before_anything_runs() {
    let plan = "assistant_id: test\norder: graph\nsteps:\n\
                - {name: a, skill: good, type: skill, depends_on: [b]}\n\
                - {name: b, skill: good, type: skill, depends_on: [a]}\n\
                - {name: good, type: skill}\n";
    let case = Case::new()
        .sh_skill("good", "touch ran", "")
        .file("plan.yaml", plan);
    let output = case.run(&["run", "plan.yaml"]).expect_code(65);
    assert!(
        output.stderr().contains("`a` → `b` → `a`"),
        "{}",
        output.whole()
    );
    assert!(!case.path().join("ran").exists());
}
