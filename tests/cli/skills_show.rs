//! `obs skills show` and `list`: the whole manifest, and the same data in all formats.

use serde_json::{Value, json};

use crate::support::{Case, Output};

const MANIFEST: &str = "\
description: Finds lines.
kind: tool
execution:
  command: [grep, -e, '{{pattern}}', [--max-count, '{{most}}'], --, '{{paths...}}']
  stdin: '{{text}}'
  output: lines
  encoding: lossy
  success_exit_codes: [0, 1]
input_schema:
  type: object
  properties:
    pattern: {type: string, description: \"A regular expression.\\nNot a glob.\"}
    most: {type: [integer, string], default: 5}
    paths: {type: array, items: {type: string}}
    text: {}
  required: [pattern, paths]
permissions: [net, \"fs.write:out/\"]
timeout: 30s
grace: 2s
leak_timeout: 500ms
resources: {max_memory_mb: 64, max_output_bytes: 1000}
circuit_breaker: {failure_threshold: 2, cooldown: 1m}
concurrency: 2
";

fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn all_of_a_manifest_is_shown() {
    let case = Case::new().file("skills/find/manifest.yaml", MANIFEST);
    let output = case.run(&["skills", "show", "find"]).expect_code(0);
    insta::assert_snapshot!(output.whole());
    let output = case.run(&["skills", "show", "find", "--format", "json"]);
    let shown = document(&output.expect_code(0));
    for (key, value) in [
        ("stdin", json!("{{text}}")),
        ("output", json!("lines")),
        ("encoding", json!("lossy")),
        ("success_exit_codes", json!([0, 1])),
        ("grace", json!("2s")),
        ("leak_timeout", json!("500ms")),
        (
            "circuit_breaker",
            json!({"failure_threshold": 2, "cooldown": "1m"}),
        ),
    ] {
        assert_eq!(shown[key], value, "{key}");
    }
    assert_eq!(shown["resources"]["max_memory_mb"], 64);
    assert_eq!(shown["resources"]["max_cpu_ms"], Value::Null);
    let argument = |name: &str| {
        let mut all = shown["arguments"].as_array().unwrap().iter();
        all.find(|argument| argument["name"] == name)
            .unwrap()
            .clone()
    };
    for (name, command, is_required, is_on_stdin) in [
        ("pattern", json!("text"), true, false),
        ("most", json!("text"), false, false),
        ("paths", json!("list"), true, false),
        ("text", Value::Null, false, true),
    ] {
        let shown = argument(name);
        assert_eq!(shown["command"], command, "{name}");
        assert_eq!(shown["required"], is_required, "{name}");
        assert_eq!(shown["stdin"], is_on_stdin, "{name}");
    }
    assert_eq!(argument("most")["default"], 5);
}

#[test]
fn a_skill_without_a_schema_and_a_tool_that_is_built_in_are_shown_too() {
    let manifest = "description: d\nexecution: {command: [echo, '{{word}}']}\n";
    let case = Case::new().file("skills/say/manifest.yaml", manifest);
    let output = case.run(&["skills", "show", "say"]).expect_code(0);
    insta::assert_snapshot!(output.whole());
    let output = case
        .run(&["skills", "show", "builtin.json_query"])
        .expect_code(0);
    insta::assert_snapshot!(output.whole());
    let args = ["skills", "show", "builtin.now", "--format", "json"];
    let shown = document(&case.run(&args).expect_code(0));
    assert_eq!(shown["stdin"], Value::Null);
    assert_eq!(shown["arguments"], json!([]));
}

#[test]
fn all_formats_have_the_same_data() {
    let case = Case::new()
        .file("skills/find/manifest.yaml", MANIFEST)
        .file("skills/broken/manifest.yaml", "{");
    let list = |format| {
        case.run(&["skills", "list", "--format", format])
            .expect_code(0)
    };
    let whole = document(&list("json"));
    assert_eq!(whole.as_array().unwrap(), &list("jsonl").records());
    assert!(list("table").stdout().contains("Finds lines."));
    let show = |format| case.run(&["skills", "show", "find", "--format", format]);
    assert_eq!(show("jsonl").records(), [document(&show("json"))]);
    assert_eq!(
        show("table").stdout(),
        case.run(&["skills", "show", "find"]).stdout()
    );
    let check = |format| {
        case.run(&["skills", "check", "--format", format])
            .expect_code(65)
    };
    let whole = document(&check("json"));
    assert_eq!(whole.as_array().unwrap(), &check("jsonl").records());
    assert!(check("table").stdout().contains("error["));
}

#[test]
fn hostile_texts_are_escaped() {
    let manifest = "description: \"\\e[31m\"\nexecution: {command: [\"ls\", \"{{a\\u202e}}\"]}\n\
        input_schema: {type: object, properties: {\"\\e]0;x\": {type: string, description: \"\\a\"}}}\n";
    let case = Case::new().file("skills/x/manifest.yaml", manifest);
    for args in [&["skills", "show", "x"][..], &["skills", "list"]] {
        let output = case.run(args);
        let said = output.stdout() + &output.stderr();
        assert!(!said.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{said:?}");
    }
}
