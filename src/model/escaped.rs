//! The one way for text that obs did not write to reach a terminal, a table or a CI log.
//!
//! Invariant: what these types print holds no control or format character but, for
//! [`EscapedLines`], the line feed and the tab, and no `##[`. A line that begins with `::` is a
//! workflow command to GitHub's runner even when it is indented, so a `::` that leads a line is
//! broken too.

use std::fmt;

/// Text on one line: control, format and bidirectional characters become `\u{…}`, line feeds
/// `\n`.
#[derive(Debug, Clone, Copy)]
pub struct Escaped<'a>(pub &'a str);

/// Text on many lines: as [`Escaped`], but line feeds and tabs stay.
#[derive(Debug, Clone, Copy)]
pub struct EscapedLines<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.width().is_none() && f.precision().is_none() {
            return write_escaped(f, self.0, false);
        }
        let mut text = String::with_capacity(self.0.len());
        write_escaped(&mut text, self.0, false)?;
        f.pad(&text)
    }
}

impl fmt::Display for EscapedLines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_escaped(f, self.0, true)
    }
}

fn write_escaped(out: &mut dyn fmt::Write, text: &str, keep_lines: bool) -> fmt::Result {
    let mut at_line_start = true;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\n' if keep_lines => out.write_char('\n')?,
            '\t' if keep_lines => out.write_char('\t')?,
            '\n' => out.write_str("\\n")?,
            '\t' => out.write_str("\\t")?,
            '\r' => out.write_str("\\r")?,
            ':' if at_line_start && text[at..].starts_with("::") => {
                out.write_str("\\u{3a}:")?;
                chars.next();
            }
            '#' if text[at..].starts_with("##[") => {
                out.write_str("#\\u{23}[")?;
                chars.next();
                chars.next();
            }
            c if is_unsafe(c) => write!(out, "\\u{{{:x}}}", u32::from(c))?,
            c => out.write_char(c)?,
        }
        at_line_start = c == '\n' || (at_line_start && c.is_whitespace());
    }
    Ok(())
}

/// True for characters that can move a cursor, hide or reorder text, or start a control sequence:
/// C0, DEL, C1, Unicode's format characters and its line and paragraph separators.
pub(super) fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(u32::from(c),
            0x00AD | 0x061C | 0x180E | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F
            | 0x0600..=0x0605 | 0x06DD | 0x070F | 0x08E2 | 0xFEFF | 0xFFF9..=0xFFFB
            | 0x110BD | 0x110CD | 0x13430..=0x1343F | 0x1BCA0..=0x1BCA3 | 0x1D173..=0x1D17A
            | 0xE0000..=0xE007F)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "a\u{1b}[2J\u{1b}]52;c;eA==\u{7}\u{9b}31m\u{202e}b\u{7f}\r\n::error::x";

    #[test]
    fn leaves_no_control_character() {
        let text = Escaped(HOSTILE).to_string();
        assert!(!text.chars().any(is_unsafe), "{text}");
        assert!(
            text.starts_with("a\\u{1b}[2J\\u{1b}]52;c;eA==\\u{7}\\u{9b}31m\\u{202e}b"),
            "{text}"
        );
    }

    #[test]
    fn lines_stay_lines_but_never_begin_a_workflow_command() {
        let text =
            EscapedLines("one\n\ttwo\n::error::x\n  ::add-mask::y\na ##[error]z").to_string();
        assert_eq!(
            text,
            "one\n\ttwo\n\\u{3a}:error::x\n  \\u{3a}:add-mask::y\na #\\u{23}[error]z"
        );
    }

    #[test]
    fn ordinary_text_is_untouched() {
        let text = "größe → 10 µs, std::io, #1 ## two, 日本語";
        assert_eq!(Escaped(text).to_string(), text);
    }

    #[test]
    fn pads_after_escaping() {
        assert_eq!(format!("{:8}|", Escaped("a\u{1b}")), "a\\u{1b} |");
    }
}
