//! Fields of a step that models write in more than one form.

use serde_json::{Value, json};

use crate::document::{Diagnostic, Diagnostics, Node};

/// Checks that arguments are a mapping. Models write them as lists, and as texts that hold JSON.
pub(super) fn arguments(node: &Node<'_>, problems: &mut Diagnostics) {
    let inner = match node.value {
        Value::Array(list) => match list.as_slice() {
            [one @ Value::Object(_)] => Some((one.clone(), "remove the brackets around it")),
            _ => None,
        },
        Value::String(text) => serde_json::from_str(text)
            .ok()
            .filter(Value::is_object)
            .map(|inner| (inner, "write the mapping itself, not a text that holds it")),
        _ => None,
    };
    let before = problems.len();
    if node.object(problems).is_some() {
        return;
    }
    let Some(problem) = problems.diagnostics_mut().get_mut(before) else {
        return;
    };
    let in_general = "write `{NAME: VALUE}`, with the names of the skill's arguments";
    let help = inner.as_ref().map_or(in_general, |(_, help)| *help);
    problem.help = Some(help.to_owned());
    problem.fix = inner.map(|(inner, _)| node.replace_with(&inner));
}

/// A list of texts.
pub(super) fn names(node: Option<Node<'_>>, problems: &mut Diagnostics) -> Vec<String> {
    if let Some(node) = &node
        && let Value::String(name) = node.value
    {
        let message = format!("`{}` must be a list, found text", node.name());
        problems.push(
            Diagnostic::error("wrong_type", node.place(), message)
                .help(format!("write it in brackets: `[{name}]`"))
                .expected("array")
                .got("string")
                .fix(node.replace_with(&json!([name]))),
        );
        return Vec::new();
    }
    let nodes = node
        .and_then(|node| node.list(problems))
        .unwrap_or_default();
    // An invalid name keeps its place, so that the indices of the others stay correct.
    let name = |node: &Node<'_>| {
        let name = node.string(problems);
        if name == Some("") {
            problems.push(
                Diagnostic::error("empty", node.place(), "a name is empty")
                    .help("write the name or the step_id of a step, or leave it out"),
            );
        }
        name.unwrap_or_default().to_owned()
    };
    nodes.iter().map(name).collect()
}
