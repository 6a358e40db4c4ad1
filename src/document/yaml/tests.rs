use serde_json::json;

use super::*;
use crate::document::NodePart;

fn value(text: &str) -> Value {
    let (document, problems) = parse(text);
    assert!(problems.is_empty(), "{text}");
    document.unwrap().0
}

fn codes(text: &str) -> Vec<&'static str> {
    parse(text).1.iter().map(|problem| problem.code).collect()
}

#[test]
fn reads_the_core_schema() {
    assert_eq!(
        value("a: no\nb: [on, 1_000, 1, 'x', \"y\"]\nc: |\n  text\nd:\n? e\n: 2026-01-02\n"),
        json!({"a": "no", "b": ["on", "1_000", 1, "x", "y"], "c": "text\n", "d": null,
               "e": "2026-01-02"})
    );
}

#[test]
fn keeps_every_digit() {
    let text = "123456789012345678901234567890";
    assert_eq!(value(text).to_string(), text);
}

#[test]
fn finds_every_node() {
    let text = "steps:\n  - name: a\n    x/y: {k: [1, \"two\"]}\n\n# end\nlast: ~\n";
    let (document, _) = parse(text);
    let (value, spans) = document.unwrap();
    for (pointer, part, want) in [
        ("/steps", NodePart::Key, "steps"),
        ("/steps/0/name", NodePart::Value, "a"),
        ("/steps/0/x~1y/k", NodePart::Key, "k"),
        ("/steps/0/x~1y/k/1", NodePart::Value, "\"two\""),
        (
            "/steps/0",
            NodePart::Value,
            "name: a\n    x/y: {k: [1, \"two\"]}\n\n# end",
        ),
        ("/last", NodePart::Value, "~"),
    ] {
        assert_eq!(&text[spans.find(&value, pointer, part)], want, "{pointer}");
    }
}

#[test]
fn refuses_with_a_place_and_goes_on() {
    let text = "a: !!str 1\nb: 0777\n<<: {x: 1}\na: 2\nc: 1e999\n";
    let (document, problems) = parse(text);
    let found: Vec<_> = problems
        .iter()
        .map(|problem| match &problem.location {
            Location::Bytes(bytes) => (problem.code, &text[bytes.clone()]),
            place => panic!("{place:?}"),
        })
        .collect();
    assert_eq!(
        found,
        [
            ("tag", "!!str"),
            ("number", "0777"),
            ("merge_key", "<<"),
            ("duplicate_key", "a"),
            ("number", "1e999")
        ]
    );
    assert!(document.is_some());
}

#[test]
fn a_reference_without_quotes_is_told_as_such() {
    let (_, problems) = parse("a: {{fetch.body}}\n");
    assert_eq!(problems[0].message, "`{{` without quotes starts a mapping");
    assert_eq!(problems[0].location, Location::Bytes(3..5));
    assert!(codes("{? {a: b} : c}").contains(&"key"));
}

#[test]
fn a_key_is_text() {
    for (text, kind) in [
        ("1: a", "a number"),
        ("-1.5e3: a", "a number"),
        ("0x1F: a", "a number"),
        ("0777: a", "a number"),
        (".inf: a", "a number"),
        ("true: a", "a boolean"),
        ("{FALSE: a}", "a boolean"),
        ("null: a", "null"),
        ("~: a", "null"),
        ("x: {y: [{1: a}]}", "a number"),
        ("? 1\n: a", "a number"),
    ] {
        let (_, problems) = parse(text);
        assert_eq!(problems.iter().count(), 1, "{text}");
        let message = &problems[0].message;
        assert!(
            message.ends_with(&format!(" is {kind}, not text")),
            "{message}"
        );
    }
    for text in ["{: a}", ": a", "x:\n  : a", "?\n: a", "{x: 1, : 2}"] {
        let (_, problems) = parse(text);
        assert_eq!(problems[0].message, "an entry has no key", "{text}");
    }
    assert_eq!(
        value("\"1\": a\n'true': b\n\"\": c\nno: d\n2026-01-02: e\n1_0: f\n'~': g"),
        json!({"1": "a", "true": "b", "": "c", "no": "d", "2026-01-02": "e", "1_0": "f", "~": "g"})
    );
}

#[test]
fn quotes_hold_what_json_holds() {
    let text = "é: \"x\u{7f}y\u{80}\"\n'k\u{9f}': 'v\u{7f}'\nlast: [\"\u{7f}\", z]\n";
    assert_eq!(
        value(text),
        json!({"é": "x\u{7f}y\u{80}", "k\u{9f}": "v\u{7f}", "last": ["\u{7f}", "z"]})
    );
    let (document, _) = parse(text);
    let (value, spans) = document.unwrap();
    let place = spans.find(&value, "/last/1", NodePart::Value);
    assert_eq!(&text[place], "z");
    let (_, problems) = parse("a: \"\u{7f}\"\nb: 0777\n");
    assert_eq!(problems[0].location, Location::Bytes(10..14));
    for text in [
        "a: x\u{7f}y\n",
        "a: 1 # \u{7f}\n",
        "a: |\n  x\u{9b}y\n",
        "a\u{80}: \"\u{80}\"\n",
    ] {
        let (document, problems) = parse(text);
        assert!(document.is_none(), "{text:?}");
        let at = text.find(['\u{7f}', '\u{80}', '\u{9b}']).unwrap();
        assert_eq!(problems[0].code, "syntax");
        assert!(
            matches!(&problems[0].location, Location::Bytes(bytes) if bytes.start == at),
            "{text:?}"
        );
    }
}

#[test]
fn hostile_documents_end_at_once() {
    assert_eq!(codes(&"[".repeat(200_000)), ["too_deep"]);
    let mut nested = String::new();
    for depth in 0..200 {
        nested.push_str(&" ".repeat(depth));
        nested.push_str("a:\n");
    }
    assert_eq!(codes(&nested), ["too_deep"]);
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let list = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.extend([format!("a{level}: &a{level} [{list}]\n")]);
    }
    assert_eq!(codes(&bomb), ["alias"]);
    assert_eq!(codes(&"- 1\n".repeat(MAX_VALUES)), ["too_many_values"]);
    assert_eq!(codes("a: &a [*a]"), ["alias"]);
    assert_eq!(codes("a: 1\n---\nb: 2\n"), ["two_documents"]);
    assert_eq!(codes("? [a]\n: 1\n"), ["key"]);
    assert_eq!(codes("a: *b\n"), ["syntax"]);
    assert_eq!(
        codes("a: {$serde_json::private::RawValue: 1}"),
        ["reserved_key"]
    );
}

#[test]
fn aliases_within_the_budget_are_values() {
    assert_eq!(
        value("a: &x {k: 1}\nb: *x\n"),
        json!({"a": {"k": 1}, "b": {"k": 1}})
    );
}
