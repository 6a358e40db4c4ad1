//! Text of a manifest in which `$SKILL_DIR`, `$WORKSPACE` and `$RUN_DIR` stand for directories.
//!
//! Invariant: the names are replaced as whole words (`$WORKSPACE`, `${WORKSPACE}`, not
//! `$WORKSPACES`), once, and never in what an argument holds. A directory that is not known yet
//! keeps its name.

use std::ffi::{OsStr, OsString};

use crate::model::StepDirs;

/// A directory that a manifest can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::skill) enum DirName {
    SkillDir,
    Workspace,
    RunDir,
}

impl DirName {
    const ALL: [Self; 3] = [Self::SkillDir, Self::Workspace, Self::RunDir];

    /// The name, as manifests write it.
    pub(in crate::skill) fn as_str(self) -> &'static str {
        match self {
            Self::SkillDir => "$SKILL_DIR",
            Self::Workspace => "$WORKSPACE",
            Self::RunDir => "$RUN_DIR",
        }
    }

    /// What the analysis of code reads in its place: an absolute path. No element holds NUL.
    fn stand_in(self) -> &'static str {
        match self {
            Self::SkillDir => "/\0s",
            Self::Workspace => "/\0w",
            Self::RunDir => "/\0r",
        }
    }

    fn path<'d>(self, dirs: &StepDirs<'d>) -> &'d OsStr {
        match self {
            Self::SkillDir => dirs.skill.as_os_str(),
            Self::Workspace => dirs.workspace.as_os_str(),
            Self::RunDir => dirs
                .run
                .map_or(OsStr::new(Self::RunDir.as_str()), AsRef::as_ref),
        }
    }

    /// The directory whose name `text` begins with, and what follows it.
    fn at_start(text: &str) -> Option<(Self, &str)> {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let rest = text.strip_prefix('$')?;
        let (name, rest) = match rest.strip_prefix('{') {
            Some(braced) => braced.split_once('}')?,
            None => rest.split_at(rest.find(|c| !is_word(c)).unwrap_or(rest.len())),
        };
        let found = Self::ALL.into_iter().find(|dir| dir.as_str()[1..] == *name);
        found.map(|dir| (dir, rest))
    }
}

/// Text with directories in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::skill) struct DirText(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Dir(DirName),
}

impl DirText {
    /// Reads `text`, with the names anywhere in it.
    pub(in crate::skill) fn parse(text: &str) -> Self {
        let (mut pieces, mut literal, mut rest) = (Vec::new(), String::new(), text);
        while let Some(at) = rest.find('$') {
            literal.push_str(&rest[..at]);
            rest = &rest[at..];
            if let Some((dir, after)) = DirName::at_start(rest) {
                if !literal.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut literal)));
                }
                pieces.push(Piece::Dir(dir));
                rest = after;
            } else {
                literal.push('$');
                rest = &rest[1..];
            }
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal));
        }
        Self(pieces)
    }

    /// The directory that it begins with and the path below that, if it is such a path.
    pub(super) fn path(&self) -> Option<(DirName, &str)> {
        match self.0.as_slice() {
            [Piece::Dir(dir)] => Some((*dir, "")),
            [Piece::Dir(dir), Piece::Text(rest)] if rest.starts_with('/') => Some((*dir, rest)),
            _ => None,
        }
    }

    /// The directories in it, in order.
    pub(in crate::skill) fn dirs(&self) -> impl Iterator<Item = DirName> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Dir(dir) => Some(*dir),
            Piece::Text(_) => None,
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How long it is without the directories.
    pub(super) fn literal_bytes(&self) -> usize {
        let bytes = self.0.iter().map(|piece| match piece {
            Piece::Text(text) => text.len(),
            Piece::Dir(_) => 0,
        });
        bytes.sum()
    }

    /// The text with the directories of a step.
    pub(in crate::skill) fn expand(&self, dirs: &StepDirs<'_>) -> OsString {
        let mut text = OsString::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(literal) => text.push(literal),
                Piece::Dir(dir) => text.push(dir.path(dirs)),
            }
        }
        text
    }

    /// The text with a stand-in for each directory.
    pub(super) fn stand_in(&self) -> String {
        let pieces = self.0.iter().map(|piece| match piece {
            Piece::Text(text) => text.as_str(),
            Piece::Dir(dir) => dir.stand_in(),
        });
        pieces.collect()
    }

    /// Reads what [`Self::stand_in`] made, or a part of it.
    pub(super) fn from_stand_in(text: &str) -> Self {
        let (mut pieces, mut rest) = (Vec::new(), text);
        let next = |rest: &str| {
            let found = DirName::ALL.map(|dir| Some((rest.find(dir.stand_in())?, dir)));
            found.into_iter().flatten().min_by_key(|(at, _)| *at)
        };
        while let Some((at, dir)) = next(rest) {
            if at > 0 {
                pieces.push(Piece::Text(rest[..at].to_owned()));
            }
            pieces.push(Piece::Dir(dir));
            rest = &rest[at + dir.stand_in().len()..];
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Self(pieces)
    }

    /// The literal parts.
    pub(in crate::skill) fn literals(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Text(text) => Some(text.as_str()),
            Piece::Dir(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn names_are_replaced_as_whole_words_anywhere() {
        let dirs = StepDirs {
            run: Some(Path::new("/run")),
            ..StepDirs::new(Path::new("/skill"), Path::new("/work"), None)
        };
        for (text, want) in [
            ("", ""),
            ("$SKILL_DIR", "/skill"),
            ("--out=$RUN_DIR/x", "--out=/run/x"),
            ("$WORKSPACE:/work:ro", "/work:/work:ro"),
            ("${WORKSPACE}s", "/works"),
            ("a$SKILL_DIR$RUN_DIR", "a/skill/run"),
            (
                "$WORKSPACES $RUN_DIRS $run_dir $HOME",
                "$WORKSPACES $RUN_DIRS $run_dir $HOME",
            ),
            ("$$RUN_DIR", "$/run"),
            ("${RUN_DIR", "${RUN_DIR"),
            ("${RUN_DIR:-x}", "${RUN_DIR:-x}"),
            ("$", "$"),
            ("é$RUN_DIRé", "é/runé"),
        ] {
            let read = DirText::parse(text);
            assert_eq!(read.expand(&dirs), want, "{text}");
            assert_eq!(DirText::from_stand_in(&read.stand_in()), read, "{text}");
        }
        let unknown = StepDirs { run: None, ..dirs };
        assert_eq!(
            DirText::parse("a=$RUN_DIR/b").expand(&unknown),
            "a=$RUN_DIR/b"
        );
    }
}
