//! What a policy looks at: which of a step's arguments its answer hangs on.
//!
//! Invariant: a policy that looks at an argument in a way that is not understood here looks at all of
//! them. So what is said to hang on nothing that is unknown, can be evaluated without it. Cedar's own
//! partial evaluation is experimental in the release that obs is built with.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use cedar_policy::{Effect, Policy, PolicyId};
use serde_json::{Value, json};

/// One policy, under the id by which messages speak of it.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its id.
    pub id: String,
    /// Its text.
    pub text: String,
    /// A flag of the command line has become it.
    pub is_short_form: bool,
    pub(super) policy: Policy,
    form: OnceLock<Form>,
}

/// What a policy is made of, looked at only where a step's arguments are not all known.
#[derive(Debug, Clone)]
struct Form {
    /// None where Cedar can't tell the form: then it hangs on everything, and speaks of every step.
    known: Option<(Needs, Policy)>,
}

/// The arguments that an answer hangs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Needs {
    /// All of them.
    All,
    /// Those of these names.
    Some(BTreeSet<String>),
}

impl Rule {
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

    /// True where the answer hangs on an argument of these names.
    pub(super) fn needs_any(&self, unknown: &BTreeSet<String>) -> bool {
        match self.form().known.as_ref().map(|(needs, _)| needs) {
            _ if unknown.is_empty() => false,
            Some(Needs::Some(names)) => !names.is_disjoint(unknown),
            Some(Needs::All) | None => true,
        }
    }

    /// Permits what the policy speaks of at all: its head, without its conditions. None where that is not
    /// known.
    pub(super) fn scope(&self) -> Option<&Policy> {
        self.form().known.as_ref().map(|(_, scope)| scope)
    }

    fn form(&self) -> &Form {
        self.form.get_or_init(|| Form {
            known: form_of(&self.policy),
        })
    }
}

fn form_of(policy: &Policy) -> Option<(Needs, Policy)> {
    let mut form = policy.to_json().ok()?;
    let mut needs = Needs::Some(BTreeSet::new());
    look(form.get("conditions")?, &mut needs);
    form["conditions"] = json!([]);
    form["effect"] = json!("permit");
    let scope = Policy::from_json(Some(policy.id().clone()), form).ok()?;
    Some((needs, scope))
}

impl Needs {
    fn add(&mut self, name: &str) {
        if let Self::Some(names) = self {
            names.insert(name.to_owned());
        }
    }
}

/// Walks an expression in Cedar's JSON form, where `x.a` is `{".": {"left": x, "attr": "a"}}` and
/// `x has a` the same under `has`.
fn look(form: &Value, needs: &mut Needs) {
    match form {
        Value::Array(list) => list.iter().for_each(|form| look(form, needs)),
        Value::Object(map) => {
            if map.get("Var").is_some_and(|name| name == "context") {
                *needs = Needs::All;
                return;
            }
            for (key, inner) in map {
                match key.as_str() {
                    "." | "has" => look_at_attribute(key, inner, needs),
                    // A constant, whatever it is made of.
                    "Value" => {}
                    // Its keys are the policy's own words.
                    "Record" => {
                        let fields = inner.as_object().into_iter().flatten();
                        fields.for_each(|(_, field)| look(field, needs));
                    }
                    _ => look(inner, needs),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn look_at_attribute(operator: &str, access: &Value, needs: &mut Needs) {
    let (Some(left), Some(name)) = (access.get("left"), attribute(access)) else {
        return look(access, needs);
    };
    if is_context(left) {
        // That there are arguments is always known.
        if operator == "." && matches!(name, "arguments" | "arguments_json") {
            *needs = Needs::All;
        }
    } else if is_arguments(left) {
        needs.add(name);
    } else {
        look(left, needs);
    }
}

fn attribute(access: &Value) -> Option<&str> {
    access.get("attr").and_then(Value::as_str)
}

fn is_context(form: &Value) -> bool {
    form.get("Var").is_some_and(|name| name == "context")
}

fn is_arguments(form: &Value) -> bool {
    form.get(".").is_some_and(|access| {
        attribute(access) == Some("arguments") && access.get("left").is_some_and(is_context)
    })
}
