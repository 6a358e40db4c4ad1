//! Reads `for_each` of a step.
//!
//! Invariant: the values of a list are kept as they are written; references in them are bound by
//! `graph`. A text stands for a list only if it is one reference and nothing else.

use std::collections::HashSet;
use std::num::NonZeroUsize;

use serde_json::{Map, Value, json};

use super::foreign_keys;
use crate::document::{Diagnostic, Diagnostics, Node, Shape, kind_of};
use crate::model::{ForEach, Gather, ItemSource, MatrixAxis};

const GATHERS: [(&str, Gather); 2] = [("outputs", Gather::Outputs), ("results", Gather::Results)];

/// What to write for a list.
const LIST_HELP: &str = "write a list, or one reference to a list: `\"{{name.field}}\"`";

const FOR_EACH: Shape = Shape {
    meaning: foreign_keys::in_for_each,
    ..Shape::new(
        "`for_each`",
        &["list", "matrix", "max_parallel", "max_failed", "gather"],
    )
};

const AXIS: Shape = Shape {
    meaning: foreign_keys::in_matrix,
    ..Shape::new("an entry of `matrix`", &["name", "values"])
};

/// Reads `for_each` of a step: a list, a reference to one, or a mapping.
pub(super) fn for_each(node: &Node<'_>, problems: &mut Diagnostics) -> ForEach {
    if !node.value.is_object() {
        return ForEach::new(list(node, "", problems));
    }
    let Some(mut fields) = node.fields(problems, &FOR_EACH) else {
        return ForEach::new(None);
    };
    let list_node = fields.get("list");
    let matrix_node = fields.get("matrix");
    let source = match (&list_node, &matrix_node) {
        (Some(node), None) => list(node, "/list", problems),
        (None, Some(node)) => matrix(node, problems),
        (Some(_), Some(_)) => {
            let message = "`for_each` has a `list` and a `matrix`";
            let place = fields.place_of_key("matrix");
            problems
                .push(Diagnostic::error("for_each", place, message).help("leave one of them out"));
            None
        }
        (None, None) => {
            if !fields.is_renamed("list") && !fields.is_renamed("matrix") {
                let message = "`for_each` has neither `list` nor `matrix`";
                problems.push(
                    Diagnostic::error("for_each", node.place(), message)
                        .help("add `list:` with a list, or with a reference to one"),
                );
            }
            None
        }
    };
    let max_parallel = fields.get("max_parallel");
    let max_parallel = max_parallel.and_then(|node| node.integer(problems, 1));
    let max_failed = fields.get("max_failed");
    let max_failed = max_failed.and_then(|node| node.integer(problems, 0));
    let gather = fields.get("gather");
    let gather = gather.and_then(|node| node.choice(problems, &GATHERS));
    fields.finish(problems);
    ForEach {
        max_parallel: max_parallel
            .and_then(|count| NonZeroUsize::new(usize::try_from(count).unwrap_or(usize::MAX))),
        max_failed: max_failed.unwrap_or_default(),
        gather: gather.unwrap_or_default(),
        ..ForEach::new(source)
    }
}

/// A list, or a text that holds a reference to one.
fn list(node: &Node<'_>, below: &'static str, problems: &mut Diagnostics) -> Option<ItemSource> {
    let value = list_value(node, problems)?;
    Some(ItemSource::List { below, value })
}

fn list_value(node: &Node<'_>, problems: &mut Diagnostics) -> Option<Value> {
    let help = match node.value {
        Value::Array(list) => {
            if list.is_empty() {
                let message = format!("`{}` is an empty list: no item runs", node.name());
                problems.push(
                    Diagnostic::warning("no_items", node.place(), message)
                        .help("leave the step out, or name its items"),
                );
            }
            return Some(node.value.clone());
        }
        Value::String(text) if text.contains("{{") => return Some(node.value.clone()),
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(inner) if inner.is_array() => {
                problems.push(
                    not_a_list(node)
                        .help("write the list itself, not a text that holds it")
                        .fix(node.replace_with(&inner)),
                );
                return None;
            }
            _ => LIST_HELP,
        },
        Value::Number(_) => "write the items: `[0, 1, 2]`; obs doesn't count",
        _ => LIST_HELP,
    };
    problems.push(not_a_list(node).help(help));
    None
}

fn not_a_list(node: &Node<'_>) -> Diagnostic {
    let kind = kind_of(node.value);
    let message = format!(
        "`{}` must be a list or a reference to one, found {kind}",
        node.name()
    );
    Diagnostic::error("wrong_type", node.place(), message).expected("array")
}

fn matrix(node: &Node<'_>, problems: &mut Diagnostics) -> Option<ItemSource> {
    if let Value::Object(map) = node.value {
        problems.push(matrix_of_mapping(node, map));
        return None;
    }
    let nodes = node.list(problems)?;
    if nodes.is_empty() {
        let message = "`matrix` has no names";
        problems.push(
            Diagnostic::error("for_each", node.place(), message)
                .help("write `matrix: [{name: os, values: [linux, macos]}]`"),
        );
        return None;
    }
    let mut names = HashSet::new();
    let axes = nodes.iter().map(|node| axis(node, &mut names, problems));
    // Each entry is read, so that all problems are found.
    let axes: Vec<Option<MatrixAxis>> = axes.collect();
    let axes: Option<Vec<MatrixAxis>> = axes.into_iter().collect();
    axes.map(ItemSource::Matrix)
}

/// GitHub Actions has a mapping of names to lists, which says no order.
fn matrix_of_mapping(node: &Node<'_>, map: &Map<String, Value>) -> Diagnostic {
    let message = "`matrix` must be a list, found a mapping";
    let problem = Diagnostic::error("wrong_type", node.place(), message)
        .help("write `[{name: NAME, values: […]}, …]`: the last name varies fastest")
        .expected("array")
        .got("object");
    if map.is_empty() || !map.values().all(Value::is_array) {
        return problem;
    }
    let entry = |(name, values): (&String, &Value)| json!({"name": name, "values": values});
    let list: Vec<Value> = map.iter().map(entry).collect();
    problem.fix(node.replace_with(&Value::Array(list)))
}

fn axis<'d>(
    node: &Node<'d>,
    names: &mut HashSet<&'d str>,
    problems: &mut Diagnostics,
) -> Option<MatrixAxis> {
    let mut fields = node.fields(problems, &AXIS)?;
    let name_node = fields.get("name");
    let name = name_node.as_ref().and_then(|node| node.string(problems));
    let values_node = fields.get("values");
    let values = values_node
        .as_ref()
        .and_then(|node| list_value(node, problems));
    for (key, found) in [("name", &name_node), ("values", &values_node)] {
        if found.is_none() && !fields.is_renamed(key) {
            let message = format!("an entry of `matrix` has no `{key}`");
            problems.push(
                Diagnostic::error("for_each", node.place(), message)
                    .help("write `{name: NAME, values: […]}`"),
            );
        }
    }
    fields.finish(problems);
    let (name, node) = (name?, name_node?);
    if name.is_empty() || name.contains('.') {
        let message = format!("invalid name `{name}` in `matrix`");
        problems.push(
            Diagnostic::error("for_each", node.place(), message)
                .help("a name is not empty and contains no `.`, which separates fields"),
        );
        return None;
    }
    if !names.insert(name) {
        let message = format!("the name `{name}` occurs twice in `matrix`");
        problems.push(
            Diagnostic::error("for_each", node.place(), message)
                .help("names are unique; choose another"),
        );
        return None;
    }
    Some(MatrixAxis {
        name: name.to_owned(),
        values: values?,
    })
}
