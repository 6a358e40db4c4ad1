//! Paths into a value as references and `--print` spell them: `.field`, `.0`, `["any key"]`.
//!
//! Invariant: a path that is written is read back as the same path.

use std::fmt::Write as _;

/// How a key begins that is not a plain word.
const QUOTED: &str = "[\"";

/// True if `text`, which follows a name, begins a path or is empty.
pub(crate) fn begins_path(text: &str) -> bool {
    text.is_empty() || text.starts_with('.') || text.starts_with(QUOTED)
}

/// Reads what follows a name. `accepts` decides about each token without quotes; `None` if it
/// refuses one, or if a bracket holds anything but one JSON string.
pub(crate) fn parse_path(text: &str, accepts: impl Fn(&str) -> bool) -> Option<Vec<String>> {
    let mut path = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find('.').unwrap_or(after.len());
            let end = after.find(QUOTED).map_or(end, |quoted| quoted.min(end));
            let token = &after[..end];
            if !accepts(token) {
                return None;
            }
            path.push(token.to_owned());
            rest = &after[end..];
        } else {
            let quoted = rest.strip_prefix('[')?;
            let mut strings = serde_json::Deserializer::from_str(quoted).into_iter::<String>();
            path.push(strings.next()?.ok()?);
            rest = quoted[strings.byte_offset()..].strip_prefix(']')?;
        }
    }
    Some(path)
}

/// `name` with `path`, as [`parse_path`] reads it. No two braces follow each other in a key.
pub(crate) fn format_path(name: &str, path: &[impl AsRef<str>]) -> String {
    let mut text = name.to_owned();
    for token in path.iter().map(AsRef::as_ref) {
        if is_plain(token) {
            text.push('.');
            text.push_str(token);
        } else {
            let quoted = serde_json::Value::from(token).to_string();
            let quoted = quoted.replace('{', "\\u007b").replace('}', "\\u007d");
            // Writing to a string can't fail.
            write!(text, "[{quoted}]").ok();
        }
    }
    text
}

fn is_plain(token: &str) -> bool {
    let is_odd = |c: char| c.is_control() || ".[]|?{}\"'".contains(c);
    !token.is_empty() && token.trim() == token && !token.contains(is_odd)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Option<Vec<String>> {
        parse_path(text, |token| !token.contains(['[', ']']))
    }

    #[test]
    fn a_path_is_fields_indices_and_quoted_keys() {
        for (text, want) in [
            ("", Some(&[][..])),
            (".a.0", Some(&["a", "0"])),
            (".", Some(&[""])),
            ("[\"report.html\"].size", Some(&["report.html", "size"])),
            (".a[\"b.c\"][\"d\"]", Some(&["a", "b.c", "d"])),
            ("[\"a\\\"]\\u00e9\"]", Some(&["a\"]é"])),
            ("[\"\"]", Some(&[""])),
            ("a", None),
            (".a[0]", None),
            ("[0]", None),
            ("[\"a", None),
            ("[\"a\"", None),
            ("[\"a\" ]", None),
            ("[\"a\"]b", None),
            ("[\"\\ud83d\"]", None),
        ] {
            let want = want.map(|path| path.iter().map(|&token| token.to_owned()).collect());
            assert_eq!(parse(text), want, "{text}");
        }
    }

    #[test]
    fn only_what_needs_quotes_gets_some() {
        let path = ["a", "b.c", "0", "", "d?", "a é", "x}}y"];
        assert_eq!(
            format_path("s", &path),
            r#"s.a["b.c"].0[""]["d?"].a é["x\u007d\u007dy"]"#
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(path in proptest::collection::vec("[a.\\[\\]\"{}?\\\\é \n]{0,5}", 0..4)) {
            let text = format_path("", &path);
            prop_assert!(!text.contains("{{") && !text.contains("}}"));
            prop_assert_eq!(parse(&text), Some(path));
        }

        #[test]
        fn no_text_is_too_odd(text in "[a.\\[\\]\"\\\\]{0,20}") {
            parse(&text);
        }
    }
}
