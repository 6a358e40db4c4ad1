//! Runs in a file: what `--log` or `--format jsonl` wrote.
//!
//! Invariant: a line is a record, or what `--log` puts around one; any other line is reported with
//! its number and never skipped.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;
use serde::Deserialize;

use super::error::ExportError;
use super::log_file::{EVENT, PLAN_END, PLAN_START, STEP};

/// A run in a file.
#[derive(Debug, Default)]
pub(super) struct ExportedRun {
    pub(super) run_id: String,
    /// The header's line, without its event.
    pub(super) header: Option<String>,
    /// The records' lines, as they stand in the file.
    pub(super) records: Vec<String>,
    /// The end's line, without its event.
    pub(super) end: Option<String>,
    /// True if its lines have events: then there was a header and there should be an end.
    pub(super) has_events: bool,
}

/// A file that holds runs.
#[derive(Debug, Default)]
pub(super) struct ExportedLog {
    /// In the order in which they begin.
    pub(super) runs: Vec<ExportedRun>,
    /// The numbers of lines that are neither, from 1.
    pub(super) strange_lines: Vec<usize>,
}

/// The fields that say which run a line belongs to.
#[derive(Deserialize)]
struct Belongs {
    run_id: String,
}

impl ExportedLog {
    /// Reads the file at `path`; `-` is standard input.
    pub(super) fn read(path: &Path) -> Result<Self, ExportError> {
        let name = path.display().to_string();
        let unreadable = |source| ExportError::Unreadable {
            name: name.clone(),
            source,
        };
        let exported = if path == Path::new("-") {
            Self::parse(io::stdin().lock()).map_err(unreadable)?
        } else {
            let file = open(path).map_err(unreadable)?;
            if !file.metadata().map_err(unreadable)?.is_file() {
                return Err(ExportError::NotRegular(name));
            }
            Self::parse(file).map_err(unreadable)?
        };
        if exported.runs.is_empty() {
            return Err(ExportError::Empty(name));
        }
        Ok(exported)
    }

    fn parse(input: impl Read) -> io::Result<Self> {
        let mut exported = Self::default();
        for (index, line) in BufReader::new(input).split(b'\n').enumerate() {
            let taken = String::from_utf8(line?).is_ok_and(|line| exported.take(&line));
            if !taken {
                exported.strange_lines.push(index + 1);
            }
        }
        Ok(exported)
    }

    /// Returns false if obs did not write the line.
    fn take(&mut self, line: &str) -> bool {
        let Ok(Belongs { run_id }) = serde_json::from_str(line) else {
            return false;
        };
        let (event, line) = without_event(line);
        let run = self.run(run_id);
        run.has_events |= event.is_some();
        match event.as_deref() {
            None | Some(STEP) => run.records.push(line),
            Some(PLAN_START) if run.header.is_none() => run.header = Some(line),
            Some(PLAN_END) if run.end.is_none() => run.end = Some(line),
            _ => return false,
        }
        true
    }

    fn run(&mut self, run_id: String) -> &mut ExportedRun {
        // Lines of a run mostly follow each other.
        let known = self.runs.iter().rposition(|run| run.run_id == run_id);
        let index = known.unwrap_or_else(|| {
            self.runs.push(ExportedRun {
                run_id,
                ..ExportedRun::default()
            });
            self.runs.len() - 1
        });
        &mut self.runs[index]
    }
}

/// Opens `path` for reading, without waiting for the other end of a FIFO.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
}

/// The event's name, and the entry's own bytes.
fn without_event(line: &str) -> (Option<String>, String) {
    let named = line
        .strip_prefix(EVENT)
        .and_then(|rest| rest.split_once("\","));
    match named {
        Some((event, rest)) => (Some(event.to_owned()), format!("{{{rest}")),
        None => (None, line.to_owned()),
    }
}
