//! Binds references in `for_each` to steps.
//!
//! Invariant: a text is a list only if it is one reference that always has a value.

use serde_json::Value;

use super::arguments::{Binder, Scope};
use crate::document::{Diagnostic, Diagnostics, Location};
use crate::model::ItemSource;
use crate::plan::items::{ItemTemplate, ListTemplate};
use crate::plan::reference::Template;

impl Binder<'_> {
    /// The items of a step; `None` without `for_each`.
    pub(super) fn items(&self, step: usize, problems: &mut Diagnostics) -> Option<ItemTemplate> {
        let for_each = self.plan.steps[step].for_each.as_ref()?;
        let scope = Scope {
            step,
            key: "for_each",
            has_item: false,
        };
        let mut list = |name: &str, below: String, value: &Value| {
            let pointer = self.plan.pointer(step) + "/for_each" + &below;
            let template = self.value(scope, value, &pointer, problems);
            if let Some(problem) = no_list(&template, &pointer) {
                problems.push(problem);
            }
            ListTemplate {
                name: name.to_owned(),
                below,
                template,
            }
        };
        let lists = match &for_each.source {
            ItemSource::List { below, value } => vec![list("", (*below).to_owned(), value)],
            ItemSource::Unread => return None,
            ItemSource::Matrix(axes) => {
                let axes = axes.iter().enumerate();
                axes.map(|(at, axis)| {
                    list(&axis.name, format!("/matrix/{at}/values"), &axis.values)
                })
                .collect()
            }
        };
        Some(ItemTemplate {
            lists,
            is_matrix: matches!(for_each.source, ItemSource::Matrix(_)),
        })
    }
}

/// The problem of a text that can't be a list.
fn no_list(template: &Template, pointer: &str) -> Option<Diagnostic> {
    let place = Location::value(pointer);
    let message = match template {
        Template::Text(_) => "a text with a reference in it is no list".to_owned(),
        Template::Whole(reference) if reference.is_optional => {
            format!("`{}` may be null, which is no list", reference.written)
        }
        _ => return None,
    };
    let help = "write one reference to a list and nothing else: `\"{{name.field}}\"`";
    Some(Diagnostic::error("for_each", place, message).help(help))
}
