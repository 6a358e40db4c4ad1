//! What one option of a listed program takes.

use super::programs::KnownProgram;
use super::words::Word;

/// An option, as its program reads it.
#[derive(Debug, PartialEq)]
pub(super) struct OptionUse<'w> {
    pub(super) kind: OptionKind,
    pub(super) value: OptionValue<'w>,
    /// The name, with its dashes.
    pub(super) name: String,
    /// One of `mode_flags` is among its messages.
    pub(super) is_mode: bool,
    /// One of `interactive` is among its messages.
    pub(super) is_interactive: bool,
}

/// What the value of an option is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OptionKind {
    /// The code to run.
    Main,
    /// The code to run, to which all further words belong.
    Last,
    /// Code, a program, or a file that holds code.
    Code,
    /// `KEY=VALUE`.
    Pair,
    /// Data.
    Data,
    /// The option takes no value, or is unknown.
    Flag,
    /// An argument decides which option it is.
    Unclear,
}

/// Where the value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OptionValue<'w> {
    None,
    /// In the same word, which has this text before the argument.
    Here(&'w str),
    Next,
}

impl<'w> OptionUse<'w> {
    /// Reads `word`, which begins with a dash or with one of the characters of the entry.
    pub(super) fn read(program: &KnownProgram, word: &'w Word) -> Self {
        let text = word.before.as_str();
        let has_argument = word.argument.is_some();
        if let Some(start) = prefix_of(program, text) {
            return Self::new(
                OptionKind::Code,
                OptionValue::Here(&text[start.len()..]),
                start,
            );
        }
        if text.starts_with("--") || has_long_names_with_one_dash(program) {
            return Self::read_long(program, text, has_argument);
        }
        Self::read_bundle(program, text, has_argument)
    }

    fn new(kind: OptionKind, value: OptionValue<'w>, name: &str) -> Self {
        Self {
            kind,
            value,
            name: name.to_owned(),
            is_mode: false,
            is_interactive: false,
        }
    }

    fn read_long(program: &KnownProgram, text: &'w str, has_argument: bool) -> Self {
        let (name, inline) = match text.split_once('=') {
            Some((name, inline)) => (name, Some(inline)),
            None => (text, None),
        };
        let is_known = long_kind(program, name) != OptionKind::Flag;
        if has_argument && (!is_known || inline.is_none()) {
            // `-B{{x}}`
            let names = lists(program).into_iter().flat_map(|(list, kind)| {
                let names = list.split_whitespace();
                names.map(move |name| (name, kind))
            });
            let known = names
                .filter(|(name, _)| text.starts_with(name) && !name.starts_with("--"))
                .max_by_key(|(name, _)| name.len());
            return match known {
                Some((name, kind)) => Self::new(kind, OptionValue::Here(&text[name.len()..]), name),
                // The text before `=` names the option.
                None if inline.is_some() => Self::new(OptionKind::Flag, OptionValue::None, name),
                None => Self::new(OptionKind::Unclear, OptionValue::None, text),
            };
        }
        let kind = long_kind(program, name);
        let value = match (kind, inline) {
            (_, Some(inline)) => OptionValue::Here(inline),
            (OptionKind::Flag, None) => OptionValue::None,
            (_, None) if is_in(program.attached, name) => OptionValue::None,
            (_, None) => OptionValue::Next,
        };
        Self {
            is_mode: is_in(program.mode_flags, name),
            is_interactive: is_in(program.interactive, name),
            ..Self::new(kind, value, name)
        }
    }

    /// `-lane CODE`: flags, and at the end one option that takes a value.
    fn read_bundle(program: &KnownProgram, text: &'w str, has_argument: bool) -> Self {
        let letters = text.strip_prefix(['-', '+']).unwrap_or(text);
        let (mut is_mode, mut is_interactive) = (false, false);
        for (at, letter) in letters.char_indices() {
            let name = format!("-{letter}");
            let rest = &letters[at + letter.len_utf8()..];
            if is_in(program.attached, &name) {
                return Self::new(OptionKind::Data, OptionValue::Here(rest), &name);
            }
            if is_in(program.attached_code, &name) && has_argument {
                return Self::new(OptionKind::Code, OptionValue::Here(rest), &name);
            }
            if is_in(program.attached_code, &name) {
                return Self::new(OptionKind::Flag, OptionValue::None, &name);
            }
            is_interactive |= is_in(program.interactive, &name);
            is_mode |= is_in(program.mode_flags, &name);
            let Some(kind) = kind_of(program, &name) else {
                continue;
            };
            let takes_code = |letter: char| {
                matches!(
                    kind_of(program, &format!("-{letter}")),
                    Some(OptionKind::Main | OptionKind::Last)
                )
            };
            let is_last = rest.is_empty() && !has_argument;
            // `node -pe CODE`
            let is_bundle = !has_argument && rest.chars().all(takes_code);
            let value = if is_last || is_bundle {
                OptionValue::Next
            } else {
                OptionValue::Here(rest)
            };
            return Self {
                is_mode,
                is_interactive,
                ..Self::new(kind, value, &name)
            };
        }
        let kind = if has_argument {
            OptionKind::Unclear
        } else {
            OptionKind::Flag
        };
        Self {
            is_mode,
            is_interactive,
            ..Self::new(kind, OptionValue::None, text)
        }
    }
}

/// True if `word` is an option of `program` for the text that it begins with.
pub(super) fn is_option(program: &KnownProgram, word: &Word) -> bool {
    let text = word.before.as_str();
    let is_dashed = text.starts_with('-') && (text.len() > 1 || word.argument.is_some());
    is_dashed || prefix_of(program, text).is_some()
}

/// True if words that begin with something else than a dash can be options that run code.
pub(super) fn has_prefixes(program: &KnownProgram) -> bool {
    prefixes(program).next().is_some()
}

/// The characters that begin a word that is code: `vim +CODE`.
fn prefixes(program: &KnownProgram) -> impl Iterator<Item = &'static str> + use<> {
    let code = program.code.split_whitespace();
    code.filter(|name| !name.starts_with('-'))
}

/// True if each of its words can name a file whose text becomes words: `gcc @FILE`.
pub(super) fn has_response_files(program: &KnownProgram) -> bool {
    prefixes(program).any(|prefix| prefix == "@")
}

fn prefix_of(program: &KnownProgram, text: &str) -> Option<&'static str> {
    prefixes(program).find(|prefix| text.starts_with(prefix))
}

fn lists(program: &KnownProgram) -> [(&'static str, OptionKind); 6] {
    [
        (program.last, OptionKind::Last),
        (program.main, OptionKind::Main),
        (program.code, OptionKind::Code),
        (program.pairs, OptionKind::Pair),
        (program.values, OptionKind::Data),
        (program.attached, OptionKind::Data),
    ]
}

fn is_in(list: &str, name: &str) -> bool {
    list.split_whitespace().any(|known| known == name)
}

/// What the option of this name takes; none if no list of its program has it.
pub(super) fn kind_of(program: &KnownProgram, name: &str) -> Option<OptionKind> {
    let lists = lists(program).into_iter();
    let mut known = lists.filter(|(list, _)| is_in(list, name));
    known.next().map(|(_, kind)| kind)
}

/// `-cmd`, where other programs would read `-c -m -d`.
fn has_long_names_with_one_dash(program: &KnownProgram) -> bool {
    let mut names = lists(program)
        .into_iter()
        .flat_map(|(list, _)| list.split_whitespace());
    names.any(|name| name.len() > 2 && name.starts_with('-') && !name.starts_with("--"))
}

fn long_kind(program: &KnownProgram, name: &str) -> OptionKind {
    if let Some(kind) = kind_of(program, name) {
        return kind;
    }
    // `--cmd` and `-cmd` are the same, in any case.
    let bare = name.trim_start_matches('-');
    let is_same =
        |known: &str| known.len() > 2 && known.trim_start_matches('-').eq_ignore_ascii_case(bare);
    let is_short_for = |known: &str| {
        !program.is_exact && name.len() > 2 && known.starts_with("--") && known.starts_with(name)
    };
    let lists = lists(program);
    let find = |matches: &dyn Fn(&str) -> bool| {
        let mut known = lists
            .iter()
            .filter(|(list, _)| list.split_whitespace().any(matches));
        known.next().map(|(_, kind)| *kind)
    };
    find(&is_same)
        .or_else(|| find(&is_short_for))
        .unwrap_or(OptionKind::Flag)
}
