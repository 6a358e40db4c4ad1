//! Finds a secret in a stream, in all forms in which it may be written.
//!
//! Invariant: each character is found as itself, as a JSON escape (`\/`, `\u0026`, `\uD83D\uDE00`),
//! as a repeated escape (`\\\/`), and percent-encoded (`%26`, `%2526`, `+` for a space), in any
//! mixture. If the bytes end within a form, this is reported, so that the caller can wait for more.

/// How many backslashes may precede an escape: JSON text nested four times.
const MAX_BACKSLASHES: usize = 16;

/// How often a percent sign may be percent-encoded again.
const MAX_PERCENTS: usize = 3;

/// How many bytes the first character of an occurrence can take, as repeated escapes of a
/// backslash.
pub(super) const MAX_FIRST_BYTES: usize = 32;

/// Longer texts are masked in parts of this many characters: for a text that overlaps itself, the
/// time grows with the square of its length.
const PART_UNITS: usize = 64;

/// A secret text, or a part of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct MaskPattern {
    units: Vec<Unit>,
    /// The beginning of the text, up to a byte that can be read in several ways.
    plain: Vec<u8>,
    /// It directly follows another part, whose mask stands for both.
    continues: bool,
}

/// A character, or a byte that is not part of UTF-8 text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Unit {
    Char(char),
    Byte(u8),
}

/// The result of matching a pattern at an offset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct PatternMatch {
    /// The end of the longest occurrence.
    pub(super) end: Option<usize>,
    /// The bytes end within what may become an occurrence, or a longer one.
    pub(super) is_open: bool,
    /// It may be the next part of the preceding text.
    pub(super) continues: bool,
}

impl PatternMatch {
    /// Merges the match of another pattern at the same offset.
    pub(super) fn join(&mut self, other: Self) {
        self.end = self.end.max(other.end);
        self.is_open |= other.is_open;
        self.continues |= other.continues;
    }
}

/// The offsets at which the part of a pattern that was matched so far can end.
#[derive(Debug, Default)]
pub(super) struct Ends {
    now: Vec<usize>,
    next: Vec<usize>,
    is_open: bool,
}

impl MaskPattern {
    /// The patterns for `text`, which is not empty.
    pub(super) fn parts_of(text: &[u8]) -> Vec<Self> {
        let mut units = Vec::with_capacity(text.len());
        for chunk in text.utf8_chunks() {
            units.extend(chunk.valid().chars().map(Unit::Char));
            units.extend(chunk.invalid().iter().copied().map(Unit::Byte));
        }
        // All parts are about equally long: a short one would match too often.
        let count = (units.len() / PART_UNITS).max(1);
        let size = units.len().div_ceil(count).max(1);
        let parts = units.chunks(size).enumerate();
        let parts = parts.map(|(index, units)| Self {
            units: units.to_vec(),
            plain: plain_beginning(units),
            continues: index > 0,
        });
        parts.collect()
    }

    /// The first byte of its text.
    pub(super) fn first_byte(&self) -> u8 {
        match self.units.first() {
            Some(Unit::Char(c)) => c.encode_utf8(&mut [0; 4]).as_bytes()[0],
            Some(Unit::Byte(byte)) => *byte,
            None => 0,
        }
    }

    /// The bytes with which an occurrence can begin.
    pub(super) fn first_bytes(&self) -> impl Iterator<Item = u8> + use<> {
        let own = self.first_byte();
        let space = (own == b' ').then_some(b'+');
        [own, b'\\', b'%'].into_iter().chain(space)
    }

    /// Matches an occurrence that begins at `at`.
    pub(super) fn find_at(&self, bytes: &[u8], at: usize, ends: &mut Ends) -> PatternMatch {
        // At most offsets, a byte differs that no form of the text contains.
        let rest = &bytes[at..];
        let pairs = self.plain.iter().zip(rest);
        let same = pairs.take_while(|(own, byte)| own == byte).count();
        if same < self.plain.len() && rest.get(same).is_some_and(|byte| !begins_escape(*byte)) {
            return PatternMatch::default();
        }
        ends.is_open = false;
        ends.now.clear();
        ends.now.push(at);
        for unit in &self.units {
            ends.next.clear();
            for index in 0..ends.now.len() {
                let from = ends.now[index];
                unit.read(bytes, from, ends);
            }
            // Escaped backslashes can be read in several ways, which end at the same few offsets.
            ends.next.sort_unstable();
            ends.next.dedup();
            std::mem::swap(&mut ends.now, &mut ends.next);
            if ends.now.is_empty() {
                break;
            }
        }
        PatternMatch {
            end: ends.now.last().copied(),
            is_open: ends.is_open,
            continues: self.continues && !ends.now.is_empty(),
        }
    }
}

fn plain_beginning(units: &[Unit]) -> Vec<u8> {
    let mut text = Vec::new();
    for unit in units {
        match unit {
            Unit::Char(c) => text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            Unit::Byte(byte) => text.push(*byte),
        }
    }
    let length = text.iter().position(|byte| begins_escape(*byte));
    text.truncate(length.unwrap_or(text.len()));
    text
}

/// True for a byte that can represent another one or begins an escape.
fn begins_escape(byte: u8) -> bool {
    matches!(byte, b'\\' | b'%' | b'+')
}

impl Unit {
    /// Adds the ends of all forms of this unit that begin at `at`.
    fn read(self, bytes: &[u8], at: usize, ends: &mut Ends) {
        let mut buffer = [0; 4];
        let own: &[u8] = match self {
            Self::Char(c) => c.encode_utf8(&mut buffer).as_bytes(),
            Self::Byte(byte) => {
                buffer[0] = byte;
                &buffer[..1]
            }
        };
        ends.literal(bytes, at, own);
        match bytes.get(at) {
            None => ends.is_open = true,
            Some(b'+') if self == Self::Char(' ') => ends.next.push(at + 1),
            Some(b'%') => ends.percent(bytes, at, own),
            Some(b'\\') => {
                if let Self::Char(c) = self {
                    ends.escape(bytes, at, c);
                }
            }
            Some(_) => {}
        }
    }
}

impl Ends {
    fn literal(&mut self, bytes: &[u8], at: usize, form: &[u8]) {
        let rest = &bytes[at..];
        if rest.starts_with(form) {
            self.next.push(at + form.len());
        } else if form.starts_with(rest) {
            self.is_open = true;
        }
    }

    /// Matches each byte as `%XX`, where `%` may itself be encoded as `%25`, repeatedly.
    fn percent(&mut self, bytes: &[u8], at: usize, form: &[u8]) {
        for times in 0..=MAX_PERCENTS {
            let mut end = at;
            let is_it = form.iter().all(|wanted| {
                self.passes(bytes, &mut end, b'%')
                    && (0..times).all(|_| self.is_hex(bytes, &mut end, u16::from(b'%'), 2))
                    && self.is_hex(bytes, &mut end, u16::from(*wanted), 2)
            });
            if is_it {
                self.next.push(end);
            }
        }
    }

    /// Matches the JSON escapes of `c`.
    fn escape(&mut self, bytes: &[u8], at: usize, c: char) {
        let after = self.after_backslashes(bytes, at);
        if c == '\\' {
            // Each level of nested JSON doubles the backslashes.
            let doubled = [2, 4, 8, 16].map(|count| at + count);
            self.next
                .extend(doubled.into_iter().filter(|end| *end <= after));
        }
        if let Some(letter) = short_escape(c)
            && bytes.get(after) == Some(&letter)
        {
            self.next.push(after + 1);
        }
        let mut place = at;
        let mut codes = [0; 2];
        for code in c.encode_utf16(&mut codes) {
            place = self.after_backslashes(bytes, place);
            if !self.passes(bytes, &mut place, b'u') || !self.is_hex(bytes, &mut place, *code, 4) {
                return;
            }
        }
        self.next.push(place);
    }

    fn after_backslashes(&mut self, bytes: &[u8], at: usize) -> usize {
        let run = bytes[at..].iter().take(MAX_BACKSLASHES);
        let count = run.take_while(|byte| **byte == b'\\').count();
        self.is_open |= at + count == bytes.len();
        at + count
    }

    /// Advances over one byte if it is `wanted`.
    fn passes(&mut self, bytes: &[u8], at: &mut usize, wanted: u8) -> bool {
        let byte = bytes.get(*at);
        self.is_open |= byte.is_none();
        let is_it = byte == Some(&wanted);
        *at += usize::from(is_it);
        is_it
    }

    /// Advances over `digits` hexadecimal digits, and returns whether they encode `wanted`.
    fn is_hex(&mut self, bytes: &[u8], at: &mut usize, wanted: u16, digits: u32) -> bool {
        (0..digits).rev().all(|place| {
            let nibble = u32::from(wanted >> (4 * place)) & 0xF;
            let digit = char::from_digit(nibble, 16).map_or(0, |digit| digit as u8);
            let byte = bytes.get(*at).map(u8::to_ascii_lowercase);
            self.is_open |= byte.is_none();
            *at += 1;
            byte == Some(digit)
        })
    }
}

/// The first byte of the text at `at`, for each way to decode its first character. At least
/// [`MAX_FIRST_BYTES`] bytes must follow `at`.
pub(super) fn decoded_first_bytes(bytes: &[u8], at: usize) -> impl Iterator<Item = u8> + use<> {
    let mut decoded = [None; 2 + MAX_PERCENTS];
    decoded[0] = Some(bytes[at]);
    match bytes[at] {
        b'+' => decoded[1] = Some(b' '),
        b'%' => {
            let pairs = bytes[at + 1..].chunks(2).take(1 + MAX_PERCENTS);
            for (place, pair) in decoded[1..].iter_mut().zip(pairs) {
                *place = hex(pair).and_then(|byte| u8::try_from(byte).ok());
                if *place != Some(b'%') {
                    break;
                }
            }
        }
        b'\\' => {
            let rest = bytes[at..].iter().take(MAX_BACKSLASHES);
            let after = at + rest.take_while(|byte| **byte == b'\\').count();
            decoded[1] = match bytes.get(after) {
                Some(b'u') => bytes.get(after + 1..after + 5).and_then(hex).map(lead_byte),
                Some(letter) => JSON_ESCAPES
                    .iter()
                    .find_map(|(c, short)| (short == letter).then_some(*c as u8)),
                None => None,
            };
        }
        _ => {}
    }
    decoded.into_iter().flatten()
}

fn hex(digits: &[u8]) -> Option<u32> {
    let digits = str::from_utf8(digits).ok()?;
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_hex.then(|| u32::from_str_radix(digits, 16).ok())?
}

/// The first UTF-8 byte of a UTF-16 unit; for a high surrogate, that of its pair.
fn lead_byte(unit: u32) -> u8 {
    let code = match unit {
        0xD800..=0xDBFF => 0x1_0000 + ((unit - 0xD800) << 10),
        unit => unit,
    };
    let c = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    c.encode_utf8(&mut [0; 4]).as_bytes()[0]
}

/// Characters with a short escape, and the letter after the backslash.
const JSON_ESCAPES: [(char, u8); 7] = [
    ('"', b'"'),
    ('/', b'/'),
    ('\u{8}', b'b'),
    ('\u{c}', b'f'),
    ('\n', b'n'),
    ('\r', b'r'),
    ('\t', b't'),
];

/// The letter after the backslash.
fn short_escape(c: char) -> Option<u8> {
    let known = JSON_ESCAPES.iter().find(|(escaped, _)| *escaped == c);
    known.map(|(_, letter)| *letter)
}
