//! `--only`, `--skip` and `--from`.

use serde_json::Value;

use crate::support::{Case, Output};

/// Steps `a` to `d` of one idempotent skill that writes its name into the file `ran`: `c` takes the
/// output of `a`, and `d` that of `c`. `d` fails once if the file `fail` exists.
fn case(head: &str, more: [&str; 4]) -> Case {
    let script = "echo \"$OBS_STEP_NAME\" >> ran\n\
        if [ \"$OBS_STEP_NAME\" = d ] && rm fail 2>/dev/null; then exit 1; fi\n\
        echo '{\"v\": 1}'";
    let step = |name: &str, reference: &str, more: &str| {
        format!(
            "  - {{name: {name}, skill: s, type: skill, arguments: {{v: {reference}}}{more}}}\n"
        )
    };
    let steps = [
        ("a", "1"),
        ("b", "1"),
        ("c", "\"{{a.v}}\""),
        ("d", "\"{{c.v}}\""),
    ];
    let steps = steps.into_iter().zip(more);
    let steps: String = steps.map(|((name, v), more)| step(name, v, more)).collect();
    Case::new()
        .sh_skill("s", script, "idempotent: true\n")
        .file(
            "plan.yaml",
            format!("assistant_id: t\n{head}steps:\n{steps}"),
        )
}

fn sequence() -> Case {
    case("", [""; 4])
}

fn ran(case: &Case) -> String {
    let text = std::fs::read_to_string(case.path().join("ran")).unwrap_or_default();
    std::fs::remove_file(case.path().join("ran")).ok();
    text.replace('\n', "")
}

fn run(case: &Case, flags: &[&str]) -> Output {
    let args = ["run", "--format=jsonl", "-j1", "plan.yaml"];
    case.run(&[&args, flags].concat())
}

#[test]
fn only_runs_what_is_selected_and_what_it_needs() {
    for (flags, want) in [
        (&["--only=c"][..], "ac"),
        (&["--only=b"], "b"),
        (&["--only=b", "--only=d"], "abcd"),
        (&["--skip=b"], "acd"),
        (&["--skip=d", "--skip=c"], "ab"),
        (&["--only=d", "--skip=b"], "acd"),
    ] {
        let case = sequence();
        let records = run(&case, flags).expect_code(0).records();
        assert_eq!(ran(&case), want, "{flags:?}");
        assert_eq!(records.len(), 4, "{flags:?}");
        for record in &records {
            let name = record["step_id"].as_str().unwrap();
            let skipped = record["skipped_because"]["kind"].as_str();
            assert_eq!(
                skipped == Some("flag"),
                !want.contains(name),
                "{flags:?}: {record}"
            );
        }
    }
}

#[test]
fn what_a_graph_waits_for_counts_and_a_skipped_step_satisfies_it() {
    let graph = || {
        case(
            "order: graph\n",
            ["", ", depends_on: [d]", "", ", depends_on: [a]"],
        )
    };
    let first = graph();
    run(&first, &["--only=b"]).expect_code(0);
    assert_eq!(ran(&first), "acdb");
    let graph = case("order: graph\n", ["", ", depends_on: [d]", "", ""]);
    run(&graph, &["--skip=d"]).expect_code(0);
    assert_eq!(ran(&graph), "acb");
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn a_wrong_selection_is_refused_before_anything_runs() {
    let case = case("", ["", ", step_id: build-b", "", ""]).file(
        "twins.yaml",
        "assistant_id: t\nsteps: [{name: s, type: skill}, {name: s, type: skill}]\n\
         finally: [{name: end, skill: s, type: skill}]\n",
    );
    for (flags, plan, says, hint) in [
        (
            &["--only=buildb"][..],
            "plan.yaml",
            "`--only buildb`: the plan has no such step",
            "`build-b`",
        ),
        (&["--skip=zzzzzz"], "plan.yaml", "no such step", "`step_id`"),
        (
            &["--only=s"],
            "twins.yaml",
            "names several steps",
            "`step_id`",
        ),
        (
            &["--skip=end"],
            "twins.yaml",
            "a `finally` step runs",
            "`steps`",
        ),
        (
            &["--only=c", "--skip=c"],
            "plan.yaml",
            "which `--only` selects",
            "remove one",
        ),
        (
            &["--skip=a"],
            "plan.yaml",
            "`c` takes the output of `a`",
            "--skip 'c'",
        ),
        (
            &["--only=d", "--skip=c"],
            "plan.yaml",
            "`d` takes the output of `c`",
            "--skip 'd'",
        ),
        (&["--from=a"], "plan.yaml", "--resume", ""),
        (
            &["--skip=a", "--skip=b", "--skip=c", "--skip=d"],
            "plan.yaml",
            "no step to run",
            "--dry-run",
        ),
    ] {
        for dry in [&[][..], &["--dry-run"]] {
            let args = [&["run", plan][..], flags, dry].concat();
            let output = case.run(&args).expect_code(2);
            for part in [says, hint] {
                assert!(
                    output.stderr().contains(part),
                    "{flags:?}: {part}: {}",
                    output.whole()
                );
            }
        }
    }
    assert_eq!(ran(&case), "");
}

#[test]
fn resume_and_selection_go_together() {
    let case = sequence().file("fail", "");
    run(&case, &[]).expect_code(1);
    assert_eq!(ran(&case), "abcd");
    // What is left out keeps its earlier success, also its output.
    let records = run(&case, &["--resume", "--only=d", "--skip=c"])
        .expect_code(0)
        .records();
    assert_eq!(ran(&case), "d");
    let reused = |record: &Value| record["reused_from"].is_string();
    assert_eq!(records.iter().filter(|record| reused(record)).count(), 3);
    // `--from` runs a step again, and in a sequence all that come after it.
    let shown = case.run(&["run", "plan.yaml", "--resume", "--from=b", "--dry-run"]);
    let shown = shown.expect_code(0).stdout();
    assert!(shown.contains("`--from` names it"), "{shown}");
    let records = run(&case, &["--resume", "--from=b"])
        .expect_code(0)
        .records();
    assert_eq!(ran(&case), "bcd");
    assert_eq!(records[1]["not_reused"]["reason"], "requested");
    run(&case, &["--resume", "--from=c", "--only=c"]).expect_code(0);
    assert_eq!(ran(&case), "c");
    let output = run(&case, &["--resume", "--from=c", "--skip=c"]).expect_code(2);
    assert!(
        output.stderr().contains("`--from` runs `c` again"),
        "{}",
        output.whole()
    );
}

#[test]
fn policies_and_approvals_are_for_what_runs() {
    let case = sequence().file(
        "no-b.cedar",
        "permit (principal, action, resource);\n\
         forbid (principal, action, resource) when { context.step_name == \"b\" };\n",
    );
    run(&case, &["--policy=no-b.cedar"]).expect_code(77);
    run(&case, &["--policy=no-b.cedar", "--skip=b"]).expect_code(0);
    assert_eq!(ran(&case), "acd");
    let args = [
        "run",
        "plan.yaml",
        "--policy=no-b.cedar",
        "--only=a",
        "--dry-run",
    ];
    let shown = case.run(&args).expect_code(0).stdout();
    assert!(shown.starts_with("would run 1 step in"), "{shown}");
    assert!(
        shown.contains("skipped      `--only` selects other steps"),
        "{shown}"
    );
}
