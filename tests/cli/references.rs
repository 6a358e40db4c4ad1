//! What one step gives and another gets: exactly that, and nothing of it becomes code.

use serde_json::{Value, json};

use crate::support::{Case, Output};

/// A tool's step that gives `value` as its output.
fn gives(name: &str, value: &Value) -> Value {
    json!({
        "name": name,
        "skill": "builtin.json_parse",
        "type": "tool",
        "references": false,
        "arguments": {"text": value.to_string()},
    })
}

/// A step that gives back its arguments.
fn echoes(name: &str, arguments: &Value) -> Value {
    json!({"name": name, "skill": "echo", "type": "skill", "arguments": arguments})
}

/// Plans with steps made of JSON, and a skill that gives back what it gets on standard input.
fn case(steps: &[Value]) -> Case {
    let plan = json!({"assistant_id": "test", "steps": steps});
    Case::new()
        .file(
            "skills/echo/manifest.yaml",
            "description: d\nexecution: {command: [cat]}\n",
        )
        .file("plan.json", plan.to_string())
}

fn run(case: &Case) -> Output {
    case.run(&["run", "plan.json", "--format", "jsonl"])
}

/// The output of the step `name`.
fn output(records: &[Value], name: &str) -> Value {
    let record = records.iter().find(|record| record["step_id"] == name);
    record.unwrap()["output"].clone()
}

#[test]
fn a_value_keeps_its_type_and_its_digits() {
    let source = json!({
        "text": "t", "yes": true, "none": null, "list": [1, {"k": "v"}], "a b": {"ü": 1},
    });
    let long = "123456789012345678901234567890.12345678901234567890";
    let source = source
        .to_string()
        .replace("true", &format!("true, \"long\": {long}"));
    let source: Value = serde_json::from_str(&source).unwrap();
    let arguments = json!({
        "all": "{{s}}", "text": "{{ s.text }}", "yes": "{{s.yes}}", "none": "{{s.none}}",
        "deep": ["{{s.list.1.k}}", {"x": "{{s.list}}"}], "spaced": "{{s.a b.ü}}", "long": "{{s.long}}",
        "mixed": "<{{s.text}}{{s.yes}}|{{s.none}}|{{s.list}}|{{s.long}}>",
        "plain": "{{{{s.text}} ${{ s.text }} {s}",
    });
    let output = run(&case(&[gives("s", &source), echoes("e", &arguments)])).expect_code(0);
    let got = &output.records()[1]["output"];
    let want = json!({
        "all": source, "text": "t", "yes": true, "none": null,
        "deep": ["v", {"x": [1, {"k": "v"}]}], "spaced": 1, "long": source["long"],
        "mixed": format!("<ttrue|null|[1,{{\"k\":\"v\"}}]|{long}>"),
        "plain": "{{s.text}} ${{ s.text }} {s}",
    });
    assert_eq!(*got, want, "{}", output.whole());
    assert!(
        output.stdout().contains(&format!("\"long\":{long}")),
        "digit for digit"
    );
    assert_eq!(
        output.records()[1]["arguments"],
        want,
        "the record has what the skill got"
    );
}

#[test]
fn the_longest_name_wins_and_a_step_id_is_a_name() {
    let mut third = gives("mcp", &json!("by id"));
    third["step_id"] = json!("mcp.his.query");
    let steps = [
        gives("mcp.his", &json!({"query": {"age": "shorter"}, "x": "his"})),
        third,
        gives("core/fetch", &json!({"body": "slash"})),
        echoes(
            "e",
            &json!([
                "{{mcp.his.query}}",
                "{{mcp.his.x}}",
                "{{core/fetch.body}}",
                "{{mcp}}"
            ]),
        ),
    ];
    let steps: Vec<Value> = steps
        .into_iter()
        .map(|mut step| {
            if step["name"] == "e" {
                let list = step["arguments"].take();
                step["arguments"] = json!({"list": list});
            }
            step
        })
        .collect();
    let output = run(&case(&steps)).expect_code(0);
    let got = output.records()[3]["output"]["list"].clone();
    assert_eq!(got, json!(["by id", "his", "slash", "by id"]));
}

/// A skill that prints a file.
const PRINTS: &str = "description: d\nexecution: {command: [cat, source.json], stdin: none}\n";

/// Texts that somewhere, for somebody, mean more than themselves.
fn hostile_texts() -> Vec<String> {
    let mut texts: Vec<String> = [
        "{{s.secret}}",
        "{{{{s.secret}}}}",
        "{{",
        "}}",
        "{{inputs.x}}",
        "${{ secrets.TOKEN }}",
        "$(touch ran)",
        "`touch ran`",
        "; touch ran",
        "| touch ran",
        "&& touch ran",
        "\n touch ran\n",
        "\"",
        "'",
        "\\",
        "\\\"",
        "\"; touch ran; \"",
        "'; touch ran; '",
        "a\nb\r\nc\td",
        "\u{0}",
        "-rf",
        "--help",
        "-",
        "--",
        "-e touch ran",
        "$HOME",
        "${HOME}",
        "%s%n",
        "*",
        "~",
        "!!",
        "\u{1b}[31m",
        "\u{202e}",
        "\u{feff}",
        "é",
        "😀",
        "##[error]x",
        "::error::x",
        "",
        "{\"x\": 1}",
        "[1]",
        "null",
        "true",
        "1e999",
        "$serde_json::private::Number",
        "__proto__",
    ]
    .map(str::to_owned)
    .into();
    texts.push("x".repeat(1 << 20));
    texts.push("{{s.secret}}\n\"'$(x)-".repeat(50_000));
    texts
}

#[test]
fn the_receiving_skill_gets_exactly_the_bytes() {
    let texts = hostile_texts();
    let mut arguments = serde_json::Map::new();
    for index in 0..texts.len() {
        arguments.insert(format!("whole{index}"), json!(format!("{{{{s.{index}}}}}")));
        arguments.insert(
            format!("inside{index}"),
            json!(format!("<{{{{s.{index}}}}}>")),
        );
    }
    let steps = [
        json!({"name": "s", "type": "skill"}),
        echoes("e", &json!(arguments)),
    ];
    let case = case(&steps)
        .file("skills/s/manifest.yaml", PRINTS)
        .file("source.json", json!(texts).to_string());
    let args = [
        "run",
        "plan.json",
        "--format",
        "jsonl",
        "--max-plan-size",
        "10000000",
    ];
    let records = case.run(&args).expect_code(0).records();
    let got = output(&records, "e");
    for (index, text) in texts.iter().enumerate() {
        assert_eq!(got[format!("whole{index}")], json!(text));
        assert_eq!(got[format!("inside{index}")], json!(format!("<{text}>")));
    }
    assert!(!case.path().join("ran").exists());
}

#[test]
fn what_goes_through_argv_and_raw_stdin_is_the_same_bytes() {
    let manifest = |command: &str, stdin: &str| {
        format!("description: d\nexecution: {{command: {command}, stdin: {stdin}, output: text}}\n")
    };
    for (at, text) in hostile_texts().into_iter().enumerate() {
        let through_argv = text.len() < 100_000 && !text.contains('\0');
        let mut steps = vec![
            json!({"name": "s", "type": "skill"}),
            json!({
                "name": "stdin", "type": "skill", "arguments": {"text": "{{s.t}}"},
            }),
        ];
        if through_argv {
            steps.push(json!({"name": "argv", "type": "skill", "arguments": {"text": "{{s.t}}"}}));
        }
        let case = case(&steps)
            .file("skills/s/manifest.yaml", PRINTS)
            .file("source.json", json!({"t": text}).to_string())
            .file(
                "skills/stdin/manifest.yaml",
                manifest("[cat]", "\"{{text}}\""),
            )
            .file(
                "skills/argv/manifest.yaml",
                manifest("[printf, \"%s\", \"{{text}}\"]", "none") + "allow_leading_dash: true\n",
            );
        let records = run(&case).expect_code(0).records();
        // The format `text` takes off one line feed at the end.
        let kept = |text: &str| json!(text.strip_suffix('\n').unwrap_or(text));
        assert_eq!(output(&records, "stdin"), kept(&text), "text {at}");
        if through_argv {
            assert_eq!(output(&records, "argv"), kept(&text), "text {at}");
        }
        assert!(!case.path().join("ran").exists(), "text {at}");
    }
}

#[test]
fn what_a_skill_does_not_take_is_rejected_before_it_starts() {
    let manifest = "description: d\nexecution: {command: [touch, [\"{{file}}\"], [\"{{raw}}\"]], stdin: none, output: text}\n\
                    input_schema:\n  properties:\n    file: {maxLength: 5}\n    raw: {}\n    token: {type: string, writeOnly: true, pattern: ^x}\n\
                    permissions: [\"fs.write:.\"]\n";
    let step = |arguments: Value| json!({"name": "t", "type": "skill", "arguments": arguments});
    for (arguments, want) in [
        (
            json!({"file": "{{s.long}}"}),
            "with the outputs of the steps, `file` must have at most 5 characters (at /file)",
        ),
        (
            json!({"file": "{{s.list}}"}),
            "the argument `file` is a list",
        ),
        (
            json!({"file": "{{s.dash}}"}),
            "the argument `file` begins with `-`",
        ),
        (
            json!({"raw": "{{s.huge}}"}),
            "the argument `raw` makes an element of 200000 bytes",
        ),
        (
            json!({"raw": "{{s.nul}}"}),
            "the argument `raw` holds a NUL character",
        ),
        (
            json!({"file": "x", "token": "{{s.long}}"}),
            "found `***` (at /token)",
        ),
    ] {
        let source = json!({
            "long": "too long", "list": [1], "dash": "-r", "huge": "x".repeat(200_000), "nul": "a\u{0}b",
        });
        let case =
            case(&[gives("s", &source), step(arguments)]).file("skills/t/manifest.yaml", manifest);
        let output = run(&case).expect_code(65);
        let record = &output.records()[1];
        assert_eq!(record["status"], "rejected", "{record}");
        assert_eq!(record["error_code"], "invalid_arguments", "{record}");
        assert_eq!(record["attempts"], 0, "{record}");
        let error = record["error"].as_str().unwrap();
        assert!(error.contains(want), "{error}");
    }
}

#[test]
fn a_field_that_is_not_there_fails_the_step_and_those_there_are_told() {
    for (reference, want) in [
        (
            "{{s.c}}",
            "`{{s.c}}`: `{{s}}` has no `c`: it is an object with `b`, `a`",
        ),
        (
            "{{s.b.x.y}}",
            "`{{s.b.x.y}}`: `{{s.b}}` has no `x`: it is a string",
        ),
        (
            "{{s.a.2}}",
            "`{{s.a.2}}`: `{{s.a}}` has no `2`: it is an array of 2 items",
        ),
        (
            "{{s.a.1.x}}",
            "`{{s.a.1.x}}`: `{{s.a.1}}` has no `x`: it is an empty object",
        ),
        (
            "{{s.b.x?}}",
            "`{{s.b.x?}}`: `{{s.b}}` has no `x`: it is a string",
        ),
        (
            "{{s.a.x?}}",
            "`{{s.a.x?}}`: `{{s.a}}` has no `x`: it is an array of 2 items",
        ),
    ] {
        let steps = [
            gives("s", &json!({"b": "t", "a": [[], {}]})),
            echoes("e", &json!({"x": reference})),
        ];
        let output = run(&case(&steps)).expect_code(1);
        let record = &output.records()[1];
        assert_eq!(record["status"], "failed", "{record}");
        assert_eq!(record["error"], want);
    }
}

#[test]
fn a_key_may_be_any_text() {
    let odd = [
        "report.html",
        "a.b.c",
        "",
        "x?",
        "[0]",
        "}}",
        "\"\\",
        "{{s}}",
        "ü ü",
        " ",
    ];
    let mut source = json!({"files": {"report.html": {"size": 3}}});
    let mut arguments = json!({
        "dotted": "{{s.files[\"report.html\"].size}}", "text": "<{{ s[\"a.b.c\"] }}>",
        "optional": "{{s[\"x?\"]?}}", "absent": "{{s.files[\"no.html\"].size?}}",
    });
    for (index, key) in odd.into_iter().enumerate() {
        source[key] = json!(index);
        let quoted = Value::from(key).to_string();
        let quoted = quoted.replace('{', "\\u007b").replace('}', "\\u007d");
        arguments[format!("k{index}")] = json!(format!("{{{{s[{quoted}]}}}}"));
    }
    let case = case(&[gives("s", &source), echoes("e", &arguments)]);
    let output_of_run = run(&case).expect_code(0);
    let echoed = output(&output_of_run.records(), "e");
    assert_eq!(echoed["dotted"], 3);
    assert_eq!(echoed["text"], "<1>");
    assert_eq!(echoed["optional"], 3);
    assert_eq!(echoed["absent"], Value::Null);
    for index in 0..odd.len() {
        assert_eq!(echoed[format!("k{index}")], index);
    }
    let print = |reference: &str, code: i32| {
        let args = ["run", "plan.json", "--quiet", "--print", reference];
        let output = case.run(&args).expect_code(code);
        format!("{}{}", output.stdout(), output.stderr())
    };
    assert_eq!(print("s.files[\"report.html\"].size", 0), "3\n");
    assert_eq!(print("s[\"\"]", 0), "2\n");
    let error = print("s.files.report.html.size", 1);
    let hint = "it is an object with `report.html`; did you mean `s.files[\"report.html\"].size`?";
    assert!(error.contains(hint), "{error}");
    let error = print("s[0", 2);
    assert!(error.contains("doesn't start with a step name"), "{error}");
    let error = print("s[\"a", 2);
    assert!(error.contains("`step[\"any key\"]`"), "{error}");
}

#[test]
fn a_key_with_dots_is_offered_in_its_spelling() {
    let source = json!({"files": {"report.html": {"size": 3}, "report.html.gz": [1]}});
    for (reference, likely) in [
        (
            "{{s.files.report.html.size}}",
            "{{s.files[\"report.html\"].size}}",
        ),
        (
            "{{s.files.report.html.gz.0}}",
            "{{s.files[\"report.html.gz\"].0}}",
        ),
        ("<{{s.files.report.html}}>", "{{s.files[\"report.html\"]}}"),
    ] {
        let steps = [gives("s", &source), echoes("e", &json!({"x": reference}))];
        let output = run(&case(&steps)).expect_code(1);
        let error = output.records()[1]["error"].as_str().unwrap().to_owned();
        assert!(
            error.ends_with(&format!("; did you mean `{likely}`?")),
            "{error}"
        );
    }
}

#[test]
fn an_optional_reference_is_null_where_there_is_nothing() {
    let source = json!({"a": {"b": 1, "none": null}, "list": [{}]});
    let arguments = json!({
        "there": "{{s.a.b?}}", "missing": "{{s.a.c?}}", "deeper": "{{s.a.c.d.e?}}",
        "null": "{{s.a.none?}}", "below": "{{s.a.none.x.y?}}", "item": "{{s.list.1?}}",
        "spaced": "{{ s.list.0.x ? }}", "whole": "{{s?}}", "in": ["{{s.a.c?}}"],
        "input": "{{inputs.i.x.y?}}", "no_item": "{{inputs.i.l.3?}}", "given": "{{inputs.i.l.0?}}",
    });
    let plan = json!({
        "assistant_id": "test", "inputs": {"i": {"default": {"l": [7]}}},
        "steps": [gives("s", &source), echoes("e", &arguments)],
    });
    let case = case(&[]).file("plan.json", plan.to_string());
    let output_of_run = run(&case).expect_code(0);
    let want = json!({
        "there": 1, "missing": null, "deeper": null, "null": null, "below": null, "item": null,
        "spaced": null, "whole": source, "in": [null],
        "input": null, "no_item": null, "given": 7,
    });
    assert_eq!(output(&output_of_run.records(), "e"), want);
}

#[test]
fn a_step_whose_name_ends_in_a_question_mark_is_meant_first() {
    let steps = [
        gives("ready?", &json!({"x": 1})),
        echoes(
            "e",
            &json!({"all": "{{ready?}}", "x": "{{ready?.x}}", "y": "{{ready?.y?}}"}),
        ),
    ];
    let output_of_run = run(&case(&steps)).expect_code(0);
    let want = json!({"all": {"x": 1}, "x": 1, "y": null});
    assert_eq!(output(&output_of_run.records(), "e"), want);
}

#[test]
fn hidden_values_stay_hidden_wherever_they_come_from() {
    let manifest = "description: d\nexecution: {command: [sh, -c, 'exit 3', sh, \"{{token}}\"]}\n\
                    input_schema: {properties: {token: {type: string, writeOnly: true}}}\n";
    let steps = [
        gives("s", &json!({"token": "canary-4711"})),
        json!({"name": "t", "type": "skill", "arguments": {"token": "{{s.token}}"}}),
    ];
    let case = case(&steps).file("skills/t/manifest.yaml", manifest);
    let output = run(&case).expect_code(1);
    assert_eq!(output.records()[1]["arguments"], json!({"token": "***"}));
    let after_the_first = output.stdout().lines().nth(1).unwrap().to_owned();
    assert!(!after_the_first.contains("canary"), "{after_the_first}");
    assert!(!output.stderr().contains("canary"), "{}", output.whole());
}

#[test]
fn a_step_that_may_fail_satisfies_no_reference() {
    let plan = "assistant_id: test\nsteps:\n\
                - {name: bad, type: skill, continue_on_error: true}\n\
                - {name: uses, skill: echo, type: skill, arguments: {x: \"{{bad.y}}\"}}\n\
                - {name: after, skill: echo, type: skill}\n";
    let case = case(&[])
        .sh_skill("bad", "exit 1", "")
        .file("plan.yaml", plan);
    let output = case
        .run(&["run", "plan.yaml", "--format", "jsonl"])
        .expect_code(0);
    let statuses: Vec<Value> = output
        .records()
        .iter()
        .map(|r| r["status"].clone())
        .collect();
    assert_eq!(statuses, ["failed", "skipped", "success"]);
    assert_eq!(
        output.records()[1]["error"],
        "skipped: `bad` did not succeed"
    );
    assert!(
        output
            .stderr()
            .contains("`{{bad.y}}` has no value when `bad` fails"),
        "{}",
        output.whole()
    );
    case.run(&["validate", "plan.yaml", "--strict"])
        .expect_code(65);
}

#[test]
fn many_references_into_a_large_output_end() {
    // Looking through the whole output for each of them would take minutes.
    let text = "{{s.last}}".repeat(50_000);
    let steps = [
        json!({"name": "s", "type": "skill"}),
        echoes("e", &json!({"x": text})),
    ];
    let case = case(&steps).file("skills/s/manifest.yaml", PRINTS).file(
        "source.json",
        json!({"big": "x".repeat(5 << 20), "last": 7}).to_string(),
    );
    let records = run(&case).expect_code(0).records();
    assert_eq!(output(&records, "e")["x"], "7".repeat(50_000));
}

#[test]
fn references_bring_in_no_more_than_a_bound() {
    let reference = "{{s.t}}".repeat(100);
    let steps = [
        gives("s", &json!({"t": "x".repeat(1 << 20)})),
        echoes("e", &json!({"x": reference})),
    ];
    let case = case(&steps);
    let output = case
        .run(&[
            "run",
            "plan.json",
            "--format",
            "jsonl",
            "--max-plan-size",
            "10000000",
        ])
        .expect_code(71);
    assert_eq!(output.records()[1]["error_code"], "resource_exhausted");
}
