//! "Did you mean": the nearest of a few words.

/// The word nearest to `typed`, if near enough for a suggestion. Letter case and the choice of `-`
/// or `_` cost nothing.
pub(crate) fn nearest<'w>(
    typed: &str,
    words: impl IntoIterator<Item = &'w str>,
) -> Option<&'w str> {
    with_distance(typed, words)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// All words near enough for a suggestion, the nearest first.
pub(crate) fn all_near<'w>(
    typed: &str,
    words: impl IntoIterator<Item = &'w str>,
) -> impl Iterator<Item = &'w str> {
    let mut near: Vec<_> = with_distance(typed, words).collect();
    near.sort_by_key(|(distance, _)| *distance);
    near.into_iter().map(|(_, word)| word)
}

fn with_distance<'w>(
    typed: &str,
    words: impl IntoIterator<Item = &'w str>,
) -> impl Iterator<Item = (usize, &'w str)> {
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let typed = plain(typed);
    // The cap keeps a hostile key of a megabyte from costing its square.
    let is_short = typed.len() <= 256;
    words
        .into_iter()
        .filter(move |_| is_short)
        .map(move |word| {
            let distance = strsim::damerau_levenshtein(&typed, &plain(word));
            let most = word.len().max(typed.len()) / 3;
            (distance, most, word)
        })
        .filter(|(distance, most, _)| distance <= most)
        .map(|(distance, _, word)| (distance, word))
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
        let all: Vec<_> = all_near("timeout_m", words).collect();
        assert_eq!(all, ["timeout_ms", "timeout"]);
    }
}
