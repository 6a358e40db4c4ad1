//! A plan's inputs: from flags, files and defaults into arguments.

use serde_json::{Value, json};

use crate::support::{Case, Output};

/// A plan whose one step gives back what its inputs are.
fn case(inputs: &str, arguments: &str) -> Case {
    let plan = format!(
        "assistant_id: test\ninputs: {inputs}\nsteps:\n\
         - {{name: echo, type: skill, arguments: {arguments}}}\n"
    );
    Case::new()
        .file(
            "skills/echo/manifest.yaml",
            "description: d\nexecution: {command: [cat]}\n\
             input_schema: {properties: {n: {type: integer}, token: {writeOnly: true}}}\n",
        )
        .file("plan.yaml", plan)
}

fn echoed(output: &Output) -> Value {
    output.records()[0]["output"].clone()
}

/// `code line:column message`, one for each problem of a run that is refused.
fn refused(case: &Case, args: &[&str]) -> Vec<String> {
    let all = [&["run", "plan.yaml", "--format", "json"], args].concat();
    let output = case.run(&all).expect_code(65);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let problems = document["problems"].as_array().unwrap();
    let tell = |p: &Value| {
        format!(
            "{} {}:{} {}",
            p["code"].as_str().unwrap(),
            p["line"],
            p["column"],
            p["message"].as_str().unwrap()
        )
    };
    problems.iter().map(tell).collect()
}

#[test]
fn values_have_the_type_that_the_schema_wants() {
    let case = case(
        "{n: {type: integer}, text: {type: string}, any: {}, list: {type: array}, rest: {default: [1, {a: b}]}}",
        "{n: \"{{inputs.n}}\", text: \"{{inputs.text}}\", any: \"{{inputs.any}}\", list: \"{{inputs.list}}\", \
          in: \"<{{inputs.n}} {{inputs.text}} {{inputs.rest}}>\", part: \"{{inputs.rest.1.a}}\"}",
    );
    let args = [
        "run",
        "plan.yaml",
        "--format",
        "jsonl",
        "--set",
        "n=7",
        "--set",
        "text=8",
        "--set",
        "any=true",
        "--set",
        "list=[1]",
    ];
    let output = case.run(&args).expect_code(0);
    let want = json!({"n": 7, "text": "8", "any": true, "list": [1], "in": "<7 8 [1,{\"a\":\"b\"}]>", "part": "b"});
    assert_eq!(echoed(&output), want);
    assert_eq!(output.records()[0]["arguments"], want);
}

#[test]
fn a_file_gives_many_and_flags_win() {
    let case = case(
        "{n: {type: integer}, text: {type: string}}",
        "{n: \"{{inputs.n}}\", t: \"{{inputs.text}}\"}",
    )
    .file("in.yaml", "n: 1\ntext: from the file\n")
    .stdin("{\"n\": 123456789012345678901234567890, \"text\": \"{{inputs.n}} $(x)\"}");
    let run =
        |args: &[&str]| case.run(&[&["run", "plan.yaml", "--format", "jsonl"], args].concat());
    let output = run(&["--inputs", "in.yaml"]).expect_code(0);
    assert_eq!(echoed(&output), json!({"n": 1, "t": "from the file"}));
    let output = run(&["--inputs", "in.yaml", "--set", "n=2"]).expect_code(0);
    assert_eq!(echoed(&output)["n"], 2);
    let output = run(&["--inputs", "-"]).expect_code(0);
    assert_eq!(
        echoed(&output)["t"],
        "{{inputs.n}} $(x)",
        "a value is never expanded"
    );
    assert!(
        output
            .stdout()
            .contains("\"n\":123456789012345678901234567890")
    );
    run(&["--inputs", "absent.yaml"]).expect_code(66);
    run(&["--set", "n"]).expect_code(2);
    run(&["--set", "n=1", "--set", "n=2"]).expect_code(2);
    case.run(&["run", "-", "--inputs", "-"]).expect_code(2);
}

#[test]
fn what_is_wrong_with_inputs_has_its_place() {
    let case = case(
        "{n: {type: integer, minimum: 2}, url: {type: string}}",
        "{n: \"{{inputs.n}}\", u: \"{{inputs.url}}\"}",
    );
    assert_eq!(
        refused(&case, &["--set", "n=1", "--set", "ur=x"]),
        [
            "unknown_input 2:1 unknown input `ur`",
            "input 2:10 the input `n` must be at least 2, found 1",
            "missing_input 2:42 missing input `url`",
        ]
    );
    assert_eq!(
        refused(&case, &["--dry-run"]),
        [
            "missing_input 2:10 missing input `n`",
            "missing_input 2:42 missing input `url`"
        ]
    );
    // Before anybody is asked, what is not given is not known yet.
    case.run(&["validate", "plan.yaml", "--strict"])
        .expect_code(0);
    case.run(&["validate", "plan.yaml", "--set", "n=1"])
        .expect_code(65);
    case.run(&["validate", "plan.yaml", "--set", "n=3", "--set", "url=x"])
        .expect_code(0);
}

#[test]
fn an_input_is_held_against_what_the_skill_takes() {
    let wrong = case("{x: {type: string}}", "{n: \"{{inputs.x}}\"}");
    let output = wrong.run(&["validate", "plan.yaml"]).expect_code(65);
    let want = "`n` must be an integer, but `{{inputs.x}}` is text";
    assert!(output.stdout().contains(want), "{}", output.whole());
    let output = wrong
        .run(&["validate", "plan.yaml", "--set", "x=y"])
        .expect_code(65);
    assert!(
        output
            .stdout()
            .contains("`n` must be a whole number, found text"),
        "{}",
        output.whole()
    );
}

#[test]
fn a_hidden_input_goes_only_where_it_stays_hidden() {
    let inputs = "{secret: {type: string, writeOnly: true, pattern: ^c}}";
    let run = |case: &Case, value: &str| {
        let set = format!("secret={value}");
        case.run(&["run", "plan.yaml", "--format", "jsonl", "--set", &set])
    };
    let open = case(inputs, "{text: \"{{inputs.secret}}\"}");
    let output = run(&open, "canary-4711").expect_code(65);
    assert!(
        output.stderr().contains("hidden_input"),
        "{}",
        output.whole()
    );
    let hidden = case(inputs, "{token: \"Bearer {{inputs.secret}}\"}");
    let output = run(&hidden, "canary-4711").expect_code(0);
    assert_eq!(output.records()[0]["arguments"], json!({"token": "***"}));
    let shown = hidden.run(&[
        "run",
        "plan.yaml",
        "--dry-run",
        "--set",
        "secret=canary-4711",
    ]);
    assert!(!shown.expect_code(0).stdout().contains("canary"));
    let refused = run(&hidden, "wrong-4711").expect_code(65);
    assert!(
        !refused.stderr().contains("wrong-4711"),
        "{}",
        refused.whole()
    );
}

#[test]
fn a_part_of_an_input_can_not_be_hidden() {
    let case = Case::new().file(
        "plan.yaml",
        "assistant_id: a\ninputs: {o: {type: object, properties: {pw: {type: string, writeOnly: true}}}}\n\
         steps: [{name: builtin.now, type: tool}]\n",
    );
    let output = case.run(&["validate", "plan.yaml"]).expect_code(65);
    let problem = "error[hidden_input]: a part of the input `o` is `writeOnly`";
    assert!(
        output.stdout().contains(problem) || output.stderr().contains(problem),
        "{}",
        output.whole()
    );
}
