//! Policies against the schema of the installed skills.

use cedar_policy::{PolicySet, Schema, ValidationMode, Validator};
use thiserror::Error;

use super::load::{PolicyFile, problem};
use super::schema::schema_text;
use crate::document::Severity;
use crate::skill::Skill;

/// The schema that was made of the skills is none: a fault of obs.
#[derive(Debug, Error)]
#[error("the schema of the skills is not valid: {0}")]
pub(crate) struct SchemaFault(String);

/// Adds problems to `files` for policies that don't match the skills.
pub(crate) fn check<'s>(
    files: &mut [PolicyFile],
    skills: impl IntoIterator<Item = &'s Skill>,
) -> Result<(), SchemaFault> {
    let schema = Schema::from_cedarschema_str(&schema_text(skills));
    let (schema, _) = schema.map_err(|error| SchemaFault(error.to_string()))?;
    let validator = Validator::new(schema);
    for file in files {
        let policies = file.rules.iter().map(|rule| rule.policy.clone());
        let set = PolicySet::from_policies(policies);
        let set = set.map_err(|error| SchemaFault(error.to_string()))?;
        let result = validator.validate(&set, ValidationMode::Strict);
        let mut found: Vec<_> = result
            .validation_errors()
            .map(|error| problem("policy_schema", error))
            .collect();
        found.extend(result.validation_warnings().map(|warning| {
            let mut problem = problem("policy_schema", warning);
            problem.severity = Severity::Warning;
            problem
        }));
        found.sort_by_key(|problem| file.document.bytes_of(&problem.location).start);
        for problem in found {
            file.problems.push(problem);
        }
    }
    Ok(())
}
