//! DOT, which Graphviz draws.

use std::fmt::Write as _;

use super::{GraphView, Level, StepEdge};
use crate::model::StepOrder;

/// The picture as a digraph.
pub(super) fn text(picture: &GraphView) -> String {
    let mut text = String::from("digraph plan {\n    compound=true;\n    node [shape=box];\n");
    // Writing to a String can't fail.
    for band in &picture.bands {
        let node = |step: &usize| format!("s{step} [label={}];", quoted(&picture.steps[*step]));
        match cluster_of(band, picture) {
            Some((cluster, name)) => {
                writeln!(
                    text,
                    "    subgraph {cluster} {{\n        label={};",
                    quoted(name)
                )
                .ok();
                for step in &band.steps {
                    writeln!(text, "        {}", node(step)).ok();
                }
                text.push_str("    }\n");
            }
            None => {
                for step in &band.steps {
                    writeln!(text, "    {}", node(step)).ok();
                }
            }
        }
    }
    if !picture.finally.is_empty() {
        text.push_str("    subgraph cluster_finally {\n        label=\"finally\";\n");
        for step in picture.finally.clone() {
            let label = quoted(&picture.steps[step]);
            writeln!(text, "        s{step} [label={label}];").ok();
        }
        text.push_str("    }\n");
    }
    for (before, after) in picture.finally_successions() {
        writeln!(text, "    s{before} -> s{after} [style=dashed];").ok();
    }
    for (before, after) in picture.successions() {
        // Graphviz draws lines between clusters as lines between their nodes, cut at the border.
        let ends = [(before, "ltail"), (after, "lhead")].map(|(band, end)| {
            let cluster = cluster_of(band, picture);
            cluster.map_or(String::new(), |(cluster, _)| format!(", {end}={cluster}"))
        });
        let (Some(from), Some(to)) = (before.steps.last(), after.steps.first()) else {
            continue;
        };
        writeln!(
            text,
            "    s{from} -> s{to} [style=dashed{}];",
            ends.concat()
        )
        .ok();
    }
    for edge in &picture.edges {
        let attributes = attributes(edge);
        writeln!(text, "    s{} -> s{}{attributes};", edge.from, edge.to).ok();
    }
    text.push_str("}\n");
    text
}

fn attributes(edge: &StepEdge) -> String {
    let style = (!edge.takes).then(|| "style=dashed".to_owned());
    let label = edge.label().map(|label| format!("label=\"{label}\""));
    let attributes: Vec<String> = style.into_iter().chain(label).collect();
    match attributes.as_slice() {
        [] => String::new(),
        some => format!(" [{}]", some.join(", ")),
    }
}

/// The id and the name of a group of a sequence.
fn cluster_of<'b>(band: &'b Level, picture: &GraphView) -> Option<(String, &'b str)> {
    let name = band.name.as_deref()?;
    let first = band.steps.first()?;
    (picture.order == StepOrder::Sequence).then(|| (format!("cluster_{first}"), name))
}

/// A quoted string. Labels begin escapes with a backslash.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
