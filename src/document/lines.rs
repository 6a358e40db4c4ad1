//! The lines of a text.
//!
//! Invariant: a line ends in `\n`, `\r\n` or `\r`, which is not a part of it.

use std::ops::Range;

/// The line that `offset` is in, without its end.
pub(super) fn line_at(text: &str, offset: usize) -> Range<usize> {
    let is_end = |c: char| c == '\n' || c == '\r';
    // Between `\r` and `\n` a line has not ended yet.
    let offset = match offset.checked_sub(1) {
        Some(before) if text.as_bytes()[before..].starts_with(b"\r\n") => before,
        _ => offset,
    };
    let start = text[..offset].rfind(is_end).map_or(0, |at| at + 1);
    let end = text[offset..]
        .find(is_end)
        .map_or(text.len(), |at| offset + at);
    start..end
}

/// The number of the line that `offset` is in, from 1.
pub(super) fn line_number(text: &str, offset: usize) -> usize {
    let before = &text.as_bytes()[..line_at(text, offset).start];
    let ends = before.iter().enumerate().filter(|(at, byte)| match byte {
        b'\n' => true,
        b'\r' => before.get(at + 1) != Some(&b'\n'),
        _ => false,
    });
    1 + ends.count()
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
