//! Mermaid, which GitHub, GitLab and many editors draw.

use std::fmt::Write as _;

use super::{GraphView, Level};
use crate::model::StepOrder;

/// The picture as a flowchart.
pub(super) fn text(picture: &GraphView) -> String {
    let mut text = String::from("flowchart TD\n");
    // Writing to a String can't fail.
    for band in &picture.bands {
        let node = |step: &usize| format!("s{step}[\"{}\"]", quoted(&picture.steps[*step]));
        match group_of(band, picture) {
            Some(name) => {
                writeln!(
                    text,
                    "    subgraph {} [\"{}\"]",
                    id(band, picture),
                    quoted(name)
                )
                .ok();
                for step in &band.steps {
                    writeln!(text, "        {}", node(step)).ok();
                }
                text.push_str("    end\n");
            }
            None => {
                for step in &band.steps {
                    writeln!(text, "    {}", node(step)).ok();
                }
            }
        }
    }
    if !picture.finally.is_empty() {
        text.push_str("    subgraph finally\n");
        for step in picture.finally.clone() {
            let label = quoted(&picture.steps[step]);
            writeln!(text, "        s{step}[\"{label}\"]").ok();
        }
        text.push_str("    end\n");
    }
    for (before, after) in picture.finally_successions() {
        writeln!(text, "    s{before} -.-> s{after}").ok();
    }
    for (before, after) in picture.successions() {
        writeln!(
            text,
            "    {} -.-> {}",
            id(before, picture),
            id(after, picture)
        )
        .ok();
    }
    for edge in &picture.edges {
        let arrow = if edge.takes { "-->" } else { "-.->" };
        let label = edge.label().map(|label| format!("|{label}|"));
        let label = label.unwrap_or_default();
        writeln!(text, "    s{} {arrow}{label} s{}", edge.from, edge.to).ok();
    }
    text
}

/// The name of a band that is drawn as a box: a group of a sequence.
fn group_of<'b>(band: &'b Level, picture: &GraphView) -> Option<&'b str> {
    band.name
        .as_deref()
        .filter(|_| picture.order == StepOrder::Sequence)
}

fn id(band: &Level, picture: &GraphView) -> String {
    let first = band.steps.first().copied().unwrap_or_default();
    match group_of(band, picture) {
        Some(_) => format!("g{first}"),
        None => format!("s{first}"),
    }
}

/// `text` with all that Mermaid or HTML could read as something else as entities.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_alphanumeric() || " ._-/·".contains(c) {
            quoted.push(c);
        } else {
            write!(quoted, "#{};", u32::from(c)).ok();
        }
    }
    quoted
}
