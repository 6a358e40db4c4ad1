//! The front matter of a `SKILL.md`, as in the Agent Skills format.

use crate::document::{Document, Source};

/// The most bytes of a `SKILL.md` that are looked at: its front matter stands first.
pub(in crate::skill) const MAX_FRONT_MATTER_BYTES: usize = 64 << 10;

/// What a `SKILL.md` says of its skill. Other keys of the format are for other programs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FrontMatter {
    /// A name for people.
    pub name: Option<String>,
    /// What the skill is for.
    pub description: Option<String>,
}

impl FrontMatter {
    /// Reads the front matter of `bytes`, the beginning of a `SKILL.md`. A file without one, or
    /// with one that can't be read, says nothing.
    pub fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_FRONT_MATTER_BYTES)]);
        let Some(yaml) = between_fences(&text) else {
            return Self::default();
        };
        let Ok(source) = Source::from_bytes("SKILL.yaml".to_owned(), yaml.into_bytes()) else {
            return Self::default();
        };
        let (document, _) = Document::parse(source);
        let text = |key: &str| {
            let text = document.value.get(key)?.as_str()?.trim();
            (!text.is_empty()).then(|| text.to_owned())
        };
        Self {
            name: text("name"),
            description: text("description"),
        }
    }
}

/// The lines between a first line `---` and the next.
fn between_fences(text: &str) -> Option<String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.lines();
    (lines.next()?.trim_end() == "---").then_some(())?;
    let mut yaml = String::new();
    for line in lines {
        if line.trim_end() == "---" {
            return Some(yaml);
        }
        yaml.push_str(line);
        yaml.push('\n');
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_name_and_description() {
        let text = b"\xef\xbb\xbf---\r\nname: pdf\r\ndescription: >\r\n  Reads\r\n  PDFs\r\n\
                     license: MIT\r\n---\r\n# PDF\r\n---\r\n";
        let front = FrontMatter::read(text);
        assert_eq!(front.name.as_deref(), Some("pdf"));
        assert_eq!(front.description.as_deref(), Some("Reads PDFs"));
    }

    #[test]
    fn what_is_no_front_matter_says_nothing() {
        for text in [
            "",
            "# PDF\n---\nname: x\n---\n",
            "---\nname: x\n",
            "---\n[\n---\n",
            "---\nname: 5\n---\n",
        ] {
            assert_eq!(
                FrontMatter::read(text.as_bytes()),
                FrontMatter::default(),
                "{text}"
            );
        }
    }
}
