//! `obs logs`: which records it shows, and how.

use std::process::Stdio;

use serde_json::Value;

use crate::support::{Case, Output, wait_for};

/// Two steps that succeed and one that fails.
fn case() -> Case {
    Case::new()
        .sh_skill("good", "echo 1", "permissions: []\n")
        .sh_skill("team/bad", "exit 3", "permissions: []\n")
        .plan(
            "- {name: good, type: skill}\n- {name: good, step_id: again, type: skill}\n\
             - {name: team/bad, step_id: build, type: skill}\n",
        )
        .file(
            "one.yaml",
            "assistant_id: test\nsteps:\n- {name: good, type: skill}\n",
        )
}

/// The `step_id`s of what `obs logs` prints as JSON lines.
fn steps(case: &Case, args: &[&str]) -> Vec<String> {
    let args = [&["logs", "--format", "jsonl"], args].concat();
    let records = case.run(&args).expect_code(0).records();
    let step = |record: Value| record["step_id"].as_str().unwrap().to_owned();
    records.into_iter().map(step).collect()
}

#[test]
fn the_newest_run_is_shown_and_all_runs_if_asked() {
    let case = case();
    case.run(&["run", "plan.yaml", "-q"]).expect_code(1);
    case.run(&["run", "one.yaml", "-q"]).expect_code(0);
    assert_eq!(steps(&case, &[]), ["good"]);
    assert_eq!(steps(&case, &["plan.yaml"]), ["good", "again", "build"]);
    assert_eq!(steps(&case, &["last~1"]), ["good", "again", "build"]);
    assert_eq!(steps(&case, &["--all"]), ["good", "again", "build", "good"]);
    assert_eq!(case.run(&["logs", "--print", "good"]).stdout(), "1\n");
    for args in [
        &["--all", "last"][..],
        &["--all", "-f"],
        &["--all", "--print", "good"],
    ] {
        case.run(&[&["logs"], args].concat()).expect_code(2);
    }
}

#[test]
fn the_last_records_are_shown() {
    let case = case();
    case.run(&["run", "plan.yaml", "-q"]).expect_code(1);
    case.run(&["run", "one.yaml", "-q"]).expect_code(0);
    for (args, want) in [
        (&["plan.yaml", "-n", "2"][..], &["again", "build"][..]),
        (&["plan.yaml", "--limit", "0"], &["good", "again", "build"]),
        (&["plan.yaml", "-n", "9"], &["good", "again", "build"]),
        (
            &["plan.yaml", "-n", "18446744073709551615"],
            &["good", "again", "build"],
        ),
        (&["plan.yaml", "-n", "1", "--status", "success"], &["again"]),
        (&["plan.yaml", "-n", "1", "--skill", "good"], &["again"]),
        (&["--all", "-n", "2"], &["build", "good"]),
        (&["--follow", "plan.yaml", "-n", "1"], &["build"]),
    ] {
        assert_eq!(steps(&case, args), want, "{args:?}");
    }
    case.run(&["logs", "-n", "-1"]).expect_code(2);
}

#[test]
fn a_document_holds_the_records_byte_for_byte() {
    let case = case();
    let json = |args: &[&str]| case.run(&[&["logs", "--format", "json"], args].concat());
    assert_eq!(json(&[]).expect_code(0).stdout(), "[]\n");
    case.run(&["run", "plan.yaml", "-q"]).expect_code(1);
    let lines = case.run(&["logs", "--format", "jsonl"]).expect_code(0);
    let document = json(&[]).expect_code(0).stdout();
    assert_eq!(
        document,
        format!("[\n{}\n]\n", lines.stdout().trim_end().replace('\n', ",\n"))
    );
    let records: Vec<Value> = serde_json::from_str(&document).unwrap();
    assert_eq!(records, lines.records());
    assert_eq!(
        json(&["--status", "timeout"]).expect_code(0).stdout(),
        "[]\n"
    );
    assert_eq!(json(&["--follow"]).expect_code(0).stdout(), document);
}

#[track_caller]
fn expect_unknown(output: Output, want: &str) {
    let output = output.expect_code(2);
    assert_eq!(output.stdout(), "");
    assert!(
        output.stderr().contains(want),
        "`{want}` in {}",
        output.whole()
    );
}

#[test]
fn an_unknown_step_or_skill_is_an_error_that_lists_the_known_ones() {
    let case = case();
    case.run(&["run", "plan.yaml", "-q"]).expect_code(1);
    case.run(&["run", "one.yaml", "-q"]).expect_code(0);
    let logs = |args: &[&str]| case.run(&[&["logs"], args].concat());
    let steps = "no record of a step `biuld`; the steps are `good`, `again`, `build`\n hint: did you \
                 mean `build`?";
    expect_unknown(logs(&["plan.yaml", "--step", "biuld"]), steps);
    expect_unknown(logs(&["plan.yaml", "--step", "biuld", "--follow"]), steps);
    expect_unknown(
        logs(&["plan.yaml", "--step", "biuld", "--format", "json"]),
        steps,
    );
    // It is a step of another run.
    expect_unknown(logs(&["--step", "build"]), "the steps are `good`\n");
    expect_unknown(
        logs(&["--all", "--step", "x"]),
        "`good`, `again`, `build`\n",
    );
    expect_unknown(
        logs(&["plan.yaml", "--skill", "bad"]),
        "no record of a skill `bad`; the skills are `good`, `team/bad`\n",
    );
    expect_unknown(logs(&["--step", ""]), "no record of a step ``; ");
    // A name is as good as a `step_id`, and a filter may leave nothing.
    for args in [&["--all", "--step", "team/bad"][..], &["--step", "good"]] {
        assert!(!logs(args).expect_code(0).stdout().is_empty());
    }
    let none = logs(&["--step", "good", "--status", "failed"]).expect_code(0);
    assert_eq!(
        (none.stdout(), none.stderr()),
        (String::new(), "no records match\n".to_owned())
    );
}

#[test]
fn an_error_lists_at_most_twenty_names() {
    let step = |at: usize| format!("- {{name: good, step_id: step-{at}, type: skill}}\n");
    let case = case().plan(&crate::support::concat((0..30).map(step)));
    case.run(&["run", "plan.yaml", "-q"]).expect_code(0);
    let output = case.run(&["logs", "--step", "strange"]).expect_code(2);
    let stderr = output.stderr();
    assert!(
        stderr.contains("; some of the steps are `step-0`, `step-1`, "),
        "{stderr}"
    );
    assert!(stderr.ends_with("`step-19`\n"), "{stderr}");
}

#[test]
fn columns_widen_while_a_run_is_followed() {
    let long = "a-step-with-a-rather-long-name";
    let case = Case::new()
        .sh_skill("quick", "echo 1", "")
        .sh_skill(
            "waits",
            "while [ ! -e go ]; do sleep 0.02; done; echo 2",
            "",
        )
        .plan(&format!(
            "- {{name: quick, type: skill}}\n- {{name: waits, step_id: {long}, type: skill}}\n\
             - {{name: quick, step_id: b, type: skill}}\n"
        ));
    let mut run = case.command(&["run", "plan.yaml", "-q"]).spawn().unwrap();
    let listed = || case.run(&["runs", "--format", "jsonl"]).stdout();
    wait_for("the first step", || listed().contains("\"records\":1"));
    let mut follow = case.command(&["logs", "--follow"]);
    let follow = follow.stdout(Stdio::piped()).spawn().unwrap();
    wait_for("the one who follows", || {
        // It has the state open from then on.
        let files = std::fs::read_dir(format!("/proc/{}/fd", follow.id()));
        let target =
            |file: std::io::Result<std::fs::DirEntry>| std::fs::read_link(file.ok()?.path()).ok();
        files.is_ok_and(|mut files| {
            files.any(|file| target(file).is_some_and(|path| path.ends_with("obs.db-wal")))
        })
    });
    std::fs::write(case.path().join("go"), "").unwrap();
    assert!(run.wait().unwrap().success());
    let output = follow.wait_with_output().unwrap();
    assert!(output.status.success());
    let table = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = table.lines().collect();
    let [header, _, waits, last] = lines.as_slice() else {
        panic!("{table}");
    };
    assert!(header.starts_with("#  STEP"), "{table}");
    assert!(waits.contains(long), "{table}");
    // The last row, which is short, has the columns of the one before it.
    assert_eq!(waits.find("success"), last.find("success"), "{table}");
}
