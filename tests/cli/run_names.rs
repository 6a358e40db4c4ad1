//! How runs are named: by id or prefix, `last`, `last~2`, or the path of a plan. One grammar for all
//! verbs.

use std::fs;

use crate::support::{Case, Output};

/// Two plans, one of which fails.
fn case() -> Case {
    let steps = "- {name: builtin.now, type: tool}\n";
    Case::new()
        .sh_skill("bad", "exit 1", "")
        .plan(steps)
        .file(
            "plans/other.yaml",
            format!("assistant_id: test\nsteps:\n{steps}"),
        )
        .file(
            "plans/bad.yaml",
            "assistant_id: test\nsteps:\n- {name: bad, type: skill}\n",
        )
}

/// The ids of all runs, the newest first.
fn ids(case: &Case) -> Vec<String> {
    let runs = case.run(&["runs", "--format", "jsonl"]).expect_code(0);
    let id = |run: serde_json::Value| run["run_id"].as_str().unwrap().to_owned();
    runs.records().into_iter().map(id).collect()
}

/// The ids of the runs whose records `obs logs` shows.
fn logged(case: &Case, name: &str) -> String {
    let records = case
        .run(&["logs", name, "--format", "jsonl"])
        .expect_code(0)
        .records();
    assert_eq!(records.len(), 1, "{name}");
    records[0]["run_id"].as_str().unwrap().to_owned()
}

#[track_caller]
fn expect_error(output: Output, lines: &[&str]) {
    let output = output.expect_code(66);
    let stderr = output.stderr();
    assert_eq!(stderr.lines().count(), lines.len(), "{}", output.whole());
    for (line, want) in stderr.lines().zip(lines) {
        assert!(line.contains(want), "`{want}` in {}", output.whole());
    }
}

#[test]
fn each_verb_takes_every_name_of_a_run() {
    let case = case();
    case.run(&["run", "plan.yaml", "-q"]).expect_code(0);
    case.run(&["run", "plans/other.yaml", "-q"]).expect_code(0);
    case.run(&["run", "plan.yaml", "-q"]).expect_code(0);
    let ids = ids(&case);
    let plan = case.path().join("plan.yaml");
    let upper = ids[2].to_uppercase();
    for (name, want) in [
        ("last", 0),
        ("last~0", 0),
        ("last~1", 1),
        ("last~2", 2),
        (&*ids[1], 1),
        (&ids[1][..30], 1),
        (&upper, 2),
        ("plan.yaml", 0),
        ("./plans/../plan.yaml", 0),
        (plan.to_str().unwrap(), 0),
        ("plans/other.yaml", 1),
    ] {
        assert_eq!(logged(&case, name), ids[want], "{name}");
        let verified = case.run(&["verify", name]).expect_code(0).stdout();
        assert!(verified.contains(&ids[want]), "{name}: {verified}");
    }
    // From elsewhere, and when the plan is gone.
    fs::remove_file(case.path().join("plans/other.yaml")).unwrap();
    let there = case.path().join("plans");
    let output = case
        .run_in(&there, &["verify", "other.yaml"])
        .expect_code(0);
    assert!(output.stdout().contains(&ids[1]), "{}", output.whole());
}

#[test]
fn any_name_of_a_run_can_be_resumed() {
    let case = case();
    for name in ["last", "last~0", "plans/bad.yaml", "./plans/bad.yaml"] {
        case.run(&["run", "plans/bad.yaml", "-q"]).expect_code(1);
        let id = ids(&case).remove(0);
        let resume = format!("--resume={name}");
        let output = case.run(&["run", "plans/bad.yaml", &resume]).expect_code(1);
        let said = output.stderr();
        assert!(
            said.contains(&format!("resuming run {}", &id[..18])),
            "{said}"
        );
    }
    // A copy of a plan resumes a run of the plan.
    case.run(&["run", "plans/bad.yaml", "-q"]).expect_code(1);
    fs::copy(
        case.path().join("plans/bad.yaml"),
        case.path().join("copy.yaml"),
    )
    .unwrap();
    let output = case.run(&["run", "copy.yaml", "--resume=plans/bad.yaml"]);
    assert!(
        output.stderr().contains("resuming run"),
        "{}",
        output.whole()
    );
}

#[test]
fn a_file_with_a_run_comes_before_a_plan() {
    let case = case();
    case.run(&["run", "plans/bad.yaml", "-q", "--log", "log.jsonl"])
        .expect_code(1);
    let id = ids(&case).remove(0);
    case.run(&["run", "plan.yaml", "-q"]).expect_code(0);
    let output = case.run(&["verify", "log.jsonl"]).expect_code(0);
    assert!(output.stdout().contains(&id), "{}", output.whole());
    case.run(&["run", "plans/bad.yaml", "--resume=log.jsonl"])
        .expect_code(1);
    // A name with digits only is a file if there is one.
    fs::rename(case.path().join("log.jsonl"), case.path().join("0192")).unwrap();
    let output = case.run(&["verify", "0192"]).expect_code(0);
    assert!(output.stdout().contains(&id), "{}", output.whole());
}

#[test]
fn what_names_no_run_is_told_with_what_was_probably_meant() {
    let case = case();
    let lists = "`obs runs` lists";
    for args in [
        &["logs", "last"][..],
        &["verify", "last~3"],
        &["run", "plan.yaml", "--resume"],
    ] {
        expect_error(case.run(args), &["error: no runs yet"]);
    }
    case.run(&["run", "plan.yaml", "-q"]).expect_code(0);
    case.run(&["run", "plans/bad.yaml", "-q"]).expect_code(1);
    let ids = ids(&case);
    for verb in [&["logs"][..], &["verify"]] {
        let run = |name: &str| case.run(&[verb, &[name]].concat());
        expect_error(
            run("ffff"),
            &[
                "error: no run `ffff`; the newest runs:",
                "plans/bad.yaml",
                "plan.yaml",
                lists,
            ],
        );
        expect_error(
            run("last~2"),
            &["error: no run `last~2`: the oldest is `last~1`"],
        );
        // Both began within the same minute.
        expect_error(
            run(&ids[0][..6]),
            &["error: 2 runs start with", "failed", "success", lists],
        );
        run("last~two").expect_code(2);
    }
}

#[test]
fn a_plan_that_never_ran_is_told_with_those_that_did() {
    let case = case();
    case.run(&["run", "plan.yaml", "-q"]).expect_code(0);
    case.run(&["run", "plans/bad.yaml", "-q"]).expect_code(1);
    let lists = "`obs runs` lists";
    let output = case.run(&["logs", "plans/plan.yaml"]);
    expect_error(
        output,
        &[
            "/plans/plan.yaml`; the plans that ran last:",
            // The one with the same name is the first.
            "  plan.yaml",
            "  plans/bad.yaml",
            lists,
        ],
    );
    let output = case.run(&["run", "plans/other.yaml", "--resume"]);
    expect_error(
        output,
        &[
            "/plans/other.yaml`; the plans",
            "bad.yaml",
            "plan.yaml",
            lists,
        ],
    );
}

#[test]
fn a_file_without_a_run_is_told_as_such() {
    let case = case();
    for args in [
        &["verify", "gone.jsonl"][..],
        &["run", "plan.yaml", "--resume=gone.jsonl"],
    ] {
        expect_error(
            case.run(args),
            &[
                "error: can't read `gone.jsonl`: No such file",
                "the state has no run of a plan",
            ],
        );
    }
    let case = case
        .file("empty.jsonl", "")
        .file("other.yaml", "steps: []\n");
    for name in ["empty.jsonl", "other.yaml"] {
        let resume = format!("--resume={name}");
        for args in [&["verify", name][..], &["run", "plan.yaml", &resume]] {
            expect_error(
                case.run(args),
                &["contains no run", "the state has no run of a plan"],
            );
        }
    }
}

#[test]
fn a_listed_candidate_can_be_pasted() {
    let case = case();
    for _ in 0..7 {
        case.run(&["run", "plan.yaml", "-q"]).expect_code(0);
    }
    let ids = ids(&case);
    let output = case.run(&["logs", &ids[0][..6]]).expect_code(66);
    let stderr = output.stderr();
    let (first, rest) = stderr.split_once('\n').unwrap();
    assert!(
        first.contains("7 runs start with") && first.ends_with("the newest:"),
        "{first}"
    );
    let listed: Vec<&str> = rest.lines().filter(|line| line.starts_with("  ")).collect();
    assert_eq!(listed.len(), 5, "{stderr}");
    for (line, id) in listed.iter().zip(&ids) {
        let short = line.split_whitespace().next().unwrap();
        assert_eq!(&logged(&case, short), id, "{line}");
    }
}
