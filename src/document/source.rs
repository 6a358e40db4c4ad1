//! Reads the text of a plan or a manifest.
//!
//! Invariant: only a regular file, a FIFO or standard input is opened, at most `max_bytes` of it
//! are held, and what comes out is UTF-8 without a byte order mark. A device or a directory is
//! refused before it is opened, and a FIFO is read for [`FIFO_TIMEOUT`] at most, so that nothing
//! can hang here.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use thiserror::Error;

use super::lines::{line_at, line_number};

/// The largest plan that is read by default: 1 MiB.
pub const DEFAULT_MAX_BYTES: u64 = 1 << 20;

/// How long a FIFO (`<(command)` in a shell) is waited for until its end.
const FIFO_TIMEOUT: Duration = Duration::from_secs(30);

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
    /// A FIFO that did not end in time.
    #[error("`{name}` is a FIFO that did not end within {} s", timeout.as_secs())]
    NoEnd {
        /// The path as given.
        name: String,
        /// How long it was waited for.
        timeout: Duration,
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
        /// Its column, from 1.
        column: usize,
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
            | Self::NoEnd { name, .. }
            | Self::TooLarge { name, .. }
            | Self::NotUtf8 { name, .. } => name,
        }
    }

    /// A stable name for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "unreadable",
            Self::NotRegular { .. } => "not_a_regular_file",
            Self::NoEnd { .. } => "timeout",
            Self::TooLarge { .. } => "too_large",
            Self::NotUtf8 { .. } => "not_utf8",
        }
    }

    /// True if the file could not be read at all, false where its content is at fault.
    pub fn is_unreadable(&self) -> bool {
        matches!(
            self,
            Self::Unreadable { .. } | Self::NotRegular { .. } | Self::NoEnd { .. }
        )
    }

    /// Line and column, from 1, of what is wrong in the text.
    pub fn place(&self) -> Option<(usize, usize)> {
        match self {
            Self::NotUtf8 { line, column, .. } => Some((*line, *column)),
            _ => None,
        }
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
            Self::NoEnd { .. } => Some("a program has to write it and close it"),
            Self::TooLarge { .. } => Some("raise the limit with `--max-plan-size`"),
            // The byte order marks of UTF-16.
            Self::NotUtf8 {
                offset: 0,
                byte: 0xff | 0xfe,
                ..
            } => Some("the file is UTF-16: save it as UTF-8"),
            Self::NotUtf8 { .. } => Some("save the file as UTF-8"),
        }
    }
}

impl Source {
    /// Reads the file or the FIFO at `path`, or standard input for `-`.
    pub fn read(path: &Path, max_bytes: u64) -> Result<Self, SourceError> {
        if path == Path::new("-") {
            return Self::from_reader(STDIN_NAME.to_owned(), io::stdin().lock(), max_bytes);
        }
        Self::read_within(path, max_bytes, Some(FIFO_TIMEOUT))
    }

    /// Reads the file at `path`, which may not be a FIFO.
    pub fn read_regular(path: &Path, max_bytes: u64) -> Result<Self, SourceError> {
        Self::read_within(path, max_bytes, None)
    }

    /// Reads a file, or a FIFO if there is a timeout for it.
    fn read_within(
        path: &Path,
        max_bytes: u64,
        fifo_timeout: Option<Duration>,
    ) -> Result<Self, SourceError> {
        let name = path.display().to_string();
        match open_input(path, fifo_timeout.is_some()) {
            Ok(OpenedInput::Regular(file)) => {
                let length = file.metadata().map_or(0, |metadata| metadata.len());
                // One more, so that the end is found without reading more.
                let expected = length.min(max_bytes).saturating_add(1);
                let expected = usize::try_from(expected).unwrap_or_default();
                Self::read_from(name, file, expected, max_bytes)
            }
            Ok(OpenedInput::Fifo(file)) => {
                let timeout = fifo_timeout.unwrap_or_default();
                let fifo = FifoReader {
                    file,
                    deadline: Instant::now() + timeout,
                };
                match Self::read_from(name, fifo, 0, max_bytes) {
                    Err(SourceError::Unreadable { name, source })
                        if source.kind() == io::ErrorKind::TimedOut =>
                    {
                        Err(SourceError::NoEnd { name, timeout })
                    }
                    outcome => outcome,
                }
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

/// True if the path is that of a FIFO, whose text can be read once.
pub(crate) fn is_fifo(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_fifo())
}

enum OpenedInput {
    Regular(File),
    Fifo(File),
    Other(&'static str),
}

/// Opens `path` if it is a regular file, or a FIFO if that is allowed. `O_NONBLOCK`, because a FIFO
/// without a writer would block the open, also one that takes the place of a file between the two
/// looks at what it is.
fn open_input(path: &Path, allow_fifo: bool) -> io::Result<OpenedInput> {
    let refused = |metadata: &fs::Metadata| {
        kind_of(metadata).filter(|_| !(allow_fifo && metadata.file_type().is_fifo()))
    };
    if let Some(kind) = refused(&fs::metadata(path)?) {
        return Ok(OpenedInput::Other(kind));
    }
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    let metadata = file.metadata()?;
    Ok(match refused(&metadata) {
        Some(kind) => OpenedInput::Other(kind),
        None if metadata.file_type().is_fifo() => OpenedInput::Fifo(file),
        None => OpenedInput::Regular(file),
    })
}

/// Reads a FIFO that was opened without blocking, until its last writer has closed it. One that no
/// program has opened for writing yet is waited for.
struct FifoReader {
    file: File,
    deadline: Instant,
}

impl Read for FifoReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            let timeout = Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: i64::from(left.subsec_nanos()),
            };
            // Not read before it is ready: without a writer that would be the end.
            match poll(
                &mut [PollFd::new(&self.file, PollFlags::IN)],
                Some(&timeout),
            ) {
                Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
                Ok(_) => match self.file.read(buffer) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    outcome => return outcome,
                },
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
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
    // Up to there it is UTF-8.
    let before = String::from_utf8_lossy(&error.as_bytes()[..offset]);
    SourceError::NotUtf8 {
        name,
        offset,
        line: line_number(&before, offset),
        column: 1 + before[line_at(&before, offset)].chars().count(),
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
    let start = text.trim_start();
    // A comment of other languages: neither has it, but what follows it is JSON.
    if start.starts_with("//") || start.starts_with("/*") {
        return Language::Json;
    }
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
        assert_eq!(error.place(), Some((2, 4)));
        assert_eq!(error.help(), Some("save the file as UTF-8"));
        let utf16 = read("a.yaml", b"\xff\xfea\0", 100).unwrap_err();
        assert_eq!(utf16.place(), Some((1, 1)));
        assert_eq!(utf16.help(), Some("the file is UTF-16: save it as UTF-8"));
    }

    #[test]
    fn content_decides_without_an_extension() {
        for (text, want) in [
            ("{\"a\": 1}", Language::Json),
            (" \n{}", Language::Json),
            ("{a: 1}", Language::Yaml),
            ("// note\n{\"a\": 1}", Language::Json),
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

    fn make_fifo(path: &Path) {
        let kind = rustix::fs::FileType::Fifo;
        let mode = rustix::fs::Mode::RWXU;
        rustix::fs::mknodat(rustix::fs::CWD, path, kind, mode, 0).unwrap();
    }

    #[test]
    fn refuses_what_is_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo.yaml");
        make_fifo(&fifo);
        let socket = dir.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for (path, want) in [
            (dir.path(), "is a directory"),
            (&socket, "is a socket"),
            (Path::new("/dev/zero"), "is a device"),
            (Path::new("/dev/null"), "is a device"),
        ] {
            let error = Source::read(path, 100).unwrap_err();
            assert!(error.to_string().contains(want), "{error}");
            assert!(error.is_unreadable());
        }
        let error = Source::read_regular(&fifo, 100).unwrap_err();
        assert!(error.to_string().contains("is a FIFO"), "{error}");
    }

    #[test]
    fn a_fifo_is_read_to_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        make_fifo(&fifo);
        let writer = |pieces: &'static [&'static [u8]]| {
            let fifo = fifo.clone();
            std::thread::spawn(move || {
                // Returns when the reader has opened it too.
                let mut file = OpenOptions::new().write(true).open(fifo).unwrap();
                for piece in pieces {
                    // Who refuses the text does not read all of it.
                    io::Write::write_all(&mut file, piece).ok();
                }
            })
        };
        let write = writer(&[b"a: 1\n", b"b: 2\n"]);
        let source = Source::read(&fifo, 10).unwrap();
        assert_eq!(
            (&*source.text, source.language),
            ("a: 1\nb: 2\n", Language::Yaml)
        );
        write.join().unwrap();
        let write = writer(&[]);
        assert_eq!(Source::read(&fifo, 10).unwrap().text, "");
        write.join().unwrap();
        let write = writer(&[b"12345", b"678901"]);
        let error = Source::read(&fifo, 10).unwrap_err();
        assert_eq!(error.code(), "too_large");
        write.join().unwrap();
    }

    #[test]
    fn a_fifo_that_does_not_end_is_given_up() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        make_fifo(&fifo);
        let read = || Source::read_within(&fifo, 100, Some(Duration::from_millis(20)));
        let error = read().unwrap_err();
        assert_eq!(error.code(), "timeout");
        assert!(error.is_unreadable());
        // A writer that writes and stays.
        let both = OpenOptions::new().read(true).write(true).open(&fifo);
        let mut both = both.unwrap();
        io::Write::write_all(&mut both, b"a: 1").unwrap();
        let error = read().unwrap_err().to_string();
        assert!(
            error.ends_with("is a FIFO that did not end within 0 s"),
            "{error}"
        );
    }
}
