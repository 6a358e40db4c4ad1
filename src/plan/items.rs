//! The items of a step with `for_each`: what the plan says of them, and the list itself.
//!
//! Invariant: items are held as JSON text, one after the other, and those of a matrix are made when
//! they are asked for: memory grows with the text of the list, not with the number of combinations.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_json::Value;
use serde_json::value::RawValue;

use super::reference::{Reference, Template};

/// What a plan says of a step's items.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemTemplate {
    /// The lists: one, or one for each name of a matrix.
    pub lists: Vec<ListTemplate>,
    /// True for a matrix, whose items are mappings.
    pub is_matrix: bool,
}

/// A list of an [`ItemTemplate`].
#[derive(Debug, Clone, PartialEq)]
pub struct ListTemplate {
    /// The name of a matrix; empty without one.
    pub name: String,
    /// Where it stands below `for_each`.
    pub below: String,
    /// The list with its references.
    pub template: Template,
}

impl ItemTemplate {
    /// Calls `see` with every reference, the pointer to the text that holds it below `pointer`, and
    /// whether it is all of that text.
    pub fn references<'t>(
        &'t self,
        pointer: &str,
        see: &mut impl FnMut(&'t Reference, &str, bool),
    ) {
        for list in &self.lists {
            list.template
                .references(&format!("{pointer}{}", list.below), see);
        }
    }

    /// The reference whose items these are, if they are those of one list.
    pub fn whole_list(&self) -> Option<&Reference> {
        match self.lists.as_slice() {
            [list] if !self.is_matrix => match &list.template {
                Template::Whole(reference) => Some(reference),
                _ => None,
            },
            _ => None,
        }
    }

    /// The items, from the values of the lists in their order. `read` gives the elements of one.
    pub fn read<'t, E>(
        &'t self,
        mut read: impl FnMut(&'t ListTemplate) -> Result<Vec<Box<RawValue>>, E>,
    ) -> Result<ItemList, E> {
        let axes = self.lists.iter().map(|list| {
            Ok(Axis {
                name: Value::from(list.name.as_str()).to_string(),
                values: read(list)?,
            })
        });
        Ok(ItemList {
            axes: axes.collect::<Result<_, E>>()?,
            is_matrix: self.is_matrix,
        })
    }

    /// The items, if no reference is left.
    pub fn known(&self) -> Option<Result<ItemList, NotAList>> {
        if !self.lists.iter().all(|list| list.template.is_fixed()) {
            return None;
        }
        Some(self.read(|list| match &list.template {
            Template::Fixed(Value::Array(values)) => Ok(values.iter().map(raw).collect()),
            Template::Fixed(other) => Err(NotAList {
                below: list.below.clone(),
                found: crate::document::kind_of(other),
            }),
            _ => Ok(Vec::new()),
        }))
    }
}

/// A value that is no list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAList {
    /// Where it stands below `for_each`.
    pub below: String,
    /// What it is.
    pub found: &'static str,
}

/// The items of a step.
#[derive(Debug)]
pub struct ItemList {
    axes: Vec<Axis>,
    is_matrix: bool,
}

#[derive(Debug)]
struct Axis {
    /// As JSON text.
    name: String,
    values: Vec<Box<RawValue>>,
}

impl ItemList {
    /// How many items there are.
    pub fn len(&self) -> usize {
        let counts = self.axes.iter().map(|axis| axis.values.len());
        counts.fold(1, usize::saturating_mul)
    }

    /// The item at `index` as JSON text, which must be there.
    pub fn get(&self, index: usize) -> Cow<'_, str> {
        if !self.is_matrix {
            let value = self.axes.first().and_then(|axis| axis.values.get(index));
            return Cow::Borrowed(value.map_or("null", |value| value.get()));
        }
        let mut digits = Vec::with_capacity(self.axes.len());
        let mut rest = index;
        for axis in self.axes.iter().rev() {
            let values = axis.values.len().max(1);
            digits.push(rest % values);
            rest /= values;
        }
        let mut text = String::from("{");
        for (axis, digit) in self.axes.iter().zip(digits.into_iter().rev()) {
            let comma = if text.len() > 1 { "," } else { "" };
            let value = axis.values.get(digit).map_or("null", |value| value.get());
            // Writing to a String can't fail.
            write!(text, "{comma}{}:{value}", axis.name).ok();
        }
        text.push('}');
        Cow::Owned(text)
    }
}

/// A value as JSON text.
fn raw(value: &Value) -> Box<RawValue> {
    // A value always has a JSON form.
    serde_json::value::to_raw_value(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn items(is_matrix: bool, lists: &[(&str, Value)]) -> Vec<String> {
        let lists = lists.iter().map(|(name, values)| ListTemplate {
            name: (*name).to_owned(),
            below: String::new(),
            template: Template::Fixed(values.clone()),
        });
        let template = ItemTemplate {
            lists: lists.collect(),
            is_matrix,
        };
        let items = template.known().unwrap().unwrap();
        (0..items.len())
            .map(|index| items.get(index).into_owned())
            .collect()
    }

    #[test]
    fn the_last_name_of_a_matrix_varies_fastest() {
        let (os, n) = (json!(["a", "b"]), json!([1, 2, 3]));
        assert_eq!(
            items(true, &[("os", os), ("n \"x\"", n)]),
            [
                r#"{"os":"a","n \"x\"":1}"#,
                r#"{"os":"a","n \"x\"":2}"#,
                r#"{"os":"a","n \"x\"":3}"#,
                r#"{"os":"b","n \"x\"":1}"#,
                r#"{"os":"b","n \"x\"":2}"#,
                r#"{"os":"b","n \"x\"":3}"#,
            ]
        );
        assert!(items(true, &[("a", json!([1])), ("b", json!([]))]).is_empty());
        assert_eq!(items(true, &[("a", json!([1]))]), [r#"{"a":1}"#]);
    }

    #[test]
    fn a_list_keeps_its_items_as_they_are() {
        let list = serde_json::from_str(r#"["x", 1.50, {"b": 1, "a": [null]}]"#).unwrap();
        let want = [r#""x""#, "1.50", r#"{"b":1,"a":[null]}"#];
        assert_eq!(items(false, &[("", list)]), want);
        assert!(items(false, &[("", json!([]))]).is_empty());
    }
}
