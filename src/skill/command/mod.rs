//! The command template: from arguments to argv, never through a shell.
//!
//! Invariant: an argument fills the place that the manifest gave it and nothing else. It never
//! becomes code or the name of a program (the list in `code` says where), never an option (a
//! leading dash is refused unless the manifest allows it), and never changes the number of elements
//! unless the manifest spreads it. Templates of this form are older than obs (`git-annex` hooks,
//! `fish` abbreviations, VS Code tasks); what obs adds is that a place can't be anything but one
//! element.

mod code_injection;
mod dir_text;
mod dirs_in_code;
mod parse;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use thiserror::Error;

pub(super) use code_injection::{Role, is_code_variable, is_standard_input};
pub(super) use dir_text::{DirName, DirText};
pub(super) use parse::{Reading, check_run_dir, literal_text, read_command, read_stdin};

use crate::document::kind_of;
use crate::model::StepDirs;

/// The most bytes that one element may have: Linux's `MAX_ARG_STRLEN` without the final NUL.
pub(super) const MAX_ELEMENT_BYTES: usize = (128 << 10) - 1;

/// The most bytes that all elements may have together. Linux takes 2 MiB with the usual stack
/// limit, shared with the environment.
pub(super) const MAX_COMMAND_BYTES: usize = 1 << 20;

/// A command with dirs for arguments, as the manifest gave it and found to be sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandTemplate {
    program: ProgramName,
    elements: Vec<Element>,
    allow_leading_dash: bool,
}

/// How the first element names the program. It never holds an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProgramName {
    /// A path below the skill's directory: `./run.sh`, `$SKILL_DIR/run.sh`.
    InSkillDir(PathBuf),
    /// A path below the workspace: `$WORKSPACE/target/tool`.
    InWorkspace(PathBuf),
    /// An absolute path.
    Absolute(PathBuf),
    /// A name to look for in `PATH`.
    Bare(String),
}

/// A place in a command that an argument fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArgumentUse<'a> {
    /// The argument.
    pub name: &'a str,
    /// Its items become elements of their own.
    pub is_spread: bool,
    /// It stands in a nested list, so that the command can do without it.
    pub is_optional: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Element {
    One(ElementTemplate),
    /// A nested list, dropped whole when an argument in it is not given.
    Group(Vec<ElementTemplate>),
}

/// One element: text with at most one place for an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ElementTemplate {
    before: DirText,
    slot: Option<ArgumentSlot>,
    after: DirText,
}

impl ElementTemplate {
    fn uses_run_dir(&self) -> bool {
        let mut dirs = self.before.dirs().chain(self.after.dirs());
        dirs.any(|dir| dir == DirName::RunDir)
    }
}

impl Element {
    fn templates(&self) -> &[ElementTemplate] {
        match self {
            Self::One(template) => std::slice::from_ref(template),
            Self::Group(templates) => templates,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct ArgumentSlot {
    name: String,
    is_spread: bool,
}

/// Why arguments can't be put into a command: always `invalid_arguments`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ExpandError {
    /// An argument that the command needs is absent or null.
    #[error("the command needs the argument `{name}`")]
    Missing {
        /// The argument.
        name: String,
    },
    /// A list or a mapping, where one element is to be made.
    #[error("the argument `{name}` is {kind}; the command takes text, a number or a boolean")]
    NotScalar {
        /// The argument.
        name: String,
        /// What it is, with its article.
        kind: &'static str,
    },
    /// `{{x...}}` needs a list.
    #[error("the argument `{name}` is {kind}; the command spreads a list")]
    NotAList {
        /// The argument.
        name: String,
        /// What it is, with its article.
        kind: &'static str,
    },
    /// No element can hold NUL.
    #[error("the argument `{name}` holds a NUL character")]
    Nul {
        /// The argument.
        name: String,
    },
    /// It would be read as an option.
    #[error("the argument `{name}` begins with `-` and would be read as an option")]
    LeadingDash {
        /// The argument.
        name: String,
    },
    /// The system takes no element that long.
    #[error(
        "the argument `{name}` makes an element of {bytes} bytes; the maximum is \
         {MAX_ELEMENT_BYTES}"
    )]
    TooLong {
        /// The argument.
        name: String,
        /// How long the element would be.
        bytes: usize,
    },
    /// The system takes no command that long.
    #[error("with the argument `{name}` the command has more than {MAX_COMMAND_BYTES} bytes")]
    CommandTooLong {
        /// The argument that is one too many.
        name: String,
    },
}

impl ExpandError {
    /// The argument at fault.
    pub fn argument(&self) -> &str {
        match self {
            Self::Missing { name }
            | Self::NotScalar { name, .. }
            | Self::NotAList { name, .. }
            | Self::Nul { name }
            | Self::LeadingDash { name }
            | Self::TooLong { name, .. }
            | Self::CommandTooLong { name } => name,
        }
    }

    /// The way out.
    pub fn help(&self) -> String {
        match self {
            Self::Missing { name } => format!("add `{name}:` to the arguments"),
            Self::NotScalar { .. } => "give one value".to_owned(),
            Self::NotAList { .. } => "give a list, `[…]`".to_owned(),
            Self::Nul { .. } => "take the NUL out".to_owned(),
            Self::LeadingDash { name } => format!(
                "give another value; in the manifest, `--{name}={{{{{name}}}}}` or a `--` element \
                 with `allow_leading_dash: true` would take this one"
            ),
            Self::TooLong { .. } | Self::CommandTooLong { .. } => {
                "pass large values through a file, or let the skill read them from stdin".to_owned()
            }
        }
    }
}

impl CommandTemplate {
    /// The program, which no argument can change.
    pub fn program(&self) -> &ProgramName {
        &self.program
    }

    /// The arguments that the command mentions, in its order; one may come twice.
    pub fn arguments(&self) -> impl Iterator<Item = ArgumentUse<'_>> {
        self.elements.iter().flat_map(|element| {
            let is_optional = matches!(element, Element::Group(_));
            let slots = element
                .templates()
                .iter()
                .filter_map(|template| template.slot.as_ref());
            slots.map(move |slot| ArgumentUse {
                name: &slot.name,
                is_spread: slot.is_spread,
                is_optional,
            })
        })
    }

    /// The words that hold no argument, in order.
    pub(super) fn constant_words(&self, dirs: &StepDirs<'_>) -> Vec<OsString> {
        let constant = self.templates().filter(|template| template.slot.is_none());
        constant
            .map(|template| template.before.expand(dirs))
            .collect()
    }

    /// The words without an argument, or their parts, that are in a place of code behind the
    /// program, with what is done with them, for each form that the command can take.
    pub(super) fn code_words(&self, dirs: &StepDirs<'_>) -> Vec<Vec<(Role, OsString)>> {
        let text = |code: code_injection::CodeWord| {
            let text = DirText::from_stand_in(&code.text);
            (code.role, text.expand(dirs))
        };
        let variants = code_injection::code_words(&self.elements).into_iter();
        let variants = variants.map(|words| words.into_iter().skip(1).map(text).collect());
        variants.collect()
    }

    fn templates(&self) -> impl Iterator<Item = &ElementTemplate> {
        self.elements.iter().flat_map(Element::templates)
    }

    /// True if an element names `$RUN_DIR`.
    pub(super) fn uses_run_dir(&self) -> bool {
        self.templates().any(ElementTemplate::uses_run_dir)
    }

    /// Says whether `arguments` can be put into the command.
    pub fn check(&self, arguments: &Map<String, Value>) -> Result<(), ExpandError> {
        let nowhere = Path::new("");
        let dirs = StepDirs::new(nowhere, nowhere, None);
        self.expand(arguments, &dirs).map(drop)
    }

    /// The argv for `arguments`. The first element is the program as the manifest names it, with
    /// `./` and `$SKILL_DIR` already replaced.
    pub fn expand(
        &self,
        arguments: &Map<String, Value>,
        dirs: &StepDirs<'_>,
    ) -> Result<Vec<OsString>, ExpandError> {
        let mut expansion = Expansion {
            arguments,
            dirs,
            allow_leading_dash: self.allow_leading_dash,
            argv: Vec::with_capacity(self.elements.len()),
            bytes: 0,
        };
        for element in &self.elements {
            match element {
                Element::One(template) => expansion.add(template)?,
                Element::Group(templates) => {
                    if templates
                        .iter()
                        .all(|template| expansion.is_given(template))
                    {
                        for template in templates {
                            expansion.add(template)?;
                        }
                    }
                }
            }
        }
        Ok(expansion.argv)
    }
}

struct Expansion<'a> {
    arguments: &'a Map<String, Value>,
    dirs: &'a StepDirs<'a>,
    allow_leading_dash: bool,
    argv: Vec<OsString>,
    bytes: usize,
}

impl Expansion<'_> {
    /// False where a nested list is dropped: the argument is absent, null, false or, to be spread,
    /// empty, which would leave an option without its value.
    fn is_given(&self, template: &ElementTemplate) -> bool {
        let Some(slot) = &template.slot else {
            return true;
        };
        match self.arguments.get(&slot.name) {
            None | Some(Value::Null | Value::Bool(false)) => false,
            Some(Value::Array(list)) => !(slot.is_spread && list.is_empty()),
            Some(_) => true,
        }
    }

    fn add(&mut self, template: &ElementTemplate) -> Result<(), ExpandError> {
        let Some(slot) = &template.slot else {
            return self.push(template, None, "");
        };
        let name = || slot.name.clone();
        let value = match self.arguments.get(&slot.name) {
            None | Some(Value::Null) => return Err(ExpandError::Missing { name: name() }),
            Some(value) => value,
        };
        if !slot.is_spread {
            return self.push(template, Some(slot), &scalar(value, name)?);
        }
        let Value::Array(list) = value else {
            let kind = kind_of(value);
            return Err(ExpandError::NotAList { name: name(), kind });
        };
        for item in list {
            self.push(template, Some(slot), &scalar(item, name)?)?;
        }
        Ok(())
    }

    fn push(
        &mut self,
        template: &ElementTemplate,
        slot: Option<&ArgumentSlot>,
        value: &str,
    ) -> Result<(), ExpandError> {
        let is_at_start = template.before.is_empty();
        let mut element = template.before.expand(self.dirs);
        element.push(value);
        element.push(template.after.expand(self.dirs));
        let bytes = element.len();
        // A pointer and a NUL go with each element.
        self.bytes = self.bytes.saturating_add(bytes + 9);
        if let Some(slot) = slot {
            let name = || slot.name.clone();
            let begins_with_dash = element.as_encoded_bytes().starts_with(b"-");
            if is_at_start && begins_with_dash && !self.allow_leading_dash {
                return Err(ExpandError::LeadingDash { name: name() });
            }
            if bytes > MAX_ELEMENT_BYTES {
                return Err(ExpandError::TooLong {
                    name: name(),
                    bytes,
                });
            }
            if self.bytes > MAX_COMMAND_BYTES {
                return Err(ExpandError::CommandTooLong { name: name() });
            }
        }
        self.argv.push(element);
        Ok(())
    }
}

/// A scalar as an element shows it: text raw, numbers with the digits that the plan has.
fn scalar(value: &Value, name: impl Fn() -> String) -> Result<String, ExpandError> {
    match value {
        Value::String(text) if text.contains('\0') => Err(ExpandError::Nul { name: name() }),
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => Err(ExpandError::NotScalar {
            name: name(),
            kind: kind_of(value),
        }),
    }
}

/// What a skill gets on standard input.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Stdin {
    /// All arguments as one JSON object in compact text.
    #[default]
    Arguments,
    /// Nothing.
    None,
    /// One argument: text raw, anything else as JSON.
    Argument(String),
}

impl Stdin {
    /// The bytes for `arguments`, whose JSON text is `input`. `None` if the skill gets nothing, or
    /// if the argument is absent or null.
    pub fn stdin_bytes(&self, arguments: &Map<String, Value>, input: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::None => None,
            Self::Arguments => Some(input.to_vec()),
            Self::Argument(name) => match arguments.get(name) {
                None | Some(Value::Null) => None,
                Some(Value::String(text)) => Some(text.clone().into_bytes()),
                Some(value) => Some(value.to_string().into_bytes()),
            },
        }
    }
}

#[cfg(test)]
mod tests;
