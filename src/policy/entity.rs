//! Principal, action and resource as Cedar entities.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::str::FromStr as _;

use cedar_policy::{Entities, Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression};

use super::schema::resource_type;
use super::value::texts;
use crate::engine::{Identity, ProvenStep};
use crate::skill::{GrantPath, Permission};

/// The default user.
const LOCAL_USER: &str = "local";
const DEFAULT_TENANT: &str = "default";

/// The user, in the tenant.
pub(super) fn principal(identity: &Identity) -> Result<Vec<Entity>, String> {
    let or = |text: &str, default: &str| match text {
        "" => default.to_owned(),
        text => text.to_owned(),
    };
    let tenant = uid("Tenant", &or(&identity.tenant_id, DEFAULT_TENANT))?;
    let user = uid("User", &or(&identity.user_id, LOCAL_USER))?;
    Ok(vec![
        Entity::new_no_attrs(user, HashSet::from([tenant.clone()])),
        Entity::new_no_attrs(tenant, HashSet::new()),
    ])
}

/// The action that `step` is, and the skill that it calls.
pub(super) fn call(step: &ProvenStep) -> Result<[Entity; 2], String> {
    let all = uid("Action", "execute")?;
    let action = Entity::new_no_attrs(uid("Action", &step.skill_id)?, HashSet::from([all]));
    let resource = uid(resource_type(step.step_type), &step.skill_id)?;
    let resource = Entity::new(resource, attributes(step), HashSet::new());
    Ok([action, resource.map_err(|error| error.to_string())?])
}

/// The id without its last part. Dots separate the parts of an id without a slash; in one with a
/// slash they belong to its parts, so that a skill below `deploy/` never leaves `deploy` by its
/// name.
fn namespace(id: &str) -> &str {
    let parts = id.rsplit_once('/').or_else(|| id.rsplit_once('.'));
    parts.map_or("", |(above, _)| above)
}

/// All of them together.
pub(super) fn build_entities(entities: Vec<Entity>) -> Result<Entities, String> {
    Entities::from_entities(entities, None).map_err(|error| error.to_string())
}

fn uid(kind: &str, id: &str) -> Result<EntityUid, String> {
    let kind = EntityTypeName::from_str(kind).map_err(|error| error.to_string())?;
    Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(id)))
}

fn attributes(step: &ProvenStep) -> HashMap<String, RestrictedExpression> {
    let permissions = &step.skill.manifest.permissions;
    let paths = |select: fn(&Permission) -> Option<&GrantPath>| {
        texts(
            permissions
                .iter()
                .filter_map(select)
                .map(ToString::to_string),
        )
    };
    let names = |secret: bool| {
        let names = permissions.iter().filter_map(Permission::env);
        let names = names.filter(|(_, is_secret)| *is_secret == secret);
        texts(names.map(|(name, _)| name.name.clone()))
    };
    let has_net = permissions.iter().any(|permission| {
        matches!(
            permission,
            Permission::Net | Permission::NetTcp(_) | Permission::NetDns
        )
    });
    let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
    let namespace = namespace(&step.skill_id);
    let mut attributes = HashMap::from([
        ("id".to_owned(), text(&step.skill_id)),
        ("namespace".to_owned(), text(namespace)),
        ("root".to_owned(), text(&root_of(step))),
        ("risk_level".to_owned(), text(step.risk_level.as_str())),
        ("permissions".to_owned(), texts(step.permissions.to_vec())),
        ("net".to_owned(), RestrictedExpression::new_bool(has_net)),
        ("fs_read".to_owned(), paths(read_path)),
        ("fs_exec".to_owned(), paths(exec_path)),
        ("fs_write".to_owned(), paths(write_path)),
        ("fs_write_within".to_owned(), texts(within(permissions))),
        ("env".to_owned(), names(false)),
        ("secrets".to_owned(), names(true)),
    ]);
    if let Some(version) = &step.skill_version {
        attributes.insert("version".to_owned(), text(version));
    }
    attributes
}

/// The skills root that the skill was found in: a policy can tell a skill of the system from one of
/// the same id that lies beside the plan. No path reads like what a built-in tool has.
fn root_of(step: &ProvenStep) -> Cow<'_, str> {
    let native = step.skill.native();
    native.map_or(Cow::Borrowed("builtin"), |native| {
        native.root.path.to_string_lossy()
    })
}

fn read_path(permission: &Permission) -> Option<&GrantPath> {
    match permission {
        Permission::FsRead(path) => Some(path),
        _ => None,
    }
}

fn exec_path(permission: &Permission) -> Option<&GrantPath> {
    match permission {
        Permission::FsExec(path) => Some(path),
        _ => None,
    }
}

fn write_path(permission: &Permission) -> Option<&GrantPath> {
    match permission {
        Permission::FsWrite(path) => Some(path),
        _ => None,
    }
}

/// The directories that hold all of what may be written. Cedar can't ask something of each member
/// of a set, but whether `out` is one of these.
fn within(permissions: &[Permission]) -> BTreeSet<String> {
    let above = |path: &GrantPath| {
        let above = path.rest.ancestors().map(|rest| GrantPath {
            base: path.base,
            rest: rest.to_owned(),
            is_directory: false,
        });
        above.map(|path| path.to_string()).collect::<BTreeSet<_>>()
    };
    let all = permissions.iter().filter_map(write_path).map(above);
    all.reduce(|one, other| one.intersection(&other).cloned().collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use cedar_policy::{Context, Request, Schema};

    use super::*;
    use crate::policy::schema::schema_text;
    use crate::policy::tests::proven;

    #[test]
    fn entities_are_as_the_schema_says() {
        let steps = "{name: files/scatter, type: skill, step_id: a, arguments: {}},
            {name: core/fetch, type: skill, step_id: b, arguments: {url: x}},
            {name: core/look, type: skill, step_id: c, arguments: {}},
            {name: builtin.now, type: tool, step_id: d, arguments: {}}";
        for step in proven(steps).steps {
            let text = schema_text([&*step.skill]);
            let schema = Schema::from_cedarschema_str(&text).unwrap().0;
            let [action, resource] = call(&step).unwrap();
            let who = principal(&Identity::default()).unwrap();
            let request = Request::new(
                who[0].uid(),
                action.uid(),
                resource.uid(),
                Context::empty(),
                None,
            );
            assert!(request.is_ok());
            let entities = who.into_iter().chain([resource]);
            let entities = Entities::from_entities(entities, Some(&schema));
            assert!(entities.is_ok(), "{}: {entities:?}", step.skill_id);
        }
    }

    #[test]
    fn the_namespace_is_the_id_without_its_last_part() {
        for (id, want) in [
            ("core/fetch", "core"),
            ("a/b/c", "a/b"),
            ("mcp.his.query", "mcp.his"),
            ("builtin.now", "builtin"),
            ("deploy/push.v2", "deploy"),
            ("v1.2/push", "v1.2"),
            ("plain", ""),
        ] {
            assert_eq!(namespace(id), want, "{id}");
        }
    }
}
