//! `fs.write:PATH/` is a directory. `fs.write:PATH` is what exists there, or one file.

use crate::support::{Case, confines, wait_for};

/// A skill that runs `script` and may write what `permissions` names.
fn skill(script: &str, permissions: &[&str]) -> Case {
    let manifest = format!(
        "description: d\nexecution: {{command: [./run.sh], stdin: none, output: text}}\n\
         permissions: {permissions:?}\n"
    );
    Case::new()
        .file("skills/probe/manifest.yaml", manifest)
        .script("skills/probe/run.sh", &format!("#!/bin/sh\n{script}\n"))
        .plan("- {name: probe, type: skill}\n")
}

/// What lies below the workspace afterwards, without what the case itself made; a directory ends
/// in `/`, a file in its content.
fn left(case: &Case) -> Vec<String> {
    let find = std::process::Command::new("sh")
        .args([
            "-c",
            "find . -mindepth 1 \\( -name .tmp -o -name skills \\) -prune -o ! -name plan.yaml -print \
             | sort | while read f; do if [ -d \"$f\" ]; then echo \"$f/\"; \
             else echo \"$f=$(paste -sd, \"$f\")\"; fi; done",
        ])
        .current_dir(case.path())
        .output()
        .unwrap();
    let text = String::from_utf8(find.stdout).unwrap();
    text.lines().map(|line| line[2..].to_owned()).collect()
}

#[test]
fn a_slash_means_a_directory_and_its_absence_a_file() {
    if !confines("write_targets::a_slash_means_a_directory_and_its_absence_a_file") {
        return;
    }
    for (permission, script, want) in [
        ("out", "echo 1 > out", vec!["out=1"]),
        ("out", "echo 1 >> out; echo 2 >> out", vec!["out=1,2"]),
        ("out", "echo 1", vec![]),
        ("out", "cat out", vec![]),
        ("out", ": > out", vec!["out="]),
        ("out", "touch out", vec!["out="]),
        ("out", "echo 1 > out; : > out", vec!["out="]),
        ("out/", "echo 1 > out/x", vec!["out/", "out/x=1"]),
        ("out/", "echo 1", vec!["out/"]),
        (
            "./a//b/./c",
            "echo 1 > a/b/c",
            vec!["a/", "a/b/", "a/b/c=1"],
        ),
        ("a/b/c", "echo 1", vec!["a/", "a/b/"]),
        ("a/b/", "mkdir a/b/c", vec!["a/", "a/b/", "a/b/c/"]),
        ("$WORKSPACE/out", "echo 1 > out", vec!["out=1"]),
        ("out.d", "echo 1 > out.d", vec!["out.d=1"]),
    ] {
        let case = skill(script, &[&format!("fs.write:{permission}")]);
        case.run(&["run", "plan.yaml"]).expect_code(0);
        assert_eq!(left(&case), want, "{permission}: {script}");
    }
    // Whatever exists is what is granted.
    for permission in ["there", "there/"] {
        let case = skill("echo 1 > there/x", &[&format!("fs.write:{permission}")]);
        std::fs::create_dir(case.path().join("there")).unwrap();
        case.run(&["run", "plan.yaml"]).expect_code(0);
        assert_eq!(left(&case), ["there/", "there/x=1"], "{permission}");
    }
    for content in ["", "old\n"] {
        let case = skill("cat there", &["fs.write:there"]).file("there", content);
        case.run(&["run", "plan.yaml"]).expect_code(0);
        assert_eq!(left(&case), [format!("there={}", content.trim_end())]);
    }
}

#[test]
fn a_file_below_the_run_directory_and_the_home_directory() {
    if !confines("write_targets::a_file_below_the_run_directory_and_the_home_directory") {
        return;
    }
    let script = "echo 1 > \"$OBS_RUN_DIR/part\"; echo 2 > \"$1\"; mkdir \"$OBS_RUN_DIR/d/e\"";
    let permissions = [
        "fs.write:$RUN_DIR/part",
        "fs.write:$RUN_DIR/d/",
        "fs.write:~/x/file",
    ];
    let case = skill(script, &permissions);
    let home = tempfile::tempdir().unwrap();
    let file = home.path().canonicalize().unwrap().join("x/file");
    let manifest = case.path().join("skills/probe/manifest.yaml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let command = format!("[./run.sh, \"{}\"]", file.display());
    std::fs::write(&manifest, text.replace("[./run.sh]", &command)).unwrap();
    let case = case.env("HOME", home.path().to_str().unwrap());
    case.run(&["run", "plan.yaml", "--run-dir", "parts"])
        .expect_code(0);
    assert_eq!(
        left(&case),
        ["parts/", "parts/d/", "parts/d/e/", "parts/part=1"]
    );
    assert_eq!(std::fs::read_to_string(file).unwrap(), "2\n");
}

#[test]
fn the_grant_of_a_file_does_not_reach_its_siblings() {
    if !confines("write_targets::the_grant_of_a_file_does_not_reach_its_siblings") {
        return;
    }
    for (script, what) in [
        ("echo 1 > other", "a new file"),
        ("echo 1 > old", "an existing file"),
        ("rm old", "removal of another"),
        ("mkdir other", "a directory"),
        ("ln -s old other", "a link"),
        ("ln out other", "another name"),
        ("rm out", "its own removal"),
        ("mv out other", "its own renaming"),
        ("mv old out", "what is there already"),
        ("rm out; mkdir out", "a directory of its name"),
        ("echo 1 > out.tmp", "a longer name"),
    ] {
        let case = skill(&format!("set -e; {script}"), &["fs.write:out"]).file("old", "old");
        case.run(&["run", "plan.yaml"]).expect_code(1);
        assert_eq!(left(&case), ["old=old"], "{what}");
    }
}

#[test]
fn who_replaces_the_file_is_told_to_grant_its_directory() {
    if !confines("write_targets::who_replaces_the_file_is_told_to_grant_its_directory") {
        return;
    }
    let sed = |path: &str| format!("sed -i s/a/b/ {path}");
    let move_over = |path: &str| format!("echo b > {path}.new && mv {path}.new {path}");
    let from_scratch = |path: &str| format!("echo b > \"$TMPDIR/x\" && ln -f \"$TMPDIR/x\" {path}");
    for script in [
        sed("data/note"),
        move_over("data/note"),
        from_scratch("data/note"),
    ] {
        let case = skill(&script, &["fs.write:data/note"]).file("data/note", "a\n");
        let output = case.run(&["run", "plan.yaml"]).expect_code(1);
        let hint = "`fs.write:data/note` grants this file alone: a program that replaces";
        assert!(output.stderr().contains(hint), "{}", output.whole());
        assert!(
            output.stderr().contains("directory: `fs.write:data/`"),
            "{}",
            output.whole()
        );
        assert_eq!(left(&case), ["data/", "data/note=a"]);
        // What the hint says helps.
        let case = skill(&script, &["fs.write:data/"]).file("data/note", "a\n");
        case.run(&["run", "plan.yaml"]).expect_code(0);
        assert_eq!(left(&case), ["data/", "data/note=b"]);
    }
    // Also for a file that did not exist, and one that has no directory of its own.
    for (permission, way_out) in [
        (
            "note",
            "move it to one of its own and grant `fs.write:DIR/`",
        ),
        ("$RUN_DIR/note", "directory: `fs.write:$RUN_DIR`"),
        ("$RUN_DIR/a/b/note", "directory: `fs.write:$RUN_DIR/a/b/`"),
    ] {
        let path = permission.replace("$RUN_DIR", "$OBS_RUN_DIR");
        let case = skill(&move_over(&path), &[&format!("fs.write:{permission}")]);
        let output = case.run(&["run", "plan.yaml"]).expect_code(1);
        assert!(output.stderr().contains(way_out), "{}", output.whole());
    }
    // Another failure has another reason.
    let case = skill("echo 1 > note; exit 3", &["fs.write:note"]);
    let output = case.run(&["run", "plan.yaml"]).expect_code(1);
    assert!(
        !output.stderr().contains("this file alone"),
        "{}",
        output.whole()
    );
}

#[test]
fn who_makes_a_directory_is_told_of_the_slash() {
    if !confines("write_targets::who_makes_a_directory_is_told_of_the_slash") {
        return;
    }
    for script in ["mkdir report", "mkdir -p report", "touch report/a"] {
        let case = skill(script, &["fs.write:report"]);
        let said = case.run(&["run", "plan.yaml"]).expect_code(1).stderr();
        let want = "hint: `fs.write:report` grants one file, which obs creates before the step: for \
                    a directory write `fs.write:report/`";
        assert!(said.contains(want), "{script}: {said}");
        let case = skill(
            &script.replace("mkdir report", "mkdir -p report"),
            &["fs.write:report/"],
        );
        case.run(&["run", "plan.yaml"]).expect_code(0);
    }
}

#[test]
fn a_dry_run_says_what_would_be_created() {
    let permissions = [
        "fs.write:out/",
        "fs.write:a/log.txt",
        "fs.write:there",
        "fs.write:$RUN_DIR",
        "fs.write:$RUN_DIR/part",
        "fs.read:nothing",
    ];
    let case = skill("echo 1", &permissions).file("there", "");
    let output = case.run(&["run", "plan.yaml", "--dry-run"]).expect_code(0);
    let line = "   creates      out/ (directory), a/log.txt (file), $RUN_DIR/part (file)\n";
    assert!(output.stdout().contains(line), "{}", output.whole());
    let line = "write        private scratch, out/, a/log.txt, there, $RUN_DIR, $RUN_DIR/part\n";
    assert!(output.stdout().contains(line), "{}", output.whole());
    let json = case
        .run(&["run", "plan.yaml", "--dry-run", "--format", "jsonl"])
        .expect_code(0);
    let creates = serde_json::json!(["out/", "a/log.txt", "$RUN_DIR/part"]);
    assert_eq!(json.records()[0]["creates"], creates);
    assert_eq!(left(&case), ["there="], "a dry run creates nothing");
    // Nothing is created that exists.
    let case = skill("echo 1", &["fs.write:there"]).file("there", "");
    let output = case.run(&["run", "plan.yaml", "--dry-run"]).expect_code(0);
    assert!(!output.stdout().contains("creates"), "{}", output.whole());
}

#[test]
fn a_file_where_a_directory_is_asked_for_is_said_before_and_fails_the_step() {
    let case = skill("echo 1", &["fs.write:there/"]).file("there", "x");
    let output = case
        .run(&["run", "plan.yaml", "--format", "jsonl"])
        .expect_code(69);
    let warning = "`probe` asks for `fs.write:there/`, which is not a directory";
    assert!(output.stderr().contains(warning), "{}", output.whole());
    let error = output.records()[0]["error"].as_str().unwrap().to_owned();
    assert!(
        error.contains("/there`, which it may write: Not a directory"),
        "{error}"
    );
    assert_eq!(left(&case), ["there=x"]);
    // A file in the place of a directory above.
    let case = skill("echo 1", &["fs.write:there/x"]).file("there", "x");
    let output = case
        .run(&["run", "plan.yaml", "--format", "jsonl"])
        .expect_code(69);
    let error = output.records()[0]["error"].as_str().unwrap().to_owned();
    assert!(
        error.contains("/there/x`, which it may write: Not a directory"),
        "{error}"
    );
}

#[test]
fn a_skill_that_is_not_confined_creates_its_file_itself() {
    for (script, want) in [
        ("test ! -e a/out && echo 1 > a/out", vec!["a/", "a/out=1"]),
        ("test ! -e a/out", vec!["a/"]),
        ("mkdir a/out", vec!["a/", "a/out/"]),
    ] {
        let case = skill(script, &["fs.write:a/out"]);
        case.run(&["run", "plan.yaml", "--sandbox", "off"])
            .expect_code(0);
        assert_eq!(left(&case), want, "{script}");
    }
}

#[test]
fn calls_at_once_share_the_file_and_the_last_one_leaves_nothing_unused() {
    if !confines("write_targets::calls_at_once_share_the_file") {
        return;
    }
    // Both calls have started before the first ends, and the other one writes after that.
    let start = "echo $OBS_STEP_NAME >> \"$OBS_RUN_DIR/started\"; \
        while test $(wc -l < \"$OBS_RUN_DIR/started\") -lt 2; do sleep 0.01; done; ";
    let write = "if test $OBS_STEP_NAME = b; then sleep 0.3; echo $OBS_STEP_NAME >> out; fi";
    for (end, want) in [(write, vec!["out=b"]), ("true", vec![])] {
        let case = skill(
            &format!("{start}{end}"),
            &["fs.write:out", "fs.write:$RUN_DIR"],
        )
        .plan(
            "- {name: a, skill: probe, type: skill, parallel_group: g}\n\
             - {name: b, skill: probe, type: skill, parallel_group: g}\n",
        );
        case.run(&["run", "plan.yaml", "--jobs", "2"])
            .expect_code(0);
        assert_eq!(left(&case), want);
    }
    // The next call gets a new one.
    let case = skill(
        "test ! -s out && test $OBS_STEP_NAME = b && echo 1 > out; echo",
        &["fs.write:out"],
    )
    .plan("- {name: a, skill: probe, type: skill}\n- {name: b, skill: probe, type: skill}\n");
    case.run(&["run", "plan.yaml"]).expect_code(0);
    assert_eq!(left(&case), ["out=1"]);
}

#[test]
fn two_runs_at_once_do_not_remove_the_file_of_each_other() {
    if !confines("write_targets::two_runs_at_once_do_not_remove_the_file_of_each_other") {
        return;
    }
    // The first run creates the file and leaves it unused; the second one writes it then.
    let script = "echo >> both/started; while test $(wc -l < both/started) -lt 2; do sleep 0.01; done; \
        test $OBS_USER_ID = first || { while ! test -e first-ended; do sleep 0.01; done; echo 1 > out; }";
    let case = skill(script, &["fs.write:out", "fs.write:both/"]);
    let run = |user: &str| {
        let mut command = case.command(&["run", "plan.yaml", "--user-id", user]);
        command.stdout(std::process::Stdio::null()).spawn().unwrap()
    };
    let mut first = run("first");
    wait_for("the first run", || case.path().join("out").exists());
    let mut second = run("second");
    assert!(first.wait().unwrap().success());
    std::fs::write(case.path().join("first-ended"), "").unwrap();
    assert!(second.wait().unwrap().success());
    assert_eq!(
        std::fs::read_to_string(case.path().join("out")).unwrap(),
        "1\n"
    );
}

#[test]
fn a_killed_obs_leaves_at_most_the_empty_file_and_the_next_run_uses_it() {
    if !confines("write_targets::a_killed_obs_leaves_at_most_the_empty_file") {
        return;
    }
    let case = skill(
        "test -e go && echo 1 > out && exit; sleep 60",
        &["fs.write:out"],
    );
    let mut obs = case.command(&["run", "plan.yaml"]);
    let mut obs = obs.stdout(std::process::Stdio::null()).spawn().unwrap();
    wait_for("the file", || case.path().join("out").exists());
    obs.kill().unwrap();
    obs.wait().unwrap();
    assert_eq!(left(&case), ["out="]);
    let case = case.file("go", "");
    case.run(&["run", "plan.yaml"]).expect_code(0);
    assert_eq!(left(&case), ["go=", "out=1"]);
}
