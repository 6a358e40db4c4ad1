//! The steps as data: which one waits for which.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::GraphView;
use crate::model::{Escaped, ExecutionPlan, ExecutionStep};
use crate::plan::DependencyGraph;

/// A row for each step, in plan order. Steps of one level may run at the same time.
pub(super) fn rows(
    plan: &ExecutionPlan,
    flow: &DependencyGraph,
    picture: &GraphView,
) -> Vec<Value> {
    let ids = |steps: &[usize]| -> Vec<&str> {
        let steps = steps.iter().map(|step| &plan.steps[*step]);
        steps.map(ExecutionStep::id_or_name).collect()
    };
    let levels = levels(picture);
    let row = |index: usize| {
        let (step, waits) = (&plan.steps[index], &flow.steps[index]);
        let taken = [waits.inputs_from.as_slice(), &waits.optional_from].concat();
        let mut row = json!({
            "step_index": index,
            "step_id": step.id_or_name(),
            "skill_id": step.skill_id(),
            "approval_message": step.approval,
            "level": levels[index],
            "inputs_from": ids(&taken),
            "depends_on": ids(&waits.depends_on),
            "conditions_on": ids(&waits.conditions_on),
            "when": step.when.iter().map(|condition| &condition.written).collect::<Vec<_>>(),
        });
        if step.for_each.is_some() {
            row["for_each"] = json!(true);
        }
        if picture.finally.contains(&index) {
            row["finally"] = json!(true);
            row["undoes"] = json!(ids(&waits.undoes));
        }
        row
    };
    (0..plan.steps.len()).map(row).collect()
}

/// The rows as a table.
pub(super) fn table(plan: &ExecutionPlan, picture: &GraphView) -> String {
    let levels = levels(picture);
    let mut waits_for: Vec<Vec<String>> = vec![Vec::new(); picture.names.len()];
    for edge in &picture.edges {
        waits_for[edge.to].push(picture.name_of(edge));
    }
    let skill = |step: usize| Escaped(plan.steps[step].skill_id()).to_string();
    let rows = (0..picture.names.len()).map(|step| {
        let mut waits = waits_for[step].join(", ");
        if picture.finally.contains(&step) {
            let also = if waits.is_empty() { "" } else { ": " };
            waits = format!("finally{also}{waits}");
        }
        [
            levels[step].to_string(),
            picture.names[step].clone(),
            skill(step),
            waits,
        ]
    });
    let header = ["LEVEL", "STEP", "SKILL", "WAITS FOR"].map(str::to_owned);
    let rows: Vec<[String; 4]> = std::iter::once(header).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths = [0, 1, 2].map(|column| width(column).unwrap_or_default());
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        // Writing to a String can't fail.
        for (cell, width) in row.iter().zip(widths) {
            write!(line, "{cell:<width$}  ").ok();
        }
        line.push_str(&row[3]);
        writeln!(text, "{}", line.trim_end()).ok();
    }
    text
}

/// The level of each step, from 0.
fn levels(picture: &GraphView) -> Vec<usize> {
    let mut levels = vec![0; picture.names.len()];
    for (level, band) in picture.bands.iter().enumerate() {
        for step in &band.steps {
            levels[*step] = level;
        }
    }
    for (at, step) in picture.finally.clone().enumerate() {
        levels[step] = picture.bands.len() + at;
    }
    levels
}
