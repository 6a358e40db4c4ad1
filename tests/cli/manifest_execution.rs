//! The manifest's `execution`: directories in the command, `env` and `workdir`.

use crate::support::{Case, Output, confines};

/// A skill with this `execution` and these permissions.
fn skill(case: Case, id: &str, execution: &str, permissions: &str) -> Case {
    case.file(
        &format!("skills/{id}/manifest.yaml"),
        format!("description: d\nexecution: {{{execution}}}\npermissions: [{permissions}]\n"),
    )
}

/// What the command `obs skills check` says about a manifest with this `execution`.
fn checked(execution: &str, permissions: &str) -> Output {
    skill(Case::new(), "s", execution, permissions).run(&["skills", "check"])
}

#[test]
fn directories_are_put_into_the_command() {
    if !confines("manifest_execution::directories_are_put_into_the_command") {
        return;
    }
    let text = "stdin: none, output: text";
    let case = skill(
        Case::new(),
        "write",
        &format!("command: [cp, -v, --target-directory=$RUN_DIR/, $SKILL_DIR/data], {text}"),
        "\"fs.write:$RUN_DIR\"",
    );
    let case = skill(
        case,
        "read",
        &format!(
            "command: [sh, -c, 'cat \"$1\" \"$2\"', sh, $RUN_DIR/data, \"${{WORKSPACE}}/here\"], {text}"
        ),
        "\"fs.read:$RUN_DIR\"",
    );
    let case = case
        .file("skills/write/data", "1\n")
        .file("here", "2\n")
        .plan("- {name: write, type: skill}\n- {name: read, type: skill}\n");
    let shown = case.run(&["run", "--dry-run", "plan.yaml"]).expect_code(0);
    assert!(
        shown.stdout().contains("--target-directory=$RUN_DIR/"),
        "{}",
        shown.whole()
    );
    let args = ["run", "--run-dir=out", "--format=jsonl", "plan.yaml"];
    let records = case.run(&args).expect_code(0).records();
    assert_eq!(records[1]["output"], "1\n2");
    assert_eq!(std::fs::read(case.path().join("out/data")).unwrap(), b"1\n");
}

#[test]
fn a_wrong_use_of_a_directory_has_a_place_and_a_way_out() {
    for (command, place, says, help) in [
        (
            "[cp, a, $RUN_DIR/b]",
            "2:30",
            "no permission asks for `$RUN_DIR`",
            "add `fs.write:$RUN_DIR`",
        ),
        (
            "[$RUN_DIR/x]",
            "2:23",
            "lies in `$RUN_DIR`",
            "before the run",
        ),
        (
            "[sh, -c, 'ls $WORKSPACE']",
            "2:31",
            "`$WORKSPACE` is in code",
            "`\"$OBS_WORKSPACE\"`",
        ),
        (
            "[sh, $RUN_DIR/x.sh]",
            "2:27",
            "the code that runs lies in `$RUN_DIR`",
            "`$SKILL_DIR/…`",
        ),
    ] {
        let permissions = if command.starts_with("[cp") {
            ""
        } else {
            "\"fs.write:$RUN_DIR\""
        };
        let output = checked(&format!("command: {command}"), permissions);
        let said = output.stdout();
        assert_eq!(output.code, 65, "{command}: {said}");
        for part in [place, says, help] {
            assert!(said.contains(part), "{command}: {part}: {said}");
        }
    }
}

#[test]
fn variables_and_the_working_directory_are_the_manifests() {
    if !confines("manifest_execution::variables_and_the_working_directory_are_the_manifests") {
        return;
    }
    let script = "echo \"$A|$B|$C|$LANG|$HOME\" | sed \"s#$TMPDIR#TMP#\"; pwd; cat here";
    let execution = "command: [./run.sh], stdin: none, output: lines, workdir: sub/dir, env: \
         {A: $SKILL_DIR/a, B: '$RUN_DIR', C: \"{{{{x}}:$WORKSPACE\", LANG: C}";
    let case = skill(Case::new(), "s", execution, "\"fs.write:$RUN_DIR\"")
        .script("skills/s/run.sh", &format!("#!/bin/sh\n{script}\n"))
        .file("sub/dir/here", "found\n")
        .plan("- {name: s, type: skill}\n");
    let args = ["run", "--run-dir=out", "--format=jsonl", "plan.yaml"];
    let records = case.run(&args).expect_code(0).records();
    let root = case.path().canonicalize().unwrap();
    let root = root.display();
    let want = serde_json::json!([
        format!("{root}/skills/s/a|{root}/out|{{{{x}}}}:{root}|C|TMP"),
        format!("{root}/sub/dir"),
        "found"
    ]);
    assert_eq!(records[0]["output"], want);
    let shown = case.run(&["skills", "show", "s"]).expect_code(0).stdout();
    for part in [
        "works in     sub/dir",
        "environment  A=$SKILL_DIR/a",
        "environment  LANG=C",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let shown = case
        .run(&["run", "--dry-run", "plan.yaml"])
        .expect_code(0)
        .stdout();
    assert!(shown.contains("sub/dir"), "{shown}");
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn a_wrong_environment_or_working_directory_has_a_place_and_a_way_out() {
    let case = [
        (
            "env: [A=b]",
            "2:34",
            "`env` must be a mapping",
            "`key: value`",
        ),
        ("env: {A: 1}", "2:38", "`A` must be text", "quote it: \"1\""),
        (
            "env: {A-B: x}",
            "2:35",
            "`A-B` is not the name",
            "letters, digits",
        ),
        (
            "env: {OBS_X: x}",
            "2:35",
            "can't set `OBS_X`",
            "choose another name",
        ),
        ("env: {HOME: x}", "2:35", "can't set `HOME`", "in a script"),
        ("env: {PATH: x}", "2:35", "can't set `PATH`", "in a script"),
        (
            "env: {ASKED: x}",
            "2:35",
            "`env:ASKED?` asks for another",
            "remove one",
        ),
        (
            "env: {A: \"{{x}}\"}",
            "2:38",
            "holds an argument",
            "in the command",
        ),
        ("env: {A: \"a\\0b\"}", "2:38", "NUL", "take it out"),
        (
            "env: {A: $RUN_DIR/x}",
            "2:38",
            "no permission asks for",
            "add `fs.write:$RUN_DIR`",
        ),
        (
            "stdin: arguments, env: {BASH_ENV: //dev/stdin}",
            "2:63",
            "takes code from `BASH_ENV`",
            "`stdin: none`",
        ),
        (
            "env: {PYTHONPATH: a:$RUN_DIR}",
            "2:47",
            "steps write in `$RUN_DIR`",
            "`$SKILL_DIR/…`",
        ),
        (
            "environment: {A: b}",
            "2:29",
            "unknown key `environment`",
            "did you mean `env`?",
        ),
        (
            "cwd: sub",
            "2:29",
            "unknown key `cwd`",
            "did you mean `workdir`?",
        ),
        (
            "workdir: \"{{x}}\"",
            "2:38",
            "is not constant",
            "without arguments",
        ),
        ("workdir: ../x", "2:38", "climbs with `..`", "absolute path"),
        ("workdir: \"\"", "2:38", "names no path", "the workspace"),
        (
            "workdir: $HOME/x",
            "2:38",
            "which obs does not know",
            "`$WORKSPACE`",
        ),
        (
            "workdir: $RUN_DIR/x",
            "2:38",
            "no permission asks for",
            "add `fs.write:$RUN_DIR`",
        ),
        (
            "workdir: $SKILL_DIR/none",
            "2:38",
            "does not exist",
            "create the directory",
        ),
        (
            "workdir: /etc/passwd",
            "2:38",
            "is not a directory",
            "name the directory",
        ),
    ];
    for (keys, place, says, help) in case {
        let output = checked(&format!("command: [env], {keys}"), "\"env:ASKED?\"");
        let said = output.stdout();
        assert_eq!(output.code, 65, "{keys}: {said}");
        let says = says.replace("takes code", "programs take code");
        for part in [&*format!(":{place}\n"), &says, help] {
            assert!(said.contains(part), "{keys}: {part}: {said}");
        }
    }
    let case = Case::new().file(
        "skills/s/manifest.yaml",
        "description: d\nexecution: {command: [env]}\nworking_dir: sub\nenv: {A: b}\n",
    );
    let said = case.run(&["skills", "check"]).expect_code(65).stdout();
    for part in [
        "`workdir` belongs to `execution`",
        "`env` belongs to `execution`",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn a_secret_in_the_manifest_is_doubted_and_not_repeated() {
    let execution =
        "command: [env], env: {\n  GH_TOKEN: hunter2, A_KEY_FILE: /x, API_KEY: $SKILL_DIR/k}";
    let said = checked(execution, "").expect_code(0).stdout();
    assert!(
        said.contains("warning[secret_in_manifest]: `GH_TOKEN`"),
        "{said}"
    );
    assert!(said.contains("--secret GH_TOKEN=file:PATH"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn a_working_directory_that_is_missing_or_hidden_is_told() {
    if !confines("manifest_execution::a_working_directory_that_is_missing_or_hidden_is_told") {
        return;
    }
    let hidden = tempfile::tempdir().unwrap();
    let hidden = hidden.path().canonicalize().unwrap();
    let workdir = |case: Case, path: &str, permissions: &str| {
        let execution = format!("command: [pwd], stdin: none, output: text, workdir: {path}");
        skill(case, "s", &execution, permissions).plan("- {name: s, type: skill}\n")
    };
    let hidden = hidden.to_str().unwrap();
    let case = workdir(Case::new(), hidden, "");
    let said = case
        .run(&["validate", "plan.yaml"])
        .expect_code(65)
        .stdout();
    assert!(said.contains("error[workdir]: `s` can't run"), "{said}");
    assert!(said.contains(&format!("add `fs.read:{hidden}`")), "{said}");
    let case = workdir(Case::new(), hidden, &format!("\"fs.read:{hidden}\""));
    case.run(&["run", "plan.yaml"]).expect_code(0);
    // It may come; here it does not.
    let case = workdir(Case::new(), "later", "");
    let output = case.run(&["run", "plan.yaml"]).expect_code(69);
    assert!(
        output
            .stderr()
            .contains("can't use its working directory `later`"),
        "{}",
        output.whole()
    );
    let case = workdir(Case::new(), "later", "\"fs.write:later/\"");
    case.run(&["run", "plan.yaml"]).expect_code(0);
}
