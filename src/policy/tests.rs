//! Decisions, row by row: plans, policies and identities with what is to come out.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::document::Source;
use crate::engine::{Decision, Effect, Identity, ProvenPlan, evaluate_plan};
use crate::executor::BaseEnvironment;
use crate::model::SandboxMode;
use crate::plan;
use crate::prove::{ProveContext, prove};
use crate::skill::{Registry, SandboxPolicy};

const SKILLS: [(&str, &str); 6] = [
    (
        "core/fetch",
        "version: 1.2.0\npermissions: [net]\ninput_schema: {type: object, required: [url], \
         properties: {url: {type: string}, n: {type: integer}, ratio: {type: number}, tags: {type: \
         array, items: {type: string}}, counts: {type: array, items: {type: integer}}, opts: \
         {type: object, properties: {deep: {type: boolean}}}, any: {}}}",
    ),
    ("core/look", "permissions: [\"fs.read:data\"]"),
    (
        "deploy/push",
        "risk_level: critical\npermissions: [\"fs.write:out/app/\", \"fs.write:out/log\"]",
    ),
    (
        "files/scatter",
        "risk_level: sensitive\npermissions: [\"fs.write:out\", \"fs.write:/var/tmp\", \
         \"env:LANG?\", \"secret:TOKEN?\"]",
    ),
    (
        "core/pay",
        "input_schema: {type: object, required: [amount, parts], properties: {amount: {type: \
         integer}, parts: {type: array, items: {type: number}}}}",
    ),
    ("tools/clock", "kind: tool"),
];

/// The skills of the table, below one root that lives as long as the tests.
fn root() -> &'static Path {
    static ROOT: OnceLock<TempDir> = OnceLock::new();
    let root = ROOT.get_or_init(|| {
        let root = TempDir::new().unwrap();
        for (id, more) in SKILLS {
            let dir = root.path().join(id);
            fs::create_dir_all(&dir).unwrap();
            let manifest =
                format!("description: A skill.\nexecution: {{command: [\"true\"]}}\n{more}\n");
            fs::write(dir.join("manifest.yaml"), manifest).unwrap();
        }
        root
    });
    root.path()
}

/// The steps, proven. JSON and YAML are both YAML.
pub(super) fn proven(steps: &str) -> ProvenPlan {
    let text = format!("assistant_id: test\nsteps: [{steps}]\n");
    let source = Source::from_bytes("plan.yaml".to_owned(), text.into_bytes()).unwrap();
    let mut loaded = plan::load(source);
    let context = ProveContext::new(
        Registry::new(vec![root().to_owned()]),
        root().to_owned(),
        BaseEnvironment::of_this_process(),
        SandboxPolicy::new(SandboxMode::Off),
    );
    let outcome = prove(&mut loaded, &context);
    outcome
        .plan
        .unwrap_or_else(|| panic!("{steps}: {:?}", loaded.problems))
}

fn file(text: &str) -> Vec<PolicyFile> {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("p.cedar");
    fs::write(&path, text).unwrap();
    load(&path).unwrap()
}

fn rules(text: &str) -> Vec<LoadedPolicy> {
    let file = file(text).remove(0);
    assert!(!file.problems.has_errors(), "{text}: {:?}", file.problems);
    file.rules
}

fn gate(text: &str, user: &str, tenant: &str) -> CedarGate {
    let identity = Identity {
        user_id: user.to_owned(),
        tenant_id: tenant.to_owned(),
        assistant_id: "test".to_owned(),
        session_id: "s-1".to_owned(),
        ..Identity::default()
    };
    CedarGate::new(Some(rules(text)), &FlagPolicies::default(), identity).unwrap()
}

/// The decision about the last step.
fn decide(steps: &str, policies: &str, user: &str, tenant: &str) -> Decision {
    evaluate_plan(&gate(policies, user, tenant), &proven(steps))
        .pop()
        .unwrap()
}

const ALL: &str = "@id(\"all\") permit(principal, action, resource);\n";
const FETCH: &str = "{name: core/fetch, type: skill, arguments: {url: \"https://a\"}}";
const LOOK: &str = "{name: core/look, type: skill}";
const PUSH: &str = "{name: deploy/push, type: skill}";
const SCATTER: &str = "{name: files/scatter, type: skill}";
const CLOCK: &str = "{name: tools/clock, type: tool}";

/// Steps, the policies after `ALL` unless they begin with `!`, user, tenant, ruling, deciding
/// policies.
type Row = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    Effect,
    &'static [&'static str],
);

use Effect::{Deferred, Erred, Forbidden, NotPermitted, Permitted};

#[rustfmt::skip]
const SCOPES: &[Row] = &[
    (LOOK, "", "", "", Permitted, &["all"]),
    (LOOK, "!@id(\"f\") forbid(principal, action == Action::\"core/fetch\", resource);", "", "", NotPermitted, &[]),
    (LOOK, "@id(\"f\") forbid(principal, action, resource);", "", "", Forbidden, &["f"]),
    (LOOK, "@id(\"f\") forbid(principal, action, resource); @id(\"g\") forbid(principal, action, resource is Skill);", "", "", Forbidden, &["f", "g"]),
    (LOOK, "!permit(principal, action, resource);", "", "", Permitted, &["p.cedar#1"]),
    (LOOK, "!@id(\"x\") permit(principal, action == Action::\"core/look\", resource);", "", "", Permitted, &["x"]),
    (FETCH, "!@id(\"x\") permit(principal, action == Action::\"core/look\", resource);", "", "", NotPermitted, &[]),
    (FETCH, "!@id(\"x\") permit(principal, action in Action::\"execute\", resource);", "", "", Permitted, &["x"]),
    (LOOK, "!@id(\"x\") permit(principal == User::\"local\", action, resource);", "", "", Permitted, &["x"]),
    (LOOK, "!@id(\"x\") permit(principal == User::\"local\", action, resource);", "ann", "", NotPermitted, &[]),
    (LOOK, "!@id(\"x\") permit(principal == User::\"ann\", action, resource);", "ann", "", Permitted, &["x"]),
    (LOOK, "!@id(\"x\") permit(principal in Tenant::\"default\", action, resource);", "ann", "", Permitted, &["x"]),
    (LOOK, "!@id(\"x\") permit(principal in Tenant::\"default\", action, resource);", "ann", "acme", NotPermitted, &[]),
    (LOOK, "@id(\"f\") forbid(principal in Tenant::\"acme\", action, resource);", "", "acme", Forbidden, &["f"]),
    (CLOCK, "!@id(\"x\") permit(principal, action, resource is Tool);", "", "", Permitted, &["x"]),
    (LOOK, "!@id(\"x\") permit(principal, action, resource is Tool);", "", "", NotPermitted, &[]),
    (LOOK, "!@id(\"x\") permit(principal, action, resource == Skill::\"core/look\");", "", "", Permitted, &["x"]),
];

#[rustfmt::skip]
const RESOURCES: &[Row] = &[
    (FETCH, "@id(\"f\") forbid(principal in Tenant::\"acme\", action, resource) when { resource.net };", "", "acme", Forbidden, &["f"]),
    (FETCH, "@id(\"f\") forbid(principal in Tenant::\"acme\", action, resource) when { resource.net };", "", "other", Permitted, &["all"]),
    (LOOK, "@id(\"f\") forbid(principal, action, resource) when { resource.net };", "", "", Permitted, &["all"]),
    (PUSH, "@id(\"f\") forbid(principal, action, resource) when { resource.risk_level == \"critical\" };", "", "", Forbidden, &["f"]),
    ("{name: core/look, type: skill, risk_level: critical}", "@id(\"f\") forbid(principal, action, resource) when { resource.risk_level == \"critical\" };", "", "", Forbidden, &["f"]),
    (PUSH, "@id(\"f\") forbid(principal, action, resource) unless { resource.fs_write_within.contains(\"out\") };", "", "", Permitted, &["all"]),
    (SCATTER, "@id(\"f\") forbid(principal, action, resource) unless { resource.fs_write_within.contains(\"out\") };", "", "", Forbidden, &["f"]),
    (SCATTER, "@id(\"f\") forbid(principal, action, resource) when { resource.secrets.contains(\"TOKEN\") };", "", "", Forbidden, &["f"]),
    (SCATTER, "@id(\"f\") forbid(principal, action, resource) when { resource.env.contains(\"TOKEN\") };", "", "", Permitted, &["all"]),
    (FETCH, "@id(\"f\") forbid(principal, action, resource) unless { resource has version && resource.version == \"1.2.0\" };", "", "", Permitted, &["all"]),
    (LOOK, "@id(\"f\") forbid(principal, action, resource) when { resource.version == \"1.2.0\" };", "", "", Erred, &["f"]),
    (PUSH, "@id(\"f\") forbid(principal, action, resource) when { resource.namespace == \"deploy\" };", "", "", Forbidden, &["f"]),
    (LOOK, "@id(\"f\") forbid(principal, action, resource) when { resource.permissions.contains(\"fs.read:data\") };", "", "", Forbidden, &["f"]),
    ("{name: core/look, type: skill, retry: {fallback: deploy/push}}", "@id(\"f\") forbid(principal, action == Action::\"files/scatter\", resource);", "", "", Permitted, &["all"]),
    ("{name: core/look, type: skill, retry: {fallback: files/scatter}}", "@id(\"f\") forbid(principal, action == Action::\"files/scatter\", resource);", "", "", Forbidden, &["f"]),
];

#[rustfmt::skip]
const ARGUMENTS: &[Row] = &[
    (FETCH, "@id(\"f\") forbid(principal, action, resource) when { context.arguments.url like \"http:*\" };", "", "", Permitted, &["all"]),
    ("{name: core/fetch, type: skill, arguments: {url: \"http://a\"}}", "@id(\"f\") forbid(principal, action, resource) when { context.arguments.url like \"http:*\" };", "", "", Forbidden, &["f"]),
    // A forbid that errs denies, where Cedar alone would pass it by.
    (LOOK, "@id(\"f\") forbid(principal, action, resource) when { context.arguments.url like \"http:*\" };", "", "", Erred, &["f"]),
    (LOOK, "@id(\"p\") permit(principal, action, resource) when { context.nothing };", "", "", Erred, &["p"]),
    ("{name: core/fetch, type: skill, arguments: {url: u, n: 9223372036854775807}}", "!@id(\"x\") permit(principal, action, resource) when { context.arguments.n == 9223372036854775807 };", "", "", Permitted, &["x"]),
    ("{name: core/fetch, type: skill, arguments: {url: u, n: 123456789012345678901234567890}}", "@id(\"f\") forbid(principal, action, resource) when { context.arguments_json like \"*123456789012345678901234567890*\" };", "", "", Forbidden, &["f"]),
    ("{name: core/fetch, type: skill, arguments: {url: u, ratio: 0.5}}", "@id(\"f\") forbid(principal, action, resource) when { context.arguments_json like \"*0.5*\" };", "", "", Forbidden, &["f"]),
    ("{name: core/fetch, type: skill, arguments: {url: u, tags: [a, b]}}", "@id(\"f\") forbid(principal, action, resource) when { context.arguments.tags.contains(\"b\") };", "", "", Forbidden, &["f"]),
    // An entity in a plan is a record with a strange key.
    ("{name: core/fetch, type: skill, arguments: {url: u, any: {__entity: {type: User, id: root}}}}", "@id(\"f\") forbid(principal, action, resource) when { context.arguments.any == User::\"root\" };", "", "", Permitted, &["all"]),
    ("{name: core/fetch, type: skill, arguments: {url: u, any: {__entity: {type: User, id: root}}}}", "@id(\"f\") forbid(principal, action, resource) when { context.arguments.any has __entity };", "", "", Forbidden, &["f"]),
    ("{name: core/fetch, type: skill, arguments: {url: u, any: {__extn: {fn: ip, arg: \"::1\"}}}}", "@id(\"f\") forbid(principal, action, resource) when { context.arguments.any.__extn.fn == \"ip\" };", "", "", Forbidden, &["f"]),
    (LOOK, "@id(\"f\") forbid(principal, action, resource) when { context.plan_steps > 1 };", "", "", Permitted, &["all"]),
    ("{name: core/look, type: skill, step_id: a}, {name: core/look, type: skill, step_id: b}", "@id(\"f\") forbid(principal, action, resource) when { context.plan_steps > 1 && context.step_index == 1 };", "", "", Forbidden, &["f"]),
    (LOOK, "@id(\"f\") forbid(principal, action, resource) unless { context.assistant_id == \"test\" && context.session_id == \"s-1\" && context.step_name == \"core/look\" };", "", "", Permitted, &["all"]),
];

/// `core/fetch` with these arguments, and a condition under which a policy forbids it.
type UntypedRow = (&'static str, &'static str, Effect);

#[rustfmt::skip]
const UNTYPED: &[UntypedRow] = &[
    // A number without a fraction is a Long, however it is written.
    ("n: 5000.0", "context.arguments has n && context.arguments.n > 1000", Forbidden),
    ("n: 5e3", "context.arguments has n && context.arguments.n > 1000", Forbidden),
    ("any: 1E+2", "context.arguments.any == 100", Forbidden),
    ("any: -0.0", "context.arguments.any == 0", Forbidden),
    ("any: [99.00]", "context.arguments.any == [99]", Forbidden),
    ("any: {x: 9223372036854775807.0}", "context.arguments.any.x == 9223372036854775807", Forbidden),
    ("any: [1, 1.0, 1e0]", "context.arguments.any == [1]", Forbidden),
    ("any: [1e1, 2]", "context.arguments.any.containsAll([10, 2])", Forbidden),
    // What Cedar can't express is never absent.
    ("n: 9223372036854775808", "context.arguments has n", Erred),
    ("n: 9223372036854775808", "context.arguments has n && context.arguments.n > 5", Erred),
    ("n: -99999999999999999999", "context.arguments has n && context.arguments.n < 5", Erred),
    ("any: 1e300", "context.arguments has any && context.arguments.any > 5", Erred),
    ("ratio: 0.5", "context.arguments has ratio", Erred),
    ("ratio: 5000.5", "context.arguments has ratio && context.arguments.ratio > 1000", Erred),
    ("ratio: 0.5", "context.arguments[\"ratio\"] == 1", Erred),
    ("any: null", "context.arguments has any", Erred),
    ("any: [prod, null]", "context.arguments has any && context.arguments.any.contains(\"prod\")", Erred),
    ("any: [prod, [1.5]]", "context.arguments has any && context.arguments.any.contains(\"prod\")", Erred),
    ("any: [prod, {x: null}]", "context.arguments has any && context.arguments.any.containsAny([\"prod\"])", Erred),
    ("counts: [1, 9223372036854775808]", "context.arguments has counts", Erred),
    // The same below a key, whichever way a policy takes to it.
    ("opts: {x: 1.5}", "context.arguments.opts has x", Erred),
    ("opts: {x: 1.5}", "context.arguments.opts has x && context.arguments.opts.x > 1", Erred),
    ("opts: {x: 1.5}", "context.arguments has opts.x && context.arguments.opts.x > 1", Erred),
    ("opts: {x: 1.5}", "context has arguments.opts.x", Erred),
    ("opts: {x: [null]}", "context.arguments.opts == {}", Erred),
    ("opts: {x: [null]}", "[{}].contains(context.arguments.opts)", Erred),
    ("opts: {x: {y: null}}", "context.arguments.opts.x has z", Permitted),
    ("opts: {x: {y: null}}", "context.arguments.opts.x == {}", Erred),
    ("opts: {x: {y: null}}", "{a: context.arguments.opts}.a.x has y", Erred),
    ("opts: {x: {y: null}}", "(if resource.net then context.arguments else context.arguments).opts.x has y", Erred),
    ("any: null", "context.arguments.any has x", Erred),
    ("any: null", "context.arguments.any.x.y == 1", Erred),
    // And if a policy looks at all arguments.
    ("ratio: 0.5", "context.arguments == {url: \"u\"}", Erred),
    ("ratio: 0.5", "context == {}", Erred),
    ("ratio: 0.5", "[context.arguments].contains({url: \"u\"})", Erred),
    ("ratio: 0.5", "context.arguments has url && context.arguments has ratio", Erred),
    // A policy that does not look at it decides as before.
    ("ratio: 0.5", "context.arguments has url && context.arguments.url == \"u\"", Forbidden),
    ("ratio: 0.5", "context.arguments has n", Permitted),
    ("ratio: 0.5", "context has arguments", Forbidden),
    ("ratio: 0.5", "context.arguments_json like \"*0.5*\"", Forbidden),
    ("ratio: 0.5", "context.arguments_json like \"*0.7*\"", Permitted),
    ("ratio: 0.5", "resource.net", Forbidden),
    ("opts: {deep: true, x: 1.5}", "context.arguments.opts.deep", Forbidden),
    ("opts: {deep: true, x: 1.5}", "context.arguments has opts", Forbidden),
    ("opts: {deep: false, x: 1.5}", "context.arguments has opts.deep && context.arguments.opts.deep", Permitted),
    // Nor does one that does not come to its look.
    ("ratio: 0.5", "resource.id == \"core/look\" && context.arguments.ratio > 1", Permitted),
    ("ratio: 0.5", "resource.net && (resource.id == \"core/look\" && context.arguments.ratio > 1)", Permitted),
    ("ratio: 0.5", "resource.net && context.arguments.ratio > 1", Erred),
    ("ratio: 0.5", "context.arguments.ratio > 1 && resource.id == \"core/look\"", Erred),
    ("ratio: 0.5", "resource.nothing && context.arguments.ratio > 1", Erred),
];

#[test]
fn a_value_without_a_cedar_type_is_never_taken_for_an_absent_one() {
    for (arguments, condition, ruling) in UNTYPED {
        let step = format!("{{name: core/fetch, type: skill, arguments: {{url: u, {arguments}}}}}");
        let forbid =
            format!("{ALL}@id(\"f\") forbid(principal, action, resource) when {{ {condition} }};");
        let decision = decide(&step, &forbid, "", "");
        assert_eq!(
            decision.effect, *ruling,
            "{arguments}: {condition}: {decision:?}"
        );
        // A permit that looks at it is an error too, and no other permit makes up for it.
        let permit = forbid.replace("@id(\"f\") forbid", "@id(\"f\") permit");
        let decision = decide(&step, &permit, "", "");
        assert_eq!(
            decision.effect == Erred,
            *ruling == Erred,
            "{condition}: {decision:?}"
        );
        // In a policy for another skill nothing looks at it.
        let other = forbid.replace(
            "action, resource) when",
            "action == Action::\"core/look\", resource) when",
        );
        assert_eq!(
            decide(&step, &other, "", "").effect,
            Permitted,
            "{condition}"
        );
        // While another argument is unknown, it is an error already.
        let step = format!(
            "{LOOK}, {}",
            step.replace("url: u", "url: \"{{core/look.url}}\"")
        );
        let decision = decide(&step, &forbid, "", "");
        assert!(
            *ruling != Erred || decision.effect.is_denial(),
            "{condition}: {decision:?}"
        );
        assert!(
            *ruling != Forbidden || decision.effect != Permitted,
            "{condition}: {decision:?}"
        );
    }
}

#[test]
fn a_value_without_a_cedar_type_is_explained() {
    let lines: Vec<String> = [
        ("n: 99999999999999999999", "n"),
        ("ratio: 0.5", "ratio"),
        ("any: null", "any"),
        ("any: [prod, null]", "any"),
        ("any: {a.b: {c: [[1.5]]}}", "any"),
    ]
    .into_iter()
    .map(|(arguments, name)| {
        let step = format!("{{name: core/fetch, type: skill, arguments: {{url: u, {arguments}}}}}");
        let policy = format!(
            "@id(\"f\") forbid(principal, action, resource) when \
             {{ context.arguments.{name} == 1 }};"
        );
        let decision = decide(&step, &policy, "", "");
        format!("{arguments}\n    {}", decision.errors[0].1)
    })
    .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn conditions_that_look_at_no_argument_decide_whether_a_policy_waits() {
    for (condition, ruling) in [
        (
            "when { resource.id == \"core/look\" && context.arguments.url == \"x\" }",
            Permitted,
        ),
        (
            "when { resource.id == \"core/look\" } when { context.arguments.url == \"x\" }",
            Permitted,
        ),
        (
            "unless { resource.net || context.arguments.url == \"x\" }",
            Permitted,
        ),
        (
            "unless { !resource.net || context.arguments.url == \"x\" }",
            Deferred,
        ),
        (
            "when { resource.net && context.arguments.url == \"x\" }",
            Deferred,
        ),
        (
            "when { resource.net || context.arguments.url == \"x\" }",
            Deferred,
        ),
        (
            "when { !(resource.net && context.arguments.url == \"x\") }",
            Deferred,
        ),
        (
            "when { resource.nothing && context.arguments.url == \"x\" }",
            Erred,
        ),
    ] {
        let policy = format!("{ALL}@id(\"f\") forbid(principal, action, resource) {condition};");
        let decision = decide(GIVEN, &policy, "", "");
        assert_eq!(decision.effect, ruling, "{condition}: {decision:?}");
    }
}

/// The second step's `url` is what the first one gives.
const GIVEN: &str = "{name: core/look, type: skill}, {name: core/fetch, type: skill, arguments: \
                     {url: \"{{core/look.url}}\", n: 3}}";

#[rustfmt::skip]
const REFERENCES: &[Row] = &[
    (GIVEN, "", "", "", Permitted, &["all"]),
    (GIVEN, "@id(\"f\") forbid(principal, action, resource) when { context.arguments has url && context.arguments.url == \"x\" };", "", "", Deferred, &[]),
    // What is known decides already.
    (GIVEN, "@id(\"f\") forbid(principal, action, resource) when { context.arguments has n && context.arguments.n == 3 };", "", "", Forbidden, &["f"]),
    (GIVEN, "@id(\"f\") forbid(principal, action, resource) when { context.arguments has n && context.arguments.n == 4 };", "", "", Permitted, &["all"]),
    (GIVEN, "@id(\"f\") forbid(principal, action, resource) when { context.arguments_json like \"*3*\" };", "", "", Deferred, &[]),
    (GIVEN, "@id(\"f\") forbid(principal, action, resource) when { context == {} };", "", "", Deferred, &[]),
    (GIVEN, "@id(\"f\") forbid(principal, action, resource) when { {Value: context.arguments.url} == {Value: \"x\"} };", "", "", Deferred, &[]),
    (GIVEN, "@id(\"f\") forbid(principal, action, resource) when { [context.arguments].contains({url: \"x\"}) };", "", "", Deferred, &[]),
    (GIVEN, "@id(\"f\") forbid(principal, action, resource) when { if context has arguments then context.step_index == 7 else context.arguments[\"url\"] == \"x\" };", "", "", Deferred, &[]),
    // A policy that hangs on what is unknown does not stand in the way of one that doesn't.
    (GIVEN, "@id(\"f\") forbid(principal, action, resource) when { context.arguments.url == \"x\" }; @id(\"g\") forbid(principal, action, resource) when { resource.net };", "", "", Forbidden, &["g"]),
    // It speaks of another skill.
    (GIVEN, "@id(\"f\") forbid(principal, action == Action::\"core/look\", resource) when { context.arguments.url == \"x\" };", "", "", Permitted, &["all"]),
    (GIVEN, "!@id(\"x\") permit(principal, action, resource) when { context.arguments.url == \"x\" };", "", "", Deferred, &[]),
    (GIVEN, "!@id(\"x\") permit(principal == User::\"ann\", action, resource) when { context.arguments.url == \"x\" };", "", "", NotPermitted, &[]),
    (GIVEN, "@id(\"f\") forbid(principal, action, resource) when { resource.nothing };", "", "", Erred, &["f"]),
];

#[test]
fn the_table_of_decisions() {
    let rows = [SCOPES, RESOURCES, ARGUMENTS, REFERENCES].concat();
    assert!(rows.len() >= 60, "{}", rows.len());
    for (steps, policies, user, tenant, ruling, ids) in rows {
        let policies = match policies.strip_prefix('!') {
            Some(alone) => alone.to_owned(),
            None => format!("{ALL}{policies}"),
        };
        let decision = decide(steps, &policies, user, tenant);
        assert_eq!(
            (decision.effect, decision.policies.as_slice()),
            (
                ruling,
                &*ids.iter().map(ToString::to_string).collect::<Vec<_>>()
            ),
            "{steps}\n{policies}\n{decision:?}"
        );
    }
}

#[test]
fn the_short_form_is_policies() {
    let short = |allow: &[&str], deny: &[&str], max_steps, max_risk| FlagPolicies {
        allow: allow.iter().map(|glob| glob.parse().unwrap()).collect(),
        deny: deny.iter().map(|glob| glob.parse().unwrap()).collect(),
        max_steps,
        max_risk,
    };
    let sensitive = crate::model::RiskLevel::Sensitive;
    for (short, steps, ruling, id) in [
        (
            short(&["core/*"], &[], None, None),
            LOOK,
            Permitted,
            "--allow core/*",
        ),
        (short(&["core/*"], &[], None, None), PUSH, NotPermitted, ""),
        (
            short(&["*"], &["deploy/*"], None, None),
            PUSH,
            Forbidden,
            "--deny deploy/*",
        ),
        (
            short(&[], &["deploy/*"], None, None),
            LOOK,
            Permitted,
            "no --allow",
        ),
        (
            short(&[], &[], Some(1), None),
            GIVEN,
            Forbidden,
            "--max-steps 1",
        ),
        (
            short(&[], &[], Some(2), None),
            GIVEN,
            Permitted,
            "no --allow",
        ),
        (
            short(&[], &[], None, Some(sensitive)),
            PUSH,
            Forbidden,
            "--max-risk sensitive",
        ),
        (
            short(&[], &[], None, Some(sensitive)),
            SCATTER,
            Permitted,
            "no --allow",
        ),
    ] {
        let gate = CedarGate::new(None, &short, Identity::default()).unwrap();
        let decision = evaluate_plan(&gate, &proven(steps)).pop().unwrap();
        assert_eq!(
            (decision.effect, decision.policies.concat().as_str()),
            (ruling, id)
        );
    }
    // What a file does not permit, `--allow` can; what it forbids, stays forbidden.
    let rules = rules("@id(\"f\") forbid(principal, action, resource) when { resource.net };");
    let gate = CedarGate::new(
        Some(rules),
        &short(&["core/*"], &[], None, None),
        Identity::default(),
    );
    let decisions = evaluate_plan(&gate.unwrap(), &proven(&format!("{LOOK}, {FETCH}")));
    let rulings: Vec<Effect> = decisions.iter().map(|decision| decision.effect).collect();
    assert_eq!(rulings, [Permitted, Forbidden]);
}

#[test]
fn what_is_wrong_with_a_file_has_its_place() {
    for (text, code, start) in [
        (
            "permit(principal, action, resource) when { 1 == };",
            "policy_syntax",
            48,
        ),
        (
            "permit(principal == ?principal, action, resource);",
            "policy_template",
            0,
        ),
        (
            "@id(\"a\") permit(principal, action, resource); @id(\"a\") forbid(principal, action, \
             resource);",
            "policy_id",
            0,
        ),
    ] {
        let file = file(text).remove(0);
        let problem = &file.problems[0];
        assert_eq!(
            (
                problem.code,
                file.document.bytes_of(&problem.location).start
            ),
            (code, start)
        );
        assert!(file.rules.is_empty());
    }
}

#[test]
fn policies_are_held_against_the_schema_of_the_skills() {
    let registry = Registry::new(vec![root().to_owned()]);
    let skills = SKILLS.map(|(id, _)| registry.find(id).unwrap().unwrap());
    for (text, wrong) in [
        (ALL, 0),
        (
            "permit(principal, action == Action::\"core/fetch\", resource) when \
             { context.arguments.url like \"h*\" };",
            0,
        ),
        // It is not required.
        (
            "permit(principal, action == Action::\"core/fetch\", resource) when \
             { context.arguments.n > 1 };",
            1,
        ),
        (
            "permit(principal, action == Action::\"core/fetch\", resource) when \
             { context.arguments has n && context.arguments.n > 1 };",
            0,
        ),
        (
            "permit(principal, action == Action::\"core/fetsh\", resource);",
            1,
        ),
        (
            "permit(principal, action, resource) when { resource.risk == \"info\" };",
            1,
        ),
        (
            "permit(principal, action == Action::\"core/fetch\", resource) when \
             { context.arguments has ratio && context.arguments.ratio > 1 };",
            0,
        ),
        // A fraction denies, and decides nothing.
        (
            "permit(principal, action == Action::\"core/fetch\", resource) when \
             { context.arguments has ratio && context.arguments.ratio > \"1\" };",
            1,
        ),
        (
            "permit(principal, action == Action::\"core/pay\", resource) when \
             { context.arguments.amount > 1 && context.arguments.parts.contains(2) };",
            0,
        ),
    ] {
        let mut files = file(text);
        check(&mut files, skills.iter().map(AsRef::as_ref)).unwrap();
        let found = files[0].problems.len();
        assert_eq!(found.min(1), wrong, "{text}: {:?}", files[0].problems);
    }
}

/// Policies to draw from: some permit, some forbid, some look at what is not there.
const POOL: [&str; 10] = [
    "permit(principal, action, resource);",
    "permit(principal, action in Action::\"execute\", resource) when { resource.net };",
    "permit(principal in Tenant::\"acme\", action, resource);",
    "permit(principal, action, resource) when { context.arguments has url };",
    "permit(principal, action, resource) when { context.absent };",
    "forbid(principal, action, resource) when { resource.risk_level == \"critical\" };",
    "forbid(principal, action, resource) when { context.arguments has url && \
     context.arguments.url == \"x\" };",
    "forbid(principal in Tenant::\"acme\", action, resource) when { resource.net };",
    "forbid(principal, action, resource) when { context.arguments.absent };",
    "forbid(principal, action, resource) when { context.plan_steps > 1 };",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn another_forbid_never_permits_more_and_an_error_never_permits(
        drawn in proptest::collection::vec(0..POOL.len(), 0..6),
        forbid in 5..POOL.len(),
        steps in proptest::sample::select(vec![LOOK, FETCH, PUSH, SCATTER, GIVEN, CLOCK]),
        tenant in proptest::sample::select(vec!["", "acme"]),
    ) {
        let mut policies: String = drawn.iter().map(|at| POOL[*at]).collect();
        let before = decide(steps, &policies, "", tenant);
        policies.push_str(POOL[forbid]);
        let after = decide(steps, &policies, "", tenant);
        prop_assert!(after.effect != Permitted || before.effect == Permitted);
        prop_assert!(!before.effect.is_denial() || after.effect.is_denial());
        // `context.absent` is looked at whatever the arguments are.
        if drawn.contains(&4) {
            prop_assert_eq!(before.effect, Erred);
        }
        prop_assert_eq!(before.effect == Erred, !before.errors.is_empty());
    }
}
