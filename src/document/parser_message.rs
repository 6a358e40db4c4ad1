//! What a parser's message means, where the parser says it in words only.
//!
//! Invariant: no other code decides by the wording of a library. The tests compare the words with
//! the parsers of `Cargo.lock`, so an update that changes them fails here.

/// A kind of syntax error that gets help of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SyntaxErrorKind {
    TooDeep,
    /// Something follows the value.
    TrailingCharacters,
    TrailingComma,
    Other,
}

/// The kind of an error of `serde_json` or `granit-parser`, by its message.
pub(super) fn syntax_error_kind(message: &str) -> SyntaxErrorKind {
    match message {
        "trailing characters" => SyntaxErrorKind::TrailingCharacters,
        "trailing comma" => SyntaxErrorKind::TrailingComma,
        _ if message.contains("recursion limit") => SyntaxErrorKind::TooDeep,
        _ => SyntaxErrorKind::Other,
    }
}

/// The message without the place, which `serde_json` appends.
pub(super) fn without_place(message: &str) -> &str {
    message.split(" at line ").next().unwrap_or(message)
}

#[cfg(test)]
mod tests {
    use crate::document::{Document, Source};

    #[test]
    fn the_parsers_use_these_words() {
        let deep = "[".repeat(100_000);
        for (name, text, code, help) in [
            ("p.json", "{} x", "syntax", "remove what follows it"),
            ("p.json", "[1,]", "syntax", "remove the comma"),
            ("p.json", deep.as_str(), "too_deep", ""),
            ("p.yaml", deep.as_str(), "too_deep", ""),
        ] {
            let source = Source::from_bytes(name.to_owned(), text.into()).unwrap();
            let (_, problems) = Document::parse(source);
            let problem = problems.first().unwrap();
            assert_eq!(problem.code, code, "{name}: {problem:?}");
            let found = problem.help.as_deref().unwrap_or_default();
            assert!(found.contains(help), "{found}");
        }
        let json = serde_json::from_str::<bool>("[").unwrap_err().to_string();
        assert!(json.contains(" at line 1"), "{json}");
    }
}
