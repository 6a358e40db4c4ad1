//! Paths in messages.
//!
//! Invariant: each function reads its line once.

/// What is no path, although it stands where one would.
const NO_PATHS: [&str; 24] = [
    "open",
    "opened",
    "create",
    "directory",
    "file",
    "error",
    "fatal",
    "denied",
    "socket",
    "failed",
    "execute",
    "read",
    "write",
    "link",
    "access",
    "warning",
    "connect",
    "i/o",
    "database",
    "device",
    "settings",
    "config",
    "output",
    "input",
];
/// What a phrase begins with that ends in a path.
const LEADS: [&str; 19] = [
    "cannot ",
    "can't ",
    "can not ",
    "could not ",
    "couldn't ",
    "failed to ",
    "failed ",
    "unable to ",
    "error ",
    "open ",
    "mkdir ",
    "create ",
    "unlink ",
    "remove ",
    "rename ",
    "read ",
    "write ",
    "stat ",
    "scandir ",
];
/// The words at which a message ends.
const ENDS: [&str; 9] = [
    "permission denied",
    "operation not permitted",
    "read-only file system",
    "invalid cross-device link",
    "no such file",
    "eacces",
    "eperm",
    "erofs",
    "exdev",
];

/// True if `word` is in `text`, and no part of a longer one.
pub(super) fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        !text[..at].ends_with(is_part) && !text[at + word.len()..].starts_with(is_part)
    })
}

/// The quoted texts of a line that may be paths.
pub(super) fn quoted(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = line;
    let mut before = ' ';
    while let Some(c) = rest.chars().next() {
        let close = match c {
            '\'' | '"' | '`' => Some(c),
            '‘' => Some('’'),
            '“' => Some('”'),
            _ => None,
        };
        let after = &rest[c.len_utf8()..];
        let is_open = !before.is_alphanumeric();
        // `ld` quotes with a grave accent and an apostrophe.
        let end = close.filter(|_| is_open).and_then(|close| {
            let is_end = |c: char| c == close || (close == '`' && c == '\'');
            after.find(is_end)
        });
        if let Some(end) = end {
            let text = &after[..end];
            if may_be_path(text) {
                found.push(text.to_owned());
            }
            let closing = after[end..].chars().next().map_or(1, char::len_utf8);
            rest = &after[end + closing..];
            before = '\'';
        } else {
            rest = after;
            before = c;
        }
    }
    found
}

fn may_be_path(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let is_words = ENDS.iter().any(|end| lower.starts_with(end)) || is_no_path(&lower);
    !text.trim().is_empty() && !is_words && !text.contains("://") && text.len() < 1000
}

fn is_no_path(lower: &str) -> bool {
    NO_PATHS.contains(&lower) || lower.chars().all(|c| !c.is_alphanumeric())
}

/// The path in front of the words for the error: `tool: PATH: Permission denied`.
pub(super) fn path_of(line: &str, lower: &str) -> Option<String> {
    let end = ENDS.iter().filter_map(|end| lower.find(end)).min()?;
    let before = line[..end].trim_end();
    let before = before
        .strip_suffix(|c| c == '(' || c == '[')
        .unwrap_or(before);
    // `[Errno 13]` stands in front of the words.
    let before = match before.rfind(" [Errno").or_else(|| before.rfind("[Errno")) {
        Some(at) => &before[..at],
        None => before,
    };
    let before = before.trim_end().trim_end_matches(':');
    let mut segments = before
        .rsplit(": ")
        .map(str::trim)
        .filter(|text| !text.is_empty());
    let first = segments.next()?;
    let is_only = !before.contains(": ");
    path_in(first, is_only).or_else(|| segments.next().and_then(|text| path_in(text, false)))
}

/// The path in one part of a message.
fn path_in(segment: &str, is_only: bool) -> Option<String> {
    // Go's log begins with the time.
    let verbs = [" open ", " mkdir ", " unlink ", " rename ", " stat "];
    let verb = verbs.iter().find_map(|verb| segment.find(verb));
    let segment = verb.map_or(segment, |at| &segment[at + 1..]);
    let lower = segment.to_ascii_lowercase();
    let has_lead = LEADS.iter().any(|lead| lower.starts_with(lead));
    if let Some(at) = segment.find('/').filter(|_| has_lead) {
        // All from the word with the first slash on: a path may hold spaces.
        let start = segment[..at].rfind(' ').map_or(0, |space| space + 1);
        return Some(segment[start..].to_owned());
    }
    let path = if has_lead {
        segment.rsplit(' ').next().unwrap_or(segment)
    } else {
        segment
    };
    let is_name = path.contains(['/', '.']);
    let last = path.rsplit(' ').next().unwrap_or_default();
    let is_word = is_no_path(&last.to_ascii_lowercase()) || path.ends_with("Error");
    // A program that names nothing but itself.
    let is_program = is_only && !is_name && !has_lead;
    (!is_word && !is_program && !path.is_empty()).then(|| path.to_owned())
}
