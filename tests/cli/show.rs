//! `obs show`: a run as it was reported, and a step with all that is kept of it.

use serde_json::Value;

use crate::support::terminal::Terminal;
use crate::support::{Case, concat};

/// A step that succeeds, one that fails and says much, and one that is skipped.
fn case() -> Case {
    Case::new()
        .sh_skill(
            "good",
            "echo '{\"text\": \"fine\", \"n\": [1, 2]}'",
            "permissions: []\n",
        )
        .sh_skill(
            "team/bad",
            "seq -f 'line %g' 1 60; echo 'why it failed' >&2; exit 3",
            "version: 1.2.0\npermissions: []\n",
        )
        .plan(
            "- {name: good, type: skill, arguments: {to: \"a\\nb\"}}\n\
             - {name: team/bad, step_id: build, type: skill}\n\
             - {name: good, step_id: last, type: skill}\n",
        )
}

/// The place of `text`.
#[track_caller]
fn place(whole: &str, text: &str) -> usize {
    whole
        .find(text)
        .unwrap_or_else(|| panic!("`{text}` in {whole}"))
}

#[test]
fn a_run_is_shown_failures_first() {
    let case = case();
    let run = case.run(&["run", "plan.yaml"]).expect_code(1);
    let shown = case.run(&["show"]).expect_code(0);
    assert_eq!(shown.stderr(), "");
    let shown = shown.stdout();
    let places = [
        "failed: 1 ok 1 failed 1 skipped",
        "\nrun ",
        "\nplan plan.yaml · started ",
        "\n✗ build (team/bad) failed: exit code 3",
        "│ why it failed",
        "#  STEP",
    ]
    .map(|text| place(&shown, text));
    assert!(places.is_sorted(), "{shown}");
    // The report and the table are those of the run.
    assert!(shown.ends_with(&run.stdout()), "{shown}");
    let reported = run.stderr();
    let report = &reported[place(&reported, "✗ build (team/bad)")..];
    let report = report.lines().next().unwrap();
    assert!(shown.contains(report), "`{report}` in {shown}");
    for name in ["last", "plan.yaml", "last~0"] {
        let same = case.run(&["show", name]).expect_code(0).stdout();
        assert_eq!(same.lines().next(), shown.lines().next());
    }
}

#[test]
fn a_step_is_shown_with_all_that_it_wrote() {
    let case = case();
    case.run(&["run", "plan.yaml", "-q"]).expect_code(1);
    let bad = case.run(&["show", "last", "build"]).expect_code(0).stdout();
    assert!(
        bad.starts_with("✗ build (team/bad 1.2.0) failed: exit code 3 after "),
        "{bad}"
    );
    for text in [
        "│ line 1\n",
        "│ line 60\n",
        "│ why it failed\n",
        "resources: ",
        " MiB, ",
    ] {
        assert!(bad.contains(text), "`{text}` in {bad}");
    }
    let good = case.run(&["show", "last", "good"]).expect_code(0).stdout();
    // The name of two steps shows both.
    let places = [
        "✓ good succeeded",
        "output:",
        "│   \"text\": \"fine\"",
        "arguments:",
        "│   \"to\": \"a\\nb\"",
        "\n\n- last (good) skipped",
    ]
    .map(|text| place(&good, text));
    assert!(places.is_sorted(), "{good}");
    let one = case.run(&["show", "last", "last"]).expect_code(0).stdout();
    assert!(one.starts_with("- last (good) skipped"), "{one}");
    assert!(
        one.contains("skipped because: failure of `build`\n"),
        "{one}"
    );
}

#[test]
fn what_was_left_out_of_a_stream_is_counted() {
    let case = Case::new()
        .sh_skill(
            "talks",
            "head -c 100000 /dev/zero | tr '\\0' x >&2; exit 1",
            "permissions: []\n",
        )
        .plan("- {name: talks, type: skill}\n");
    case.run(&["run", "plan.yaml", "-q"]).expect_code(1);
    let shown = case.run(&["show", "last", "talks"]).expect_code(0).stdout();
    assert!(
        shown.contains(" bytes left out ...]\n"),
        "{}",
        &shown[..1000]
    );
    assert!(shown.matches('x').count() > 16_000);
}

#[test]
fn machines_get_the_records_as_they_are() {
    let case = case();
    case.run(&["run", "plan.yaml", "-q"]).expect_code(1);
    let lines = case.run(&["logs", "--format", "jsonl"]).expect_code(0);
    let show = |args: &[&str]| case.run(&[&["show"], args].concat()).expect_code(0);
    assert_eq!(show(&["--format", "jsonl"]).stdout(), lines.stdout());
    let document = show(&["--format", "json"]).stdout();
    for line in lines.stdout().lines() {
        assert!(document.contains(line), "{document}");
    }
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["status"], "failed");
    assert_eq!(document["counts"]["skipped"], 1);
    assert_eq!(document["records"].as_array().unwrap(), &lines.records());
    let step = show(&["last", "build", "--format", "jsonl"]);
    assert_eq!(step.records(), lines.records()[1..2]);
    let step: Vec<Value> =
        serde_json::from_slice(&show(&["last", "good", "--format", "json"]).stdout).unwrap();
    assert_eq!(step.len(), 2);
}

#[test]
fn what_is_not_there_is_told() {
    let case = case();
    let none = case.run(&["show"]).expect_code(0);
    assert_eq!(
        (none.stdout(), none.stderr()),
        (String::new(), "no runs yet\n".to_owned())
    );
    case.run(&["show", "last"]).expect_code(66);
    case.run(&["run", "plan.yaml", "-q"]).expect_code(1);
    let output = case.run(&["show", "last", "biuld"]).expect_code(2);
    let want = "no record of a step `biuld`; the steps are `good`, `build`, `last`";
    assert!(output.stderr().contains(want), "{}", output.whole());
    let output = case.run(&["show", "build"]).expect_code(66);
    let want = "`build` is a step of the newest run: `obs show last build`";
    assert!(output.stderr().contains(want), "{}", output.whole());
    assert!(
        !case
            .run(&["show", "other"])
            .stderr()
            .contains("obs show last")
    );
    case.run(&["show", "--state-dir", "none"]).expect_code(2);
}

#[test]
fn what_a_skill_wrote_does_not_reach_the_screen_unescaped() {
    let case = Case::new()
        .sh_skill(
            "evil",
            "printf '\\033[2J\\033]0;title\\007::error::x\\n\\302\\233A\\376' >&2; exit 1",
            "permissions: []\n",
        )
        .plan("- {name: evil, type: skill, arguments: {a: \"\\u001b[2J\\u202e\"}}\n");
    case.run(&["run", "plan.yaml", "-q"]).expect_code(1);
    for args in [&["show"][..], &["show", "last", "evil"]] {
        let shown = case.run(args).expect_code(0).stdout();
        let is_odd = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!shown.contains(is_odd), "{shown:?}");
        assert!(
            !shown
                .lines()
                .any(|line| line.trim_start().starts_with("::")),
            "{shown}"
        );
    }
}

#[test]
fn a_run_in_progress_or_interrupted_is_shown_as_far_as_it_is() {
    let case = Case::new()
        .sh_skill("good", "echo 1", "permissions: []\n")
        .sh_skill("waits", "touch ready; sleep 600", "")
        .plan("- {name: good, type: skill}\n- {name: waits, type: skill}\n");
    let mut run = case.command(&["run", "plan.yaml", "-q"]).spawn().unwrap();
    crate::support::wait_for("the step", || case.path().join("ready").exists());
    let shown = case.run(&["show"]).expect_code(0).stdout();
    assert!(shown.starts_with("running: 1 ok · "), "{shown}");
    run.kill().unwrap();
    run.wait().unwrap();
    let shown = case.run(&["show"]).expect_code(0).stdout();
    assert!(shown.starts_with("interrupted: 1 ok · "), "{shown}");
}

#[test]
fn very_many_failures_are_counted() {
    let step = |at: usize| format!("- {{name: bad, step_id: s{at}, type: skill}}\n");
    let case = Case::new()
        .sh_skill("bad", "exit 1", "permissions: []\n")
        .plan(&concat((0..60).map(step)));
    case.run(&["run", "plan.yaml", "-q", "--keep-going"])
        .expect_code(1);
    let shown = case.run(&["show"]).expect_code(0).stdout();
    assert!(
        shown.contains("\n… 10 more reports: `obs show RUN STEP`"),
        "{shown}"
    );
}

#[test]
fn a_pager_shows_it_on_a_terminal() {
    let case = case()
        .script("pager", "#!/bin/sh\necho paged\ncat\n")
        .env("PAGER", "./pager");
    case.run(&["run", "plan.yaml", "-q"]).expect_code(1);
    for args in [&["show"][..], &["show", "last", "build"]] {
        let mut terminal = Terminal::start(&case.command(args), 60);
        assert_eq!(terminal.wait().code(), Some(0));
        let written = terminal.written();
        assert!(
            written.starts_with("paged\r\n") && written.contains("why it failed"),
            "{written}"
        );
        terminal.expect_modes_as_before();
    }
}
