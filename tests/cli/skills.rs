//! `obs skills`: list, show, check, new, run.

use serde_json::{Value, json};

use crate::support::Case;

const GREET: &str = "\
description: Greets somebody.
version: 1.0.0
execution: {command: [printf, 'Hello, %s!', '{{name}}'], stdin: none, output: text}
input_schema:
  type: object
  properties: {name: {type: string}, loud: {type: boolean}}
  required: [name]
  additionalProperties: false
";

fn greet() -> Case {
    Case::new().file("skills/greet/manifest.yaml", GREET)
}

#[test]
fn a_listing_shows_what_is_hidden_and_what_is_broken() {
    let case = greet()
        .file("more/greet/manifest.yaml", GREET)
        .file("skills/broken/manifest.yaml", "description: d\n");
    let args = [
        "skills", "list", "--skills", "skills", "--skills", "more", "--format", "json",
    ];
    let output = case.run(&args).expect_code(0);
    let skills: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let of = |id: &str| {
        skills
            .iter()
            .filter(|skill| skill["id"] == id)
            .collect::<Vec<_>>()
    };
    assert_eq!(of("greet").len(), 2);
    assert_eq!(of("greet")[0]["hidden_by"], Value::Null);
    assert_eq!(of("greet")[1]["hidden_by"], "skills");
    assert!(
        of("broken")[0]["problem"]
            .as_str()
            .unwrap()
            .contains("execution")
    );
    assert_eq!(
        skills
            .iter()
            .filter(|skill| skill["root"].is_null())
            .count(),
        8,
        "built-ins"
    );
    let table = case.run(&["skills", "list"]).expect_code(0).stdout();
    assert!(
        table.contains("greet") && table.contains("builtin.json_query"),
        "{table}"
    );
}

#[test]
fn one_skill_is_shown_whole() {
    let output = greet().run(&["skills", "show", "greet"]).expect_code(0);
    for part in [
        "Greets somebody.",
        "1.0.0",
        "printf",
        "additionalProperties",
    ] {
        assert!(output.stdout().contains(part), "{}", output.whole());
    }
    let output = greet()
        .run(&["skills", "show", "builtin.now", "--format", "json"])
        .expect_code(0);
    let skill: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(skill["kind"], "tool");
    let output = greet().run(&["skills", "show", "gret"]).expect_code(65);
    assert!(
        output.stderr().contains("did you mean `greet`?"),
        "{}",
        output.whole()
    );
}

#[test]
fn manifest_mistakes_have_their_place() {
    let case = Case::new().file(
        "skills/bad/manifest.yaml",
        "description: d\nexecution:\n  comand: [x]\n  output: yaml\ntimeout: 5\npermissions: [\"fs.reed:x\"]\n",
    );
    let output = case.run(&["skills", "check"]).expect_code(65);
    insta::assert_snapshot!(output.whole());
    let output = case
        .run(&["skills", "check", "bad", "--format", "json"])
        .expect_code(65);
    let problems: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert!(problems.len() >= 4, "{problems:?}");
    assert!(
        problems
            .iter()
            .all(|problem| problem["line"].as_u64() > Some(0))
    );
    greet().run(&["skills", "check"]).expect_code(0);
}

#[test]
fn a_program_that_is_missing_is_found_by_check_and_by_validate() {
    let case = Case::new()
        .file(
            "skills/lost/manifest.yaml",
            "description: d\nexecution: {command: [surely-not-there]}\n",
        )
        .plan("- {name: lost, type: skill}\n");
    for args in [
        &["skills", "check"][..],
        &["validate", "plan.yaml"],
        &["run", "plan.yaml"],
    ] {
        let output = case.run(args).expect_code(65);
        assert!(
            output.whole().contains("surely-not-there"),
            "{}",
            output.whole()
        );
    }
}

#[test]
fn a_new_skill_is_sound_from_the_start() {
    let case = Case::new();
    let args = [
        "skills",
        "new",
        "text/find",
        "--",
        "grep",
        "-c",
        "-e",
        "{{pattern}}",
        "{{paths...}}",
    ];
    let output = case.run(&args).expect_code(0);
    assert_eq!(output.stdout(), "skills/text/find/manifest.yaml\n");
    let todo = case.run(&["skills", "check", "text/find"]).expect_code(65);
    assert!(todo.stdout().contains("error[todo]"), "{}", todo.whole());
    let manifest = case.path().join("skills/text/find/manifest.yaml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let text = text.replace("TODO: describe text/find in one line", "Counts lines.");
    std::fs::write(&manifest, text).unwrap();
    case.run(&["skills", "check", "text/find", "--strict"])
        .expect_code(0);
    let case = case.file("notes", "one\ntwo one\n");
    let output = case
        .run(&[
            "skills",
            "run",
            "text/find",
            "--set",
            "pattern=one",
            "--set",
            "paths=[\"notes\"]",
        ])
        .expect_code(0);
    assert_eq!(output.stdout(), "2\n");
    let output = case.run(&args).expect_code(74);
    assert!(
        output.stderr().contains("text/find"),
        "nothing is overwritten: {}",
        output.whole()
    );
    case.run(&["skills", "new", "../out", "--", "true"])
        .expect_code(2);
}

#[test]
fn a_skill_is_tried_with_the_checks_of_a_step() {
    let output = greet()
        .run(&["skills", "run", "greet", "--set", "name=world"])
        .expect_code(0);
    assert_eq!(output.stdout(), "Hello, world!\n");
    assert_eq!(
        greet()
            .stdin("{\"name\": \"pipe\"}")
            .run(&["skills", "run", "greet", "--inputs", "-"])
            .stdout(),
        "Hello, pipe!\n"
    );
    // The schema says text, so a number stays one.
    assert_eq!(
        greet()
            .run(&["skills", "run", "greet", "--set", "name=7"])
            .stdout(),
        "Hello, 7!\n"
    );
    for (args, code) in [
        (&["skills", "run", "greet"][..], 65),
        (&["skills", "run", "greet", "--set", "name"], 2),
        (&["skills", "run", "greet", "--set", "name=-n"], 65),
        (&["skills", "run", "greet", "--inputs", "absent.json"], 66),
    ] {
        greet().run(args).expect_code(code);
    }
    let missing = greet().run(&["skills", "run", "greet"]).stderr();
    assert!(missing.contains("(set it with `--set name=…`"), "{missing}");
    let nested = Case::new().sh_skill(
        "nest",
        "cat",
        "input_schema: {type: object, properties: {a: {type: object, required: [deep]}}}\n",
    );
    let missing = nested.run(&["skills", "run", "nest", "--set", "a={}"]);
    assert!(missing.expect_code(65).stderr().contains("(add `deep:`)"));
    let case = Case::new().sh_skill("bad", "echo talk >&2; exit 3", "");
    let output = case.run(&["skills", "run", "bad"]).expect_code(1);
    assert!(output.stderr().contains("bad │ talk"), "{}", output.whole());
    // Nothing is kept that an id or a head could name.
    assert!(!output.stderr().contains("head "), "{}", output.whole());
}

#[test]
fn the_examples_of_the_help_work() {
    let git = "#!/bin/sh\necho \"$@\"\n";
    let path = std::env::var("PATH").unwrap();
    let case = Case::new().script("bin/git", git).script("bin/grep", git);
    let path = format!("{}:{path}", case.path().join("bin").display());
    let case = case.env("PATH", &path);
    let help = ["new", "run"]
        .map(|verb| case.run(&["skills", verb, "--help"]).stdout())
        .concat();
    let program = crate::support::obs_binary();
    let program = program.to_str().unwrap();
    let mut ran = Vec::new();
    for line in help
        .lines()
        .map(str::trim)
        .filter(|line| line.contains("obs skills "))
    {
        if line.starts_with("Usage:") {
            continue;
        }
        let script = line.replace("obs skills ", &format!("'{program}' skills "));
        let output = case.command(&[]);
        let output = std::process::Command::new("sh")
            .args(["-c", &script])
            .envs(
                output
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .current_dir(case.path())
            .output()
            .unwrap();
        let (said, wrong) = [output.stdout, output.stderr]
            .map(|text| String::from_utf8(text).unwrap())
            .into();
        assert!(output.status.success(), "{line}: {said}{wrong}");
        ran.push(said);
    }
    assert_eq!(
        ran,
        [
            "skills/git-log/manifest.yaml\n",
            "skills/list-files/manifest.yaml\n",
            "skills/find-text/manifest.yaml\n",
            "log -n 3\n",
            "log -n 3\n",
            "log -n 3\n",
        ]
    );
    let args = [
        "skills",
        "run",
        "find-text",
        "--set",
        "pattern=true",
        "--set",
        "paths=[\"a\", 7]",
    ];
    assert_eq!(case.run(&args).expect_code(0).stdout(), "-rn -e true a 7\n");
}

#[test]
fn a_new_skill_is_complete_with_flags() {
    let case = Case::new();
    let args = "skills new text/files --description Lists_files. --output lines --permission net \
                --permission env:EDITOR? --timeout 1m30s --tool -- ls {{dir}}";
    let output = case.run(&args.split_whitespace().collect::<Vec<_>>());
    let output = output.expect_code(0);
    assert_eq!(
        output.stderr(),
        "try it with `obs skills run text/files --set dir=VALUE`\n\
         `obs new plan text/files -o FILE` writes a plan that calls it\n"
    );
    case.run(&["skills", "check", "--strict"]).expect_code(0);
    let show = ["skills", "show", "text/files", "--format", "json"];
    let show: Value = serde_json::from_slice(&case.run(&show).stdout).unwrap();
    for (key, value) in [
        ("description", json!("Lists_files.")),
        ("kind", json!("tool")),
        ("permissions", json!(["net", "env:EDITOR?"])),
        ("timeout", json!("1m30s")),
    ] {
        assert_eq!(show[key], value, "{key}");
    }
    let run = ["skills", "run", "text/files", "--set", "dir=skills"];
    assert_eq!(case.run(&run).expect_code(0).stdout(), "[\"text\"]\n");
    for (flag, value, why) in [
        ("--description", "", "`description` is empty"),
        ("--output", "yaml", "expected `json`, `text` or `lines`"),
        ("--permission", "fs.raed:x", "fs.read:x"),
        ("--permission", "fs.read:{{dir}}", "is not constant"),
        ("--timeout", "5", "has no unit"),
    ] {
        let output = case.run(&["skills", "new", "other", flag, value, "--", "ls"]);
        let output = output.expect_code(2);
        assert!(output.stderr().contains(why), "{}", output.whole());
    }
    assert!(!case.path().join("skills/other").exists());
    let output = case.run(&[
        "skills",
        "new",
        "wide",
        "--permission",
        "fs.read:/",
        "--",
        "ls",
    ]);
    let why = "warning: `fs.read:/` covers the whole file system";
    assert!(output.stderr().contains(why), "{}", output.whole());
}

#[test]
fn a_new_skill_that_can_not_be_is_told_why() {
    let case = Case::new();
    let new = |name: &str, program: &str| case.run(&["skills", "new", name, "--", program]);
    let output = new("builtin.now", "ls").expect_code(2);
    assert!(output.stderr().contains("reserved"), "{}", output.whole());
    let output = new("git-log", "surely-not-there").expect_code(0);
    assert!(output.stderr().contains("warning: "), "{}", output.whole());
    assert!(
        output.stderr().contains("surely-not-there"),
        "{}",
        output.whole()
    );
    assert!(
        !new("sound", "ls")
            .expect_code(0)
            .stderr()
            .contains("warning")
    );
    let output = new("git-log/sub", "ls").expect_code(74);
    let why = "a skill's directory can't hold other skills: `skills/git-log/manifest.yaml` already exists";
    assert!(output.stderr().contains(why), "{}", output.whole());
    let output = new("git-log", "ls").expect_code(74);
    let why = "can't create the skill `git-log`: `skills/git-log/manifest.yaml` already exists";
    assert!(output.stderr().contains(why), "{}", output.whole());
}

#[test]
fn arguments_given_by_flags_are_strict_and_told_as_flags() {
    let output = greet()
        .run(&["skills", "run", "greet", "--set", "d={\"x\":1,\"x\":2}"])
        .expect_code(2);
    assert!(
        output.stderr().contains("duplicate key `x`"),
        "{}",
        output.whole()
    );
    let output = greet().run(&["skills", "run", "greet"]).expect_code(65);
    assert!(
        output.stderr().contains("`--set name=…`"),
        "{}",
        output.whole()
    );
    assert!(!output.stderr().contains("name:"), "{}", output.whole());
    let output = greet()
        .stdin("{}")
        .run(&["skills", "run", "greet", "--inputs", "-"])
        .expect_code(65);
    assert!(
        output.stderr().contains("add `name:`"),
        "{}",
        output.whole()
    );
}

#[test]
fn a_skills_directory_that_was_asked_for_must_be_there() {
    let case = greet().plan("- {name: greet, type: skill, arguments: {name: x}}\n");
    for verb in [
        &["run", "plan.yaml"][..],
        &["validate", "plan.yaml"],
        &["skills", "list"],
        &["skills", "show", "greet"],
        &["skills", "check"],
        &["skills", "run", "greet", "--set", "name=x"],
    ] {
        for dir in ["absent", "plan.yaml"] {
            let output = case
                .run(&[verb, &["--skills", dir]].concat())
                .expect_code(66);
            let said = output.stderr();
            assert!(
                said.contains(&format!("can't open the skills root `{dir}`")),
                "{said}"
            );
            assert!(said.contains("hint: "), "{said}");
        }
        case.run(&[verb, &["--skills", "skills"]].concat())
            .expect_code(0);
    }
}

#[test]
fn a_listing_has_absolute_directories_and_says_things_once() {
    let case = greet()
        .file("skills/bad id/manifest.yaml", GREET)
        .file("skills/broken/manifest.yaml", "description: d\n");
    std::os::unix::fs::symlink(".", case.path().join("skills/loop")).unwrap();
    let output = case
        .run(&["skills", "list", "--format", "json"])
        .expect_code(0);
    let skills: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let dirs: Vec<&str> = skills
        .iter()
        .filter_map(|skill| skill["dir"].as_str())
        .collect();
    assert_eq!(dirs.len(), 3, "each once: {dirs:?}");
    assert!(dirs.iter().all(|dir| dir.starts_with('/')), "{dirs:?}");
    let show = case
        .run(&["skills", "show", "greet", "--format", "json"])
        .expect_code(0);
    let show: Value = serde_json::from_slice(&show.stdout).unwrap();
    assert!(dirs.contains(&show["dir"].as_str().unwrap()), "{dirs:?}");
    let table = case.run(&["skills", "list"]).expect_code(0).stdout();
    for line in table.lines() {
        assert!(line.matches("can't be called").count() <= 1, "{table}");
    }
}
