//! The name of a skill: `core/fetch`.
//!
//! Invariant: a [`SkillId`] is made of plain parts joined by `/`, so that it can be a path below a
//! root without ever leaving it: no empty part, no `..`, no part that begins with a dot or a dash.

use std::fmt;

use thiserror::Error;

/// The longest id in bytes.
pub(super) const MAX_ID_BYTES: usize = 128;

/// A skill's id that keeps the rules.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SkillId(String);

/// Why a text is no skill id.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SkillIdError {
    /// Nothing.
    #[error("a skill id can't be empty")]
    Empty,
    /// Over [`MAX_ID_BYTES`].
    #[error("a skill id has at most {MAX_ID_BYTES} bytes, this one has {0}")]
    TooLong(usize),
    /// It begins or ends with `/`, or has two in a row.
    #[error("the skill id `{0}` has an empty part")]
    EmptyPart(String),
    /// It could climb out of the root.
    #[error("the skill id `{0}` holds `..`")]
    DotDot(String),
    /// A part begins with a dot or a dash.
    #[error("the skill id `{id}` has a part that begins with `{first}`")]
    FirstCharacter {
        /// The id as written.
        id: String,
        /// The character.
        first: char,
    },
    /// Anything but letters, digits, `_`, `.`, `-` and `/`.
    #[error("the skill id `{id}` holds `{found}`")]
    Character {
        /// The id as written.
        id: String,
        /// The first such character.
        found: char,
    },
}

impl SkillId {
    /// What an id must be like.
    pub const FORM: &'static str = "\
        an id is like `core/fetch`: parts of letters, digits, `_`, `.` and `-`, joined by `/`, \
        each beginning with a letter, a digit or `_`";

    /// Takes `text` if it keeps the rules.
    pub fn parse(text: &str) -> Result<Self, SkillIdError> {
        if text.is_empty() {
            return Err(SkillIdError::Empty);
        }
        if text.len() > MAX_ID_BYTES {
            return Err(SkillIdError::TooLong(text.len()));
        }
        let id = || text.to_owned();
        if text.contains("..") {
            return Err(SkillIdError::DotDot(id()));
        }
        for part in text.split('/') {
            let Some(first) = part.chars().next() else {
                return Err(SkillIdError::EmptyPart(id()));
            };
            let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
            if let Some(found) = part.chars().find(|c| !is_plain(*c)) {
                return Err(SkillIdError::Character { id: id(), found });
            }
            if matches!(first, '.' | '-') {
                return Err(SkillIdError::FirstCharacter { id: id(), first });
            }
        }
        Ok(Self(id()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True for the ids of tools that are built in, which no directory may have.
    pub fn is_reserved(&self) -> bool {
        self.0.starts_with("builtin.")
    }

    /// The parts between the slashes; never empty.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }
}

impl fmt::Display for SkillId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl AsRef<str> for SkillId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn takes_ordinary_names() {
        for id in [
            "fetch",
            "core/fetch",
            "mcp.his.query",
            "_x/1-a.b",
            "a/b/c/d/e",
            "builtin.now",
            &"a".repeat(128),
        ] {
            assert_eq!(SkillId::parse(id).unwrap().as_str(), id);
        }
    }

    #[test]
    fn says_what_is_wrong() {
        for (id, want) in [
            ("", "a skill id can't be empty"),
            ("a//b", "the skill id `a//b` has an empty part"),
            ("/etc", "the skill id `/etc` has an empty part"),
            ("a/", "the skill id `a/` has an empty part"),
            ("../../bin/sh", "the skill id `../../bin/sh` holds `..`"),
            ("a..b", "the skill id `a..b` holds `..`"),
            (
                ".git",
                "the skill id `.git` has a part that begins with `.`",
            ),
            (
                "a/-b",
                "the skill id `a/-b` has a part that begins with `-`",
            ),
            ("a b", "the skill id `a b` holds ` `"),
            ("größe", "the skill id `größe` holds `ö`"),
        ] {
            assert_eq!(SkillId::parse(id).unwrap_err().to_string(), want);
        }
        let long = SkillId::parse(&"a".repeat(129)).unwrap_err().to_string();
        assert_eq!(long, "a skill id has at most 128 bytes, this one has 129");
    }

    proptest! {
        #[test]
        fn an_id_stays_below_a_root(text in r"[a-z./\-\x00\\]{0,24}") {
            if let Ok(id) = SkillId::parse(&text) {
                let path = std::path::Path::new(id.as_str());
                let is_normal = |part| matches!(part, std::path::Component::Normal(_));
                prop_assert!(path.components().all(is_normal));
                prop_assert_eq!(path.components().count(), id.parts().count());
            }
        }
    }
}
