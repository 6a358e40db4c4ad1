//! `obs new plan`: the plan is valid where the schemas permit it, and says what is left to do.

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::Case;

/// A skill with this schema, which takes all arguments on standard input.
fn skill(case: Case, id: &str, schema: &str) -> Case {
    let manifest = format!(
        "description: d\nexecution: {{command: [cat], output: text}}\ninput_schema: {schema}\n"
    );
    case.file(&format!("skills/{id}/manifest.yaml"), manifest)
}

#[test]
fn each_skill_becomes_a_step_with_what_it_requires() {
    let schema = r#"
  type: object
  properties:
    optional: {type: string}
    url: {type: string, format: uri, description: "The page.\nMore of it."}
    mode: {enum: [fast, "on", 3]}
    pages: {type: integer, minimum: 2, default: 4}
    when: {const: "2026-01-31"}
    tags: {type: array, items: {type: string}, minItems: 2}
    deep: {type: object, required: [on], properties: {on: {type: boolean}}}
    ratio: {type: number, exclusiveMinimum: 0, maximum: 0.5}
    "odd key: #": {}
  required: [url, mode, pages, when, tags, deep, ratio, "odd key: #"]
  additionalProperties: false
"#;
    let case = skill(Case::new(), "core/fetch", schema).file(
        "skills/say/manifest.yaml",
        "description: d\nkind: tool\nexecution: {command: [echo, '{{word}}', ['{{not}}'], '{{all...}}'], stdin: none}\n",
    );
    let args = [
        "new",
        "plan",
        "core/fetch",
        "say",
        "core/fetch",
        "builtin.now",
    ];
    let output = case.run(&args).expect_code(0);
    insta::assert_snapshot!(output.whole());
    let text = output.stdout();
    let case = case.file("plan.yaml", &text);
    let refused = case
        .run(&["validate", "plan.yaml"])
        .expect_code(65)
        .stdout();
    assert_eq!(
        refused.matches("error[placeholder]").count(),
        text.matches("{{TODO}}").count(),
        "{refused}"
    );
    for want in [
        "the placeholder `{{TODO}}` is still to be replaced",
        "write the value of `odd key: #` in its place",
    ] {
        assert!(refused.contains(want), "{want}: {refused}");
    }
    case.run(&["run", "plan.yaml"]).expect_code(65);
    let case = case.file("plan.yaml", filled_in(&text));
    case.run(&["validate", "plan.yaml", "--strict"])
        .expect_code(0);
}

/// The plan with the values that stand beside its placeholders.
fn filled_in(text: &str) -> String {
    let line = |line: &str| {
        let Some((before, comment)) = line.split_once("\"{{TODO}}\"  # ") else {
            return line.to_owned();
        };
        let value = match (
            comment.rsplit_once(", such as "),
            comment.strip_prefix("one of "),
        ) {
            (Some((_, value)), _) => value,
            (None, Some(values)) => values.split(", ").next().unwrap(),
            (None, None) => "text",
        };
        format!("{before}{value}")
    };
    let lines: Vec<String> = text.lines().map(line).collect();
    lines.join("\n")
}

#[test]
fn only_the_placeholder_is_refused() {
    let mut case = Case::new().file(
        "skills/say/manifest.yaml",
        "description: d\nexecution: {command: [echo, '{{word}}'], stdin: none}\n",
    );
    for (text, code) in [
        ("TODO", 0),
        ("TODO: write <this>", 0),
        ("{{{{TODO}}", 0),
        ("${{TODO}}", 0),
        ("{{TODO}}", 65),
        ("{{ TODO }}", 65),
        ("see {{TODO}} there", 65),
    ] {
        let plan = format!("- {{name: say, type: skill, arguments: {{word: '{text}'}}}}\n");
        case = case.plan(&plan);
        let output = case.run(&["validate", "plan.yaml"]);
        assert_eq!(output.code, code, "{text}: {}", output.whole());
        assert_eq!(
            output.stdout().contains("error[placeholder]"),
            code == 65,
            "{text}"
        );
    }
    // A step may have that name.
    let named = "- {name: builtin.now, step_id: TODO, type: tool}\n\
                 - {name: say, type: skill, arguments: {word: '{{TODO.now}}'}}\n";
    case.plan(named)
        .run(&["validate", "plan.yaml"])
        .expect_code(0);
}

#[test]
fn a_created_plan_validates_where_the_schema_permits_it() {
    for (schema, is_valid) in [
        ("{}", true),
        ("{type: object, required: [a]}", true),
        (
            "{type: object, required: [a], additionalProperties: {type: integer}}",
            true,
        ),
        (
            "{type: object, anyOf: [{required: [a]}, {required: [b]}]}",
            true,
        ),
        (
            "{type: object, oneOf: [{required: [a], properties: {a: {not: {}}}}, {required: [b]}]}",
            true,
        ),
        (
            "{properties: {a: {$ref: '#/$defs/d'}}, required: [a], $defs: {d: {type: boolean}}}",
            true,
        ),
        (
            "{required: [a], properties: {a: {type: string, pattern: '^[A-Z]{4}$'}}}",
            true,
        ),
        (
            "{required: [a], properties: {a: {default: '{{not.a.reference}}'}}}",
            true,
        ),
        (
            "{required: [a], properties: {a: {type: string, writeOnly: true}}}",
            true,
        ),
        (
            "{required: [a], properties: {a: {type: string, pattern: '^(xyzzy){3}$'}}}",
            false,
        ),
        ("{required: [a], properties: {a: false}}", false),
    ] {
        let case = skill(Case::new(), "s", schema);
        let output = case
            .run(&["new", "plan", "s", "-o", "plan.yaml"])
            .expect_code(0);
        assert_eq!(output.stdout(), "plan.yaml\n");
        let text = fs::read_to_string(case.path().join("plan.yaml")).unwrap();
        let is_marked = output.stderr().contains("replace the");
        let has_mark = text.contains("{{TODO}}") || text.contains("# TODO: ");
        assert_eq!(is_marked, has_mark, "{schema}: {}", output.whole());
        let case = case.file("plan.yaml", filled_in(&text));
        let code = if is_valid { 0 } else { 65 };
        let validate = case.run(&["validate", "plan.yaml", "--strict"]);
        assert_eq!(validate.code, code, "{schema}\n{text}{}", validate.whole());
        // What is not valid is marked.
        assert!(is_valid || text.contains("# TODO: "), "{schema}\n{text}");
    }
}

#[test]
fn no_file_is_overwritten() {
    let case = skill(Case::new(), "s", "{}").file("plan.yaml", "mine\n");
    symlink("nowhere", case.path().join("link.yaml")).unwrap();
    for file in ["plan.yaml", "link.yaml", "absent/plan.yaml", "skills"] {
        let output = case.run(&["new", "plan", "s", "-o", file]).expect_code(74);
        let why = format!("error: can't create `{file}`: ");
        assert!(output.stderr().starts_with(&why), "{}", output.whole());
    }
    let text = fs::read_to_string(case.path().join("plan.yaml")).unwrap();
    assert_eq!(text, "mine\n");
    assert!(!case.path().join("nowhere").exists());
    // `-` is standard output.
    let output = case.run(&["new", "plan", "s", "-o", "-"]).expect_code(0);
    assert!(
        output.stdout().contains("- name: s\n"),
        "{}",
        output.whole()
    );
}

#[test]
fn what_is_not_named_or_not_known_is_told() {
    let case = skill(skill(Case::new(), "core/fetch", "{}"), "other", "{}");
    let output = case.run(&["new", "plan"]).expect_code(2);
    let hint = "name skills that the plan calls: core/fetch, other\n";
    assert!(output.stderr().contains(hint), "{}", output.whole());
    let output = case.run(&["new", "plan", "other", "fetch"]).expect_code(65);
    assert!(
        output.stderr().contains("unknown skill `fetch`"),
        "{}",
        output.whole()
    );
    assert!(
        output.stderr().contains("did you mean `core/fetch`?"),
        "{}",
        output.whole()
    );
    assert_eq!(output.stdout(), "");
    let output = Case::new().run(&["new", "plan"]).expect_code(2);
    assert!(
        output.stderr().contains("`obs init` makes one"),
        "{}",
        output.whole()
    );
    let broken = Case::new().file("skills/s/manifest.yaml", "description: d\n");
    broken.run(&["new", "plan", "s"]).expect_code(65);
}

#[test]
fn hostile_schemas_make_a_bounded_plan_without_control_characters() {
    let long = "x".repeat(5_000);
    let schema = format!(
        "{{required: [a, \"\\e[31m\", '#'], properties: {{a: {{description: \"\\e]0;{long}\"}}, \
         b: {{}}, '#': {{enum: [\"\\u202e\", \"a: b # c\"]}}}}}}"
    );
    let case = skill(Case::new(), "s", &schema);
    let output = case.run(&["new", "plan", "s"]).expect_code(0);
    let text = output.stdout();
    assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
    assert!(text.len() < 1_000, "{text}");
    let case = case.file("plan.yaml", filled_in(&text));
    case.run(&["validate", "plan.yaml"]).expect_code(0);
}
