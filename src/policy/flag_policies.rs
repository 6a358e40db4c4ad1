//! The short form: flags that become Cedar policies.
//!
//! Invariant: a flag has no meaning beside the policy that it becomes, which `obs policy test`
//! shows.

use std::fmt;
use std::str::FromStr;

use super::schema::quoted;
use crate::model::RiskLevel;

/// A skill's id with `*` for any characters, `/` included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob(String);

impl FromStr for Glob {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_known = |c: char| c.is_ascii_alphanumeric() || "_.-/*".contains(c);
        match text.chars().find(|c| !is_known(*c)) {
            None if text.is_empty() => Err("it is empty".to_owned()),
            None => Ok(Self(text.to_owned())),
            Some(other) => Err(format!(
                "a skill id can't contain `{other}`; `*` matches any characters"
            )),
        }
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the flags ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FlagPolicies {
    /// `--allow`.
    pub allow: Vec<Glob>,
    /// `--deny`.
    pub deny: Vec<Glob>,
    /// `--max-steps`.
    pub max_steps: Option<u32>,
    /// `--max-risk`.
    pub max_risk: Option<RiskLevel>,
}

impl FlagPolicies {
    /// True if no flag was given.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The flags as policies: their ids and texts. If nothing else permits anything, neither a file
    /// nor `--allow`, what is not denied is permitted.
    pub fn policies(&self, has_files: bool) -> Vec<(String, String)> {
        let mut policies = Vec::new();
        let mut add = |id: String, effect: &str, condition: &str| {
            let text = format!(
                "@id({})\n{effect}(principal, action in Action::\"execute\", resource){condition};",
                quoted(&id)
            );
            policies.push((id, text));
        };
        if !has_files && self.allow.is_empty() && !self.is_empty() {
            add("no --allow".to_owned(), "permit", "");
        }
        for (flag, effect, globs) in [
            ("--allow", "permit", &self.allow),
            ("--deny", "forbid", &self.deny),
        ] {
            for glob in globs {
                let condition = format!(" when {{ resource.id like {} }}", quoted(&glob.0));
                add(format!("{flag} {glob}"), effect, &condition);
            }
        }
        if let Some(most) = self.max_steps {
            let condition = format!(" when {{ context.plan_steps > {most} }}");
            add(format!("--max-steps {most}"), "forbid", &condition);
        }
        if let Some(most) = self.max_risk {
            let within = RiskLevel::WORDS.iter().filter(|(_, level)| *level <= most);
            let within: Vec<String> = within.map(|(word, _)| quoted(word)).collect();
            let within = within.join(", ");
            let condition = format!(" unless {{ [{within}].contains(resource.risk_level) }}");
            add(
                format!("--max-risk {}", most.as_str()),
                "forbid",
                &condition,
            );
        }
        policies
    }
}
