//! A value as messages about it may show it.

use std::borrow::Cow;

use serde_json::Value;

use crate::process::MASK;

/// A value, and its hidden places.
pub(in crate::skill) struct ShownValues<'v> {
    pub(super) whole: &'v Value,
    /// RFC 6901 pointers, sorted.
    hidden: &'v [String],
    /// The value with a mask in each hidden place.
    masked: Option<Value>,
}

impl<'v> ShownValues<'v> {
    /// `hidden` is what [`hidden_in`](crate::skill::Schema::hidden_in) gives for `whole`.
    pub(in crate::skill) fn new(whole: &'v Value, hidden: &'v [String]) -> Self {
        let masked = (!hidden.is_empty()).then(|| {
            let mut masked = whole.clone();
            mask(&mut masked, hidden);
            masked
        });
        Self {
            whole,
            hidden,
            masked,
        }
    }

    /// The hidden place that `pointer` leads to or into.
    pub(super) fn hidden_at(&self, pointer: &str) -> Option<&'v str> {
        let above = pointer.match_indices('/').map(|(at, _)| &pointer[..at]);
        let find = |prefix: &str| {
            let place = self
                .hidden
                .binary_search_by(|place| place.as_str().cmp(prefix));
            place.ok().map(|index| self.hidden[index].as_str())
        };
        above.chain([pointer]).find_map(find)
    }

    /// `value`, which an error says is wrong, as it may be shown. It stands at `pointer`.
    pub(super) fn shown<'s>(&'s self, pointer: &str, value: &'s Value) -> Cow<'s, Value> {
        if self.hidden_at(pointer).is_some() {
            return Cow::Owned(Value::from(MASK));
        }
        let inside = format!("{pointer}/");
        let masked = self.masked.as_ref();
        let masked = masked.filter(|_| self.hidden.iter().any(|place| place.starts_with(&inside)));
        let masked = masked.and_then(|masked| masked.pointer(pointer));
        Cow::Borrowed(masked.unwrap_or(value))
    }
}

/// Puts a mask in the `hidden` places of `value`.
pub(crate) fn mask(value: &mut Value, hidden: &[String]) {
    for place in hidden {
        if let Some(value) = value.pointer_mut(place) {
            *value = Value::from(MASK);
        }
    }
}
