//! The manual: a page for each verb.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use clap::CommandFactory as _;

use crate::support::{Case, has};

/// The names of all pages, from the verbs.
fn names() -> Vec<String> {
    fn collect(verb: &clap::Command, path: &str, names: &mut Vec<String>) {
        names.push(path.to_owned());
        for below in verb.get_subcommands() {
            collect(below, &format!("{path}-{}", below.get_name()), names);
        }
    }
    let mut names = Vec::new();
    collect(&obs::cli::Cli::command(), "obs", &mut names);
    names
}

fn pages(case: &Case, dir: &str) -> BTreeMap<String, String> {
    let entries = fs::read_dir(case.path().join(dir)).unwrap();
    let page = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, fs::read_to_string(path).unwrap())
    };
    entries.map(page).collect()
}

#[test]
fn each_verb_has_a_page_with_its_exit_status_and_environment() {
    let case = Case::new();
    let output = case.run(&["man", "--out", "share/man/man1"]).expect_code(0);
    assert_eq!(output.stdout(), "");
    let pages = pages(&case, "share/man/man1");
    let mut want: Vec<String> = names().iter().map(|name| format!("{name}.1")).collect();
    want.sort();
    assert_eq!(pages.keys().cloned().collect::<Vec<_>>(), want);
    assert_eq!(
        output.stderr(),
        format!("wrote {} pages to share/man/man1\n", want.len())
    );
    for (name, page) in &pages {
        for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "ENVIRONMENT"] {
            assert!(
                page.contains(&format!(".SH {section}\n")),
                "{name}: {section}\n{page}"
            );
        }
        assert!(page.contains(".SH \"EXIT STATUS\"\n"), "{name}\n{page}");
        assert!(page.contains(".SH \"SEE ALSO\"\n"), "{name}\n{page}");
        assert!(page.contains("OBS_STATE_DIR"), "{name}\n{page}");
        assert!(!page.contains("EXTRA"), "{name}\n{page}");
        assert_eq!(page.matches(".TH ").count(), 1, "{name}");
    }
    let run = &pages["obs-run.1"];
    assert!(
        run.contains("OBS_STEP_TIMEOUT") && run.contains("124"),
        "{run}"
    );
    let graph = &pages["obs-graph.1"];
    assert!(
        !graph.contains("OBS_STEP_TIMEOUT") && !graph.contains("124"),
        "{graph}"
    );
    assert!(graph.contains("OBS_FORMAT"), "{graph}");
    assert!(!pages["obs-runs-prune.1"].contains("OBS_KEEP_DAYS"));
    assert!(pages["obs-skills-list.1"].contains("obs\\-skills\\-show(1)"));
}

#[test]
fn one_page_is_printed_by_any_of_its_names() {
    let case = Case::new();
    case.run(&["man", "--out", "pages"]).expect_code(0);
    let pages = pages(&case, "pages");
    for (args, name) in [
        (&[][..], "obs.1"),
        (&["obs"], "obs.1"),
        (&["run"], "obs-run.1"),
        (&["obs-run"], "obs-run.1"),
        (&["obs-run.1"], "obs-run.1"),
        (&["skills", "list"], "obs-skills-list.1"),
        (&["skills-list"], "obs-skills-list.1"),
        (&["obs", "skills", "list"], "obs-skills-list.1"),
    ] {
        let output = case.run(&[&["man"], args].concat()).expect_code(0);
        assert_eq!(output.stdout(), pages[name], "{args:?}");
    }
    for (args, want) in [
        (&["skils", "list"][..], "did you mean `obs-skills-list`?"),
        (&["nope"], "`obs --help` lists the verbs"),
        (&["\u{1b}[31m"], "no page for `\\u{1b}[31m`"),
        (&["run", "--out", "x"], "cannot be used with"),
    ] {
        let output = case.run(&[&["man"], args].concat()).expect_code(2);
        assert!(output.stderr().contains(want), "{}", output.whole());
    }
}

#[test]
fn pages_replace_those_that_are_there() {
    let case = Case::new()
        .file("man/obs-run.1", "old")
        .file("man/other.1", "other");
    case.run(&["-q", "man", "--out", "man"]).expect_code(0);
    let pages = pages(&case, "man");
    assert!(pages["obs-run.1"].contains(".TH obs-run 1"));
    assert_eq!(pages["other.1"], "other");
    let blocked = Case::new().file("man", "a file");
    let output = blocked.run(&["man", "--out", "man"]).expect_code(74);
    assert!(output.stderr().contains("`man`"), "{}", output.whole());
}

#[test]
fn tools_of_manuals_find_nothing_wrong() {
    let case = Case::new();
    case.run(&["man", "--out", "."]).expect_code(0);
    for (tool, args) in [
        ("mandoc", &["-T", "lint", "-W", "error"][..]),
        ("groff", &["-K", "utf8", "-man", "-T", "utf8", "-ww", "-z"]),
    ] {
        if !has(tool, "manual::tools_of_manuals_find_nothing_wrong") {
            continue;
        }
        for name in names() {
            let mut command = Command::new(tool);
            command.args(args).arg(format!("{name}.1"));
            let output = command.current_dir(case.path()).output().unwrap();
            let said = [output.stdout, output.stderr].concat();
            assert_eq!(String::from_utf8_lossy(&said), "", "{tool} {name}");
        }
    }
}
