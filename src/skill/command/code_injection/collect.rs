//! Collects the constant words of a command that are code, or name files that hold it.

use super::options::OptionKind;
use super::programs::{KnownProgram, Operands};
use super::reader::CommandAnalyzer;
use super::words::{CodeWord, Role, Word};

impl CommandAnalyzer<'_> {
    /// The value of an option, if it is code.
    pub(super) fn add_value(
        &mut self,
        program: &KnownProgram,
        kind: OptionKind,
        word: &Word,
        text: &str,
    ) {
        let loads = match kind {
            OptionKind::Main | OptionKind::Last | OptionKind::Code | OptionKind::Pair => true,
            // An option of an interpreter that is not listed.
            OptionKind::Flag => matches!(program.operands, Operands::Script),
            OptionKind::Data | OptionKind::Unclear => false,
        };
        if !loads {
            return;
        }
        self.add_code_text(word, text, Role::Code);
        // A list of directories, or `-javaagent:FILE`.
        let parts = text.split(':').filter(|_| kind == OptionKind::Code);
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
