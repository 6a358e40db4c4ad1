//! Policies before and during a run: what is denied never starts.

use serde_json::Value;

use crate::support::{Case, Output};

/// Skills that count their calls; `gives` gives what its plan wants to hear.
fn counting() -> Case {
    let schema = "input_schema: {type: object, properties: {url: {type: string}}}\n";
    Case::new()
        .sh_skill("core/look", "echo look >> calls; echo '\"evil\"'", schema)
        .sh_skill("net/send", "echo send >> calls; echo 1", schema)
}

fn calls(case: &Case) -> String {
    std::fs::read_to_string(case.path().join("calls")).unwrap_or_default()
}

fn statuses(output: &Output) -> Vec<String> {
    let records = output.records();
    let word = |record: &serde_json::Value| record["status"].as_str().unwrap().to_owned();
    records.iter().map(word).collect()
}

/// Nine looks and, in their midst, one that sends.
fn ten_steps() -> String {
    let steps = (0..10).map(|at| {
        let name = if at == 6 { "net/send" } else { "core/look" };
        format!("- {{name: {name}, type: skill, step_id: s{at}}}\n")
    });
    steps.collect()
}

#[test]
fn one_denied_step_of_ten_and_nothing_is_executed() {
    let policy = "@id(\"no-net\") forbid(principal, action, resource) when { resource.namespace == \"net\" };\n\
                  permit(principal, action, resource);\n";
    let case = counting().plan(&ten_steps()).file("ci.cedar", policy);
    for flags in [
        &["--policy", "ci.cedar"][..],
        &["--deny", "net/*"],
        &["--allow", "core/*"],
    ] {
        let args = ["run", "plan.yaml", "--format", "jsonl", "--keep-going"];
        let output = case.run(&[&args[..], flags].concat()).expect_code(77);
        let mut want = ["skipped"; 10];
        want[6] = "rejected";
        assert_eq!(statuses(&output), want);
        assert_eq!(calls(&case), "", "{flags:?}");
        let record = &output.records()[6];
        assert_eq!(record["error_code"], "policy_rejected");
        let error = record["error"].as_str().unwrap();
        assert!(
            error.starts_with("runtime: policy rejected execution: "),
            "{error}"
        );
    }
    let kept = case
        .run(&["logs", "last", "--format", "jsonl"])
        .expect_code(0);
    assert_eq!(kept.records().len(), 10);
    case.run(&["verify", "--all"]).expect_code(0);
    // Without a policy all is permitted.
    case.run(&["run", "plan.yaml"]).expect_code(0);
    assert_eq!(calls(&case).lines().count(), 10);
}

#[test]
fn what_a_step_gives_is_asked_about_right_before_it_is_used() {
    let policy = "permit(principal, action, resource);\n@id(\"no-evil\") forbid(principal, action, resource) \
                  when { context.arguments has url && context.arguments.url == \"evil\" };\n";
    let case = counting()
        .file("ci.cedar", policy)
        .plan(
            "- {name: core/look, type: skill}\n- {name: net/send, type: skill, arguments: {url: \"{{core/look}}\"}}\n",
        )
        .env("OBS_POLICY", "ci.cedar");
    let output = case
        .run(&["run", "plan.yaml", "--format", "jsonl"])
        .expect_code(77);
    assert_eq!(statuses(&output), ["success", "rejected"]);
    assert_eq!(output.records()[1]["arguments"]["url"], "evil");
    assert!(
        output.stderr().contains("`no-evil` forbids `net/send`"),
        "{}",
        output.whole()
    );
    assert_eq!(calls(&case), "look\n");
    case.run(&["validate", "plan.yaml"]).expect_code(0);
    case.run(&["run", "plan.yaml", "--dry-run"]).expect_code(0);
}

#[test]
fn a_plan_is_refused_by_validate_and_dry_run_too() {
    let case = counting().plan(&ten_steps());
    for args in [
        &[
            "validate",
            "plan.yaml",
            "--deny",
            "net/*",
            "--format",
            "json",
        ][..],
        &[
            "run",
            "plan.yaml",
            "--deny",
            "net/*",
            "--dry-run",
            "--format",
            "json",
        ],
    ] {
        let output = case.run(args).expect_code(77);
        assert!(
            output.stdout().contains("\"policy_rejected\""),
            "{}",
            output.whole()
        );
    }
    // Who asks is part of the question.
    let case = case.file(
        "ci.cedar",
        "permit(principal in Tenant::\"acme\", action, resource);\npermit(principal == User::\"ann\", action, resource);\n",
    );
    for (flags, code) in [
        (&[][..], 77),
        (&["--tenant-id", "acme"], 0),
        (&["--user-id", "ann"], 0),
        (&["--user-id", "bob"], 77),
    ] {
        for verb in ["validate", "run"] {
            let args = [&[verb, "plan.yaml", "--policy", "ci.cedar"], flags].concat();
            case.run(&args).expect_code(code);
        }
    }
}

#[test]
fn policies_that_are_wrong_run_nothing() {
    let case = counting().plan("- {name: core/look, type: skill}\n");
    let case = case
        .file(
            "syntax.cedar",
            "permit(principal, action, resource) when { 1 == };\n",
        )
        .file(
            "one/a.cedar",
            "@id(\"a\") permit(principal, action, resource);\n",
        )
        .file(
            "one/b.cedar",
            "forbid(principal, action, resource) when { context.absent };\n",
        )
        .file("none/readme.txt", "");
    for (policy, code, says) in [
        ("syntax.cedar", 65, "syntax.cedar:1:49"),
        ("absent.cedar", 66, "absent.cedar"),
        ("none", 66, "`none` contains no `*.cedar` file"),
        ("one", 77, "`b.cedar#1` can't be evaluated"),
    ] {
        let output = case
            .run(&["run", "plan.yaml", "--policy", policy])
            .expect_code(code);
        assert!(output.stderr().contains(says), "{}", output.whole());
    }
    assert_eq!(calls(&case), "");
}

#[test]
fn a_step_may_only_raise_its_risk() {
    let case = Case::new()
        .sh_skill("risky", "echo 1", "risk_level: clinical\n")
        .plan("- {name: risky, type: skill, risk_level: info}\n");
    let output = case.run(&["validate", "plan.yaml"]).expect_code(65);
    assert!(
        output
            .stdout()
            .contains("the step says `risk_level: info`, but `risky` is `clinical`"),
        "{}",
        output.whole()
    );
    case.run(&["run", "plan.yaml"]).expect_code(65);
}

#[test]
fn policies_are_tested_without_running_anything() {
    let case = counting().plan(
        "- {name: core/look, type: skill}\n- {name: net/send, type: skill, arguments: {url: \"{{core/look}}\"}}\n- {name: net/send, type: skill, step_id: again, arguments: {url: x}}\n",
    );
    let policy = "permit(principal, action, resource);\n@id(\"no-evil\") forbid(principal, action, resource) \
                  when { context.arguments has url && context.arguments.url == \"evil\" };\n";
    let case = case.file("ci.cedar", policy);
    let args = ["policy", "test", "plan.yaml", "--policy", "ci.cedar"];
    let output = case.run(&args).expect_code(0);
    assert_eq!(
        output.stdout(),
        "#  STEP       SKILL      DECISION   POLICIES\n\
         0  core/look  core/look  permitted  ci.cedar#1\n\
         1  net/send   net/send   waits      decided when its references are resolved\n\
         2  again      net/send   permitted  ci.cedar#1\n"
    );
    let flags = ["--deny", "net/*", "--max-risk", "info", "--max-steps", "9"];
    let output = case.run(&[&args[..3], &flags].concat()).expect_code(77);
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!("the_short_form_as_policies", output.stdout());
    });
    let output = case
        .run(&[&args[..], &["--format", "json", "--deny", "net/*"]].concat())
        .expect_code(77);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["steps"][1]["decision"], "forbidden");
    assert_eq!(document["steps"][1]["policies"][0], "--deny net/*");
    assert_eq!(document["policies"].as_array().unwrap().len(), 3);
    let lines = [&args[..], &["--format", "jsonl", "--deny", "net/*"]].concat();
    let lines = case.run(&lines).expect_code(77).records();
    assert_eq!(Some(&lines), document["steps"].as_array());
    case.run(&args[..3]).expect_code(2);
    assert_eq!(calls(&case), "");
}

/// A skill with arguments of any type, and the example of plans/README.md with one more policy.
fn paying() -> Case {
    let readme = include_str!("../../plans/README.md");
    let example = readme.split("```cedar\n").nth(1).unwrap();
    let example = example.split("```").next().unwrap();
    let more = "permit (principal, action, resource);\n@id(\"not to prod\") forbid (principal, action, resource) \
                when { context.arguments has hosts && context.arguments.hosts.contains(\"prod\") };\n";
    Case::new()
        .sh_skill("shop/pay", "echo pay >> calls; echo 1", "")
        .sh_skill("shop/gives", "cat \"$OBS_WORKSPACE/given\"", "")
        .file("limit.cedar", format!("{more}{example}"))
}

/// Arguments of `shop/pay`, and what is said against them.
const PAYMENTS: [(&str, &str); 15] = [
    ("amount: 999.0", ""),
    ("amount: 1e3", ""),
    ("amount: 1, hosts: [dev]", ""),
    // Nothing looks at it.
    (
        "amount: 1, note: null, weight: 0.5, more: {hosts: [null]}",
        "",
    ),
    ("amount: 1001", "`at most 1000` forbids"),
    ("amount: 5000.0", "`at most 1000` forbids"),
    ("amount: 5e3", "`at most 1000` forbids"),
    (
        "amount: 5000.5",
        "the argument `amount`, which is a number with a fractional part",
    ),
    (
        "amount: 99999999999999999999",
        "the argument `amount`, which is an integer beyond 64 bits",
    ),
    (
        "amount: 1e300",
        "the argument `amount`, which is an integer beyond 64 bits",
    ),
    ("amount: null", "the argument `amount`, which is null"),
    (
        "amount: [null]",
        "the argument `amount`, which is a list that contains null",
    ),
    ("amount: 1, hosts: [prod]", "`not to prod` forbids"),
    (
        "amount: 1, hosts: [prod, null]",
        "`not to prod` can't be evaluated",
    ),
    (
        "amount: 1, hosts: [prod, {a: 0.5}]",
        "the argument `hosts`, which is a list that contains",
    ),
];

#[test]
fn a_value_that_cedar_does_not_have_never_passes_a_limit() {
    for (arguments, says) in PAYMENTS {
        let fixed = format!("- {{name: shop/pay, type: skill, arguments: {{{arguments}}}}}\n");
        let case = paying().plan(&fixed);
        let (run, test) = if says.is_empty() { (0, 0) } else { (77, 77) };
        let args = ["run", "plan.yaml", "--policy", "limit.cedar"];
        let output = case.run(&args).expect_code(run);
        assert!(
            output.stderr().contains(says),
            "{arguments}: {}",
            output.whole()
        );
        assert_eq!(
            calls(&case).lines().count(),
            usize::from(says.is_empty()),
            "{arguments}"
        );
        let args = ["policy", "test", "plan.yaml", "--policy", "limit.cedar"];
        let output = case.run(&args).expect_code(test);
        let shown = says.split('`').nth(1).unwrap_or("permitted");
        assert!(
            output.stdout().contains(shown),
            "{arguments}: {}",
            output.whole()
        );
    }
}

#[test]
fn a_value_that_another_step_gives_is_held_against_the_same_limits() {
    for (given, code) in [
        ("{\"amount\": 999.0}", 0),
        ("{\"amount\": 5e3}", 77),
        ("{\"amount\": 999.5}", 77),
        ("{\"amount\": 1e300}", 77),
        ("{\"amount\": -99999999999999999999}", 77),
        ("{\"amount\": [1, null]}", 77),
    ] {
        let case = paying().file("given", given).plan(
            "- {name: shop/gives, type: skill}\n- {name: shop/pay, type: skill, arguments: {amount: \"{{shop/gives.amount}}\"}}\n",
        );
        let output = case
            .run(&[
                "run",
                "plan.yaml",
                "--policy",
                "limit.cedar",
                "--format",
                "jsonl",
            ])
            .expect_code(code);
        let last = if code == 0 { "success" } else { "rejected" };
        assert_eq!(statuses(&output), ["success", last], "{given}");
        assert_eq!(
            calls(&case).lines().count(),
            usize::from(code == 0),
            "{given}"
        );
    }
}

#[test]
fn a_dotted_id_has_a_namespace() {
    let case = Case::new()
        .sh_skill("mcp.his.query", "echo 1", "")
        .plan("- {name: mcp.his.query, type: skill}\n")
        .file(
            "his.cedar",
            "permit (principal, action, resource) when { resource.namespace == \"mcp.his\" };\n",
        )
        .file(
            "mcp.cedar",
            "permit (principal, action, resource) when { resource.namespace == \"mcp\" };\n",
        );
    for (policy, code) in [("his.cedar", 0), ("mcp.cedar", 77)] {
        case.run(&["run", "plan.yaml", "--policy", policy])
            .expect_code(code);
    }
}

#[test]
fn policies_are_checked_against_the_skills() {
    let case = counting()
        .file("good.cedar", "permit(principal, action == Action::\"core/look\", resource) when { context.arguments has url };\n")
        .file("bad.cedar", "permit(principal, action == Action::\"core/look\", resource)\n  when { context.arguments has url && context.arguments.url > 3 };\n");
    let output = case.run(&["policy", "check", "good.cedar"]).expect_code(0);
    assert!(
        output.stderr().starts_with("checked 1 policy against "),
        "{}",
        output.whole()
    );
    let output = case.run(&["policy", "check", "bad.cedar"]).expect_code(65);
    assert!(
        output.stdout().contains("bad.cedar:2:39"),
        "{}",
        output.whole()
    );
    let schema = case.run(&["policy", "schema"]).expect_code(0).stdout();
    assert!(
        schema.contains("action \"core/look\" in [Action::\"execute\"]")
            && schema.contains("{\"url\"?: String}"),
        "{schema}"
    );
}

/// What `policy check` says: `severity line:column message; help`.
fn checked(policies: &str) -> Vec<String> {
    let case = Case::new()
        .sh_skill(
            "core/fetch",
            "echo 1",
            "input_schema: {properties: {url: {type: string}}}\n",
        )
        .sh_skill("core/look", "echo 1", "")
        .file("p.cedar", policies);
    let output = case.run(&["policy", "check", "p.cedar", "--format", "json"]);
    let problems: Vec<Value> = serde_json::from_slice(&output.stdout).expect("problems");
    let errors = problems
        .iter()
        .any(|problem| problem["severity"] == "error");
    assert_eq!(
        output.code,
        if errors { 65 } else { 0 },
        "{}",
        output.whole()
    );
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let line = |p: &Value| {
        let place = format!("{} {}:{}", text(&p["severity"]), p["line"], p["column"]);
        format!("{place} {}; {}", text(&p["message"]), text(&p["help"]))
    };
    problems.iter().map(line).collect()
}

#[test]
fn one_mistake_in_a_policy_is_one_problem() {
    let unknown = |id: &str| format!("unknown action `Action::\"{id}\"`: no skill has this id");
    let lists = "`obs skills list` lists the skills; `--skills DIR` adds more";
    for (policy, want) in [
        (
            "permit(principal, action == Action::\"core/fetsh\", resource);",
            format!(
                "error 1:29 {}; did you mean `Action::\"core/fetch\"`?",
                unknown("core/fetsh")
            ),
        ),
        (
            "permit(principal, action == Action::\"nothing/like-it\", resource is Skill);",
            format!("error 1:29 {}; {lists}", unknown("nothing/like-it")),
        ),
        (
            "permit(principal, action in [Action::\"core/look\", Action::\"core/lok\"], resource);",
            format!(
                "error 1:51 {}; did you mean `Action::\"core/look\"`?",
                unknown("core/lok")
            ),
        ),
        (
            "@id(\"a\")\nforbid(principal, action, resource) when { resource.rsk_level == \"x\" };",
            "error 2:44 for policy `a`, attribute `rsk_level` on entity type `Skill` not found \
             (and 1 more like this here); did you mean `risk_level`?"
                .to_owned(),
        ),
        (
            "@id(\"a\") forbid(principal, action, resource is Tool) when { resource.far == \"x\" };",
            "error 1:61 for policy `a`, attribute `far` on entity type `Tool` not found; "
                .to_owned(),
        ),
        (
            "@id(\"a\") permit(principal == Usr::\"x\", action, resource);",
            "error 1:30 for policy `a`, unrecognized entity type `Usr`; did you mean `User`?"
                .to_owned(),
        ),
        (
            "@id(\"a\") permit(principal, action == Action::\"core/look\", resource is Tool);",
            "warning 1:1 for policy `a`, unable to find an applicable action given the policy \
             scope constraints; "
                .to_owned(),
        ),
    ] {
        assert_eq!(checked(policy), [want], "{policy}");
    }
    let two = "permit(principal, action == Action::\"one-thing\", resource);\n\
               permit(principal, action == Action::\"other\", resource);\n";
    assert_eq!(checked(two).len(), 2, "{:?}", checked(two));
}

#[test]
fn tenants_share_no_scratch_and_know_who_they_are() {
    let script = "ls -A \"$TMPDIR\" \"$HOME\" | grep left && exit 1; touch \"$TMPDIR/left\" \"$HOME/left\"\n\
                  printf '[\"%s\", \"%s\", \"%s\"]' \"$TMPDIR\" \"$OBS_TENANT_ID\" \"$OBS_USER_ID\"";
    let case = Case::new()
        .sh_skill("leaves", script, "")
        .plan("- {name: leaves, type: skill}\n");
    let run = |tenant: &str, user: &str| {
        let args = [
            "run",
            "plan.yaml",
            "--format",
            "jsonl",
            "--tenant-id",
            tenant,
            "--user-id",
            user,
        ];
        let output = case.run(&args).expect_code(0);
        let record = output.records().remove(0);
        assert_eq!(record["output"][1], tenant);
        assert_eq!(record["output"][2], user);
        record["output"][0].clone()
    };
    let (one, other) = (run("acme", "ann"), run("other", "bob"));
    assert_ne!(one, other);
}
