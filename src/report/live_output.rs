//! `--stream`: what skills write, cut into lines. A carriage return ends one too.
//!
//! Invariant: at most [`LINE_BYTES`] bytes are kept of each running step.

use std::collections::BTreeMap;

/// A line longer than this is shown in pieces.
const LINE_BYTES: usize = 4096;

/// The unfinished lines of the running steps.
#[derive(Debug, Default)]
pub(super) struct LiveOutput {
    partial: BTreeMap<usize, PartialLine>,
}

#[derive(Debug, Default)]
struct PartialLine {
    bytes: Vec<u8>,
    /// A carriage return has just ended a line: a line feed that follows belongs to it.
    is_after_return: bool,
}

impl LiveOutput {
    /// Takes a piece of a step's output and returns the lines that it completes.
    pub(super) fn push(&mut self, index: usize, bytes: &[u8]) -> Vec<String> {
        let PartialLine {
            bytes: partial,
            is_after_return,
        } = self.partial.entry(index).or_default();
        let mut lines = Vec::new();
        for piece in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            let (mut text, end) = match piece.split_last() {
                Some((end @ (b'\n' | b'\r'), text)) => (text, Some(*end)),
                _ => (piece, None),
            };
            while partial.len() + text.len() > LINE_BYTES {
                let (now, later) = text.split_at(LINE_BYTES.saturating_sub(partial.len()));
                partial.extend_from_slice(now);
                lines.push(take_whole_characters(partial));
                text = later;
            }
            partial.extend_from_slice(text);
            let was_after_return = std::mem::take(is_after_return);
            let is_line = match end {
                Some(b'\r') => !partial.is_empty(),
                Some(_) => !(partial.is_empty() && was_after_return),
                None => false,
            };
            if is_line {
                lines.push(line_text(&std::mem::take(partial)));
            }
            *is_after_return = end == Some(b'\r') && (is_line || was_after_return);
        }
        lines
    }

    /// The rest of a step's output, once it has ended.
    pub(super) fn finish(&mut self, index: usize) -> Option<String> {
        let rest = self.partial.remove(&index)?.bytes;
        (!rest.is_empty()).then(|| line_text(&rest))
    }

    /// The steps that have written something and are not finished.
    pub(super) fn unfinished(&self) -> Vec<usize> {
        self.partial.keys().copied().collect()
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
    use super::*;

    #[test]
    fn pieces_become_lines() {
        let mut live = LiveOutput::default();
        assert!(live.push(0, b"on").is_empty());
        assert_eq!(live.push(0, b"e\r\n\ntw"), ["one", ""]);
        assert_eq!(live.push(1, b"other\n"), ["other"]);
        assert_eq!(live.finish(0).as_deref(), Some("tw"));
        assert_eq!(live.finish(0), None);
        assert_eq!(live.finish(1), None);
    }

    #[test]
    fn a_carriage_return_ends_a_line_wherever_the_pieces_end() {
        let text = b"\r10%\r20%\r\r\n30%\r\n\nnext\n\rerror\r";
        let want = ["10%", "20%", "30%", "", "next", "error"];
        for size in 1..text.len() {
            let mut live = LiveOutput::default();
            let lines: Vec<String> = text
                .chunks(size)
                .flat_map(|piece| live.push(0, piece))
                .collect();
            assert_eq!(lines, want, "{size}");
            assert_eq!(live.finish(0), None);
        }
    }

    #[test]
    fn a_line_without_end_is_shown_in_pieces_of_whole_characters() {
        let mut live = LiveOutput::default();
        let text = format!("a{}", "é".repeat(5_000));
        let mut lines = live.push(0, text.as_bytes());
        assert!(live.partial[&0].bytes.len() <= LINE_BYTES);
        lines.extend(live.finish(0));
        assert!(lines.len() == 3 && lines.iter().all(|line| line.len() <= LINE_BYTES));
        assert_eq!(lines.concat(), text);
    }

    #[test]
    fn bytes_that_are_no_text_are_bounded_and_shown_as_such() {
        let mut live = LiveOutput::default();
        let lines = live.push(0, &vec![0xff; 100_000]);
        assert!(lines.len() >= 24);
        assert_eq!(
            live.push(0, b"\xc3\n").last().unwrap().chars().last(),
            Some('\u{fffd}')
        );
    }
}
