//! Lines that fit the terminal: broken between words, and within one only if it is wider than a
//! line.
//!
//! Invariant: nothing but blanks at a break is left out, and each step takes at least one
//! character. The text is escaped already.

use unicode_width::UnicodeWidthChar as _;

/// A narrower terminal breaks the lines itself.
const MIN_COLUMNS: usize = 16;
/// Where a word that is wider than a line is broken.
const JOINTS: [char; 13] = [
    '/', ',', ';', ':', '=', '&', '?', '|', '-', '_', '.', '\\', ')',
];

/// `text` in lines: the first one of at most `first` columns, the others of `rest`.
pub(crate) fn wrap(text: &str, first: usize, rest: usize) -> Vec<&str> {
    let mut lines = Vec::new();
    let (mut left, mut columns) = (text, first);
    loop {
        let fits = fitting(left, columns.max(MIN_COLUMNS));
        if fits == left.len() {
            lines.push(left);
            return lines;
        }
        let at = break_before(left, fits);
        lines.push(left[..at].trim_end_matches(' '));
        left = left[at..].trim_start_matches(' ');
        if left.is_empty() {
            return lines;
        }
        columns = rest;
    }
}

/// `text` with spaces in place of tabs.
pub(crate) fn without_tabs(text: &str) -> String {
    const STOP: usize = 8;
    let mut plain = String::with_capacity(text.len());
    let mut column = 0_usize;
    for c in text.chars() {
        if c == '\t' {
            let spaces = STOP - column % STOP;
            plain.extend(std::iter::repeat_n(' ', spaces));
            column += spaces;
        } else {
            plain.push(c);
            column += c.width().unwrap_or(1);
        }
    }
    plain
}

/// How many bytes of `text` fit in `columns`.
fn fitting(text: &str, columns: usize) -> usize {
    let mut width = 0_usize;
    for (at, c) in text.char_indices() {
        width += c.width().unwrap_or(1);
        if width > columns {
            return at;
        }
    }
    text.len()
}

/// Where to break `text`, of which `fits` bytes fit.
fn break_before(text: &str, fits: usize) -> usize {
    let (line, next) = text.split_at(fits);
    let indent = line.len() - line.trim_start_matches(' ').len();
    if next.starts_with(' ') && indent < fits {
        return fits;
    }
    if let Some(space) = line.rfind(' ').filter(|&space| space >= indent) {
        return space + 1;
    }
    let joint = line.rfind(JOINTS).map(|joint| joint + 1);
    let at = joint.filter(|&joint| joint > fits / 2).unwrap_or(fits);
    // A character that is wider than the line.
    at.max(text.chars().next().map_or(0, char::len_utf8))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use unicode_width::UnicodeWidthStr as _;

    #[test]
    fn lines_are_broken_between_words() {
        for (text, want) in [
            ("short", &["short"][..]),
            ("", &[""]),
            ("exactly sixteen c", &["exactly sixteen", "c"]),
            ("0123456789 123456 x", &["0123456789", "123456 x"]),
            ("0123456789 12345 x", &["0123456789 12345", "x"]),
            ("  indented text as it is", &["  indented text", "as it is"]),
            ("trailing blanks         ", &["trailing blanks"]),
            // No word is broken if it fits on a line.
            ("see /usr/lib/x/y/z", &["see", "/usr/lib/x/y/z"]),
            ("/usr/lib/python3/dist", &["/usr/lib/", "python3/dist"]),
            ("xxxxxxxxxxxxxxxxxxxxy", &["xxxxxxxxxxxxxxxx", "xxxxy"]),
            ("日本語日本語日本語", &["日本語日本語日本", "語"]),
        ] {
            assert_eq!(wrap(text, 16, 16), want, "{text:?}");
        }
        assert_eq!(wrap("a b", 0, 0), ["a b"]);
        assert_eq!(without_tabs("\ta\tb"), "        a       b");
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_all_fits(text in "[ a-c日/\u{301}]{0,200}", columns in 16_usize..40) {
            let lines = wrap(&text, columns, columns);
            let without_spaces = |text: &str| text.replace(' ', "");
            prop_assert_eq!(without_spaces(&lines.concat()), without_spaces(&text));
            for line in &lines {
                prop_assert!(line.width() <= columns, "{:?}", line);
            }
            for pair in lines.windows(2) {
                let at = pair[1].as_ptr() as usize - text.as_ptr() as usize;
                let word = pair[1].split(' ').next().unwrap_or_default();
                let before = text[..at].rsplit(' ').next().unwrap_or_default();
                prop_assert!(before.is_empty() || before.width() + word.width() > columns / 2);
            }
        }
    }
}
