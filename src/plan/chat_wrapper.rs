//! Detects model output that wraps a plan: a chat answer with the plan in it, or YAML in a `.json`
//! file.
//!
//! Invariant: a text that can be read as a plan is never rejected here.

use crate::document::{Diagnostic, Diagnostics, Document, Language, Location, yaml};

/// How a plan written by a model begins.
const PLAN_BEGINNINGS: [&str; 5] = ["{", "[", "assistant_id:", "steps:", "reasoning:"];

/// The problem of a plan inside a chat answer: in a code fence, or after a sentence.
pub(super) fn mistaken(document: &Document) -> Option<Diagnostic> {
    if document.value.get("steps").is_some() {
        return None;
    }
    let mut lines = lines(&document.source.text)
        .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    let (at, first) = lines.next()?;
    let place = |at: usize, line: &str| Location::Bytes(at..at + line.trim_end().len());
    if is_fence(first.trim_start()) {
        return Some(
            Diagnostic::error("fenced", place(at, first), "the plan is in a code fence")
                .help("remove the lines with the fence"),
        );
    }
    let begins_with_prose = is_prose(first);
    for (fence_at, line) in lines {
        let is_beginning = PLAN_BEGINNINGS.iter().any(|start| line.starts_with(start));
        if is_fence(line) && begins_with_prose {
            return Some(
                Diagnostic::error(
                    "fenced",
                    place(fence_at, line),
                    "the plan is in a code fence, with text around it",
                )
                .help("remove the lines with the fence and the text around them"),
            );
        }
        if is_beginning && begins_with_prose {
            return Some(
                Diagnostic::error("fenced", place(at, first), "there is text before the plan")
                    .help("remove it: the file must contain only the plan"),
            );
        }
        if is_fence(line) && document.value.is_null() {
            return Some(
                Diagnostic::error(
                    "fenced",
                    place(fence_at, line),
                    "a code fence ends the plan",
                )
                .help("remove the lines with the fence"),
            );
        }
    }
    None
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

/// The lines with their byte offsets.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut next = 0;
    text.split_inclusive('\n').map(move |line| {
        let at = next;
        next += line.len();
        (at, line)
    })
}

fn is_fence(line: &str) -> bool {
    line.starts_with("```") || line.starts_with("~~~")
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
                    ["fenced:1: the plan is in a code fence; remove the lines with the fence"],
                    "{name}: {plan}"
                );
                for prose in [
                    "Here is the plan:",
                    "Sure!",
                    "Here's a plan: it fetches, then builds.",
                ] {
                    let text = format!("{prose}\n\n```\n{plan}```\nThat is all.\n");
                    assert_eq!(
                        problems(name, &text),
                        [
                            "fenced:3: the plan is in a code fence, with text around it; remove \
                             the lines with the fence and the text around them"
                        ],
                        "{name}: {prose} {plan}"
                    );
                }
            }
            assert_eq!(
                problems("p.json", &format!("Sure, the plan:\n{plan}")),
                [
                    "fenced:1: there is text before the plan; remove it: the file must contain \
                     only the plan"
                ]
            );
        }
        assert_eq!(
            problems("p.yaml", &format!("{YAML}```\n")),
            ["fenced:4: a code fence ends the plan; remove the lines with the fence"]
        );
    }

    #[test]
    fn fences_in_texts_are_texts() {
        let text = format!("reasoning: |\n  Do this:\n  ```\n  x\n  ```\n{YAML}");
        assert_eq!(problems("p.yaml", &text), [""; 0]);
        let text = "reasoning: |\n  ```\n  x\n  ```\nassistant_id: a\n";
        assert_eq!(problems("p.yaml", text).len(), 1);
        assert!(problems("p.yaml", text)[0].starts_with("no_steps"));
        assert!(problems("p.yaml", "hello")[0].starts_with("wrong_type"));
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
