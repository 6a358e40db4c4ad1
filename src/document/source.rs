//! Reads the text of a plan or a manifest.
//!
//! Invariant: only a regular file (or standard input) is opened, at most `max_bytes` of it are
//! held, and what comes out is UTF-8 without a byte order mark. A FIFO, a device or a directory is
//! refused before it is opened, so that nothing can hang here.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

use thiserror::Error;

/// The largest plan that is read by default: 1 MiB.
pub const DEFAULT_MAX_BYTES: u64 = 1 << 20;

/// The name under which standard input is shown.
pub(super) const STDIN_NAME: &str = "<stdin>";

/// A file's text with the name to show for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The path as the user gave it, or [`STDIN_NAME`].
    pub name: String,
    /// The text after the byte order mark.
    pub text: String,
    /// Its language.
    pub language: Language,
}

/// The language that a file is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// JSON, RFC 8259.
    Json,
    /// YAML 1.2, core schema.
    Yaml,
}

/// Why a file could not be taken as text.
#[derive(Debug, Error)]
pub enum SourceError {
    /// It could not be opened or read.
    #[error("can't read `{name}`: {source}")]
    Unreadable {
        /// The path as given.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// It is something else than a regular file.
    #[error("`{name}` is {kind}, not a regular file")]
    NotRegular {
        /// The path as given.
        name: String,
        /// What it is, with its article.
        kind: &'static str,
    },
    /// It is larger than it may be.
    #[error("`{name}` is larger than {max_bytes} bytes")]
    TooLarge {
        /// The path as given.
        name: String,
        /// The most that is read.
        max_bytes: u64,
    },
    /// It is not text.
    #[error("`{name}` is not UTF-8: byte {offset} (line {line}) is {byte:#04x}")]
    NotUtf8 {
        /// The path as given.
        name: String,
        /// Offset of the first bad byte.
        offset: usize,
        /// The line of that byte, from 1.
        line: usize,
        /// The byte.
        byte: u8,
    },
}

impl SourceError {
    /// The file, as the user gave it.
    pub fn name(&self) -> &str {
        match self {
            Self::Unreadable { name, .. }
            | Self::NotRegular { name, .. }
            | Self::TooLarge { name, .. }
            | Self::NotUtf8 { name, .. } => name,
        }
    }

    /// A stable name for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "unreadable",
            Self::NotRegular { .. } => "not_a_regular_file",
            Self::TooLarge { .. } => "too_large",
            Self::NotUtf8 { .. } => "not_utf8",
        }
    }

    /// True if the file could not be read at all, false where its content is at fault.
    pub fn is_unreadable(&self) -> bool {
        matches!(self, Self::Unreadable { .. } | Self::NotRegular { .. })
    }

    /// A help text.
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::Unreadable { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => Some("check the path"),
                io::ErrorKind::PermissionDenied => Some("check its permissions"),
                _ => None,
            },
            Self::NotRegular { .. } => Some("give a file, or `-` to read standard input"),
            Self::TooLarge { .. } => Some("raise the limit with `--max-plan-size`"),
            Self::NotUtf8 { .. } => Some("save the file as UTF-8"),
        }
    }
}

impl Source {
    /// Reads the file at `path`, or standard input for `-`.
    pub fn read(path: &Path, max_bytes: u64) -> Result<Self, SourceError> {
        if path == Path::new("-") {
            return Self::from_reader(STDIN_NAME.to_owned(), io::stdin().lock(), max_bytes);
        }
        let name = path.display().to_string();
        match open_regular(path) {
            Ok(OpenedInput::Regular(file)) => {
                let length = file.metadata().map_or(0, |metadata| metadata.len());
                // One more, so that the end is found without reading more.
                let expected = length.min(max_bytes).saturating_add(1);
                let expected = usize::try_from(expected).unwrap_or_default();
                Self::read_from(name, file, expected, max_bytes)
            }
            Ok(OpenedInput::Other(kind)) => Err(SourceError::NotRegular { name, kind }),
            Err(source) => Err(SourceError::Unreadable { name, source }),
        }
    }

    /// Reads at most `max_bytes` from `reader`. The name's extension, else the content, decides the
    /// language.
    pub fn from_reader(
        name: String,
        reader: impl Read,
        max_bytes: u64,
    ) -> Result<Self, SourceError> {
        Self::read_from(name, reader, 0, max_bytes)
    }

    /// The same, with an estimate of the size.
    fn read_from(
        name: String,
        reader: impl Read,
        expected: usize,
        max_bytes: u64,
    ) -> Result<Self, SourceError> {
        let mut bytes = Vec::with_capacity(expected);
        let outcome = reader
            .take(max_bytes.saturating_add(1))
            .read_to_end(&mut bytes);
        if let Err(source) = outcome {
            return Err(SourceError::Unreadable { name, source });
        }
        if bytes.len() as u64 > max_bytes {
            return Err(SourceError::TooLarge { name, max_bytes });
        }
        Self::from_bytes(name, bytes)
    }

    /// Takes bytes that are already there.
    pub fn from_bytes(name: String, bytes: Vec<u8>) -> Result<Self, SourceError> {
        let mut text = String::from_utf8(bytes).map_err(|error| not_utf8(name.clone(), &error))?;
        if text.starts_with('\u{feff}') {
            text.drain(..'\u{feff}'.len_utf8());
        }
        let language = language_of(&name, &text);
        Ok(Self {
            name,
            text,
            language,
        })
    }
}

enum OpenedInput {
    Regular(File),
    Other(&'static str),
}

/// Opens `path` if it is a regular file. `O_NONBLOCK` covers the moment between the two looks at
/// what it is: a FIFO put in its place can't block the open.
fn open_regular(path: &Path) -> io::Result<OpenedInput> {
    let kind = kind_of(&fs::metadata(path)?);
    if let Some(kind) = kind {
        return Ok(OpenedInput::Other(kind));
    }
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    match kind_of(&file.metadata()?) {
        Some(kind) => Ok(OpenedInput::Other(kind)),
        None => Ok(OpenedInput::Regular(file)),
    }
}

fn kind_of(metadata: &fs::Metadata) -> Option<&'static str> {
    let kind = metadata.file_type();
    if kind.is_file() {
        None
    } else if kind.is_dir() {
        Some("a directory")
    } else if kind.is_fifo() {
        Some("a FIFO")
    } else if kind.is_socket() {
        Some("a socket")
    } else {
        Some("a device")
    }
}

fn not_utf8(name: String, error: &std::string::FromUtf8Error) -> SourceError {
    let offset = error.utf8_error().valid_up_to();
    let before = &error.as_bytes()[..offset];
    SourceError::NotUtf8 {
        name,
        offset,
        line: before.split(|&byte| byte == b'\n').count(),
        byte: error.as_bytes().get(offset).copied().unwrap_or_default(),
    }
}

fn language_of(name: &str, text: &str) -> Language {
    let extension = Path::new(name)
        .extension()
        .map(|e| e.to_string_lossy().to_ascii_lowercase());
    match extension.as_deref() {
        Some("json") => Language::Json,
        Some("yaml" | "yml") => Language::Yaml,
        _ => language_by_content(text),
    }
}

/// `{"` and `{}` begin JSON, and so do `[{` and a lone `[`-list of strings; YAML in flow style
/// rarely quotes its keys, and if it does it is JSON too.
fn language_by_content(text: &str) -> Language {
    let mut significant = text.chars().filter(|c| !c.is_whitespace());
    match (significant.next(), significant.next()) {
        (Some('{'), Some('"' | '}') | None) | (Some('['), Some('{' | '"' | '[' | ']') | None) => {
            Language::Json
        }
        _ => Language::Yaml,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, bytes: &[u8], max: u64) -> Result<Source, SourceError> {
        Source::from_reader(name.to_owned(), bytes, max)
    }

    #[test]
    fn skips_the_byte_order_mark_only_at_the_start() {
        let source = read("a.yaml", "\u{feff}a: \u{feff}b".as_bytes(), 100).unwrap();
        assert_eq!(source.text, "a: \u{feff}b");
    }

    #[test]
    fn takes_exactly_the_limit_and_no_byte_more() {
        assert!(read("a.yaml", b"1234", 4).is_ok());
        let error = read("a.yaml", b"12345", 4).unwrap_err();
        assert_eq!(error.to_string(), "`a.yaml` is larger than 4 bytes");
    }

    #[test]
    fn says_where_utf8_ends() {
        let error = read("a.yaml", b"a: 1\nb: \xff", 100).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`a.yaml` is not UTF-8: byte 8 (line 2) is 0xff"
        );
    }

    #[test]
    fn content_decides_without_an_extension() {
        for (text, want) in [
            ("{\"a\": 1}", Language::Json),
            (" \n{}", Language::Json),
            ("{a: 1}", Language::Yaml),
            ("a: 1", Language::Yaml),
            ("", Language::Yaml),
        ] {
            assert_eq!(
                read("-", text.as_bytes(), 100).unwrap().language,
                want,
                "{text}"
            );
        }
        assert_eq!(
            read("a.JSON", b"a: 1", 100).unwrap().language,
            Language::Json
        );
    }

    #[test]
    fn refuses_what_is_no_regular_file() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo.yaml");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &fifo,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RWXU,
            0,
        )
        .unwrap();
        for (path, want) in [
            (fifo.as_path(), "is a FIFO"),
            (dir.path(), "is a directory"),
            (Path::new("/dev/zero"), "is a device"),
        ] {
            let error = Source::read(path, 100).unwrap_err();
            assert!(error.to_string().contains(want), "{error}");
            assert!(error.is_unreadable());
        }
    }
}
