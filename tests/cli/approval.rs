//! Approval: critical steps are asked about on the terminal, or want `--approve`.

use std::process::Stdio;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::terminal::Terminal;
use crate::support::{Case, wait_for};

/// A look, and a push that counts its calls and hides its token.
fn deployment(arguments: &str) -> Case {
    let schema = "risk_level: critical\ninput_schema: {type: object, properties: {to: {}, token: {type: string, \
                  writeOnly: true}}}\npermissions: [\"fs.write:out/\"]\n";
    Case::new()
        .sh_skill(
            "look",
            "echo look >> out/calls; echo '\"staging\"'",
            "permissions: [\"fs.write:out/\"]\n",
        )
        .sh_skill("push", "echo push >> out/calls; echo 1", schema)
        .plan(&format!(
            "- {{name: look, type: skill}}\n- {{name: push, type: skill, arguments: {arguments}}}\n"
        ))
}

fn calls(case: &Case) -> String {
    std::fs::read_to_string(case.path().join("out/calls")).unwrap_or_default()
}

fn kept(case: &Case) -> Vec<Value> {
    case.run(&["logs", "last", "--format", "jsonl"])
        .expect_code(0)
        .records()
}

/// Runs obs without a terminal, whoever runs the tests. Gives the exit code and what it said.
fn without_terminal(case: &Case, flags: &[&str]) -> (Option<i32>, String) {
    without_terminal_run(case, &[&["run", "plan.yaml"], flags].concat())
}

fn without_terminal_run(case: &Case, args: &[&str]) -> (Option<i32>, String) {
    let output = case
        .command_under(&["setsid", "--wait", "env", "--default-signal"], args)
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
        assert!(said.contains("`--approve push=push` approves it"), "{said}");
        assert_eq!(calls(&case), "", "not even the step before it has run");
        let statuses: Vec<Value> = kept(&case)
            .iter()
            .map(|record| record["status"].clone())
            .collect();
        assert_eq!(statuses, ["skipped", "rejected"]);
        let because = &kept(&case)[0]["skipped_because"];
        assert_eq!(*because, json!({"kind": "approval", "step": "push"}));

        let (code, said) = without_terminal(&case, &["--approve", "push=push", "--user-id", "ann"]);
        assert_eq!(code, Some(0), "{said}");
        assert!(!said.contains("whatever skill"), "{said}");
        assert_eq!(calls(&case), "look\npush\n");
        let record = &kept(&case)[1];
        assert_eq!(record["approved_by"], "ann (--approve)");
        let keys: Vec<&String> = record.as_object().unwrap().keys().collect();
        let at = keys.iter().position(|key| *key == "approved_by").unwrap();
        assert_eq!(keys[at - 1], "attempts");
    }
    let case = deployment("{}");
    let dry = case.run(&["run", "plan.yaml", "--dry-run"]).expect_code(0);
    assert!(
        dry.stdout().contains("required before it starts"),
        "{}",
        dry.whole()
    );
}

#[test]
fn an_approval_in_advance_holds_for_the_skill_that_it_names() {
    let case = deployment("{to: prod}");
    for (flags, code, want) in [
        (&["--approve", "push=look"][..], 77, "the step calls `push`"),
        (
            &["--approve", "push=push", "--approve", "push=other"],
            77,
            "the step calls `push`",
        ),
        (&["--approve", "pusch=push"], 2, "no such step"),
        (&["--approve", "pusch"], 2, "no such step"),
        (&["--approve", "push="], 2, "invalid skill id"),
        (&["--approve", "push=../push"], 2, "invalid skill id"),
        (&["--approve", "=push"], 2, "missing step before"),
        (
            &["--approve", "push", "--strict"],
            2,
            "`--approve push=push` approves",
        ),
        // It names the skill of another step, which is no approval of this one.
        (
            &["--approve", "look=look"],
            77,
            "`--approve push=push` approves it",
        ),
    ] {
        let (got, said) = without_terminal(&case, flags);
        assert_eq!(got, Some(code), "{flags:?}: {said}");
        assert!(said.contains(want), "{flags:?}: {said}");
        assert_eq!(calls(&case), "", "{flags:?}");
    }
    let (code, said) = without_terminal(&case, &["--approve", "push"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("approves the step whatever skill it calls"),
        "{said}"
    );

    // The same by the variable, and the last `=` counts.
    let case = deployment("{to: prod}").env("OBS_APPROVE", "push=look");
    assert_eq!(without_terminal(&case, &[]).0, Some(77));
    let case = deployment("{to: prod}").env("OBS_APPROVE", "push=push");
    assert_eq!(without_terminal(&case, &[]).0, Some(0));
    let case = deployment("{}").plan("- {name: a=b c, skill: push, type: skill}\n");
    let (code, said) = without_terminal(&case, &[]);
    assert_eq!(code, Some(77), "{said}");
    assert!(
        said.contains("`--approve 'a=b c'=push` approves it"),
        "{said}"
    );
    let (code, said) = without_terminal(&case, &["--approve", "a=b c=push"]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_critical_fallback_wants_an_approval_of_its_own() {
    let critical = "risk_level: critical\n";
    for (own, fallback, approved, missing) in [
        ("", critical, &["first=second"][..], ""),
        ("", critical, &["first=try"], "first=second"),
        (critical, critical, &["first=try"], "first=second"),
        (critical, critical, &["first=second"], "first=try"),
        (critical, critical, &["first=try", "first=second"], ""),
        (critical, "", &["first=try"], ""),
        (critical, critical, &["first"], ""),
    ] {
        let case = Case::new()
            .sh_skill(
                "try",
                "echo try >> out/calls; exit 3",
                &format!("permissions: [\"fs.write:out/\"]\nidempotent: true\n{own}"),
            )
            .sh_skill(
                "second",
                "echo second >> out/calls; echo 1",
                &format!("permissions: [\"fs.write:out/\"]\n{fallback}"),
            )
            .plan("- {name: first, skill: try, type: skill, retry: {fallback: second}}\n");
        let flags: Vec<&str> = approved
            .iter()
            .flat_map(|value| ["--approve", *value])
            .collect();
        let (code, said) = without_terminal(&case, &flags);
        if missing.is_empty() {
            assert_eq!(code, Some(0), "{approved:?}: {said}");
            assert_eq!(calls(&case), "try\nsecond\n");
        } else {
            assert_eq!(code, Some(77), "{approved:?}: {said}");
            assert!(
                said.contains(&format!("`--approve {missing}` approves it")),
                "{said}"
            );
            assert_eq!(calls(&case), "");
        }
    }
}

#[test]
fn skills_run_asks_policies_and_a_person_too() {
    for (flags, code, want) in [
        (&[][..], 77, "no terminal to ask on"),
        (&["--approve", "push"], 0, ""),
        (&["--approve", "push=push"], 0, ""),
        (&["--approve", "push=look"], 77, "the step calls `push`"),
        (
            &["--approve", "push", "--deny", "pu*"],
            77,
            "forbids `push`",
        ),
        (
            &["--approve", "push", "--allow", "look"],
            77,
            "no policy permits `push`",
        ),
        (
            &["--approve", "push", "--max-risk", "sensitive"],
            77,
            "forbids `push`",
        ),
        (
            &["--approve", "push", "--policy", "ann.cedar"],
            77,
            "no policy permits `push`",
        ),
        (
            &[
                "--approve",
                "push",
                "--policy",
                "ann.cedar",
                "--user-id",
                "ann",
            ],
            0,
            "",
        ),
        (
            &["--approve", "push", "--policy", "no.cedar"],
            66,
            "no.cedar",
        ),
    ] {
        let case = deployment("{}").file(
            "ann.cedar",
            "permit(principal == User::\"ann\", action, resource) when {context.arguments.to == \"prod\"};",
        );
        let args = [&["skills", "run", "push", "--set", "to=prod"], flags].concat();
        let (got, said) = without_terminal_run(&case, &args);
        assert_eq!(got, Some(code), "{flags:?}: {said}");
        assert!(said.contains(want), "{flags:?}: {said}");
        assert!(!said.contains("whatever skill"), "{said}");
        assert_eq!(calls(&case), if code == 0 { "push\n" } else { "" });
    }
}

#[test]
fn skills_run_takes_the_variables_and_asks_on_the_terminal() {
    for (variable, value) in [
        ("OBS_DENY", "push"),
        ("OBS_MAX_RISK", "info"),
        ("OBS_ALLOW", "look"),
    ] {
        let case = deployment("{}")
            .env(variable, value)
            .env("OBS_APPROVE", "push=push");
        let (code, said) = without_terminal_run(&case, &["skills", "run", "push"]);
        assert_eq!(code, Some(77), "{variable}: {said}");
        assert_eq!(calls(&case), "");
    }
    for (keys, code) in [(&b"y\r"[..], 0), (b"n\r", 77)] {
        let case = deployment("{}");
        let args = ["skills", "run", "push", "--set", "to=prod"];
        let mut terminal = Terminal::start_sized(&case.command(&args), 100, 50);
        terminal.wait_for_text("with to: \"prod\"");
        terminal.wait_for_text("approve? [y/N]");
        terminal.press(keys);
        assert_eq!(terminal.wait().code(), Some(code), "{}", terminal.written());
        assert_eq!(calls(&case), if code == 0 { "push\n" } else { "" });
    }
}

#[test]
fn a_person_sees_what_they_approve() {
    let case = deployment("{}").file(
        "plan.yaml",
        "assistant_id: planner\nreasoning: \"it is late\\napprove? [y/N] \"\nsteps:\n- {name: look, type: skill}\n\
         - {name: push, type: skill, arguments: {to: \"a\\e[2Jb\\u3164\\u2800\\u202e\\U000E0041c\", token: s3cr3t, \
           \"x\\n  risk\": info}}\n",
    );
    let args = ["run", "plan.yaml", "--user-id", "ann"];
    let mut terminal = Terminal::start_sized(&case.command(&args), 100, 50);
    terminal.wait_for_text("approve? [y/N] (?");
    assert_eq!(calls(&case), "", "nothing runs before the answer");
    let written = terminal.written();
    let skill = case.path().join("skills/push");
    for shown in [
        "push requires approval",
        "plan: plan.yaml",
        "assistant: \"planner\"",
        "reasoning: \"it is late\\napprove? [y/N] \"",
        "step: 2 of 2",
        &format!(
            "skill: push, in {}",
            skill.canonicalize().unwrap().display()
        ),
        "risk: critical",
        "command: ",
        "/run.sh",
        "may: fs.write:out/",
        "network: none",
        "with to: \"a\\u001b[2Jb\\u3164\\u2800\\u202e\\udb40\\udc41c\"",
        "with token: \"***\"",
        "with \"x\\n  risk\": \"info\"",
    ] {
        assert!(written.contains(shown), "{shown}: {written}");
    }
    for hidden in [
        "\x1b[2J",
        "s3cr3t",
        "\u{3164}",
        "\u{2800}",
        "\u{202e}",
        "\u{e0041}",
    ] {
        assert!(!written.contains(hidden), "{written:?}");
    }
    let questions = written
        .lines()
        .filter(|line| line.trim_start().starts_with("approve?"));
    assert_eq!(questions.count(), 1, "{written}");
    terminal.press(b"?\r");
    terminal.wait_for_text("y or yes:");
    wait_for("the question again", || {
        terminal.written().matches("approve? [y/N] (?").count() == 2
    });
    assert_eq!(calls(&case), "");
    terminal.press(b"y\r");
    assert_eq!(terminal.wait().code(), Some(0), "{}", terminal.written());
    assert_eq!(calls(&case), "look\npush\n");
    assert_eq!(kept(&case)[1]["approved_by"], "ann (terminal)");
}

#[test]
fn what_is_not_approved_does_not_run() {
    for (keys, code) in [
        (&b"n\r"[..], 77),
        (b"\r", 77),
        (b"\x04", 77),
        (b"yy\r", 77),
        (b"n\ry\r", 77),
        (b"y\x15\r", 77),
        (b"\x03", 130),
        (b"y\x03", 130),
    ] {
        let case = deployment("{to: prod}");
        let mut terminal = Terminal::start_sized(&case.command(&["run", "plan.yaml"]), 100, 50);
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
        let mut terminal = Terminal::start_sized(&case.command(&["run", "plan.yaml"]), 100, 50);
        terminal.wait_for_text("with to: \"staging\"");
        terminal.wait_for_text("approve? [y/N]");
        assert_eq!(calls(&case), "look\n");
        terminal.press(keys);
        assert_eq!(terminal.wait().code(), Some(code), "{}", terminal.written());
        assert_eq!(calls(&case), ran);
        assert_eq!(kept(&case).len(), 2);
    }
}

#[test]
fn a_long_request_is_paged_and_a_yes_counts_only_after_the_last_page() {
    for (columns, rows) in [(100, 24), (40, 12)] {
        let harmless = "# a harmless comment ".to_owned() + &".".repeat(4000);
        let plan = format!("{{to: \"{harmless}\\napprove? [y/N] \\nrm -rf precious\"}}");
        let case = deployment(&plan);
        let mut terminal =
            Terminal::start_sized(&case.command(&["run", "plan.yaml"]), columns, rows);
        let mut page = 1;
        while !terminal.written().contains("approve? [y/N] (?") {
            let more = format!("-- {page} of ");
            wait_for("a page or the question", || {
                let written = terminal.written();
                written.contains(&more) || written.contains("approve? [y/N] (?")
            });
            if terminal.written().contains(&more) {
                // What is no answer to this is taken for Enter: a yes is none.
                terminal.press(if page == 1 { b"y\r" } else { b"\r" });
                page += 1;
            }
        }
        assert!(page >= 3, "{page}");
        assert_eq!(calls(&case), "");
        let written = terminal.written();
        let begin = written.find("push requires approval").unwrap();
        let request = &written[begin..written.find("approve? [y/N] (?").unwrap()];
        let mut shown = 0;
        for line in request.lines() {
            let line = line.trim_end_matches('\r');
            assert!(line.chars().count() < usize::from(columns), "{line}");
            let is_own = line.is_empty()
                || line.starts_with("push requires approval")
                || line.starts_with("-- ");
            assert!(is_own || line.starts_with("  "), "{line}");
            shown += line.matches('.').count();
        }
        assert!(shown >= 4000, "{shown}");
        let joined = request.replace("\r\n      ", "");
        assert!(joined.contains("rm -rf precious"), "{joined}");
        terminal.press(b"y\r");
        assert_eq!(terminal.wait().code(), Some(0), "{}", terminal.written());
        assert_eq!(calls(&case), "look\npush\n");
        terminal.expect_modes_as_before();

        let mut terminal =
            Terminal::start_sized(&case.command(&["run", "plan.yaml"]), columns, rows);
        terminal.wait_for_text("-- 1 of ");
        terminal.press(b"q\r");
        assert_eq!(terminal.wait().code(), Some(77), "{}", terminal.written());
        assert_eq!(calls(&case), "look\npush\n", "as before");
    }
}

/// As [`deployment`], but `look` goes on only once there is a file `go`.
fn waiting_deployment(arguments: &str) -> Case {
    deployment(arguments).sh_skill(
        "look",
        "echo look >> out/calls; while ! [ -e go ]; do sleep 0.05; done; echo '\"staging\"'",
        "permissions: [\"fs.write:out/\"]\n",
    )
}

#[test]
fn what_is_typed_before_the_question_is_no_answer() {
    let case = waiting_deployment("{to: \"{{look}}\"}");
    let mut terminal = Terminal::start_sized(&case.command(&["run", "plan.yaml"]), 100, 50);
    wait_for("the first step", || calls(&case) == "look\n");
    terminal.press(b"y\ry\ry");
    std::fs::write(case.path().join("go"), "").unwrap();
    terminal.wait_for_text("approve? [y/N] (?");
    terminal.press(b"\r");
    assert_eq!(terminal.wait().code(), Some(77), "{}", terminal.written());
    assert_eq!(calls(&case), "look\n");
}

#[test]
fn a_question_never_outlives_the_run() {
    let ends: [(Option<Signal>, &[&str], i32, &str); 4] = [
        (None, &["--timeout", "2s"], 124, "timeout"),
        (Some(Signal::INT), &[], 130, "canceled"),
        (Some(Signal::TERM), &[], 143, "canceled"),
        (Some(Signal::HUP), &[], 129, "canceled"),
    ];
    for (signal, flags, code, status) in ends {
        for arguments in ["{to: prod}", "{to: \"{{look}}\"}"] {
            let case = deployment(arguments);
            let args = [&["run", "plan.yaml"], flags].concat();
            let mut terminal = Terminal::start_sized(&case.command(&args), 100, 50);
            terminal.wait_for_text("approve? [y/N] (?");
            // Half an answer.
            terminal.press(b"y");
            if let Some(signal) = signal {
                terminal.signal(signal);
            }
            let ended = terminal.wait();
            assert_eq!(ended.code(), Some(code), "{}", terminal.written());
            let is_late = arguments.contains("look");
            assert_eq!(calls(&case), if is_late { "look\n" } else { "" });
            let record = &kept(&case)[1];
            assert_eq!(record["status"], if is_late { status } else { "skipped" });
            assert_eq!(record["attempts"], 0);
            terminal.expect_modes_as_before();
            assert_eq!(
                terminal.read_after_obs(b"z\r"),
                b"z\n",
                "half an answer is left"
            );
        }
    }
}

#[test]
fn the_end_of_the_plan_closes_a_question() {
    let steps = |order: &str| {
        format!(
            "assistant_id: t\n{order}steps:\n- {{name: fail, type: skill, parallel_group: g}}\n\
             - {{name: push, type: skill, parallel_group: g, arguments: {{to: \"{{{{look}}}}\"}}}}\n"
        )
    };
    let sequence = steps("").replace("steps:\n", "steps:\n- {name: look, type: skill}\n");
    let graph = sequence
        .replace("steps:", "order: graph\nsteps:")
        .replace(", parallel_group: g", "");
    for (plan, flags) in [
        (&sequence, &["--fail-fast"][..]),
        (&graph, &["--fail-fast"]),
        (&graph, &[]),
    ] {
        let case = deployment("{}")
            .sh_skill(
                "fail",
                "while ! [ -e go ]; do sleep 0.05; done; exit 1",
                "permissions: []\n",
            )
            .file("plan.yaml", plan);
        let args = [&["run", "plan.yaml", "--jobs", "2"], flags].concat();
        let mut terminal = Terminal::start_sized(&case.command(&args), 100, 50);
        terminal.wait_for_text("approve? [y/N] (?");
        std::fs::write(case.path().join("go"), "").unwrap();
        assert_eq!(terminal.wait().code(), Some(1), "{}", terminal.written());
        assert_eq!(calls(&case), "look\n");
        let push = kept(&case)
            .into_iter()
            .find(|record| record["step_name"] == "push");
        assert_eq!(push.unwrap()["status"], "canceled");
    }
}

#[test]
fn one_question_at_a_time() {
    let case = deployment("{}").file(
        "plan.yaml",
        "assistant_id: t\nsteps:\n- {name: look, type: skill}\n\
         - {name: one, skill: push, type: skill, parallel_group: g, arguments: {to: \"{{look}} 1\"}}\n\
         - {name: two, skill: push, type: skill, parallel_group: g, arguments: {to: \"{{look}} 2\"}}\n",
    );
    let mut terminal =
        Terminal::start_sized(&case.command(&["run", "plan.yaml", "--jobs", "3"]), 100, 50);
    terminal.wait_for_text("approve? [y/N] (?");
    assert!(!terminal.written().contains("two requires approval"));
    terminal.press(b"y\r");
    terminal.wait_for_text("two requires approval");
    wait_for("the second question", || {
        terminal.written().matches("approve? [y/N] (?").count() == 2
    });
    terminal.press(b"n\r");
    assert_eq!(terminal.wait().code(), Some(77), "{}", terminal.written());
    assert_eq!(calls(&case), "look\npush\n");
}

#[test]
fn a_stop_by_the_terminal_asks_again() {
    let case = deployment("{to: prod}");
    let mut terminal = Terminal::start_sized(&case.command(&["run", "plan.yaml"]), 100, 50);
    terminal.wait_for_text("approve? [y/N] (?");
    terminal.press(b"y");
    terminal.signal(Signal::CONT);
    wait_for("the question again", || {
        terminal.written().matches("approve? [y/N] (?").count() == 2
    });
    // What was typed before is forgotten.
    terminal.press(b"\r");
    assert_eq!(terminal.wait().code(), Some(77), "{}", terminal.written());
    assert_eq!(calls(&case), "");
}

/// A step that can do no harm, which the plan asks about all the same.
fn release(more: &str) -> Case {
    Case::new()
        .sh_skill(
            "tag",
            "echo tag >> out/calls; echo 1",
            "permissions: [\"fs.write:out/\"]\n",
        )
        .plan(&format!(
            "- {{name: tag, type: skill, approval: {{message: \"Ship\\n it\\e[2J?\"}}{more}}}\n"
        ))
}

#[test]
fn a_plan_asks_about_a_step_whatever_its_risk() {
    for (keys, code) in [(&b"y\r"[..], 0), (b"n\r", 77)] {
        let case = release("");
        let mut terminal = Terminal::start_sized(&case.command(&["run", "plan.yaml"]), 100, 50);
        terminal.wait_for_text("approve? [y/N] (?");
        let written = terminal.written();
        assert!(
            written.contains("message: \"Ship\\n it\\u001b[2J?\""),
            "{written}"
        );
        assert!(!written.contains("\x1b[2J"), "{written}");
        terminal.press(keys);
        assert_eq!(terminal.wait().code(), Some(code), "{}", terminal.written());
        assert_eq!(calls(&case), if code == 0 { "tag\n" } else { "" });
    }
    let case = release("");
    let dry = case.run(&["run", "plan.yaml", "--dry-run"]).expect_code(0);
    assert!(
        dry.stdout()
            .contains("approval     required before it starts (Ship\\n it\\u{1b}[2J?)"),
        "{}",
        dry.whole()
    );
    let tree = case
        .run(&["graph", "plan.yaml", "--format", "tree"])
        .expect_code(0);
    assert!(tree.stdout().contains("tag (approval)"), "{}", tree.whole());
}

#[test]
fn nobody_is_asked_if_the_flag_says_so() {
    for flags in [&[][..], &["--on-approval", "deny"]] {
        let (code, said) = without_terminal(&release(""), flags);
        assert_eq!(code, Some(77), "{said}");
        assert!(said.contains("`tag` requires approval, but"), "{said}");
        assert!(said.contains("`--approve tag=tag` approves it"), "{said}");
    }
    let args = ["run", "plan.yaml", "--on-approval", "deny"];
    for case in [release(""), deployment("{to: prod}")] {
        let mut terminal = Terminal::start_sized(&case.command(&args), 200, 50);
        assert_eq!(terminal.wait().code(), Some(77), "{}", terminal.written());
        let written = terminal.written();
        assert!(
            written.contains("`--on-approval deny` asks nobody"),
            "{written}"
        );
        assert!(!written.contains("approve? [y/N]"), "{written}");
        assert_eq!(calls(&case), "");
    }
    let case = release("").env("OBS_ON_APPROVAL", "deny");
    let (code, said) = without_terminal(&case, &["--approve", "tag=tag"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(calls(&case), "tag\n");
}

#[test]
fn the_fallback_of_such_a_step_wants_an_approval_of_its_own() {
    let case = release(", retry: {fallback: other}").sh_skill("other", "echo 2", "");
    let (code, said) = without_terminal(&case, &["--approve", "tag=tag", "--retry-unsafe"]);
    assert_eq!(code, Some(77), "{said}");
    assert!(said.contains("`--approve tag=other` approves it"), "{said}");
}
