//! Files that are made from the command line's own description must be current.
//!
//! `OBS_UPDATE=1 cargo test --test cli generated` writes them anew.

use std::fs;

use crate::support::{Case, project_root};

/// Compares, or writes where that was asked for.
fn check(path: &str, want: &str) {
    let path = project_root().join(path);
    if std::env::var_os("OBS_UPDATE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, want).unwrap();
        return;
    }
    let have = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        have == want,
        "{} is not current: run `OBS_UPDATE=1 cargo test --test cli generated` and commit it",
        path.display()
    );
}

#[test]
fn completions_are_current() {
    for (shell, file) in [
        ("bash", "obs.bash"),
        ("zsh", "_obs"),
        ("fish", "obs.fish"),
        ("elvish", "obs.elv"),
        ("powershell", "_obs.ps1"),
    ] {
        let output = Case::new().run(&["completions", shell]).expect_code(0);
        check(&format!("completions/{file}"), &output.stdout());
    }
}

#[test]
fn the_help_in_the_readme_is_current() {
    let readme = fs::read_to_string(project_root().join("README.md")).unwrap();
    let help = Case::new().run(&["--help"]).expect_code(0).stdout();
    let (before, rest) = readme.split_once("<!-- help: obs --help -->\n").unwrap();
    let (_, after) = rest.split_once("<!-- end of help -->\n").unwrap();
    let help: Vec<&str> = help.lines().map(str::trim_end).collect();
    let want = format!(
        "{before}<!-- help: obs --help -->\n```text\n{}\n```\n<!-- end of help -->\n{after}",
        help.join("\n").trim_end()
    );
    check("README.md", &want);
}

#[test]
fn every_verb_teaches_with_an_example() {
    for verb in [
        &["run"][..],
        &["init"],
        &["new", "plan"],
        &["validate"],
        &["graph"],
        &["runs"],
        &["show"],
        &["logs"],
        &["verify"],
        &["skills", "list"],
        &["skills", "show"],
        &["skills", "check"],
        &["skills", "new"],
        &["skills", "run"],
        &["policy", "schema"],
        &["policy", "check"],
        &["policy", "test"],
        &["completions"],
        &["man"],
    ] {
        let args: Vec<&str> = verb.iter().copied().chain(["--help"]).collect();
        let help = Case::new().run(&args).expect_code(0).stdout();
        assert!(help.contains("Example"), "{verb:?}:\n{help}");
        let examples = help.lines().filter(|line| line.starts_with("  obs "));
        let widest = examples.map(|line| line.chars().count()).max();
        assert!(widest <= Some(80), "{verb:?}: {widest:?} columns:\n{help}");
    }
}

/// Two screens of 50 lines and 100 columns.
#[test]
fn the_short_help_of_run_fits_on_two_screens() {
    let case = Case::new().env("COLUMNS", "100");
    let help = case.run(&["run", "-h"]).expect_code(0).stdout();
    let lines = help.lines().count();
    assert!(lines <= 100, "{lines} lines:\n{help}");
    let widest = help.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(100), "{widest:?} columns:\n{help}");
}
