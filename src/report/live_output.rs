//! `--stream`: what skills write, cut into lines.
//!
//! A step is known by `K`: its index, and its item.
//!
//! Invariant: at most [`LINE_BYTES`] bytes are kept of each stream of a running step. On standard
//! error a carriage return ends a line, so that nothing is lost. On standard output, where programs
//! that draw a progress bar write much more, it begins the line again, as on a terminal.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::event::SkillStream;

/// A line longer than this is shown in pieces.
const LINE_BYTES: usize = 4096;

/// The beginning of a line is shown if nothing follows for so long.
const IDLE: Duration = Duration::from_secs(1);

/// The unfinished lines of the running steps.
#[derive(Debug)]
pub(super) struct LiveOutput<K> {
    partial: BTreeMap<(K, SkillStream), PartialLine>,
}

impl<K> Default for LiveOutput<K> {
    fn default() -> Self {
        Self {
            partial: BTreeMap::new(),
        }
    }
}

#[derive(Debug)]
struct PartialLine {
    bytes: Vec<u8>,
    /// A carriage return came last. On standard error it has ended a line, and a line feed that
    /// follows belongs to it; on standard output, what follows replaces `bytes`.
    is_after_return: bool,
    /// The beginning of this line was shown, and nothing has followed.
    is_shown: bool,
    /// When the last byte came.
    since: Instant,
}

impl PartialLine {
    fn new(now: Instant) -> Self {
        Self {
            bytes: Vec::new(),
            is_after_return: false,
            is_shown: false,
            since: now,
        }
    }

    /// Takes text without line ends.
    fn extend(&mut self, mut text: &[u8], lines: &mut Vec<String>) {
        while self.bytes.len() + text.len() > LINE_BYTES {
            let (now, later) = text.split_at(LINE_BYTES.saturating_sub(self.bytes.len()));
            self.bytes.extend_from_slice(now);
            lines.push(take_whole_characters(&mut self.bytes));
            text = later;
        }
        self.bytes.extend_from_slice(text);
        self.is_shown &= text.is_empty();
    }

    fn take(&mut self) -> String {
        line_text(&std::mem::take(&mut self.bytes))
    }

    /// Takes text of standard error, and what ends it.
    fn push_error(&mut self, text: &[u8], end: Option<u8>, lines: &mut Vec<String>) {
        self.extend(text, lines);
        let was_after_return = std::mem::take(&mut self.is_after_return);
        let is_line = match end {
            Some(b'\r') => !self.bytes.is_empty(),
            Some(_) => !(self.bytes.is_empty() && (was_after_return || self.is_shown)),
            None => false,
        };
        if is_line {
            lines.push(self.take());
        }
        self.is_shown &= end.is_none();
        self.is_after_return = end == Some(b'\r') && (is_line || was_after_return);
    }

    /// Takes text of standard output, and what ends it.
    fn push_output(&mut self, text: &[u8], end: Option<u8>, lines: &mut Vec<String>) {
        if self.is_after_return && !text.is_empty() {
            self.bytes.clear();
        }
        self.extend(text, lines);
        if end == Some(b'\n') && !(self.bytes.is_empty() && self.is_shown) {
            lines.push(self.take());
        }
        self.is_shown &= end != Some(b'\n');
        self.is_after_return = end == Some(b'\r');
    }
}

impl<K: Ord + Copy> LiveOutput<K> {
    /// Takes a piece of a step's output and returns the lines that it completes.
    pub(super) fn push(
        &mut self,
        index: K,
        stream: SkillStream,
        bytes: &[u8],
        now: Instant,
    ) -> Vec<String> {
        let partial = self.partial.entry((index, stream));
        let partial = partial.or_insert_with(|| PartialLine::new(now));
        partial.since = now;
        let mut lines = Vec::new();
        for piece in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            let (text, end) = match piece.split_last() {
                Some((end @ (b'\n' | b'\r'), text)) => (text, Some(*end)),
                _ => (piece, None),
            };
            match stream {
                SkillStream::Stdout => partial.push_output(text, end, &mut lines),
                SkillStream::Stderr => partial.push_error(text, end, &mut lines),
            }
        }
        lines
    }

    /// The beginnings of lines that nothing has followed for a while, with their steps.
    pub(super) fn take_idle(&mut self, now: Instant) -> Vec<(K, String)> {
        let mut idle = Vec::new();
        for ((index, _), partial) in &mut self.partial {
            let time = now.saturating_duration_since(partial.since);
            if time >= IDLE && !partial.bytes.is_empty() {
                idle.push((*index, take_whole_characters(&mut partial.bytes)));
                partial.since = now;
                partial.is_shown = true;
            }
        }
        idle
    }

    /// When there may be something for [`take_idle`](Self::take_idle).
    pub(super) fn next_idle(&self) -> Option<Instant> {
        let partials = self.partial.values();
        let open = partials.filter(|partial| !partial.bytes.is_empty());
        open.filter_map(|partial| partial.since.checked_add(IDLE))
            .min()
    }

    /// The rest of a step's output, once its skill has ended.
    pub(super) fn finish(&mut self, index: K) -> Vec<String> {
        [SkillStream::Stdout, SkillStream::Stderr]
            .into_iter()
            .filter_map(|stream| self.partial.remove(&(index, stream)))
            .filter(|rest| !rest.bytes.is_empty())
            .map(|mut rest| rest.take())
            .collect()
    }

    /// The steps that have written something and are not finished.
    pub(super) fn unfinished(&self) -> Vec<K> {
        let mut steps: Vec<K> = self.partial.keys().map(|(index, _)| *index).collect();
        steps.dedup();
        steps
    }
}

/// Drains the buffer except for the first bytes of an incomplete character.
fn take_whole_characters(buffer: &mut Vec<u8>) -> String {
    let whole_bytes = match std::str::from_utf8(buffer) {
        Err(error) if error.error_len().is_none() && error.valid_up_to() > 0 => error.valid_up_to(),
        _ => buffer.len(),
    };
    let rest = buffer.split_off(whole_bytes);
    line_text(&std::mem::replace(buffer, rest))
}

fn line_text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use SkillStream::{Stderr, Stdout};

    use super::*;

    /// What a stream shows of `text`, however it is cut into pieces.
    fn shown(stream: SkillStream, text: &[u8]) -> Vec<String> {
        let now = Instant::now();
        let in_pieces = |size: usize| {
            let mut live = LiveOutput::default();
            let pieces = text.chunks(size);
            let lines = pieces.flat_map(|piece| live.push(0, stream, piece, now));
            let mut lines: Vec<String> = lines.collect();
            lines.extend(live.finish(0));
            lines
        };
        let whole = in_pieces(text.len());
        for size in 1..text.len() {
            assert_eq!(in_pieces(size), whole, "{size}");
        }
        whole
    }

    #[test]
    fn pieces_become_lines() {
        let now = Instant::now();
        for stream in [Stdout, Stderr] {
            let mut live = LiveOutput::default();
            assert!(live.push(0, stream, b"on", now).is_empty());
            assert_eq!(live.push(0, stream, b"e\r\n\ntw", now), ["one", ""]);
            assert_eq!(live.push(1, stream, b"other\n", now), ["other"]);
            assert_eq!(live.unfinished(), [0, 1]);
            assert_eq!(live.finish(0), ["tw"]);
            assert!(live.finish(0).is_empty());
            assert!(live.finish(1).is_empty());
        }
    }

    #[test]
    fn the_streams_of_a_step_are_not_mixed() {
        let (mut live, now) = (LiveOutput::default(), Instant::now());
        assert!(live.push(0, Stdout, b"out", now).is_empty());
        assert!(live.push(0, Stderr, b"err", now).is_empty());
        assert_eq!(live.unfinished(), [0]);
        assert_eq!(live.push(0, Stdout, b"put\n", now), ["output"]);
        assert!(live.push(0, Stdout, b"rest", now).is_empty());
        assert_eq!(live.finish(0), ["rest", "err"]);
    }

    #[test]
    fn a_carriage_return_ends_a_line_of_standard_error() {
        let text = b"\r10%\r20%\r\r\n30%\r\n\nnext\n\rerror\r";
        let want = ["10%", "20%", "30%", "", "next", "error"];
        assert_eq!(shown(Stderr, text), want);
    }

    #[test]
    fn a_carriage_return_begins_a_line_of_standard_output_again() {
        for (text, want) in [
            (&b"10%\r20%\r100%\nnext\n"[..], &["100%", "next"][..]),
            (b"10%\r20%\r\r\n\r\n\nnext\n", &["20%", "", "", "next"]),
            (b"10%\r20%", &["20%"]),
            (b"\r10%\r20%\r", &["20%"]),
            (b"\r", &[]),
        ] {
            assert_eq!(shown(Stdout, text), want, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn the_beginning_of_a_line_is_shown_when_nothing_follows() {
        for stream in [Stdout, Stderr] {
            let (mut live, start) = (LiveOutput::default(), Instant::now());
            assert_eq!(live.next_idle(), None);
            live.push(3, stream, b"name? ", start);
            assert_eq!(live.next_idle(), Some(start + IDLE));
            assert!(live.take_idle(start + IDLE / 2).is_empty());
            let now = start + IDLE;
            assert_eq!(live.take_idle(now), [(3, "name? ".to_owned())]);
            assert_eq!((live.next_idle(), live.take_idle(now)), (None, Vec::new()));
            // Its end is no line of its own.
            assert!(live.push(3, stream, b"\n", now).is_empty());
            assert_eq!(live.push(3, stream, b"\n", now), [""]);
            live.push(3, stream, b"half", now);
            live.take_idle(now + IDLE);
            assert_eq!(live.push(3, stream, b" more\n", now), [" more"]);
        }
        let (mut live, start) = (LiveOutput::default(), Instant::now());
        live.push(0, Stdout, b"10%\r20%\r", start);
        assert_eq!(live.take_idle(start + IDLE), [(0, "20%".to_owned())]);
        assert_eq!(live.push(0, Stdout, b"30%\r40%\n", start), ["40%"]);
    }

    #[test]
    fn a_line_without_end_is_shown_in_pieces_of_whole_characters() {
        for stream in [Stdout, Stderr] {
            let (mut live, now) = (LiveOutput::default(), Instant::now());
            let text = format!("a{}", "é".repeat(5_000));
            let mut lines = live.push(0, stream, text.as_bytes(), now);
            assert!(live.partial[&(0, stream)].bytes.len() <= LINE_BYTES);
            lines.extend(live.finish(0));
            assert!(lines.len() == 3 && lines.iter().all(|line| line.len() <= LINE_BYTES));
            assert_eq!(lines.concat(), text);
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_bounded_and_shown_as_such() {
        let (mut live, now) = (LiveOutput::default(), Instant::now());
        let lines = live.push(0, Stdout, &vec![0xff; 100_000], now);
        assert!(lines.len() >= 24);
        let last = live.push(0, Stdout, b"\xc3\n", now);
        assert_eq!(last.last().unwrap().chars().last(), Some('\u{fffd}'));
    }
}
