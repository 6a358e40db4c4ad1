//! The words that a command can consist of, for some arguments or others.

use crate::skill::command::{Element, ElementTemplate};

/// The most forms of one command that are checked one by one.
const MAX_VARIANTS: usize = 243;

/// The most words of a command whose combinations are checked.
const MAX_COMBINED_WORDS: usize = 500;

/// A word as the manifest gives it.
#[derive(Debug, Clone)]
pub(super) struct Word {
    /// Which template of the command it is.
    pub(super) index: usize,
    pub(super) before: String,
    /// What it contains besides its text, as a message shows it: an argument, or standard input.
    pub(super) argument: Option<String>,
    pub(super) after: String,
}

/// What a program does with a word that holds no argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::skill) enum Role {
    /// It starts the program of this name.
    Program,
    /// It runs or loads the code, or the file that holds it.
    Code,
    /// An interpreter runs the first of these that is a file; the others belong to the script.
    Script,
    /// It may start it.
    Possible,
}

/// A text in a place of code.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::skill) struct CodeWord {
    /// Which template of the command it is from.
    pub(in crate::skill) index: usize,
    pub(in crate::skill) text: String,
    pub(in crate::skill) role: Role,
}

impl Word {
    /// True for a word that no argument changes and that is this text.
    pub(super) fn is(&self, text: &str) -> bool {
        self.argument.is_none() && self.before == text
    }

    /// A word that begins with `before` instead.
    pub(super) fn with_text(&self, before: &str) -> Self {
        Self {
            before: before.to_owned(),
            ..self.clone()
        }
    }

    /// The text of a word that no argument changes.
    pub(super) fn literal(&self) -> Option<&str> {
        self.argument.is_none().then_some(self.before.as_str())
    }

    /// True if an argument decides how the word begins.
    pub(super) fn begins_with_argument(&self) -> bool {
        self.argument.is_some() && self.before.is_empty()
    }

    /// What a program puts in the place of `mark`, or behind all words.
    pub(super) fn filled(&self, mark: &str, value: &str) -> Self {
        match self.before.split_once(mark) {
            Some((before, after)) if self.argument.is_none() => Self {
                index: self.index,
                before: before.to_owned(),
                argument: Some(value.to_owned()),
                after: after.to_owned(),
            },
            _ => self.clone(),
        }
    }

    fn from_template(index: usize, template: &ElementTemplate) -> Self {
        Self {
            index,
            before: template.before.stand_in(),
            argument: template
                .slot
                .as_ref()
                .map(|slot| format!("{{{{{}}}}}", slot.name)),
            after: template.after.stand_in(),
        }
    }
}

/// A part of a command: the words, and how often they can be there.
struct WordPart {
    words: Vec<(Word, bool)>,
    counts: &'static [usize],
}

/// The forms that the command can take: a nested list is there or not, a list is spread to none,
/// one or two words. If these are too many combinations, then each part alone takes all of its
/// forms.
pub(super) fn variants(elements: &[Element]) -> Vec<Vec<Word>> {
    let parts = parts(elements);
    let combinations = parts.iter().try_fold(1_usize, |product, part| {
        product.checked_mul(part.counts.len())
    });
    let words: usize = parts.iter().map(|part| part.words.len()).sum();
    let is_small = combinations.is_some_and(|count| count <= MAX_VARIANTS);
    let choices = if is_small && words <= MAX_COMBINED_WORDS {
        all_choices(&parts)
    } else {
        some_choices(&parts, words)
    };
    let variants = choices.iter().map(|choice| {
        let parts = parts.iter().zip(choice);
        parts
            .flat_map(|(part, count)| part.expand(*count))
            .collect()
    });
    variants.collect()
}

fn parts(elements: &[Element]) -> Vec<WordPart> {
    let mut index = 0;
    let mut words_of = |templates: &[ElementTemplate]| {
        let words = templates.iter().map(|template| {
            index += 1;
            let is_spread = template.slot.as_ref().is_some_and(|slot| slot.is_spread);
            (Word::from_template(index - 1, template), is_spread)
        });
        words.collect::<Vec<_>>()
    };
    let parts = elements.iter().map(|element| {
        let words = words_of(element.templates());
        let can_be_absent = matches!(element, Element::Group(_));
        let is_spread = words.iter().any(|(_, is_spread)| *is_spread);
        let counts: &[usize] = match (is_spread, can_be_absent) {
            (true, _) => &[0, 1, 2],
            (false, true) => &[0, 1],
            (false, false) => &[1],
        };
        WordPart { words, counts }
    });
    parts.collect()
}

impl WordPart {
    fn expand(&self, count: usize) -> impl Iterator<Item = Word> + '_ {
        let words = self.words.iter().filter(move |_| count > 0);
        words.flat_map(move |(word, is_spread)| {
            let count = if *is_spread { count } else { 1 };
            std::iter::repeat_n(word.clone(), count)
        })
    }

    fn most(&self) -> usize {
        self.counts.last().copied().unwrap_or_default()
    }
}

fn all_choices(parts: &[WordPart]) -> Vec<Vec<usize>> {
    let mut choices = vec![Vec::new()];
    for part in parts {
        let longer = choices.iter().flat_map(|choice| {
            let counts = part.counts.iter();
            counts.map(|count| [&choice[..], &[*count]].concat())
        });
        choices = longer.collect();
    }
    choices
}

/// All parts at their least and at their most; and each at the other end than the others.
fn some_choices(parts: &[WordPart], words: usize) -> Vec<Vec<usize>> {
    let least: Vec<usize> = parts.iter().map(|part| part.counts[0]).collect();
    let most: Vec<usize> = parts.iter().map(WordPart::most).collect();
    let varying: Vec<usize> = (0..parts.len())
        .filter(|at| parts[*at].counts.len() > 1)
        .collect();
    let mut choices = vec![least.clone(), most.clone()];
    let how_many = MAX_VARIANTS * MAX_COMBINED_WORDS / words.max(1) / 2;
    for at in varying.into_iter().take(how_many) {
        let (mut one_more, mut one_less) = (least.clone(), most.clone());
        one_more[at] = most[at];
        one_less[at] = least[at];
        choices.extend([one_more, one_less]);
    }
    choices
}
