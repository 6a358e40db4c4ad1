//! Which run a verb means: one grammar for `obs logs`, `obs verify` and `--resume`.

use std::convert::Infallible;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::builder::{OsStringValueParser, TypedValueParser};

/// A run, named on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunSelector {
    /// The latest run of the plan at hand.
    LatestOfPlan,
    /// The latest run of all.
    Last,
    /// A run's id, or a prefix of it.
    Id(String),
    /// The run in a file; `-` is standard input.
    File(PathBuf),
}

impl RunSelector {
    /// For `obs logs`: a run in the state.
    pub(super) fn recorded() -> impl TypedValueParser<Value = Self> {
        parser(|text| Self::in_state(&text))
    }

    /// For `obs verify`: a file is what looks like a path or exists, so that a path that is
    /// mistyped is reported as such.
    pub(super) fn recorded_or_file() -> impl TypedValueParser<Value = Self> {
        parser(|text| {
            let path = Path::new(&text);
            if text == "-" || path.components().count() > 1 || path.is_file() {
                Self::File(text.into())
            } else {
                Self::in_state(&text)
            }
        })
    }

    /// For `--resume`: without a value the plan decides.
    pub(super) fn resumable() -> impl TypedValueParser<Value = Self> {
        parser(|text| {
            if text.is_empty() {
                Self::LatestOfPlan
            } else if Path::new(&text).is_file() {
                Self::File(text.into())
            } else {
                Self::in_state(&text)
            }
        })
    }

    fn in_state(text: &OsString) -> Self {
        // Ids are hexadecimal: text that is not UTF-8 names no run, however it is shown.
        match text.to_string_lossy() {
            text if text == "last" => Self::Last,
            text => Self::Id(text.into_owned()),
        }
    }

    /// The name by which the state finds the run; `None` for a file and for the plan's latest.
    pub(in crate::cli) fn name(&self) -> Option<&str> {
        match self {
            Self::Last => Some("last"),
            Self::Id(id) => Some(id),
            Self::LatestOfPlan | Self::File(_) => None,
        }
    }
}

fn parser(
    read: impl Fn(OsString) -> RunSelector + Clone + Send + Sync + 'static,
) -> impl TypedValueParser<Value = RunSelector> {
    OsStringValueParser::new().try_map(move |text| Ok::<_, Infallible>(read(text)))
}

#[cfg(test)]
mod tests {
    use clap::{Arg, Command};

    use super::*;

    fn read(parser: impl TypedValueParser<Value = RunSelector>, text: &str) -> RunSelector {
        let run = Arg::new("run").value_parser(parser);
        let matches = Command::new("obs").arg(run).get_matches_from(["obs", text]);
        matches.get_one::<RunSelector>("run").unwrap().clone()
    }

    fn id(text: &str) -> RunSelector {
        RunSelector::Id(text.to_owned())
    }

    #[test]
    fn the_state_knows_last_and_ids() {
        for (text, want) in [
            ("last", RunSelector::Last),
            ("0192ab12", id("0192ab12")),
            ("a/b.jsonl", id("a/b.jsonl")),
            (env!("CARGO_MANIFEST_PATH"), id(env!("CARGO_MANIFEST_PATH"))),
        ] {
            assert_eq!(read(RunSelector::recorded(), text), want);
        }
    }

    #[test]
    fn verify_takes_whatever_looks_like_a_path_as_a_file() {
        for text in ["-", "a/missing.jsonl", env!("CARGO_MANIFEST_PATH")] {
            let want = RunSelector::File(text.into());
            assert_eq!(read(RunSelector::recorded_or_file(), text), want);
        }
        assert_eq!(
            read(RunSelector::recorded_or_file(), "last"),
            RunSelector::Last
        );
        assert_eq!(read(RunSelector::recorded_or_file(), "0192"), id("0192"));
    }

    #[test]
    fn resume_takes_a_file_only_if_it_exists() {
        let file = env!("CARGO_MANIFEST_PATH");
        for (text, want) in [
            ("", RunSelector::LatestOfPlan),
            ("last", RunSelector::Last),
            ("0192", id("0192")),
            ("-", id("-")),
            ("a/missing.jsonl", id("a/missing.jsonl")),
            (file, RunSelector::File(file.into())),
        ] {
            assert_eq!(read(RunSelector::resumable(), text), want);
        }
    }

    #[test]
    fn only_runs_of_the_state_have_a_name() {
        assert_eq!(RunSelector::Last.name(), Some("last"));
        assert_eq!(id("0192").name(), Some("0192"));
        assert_eq!(RunSelector::LatestOfPlan.name(), None);
        assert_eq!(RunSelector::File("run.jsonl".into()).name(), None);
    }
}
