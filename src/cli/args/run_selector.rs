//! Which run a verb means: one grammar for `obs show`, `logs`, `verify` and `--resume`.
//!
//! Invariant: a text means the same to each of them. A path is that of a plan, and where a file
//! with a run is of use, it may be the path of such a file: that is found out when it is read.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::builder::{OsStringValueParser, TypedValueParser};

/// What the help says of a run's name.
pub(super) const RUN_HELP: &str =
    "A run: its id or a prefix of it, `last`, `last~2`, or the path of a plan (its latest run)";

/// A run, named on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunSelector {
    /// The latest run of the plan at hand.
    LatestOfPlan,
    /// The run that began so many runs before the latest of all.
    Last(u64),
    /// A run's id, or a prefix of it.
    Id(String),
    /// The latest run of the plan in a file; or the run in a file, and `-` is standard input.
    Path(PathBuf),
}

impl RunSelector {
    /// Reads the name of a run.
    pub(super) fn parser() -> impl TypedValueParser<Value = Self> {
        OsStringValueParser::new().try_map(Self::read)
    }

    /// Reads a name.
    pub(in crate::cli) fn read(text: OsString) -> Result<Self, String> {
        let is_file = Path::new(&text).is_file();
        match text.to_str() {
            Some("") => Ok(Self::LatestOfPlan),
            Some("last") => Ok(Self::Last(0)),
            Some(name) if name.starts_with("last~") && !is_file => {
                let count = name["last~".len()..].parse();
                let count = count.map_err(|_| "write it like `last~2`, the third last run");
                Ok(Self::Last(count?))
            }
            Some(word) if is_word(word) && !is_file => Ok(Self::Id(word.to_owned())),
            _ => Ok(Self::Path(text.into())),
        }
    }
}

/// True for what does not look like a path: if it is no id, it is reported as one.
fn is_word(text: &str) -> bool {
    text != "-" && !text.contains(['/', '.'])
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;

    fn read(text: &str) -> Result<RunSelector, String> {
        RunSelector::read(text.into())
    }

    #[test]
    fn a_text_is_an_id_a_place_from_the_end_or_a_path() {
        let id = |text: &str| RunSelector::Id(text.to_owned());
        let path = |text: &str| RunSelector::Path(text.into());
        let file = env!("CARGO_MANIFEST_PATH");
        for (text, want) in [
            ("", RunSelector::LatestOfPlan),
            ("last", RunSelector::Last(0)),
            ("last~0", RunSelector::Last(0)),
            ("last~12", RunSelector::Last(12)),
            ("0192ab12", id("0192ab12")),
            ("0192AB12-34", id("0192AB12-34")),
            ("last.yaml", path("last.yaml")),
            ("LAST", id("LAST")),
            ("-", path("-")),
            ("plan", id("plan")),
            ("plan.yaml", path("plan.yaml")),
            ("0192ab12.jsonl", path("0192ab12.jsonl")),
            ("a/missing.jsonl", path("a/missing.jsonl")),
            ("./0192ab12", path("./0192ab12")),
            (file, path(file)),
        ] {
            assert_eq!(read(text), Ok(want), "{text}");
        }
    }

    #[test]
    fn a_place_from_the_end_is_a_number() {
        for text in [
            "last~",
            "last~x",
            "last~-1",
            "last~1.5",
            "last~99999999999999999999",
        ] {
            let error = read(text).unwrap_err();
            assert_eq!(
                error, "write it like `last~2`, the third last run",
                "{text}"
            );
        }
    }

    #[test]
    fn a_file_comes_before_an_id_and_need_not_be_utf_8() {
        let dir = tempfile::tempdir().unwrap();
        let name = dir.path().join("last~x");
        std::fs::write(&name, "").unwrap();
        let text = name.clone().into_os_string();
        assert_eq!(RunSelector::read(text), Ok(RunSelector::Path(name)));
        let odd = OsString::from_vec(vec![b'a', 0xff]);
        assert_eq!(
            RunSelector::read(odd.clone()),
            Ok(RunSelector::Path(odd.into()))
        );
    }
}
