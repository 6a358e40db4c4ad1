//! `obs init`: what it makes works as it stands, and nothing that exists is changed.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use crate::support::{Case, Output, skip};

/// All files below a directory with what they hold; links with where they lead.
fn tree(dir: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(next) = dirs.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(dir).unwrap().display().to_string();
            if name == ".tmp" {
                continue;
            }
            let text = if let Ok(to) = fs::read_link(&path) {
                to.display().to_string()
            } else if path.is_dir() {
                dirs.push(path);
                String::new()
            } else {
                String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned()
            };
            found.insert(name, text);
        }
    }
    found
}

/// obs says why, and leaves all as it was.
#[track_caller]
fn refused(case: &Case, why: &str) -> Output {
    let before = tree(case.path());
    let output = case.run(&["init"]).expect_code(74);
    assert!(output.stderr().contains(why), "{}", output.whole());
    assert!(
        output.stderr().contains("hint: nothing was"),
        "{}",
        output.whole()
    );
    assert_eq!(tree(case.path()), before);
    output
}

#[test]
fn what_it_makes_is_sound_and_runs() {
    let case = Case::new();
    let output = case.run(&["init"]).expect_code(0);
    insta::assert_snapshot!(output.whole());
    case.run(&["skills", "check", "--strict"]).expect_code(0);
    case.run(&["validate", "plan.yaml", "--strict"])
        .expect_code(0);
    let run = case.run(&["run", "plan.yaml", "--strict", "--print", "hello"]);
    let said = run.expect_code(0).stdout();
    assert!(said.starts_with("Hello, world, it is 2"), "{said}");
    // The log that is ignored is the one that the documents name.
    let log = case.run(&["run", "plan.yaml", "--log", "run.jsonl"]);
    log.expect_code(0);
    assert_eq!(tree(case.path())[".gitignore"], "/run.jsonl\n");
}

#[test]
fn run_twice_it_changes_nothing_and_says_so() {
    let case = Case::new();
    case.run(&["init"]).expect_code(0);
    let before = tree(case.path());
    let output = case.run(&["init"]).expect_code(0);
    assert_eq!(tree(case.path()), before);
    assert!(
        output.stderr().starts_with("nothing to do\n"),
        "{}",
        output.whole()
    );
    for file in ["skills/hello/manifest.yaml", "plan.yaml", ".gitignore"] {
        let line = format!("{file}: is there already\n");
        assert!(output.stdout().contains(&line), "{}", output.whole());
    }
    // A part that was removed comes back.
    fs::remove_file(case.path().join("plan.yaml")).unwrap();
    let output = case.run(&["init"]).expect_code(0);
    assert!(
        output.stdout().contains("plan.yaml: created"),
        "{}",
        output.whole()
    );
    assert_eq!(tree(case.path()), before);
    assert_eq!(case.run(&["init", "--quiet"]).expect_code(0).stdout(), "");
}

#[test]
fn a_directory_is_made_with_those_above_it() {
    let case = Case::new();
    let output = case.run(&["init", "new/a b"]).expect_code(0);
    assert!(
        output.stderr().contains("cd 'new/a b'\n"),
        "{}",
        output.whole()
    );
    let dir = case.path().join("new/a b");
    case.run_in(&dir, &["run", "plan.yaml"]).expect_code(0);
    // Also from elsewhere: skills beside the plan are found.
    case.run(&["run", "new/a b/plan.yaml"]).expect_code(0);
}

#[test]
fn gitignore_gets_its_line_once_and_keeps_the_others() {
    for (before, after) in [
        ("", "/run.jsonl\n"),
        ("target\n", "target\n/run.jsonl\n"),
        ("target", "target\n/run.jsonl\n"),
        ("a\r\nb\r\n", "a\r\nb\r\n/run.jsonl\n"),
        ("run.jsonl", "run.jsonl"),
        ("/run.jsonl\r\n", "/run.jsonl\r\n"),
        ("*.jsonl\n", "*.jsonl\n"),
        ("# run.jsonl\n", "# run.jsonl\n/run.jsonl\n"),
        ("*.jsonl\n!run.jsonl\n", "*.jsonl\n!run.jsonl\n/run.jsonl\n"),
        ("[\n", "[\n/run.jsonl\n"),
    ] {
        let case = Case::new().file(".gitignore", before);
        for _ in 0..2 {
            case.run(&["init"]).expect_code(0);
            assert_eq!(tree(case.path())[".gitignore"], after, "{before:?}");
        }
    }
    let case = Case::new().file(".gitignore", b"\xff\xfe\n");
    case.run(&["init"]).expect_code(0);
    let bytes = fs::read(case.path().join(".gitignore")).unwrap();
    assert_eq!(bytes, b"\xff\xfe\n/run.jsonl\n");
}

#[test]
fn what_exists_stays_and_is_named() {
    let case = Case::new().file("plan.yaml", "mine\n");
    refused(&case, "`plan.yaml` exists already");
    let case = Case::new()
        .file("plan.yaml", "mine\n")
        .file("skills/hello/manifest.yaml", "mine\n");
    let both = "`skills/hello/manifest.yaml` and `plan.yaml` exist already";
    refused(&case, both);
    let case = Case::new().file("plan.yaml/file", "a directory");
    refused(&case, "`plan.yaml` exists already");
    let case = Case::new().file("skills", "a file");
    refused(&case, "`skills` is not a directory");
    let case = Case::new().file(".gitignore/file", "a directory");
    refused(&case, "`.gitignore` is not a regular file");
    let case = Case::new().file(".gitignore", vec![b'#'; (1 << 20) + 1]);
    refused(&case, "can't look at `.gitignore`");
    // Other skills are no obstacle.
    let case = Case::new().file("skills/other/manifest.yaml", "mine\n");
    case.run(&["init"]).expect_code(0);
    assert_eq!(tree(case.path())["skills/other/manifest.yaml"], "mine\n");
}

#[test]
fn no_link_is_followed() {
    for (name, to) in [
        ("skills", "elsewhere"),
        ("plan.yaml", "elsewhere/plan.yaml"),
        (".gitignore", "elsewhere/file"),
        (".gitignore", "nowhere"),
        ("plan.yaml", "nowhere"),
    ] {
        let case = Case::new().file("elsewhere/file", "x\n");
        symlink(to, case.path().join(name)).unwrap();
        let why = format!("`{name}` ");
        refused(&case, &why);
    }
    // The directory itself may be one.
    let case = Case::new().file("elsewhere/file", "x\n");
    symlink("elsewhere", case.path().join("link")).unwrap();
    case.run(&["init", "link"]).expect_code(0);
    assert!(case.path().join("elsewhere/plan.yaml").is_file());
}

#[test]
fn what_can_not_be_made_leaves_nothing_behind() {
    // The limit on the size of files stops the first write.
    let case = Case::new();
    let before = tree(case.path());
    let wrapper = ["sh", "-c", "trap '' XFSZ; ulimit -f 0 && exec \"$@\"", "sh"];
    let output = case
        .command_under(&wrapper, &["init", "deep/er"])
        .output()
        .unwrap();
    let output = Output::new(&case, output).expect_code(74);
    let why = "can't create `deep/er/skills/hello/manifest.yaml`";
    assert!(output.stderr().contains(why), "{}", output.whole());
    assert_eq!(tree(case.path()), before);

    let case = Case::new().file("file", "x");
    let output = case.run(&["init", "file"]).expect_code(74);
    assert!(output.stderr().contains("`file"), "{}", output.whole());

    let test = "init::what_can_not_be_made_leaves_nothing_behind";
    if rustix::process::geteuid().is_root() {
        return skip(test, "another user than root");
    }
    let case = Case::new().file("locked/.gitignore", "x");
    let locked = case.path().join("locked");
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o500)).unwrap();
    let output = case.run(&["init", "locked"]);
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o700)).unwrap();
    let output = output.expect_code(74);
    assert!(
        output.stderr().contains("can't create `locked/skills`"),
        "{}",
        output.whole()
    );
    assert_eq!(tree(&locked).len(), 1);
}
