use super::*;
use crate::skill::schema::Schema;

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "url": {"type": "string", "description": "where to fetch from"},
            "count": {"type": "integer", "minimum": 1, "maximum": 10},
            "unit": {"enum": ["days", "weeks", 3]},
            "flag": {"type": "boolean"},
            "label": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 5},
            "token": {"enum": ["a"], "writeOnly": true},
            "list": {"type": "array", "items": {"type": "string"}, "uniqueItems": true},
            "shape": {"anyOf": [{"type": "integer"}, {"type": "object", "required": ["x"]}]},
            "either": {"type": ["string", "null"]},
            "one": {"const": {"k": 1}},
            "never": false,
            "a/b": {"additionalProperties": false},
        },
        "required": ["url"],
        "additionalProperties": false,
    })
}

fn values() -> Vec<Value> {
    vec![
        json!({}),
        json!({"ulr": "x"}),
        json!({"url": 5}),
        json!({"url": "", "count": "5"}),
        json!({"url": "", "count": 0}),
        json!({"url": "", "count": 11}),
        json!({"url": "", "unit": "day"}),
        json!({"url": "", "unit": "centuries"}),
        json!({"url": "", "flag": "true"}),
        json!({"url": "", "label": "ABC"}),
        json!({"url": "", "label": "abcdefghi".repeat(100)}),
        json!({"url": "", "token": "hunter2"}),
        json!({"url": "", "list": ["a", 2, "a"]}),
        json!({"url": "", "list": ["a", "a"]}),
        json!({"url": "", "shape": {"y": 1}}),
        json!({"url": "", "either": 1}),
        json!({"url": "", "one": 2}),
        json!({"url": "", "never": 2}),
        json!({"url": "", "a/b": {"c~d": 1}}),
        json!({"url": "", "gpu": 2}),
        json!([]),
    ]
}

#[test]
fn violations_read_like_obs() {
    let schema = Schema::compile(&schema()).unwrap();
    let lines: Vec<String> = values()
        .iter()
        .map(|value| {
            let problems = schema.violations(value, "the arguments");
            let problems = problems.into_iter().map(|violation| {
                let problem = violation.problem("arguments", "/steps/0/arguments");
                let json = |name: &str, value: &Option<Value>| {
                    value
                        .as_ref()
                        .map_or(String::new(), |value| format!("\n    {name} {value}"))
                };
                format!(
                    "\n  {}\n    at {:?}\n    help {}{}{}{}",
                    problem.message,
                    problem.location,
                    problem.help.unwrap_or_default(),
                    json("expected", &problem.expected),
                    json("got", &problem.got),
                    json("fix", &problem.fix),
                )
            });
            format!("{}{}", shown(value), problems.collect::<String>())
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn secrets_are_not_shown() {
    let schema = json!({"properties": {
        "a": {"writeOnly": true, "properties": {"b": {"type": "integer", "maximum": 1}}},
        "c": {"writeOnly": true, "anyOf": [{"enum": ["x"]}, {"type": "null"}]},
        "d": {"writeOnly": true, "pattern": "^x"},
        "e": {"writeOnly": true, "type": "string"},
    }});
    let schema = Schema::compile(&schema).unwrap();
    let value = json!({"a": {"b": 123_456}, "c": "hunter2", "d": "hunter2", "e": 123_456});
    let violations = schema.violations(&value, "the arguments");
    assert_eq!(violations.len(), 4);
    let text = format!("{violations:?}");
    assert!(
        !text.contains("123456") && !text.contains("hunter2"),
        "{text}"
    );
}

#[test]
fn what_a_reference_hides_is_not_shown() {
    let schema = json!({
        "$defs": {"s": {"writeOnly": true}, "k": {"$anchor": "k", "writeOnly": true}},
        "properties": {
            "a": {"$ref": "#/%24defs/s", "type": "integer"},
            "b": {"allOf": [{"$ref": "#k"}], "enum": ["hunter1"]},
            "c": {"$ref": "#/$defs/s", "additionalProperties": false, "properties": {"x": {}}},
            "d": {"$ref": "#/$defs/s", "items": {"required": ["hunters"]}},
            "e": {"anyOf": [
                {"properties": {"f": {"$ref": "#k", "pattern": "^x"}}},
                {"type": "null"}
            ]},
        },
        // What holds a hidden value is shown without it.
        "const": {"a": 1},
    });
    let schema = Schema::compile(&schema).unwrap();
    let value = json!({"a": "hunter2", "b": "hunter2", "c": {"hunter2": 1}, "d": [{"hunter2": 1}],
        "e": {"f": "hunter2"}, "open": "seen"});
    let violations = schema.violations(&value, "the arguments");
    let text = format!("{violations:?}");
    assert!(violations.len() >= 6, "{text}");
    assert!(!text.contains("hunter2") && text.contains("seen"), "{text}");
    assert!(!text.contains("did you mean"), "{text}");
}
