//! Converts a document into a plan and collects all problems.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::graph::DependencyGraph;
use super::skill_ref::skill_ref;
use super::{chat_wrapper, retry, validate};
use crate::document::{Diagnostic, Diagnostics, Document, Fields, Location, Node, Source};
use crate::model::{ExecutionPlan, ExecutionStep, RiskLevel, StepOrder, StepType};

const ORDERS: [(&str, StepOrder); 2] = [
    ("sequence", StepOrder::Sequence),
    ("graph", StepOrder::Graph),
];

/// A loaded plan with all problems of the plan itself. Skills are checked later.
#[derive(Debug)]
pub struct LoadedPlan {
    /// The plan. Parts with problems hold defaults.
    pub plan: ExecutionPlan,
    /// The text with its spans. The data is released if it was read without a problem.
    pub document: Document,
    /// Which step waits for which.
    pub flow: DependencyGraph,
    /// Problems, sorted by location.
    pub problems: Diagnostics,
}

/// Reads `source` as a plan and checks all that can be checked without its skills.
pub fn load(source: Source) -> LoadedPlan {
    let (mut document, mut problems) = Document::parse(source);
    if let Some(problem) = chat_wrapper::mistaken(&document) {
        return LoadedPlan {
            plan: ExecutionPlan::default(),
            document,
            flow: DependencyGraph::default(),
            problems: problem.into(),
        };
    }
    chat_wrapper::hint_at_yaml(&document, &mut problems);
    // If the text can't be parsed, there is nothing more to check.
    let mut plan = if document.value.is_null() && !problems.is_empty() {
        None
    } else {
        plan(&Node::root(&document.value), &mut problems)
    };
    let is_read = problems.is_empty();
    if let Some(plan) = &mut plan {
        give_arguments(plan, &mut document.value, is_read);
        validate::check(plan, &mut problems);
    }
    if is_read {
        // From here on the arguments are no longer in the data.
        document.release();
    }
    let plan = plan.unwrap_or_default();
    let flow = DependencyGraph::bind(&plan, &mut problems);
    locate_steps(problems.diagnostics_mut());
    document.sort_and_dedup(&mut problems);
    LoadedPlan {
        plan,
        document,
        flow,
        problems,
    }
}

/// Sets the steps' arguments, which are most of a plan: moved out of `data` if they are no longer
/// needed there.
fn give_arguments(plan: &mut ExecutionPlan, data: &mut Value, may_take: bool) {
    let data = data.get_mut("steps").and_then(Value::as_array_mut);
    for (step, data) in plan.steps.iter_mut().zip(data.into_iter().flatten()) {
        if let Some(Value::Object(arguments)) = data.get_mut("arguments") {
            step.arguments = Arc::new(if may_take {
                std::mem::take(arguments)
            } else {
                arguments.clone()
            });
        }
    }
}

/// Fills in the step that a problem's pointer leads into.
fn locate_steps(problems: &mut [Diagnostic]) {
    for problem in problems {
        if let Location::Node(pointer, _) = &problem.location
            && let Some(rest) = pointer.strip_prefix("/steps/")
        {
            problem.step_index = rest.split('/').next().and_then(|index| index.parse().ok());
        }
    }
}

fn plan(root: &Node<'_>, problems: &mut Diagnostics) -> Option<ExecutionPlan> {
    let mut fields = root.fields(problems, "a plan")?;
    let text = |node: Option<Node<'_>>, problems: &mut Diagnostics| {
        node.and_then(|node| node.string(problems).map(str::to_owned))
    };
    let assistant_id = text(fields.get("assistant_id"), problems).unwrap_or_default();
    let reasoning = text(fields.get("reasoning"), problems);
    let id = text(fields.get("id"), problems);
    let parent_id = text(fields.get("parent_id"), problems);
    let timeout = fields
        .get("timeout")
        .and_then(|node| node.duration(problems));
    let order = fields
        .get("order")
        .and_then(|node| node.choice(problems, &ORDERS))
        .unwrap_or_default();
    let steps = fields.get("steps").and_then(|node| node.list(problems));
    let inputs = inputs(fields.get("inputs"), problems);
    fields.finish(problems);
    let steps = steps.unwrap_or_default();
    let steps = steps
        .iter()
        .enumerate()
        .map(|(index, node)| step(index, node, problems));
    let steps = steps.collect();
    Some(ExecutionPlan {
        assistant_id,
        steps,
        reasoning,
        id,
        parent_id,
        timeout,
        order,
        inputs,
    })
}

fn inputs(node: Option<Node<'_>>, problems: &mut Diagnostics) -> Map<String, Value> {
    let mut inputs = Map::new();
    for node in node
        .and_then(|node| node.entries(problems))
        .unwrap_or_default()
    {
        let name = node.name();
        if name.is_empty() || name.contains('.') {
            let message = format!("invalid input name `{name}`");
            problems.push(
                Diagnostic::error("input", Location::key(&node.pointer), message)
                    .help("a name is not empty and contains no `.`, which separates fields"),
            );
        } else if let Some(schema) = schema(&node, problems) {
            inputs.insert(name, schema);
        }
    }
    inputs
}

/// A JSON Schema: a mapping, or true or false.
fn schema(node: &Node<'_>, problems: &mut Diagnostics) -> Option<Value> {
    matches!(node.value, Value::Bool(_))
        .then(|| node.value.clone())
        .or_else(|| node.object(problems).cloned().map(Value::Object))
}

/// Reads one step. What can't be read gets OpenBotStack's zero value, which OpenBotStack's own
/// checks report.
fn step(index: usize, node: &Node<'_>, problems: &mut Diagnostics) -> ExecutionStep {
    let mut step = ExecutionStep::default();
    let Some(mut fields) = node.fields(problems, "a step") else {
        return step;
    };
    if let Some(name) = name(index, &mut fields, problems) {
        name.clone_into(&mut step.name);
    }
    if let Some(step_type) = step_type(index, &mut fields, problems) {
        step.step_type = step_type;
    }
    step.step_id = fields
        .get("step_id")
        .and_then(|node| step_id(&node, problems));
    step.skill = fields
        .get("skill")
        .and_then(|node| skill_ref(&node, problems));
    step.timeout = step_timeout(&mut fields, problems);
    step.continue_on_error = fields
        .get("continue_on_error")
        .and_then(|node| node.boolean(problems))
        .unwrap_or_default();
    step.output_schema = fields
        .get("output_schema")
        .and_then(|node| schema(&node, problems));
    step.expected_output = fields
        .get("expected_output")
        .and_then(|node| node.string(problems).map(str::to_owned));
    step.has_plain_arguments = fields
        .get("references")
        .and_then(|node| node.boolean(problems))
        == Some(false);
    // They are given to it later.
    if let Some(arguments) = fields.get("arguments") {
        arguments.object(problems);
    }
    step.depends_on = names(fields.get("depends_on"), problems);
    step.parallel_group = fields
        .get("parallel_group")
        .and_then(|node| node.string(problems).map(str::to_owned));
    step.runs_alone = fields
        .get("parallelizable")
        .and_then(|node| node.boolean(problems))
        == Some(false);
    step.retry = fields
        .get("retry")
        .and_then(|node| retry::retry(&node, problems))
        .map(Box::new);
    step.risk_level = fields
        .get("risk_level")
        .and_then(|node| node.choice(problems, &RiskLevel::WORDS));
    fields.finish(problems);
    step
}

fn name<'d>(index: usize, fields: &mut Fields<'d>, problems: &mut Diagnostics) -> Option<&'d str> {
    let node = fields.get("name");
    if let Some(node) = &node {
        match node.string(problems) {
            Some("") => {}
            other => return other,
        }
    }
    let place = node.map_or_else(|| fields.node.place(), |node| node.place());
    problems.push(
        Diagnostic::error("empty_name", place, format!("step {index} has empty name"))
            .help("add `name:` with the id of the skill to call"),
    );
    None
}

fn step_type(
    index: usize,
    fields: &mut Fields<'_>,
    problems: &mut Diagnostics,
) -> Option<StepType> {
    let node = fields.get("type");
    let text = match &node {
        Some(node) => node.string(problems)?,
        None => "",
    };
    let step_type = match text {
        "skill" => return Some(StepType::Skill),
        "tool" => return Some(StepType::Tool),
        other => other,
    };
    let message = format!("step {index} has invalid type: {step_type}");
    let place = node.map_or_else(|| fields.node.place(), |node| node.place());
    problems.push(
        Diagnostic::error("invalid_type", place, message)
            .help("write `type: skill` or `type: tool`")
            .expected(["skill", "tool"].as_slice())
            .got(step_type),
    );
    None
}

fn step_id(node: &Node<'_>, problems: &mut Diagnostics) -> Option<String> {
    let text = node.string(problems)?;
    if text.is_empty() || matches!(text, "inputs" | "item") {
        let message = if text.is_empty() {
            "`step_id` is empty".to_owned()
        } else {
            format!("the step_id `{text}` is a reserved word")
        };
        problems.push(
            Diagnostic::error("step_id", node.place(), message)
                .help("give the step another step_id"),
        );
        return None;
    }
    Some(text.to_owned())
}

/// A list of texts.
fn names(node: Option<Node<'_>>, problems: &mut Diagnostics) -> Vec<String> {
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

/// `timeout` with a unit, or OpenBotStack's `timeout_ms`.
fn step_timeout(fields: &mut Fields<'_>, problems: &mut Diagnostics) -> Option<Duration> {
    let timeout = fields.get("timeout");
    let timeout_ms = fields.get("timeout_ms");
    if timeout.is_some() && timeout_ms.is_some() {
        problems.push(
            Diagnostic::error(
                "two_timeouts",
                fields.place_of_key("timeout_ms"),
                "the step has both `timeout` and `timeout_ms`",
            )
            .help("keep one of the two"),
        );
    }
    let from_ms = timeout_ms
        .and_then(|node| node.integer(problems, 1))
        .map(Duration::from_millis);
    match timeout {
        Some(node) => node.duration(problems),
        None => from_ms.map(|timeout| timeout.min(crate::model::MAX_DURATION)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_in_the_arguments_has_its_place_whatever_else_is_wrong() {
        let step = r#"{"name": "a", "type": "tool", "arguments": {"x": "{{nope}}"}}"#;
        let told_by_the_check = format!(r#"{{"assistant_id": "", "steps": [{step}]}}"#);
        let told_when_read = format!(r#"{{"assistant_id": 1, "steps": [{step}]}}"#);
        let told_alone = format!(r#"{{"assistant_id": "a", "steps": [{step}]}}"#);
        for (text, others) in [(told_by_the_check, 1), (told_when_read, 1), (told_alone, 0)] {
            let source = Source::from_bytes("plan.json".to_owned(), text.clone().into_bytes());
            let loaded = load(source.unwrap());
            let places = loaded.problems.iter();
            let places = places.map(|problem| &text[loaded.document.bytes_of(&problem.location)]);
            let places: Vec<_> = places.collect();
            let in_arguments = places.iter().filter(|place| **place == r#""{{nope}}""#);
            assert_eq!(in_arguments.count(), 1, "{places:?}");
            assert!(places.len() > others, "{text}");
        }
    }
}
