//! "Did you mean": the nearest of a few words.

/// The word nearest to `typed`, if near enough for a suggestion. Letter case and the choice of `-`
/// or `_` cost nothing.
pub(crate) fn nearest<'w>(
    typed: &str,
    words: impl IntoIterator<Item = &'w str>,
) -> Option<&'w str> {
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let typed = plain(typed);
    // The cap keeps a hostile key of a megabyte from costing its square.
    if typed.len() > 256 {
        return None;
    }
    words
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(&typed, &plain(word)), word))
        .filter(|(distance, word)| *distance <= word.len().max(typed.len()) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant_and_nothing_else() {
        let words = ["timeout", "timeout_ms", "step_id", "name"];
        assert_eq!(nearest("timout", words), Some("timeout"));
        assert_eq!(nearest("Step-ID", words), Some("step_id"));
        assert_eq!(nearest("nmae", words), Some("name"));
        assert_eq!(nearest("retry", words), None);
        assert_eq!(nearest(&"x".repeat(1_000_000), words), None);
    }
}
