//! The lines of a text.
//!
//! Invariant: a line ends in `\n`, `\r\n` or `\r`, which is not a part of it.

use std::ops::Range;

/// The character at `offset`; empty at the end.
pub(super) fn character_at(text: &str, offset: usize) -> Range<usize> {
    let length = text[offset..].chars().next().map_or(0, char::len_utf8);
    offset..offset + length
}

/// The line that `offset` is in, without its end.
pub(super) fn line_at(text: &str, offset: usize) -> Range<usize> {
    let offset = in_line(text, offset);
    let before = |to: usize, end: char| text[offset..to].find(end).map_or(to, |at| offset + at);
    let end = before(before(text.len(), '\n'), '\r');
    line_start(text, offset)..end
}

/// The offset, or the end of the line for one between `\r` and `\n`.
fn in_line(text: &str, offset: usize) -> usize {
    match offset.checked_sub(1) {
        Some(before) if text.as_bytes()[before..].starts_with(b"\r\n") => before,
        _ => offset,
    }
}

/// Where the line begins that `offset` is in.
fn line_start(text: &str, offset: usize) -> usize {
    // One character at a time, which the search of the standard library is quick at.
    let after = |from: usize, end: char| {
        text[from..offset]
            .rfind(end)
            .map_or(from, |at| from + at + 1)
    };
    after(after(0, '\n'), '\r')
}

/// The number of the line that `offset` is in, from 1.
pub(super) fn line_number(text: &str, offset: usize) -> usize {
    let before = &text[..line_start(text, in_line(text, offset))];
    let count = |end: char| before.matches(end).count();
    let returns = count('\r');
    let pairs = if returns == 0 {
        0
    } else {
        before.matches("\r\n").count()
    };
    1 + count('\n') + returns - pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_ends_in_any_of_three_ways() {
        let wide = "é\u{feff}\r\nü";
        for (offset, _) in wide.char_indices() {
            assert_eq!(line_number(wide, offset), 1 + usize::from(offset > 6));
        }
        let text = "one\r\ntwo\rthree\n\nfive";
        let lines: Vec<(usize, &str)> = (0..=text.len())
            .map(|offset| (line_number(text, offset), &text[line_at(text, offset)]))
            .collect();
        let want = ["one", "two", "three", "", "five"];
        for (number, line) in &lines {
            assert_eq!(*line, want[number - 1], "{number}");
        }
        let numbers: Vec<usize> = lines.iter().map(|(number, _)| *number).collect();
        assert_eq!(
            numbers,
            [
                1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 4, 5, 5, 5, 5, 5
            ]
        );
    }
}
