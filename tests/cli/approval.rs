//! Approval: critical steps are asked about on the terminal, or want `--approve`.

use std::process::Stdio;

use serde_json::Value;

use crate::support::Case;
use crate::support::terminal::Terminal;

/// A look, and a push that counts its calls and hides its token.
fn deployment(arguments: &str) -> Case {
    let schema = "risk_level: critical\ninput_schema: {type: object, properties: {to: {}, token: {type: string, \
                  writeOnly: true}}}\npermissions: [\"fs.write:.\"]\n";
    Case::new()
        .sh_skill("look", "echo look >> calls; echo '\"staging\"'", "")
        .sh_skill("push", "echo push >> calls; echo 1", schema)
        .plan(&format!(
            "- {{name: look, type: skill}}\n- {{name: push, type: skill, arguments: {arguments}}}\n"
        ))
}

fn calls(case: &Case) -> String {
    std::fs::read_to_string(case.path().join("calls")).unwrap_or_default()
}

fn kept(case: &Case) -> Vec<Value> {
    case.run(&["logs", "last", "--format", "jsonl"])
        .expect_code(0)
        .records()
}

/// Runs obs where it has no terminal, whoever runs the tests. Gives the exit code and what it said.
fn without_terminal(case: &Case, flags: &[&str]) -> (Option<i32>, String) {
    let args = [&["run", "plan.yaml"], flags].concat();
    let output = case
        .command_under(&["setsid", "--wait", "env", "--default-signal"], &args)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), said)
}

#[test]
fn without_a_terminal_a_critical_step_wants_a_flag() {
    for arguments in ["{to: prod}", "{to: \"{{look}}\"}"] {
        let case = deployment(arguments);
        let (code, said) = without_terminal(&case, &[]);
        assert_eq!(code, Some(77), "{said}");
        assert!(said.contains("`--approve push` approves it"), "{said}");
        assert_eq!(calls(&case), "", "not even the step before it has run");
        let statuses: Vec<Value> = kept(&case)
            .iter()
            .map(|record| record["status"].clone())
            .collect();
        assert_eq!(statuses, ["skipped", "rejected"]);

        let (code, said) = without_terminal(&case, &["--approve", "push", "--user-id", "ann"]);
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(calls(&case), "look\npush\n");
        let record = &kept(&case)[1];
        assert_eq!(record["approved_by"], "ann (--approve)");
        let keys: Vec<&String> = record.as_object().unwrap().keys().collect();
        let at = keys.iter().position(|key| *key == "approved_by").unwrap();
        assert_eq!(keys[at - 1], "attempts");

        let (code, said) = without_terminal(&case, &["--approve", "pusch"]);
        assert_eq!(code, Some(2), "{said}");
    }
    let case = deployment("{}");
    let dry = case.run(&["run", "plan.yaml", "--dry-run"]).expect_code(0);
    assert!(
        dry.stdout().contains("wanted before it starts"),
        "{}",
        dry.whole()
    );
    case.run(&["skills", "run", "push"]).expect_code(0);
}

#[test]
fn a_person_sees_what_they_approve() {
    let case = deployment("{to: \"a\\e[2Jb\", token: s3cr3t}");
    let args = ["run", "plan.yaml", "--user-id", "ann"];
    let mut terminal = Terminal::start(&case.command(&args), 100);
    terminal.wait_for_text("approve? [y/N]");
    assert_eq!(calls(&case), "", "nothing runs before the answer");
    let written = terminal.written();
    for shown in [
        "push wants approval",
        "risk: critical",
        "may: fs.write:.",
        "with token: \"***\"",
    ] {
        assert!(written.contains(shown), "{shown}: {written}");
    }
    assert!(
        !written.contains("\x1b[2J") && !written.contains("s3cr3t"),
        "{written:?}"
    );
    terminal.press(b"y\r");
    assert_eq!(terminal.wait().code(), Some(0), "{}", terminal.written());
    assert_eq!(calls(&case), "look\npush\n");
    assert_eq!(kept(&case)[1]["approved_by"], "ann (terminal)");
}

#[test]
fn what_is_not_approved_does_not_run() {
    for (keys, code) in [(&b"n\r"[..], 77), (b"\r", 77), (b"\x03", 130)] {
        let case = deployment("{to: prod}");
        let mut terminal = Terminal::start(&case.command(&["run", "plan.yaml"]), 100);
        terminal.wait_for_text("approve? [y/N]");
        terminal.press(keys);
        assert_eq!(terminal.wait().code(), Some(code), "{}", terminal.written());
        assert_eq!(calls(&case), "", "{keys:?}");
        terminal.expect_modes_as_before();
    }
}

#[test]
fn a_step_with_references_is_asked_about_when_they_are_resolved() {
    for (keys, code, ran) in [
        (&b"y\r"[..], 0, "look\npush\n"),
        (b"n\r", 77, "look\n"),
        (b"\x03", 130, "look\n"),
    ] {
        let case = deployment("{to: \"{{look}}\"}");
        let mut terminal = Terminal::start(&case.command(&["run", "plan.yaml"]), 100);
        terminal.wait_for_text("with to: \"staging\"");
        terminal.wait_for_text("approve? [y/N]");
        assert_eq!(calls(&case), "look\n");
        terminal.press(keys);
        assert_eq!(terminal.wait().code(), Some(code), "{}", terminal.written());
        assert_eq!(calls(&case), ran);
        assert_eq!(kept(&case).len(), 2);
    }
}
