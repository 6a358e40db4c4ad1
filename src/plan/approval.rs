//! `approval` of a step.

use serde_json::json;

use super::foreign_keys;
use crate::document::{Diagnostic, Diagnostics, Node, Shape};

const APPROVAL: Shape = Shape {
    meaning: foreign_keys::in_approval,
    ..Shape::new("`approval`", &["message"])
};

const HELP: &str = "write `approval: {message: TEXT}`, with what the person should know";

/// Reads `approval` of a step: the message for the person who is asked.
pub(super) fn approval(node: &Node<'_>, problems: &mut Diagnostics) -> Option<String> {
    if let Some(text) = node.value.as_str() {
        let fix = (!text.is_empty()).then(|| node.replace_with(&json!({ "message": text })));
        let mut problem = Diagnostic::error(
            "wrong_type",
            node.place(),
            "`approval` must be a mapping, found text",
        );
        problem = problem.help(HELP).expected("object").got("string");
        problem.fix = fix;
        problems.push(problem);
        return None;
    }
    let before = problems.len();
    let Some(mut fields) = node.fields(problems, &APPROVAL) else {
        if let Some(problem) = problems.diagnostics_mut().get_mut(before) {
            problem.help = Some(HELP.to_owned());
        }
        return None;
    };
    let message = fields.get("message");
    let is_missing = message.is_none() && !fields.is_renamed("message");
    let text = message
        .as_ref()
        .and_then(|message| message.string(problems).map(str::to_owned));
    let place = message.map_or_else(|| node.place(), |message| message.place());
    fields.finish(problems);
    let problem = match &text {
        None if is_missing => {
            Diagnostic::error("approval", place, "`approval` has no `message`").help(HELP)
        }
        Some(text) if text.trim().is_empty() => {
            Diagnostic::error("approval", place, "the message is empty").help(HELP)
        }
        Some(text) if text.contains("{{") => {
            Diagnostic::error("reference", place, "a message holds no references")
                .help("leave out `{{…}}`: the person who is asked sees all arguments of the step")
        }
        _ => return text,
    };
    problems.push(problem);
    None
}
