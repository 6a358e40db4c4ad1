//! Renders problems for people, programs and CI systems.
//!
//! Invariant: whatever the file holds, the output is safe to display: the shown line is cut to
//! `MAX_CHARS_SHOWN` around the problem and its unsafe characters are replaced.

use std::borrow::Cow;
use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};
use serde_json::{Value, json};

use super::document::Document;
use super::{Diagnostic, Location, Severity};
use crate::model::{Escaped, EscapedLines, wrap};

/// How much of a line is shown on each side of a problem.
const MAX_CHARS_SHOWN: usize = 80;

/// The replacement of a hidden value.
const MASK: &str = "***";

/// How a problem's value is shortened in a message.
const MAX_MESSAGE_CHARS: usize = 400;

/// A problem as a snippet in rustc's manner, ending in a line feed. It is broken between words to
/// fit into `columns`.
pub fn render_snippet(
    problem: &Diagnostic,
    document: &Document,
    color: bool,
    columns: Option<usize>,
) -> String {
    let renderer = if color {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let mut renderer = renderer.decor_style(DecorStyle::Ascii);
    if let Some(columns) = columns {
        renderer = renderer.term_width(columns);
    }
    let broken =
        |text: &str, indent: usize| match columns.map(|columns| columns.saturating_sub(indent)) {
            Some(columns) => wrap(text, columns, columns).join("\n"),
            None => text.to_owned(),
        };
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let RenderedText { message, help, .. } = RenderedText::new(problem, document);
    let indent = format!("{}[{}]: ", problem.severity.as_str(), problem.code).len();
    let message = broken(&shown_message(&message), indent);
    let bytes = document.bytes_of_problem(problem);
    let (line, column) = document.line_and_column(bytes.start);
    let name = Escaped(&document.source.name).to_string();
    let view = SourceView::new(document, &problem.location, bytes);
    let title = level.primary_title(message).id(problem.code);
    let snippet = Snippet::source(view.text)
        .line_start(line)
        .annotation(AnnotationKind::Primary.span(view.marked));
    let mut group = if problem.location == Location::File {
        title.element(Origin::path(name))
    } else if view.is_cut {
        // The renderer counts columns in what it is shown, so a cut line says its own.
        title
            .element(Origin::path(name).line(line).char_column(column))
            .element(snippet)
    } else {
        title.element(snippet.path(name))
    };
    if let Some(help) = &help {
        let indent = line.to_string().len() + " = help: ".len();
        group = group.element(Level::HELP.message(broken(&shown_message(help), indent)));
    }
    let mut text = renderer.render(&[group]) + "\n";
    if view.is_cut {
        remove_empty_origin(&mut text);
    }
    text
}

/// The renderer takes a text that stands apart from its place for another file and writes ` ::: `
/// with no name above it, which means nothing here and begins as a GitHub workflow command does.
fn remove_empty_origin(text: &mut String) {
    // Title, place and a separator come before it, each one line.
    let mut lines = text.match_indices('\n').map(|(at, _)| at + 1);
    if let (Some(start), Some(end)) = (lines.nth(2), lines.next())
        && text[start..end].contains(":::")
    {
        text.drain(start..end);
    }
}

/// A problem as one JSON object.
pub fn render_json(problem: &Diagnostic, document: &Document) -> Value {
    let (line, column) = document.line_and_column(document.bytes_of_problem(problem).start);
    let words = RenderedText::new(problem, document);
    json!({
        "code": problem.code,
        "severity": problem.severity.as_str(),
        "message": words.message,
        "help": words.help,
        "pointer": Document::pointer_of(&problem.location),
        "step_index": problem.step_index,
        "file": document.source.name,
        "line": line,
        "column": column,
        "expected": problem.expected,
        "got": words.got,
        "fix": words.fix,
    })
}

/// A problem as a GitHub workflow command, which marks the line in a pull request.
pub fn render_github(problem: &Diagnostic, document: &Document) -> String {
    let (line, column) = document.line_and_column(document.bytes_of_problem(problem).start);
    let property = |text: &str| {
        Escaped(text)
            .to_string()
            .replace('%', "%25")
            .replace(':', "%3A")
            .replace(',', "%2C")
    };
    let RenderedText { message, help, .. } = RenderedText::new(problem, document);
    let message = match help {
        Some(help) => format!("{message}; {help}"),
        None => message.into_owned(),
    };
    format!(
        "::{} file={},line={line},col={column},title={}::{}\n",
        problem.severity.as_str(),
        property(&document.source.name),
        problem.code,
        Escaped(&message).to_string().replace('%', "%25"),
    )
}

fn shown_message(text: &str) -> String {
    let escaped = Escaped(text).to_string();
    match escaped.char_indices().nth(MAX_MESSAGE_CHARS) {
        Some((end, _)) => format!("{}…", &escaped[..end]),
        None => escaped,
    }
}

/// The text of a problem, with hidden values masked.
struct RenderedText<'p> {
    message: Cow<'p, str>,
    help: Option<Cow<'p, str>>,
    got: Option<Cow<'p, Value>>,
    fix: Option<&'p Value>,
}

impl<'p> RenderedText<'p> {
    fn new(problem: &'p Diagnostic, document: &Document) -> Self {
        let is_hidden = document.is_hidden(&problem.location);
        // What has a place by its bytes alone is about how the value is written, and repeats it.
        let is_about_text = is_hidden && matches!(problem.location, Location::Bytes(_));
        let (message, help) = if is_about_text {
            let help = problem.help.as_ref().map(|_| "put it in quotes".into());
            ("the hidden value can't be parsed".into(), help)
        } else {
            let help = problem.help.as_deref().map(Cow::Borrowed);
            (Cow::Borrowed(problem.message.as_str()), help)
        };
        let got = problem.got.as_ref().map(|got| {
            if is_hidden {
                Cow::Owned(json!(MASK))
            } else {
                Cow::Borrowed(got)
            }
        });
        Self {
            message,
            help,
            got,
            // It writes the whole value anew.
            fix: problem.fix.as_ref().filter(|_| !is_hidden),
        }
    }
}

/// The part of one line that is shown, with the marked bytes in it.
struct SourceView {
    text: String,
    marked: Range<usize>,
    is_cut: bool,
}

impl SourceView {
    fn new(document: &Document, place: &Location, bytes: Range<usize>) -> Self {
        let text = document.source.text.as_str();
        let hidden = document.hidden_spans();
        let line = document.line_at(bytes.start);
        let start = bytes.start.min(line.end);
        let marked_end = bytes.end.clamp(start, line.end);
        let (before, mut is_cut) = last_chars(&text[line.start..start]);
        let marked = first_chars(&text[start..marked_end]);
        let after = first_chars(&text[marked_end..line.end]);
        let before = start - before.len()..start;
        let marked = start..start + marked.len();
        let after = marked_end..marked_end + after.len();
        let mut shown = if is_cut {
            "…".to_owned()
        } else {
            String::new()
        };
        is_cut |= push_visible(&mut shown, text, before, hidden);
        let start = shown.len();
        push_visible(&mut shown, text, marked.clone(), hidden);
        let end = shown.len();
        // An entry that is refused has no place by which its value could be found.
        let is_refused = matches!(place, Location::Bytes(_));
        if is_refused && document.is_hidden_key(&text[marked]) {
            shown.push_str(MASK);
        } else {
            push_visible(&mut shown, text, after, hidden);
        }
        Self {
            text: shown,
            marked: start..end,
            is_cut,
        }
    }
}

/// Adds a part of `text`, with a mask for each hidden value in it. True if there was one.
fn push_visible(
    shown: &mut String,
    text: &str,
    part: Range<usize>,
    hidden: &[Range<usize>],
) -> bool {
    let (mut at, mut is_masked) = (part.start, false);
    for span in hidden {
        let (start, end) = (span.start.max(at), span.end.min(part.end));
        if start < end {
            shown.push_str(&safe(text, at..start));
            shown.push_str(MASK);
            (at, is_masked) = (end, true);
        }
    }
    shown.push_str(&safe(text, at..part.end));
    is_masked
}

fn last_chars(text: &str) -> (&str, bool) {
    match text.char_indices().rev().nth(MAX_CHARS_SHOWN) {
        Some((at, c)) => (&text[at + c.len_utf8()..], true),
        None => (text, false),
    }
}

fn first_chars(text: &str) -> &str {
    text.char_indices()
        .nth(MAX_CHARS_SHOWN)
        .map_or(text, |(at, _)| &text[..at])
}

/// A part of `text` with one replacement character for each unsafe one, so that carets stay under
/// what they mark.
fn safe(text: &str, part: Range<usize>) -> String {
    let start = part.start;
    text[part]
        .char_indices()
        .map(|(at, c)| {
            let mut buffer = [0; 4];
            let is_safe = c == '\t'
                || EscapedLines(c.encode_utf8(&mut buffer))
                    .to_string()
                    .chars()
                    .eq([c]);
            // The middle of `##[`, which a GitHub runner takes for a command anywhere in a line.
            let at = start + at;
            let is_command = c == '#' && text[..at].ends_with('#') && text[at..].starts_with("#[");
            if is_safe && !is_command {
                c
            } else {
                '\u{fffd}'
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Source;
    use crate::plan::load;

    fn shown(name: &str, text: &str) -> String {
        let source = Source::from_bytes(name.to_owned(), text.as_bytes().to_vec()).unwrap();
        let loaded = load(source);
        let snippets = loaded
            .problems
            .iter()
            .map(|p| render_snippet(p, &loaded.document, false, None));
        snippets.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_snippet_points_at_the_place() {
        insta::assert_snapshot!(shown(
            "p.yaml",
            "assistant_id: a\nsteps:\n  - name: a\n    typ: skill\n    timeout: 30\n"
        ));
    }

    #[test]
    fn json_shows_the_same_places() {
        insta::assert_snapshot!(shown(
            "p.json",
            r#"{"assistant_id": "a", "steps": [{"name": "a", "typ": "skill", "timeout": 30}]}"#
        ));
    }

    #[test]
    fn the_end_of_a_line_is_not_shown() {
        let yaml = "assistant_id: a\nsteps:\n- name: a\n  typ: skill\n  timeout: 30\n";
        let json = "{\n  \"assistant_id\": \"a\",\n  \"steps\": []\n  \"x\": 1\n}\n";
        for (name, text) in [("p.yaml", yaml), ("p.json", json)] {
            let want = shown(name, text);
            for end in ["\r\n", "\r"] {
                let shown = shown(name, &text.replace('\n', end));
                assert_eq!(shown, want, "{name} {end:?}");
            }
        }
    }

    #[test]
    fn a_cut_line_says_its_own_column_once() {
        let text = format!("{{\"x-a\": \"{}\", \"key\": 1}}", "y".repeat(100));
        let shown = shown("p.json", &text);
        let start =
            "error[unknown_key]: unknown key `key` in a plan\n --> p.json:1:113\n  |\n1 | …y";
        assert!(shown.contains(start), "{shown}");
        assert!(!shown.contains(":::"), "{shown}");
    }

    #[test]
    fn hostile_text_is_shown_without_its_power() {
        let text = format!(
            r#"{{"assistant_id": "a", "steps": [{{"name": "a", "type": "{}"}}]}}"#,
            "\u{9b}31m\u{202e}\u{200b}::error::x"
        );
        let shown = shown("p.json", &text);
        assert!(
            !shown.contains(['\u{9b}', '\u{202e}', '\u{200b}', '\u{1b}']),
            "{shown}"
        );
        assert!(shown.contains("^^^^"), "{shown}");
    }

    #[test]
    fn a_line_of_a_megabyte_is_cut() {
        let text = format!("{{\"steps\": [{}{{\"nam\": 1}}]}}", "{},".repeat(300_000));
        let source = Source::from_bytes("p.json".to_owned(), text.into_bytes()).unwrap();
        let loaded = load(source);
        let last = loaded.problems.last().unwrap();
        assert!(render_snippet(last, &loaded.document, false, None).len() < 1_000);
    }
}
