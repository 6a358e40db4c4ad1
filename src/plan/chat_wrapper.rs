//! Detects model output that wraps a plan: a chat answer with the plan in it, or YAML in a `.json`
//! file.
//!
//! Invariant: a text that can be read as a plan is never rejected here, and nothing is cut out of a
//! text: the problem says which lines to keep. The time is linear in the text.

use std::ops::Range;

use serde_json::Value;

use crate::document::{Diagnostic, Diagnostics, Document, Language, Location, json, yaml};

/// How a plan written by a model begins.
const PLAN_BEGINNINGS: [&str; 12] = [
    "{",
    "[",
    "assistant_id:",
    "steps:",
    "reasoning:",
    "id:",
    "parent_id:",
    "timeout:",
    "order:",
    "inputs:",
    "x-",
    "- name:",
];

/// How many code blocks are looked at.
const MAX_BLOCKS: usize = 100;

/// The problem of a plan inside a chat answer: in a code fence, or with text around it.
pub(super) fn mistaken(document: &Document) -> Option<Diagnostic> {
    // What is a mapping holds fences in its texts only.
    if document.value.is_object() {
        return None;
    }
    let text = &document.source.text;
    let lines: Vec<Line<'_>> = lines(text).collect();
    let is_significant = |line: &&Line<'_>| {
        let written = line.text.trim();
        !written.is_empty() && !written.starts_with('#')
    };
    let first = lines.iter().find(is_significant)?;
    let begins_as_plan = begins_as_plan(first.text);
    // A text inside a plan may hold fences that are indented.
    let indent = if begins_as_plan { 0 } else { 3 };
    let blocks = blocks(&lines, indent);
    if let Some(block) = blocks.first() {
        return Some(if begins_as_plan {
            fence_after_plan(&lines, block)
        } else {
            fenced(&lines, &blocks)
        });
    }
    if !is_prose(first.text) {
        return text_after_plan(document, &lines);
    }
    let start = lines
        .iter()
        .find(|line| line.number > first.number && begins_as_plan_exactly(line.text))?;
    Some(
        Diagnostic::error("fenced", first.place(), "there is text before the plan").help(format!(
            "remove {}: the file must contain only the plan",
            numbers(first.number, start.number - 1)
        )),
    )
}

/// A line of a text.
struct Line<'t> {
    /// From 1.
    number: usize,
    at: usize,
    text: &'t str,
}

impl Line<'_> {
    fn place(&self) -> Location {
        Location::Bytes(self.at..self.at + self.text.trim_end().len())
    }
}

/// A code block: the indices of the lines of its fences, the last one after the end of the text if
/// it is not closed.
struct Block {
    fences: Range<usize>,
    is_closed: bool,
}

impl Block {
    fn text<'t>(&self, lines: &[Line<'t>]) -> Option<Vec<&'t str>> {
        let inside = lines.get(self.fences.start + 1..self.fences.end)?;
        Some(inside.iter().map(|line| line.text).collect())
    }

    /// True if it holds what can be read as a plan, or could be once its mistakes are gone.
    fn holds_plan(&self, lines: &[Line<'_>]) -> Holds {
        let text = self.text(lines).unwrap_or_default().concat();
        let has_steps =
            |value: &Value| value.get("steps").is_some() || value.pointer("/plan/steps").is_some();
        let parsed = if text.trim_start().starts_with('{') {
            json::parse(&text).0
        } else {
            yaml::parse(&text).0
        };
        match parsed {
            Some((value, _)) if has_steps(&value) => Holds::Plan,
            _ if text.contains("steps") => Holds::Maybe,
            _ => Holds::Other,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Holds {
    Plan,
    Maybe,
    Other,
}

/// The code blocks of a text, as Markdown has them.
fn blocks(lines: &[Line<'_>], max_indent: usize) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, char, usize)> = None;
    for (index, line) in lines.iter().enumerate() {
        match (open, fence(line.text, max_indent)) {
            (None, Some((mark, length, _))) => open = Some((index, mark, length)),
            (Some((start, mark, length)), Some((other, count, info)))
                if mark == other && count >= length && info.is_empty() =>
            {
                blocks.push(Block {
                    fences: start..index,
                    is_closed: true,
                });
                open = None;
            }
            _ => {}
        }
        if blocks.len() >= MAX_BLOCKS {
            return blocks;
        }
    }
    if let Some((start, ..)) = open {
        blocks.push(Block {
            fences: start..lines.len(),
            is_closed: false,
        });
    }
    blocks
}

/// The mark of a code fence, its length, and what follows it.
fn fence(line: &str, max_indent: usize) -> Option<(char, usize, &str)> {
    let content = line.trim_start_matches(' ');
    if line.len() - content.len() > max_indent {
        return None;
    }
    let mark = content.chars().next().filter(|mark| "`~".contains(*mark))?;
    let info = content.trim_start_matches(mark);
    let length = content.len() - info.len();
    let info = info.trim();
    (length >= 3 && !(mark == '`' && info.contains('`'))).then_some((mark, length, info))
}

/// The problem of a text with code blocks, one of which holds the plan.
fn fenced(lines: &[Line<'_>], blocks: &[Block]) -> Diagnostic {
    let block = blocks
        .iter()
        .min_by_key(|block| block.holds_plan(lines))
        .unwrap_or(&blocks[0]);
    let (open, close) = (&lines[block.fences.start], lines.get(block.fences.end));
    let is_empty = |lines: &[Line<'_>]| lines.iter().all(|line| line.text.trim().is_empty());
    let is_alone = is_empty(&lines[..block.fences.start])
        && is_empty(lines.get(block.fences.end + 1..).unwrap_or_default());
    let message = match blocks.len() {
        1 if is_alone => "the plan is in a code fence".to_owned(),
        1 => "the plan is in a code fence, with text around it".to_owned(),
        count => format!("the file holds {count} code fences, with the plan in one of them"),
    };
    let last = close.map_or(lines.len(), |line| line.number - 1);
    let keep = numbers(open.number + 1, last);
    let fences = match close.filter(|_| block.is_closed) {
        Some(close) => format!("the fence (lines {} and {})", open.number, close.number),
        None => format!("the fence (line {})", open.number),
    };
    let help = if is_alone {
        format!("keep {keep}: remove {fences}")
    } else {
        format!("keep {keep} only: remove {fences} and the text around it")
    };
    Diagnostic::error("fenced", open.place(), message).help(help)
}

/// The problem of a plan without a fence before it, but with one behind it.
fn fence_after_plan(lines: &[Line<'_>], block: &Block) -> Diagnostic {
    let fence = &lines[block.fences.start];
    let rest = &lines[block.fences.start + 1..];
    let last = rest.iter().rfind(|line| !line.text.trim().is_empty());
    let help = match last {
        Some(last) => format!("remove {}", numbers(fence.number, last.number)),
        None => format!("remove line {}", fence.number),
    };
    Diagnostic::error("fenced", fence.place(), "a code fence ends the plan").help(help)
}

/// The problem of a sentence behind a plan that is otherwise well written.
fn text_after_plan(document: &Document, lines: &[Line<'_>]) -> Option<Diagnostic> {
    if !document.value.is_null() {
        return None;
    }
    let last = lines.iter().rposition(|line| !is_sentence(line.text))?;
    let after = lines.get(last + 1..)?;
    let start = after.iter().find(|line| !line.text.trim().is_empty())?;
    let before = &document.source.text[..start.at];
    let parsed = match document.source.language {
        Language::Json => json::parse(before).0,
        Language::Yaml => yaml::parse(before).0,
    };
    let (value, _) = parsed?;
    value.get("steps")?;
    let help = format!("remove {}", numbers(start.number, lines.len()));
    Some(Diagnostic::error("fenced", start.place(), "there is text after the plan").help(help))
}

/// True for a line that is neither JSON nor YAML, and for one without anything.
fn is_sentence(line: &str) -> bool {
    line.trim().is_empty() || (!line.starts_with([' ', '\t']) && is_prose(line))
}

fn numbers(first: usize, last: usize) -> String {
    if first >= last {
        format!("line {first}")
    } else {
        format!("lines {first} to {last}")
    }
}

fn begins_as_plan(line: &str) -> bool {
    line.trim_start().starts_with("---") || begins_as_plan_exactly(line.trim_start())
}

fn begins_as_plan_exactly(line: &str) -> bool {
    PLAN_BEGINNINGS.iter().any(|start| line.starts_with(start))
}

/// The problem of YAML in a `.json` file, if the text can't be JSON at all.
pub(super) fn hint_at_yaml(document: &Document, problems: &mut Diagnostics) {
    let text = &document.source.text;
    let is_json = document.source.language == Language::Yaml || !document.value.is_null();
    if is_json || text.trim_start().starts_with(['{', '[']) {
        return;
    }
    let is_mapping = matches!(yaml::parse(text).0, Some((value, _)) if value.is_object());
    if is_mapping {
        for problem in problems.diagnostics_mut() {
            problem.help = Some("this looks like YAML: name it `.yaml`".to_owned());
        }
    }
}

/// The lines, each with its end.
fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    let mut next = 0;
    let lines = text.split_inclusive('\n').enumerate();
    lines.map(move |(index, line)| {
        let at = next;
        next += line.len();
        Line {
            number: index + 1,
            at,
            text: line,
        }
    })
}

/// True for a sentence, false for what YAML or JSON begins with: a bracket, a quote, one word and a
/// colon.
fn is_prose(line: &str) -> bool {
    let line = line.trim();
    let words = line.split(':').next().unwrap_or_default();
    line.starts_with(|c: char| c.is_alphabetic()) && (words.contains(' ') || !line.contains(':'))
}

#[cfg(test)]
mod tests {
    use crate::document::Source;
    use crate::plan::load;

    fn problems(name: &str, text: &str) -> Vec<String> {
        let source = Source::from_bytes(name.to_owned(), text.as_bytes().to_vec()).unwrap();
        let loaded = load(source);
        let tell = |problem: &crate::document::Diagnostic| {
            let help = problem.help.clone().unwrap_or_default();
            let at = loaded.document.bytes_of(&problem.location).start;
            let line = loaded.document.line_and_column(at).0;
            format!("{}:{line}: {}; {help}", problem.code, problem.message)
        };
        loaded.problems.iter().map(tell).collect()
    }

    const YAML: &str = "assistant_id: a\nsteps:\n- {name: a, type: skill}\n";
    const JSON: &str =
        "{\"assistant_id\": \"a\", \"steps\": [{\"name\": \"a\", \"type\": \"skill\"}]}\n";

    #[test]
    fn a_chat_answer_is_told_as_such() {
        for plan in [YAML, JSON] {
            for name in ["p.yaml", "p.json", "<stdin>"] {
                assert_eq!(
                    problems(name, &format!("```yaml\n{plan}```\n")),
                    [format!(
                        "fenced:1: the plan is in a code fence; keep {}: remove the fence (lines 1 \
                         and {})",
                        super::numbers(2, plan.lines().count() + 1),
                        plan.lines().count() + 2
                    )],
                    "{name}: {plan}"
                );
                for prose in [
                    "Here is the plan:",
                    "Sure!",
                    "Here's a plan: it fetches, then builds.",
                ] {
                    let text = format!("{prose}\n\n```\n{plan}```\nThat is all.\n");
                    let end = plan.lines().count() + 4;
                    assert_eq!(
                        problems(name, &text),
                        [format!(
                            "fenced:3: the plan is in a code fence, with text around it; keep {} \
                             only: remove the fence (lines 3 and {end}) and the text around it",
                            super::numbers(4, end - 1)
                        )],
                        "{name}: {prose} {plan}"
                    );
                }
            }
            assert_eq!(
                problems("p.json", &format!("Sure, the plan:\n{plan}")),
                [
                    "fenced:1: there is text before the plan; remove line 1: the file must \
                     contain only the plan"
                ]
            );
        }
        assert_eq!(
            problems("p.yaml", &format!("{YAML}```\n")),
            ["fenced:4: a code fence ends the plan; remove line 4"]
        );
    }

    #[test]
    fn the_fence_with_the_plan_is_found_after_any_text() {
        let fenced = |before: &str, open: &str, plan: &str, after: &str| {
            format!(
                "{before}{open}\n{plan}{}\n{after}",
                &open[..open.find(char::is_alphabetic).unwrap_or(open.len())]
            )
        };
        for before in [
            "# Plan\n\nSome text: with a colon\n\n- a list\n\n",
            "assistant: sure\n\n",
            "1. First\n2. Then\n\n",
            "> quoted\n\n",
            "**Plan**\n",
            "| a | b |\n|---|---|\n",
            "\u{1f600} Here you go!\n",
            "Run this first:\n```bash\nls -la\n```\nThen:\n",
            "~~~\nnot: a plan\n~~~\n",
            "<plan>\n",
        ] {
            for open in [
                "```",
                "```json",
                "~~~",
                "   ```yaml",
                "````text",
                "```yaml title=x",
            ] {
                for plan in [YAML, JSON] {
                    let text = fenced(before, open, plan, "Done.\n");
                    let found = problems("p.yaml", &text);
                    assert_eq!(found.len(), 1, "{text}{found:?}");
                    let first = 2 + before.matches('\n').count();
                    let keep = super::numbers(first, first - 1 + plan.lines().count());
                    let place = format!("fenced:{}: ", first - 1);
                    assert!(found[0].starts_with(&place), "{text}{found:?}");
                    assert!(found[0].contains(&keep), "{text}{found:?}");
                }
            }
        }
    }

    #[test]
    fn fences_that_do_not_end_and_texts_behind_a_plan_are_told() {
        assert_eq!(
            problems("p.json", &format!("```json\n{JSON}")),
            ["fenced:1: the plan is in a code fence; keep line 2: remove the fence (line 1)"]
        );
        for (name, plan) in [("p.yaml", YAML), ("p.json", JSON)] {
            let text = format!("{plan}\nThat is all.\nHave fun!\n");
            let line = plan.lines().count() + 2;
            let want = format!(
                "fenced:{line}: there is text after the plan; remove lines {line} to {}",
                line + 1
            );
            assert_eq!(problems(name, &text), [want]);
        }
        let crlf = format!("Sure:\n\n```yaml\n{YAML}```\n").replace('\n', "\r\n");
        assert!(problems("p.yaml", &crlf)[0].contains("keep lines 4 to 6 only"));
    }

    #[test]
    fn hostile_answers_are_read_once() {
        for text in [
            "```\n".repeat(200_000),
            "~~~x\n```\n".repeat(100_000),
            "`".repeat(1_000_000),
            format!("Sure\n{}", "steps\n".repeat(150_000)),
            format!("Sure\n```\n{}", "a: [\n".repeat(150_000)),
        ] {
            assert!(!problems("p.yaml", &text).is_empty());
        }
    }

    #[test]
    fn fences_in_texts_are_texts() {
        let text = format!("reasoning: |\n  Do this:\n  ```\n  x\n  ```\n{YAML}");
        assert_eq!(problems("p.yaml", &text), [""; 0]);
        for key in ["reasoning", "x-note"] {
            let text = format!("{key}: |\n  ```\n  x\n  ```\nassistant_id: a\n");
            assert_eq!(problems("p.yaml", &text).len(), 1);
            assert!(problems("p.yaml", &text)[0].starts_with("no_steps"));
        }
        assert!(problems("p.yaml", "hello")[0].starts_with("wrong_type"));
        // Another mistake does not make a fence of a text.
        for first in ["# note", "order: graph", "reasoning: |"] {
            let text = format!("{first}\nx-note: |\n  ```\n  x\n  ```\n{YAML}  bad: [\n");
            let found = problems("p.yaml", &text);
            assert!(found[0].starts_with("syntax"), "{text}{found:?}");
        }
    }

    #[test]
    fn yaml_under_the_name_of_json_is_told() {
        let told_of = problems("p.json", YAML);
        assert!(
            told_of[0].ends_with("this looks like YAML: name it `.yaml`"),
            "{told_of:?}"
        );
        assert!(!problems("p.json", "{\"a\": 1,}")[0].contains("YAML"));
    }

    #[test]
    fn a_number_that_is_not_whole_is_shown() {
        let text = "assistant_id: a\nsteps:\n- {name: a, type: skill, timeout_ms: 1.5}\n";
        assert!(
            problems("p.yaml", text)[0].contains("found 1.5"),
            "{:?}",
            problems("p.yaml", text)
        );
    }
}
