//! The examples in `plans/` run, and every key that the format reference shows is accepted.

use std::collections::BTreeSet;
use std::process::Command;

use crate::support::{Case, Output, concat, has, project_root};

/// Runs obs in the project's directory, as the README says it.
fn obs(args: &[&str]) -> Output {
    // The examples' permissions speak of the home directory of whoever runs them.
    let home = std::env::var("HOME").unwrap_or_default();
    Case::new().env("HOME", &home).run_in(&project_root(), args)
}

/// Runs an example and expects every step to succeed.
fn succeeds(plan: &str) -> Vec<serde_json::Value> {
    let output = obs(&["run", plan, "--format", "jsonl"]).expect_code(0);
    let records = output.records();
    for record in &records {
        assert_eq!(record["status"], "success", "{record}");
    }
    records
}

fn record<'r>(records: &'r [serde_json::Value], step: &str) -> &'r serde_json::Value {
    records
        .iter()
        .find(|record| record["step_id"] == step)
        .unwrap()
}

/// Every plan has a test here, named after it.
#[test]
fn every_example_is_covered() {
    let covered = [
        "broken",
        "ci",
        "cleanup",
        "deploy",
        "hello",
        "matrix",
        "publish",
        "read-plans",
        "repo-facts",
        "repo-report",
        "word-count",
        "wrap",
    ];
    let plans: BTreeSet<String> = std::fs::read_dir(project_root().join("plans"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| {
            !matches!(name.rsplit_once('.'), Some((_, "md")))
                && !matches!(&**name, "policies" | "skills")
        })
        .collect();
    let want: BTreeSet<String> = covered.iter().map(|name| format!("{name}.yaml")).collect();
    assert_eq!(
        plans, want,
        "a plan without a test, or a test without its plan"
    );
}

#[test]
fn hello() {
    let records = succeeds("plans/hello.yaml");
    assert_eq!(record(&records, "hello/greet")["output"], "Hello, world!");
    assert_eq!(record(&records, "count")["output"]["words"], 3);
}

#[test]
fn matrix() {
    let records = succeeds("plans/matrix.yaml");
    assert_eq!(records.len(), 7);
    let outputs = records
        .iter()
        .filter_map(|record| record["output"].as_str());
    let outputs: BTreeSet<&str> = outputs.collect();
    assert!(
        outputs.contains("tested on macos with 3.13, number 5 of 6"),
        "{outputs:?}"
    );
    assert!(
        outputs.contains("tested on linux with 3.11, number 0 of 6"),
        "{outputs:?}"
    );
}

#[test]
fn word_count() {
    let records = succeeds("plans/word-count.yaml");
    let total = &record(&records, "total")["output"];
    let documents = std::fs::read_dir(project_root().join("plans")).unwrap();
    let documents: Vec<String> = documents
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    let words: usize = documents
        .iter()
        .map(|text| text.split_whitespace().count())
        .sum();
    assert_eq!(total["texts"], documents.len());
    // `wc` and Rust differ about characters such as no-break spaces.
    let counted = total["words"].as_u64().unwrap();
    assert!(counted.abs_diff(words as u64) < 50, "{counted} {words}");
}

#[test]
fn read_plans() {
    let records = succeeds("plans/read-plans.yaml");
    let text = record(&records, "text")["output"]["text"].as_str().unwrap();
    let read: serde_json::Value = serde_json::from_str(text).unwrap();
    let first = std::fs::read_to_string(project_root().join("plans/ci.yaml")).unwrap();
    assert_eq!(read["name"], "plans/ci.yaml");
    assert_eq!(read["text"], first);
    assert_eq!(read["digest"].as_str().unwrap().len(), 64);
}

/// Runs `obs VERB PLAN --policy plans/policies/POLICY.cedar` with more flags.
fn under_policy(policy: &str, verb: &[&str], flags: &[&str]) -> Output {
    let policy = format!("plans/policies/{policy}.cedar");
    obs(&[verb, &["--policy", &policy], flags].concat())
}

/// Every policy has a test here, named after it.
#[test]
fn every_policy_is_covered_and_sound() {
    let policies: BTreeSet<String> = std::fs::read_dir(project_root().join("plans/policies"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let covered = ["deploy", "read-only", "tenants"];
    let want: BTreeSet<String> = covered.iter().map(|name| format!("{name}.cedar")).collect();
    assert_eq!(policies, want);
    for name in covered {
        let file = format!("plans/policies/{name}.cedar");
        let args = ["policy", "check", &file, "--skills", "plans/skills"];
        let checked = obs(&args).expect_code(0);
        assert!(
            checked.stderr().ends_with("no problems\n"),
            "{}",
            checked.whole()
        );
    }
}

#[test]
fn read_only() {
    let test = |plan: &str| under_policy("read-only", &["policy", "test", plan], &[]);
    test("plans/hello.yaml").expect_code(0);
    let output = test("plans/deploy.yaml").expect_code(77);
    assert!(
        output.stdout().contains("not permitted"),
        "{}",
        output.whole()
    );
    if has("git", "examples::read_only") {
        test("plans/repo-report.yaml").expect_code(0);
    }
    if has("cargo", "examples::read_only") {
        let output = test("plans/ci.yaml").expect_code(77);
        assert!(output.stdout().contains("writes"), "{}", output.whole());
    }
    under_policy("read-only", &["run", "plans/hello.yaml"], &[]).expect_code(0);
}

#[test]
fn tenants() {
    let run = |flags: &[&str]| under_policy("tenants", &["run", "plans/hello.yaml"], flags);
    run(&[]).expect_code(0);
    let output = run(&["--tenant-id", "guest"]).expect_code(77);
    assert!(
        output
            .stderr()
            .contains("`guests greet guests` forbids `hello/greet`"),
        "{}",
        output.whole()
    );
    if has("git", "examples::tenants") {
        let test = |tenant: &str| {
            let verb = ["policy", "test", "plans/repo-report.yaml"];
            under_policy("tenants", &verb, &["--tenant-id", tenant])
        };
        test("platform").expect_code(0);
        test("guest").expect_code(77);
    }
}

#[test]
fn deploy() {
    let run = |flags: &[&str]| {
        let verb = ["run", "plans/deploy.yaml", "--format", "jsonl"];
        under_policy("deploy", &verb, flags)
    };
    // Not the release team: no approval helps.
    let output = run(&["--approve", "publish=deploy/publish"]).expect_code(77);
    assert!(
        output
            .stderr()
            .contains("no policy permits `deploy/publish`"),
        "{}",
        output.whole()
    );
    let release = ["--tenant-id", "release", "--user-id", "ann"];
    let records = run(&[&release[..], &["--approve", "publish=deploy/publish"]].concat())
        .expect_code(0)
        .records();
    let publish = record(&records, "publish");
    assert_eq!(publish["approved_by"], "ann (--approve)");
    assert!(
        publish["output"].as_str().unwrap().ends_with(" to staging"),
        "{publish}"
    );
}

#[test]
fn cleanup() {
    let records = succeeds("plans/cleanup.yaml");
    let name = record(&records, "create")["output"]["name"].clone();
    let removed = record(&records, "remove")["output"].as_str().unwrap();
    assert_eq!(removed, format!("removed {}", name.as_str().unwrap()));
    let broken = ["run", "plans/cleanup.yaml", "--set", "build=broken"];
    let output = obs(&[&broken[..], &["--format", "jsonl"]].concat()).expect_code(1);
    let records = output.records();
    assert_eq!(record(&records, "remove")["status"], "success");
    let report = record(&records, "report")["output"]["text"]
        .as_str()
        .unwrap();
    let report: serde_json::Value = serde_json::from_str(report).unwrap();
    assert_eq!(report["exit_code"], 1);
    assert_eq!(report["failed"][0]["step"], "test");
}

#[test]
fn publish_waits_for_an_approval() {
    let case = Case::new();
    let root = project_root();
    let plan = root.join("plans/publish.yaml").display().to_string();
    let run = |args: &[&str]| case.run_in(&root, args);
    run(&["run", &plan, "--on-approval", "wait"]).expect_code(79);
    run(&["approve", "last", "publish"]).expect_code(0);
    let resumed = run(&["run", "--resume=last", "--format", "jsonl"]).expect_code(0);
    let records = resumed.records();
    let approved_by = record(&records, "publish")["approved_by"].as_str().unwrap();
    assert!(approved_by.ends_with(" (obs approve)"), "{approved_by}");
}

#[test]
fn repo_report() {
    if !has("git", "examples::repo_report") {
        return;
    }
    let records = succeeds("plans/repo-report.yaml");
    let report = record(&records, "report")["output"]["markdown"]
        .as_str()
        .unwrap();
    for part in [
        "# Repository report",
        "## Languages",
        "## Largest files",
        "## Recent commits",
    ] {
        assert!(report.contains(part), "{part}:\n{report}");
    }
    assert!(report.contains("| rs | "), "{report}");
    let printed = obs(&[
        "run",
        "plans/repo-report.yaml",
        "--print",
        "report.markdown",
    ]);
    assert!(
        printed
            .expect_code(0)
            .stdout()
            .starts_with("# Repository report\n")
    );
}

#[test]
fn repo_facts() {
    if !has("git", "examples::repo_facts") {
        return;
    }
    let records = succeeds("plans/repo-facts.yaml");
    assert_eq!(records.len(), 8);
    let page = record(&records, "page")["output"].as_str().unwrap();
    assert!(page.starts_with("# What is in this repository\n"), "{page}");
    assert!(page.contains("\n- Most of it is rs: "), "{page}");
    let commit = record(&records, "head")["output"]["commit"]
        .as_str()
        .unwrap();
    assert!(page.contains(&format!("as of {commit}, of ")), "{page}");
    // Five levels: none begins before the one above it is over.
    let at = |step: &str, key: &str| record(&records, step)[key].as_str().unwrap().to_owned();
    for (above, below) in [
        ("head", "languages"),
        ("head", "todos"),
        ("languages", "top"),
        ("top", "facts"),
        ("todos", "facts"),
        ("largest", "facts"),
        ("facts", "page"),
        ("commits", "page"),
    ] {
        assert!(
            at(above, "timestamp") <= at(below, "started_at"),
            "{above} before {below}"
        );
    }
    let tree = obs(&["graph", "plans/repo-facts.yaml", "--format", "tree"]).expect_code(0);
    assert!(tree.stdout().contains("├─ 4 steps\n"), "{}", tree.whole());
    let own = [
        "run",
        "plans/repo-facts.yaml",
        "--print",
        "page",
        "--set",
        "title=Mine",
        "--jobs",
        "1",
    ];
    assert!(obs(&own).expect_code(0).stdout().starts_with("# Mine\n"));
}

#[test]
fn wrap() {
    let needed = ["git", "grep", "jq", "curl", "python3"];
    if !needed.iter().all(|program| has(program, "examples::wrap")) {
        return;
    }
    let records = succeeds("plans/wrap.yaml");
    assert_eq!(
        record(&records, "wrap/grep")["exit_code"],
        1,
        "no match is an answer"
    );
    assert_eq!(
        record(&records, "wrap/grep")["output"],
        serde_json::json!([])
    );
    let jq = record(&records, "wrap/jq");
    assert_eq!(jq["output"], 3);
    assert_eq!(jq["arguments"]["value"]["found"], serde_json::Value::Null);
    let version = record(&records, "wrap/curl-version")["output"][0]
        .as_str()
        .unwrap();
    assert!(version.starts_with("curl "), "{version}");
    assert_eq!(record(&records, "wrap/python-words")["output"]["the"], 2);
}

#[test]
fn wrapping_a_program_takes_a_manifest_and_no_script() {
    for skill in std::fs::read_dir(project_root().join("plans/skills/wrap")).unwrap() {
        let files: Vec<_> = std::fs::read_dir(skill.unwrap().path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(files, ["manifest.yaml"]);
    }
}

#[test]
fn broken() {
    let output = obs(&["validate", "plans/broken.yaml"]).expect_code(65);
    assert!(output.stderr().contains("errors"), "{}", output.whole());
    obs(&["run", "plans/broken.yaml"]).expect_code(65);
}

#[test]
fn ci() {
    // Running it would run these tests again.
    if !has("cargo", "examples::ci") {
        return;
    }
    let output = obs(&["run", "plans/ci.yaml", "--dry-run"]).expect_code(0);
    for command in ["cargo fmt", "cargo clippy", "cargo doc", "cargo test"] {
        assert!(output.stdout().contains(command), "{}", output.whole());
    }
}

#[test]
fn all_skills_of_the_examples_are_in_order() {
    if !["git", "jq", "curl", "python3", "cargo"]
        .iter()
        .all(|program| has(program, "examples::all_skills_of_the_examples_are_in_order"))
    {
        return;
    }
    obs(&["skills", "check", "--skills", "plans/skills"]).expect_code(0);
}

/// The YAML blocks of the format reference.
fn blocks() -> Vec<String> {
    let text = std::fs::read_to_string(project_root().join("plans/README.md")).unwrap();
    let starts = text.split("```yaml\n").skip(1);
    starts
        .map(|rest| rest.split("```").next().unwrap().to_owned())
        .collect()
}

/// The reference's one block that has `key` at its left margin.
fn block(key: &str) -> String {
    let with_key = |block: &String| block.lines().any(|line| line.starts_with(key));
    let mut found: Vec<String> = blocks().into_iter().filter(with_key).collect();
    assert_eq!(found.len(), 1, "blocks with `{key}`");
    found.remove(0)
}

/// The keys at one depth of indentation.
fn keys(block: &str, indent: usize) -> BTreeSet<String> {
    let lines = block.lines().map(|line| line.replacen("- ", "  ", 1));
    lines
        .filter(|line| line.len() > indent && line[..indent].trim().is_empty())
        .filter(|line| !line[indent..].starts_with([' ', '#']))
        .filter_map(|line| Some(line[indent..].split_once(':')?.0.to_owned()))
        .collect()
}

#[test]
fn every_key_of_the_reference_is_accepted() {
    let (plan, manifest) = (block("reasoning:"), block("execution:"));
    // The plan calls the manifest's own skill, as written on the same page.
    let case = Case::new()
        .file("skills/core/fetch/manifest.yaml", &manifest)
        .file(
            "skills/core/fetch-cached/manifest.yaml",
            manifest.replace("id: core/fetch ", "id: core/fetch-cached "),
        )
        .script("skills/core/fetch-cached/run.sh", "#!/bin/sh\necho '{}'\n")
        .script("skills/core/fetch/run.sh", "#!/bin/sh\necho '{}'\n")
        .sh_skill("core/cleanup", "echo '{}'", "permissions: []\n")
        .file("sub/dir/here", "")
        .env("LANG", "C");
    let called = plan.replace(
        "{url: \"https://a.b\"}",
        "{url: \"https://a.b\", paths: [a]}",
    );
    let called = called.replace(
        "    timeout_ms: 30000",
        "    arguments: {url: x, paths: []}\n    timeout_ms: 30000",
    );
    let case = case.file("plan.yaml", called);
    let output = case
        .run(&["validate", "plan.yaml", "--strict"])
        .expect_code(0);
    assert!(
        output.stderr().starts_with("ok: plan.yaml"),
        "{}",
        output.whole()
    );
    let (own, fallback) = ("first=core/fetch", "first=core/fetch-cached");
    let approve = ["run", "plan.yaml", "--approve", own, "--approve", fallback];
    case.run(&approve).expect_code(0);
    case.run(&["skills", "check"]).expect_code(0);
}

#[test]
fn the_reference_shows_every_key() {
    let words = |output: &Output| -> BTreeSet<String> {
        // `known keys are` names all that the code asks for.
        let problems: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
        problems
            .iter()
            .filter(|problem| problem["code"] == "unknown_key")
            .flat_map(|problem| problem["expected"].as_array().unwrap())
            .map(|key| key.as_str().unwrap().to_owned())
            .collect()
    };
    let known = |name: &str, text: &str| {
        let case = Case::new().file(name, text).file(
            "plan.yaml",
            "assistant_id: a\nqqqqqqqq: 1\nsteps:\n- {name: s, type: skill, qqqqqqqq: 1, retry: {qqqqqqqq: 1}}\n",
        );
        words(&case.run(&["validate", "plan.yaml", "--format", "json"]))
    };
    let (plan, graph) = (block("reasoning:"), block("order: graph"));
    let shown: BTreeSet<String> = [
        keys(&plan, 0),
        keys(&plan, 4),
        keys(&plan, 6),
        keys(&graph, 4),
    ]
    .into_iter()
    .flatten()
    .collect();
    let of_plan = known("unused", "");
    let missing: Vec<_> = of_plan.difference(&shown).collect();
    assert!(missing.is_empty(), "not in plans/README.md: {missing:?}");
    let manifest = "description: d\nqqqqqqqq: 1\nexecution: {command: [true], qqqqqqqq: 1}\n\
                    resources: {qqqqqqqq: 1}\n";
    let of_manifest: BTreeSet<String> = known("skills/s/manifest.yaml", manifest)
        .difference(&of_plan)
        .cloned()
        .collect();
    let manifest = block("execution:");
    let resources = manifest.split_once("resources: {").unwrap().1;
    let entries = resources.split('}').next().unwrap().split(", ");
    let resources = concat(entries.map(|entry| format!("{entry}\n")));
    let mut shown: BTreeSet<String> = &keys(&manifest, 0) | &keys(&manifest, 2);
    shown.append(&mut keys(&resources, 0));
    let missing: Vec<_> = of_manifest.difference(&shown).collect();
    assert!(missing.is_empty(), "not in plans/README.md: {missing:?}");
}

#[test]
fn the_command_of_the_reference_is_one_that_may_run() {
    if !has(
        "git",
        "examples::the_command_of_the_reference_is_one_that_may_run",
    ) {
        return;
    }
    let command = block("command:");
    let indented = concat(command.lines().map(|line| format!("  {line}\n")));
    let manifest = format!("description: d\nexecution:\n{indented}  stdin: none\n  output: text\n");
    let case = Case::new()
        .file("skills/count/manifest.yaml", manifest)
        .plan("- {name: count, type: skill, arguments: {since: \"$(touch ran); `touch ran`\"}}\n");
    assert!(
        Command::new("git")
            .arg("init")
            .arg("-q")
            .current_dir(case.path())
            .status()
            .unwrap()
            .success()
    );
    case.run(&["run", "plan.yaml"]).expect_code(0);
    assert!(!case.path().join("ran").exists(), "an argument is no code");
}
