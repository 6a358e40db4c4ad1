//! Converts a document into a plan and collects all problems.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::graph::DependencyGraph;
use super::reference::RESERVED_WORDS;
use super::skill_ref::skill_ref;
use super::step_fields::{arguments, names};
use super::{
    approval, chat_wrapper, finally, for_each, foreign_keys, retry, structure, validate, when,
};
use crate::document::{
    Diagnostic, Diagnostics, Document, Fields, Location, Node, Shape, Source, nearest,
};
use crate::model::{ExecutionPlan, ExecutionStep, ForEach, RiskLevel, StepOrder, StepType};

const ORDERS: [(&str, StepOrder); 2] = [
    ("sequence", StepOrder::Sequence),
    ("graph", StepOrder::Graph),
];

const PLAN: Shape = Shape {
    meaning: foreign_keys::in_plan,
    ..Shape::new(
        "a plan",
        &[
            "assistant_id",
            "reasoning",
            "id",
            "parent_id",
            "timeout",
            "order",
            "steps",
            "finally",
            "inputs",
        ],
    )
};

/// A step of a graph.
const STEP: Shape = Shape {
    meaning: foreign_keys::in_step,
    ..Shape::new(
        "a step",
        &[
            "name",
            "type",
            "step_id",
            "skill",
            "timeout",
            "timeout_ms",
            "continue_on_error",
            "output_schema",
            "expected_output",
            "references",
            "arguments",
            "for_each",
            "depends_on",
            "when",
            "parallel_group",
            "parallelizable",
            "undoes",
            "retry",
            "risk_level",
            "approval",
        ],
    )
};

const STEP_IN_SEQUENCE: Shape = Shape {
    note: |key| (key == "depends_on").then_some(", with `order: graph` in the plan"),
    ..STEP
};

const STEP_IN_FINALLY: Shape = Shape {
    what: "a `finally` step",
    meaning: finally::meaning,
    ..STEP
};

/// The list that a step is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StepList {
    Sequence,
    Graph,
    Finally,
}

impl StepList {
    fn shape(self) -> &'static Shape {
        match self {
            Self::Sequence => &STEP_IN_SEQUENCE,
            Self::Graph => &STEP,
            Self::Finally => &STEP_IN_FINALLY,
        }
    }

    /// The step at `index` of this list, in words.
    fn words(self, index: usize) -> String {
        match self {
            Self::Sequence | Self::Graph => format!("step {index}"),
            Self::Finally => format!("`finally` step {index}"),
        }
    }
}

/// A loaded plan with all problems of the plan itself. Skills are checked later.
#[derive(Debug)]
pub struct LoadedPlan {
    /// The plan. Parts with problems hold defaults.
    pub plan: ExecutionPlan,
    /// The text with its spans. The data is released if it was read without a problem.
    pub document: Document,
    /// Which step waits for which.
    pub flow: DependencyGraph,
    /// The steps, by index, whose arguments are there but can't be read: what they lack is not known.
    pub unread_arguments: HashSet<usize>,
    /// Problems, sorted by location.
    pub problems: Diagnostics,
}

impl LoadedPlan {
    /// Hides values from all messages about the plan, by their pointers, which may have keys as
    /// they were read.
    pub(crate) fn hide(&mut self, pointers: impl IntoIterator<Item = String>) {
        let problems = &self.problems;
        let pointers = pointers.into_iter();
        let written = pointers.map(|pointer| problems.as_written(&pointer).into_owned());
        self.document.hide(written);
    }
}

/// Reads `source` as a plan and checks all that can be checked without its skills.
pub fn load(source: Source) -> LoadedPlan {
    let (mut document, mut problems) = Document::parse(source);
    if let Some(problem) = chat_wrapper::mistaken(&document) {
        return unread(document, problem);
    }
    if let Some((problem, hidden)) = structure::mistaken(&document) {
        document.hide(hidden);
        return unread(document, problem);
    }
    chat_wrapper::hint_at_yaml(&document, &mut problems);
    // If the text can't be parsed, there is nothing more to check.
    let mut plan = if document.value.is_null() && !problems.is_empty() {
        None
    } else {
        plan(&Node::root(&document.value), &mut problems)
    };
    let is_read = problems.is_empty();
    let mut unread_arguments = HashSet::new();
    if let Some(plan) = &mut plan {
        for list in ["/steps", "/finally"] {
            let list = problems.as_written(list);
            if let Some(Value::Object(map)) = document.value.pointer(&list) {
                // Its arguments are not known as such.
                document.hide(structure::hidden_of_mapping(&list, map));
            }
        }
        if is_read {
            give_arguments(plan, &mut document.value);
        } else {
            unread_arguments = copy_arguments(plan, &document.value, &problems);
        }
        validate::check(plan, &mut problems);
    }
    if is_read {
        // From here on the arguments are no longer in the data.
        document.release();
    }
    let plan = plan.unwrap_or_default();
    let flow = DependencyGraph::bind(&plan, &mut problems);
    document.sort_and_dedup(&mut problems);
    locate_steps(plan.finally_from(), &mut problems);
    LoadedPlan {
        plan,
        document,
        flow,
        unread_arguments,
        problems,
    }
}

/// A text that holds no plan, for one reason.
fn unread(document: Document, problem: Diagnostic) -> LoadedPlan {
    LoadedPlan {
        plan: ExecutionPlan::default(),
        document,
        flow: DependencyGraph::default(),
        unread_arguments: HashSet::new(),
        problems: problem.into(),
    }
}

/// Moves the steps' arguments, which are most of a plan, out of `data`.
fn give_arguments(plan: &mut ExecutionPlan, data: &mut Value) {
    let finally_from = plan.finally_from();
    let (steps, finally) = plan.steps.split_at_mut(finally_from);
    for (key, steps) in [("steps", steps), ("finally", finally)] {
        let data = data.get_mut(key).and_then(Value::as_array_mut);
        for (step, data) in steps.iter_mut().zip(data.into_iter().flatten()) {
            if let Some(Value::Object(arguments)) = data.get_mut("arguments") {
                step.arguments = Arc::new(std::mem::take(arguments));
            }
        }
    }
}

/// Copies the steps' arguments of a plan with problems. Returns the steps, by index, whose arguments
/// are no mapping.
fn copy_arguments(
    plan: &mut ExecutionPlan,
    data: &Value,
    problems: &Diagnostics,
) -> HashSet<usize> {
    let mut unread = HashSet::new();
    for index in 0..plan.steps.len() {
        let pointer = plan.pointer(index) + "/arguments";
        match data.pointer(&problems.as_written(&pointer)) {
            Some(Value::Object(arguments)) => {
                plan.steps[index].arguments = Arc::new(arguments.clone());
            }
            None | Some(Value::Null) => {}
            Some(_) => {
                unread.insert(index);
            }
        }
    }
    unread
}

/// Fills in the step that a problem's pointer leads into.
fn locate_steps(finally_from: usize, problems: &mut Diagnostics) {
    let lists = [("/steps", 0), ("/finally", finally_from)];
    let lists = lists.map(|(list, first)| (problems.as_written(list).into_owned() + "/", first));
    for problem in problems.diagnostics_mut() {
        let Location::Node(pointer, _) = &problem.location else {
            continue;
        };
        let index = lists.iter().find_map(|(list, first)| {
            let index = pointer.strip_prefix(list)?.split('/').next()?;
            Some(first + index.parse::<usize>().ok()?)
        });
        problem.step_index = index.or(problem.step_index);
    }
}

fn plan(root: &Node<'_>, problems: &mut Diagnostics) -> Option<ExecutionPlan> {
    let mut fields = root.fields(problems, &PLAN)?;
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
    let steps = fields
        .get("steps")
        .and_then(|node| step_nodes(&node, problems));
    let finally = fields
        .get("finally")
        .and_then(|node| step_nodes(&node, problems));
    let inputs = inputs(fields.get("inputs"), problems);
    fields.finish(problems);
    let list = match order {
        StepOrder::Sequence => StepList::Sequence,
        StepOrder::Graph => StepList::Graph,
    };
    let (steps, finally) = (steps.unwrap_or_default(), finally.unwrap_or_default());
    let (nodes, finally_nodes) = (steps.iter().enumerate(), finally.iter().enumerate());
    let nodes = nodes.map(|(index, node)| (index, node, list));
    let nodes = nodes.chain(finally_nodes.map(|(index, node)| (index, node, StepList::Finally)));
    let steps = nodes.map(|(index, node, list)| step(index, node, list, problems));
    let steps = steps.collect();
    Some(ExecutionPlan {
        assistant_id,
        steps,
        finally_count: finally.len(),
        reasoning,
        id,
        parent_id,
        timeout,
        order,
        inputs,
    })
}

/// The list of steps.
fn step_nodes<'d>(node: &Node<'d>, problems: &mut Diagnostics) -> Option<Vec<Node<'d>>> {
    let Value::Object(map) = node.value else {
        return node.list(problems);
    };
    let help = if structure::is_step(map) {
        "write the step in brackets, as a list of one: `[…]`"
    } else {
        "write a list with one `- name: …` for each step"
    };
    let message = format!("`{}` must be a list, found a mapping", node.name());
    problems.push(
        Diagnostic::error("wrong_type", node.place(), message)
            .help(help)
            .expected("array")
            .got("object"),
    );
    None
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
fn step(
    index: usize,
    node: &Node<'_>,
    list: StepList,
    problems: &mut Diagnostics,
) -> ExecutionStep {
    let mut step = ExecutionStep::default();
    if node.value.is_string() {
        let message = "a step must be a mapping, found text";
        problems.push(
            Diagnostic::error("wrong_type", node.place(), message)
                .help("write `{name: …, type: skill}` with the id of the skill as the name")
                .expected("object")
                .got("string"),
        );
        return step;
    }
    let Some(mut fields) = node.fields(problems, list.shape()) else {
        return step;
    };
    let words = list.words(index);
    if let Some(name) = name(&words, &mut fields, problems) {
        name.clone_into(&mut step.name);
    }
    step.step_type = step_type(&words, &mut fields, problems);
    step.step_id = fields
        .get("step_id")
        .and_then(|node| step_id(&node, problems));
    step.skill = fields
        .get("skill")
        .and_then(|node| skill_ref(&node, problems));
    step.timeout = step_timeout(&mut fields, problems);
    outcome(&mut step, &mut fields, problems);
    step.has_plain_arguments = fields
        .get("references")
        .and_then(|node| node.boolean(problems))
        == Some(false);
    // They are given to it later.
    if let Some(node) = fields.get("arguments") {
        arguments(&node, problems);
    }
    step.for_each = fields
        .get("for_each")
        .map(|node| Box::new(for_each::for_each(&node, problems)));
    if step.for_each.is_none() && fields.is_renamed("for_each") {
        // The problem of the key says what to write.
        step.for_each = Some(Box::new(ForEach::new(None)));
    }
    order(&mut step, &mut fields, list, problems);
    step.risk_level = fields
        .get("risk_level")
        .and_then(|node| node.choice(problems, &RiskLevel::WORDS));
    step.approval = fields
        .get("approval")
        .and_then(|node| approval::approval(&node, problems));
    fields.finish(problems);
    step
}

/// Which steps run before this one, and which with it.
fn order(
    step: &mut ExecutionStep,
    fields: &mut Fields<'_>,
    list: StepList,
    problems: &mut Diagnostics,
) {
    step.depends_on = names(fields.get("depends_on"), problems);
    if list == StepList::Sequence && fields.is_renamed("depends_on") {
        // The problem of the key says what a sequence lacks.
        step.depends_on.clear();
    }
    if let Some(node) = fields.get("when") {
        step.when = when::conditions(&node, problems);
    }
    step.parallel_group = fields
        .get("parallel_group")
        .and_then(|node| node.string(problems).map(str::to_owned));
    step.runs_alone = fields
        .get("parallelizable")
        .and_then(|node| node.boolean(problems))
        == Some(false);
    step.undoes = names(fields.get("undoes"), problems);
    if list == StepList::Finally {
        finally::refuse_order(step, fields, problems);
    }
}

/// What comes out of a step, and what is done when it fails.
fn outcome(step: &mut ExecutionStep, fields: &mut Fields<'_>, problems: &mut Diagnostics) {
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
    step.retry = fields
        .get("retry")
        .and_then(|node| retry::retry(&node, problems))
        .map(Box::new);
}

fn name<'d>(words: &str, fields: &mut Fields<'d>, problems: &mut Diagnostics) -> Option<&'d str> {
    let node = fields.get("name");
    if let Some(node) = &node {
        match node.string(problems) {
            Some("") => {}
            Some(word) if RESERVED_WORDS.contains(&word) => {
                let message = format!("the name `{word}` is a reserved word");
                let help = format!(
                    "write another name, and `skill: {word}` if that is the id of the skill"
                );
                problems.push(Diagnostic::error("name", node.place(), message).help(help));
                return Some(word);
            }
            other => return other,
        }
    }
    if fields.is_renamed("name") {
        return None;
    }
    let place = node.map_or_else(|| fields.node.place(), |node| node.place());
    problems.push(
        Diagnostic::error("empty_name", place, format!("{words} has empty name"))
            .help("add `name:` with the id of the skill to call"),
    );
    None
}

/// The type; `None` without one, which is then the kind of the skill.
fn step_type(words: &str, fields: &mut Fields<'_>, problems: &mut Diagnostics) -> Option<StepType> {
    let node = fields.get("type")?;
    let text = node.string(problems)?;
    let types = [StepType::Skill, StepType::Tool];
    if let Some(exact) = types.into_iter().find(|kind| kind.as_str() == text) {
        return Some(exact);
    }
    let message = format!("{words} has invalid type: {text}");
    let problem = Diagnostic::error("invalid_type", node.place(), message)
        .expected(["skill", "tool"].as_slice())
        .got(text);
    let near = nearest(text, types.map(StepType::as_str));
    problems.push(match near {
        Some(near) => problem
            .help(format!("write `type: {near}`"))
            .fix(node.replace_with(&json!(near))),
        None => problem.help("write `type: skill` or `type: tool`, as the manifest's `kind`"),
    });
    None
}

fn step_id(node: &Node<'_>, problems: &mut Diagnostics) -> Option<String> {
    let text = node.string(problems)?;
    if text.is_empty() || RESERVED_WORDS.contains(&text) {
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
        let named = r#"{"nane": "a", "type": "tool", "args": {"x": "{{nope}}"}}"#;
        let told_by_the_check = format!(r#"{{"assistant_id": "", "steps": [{step}]}}"#);
        let told_when_read = format!(r#"{{"assistant_id": 1, "steps": [{step}]}}"#);
        let told_alone = format!(r#"{{"assistant_id": "a", "steps": [{step}]}}"#);
        let told_of_keys = format!(r#"{{"assistant_id": "a", "stepss": [{named}]}}"#);
        for (text, others) in [
            (told_by_the_check, 1),
            (told_when_read, 1),
            (told_alone, 0),
            (told_of_keys, 3),
        ] {
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
