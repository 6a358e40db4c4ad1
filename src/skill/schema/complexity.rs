//! How much work a schema can make of one value.
//!
//! Invariant: a schema whose references multiply (`a0: {allOf: [a1, a1]}`, `a1: {allOf: [a2,
//! a2]}`, …) is refused before it is compiled: 24 such lines take a validator seconds. It is
//! the alias bomb of YAML in another dress. A reference that leads back to itself counts once.

use std::collections::HashMap;

use serde_json::Value;

use super::links::Linked;

/// The most that a schema may weigh.
pub(super) const MAX: u64 = 100_000;

/// The number of subschemas with every reference replaced by what it leads to.
pub(super) fn complexity(schema: &Linked) -> u64 {
    let mut scale = ComplexityLimit {
        schema,
        weights: HashMap::new(),
    };
    scale.weigh(schema.value())
}

struct ComplexityLimit<'s> {
    schema: &'s Linked,
    weights: HashMap<*const Value, u64>,
}

impl<'s> ComplexityLimit<'s> {
    fn weigh(&mut self, value: &'s Value) -> u64 {
        if let Some(weight) = self.weights.get(&std::ptr::from_ref(value)) {
            return *weight;
        }
        self.weights.insert(value, 1);
        let weight = match value {
            Value::Object(map) => {
                let targets: Vec<&Value> = self.schema.links(map).flatten().collect();
                let linked = targets.into_iter().map(|target| self.weigh(target));
                let linked = linked.fold(1, u64::saturating_add);
                let below = map.iter().map(|(key, child)| match (key.as_str(), child) {
                    // Where they lead was weighed, and the others are not applied by being there.
                    ("$ref" | "$dynamicRef" | "$recursiveRef" | "$defs" | "definitions", _) => 0,
                    // Their keys are names, not keywords.
                    (
                        "properties" | "patternProperties" | "dependentSchemas",
                        Value::Object(map),
                    ) => {
                        let below = map.values().map(|child| self.weigh(child));
                        below.fold(0, u64::saturating_add)
                    }
                    _ => self.weigh(child),
                });
                below.fold(linked, u64::saturating_add)
            }
            Value::Array(list) => {
                let below = list.iter().map(|child| self.weigh(child));
                below.fold(0, u64::saturating_add)
            }
            _ => 0,
        };
        self.weights.insert(value, weight);
        weight
    }
}
