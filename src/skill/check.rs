//! `obs skills check`: all that can be said about one skill before anything calls it.
//!
//! Invariant: what `run` would refuse is an error here too, with its place in the manifest, and so
//! is a description that is still to be written. What only looks unintended, or is amiss in these
//! surroundings only, is a warning.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use super::command::{ArgumentUse, Stdin};
use super::hidden_file::CommandFiles;
use super::id::SkillId;
use super::manifest::{Execution, LoadedManifest, MANIFEST_NAMES, Manifest};
use super::permission::{PathBase, Permission};
use super::program::{ProgramDirs, resolve};
use super::registry::{LoadProblem, read_manifest};
use super::root_dir::{FileKind, RootDir};
use super::sandbox_policy::SandboxPolicy;
use super::schema::Schema;
use super::skill::schema_problem;
use crate::document::{Diagnostic, Diagnostics, Document, Location};
use crate::model::StepDirs;

/// What a skill would meet if it ran now.
#[derive(Clone, Copy)]
pub(crate) struct CheckContext<'a> {
    /// The workspace, absolute.
    pub workspace: &'a Path,
    /// How skills are confined.
    pub sandbox: &'a SandboxPolicy,
    /// The value of `PATH`.
    pub path: &'a OsStr,
    /// Whether an environment variable is set.
    pub is_set: &'a dyn Fn(&str) -> bool,
}

/// A skill directory that was looked through.
#[derive(Debug)]
pub(crate) struct CheckReport {
    /// The manifest's text and the places in it.
    pub document: Document,
    /// What is wrong, in the order of the places.
    pub problems: Diagnostics,
}

/// Looks through the skill in the directory `below` of `root`; `""` is the root itself.
pub(crate) fn check(
    root: &Path,
    below: &Path,
    surroundings: &CheckContext<'_>,
) -> Result<CheckReport, Arc<LoadProblem>> {
    let no_manifest = || {
        Arc::new(LoadProblem::NoManifest {
            path: root.join(below),
        })
    };
    let dir = RootDir::open(root).map_err(|source| {
        let path = root.to_owned();
        Arc::new(LoadProblem::Root { path, source })
    })?;
    let dir = dir.ok_or_else(no_manifest)?;
    let loaded = read_manifest(&dir, root, below)?.ok_or_else(no_manifest)?;
    let LoadedManifest {
        manifest,
        execution,
        document,
        mut problems,
    } = loaded;
    check_id(&manifest, below, &mut problems);
    check_description(&manifest, &document, &mut problems);
    check_schemas(&manifest, &mut problems);
    check_names(&dir, below, &mut problems);
    let skill_dir = dir.canonical_dir(below).map_err(|source| {
        let path = root.join(below);
        Arc::new(LoadProblem::Unreadable { path, source })
    })?;
    let dirs = StepDirs::new(
        &skill_dir,
        surroundings.workspace,
        surroundings.sandbox.home.as_deref(),
    );
    if let Some(execution) = &execution {
        let places = ProgramDirs {
            root: &dir,
            below,
            skill_dir: &skill_dir,
            workspace: surroundings.workspace,
            path: surroundings.path,
        };
        let files = CommandFiles {
            command: &execution.command,
            permissions: &manifest.permissions,
            dirs: &dirs,
            path: surroundings.path,
        };
        check_program(&places, files, surroundings.sandbox, &mut problems);
        check_arguments(&manifest, execution, &mut problems);
        check_relative_words(&document, execution, &dirs, &mut problems);
        check_variables(execution, &mut problems);
        let fault = execution.workdir_fault(&manifest.permissions, surroundings.sandbox, &dirs);
        if let Some((message, help)) = fault {
            let place = Location::value("/execution/workdir");
            problems.push(Diagnostic::error("workdir", place, message).help(help));
        }
    }
    check_permissions(&document, &dirs, surroundings, &mut problems);
    document.sort_and_dedup(&mut problems);
    Ok(CheckReport { document, problems })
}

/// Holds the id that the directory's path gives against the rules; one in the manifest wins.
fn check_id(manifest: &Manifest, below: &Path, problems: &mut Diagnostics) {
    let path = below.to_str().filter(|path| !path.is_empty());
    let Some(path) = path.filter(|_| manifest.id.is_none()) else {
        return;
    };
    let problem = |message: String| Diagnostic::error("skill_id", Location::File, message);
    match SkillId::parse(path) {
        Ok(id) if id.is_reserved() => {
            let message = format!("the id `{id}` is reserved for tools that are built in");
            problems.push(problem(message).help("rename the directory"));
        }
        Ok(_) => {}
        Err(error) => problems.push(
            problem(format!("the directory's path is not a valid id: {error}"))
                .help("rename the directory, or give the manifest an `id`"),
        ),
    }
}

/// What a planner chooses by can't be a placeholder.
fn check_description(manifest: &Manifest, document: &Document, problems: &mut Diagnostics) {
    if !manifest.lacks_description() {
        return;
    }
    // Else it is in the front matter of `SKILL.md`.
    let is_own = document.value.get("description").is_some();
    let place = if is_own {
        Location::value("/description")
    } else {
        Location::File
    };
    problems.push(
        Diagnostic::error("todo", place, "the description is still to be written")
            .help("say in one line what the skill does: a planner chooses it by that"),
    );
}

/// The program must be there, and nothing that the command names may be hidden by the sandbox.
fn check_program(
    places: &ProgramDirs<'_>,
    files: CommandFiles<'_>,
    sandbox: &SandboxPolicy,
    problems: &mut Diagnostics,
) {
    let place = Location::value("/execution/command/0");
    let program = match resolve(files.command.program(), places) {
        Ok(program) => program,
        Err(error) => {
            problems.push(Diagnostic::error("program", place, error.message).help(error.help));
            return;
        }
    };
    if let Some(hidden) = sandbox.hidden_file(files, &program) {
        let verb = hidden.needs.verb();
        let message = format!(
            "the sandbox hides `{}`: the skill may not {verb} it",
            hidden.file.display()
        );
        problems.push(
            Diagnostic::error("hidden_program", place, message)
                .help(format!("add `{}` to `permissions`", hidden.permission)),
        );
    }
}

fn check_schemas(manifest: &Manifest, problems: &mut Diagnostics) {
    let schemas = [
        ("/input_schema", &manifest.input_schema),
        ("/output_schema", &manifest.output_schema),
    ];
    for (key, value) in schemas {
        let Some(value) = value else { continue };
        if let Err(error) = Schema::compile(value) {
            problems.push(schema_problem(key, &error));
        }
        for format in Schema::unknown_formats(value) {
            problems.push(format.problem(key));
        }
    }
    let kinds = manifest
        .input_schema
        .as_ref()
        .and_then(|schema| schema.get("type"));
    let takes_object = match kinds {
        Some(Value::String(kind)) => kind == "object",
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "object"),
        // Another kind of value is said when it is compiled.
        None | Some(_) => true,
    };
    if !takes_object {
        problems.push(
            Diagnostic::error(
                "schema",
                Location::value("/input_schema/type"),
                "no arguments can match `input_schema`",
            )
            .help("arguments are always a mapping: write `type: object`")
            .expected("object"),
        );
    }
}

/// A second manifest beside the one that counts.
fn check_names(root: &RootDir, below: &Path, problems: &mut Diagnostics) {
    let is_there = |name: &&str| {
        matches!(
            root.file_kind(&below.join(name)),
            Ok((FileKind::Regular, _))
        )
    };
    let mut names = MANIFEST_NAMES.iter().copied().filter(is_there);
    if let Some(first) = names.next() {
        for ignored in names {
            let message = format!("`{ignored}` is ignored, because `{first}` is there");
            problems.push(
                Diagnostic::warning("two_manifests", Location::File, message).help("remove one"),
            );
        }
    }
}

/// What the schema and the command say of each other.
fn check_arguments(manifest: &Manifest, execution: &Execution, problems: &mut Diagnostics) {
    let Some(schema) = &manifest.input_schema else {
        return;
    };
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return;
    };
    let place = || Location::value("/execution/command");
    let required = schema.get("required").and_then(Value::as_array);
    let is_required =
        |name: &str| required.is_some_and(|names| names.iter().any(|other| other == name));
    let mut checked: Vec<&str> = Vec::new();
    for ArgumentUse {
        name, is_optional, ..
    } in execution.command.arguments()
    {
        if checked.contains(&name) {
            continue;
        }
        checked.push(name);
        let is_closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
        if !properties.contains_key(name) && !is_closed {
            let message = format!("`{name}` is used in the command, but not in `input_schema`");
            problems.push(
                Diagnostic::warning("undescribed_argument", place(), message)
                    .help("describe it under `properties`, so that it is checked before the run"),
            );
        } else if !is_optional && !is_required(name) {
            let message =
                format!("the command needs `{name}`, but `input_schema` lets it be left out");
            let help = format!("add it to `required`, or nest its element: [[\"{{{{{name}}}}}\"]]");
            problems.push(Diagnostic::warning("optional_argument", place(), message).help(help));
        }
    }
    if checked.is_empty() && execution.stdin == Stdin::None && !properties.is_empty() {
        problems.push(
            Diagnostic::warning(
                "unused_arguments",
                place(),
                "no argument reaches the program",
            )
            .help("use them in the command, or leave out `stdin: none`"),
        );
    }
}

/// Warns of `./x` behind the program: it means the working directory, but the skill has an `x`.
fn check_relative_words(
    document: &Document,
    execution: &Execution,
    dirs: &StepDirs<'_>,
    problems: &mut Diagnostics,
) {
    let workdir = execution.workdir.as_ref();
    let resolved = workdir.and_then(|workdir| workdir.resolve(dirs));
    if resolved.as_deref() == Some(dirs.skill) {
        return;
    }
    let place = workdir.map_or("the workspace", |_| "the working directory");
    let command = document.value.pointer("/execution/command");
    let elements = command.and_then(Value::as_array).into_iter().flatten();
    for (index, element) in elements.enumerate().skip(1) {
        let words = match element {
            Value::Array(group) => group.iter().enumerate().collect(),
            word => vec![(usize::MAX, word)],
        };
        for (at, word) in words {
            let Some(word) = word.as_str() else { continue };
            let value = word.split_once('=').map_or(word, |(_, value)| value);
            let Some(path) = value.strip_prefix("./").filter(|path| !path.is_empty()) else {
                continue;
            };
            if path.contains('\0') || dirs.skill.join(path).symlink_metadata().is_err() {
                continue;
            }
            let pointer = match element {
                Value::Array(_) => format!("/execution/command/{index}/{at}"),
                _ => format!("/execution/command/{index}"),
            };
            let message = format!("`./{path}` is in {place}, but the skill has one too");
            problems.push(
                Diagnostic::warning("relative_path", Location::value(pointer), message).help(
                    format!(
                        "write `$SKILL_DIR/{path}` for the skill's own, or `$WORKSPACE/{path}`"
                    ),
                ),
            );
        }
    }
}

/// Words at the end of the names of variables that hold a secret.
const SECRET_WORDS: [&str; 9] = [
    "TOKEN",
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "API_KEY",
    "APIKEY",
    "ACCESS_KEY",
    "PRIVATE_KEY",
];

/// Warns of a variable that seems to be a secret. Its value is not shown.
fn check_variables(execution: &Execution, problems: &mut Diagnostics) {
    for variable in &execution.env {
        let name = &variable.name;
        let upper = name.to_ascii_uppercase();
        if variable.is_literal() && SECRET_WORDS.iter().any(|word| upper.ends_with(word)) {
            let message = format!("`{name}` looks like a secret that everybody can read here");
            problems.push(
                Diagnostic::warning(
                    "secret_in_manifest",
                    Location::key("/execution/env"),
                    message,
                )
                .help(format!(
                    "remove it, add `secret:{name}` to `permissions`, and give the value by \
                         `--secret {name}=file:PATH`"
                )),
            );
        }
    }
}

fn check_permissions(
    document: &Document,
    dirs: &StepDirs<'_>,
    surroundings: &CheckContext<'_>,
    problems: &mut Diagnostics,
) {
    let list = document.value.get("permissions").and_then(Value::as_array);
    let texts = list
        .into_iter()
        .flatten()
        .map(|text| text.as_str().unwrap_or_default());
    let permissions: Vec<Option<Permission>> =
        texts.map(|text| Permission::parse(text).ok()).collect();
    let has_net = permissions.contains(&Some(Permission::Net));
    for (index, permission) in permissions.iter().enumerate() {
        let Some(permission) = permission else {
            continue;
        };
        let doubt = match permission {
            Permission::NetTcp(_) | Permission::NetDns if has_net => Some((
                format!("`{permission}` adds nothing to `net`"),
                "remove one of the two",
            )),
            Permission::Env(_) | Permission::Secret(_) => warn_env(permission, surroundings),
            Permission::FsRead(_) | Permission::FsExec(_) | Permission::FsWrite(_) => {
                warn_path(permission, dirs)
            }
            Permission::Net | Permission::NetTcp(_) | Permission::NetDns => None,
        };
        if let Some((message, help)) = doubt {
            let place = Location::value(format!("/permissions/{index}"));
            problems.push(Diagnostic::warning("permission", place, message).help(help));
        }
    }
}

type PathWarning = (String, &'static str);

fn warn_env(permission: &Permission, surroundings: &CheckContext<'_>) -> Option<PathWarning> {
    let (env, _) = permission.env()?;
    let name = &env.name;
    if name.starts_with("OBS_") {
        return Some((
            format!("`{permission}` asks for a variable that obs sets itself"),
            "remove it; the skill has it anyway",
        ));
    }
    let is_missing = !env.is_optional && !(surroundings.is_set)(name);
    is_missing.then(|| {
        (
            format!("`{name}` is not set, so the skill can't run here"),
            "set it, or put a `?` behind it if the skill can do without",
        )
    })
}

fn warn_path(permission: &Permission, dirs: &StepDirs<'_>) -> Option<PathWarning> {
    let grant = permission.path()?;
    let path = grant.resolve(dirs)?;
    let covers = |other: Option<&Path>| other.is_some_and(|other| other.starts_with(&path));
    let (is_write, help) = match permission {
        Permission::FsWrite(_) => (true, "name the directory that it needs"),
        _ => (false, "name the files that it needs"),
    };
    if path == Path::new("/") {
        return Some((format!("`{permission}` covers the whole file system"), help));
    }
    if covers(dirs.home) {
        return Some((
            format!("`{permission}` covers the whole home directory"),
            help,
        ));
    }
    if is_write && (grant.base == PathBase::SkillDir || covers(Some(dirs.skill))) {
        return Some((
            format!("`{permission}` lets the skill change itself"),
            "write to `$RUN_DIR` or to a directory of the workspace",
        ));
    }
    // What is to be written is created; what lies in the workspace may come with it.
    let is_missing = !is_write && grant.base != PathBase::Workspace && !path.exists();
    is_missing.then(|| {
        (
            format!("`{permission}` grants what does not exist here"),
            "check the path",
        )
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::document::render;
    use crate::model::SandboxMode;

    fn checked(below: &str, files: &[(&str, &str)]) -> String {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let sandbox = SandboxPolicy {
            home: Some("/home/somebody".into()),
            ..SandboxPolicy::new(SandboxMode::Require)
        };
        let surroundings = CheckContext {
            workspace: &dir.path().join("work"),
            sandbox: &sandbox,
            path: OsStr::new("/usr/bin:/bin"),
            is_set: &|name| name == "SET",
        };
        let shown = match check(&dir.path().join("skills"), Path::new(below), &surroundings) {
            Ok(checked) => {
                let snippet =
                    |problem| render::render_snippet(problem, &checked.document, false, None);
                let shown: Vec<String> = checked.problems.iter().map(snippet).collect();
                shown.join("\n")
            }
            Err(problem) => format!("{problem}; {}", problem.help().unwrap_or_default()),
        };
        shown.replace(dir.path().to_str().unwrap(), "DIR")
    }

    #[test]
    fn a_sound_skill_has_no_problem() {
        let manifest = "description: d\nexecution: {command: [./run.sh, \"{{a}}\", [\"{{b}}\"]]}\n\
            input_schema: {type: object, properties: {a: {}, b: {}}, required: [a]}\n\
            permissions: [net, \"env:SET\", \"env:UNSET?\", \"fs.write:out/\", \"fs.read:data\"]\n";
        let files = [
            ("skills/x/y/manifest.yaml", manifest),
            ("skills/x/y/run.sh", "#!/bin/sh\n"),
        ];
        assert_eq!(checked("x/y", &files), "");
        let at_root = [
            ("skills/manifest.yaml", manifest),
            ("skills/run.sh", "#!/bin/sh\n"),
        ];
        assert_eq!(checked("", &at_root), "");
    }

    #[test]
    fn everything_is_said_at_once() {
        let manifest = r#"
description: d
execution: {command: [./rum.sh, "{{a}}", "{{c}}"], stdin: nothing}
input_schema: {type: array, properties: {a: {type: strin}}}
output_schema: {$ref: "https://example.com/x"}
permissions:
  - net
  - net.dns
  - env:UNSET
  - secret:OBS_TOKEN
  - fs.read:/
  - fs.read:~
  - fs.read:/nowhere
  - fs.write:$SKILL_DIR/cache
  - fs.raed:x
timeout: 5
"#;
        let files = [
            ("skills/x y/manifest.yaml", manifest),
            ("skills/x y/run.sh", "#!/bin/sh\n"),
            ("skills/x y/manifest.json", "{}"),
        ];
        insta::assert_snapshot!(checked("x y", &files));
        let manifest = manifest.replace("stdin: nothing", "stdin: none");
        let files = [("skills/x/manifest.yaml", manifest.as_str())];
        insta::assert_snapshot!(checked("x", &files));
    }

    #[test]
    fn arguments_that_reach_nobody_are_doubted() {
        let manifest = "description: d\nexecution: {command: [ls], stdin: none}\n\
                        input_schema: {properties: {a: {}}}\n";
        insta::assert_snapshot!(checked("x", &[("skills/x/manifest.yaml", manifest)]));
    }

    #[test]
    fn a_path_that_means_the_workspace_is_doubted_if_the_skill_has_it_too() {
        let manifest = "description: d\nexecution:\n  command: [./x, ./x, --c=./lib/y, \
            [./x, ./z, \"{{a}}\"], $SKILL_DIR/x, $WORKSPACE/x, ./, ./none]\n";
        let files = [
            ("skills/x/manifest.yaml", manifest),
            ("skills/x/x", "#!/bin/sh\n"),
            ("skills/x/lib/y", "y"),
        ];
        insta::assert_snapshot!(checked("x", &files));
    }

    #[test]
    fn what_is_no_skill_is_said() {
        assert_eq!(
            checked("x", &[("skills/y", "")]),
            "`DIR/skills/x` contains no manifest; add a `manifest.yaml`; `obs skills new` writes \
             one"
        );
    }
}
