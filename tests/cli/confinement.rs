//! Skills get what their manifests ask for and nothing else, and what can't be enforced is said.

use serde_json::Value;

use crate::support::processes::marked;
use crate::support::{Case, confines, has, skip, wait_for};

/// A skill that runs `script` with the given permissions.
fn skill(script: &str, more: &str) -> Case {
    let manifest = format!(
        "description: d\nexecution: {{command: [./run.sh], stdin: none, output: text}}\n{more}"
    );
    Case::new()
        .file("skills/probe/manifest.yaml", manifest)
        .script("skills/probe/run.sh", &format!("#!/bin/sh\n{script}\n"))
        .plan("- {name: probe, type: skill}\n")
}

#[test]
fn the_default_is_to_read_the_workspace_and_to_write_nothing_but_scratch() {
    if !confines(
        "confinement::the_default_is_to_read_the_workspace_and_to_write_nothing_but_scratch",
    ) {
        return;
    }
    let case = skill(
        "cat note; touch here 2>/dev/null && echo wrote; mkdir /tmp/\"$OBS_RUN_ID\" 2>/dev/null && echo wrote; \
         cat /etc/shadow 2>/dev/null; touch \"$TMPDIR/x\" && echo scratch",
        "",
    )
    .file("note", "note\n");
    let output = case
        .run(&["run", "plan.yaml", "--print", "probe"])
        .expect_code(0);
    assert_eq!(output.stdout(), "note\nscratch\n");
    assert!(!case.path().join("here").exists());
}

#[test]
fn permissions_widen_it_and_off_opens_it() {
    if !confines("confinement::permissions_widen_it_and_off_opens_it") {
        return;
    }
    let script = "touch out/here && echo wrote";
    let case = skill(script, "permissions: [\"fs.write:out/\"]\n");
    let output = case
        .run(&["run", "plan.yaml", "--print", "probe"])
        .expect_code(0);
    assert_eq!(output.stdout(), "wrote\n");
    assert!(
        case.path().join("out/here").exists(),
        "a missing directory is made"
    );

    let case = skill("touch here && echo wrote", "");
    case.run(&["run", "plan.yaml"]).expect_code(1);
    let output = case.run(&["run", "plan.yaml", "--sandbox", "off", "--format", "jsonl"]);
    let output = output.expect_code(0);
    assert_eq!(output.records()[0]["sandbox"]["mode"], "off");
    assert!(
        output.stderr().contains("files and network are open"),
        "{}",
        output.whole()
    );
}

#[test]
fn files_move_and_are_linked_between_directories_that_a_skill_may_write() {
    let script = "for base in \"$TMPDIR\" out \"$OBS_RUN_DIR\"; do (cd \"$base\" && mkdir a b && echo 1 > a/x && \
                  ln a/x b/linked && mv a/x b/moved && mkdir a/d && mv a/d b/d && cat b/linked b/moved) || exit 1; done";
    let permissions = "permissions: [\"fs.write:out/\", \"fs.write:$RUN_DIR\"]\n";
    for sandbox in ["require", "best-effort", "off"] {
        if sandbox == "require"
            && !confines(
                "confinement::files_move_and_are_linked_between_directories_that_a_skill_may_write",
            )
        {
            continue;
        }
        let case = skill(script, permissions);
        let output = case
            .run(&["run", "plan.yaml", "--sandbox", sandbox, "--print", "probe"])
            .expect_code(0);
        assert_eq!(output.stdout(), "1\n1\n1\n1\n1\n1\n", "{sandbox}");
    }
}

#[test]
fn without_a_sandbox_a_skill_of_root_may_mount() {
    let test = "confinement::without_a_sandbox_a_skill_of_root_may_mount";
    if !has("unshare", test) || !has("mount", test) {
        return;
    }
    let mount = "mkdir m && unshare --mount sh -c 'mount -t tmpfs none m && touch m/x && ls m'";
    let may = std::process::Command::new("unshare")
        .args(["--mount", "true"])
        .status();
    if !may.is_ok_and(|status| status.success()) {
        skip(test, "the right to mount");
        return;
    }
    let case = skill(mount, "");
    let output = case
        .run(&["run", "plan.yaml", "--sandbox", "off", "--print", "probe"])
        .expect_code(0);
    assert_eq!(output.stdout(), "x\n");
}

#[test]
fn a_path_that_arrives_as_an_argument_grants_nothing() {
    if !confines("confinement::a_path_that_arrives_as_an_argument_grants_nothing") {
        return;
    }
    let secret = tempfile::tempdir().unwrap();
    std::fs::write(secret.path().join("key"), "canary-4711").unwrap();
    let manifest = "description: d\nexecution: {command: [cat, \"{{path}}\"], output: text}\n";
    let path = secret.path().join("key");
    let case = Case::new()
        .file("skills/show/manifest.yaml", manifest)
        .plan(&format!(
            "- {{name: show, type: skill, arguments: {{path: \"{}\"}}}}\n",
            path.display()
        ));
    let output = case
        .run(&["run", "plan.yaml", "--format", "jsonl"])
        .expect_code(1);
    assert!(
        !output.whole().contains("canary-4711"),
        "{}",
        output.whole()
    );
    assert!(
        output.stderr().contains("Permission denied"),
        "{}",
        output.whole()
    );
}

#[test]
fn a_secret_is_never_shown_not_even_in_two_writes() {
    let case = skill(
        "printf '%s' \"${API_TOKEN%????}\"; sleep 0.2; printf '%s\\n' \"${API_TOKEN#??????}\"; \
         echo \"{\\\"message\\\": \\\"$API_TOKEN\\\"}\" >&3; echo \"err $API_TOKEN\" >&2; exit 3",
        "permissions: [\"secret:API_TOKEN\"]\n",
    )
    .env("API_TOKEN", "s3cr3t-key");
    let args = [
        "run",
        "plan.yaml",
        "--stream",
        "--format",
        "jsonl",
        "--log",
        "log.jsonl",
    ];
    let output = case.run(&args).expect_code(1);
    assert!(!output.whole().contains("s3cr3t"), "{}", output.whole());
    assert_eq!(output.records()[0]["stdout"], "***\n");
    assert_eq!(output.records()[0]["stderr"], "err ***\n");
    let log = std::fs::read_to_string(case.path().join("log.jsonl")).unwrap();
    assert!(!log.contains("s3cr3t"), "{log}");
}

#[test]
fn a_program_that_the_grants_hide_is_found_before_the_run_with_the_line_to_add() {
    let home = tempfile::tempdir().unwrap();
    let bin = home.path().join(".tools/bin");
    std::fs::create_dir_all(&bin).unwrap();
    let manifest = |more: &str| {
        format!("description: d\nexecution: {{command: [hidden-tool], output: text}}\n{more}")
    };
    let case = Case::new()
        .file("skills/tool/manifest.yaml", manifest(""))
        .script("hidden-tool", "#!/bin/sh\necho it ran\n")
        .plan("- {name: tool, type: skill}\n")
        .env("HOME", home.path().to_str().unwrap())
        .env("PATH", &format!("{}:/usr/bin:/bin", bin.display()));
    std::fs::rename(case.path().join("hidden-tool"), bin.join("hidden-tool")).unwrap();
    let output = case.run(&["run", "plan.yaml"]).expect_code(65);
    let line = "add `fs.exec:~/.tools` to the `permissions` of its manifest";
    assert!(output.stderr().contains(line), "{}", output.whole());
    let case = case.file(
        "skills/tool/manifest.yaml",
        manifest("permissions: [\"fs.exec:~/.tools\"]\n"),
    );
    let output = case
        .run(&["run", "plan.yaml", "--print", "tool"])
        .expect_code(0);
    assert_eq!(output.stdout(), "it ran\n");
}

#[test]
fn limits_end_a_step_with_limit_and_value() {
    let bomb = "i=0; while [ $i -lt 64 ]; do sleep 30 & i=$((i+1)); done; wait";
    let case = skill(bomb, "resources: {max_processes: 16}\n");
    let marker = format!("limits-{}", std::process::id());
    let args = [
        "run",
        "plan.yaml",
        "--format",
        "jsonl",
        "--request-id",
        &marker,
    ];
    let output = case.run(&args).expect_code(71);
    let record = &output.records()[0];
    assert_eq!(record["error_code"], "resource_exhausted");
    let error = record["error"].as_str().unwrap();
    assert!(
        error.starts_with("runtime: resource exhausted: processes of "),
        "{error}"
    );
    assert!(error.ends_with("over the limit of 16"), "{error}");
    assert_eq!(marked(&marker), Vec::<i32>::new());

    // A flag tightens, it never loosens.
    let spin = skill("while :; do :; done", "resources: {max_cpu_ms: 60000}\n");
    let output = spin.run(&[
        "run",
        "plan.yaml",
        "--max-cpu",
        "200ms",
        "--format",
        "jsonl",
    ]);
    let output = output.expect_code(71);
    assert!(
        output.stdout().contains("CPU time of "),
        "{}",
        output.whole()
    );
    let case = skill(bomb, "resources: {max_processes: 16}\n");
    case.run(&["run", "plan.yaml", "--max-processes", "4000"])
        .expect_code(71);
}

#[test]
fn the_doctor_tells_layer_by_layer() {
    let case = Case::new();
    // It exits 1 where a layer is missing that every skill relies on.
    let table = case.run(&["doctor"]).stdout();
    let output = case.run(&["doctor", "--format", "json"]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let layers = document["layers"].as_array().unwrap();
    assert!(layers.len() >= 10, "{document}");
    for layer in layers {
        let name = layer["layer"].as_str().unwrap();
        assert!(table.contains(name), "{name}: {table}");
        assert_eq!(
            layer["enforced"].as_bool().unwrap(),
            layer["missing"].is_null()
        );
    }
}

/// Answers ENOSYS to the Landlock calls from there on, and becomes what follows.
const WITHOUT_LANDLOCK: &str = include_str!("../fixtures/without_landlock.py");

#[test]
fn without_landlock_require_runs_nothing_and_best_effort_says_what_is_open() {
    if !has(
        "python3",
        "without_landlock_require_runs_nothing_and_best_effort_says_what_is_open",
    ) {
        return;
    }
    let case = skill("echo ran >> ran; echo 1", "permissions: [\"fs.write:.\"]\n")
        .file("without.py", WITHOUT_LANDLOCK)
        .file(
            "tools.yaml",
            "assistant_id: a\nsteps:\n- {name: builtin.now, type: tool}\n",
        );
    let run = |args: &[&str]| {
        let mut obs = case.command_under(&["python3", "without.py"], args);
        obs.env_remove("OBS_SANDBOX").output().unwrap()
    };
    let refused = run(&["run", "plan.yaml"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(69), "{said}");
    assert!(
        said.contains("files: ") && said.contains("--sandbox best-effort"),
        "{said}"
    );
    assert!(!case.path().join("ran").exists(), "nothing was executed");

    let open = run(&[
        "run",
        "plan.yaml",
        "--sandbox",
        "best-effort",
        "--format",
        "jsonl",
    ]);
    let said = String::from_utf8_lossy(&open.stderr).into_owned();
    assert_eq!(open.status.code(), Some(0), "{said}");
    assert!(said.contains("not enforced on this machine: "), "{said}");
    let record: Value = serde_json::from_slice(&open.stdout).unwrap();
    let missing = record["sandbox"]["missing"].as_array().unwrap();
    assert!(missing.contains(&Value::from("files")), "{record}");
    assert_eq!(
        std::fs::read_to_string(case.path().join("ran")).unwrap(),
        "ran\n"
    );

    let tools = run(&["run", "tools.yaml"]);
    assert_eq!(
        tools.status.code(),
        Some(0),
        "a plan of built-in tools needs no confinement"
    );
}

#[test]
fn what_a_killed_obs_left_is_removed_by_the_next() {
    let case = skill(
        "echo x > \"$HOME/file\"; touch ready; sleep 60",
        "permissions: [\"fs.write:.\"]\n",
    )
    .file(
        "tools.yaml",
        "assistant_id: a\nsteps:\n- {name: probe, skill: quick, type: skill}\n",
    )
    .sh_skill("quick", "echo 1", "");
    let left = || {
        let entries = std::fs::read_dir(case.path().join(".tmp")).unwrap();
        entries
            .flatten()
            .filter(|e| e.file_name().to_string_lossy().starts_with("obs-"))
            .count()
    };
    let mut child = case.command(&["run", "plan.yaml", "-q"]).spawn().unwrap();
    wait_for("the step", || case.path().join("ready").exists());
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(left(), 1);
    case.run(&["run", "tools.yaml"]).expect_code(0);
    assert_eq!(left(), 0);
}

#[test]
fn a_path_to_read_that_is_not_there_is_a_warning() {
    let case = skill(
        "echo ran",
        "permissions: [\"fs.read:/nowhere/data\", \"fs.read:later\", \"fs.read:/usr\"]\n",
    );
    let output = case.run(&["run", "plan.yaml"]).expect_code(0);
    let warning =
        "warning: step 0: `probe` asks for `fs.read:/nowhere/data`, which does not exist\n";
    assert!(output.stderr().contains(warning), "{}", output.whole());
    // Below the workspace, which skills may read, it may still come.
    assert!(!output.stderr().contains("later"), "{}", output.whole());
    let problems = case.run(&["validate", "plan.yaml", "--format", "json"]);
    assert!(problems.expect_code(0).stdout().contains("missing_path"));
    case.run(&["validate", "plan.yaml", "--strict"])
        .expect_code(65);
}

#[test]
fn a_program_swapped_while_obs_runs_is_not_executed() {
    let swap = "printf '#!/bin/sh\\ntouch swapped\\n' > skills/late/new && chmod 755 skills/late/new && \
                mv skills/late/new skills/late/run.sh; echo 1";
    let case = Case::new()
        .sh_skill("swap", swap, "")
        .sh_skill("late", "touch original; echo 1", "")
        .plan("- {name: swap, type: skill}\n- {name: late, type: skill}\n");
    let output = case
        .run(&["run", "plan.yaml", "--format", "jsonl"])
        .expect_code(69);
    let error = output.records()[1]["error"].as_str().unwrap().to_owned();
    assert!(error.starts_with("runtime: skill not loaded: `"), "{error}");
    assert!(
        error.ends_with("was changed after the plan was proven"),
        "{error}"
    );
    assert!(!case.path().join("swapped").exists());
    assert!(!case.path().join("original").exists());
}

#[test]
fn nothing_of_the_environment_or_the_home_directory_is_found_anywhere() {
    if !confines("confinement::nothing_of_the_environment_or_the_home_directory_is_found_anywhere")
    {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("notes"), "canary-of-home").unwrap();
    let grab = format!(
        "env; cat {home}/notes; cat /proc/*/environ 2>/dev/null | tr '\\0' '\\n'; env >&2; exit 3",
        home = home.path().display()
    );
    let case = skill(&grab, "")
        .env("HOME", home.path().to_str().unwrap())
        .env("CANARY", "canary-of-environment");
    let args = [
        "run",
        "plan.yaml",
        "--stream",
        "--format",
        "jsonl",
        "--log",
        "log.jsonl",
    ];
    let output = case.run(&args).expect_code(1);
    let log = std::fs::read_to_string(case.path().join("log.jsonl")).unwrap();
    for text in [&output.whole(), &log] {
        assert!(
            text.contains("OBS_RUN_ID"),
            "the skill looked around: {text}"
        );
        assert!(!text.contains("canary"), "{text}");
    }
}
