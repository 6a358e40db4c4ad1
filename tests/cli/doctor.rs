//! What can't be tried is not told as what the kernel lacks, and each need of obs is looked at
//! without a change.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::{Case, Output, has, skip};

/// What the doctor says of each layer, by its name.
fn layers(output: &Output) -> BTreeMap<String, Value> {
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let layers = document["layers"].as_array().unwrap();
    let name = |layer: &Value| layer["layer"].as_str().unwrap().to_owned();
    layers
        .iter()
        .map(|layer| (name(layer), layer.clone()))
        .collect()
}

fn run_under(case: &Case, wrapper: &[&str], args: &[&str]) -> Output {
    let output = case.command_under(wrapper, args).output().unwrap();
    Output::new(case, output)
}

#[test]
fn without_descriptors_no_layer_is_said_to_be_missing_that_is_not() {
    let case = Case::new()
        .sh_skill("ok", "echo 1", "")
        .plan("- {name: ok, type: skill}\n");
    let args = ["doctor", "--format", "json"];
    let usual = layers(&case.run(&args));
    let has_all = usual.values().all(|layer| layer["enforced"] == true);
    let mut untried = 0;
    for files in 3..40 {
        let limit = format!("ulimit -n {files} && exec \"$@\"");
        let wrapper = ["sh", "-c", &limit, "sh"];
        let output = run_under(&case, &wrapper, &args);
        if output.stdout.is_empty() {
            // obs itself could not begin, and says why.
            assert!(says_why(&output), "{files}: {}", output.whole());
            continue;
        }
        assert_eq!(output.code, 1, "too few for a step: {}", output.whole());
        for (name, layer) in layers(&output) {
            if layer["enforced"] == usual[&name]["enforced"] {
                continue;
            }
            untried += 1;
            assert_eq!(layer["tried"], false, "{files}: {layer}");
            let reason = layer["missing"].as_str().unwrap();
            assert!(
                reason.starts_with("could not be tried: "),
                "{files}: {layer}"
            );
        }
        let output = run_under(&case, &wrapper, &["run", "plan.yaml"]);
        let lies = ["can't confine", "lacks a layer", "needs L", "not available"];
        // What the machine lacks anyway is said truly.
        let lies = lies.iter().filter(|_| has_all);
        let lie = lies.copied().find(|lie| output.whole().contains(lie));
        assert_eq!(lie, None, "{files}: {}", output.whole());
    }
    assert!(
        untried > 0 || usual.is_empty(),
        "the limits were not low enough"
    );
}

fn says_why(output: &Output) -> bool {
    let said = output.stderr();
    // Below the loader's own needs nothing of obs runs.
    said.contains("Too many open files")
        || said.contains("No file descriptors available")
        || said.contains("error while loading shared libraries")
        || said.contains("too many open files")
}

#[test]
fn without_proc_only_what_reads_it_is_missing() {
    let test = "doctor::without_proc_only_what_reads_it_is_missing";
    if !has("unshare", test) || !has("mount", test) {
        return;
    }
    let case = Case::new();
    let mount = "mount -t tmpfs none /proc && exec \"$@\"";
    let wrapper = ["unshare", "--mount", "sh", "-c", mount, "sh"];
    let may = std::process::Command::new("unshare")
        .args(["--mount", "sh", "-c", "mount -t tmpfs none /proc"])
        .output();
    if !may.is_ok_and(|output| output.status.success()) {
        return skip(test, "the right to mount");
    }
    let args = ["doctor", "--format", "json"];
    let usual = layers(&case.run(&args));
    for (name, layer) in layers(&run_under(&case, &wrapper, &args)) {
        if name == "limits" {
            let reason = "needs a readable /proc; it fails on this machine: No such file or directory (os error 2)";
            assert_eq!(layer["missing"], reason);
        } else {
            assert_eq!(layer["enforced"], usual[&name]["enforced"], "{layer}");
        }
    }
}

/// What the doctor says of `check`: the status and the message of each finding.
fn said_of(output: &Output, check: &str) -> Vec<(String, String)> {
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let checks = document["checks"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let of_check = checks.iter().filter(|found| found["check"] == check);
    of_check
        .map(|found| {
            let is_ok = found["status"] == "ok";
            assert_eq!(
                is_ok,
                found["help"].is_null(),
                "each finding has a help: {found}"
            );
            (text(&found["status"]), text(&found["message"]))
        })
        .collect()
}

#[track_caller]
fn expect(case: &Case, args: &[&str], check: &str, status: &str, part: &str) {
    let output = case.run(&[&["doctor", "--format", "json"], args].concat());
    let said = said_of(&output, check);
    let is_said = |(is, message): &(String, String)| is == status && message.contains(part);
    assert!(
        said.iter().any(is_said),
        "{check} {status} {part}: {said:?}"
    );
    assert!(status != "error" || output.code == 1, "{}", output.whole());
}

#[test]
fn a_state_that_can_not_be_used_is_found_without_making_one() {
    let case = Case::new();
    expect(&case, &[], "state", "ok", "no run is kept yet");
    assert!(!case.state().exists(), "nothing is created");
    expect(&case, &["--state-dir", "none"], "state", "ok", "`none`");
    let case = case.file("file", "x").file("broken/obs.db", "no database");
    expect(
        &case,
        &["--state-dir", "file"],
        "state",
        "error",
        "is not a directory",
    );
    expect(
        &case,
        &["--state-dir", "file/below"],
        "state",
        "error",
        "is not a directory",
    );
    expect(
        &case,
        &["--state-dir", "broken"],
        "state",
        "error",
        "not a database of SQLite",
    );
    let case = case
        .sh_skill("ok", "echo 1", "")
        .plan("- {name: ok, type: skill}\n");
    case.run(&["run", "plan.yaml"]).expect_code(0);
    let names = || {
        let files = std::fs::read_dir(case.state()).unwrap();
        let mut names: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    expect(&case, &[], "state", "ok", "schema 5");
    assert_eq!(names(), before);
    let database = case.state().join("obs.db");
    let mut bytes = std::fs::read(&database).unwrap();
    bytes[63] = 99;
    std::fs::create_dir(case.path().join("newer")).unwrap();
    std::fs::write(case.path().join("newer/obs.db"), bytes).unwrap();
    expect(
        &case,
        &["--state-dir", "newer"],
        "state",
        "error",
        "schema 99",
    );
}

#[test]
fn what_the_environment_names_is_looked_at() {
    for (name, value, check, status, part) in [
        ("HOME", "relative", "home", "warning", "not an absolute"),
        ("HOME", "/gone", "home", "warning", "is not a directory"),
        ("TMPDIR", "relative", "tmpdir", "warning", "obs uses `/tmp`"),
        (
            "TMPDIR",
            "/dev/null",
            "tmpdir",
            "error",
            "is not a directory",
        ),
        ("TMPDIR", "/gone", "tmpdir", "error", "is not a directory"),
        ("OBS_POLICY", "p.cedar", "policies", "error", "has errors"),
        ("OBS_POLICY", "/gone", "policies", "error", "gone"),
        (
            "OBS_POLICY",
            "ok.cedar",
            "policies",
            "ok",
            "1 in `ok.cedar`",
        ),
        ("OBS_POLICY", "", "policies", "ok", "not set"),
    ] {
        let case = Case::new()
            .file("p.cedar", "permit (\n")
            .file("ok.cedar", "permit (principal, action, resource);\n")
            .env(name, value);
        expect(&case, &[], check, status, part);
    }
}

#[test]
fn skills_roots_are_looked_at() {
    let case = Case::new();
    let gone = ["--skills", "gone"];
    expect(
        &case,
        &gone,
        "skills",
        "error",
        "can't open the skills root",
    );
    expect(&case, &[], "skills", "ok", "none here");
}

#[test]
fn broken_skills_are_warnings_that_name_what_to_do() {
    let mut case = Case::new().sh_skill("ok", "echo 1", "");
    for number in 0..7 {
        case = case.file(
            &format!("skills/b{number}/manifest.yaml"),
            "description: \"\\e[31m\"\n",
        );
    }
    expect(&case, &[], "skills", "ok", "1 in `skills`");
    expect(&case, &[], "skills", "warning", "`b0` can't be called");
    expect(&case, &[], "skills", "warning", "2 more can't be called");
    let table = case.run(&["doctor"]).stdout();
    assert!(
        table.contains("`obs skills check b0` shows where"),
        "{table}"
    );
    assert!(!table.contains('\u{1b}'), "{table:?}");
    // All formats have the same findings.
    let whole = case.run(&["doctor", "--format", "json"]);
    let whole: Value = serde_json::from_slice(&whole.stdout).unwrap();
    let lines = case.run(&["doctor", "--format", "jsonl"]).records();
    assert_eq!(whole["checks"].as_array().unwrap(), &lines);
}

#[test]
fn what_skills_check_refuses_is_a_warning() {
    let case = Case::new().file(
        "skills/x/manifest.yaml",
        "description: 'TODO: describe x in one line'\nexecution: {command: [cat]}\n",
    );
    expect(&case, &[], "skills", "warning", "`x` has 1 error");
}

#[test]
fn a_directory_that_is_read_only_is_found() {
    use std::os::unix::fs::PermissionsExt as _;
    if rustix::process::geteuid().is_root() {
        return skip(
            "doctor::a_directory_that_is_read_only_is_found",
            "another user than root",
        );
    }
    let case = Case::new().file("locked/file", "x");
    let locked = case.path().join("locked");
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o500)).unwrap();
    expect(
        &case,
        &["--state-dir", "locked"],
        "state",
        "error",
        "can't write to",
    );
    expect(
        &case,
        &["--state-dir", "locked/new"],
        "state",
        "error",
        "can't write to",
    );
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn without_a_terminal_nobody_can_be_asked() {
    let test = "doctor::without_a_terminal_nobody_can_be_asked";
    if !has("setsid", test) {
        return;
    }
    let case = Case::new();
    let args = ["doctor", "--format", "json"];
    let output = run_under(&case, &["setsid", "--wait"], &args);
    let said = said_of(&output, "terminal");
    assert_eq!(said[0].0, "warning", "{said:?}");
    let table = run_under(&case, &["setsid", "--wait"], &["doctor"]).stdout();
    let last = table.lines().last().unwrap();
    let verdicts = ["obs works; warnings: ", "plans can't run; errors: "];
    assert!(
        verdicts.iter().any(|verdict| last.starts_with(verdict)),
        "{table}"
    );
}
