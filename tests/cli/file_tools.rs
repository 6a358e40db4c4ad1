//! The built-in tools that read the workspace: in plans, under policies and on resume.

use crate::support::Case;

/// A plan that lists two files, reads the first and writes its text as JSON.
fn case() -> Case {
    Case::new()
        .file("books/b.txt", "second")
        .file("books/a.txt", "first \"one\"\n")
        .file("books/cover.png", "picture")
        .plan(
            "- {name: builtin.list_files, type: tool, step_id: list, arguments: {pattern: \"books/*.txt\"}}\n\
             - {name: builtin.read_file, type: tool, step_id: read, arguments: {path: \"{{list.paths.0}}\"}}\n\
             - {name: builtin.json_text, type: tool, step_id: text, arguments: {value: \"{{read.text}}\"}}\n",
        )
}

#[test]
fn a_listed_file_is_read_by_the_next_step() {
    let output = case()
        .run(&["run", "plan.yaml", "--format", "jsonl"])
        .expect_code(0);
    let records = output.records();
    assert_eq!(
        records[0]["output"]["paths"],
        serde_json::json!(["books/a.txt", "books/b.txt"])
    );
    assert_eq!(records[1]["output"]["bytes"], 12);
    assert_eq!(records[2]["output"]["text"], "\"first \\\"one\\\"\\n\"");
}

#[test]
fn mistakes_in_arguments_are_found_before_the_run() {
    for (arguments, want) in [
        ("{}", "`pattern`"),
        ("{pattern: [a]}", "`pattern`"),
        ("{pattern: a, max: 0}", "`max`"),
        ("{pattern: a, max: 1000000}", "`max`"),
        ("{pattern: a, paths: 1}", "`paths`"),
    ] {
        let step = format!("- {{name: builtin.list_files, type: tool, arguments: {arguments}}}\n");
        let output = Case::new().plan(&step).run(&["validate", "plan.yaml"]);
        let output = output.expect_code(65);
        let shown = output.stdout() + &output.stderr();
        assert!(shown.contains(want), "{arguments}: {}", output.whole());
    }
}

#[test]
fn a_resumed_run_reads_files_again() {
    let case = case().sh_skill("fails", "exit 3", "permissions: []\n");
    let steps = std::fs::read_to_string(case.path().join("plan.yaml")).unwrap();
    let case = case.file("plan.yaml", steps + "- {name: fails, type: skill}\n");
    case.run(&["run", "plan.yaml"]).expect_code(1);
    std::fs::write(case.path().join("books/a.txt"), "changed").unwrap();
    let output = case.run(&["run", "plan.yaml", "--resume", "--format", "jsonl"]);
    let output = output.expect_code(1);
    let records = output.records();
    assert_eq!(records[0]["not_reused"]["reason"], "reads_workspace");
    assert_eq!(records[1]["output"]["text"], "changed");
}

#[test]
fn policies_see_that_the_workspace_is_read() {
    let policy = "permit(principal, action, resource);\n\
                  forbid(principal, action, resource) when { resource.fs_read.contains(\".\") };\n";
    let case = case().file("ci.cedar", policy);
    let output = case.run(&["run", "plan.yaml", "--policy", "ci.cedar"]);
    assert!(output.stderr().contains("list"), "{}", output.whole());
    output.expect_code(77);
}

#[test]
fn a_workspace_that_no_skill_may_read_is_closed_to_tools_too() {
    let case = case();
    let home = case.path().to_str().unwrap().to_owned();
    let case = case.env("HOME", &home);
    let output = case
        .run(&["run", "plan.yaml", "--sandbox", "best-effort"])
        .expect_code(65);
    assert!(
        output.stderr().contains("workspace_not_granted"),
        "{}",
        output.whole()
    );
    case.run(&["run", "plan.yaml", "--sandbox", "off"])
        .expect_code(0);
}

#[test]
fn a_state_in_the_workspace_is_refused() {
    let case = case();
    let state = case.path().join("state");
    let output = case
        .run(&["run", "plan.yaml", "--state-dir", state.to_str().unwrap()])
        .expect_code(65);
    assert!(
        output.stderr().contains("state_granted"),
        "{}",
        output.whole()
    );
}
