//! Links that skills make redirect nothing that obs grants, makes, enters or executes; links that
//! were there before the run keep working.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::support::{Case, Output, concat, confines, has};

/// A directory with something to steal, and to overwrite.
struct Victim(TempDir);

impl Victim {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        fs::write(directory.path().join("key"), "canary\n").unwrap();
        Self(directory)
    }

    fn path(&self) -> PathBuf {
        self.0.path().canonicalize().unwrap()
    }

    #[track_caller]
    fn expect_untouched(&self, what: &str) {
        let names = fs::read_dir(self.path()).unwrap();
        let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["key"], "{what}");
        let key = fs::read_to_string(self.path().join("key")).unwrap();
        assert_eq!(key, "canary\n", "{what}");
    }
}

fn permissions(of: &[&str]) -> String {
    let of: Vec<_> = of.iter().map(|one| format!("\"{one}\"")).collect();
    format!("permissions: [{}]\n", of.join(", "))
}

/// A step `first` that runs `script`, and a step `then` that is granted `granted` and tries what a
/// link would give.
fn two_steps(victim: &Victim, script: &str, first: &str, granted: &str) -> Case {
    let victim = victim.path();
    let victim = victim.display();
    let steal =
        format!("cat {victim}/key; echo stolen > {victim}/key; touch {victim}/new; echo ran");
    let text = "execution: {command: [./run.sh], stdin: none, output: text}\n";
    let manifest = |permission| format!("description: d\n{text}{}", permissions(&[permission]));
    Case::new()
        .file("skills/first/manifest.yaml", manifest(first))
        .script("skills/first/run.sh", &format!("#!/bin/sh\n{script}\n"))
        .file("skills/then/manifest.yaml", manifest(granted))
        .script("skills/then/run.sh", &format!("#!/bin/sh\n{steal}\n"))
        .plan("- {name: first, type: skill}\n- {name: then, type: skill}\n")
}

/// The second step was not started, because of the link whose path ends so.
#[track_caller]
fn expect_became_link(output: &Output, link: &str) {
    assert_eq!(output.code, 69, "{}", output.whole());
    let records = output.records();
    let last = records.last().unwrap();
    assert_eq!(last["error_code"], "skill_not_loaded", "{last}");
    let error = last["error"].as_str().unwrap();
    let became = format!("{link}` became a link");
    assert!(error.contains(&became), "{error} is not about {link}");
    let hint = "links that appear during a run are not followed";
    assert!(output.stderr().contains(hint), "{}", output.whole());
}

#[test]
fn no_grant_follows_a_link_that_an_earlier_step_made() {
    if !confines("links::no_grant_follows_a_link_that_an_earlier_step_made") {
        return;
    }
    let make = |place: &str, victim: &Victim| {
        let victim = victim.path();
        format!("rm -rf {place}; ln -s {} {place}", victim.display())
    };
    // Permission of the first step, the link that it makes, permission of the second one. `DATA` is
    // outside of the workspace, and the home directory.
    for (first, link, granted) in [
        ("fs.write:DATA", "DATA/out", "fs.write:DATA/out"),
        ("fs.write:DATA", "DATA/out", "fs.read:DATA/out/"),
        ("fs.write:DATA", "DATA/out", "fs.write:DATA/out/key"),
        ("fs.write:DATA", "DATA/out", "fs.write:DATA/out/new/dir/"),
        ("fs.write:build/", "build/pkg", "fs.write:build/pkg"),
        ("fs.write:build/", "build/pkg", "fs.exec:build/pkg"),
        (
            "fs.write:build/",
            "build/a",
            "fs.write:$WORKSPACE/build/a/b/c/",
        ),
        ("fs.write:~/x/", "DATA/x/out", "fs.write:~/x/out"),
        ("fs.write:~/x/", "DATA/x/a", "fs.write:~/x/a/b"),
        (
            "fs.write:$RUN_DIR",
            "$OBS_RUN_DIR/out",
            "fs.write:$RUN_DIR/out",
        ),
        (
            "fs.write:$RUN_DIR",
            "$OBS_RUN_DIR/out",
            "fs.read:$RUN_DIR/out",
        ),
        (
            "fs.write:$RUN_DIR",
            "$OBS_RUN_DIR/out",
            "fs.write:$RUN_DIR/out/new/dir/",
        ),
    ] {
        let data = TempDir::new().unwrap();
        let home = data.path().canonicalize().unwrap();
        let home = home.to_str().unwrap();
        let [first, link, granted] = [first, link, granted].map(|text| text.replace("DATA", home));
        let victim = Victim::new();
        let case = two_steps(&victim, &make(&link, &victim), &first, &granted).env("HOME", home);
        let output = case.run(&["run", "plan.yaml", "--format", "jsonl"]);
        expect_became_link(&output, link.rsplit('/').next().unwrap());
        victim.expect_untouched(&granted);
        assert!(!output.whole().contains("canary"), "{}", output.whole());
    }
}

#[test]
fn a_link_inside_what_is_granted_anyway_fails_the_step_as_well() {
    if !confines("links::a_link_inside_what_is_granted_anyway_fails_the_step_as_well") {
        return;
    }
    // A directory above the granted one is moved away, and a link takes its place; it leads to the
    // same directory.
    let victim = Victim::new();
    let moved = "mv build/a build/real; ln -s real build/a";
    let case = two_steps(&victim, moved, "fs.write:build/", "fs.write:build/a/b");
    fs::create_dir_all(case.path().join("build/a/b")).unwrap();
    let output = case.run(&["run", "plan.yaml", "--format", "jsonl"]);
    expect_became_link(&output, "build/a");

    // One skill, called twice, by its own first call.
    let script = "test -h build/in && exit 9; rm -rf build/in; mkdir build/real; ln -s real build/in; echo 1";
    let own = permissions(&["fs.write:build/", "fs.read:build/in"]);
    let case = Case::new()
        .sh_skill("one", script, &own)
        .plan("- {name: a, skill: one, type: skill}\n- {name: b, skill: one, type: skill}\n");
    let output = case.run(&["run", "plan.yaml", "--format", "jsonl"]);
    expect_became_link(&output, "build/in");

    // A second attempt is a call too.
    let script = "rm -rf build/in; ln -s / build/in; exit 1";
    let case = Case::new()
        .sh_skill("one", script, &own)
        .plan("- {name: one, type: skill, retry: {max_retries: 1, initial_backoff: 1ms}}\n");
    let output = case.run(&["run", "plan.yaml", "--format", "jsonl", "--retry-unsafe"]);
    expect_became_link(&output, "build/in");
}

#[test]
fn obs_itself_makes_no_directory_past_a_link_even_where_nothing_is_confined() {
    for (first, link, granted) in [
        (
            "fs.write:$RUN_DIR",
            "$OBS_RUN_DIR/out",
            "fs.write:$RUN_DIR/out/new/dir/",
        ),
        ("fs.write:.", "out", "fs.write:out/new"),
        ("fs.write:.", "a/b", "fs.write:a/b/c/d/"),
    ] {
        let victim = Victim::new();
        let script = format!("mkdir -p a; ln -s {} {link}", victim.path().display());
        let case = two_steps(&victim, &script, first, granted);
        let args = ["run", "plan.yaml", "--sandbox", "off", "--format", "jsonl"];
        let output = case.run(&args);
        expect_became_link(&output, link.trim_start_matches("$OBS_RUN_DIR"));
        victim.expect_untouched(granted);
    }
}

#[test]
fn the_working_directory_is_the_one_that_was_proven_even_where_nothing_is_confined() {
    for sandbox in ["require", "off"] {
        if sandbox == "require"
            && !confines("links::the_working_directory_is_the_one_that_was_proven")
        {
            continue;
        }
        let victim = Victim::new();
        let above = TempDir::new().unwrap();
        let above = above.path().canonicalize().unwrap();
        fs::create_dir(above.join("ws")).unwrap();
        let replace = format!(
            "cd {above}; mv ws ws.real; ln -s {victim} ws",
            above = above.display(),
            victim = victim.path().display()
        );
        let first = format!("fs.write:{}", above.display());
        let case = two_steps(&victim, &replace, &first, "fs.write:.");
        let workspace = above.join("ws");
        let workspace = workspace.to_str().unwrap();
        let output = case.run(&[
            "run",
            "plan.yaml",
            "--workspace",
            workspace,
            "--sandbox",
            sandbox,
            "--format",
            "jsonl",
        ]);
        expect_became_link(&output, workspace);
        victim.expect_untouched(sandbox);
    }
}

#[test]
fn a_program_behind_a_link_of_an_earlier_step_is_not_executed() {
    for sandbox in ["require", "off"] {
        if sandbox == "require" && !confines("links::a_program_behind_a_link_of_an_earlier_step") {
            continue;
        }
        // The same program, but on another way: what is there may change once more.
        for (replace, link) in [
            ("mv tools tools.real; ln -s tools.real tools", "tools"),
            (
                "mv tools/bin/x tools/x; ln -s ../x tools/bin/x",
                "tools/bin/x",
            ),
        ] {
            let manifest = "description: d\nexecution: {command: [$WORKSPACE/tools/bin/x], stdin: none, output: text}\n";
            let case = Case::new()
                .sh_skill("first", &format!("{replace}; echo 1"), "")
                .file("skills/then/manifest.yaml", manifest)
                .script("tools/bin/x", "#!/bin/sh\ntouch ran\n")
                .plan("- {name: first, type: skill}\n- {name: then, type: skill}\n");
            let args = [
                "run",
                "plan.yaml",
                "--sandbox",
                sandbox,
                "--format",
                "jsonl",
            ];
            let output = case.run(&args).expect_code(69);
            let records = output.records();
            let error = records[1]["error"].as_str().unwrap();
            let said = error.contains(&format!("{link}` became a link"))
                || error.contains("since the plan was proven");
            assert!(said, "{error}");
            assert!(!case.path().join("ran").exists());
        }
    }
}

#[test]
fn what_an_earlier_step_makes_is_granted_if_it_is_no_link() {
    if !confines("links::what_an_earlier_step_makes_is_granted_if_it_is_no_link") {
        return;
    }
    let case = Case::new()
        .sh_skill("make", "mkdir -p out/a; echo made > out/a/file; mkdir \"$OBS_RUN_DIR/x\"; echo 1",
            &permissions(&["fs.write:.", "fs.write:$RUN_DIR"]))
        .sh_skill("use", "echo more >> out/a/file; cat out/a/file >&2; echo y > \"$OBS_RUN_DIR/x/y\"; echo 1",
            &permissions(&["fs.write:out/a/file", "fs.write:$RUN_DIR/x"]))
        // A FIFO in the place of a directory is granted as what it is, and nothing waits for its
        // other end.
        .sh_skill("fifo", "rm -r out; mkfifo out; echo 1", "")
        .sh_skill("last", "test -p out && echo 1", &permissions(&["fs.write:out", "fs.read:out/below"]))
        .plan("- {name: make, type: skill}\n- {name: use, type: skill}\n- {name: fifo, type: skill}\n- {name: last, type: skill}\n");
    case.run(&["run", "plan.yaml"]).expect_code(0);
}

/// A skill that writes through links everywhere: below its roots `real`, and to its own directory
/// and program.
fn linked_everywhere(real: &Path) -> Case {
    for directory in ["ws", "data", "run", "home/x", "tmp"] {
        fs::create_dir_all(real.join(directory)).unwrap();
    }
    for (target, link) in [
        ("ws", "ws-link"),
        ("run", "run-link"),
        ("tmp", "tmp-link"),
        ("home", "home-link"),
        ("../data", "ws/data"),
        ("inside/later", "ws/dangling"),
        ("../../data", "home/x/data"),
    ] {
        symlink(target, real.join(link)).unwrap();
    }
    let granted =
        ["data", "dangling/", "~/x/data", "$RUN_DIR"].map(|path| format!("fs.write:{path}"));
    let manifest = format!(
        "description: d\nexecution: {{command: [./run.sh, \"{}\"], stdin: none, output: text}}\n{}",
        real.join("home-link/x/data").display(),
        permissions(&granted.each_ref().map(String::as_str))
    );
    let script = "#!/bin/sh\nset -e; pwd -P; echo 1 > data/a; echo 2 > dangling/b; echo 3 > $1/c; \
                  echo 4 > \"$OBS_RUN_DIR/d\"; echo 5 > \"$TMPDIR/e\"\n";
    let case = Case::new()
        .file("real-skills/probe.real/manifest.yaml", manifest)
        .script("real-skills/probe.real/main.sh", script)
        .plan("- {name: probe, type: skill}\n")
        .env("HOME", real.join("home-link").to_str().unwrap())
        .env("TMPDIR", real.join("tmp-link").to_str().unwrap());
    let skills = case.path().join("real-skills");
    symlink("main.sh", skills.join("probe.real/run.sh")).unwrap();
    symlink("probe.real", skills.join("probe")).unwrap();
    symlink("real-skills", case.path().join("skills")).unwrap();
    case
}

#[test]
fn links_that_were_there_before_the_run_keep_working() {
    if !confines("links::links_that_were_there_before_the_run_keep_working") {
        return;
    }
    let elsewhere = TempDir::new().unwrap();
    let real = elsewhere.path().canonicalize().unwrap();
    let case = linked_everywhere(&real);
    let path = |name: &str| real.join(name).to_str().unwrap().to_owned();
    let (workspace, run_dir) = (path("ws-link"), path("run-link"));
    let mut args = vec!["run", "plan.yaml", "--workspace", &workspace];
    args.extend(["--run-dir", &run_dir, "--print", "probe"]);
    for _ in 0..2 {
        let output = case.run(&args).expect_code(0);
        assert_eq!(output.stdout(), format!("{}\n", path("ws")));
        // A link out of the workspace may be the user's, or that of an earlier run.
        let warning = format!(
            "warning: step 0: `probe` asks for `fs.write:data`, which leads out of the workspace to `{}`\n",
            path("data")
        );
        assert!(output.stderr().contains(&warning), "{}", output.whole());
        assert!(!output.stderr().contains("dangling"), "{}", output.whole());
    }
    for file in ["data/a", "ws/inside/later/b", "data/c", "run/d"] {
        assert!(real.join(file).exists(), "{file}");
    }
    let args = [
        "validate",
        "plan.yaml",
        "--strict",
        "--workspace",
        &workspace,
    ];
    case.run(&args).expect_code(65);
}

#[test]
fn the_directory_between_steps_has_no_link_that_is_followed_not_even_of_an_earlier_run() {
    if !confines("links::the_directory_between_steps_has_no_link_that_is_followed") {
        return;
    }
    let victim = Victim::new();
    let script = format!("ln -s {} \"$OBS_RUN_DIR/out\"", victim.path().display());
    let case = two_steps(
        &victim,
        &script,
        "fs.write:$RUN_DIR",
        "fs.write:$RUN_DIR/out",
    );
    let output = case.run(&["run", "plan.yaml", "--format", "jsonl"]);
    expect_became_link(&output, "out");
    let output = case.run(&["run", "plan.yaml", "--resume", "--format", "jsonl"]);
    expect_became_link(&output, "out");
    victim.expect_untouched("resumed");
}

#[test]
fn a_grant_of_a_process_s_own_links_is_a_warning_and_grants_nothing() {
    if !confines("links::a_grant_of_a_process_s_own_links_is_a_warning_and_grants_nothing") {
        return;
    }
    let victim = Victim::new();
    let read = format!(
        "cat {}/key 2>/dev/null || echo denied",
        victim.path().display()
    );
    let case = Case::new()
        .sh_skill(
            "probe",
            &format!("{read} >&2; echo 1"),
            &permissions(&[
                "fs.write:/proc/self/cwd",
                "fs.read:/dev/fd/0",
                "fs.read:loop",
                "fs.read:hidden/etc",
            ]),
        )
        .plan("- {name: probe, type: skill}\n");
    symlink("loop", case.path().join("loop")).unwrap();
    symlink("/proc/self/root", case.path().join("hidden")).unwrap();
    // obs itself is in the directory that `/proc/self/cwd` would grant.
    let plan = case.path().join("plan.yaml");
    let skills = case.path().join("skills");
    let args = [
        "run",
        plan.to_str().unwrap(),
        "--skills",
        skills.to_str().unwrap(),
        "--workspace",
        case.path().to_str().unwrap(),
        "--stream",
    ];
    let output = case.run_in(&victim.path(), &args).expect_code(0);
    assert!(output.stderr().contains("denied"), "{}", output.whole());
    assert!(!output.stderr().contains("canary"), "{}", output.whole());
    for path in ["/proc/self/cwd", "/dev/fd/0", "loop", "hidden/etc"] {
        let warning = format!("{path}`, whose links do not resolve to one file");
        assert!(
            output.stderr().contains(&warning),
            "{path}: {}",
            output.whole()
        );
    }
}

#[test]
fn a_link_that_comes_and_goes_redirects_nothing_while_steps_run_at_once() {
    if !confines("links::a_link_that_comes_and_goes_redirects_nothing_while_steps_run_at_once") {
        return;
    }
    let victim = Victim::new();
    let swap = format!(
        "n=0; while [ $n -lt 300 ]; do mv d/out d/real; ln -s {} d/out; rm d/out; mv d/real d/out; n=$((n+1)); done; echo 1",
        victim.path().display()
    );
    let steal = format!(
        "echo stolen > {0}/key; touch {0}/new; echo 1",
        victim.path().display()
    );
    let step = |n| {
        format!(
            "- {{name: use{n}, skill: use, type: skill, parallel_group: g, continue_on_error: true}}\n"
        )
    };
    let steps = concat((0..12).map(step));
    let case = Case::new()
        .sh_skill("swap", &swap, &permissions(&["fs.write:d/"]))
        .sh_skill(
            "use",
            &steal,
            &permissions(&["fs.write:d/out", "fs.write:d/out/deep/er/"]),
        )
        .plan(&format!(
            "- {{name: swap, type: skill, parallel_group: g}}\n{steps}"
        ));
    fs::create_dir_all(case.path().join("d/out")).unwrap();
    case.run(&["run", "plan.yaml", "--jobs", "4"]);
    victim.expect_untouched("at once");
}

#[test]
fn programs_keep_the_name_that_they_are_called_with() {
    let test = "links::programs_keep_the_name_that_they_are_called_with";
    // A script goes by `$0`, as `node_modules/.bin` and many-named tools do.
    let manifest =
        "description: d\nexecution: {command: [./bin/called-so], stdin: none, output: text}\n";
    let case = Case::new()
        .file("skills/named/manifest.yaml", manifest)
        .script("skills/named/lib/tool.sh", "#!/bin/sh\nbasename \"$0\"\n")
        .plan("- {name: named, type: skill}\n");
    fs::create_dir(case.path().join("skills/named/bin")).unwrap();
    symlink(
        "../lib/tool.sh",
        case.path().join("skills/named/bin/called-so"),
    )
    .unwrap();
    let args = ["run", "plan.yaml", "--print", "named"];
    assert_eq!(case.run(&args).expect_code(0).stdout(), "called-so\n");

    if has("node", test) {
        let names = "const { basename } = require('path'); console.log(basename(process.argv[1]), basename(__filename))";
        let script = format!("#!/usr/bin/env node\n{names}\n");
        let case = case.script("skills/named/lib/tool.sh", &script);
        assert_eq!(
            case.run(&args).expect_code(0).stdout(),
            "called-so tool.sh\n"
        );
    }
    if has("busybox", test) {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let busybox = std::env::split_paths(&path).map(|dir| dir.join("busybox"));
        let busybox = busybox.into_iter().find(|file| file.is_file()).unwrap();
        let manifest = "description: d\nexecution: {command: [$WORKSPACE/echo, hello], stdin: none, output: text}\n";
        let case = Case::new()
            .file("skills/named/manifest.yaml", manifest)
            .plan("- {name: named, type: skill}\n");
        symlink(busybox, case.path().join("echo")).unwrap();
        assert_eq!(case.run(&args).expect_code(0).stdout(), "hello\n");
    }
    if has("/usr/bin/python3", test) && virtual_environment_works() {
        let manifest = "description: d\nexecution: {command: [./.venv/bin/python, -c, \"import sys; print(sys.prefix)\"], \
                        stdin: none, output: text}\n";
        let case = Case::new()
            .file("skills/named/manifest.yaml", manifest)
            .plan("- {name: named, type: skill}\n");
        let environment = case.path().join("skills/named/.venv");
        make_virtual_environment(&environment);
        let prefix = case.run(&args).expect_code(0).stdout();
        let real = environment.canonicalize().unwrap();
        assert_eq!(prefix.trim_end(), real.to_str().unwrap());
    }
}

fn make_virtual_environment(path: &Path) -> bool {
    let mut python = std::process::Command::new("/usr/bin/python3");
    python.args(["-m", "venv", "--without-pip"]).arg(path);
    python.output().is_ok_and(|output| output.status.success())
}

fn virtual_environment_works() -> bool {
    let directory = TempDir::new().unwrap();
    make_virtual_environment(&directory.path().join("venv"))
}

#[test]
fn a_workspace_whose_name_is_not_utf_8_is_no_exception() {
    if !confines("links::a_workspace_whose_name_is_not_utf_8_is_no_exception") {
        return;
    }
    let victim = Victim::new();
    let script = format!("ln -s {} out", victim.path().display());
    let case = two_steps(&victim, &script, "fs.write:.", "fs.write:out");
    let workspace = case.path().join(std::ffi::OsStr::from_bytes(b"w\xff"));
    fs::create_dir(&workspace).unwrap();
    let mut obs = case.command(&["run", "plan.yaml", "--format", "jsonl", "--workspace"]);
    let output = obs.arg(&workspace).output().unwrap();
    assert_eq!(output.status.code(), Some(69));
    assert!(String::from_utf8_lossy(&output.stdout).contains("out` became a link"));
    victim.expect_untouched("not UTF-8");
}
