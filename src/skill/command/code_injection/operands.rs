//! What the operands of a program mean: the words of its command line that are no options.

use super::input::is_input;
use super::options::{OptionKind, kind_of};
use super::program_table::GIT_KEYS;
use super::programs::{self, Operands};
use super::reader::{CommandAnalyzer, ProgramCall, Rest, is_xargs};
use super::words::{Role, Word};

impl CommandAnalyzer<'_> {
    pub(super) fn operand(&mut self, call: &mut ProgramCall<'_>, at: usize) -> Rest {
        let (word, name) = (&call.words[at], call.name);
        let count = call.operands;
        call.operands += 1;
        let has_argument = word.argument.is_some();
        match call.program.operands {
            // The operands of `make` are names of targets.
            Operands::Code(from) if count >= from && !call.name.ends_with("make") => {
                self.add_code(word, Role::Code);
            }
            Operands::First if count == 0 && !call.has_main => self.add_code(word, Role::Code),
            _ => {}
        }
        match call.program.operands {
            Operands::Code(from) if has_argument && count >= from => {
                self.refuse_code(word, call.program, name);
            }
            Operands::First if has_argument && count == 0 && !call.has_main => {
                self.refuse_code(word, call.program, name);
            }
            Operands::Script => return self.script(call, at),
            Operands::Subcommand(_) if call.has_main => return Rest::Done,
            Operands::Subcommand(programs) => {
                if call.program.is_inherited {
                    self.inherited(call, at + 1);
                }
                if has_argument {
                    self.refuse_program(word, name, "runs");
                } else if let Some(program) = programs::find(programs, &word.before) {
                    let name = format!("{name} {}", word.before);
                    self.call(program, &name, &call.words[at + 1..], call.depth + 1);
                } else if word.before.contains(['/', '.']) {
                    // `bun FILE`
                    self.add_code(word, Role::Code);
                }
                return Rest::Done;
            }
            Operands::Command(from) if count >= from || call.has_mode => {
                return self.nested(call, at);
            }
            Operands::Container => return self.container(call, at),
            Operands::Login(_) if call.has_mode => return self.nested(call, at),
            Operands::Login(from) if has_argument && count >= from => {
                self.refuse_program(word, name, "runs");
            }
            // `su - user`
            Operands::Login(_) if word.is("-") => call.operands = count,
            Operands::AfterDashes if call.is_after_options => return self.nested(call, at),
            Operands::AfterDashes if has_argument => self.refuse_program(word, name, "runs"),
            Operands::Setting if has_argument && count >= 1 => self.git_config(call, at),
            Operands::Environment => return self.environment(call, at),
            Operands::Joined(from) if count >= from => return self.joined(call, at),
            _ => {}
        }
        Rest::From(at + 1)
    }

    /// The words from `from` on are a program with its own words.
    pub(super) fn nested(&mut self, call: &mut ProgramCall<'_>, from: usize) -> Rest {
        let words = call.words.get(from..).unwrap_or_default();
        call.has_main |= !words.is_empty();
        let input = self
            .input
            .clone()
            .filter(|_| is_xargs(call) && !call.is_fed);
        let Some(input) = input else {
            self.command(words, Some(call.name), call.depth + 1);
            return Rest::Done;
        };
        let mut words = words.to_vec();
        match (&call.mark, words.last()) {
            (Some(mark), _) => words = words.iter().map(|word| word.filled(mark, &input)).collect(),
            (None, Some(last)) => words.push(Word {
                index: last.index,
                before: String::new(),
                argument: Some(input),
                after: String::new(),
            }),
            (None, None) => {}
        }
        self.command(&words, Some(call.name), call.depth + 1);
        Rest::Done
    }

    /// The words behind an image belong to its entrypoint, if the command names that. Else they can
    /// be the command.
    fn container(&mut self, call: &mut ProgramCall<'_>, at: usize) -> Rest {
        let word = &call.words[at];
        if word.begins_with_argument() {
            self.refuse_program(word, call.name, "runs");
        }
        let Some(entrypoint) = call.entrypoint.take() else {
            return self.nested(call, at + 1);
        };
        let rest = call.words[at + 1..].iter().cloned();
        let words: Vec<Word> = std::iter::once(entrypoint).chain(rest).collect();
        self.command(&words, Some(call.name), call.depth + 1);
        Rest::Done
    }

    fn git_config(&mut self, call: &ProgramCall<'_>, at: usize) {
        let key = call.words[at - 1].literal();
        let mut safe = GIT_KEYS.split_whitespace();
        if !key.is_some_and(|key| safe.any(|safe| safe == key)) {
            self.refuse_code(&call.words[at], call.program, call.name);
        }
    }

    /// `npm install --script-shell={{x}}`: options of the program before, behind its subcommand.
    fn inherited(&mut self, call: &ProgramCall<'_>, from: usize) {
        let words = call.words.get(from..).unwrap_or_default();
        let words = words.split(|word| word.is("--")).next().unwrap_or_default();
        for (at, word) in words.iter().enumerate() {
            let (name, is_here) = match word.before.split_once('=') {
                Some((name, _)) => (name, true),
                None => (word.before.as_str(), false),
            };
            if !name.starts_with("--") || kind_of(call.program, name) != Some(OptionKind::Code) {
                continue;
            }
            let value = if is_here {
                Some(word)
            } else {
                words.get(at + 1)
            };
            if let Some(word) = value.filter(|word| word.argument.is_some()) {
                self.refuse_code(word, call.program, call.name);
            }
        }
    }

    fn environment(&mut self, call: &mut ProgramCall<'_>, at: usize) -> Rest {
        let word = &call.words[at];
        match word.before.split_once('=') {
            Some((variable, value)) => {
                if word.argument.is_some() {
                    self.assignment(word, variable);
                    self.variables.push(word.clone());
                } else if programs::is_code_variable(variable) {
                    for part in value.split(':') {
                        self.add_code_text(word, part, Role::Code);
                    }
                }
                Rest::From(at + 1)
            }
            None if word.is("-") => Rest::From(at + 1),
            None => self.nested(call, at),
        }
    }

    /// The first operand is a file of code, unless an option gave the code; the others belong to
    /// it.
    fn script(&mut self, call: &ProgramCall<'_>, at: usize) -> Rest {
        let mut files = &call.words[at..];
        if !call.has_main {
            self.add_script(files);
            if files[0].argument.is_some() {
                self.refuse_program(&files[0], call.name, "runs");
            }
            if is_input(&files[0]) && call.program.reads_code {
                self.refuse_input(call.name);
            }
            files = &files[1..];
        }
        // `perl -n` opens `id|` as a command.
        let is_whole_end = |word: &&Word| word.before.is_empty() || word.after.is_empty();
        let files = files.iter().filter(|word| word.argument.is_some());
        for word in files.filter(is_whole_end).filter(|_| call.has_mode) {
            self.refuse_code(word, call.program, call.name);
        }
        Rest::Done
    }

    /// The words from `at` on become one text for a shell, up to the inputs of `parallel`.
    fn joined(&mut self, call: &mut ProgramCall<'_>, at: usize) -> Rest {
        if call.has_mode {
            return self.nested(call, at);
        }
        let is_separator = |word: &Word| {
            let text = word.literal().unwrap_or_default();
            text.starts_with(":::")
                && text
                    .trim_start_matches(':')
                    .trim_start_matches('+')
                    .is_empty()
        };
        let words = &call.words[at..];
        let inputs = words.iter().position(is_separator);
        // Inputs without a command are commands.
        let code = match inputs {
            Some(from) if from > 0 => &words[..from],
            _ => words,
        };
        for word in code {
            if word.argument.is_some() {
                self.refuse_code(word, call.program, call.name);
            }
            self.add_code(word, Role::Code);
        }
        // `parallel sh ::: FILE`
        let runs_inputs = code
            .iter()
            .filter_map(Word::literal)
            .any(super::is_interpreter);
        for word in words[code.len()..].iter().filter(|_| runs_inputs) {
            self.add_code(word, Role::Code);
        }
        Rest::Done
    }
}
