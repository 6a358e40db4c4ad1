//! `--format`: the same first three values at every verb that prints data.

use clap::ValueEnum;

/// How data are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DataFormat {
    /// For people.
    Table,
    /// One JSON document.
    Json,
    /// One JSON object a line.
    Jsonl,
}

/// How problems are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProblemFormat {
    /// Snippets for people.
    Table,
    /// One JSON array, enough for a model to repair its plan.
    Json,
    /// One JSON object a line.
    Jsonl,
    /// GitHub workflow commands.
    Github,
}

/// How a graph is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GraphFormat {
    /// A line for each step.
    Table,
    /// One JSON document.
    Json,
    /// One JSON object a line: the steps.
    Jsonl,
    /// A Mermaid flowchart.
    Mermaid,
    /// Graphviz's language.
    Dot,
    /// A tree of text.
    Tree,
}
