//! `when` of a step: a list of conditions, each a closed object.
//!
//! Invariant: a condition that is read has exactly one subject (`value`, `step` or `any`) and
//! something to compare it with, and no two of its keywords exclude each other.

use serde_json::{Map, Value, json};

use super::foreign_keys;
use crate::document::{
    Diagnostic, Diagnostics, Fields, Location, Node, Shape, in_backticks, nearest,
};
use crate::model::{Condition, ConditionSubject, ConditionTest, StepStatus};

/// The most conditions of a step, and the most tests of one `any`.
const MAX_CONDITIONS: usize = 100;

/// The types of values, as JSON Schema names them.
const TYPES: [&str; 7] = [
    "string", "number", "integer", "boolean", "array", "object", "null",
];

/// Keywords for values of one type, and that type in words.
const GROUPS: [(&str, &str, &[&str]); 3] = [
    ("number", "numbers", &["minimum", "maximum"]),
    ("string", "text", &["pattern", "minLength", "maxLength"]),
    ("array", "lists", &["minItems", "maxItems"]),
];

/// Keywords that give the least and the most of the same.
const RANGES: [(&str, &str); 3] = [
    ("minimum", "maximum"),
    ("minLength", "maxLength"),
    ("minItems", "maxItems"),
];

const CONDITION: Shape = Shape {
    meaning: foreign_keys::in_condition,
    ..Shape::new(
        "a condition",
        &[
            "value",
            "step",
            "status",
            "negate",
            "const",
            "enum",
            "type",
            "minimum",
            "maximum",
            "pattern",
            "minLength",
            "maxLength",
            "minItems",
            "maxItems",
            "schema",
            "any",
        ],
    )
};

/// A condition in `any`, which holds no other `any`.
const CONDITION_IN_ANY: Shape = Shape {
    what: "a condition of `any`",
    ..CONDITION
};

/// Reads `when`.
pub(super) fn conditions(node: &Node<'_>, problems: &mut Diagnostics) -> Vec<Condition> {
    if let Some(problem) = not_a_list(node) {
        problems.push(problem);
        return Vec::new();
    }
    let nodes = bounded_list(node, problems);
    // An unread condition keeps its place, so that the pointers of the others stay correct.
    let read = |node: &Node<'_>| {
        let (tests, is_any) = tests(node, problems).unwrap_or_default();
        Condition {
            written: node.value.clone(),
            tests,
            is_any,
        }
    };
    nodes.iter().map(read).collect()
}

/// One condition without its brackets, or a text: an expression, as other formats have them.
fn not_a_list(node: &Node<'_>) -> Option<Diagnostic> {
    let (found, got) = match node.value {
        Value::Object(_) => ("a mapping", "object"),
        Value::String(_) => ("text", "string"),
        Value::Bool(_) => ("a boolean", "boolean"),
        _ => return None,
    };
    let message = format!(
        "`{}` must be a list of conditions, found {found}",
        node.name()
    );
    let problem = Diagnostic::error("wrong_type", node.place(), message)
        .expected("array")
        .got(got);
    Some(match node.value {
        Value::Object(_) => problem
            .help("write the condition in brackets, as a list of one: `[…]`")
            .fix(node.replace_with(&json!([node.value]))),
        Value::String(_) => problem.help(
            "there are no expressions: write `[{value: \"{{step.field}}\", const: true}]`, with \
             `minimum`, `enum`, `pattern` and so on for other tests",
        ),
        _ => problem.help(
            "write `[{value: \"{{step.field}}\", const: true}]`, or leave the step or its `when` \
             out",
        ),
    })
}

/// The elements of a list that is not empty and not too long.
fn bounded_list<'d>(node: &Node<'d>, problems: &mut Diagnostics) -> Vec<Node<'d>> {
    let mut nodes = node.list(problems).unwrap_or_default();
    let is_empty_list = nodes.is_empty() && node.value.is_array();
    if is_empty_list {
        let message = format!("`{}` has no condition", node.name());
        problems.push(
            Diagnostic::error("condition", node.place(), message).help(
                "write a condition, such as `{step: NAME, status: [success]}`, or leave it out",
            ),
        );
    }
    if nodes.len() > MAX_CONDITIONS {
        let message = format!(
            "`{}` has {} conditions; the maximum is {MAX_CONDITIONS}",
            node.name(),
            nodes.len()
        );
        problems.push(
            Diagnostic::error("condition", node.place(), message)
                .help("write one condition with `enum`, `pattern` or `schema`"),
        );
        nodes.clear();
    }
    nodes
}

/// The tests of one condition, and whether they stand in `any`.
fn tests(node: &Node<'_>, problems: &mut Diagnostics) -> Option<(Vec<ConditionTest>, bool)> {
    if let Some(problem) = text_for_condition(node) {
        problems.push(problem);
        return None;
    }
    let mut fields = node.fields(problems, &CONDITION)?;
    let Some(any) = fields.get("any") else {
        let test = test(&mut fields, problems);
        fields.finish(problems);
        return Some((Vec::from_iter(test), false));
    };
    let others: Vec<&str> = CONDITION
        .keys
        .iter()
        .copied()
        .filter(|key| fields.get_or_null(key).is_some() && *key != "any")
        .collect();
    if !others.is_empty() {
        let message = format!("{} stands beside `any`", in_backticks(&others));
        problems.push(
            Diagnostic::error("condition", fields.place_of_key(others[0]), message).help(
                "write it into the conditions of `any`, or as a condition of its own in `when`",
            ),
        );
    }
    fields.finish(problems);
    let mut read = Vec::new();
    for node in bounded_list(&any, problems) {
        read.extend(test_in_any(&node, problems));
    }
    Some((read, true))
}

fn test_in_any(node: &Node<'_>, problems: &mut Diagnostics) -> Option<ConditionTest> {
    if let Some(problem) = text_for_condition(node) {
        problems.push(problem);
        return None;
    }
    let mut fields = node.fields(problems, &CONDITION_IN_ANY)?;
    if fields.get("any").is_some() {
        let message = "`any` is one level deep";
        problems.push(
            Diagnostic::error("condition", fields.place_of_key("any"), message)
                .help("write its conditions into the outer `any`"),
        );
        return None;
    }
    let test = test(&mut fields, problems);
    fields.finish(problems);
    test
}

/// An expression where a condition belongs.
fn text_for_condition(node: &Node<'_>) -> Option<Diagnostic> {
    node.value.is_string().then(|| {
        Diagnostic::error(
            "wrong_type",
            node.place(),
            "a condition must be a mapping, found text",
        )
        .help(
            "there are no expressions: write `{value: \"{{step.field}}\", const: true}` or `{step: \
             NAME, status: [success]}`",
        )
        .expected("object")
        .got("string")
    })
}

fn test(fields: &mut Fields<'_>, problems: &mut Diagnostics) -> Option<ConditionTest> {
    let before = problems.len();
    let is_negated = fields.get("negate").and_then(|node| node.boolean(problems));
    let value = fields.get("value");
    let step = fields.get("step");
    let status = fields.get("status");
    let schema = keywords(fields, problems);
    let subject = match (value, step) {
        (Some(_), Some(_)) => {
            problems.push(
                Diagnostic::error(
                    "condition",
                    fields.place_of_key("step"),
                    "a condition has either `value` or `step`",
                )
                .help("write two conditions: all conditions of `when` must hold"),
            );
            None
        }
        (None, None) => {
            let is_renamed = fields.is_renamed("value") || fields.is_renamed("step");
            if problems.len() == before && !is_renamed {
                problems.push(
                    Diagnostic::error(
                        "condition",
                        fields.node.place(),
                        "the condition has neither `value`, `step` nor `any`",
                    )
                    .help(
                        "write `{value: \"{{step.field}}\", const: true}` or `{step: NAME, status: \
                         [success]}`",
                    ),
                );
            }
            None
        }
        (Some(value), None) => of_value(&value, status.as_ref(), schema, fields, problems),
        (None, Some(step)) => of_step(&step, status, schema.as_ref(), fields, problems),
    };
    Some(ConditionTest {
        subject: subject?,
        is_negated: is_negated.unwrap_or_default(),
    })
}

/// What a value is compared with: its keywords, or the schema; null if it can't be read.
struct Comparison {
    schema: Value,
    is_schema: bool,
}

fn of_value(
    value: &Node<'_>,
    status: Option<&Node<'_>>,
    comparison: Option<Comparison>,
    fields: &Fields<'_>,
    problems: &mut Diagnostics,
) -> Option<ConditionSubject> {
    if let Some(status) = status {
        let place = Location::key(&status.pointer);
        problems.push(
            Diagnostic::error("condition", place, "`status` is about a step, not a value")
                .help("write `step: NAME` instead of `value`"),
        );
        return None;
    }
    let reference = value.string(problems)?.to_owned();
    let Some(Comparison { schema, is_schema }) = comparison else {
        let is_renamed = CONDITION.keys.iter().any(|key| fields.is_renamed(key));
        if !is_renamed {
            problems.push(
                Diagnostic::error(
                    "condition",
                    fields.node.place(),
                    "the condition says nothing about its `value`",
                )
                .help("add `const: true`, or another of `enum`, `type`, `minimum`, `pattern` …"),
            );
        }
        return None;
    };
    Some(ConditionSubject::Value {
        reference,
        schema,
        is_schema,
    })
}

fn of_step(
    step: &Node<'_>,
    status: Option<Node<'_>>,
    comparison: Option<&Comparison>,
    fields: &Fields<'_>,
    problems: &mut Diagnostics,
) -> Option<ConditionSubject> {
    let step = step.string(problems)?.to_owned();
    if let Some(comparison) = comparison {
        let keys = comparison
            .schema
            .as_object()
            .filter(|_| !comparison.is_schema);
        let key = keys.and_then(|keys| keys.keys().next());
        let key = key.map_or("schema", String::as_str);
        let message = format!("`{key}` is about a value, not a step");
        problems.push(
            Diagnostic::error("condition", fields.place_of_key(key), message).help(format!(
                "write `value: \"{{{{{step}}}}}\"` instead of `step` to test its output"
            )),
        );
        return None;
    }
    let Some(status) = status else {
        if !fields.is_renamed("status") {
            problems.push(
                Diagnostic::error(
                    "condition",
                    fields.node.place(),
                    "the condition says nothing about how its `step` ended",
                )
                .help("add `status: [success]`, or other statuses"),
            );
        }
        return None;
    };
    Some(ConditionSubject::Step {
        step,
        status: statuses(&status, problems)?,
    })
}

fn statuses(node: &Node<'_>, problems: &mut Diagnostics) -> Option<Vec<StepStatus>> {
    if let Value::String(status) = node.value {
        let message = "`status` must be a list, found text";
        let is_status = StepStatus::from_name(status).is_some();
        let problem = Diagnostic::error("wrong_type", node.place(), message)
            .help(format!("write it in brackets: `[{status}]`"))
            .expected("array")
            .got("string");
        problems.push(if is_status {
            problem.fix(node.replace_with(&json!([status])))
        } else {
            problem
        });
        return None;
    }
    let nodes = node.list(problems)?;
    if nodes.is_empty() {
        problems.push(
            Diagnostic::error("condition", node.place(), "`status` has no status")
                .help("write `[success]`, or other statuses"),
        );
        return None;
    }
    let read = nodes.iter().map(|node| status(node, problems));
    let read: Vec<Option<StepStatus>> = read.collect();
    read.into_iter().collect()
}

fn status(node: &Node<'_>, problems: &mut Diagnostics) -> Option<StepStatus> {
    let text = node.string(problems)?;
    let status = StepStatus::from_name(text);
    if status.is_none() {
        let meant = match text.to_lowercase().as_str() {
            "succeeded" | "successful" | "ok" | "pass" | "passed" | "complete" | "completed"
            | "done" => Some("success"),
            "failure" | "fail" | "error" | "errored" => Some("failed"),
            "timed_out" | "timeouted" => Some("timeout"),
            "cancelled" | "aborted" => Some("canceled"),
            "denied" => Some("rejected"),
            _ => None,
        };
        let words = StepStatus::ALL.map(StepStatus::as_str);
        problems.push(wrong_word(
            node,
            text,
            "the status of a step",
            meant,
            &words,
        ));
    }
    status
}

/// A word that is none of `words`.
fn wrong_word(
    node: &Node<'_>,
    text: &str,
    what: &str,
    meant: Option<&str>,
    words: &[&'static str],
) -> Diagnostic {
    let message = format!("`{text}` is not {what}");
    let problem = Diagnostic::error("wrong_value", node.place(), message)
        .expected(words.to_vec())
        .got(text);
    match meant.or_else(|| nearest(text, words.iter().copied())) {
        Some(word) => problem
            .help(format!("did you mean `{word}`?"))
            .fix(node.replace_with(&json!(word))),
        None => problem.help(format!("use one of {}", in_backticks(words))),
    }
}

/// The keywords of a condition as a JSON Schema; `None` without any.
fn keywords(fields: &mut Fields<'_>, problems: &mut Diagnostics) -> Option<Comparison> {
    let mut read = Map::new();
    let before = problems.len();
    for key in ["const", "enum", "type"] {
        // `const: null` compares with null.
        if let Some(node) = fields.get_or_null(key) {
            let value = match key {
                "const" => literal(&node, problems),
                "enum" => literals(&node, problems),
                _ => types(&node, problems),
            };
            read.insert(key.to_owned(), value.unwrap_or_default());
        }
    }
    for key in ["minimum", "maximum"] {
        if let Some(node) = fields.get(key) {
            read.insert(key.to_owned(), number(&node, problems).unwrap_or_default());
        }
    }
    for key in ["minLength", "maxLength", "minItems", "maxItems"] {
        if let Some(node) = fields.get(key) {
            let count = node.integer(problems, 0).map(Value::from);
            read.insert(key.to_owned(), count.unwrap_or_default());
        }
    }
    if let Some(node) = fields.get("pattern") {
        let pattern = node.string(problems).map(Value::from);
        read.insert("pattern".to_owned(), pattern.unwrap_or_default());
    }
    contradictions(&read, fields, problems);
    let Some(schema) = fields.get("schema") else {
        let schema = if problems.len() > before {
            Value::Null
        } else {
            Value::Object(read.clone())
        };
        return (!read.is_empty()).then_some(Comparison {
            schema,
            is_schema: false,
        });
    };
    if let Some(key) = read.keys().next() {
        let message = format!("`{key}` stands beside `schema`");
        problems.push(
            Diagnostic::error("condition", fields.place_of_key(key), message)
                .help("write it into the schema"),
        );
    }
    if !schema.value.is_boolean() {
        schema.object(problems);
    }
    let is_read = problems.len() == before;
    Some(Comparison {
        schema: Some(schema.value.clone())
            .filter(|_| is_read)
            .unwrap_or_default(),
        is_schema: true,
    })
}

/// Keywords that no value meets together.
fn contradictions(read: &Map<String, Value>, fields: &Fields<'_>, problems: &mut Diagnostics) {
    let mut refuse = |key: &str, message: String, help: &str| {
        let place = fields.place_of_key(key);
        problems.push(Diagnostic::error("condition", place, message).help(help));
    };
    for (least, most) in RANGES {
        let bounds = [least, most].map(|key| read.get(key).and_then(Value::as_f64));
        if let [Some(low), Some(high)] = bounds
            && low > high
        {
            let message = format!("no value meets `{least}` {low} and `{most}` {high}");
            refuse(least, message, "raise the one or lower the other");
        }
    }
    let used = GROUPS.iter().filter_map(|(name, words, keys)| {
        let key = keys.iter().find(|key| read.contains_key(**key))?;
        Some((*name, *words, *key))
    });
    let used: Vec<(&str, &str, &str)> = used.collect();
    if let [(_, words, key), (_, other_words, other), ..] = used.as_slice() {
        let message = format!("`{key}` is for {words} and `{other}` for {other_words}");
        refuse(other, message, "no value is of both types: remove one");
    }
    let named = match read.get("type") {
        Some(Value::String(name)) => vec![name.as_str()],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => return,
    };
    if let Some((group, words, key)) = used.first()
        && !named
            .iter()
            .any(|name| name == group || (*group == "number" && *name == "integer"))
    {
        let message = format!(
            "`{key}` is for {words}, but `type` says {}",
            in_backticks(&named)
        );
        refuse(key, message, "no value is of both types: remove one");
    }
}

/// A value to compare with, in which nothing is a reference.
fn literal(node: &Node<'_>, problems: &mut Diagnostics) -> Option<Value> {
    if let Value::String(text) = node.value
        && text.contains("{{")
    {
        let message = format!("a reference in `{}` is not resolved", node.name());
        problems.push(Diagnostic::error("condition", node.place(), message).help(
            "a condition compares with what the plan says: write the value itself, or let a \
                 skill compare",
        ));
        return None;
    }
    Some(node.value.clone())
}

fn literals(node: &Node<'_>, problems: &mut Diagnostics) -> Option<Value> {
    let nodes = node.list(problems)?;
    if nodes.is_empty() {
        problems.push(
            Diagnostic::error("condition", node.place(), "`enum` has no value")
                .help("write the values, such as `[prod, staging]`"),
        );
        return None;
    }
    let read = nodes.iter().map(|node| literal(node, problems));
    let read: Vec<Option<Value>> = read.collect();
    read.into_iter()
        .collect::<Option<Vec<Value>>>()
        .map(Value::Array)
}

/// The name of a type, or several.
fn types(node: &Node<'_>, problems: &mut Diagnostics) -> Option<Value> {
    let mut names = vec![node.clone()];
    if !node.value.is_string() {
        names = node.list(problems)?;
    }
    let before = problems.len();
    for name in &names {
        let text = name.string(problems);
        let Some(text) = text.filter(|text| !TYPES.contains(text)) else {
            continue;
        };
        let meant = match text.to_lowercase().as_str() {
            "text" | "str" => Some("string"),
            "bool" => Some("boolean"),
            "int" => Some("integer"),
            "float" => Some("number"),
            "list" => Some("array"),
            "mapping" | "map" | "dict" => Some("object"),
            "none" | "nil" => Some("null"),
            _ => None,
        };
        problems.push(wrong_word(name, text, "a type", meant, &TYPES));
    }
    (problems.len() == before).then(|| node.value.clone())
}

fn number(node: &Node<'_>, problems: &mut Diagnostics) -> Option<Value> {
    if node.value.is_number() {
        return Some(node.value.clone());
    }
    let message = format!("`{}` must be a number", node.name());
    let problem = Diagnostic::error("wrong_type", node.place(), message).expected("number");
    let parsed = node
        .value
        .as_str()
        .and_then(|text| text.parse::<i64>().ok());
    problems.push(match parsed {
        Some(parsed) => problem
            .help(format!("write `{parsed}` without quotes"))
            .fix(node.replace_with(&json!(parsed))),
        None => problem.help("write a number, such as `1`"),
    });
    None
}
