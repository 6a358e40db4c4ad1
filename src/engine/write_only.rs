//! Arguments as records and screens may show them.
//!
//! Invariant: a value that the skill's `input_schema` marks as `writeOnly` is shown as `"***"`
//! only. The schema says which ones.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::process::MASK;
use crate::skill::{Skill, mask};

/// `arguments` of `skill` without their hidden values.
pub(crate) fn shown_arguments<'a>(
    skill: &Skill,
    arguments: &'a Map<String, Value>,
) -> Cow<'a, Map<String, Value>> {
    let schema = match skill.input() {
        None => return Cow::Borrowed(arguments),
        // Nobody knows what it hides.
        Some(Err(_)) => {
            let keys = arguments.keys().cloned();
            return Cow::Owned(keys.map(|key| (key, Value::from(MASK))).collect());
        }
        Some(Ok(schema)) => schema,
    };
    if !schema.may_hide() {
        return Cow::Borrowed(arguments);
    }
    let mut shown = Value::Object(arguments.clone());
    let hidden = schema.hidden_in(&shown);
    mask(&mut shown, &hidden);
    Cow::Owned(match shown {
        Value::Object(map) => map,
        // The root itself is hidden: then nothing can be shown.
        _ => Map::new(),
    })
}

/// The same for arguments that many hold: where nothing is hidden, these are the same object.
pub(crate) fn mask_shared(
    skill: &Skill,
    arguments: &Arc<Map<String, Value>>,
) -> Arc<Map<String, Value>> {
    match shown_arguments(skill, arguments) {
        Cow::Owned(shown) if shown != **arguments => Arc::new(shown),
        _ => Arc::clone(arguments),
    }
}
