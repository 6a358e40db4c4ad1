//! The gate: decides about a step, by identity and policies.
//!
//! Invariant: what is not known yet never permits and never denies. A step whose arguments hold
//! references is denied early only if the policies that look at nothing unknown do so by
//! themselves; it is permitted early only if no other policy applies to it. A policy that looks at
//! an argument that Cedar can't express is an error, which denies: it never decides as if the
//! argument were absent.

use std::collections::BTreeSet;
use std::fmt;

use cedar_policy::{
    AuthorizationError, Authorizer, Context, Decision as CedarDecision, Entities, Entity, Policy,
    PolicySet, Request, RestrictedExpression,
};
use serde_json::{Map, Value};
use thiserror::Error;

use super::dependencies::LoadedPolicy;
use super::flag_policies::FlagPolicies;
use super::{entity, value};
use crate::engine::{Decision, Effect, Identity, PolicyGate, PolicyRequest};

/// The policies in force, and the identity.
pub struct CedarGate {
    policies: Vec<LoadedPolicy>,
    all: PolicySet,
    principal: Vec<Entity>,
    identity: Identity,
    authorizer: Authorizer,
}

/// Why policies can't be used: an internal error, or a duplicate id.
#[derive(Debug, Error)]
#[error("can't combine the policies: {0}")]
pub struct GateError(String);

impl fmt::Debug for CedarGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CedarGate")
            .field("policies", &self.policies.len())
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

struct CedarResponse {
    permits: Vec<String>,
    forbids: Vec<String>,
    errors: Vec<(String, String)>,
}

impl CedarGate {
    /// The gate of `rules` and what `short` asks for. If there are no rules from files, `None` says
    /// so.
    pub fn new(
        rules: Option<Vec<LoadedPolicy>>,
        short: &FlagPolicies,
        identity: Identity,
    ) -> Result<Self, GateError> {
        let has_files = rules.is_some();
        let mut rules = rules.unwrap_or_default();
        for (id, text) in short.policies(has_files) {
            let policy = text.parse().map_err(|error| fault(&error))?;
            let mut rule = LoadedPolicy::new(id, &policy);
            rule.is_short_form = true;
            rules.push(rule);
        }
        let set = |policies: Vec<_>| PolicySet::from_policies(policies).map_err(|e| fault(&e));
        Ok(Self {
            all: set(rules.iter().map(|rule| rule.policy.clone()).collect())?,
            principal: entity::principal(&identity).map_err(GateError)?,
            policies: rules,
            identity,
            authorizer: Authorizer::new(),
        })
    }

    /// The policies in force, in the order in which they were given.
    pub fn policies(&self) -> &[LoadedPolicy] {
        &self.policies
    }

    fn evaluate(&self, question: &PolicyRequest<'_>) -> Result<Decision, String> {
        let (request, entities) = self.request(question)?;
        let arguments = question.arguments;
        let is_exact = value::find_inexpressible_entry(arguments).is_none();
        if is_exact && question.unknown.is_empty() {
            return Ok(self
                .authorize(&self.all, &request, &entities)
                .decision(false));
        }
        let looks_at =
            |rule: &LoadedPolicy| rule.find_inexpressible(arguments).filter(|_| !is_exact);
        let (partial, complete): (Vec<&LoadedPolicy>, Vec<&LoadedPolicy>) = self
            .policies
            .iter()
            .partition(|rule| rule.needs_any(&question.unknown) || looks_at(rule).is_some());
        let guards = set_of(partial.iter().filter_map(|rule| rule.guard()))?;
        let guards = self.authorize(&guards, &request, &entities);
        let passed: BTreeSet<&str> = guards.permits.iter().map(String::as_str).collect();
        let (mut errors, mut open) = (guards.errors, Vec::new());
        for rule in partial {
            if rule.guard().is_none() || passed.contains(&*rule.id) {
                match looks_at(rule) {
                    Some(inexpressible) => {
                        errors.push((rule.id.clone(), inexpressible.to_string()));
                    }
                    None => open.push(rule),
                }
            }
        }
        let complete = set_of(complete.iter().map(|rule| &rule.policy))?;
        let mut response = self.authorize(&complete, &request, &entities);
        response.errors.extend(errors);
        response.errors.sort();
        let decision = response.decision(open.iter().any(|rule| !rule.is_forbid()));
        Ok(match decision.effect {
            Effect::Permitted if !open.is_empty() => Decision::deferred(),
            _ => decision,
        })
    }

    fn authorize(&self, set: &PolicySet, request: &Request, entities: &Entities) -> CedarResponse {
        let response = self.authorizer.is_authorized(request, set, entities);
        let diagnostics = response.diagnostics();
        let reasons: BTreeSet<String> = diagnostics.reason().map(ToString::to_string).collect();
        // In the order of the policies.
        let reasons = self
            .policies
            .iter()
            .filter(|rule| reasons.contains(&rule.id));
        let reasons = reasons.map(|rule| rule.id.clone()).collect();
        let mut errors: Vec<(String, String)> = diagnostics.errors().map(cause_of).collect();
        errors.sort();
        let (permits, forbids) = match response.decision() {
            CedarDecision::Allow => (reasons, Vec::new()),
            CedarDecision::Deny => (Vec::new(), reasons),
        };
        CedarResponse {
            permits,
            forbids,
            errors,
        }
    }

    fn request(&self, question: &PolicyRequest<'_>) -> Result<(Request, Entities), String> {
        let [action, resource] = entity::call(question.step)?;
        let (user, action_uid) = (self.principal[0].uid(), action.uid());
        let context = self.context(question)?;
        let request = Request::new(user, action_uid, resource.uid(), context, None);
        let request = request.map_err(|error| error.to_string())?;
        let mut entities = self.principal.clone();
        entities.extend([action, resource]);
        Ok((request, entity::build_entities(entities)?))
    }

    fn context(&self, question: &PolicyRequest<'_>) -> Result<Context, String> {
        let number = |number: usize| {
            RestrictedExpression::new_long(i64::try_from(number).unwrap_or(i64::MAX))
        };
        let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
        let arguments =
            value::record(question.arguments).ok_or("the arguments have no Cedar form")?;
        let mut pairs = vec![
            ("arguments".to_owned(), arguments),
            ("assistant_id".to_owned(), text(&self.identity.assistant_id)),
            ("session_id".to_owned(), text(&self.identity.session_id)),
            ("step_name".to_owned(), text(&question.step.name)),
            ("step_index".to_owned(), number(question.index)),
            ("plan_steps".to_owned(), number(question.steps)),
        ];
        // While an argument is unknown, no policy that looks at the text is evaluated.
        pairs.push(("arguments_json".to_owned(), text(&json(question.arguments))));
        Context::from_pairs(pairs).map_err(|error| error.to_string())
    }
}

impl PolicyGate for CedarGate {
    fn decide(&self, question: &PolicyRequest<'_>) -> Decision {
        self.evaluate(question)
            .unwrap_or_else(Decision::request_error)
    }
}

impl CedarResponse {
    /// What follows. `may_be_permitted`: a policy that was not asked may permit it.
    fn decision(self, may_be_permitted: bool) -> Decision {
        if !self.errors.is_empty() {
            return Decision::from_errors(self.errors);
        }
        if !self.forbids.is_empty() {
            return Decision::new(Effect::Forbidden, self.forbids);
        }
        if !self.permits.is_empty() {
            return Decision::new(Effect::Permitted, self.permits);
        }
        if may_be_permitted {
            return Decision::deferred();
        }
        Decision::new(Effect::NotPermitted, Vec::new())
    }
}

fn set_of<'p>(policies: impl Iterator<Item = &'p Policy>) -> Result<PolicySet, String> {
    PolicySet::from_policies(policies.cloned()).map_err(|error| error.to_string())
}

fn json(arguments: &Map<String, Value>) -> String {
    serde_json::to_string(arguments).unwrap_or_default()
}

/// The policy that went wrong, and how.
fn cause_of(error: &AuthorizationError) -> (String, String) {
    match error {
        AuthorizationError::PolicyEvaluationError(error) => {
            (error.policy_id().to_string(), error.inner().to_string())
        }
    }
}

fn fault(error: &dyn std::error::Error) -> GateError {
    GateError(error.to_string())
}
