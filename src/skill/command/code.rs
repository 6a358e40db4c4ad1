//! Which elements of a command are code that an interpreter runs.
//!
//! Invariant: no argument may stand in one. The table knows the usual interpreters, their options
//! that take code and those that take another value; after the first word that is no option the rest
//! belongs to a script. Programs that start other programs (`env`, `timeout`, `xargs`) are looked
//! through.

use std::path::Path;

use super::Template;
use crate::model::{Place, Problem, Problems};

/// An interpreter and how it is told to run code.
struct Interpreter {
    names: &'static [&'static str],
    /// Letters of short options whose value is code.
    code_letters: &'static str,
    /// Long options whose value is code.
    code_options: &'static [&'static str],
    /// Letters of short options with another value.
    value_letters: &'static str,
    /// Letters of short options that name what is run, so that the rest belongs to that.
    script_letters: &'static str,
    /// Long options with another value in the next word.
    value_options: &'static [&'static str],
    /// Which word is code where no option says so.
    form: Form,
    /// How a value is passed instead.
    example: &'static str,
}

#[derive(PartialEq)]
enum Form {
    /// `sh -c -e CODE`: the code is the first word after the options.
    Shell,
    /// `python -c CODE`: the code is the option's value.
    Option,
    /// `awk CODE`: the first word is code unless a file is given.
    First,
}

const INTERPRETERS: &[Interpreter] = &[
    Interpreter {
        names: &[
            "sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "fish", "su", "runuser", "script",
        ],
        code_letters: "c",
        code_options: &["--command"],
        value_letters: "oO",
        script_letters: "",
        value_options: &["--rcfile", "--init-file"],
        form: Form::Shell,
        example: r#"[sh, -c, '… "$1"', sh, "{{x}}"]"#,
    },
    Interpreter {
        names: &["python", "pypy"],
        code_letters: "c",
        code_options: &[],
        value_letters: "WX",
        script_letters: "m",
        value_options: &["--check-hash-based-pycs"],
        form: Form::Option,
        example: r#"[python3, -c, 'import sys; … sys.argv[1]', "{{x}}"]"#,
    },
    Interpreter {
        names: &["node", "nodejs", "bun", "deno"],
        code_letters: "ep",
        code_options: &["--eval", "--print"],
        value_letters: "rC",
        script_letters: "",
        value_options: &[
            "--require",
            "--import",
            "--loader",
            "--conditions",
            "--env-file",
        ],
        form: Form::Option,
        example: r#"[node, -e, '… process.argv[1]', "{{x}}"]"#,
    },
    Interpreter {
        names: &["perl"],
        code_letters: "eE",
        code_options: &[],
        value_letters: "ICM",
        script_letters: "",
        value_options: &[],
        form: Form::Option,
        example: r#"[perl, -e, '… $ARGV[0]', "{{x}}"]"#,
    },
    Interpreter {
        names: &["ruby", "jruby"],
        code_letters: "e",
        code_options: &[],
        value_letters: "ICEr",
        script_letters: "",
        value_options: &[],
        form: Form::Option,
        example: r#"[ruby, -e, '… ARGV[0]', "{{x}}"]"#,
    },
    Interpreter {
        names: &[
            "php",
            "lua",
            "luajit",
            "Rscript",
            "R",
            "julia",
            "elixir",
            "osascript",
        ],
        code_letters: "reRBE",
        code_options: &["--run", "--eval", "--print", "--process-code"],
        value_letters: "dl",
        script_letters: "",
        value_options: &[],
        form: Form::Option,
        example: r#"[php, -r, '… $argv[1]', --, "{{x}}"]"#,
    },
    Interpreter {
        names: &["awk", "gawk", "mawk", "nawk"],
        code_letters: "e",
        code_options: &["--source"],
        value_letters: "Fvi",
        script_letters: "",
        value_options: &["--assign", "--field-separator", "--include"],
        form: Form::First,
        example: r#"[awk, -v, "x={{x}}", '… x …']"#,
    },
];

/// Programs that start the program that their arguments name.
const STARTERS: &[&str] = &[
    "env",
    "sudo",
    "doas",
    "timeout",
    "nice",
    "ionice",
    "nohup",
    "setsid",
    "stdbuf",
    "time",
    "xargs",
    "parallel",
    "find",
    "fd",
    "watch",
    "busybox",
    "toybox",
    "chroot",
    "nsenter",
    "unshare",
    "taskset",
    "strace",
    "ltrace",
    "docker",
    "podman",
    "kubectl",
    "flatpak",
    "uv",
    "poetry",
    "pipenv",
    "pdm",
    "conda",
    "micromamba",
    "rye",
    "npx",
    "pnpm",
    "yarn",
    "nix",
    "nix-shell",
    "direnv",
    "ssh",
];

/// Reports every argument that stands in code.
pub(super) fn refuse_arguments_in_code(words: &[(Place, Template)], problems: &mut Problems) {
    let first = words.first().map(|(_, template)| base_name(template));
    let looks_through = first.is_some_and(|name| STARTERS.contains(&name));
    for (index, (_, template)) in words.iter().enumerate() {
        if index > 0 && !looks_through {
            break;
        }
        let Some(interpreter) = interpreter(template) else {
            continue;
        };
        for at in code_words(interpreter, words, index + 1) {
            if let (
                place,
                Template {
                    slot: Some(slot), ..
                },
            ) = &words[at]
            {
                let name = &slot.name;
                let program = base_name(template);
                let message = format!("`{{{{{name}}}}}` stands in code that `{program}` runs");
                let example = interpreter
                    .example
                    .replace("{{x}}", &format!("{{{{{name}}}}}"));
                let help = format!("pass the value as an argument of its own: {example}");
                problems
                    .push(Problem::error("argument_in_code", place.clone(), message).help(help));
            }
        }
    }
}

fn base_name(template: &Template) -> &str {
    let path = Path::new(&template.before);
    match (&template.slot, path.file_name()) {
        (None, Some(name)) => name.to_str().unwrap_or_default(),
        _ => "",
    }
}

fn interpreter(template: &Template) -> Option<&'static Interpreter> {
    // `python3.12` is a `python`.
    let name = base_name(template);
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    INTERPRETERS
        .iter()
        .find(|interpreter| interpreter.names.contains(&name))
}

/// The indices of the words from `from` on that are code or hold some.
fn code_words(interpreter: &Interpreter, words: &[(Place, Template)], from: usize) -> Vec<usize> {
    let mut code = match interpreter.form {
        Form::Shell => shell_code(interpreter, words, from),
        Form::Option | Form::First => option_code(interpreter, words, from),
    };
    code.sort_unstable();
    code.dedup();
    code.retain(|at| *at < words.len());
    code
}

/// A shell takes options also after `-c`; its code is the first word behind them.
fn shell_code(interpreter: &Interpreter, words: &[(Place, Template)], from: usize) -> Vec<usize> {
    let mut code = Vec::new();
    let mut takes_code = false;
    let mut at = from;
    while let Some(text) = words.get(at).map(|(_, word)| word.before.as_str()) {
        if !is_option(text) {
            code.extend(takes_code.then_some(at));
            break;
        }
        if text == "--" {
            code.extend(takes_code.then_some(at + 1));
            break;
        }
        let seen = Seen::of(interpreter, text);
        takes_code |= seen == Seen::CodeFollows;
        if takes_code {
            // Also the value of an option: another shell may count it otherwise.
            code.extend([at, at + 1]);
        }
        at += 1 + usize::from(seen == Seen::ValueFollows);
    }
    code
}

/// Elsewhere code is the value of an option or, for `awk`, the first word.
fn option_code(interpreter: &Interpreter, words: &[(Place, Template)], from: usize) -> Vec<usize> {
    let mut code = Vec::new();
    let mut has_program = interpreter.form != Form::First;
    let mut at = from;
    while let Some(text) = words.get(at).map(|(_, word)| word.before.as_str()) {
        if !is_option(text) || text == "--" {
            let first = at + usize::from(text == "--");
            code.extend((!has_program).then_some(first));
            break;
        }
        let is_file = interpreter.form == Form::First && matches!(text, "-f" | "--file");
        let seen = Seen::of(interpreter, text);
        match seen {
            Seen::CodeHere => code.push(at),
            Seen::CodeFollows => code.extend([at, at + 1]),
            Seen::Script => break,
            Seen::ValueFollows | Seen::Nothing => {}
        }
        has_program |= is_file || matches!(seen, Seen::CodeHere | Seen::CodeFollows);
        let takes_next = is_file || matches!(seen, Seen::CodeFollows | Seen::ValueFollows);
        at += 1 + usize::from(takes_next);
    }
    code
}

/// A word that begins with an argument is no option: its value can't begin with a dash.
fn is_option(text: &str) -> bool {
    text.starts_with(['-', '+']) && text.len() > 1
}

/// What an option says about the words that follow it.
#[derive(Clone, Copy, PartialEq)]
enum Seen {
    Nothing,
    ValueFollows,
    CodeFollows,
    CodeHere,
    Script,
}

impl Seen {
    fn of(interpreter: &Interpreter, text: &str) -> Self {
        if text.starts_with("--") {
            let (name, value) = match text.split_once('=') {
                Some((name, _)) => (name, true),
                None => (text, false),
            };
            return match (interpreter.code_options.contains(&name), value) {
                (true, true) => Self::CodeHere,
                (true, false) => Self::CodeFollows,
                (false, false) if interpreter.value_options.contains(&name) => Self::ValueFollows,
                (false, _) => Self::Nothing,
            };
        }
        let letters = &text[1..];
        if interpreter.form == Form::Shell {
            return if letters.contains(|c| interpreter.code_letters.contains(c)) {
                Self::CodeFollows
            } else if letters.contains(|c| interpreter.value_letters.contains(c)) {
                Self::ValueFollows
            } else {
                Self::Nothing
            };
        }
        for (at, letter) in letters.char_indices() {
            let is_last = at + letter.len_utf8() == letters.len();
            if interpreter.code_letters.contains(letter) {
                // `node -pe CODE`
                let rest = &letters[at..];
                let is_bundle = rest.chars().all(|c| interpreter.code_letters.contains(c));
                return if is_last || is_bundle {
                    Self::CodeFollows
                } else {
                    Self::CodeHere
                };
            }
            if interpreter.script_letters.contains(letter) {
                return Self::Script;
            }
            if interpreter.value_letters.contains(letter) {
                return if is_last {
                    Self::ValueFollows
                } else {
                    Self::Nothing
                };
            }
        }
        Self::Nothing
    }
}
