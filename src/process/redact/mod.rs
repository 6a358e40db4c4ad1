//! Masks secrets in what a skill writes.
//!
//! Invariant: no registered text passes, even if it arrives in pieces: a possible beginning of one
//! is held back until more bytes arrive. Every byte of every occurrence is masked, even if two
//! occurrences overlap. The log masks of CI systems work in the same way. [`form`] defines what an
//! occurrence is.

mod form;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;

use self::form::{Ends, MAX_FIRST_BYTES, MaskPattern, PatternMatch};

/// The replacement for a secret.
pub(crate) const MASK: &str = "***";

/// Shorter values are not registered: masking them would destroy what a skill writes.
pub(crate) const MIN_SECRET_CHARS: usize = 4;

/// Shorter lines of a multi-line value are not registered separately.
const MIN_LINE_CHARS: usize = 8;

/// The texts that are masked.
#[derive(Debug, Clone, Default)]
pub struct Secrets(Option<Arc<MaskPatterns>>);

#[derive(Debug)]
struct MaskPatterns {
    all: Vec<MaskPattern>,
    /// For each byte, the patterns whose text begins with it. When every pattern was tried at every
    /// escape, 9 MB of `%` with a secret of 50 lines took 19 s, during which obs handled neither
    /// timers nor signals.
    by_first_byte: Vec<Vec<usize>>,
    /// For each byte, whether an occurrence can begin with it.
    begins: [bool; 256],
}

impl Secrets {
    /// Registers `values`, without surrounding white space, and each of their longer lines.
    pub fn new(values: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let mut all: Vec<MaskPattern> = values
            .into_iter()
            .filter(|value| is_maskable(value))
            .flat_map(|value| forms_of(value.trim_ascii()))
            .collect();
        if all.is_empty() {
            return Self(None);
        }
        let mut seen = std::collections::HashSet::new();
        all.retain(|form| seen.insert(form.clone()));
        Self(Some(Arc::new(MaskPatterns::new(all))))
    }

    /// True if nothing is registered.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Masks the values in `text`.
    pub fn mask_text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.is_empty() {
            return Cow::Borrowed(text);
        }
        let masked = self.mask_bytes(text.as_bytes(), false);
        if masked == text.as_bytes() {
            return Cow::Borrowed(text);
        }
        Cow::Owned(String::from_utf8_lossy(&masked).into_owned())
    }

    /// Masks the values in `bytes`. If `is_cut`, a possible beginning of a value at the end is
    /// masked too.
    pub fn mask_bytes(&self, bytes: &[u8], is_cut: bool) -> Vec<u8> {
        let mut redactor = Redactor::new(self.clone());
        let mut seen = redactor.feed(bytes).into_owned();
        seen.append(&mut redactor.flush(is_cut));
        seen
    }
}

/// True for a value that is long enough to be masked.
pub(crate) fn is_maskable(value: &[u8]) -> bool {
    let chunks = value.trim_ascii().utf8_chunks();
    let count = chunks.map(|chunk| chunk.valid().chars().count() + chunk.invalid().len());
    count.sum::<usize>() >= MIN_SECRET_CHARS
}

/// The patterns of a whole value and of its longer lines.
fn forms_of(value: &[u8]) -> Vec<MaskPattern> {
    let lines = value.split(|byte| matches!(byte, b'\n' | b'\r'));
    let lines = lines.map(<[u8]>::trim_ascii);
    let lines =
        lines.filter(|line| String::from_utf8_lossy(line).chars().count() >= MIN_LINE_CHARS);
    std::iter::once(value)
        .chain(lines)
        .flat_map(MaskPattern::parts_of)
        .collect()
}

impl MaskPatterns {
    fn new(all: Vec<MaskPattern>) -> Self {
        let mut by_first_byte = vec![Vec::new(); 256];
        let mut begins = [false; 256];
        for (index, form) in all.iter().enumerate() {
            by_first_byte[usize::from(form.first_byte())].push(index);
            for byte in form.first_bytes() {
                begins[usize::from(byte)] = true;
            }
        }
        Self {
            all,
            by_first_byte,
            begins,
        }
    }

    /// The longest occurrence at an offset.
    fn find_at(&self, bytes: &[u8], at: usize, ends: &mut Ends) -> PatternMatch {
        let mut longest = PatternMatch::default();
        let mut try_form = |form: &MaskPattern| longest.join(form.find_at(bytes, at, ends));
        if bytes.len() - at < MAX_FIRST_BYTES {
            // The first escape may not be complete yet.
            self.all.iter().for_each(try_form);
        } else {
            for byte in form::decoded_first_bytes(bytes, at) {
                for index in &self.by_first_byte[usize::from(byte)] {
                    try_form(&self.all[*index]);
                }
            }
        }
        longest
    }
}

/// How to treat an incomplete occurrence at the end of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StreamEnd {
    /// More may come.
    Wait,
    /// It is not an occurrence.
    Show,
    /// The rest was cut off, so mask it.
    Mask,
}

/// Masks the secrets in one stream.
#[derive(Debug)]
pub(crate) struct Redactor {
    secrets: Secrets,
    held: Vec<u8>,
    /// How many of the held bytes belong to an occurrence that was already masked.
    covered: usize,
    /// The last output is a mask, and its occurrence ends where the next bytes begin.
    is_after_mask: bool,
    ends: Ends,
}

impl Redactor {
    pub(crate) fn new(secrets: Secrets) -> Self {
        Self {
            secrets,
            held: Vec::new(),
            covered: 0,
            is_after_mask: false,
            ends: Ends::default(),
        }
    }

    /// Takes more bytes, and returns what can be shown now, including held bytes.
    pub(crate) fn feed<'b>(&mut self, bytes: &'b [u8]) -> Cow<'b, [u8]> {
        if self.secrets.is_empty() {
            return Cow::Borrowed(bytes);
        }
        let mut waiting = std::mem::take(&mut self.held);
        waiting.extend_from_slice(bytes);
        Cow::Owned(self.scan(&waiting, StreamEnd::Wait))
    }

    /// Returns the rest at the end of the stream. If the stream `is_cut` there, a beginning of a
    /// secret is masked too.
    pub(crate) fn flush(&mut self, is_cut: bool) -> Vec<u8> {
        let waiting = std::mem::take(&mut self.held);
        self.scan(
            &waiting,
            if is_cut {
                StreamEnd::Mask
            } else {
                StreamEnd::Show
            },
        )
    }

    fn scan(&mut self, waiting: &[u8], at_end: StreamEnd) -> Vec<u8> {
        let mut seen = Vec::with_capacity(waiting.len());
        let Some(forms) = self.secrets.0.as_deref() else {
            seen.extend_from_slice(waiting);
            return seen;
        };
        let mut covered_to = std::mem::take(&mut self.covered);
        let mut is_after_mask = self.is_after_mask || covered_to > 0;
        for at in 0..waiting.len() {
            if forms.begins[usize::from(waiting[at])] {
                let found = forms.find_at(waiting, at, &mut self.ends);
                if found.is_open && at_end == StreamEnd::Wait {
                    self.held = waiting[at..].to_vec();
                    self.covered = covered_to.saturating_sub(at);
                    self.is_after_mask = is_after_mask && at <= covered_to;
                    return seen;
                }
                let is_cut = found.is_open && at_end == StreamEnd::Mask;
                let end = if is_cut {
                    Some(waiting.len())
                } else {
                    found.end
                };
                if let Some(end) = end {
                    let joins = found.continues && is_after_mask && at == covered_to;
                    if at >= covered_to && !joins {
                        seen.extend_from_slice(MASK.as_bytes());
                    }
                    covered_to = covered_to.max(end);
                    is_after_mask = true;
                }
            }
            if at >= covered_to {
                seen.push(waiting[at]);
                is_after_mask = false;
            }
        }
        self.is_after_mask = is_after_mask;
        seen
    }
}
