//! What a parser's message means, where the parser says it in words only.
//!
//! Invariant: no other code decides by the wording of a library. The tests compare the words with
//! the parser of `Cargo.lock`, so an update that changes them fails here.

/// True if an error of `serde_json` is about too many levels, by its message.
pub(super) fn is_too_deep(message: &str) -> bool {
    message.contains("recursion limit")
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
        for name in ["p.json", "p.yaml"] {
            let source = Source::from_bytes(name.to_owned(), deep.clone().into()).unwrap();
            let (_, problems) = Document::parse(source);
            assert_eq!(problems[0].code, "too_deep", "{name}: {problems:?}");
        }
        let json = serde_json::from_str::<bool>("[").unwrap_err().to_string();
        assert!(json.contains(" at line 1"), "{json}");
    }
}
