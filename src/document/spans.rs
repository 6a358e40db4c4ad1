//! Where each node of a document stands in its text.

use std::ops::Range;

use serde_json::Value;

use super::NodePart;

/// The places of one node and of all below it, in document order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Spans {
    /// Bytes of the value.
    pub(crate) value: Range<u32>,
    /// Bytes of the key, where the node is the value of a mapping entry.
    pub(crate) key: Option<Range<u32>>,
    /// The children: elements of a list, values of a mapping.
    pub(crate) children: Box<[Spans]>,
}

impl Spans {
    /// A leaf at `bytes`.
    pub(crate) fn leaf(bytes: Range<usize>) -> Self {
        Self {
            value: narrow(&bytes),
            ..Self::default()
        }
    }

    /// The bytes of the `part` of the node at `pointer`; of the nearest node above it where there
    /// is none, which is where a missing key is to be added.
    pub(crate) fn find(&self, value: &Value, pointer: &str, part: NodePart) -> Range<usize> {
        let (mut spans, mut value, mut complete) = (self, value, true);
        for token in pointer.split('/').skip(1) {
            let token = token.replace("~1", "/").replace("~0", "~");
            let Some((index, child)) = child(value, &token) else {
                complete = false;
                break;
            };
            let Some(below) = spans.children.get(index) else {
                complete = false;
                break;
            };
            (spans, value) = (below, child);
        }
        match (&spans.key, part) {
            (Some(key), NodePart::Key) => widen(key),
            (Some(key), NodePart::Value) if !complete => widen(key),
            _ => widen(&spans.value),
        }
    }
}

impl Spans {
    /// Adds the bytes of the node at `pointer`, and of all below it that an alias brings in from
    /// elsewhere.
    pub(crate) fn add_all_of(&self, value: &Value, pointer: &str, bytes: &mut Vec<Range<usize>>) {
        let (mut spans, mut value) = (self, value);
        for token in pointer.split('/').skip(1) {
            let token = token.replace("~1", "/").replace("~0", "~");
            let found = child(value, &token);
            let below = found.and_then(|(index, child)| Some((spans.children.get(index)?, child)));
            let Some(below) = below else { return };
            (spans, value) = below;
        }
        bytes.push(widen(&spans.value));
        spans.add_outside(&spans.value, bytes);
    }

    fn add_outside(&self, shown: &Range<u32>, bytes: &mut Vec<Range<usize>>) {
        for child in &self.children {
            let own = &child.value;
            if shown.start <= own.start && own.end <= shown.end {
                child.add_outside(shown, bytes);
            } else {
                bytes.push(widen(own));
                child.add_outside(own, bytes);
            }
        }
    }
}

fn child<'v>(value: &'v Value, token: &str) -> Option<(usize, &'v Value)> {
    match value {
        Value::Object(map) => map
            .iter()
            .enumerate()
            .find(|(_, (key, _))| *key == token)
            .map(|(index, (_, child))| (index, child)),
        Value::Array(list) => {
            let index = token.parse().ok()?;
            list.get(index).map(|child| (index, child))
        }
        _ => None,
    }
}

/// Plans are a few megabytes at the most; half the size keeps the tree of a large one small.
pub(crate) fn narrow(bytes: &Range<usize>) -> Range<u32> {
    u32::try_from(bytes.start).unwrap_or(u32::MAX)..u32::try_from(bytes.end).unwrap_or(u32::MAX)
}

pub(crate) fn widen(bytes: &Range<u32>) -> Range<usize> {
    bytes.start as usize..bytes.end as usize
}
