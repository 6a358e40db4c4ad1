//! Words the faults that the reader finds.

use super::programs::KnownProgram;
use super::reader::{CommandAnalyzer, InjectionFault};
use super::words::Word;

impl CommandAnalyzer<'_> {
    pub(super) fn refuse_code(&mut self, word: &Word, program: &KnownProgram, name: &str) {
        let argument = braces(word);
        let message = format!("`{argument}` is in code that `{name}` runs");
        let example = program.example.replace("{{x}}", &argument);
        let help = if example.is_empty() {
            "write the code in the manifest, or in a script beside it that reads the value"
                .to_owned()
        } else if example.starts_with('[') {
            format!("pass the value as an argument of its own: {example}")
        } else {
            example
        };
        self.found
            .entry(word.index)
            .or_insert(InjectionFault { message, help });
    }

    pub(super) fn refuse_program(&mut self, word: &Word, name: &str, verb: &str) {
        let argument = braces(word);
        let message = format!("`{argument}` names a program or script that `{name}` {verb}");
        let help = "name it in the manifest: which program runs is known before the run".to_owned();
        self.refuse(word, message, help);
    }

    pub(super) fn refuse_option(&mut self, word: &Word, name: &str) {
        let argument = braces(word);
        let message = format!("`{argument}` can become an option of `{name}` that runs code");
        let help = "write the option in the manifest, or put `--` before the value".to_owned();
        self.refuse(word, message, help);
    }

    pub(super) fn refuse_setting(&mut self, word: &Word, key: &str, name: &str) {
        let argument = braces(word);
        let message = format!("`{argument}` is the value of `{key}`, which {name} can run as code");
        let help = "write the value in the manifest".to_owned();
        self.refuse(word, message, help);
    }

    pub(super) fn refuse_input(&mut self, name: &str) {
        let Some(input) = self.input.as_ref().filter(|_| !self.is_guess) else {
            return;
        };
        let holds = if input.starts_with('{') {
            format!("`{input}`")
        } else {
            "the arguments".to_owned()
        };
        let message = format!("`{name}` reads its code from standard input, which holds {holds}");
        let help = "name a script in the command, or write `stdin: none`".to_owned();
        self.found
            .entry(self.program)
            .or_insert(InjectionFault { message, help });
    }

    fn refuse(&mut self, word: &Word, message: String, help: String) {
        if !self.is_guess {
            self.found
                .entry(word.index)
                .or_insert(InjectionFault { message, help });
        }
    }
}

fn braces(word: &Word) -> String {
    word.argument.clone().unwrap_or_default()
}
