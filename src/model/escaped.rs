//! The one way for text that obs did not write to reach a terminal, a table or a CI log.
//!
//! Invariant: what these types print holds no character that a person can't see: no control or
//! format character but, for [`EscapedLines`], the line feed and the tab, no filler, no blank but
//! the space, no character that Unicode leaves unassigned or to private use. It holds no `##[`
//! either. A line that begins with `::` is a workflow command to GitHub's runner even when it is
//! indented, so a `::` that leads a line is broken too.

use std::fmt;

use unicode_general_category::{GeneralCategory, get_general_category};

/// The most combining marks on one base that are shown. Languages need three; more of them cover
/// the text around.
const MAX_MARKS: u8 = 4;

/// Text on one line: characters that can't be seen or that move others become `\u{…}`, line feeds
/// `\n`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Escaped<'a>(pub &'a str);

/// Text on many lines: as [`Escaped`], but line feeds and tabs stay.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EscapedLines<'a>(pub &'a str);

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
    let mut sight = Sight::default();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        let misleads = sight.misleads(c);
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
            c if misleads => write!(out, "\\u{{{:x}}}", u32::from(c))?,
            c => out.write_char(c)?,
        }
        at_line_start = c == '\n' || (at_line_start && c.is_whitespace());
    }
    Ok(())
}

/// Says of the characters of a text, one after the other, which ones must not be shown as they are.
#[derive(Debug, Default)]
pub(super) struct Sight {
    /// True if a combining mark has something to stand on.
    has_base: bool,
    /// How many marks stand on it already.
    marks: u8,
}

impl Sight {
    /// True if `c`, which follows what was asked about before, would be invisible or would change
    /// how its surroundings look.
    pub(super) fn misleads(&mut self, c: char) -> bool {
        if c.is_ascii() {
            *self = Self {
                has_base: !c.is_ascii_control() && c != ' ',
                marks: 0,
            };
            return c.is_ascii_control();
        }
        let misleads =
            is_invisible(c) || (is_mark(c) && !(self.has_base && self.marks < MAX_MARKS));
        if misleads {
            // An escape ends with a brace or a digit, on which a mark would stand.
            *self = Self::default();
        } else if is_mark(c) {
            self.marks += 1;
        } else {
            *self = Self {
                has_base: true,
                marks: 0,
            };
        }
        misleads
    }
}

fn is_mark(c: char) -> bool {
    use GeneralCategory as Category;
    let category = get_general_category(c);
    matches!(category, Category::NonspacingMark | Category::EnclosingMark)
}

/// True for characters that can move a cursor, reorder or hide text, start a control sequence, or
/// that show nothing: by their general category, and those below.
fn is_invisible(c: char) -> bool {
    use GeneralCategory as Category;
    match get_general_category(c) {
        Category::Control
        | Category::Format
        | Category::LineSeparator
        | Category::ParagraphSeparator
        | Category::SpaceSeparator
        | Category::PrivateUse
        | Category::Surrogate
        | Category::Unassigned => true,
        _ => is_ignorable(c) || is_blank(c),
    }
}

/// The characters of Unicode's property `Default_Ignorable_Code_Point` that the categories do not
/// cover.
fn is_ignorable(c: char) -> bool {
    matches!(u32::from(c),
        0x034F | 0x115F | 0x1160 | 0x17B4 | 0x17B5 | 0x180B..=0x180F | 0x3164
        | 0xFE00..=0xFE0F | 0xFFA0
        | 0xE0000..=0xE0FFF)
}

/// Letters and symbols without ink: the empty Braille pattern, the Khitan filler, the null notehead
/// and the Egyptian blanks.
fn is_blank(c: char) -> bool {
    matches!(
        u32::from(c),
        0x2800 | 0x1_6FE4 | 0x1_D159 | 0x1_3441 | 0x1_3442
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "a\u{1b}[2J\u{1b}]52;c;eA==\u{7}\u{9b}31m\u{202e}b\u{7f}\r\n::error::x";

    #[test]
    fn leaves_no_control_character() {
        let text = Escaped(HOSTILE).to_string();
        let mut sight = Sight::default();
        assert!(!text.chars().any(|c| sight.misleads(c)), "{text}");
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
    fn everything_invisible_is_escaped() {
        let invisible = [
            0x00A0, 0x00AD, 0x034F, 0x061C, 0x115F, 0x1160, 0x17B4, 0x180E, 0x1680, 0x2003, 0x200B,
            0x200D, 0x200E, 0x2028, 0x202E, 0x2060, 0x2065, 0x2066, 0x2800, 0x3000, 0x3164, 0xE000,
            0xFE0F, 0xFEFF, 0xFFA0, 0xFFF0, 0xFFFB, 0xFFFF, 0x1_6FE4, 0x1_BCA0, 0x1_D159, 0x1_D173,
            0xE_0001, 0xE_0041, 0xE_0100, 0xF_0000, 0x10_FFFD,
        ];
        for code in invisible {
            let text = format!("a{}b", char::from_u32(code).unwrap());
            let escaped = format!("a\\u{{{code:x}}}b");
            assert_eq!(Escaped(&text).to_string(), escaped);
            assert_eq!(EscapedLines(&text).to_string(), escaped);
        }
    }

    #[test]
    fn marks_need_a_base_and_do_not_pile_up() {
        for plain in [
            "e\u{301}",
            "क्षि",
            "ệ\u{323}\u{302}",
            "\u{5e9}\u{5c1}\u{5b8}",
        ] {
            assert_eq!(Escaped(plain).to_string(), plain);
        }
        assert_eq!(EscapedLines("e\n\u{301}").to_string(), "e\n\\u{301}");
        let text = format!("\u{301} \u{301}e{}", "\u{301}".repeat(6));
        assert_eq!(
            Escaped(&text).to_string(),
            "\\u{301} \\u{301}e\u{301}\u{301}\u{301}\u{301}\\u{301}\\u{301}"
        );
    }

    #[test]
    fn pads_after_escaping() {
        assert_eq!(format!("{:8}|", Escaped("a\u{1b}")), "a\\u{1b} |");
    }
}
