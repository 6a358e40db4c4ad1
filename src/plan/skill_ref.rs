//! Which skill a step calls.

use crate::document::{Diagnostic, Diagnostics, Node};
use crate::model::SkillRef;

pub(super) fn skill_ref(node: &Node<'_>, problems: &mut Diagnostics) -> Option<SkillRef> {
    let text = node.string(problems)?;
    let (id, version) = match text.split_once('@') {
        Some((id, version)) => (id, Some(version.to_owned())),
        None => (text, None),
    };
    if id.is_empty() || version.as_deref() == Some("") {
        problems.push(
            Diagnostic::error("skill", node.place(), format!("`skill` can't be `{text}`"))
                .help("write an id such as `core/fetch`, or with a version `core/fetch@1.2.0`"),
        );
        return None;
    }
    Some(SkillRef {
        id: id.to_owned(),
        version,
    })
}
