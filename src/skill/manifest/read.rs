//! From a document to a manifest: typed reading that collects all problems.

use std::time::Duration;

use serde_json::Value;

use super::process;
use super::{
    BreakerSettings, Execution, FrontMatter, MAX_OUTPUT_BYTES, Manifest, OutputFormat, RateLimit,
    Resources, TextEncoding,
};
use crate::document::{
    Diagnostic, Diagnostics, Document, Fields, Location, Meaning, Node, Shape, Source,
};
use crate::model::{RiskLevel, StepType, format_duration};
use crate::skill::command::{Reading, Stdin, read_command, read_stdin};
use crate::skill::id::SkillId;
use crate::skill::permission::Permission;

/// The most calls that a limit counts: each is a row of the state.
const MAX_CALLS: u32 = 10_000;

/// The longest time that a rate is counted over.
const MAX_PER: Duration = Duration::from_hours(24);

const MANIFEST: Shape = shape(
    "a manifest",
    &[
        "id",
        "version",
        "name",
        "description",
        "kind",
        "execution",
        "allow_leading_dash",
        "input_schema",
        "output_schema",
        "permissions",
        "timeout",
        "grace",
        "leak_timeout",
        "resources",
        "idempotent",
        "risk_level",
        "circuit_breaker",
        "concurrency",
        "rate_limit",
    ],
);

const CIRCUIT_BREAKER: Shape = shape("`circuit_breaker`", &["failure_threshold", "cooldown"]);

const RATE_LIMIT: Shape = shape("`rate_limit`", &["calls", "per"]);

const RESOURCES: Shape = shape(
    "`resources`",
    &[
        "max_memory_mb",
        "max_cpu_ms",
        "max_processes",
        "max_disk_mb",
        "max_output_bytes",
    ],
);

const EXECUTION: Shape = Shape {
    meaning: |key, _, _| {
        let meant = process::key_meant(key).map(Meaning::Key);
        meant.or_else(|| level_of(key))
    },
    ..Shape::new(
        "`execution`",
        &[
            "mode",
            "command",
            "stdin",
            "output",
            "encoding",
            "success_exit_codes",
            "env",
            "workdir",
        ],
    )
};

/// A mapping of a manifest. A key that another mapping has is at the wrong level.
const fn shape(what: &'static str, keys: &'static [&'static str]) -> Shape {
    Shape {
        meaning: |key, _, _| level_of(key),
        ..Shape::new(what, keys)
    }
}

/// Where a key belongs that is known somewhere in a manifest.
fn level_of(key: &str) -> Option<Meaning> {
    let key = process::key_meant(key).unwrap_or(key);
    if MANIFEST.keys.contains(&key) {
        return Some(Meaning::advice(format!(
            "`{key}` belongs to the top level of the manifest, beside `execution`"
        )));
    }
    let parts = [EXECUTION, RESOURCES, CIRCUIT_BREAKER, RATE_LIMIT];
    let part = parts.iter().find(|part| part.keys.contains(&key))?;
    let advice = format!("`{key}` belongs to {}", part.what);
    Some(Meaning::advice(advice))
}

/// A manifest as it was read, with everything that is wrong with it by itself.
#[derive(Debug)]
pub struct LoadedManifest {
    /// The manifest. Parts with problems hold defaults.
    pub manifest: Manifest,
    /// How the skill is run; none if that part has problems.
    pub execution: Option<Execution>,
    /// The text and the places.
    pub document: Document,
    /// Problems, in the order of their places.
    pub problems: Diagnostics,
}

/// Reads `source` as a manifest. `front_matter` is asked only if the manifest itself has no name
/// or no description.
pub fn load(source: Source, front_matter: impl FnOnce() -> FrontMatter) -> LoadedManifest {
    let (document, mut problems) = Document::parse(source);
    // If the text is no data there is nothing more to say about it.
    let (manifest, execution) = if document.value.is_null() && !problems.is_empty() {
        Default::default()
    } else {
        let root = Node::root(&document.value);
        manifest(&root, front_matter, &mut problems).unwrap_or_default()
    };
    document.sort_and_dedup(&mut problems);
    LoadedManifest {
        manifest,
        execution,
        document,
        problems,
    }
}

fn manifest(
    root: &Node<'_>,
    front_matter: impl FnOnce() -> FrontMatter,
    problems: &mut Diagnostics,
) -> Option<(Manifest, Option<Execution>)> {
    let mut fields = root.fields(problems, &MANIFEST)?;
    let (name, description) = names(&mut fields, front_matter, problems);
    let mut manifest = Manifest {
        name,
        description,
        id: fields.get("id").and_then(|node| id(&node, problems)),
        version: text(&mut fields, "version", problems),
        ..Manifest::default()
    };
    schemas(&mut manifest, &mut fields, problems);
    bounds(&mut manifest, &mut fields, problems);
    let kinds = [("skill", StepType::Skill), ("tool", StepType::Tool)];
    if let Some(kind) = chosen(&mut fields, "kind", &kinds, problems) {
        manifest.kind = kind;
    }
    if let Some(level) = chosen(&mut fields, "risk_level", &RiskLevel::WORDS, problems) {
        manifest.risk_level = level;
    }
    manifest.is_idempotent = flag(&mut fields, "idempotent", problems);
    if let Some(node) = fields.get("circuit_breaker") {
        manifest.circuit_breaker = circuit_breaker(&node, problems);
    }
    if let Some(node) = fields.get("concurrency") {
        manifest.call_limits.concurrency = count(&node, MAX_CALLS, problems);
    }
    if let Some(node) = fields.get("rate_limit") {
        manifest.call_limits.rate_limit = rate_limit(&node, problems);
    }
    let reading = Reading {
        input_schema: manifest.input_schema.as_ref(),
        allow_leading_dash: flag(&mut fields, "allow_leading_dash", problems),
        has_run_dir: manifest.uses_run_dir(),
        stdin: &Stdin::None,
    };
    let execution = if let Some(node) = fields.get("execution") {
        execution(&node, reading, &manifest.permissions, problems)
    } else {
        let place = fields.place_of_key("execution");
        problems.push(
            Diagnostic::error("missing_key", place, "the manifest has no `execution`")
                .help("add `execution: {command: [./run.sh]}`")
                .expected("execution"),
        );
        None
    };
    fields.finish(problems);
    Some((manifest, execution))
}

fn schemas(manifest: &mut Manifest, fields: &mut Fields<'_>, problems: &mut Diagnostics) {
    let mut schema = |node: Option<Node<'_>>, may_be_boolean: bool| {
        let node = node?;
        let is_schema = may_be_boolean && node.value.is_boolean();
        (is_schema || node.object(problems).is_some()).then(|| node.value.clone())
    };
    manifest.input_schema = schema(fields.get("input_schema"), false);
    manifest.output_schema = schema(fields.get("output_schema"), true);
}

/// What the skill may do, how long and how much.
fn bounds(manifest: &mut Manifest, fields: &mut Fields<'_>, problems: &mut Diagnostics) {
    if let Some(node) = fields.get("permissions") {
        manifest.permissions = permissions(&node, problems).unwrap_or_default();
    }
    if let Some(node) = fields.get("timeout") {
        manifest.timeout = node.duration(problems);
    }
    if let Some(node) = fields.get("grace") {
        manifest.grace = node.duration(problems);
    }
    if let Some(node) = fields.get("leak_timeout") {
        manifest.leak_timeout = node.duration(problems);
    }
    if let Some(node) = fields.get("resources") {
        manifest.resources = resources(&node, problems).unwrap_or_default();
    }
}

/// A breaker that says nothing has the default's numbers.
fn circuit_breaker(node: &Node<'_>, problems: &mut Diagnostics) -> Option<BreakerSettings> {
    let mut fields = node.fields(problems, &CIRCUIT_BREAKER)?;
    let mut settings = BreakerSettings::default();
    if let Some(node) = fields.get("failure_threshold")
        && let Some(number) = node.integer(problems, 1)
    {
        settings.failure_threshold = u32::try_from(number).unwrap_or(u32::MAX);
    }
    if let Some(node) = fields.get("cooldown")
        && let Some(cooldown) = node.duration(problems)
    {
        settings.cooldown = cooldown;
    }
    fields.finish(problems);
    Some(settings)
}

/// A rate needs both of its numbers.
fn rate_limit(node: &Node<'_>, problems: &mut Diagnostics) -> Option<RateLimit> {
    let mut fields = node.fields(problems, &RATE_LIMIT)?;
    let calls = fields.get("calls");
    let per = fields.get("per");
    for (node, key, example) in [(&calls, "calls", "calls: 10"), (&per, "per", "per: 1s")] {
        if node.is_none() {
            let place = fields.place_of_key(key);
            problems.push(
                Diagnostic::error("missing_key", place, format!("`rate_limit` has no `{key}`"))
                    .help(format!("add `{example}`"))
                    .expected(key),
            );
        }
    }
    let calls = calls.and_then(|node| count(&node, MAX_CALLS, problems));
    let per = per.and_then(|node| {
        let per = node.duration(problems)?;
        if per > MAX_PER {
            let message = format!("`per` is at most {}", format_duration(MAX_PER));
            let problem = Diagnostic::error("wrong_value", node.place(), message);
            problems.push(problem.help("write a shorter time, and fewer `calls`"));
            return None;
        }
        Some(per)
    });
    fields.finish(problems);
    calls.zip(per).map(|(calls, per)| RateLimit { calls, per })
}

/// A number of calls, from 1 to `most`.
fn count(node: &Node<'_>, most: u32, problems: &mut Diagnostics) -> Option<u32> {
    let number = node.integer(problems, 1)?;
    let count = u32::try_from(number).ok().filter(|count| *count <= most);
    if count.is_none() {
        let message = format!("`{number}` is too many: at most {most} calls can be counted");
        let problem = Diagnostic::error("wrong_value", node.place(), message);
        problems.push(
            problem
                .help("leave the limit out if it limits nothing")
                .got(number),
        );
    }
    count
}

fn chosen<T: Copy>(
    fields: &mut Fields<'_>,
    key: &'static str,
    choices: &[(&'static str, T)],
    problems: &mut Diagnostics,
) -> Option<T> {
    fields.get(key)?.choice(problems, choices)
}

/// A flag that is off if it is not given.
fn flag(fields: &mut Fields<'_>, key: &'static str, problems: &mut Diagnostics) -> bool {
    let node = fields.get(key);
    node.and_then(|node| node.boolean(problems))
        .unwrap_or_default()
}

fn text(fields: &mut Fields<'_>, key: &'static str, problems: &mut Diagnostics) -> Option<String> {
    let node = fields.get(key)?;
    let text = node.string(problems)?;
    if text.trim().is_empty() {
        let message = format!("`{key}` is empty");
        problems.push(
            Diagnostic::error("empty", node.place(), message).help("fill it in or remove it"),
        );
        return None;
    }
    Some(text.to_owned())
}

/// Name and description, here or in the front matter.
fn names(
    fields: &mut Fields<'_>,
    front_matter: impl FnOnce() -> FrontMatter,
    problems: &mut Diagnostics,
) -> (Option<String>, String) {
    let is_described = fields.get("description").is_some();
    let name = text(fields, "name", problems);
    let description = text(fields, "description", problems);
    if name.is_some() && is_described {
        return (name, description.unwrap_or_default());
    }
    let front = front_matter();
    if !is_described && front.description.is_none() {
        let place = fields.node.place();
        problems.push(
            Diagnostic::error("missing_key", place, "the skill has no `description`")
                .help("add `description:` with one line that a planner can choose by")
                .expected("description"),
        );
    }
    let description = description.or(front.description).unwrap_or_default();
    (name.or(front.name), description)
}

fn id(node: &Node<'_>, problems: &mut Diagnostics) -> Option<SkillId> {
    let text = node.string(problems)?;
    match SkillId::parse(text) {
        Ok(id) if id.is_reserved() => {
            let message = format!("the id `{id}` is reserved for tools that are built in");
            problems.push(
                Diagnostic::error("skill_id", node.place(), message).help("choose another id"),
            );
            None
        }
        Ok(id) => Some(id),
        Err(error) => {
            let problem = Diagnostic::error("skill_id", node.place(), error.to_string());
            problems.push(problem.help(SkillId::FORM).got(text));
            None
        }
    }
}

fn permissions(node: &Node<'_>, problems: &mut Diagnostics) -> Option<Vec<Permission>> {
    let mut permissions: Vec<Permission> = Vec::new();
    for node in node.list(problems)? {
        let Some(text) = node.string(problems) else {
            continue;
        };
        match Permission::parse(text) {
            Ok(permission) if permissions.contains(&permission) => {
                let message = format!("duplicate permission `{permission}`");
                problems.push(
                    Diagnostic::warning("permission", node.place(), message).help("remove one"),
                );
            }
            Ok(permission) => permissions.push(permission),
            Err(error) => {
                let mut problem = Diagnostic::error("permission", node.place(), error.message)
                    .help(error.help)
                    .got(text);
                if let Some(meant) = error.meant {
                    problem = problem.fix(node.replace_with(&meant.into()));
                }
                problems.push(problem);
            }
        }
    }
    Some(permissions)
}

fn resources(node: &Node<'_>, problems: &mut Diagnostics) -> Option<Resources> {
    let mut fields = node.fields(problems, &RESOURCES)?;
    let mut limit = |key| {
        let node = fields.get(key);
        node.and_then(|node| node.integer(problems, 1))
    };
    let resources = Resources {
        max_memory_mb: limit("max_memory_mb"),
        max_cpu_ms: limit("max_cpu_ms"),
        max_processes: limit("max_processes"),
        max_disk_mb: limit("max_disk_mb"),
        max_output_bytes: fields
            .get("max_output_bytes")
            .and_then(|node| output_limit(&node, problems)),
    };
    fields.finish(problems);
    Some(resources)
}

fn output_limit(node: &Node<'_>, problems: &mut Diagnostics) -> Option<u64> {
    let limit = node.integer(problems, 1)?;
    if limit <= MAX_OUTPUT_BYTES {
        return Some(limit);
    }
    let message =
        format!("`max_output_bytes` is {limit}: obs keeps at most {MAX_OUTPUT_BYTES} (64 MiB)");
    problems.push(
        Diagnostic::error("wrong_value", node.place(), message)
            .help("write larger output into a file in `$RUN_DIR` and print its path")
            .expected(MAX_OUTPUT_BYTES)
            .got(limit),
    );
    None
}

fn execution(
    node: &Node<'_>,
    reading: Reading<'_>,
    permissions: &[Permission],
    problems: &mut Diagnostics,
) -> Option<Execution> {
    let mut fields = node.fields(problems, &EXECUTION)?;
    // A skill of another mode is told its mode, not what else this one would have.
    let mode = fields.get("mode");
    if mode.is_some_and(|node| !is_native(&node, problems)) {
        return None;
    }
    let stdin = match fields.get("stdin") {
        Some(node) => read_stdin(&node, reading, problems),
        None => Some(Stdin::default()),
    };
    let reading = Reading {
        stdin: stdin.as_ref().unwrap_or(&Stdin::None),
        ..reading
    };
    let of_process = process::ProcessReading {
        permissions,
        has_run_dir: reading.has_run_dir,
        stdin: reading.stdin,
    };
    let env = fields.get("env");
    let env = env.map(|node| process::read_env(&node, of_process, problems));
    let workdir = fields.get("workdir");
    let workdir = workdir.and_then(|node| process::read_workdir(&node, of_process, problems));
    let output = fields
        .get("output")
        .and_then(|node| node.choice(problems, &OutputFormat::WORDS))
        .unwrap_or_default();
    let encoding = fields
        .get("encoding")
        .and_then(|node| encoding(&node, output, problems));
    let success_exit_codes = fields
        .get("success_exit_codes")
        .and_then(|node| exit_codes(&node, problems));
    let command = if let Some(node) = fields.get("command") {
        read_command(&node, reading, problems)
    } else {
        let place = fields.node.place();
        problems.push(
            Diagnostic::error("missing_key", place, "`execution` has no `command`")
                .help("add `command: [./run.sh]`: the program and its arguments")
                .expected("command"),
        );
        None
    };
    fields.finish(problems);
    Some(Execution {
        command: command?,
        stdin: stdin?,
        output,
        env: env.unwrap_or_default(),
        workdir,
        encoding: encoding.unwrap_or_default(),
        success_exit_codes: success_exit_codes.unwrap_or_else(|| vec![0]),
    })
}

fn encoding(
    node: &Node<'_>,
    output: OutputFormat,
    problems: &mut Diagnostics,
) -> Option<TextEncoding> {
    let encoding = node.choice(problems, &TextEncoding::WORDS)?;
    if output == OutputFormat::Json && encoding != TextEncoding::Utf8 {
        let message = "`encoding: lossy` is for text, but the output is JSON, which is UTF-8";
        problems.push(
            Diagnostic::error("wrong_value", node.place(), message)
                .help("remove it, or write `output: text` or `output: lines`"),
        );
    }
    Some(encoding)
}

fn is_native(node: &Node<'_>, problems: &mut Diagnostics) -> bool {
    match node.value.as_str() {
        Some("native") => true,
        Some(mode @ ("declarative" | "wasm")) => {
            let message =
                format!("`mode: {mode}` is not what obs runs: it runs `native` skills only");
            problems.push(
                Diagnostic::error("unsupported", node.place(), message)
                    .help(
                        "give the skill a command and `mode: native`, or run it with OpenBotStack",
                    )
                    .expected("native")
                    .got(mode),
            );
            false
        }
        _ => node.choice(problems, &[("native", ())]).is_some(),
    }
}

fn exit_codes(node: &Node<'_>, problems: &mut Diagnostics) -> Option<Vec<u8>> {
    let nodes = node.list(problems)?;
    if nodes.is_empty() {
        problems.push(
            Diagnostic::error(
                "wrong_value",
                node.place(),
                "without a success exit code the skill can't succeed",
            )
            .help("leave it out for `[0]`"),
        );
        return None;
    }
    let mut codes = Vec::new();
    for node in nodes {
        match node.value.as_u64().and_then(|code| u8::try_from(code).ok()) {
            Some(code) => codes.push(code),
            None => problems.push(exit_code_problem(node.place(), node.value)),
        }
    }
    Some(codes)
}

fn exit_code_problem(place: Location, value: &Value) -> Diagnostic {
    let message = format!("`{value}` is not an exit code");
    Diagnostic::error("wrong_value", place, message)
        .help("exit codes are whole numbers from 0 to 255")
        .got(value.clone())
}

#[cfg(test)]
mod tests;
