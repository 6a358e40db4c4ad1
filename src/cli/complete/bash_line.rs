//! bash gives the line as it is typed and takes what stands in the place of the last word, both
//! with their quotes.
//!
//! Invariant: what is given back is one word to bash, and nothing in it is run.

use std::ffi::OsString;

/// The quotes around the end of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quotes {
    None,
    Single,
    Double,
}

/// A line up to the cursor.
#[derive(Debug)]
pub(super) struct BashLine {
    /// Its words without quotes; the last is the one at the cursor.
    pub words: Vec<OsString>,
    quotes: Quotes,
    /// The part of the last word that bash keeps, without quotes: bash also breaks words at `=`
    /// and `:`.
    kept: String,
}

impl BashLine {
    /// Reads a line of which bash replaces `current`.
    pub(super) fn read(line: &str, current: &str) -> Self {
        let mut words = Vec::new();
        let mut word = BashWord::default();
        let mut start = 0;
        for (at, c) in line.char_indices() {
            if word.quotes == Quotes::None && !word.is_escaped && c.is_ascii_whitespace() {
                if word.is_begun {
                    words.push(word.text.into());
                }
                word = BashWord::default();
                start = at + c.len_utf8();
            } else {
                word.push(c);
            }
        }
        let raw = &line[start..];
        let kept = raw.strip_suffix(current).unwrap_or_default();
        words.push(word.text.into());
        Self {
            words,
            quotes: word.quotes,
            kept: unquoted(kept),
        }
    }

    /// What bash is to put there for a whole word; `None` if that can't be quoted.
    pub(super) fn quoted(&self, value: &str) -> Option<String> {
        let rest = value.strip_prefix(&self.kept)?;
        match self.quotes {
            Quotes::None => Some(backslashed(rest)),
            Quotes::Single => (!rest.contains('\'')).then(|| rest.to_owned()),
            Quotes::Double => {
                let escaped = |c: char| ['$', '`', '"', '\\'].contains(&c).then_some('\\');
                let chars = rest.chars().flat_map(|c| escaped(c).into_iter().chain([c]));
                (!rest.contains('!')).then(|| chars.collect())
            }
        }
    }
}

/// A word that is being read.
#[derive(Debug)]
struct BashWord {
    text: String,
    quotes: Quotes,
    is_escaped: bool,
    is_begun: bool,
}

impl Default for BashWord {
    fn default() -> Self {
        Self {
            text: String::new(),
            quotes: Quotes::None,
            is_escaped: false,
            is_begun: false,
        }
    }
}

impl BashWord {
    fn push(&mut self, c: char) {
        self.is_begun = true;
        if self.is_escaped {
            // Within double quotes, a backslash stays before what needs none.
            if self.quotes == Quotes::Double && !['$', '`', '"', '\\'].contains(&c) {
                self.text.push('\\');
            }
            self.text.push(c);
            self.is_escaped = false;
            return;
        }
        match (self.quotes, c) {
            (Quotes::None, '\'') => self.quotes = Quotes::Single,
            (Quotes::None, '"') => self.quotes = Quotes::Double,
            (Quotes::Single, '\'') | (Quotes::Double, '"') => self.quotes = Quotes::None,
            (Quotes::None | Quotes::Double, '\\') => self.is_escaped = true,
            _ => self.text.push(c),
        }
    }
}

/// A word without its quotes, closed or not.
pub(super) fn unquoted(raw: &str) -> String {
    let mut word = BashWord::default();
    raw.chars().for_each(|c| word.push(c));
    word.text
}

/// A text with a backslash before all that is special to bash. `~` is left: a path may begin so,
/// and elsewhere it is not special.
fn backslashed(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || !c.is_ascii() || "_-./:=@%+,~".contains(c);
    let mut quoted = String::new();
    for c in text.chars() {
        if !is_plain(c) {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        let read = BashLine::read(line, "");
        read.words
            .into_iter()
            .map(|word| word.into_string().unwrap())
            .collect()
    }

    #[test]
    fn reads_words_as_bash_does() {
        assert_eq!(words("obs run "), ["obs", "run", ""]);
        assert_eq!(words("obs  run pl"), ["obs", "run", "pl"]);
        assert_eq!(words(r"obs 'a b' c\ d"), ["obs", "a b", "c d"]);
        assert_eq!(
            words(r#"obs "a \" $ \x" '' x"#),
            ["obs", r#"a " $ \x"#, "", "x"]
        );
        assert_eq!(words("obs 'open wo"), ["obs", "open wo"]);
        assert_eq!(words(""), [""]);
        assert_eq!(words("obs \\"), ["obs", ""]);
    }

    #[test]
    fn gives_back_one_word_that_runs_nothing() {
        let quoted =
            |line: &str, current: &str, value: &str| BashLine::read(line, current).quoted(value);
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(quoted("obs run pl", "pl", "plan.yaml"), some("plan.yaml"));
        assert_eq!(quoted("obs run ", "", "a b"), some(r"a\ b"));
        assert_eq!(
            quoted("obs run ", "", "$(touch x)`;|&<>*?[]{}!#'\""),
            some(r#"\$\(touch\ x\)\`\;\|\&\<\>\*\?\[\]\{\}\!\#\'\""#)
        );
        assert_eq!(quoted("obs --set a=", "", "a=true"), some("true"));
        assert_eq!(quoted("obs --set=a=t", "t", "--set=a=true"), some("true"));
        assert_eq!(quoted("obs 'a b", "a b", "a b$(c)"), some("a b$(c)"));
        assert_eq!(quoted("obs 'a", "a", "a'b"), None);
        assert_eq!(
            quoted("obs \"a", "a", "a$(b)\"`\\"),
            some("a\\$(b)\\\"\\`\\\\")
        );
        assert_eq!(quoted("obs \"a", "a", "a!b"), None);
    }
}
