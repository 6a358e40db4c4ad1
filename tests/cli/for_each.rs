//! `for_each`: one step that calls its skill once for each item of a list.

use serde_json::{Value, json};

use crate::support::{Case, Output};

/// Prints `{"n": N, "place": "INDEX/COUNT"}`, and fails for `bad`.
const ECHO: &str = "case $1 in bad*) echo \"no $1\" >&2; exit 3;; esac\n\
    printf '{\"word\":\"%s\",\"place\":\"%s/%s\"}' \"$1\" \"$OBS_ITEM_INDEX\" \"$OBS_ITEM_COUNT\"";

const ECHO_MANIFEST: &str = "description: d\nversion: 1.0.0\nexecution: {command: [./run.sh, \"{{word}}\"]}\n\
    input_schema:\n  additionalProperties: false\n  required: [word]\n  properties:\n\
    \x20   word: {type: string}\n    n: {type: integer}\n\
    output_schema:\n  type: object\n  additionalProperties: false\n  properties:\n\
    \x20   word: {type: string}\n    place: {type: string}\nidempotent: true\n";

fn case() -> Case {
    Case::new()
        .file("skills/echo/manifest.yaml", ECHO_MANIFEST)
        .script("skills/echo/run.sh", &format!("#!/bin/sh\n{ECHO}\n"))
}

/// The plan with one step `echo` and this `for_each`.
fn echo(for_each: &str) -> Case {
    case().plan(&format!(
        "- {{name: echo, type: skill, for_each: {for_each}, arguments: {{word: \"{{{{item}}}}\"}}}}\n"
    ))
}

fn jsonl(case: &Case, args: &[&str]) -> Output {
    case.run(&[&["run", "plan.yaml", "--format", "jsonl"], args].concat())
}

/// The items' statuses in the order of the list, and the step's record.
fn statuses(output: &Output) -> (Vec<String>, Value) {
    let mut records = output.records();
    let step = records.pop().unwrap();
    assert!(step.get("item_index").is_none(), "{step}");
    records.sort_by_key(|record| record["item_index"].as_u64());
    let places: Vec<u64> = records
        .iter()
        .map(|record| record["item_index"].as_u64().unwrap())
        .collect();
    assert_eq!(places, (0..records.len() as u64).collect::<Vec<_>>());
    let status = |record: &Value| record["status"].as_str().unwrap().to_owned();
    (records.iter().map(status).collect(), step)
}

#[test]
fn each_item_has_a_record_and_the_step_has_one_after_them() {
    let case = echo("[a, b, c]");
    let output = jsonl(&case, &[]).expect_code(0);
    let records = output.records();
    assert_eq!(records.len(), 4);
    for (index, word) in ["a", "b", "c"].iter().enumerate() {
        let record = &records[index];
        assert_eq!(record["item_index"], index);
        assert_eq!(record["item_count"], 3);
        assert_eq!(record["step_id"], "echo");
        assert_eq!(record["arguments"], json!({"word": word}));
        let place = format!("{index}/3");
        assert_eq!(record["output"], json!({"word": word, "place": place}));
    }
    let step = &records[3];
    let counts = json!({"total": 3, "success": 3, "failed": 0, "skipped": 0});
    assert_eq!(
        (&step["items"], &step["status"]),
        (&counts, &json!("success"))
    );
    assert!(step.get("output").is_none(), "{step}");
    assert_eq!(step["attempts"], 3);
    case.run(&["verify", "last"]).expect_code(0);
}

#[test]
fn one_item_and_all_of_them_can_be_printed() {
    let case = echo("[a, b, c]");
    let print = |reference: &str| case.run(&["run", "plan.yaml", "--print", reference]);
    assert_eq!(print("echo[1].word").expect_code(0).stdout(), "b\n");
    let all = print("echo").expect_code(0).stdout();
    let words = |value: &Value| value["word"].as_str().unwrap().to_owned();
    let all: Vec<Value> = serde_json::from_str(&all).unwrap();
    assert_eq!(all.iter().map(words).collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(print("echo.2.place").expect_code(0).stdout(), "2/3\n");
    let unknown = print("echo[3]").expect_code(2);
    assert!(
        unknown.stderr().contains("`echo` has no item 3: it has 3"),
        "{}",
        unknown.whole()
    );
}

#[test]
fn logs_and_show_name_an_item() {
    let case = echo("[a, b, c]");
    jsonl(&case, &[]).expect_code(0);
    let logs = case.run(&["logs", "--step", "echo[1]", "--format", "jsonl"]);
    let records = logs.expect_code(0).records();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["output"]["word"], "b");
    let all = case.run(&["logs", "--step", "echo", "--format", "jsonl"]);
    assert_eq!(all.expect_code(0).records().len(), 4);
    let shown = case.run(&["show", "last", "echo[2]"]).expect_code(0);
    assert!(shown.stdout().contains("echo[2]"), "{}", shown.whole());
    let shown = case.run(&["show"]).expect_code(0).stdout();
    assert!(shown.contains("ok: 1 step"), "{shown}");
    assert!(
        shown.contains("3 items") && !shown.contains("echo[1]"),
        "{shown}"
    );
    case.run(&["show", "last", "echo[9]"]).expect_code(2);
}

#[test]
fn an_empty_list_is_a_success_with_an_empty_output() {
    let case = case().plan(
        "- {name: builtin.json_parse, step_id: list, type: tool, arguments: {text: \"[]\"}}\n\
         - {name: echo, type: skill, for_each: \"{{list}}\", arguments: {word: \"{{item}}\"}}\n",
    );
    let printed = case.run(&["run", "plan.yaml", "--print", "echo"]);
    assert_eq!(printed.expect_code(0).stdout(), "[]\n");
}

#[test]
fn a_list_may_come_from_a_step_an_input_or_both() {
    let case = case().file(
        "plan.yaml",
        "assistant_id: a\ninputs: {more: {type: array, items: {type: string}}}\nsteps:\n\
         - {name: builtin.json_parse, step_id: list, type: tool, arguments: {text: '[\"x\", \"y\"]'}}\n\
         - {name: echo, step_id: one, type: skill, for_each: \"{{inputs.more}}\", arguments: {word: \"{{item}}\"}}\n\
         - {name: echo, step_id: two, type: skill, for_each: [\"{{list.0}}\", \"{{inputs.more.1}}\"], arguments: {word: \"{{item}}\"}}\n\
         - name: echo\n  step_id: three\n  type: skill\n  arguments: {word: \"{{item.a}}-{{item.b}}-{{item_index}}\"}\n\
         \x20 for_each:\n    matrix:\n    - {name: a, values: \"{{list}}\"}\n    - {name: b, values: \"{{inputs.more}}\"}\n",
    );
    let output = jsonl(&case, &["--set", "more=[\"p\",\"q\"]"]).expect_code(0);
    let words = |step: &str| -> Vec<String> {
        let records = output.records().into_iter();
        let items =
            records.filter(|record| record["step_id"] == step && record["output"].is_object());
        items
            .map(|record| record["arguments"]["word"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(words("one"), ["p", "q"]);
    assert_eq!(words("two"), ["x", "q"]);
    assert_eq!(words("three"), ["x-p-0", "x-q-1", "y-p-2", "y-q-3"]);
}

#[test]
fn arguments_that_come_from_a_list_are_all_checked_before_the_first_item_starts() {
    let case = case().plan(
        "- {name: builtin.json_parse, step_id: list, type: tool, arguments: {text: '[\"x\", 7]'}}\n\
         - {name: echo, type: skill, for_each: \"{{list}}\", arguments: {word: \"{{item}}\"}}\n",
    );
    let output = jsonl(&case, &[]).expect_code(65);
    let records = output.records();
    assert_eq!(records.len(), 2, "{}", output.whole());
    assert_eq!(records[1]["status"], "rejected");
    let error = records[1]["error"].as_str().unwrap();
    assert!(error.starts_with("item 1: "), "{error}");
    // What is no list.
    let case = case.plan(
        "- {name: builtin.json_parse, step_id: list, type: tool, arguments: {text: '{\"a\": 1}'}}\n\
         - {name: echo, type: skill, for_each: \"{{list}}\", arguments: {word: \"{{item}}\"}}\n",
    );
    let output = jsonl(&case, &[]).expect_code(1);
    let error = output.records()[1]["error"].clone();
    assert_eq!(
        error,
        "`for_each` must be a list, but `{{list}}` is a mapping"
    );
}

#[test]
fn a_failure_stops_the_list_unless_it_is_allowed_or_all_are_to_run() {
    let list = |more: &str| format!("{{list: [a, bad, c, bad2, e]{more}}}");
    let run = |more: &str, args: &[&str], code: i32| {
        let output = jsonl(&echo(&list(more)), args).expect_code(code);
        let (items, step) = statuses(&output);
        (items.join(" "), step)
    };
    let (items, step) = run("", &[], 1);
    assert_eq!(items, "success failed skipped skipped skipped");
    assert_eq!(step["status"], "failed");
    assert_eq!(step["error_code"], "skill_failed");
    let error = step["error"].as_str().unwrap();
    assert!(
        error.starts_with("1 of 5 items failed; item 1: "),
        "{error}"
    );
    let (items, _) = run(", max_failed: 1", &[], 1);
    assert_eq!(items, "success failed success failed skipped");
    let (items, step) = run(", max_failed: 2", &[], 0);
    assert_eq!(items, "success failed success failed success");
    assert_eq!(step["items"]["failed"], 2);
    let (items, step) = run("", &["--keep-going"], 1);
    assert_eq!(items, "success failed success failed success");
    assert!(
        step["error"].as_str().unwrap().starts_with("2 of 5 items"),
        "{step}"
    );
}

#[test]
fn outputs_and_results_are_gathered_in_the_order_of_the_list() {
    let gathered = |gather: &str, state: &[&str]| -> Value {
        let case = echo(&format!(
            "{{list: [a, bad, c], max_failed: 1, max_parallel: 3, gather: {gather}}}"
        ));
        let args = [
            &["run", "plan.yaml", "--jobs", "3", "--print", "echo"],
            state,
        ]
        .concat();
        serde_json::from_str(&case.run(&args).expect_code(0).stdout()).unwrap()
    };
    for state in [&[][..], &["--state-dir", "none"]] {
        let (a, c) = (
            json!({"word": "a", "place": "0/3"}),
            json!({"word": "c", "place": "2/3"}),
        );
        assert_eq!(gathered("outputs", state), json!([a, null, c]));
        let mut results = gathered("results", state);
        let error = results[1]["error"].take();
        assert!(error.as_str().unwrap().contains("exit code 3"), "{error}");
        let want = json!([
            {"item": "a", "index": 0, "status": "success", "output": a, "error": null},
            {"item": "bad", "index": 1, "status": "failed", "output": null, "error": null},
            {"item": "c", "index": 2, "status": "success", "output": c, "error": null},
        ]);
        assert_eq!(results, want);
    }
}

#[test]
fn too_many_items_are_refused_before_the_run_or_before_the_first_item() {
    let case = echo("[a, b, c]");
    let output = case
        .run(&["run", "plan.yaml", "--max-items", "2"])
        .expect_code(65);
    assert!(
        output
            .stderr()
            .contains("`for_each` has 3 items; the maximum is 2"),
        "{}",
        output.whole()
    );
    let case = case.plan(
        "- {name: builtin.json_parse, step_id: list, type: tool, arguments: {text: '[1, 2, 3]'}}\n\
         - {name: echo, type: skill, for_each: \"{{list}}\", arguments: {word: \"n{{item_index}}\"}}\n",
    );
    let output = jsonl(&case, &["--max-items", "2"]).expect_code(71);
    let error = output.records()[1]["error"].clone();
    let error = error.as_str().unwrap();
    assert!(error.contains("`for_each` has 3 items"), "{error}");
    case.run(&["run", "plan.yaml", "--max-items", "0"])
        .expect_code(2);
    case.run(&["run", "plan.yaml", "--max-items", "1000001"])
        .expect_code(2);
}

#[test]
fn a_dry_run_says_how_many_items_and_how_many_at_a_time() {
    let many: Vec<String> = (0..10_000).map(|n| format!("\"{n}\"")).collect();
    let case = echo(&format!("[{}]", many.join(",")));
    let text = case
        .run(&["run", "plan.yaml", "--dry-run"])
        .expect_code(0)
        .stdout();
    assert!(text.contains("10 000 items, one at a time"), "{text}");
    let case = echo("{list: [a, b], max_parallel: 2, max_failed: 1}");
    let text = case
        .run(&["run", "plan.yaml", "--dry-run"])
        .expect_code(0)
        .stdout();
    assert!(
        text.contains("2 items, up to 2 at a time, 1 may fail"),
        "{text}"
    );
    let json = case.run(&["run", "plan.yaml", "--dry-run", "--format", "json"]);
    let document: Value = serde_json::from_str(&json.stdout()).unwrap();
    let want = json!({"items": 2, "max_parallel": 2, "max_failed": 1});
    assert_eq!(document["steps"][0]["for_each"], want);
}

#[test]
fn the_table_and_progress_have_one_row_for_the_step() {
    let case = echo("{list: [a, bad, c, bad2, bad3, bad4, bad5], max_failed: 9}");
    let output = case.run(&["run", "plan.yaml"]).expect_code(0);
    let table = output.stdout();
    assert_eq!(table.lines().count(), 2, "{table}");
    assert!(table.contains("7 items: 2 ok, 5 failed"), "{table}");
    let stderr = output.stderr();
    assert!(stderr.contains("✗ echo[1] exit 3"), "{stderr}");
    assert!(!stderr.contains("echo[6]"), "{stderr}");
    assert!(stderr.contains("… 2 more items of echo failed"), "{stderr}");
    assert!(stderr.contains("ok: 1 step"), "{stderr}");
}

#[test]
fn a_policy_decides_about_all_items_before_the_first_starts() {
    let policy = "permit(principal, action, resource);\n\
        forbid(principal, action, resource) when { context.arguments has word && context.arguments.word == \"c\" };\n";
    let case = echo("[a, b, c]").file("p.cedar", policy);
    let output = jsonl(&case, &["--policy", "p.cedar"]).expect_code(77);
    assert_eq!(output.records().len(), 1, "{}", output.whole());
    let case = case.plan(
        "- {name: builtin.json_parse, step_id: list, type: tool, arguments: {text: '[\"a\", \"c\"]'}}\n\
         - {name: echo, type: skill, for_each: \"{{list}}\", arguments: {word: \"{{item}}\"}}\n",
    );
    let output = jsonl(&case, &["--policy", "p.cedar"]).expect_code(77);
    let records = output.records();
    assert_eq!(records.len(), 2);
    let error = records[1]["error"].as_str().unwrap();
    assert!(error.contains("item 1: "), "{error}");
}

#[test]
fn words_are_counted_over_all_books_that_a_wildcard_matches() {
    let books = [
        ("b/one.txt", "a b c"),
        ("b/two.txt", "d e"),
        ("b/three.txt", ""),
    ];
    let manifest = "description: d\nexecution: {command: [./run.sh], stdin: \"{{text}}\", output: json}\n\
        input_schema: {properties: {text: {type: string}}, required: [text]}\n\
        output_schema: {type: integer}\nidempotent: true\n";
    let mut case = Case::new()
        .file("skills/words/manifest.yaml", manifest)
        .script("skills/words/run.sh", "#!/bin/sh\nwc -w | tr -d ' '\n")
        .plan(
            "- {name: builtin.list_files, step_id: books, type: tool, arguments: {pattern: \"b/*.txt\"}}\n\
             - {name: builtin.read_file, step_id: read, type: tool, for_each: \"{{books.paths}}\", arguments: {path: \"{{item}}\"}}\n\
             - {name: words, type: skill, for_each: {list: \"{{read}}\", max_parallel: 2}, arguments: {text: \"{{item.text}}\"}}\n",
        );
    for (path, text) in books {
        case = case.file(path, text);
    }
    let printed = case.run(&["run", "plan.yaml", "--print", "words"]);
    // In the order of the paths.
    assert_eq!(printed.expect_code(0).stdout(), "[3,0,2]\n");
}

#[test]
fn the_default_run_timeout_is_named_together_with_for_each() {
    let case = echo("[a]");
    let warned = case.run(&["run", "plan.yaml", "--dry-run"]).expect_code(0);
    assert!(
        warned
            .stderr()
            .contains("the default timeout of the run, 10m"),
        "{}",
        warned.whole()
    );
    let quiet = case.run(&["run", "plan.yaml", "--dry-run", "--timeout", "1h"]);
    assert!(
        !quiet
            .expect_code(0)
            .stderr()
            .contains("the default timeout of the run")
    );
    let strict = case.run(&["run", "plan.yaml", "--strict"]).expect_code(65);
    assert!(
        strict.stderr().contains("default_timeout"),
        "{}",
        strict.whole()
    );
}

#[test]
fn an_approver_is_asked_once_for_all_items() {
    let critical = ECHO_MANIFEST.replace("idempotent", "risk_level: critical\nidempotent");
    let case = echo("[a, b, c, d]").file("skills/echo/manifest.yaml", critical);
    // Nobody can be asked.
    let output = jsonl(&case, &[]).expect_code(77);
    assert_eq!(output.records().len(), 1, "{}", output.whole());
    let output = jsonl(&case, &["--approve", "echo=echo"]).expect_code(0);
    let (items, step) = statuses(&output);
    assert_eq!(items.len(), 4);
    assert!(
        step["approved_by"].as_str().unwrap().contains("--approve"),
        "{step}"
    );
}

#[test]
fn a_graph_marks_steps_with_items() {
    let case = echo("[a, b]");
    let drawn = |format: &str| {
        case.run(&["graph", "plan.yaml", "--format", format])
            .expect_code(0)
            .stdout()
    };
    for format in ["mermaid", "dot", "tree"] {
        assert!(drawn(format).contains("for each item"), "{}", drawn(format));
    }
    let row: Value = serde_json::from_str(&drawn("jsonl")).unwrap();
    assert_eq!(row["for_each"], true);
}

#[test]
fn outputs_that_are_too_long_together_stop_the_list() {
    let case = echo("[aaaaaaaaaa, b, c, d, e]");
    let output = jsonl(&case, &["--max-value", "100"]).expect_code(71);
    let (items, step) = statuses(&output);
    assert_eq!(items.join(" "), "success success success success skipped");
    assert_eq!(step["error_code"], "resource_exhausted");
    let error = step["error"].as_str().unwrap();
    assert!(error.contains("more than 100 bytes together"), "{error}");
}

#[test]
fn a_finally_step_may_have_items() {
    let case = case().file(
        "plan.yaml",
        "assistant_id: a\ntimeout: 1h\nsteps:\n\
         - {name: builtin.json_parse, step_id: made, type: tool, arguments: {text: '[\"x\", \"y\"]'}}\n\
         - {name: echo, step_id: fails, type: skill, arguments: {word: bad}}\n\
         finally:\n\
         - {name: echo, step_id: remove, type: skill, for_each: \"{{made}}\", arguments: {word: \"{{item}}\"}}\n",
    );
    let output = jsonl(&case, &[]).expect_code(1);
    let records = output.records();
    let removed = records
        .iter()
        .filter(|record| record["step_id"] == "remove");
    let removed: Vec<&Value> = removed.map(|record| &record["status"]).collect();
    assert_eq!(removed, ["success"; 3], "{}", output.whole());
}
