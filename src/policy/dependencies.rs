//! Which arguments of a step a policy looks at.
//!
//! Invariant: a policy that looks at an argument in a way that this module does not understand
//! looks at all of them. So a policy that looks at nothing unknown can be evaluated without it, and
//! a policy that looks at nothing inexpressible decides as if all arguments had a Cedar type.
//! Cedar's own partial evaluation is experimental in the release that obs is built with.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use cedar_policy::{Effect, Policy, PolicyId};
use serde_json::{Map, Value, json};

use super::value::{Inexpressible, find_inexpressible, find_inexpressible_entry};

/// One policy, under the id by which messages speak of it.
#[derive(Debug, Clone)]
pub struct LoadedPolicy {
    /// Its id.
    pub id: String,
    /// Its text.
    pub text: String,
    /// True if it comes from a command-line flag.
    pub is_short_form: bool,
    pub(super) policy: Policy,
    form: OnceLock<PolicyAnalysis>,
}

/// What a policy consists of; computed only if some argument of a step is unknown or inexpressible.
#[derive(Debug, Clone)]
struct PolicyAnalysis {
    /// None if Cedar can't give the form: then the policy looks at everything, in every step.
    known: Option<(Needs, Policy)>,
}

/// The arguments that a decision depends on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Needs {
    /// All of `context`.
    everything: bool,
    /// The text of all arguments, which is complete for values without a Cedar type too.
    text: bool,
    paths: BTreeSet<AttributePath>,
}

/// A path of keys below `context.arguments`. An empty one is the whole record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct AttributePath {
    keys: Vec<String>,
    /// The policy asks with `has` whether there is a value, and not for the value.
    is_presence: bool,
}

impl LoadedPolicy {
    /// The rule that `policy` is, under another id.
    pub(super) fn new(id: String, policy: &Policy) -> Self {
        Self {
            text: policy.to_cedar().unwrap_or_default(),
            is_short_form: false,
            policy: policy.new_id(PolicyId::new(&id)),
            id,
            form: OnceLock::new(),
        }
    }

    /// True for a policy that forbids.
    pub fn is_forbid(&self) -> bool {
        self.policy.effect() == Effect::Forbid
    }

    /// True if the decision depends on an argument of these names.
    pub(super) fn needs_any(&self, unknown: &BTreeSet<String>) -> bool {
        let Some((needs, _)) = &self.form().known else {
            return !unknown.is_empty();
        };
        let is_unknown =
            |path: &AttributePath| path.keys.first().is_none_or(|name| unknown.contains(name));
        !unknown.is_empty()
            && (needs.everything || needs.text || needs.paths.iter().any(is_unknown))
    }

    /// The first of `arguments` that the policy looks at although Cedar can't express it.
    pub(super) fn find_inexpressible(
        &self,
        arguments: &Map<String, Value>,
    ) -> Option<Inexpressible> {
        match &self.form().known {
            Some((needs, _)) if !needs.everything => {
                (needs.paths.iter()).find_map(|path| path.find_inexpressible(arguments))
            }
            _ => find_inexpressible_entry(arguments),
        }
    }

    /// Permits each step that the policy applies to: its head, with the conditions that come before
    /// the first one that looks at an argument. None if that is not known.
    pub(super) fn guard(&self) -> Option<&Policy> {
        self.form().known.as_ref().map(|(_, guard)| guard)
    }

    fn form(&self) -> &PolicyAnalysis {
        self.form.get_or_init(|| PolicyAnalysis {
            known: form_of(&self.policy),
        })
    }
}

fn form_of(policy: &Policy) -> Option<(Needs, Policy)> {
    let mut form = policy.to_json().ok()?;
    let conditions = form.get("conditions")?.as_array()?;
    let mut needs = Needs::default();
    for condition in conditions {
        collect_needs(condition, &mut needs);
    }
    let mut leading = Vec::new();
    for condition in conditions {
        let kind = condition.get("kind")?.as_str()?;
        // Cedar evaluates the parts from left to right, and the first that fails ends it.
        let operator = if kind == "when" { "&&" } else { "||" };
        collect_parts(condition.get("body")?, operator, kind, &mut leading);
    }
    let is_free = |part: &Value| {
        let mut needs = Needs::default();
        collect_needs(part, &mut needs);
        needs == Needs::default()
    };
    let free = leading.iter().take_while(|part| is_free(part)).count();
    leading.truncate(free);
    form["conditions"] = Value::Array(leading);
    form["effect"] = json!("permit");
    let guard = Policy::from_json(Some(policy.id().clone()), form).ok()?;
    Some((needs, guard))
}

/// The operands of a chain of `operator`, each as a condition of its own.
fn collect_parts(body: &Value, operator: &str, kind: &str, parts: &mut Vec<Value>) {
    let operands = body
        .get(operator)
        .and_then(|chain| Some((chain.get("left")?, chain.get("right")?)));
    match operands {
        Some((left, right)) => {
            collect_parts(left, operator, kind, parts);
            collect_parts(right, operator, kind, parts);
        }
        None => parts.push(json!({"kind": kind, "body": body})),
    }
}

impl AttributePath {
    /// The first value without a Cedar type that a look at this path meets.
    fn find_inexpressible(&self, arguments: &Map<String, Value>) -> Option<Inexpressible> {
        let Some((first, rest)) = self.keys.split_first() else {
            return find_inexpressible_entry(arguments).filter(|_| !self.is_presence);
        };
        let found = self.find_below(arguments.get(first)?, rest)?;
        Some(found.below(first))
    }

    fn find_below(&self, value: &Value, keys: &[String]) -> Option<Inexpressible> {
        match (keys.split_first(), value) {
            (Some((key, rest)), Value::Object(map)) => {
                Some(self.find_below(map.get(key)?, rest)?.below(key))
            }
            // A record is there, whatever it holds.
            (None, Value::Object(_)) if self.is_presence => None,
            _ => find_inexpressible(value),
        }
    }
}

/// Walks an expression in Cedar's JSON form, where `x.a` is `{".": {"left": x, "attr": "a"}}`, `x
/// has a` the same under `has`, and `x has a.b` has a list of attributes.
fn collect_needs(form: &Value, needs: &mut Needs) {
    match form {
        Value::Array(list) => list.iter().for_each(|form| collect_needs(form, needs)),
        Value::Object(map) => {
            if is_context(form) {
                needs.everything = true;
                return;
            }
            for (key, inner) in map {
                match key.as_str() {
                    "." | "has" => collect_attribute_needs(key == "has", inner, needs),
                    // A constant, whatever it is made of.
                    "Value" => {}
                    // Its keys are the policy's own words.
                    "Record" => {
                        let fields = inner.as_object().into_iter().flatten();
                        fields.for_each(|(_, field)| collect_needs(field, needs));
                    }
                    _ => collect_needs(inner, needs),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn collect_attribute_needs(is_presence: bool, access: &Value, needs: &mut Needs) {
    let (Some(left), Some(names)) = (access.get("left"), attributes(access)) else {
        return collect_needs(access, needs);
    };
    let Some(mut path) = path_in_context(left) else {
        return collect_needs(left, needs);
    };
    path.extend(names);
    let Some((first, rest)) = path.split_first() else {
        return;
    };
    match first.as_str() {
        // That there are arguments is always known.
        "arguments" if !(is_presence && rest.is_empty()) => {
            needs.paths.insert(AttributePath {
                keys: rest.to_vec(),
                is_presence,
            });
        }
        // Whether there is such a text is always known.
        "arguments_json" => needs.text |= !is_presence,
        _ => {}
    }
}

/// The attributes from `context` to `form`; none if it is not reached by attributes alone.
fn path_in_context(form: &Value) -> Option<Vec<String>> {
    if is_context(form) {
        return Some(Vec::new());
    }
    let access = form.get(".")?;
    let mut path = path_in_context(access.get("left")?)?;
    path.extend(attributes(access)?);
    Some(path)
}

fn attributes(access: &Value) -> Option<Vec<String>> {
    match access.get("attr")? {
        Value::String(name) => Some(vec![name.clone()]),
        Value::Array(names) => {
            let names = names.iter().map(|name| name.as_str().map(str::to_owned));
            names.collect()
        }
        _ => None,
    }
}

fn is_context(form: &Value) -> bool {
    form.get("Var").is_some_and(|name| name == "context")
}
