//! Policies against the schema of the installed skills.
//!
//! Invariant: one mistake is one problem. Cedar also warns of what follows from an error in the same
//! policy, and repeats an error for each action that the policy applies to.

use std::collections::HashSet;

use cedar_policy::{
    PolicySet, Schema, ValidationError, ValidationMode, ValidationWarning, Validator,
};
use thiserror::Error;

use super::load::{PolicyFile, problem};
use super::schema::schema_text;
use crate::document::{Diagnostic, Document, Severity, nearest};
use crate::skill::Skill;

/// The code of a policy that does not match the skills.
const CODE: &str = "policy_schema";

/// The schema that was made of the skills is none: a fault of obs.
#[derive(Debug, Error)]
#[error("the schema of the skills is not valid: {0}")]
pub(crate) struct SchemaFault(String);

/// Adds problems to `files` for policies that don't match the skills.
pub(crate) fn check<'s>(
    files: &mut [PolicyFile],
    skills: impl IntoIterator<Item = &'s Skill>,
) -> Result<(), SchemaFault> {
    let skills: Vec<&Skill> = skills.into_iter().collect();
    let schema = Schema::from_cedarschema_str(&schema_text(skills.iter().copied()));
    let (schema, _) = schema.map_err(|error| SchemaFault(error.to_string()))?;
    let validator = Validator::new(schema);
    for file in files {
        let policies = file.rules.iter().map(|rule| rule.policy.clone());
        let set = PolicySet::from_policies(policies);
        let set = set.map_err(|error| SchemaFault(error.to_string()))?;
        let result = validator.validate(&set, ValidationMode::Strict);
        let mut found: Vec<_> = result
            .validation_errors()
            .map(|error| described(error, &file.document, &skills))
            .collect();
        found.extend(warnings(
            result.validation_errors(),
            result.validation_warnings(),
        ));
        for problem in once_for_each_place(found, &file.document) {
            file.problems.push(problem);
        }
    }
    Ok(())
}

/// An error in words of obs where it is about a skill, else in Cedar's.
fn described(error: &ValidationError, document: &Document, skills: &[&Skill]) -> Diagnostic {
    let mut problem = problem(CODE, error);
    let written = &document.source.text[document.bytes_of(&problem.location)];
    if !matches!(error, ValidationError::UnrecognizedActionId(_)) {
        // Cedar suggests the nearest name, however far it is.
        let name = written.rsplit('.').next().unwrap_or(written);
        let help = problem.help.take();
        problem.help = help.filter(|help| match help.strip_prefix("did you mean `") {
            Some(near) => nearest(name, [near.trim_end_matches("`?")]).is_some(),
            None => true,
        });
        return problem;
    }
    let id = written
        .split_once('"')
        .and_then(|(_, rest)| rest.strip_suffix('"'));
    let ids = skills.iter().map(|skill| skill.id.as_str());
    problem.message = format!("unknown action `{written}`: no skill has this id");
    problem.help = Some(match id.and_then(|id| nearest(id, ids)) {
        Some(near) => format!("did you mean `Action::\"{near}\"`?"),
        None => "`obs skills list` lists the skills; `--skills DIR` adds more".to_owned(),
    });
    problem
}

/// The warnings, without those that an error in the same policy, or another warning, explains.
fn warnings<'e>(
    errors: impl Iterator<Item = &'e ValidationError>,
    warnings: impl Iterator<Item = &'e ValidationWarning>,
) -> Vec<Diagnostic> {
    let wrong: HashSet<_> = errors.map(ValidationError::policy_id).collect();
    let warnings: Vec<_> = warnings.collect();
    let is_impossible =
        |warning: &ValidationWarning| matches!(warning, ValidationWarning::ImpossiblePolicy(_));
    let never_applies = |warning: &ValidationWarning| {
        matches!(warning, ValidationWarning::InvalidActionApplication(_))
    };
    let inapplicable = warnings.iter().filter(|warning| never_applies(warning));
    let inapplicable: HashSet<_> = inapplicable.map(|warning| warning.policy_id()).collect();
    let follows = |warning: &ValidationWarning| {
        let policy = warning.policy_id();
        (is_impossible(warning) && inapplicable.contains(policy))
            || ((is_impossible(warning) || never_applies(warning)) && wrong.contains(policy))
    };
    let kept = warnings.into_iter().filter(|warning| !follows(warning));
    kept.map(|warning| Diagnostic {
        severity: Severity::Warning,
        ..problem(CODE, warning)
    })
    .collect()
}

/// The problems in the order of the text; of several errors at one place the first, with a count.
fn once_for_each_place(mut found: Vec<Diagnostic>, document: &Document) -> Vec<Diagnostic> {
    // Cedar's order is not the same every time.
    found.sort_by_cached_key(|problem| {
        let bytes = document.bytes_of(&problem.location);
        (
            bytes.start,
            bytes.end,
            !problem.is_error(),
            problem.message.clone(),
        )
    });
    let is_again =
        |one: &Diagnostic, other: &Diagnostic| one.is_error() && one.location == other.location;
    let groups = found.chunk_by(is_again);
    let told = groups.map(|group| {
        let mut problem = group[0].clone();
        if group.len() > 1 {
            let more = group.len() - 1;
            problem.message = format!("{} (and {more} more like this here)", problem.message);
        }
        problem
    });
    told.collect()
}
