//! `--stream`: what skills write is seen while they run, and what is kept of them is the same.

use serde_json::Value;

use crate::support::terminal::Terminal;
use crate::support::{Case, confines};

/// A case with one skill, whose output has this format.
fn says(output: &str, script: &str) -> Case {
    let case = Case::new().plan("- {name: say, type: skill}\n");
    with_skill(case, "say", output, script)
}

fn with_skill(case: Case, id: &str, output: &str, script: &str) -> Case {
    let manifest = format!(
        "description: A skill.\nexecution: {{command: [./run.sh], output: {output}}}\n\
         permissions: [\"secret:TOKEN\"]\n"
    );
    case.file(&format!("skills/{id}/manifest.yaml"), manifest)
        .script(
            &format!("skills/{id}/run.sh"),
            &format!("#!/bin/sh\n{script}\n"),
        )
        .env("TOKEN", "hunter2-secret")
}

/// The lines that are shown of skills, and what was kept of the first step.
fn stream(case: &Case, flags: &[&str]) -> (Vec<String>, Value) {
    let args = [&["run", "plan.yaml", "--format", "jsonl"], flags].concat();
    let output = case.run(&args).expect_code(0);
    let said = output.stderr();
    let lines = said.lines().filter(|line| line.contains(" │ "));
    let kept = output.records()[0]["output"].clone();
    (lines.map(str::to_owned).collect(), kept)
}

#[test]
fn standard_output_is_shown_if_it_is_text() {
    let script = "printf '10%%\\r100%%\\none\\ntwo'; echo note >&2";
    for (output, shows_output) in [("text", true), ("lines", true), ("json", false)] {
        let script = if shows_output {
            script
        } else {
            "echo 1; echo note >&2"
        };
        let case = says(output, script);
        let (none, kept_without) = stream(&case, &[]);
        let (mut lines, kept) = stream(&case, &["--stream"]);
        assert!(none.is_empty(), "{none:?}");
        assert_eq!(kept, kept_without, "{output}");
        let mut want = vec!["say │ note"];
        if shows_output {
            want.extend(["say │ 100%", "say │ one", "say │ two"]);
        }
        lines.sort();
        want.sort_unstable();
        assert_eq!(lines, want, "{output}");
    }
}

#[test]
fn a_secret_in_it_is_masked_also_if_it_comes_in_pieces() {
    let script = "printf 'a hunter2'; sleep 0.1; printf -- '-secret b\\nhunter2-'";
    let (lines, kept) = stream(&says("text", script), &["--stream"]);
    assert_eq!(lines, ["say │ a *** b", "say │ hunter2-"]);
    assert_eq!(kept, "a *** b\nhunter2-");
}

#[test]
fn much_output_is_kept_whole() {
    let case = says("text", "yes 0123456789abcde | head -c 8000000; echo end");
    let (lines, kept) = stream(&case, &["--stream"]);
    assert_eq!(kept.as_str().unwrap().len(), 8_000_003);
    assert!(!lines.is_empty());
}

#[test]
fn the_beginning_of_a_line_is_seen_before_its_end() {
    let script = "printf 'name? '; while [ ! -e go ]; do sleep 0.02; done; echo Ann";
    let case = says("text", script);
    let mut terminal = Terminal::start(&case.command(&["run", "plan.yaml", "--stream"]), 80);
    terminal.wait_for_text(" name? ");
    std::fs::write(case.path().join("go"), "").unwrap();
    assert!(terminal.wait().success());
    assert!(terminal.written().contains(" Ann"));
}

#[test]
fn skills_run_prints_the_output_once() {
    if !confines("streaming::skills_run_prints_the_output_once") {
        return;
    }
    let output = says("text", "echo result; echo note >&2")
        .run(&["skills", "run", "say"])
        .expect_code(0);
    assert_eq!(output.stdout(), "result\n");
    assert_eq!(output.stderr(), "say │ note\n");
}

#[test]
fn skills_run_prints_standard_error_once() {
    for (output, script) in [
        ("text", "echo note >&2; exit 3"),
        ("json", "echo note >&2; echo no json"),
        ("json", "echo note >&2; kill -9 $$"),
    ] {
        let output = says(output, script)
            .run(&["skills", "run", "say"])
            .expect_code(1);
        let said = output.stderr();
        assert_eq!(said.matches("note").count(), 1, "{said}");
        assert!(!said.contains("output: none"), "{said}");
        assert!(said.contains("✗ say"), "{said}");
    }
    let case = says("text", "echo note >&2; exit 3");
    let output = case.run(&["run", "plan.yaml", "--stream"]).expect_code(1);
    let said = output.stderr();
    assert_eq!(said.matches("note").count(), 2, "{said}");
}
