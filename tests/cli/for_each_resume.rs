//! `for_each` and `--resume`: an item is known by its arguments.

use std::process::Stdio;

use serde_json::Value;

use crate::support::{Case, wait_for};

/// Prints its argument; fails while the file `out/broken` names it. Writes what it is called with.
const SCRIPT: &str = "echo \"$1\" >> out/calls\n\
    if grep -qx \"$1\" out/broken 2>/dev/null; then exit 3; fi\n\
    if [ \"$1\" = slow ] && ! [ -e out/go ]; then touch out/here; sleep 60; fi\n\
    printf '\"%s\"' \"$1\"";

fn case(idempotent: bool) -> Case {
    let manifest = format!(
        "description: d\nversion: 1.0.0\nexecution: {{command: [./run.sh, \"{{{{word}}}}\"]}}\n\
         input_schema:\n  required: [word]\n  properties: {{word: {{type: string}}}}\n\
         output_schema: {{type: string}}\nidempotent: {idempotent}\n\
         permissions: [\"fs.write:out/\"]\n"
    );
    Case::new()
        .file("skills/echo/manifest.yaml", manifest)
        .file("out/calls", "")
        .file("out/broken", "")
        .script("skills/echo/run.sh", &format!("#!/bin/sh\n{SCRIPT}\n"))
}

fn plan(items: &str) -> String {
    format!(
        "- {{name: echo, type: skill, for_each: {items}, arguments: {{word: \"{{{{item}}}}\"}}}}\n"
    )
}

/// What the skill was called with since the last look.
fn calls(case: &Case) -> Vec<String> {
    let path = case.path().join("out/calls");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, "").unwrap();
    text.lines().map(str::to_owned).collect()
}

fn resume(case: &Case, args: &[&str]) -> crate::support::Output {
    case.run(&[&["run", "plan.yaml", "--resume", "--format", "jsonl"], args].concat())
}

#[test]
fn only_items_without_a_success_run_again_wherever_they_are_in_the_list() {
    let case = case(true).plan(&plan("{list: [a, b, c, b, d], max_parallel: 1}"));
    std::fs::write(case.path().join("out/broken"), "c\n").unwrap();
    case.run(&["run", "plan.yaml", "--keep-going"])
        .expect_code(1);
    assert_eq!(calls(&case), ["a", "b", "c", "b", "d"]);
    std::fs::write(case.path().join("out/broken"), "").unwrap();
    // A new item, another order, and one `b` more.
    let case = case.plan(&plan("[d, b, b, b, new, c, a]"));
    let output = resume(&case, &[]).expect_code(0);
    assert_eq!(calls(&case), ["b", "new", "c"]);
    let mut records = output.records();
    let step = records.pop().unwrap();
    assert_eq!(step["items"]["success"], 7);
    let reused = |record: &Value| record.get("reused_from").is_some();
    let reused: Vec<bool> = records.iter().map(reused).collect();
    assert_eq!(reused, [true, true, true, false, false, false, true]);
    assert_eq!(records[0]["output"], "d");
    // The whole is gathered from both runs.
    let printed = case.run(&[
        "run",
        "plan.yaml",
        "--resume",
        "--rerun-unsafe",
        "--print",
        "echo",
    ]);
    let all: Vec<String> = serde_json::from_str(&printed.expect_code(0).stdout()).unwrap();
    assert_eq!(all, ["d", "b", "b", "b", "new", "c", "a"]);
    assert!(calls(&case).is_empty());
}

#[test]
fn after_a_kill_only_items_without_a_committed_success_run() {
    for idempotent in [true, false] {
        let case = case(idempotent).plan(&plan("[a, b, slow, c]"));
        let mut command = case.command(&["run", "plan.yaml"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut obs = command.spawn().unwrap();
        wait_for("the slow item", || case.path().join("out/here").exists());
        obs.kill().unwrap();
        obs.wait().unwrap();
        assert_eq!(calls(&case), ["a", "b", "slow"]);
        std::fs::write(case.path().join("out/go"), "").unwrap();
        if !idempotent {
            let refused = resume(&case, &[]).expect_code(65);
            assert!(
                refused.stderr().contains("may already have had an effect"),
                "{}",
                refused.whole()
            );
            assert!(calls(&case).is_empty());
        }
        let args: &[&str] = if idempotent { &[] } else { &["--rerun-unsafe"] };
        let output = resume(&case, args).expect_code(0);
        assert_eq!(calls(&case), ["slow", "c"], "{}", output.whole());
        assert_eq!(output.records().len(), 5);
        case.run(&["verify", "--all"]).expect_code(0);
    }
}

#[test]
fn a_list_that_is_made_again_by_a_built_in_tool_keeps_its_items() {
    let steps = "- {name: builtin.list_files, step_id: list, type: tool, arguments: {pattern: \"b/*\"}}\n\
        - {name: echo, type: skill, for_each: \"{{list.paths}}\", arguments: {word: \"{{item}}\"}}\n";
    let case = case(true).file("b/one", "").file("b/two", "").plan(steps);
    std::fs::write(case.path().join("out/broken"), "b/two\n").unwrap();
    case.run(&["run", "plan.yaml"]).expect_code(1);
    assert_eq!(calls(&case), ["b/one", "b/two"]);
    std::fs::write(case.path().join("out/broken"), "").unwrap();
    let case = case.file("b/three", "");
    resume(&case, &[]).expect_code(0);
    assert_eq!(calls(&case), ["b/three", "b/two"]);
}

#[test]
fn later_steps_are_reused_if_all_items_are() {
    let steps = plan("[a, b]")
        + "- {name: builtin.json_text, step_id: all, type: tool, arguments: {value: \"{{echo}}\"}}\n\
           - {name: last, skill: echo, type: skill, arguments: {word: last}}\n";
    let case = case(true).plan(&steps);
    std::fs::write(case.path().join("out/broken"), "last\n").unwrap();
    case.run(&["run", "plan.yaml"]).expect_code(1);
    calls(&case);
    std::fs::write(case.path().join("out/broken"), "").unwrap();
    let output = resume(&case, &[]).expect_code(0);
    assert_eq!(calls(&case), ["last"]);
    let records = output.records();
    let of = |step: &str| {
        let mut records = records.iter().rev();
        records.find(|record| record["step_id"] == step).unwrap()
    };
    assert!(of("echo").get("reused_from").is_some(), "{}", of("echo"));
    assert!(of("all").get("reused_from").is_some(), "{}", of("all"));
    assert_eq!(of("all")["output"]["text"], "[\"a\",\"b\"]");
}
