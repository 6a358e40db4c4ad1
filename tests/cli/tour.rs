//! The tour of the README, and its recipe for CI, work as they are pasted into an empty directory.

use std::process::Stdio;

use tempfile::TempDir;

use crate::support::{Case, project_root};

/// A fenced block of a document.
#[derive(Debug)]
struct Block {
    language: String,
    text: String,
}

/// The fenced blocks of one section of the README.
fn blocks(heading: &str) -> Vec<Block> {
    let readme = std::fs::read_to_string(project_root().join("README.md")).unwrap();
    let start = format!("\n## {heading}\n");
    let (_, section) = readme.split_once(&start).expect(heading);
    let section = section.split("\n## ").next().unwrap();
    let fenced = section.split("\n```").skip(1).step_by(2);
    fenced
        .map(|block| {
            let (language, text) = block.split_once('\n').unwrap();
            Block {
                language: language.to_owned(),
                text: format!("{text}\n"),
            }
        })
        .collect()
}

/// The exit code that a line of a script announces.
fn announced(line: &str) -> i32 {
    line.split_once("# exit code ")
        .map_or(0, |(_, code)| code.trim().parse().unwrap())
}

/// A script that runs the commands of a block and tells the exit code of each obs.
fn script(commands: &str) -> String {
    // `obs` is the program under test, whatever is installed.
    let mut script = "program=$1\nobs() { \"$program\" \"$@\"; }\n".to_owned();
    for line in commands.lines() {
        script.push_str(line);
        script.push('\n');
        if line.starts_with("obs ") {
            script.push_str("echo \"=$?\" >&2\n");
        }
    }
    script
}

/// The words of a line, without times, ids and hashes, which differ from run to run.
fn words(line: &str) -> Vec<String> {
    let is_time = |word: &str| {
        let digits = word.trim_end_matches(['m', 's']);
        digits != word && digits.parse::<f64>().is_ok()
    };
    let is_id = |word: &str| {
        let is_hex = word.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
        let is_short_id = word.len() >= 8 && word.starts_with(|c: char| c.is_ascii_digit());
        is_hex && (word.len() >= 16 || is_short_id)
    };
    line.split_whitespace()
        .map(|word| match word {
            _ if is_time(word) => "[TIME]".to_owned(),
            _ if is_id(word.trim_matches(['`', ':'])) => "[ID]".to_owned(),
            _ => word.to_owned(),
        })
        .collect()
}

/// Runs a block; returns all that it printed and checks the announced exit codes.
fn run(directory: &TempDir, case: &Case, commands: &str) -> String {
    let script = script(commands);
    let output = case
        .command_under(&["sh", "-c", &script, "sh"], &[])
        .current_dir(directory.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    let whole = format!("{}{stderr}", String::from_utf8(output.stdout).unwrap());
    let codes: Vec<i32> = stderr
        .lines()
        .filter_map(|line| line.strip_prefix('=')?.parse().ok())
        .collect();
    let want: Vec<i32> = commands
        .lines()
        .filter(|line| line.starts_with("obs "))
        .map(announced)
        .collect();
    assert_eq!(codes, want, "{commands}\n{whole}");
    whole
}

/// Every line that the document shows is a line that was printed.
fn shows(printed: &str, shown: &str) {
    let printed_lines: Vec<_> = printed.lines().map(words).collect();
    for line in shown.lines() {
        assert!(
            printed_lines.contains(&words(line)),
            "not printed: {line}\n--- printed\n{printed}"
        );
    }
}

#[test]
fn the_tour_and_the_recipe_for_ci_work_as_pasted() {
    let (case, directory) = (Case::new(), TempDir::new().unwrap());
    let mut printed = String::new();
    let tour = blocks("Tour");
    assert!(tour.len() > 10, "{tour:?}");
    for block in tour {
        match &*block.language {
            "sh" => printed = run(&directory, &case, &block.text),
            "text" => shows(&printed, &block.text),
            other => panic!("a block of the tour in `{other}`"),
        }
    }
    let recipe = blocks("In CI");
    assert_eq!(recipe.len(), 1);
    let printed = run(&directory, &case, &recipe[0].text);
    shows(&printed, "ok: plan.yaml (2 steps)");
    // What the recipe says about its log: it can be resumed without the state.
    let other = Case::new();
    let printed = run(&directory, &other, "obs run plan.yaml --resume=run.jsonl\n");
    assert!(printed.contains("2 of 2 steps are reused"), "{printed}");
}
