//! A skill whose description is still to be written.

use crate::document::{Diagnostic, Diagnostics, Location};
use crate::skill::Skill;

/// Warns of a description that is a placeholder.
pub(super) fn warn_placeholder(skill: &Skill, place: &Location, problems: &mut Diagnostics) {
    let Some(native) = skill.native() else { return };
    if !skill.manifest.lacks_description() {
        return;
    }
    let message = format!("the description of `{}` is still to be written", skill.id);
    problems.push(
        Diagnostic::warning("todo", place.clone(), message).help(format!(
            "say in `{}` in one line what it does",
            native.document.source.name
        )),
    );
}
