//! Reads a command word by word, as the programs of the list do.

use std::collections::BTreeMap;
use std::path::Path;

use super::CommandContext;
use super::input::is_standard_input;
use super::options::{
    OptionKind, OptionUse, OptionValue, has_prefixes, has_response_files, is_option, kind_of,
};
use super::program_table::PROGRAMS;
use super::programs::{self, KnownProgram, Operands};
use super::words::{CodeWord, Role, Word};
use crate::skill::command::Stdin;

/// The most programs that may start one another.
const MAX_DEPTH: usize = 32;

/// The most words behind a program that is not listed at which the check looks for an interpreter.
const MAX_GUESSES: usize = 32;

/// Flags with which an interpreter runs no code.
const INFORMATIVE: &[&str] = &["--version", "--help", "-V", "-v", "-h", "--list"];

/// What is wrong, by the index of the word.
pub(super) type Analysis = BTreeMap<usize, InjectionFault>;

/// A value in a place where it can become code.
#[derive(Debug)]
pub(super) struct InjectionFault {
    pub(super) message: String,
    pub(super) help: String,
}

/// Adds what is wrong with a command to `found`, and returns the words that are code.
pub(super) fn read_command(
    words: &[Word],
    surroundings: CommandContext<'_>,
    found: &mut Analysis,
) -> Vec<CodeWord> {
    let input = match surroundings.stdin {
        Stdin::None => None,
        Stdin::Arguments => Some("standard input".to_owned()),
        Stdin::Argument(name) => Some(format!("{{{{{name}}}}}")),
    };
    let mut reader = CommandAnalyzer {
        allow_leading_dash: surroundings.allow_leading_dash,
        input,
        program: 0,
        found,
        code: Vec::new(),
        is_guess: false,
        variables: Vec::new(),
    };
    reader.command(words, None, 0);
    reader.code
}

pub(super) struct CommandAnalyzer<'f> {
    allow_leading_dash: bool,
    /// What standard input holds, if not nothing.
    pub(super) input: Option<String>,
    /// The word of the program that is read.
    pub(super) program: usize,
    pub(super) found: &'f mut Analysis,
    /// What [`super::collect`] has collected.
    pub(super) code: Vec<CodeWord>,
    /// The program before is not listed: only what is certainly code counts.
    pub(super) is_guess: bool,
    /// Variables that have an argument in their value.
    pub(super) variables: Vec<Word>,
}

/// A program in a command, and what its words said so far.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own that one word or another sets"
)]
pub(super) struct ProgramCall<'w> {
    pub(super) program: &'static KnownProgram,
    pub(super) name: &'w str,
    pub(super) words: &'w [Word],
    pub(super) depth: usize,
    pub(super) operands: usize,
    /// An option gave the code to run.
    pub(super) has_main: bool,
    pub(super) has_mode: bool,
    pub(super) is_after_options: bool,
    /// It says something about itself and runs nothing, or has its code in a file.
    pub(super) is_fed: bool,
    /// `docker run --entrypoint PROGRAM`
    pub(super) entrypoint: Option<Word>,
    /// It reads code from standard input, whatever its words are.
    pub(super) is_interactive: bool,
    /// `xargs -I`: what standard input takes the place of.
    pub(super) mark: Option<String>,
}

/// Whether words are left to read.
pub(super) enum Rest {
    From(usize),
    Done,
}

impl CommandAnalyzer<'_> {
    /// Reads a program and its words. `starter` is the program that starts it.
    pub(super) fn command(&mut self, words: &[Word], starter: Option<&str>, depth: usize) {
        let Some((first, rest)) = words.split_first() else {
            return;
        };
        if let (Some(_), Some(starter)) = (&first.argument, starter) {
            return self.refuse_program(first, starter, "starts");
        }
        if depth > MAX_DEPTH {
            let message = format!("more than {MAX_DEPTH} programs start one another");
            let help = "put them into a script beside the manifest".to_owned();
            self.found
                .entry(first.index)
                .or_insert(InjectionFault { message, help });
            return;
        }
        let name = base_name(&first.before);
        self.program = first.index;
        self.add_code(first, Role::Program);
        match programs::find(PROGRAMS, name) {
            Some(program) => self.call(program, name, rest, depth),
            None if programs::is_plain(name) => {}
            None => self.guess(rest, depth),
        }
    }

    /// Looks for an interpreter among the words of a program that is not listed: it may start one.
    fn guess(&mut self, words: &[Word], depth: usize) {
        let was_guess = std::mem::replace(&mut self.is_guess, true);
        for word in words {
            self.add_code(word, Role::Possible);
        }
        let interpreters = words.iter().enumerate().filter_map(|(at, word)| {
            let name = base_name(word.literal()?);
            let program = programs::find(PROGRAMS, name)?;
            let is_interpreter = matches!(program.operands, Operands::Shell | Operands::Script);
            is_interpreter.then_some((at, name, program))
        });
        for (at, name, program) in interpreters.take(MAX_GUESSES) {
            self.add_code(&words[at], Role::Program);
            self.call(program, name, &words[at + 1..], depth + 1);
        }
        self.is_guess = was_guess;
    }

    pub(super) fn call(
        &mut self,
        program: &'static KnownProgram,
        name: &str,
        words: &[Word],
        depth: usize,
    ) {
        if let Operands::Shell = program.operands {
            return self.shell(program, name, words);
        }
        let mut call = ProgramCall {
            program,
            name,
            words,
            depth,
            operands: 0,
            has_main: false,
            has_mode: false,
            is_after_options: false,
            is_fed: false,
            entrypoint: None,
            is_interactive: program.interactive == "*",
            mark: None,
        };
        if program.runs_variables {
            for word in std::mem::take(&mut self.variables) {
                self.refuse_code(&word, program, name);
            }
        }
        let mut at = match program.operands {
            Operands::Bundle => self.bundle(&call),
            _ => 0,
        };
        while let Some(word) = words.get(at) {
            let rest = if !call.is_after_options && word.is("--") {
                call.is_after_options = !matches!(program.operands, Operands::Login(_));
                Rest::From(at + 1)
            } else if !call.is_after_options && is_option(program, word) {
                self.option(&mut call, at)
            } else {
                self.may_be_option(&call, word);
                self.operand(&mut call, at)
            };
            match rest {
                Rest::From(next) => at = next,
                Rest::Done => break,
            }
        }
        let words_with_code = match program.operands {
            Operands::Code(from) | Operands::Joined(from) => from + 1,
            Operands::Data | Operands::Environment | Operands::Command(_) => usize::MAX,
            Operands::Login(from) if !call.has_mode => from + 1,
            _ => 1,
        };
        let has_code = call.has_main || call.operands >= words_with_code;
        if call.is_interactive || program.reads_code && !has_code && !call.is_fed {
            self.refuse_input(name);
        }
    }

    /// `tar cIf PROGRAM FILE`: each letter takes its value from the words that follow.
    fn bundle(&mut self, call: &ProgramCall<'_>) -> usize {
        let first = call.words.first().and_then(Word::literal);
        let Some(letters) = first.filter(|text| !text.starts_with('-')) else {
            return 0;
        };
        let mut next = 1;
        for letter in letters.chars() {
            let Some(kind) = kind_of(call.program, &format!("-{letter}")) else {
                continue;
            };
            let value = call.words.get(next).filter(|word| word.argument.is_some());
            if let Some(word) = value.filter(|_| kind == OptionKind::Code) {
                self.refuse_code(word, call.program, call.name);
            }
            if let Some(word) = call.words.get(next).filter(|_| kind == OptionKind::Code) {
                self.add_code(word, Role::Code);
            }
            next += 1;
        }
        next
    }

    /// A value that begins a word is an option, if it begins like one.
    fn may_be_option(&mut self, call: &ProgramCall<'_>, word: &Word) {
        let program = call.program;
        let can_be =
            (self.allow_leading_dash && program.has_code_options()) || has_prefixes(program);
        let is_file = has_response_files(program);
        if word.begins_with_argument() && (can_be && !call.is_after_options || is_file) {
            self.refuse_option(word, call.name);
        }
    }

    fn option(&mut self, call: &mut ProgramCall<'_>, at: usize) -> Rest {
        let (program, words) = (call.program, call.words);
        if let Some(rest) = self.exec(call, at) {
            return rest;
        }
        let is_option = |name: &str| words[at].is(name);
        if program.two_values.split_whitespace().any(is_option) {
            return Rest::From(at + 3);
        }
        let option = OptionUse::read(program, &words[at]);
        call.has_mode |= option.is_mode;
        call.is_interactive |= option.is_interactive;
        if is_xargs(call) {
            Self::xargs(call, &option, at);
        }
        let (value, text, next) = match option.value {
            OptionValue::None => (None, "", at + 1),
            OptionValue::Here(text) => (Some(&words[at]), text, at + 1),
            OptionValue::Next => {
                let value = words.get(at + 1);
                (value, value.map_or("", |word| word.before.as_str()), at + 2)
            }
        };
        if let Some(word) = value {
            self.add_value(program, option.kind, word, text);
        }
        match option.kind {
            OptionKind::Unclear if program.has_code_options() => {
                self.refuse_option(&words[at], call.name);
            }
            OptionKind::Flag => call.is_fed |= INFORMATIVE.contains(&option.name.as_str()),
            OptionKind::Data
                if option.value == OptionValue::Next && has_response_files(program) =>
            {
                if let Some(word) = value.filter(|word| word.begins_with_argument()) {
                    self.refuse_option(word, call.name);
                }
            }
            OptionKind::Unclear | OptionKind::Data => {}
            OptionKind::Pair => self.pair(call, value, text),
            OptionKind::Main | OptionKind::Code | OptionKind::Last => {
                self.code_value(call, &option, value, text);
                if let Some(word) = value.filter(|word| word.argument.is_some()) {
                    self.refuse_code(word, program, call.name);
                } else if let (Operands::Environment, Some(word)) = (program.operands, value) {
                    return self.split(call, word, text, next);
                }
            }
        }
        if option.kind == OptionKind::Last {
            // `python -m timeit CODE`
            if let Some(module) = programs::find(PROGRAMS, text) {
                let words = words.get(next..).unwrap_or_default();
                self.call(module, text, words, call.depth + 1);
            }
            return Rest::Done;
        }
        Rest::From(next)
    }

    /// The program and its words behind `-exec`.
    fn exec(&mut self, call: &ProgramCall<'_>, at: usize) -> Option<Rest> {
        let (program, words) = (call.program, call.words);
        let is_exec = matches!(program.operands, Operands::Exec)
            && words[at]
                .literal()
                .is_some_and(|text| program.code.split_whitespace().any(|name| name == text));
        if !is_exec {
            return None;
        }
        let is_end = |word: &Word| word.is(";") || word.is("+");
        let inner = &words[at + 1..];
        let end = inner.iter().position(is_end).unwrap_or(inner.len());
        let known = self.code.len();
        self.command(&inner[..end], Some(call.name), call.depth + 1);
        // `find FILE -exec sh {} ;`, but not `find FILE -exec sh script {} ;`.
        let inner = &self.code[known..];
        let script = inner.iter().position(|code| code.role == Role::Script);
        let is_script = |at: usize| script.is_none_or(|script| at <= script);
        let mut found = inner.iter().enumerate().filter(|(at, code)| {
            code.text.ends_with("{}") && !code.text.contains(' ') && is_script(*at)
        });
        let role = found.next().map(|(_, code)| match code.role {
            Role::Possible => Role::Possible,
            _ => Role::Code,
        });
        if let Some(role) = role {
            for word in &words[..at] {
                self.add_code(word, role);
            }
        }
        Some(Rest::From(at + 1 + end))
    }

    fn code_value(
        &mut self,
        call: &mut ProgramCall<'_>,
        option: &OptionUse<'_>,
        value: Option<&Word>,
        text: &str,
    ) {
        call.has_main |= option.kind != OptionKind::Code;
        if option.name == "--entrypoint" {
            call.entrypoint = value.map(|word| word.with_text(text));
        }
        if is_standard_input(text) && value.is_some_and(|word| word.argument.is_none()) {
            self.refuse_input(call.name);
        }
    }

    /// Where `xargs` gets its words, and what they take the place of.
    fn xargs(call: &mut ProgramCall<'_>, option: &OptionUse<'_>, at: usize) {
        let next = call.words.get(at + 1);
        match option.name.as_str() {
            "-a" | "--arg-file" => {
                let file = match option.value {
                    OptionValue::Here(text) => Some(text),
                    _ => next.and_then(Word::literal),
                };
                call.is_fed = !file.is_some_and(is_standard_input);
            }
            "-I" | "-i" | "--replace" => call.mark = Some(mark(&option.value, next)),
            _ => {}
        }
    }

    /// `env -S 'A=1 sh -c'`: the text becomes words of `env`, before those that follow.
    fn split(&mut self, call: &ProgramCall<'_>, word: &Word, text: &str, next: usize) -> Rest {
        if call.depth >= MAX_DEPTH {
            return Rest::From(next);
        }
        let parts = shlex::split(text)
            .unwrap_or_else(|| text.split_whitespace().map(str::to_owned).collect());
        let parts = parts.into_iter().map(|before| Word {
            index: word.index,
            before,
            argument: None,
            after: String::new(),
        });
        let rest = call.words.get(next..).unwrap_or_default();
        let words: Vec<Word> = parts.chain(rest.iter().cloned()).collect();
        self.call(call.program, call.name, &words, call.depth + 1);
        Rest::Done
    }

    /// `git -c KEY=VALUE`, `docker -e NAME=VALUE`.
    fn pair(&mut self, call: &ProgramCall<'_>, word: Option<&Word>, text: &str) {
        let Some(word) = word.filter(|word| word.argument.is_some()) else {
            return;
        };
        let safe = call.program.safe_keys;
        match text.split_once(['=', ' ']) {
            Some((key, _)) if safe.is_empty() => self.assignment(word, key),
            Some((key, _)) if safe.split_whitespace().any(|safe| safe == key) => {}
            Some((key, _)) => self.refuse_setting(word, key, &format!("`{}`", call.name)),
            None => self.refuse_option(word, call.name),
        }
    }

    pub(super) fn assignment(&mut self, word: &Word, variable: &str) {
        if programs::is_code_variable(variable) {
            self.refuse_setting(word, variable, "a program");
        }
    }
}

pub(super) fn is_xargs(call: &ProgramCall<'_>) -> bool {
    call.name.ends_with("xargs")
}

/// What `xargs -I MARK` replaces.
fn mark(value: &OptionValue<'_>, next: Option<&Word>) -> String {
    let mark = match value {
        OptionValue::Here(text) => text,
        OptionValue::Next => next.map_or("", |word| word.before.as_str()),
        OptionValue::None => "",
    };
    if mark.is_empty() { "{}" } else { mark }.to_owned()
}

fn base_name(path: &str) -> &str {
    let name = Path::new(path).file_name();
    name.and_then(|name| name.to_str()).unwrap_or_default()
}
