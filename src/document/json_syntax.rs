//! What is wrong with a text that is not JSON, in words for its author.
//!
//! Invariant: this is asked only about a text that `serde_json` refused, and reads it once from its
//! start to the first mistake. A message repeats keys and single words only: what is in quotes may
//! be a secret.

use std::ops::Range;

use super::lines::{character_at, line_at};
use super::{Diagnostic, Location};

/// How much of a word a message shows.
const MAX_WORD_CHARS: usize = 40;

/// Quotes of typography, which programs put where `"` and `'` were.
pub(super) const TYPOGRAPHIC: [char; 10] = ['“', '”', '„', '‟', '«', '»', '‘', '’', '‚', '＂'];

/// Characters that look like a space or like nothing.
const LOOKS_LIKE_SPACE: [char; 8] = [
    '\u{a0}', '\u{2007}', '\u{202f}', '\u{3000}', '\u{200b}', '\u{200c}', '\u{200d}', '\u{feff}',
];

/// The first mistake in `text`; `None` if it has none of those that are known here.
pub(super) fn first_mistake(text: &str) -> Option<Diagnostic> {
    let mut scanner = Scanner {
        text,
        at: 0,
        last_end: 0,
        open: Vec::new(),
        expected: Expected::Value,
    };
    loop {
        match scanner.step() {
            Ok(true) => {}
            Ok(false) => return None,
            Err(problem) => return Some(*problem),
        }
    }
}

/// What the grammar allows next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// A value; after `[` or a comma in a list.
    Value,
    /// A value after a colon.
    ValueOfKey,
    /// A key; after `{` or a comma in an object.
    Key,
    Colon,
    /// What follows a value in a list or an object.
    Separator,
    /// Nothing: the document is complete.
    End,
}

type Step = Result<bool, Box<Diagnostic>>;

struct Scanner<'t> {
    text: &'t str,
    at: usize,
    /// Where the last token ended.
    last_end: usize,
    /// The open brackets with their places.
    open: Vec<(u8, usize)>,
    expected: Expected,
}

fn mistake(bytes: Range<usize>, what: &str, help: impl Into<String>) -> Box<Diagnostic> {
    let problem = Diagnostic::error(
        "syntax",
        Location::Bytes(bytes),
        format!("invalid JSON: {what}"),
    );
    Box::new(problem.help(help))
}

impl Scanner<'_> {
    /// Reads one token. False if nothing more is to be said.
    fn step(&mut self) -> Step {
        let rest = self.text[self.at..].trim_start_matches([' ', '\t', '\r', '\n']);
        self.at = self.text.len() - rest.len();
        let Some(first) = rest.chars().next() else {
            return self.end_of_text();
        };
        if rest.starts_with("//") || rest.starts_with("/*") || first == '#' {
            return Err(self.comment(rest));
        }
        if LOOKS_LIKE_SPACE.contains(&first) {
            let what = format!(
                "the character U+{:04X} looks like a space",
                u32::from(first)
            );
            return Err(mistake(
                self.character(),
                &what,
                "write a plain space, or remove it",
            ));
        }
        match self.expected {
            Expected::End => self.after_the_document(first),
            Expected::Colon if first == ':' => self.token(1, Expected::ValueOfKey),
            Expected::Colon => Err(self.no_colon(first)),
            Expected::Separator => self.separator(first),
            Expected::Key => self.key(first),
            Expected::Value | Expected::ValueOfKey => self.value(first),
        }
    }

    /// Moves past a token.
    #[expect(
        clippy::unnecessary_wraps,
        reason = "it is the last thing that the functions of a step do"
    )]
    fn token(&mut self, length: usize, expected: Expected) -> Step {
        self.at += length;
        self.last_end = self.at;
        self.expected = expected;
        Ok(true)
    }

    fn after_value(&self) -> Expected {
        match self.open.last() {
            Some(_) => Expected::Separator,
            None => Expected::End,
        }
    }

    fn push(&mut self, bracket: u8, expected: Expected) -> Step {
        self.open.push((bracket, self.at));
        self.token(1, expected)
    }

    fn pop(&mut self) -> Step {
        self.open.pop();
        let expected = self.after_value();
        self.token(1, expected)
    }

    fn character(&self) -> Range<usize> {
        character_at(self.text, self.at)
    }

    /// The byte before the position, space left out.
    fn last_byte(&self) -> Option<u8> {
        self.text[..self.last_end].bytes().next_back()
    }

    fn value(&mut self, first: char) -> Step {
        match first {
            '{' => self.push(b'{', Expected::Key),
            '[' => self.push(b'[', Expected::Value),
            '"' => self.string(self.after_value()),
            ']' if self.last_byte() == Some(b'[') => self.pop(),
            ']' | '}' if self.last_byte() == Some(b',') => Err(self.trailing_comma()),
            ']' | '}' | ',' if self.expected == Expected::ValueOfKey => Err(mistake(
                self.last_end - 1..self.last_end,
                "an entry has no value",
                "write the value after the `:`, or `null`",
            )),
            ',' => Err(self.extra_comma()),
            ']' | '}' if !self.open.is_empty() => self.separator(first),
            '-' | '+' | '.' | '0'..='9' => self.number(),
            _ => self.word(),
        }
    }

    fn key(&mut self, first: char) -> Step {
        match first {
            '"' => self.string(Expected::Colon),
            '}' if self.last_byte() == Some(b'{') => self.pop(),
            '}' | ']' if self.last_byte() == Some(b',') => Err(self.trailing_comma()),
            ',' => Err(self.extra_comma()),
            ']' => self.separator(first),
            '\'' | '`' => Err(self.other_quotes(first)),
            _ if TYPOGRAPHIC.contains(&first) => Err(self.other_quotes(first)),
            _ => {
                let word = self.word_here();
                let bytes = self.at..self.at + word.len();
                if word.is_empty() {
                    return Err(self.unexpected(first, "a key is a text in double quotes"));
                }
                let what = format!("the key `{}` is not in quotes", shown(word));
                let help = format!("write `\"{}\"`", shown(word));
                Err(mistake(bytes, &what, help))
            }
        }
    }

    fn separator(&mut self, first: char) -> Step {
        let (bracket, opened) = self.open.last().copied().unwrap_or_default();
        let in_list = bracket == b'[';
        match first {
            ',' if in_list => self.token(1, Expected::Value),
            ',' => self.token(1, Expected::Key),
            ']' if in_list => self.pop(),
            '}' if !in_list => self.pop(),
            ']' | '}' => {
                let (open, close) = if in_list { ('[', ']') } else { ('{', '}') };
                let line = super::lines::line_number(self.text, opened);
                let what = format!("`{first}` where the `{open}` of line {line} is still open");
                let help = format!("write `{close}` before it, or remove one of the two");
                Err(mistake(self.character(), &what, help))
            }
            ';' => Err(mistake(
                self.character(),
                "a `;`",
                "write `,` between entries",
            )),
            ':' if in_list => Err(mistake(
                self.character(),
                "a list has no keys",
                "write `{` and `}` around entries with keys",
            )),
            _ if self.last_byte() == Some(b'"') && self.last_end == self.at && first != '"' => {
                Err(mistake(
                    self.at - 1..self.at,
                    "a `\"` inside a text",
                    "write `\\\"` for a quote in a text",
                ))
            }
            _ => Err(mistake(
                self.last_end..self.last_end,
                "a `,` is missing",
                "write `,` after this value",
            )),
        }
    }

    fn no_colon(&self, first: char) -> Box<Diagnostic> {
        if first == '=' {
            return mistake(self.character(), "a `=`", "write `:` between key and value");
        }
        let help = "write `:` and a value after the key";
        mistake(self.last_end..self.last_end, "a `:` is missing", help)
    }

    fn trailing_comma(&self) -> Box<Diagnostic> {
        let comma = self.last_end - 1..self.last_end;
        mistake(
            comma,
            "a trailing comma",
            "remove the comma: nothing follows it",
        )
    }

    fn extra_comma(&self) -> Box<Diagnostic> {
        mistake(
            self.character(),
            "a comma without a value before it",
            "remove the comma",
        )
    }

    fn comment(&self, rest: &str) -> Box<Diagnostic> {
        let length = if rest.starts_with("/*") {
            rest.find("*/").map(|end| end + 2)
        } else {
            None
        };
        let line = line_at(self.text, self.at);
        let end = length.map_or(line.end, |length| self.at + length);
        let help = "remove it: JSON has no comments; a key that begins with `x-` may hold a note";
        mistake(self.at..end, "a comment", help)
    }

    fn other_quotes(&self, first: char) -> Box<Diagnostic> {
        let line = line_at(self.text, self.at);
        let inside = self.at + first.len_utf8();
        let is_end = |c: char| c == first || (TYPOGRAPHIC.contains(&c) && first != '\'');
        let end = self.text[inside..line.end]
            .char_indices()
            .find(|(_, c)| is_end(*c))
            .map_or(inside, |(at, c)| inside + at + c.len_utf8());
        let (what, help) = match first {
            '\'' => (
                "single quotes",
                "write `\"…\"`: JSON has double quotes only; in Python `json.dumps` writes them",
            ),
            '`' => ("backticks", "write `\"…\"`: JSON has double quotes only"),
            _ => (
                "typographic quotes",
                "write `\"…\"`: JSON has the plain quote `\"` only",
            ),
        };
        mistake(self.at..end, what, help)
    }

    /// What stands here up to a separator.
    fn word_here(&self) -> &str {
        let rest = &self.text[self.at..];
        let ends = |c: char| c.is_whitespace() || c.is_control() || ",:;]}[{\"'`".contains(c);
        &rest[..rest.find(ends).unwrap_or(rest.len())]
    }

    fn number(&mut self) -> Step {
        let word = self.word_here();
        let length = word.len();
        if serde_json::from_str::<serde_json::Number>(word).is_ok() {
            let expected = self.after_value();
            return self.token(length, expected);
        }
        let bytes = self.at..self.at + length;
        let digits = word.trim_start_matches(['-', '+']);
        if word.starts_with("...") {
            return Err(left_out(bytes));
        }
        if digits.starts_with(|c: char| c.is_alphabetic()) {
            return self.word();
        }
        let what = format!("`{}` is not a number", shown(word));
        let help = match digits.as_bytes() {
            [b'0', b'0'..=b'9', ..] => {
                "a number does not begin with zero; put it in quotes if it is a text"
            }
            _ if word.starts_with('+') => "write it without the `+`",
            [b'.', ..] => "write a `0` before the point",
            _ if digits.ends_with('.') => "write a digit after the point, or leave it out",
            _ => "write it in decimal digits, or put it in quotes if it is a text",
        };
        Err(mistake(bytes, &what, help))
    }

    fn word(&mut self) -> Step {
        let word = self.word_here();
        let bytes = self.at..self.at + word.len();
        if matches!(word, "true" | "false" | "null") {
            let (length, expected) = (word.len(), self.after_value());
            return self.token(length, expected);
        }
        let first = self.text[self.at..].chars().next().unwrap_or_default();
        if matches!(first, '\'' | '`') || TYPOGRAPHIC.contains(&first) {
            return Err(self.other_quotes(first));
        }
        if first == '…' {
            return Err(left_out(self.character()));
        }
        let meant = match word.trim_start_matches(['-', '+']) {
            "True" | "TRUE" | "yes" | "Yes" => Some("`true`"),
            "False" | "FALSE" | "no" | "No" => Some("`false`"),
            "None" | "NULL" | "Null" | "nil" | "undefined" => Some("`null`"),
            "NaN" | "nan" | "Infinity" | "inf" | "Inf" => {
                let what = format!("`{word}` is not a number in JSON");
                return Err(mistake(bytes, &what, "write another number, or `null`"));
            }
            _ => None,
        };
        match meant {
            Some(meant) => {
                let what = format!("`{word}` is not a word of JSON");
                Err(mistake(bytes, &what, format!("write {meant}")))
            }
            None if first.is_alphanumeric() || "_$/~@".contains(first) => Err(mistake(
                bytes,
                "a text is not in quotes",
                "write `\"…\"` around it",
            )),
            None => Err(self.unexpected(first, "write a value here")),
        }
    }

    fn unexpected(&self, first: char, help: &str) -> Box<Diagnostic> {
        mistake(
            self.character(),
            &format!("`{first}` is unexpected here"),
            help,
        )
    }

    /// A string, which opens here.
    fn string(&mut self, expected: Expected) -> Step {
        let bytes = self.text.as_bytes();
        let mut at = self.at + 1;
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'"' => return self.token(at + 1 - self.at, expected),
                b'\\' => at += escape_length(self.text, at)?,
                b'\n' | b'\r' => return Err(self.unclosed_string()),
                b'\t' => {
                    let help = "write `\\t` for a tab in a text";
                    return Err(mistake(at..at + 1, "a tab inside a text", help));
                }
                0..0x20 => {
                    let what = format!("the control character U+{byte:04X} inside a text");
                    return Err(mistake(at..at + 1, &what, format!("write `\\u{byte:04x}`")));
                }
                _ => at += 1,
            }
        }
        Err(self.unclosed_string())
    }

    fn unclosed_string(&self) -> Box<Diagnostic> {
        let line = line_at(self.text, self.at);
        let written = &self.text[self.at..line.end];
        let help = if written.contains(TYPOGRAPHIC) {
            "write `\"` at its end, not a typographic quote"
        } else {
            "write `\"` at its end; a line break inside a text is written `\\n`"
        };
        mistake(self.at..line.end, "a text has no closing `\"`", help)
    }

    fn after_the_document(&self, first: char) -> Step {
        let line = line_at(self.text, self.at);
        Err(match first {
            '{' | '[' => Box::new(
                Diagnostic::error(
                    "two_documents",
                    Location::Bytes(self.character()),
                    "a second document starts here",
                )
                .help("a file holds one document; remove it or put it into its own file"),
            ),
            '}' | ']' => {
                let what = format!("a `{first}` too many");
                mistake(self.character(), &what, "remove it: nothing is open here")
            }
            ',' => mistake(self.character(), "a trailing comma", "remove the comma"),
            _ => mistake(
                self.at..line.end,
                "text follows the document",
                "remove what follows the last bracket",
            ),
        })
    }

    fn end_of_text(&self) -> Step {
        let Some((bracket, at)) = self.open.last().copied() else {
            return Ok(false);
        };
        let close = |(bracket, _): &(u8, usize)| if *bracket == b'{' { '}' } else { ']' };
        let missing: String = self
            .open
            .iter()
            .rev()
            .take(MAX_WORD_CHARS)
            .map(close)
            .collect();
        let what = match self.open.len() {
            1 => format!("the `{}` is not closed", char::from(bracket)),
            count => format!("the text ends with {count} brackets open"),
        };
        let help = if matches!(self.expected, Expected::Separator | Expected::Key)
            || self.last_byte() == Some(b'[')
        {
            format!("write `{missing}` at the end, or the rest, if the text was cut off")
        } else {
            "the text was cut off: write the rest".to_owned()
        };
        Err(mistake(at..at + 1, &what, help))
    }
}

/// The length of the escape at `at`, where a backslash stands.
fn escape_length(text: &str, at: usize) -> Result<usize, Box<Diagnostic>> {
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hex
            .then(|| u32::from_str_radix(digits, 16).ok())
            .flatten()
    };
    let after = text[at + 1..].chars().next();
    match after {
        Some('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't') => Ok(2),
        Some('u') => match unit(at) {
            Some(0xD800..=0xDBFF) if matches!(unit(at + 6), Some(0xDC00..=0xDFFF)) => Ok(12),
            Some(0xD800..=0xDFFF) => Err(mistake(
                at..at + 6,
                "one half of a surrogate pair",
                "write the character itself, or both halves: `\\ud83d\\ude00`",
            )),
            Some(_) => Ok(6),
            None => Err(mistake(
                at..at + 2,
                "`\\u` without four hexadecimal digits",
                "write `\\u00e9`, or `\\\\u` for a backslash and a u",
            )),
        },
        Some(other) if !other.is_control() => Err(mistake(
            at..at + 1 + other.len_utf8(),
            &format!("`\\{other}` is not an escape"),
            "write `\\\\` for a backslash",
        )),
        _ => Err(mistake(
            at..at + 1,
            "a `\\` at the end of a line",
            "write `\\\\` for a backslash; a text can't go on in the next line",
        )),
    }
}

fn left_out(bytes: Range<usize>) -> Box<Diagnostic> {
    mistake(
        bytes,
        "`...` stands for something left out",
        "write what belongs here, or remove it",
    )
}

fn shown(word: &str) -> String {
    match word.char_indices().nth(MAX_WORD_CHARS) {
        Some((end, _)) => format!("{}…", &word[..end]),
        None => word.to_owned(),
    }
}

#[cfg(test)]
mod tests;
