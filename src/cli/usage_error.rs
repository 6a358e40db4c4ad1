//! Mistakes on the command line, in obs's own words: values, verbs and variables.
//!
//! Invariant: one wording for the values of all flags, whoever reads them. What clap says better,
//! such as which argument is missing, stays in its words.

use std::num::{IntErrorKind, ParseIntError};

use clap::error::{ContextKind, ContextValue, ErrorKind as ClapErrorKind};

use super::error::{CommandError, ErrorKind};
use super::variables::{NotBoolean, SetVariable};

/// The most characters of a value that a message repeats.
const MAX_SHOWN: usize = 100;

/// Why there is nothing to run.
#[derive(Debug)]
pub(super) enum UsageError {
    /// Help, the version, or a mistake in clap's words.
    Clap(clap::Error),
    /// A mistake in obs's words.
    Own(CommandError),
}

impl UsageError {
    /// A mistake in what was typed for `verb`, such as `obs run`.
    pub(super) fn typed(error: clap::Error, verb: &str) -> Self {
        let hint = format!("`{verb} --help` shows all options");
        match about_value(&error, None) {
            Some(message) => Self::Own(CommandError::new(ErrorKind::Usage, message).hint(hint)),
            None => Self::Clap(error),
        }
    }

    /// A mistake that is there only with the last of `variables`.
    pub(super) fn variable(error: &clap::Error, variables: &[SetVariable]) -> Self {
        let Some(last) = variables.last() else {
            return Self::Own(CommandError::new(ErrorKind::Usage, error));
        };
        let name = &last.name;
        let message = about_value(error, Some(name)).unwrap_or_else(|| {
            let others: Vec<String> = context(error, ContextKind::InvalidArg)
                .into_iter()
                .chain(context(error, ContextKind::PriorArg))
                .map(|arg| flag(&arg))
                .filter(|flag| *flag != last.flag)
                .map(|flag| match variables.iter().find(|set| set.flag == flag) {
                    Some(set) => format!("`{}`", set.name),
                    None => format!("`{flag}`"),
                })
                .collect();
            let others = others.join(" and ");
            match error.kind() {
                ClapErrorKind::ArgumentConflict => {
                    format!("variable `{name}` cannot be used with {others}")
                }
                ClapErrorKind::MissingRequiredArgument => {
                    format!("variable `{name}` requires {others}")
                }
                _ => format!("variable `{name}` cannot be used here"),
            }
        });
        Self::Own(
            CommandError::new(ErrorKind::Usage, message).hint("unset or correct the variable"),
        )
    }
}

impl From<NotBoolean> for UsageError {
    fn from(NotBoolean { name, value }: NotBoolean) -> Self {
        let value = shortened(&value);
        let message = format!("invalid value `{value}` for variable `{name}`: expected 1 or 0");
        Self::Own(
            CommandError::new(ErrorKind::Usage, message).hint("unset or correct the variable"),
        )
    }
}

/// What is wrong with a value, if a value is what is wrong.
fn about_value(error: &clap::Error, variable: Option<&str>) -> Option<String> {
    let arg = context(error, ContextKind::InvalidArg).into_iter().next();
    let place = match (variable, &arg) {
        (Some(name), _) => format!("variable `{name}`"),
        (None, Some(arg)) => format!("`{}`", flag(arg)),
        (None, None) => return None,
    };
    let value = context(error, ContextKind::InvalidValue).into_iter().next();
    let value = value.unwrap_or_default();
    let shown = shortened(&value);
    match error.kind() {
        ClapErrorKind::InvalidValue => {
            let words = context(error, ContextKind::ValidValue);
            let near = context(error, ContextKind::SuggestedValue);
            Some(match (value.is_empty(), one_of(&words), near.first()) {
                (true, None, _) => format!("{place} needs a value"),
                (true, Some(words), _) => format!("{place} needs a value: {words}"),
                (false, None, _) => format!("invalid value `{shown}` for {place}"),
                (false, Some(words), None) => {
                    format!("invalid value `{shown}` for {place}: expected {words}")
                }
                (false, Some(words), Some(near)) => {
                    format!(
                        "invalid value `{shown}` for {place}: expected {words}; did you mean `{near}`?"
                    )
                }
            })
        }
        ClapErrorKind::ValueValidation => {
            let reason = reason(error);
            // A reason that repeats the value needs no second copy.
            Some(
                if reason.contains(&format!("`{value}")) && value.len() <= MAX_SHOWN {
                    format!("invalid value for {place}: {reason}")
                } else {
                    format!(
                        "invalid value `{shown}` for {place}: {}",
                        shortened(&reason)
                    )
                },
            )
        }
        ClapErrorKind::InvalidUtf8 => Some(format!("a value of {place} is not UTF-8")),
        ClapErrorKind::TooManyValues | ClapErrorKind::NoEquals => {
            Some(format!("invalid value `{shown}` for {place}"))
        }
        _ => None,
    }
}

/// Why a value was not accepted: the words of whoever read it, but not those of Rust's integers.
fn reason(error: &clap::Error) -> String {
    let Some(source) = std::error::Error::source(error) else {
        return "it is not valid".to_owned();
    };
    if let Some(error) = source.downcast_ref::<ParseIntError>() {
        return match error.kind() {
            IntErrorKind::Zero => "expected a whole number from 1",
            IntErrorKind::PosOverflow => "the number is too large",
            IntErrorKind::NegOverflow => "the number is too small",
            _ => "expected a whole number",
        }
        .to_owned();
    }
    let said = source.to_string();
    match said
        .split_once(" is not in ")
        .and_then(|(_, range)| range.split_once(".."))
    {
        Some((least, most)) => in_range(least, most.trim_start_matches('=')),
        None => said,
    }
}

/// The words for a range of whole numbers; the last number of a type is no limit that is meant.
fn in_range(least: &str, most: &str) -> String {
    let is_end = most.is_empty()
        || [
            u64::MAX,
            u64::from(u32::MAX),
            u64::from(u16::MAX),
            i64::MAX.unsigned_abs(),
        ]
        .iter()
        .any(|last| last.to_string() == most);
    if is_end {
        format!("expected a whole number from {least}")
    } else {
        format!("expected a whole number from {least} to {most}")
    }
}

fn one_of(words: &[String]) -> Option<String> {
    let (last, rest) = words.split_last()?;
    let quoted = |word: &String| format!("`{word}`");
    Some(match rest {
        [] => quoted(last),
        rest => {
            let rest: Vec<String> = rest.iter().map(quoted).collect();
            format!("{} or `{last}`", rest.join(", "))
        }
    })
}

/// What clap says of one thing.
fn context(error: &clap::Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text.clone()],
        Some(ContextValue::Strings(texts)) => texts.clone(),
        _ => Vec::new(),
    }
}

/// A flag as it is typed, of clap's `--jobs <N>` or `--resume[=<RUN|FILE>]`; else the argument.
fn flag(arg: &str) -> String {
    let name = arg.split([' ', '=', '[']).next().unwrap_or_default();
    if name.starts_with('-') {
        name.to_owned()
    } else {
        arg.trim_matches(['[', ']', '.']).to_owned()
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
