//! A new skill from a command: the text of its manifest.
//!
//! Invariant: the text reads back as the command that was given, whatever stands in it, and has no
//! error: it is loaded before it leaves. What can't be a command is refused with the words that the
//! manifest would get.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat};
use rustix::io::Errno;
use serde::Serialize;
use serde_json::{Value, json};
use serde_yaml::FlowSeq;
use thiserror::Error;

use super::command::{Reading, Stdin, read_command};
use super::id::SkillId;
use super::manifest::{self, FrontMatter, MANIFEST_NAMES};
use crate::document::{Diagnostic, Diagnostics, Node, Severity, Source};

/// Why a command can't become a skill.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub(crate) struct ScaffoldError {
    /// What is wrong.
    pub message: String,
    /// The way out.
    pub help: Option<String>,
}

/// What a new skill is besides its command.
#[derive(Debug, Clone, Default)]
pub(crate) struct NewSkill {
    /// What a planner chooses it by; a placeholder if it is not given.
    pub description: Option<String>,
    /// What its standard output is, in the words of the manifest.
    pub output: Option<String>,
    /// What it asks for beyond the default grants.
    pub permissions: Vec<String>,
    /// Bound on one attempt.
    pub timeout: Option<String>,
    /// Steps of type `tool` call it.
    pub is_tool: bool,
}

/// The text of a manifest that runs `argv`. Every `{{x}}` becomes an argument.
pub(crate) fn manifest_text(
    id: &SkillId,
    argv: &[String],
    new: &NewSkill,
) -> Result<String, ScaffoldError> {
    let value = Value::from(argv);
    let reading = Reading {
        input_schema: None,
        allow_leading_dash: false,
        has_run_dir: true,
        stdin: &Stdin::None,
    };
    let mut problems = Diagnostics::default();
    let command = read_command(&Node::root(&value), reading, &mut problems);
    let Some(command) = command else {
        return Err(first_error(&problems));
    };
    let mut arguments: Vec<(&str, bool)> = Vec::new();
    for used in command.arguments() {
        if !arguments.iter().any(|(name, _)| *name == used.name) {
            arguments.push((used.name, used.is_spread));
        }
    }
    let mut permissions = new.permissions.clone();
    if command.uses_run_dir() && !permissions.iter().any(|text| text.contains("$RUN_DIR")) {
        permissions.push("fs.write:$RUN_DIR".to_owned());
    }
    let todo = || format!("TODO: describe {id} in one line");
    let manifest = NewManifest {
        description: new.description.clone().unwrap_or_else(todo),
        kind: new.is_tool.then_some("tool"),
        execution: NewExecution {
            command: FlowSeq(argv),
            stdin: "none",
            output: new.output.as_deref().unwrap_or("text"),
        },
        input_schema: input_schema(&arguments),
        permissions: &permissions,
        timeout: new.timeout.as_deref(),
    };
    let text = serde_yaml::to_string(&manifest).map_err(|error| ScaffoldError {
        message: error.to_string(),
        help: None,
    })?;
    reads_back(&text)?;
    Ok(text)
}

#[derive(Serialize)]
struct NewManifest<'a> {
    description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    execution: NewExecution<'a>,
    input_schema: Value,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    permissions: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<&'a str>,
}

#[derive(Serialize)]
struct NewExecution<'a> {
    command: FlowSeq<&'a [String]>,
    stdin: &'static str,
    output: &'a str,
}

fn input_schema(arguments: &[(&str, bool)]) -> Value {
    // A command takes text and numbers, and does not tell which of them is meant.
    let word = json!({"type": ["string", "number"]});
    let property = |(name, is_spread): &(&str, bool)| {
        let schema = if *is_spread {
            json!({"type": "array", "items": word})
        } else {
            word.clone()
        };
        ((*name).to_owned(), schema)
    };
    let mut schema = json!({"type": "object"});
    if !arguments.is_empty() {
        let names: Vec<&str> = arguments.iter().map(|(name, _)| *name).collect();
        schema["properties"] = arguments.iter().map(property).collect();
        schema["required"] = json!(names);
    }
    schema["additionalProperties"] = json!(false);
    schema
}

fn reads_back(text: &str) -> Result<(), ScaffoldError> {
    let source = Source::from_bytes("manifest.yaml".to_owned(), text.as_bytes().to_vec());
    let source = source.map_err(|error| ScaffoldError {
        message: error.to_string(),
        help: None,
    })?;
    let loaded = manifest::load(source, FrontMatter::default);
    if loaded.problems.has_errors() {
        return Err(first_error(&loaded.problems));
    }
    Ok(())
}

fn first_error(problems: &Diagnostics) -> ScaffoldError {
    let is_error = |problem: &&Diagnostic| problem.severity == Severity::Error;
    match problems.iter().find(is_error) {
        Some(problem) => ScaffoldError {
            message: problem.message.clone(),
            help: problem.help.clone(),
        },
        None => ScaffoldError {
            message: "the command can't be a skill".to_owned(),
            help: None,
        },
    }
}

/// Makes the directory of the skill `id` below `root_dir` and writes its manifest, whose path comes
/// back. Nothing that is there is overwritten, and no link is followed below the root.
pub(crate) fn write_new(root_dir: &Path, id: &SkillId, text: &str) -> io::Result<PathBuf> {
    fs::create_dir_all(root_dir)?;
    let directory = OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut dir = openat(CWD, root_dir, directory, Mode::empty())?;
    let mut shown = root_dir.to_owned();
    for part in id.parts() {
        refuse_skill(
            &dir,
            &shown,
            "a skill's directory can't hold other skills: ",
        )?;
        match mkdirat(&dir, part, Mode::from_raw_mode(0o777)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        dir = openat(&dir, part, directory | OFlags::NOFOLLOW, Mode::empty())?;
        shown.push(part);
    }
    refuse_skill(&dir, &shown, "")?;
    let create =
        OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let name = MANIFEST_NAMES[0];
    let file = openat(&dir, name, create, Mode::from_raw_mode(0o666))?;
    fs::File::from(file).write_all(text.as_bytes())?;
    Ok(shown.join(name))
}

/// A directory with a manifest is a skill as a whole: no other may lie in it.
fn refuse_skill(dir: &rustix::fd::OwnedFd, shown: &Path, why: &str) -> io::Result<()> {
    for name in MANIFEST_NAMES {
        let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
        if rustix::fs::statat(dir, name, flags).is_ok() {
            let message = format!("{why}`{}` already exists", shown.join(name).display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::StepDirs;

    fn text(argv: &[&str]) -> Result<String, ScaffoldError> {
        let argv: Vec<String> = argv.iter().map(|element| (*element).to_owned()).collect();
        manifest_text(
            &SkillId::parse("git/log").unwrap(),
            &argv,
            &NewSkill::default(),
        )
    }

    #[test]
    fn a_command_becomes_a_manifest() {
        let argv = [
            "git",
            "log",
            "-n",
            "{{count}}",
            "--since={{since}}",
            "--",
            "{{paths...}}",
        ];
        insta::assert_snapshot!(text(&argv).unwrap());
    }

    #[test]
    fn what_is_given_is_in_the_manifest() {
        let new = NewSkill {
            description: Some("Prints: \"x\"\n# no".to_owned()),
            output: Some("lines".to_owned()),
            permissions: vec!["fs.write:out/".to_owned(), "net".to_owned()],
            timeout: Some("1m30s".to_owned()),
            is_tool: true,
        };
        let id = SkillId::parse("x").unwrap();
        insta::assert_snapshot!(manifest_text(&id, &["ls".to_owned()], &new).unwrap());
        for wrong in [
            NewSkill {
                description: Some(" ".to_owned()),
                ..new.clone()
            },
            NewSkill {
                permissions: vec!["fs.raed:x".to_owned()],
                ..new.clone()
            },
            NewSkill {
                output: Some("yaml".to_owned()),
                ..new
            },
        ] {
            assert!(manifest_text(&id, &["ls".to_owned()], &wrong).is_err());
        }
    }

    #[test]
    fn odd_words_are_quoted() {
        let argv = [
            "x",
            "yes",
            "-n",
            "-.inf",
            "0x1F",
            "",
            "a: b",
            "#c",
            "\u{85}\u{e0041}\u{7f}é",
            "a\nb\"\\",
        ];
        insta::assert_snapshot!(text(&argv).unwrap());
    }

    #[test]
    fn what_can_not_be_a_command_is_told() {
        let argv = ["sh", "-c", "git log {{since}}"];
        assert_eq!(
            text(&argv).unwrap_err().message,
            "`{{since}}` is in code that `sh` runs"
        );
        assert!(text(&[]).is_err());
        assert!(text(&["x", "{{a}}", "{{a...}}"]).is_err());
        assert!(text(&["x", "{{a"]).is_err());
        assert!(text(&["x", "a\0"]).is_err());
    }

    #[test]
    fn nothing_is_overwritten_and_no_link_followed() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("skills");
        let id = |text: &str| SkillId::parse(text).unwrap();
        let path = write_new(&root, &id("git/log"), "one").unwrap();
        assert_eq!(path, root.join("git/log/manifest.yaml"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        for taken in ["git/log", "git/log/more"] {
            let error = write_new(&root, &id(taken), "two").unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        std::os::unix::fs::symlink(dir.path(), root.join("out")).unwrap();
        assert!(write_new(&root, &id("out/x"), "two").is_err());
        assert!(!dir.path().join("x").exists());
    }

    proptest! {
        #[test]
        fn any_command_reads_back(
            program in "[a-z]{1,8}",
            words in prop::collection::vec(
                prop_oneof![
                    any::<String>(),
                    "[-~.0-9a-zA-Z:#,&*!|>'\"%@`{}\\[\\]? \\\\]{0,8}",
                ],
                0..6,
            ),
        ) {
            let words = words.into_iter().map(|word| {
                let mut word = word.replace('\0', "");
                // `{{{` leaves `{{` behind.
                while word.contains("{{") {
                    word = word.replace("{{", "{");
                }
                word
            });
            let argv: Vec<String> = std::iter::once(program).chain(words).collect();
            let id = SkillId::parse("x").unwrap();
            prop_assume!(!argv[1..].iter().any(|word| word.starts_with('$')));
            let text = manifest_text(&id, &argv, &NewSkill::default()).unwrap();
            let source = Source::from_bytes("manifest.yaml".to_owned(), text.into_bytes()).unwrap();
            let loaded = manifest::load(source, FrontMatter::default);
            let nowhere = Path::new("/");
            let places = StepDirs::new(nowhere, nowhere, None);
            let arguments = json!({});
            let command = loaded.execution.unwrap().command;
            let expanded = command.expand(arguments.as_object().unwrap(), &places).unwrap();
            let expanded: Vec<String> =
                expanded.into_iter().map(|word| word.into_string().unwrap()).collect();
            prop_assert_eq!(expanded, argv);
        }
    }
}
