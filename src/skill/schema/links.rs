//! Where the references of a schema lead.
//!
//! Invariant: one answer for all who walk a schema, and it is the validator's own: the crate that
//! `jsonschema` resolves with says it, with `$id`, `$anchor`, encoded pointers and all. What leads
//! out of the schema leads nowhere.

use std::collections::{HashMap, HashSet};

use referencing::{Draft, Registry, uri};
use serde_json::{Map, Value};

/// The keywords that refer to another schema.
const REFERENCES: [&str; 3] = ["$ref", "$dynamicRef", "$recursiveRef"];

/// A schema with its references followed.
#[derive(Debug, Clone, Default)]
pub struct Linked {
    /// The schema. The value of each reference is replaced by a list of numbers of `targets`.
    value: Value,
    /// The paths to what is referred to: at each level, the number of the entry.
    targets: Vec<Box<[usize]>>,
}

/// What one reference leads to, by the number of the value that holds it.
type Links = HashMap<(usize, &'static str), Vec<usize>>;

impl Linked {
    /// Follows the references of `schema`.
    pub fn new(schema: &Value) -> Result<Self, referencing::Error> {
        let mut value = schema.clone();
        if !has_references(schema) {
            return Ok(Self {
                value,
                targets: Vec::new(),
            });
        }
        let mut survey = Survey::default();
        survey.see(schema, None);
        let (links, targets) = survey.follow(schema)?;
        let targets = targets.iter().map(|number| survey.path_to(*number));
        let targets = targets.collect();
        put(&mut value, &mut 0, &links);
        Ok(Self { value, targets })
    }

    /// The schema itself. Its references can only be followed by [`links`](Self::links).
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// For each reference of one schema, what it leads to: for a dynamic one, all that it may lead
    /// to.
    pub fn links<'s>(
        &'s self,
        keywords: &'s Map<String, Value>,
    ) -> impl Iterator<Item = Vec<&'s Value>> {
        let lists = REFERENCES
            .iter()
            .filter_map(|key| keywords.get(*key)?.as_array());
        lists.map(|list| {
            let numbers = list.iter().filter_map(Value::as_u64);
            let paths =
                numbers.filter_map(|number| self.targets.get(usize::try_from(number).ok()?));
            paths.filter_map(|path| self.value_at(path)).collect()
        })
    }

    fn value_at(&self, path: &[usize]) -> Option<&Value> {
        path.iter()
            .try_fold(&self.value, |value, index| match value {
                Value::Object(map) => map.values().nth(*index),
                Value::Array(list) => list.get(*index),
                _ => None,
            })
    }
}

fn has_references(value: &Value) -> bool {
    match value {
        Value::Object(map) => {
            REFERENCES.iter().any(|key| map.contains_key(*key)) || map.values().any(has_references)
        }
        Value::Array(list) => list.iter().any(has_references),
        _ => false,
    }
}

/// All values of a schema, numbered as they stand in it.
#[derive(Default)]
struct Survey {
    numbers: HashMap<*const Value, usize>,
    /// For each value, the number of the one that holds it and its place there.
    holders: Vec<Option<(usize, usize)>>,
    /// The values that a dynamic reference may lead to, by the name of their anchor; an empty one
    /// is that of `$recursiveAnchor`.
    dynamic: HashMap<String, Vec<usize>>,
}

impl Survey {
    fn see(&mut self, value: &Value, holder: Option<(usize, usize)>) {
        let number = self.holders.len();
        self.numbers.insert(value, number);
        self.holders.push(holder);
        match value {
            Value::Object(map) => {
                if let Some(Value::String(name)) = map.get("$dynamicAnchor") {
                    self.dynamic.entry(name.clone()).or_default().push(number);
                }
                if map.get("$recursiveAnchor") == Some(&Value::Bool(true)) {
                    self.dynamic.entry(String::new()).or_default().push(number);
                }
                for (index, child) in map.values().enumerate() {
                    self.see(child, Some((number, index)));
                }
            }
            Value::Array(list) => {
                for (index, child) in list.iter().enumerate() {
                    self.see(child, Some((number, index)));
                }
            }
            _ => {}
        }
    }

    /// The links, and the numbers of the values that they lead to.
    fn follow(&self, schema: &Value) -> Result<(Links, Vec<usize>), referencing::Error> {
        let draft = Draft::default().detect(schema);
        let resource = draft.create_resource_ref(schema);
        let base = uri::from_str(resource.id().unwrap_or_default())?;
        let registry = Registry::new().draft(draft);
        let registry = registry.add(base.as_str(), resource)?.prepare()?;
        let mut open = vec![(schema, registry.resolver(base), draft)];
        let mut done = HashSet::new();
        let (mut links, mut targets) = (Links::new(), Vec::new());
        let mut places = HashMap::new();
        let mut place_of = |number: usize| {
            *places.entry(number).or_insert_with(|| {
                targets.push(number);
                targets.len() - 1
            })
        };
        while let Some((schema, resolver, draft)) = open.pop() {
            let (Some(keywords), Some(holder)) = (schema.as_object(), self.number(schema)) else {
                continue;
            };
            if !done.insert(holder) {
                continue;
            }
            for key in REFERENCES {
                let Some(Value::String(reference)) = keywords.get(key) else {
                    continue;
                };
                let link = links.entry((holder, key)).or_insert_with(Vec::new);
                if let Ok(resolved) = resolver.lookup(reference) {
                    let (target, resolver, draft) = resolved.into_inner();
                    link.extend(self.number(target).map(&mut place_of));
                    open.push((target, resolver, draft));
                }
                if key != "$ref" {
                    let name = reference.rsplit('#').next().unwrap_or_default();
                    let others = self.dynamic.get(name).into_iter().flatten();
                    link.extend(others.map(|number| place_of(*number)));
                }
            }
            for child in draft.subresources_of(schema) {
                let draft = draft.detect(child);
                let resolver = resolver.in_subresource(draft.create_resource_ref(child))?;
                open.push((child, resolver, draft));
            }
        }
        Ok((links, targets))
    }

    /// `None` for what is no part of the schema: the drafts' own.
    fn number(&self, value: &Value) -> Option<usize> {
        self.numbers.get(&std::ptr::from_ref(value)).copied()
    }

    fn path_to(&self, mut number: usize) -> Box<[usize]> {
        let mut path = Vec::new();
        while let Some((holder, index)) = self.holders[number] {
            path.push(index);
            number = holder;
        }
        path.reverse();
        path.into()
    }
}

/// Puts the links in the place of the references. Values are numbered as [`Survey::see`] does.
fn put(value: &mut Value, next: &mut usize, links: &Links) {
    let number = *next;
    *next += 1;
    match value {
        Value::Object(map) => {
            map.values_mut().for_each(|child| put(child, next, links));
            for key in REFERENCES {
                if let (Some(link), Some(reference)) = (links.get(&(number, key)), map.get_mut(key))
                {
                    *reference = Value::from(link.clone());
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|child| put(child, next, links)),
        _ => {}
    }
}
