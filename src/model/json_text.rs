//! JSON text as obs prints it: one line or indented, and always safe to look at.
//!
//! Invariant: a character that can't be seen or that moves others leaves as `\uXXXX`, so that a
//! record can be shown on a terminal, and so does the second `#` of `##[`, which a GitHub runner
//! takes for a command wherever it stands in a line. Read back, it is the same value.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};

use super::escaped::Sight;

/// True for a key that `serde_json` keeps for itself: a mapping with it would be read as something
/// else, so no text of a stranger may hold one.
pub(crate) fn is_reserved_key(key: &str) -> bool {
    key.starts_with("$serde_json::private::")
}

/// `value` on one line, without the line feed.
pub(crate) fn json_line<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<String> {
    write_with(value, SafeText(CompactFormatter))
}

/// `value` indented by two spaces, without the last line feed.
pub(crate) fn json_pretty<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<String> {
    write_with(value, SafeText(PrettyFormatter::new()))
}

fn write_with<T: Serialize + ?Sized>(
    value: &T,
    formatter: impl Formatter,
) -> serde_json::Result<String> {
    let mut bytes = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut bytes, formatter))?;
    String::from_utf8(bytes).map_err(serde::ser::Error::custom)
}

/// A formatter that writes as `F` does, but for unsafe characters.
struct SafeText<F>(F);

macro_rules! pass_on {
    ($($name:ident($($arg:ident: $type:ty),*)),* $(,)?) => {$(
        fn $name<W: ?Sized + Write>(&mut self, writer: &mut W $(, $arg: $type)*) -> io::Result<()> {
            self.0.$name(writer $(, $arg)*)
        }
    )*};
}

impl<F: Formatter> Formatter for SafeText<F> {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        write_safe(writer, fragment)
    }

    /// Raw values are valid JSON in compact form: an unsafe character can only stand in a string.
    fn write_raw_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        write_safe(writer, fragment)
    }

    pass_on!(
        begin_array(),
        end_array(),
        begin_array_value(first: bool),
        end_array_value(),
        begin_object(),
        end_object(),
        begin_object_key(first: bool),
        end_object_key(),
        begin_object_value(),
        end_object_value(),
    );
}

fn write_safe<W: ?Sized + Write>(writer: &mut W, fragment: &str) -> io::Result<()> {
    // Most text is this plain, and long text is worth the look.
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'"' | b'$'..=b'~');
    if fragment.as_bytes().iter().all(is_plain) {
        return writer.write_all(fragment.as_bytes());
    }
    let (mut written, mut sight) = (0, Sight::default());
    for (at, c) in fragment.char_indices() {
        let begins_command =
            c == '#' && fragment[..at].ends_with('#') && fragment[at..].starts_with("#[");
        if !sight.misleads(c) && !begins_command {
            continue;
        }
        writer.write_all(&fragment.as_bytes()[written..at])?;
        let mut units = [0; 2];
        for unit in c.encode_utf16(&mut units) {
            write!(writer, "\\u{unit:04x}")?;
        }
        written = at + c.len_utf8();
    }
    writer.write_all(&fragment.as_bytes()[written..])
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn unsafe_characters_leave_as_escapes_and_come_back() {
        let value = json!({"k\u{202e}": ["\u{1b}[2J\u{9b}\u{7f}", "\u{e0041}", 1]});
        let line = json_line(&value).unwrap();
        assert_eq!(
            line,
            r#"{"k\u202e":["\u001b[2J\u009b\u007f","\udb40\udc41",1]}"#
        );
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), value);
    }

    #[test]
    fn a_workflow_command_is_broken_but_the_value_is_kept() {
        let value = json!({"##[error]": "a ###[group]\\##[x]"});
        let line = json_line(&value).unwrap();
        assert!(!line.contains("##["), "{line}");
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), value);
    }

    #[test]
    fn raw_values_are_made_safe_too() {
        let raw = RawValue::from_string("\"a\u{9b}b\"".to_owned()).unwrap();
        assert_eq!(json_line(&raw).unwrap(), r#""a\u009bb""#);
    }

    #[test]
    fn long_numbers_keep_their_digits() {
        let value: Value = serde_json::from_str("123456789012345678901234567890").unwrap();
        assert_eq!(json_line(&value).unwrap(), "123456789012345678901234567890");
    }
}
