//! `obs graph`: which step waits for which, as a picture.
//!
//! Invariant: a name of the plan is text in every form, never syntax; a picture is as long as its
//! plan. Solid lines carry what a step gives, dashed ones only say who comes first.

mod dot;
mod mermaid;
mod rows;
mod tree;

use std::collections::BTreeSet;
use std::ops::Range;

use serde_json::json;

use super::args::{DataFormat, GraphArgs, GraphFormat};
use super::data;
use super::error::ErrorKind;
use super::exit_code;
use super::printer::Printer;
use super::problems::{self, FileReport};
use crate::document::Source;
use crate::model::{Escaped, ExecutionPlan, StepOrder};
use crate::plan::{self, DependencyGraph};
use crate::prove::hide_all_arguments;

/// Runs the verb.
pub(super) fn graph(args: &GraphArgs, printer: &Printer) -> u8 {
    let source = match Source::read(&args.plan, args.max_plan_size) {
        Ok(source) => source,
        Err(error) => {
            let finding = FileReport::Unread(&error);
            printer.eprint(finding.text(printer.stderr_look()).trim_end());
            return ErrorKind::of_file(error.is_unreadable()).exit_code();
        }
    };
    let mut loaded = plan::load(source);
    hide_all_arguments(&mut loaded);
    let (document, problems) = (&loaded.document, &loaded.problems);
    if problems.has_errors() {
        let finding = FileReport::Read { document, problems };
        let name = &document.source.name;
        printer.eprint(finding.text(printer.stderr_look()).trim_end());
        let counts = problems::counts(&[finding]);
        printer.error(&format!("can't show the graph of `{name}`: {counts}"));
        return exit_code::INVALID;
    }
    let picture = GraphView::new(&loaded.plan, &loaded.flow);
    let data_format = match args.format {
        GraphFormat::Table => DataFormat::Table,
        GraphFormat::Json => DataFormat::Json,
        GraphFormat::Jsonl => DataFormat::Jsonl,
        GraphFormat::Mermaid => return draw(&mermaid::text(&picture), printer),
        GraphFormat::Dot => return draw(&dot::text(&picture), printer),
        GraphFormat::Tree => return draw(&tree::text(&picture, &document.source.name), printer),
    };
    let steps = rows::rows(&loaded.plan, &loaded.flow, &picture);
    let whole = json!({"order": loaded.flow.order, "steps": steps});
    let table = || rows::table(&loaded.plan, &picture);
    data::print(&whole, &steps, table, data_format, printer);
    exit_code::SUCCESS
}

fn draw(picture: &str, printer: &Printer) -> u8 {
    printer.print(picture);
    exit_code::SUCCESS
}

/// What there is to draw.
struct GraphView {
    /// The steps by index: what they are called, escaped.
    names: Vec<String>,
    /// The same, with the skill where that is another word, and whether the plan asks a person.
    steps: Vec<String>,
    /// Steps that belong together, one after the other; in a graph they are levels.
    bands: Vec<Level>,
    /// The `finally` steps, which run one after the other at the end.
    finally: Range<usize>,
    order: StepOrder,
    edges: Vec<StepEdge>,
}

/// A step that waits for another.
struct StepEdge {
    from: usize,
    to: usize,
    /// It takes what that one gives.
    takes: bool,
    /// Its conditions are about that one.
    is_tested: bool,
}

impl StepEdge {
    /// What stands beside the line.
    fn label(&self) -> Option<&'static str> {
        self.is_tested.then_some("when")
    }
}

/// Steps that may run at the same time.
struct Level {
    /// What they are called together, escaped; `None` for a step by itself.
    name: Option<String>,
    steps: Vec<usize>,
}

impl GraphView {
    fn new(plan: &ExecutionPlan, flow: &DependencyGraph) -> Self {
        let label = |step: &crate::model::ExecutionStep| {
            let label = Escaped(step.id_or_name()).to_string();
            let label = match step.skill_id() {
                skill if skill == step.id_or_name() => label,
                skill => format!("{label} · {}", Escaped(skill)),
            };
            let each = if step.for_each.is_some() {
                " (for each item)"
            } else {
                ""
            };
            let approval = if step.approval.is_some() {
                " (approval)"
            } else {
                ""
            };
            label + each + approval
        };
        let mut edges = Vec::new();
        for (step, waits) in flow.steps.iter().enumerate() {
            let taken = waits.inputs_from.iter().chain(&waits.optional_from);
            let taken: BTreeSet<usize> = taken.copied().collect();
            let all: BTreeSet<usize> = waits.targets().collect();
            let (first, then) = all
                .into_iter()
                .partition::<Vec<_>, _>(|from| taken.contains(from));
            edges.extend(first.into_iter().chain(then).map(|from| StepEdge {
                from,
                to: step,
                takes: taken.contains(&from),
                is_tested: waits.conditions_on.contains(&from),
            }));
        }
        let bands = match flow.order {
            StepOrder::Sequence => flow.stages.iter().map(|stage| group(plan, stage)).collect(),
            StepOrder::Graph => levels(flow),
        };
        Self {
            names: plan
                .steps
                .iter()
                .map(|step| Escaped(step.id_or_name()).to_string())
                .collect(),
            steps: plan.steps.iter().map(label).collect(),
            bands,
            finally: flow.finally_from..flow.steps.len(),
            order: flow.order,
            edges,
        }
    }

    /// `finally` steps that follow each other.
    fn finally_successions(&self) -> impl Iterator<Item = (usize, usize)> {
        let steps = self.finally.clone();
        steps.clone().zip(steps.skip(1))
    }

    /// The name of the step that another one waits for, with what the line says.
    fn name_of(&self, edge: &StepEdge) -> String {
        let name = &self.names[edge.from];
        match edge.label() {
            Some(label) => format!("{name} ({label})"),
            None => name.clone(),
        }
    }

    /// Bands that follow each other by the plan's order alone.
    fn successions(&self) -> impl Iterator<Item = (&Level, &Level)> {
        let is_ordered = self.order == StepOrder::Sequence;
        let pairs = self.bands.iter().zip(self.bands.iter().skip(1));
        pairs.filter(move |_| is_ordered)
    }
}

fn group(plan: &ExecutionPlan, stage: &Range<usize>) -> Level {
    let name = plan.steps[stage.start].group().filter(|_| stage.len() > 1);
    Level {
        name: name.map(|name| Escaped(name).to_string()),
        steps: stage.clone().collect(),
    }
}

/// The steps of a graph by the longest way to them.
fn levels(flow: &DependencyGraph) -> Vec<Level> {
    let waits = |step: usize| flow.steps[step].targets();
    let mut followers: Vec<Vec<usize>> = vec![Vec::new(); flow.finally_from];
    let mut open = vec![0_usize; flow.finally_from];
    for (step, open) in open.iter_mut().enumerate() {
        for target in waits(step) {
            followers[target].push(step);
            *open += 1;
        }
    }
    let mut bands: Vec<Level> = Vec::new();
    let mut level: Vec<usize> = (0..open.len()).filter(|step| open[*step] == 0).collect();
    while !level.is_empty() {
        let mut next = Vec::new();
        for follower in level.iter().flat_map(|step| &followers[*step]) {
            open[*follower] -= 1;
            if open[*follower] == 0 {
                next.push(*follower);
            }
        }
        level.sort_unstable();
        let count = level.len();
        bands.push(Level {
            name: (count > 1).then(|| format!("{count} steps")),
            steps: level,
        });
        level = next;
    }
    bands
}
