//! A plain tree, for the terminal.

use std::fmt::Write as _;

use super::{GraphView, StepEdge};
use crate::model::Escaped;

/// How many of the steps that one waits for are named.
const MAX_NAMED: usize = 8;

/// The picture as a tree of what runs one after the other and what runs together.
pub(super) fn text(picture: &GraphView, plan: &str) -> String {
    let mut waits_for: Vec<Vec<&StepEdge>> = Vec::new();
    waits_for.resize_with(picture.steps.len(), Vec::new);
    for edge in &picture.edges {
        waits_for[edge.to].push(edge);
    }
    let line = |step: usize| {
        let names = waits_for[step].iter().take(MAX_NAMED);
        let names: Vec<String> = names.map(|edge| picture.name_of(edge)).collect();
        let more = match waits_for[step].len().saturating_sub(MAX_NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        match names.as_slice() {
            [] => picture.steps[step].clone(),
            names => format!("{} ← {}{more}", picture.steps[step], names.join(", ")),
        }
    };
    let mut text = format!("{}\n", Escaped(plan));
    let bands = picture.bands.iter();
    let bands = bands.map(|band| (band.name.as_deref(), band.steps.as_slice()));
    let finally: Vec<usize> = picture.finally.clone().collect();
    let finally = Some((Some("finally"), finally.as_slice()));
    let bands: Vec<_> = bands
        .chain(finally.filter(|(_, steps)| !steps.is_empty()))
        .collect();
    let last_band = bands.len().saturating_sub(1);
    for (at, (name, steps)) in bands.into_iter().enumerate() {
        let (branch, below) = branches(at == last_band);
        // Writing to a String can't fail.
        let Some(name) = name else {
            for step in steps {
                writeln!(text, "{branch}{}", line(*step)).ok();
            }
            continue;
        };
        writeln!(text, "{branch}{name}").ok();
        for (at, step) in steps.iter().enumerate() {
            let (branch, _) = branches(at + 1 == steps.len());
            writeln!(text, "{below}{branch}{}", line(*step)).ok();
        }
    }
    text
}

/// The branch to an entry, and what stands before those below it.
fn branches(is_last: bool) -> (&'static str, &'static str) {
    if is_last {
        ("└─ ", "   ")
    } else {
        ("├─ ", "│  ")
    }
}
