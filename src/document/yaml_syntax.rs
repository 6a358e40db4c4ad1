//! What is wrong with a text that is not YAML, in words for its author.
//!
//! Invariant: the parser decides what is YAML and where it fails; what is said depends on its error
//! kind and on the lines around the place. A message repeats keys only: a value may be a secret.

use std::ops::Range;

use granit_parser::ErrorKind;

use super::json::{SYNTAX_HELP, too_deep};
use super::lines::{character_at, line_at, line_number};
use super::{Diagnostic, Location};

/// How much of a key a message shows.
const MAX_KEY_CHARS: usize = 40;

/// The problem of the error `kind` at the byte `at` of `text`.
pub(super) fn describe(text: &str, at: usize, kind: &ErrorKind) -> Diagnostic {
    let site = Site {
        text,
        at,
        line: line_at(text, at),
    };
    if let Some(problem) = site.foreign_comment() {
        return problem;
    }
    match kind {
        ErrorKind::RecursionLimitExceeded => too_deep(Location::Bytes(site.character())),
        ErrorKind::TabInBlockIndentation
        | ErrorKind::TabNotAllowed
        | ErrorKind::TabInIndentation
        | ErrorKind::TabInPlainScalar
        | ErrorKind::TabAtBlockScalarStart => site.tab(),
        ErrorKind::MappingValueNotAllowed
        | ErrorKind::InvalidColonPlacement
        | ErrorKind::InvalidSimpleKey => site.colon(),
        ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::ExpectedDocumentStart
        | ErrorKind::SimpleKeyExpected => site.no_entry(),
        ErrorKind::InvalidIndentation
        | ErrorKind::InvalidBlockScalarIndent
        | ErrorKind::InvalidQuotedScalarIndent
        | ErrorKind::InvalidFlowScalarIndent => site.indentation(),
        ErrorKind::BlockSequenceEntryNotAllowed => site.list_item(),
        _ => site.token(kind),
    }
}

/// The place of an error.
struct Site<'t> {
    text: &'t str,
    at: usize,
    line: Range<usize>,
}

/// A line that holds an entry: `- key: value`.
struct Entry<'t> {
    /// Its line.
    line: Range<usize>,
    /// The column of the key, or of the text where there is none, from 0.
    column: usize,
    /// The column of the first `- `.
    dash: Option<usize>,
    key: Option<&'t str>,
    /// Where the value begins in the text.
    value_at: usize,
}

fn mistake(bytes: Range<usize>, what: &str, help: impl Into<String>) -> Diagnostic {
    let message = format!("invalid YAML: {what}");
    Diagnostic::error("syntax", Location::Bytes(bytes), message).help(help)
}

/// The problem of a comment that YAML takes for text.
pub(super) fn foreign_comment(bytes: Range<usize>) -> Diagnostic {
    let help = "write `#` before a comment, or remove it";
    mistake(bytes, "a comment of another language", help)
}

impl<'t> Site<'t> {
    fn character(&self) -> Range<usize> {
        character_at(self.text, self.at)
    }

    /// From the place to the end of the line.
    fn rest(&self) -> Range<usize> {
        let written = self.text[self.at.min(self.line.end)..self.line.end].trim_end();
        self.at..self.at + written.len()
    }

    fn is_first_in_line(&self) -> bool {
        self.text[self.line.start..self.at.max(self.line.start)]
            .trim()
            .is_empty()
    }

    fn entry_of(&self, line: Range<usize>) -> Entry<'t> {
        let written = &self.text[line.clone()];
        let mut content = written.trim_start_matches(' ');
        let mut dash = None;
        while let Some(item) = content.strip_prefix("- ") {
            dash = dash.or(Some(written.len() - content.len()));
            content = item.trim_start_matches(' ');
        }
        let column = written.len() - content.len();
        let colon = content.find(": ").or_else(|| {
            let key = content.trim_end().strip_suffix(':')?;
            Some(key.len())
        });
        let after = colon.map_or(content, |colon| &content[colon + 1..]);
        Entry {
            column,
            dash,
            key: colon.map(|colon| &content[..colon]),
            value_at: line.end - after.trim_start().len(),
            line,
        }
    }

    fn own(&self) -> Entry<'t> {
        self.entry_of(self.line.clone())
    }

    /// The lines before this one that hold something, the nearest first.
    fn before(&self) -> impl Iterator<Item = Entry<'t>> {
        let mut start = self.line.start;
        let lines = std::iter::from_fn(move || {
            let line = line_at(self.text, start.checked_sub(1)?);
            start = line.start;
            Some(line)
        });
        let holds_something = |line: &Range<usize>| {
            let written = self.text[line.clone()].trim();
            !written.is_empty() && !written.starts_with('#')
        };
        lines
            .filter(holds_something)
            .take(MAX_LINES)
            .map(|line| self.entry_of(line))
    }

    /// A comment of another language in this line or in the one before.
    fn foreign_comment(&self) -> Option<Diagnostic> {
        let above = self.before().next().map(|entry| entry.line);
        let comment = |line: Range<usize>| {
            let written = &self.text[line.clone()];
            let content = written.trim_start();
            let is_one = content.starts_with("// ") || content.starts_with("/*");
            let at = line.end - content.len();
            is_one.then(|| foreign_comment(at..at + content.trim_end().len()))
        };
        comment(self.line.clone()).or_else(|| comment(above?))
    }

    fn tab(&self) -> Diagnostic {
        let help = "indent with spaces: YAML allows no tabs in the indentation";
        let mut start = self.line.start;
        for _ in 0..MAX_LINES {
            let line = line_at(self.text, start);
            let written = &self.text[line.clone()];
            let space = written.len() - written.trim_start_matches([' ', '\t']).len();
            if let Some(tab) = written[..space].find('\t') {
                let bytes = line.start + tab..line.start + space;
                return mistake(bytes, "a tab in the indentation", help);
            }
            let Some(next) = self.text[line.end..].find(|c| c != '\n' && c != '\r') else {
                break;
            };
            start = line.end + next;
        }
        mistake(
            self.character(),
            "a tab where YAML allows only spaces",
            "write a space",
        )
    }

    /// A `:` that can't be one of an entry.
    fn colon(&self) -> Diagnostic {
        let own = self.own();
        if let Some(key) = own.key
            && own.value_at < self.at
        {
            let bytes = own.value_at..self.line.end.max(own.value_at);
            let key = shown(key);
            let help = format!("put the value of `{key}` in quotes: `{key}: \"…\"`");
            return mistake(bytes, "a text with `: ` in it is not in quotes", help);
        }
        let Some(above) = self.before().next() else {
            return self.indentation();
        };
        if above.key.is_none() {
            let line = above.line.clone();
            if let Some(problem) = self.colon_without_space(line) {
                return problem;
            }
            let text = above.line.start + above.column..above.line.end;
            let content = self.text[text.clone()].trim_end();
            if content.starts_with(char::is_alphabetic) {
                let bytes = text.start..text.start + content.len();
                let help = "write `key: value`, or indent what follows it as it is indented";
                return mistake(bytes, "a line without a key", help);
            }
        }
        self.indentation()
    }

    /// The problem of `key:value` in a line.
    fn colon_without_space(&self, line: Range<usize>) -> Option<Diagnostic> {
        let written = &self.text[line.clone()];
        let colon = written.find(':')?;
        let key = written[..colon].trim_start_matches([' ', '-']);
        let is_in_key = |c: char| c.is_alphanumeric() || "_-.".contains(c);
        let is_key = !key.is_empty() && key.chars().all(is_in_key);
        let at = line.start + colon;
        let help = "write a space after the `:`";
        (is_key && !written[colon + 1..].starts_with([' ', '/']))
            .then(|| mistake(at..at + 1, "a space is missing after a `:`", help))
    }

    /// A line that is no entry of what is open there.
    fn no_entry(&self) -> Diagnostic {
        if !self.is_first_in_line() {
            let help = "put the whole value in quotes";
            return mistake(self.rest(), "text follows a complete value", help);
        }
        let own = self.own();
        if own.key.is_none() && own.dash.is_none() {
            if let Some(problem) = self.colon_without_space(self.line.clone()) {
                return problem;
            }
            let help = "write `key: value`, or indent it below the text that it continues";
            return mistake(self.rest(), "a line without a key", help);
        }
        self.indentation()
    }

    /// A line whose indentation fits to nothing above it.
    fn indentation(&self) -> Diagnostic {
        let own = self.own();
        let indent = own.dash.unwrap_or(own.column);
        let first = self.text[self.line.clone()].chars().next();
        let marked = indent.max(first.map_or(0, char::len_utf8));
        let bytes = self.line.start..self.line.start + marked;
        let is_item = own.dash.is_some();
        let column_of = |entry: &Entry<'_>| match (is_item, entry.dash) {
            (true, dash) => dash,
            (false, _) => entry.key.map(|_| entry.column),
        };
        // The nearest column that an entry like this one may have.
        let fits = self
            .before()
            .filter_map(|entry| Some((column_of(&entry)?, entry)))
            .min_by_key(|(column, _)| column.abs_diff(indent));
        let what = format!("bad indentation: {}", spaces(indent));
        match fits {
            Some((column, entry)) if column != indent => {
                let like = match entry.key {
                    Some(key) if !is_item => format!("`{}`", shown(key)),
                    _ => "the `-`".to_owned(),
                };
                let number = line_number(self.text, entry.line.start);
                let help = format!(
                    "indent it by {}, as {like} in line {number}",
                    spaces(column)
                );
                mistake(bytes, &what, help)
            }
            _ => {
                let help = "indent the entries of one list or mapping alike, with spaces";
                mistake(bytes, &what, help)
            }
        }
    }

    /// A `- ` where no list can begin.
    fn list_item(&self) -> Diagnostic {
        if self.is_first_in_line() {
            return self.indentation();
        }
        let help = "write each `- ` on a line of its own, or the list in brackets: `[…, …]`";
        mistake(self.rest(), "a list item behind a key", help)
    }

    fn word(&self) -> Range<usize> {
        let rest = &self.text[self.at..];
        let ends = |c: char| c.is_whitespace() || ",]}".contains(c);
        self.at..self.at + rest.find(ends).unwrap_or(rest.len())
    }

    /// A text that begins with a character of YAML's syntax.
    fn not_quoted(&self) -> Diagnostic {
        let first = self.text[self.at..].chars().next().unwrap_or_default();
        let what = format!("a text that begins with `{first}` is not in quotes");
        mistake(self.word(), &what, "put it in quotes: `\"…\"`")
    }

    /// Errors about what stands at the place itself.
    fn token(&self, kind: &ErrorKind) -> Diagnostic {
        match kind {
            ErrorKind::UnexpectedCharacter { .. }
            | ErrorKind::UnknownAnchor
            | ErrorKind::MissingAnchorOrAliasName
            | ErrorKind::PlainScalarStartsWithDashFlowIndicator => self.not_quoted(),
            ErrorKind::UnclosedQuotedScalar => mistake(
                self.rest(),
                "a quote is not closed",
                "close it where the text ends",
            ),
            ErrorKind::InvalidTrailingSingleQuotedScalar
            | ErrorKind::InvalidTrailingDoubleQuotedScalar
                if self.text[self.at..].starts_with(['"', '\'']) =>
            {
                let help = "write `,` between the elements of a list";
                mistake(self.character(), "a `,` is missing before this text", help)
            }
            ErrorKind::InvalidTrailingSingleQuotedScalar => mistake(
                self.rest(),
                "text follows a closing quote",
                "write `''` for an apostrophe in single quotes, or put all of it in double quotes",
            ),
            ErrorKind::InvalidTrailingDoubleQuotedScalar => mistake(
                self.rest(),
                "text follows a closing quote",
                "put the whole value in quotes, and write `\\\"` for a quote inside it",
            ),
            ErrorKind::UnknownQuotedScalarEscape
            | ErrorKind::InvalidQuotedScalarHexEscape
            | ErrorKind::InvalidLowSurrogateHexEscape
            | ErrorKind::InvalidLowSurrogate
            | ErrorKind::MissingLowSurrogate
            | ErrorKind::UnpairedLowSurrogate
            | ErrorKind::InvalidUnicodeEscape => mistake(
                self.character(),
                "an invalid escape in double quotes",
                "write `\\\\` for a backslash, or use single quotes, which have no escapes",
            ),
            ErrorKind::DocumentIndicatorInQuotedScalar => mistake(
                self.rest(),
                "a line of a quoted text begins with `---` or `...`",
                "indent it, or close the quote before it",
            ),
            ErrorKind::CommentNotSeparated | ErrorKind::CommentInterceptedScalar => mistake(
                self.rest(),
                "a `#` in the wrong place",
                "write a space before a comment, or put a text with `#` in quotes",
            ),
            _ => self.bracket(kind),
        }
    }

    /// Errors about brackets and rare syntax.
    fn bracket(&self, kind: &ErrorKind) -> Diagnostic {
        match kind {
            ErrorKind::UnclosedFlowCollection { open } => {
                let what = format!("the `{open}` is not closed");
                let help = format!("write `{}` where it ends", closing(*open));
                mistake(self.character(), &what, help)
            }
            ErrorKind::MismatchedFlowCollectionEnd { open, close } => {
                let what = format!("the `{open}` is closed by `{close}`");
                let help = format!("write `{}`, or what is missing before it", closing(*open));
                mistake(self.character(), &what, help)
            }
            ErrorKind::MisplacedFlowCollectionEnd => mistake(
                self.character(),
                "a closing bracket too many",
                "remove it, or put a text with brackets in quotes",
            ),
            ErrorKind::ExpectedFlowMappingSeparator | ErrorKind::ExpectedFlowSequenceSeparator => {
                mistake(
                    self.character(),
                    "a `,` or a closing bracket is missing before this",
                    "write `,` between entries in brackets",
                )
            }
            ErrorKind::BlockEntryInFlowCollection => mistake(
                self.character(),
                "a `- ` inside brackets",
                "write the elements without `- `: `[…, …]`",
            ),
            ErrorKind::InvalidBlockScalarHeader => mistake(
                self.rest(),
                "text follows a `|` or `>`",
                "write the text on the next line, indented; or put it in quotes",
            ),
            ErrorKind::ExpectedNodeContent => mistake(
                self.character(),
                "a value is missing here",
                "write a value, or `null`",
            ),
            ErrorKind::UnexpectedEof
            | ErrorKind::UnexpectedEofFlowSequence
            | ErrorKind::UnexpectedEofFlowMapping
            | ErrorKind::UnexpectedEofImplicitFlowMapping
            | ErrorKind::UnexpectedEofBlockSequence
            | ErrorKind::UnexpectedEofBlockMapping => {
                let help = "write the rest: the text may have been cut off";
                mistake(self.character(), "the text ends too early", help)
            }
            _ if self.text[self.at..].starts_with(['!', '%', '@', '`', '?', '*', '&']) => {
                self.not_quoted()
            }
            _ => mistake(self.rest(), "it can't be read from here on", SYNTAX_HELP),
        }
    }
}

/// How many lines are looked at before or after a place.
const MAX_LINES: usize = 1_000;

fn closing(open: char) -> char {
    if open == '[' { ']' } else { '}' }
}

fn spaces(count: usize) -> String {
    match count {
        1 => "1 space".to_owned(),
        _ => format!("{count} spaces"),
    }
}

fn shown(key: &str) -> String {
    match key.char_indices().nth(MAX_KEY_CHARS) {
        Some((end, _)) => format!("{}…", &key[..end]),
        None => key.to_owned(),
    }
}

#[cfg(test)]
mod tests;
