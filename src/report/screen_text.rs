//! What a skill wrote, as it is shown on a screen.
//!
//! Invariant: this is for reading only; records keep the bytes. A carriage return ends a line, so
//! that a progress bar hides nothing, and terminal control sequences (colours) are left out. What
//! comes out is still foreign text: escape it.

use std::borrow::Cow;

use unicode_width::UnicodeWidthChar as _;

/// The longest control sequence that is left out. A longer one is shown.
const MAX_SEQUENCE_BYTES: usize = 4096;

/// `text` without control sequences and with a line feed at the end of each line.
pub(super) fn screen_text(text: &str) -> Cow<'_, str> {
    if !text.contains(['\r', '\u{1b}', '\u{9b}']) {
        return Cow::Borrowed(text);
    }
    let text = without_sequences(text);
    let mut shown = String::with_capacity(text.len());
    let mut is_after_return = false;
    for c in text.chars() {
        if c == '\r' {
            is_after_return = true;
            continue;
        }
        let is_blank = shown.is_empty() || shown.ends_with('\n');
        if std::mem::take(&mut is_after_return) && c != '\n' && !is_blank {
            shown.push('\n');
        }
        shown.push(c);
    }
    Cow::Owned(shown)
}

/// `text` without complete control sequences, such as `ESC [ 3 1 m`.
fn without_sequences(text: &str) -> Cow<'_, str> {
    let mut shown = String::new();
    let (mut kept_to, mut at) = (0, 0);
    while let Some(found) = text[at..].find(['\u{1b}', '\u{9b}']) {
        at += found;
        match sequence_len(&text[at..]) {
            Some(length) => {
                shown.push_str(&text[kept_to..at]);
                at += length;
                kept_to = at;
            }
            None => at += text[at..].chars().next().map_or(1, char::len_utf8),
        }
    }
    if kept_to == 0 {
        return Cow::Borrowed(text);
    }
    shown.push_str(&text[kept_to..]);
    Cow::Owned(shown)
}

/// The length of the control sequence that `text` begins with (ECMA-48).
fn sequence_len(text: &str) -> Option<usize> {
    let text = &text[..text.floor_char_boundary(MAX_SEQUENCE_BYTES)];
    let after = |prefix: &str| text.strip_prefix(prefix);
    let body = if let Some(body) = after("\u{1b}[").or_else(|| after("\u{9b}")) {
        let is_parameter = |c: char| ('\u{30}'..='\u{3f}').contains(&c);
        let is_between = |c: char| ('\u{20}'..='\u{2f}').contains(&c);
        let rest = body.trim_start_matches(is_parameter);
        let rest = rest.trim_start_matches(is_between);
        rest.strip_prefix(|c: char| ('\u{40}'..='\u{7e}').contains(&c))?
    } else if let Some(body) = ["]", "P", "X", "^", "_"]
        .iter()
        .find_map(|kind| after("\u{1b}")?.strip_prefix(kind))
    {
        // A string that BEL or ESC \ ends; none goes over the end of a line.
        let end = body.find(['\u{7}', '\u{1b}', '\n', '\r'])?;
        let rest = &body[end..];
        rest.strip_prefix('\u{7}')
            .or_else(|| rest.strip_prefix("\u{1b}\\"))?
    } else {
        let is_between = |c: char| ('\u{20}'..='\u{2f}').contains(&c);
        let rest = after("\u{1b}")?.trim_start_matches(is_between);
        rest.strip_prefix(|c: char| ('\u{30}'..='\u{7e}').contains(&c))?
    };
    Some(text.len() - body.len())
}

/// The last bytes of `text`, at most so many, between two characters.
pub(super) fn tail(text: &str, bytes: usize) -> &str {
    &text[text.ceil_char_boundary(text.len().saturating_sub(bytes))..]
}

/// `text`, which is escaped already, cut to its last columns, with a `…` first if something was
/// left out. No escape is cut, and no word if another one begins soon.
pub(super) fn shorten_to_tail(text: &str, columns: usize) -> String {
    // Marks of width zero could make a line of any length.
    let most_chars = columns.saturating_mul(4).saturating_add(16);
    let mut width = 0_usize;
    let mut start = text.len();
    for (count, (at, c)) in text.char_indices().rev().enumerate() {
        width += c.width().unwrap_or(1);
        if width > columns || count >= most_chars {
            let shown = &text[after_escape(text, start)..];
            return format!("…{}", from_word(&text[..start], shown));
        }
        if width < columns {
            start = at;
        }
    }
    text.to_owned()
}

/// `text` from its first word on, unless that begins far behind. `before` is what was cut off.
fn from_word<'t>(before: &str, text: &'t str) -> &'t str {
    const NEAR: usize = 24;
    let is_whole = before.ends_with(' ') || text.starts_with(' ');
    let space = text.find(' ').filter(|&space| space < NEAR && !is_whole);
    space.map_or(text, |space| &text[space..])
}

/// `at`, or the end of the escape `\u{…}` that it is in.
fn after_escape(text: &str, at: usize) -> usize {
    let open = text[..at].rfind("\\u{");
    let close = open.and_then(|open| Some(open + text[open..].find('}')? + 1));
    match (open, close) {
        (Some(open), Some(close)) if close > at && close - open <= "\\u{10ffff}".len() => close,
        _ => at,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_carriage_return_ends_a_line() {
        for (text, want) in [
            ("a\rb", "a\nb"),
            ("\ra\rb\n", "a\nb\n"),
            ("a\r\nb\r\n", "a\nb\n"),
            ("a\r\r\nb", "a\nb"),
            ("a\r\rb", "a\nb"),
            ("a\n\rb", "a\nb"),
            ("a\r\n\nb", "a\n\nb"),
            ("a\r", "a"),
            ("\r", ""),
            ("plain\n", "plain\n"),
        ] {
            assert_eq!(screen_text(text), want, "{text:?}");
        }
    }

    #[test]
    fn control_sequences_are_left_out() {
        for (text, want) in [
            ("\u{1b}[31merror\u{1b}[0m: no", "error: no"),
            ("\u{1b}[1;38;5;196mx\u{1b}[m", "x"),
            ("\u{9b}31mx", "x"),
            ("50%\u{1b}[K\r\u{1b}[2K100%", "50%\n100%"),
            ("\u{1b}]8;;https://a.b\u{1b}\\link\u{1b}]8;;\u{7}", "link"),
            ("\u{1b}(Bx\u{1b}7y\u{1b}cz", "xyz"),
            ("\u{1b}[?25lx", "x"),
            // What is none stays, and is escaped later.
            ("x\u{1b}", "x\u{1b}"),
            ("x\u{1b}[31", "x\u{1b}[31"),
            ("\u{1b}]0;title\nx", "\u{1b}]0;title\nx"),
            ("\u{1b}éx", "\u{1b}éx"),
            ("[31mx", "[31mx"),
        ] {
            assert_eq!(screen_text(text), want, "{text:?}");
        }
        let long = format!("\u{1b}]{}\u{7}", "x".repeat(MAX_SEQUENCE_BYTES));
        assert_eq!(screen_text(&long), long);
    }

    #[test]
    fn a_long_line_ends_as_it_did() {
        for (text, columns, want) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "…cd"),
            ("日本語", 5, "…本語"),
            ("日本語", 4, "…語"),
            ("abc", 1, "…"),
            ("x\\u{1b}ab", 5, "…ab"),
            ("x\\u{1b}ab", 3, "…ab"),
            ("\\u{ab", 4, "…{ab"),
            ("one two three", 10, "…two three"),
            ("one two three", 6, "…three"),
            ("one two three", 5, "…hree"),
        ] {
            assert_eq!(shorten_to_tail(text, columns), want, "{text} to {columns}");
        }
        assert!(shorten_to_tail(&"\u{301}".repeat(100_000), 10).len() < 200);
        assert_eq!(tail("aé", 1), "");
        assert_eq!(tail("aé", 2), "é");
    }

    proptest! {
        #[test]
        fn only_sequences_and_line_ends_go(text in "[\u{1b}\u{9b}\\[\\]a;0m\u{7}\r\n\\\\é]{0,30}") {
            let shown = screen_text(&text);
            prop_assert!(!shown.contains('\r'));
            let letters = |text: &str| text.matches('é').count();
            prop_assert!(letters(&shown) <= letters(&text));
            if !text.contains(['\u{1b}', '\u{9b}', '\r']) {
                prop_assert_eq!(&*shown, &*text);
            }
        }
    }
}
