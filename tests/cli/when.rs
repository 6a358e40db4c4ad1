//! Conditions: which steps run, what follows a skipped one, and what is said of it.

use serde_json::{Value, json};

use crate::support::{Case, Output};

/// `check` prints the JSON in the file `check`; `say` prints its argument and notes that it ran.
fn case(check: &str, plan: &str) -> Case {
    Case::new()
        .sh_skill("check", "cat check", "idempotent: true\n")
        .sh_skill(
            "say",
            "read -r line; n=${line#*:}; n=${n%\\}}; echo $n >> calls; echo $n",
            "",
        )
        .file("check", check)
        .file("plan.yaml", format!("assistant_id: a\n{plan}"))
}

fn say(id: &str, more: &str, argument: &str) -> String {
    format!("- {{name: say, step_id: {id}, type: skill, {more}arguments: {{x: {argument}}}}}\n")
}

fn run(case: &Case, flags: &[&str]) -> Output {
    case.run(&[&["run", "plan.yaml", "--format", "jsonl"], flags].concat())
}

/// In plan order.
fn statuses(records: &[Value]) -> Vec<&str> {
    let mut sorted: Vec<&Value> = records.iter().collect();
    sorted.sort_by_key(|record| record["step_index"].as_u64());
    sorted
        .into_iter()
        .filter_map(|record| record["status"].as_str())
        .collect()
}

/// What `say` was called with.
fn calls(case: &Case) -> Vec<String> {
    let text = std::fs::read_to_string(case.path().join("calls")).unwrap();
    let mut calls: Vec<String> = text.lines().map(str::to_owned).collect();
    calls.sort();
    calls
}

fn branches(order: &str) -> String {
    let steps = [
        "- {name: check, type: skill}\n".to_owned(),
        say(
            "large",
            "when: [{value: \"{{check.total}}\", minimum: 100}], ",
            "1",
        ),
        say(
            "small",
            "when: [{value: \"{{check.total}}\", minimum: 100, negate: true}], ",
            "2",
        ),
        say("receipt", "", "\"{{large}}\""),
        "- {name: builtin.first, step_id: join, type: tool, arguments: {values: [\"{{small?}}\", \
         \"{{receipt?}}\"]}}\n"
            .to_owned(),
    ];
    format!("order: {order}\nsteps:\n{}", steps.concat())
}

#[test]
fn one_branch_runs_and_both_join() {
    for order in ["sequence", "graph"] {
        for (total, want, joined) in [
            (
                "250",
                ["success", "success", "skipped", "success", "success"],
                1,
            ),
            (
                "5",
                ["success", "skipped", "success", "skipped", "success"],
                2,
            ),
            // Not a number: neither holds, but the opposite does.
            (
                "\"250\"",
                ["success", "skipped", "success", "skipped", "success"],
                2,
            ),
            // Nothing there: nothing holds.
            (
                "null",
                ["success", "skipped", "success", "skipped", "success"],
                2,
            ),
        ] {
            let case = case(&format!("{{\"total\": {total}}}"), &branches(order));
            let records = run(&case, &[]).expect_code(0).records();
            assert_eq!(statuses(&records), want, "{order}: {total}");
            let join = records.iter().find(|record| record["step_id"] == "join");
            assert_eq!(join.unwrap()["output"], json!(joined));
        }
        let case = case("{}", &branches(order));
        let records = run(&case, &[]).expect_code(0).records();
        let want = ["success", "skipped", "skipped", "skipped", "success"];
        assert_eq!(statuses(&records), want, "{order}");
    }
}

#[test]
fn a_record_says_which_condition_and_what_was_found() {
    let case = case("{\"total\": 5}", &branches("sequence"));
    let records = run(&case, &[]).expect_code(0).records();
    assert_eq!(
        records[1]["skipped_because"],
        json!({
            "kind": "condition", "step": "check",
            "condition": {"value": "{{check.total}}", "minimum": 100}, "got": 5,
        })
    );
    assert_eq!(
        records[3]["skipped_because"],
        json!({"kind": "no_value", "step": "large"})
    );
    let shown = case.run(&["show", "last", "large"]).expect_code(0).stdout();
    for text in [
        "`{{check.total}}` is 5, wanted minimum 100",
        "skipped because: condition of `check`, condition: {\"value\":\"{{check.total}}\",",
    ] {
        assert!(shown.contains(text), "`{text}` in {shown}");
    }
    let table = case.run(&["show", "last"]).expect_code(0).stdout();
    assert!(
        table.contains("`large` was skipped and has no value"),
        "{table}"
    );
}

#[test]
fn how_a_step_ended_decides_and_a_skipped_step_satisfies_the_order() {
    let plan = [
        "order: graph\nsteps:\n".to_owned(),
        "- {name: check, type: skill, continue_on_error: true}\n".to_owned(),
        say("good", "when: [{step: check, status: [success]}], ", "1"),
        say(
            "bad",
            "when: [{step: check, status: [failed, timeout]}], ",
            "2",
        ),
        say("after", "depends_on: [good, bad], ", "3"),
        say(
            "either",
            "when: [{any: [{step: good, status: [success]}, {value: \"{{check.x}}\", const: 1}]}], ",
            "4",
        ),
    ];
    let plan = plan.concat();
    let case = case("{\"x\": 2}", &plan);
    let records = run(&case, &[]).expect_code(0).records();
    let want = ["success", "success", "skipped", "success", "success"];
    assert_eq!(statuses(&records), want);
    let case = self::case("no JSON", &plan);
    let records = run(&case, &[]).expect_code(0).records();
    let want = ["failed", "skipped", "success", "success", "skipped"];
    assert_eq!(statuses(&records), want);
    let either = records.iter().find(|record| record["step_id"] == "either");
    let because = &either.unwrap()["skipped_because"];
    assert_eq!(because["got"], json!(["skipped", null]));
}

#[test]
fn a_run_in_which_nothing_ran_is_a_success_with_a_warning() {
    let plan = "inputs: {env: {type: string, default: dev}}\nsteps:\n".to_owned()
        + &say(
            "one",
            "when: [{value: \"{{inputs.env}}\", const: prod}], ",
            "1",
        );
    let case = case("", &plan);
    let output = case.run(&["run", "plan.yaml"]).expect_code(0);
    let warning = "warning: no step ran: all steps were skipped";
    assert!(output.stderr().contains(warning), "{}", output.stderr());
    let output = case
        .run(&["run", "plan.yaml", "--set", "env=prod"])
        .expect_code(0);
    assert!(
        !output.stderr().contains("no step ran"),
        "{}",
        output.stderr()
    );
    let shown = case
        .run(&["run", "plan.yaml", "--dry-run"])
        .expect_code(0)
        .stdout();
    assert!(shown.starts_with("would run 0 steps"), "{shown}");
    let line = "   skipped      `{{inputs.env}}` is \"dev\", wanted const \"prod\"\n";
    assert!(shown.contains(line), "{shown}");
}

#[test]
fn a_policy_denies_a_step_whose_condition_would_skip_it_unless_inputs_decide() {
    let of_check = "steps:\n- {name: check, type: skill}\n".to_owned()
        + &say("no", "when: [{value: \"{{check.x}}\", const: 1}], ", "1");
    let case = case("{\"x\": 2}", &of_check);
    let flags = ["--allow", "check"];
    let records = run(&case, &flags).expect_code(77);
    assert!(
        records.stderr().contains("no policy permits `say`"),
        "{}",
        records.stderr()
    );
    run(&case, &["--allow", "*"]).expect_code(0);

    let of_input = "inputs: {env: {type: string}}\nsteps:\n- {name: check, type: skill}\n"
        .to_owned()
        + &say(
            "no",
            "when: [{value: \"{{inputs.env}}\", const: prod}], ",
            "1",
        );
    let case = self::case("{}", &of_input);
    let records = run(&case, &["--allow", "check", "--set", "env=dev"]).expect_code(0);
    assert_eq!(statuses(&records.records()), ["success", "skipped"]);
    run(&case, &["--allow", "check", "--set", "env=prod"]).expect_code(77);
}

#[test]
fn a_resumed_run_evaluates_conditions_again_and_refuses_none_that_is_not_met() {
    let plan = |order: &str| {
        format!("order: {order}\ninputs: {{env: {{type: string}}, x: {{type: integer}}}}\nsteps:\n")
            + "- {name: check, type: skill}\n"
            + &say(
                "once",
                "when: [{value: \"{{inputs.env}}\", const: prod}], ",
                "1",
            )
            + &say("never", "when: [{value: \"{{check.x}}\", const: 1}], ", "2")
            + &say("last", "", "\"{{inputs.x}}\"")
    };
    for order in ["sequence", "graph"] {
        let case = case("{\"x\": 2}", &plan(order));
        run(&case, &["--set", "env=prod", "--set", "x=3"]).expect_code(0);
        // `say` is not idempotent: nothing of it may run again, and nothing does.
        let again = |env: &str| {
            let env = format!("env={env}");
            let flags = ["--resume", "--set", &env, "--set", "x=3"];
            run(&case, &flags).expect_code(0).records()
        };
        let records = again("prod");
        let want = ["success", "success", "skipped", "success"];
        assert_eq!(statuses(&records), want, "{order}");
        assert_eq!(calls(&case), ["1", "3"]);
        // Its condition is not met any more: it is skipped, and what comes after it is reused.
        let records = again("dev");
        let want = ["success", "skipped", "skipped", "success"];
        assert_eq!(statuses(&records), want, "{order}");
        assert_eq!(calls(&case), ["1", "3"]);
        let skipped = records.iter().find(|record| record["step_id"] == "once");
        assert_eq!(skipped.unwrap()["not_reused"]["reason"], "condition_unmet");
    }
}

#[test]
fn hidden_values_stay_hidden_in_what_was_found() {
    let plan = "inputs: {token: {type: string, writeOnly: true}}\nsteps:\n".to_owned()
        + "- {name: check, type: skill}\n"
        + &say(
            "one",
            "when: [{value: \"{{inputs.token}}\", const: prod}], ",
            "1",
        );
    let case = case("{}", &plan);
    let output = run(&case, &["--set", "token=hush-hush"]).expect_code(0);
    assert_eq!(output.records()[1]["skipped_because"]["got"], "***");
    for text in [
        output.whole(),
        case.run(&["show", "last", "one"]).whole(),
        case.run(&["run", "plan.yaml", "--set", "token=hush-hush", "--dry-run"])
            .whole(),
    ] {
        assert!(!text.contains("hush"), "{text}");
    }
}

#[test]
fn a_long_or_hostile_value_is_shown_shortened_and_escaped() {
    let text = "\\u001b[2Jx".repeat(2_000);
    let plan = "steps:\n- {name: check, type: skill}\n".to_owned()
        + &say(
            "one",
            "when: [{value: \"{{check.text}}\", const: prod}], ",
            "1",
        );
    let case = case(&format!("{{\"text\": \"{text}\"}}"), &plan);
    let output = case.run(&["run", "plan.yaml"]).expect_code(0);
    assert!(!output.whole().contains('\u{1b}'), "{}", output.whole());
    let records = run(&case, &[]).expect_code(0).records();
    let got = records[1]["skipped_because"]["got"].as_str().unwrap();
    assert!(got.chars().count() < 300 && got.ends_with('…'), "{got}");
    let shown = case.run(&["show", "last", "one"]).expect_code(0).stdout();
    assert!(!shown.contains('\u{1b}'), "{shown}");
}

#[test]
fn a_graph_labels_what_a_condition_waits_for() {
    let case = case("{}", &branches("graph"));
    let graph = |format: &str| {
        let output = case.run(&["graph", "plan.yaml", "--format", format]);
        output.expect_code(0).stdout()
    };
    assert!(
        graph("mermaid").contains("s0 -.->|when| s1\n"),
        "{}",
        graph("mermaid")
    );
    let dot = "s0 -> s1 [style=dashed, label=\"when\"];\n";
    assert!(graph("dot").contains(dot), "{}", graph("dot"));
    assert!(
        graph("tree").contains("large · say ← check (when)\n"),
        "{}",
        graph("tree")
    );
    let json: Value = serde_json::from_str(&graph("json")).unwrap();
    assert_eq!(json["steps"][1]["conditions_on"], json!(["check"]));
    assert_eq!(json["steps"][1]["when"][0]["minimum"], 100);
    assert_eq!(json["steps"][4]["inputs_from"], json!(["small", "receipt"]));
}
