//! Collects the constant words of a command that are code, or name files that hold it.

use super::options::Kind;
use super::programs::{Operands, Program};
use super::reader::Reader;
use super::words::{CodeWord, Role, Word};

impl Reader<'_> {
    /// The value of an option, if it is code.
    pub(super) fn add_value(&mut self, program: &Program, kind: Kind, word: &Word, text: &str) {
        let loads = match kind {
            Kind::Main | Kind::Last | Kind::Code | Kind::Pair => true,
            // An option of an interpreter that is not listed.
            Kind::Flag => matches!(program.operands, Operands::Script),
            Kind::Data | Kind::Unclear => false,
        };
        if !loads {
            return;
        }
        self.add_code_text(word, text, Role::Code);
        // A list of directories, or `-javaagent:FILE`.
        let parts = text.split(':').filter(|_| kind == Kind::Code);
        for part in parts.filter(|part| *part != text) {
            self.add_code_text(word, part, Role::Code);
        }
    }

    pub(super) fn add_script(&mut self, words: &[Word]) {
        for word in words {
            self.add_code(word, Role::Script);
        }
    }

    pub(super) fn add_code(&mut self, word: &Word, role: Role) {
        self.add_code_text(word, &word.before, role);
    }

    /// `text` is the part of the word that is code.
    pub(super) fn add_code_text(&mut self, word: &Word, text: &str, role: Role) {
        if word.argument.is_none() && !text.is_empty() {
            self.code.push(CodeWord {
                index: word.index,
                text: text.to_owned(),
                role,
            });
        }
    }
}
