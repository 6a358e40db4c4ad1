//! Values that a schema marks as `writeOnly`: nothing shows one that a plan gives.

use serde_json::json;

use crate::support::{Case, Output};

/// The value that nothing may show.
const HIDDEN: &str = "canary-4711";

/// A skill whose argument `token` is hidden behind `schema`, and the plan.
fn case(schema: &str, name: &str, plan: &str) -> Case {
    let manifest = format!(
        "description: d\nexecution: {{command: [sh, -c, 'exit 3', sh, '{{{{token}}}}']}}\ninput_schema:\n  type: object\n  \
         additionalProperties: false\n  properties: {{token: {schema}, n: {{type: integer}}}}\n  \
         $defs: {{s: {{type: string, minLength: 1, writeOnly: true}}, k: {{$anchor: k, writeOnly: true}}}}\n"
    );
    Case::new()
        .file("skills/s/manifest.yaml", manifest)
        .file(name, plan)
}

/// Every way to look at a plan.
fn shown(case: &Case, plan: &str) -> String {
    let validate = ["text", "json", "github"];
    let validate = validate.map(|format| case.run(&["validate", plan, "--format", format]));
    let run = case.run(&["run", plan, "--format", "json"]);
    let rehearsed = case.run(&["run", plan, "--dry-run"]);
    let graph = case.run(&["graph", plan]);
    let all = validate.iter().chain([&run, &rehearsed, &graph]);
    all.map(Output::whole).collect()
}

#[test]
fn a_reference_hides_as_it_validates() {
    for schema in [
        "{$ref: '#/%24defs/s'}",
        "{$ref: '#/%24%64efs/%73'}",
        "{allOf: [{$ref: '#k'}]}",
        "{anyOf: [{type: 'null'}, {$ref: '#/$defs/s'}]}",
        "{if: {type: string}, then: {$ref: '#k'}}",
        "{$dynamicRef: '#k'}",
        "{$ref: 'json-schema:///#/$defs/s'}",
    ] {
        let plan = format!(
            "assistant_id: t\nsteps: [{{name: s, type: skill, arguments: {{token: {HIDDEN}}}}}]\n"
        );
        let case = case(schema, "plan.yaml", &plan);
        let output = case
            .run(&["run", "plan.yaml", "--format", "jsonl"])
            .expect_code(1);
        assert_eq!(
            output.records()[0]["arguments"],
            json!({"token": "***"}),
            "{schema}"
        );
        assert!(!shown(&case, "plan.yaml").contains(HIDDEN), "{schema}");
    }
}

#[test]
fn the_line_of_a_problem_hides_the_values_in_it() {
    let yaml = |step: &str| format!("assistant_id: t\nx-common: &anchor {HIDDEN}\nsteps:\n{step}");
    let flow = |arguments: &str| {
        yaml(&format!(
            "  - {{name: s, type: skill, arguments: {arguments}}}\n"
        ))
    };
    for (plan, code) in [
        // Wrong itself, in several ways.
        (flow(&format!("{{token: [{HIDDEN}]}}")), "arguments"),
        (
            yaml(&format!(
                "  - name: s\n    type: skill\n    arguments:\n      token:\n        - {HIDDEN}\n        - b\n"
            )),
            "arguments",
        ),
        // Beside what is wrong, before and after.
        (flow(&format!("{{token: {HIDDEN}, n: x}}")), "arguments"),
        (flow(&format!("{{n: x, token: '{HIDDEN}'}}")), "arguments"),
        (
            yaml(&format!(
                "  - {{name: s, typ: skill, arguments: {{token: \"{HIDDEN}\"}}, nme: 1}}\n"
            )),
            "unknown_key",
        ),
        // Its key is wrong, or that of what holds it.
        (flow(&format!("{{tokn: {HIDDEN}}}")), "arguments"),
        (
            yaml(&format!(
                "  - {{name: s, type: skill, argumnts: {{token: {HIDDEN}}}}}\n"
            )),
            "unknown_key",
        ),
        (
            flow(&format!("{{token: a, token: {HIDDEN}}}")),
            "duplicate_key",
        ),
        // It stands elsewhere.
        (
            flow("{token: *anchor, n: x}").replace("x-common", "common"),
            "unknown_key",
        ),
    ] {
        let case = case("{$ref: '#/%24defs/s'}", "plan.yaml", &plan);
        let json = case
            .run(&["validate", "plan.yaml", "--format", "json"])
            .expect_code(65);
        assert!(
            json.stdout().contains(&format!("\"code\": \"{code}\"")),
            "{plan}{}",
            json.whole()
        );
        let shown = shown(&case, "plan.yaml");
        assert!(!shown.contains(HIDDEN), "{plan}{shown}");
        assert!(shown.contains("***"), "{plan}{shown}");
    }
}

#[test]
fn a_plan_on_one_line_hides_values_of_all_steps() {
    let step = |name: &str, arguments: &str| {
        format!(r#"{{"name": "{name}", "skill": "s", "type": "skill", "arguments": {arguments}}}"#)
    };
    let good = step("a", &format!(r#"{{"token": "{HIDDEN}"}}"#));
    let bad = step("b", &format!(r#"{{"n": "x", "token": "x\u002d{HIDDEN}"}}"#));
    let number = step("c", r#"{"token": 47114711}"#);
    let plan = format!(r#"{{"assistant_id": "t", "steps": [{good}, {bad}, {number}, {good}]}}"#);
    let case = case("{$ref: '#/$defs/s'}", "plan.json", &plan);
    let shown = shown(&case, "plan.json");
    assert!(
        !shown.contains(HIDDEN) && !shown.contains("47114711"),
        "{shown}"
    );
    assert!(shown.contains("`n` must be a whole number"), "{shown}");
    assert!(
        shown.contains("`token` must be text, found a number"),
        "{shown}"
    );
}

#[test]
fn a_hidden_number_that_cannot_be_read_is_not_repeated() {
    let plan =
        "assistant_id: t\nsteps:\n  - name: s\n    type: skill\n    arguments: {token: 0471147}\n";
    let case = case("{$ref: '#/$defs/s'}", "plan.yaml", plan);
    let shown = shown(&case, "plan.yaml");
    assert!(!shown.contains("471147"), "{shown}");
    assert!(
        shown.contains("the hidden value can't be parsed"),
        "{shown}"
    );
}

#[test]
fn a_reference_in_a_hidden_value_shows_nothing_else_of_it() {
    let plan = format!(
        "assistant_id: t\nsteps:\n  - {{name: p, skill: builtin.now, type: tool}}\n  \
         - {{name: s, type: skill, arguments: {{token: \"{HIDDEN} {{{{p.nw}}}}\"}}}}\n"
    );
    let case = case("{$ref: '#/$defs/s'}", "plan.yaml", &plan);
    let shown = shown(&case, "plan.yaml");
    assert!(!shown.contains(HIDDEN), "{shown}");
    assert!(shown.contains("did you mean `{{p.now}}`?"), "{shown}");
}

#[test]
fn the_default_of_a_hidden_input_is_not_shown() {
    let plan = format!(
        "assistant_id: t\ninputs: {{k: {{type: string, maxLength: 3, writeOnly: true, default: {HIDDEN}}}}}\nsteps:\n  \
         - {{name: s, type: skill, arguments: {{token: \"{{{{inputs.k}}}}\"}}}}\n"
    );
    let case = case("{$ref: '#/$defs/s'}", "plan.yaml", &plan);
    let shown = shown(&case, "plan.yaml");
    assert!(!shown.contains(HIDDEN), "{shown}");
    assert!(shown.contains("must have at most 3 characters"), "{shown}");
}
