//! Characters that YAML allows in quoted scalars only, because JSON allows them in strings: DEL and
//! the C1 controls.
//!
//! granit-parser refuses them everywhere. So the parser gets a text in which private-use characters
//! stand for them, and what it finds is translated back: texts and places.
//!
//! Invariant: no stand-in occurs in the text itself, and a character outside of quotes is an error.

use std::borrow::Cow;
use std::ops::Range;

/// The private-use characters.
const PRIVATE_USE: Range<u32> = 0xE000..0xF900;

/// A YAML text with stand-ins for what only quoted scalars may hold.
pub(super) struct StandIns<'t> {
    /// What the parser gets.
    pub(super) text: Cow<'t, str>,
    /// The stand-in of [`FIRST`]; those of the others follow it.
    base: u32,
    /// For each stand-in, where it ends in `text`, and by how much more than in the original.
    ends: Vec<(usize, usize)>,
    /// Where the characters stand in the original.
    places: Vec<usize>,
}

/// The first and the last of the characters.
const FIRST: char = '\u{7f}';
const LAST: char = '\u{9f}';

fn is_json_only(c: char) -> bool {
    // NEL is allowed everywhere.
    (FIRST..=LAST).contains(&c) && c != '\u{85}'
}

impl<'t> StandIns<'t> {
    pub(super) fn new(original: &'t str) -> Self {
        let mut stand_ins = Self {
            text: Cow::Borrowed(original),
            base: 0,
            ends: Vec::new(),
            places: Vec::new(),
        };
        // Without characters to spare nothing is replaced, and the parser refuses the text.
        let Some(base) = original
            .contains(is_json_only)
            .then(|| unused_base(original))
            .flatten()
        else {
            return stand_ins;
        };
        stand_ins.base = base;
        let mut text = String::with_capacity(original.len());
        for (at, c) in original.char_indices() {
            let stand_in = is_json_only(c)
                .then(|| char::from_u32(base + u32::from(c) - u32::from(FIRST)))
                .flatten();
            let Some(stand_in) = stand_in else {
                text.push(c);
                continue;
            };
            text.push(stand_in);
            stand_ins.places.push(at);
            let shift = text.len() - (at + c.len_utf8());
            stand_ins.ends.push((text.len(), shift));
        }
        stand_ins.text = Cow::Owned(text);
        stand_ins
    }

    /// Where an offset into the parser's text is in the original.
    pub(super) fn original_offset(&self, offset: usize) -> usize {
        let before = self.ends.partition_point(|(end, _)| *end <= offset);
        let shift = before.checked_sub(1).map_or(0, |last| self.ends[last].1);
        offset - shift
    }

    /// The original of a text that the parser found.
    pub(super) fn original_text<'a>(&self, text: Cow<'a, str>) -> Cow<'a, str> {
        let last = self.base + u32::from(LAST) - u32::from(FIRST);
        let original = |c: char| {
            let code = u32::from(c);
            let is_stand_in = (self.base..=last).contains(&code);
            let original = is_stand_in.then(|| u32::from(FIRST) + code - self.base);
            original.and_then(char::from_u32)
        };
        if self.places.is_empty() || !text.contains(|c| original(c).is_some()) {
            return text;
        }
        Cow::Owned(text.chars().map(|c| original(c).unwrap_or(c)).collect())
    }

    /// The first of the characters that is in none of the `quoted` scalars, which are in order.
    pub(super) fn first_outside(&self, quoted: &[Range<usize>]) -> Option<usize> {
        self.places.iter().copied().find(|place| {
            let before = quoted.partition_point(|scalar| scalar.start <= *place);
            let scalar = before.checked_sub(1).map(|last| &quoted[last]);
            !scalar.is_some_and(|scalar| scalar.contains(place))
        })
    }
}

/// A private-use character that, with those that follow it, is not in `text`.
fn unused_base(text: &str) -> Option<u32> {
    let count = u32::from(LAST) - u32::from(FIRST) + 1;
    let slots = (PRIVATE_USE.end - PRIVATE_USE.start) / count;
    let mut is_used = vec![false; usize::try_from(slots).ok()?];
    for code in text
        .chars()
        .map(u32::from)
        .filter(|code| PRIVATE_USE.contains(code))
    {
        let slot = usize::try_from((code - PRIVATE_USE.start) / count).ok()?;
        if let Some(is_used) = is_used.get_mut(slot) {
            *is_used = true;
        }
    }
    let slot = is_used.iter().position(|is_used| !is_used)?;
    Some(PRIVATE_USE.start + u32::try_from(slot).ok()? * count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_and_texts_are_translated_back() {
        let original = "a\u{7f}b\u{e000}é\u{80}\u{85}c";
        let stand_ins = StandIns::new(original);
        let text = &*stand_ins.text;
        assert!(
            !text.contains(is_json_only) && text.contains('\u{85}'),
            "{text:?}"
        );
        assert_eq!(stand_ins.original_text(Cow::Borrowed(text)), original);
        let offsets = text
            .char_indices()
            .map(|(at, _)| stand_ins.original_offset(at));
        let want = original.char_indices().map(|(at, _)| at);
        assert!(offsets.eq(want));
        assert_eq!(stand_ins.original_offset(text.len()), original.len());
        assert_eq!(stand_ins.places, [1, 8]);
        assert_eq!(stand_ins.first_outside(&[0..3, 20..30]), Some(8));
        assert_eq!(stand_ins.first_outside(&[0..3, 4..9]), None);
        assert_eq!(stand_ins.first_outside(&[2..9, 20..30]), Some(1));
    }

    #[test]
    fn a_text_without_them_stays_and_so_does_one_without_characters_to_spare() {
        assert!(matches!(StandIns::new("a: é").text, Cow::Borrowed(_)));
        let all: String = PRIVATE_USE.filter_map(char::from_u32).collect();
        let full = format!("\u{7f}{all}");
        assert_eq!(StandIns::new(&full).text, full);
    }
}
