//! `obs validate`: everything that is wrong in one go, with its place and the way out, for people,
//! programs and CI.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Case, Output, plain_settings, project_root};

fn broken(format: &str) -> Output {
    let args = ["validate", "plans/broken.yaml", "--format", format];
    Case::new().run_in(&project_root(), &args).expect_code(65)
}

/// A problem's code and place: `unknown_key plans/broken.yaml:3:1`.
type CodeAndPlace = (String, String);

#[test]
fn formats_are_checked_and_unknown_ones_are_told() {
    let case = Case::new()
        .file(
            "skills/take/manifest.yaml",
            "description: d\nexecution: {command: [cat]}\n\
             input_schema: {properties: {day: {format: date}, format: {type: string}}}\n\
             output_schema: {properties: {day: {format: daet}}}\n",
        )
        .file(
            "skills/give/manifest.yaml",
            "description: d\nexecution: {command: [echo, '{\"mail\":\"none\"}']}\n\
             output_schema: {properties: {mail: {format: email}}}\n",
        )
        .file(
            "plan.yaml",
            "assistant_id: a\ninputs: {at: {format: date-tiem, default: x}}\nsteps:\n\
             - {name: take, type: skill, arguments: {day: 2026-02-30}, output_schema: {format: int64}}\n\
             - {name: give, type: skill}\n",
        );
    let output = case
        .run(&["validate", "plan.yaml", "--format", "json"])
        .expect_code(65);
    let problems: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let lines: Vec<String> = problems
        .iter()
        .map(|problem| format!("{} {}", problem["code"], problem["message"]).replace('"', ""))
        .collect();
    assert_eq!(
        lines,
        [
            "unknown_format the format `date-tiem` is not known, so it is not checked",
            "arguments `day` is not a valid date: `2026-02-30`",
            "unknown_format the format `int64` is not known, so it is not checked",
        ]
    );
    assert_eq!(problems[0]["help"], "did you mean `date-time`?");
    let output = case.run(&["skills", "check", "take"]).expect_code(0);
    let warning = "warning[unknown_format]: the format `daet` is not known";
    assert!(output.whole().contains(warning), "{}", output.whole());
    let output = case
        .file(
            "plan.yaml",
            "assistant_id: a\nsteps:\n- {name: give, type: skill}\n",
        )
        .run(&["run", "plan.yaml", "--format", "jsonl"])
        .expect_code(1);
    let record: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(record["error_code"], "invalid_output");
    assert!(
        output.stderr().contains("is not a valid email"),
        "{}",
        output.whole()
    );
}

/// The problems of `--format table`; fails where one has no caret or no help.
#[track_caller]
fn problems_of_text(text: &str) -> Vec<CodeAndPlace> {
    let snippets = text.trim_end().split("\n\n");
    snippets
        .map(|snippet| {
            let mut lines = snippet.lines();
            let title = lines.next().unwrap();
            let code = title.split(['[', ']']).nth(1).expect(title);
            let place = lines.next().unwrap().trim_start();
            let place = place.strip_prefix("--> ").expect(snippet);
            assert!(snippet.contains('^'), "no caret:\n{snippet}");
            assert!(snippet.contains("= help: "), "no help:\n{snippet}");
            (code.to_owned(), place.to_owned())
        })
        .collect()
}

fn problems(output: &Output) -> Vec<Value> {
    serde_json::from_slice(&output.stdout).expect("an array of problems")
}

fn problems_of_json(problems: &[Value]) -> Vec<CodeAndPlace> {
    let found = problems.iter().map(|problem| {
        let place = format!(
            "{}:{}:{}",
            problem["file"].as_str().unwrap(),
            problem["line"],
            problem["column"]
        );
        (problem["code"].as_str().unwrap().to_owned(), place)
    });
    found.collect()
}

#[test]
fn the_broken_example_as_a_person_sees_it() {
    let output = broken("table");
    plain_settings().bind(|| insta::assert_snapshot!(output.whole()));
    let codes: BTreeSet<String> = problems_of_text(&output.stdout())
        .into_iter()
        .map(|(code, _)| code)
        .collect();
    assert!(codes.len() >= 8, "{codes:?}");
}

#[test]
fn every_form_shows_the_same_places() {
    let text = problems_of_text(&broken("table").stdout());
    let found = problems(&broken("json"));
    assert_eq!(problems_of_json(&found), text);
    for problem in &found {
        assert!(problem["help"].is_string(), "{problem}");
        assert!(problem["message"].is_string(), "{problem}");
    }
    let github = broken("github").stdout();
    let found: Vec<CodeAndPlace> = github
        .lines()
        .map(|line| {
            let property = |name: &str| {
                let rest = line.split_once(&format!("{name}=")).unwrap().1;
                rest.split([',', ':']).next().unwrap().to_owned()
            };
            let place = ["file", "line", "col"].map(property).join(":");
            (property("title"), place)
        })
        .collect();
    assert_eq!(found, text);
    let severities = |line: &str| line.starts_with("::error ") || line.starts_with("::warning ");
    assert!(github.lines().all(severities), "{github}");
}

/// The broken example as JSON, with the mistakes that only a text can have put in again.
fn broken_as_json() -> String {
    let value = broken_value();
    let text = serde_json::to_string_pretty(&value).unwrap();
    let twice = r#""text": "one two", "text": "three""#;
    let text = text.replace(r#""text": "one two""#, twice);
    // JSON has no numbers that begin with a zero; another one that can't be kept.
    text.replace(r#""0777""#, "1e999")
}

fn broken_value() -> Value {
    let path = project_root().join("plans/broken.yaml");
    let source = obs::Source::read(&path, 1 << 20).unwrap();
    obs::internal::Document::parse(source).0.value
}

/// The example's skills under a plan of its own.
fn with_skills(plan: &str, text: &str) -> Case {
    let skills = project_root().join("plans/skills");
    Case::new()
        .file(plan, text)
        .env("OBS_SKILLS_PATH", skills.to_str().unwrap())
}

#[test]
fn a_plan_in_json_shows_the_same() {
    let pointers = |problems: &[Value]| {
        let mut all: Vec<String> = problems
            .iter()
            .map(|p| format!("{} {} {}", p["code"], p["pointer"], p["step_index"]))
            .collect();
        all.sort();
        all
    };
    let case = with_skills("plan.json", &broken_as_json());
    let output = case
        .run(&["validate", "plan.json", "--format", "json"])
        .expect_code(65);
    let as_json = problems(&output);
    assert_eq!(pointers(&as_json), pointers(&problems(&broken("json"))));
    let text = case.run(&["validate", "plan.json"]).expect_code(65);
    assert_eq!(problems_of_text(&text.stdout()), problems_of_json(&as_json));
}

#[test]
fn several_plans_are_told_of_in_one_go() {
    let case = Case::new()
        .plan("- {name: builtin.now, type: tool}\n")
        .file("bad.yaml", "assistant_id: a\nsteps: []\n")
        .file("worse.json", "{");
    let output = case
        .run(&["validate", "plan.yaml", "bad.yaml", "worse.json"])
        .expect_code(65);
    let found = problems_of_text(&output.stdout());
    let want = [("no_steps", "bad.yaml:2:8"), ("syntax", "worse.json:1:1")];
    assert_eq!(found, want.map(|(code, at)| (code.into(), at.into())));
    assert_eq!(output.stderr(), "2 errors\nok: plan.yaml (1 step)\n");
    case.run(&["validate", "bad.yaml", "absent.yaml", "plan.yaml"])
        .expect_code(66);
    case.run(&["validate", "plan.yaml", "plan.yaml"])
        .expect_code(0);
}

#[test]
fn warnings_count_with_strict_only() {
    let case = Case::new().file("plan.yaml", "steps:\n- {name: builtin.now, type: tool}\n");
    let output = case.run(&["validate", "plan.yaml"]).expect_code(0);
    assert!(
        output.stdout().contains("warning[no_assistant_id]"),
        "{}",
        output.whole()
    );
    case.run(&["run", "plan.yaml"]).expect_code(0);
    case.run(&["validate", "plan.yaml", "--strict"])
        .expect_code(65);
    case.run(&["run", "plan.yaml", "--strict"]).expect_code(65);
}

#[test]
fn a_plan_may_come_from_standard_input() {
    let case = Case::new()
        .file("unrelated", "")
        .stdin("steps:\n- {name: builtin.now, type: tol}\nassistant_id: a\n");
    let output = case.run(&["validate", "-"]).expect_code(65);
    assert!(
        output.stdout().contains("--> <stdin>:2:29"),
        "{}",
        output.whole()
    );
}

#[test]
fn mistakes_of_a_called_skill_are_located_in_its_manifest() {
    let manifest = "description: d\ntimeot: 5s\nexecution:\n  command: [cat, \"{{a}}{{b}}\"]\n  output: jsno\n";
    let case = Case::new()
        .file("skills/bad/manifest.yaml", manifest)
        .file("skills/unused/manifest.yaml", "nonsense: 1\n")
        .plan("- {name: bad, type: skill}\n- {name: bad, type: skill}\n");
    let output = case.run(&["validate", "plan.yaml"]).expect_code(65);
    let found = problems_of_text(&output.stdout());
    let places: Vec<&str> = found.iter().map(|(_, place)| place.as_str()).collect();
    let of = |name: &str| places.iter().filter(|p| p.starts_with(name)).count();
    assert_eq!(of("plan.yaml:"), 0, "{}", output.whole());
    let manifest_places: Vec<&&str> = places
        .iter()
        .filter(|place| place.contains("skills/bad/manifest.yaml:"))
        .collect();
    let lines: Vec<&str> = manifest_places
        .iter()
        .map(|place| place.rsplit(':').nth(1).unwrap())
        .collect();
    assert_eq!(lines, ["2", "4", "5"], "each once:\n{}", output.whole());
    assert!(!output.stdout().contains("unused"), "{}", output.whole());
}

/// Applies the operations of RFC 6902 that obs uses.
pub(crate) fn apply(document: &mut Value, patch: &Value) {
    for operation in patch.as_array().unwrap() {
        let word = |key: &str| operation[key].as_str().unwrap();
        let pointer = word("path");
        match word("op") {
            "add" => put(document, pointer, operation["value"].clone()),
            "replace" => {
                *document.pointer_mut(pointer).expect(pointer) = operation["value"].clone();
            }
            "remove" => drop(take(document, pointer)),
            "move" => {
                let value = take(document, word("from"));
                if pointer.is_empty() {
                    *document = value;
                } else {
                    put(document, pointer, value);
                }
            }
            other => panic!("{other}"),
        }
    }
}

/// The collection that a pointer leads into, and the token in it.
fn parent<'d>(document: &'d mut Value, path: &str) -> (&'d mut Value, String) {
    let (parent, token) = path.rsplit_once('/').expect(path);
    let token = token.replace("~1", "/").replace("~0", "~");
    (document.pointer_mut(parent).expect(path), token)
}

fn put(document: &mut Value, path: &str, value: Value) {
    match parent(document, path) {
        (Value::Object(map), key) => drop(map.insert(key, value)),
        (Value::Array(list), index) => list.insert(index.parse().unwrap(), value),
        _ => panic!("nothing to add to at {path}"),
    }
}

fn take(document: &mut Value, path: &str) -> Value {
    match parent(document, path) {
        (Value::Object(map), key) => map.shift_remove(&key).expect(path),
        (Value::Array(list), index) => list.remove(index.parse().unwrap()),
        _ => panic!("nothing to take at {path}"),
    }
}

#[test]
fn every_fix_mends_its_problem() {
    let check = |document: &Value| {
        let case = with_skills("plan.json", &document.to_string());
        problems(&case.run(&["validate", "plan.json", "--format", "json"]))
    };
    let mut document = broken_value();
    // More mistakes with a certain way out than the example has.
    document["steps"].as_array_mut().unwrap().extend([
        json!({"name": 5, "type": "skill"}),
        json!({"name": "wrap/git-log", "type": "tool", "arguments": {"count": "3"}}),
    ]);
    document["ordr"] = json!("sequence");
    document["steps"][0]["references"] = json!("no");
    let before = check(&document);
    let same = |a: &Value, b: &Value| a["code"] == b["code"] && a["pointer"] == b["pointer"];
    let mut mended = Vec::new();
    for problem in before.iter().filter(|problem| !problem["fix"].is_null()) {
        let mut document = document.clone();
        apply(&mut document, &problem["fix"]);
        let after = check(&document);
        assert!(
            !after.iter().any(|other| same(other, problem)),
            "still there: {problem}"
        );
        mended.push(problem["code"].as_str().unwrap());
    }
    let kinds: BTreeSet<&str> = mended.iter().copied().collect();
    let want = [
        "arguments",
        "kind",
        "unknown_key",
        "unknown_skill",
        "wrong_type",
    ];
    assert_eq!(kinds, want.into(), "{mended:?}");
    assert!(mended.len() >= 8, "{mended:?}");
}

#[test]
fn all_fixes_together_leave_what_a_person_must_decide() {
    let mut document = broken_value();
    let with_fix = |problems: &[Value]| problems.iter().any(|p| !p["fix"].is_null());
    let mut found = Vec::new();
    for _ in 0..20 {
        let case = with_skills("plan.json", &document.to_string());
        found = problems(&case.run(&["validate", "plan.json", "--format", "json"]));
        let Some(problem) = found.iter().find(|problem| !problem["fix"].is_null()) else {
            break;
        };
        apply(&mut document, &problem["fix"]);
    }
    assert!(!with_fix(&found), "fixes come to an end");
    assert!(
        !found
            .iter()
            .any(|problem| problem["code"] == "unknown_skill" || problem["code"] == "kind"),
        "{found:?}"
    );
}

#[test]
fn quiet_hides_warnings_of_plans_that_may_run() {
    let case = Case::new()
        .sh_skill("good", "echo 1", "")
        .file("warned.yaml", "steps: [{name: good, type: skill}]\n")
        .file("wrong.yaml", "steps: [{name: absent, type: skill}]\n");
    let output = case.run(&["validate", "-q", "warned.yaml"]).expect_code(0);
    assert_eq!(
        (output.stdout(), output.stderr()),
        (String::new(), String::new())
    );
    for args in [
        &["validate", "-q", "wrong.yaml"][..],
        &["validate", "-q", "--strict", "warned.yaml"],
    ] {
        assert_ne!(case.run(args).expect_code(65).stdout(), "", "{args:?}");
    }
    let output = case
        .run(&["validate", "-q", "warned.yaml", "--format", "json"])
        .expect_code(0);
    assert!(
        output.stdout().contains("no_assistant_id"),
        "{}",
        output.whole()
    );
}

#[test]
fn an_assistant_that_is_named_by_a_flag_is_not_missed() {
    let case = Case::new()
        .sh_skill("good", "echo 1", "permissions: []\n")
        .file("plan.yaml", "steps: [{name: good, type: skill}]\n");
    case.run(&["run", "plan.yaml", "--strict"]).expect_code(65);
    let args = [
        "run",
        "plan.yaml",
        "--strict",
        "--assistant-id",
        "x",
        "--format",
        "jsonl",
    ];
    let output = case.run(&args).expect_code(0);
    assert_eq!(output.records()[0]["assistant_id"], "x");
    assert!(
        !output.stderr().contains("assistant_id"),
        "{}",
        output.whole()
    );
}

#[test]
fn a_chat_answer_gets_one_problem() {
    let plan = "{\"assistant_id\": \"a\", \"steps\": []}";
    let case = Case::new().stdin(format!("Here is the plan:\n\n```json\n{plan}\n```\n"));
    let output = case
        .run(&["validate", "-", "--format", "json"])
        .expect_code(65);
    let problems: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems[0]["code"], "fenced");
    assert_eq!(problems[0]["line"], 3);
}

#[test]
fn problems_as_json_lines_are_those_of_the_document() {
    let case = Case::new().plan("- {name: a, type: skill}\n- {nmae: b, type: skill}\n");
    let document = case.run(&["validate", "plan.yaml", "--format", "json"]);
    let lines = case.run(&["validate", "plan.yaml", "--format", "jsonl"]);
    assert_eq!(lines.code, document.code);
    assert_eq!(lines.records(), problems(&document));
}
