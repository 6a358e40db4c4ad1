//! Bounded buffers for a skill's streams.
//!
//! Invariant: memory is bounded whatever a skill writes: stdout by its cap, stderr by head and
//! tail, an event by the length of a line. Bytes that are not kept are still counted.

use crate::model::Excerpt;

/// How many bytes of the beginning and of the end of stderr are kept.
const EXCERPT_HALF: usize = 16 * 1024;

/// The longest event line.
pub(crate) const MAX_EVENT_LINE: usize = 64 * 1024;

/// The first and the last bytes of a stream.
#[derive(Debug, Default)]
pub(super) struct HeadTailBuffer {
    head: Vec<u8>,
    /// Everything after the head; cut back to its last [`EXCERPT_HALF`] when twice that long.
    tail: Vec<u8>,
    omitted: u64,
}

impl HeadTailBuffer {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let free = EXCERPT_HALF.saturating_sub(self.head.len());
        let (head, rest) = bytes.split_at(free.min(bytes.len()));
        self.head.extend_from_slice(head);
        self.tail.extend_from_slice(rest);
        if self.tail.len() >= 2 * EXCERPT_HALF {
            self.cut_tail();
        }
    }

    fn cut_tail(&mut self) {
        let surplus = self.tail.len().saturating_sub(EXCERPT_HALF);
        self.tail.drain(..surplus);
        self.omitted += surplus as u64;
    }

    /// The excerpt as text. A character that the cut has split is left out.
    pub(super) fn into_excerpt(mut self) -> Excerpt {
        self.cut_tail();
        if self.omitted == 0 {
            self.head.append(&mut self.tail);
            return Excerpt::whole(String::from_utf8_lossy(&self.head));
        }
        let head_end = whole_characters(&self.head);
        let tail_start = self
            .tail
            .iter()
            .take(3)
            .take_while(|byte| is_continuation(**byte))
            .count();
        let cut = (self.head.len() - head_end) + tail_start;
        Excerpt {
            head: String::from_utf8_lossy(&self.head[..head_end]).into_owned(),
            omitted_bytes: self.omitted + cut as u64,
            tail: String::from_utf8_lossy(&self.tail[tail_start..]).into_owned(),
        }
    }
}

/// The length of `bytes` without an incomplete last character.
fn whole_characters(bytes: &[u8]) -> usize {
    let Some(start) = bytes.iter().rposition(|byte| !is_continuation(*byte)) else {
        return bytes.len();
    };
    let needed = match bytes[start] {
        0xC0..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF7 => 4,
        _ => 1,
    };
    if start + needed > bytes.len() {
        start
    } else {
        bytes.len()
    }
}

fn is_continuation(byte: u8) -> bool {
    byte & 0xC0 == 0x80
}

/// Standard output up to its cap.
#[derive(Debug)]
pub(super) struct CappedBuffer {
    bytes: Vec<u8>,
    cap: u64,
}

impl CappedBuffer {
    pub(super) fn new(cap: u64) -> Self {
        Self {
            bytes: Vec::new(),
            cap,
        }
    }

    /// Keeps and returns what fits. If something does not fit, the caller ends the step.
    pub(super) fn push<'a>(&mut self, bytes: &'a [u8]) -> (&'a [u8], CapStatus) {
        let free = self.cap.saturating_sub(self.bytes.len() as u64);
        let free = usize::try_from(free).unwrap_or(usize::MAX);
        let kept = &bytes[..bytes.len().min(free)];
        self.bytes.extend_from_slice(kept);
        let status = if kept.len() == bytes.len() {
            CapStatus::Whole
        } else {
            CapStatus::OverCap
        };
        (kept, status)
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Whether output stayed within its cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CapStatus {
    Whole,
    OverCap,
}

/// Splits the events stream into lines.
#[derive(Debug, Default)]
pub struct EventLines {
    line: Vec<u8>,
    /// The current line is too long.
    skipping: bool,
    dropped: u64,
}

impl EventLines {
    /// Passes each line that ends in `bytes` to `on_line`. Blank lines are ignored and not counted
    /// as dropped.
    pub fn push(&mut self, bytes: &[u8], mut on_line: impl FnMut(&str)) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ended) = match part.split_last() {
                Some((b'\n', text)) => (text, true),
                _ => (part, false),
            };
            if self.line.len() + text.len() > MAX_EVENT_LINE {
                self.skipping = true;
                self.line.clear();
            }
            if !self.skipping {
                self.line.extend_from_slice(text);
            }
            if ended {
                self.end_line(&mut on_line);
            }
        }
    }

    /// Ends the last line, at the end of the stream. Returns how many lines were dropped.
    pub fn finish(&mut self, mut on_line: impl FnMut(&str)) -> u64 {
        self.end_line(&mut on_line);
        self.dropped
    }

    fn end_line(&mut self, on_line: &mut impl FnMut(&str)) {
        if self.skipping {
            self.dropped += 1;
        } else {
            match str::from_utf8(&self.line) {
                Ok(line) if line.trim().is_empty() => {}
                Ok(line) => on_line(line),
                Err(_) => self.dropped += 1,
            }
        }
        self.skipping = false;
        self.line.clear();
    }
}
