//! How shells read their command line.

use super::input::is_input;
use super::options::{OptionKind, OptionUse, OptionValue};
use super::programs::KnownProgram;
use super::reader::CommandAnalyzer;
use super::words::{Role, Word};

impl CommandAnalyzer<'_> {
    /// A shell takes options also after `-c`; its code is the first word behind them.
    pub(super) fn shell(&mut self, program: &KnownProgram, name: &str, words: &[Word]) {
        let (mut takes_code, mut reads_input, mut at) = (false, false, 0);
        let mut has_code = false;
        while let Some(word) = words.get(at) {
            let text = word.before.as_str();
            let is_end = word.is("--") || word.is("-");
            let is_option = text.starts_with(['-', '+']) && !is_end;
            if !is_option {
                let operand = words.get(at + usize::from(is_end));
                let code = operand.filter(|word| word.argument.is_some());
                match code {
                    Some(word) if takes_code => self.refuse_code(word, program, name),
                    Some(word) if !reads_input => self.refuse_program(word, name, "runs"),
                    _ => {}
                }
                let from = words.get(at + usize::from(is_end)..).unwrap_or_default();
                match from.first() {
                    Some(code) if takes_code => self.add_code(code, Role::Code),
                    Some(_) if !reads_input => self.add_script(from),
                    _ => {}
                }
                let is_file = operand.is_some_and(|word| !is_input(word));
                has_code = takes_code || (!reads_input && is_file);
                break;
            }
            has_code |= ["--version", "--help"].contains(&text);
            let option = OptionUse::read(program, word);
            let letters = text.trim_start_matches(['-', '+']);
            let is_short = !text.starts_with("--");
            takes_code |= is_short && letters.contains('c');
            reads_input |= is_short && letters.contains('s');
            takes_code |= option.kind == OptionKind::Code && option.value == OptionValue::Next;
            if word.argument.is_some() {
                self.refuse_option(word, name);
            }
            if let OptionValue::Here(text) = option.value {
                self.add_code_text(word, text, Role::Code);
            }
            let takes_next = option.kind == OptionKind::Data && option.value == OptionValue::Next
                || is_short && letters.contains(['o', 'O']);
            if takes_next {
                at += 1;
                if let Some(word) = words.get(at) {
                    self.add_code(word, Role::Code);
                }
                if let Some(word) = words.get(at).filter(|word| word.argument.is_some()) {
                    // Another shell may read it as the code.
                    self.refuse_code(word, program, name);
                }
            }
            if option.kind == OptionKind::Code
                && matches!(option.value, OptionValue::Here(_))
                && !is_short
            {
                has_code = true;
                break; // `fish --command=CODE`
            }
            at += 1;
        }
        if !has_code && !takes_code {
            self.refuse_input(name);
        }
    }
}
