use std::fs;
use std::os::unix::fs::symlink;

use serde_json::json;

use super::*;

const PLAIN: &str = "description: d\nexecution: {command: [ls]}\n";

struct Tree(tempfile::TempDir);

impl Tree {
    fn new(files: &[(&str, &str)]) -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        for (path, text) in files {
            tree.write(path, text);
        }
        tree
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn registry(&self, roots: &[&str]) -> Registry {
        Registry::new(roots.iter().map(|root| self.at(root)).collect())
    }

    fn shown(&self, text: &str) -> String {
        text.replace(self.0.path().to_str().unwrap(), "DIR")
    }
}

fn dir_of(skill: &Skill) -> &Path {
    &skill.native().unwrap().dir
}

#[test]
fn a_path_below_the_root_is_an_id() {
    let tree = Tree::new(&[
        ("one/core/fetch/manifest.yaml", PLAIN),
        (
            "one/j/manifest.json",
            r#"{"description": "d", "execution": {"command": ["ls"]}}"#,
        ),
    ]);
    let registry = tree.registry(&["missing", "one"]);
    let skill = registry.find("core/fetch").unwrap().unwrap();
    assert_eq!(skill.id.as_str(), "core/fetch");
    assert_eq!(
        dir_of(&skill),
        tree.at("one/core/fetch").canonicalize().unwrap()
    );
    assert!(Arc::ptr_eq(
        &skill,
        &registry.find("core/fetch").unwrap().unwrap()
    ));
    assert!(registry.find("j").unwrap().is_some());
    assert!(registry.find("core").unwrap().is_none());
    assert!(registry.find("core/fetch/run").unwrap().is_none());
    let roots: Vec<bool> = registry.roots().map(|(_, is_there)| is_there).collect();
    assert_eq!(roots, [false, true]);
}

#[test]
fn a_manifest_may_name_itself() {
    let named = |id: &str| format!("id: {id}\n{PLAIN}");
    let tree = Tree::new(&[
        ("one/a/manifest.yaml", &named("core/fetch")),
        ("one/b/manifest.yaml", &named("twin")),
        ("one/c/manifest.yaml", &named("twin")),
        ("two/a/manifest.yaml", PLAIN),
    ]);
    let registry = tree.registry(&["one", "two"]);
    let skill = registry.find("core/fetch").unwrap().unwrap();
    assert!(dir_of(&skill).ends_with("one/a"));
    // The directory `one/a` is not the skill `a`.
    let other = registry.find("a").unwrap().unwrap();
    assert!(dir_of(&other).ends_with("two/a"));
    let problem = registry.find("twin").unwrap_err();
    assert_eq!(
        tree.shown(&problem.to_string()),
        "two skills have the id `twin`: `DIR/one/b` and `DIR/one/c`"
    );
}

#[test]
fn two_ways_to_one_skill_are_one_and_circles_end() {
    let tree = Tree::new(&[("one/a/manifest.yaml", &format!("id: own\n{PLAIN}"))]);
    symlink("a", tree.at("one/b")).unwrap();
    symlink(".", tree.at("one/c")).unwrap();
    symlink(".", tree.at("one/d")).unwrap();
    let registry = tree.registry(&["one"]);
    assert!(registry.find("own").unwrap().is_some());
    let listed = registry.list().skills;
    assert_eq!(listed.iter().filter(|skill| skill.id == "own").count(), 1);
}

#[test]
fn a_root_may_be_a_skill_that_names_itself() {
    let tree = Tree::new(&[("one/manifest.yaml", &format!("id: own\n{PLAIN}"))]);
    let registry = tree.registry(&["one"]);
    let skill = registry.find("own").unwrap().unwrap();
    assert_eq!(dir_of(&skill), tree.at("one").canonicalize().unwrap());
    assert_eq!(registry.list().skills[0].id, "own");
}

#[test]
fn the_usual_way_lists_no_directory() {
    let tree = Tree::new(&[
        ("one/core/fetch/manifest.yaml", PLAIN),
        ("one/other/manifest.yaml", "id: [broken"),
    ]);
    let registry = tree.registry(&["one"]);
    registry.find("core/fetch").unwrap().unwrap();
    assert!(registry.roots[0].walked.get().is_none());
}

#[test]
fn a_broken_skill_is_not_replaced_by_the_next_root() {
    let tree = Tree::new(&[
        ("one/a/manifest.yaml", "description: d\ntimeuot: 1s\n"),
        ("two/a/manifest.yaml", PLAIN),
    ]);
    let problem = tree.registry(&["one", "two"]).find("a").unwrap_err();
    assert_eq!(
        problem.to_string(),
        "the manifest of `a` has an error: the manifest has no `execution` (and 1 more)"
    );
    assert_eq!(problem.loaded().unwrap().problems.len(), 2);
}

/// What could make an id lead somewhere else, or read as something else.
fn hostile_ids() -> Vec<String> {
    let mut ids: Vec<String> = [
        "../outside",
        "../../bin/sh",
        "/bin/sh",
        "//bin/sh",
        "ok/..",
        "ok/../ok",
        "./ok",
        "ok/.",
        "ok//x",
        "ok/",
        "/ok",
        "",
        " ",
        "ok\0",
        "\0",
        "ok/\0/x",
        "..",
        ".",
        "...",
        "~/x",
        "~root",
        "$HOME",
        "%2e%2e/x",
        "ok\\..\\x",
        "C:\\x",
        "-rf",
        "ok/-rf",
        "ok\n",
        "ok;ls",
        "ok|ls",
        "`ls`",
        "$(ls)",
        "ok?",
        "*",
        "{{x}}",
        "ok:x",
        "ok@",
        "ö",
        "\u{202e}ko",
        "ok\u{200b}",
        "\u{feff}ok",
        ".git/config",
        "ok/.hidden",
        "file:///etc/passwd",
        "proc/self/../x",
    ]
    .map(str::to_owned)
    .to_vec();
    ids.extend((1..=40).map(|times| format!("{}outside", "../".repeat(times))));
    ids.extend((1..=10).map(|times| format!("ok/{}outside", "../".repeat(times))));
    ids.extend((0..10).map(|code| format!("ok{}", char::from(code))));
    ids.push("a".repeat(129));
    ids.push("a/".repeat(100_000));
    ids
}

#[test]
fn hostile_ids_are_refused() {
    let tree = Tree::new(&[
        ("outside/manifest.yaml", PLAIN),
        ("one/ok/manifest.yaml", PLAIN),
    ]);
    let registry = tree.registry(&["one"]);
    let ids = hostile_ids();
    assert!(ids.len() >= 100);
    for id in ids {
        let problem = registry.find(&id).unwrap_err();
        assert_eq!(problem.code(), "skill_id", "{id:?}");
    }
}

#[test]
fn links_out_of_the_root_are_refused() {
    let tree = Tree::new(&[
        ("outside/x/manifest.yaml", PLAIN),
        ("one/ok/manifest.yaml", PLAIN),
        ("one/odd/run.sh", ""),
    ]);
    symlink(tree.at("outside/x"), tree.at("one/absolute")).unwrap();
    symlink("../outside/x", tree.at("one/relative")).unwrap();
    symlink("../outside", tree.at("one/parent")).unwrap();
    symlink(
        "../../outside/x/manifest.yaml",
        tree.at("one/odd/manifest.yaml"),
    )
    .unwrap();
    symlink("/proc/self/cwd", tree.at("one/magic")).unwrap();
    symlink("loop", tree.at("one/loop")).unwrap();
    symlink("ok", tree.at("one/inside")).unwrap();
    let registry = tree.registry(&["one"]);
    for id in ["absolute", "relative", "parent/x", "odd", "magic", "loop"] {
        assert_eq!(registry.find(id).unwrap_err().code(), "leaves_root", "{id}");
    }
    let inside = registry.find("inside").unwrap().unwrap();
    assert!(dir_of(&inside).ends_with("one/ok"));
    let listed: Vec<String> = registry
        .list()
        .skills
        .into_iter()
        .map(|skill| skill.id)
        .collect();
    assert_eq!(listed[..3], ["inside", "odd", "ok"]);
    // The same, once the way through the listing has been taken.
    assert_eq!(registry.find("odd").unwrap_err().code(), "leaves_root");
}

#[test]
fn a_directory_swapped_for_a_link_does_not_lead_out() {
    let tree = Tree::new(&[
        ("outside/manifest.yaml", PLAIN),
        ("one/a/manifest.yaml", PLAIN),
    ]);
    let registry = tree.registry(&["one"]);
    assert!(registry.roots().all(|(_, is_there)| is_there));
    fs::rename(tree.at("one/a"), tree.at("one/b")).unwrap();
    symlink("../outside", tree.at("one/a")).unwrap();
    assert_eq!(registry.find("a").unwrap_err().code(), "leaves_root");
    // And while it is being swapped to and fro.
    let root = tree.at("one");
    let is_done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(std::sync::atomic::Ordering::Relaxed) {
                fs::rename(root.join("a"), root.join("c")).ok();
                fs::rename(root.join("b"), root.join("a")).ok();
                fs::rename(root.join("a"), root.join("b")).ok();
                fs::rename(root.join("c"), root.join("a")).ok();
            }
        });
        for _ in 0..2_000 {
            if let Ok(Some(skill)) = tree.registry(&["one"]).find("a") {
                let inside = root.canonicalize().unwrap();
                assert!(dir_of(&skill).starts_with(inside), "{:?}", dir_of(&skill));
            }
        }
        is_done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn only_small_regular_files_are_manifests() {
    let tree = Tree::new(&[("one/big/manifest.yaml", &"# x\n".repeat(70_000))]);
    fs::create_dir_all(tree.at("one/fifo")).unwrap();
    fs::create_dir_all(tree.at("one/dir/manifest.yaml")).unwrap();
    let fifo = rustix::fs::FileType::Fifo;
    let mode = rustix::fs::Mode::RWXU;
    rustix::fs::mknodat(
        rustix::fs::CWD,
        tree.at("one/fifo/manifest.yaml"),
        fifo,
        mode,
        0,
    )
    .unwrap();
    fs::create_dir_all(tree.at("one/bytes")).unwrap();
    fs::write(tree.at("one/bytes/manifest.yaml"), b"a: \xff").unwrap();
    let registry = tree.registry(&["one"]);
    for (id, code) in [
        ("big", "skill_unreadable"),
        ("fifo", "skill_unreadable"),
        ("dir", "skill_unreadable"),
        ("bytes", "not_utf8"),
    ] {
        assert_eq!(registry.find(id).unwrap_err().code(), code, "{id}");
    }
}

#[test]
fn the_listing_shows_everything() {
    let tree = Tree::new(&[
        ("one/core/fetch/manifest.yaml", PLAIN),
        ("one/core/fetch/k8s/manifest.yaml", "kind: Pod"),
        (
            "one/broken/manifest.yaml",
            "description: d\nexecution: {comand: [ls]}\n",
        ),
        (
            "one/b/manifest.yaml",
            "id: twin\ndescription: d\nexecution: {command: [ls]}\n",
        ),
        (
            "one/c/manifest.yaml",
            "id: twin\ndescription: d\nexecution: {command: [ls]}\n",
        ),
        ("one/bad id/manifest.yaml", PLAIN),
        ("one/md/manifest.yaml", "execution: {command: [ls]}\n"),
        (
            "one/md/SKILL.md",
            "---\nname: m\ndescription: from front matter\n---\n",
        ),
        ("one/.hidden/manifest.yaml", PLAIN),
        ("one/node_modules/x/manifest.yaml", PLAIN),
        ("one/a/b/c/d/e/f/g/h/manifest.yaml", PLAIN),
        ("one/a/b/c/d/e/f/g/h2/i/manifest.yaml", PLAIN),
        ("two/core/fetch/manifest.yaml", PLAIN),
        ("two/builtin.now/manifest.yaml", PLAIN),
    ]);
    let listing = tree.registry(&["one", "two"]).list();
    let mut lines: Vec<String> = listing
        .skills
        .iter()
        .map(|skill| {
            let hidden = skill.hidden_by.as_ref().map_or(String::new(), |root| {
                format!(" (hidden by {})", root.display())
            });
            let outcome = match &skill.outcome {
                Ok(skill) => skill.manifest.description.clone(),
                Err(problem) => format!("{problem}; {}", problem.help().unwrap_or_default()),
            };
            tree.shown(&format!("{}{hidden}: {outcome}", skill.id))
        })
        .collect();
    lines.extend(
        listing
            .problems
            .iter()
            .map(|problem| tree.shown(&problem.to_string())),
    );
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_huge_root_is_cut() {
    let tree = Tree::new(&[]);
    fs::create_dir_all(tree.at("one")).unwrap();
    for index in 0..=walk::MAX_ENTRIES {
        fs::File::create(tree.at(&format!("one/{index}"))).unwrap();
    }
    let listing = tree.registry(&["one"]).list();
    assert_eq!(listing.problems[0].code(), "too_many_skills");
}

#[test]
fn near_ids_are_offered() {
    let tree = Tree::new(&[
        ("one/core/fetch/manifest.yaml", PLAIN),
        (
            "one/x/manifest.yaml",
            &format!("id: mcp.his.query\n{PLAIN}"),
        ),
    ]);
    let registry = tree.registry(&["one"]);
    for (typed, want) in [
        ("core/fetsch", Some("core/fetch")),
        ("fetch", Some("core/fetch")),
        ("mcp.his.qurey", Some("mcp.his.query")),
        ("uuid_generate", Some("builtin.uuid_generate")),
        ("builtin.nwo", Some("builtin.now")),
        ("something/else", None),
    ] {
        let near = registry.nearest_id(typed);
        assert_eq!(near.as_deref(), want, "{typed}");
    }
}

#[test]
fn builtins_are_found_and_can_not_be_shadowed() {
    let tree = Tree::new(&[
        ("one/builtin.now/manifest.yaml", PLAIN),
        ("one/builtin.x/manifest.yaml", PLAIN),
    ]);
    let registry = tree.registry(&["one"]);
    assert!(
        registry
            .find("builtin.now")
            .unwrap()
            .unwrap()
            .native()
            .is_none()
    );
    assert!(registry.find("builtin.x").unwrap().is_none());
}

#[test]
fn arguments_and_outputs_are_held_against_the_schemas() {
    let manifest = r#"
description: d
execution: {command: [ls, "{{path}}", "--depth={{depth}}"]}
input_schema:
  type: object
  properties: {path: {type: string}, depth: {type: integer}}
  required: [path]
  additionalProperties: false
output_schema: {type: object, required: [files], properties: {files: {items: {type: string}}}}
"#;
    let tree = Tree::new(&[("one/ls/manifest.yaml", manifest)]);
    let skill = tree.registry(&["one"]).find("ls").unwrap().unwrap();
    let check = |arguments: serde_json::Value| {
        let problems = skill.check_arguments(arguments.as_object().unwrap(), "/steps/0/arguments");
        let lines = problems
            .iter()
            .map(|problem| format!("{} at {:?}", problem.message, problem.location));
        lines.collect::<Vec<_>>().join("; ")
    };
    assert_eq!(check(json!({"path": "x", "depth": 1})), "");
    insta::assert_snapshot!(
        [
            check(json!({"pth": "x", "depth": "1"})),
            check(json!({"path": "x"})),
            check(json!({"path": "-x", "depth": 1})),
        ]
        .join("\n")
    );
    assert_eq!(skill.check_output(&json!({"files": ["a"]})), Ok(()));
    insta::assert_snapshot!(
        skill
            .check_output(&json!({"files": [1, 2, 3, 4, 5]}))
            .unwrap_err()
    );
}

#[test]
fn a_broken_schema_has_a_place_and_stops_arguments() {
    let manifest = format!("{PLAIN}input_schema: {{properties: {{a: {{type: strin}}}}}}\n");
    let tree = Tree::new(&[("one/a/manifest.yaml", &manifest)]);
    let skill = tree.registry(&["one"]).find("a").unwrap().unwrap();
    let problems = skill.check_schemas();
    let document = &skill.native().unwrap().document;
    let snippet = crate::document::render::render_snippet(&problems[0], document, false, None);
    insta::assert_snapshot!(tree.shown(&snippet));
    assert!(
        skill
            .check_arguments(&serde_json::Map::new(), "")
            .has_errors()
    );
}

#[test]
fn a_circle_of_links_lists_each_skill_once() {
    let tree = Tree::new(&[("one/a/b/manifest.yaml", PLAIN), ("one/c/x", "")]);
    symlink(".", tree.at("one/loop")).unwrap();
    symlink("..", tree.at("one/a/up")).unwrap();
    symlink("a", tree.at("one/other")).unwrap();
    let listing = tree.registry(&["one"]).list();
    let ids: Vec<&str> = listing.skills.iter().map(|skill| &*skill.id).collect();
    // Another name for a directory is another way to a skill; a way back is none.
    assert_eq!(ids[..2], ["a/b", "other/b"]);
    assert!(ids[2].starts_with("builtin."), "{ids:?}");
    assert!(listing.problems.is_empty());
}

#[test]
fn a_root_that_can_not_be_listed_is_told_and_not_passed_over() {
    let own = format!("id: own\n{PLAIN}");
    let tree = Tree::new(&[
        ("one/x/manifest.yaml", &own),
        ("two/y/manifest.yaml", &own),
        ("two/z/manifest.yaml", PLAIN),
        ("two/shut/manifest.yaml", PLAIN),
    ]);
    let shut = |path: &str, mode: u32| {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        fs::set_permissions(tree.at(path), mode).unwrap();
    };
    shut("one", 0o111);
    shut("two/shut", 0);
    // Nothing is shut for root.
    if fs::read_dir(tree.at("one")).is_err() {
        let registry = tree.registry(&["one", "two"]);
        for id in ["own", "z", "absent"] {
            assert_eq!(
                registry.find(id).unwrap_err().code(),
                "skill_unreadable",
                "{id}"
            );
        }
        let problems = registry.list().problems;
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
        let only_two = tree.registry(&["two"]);
        assert!(only_two.find("own").unwrap().is_some());
        assert!(only_two.find("absent").unwrap().is_none());
        assert_eq!(
            only_two.find("shut").unwrap_err().code(),
            "skill_unreadable"
        );
    }
    shut("one", 0o755);
    shut("two/shut", 0o755);
}
