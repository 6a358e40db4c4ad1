//! The last line of a run that did not succeed: what shows it, and what resumes it.

use crate::support::{Case, Output};

/// A step that succeeds and one that fails without a file `ok`.
fn case() -> Case {
    let steps = "- {name: good, type: skill}\n- {name: bad, type: skill}\n";
    Case::new()
        .sh_skill("good", "echo 1", "idempotent: true\npermissions: []\n")
        .sh_skill(
            "bad",
            "test -e ok && echo 1",
            "idempotent: true\npermissions: [\"fs.read:.\"]\n",
        )
        .plan(steps)
        .file(
            "plans/a b.yaml",
            format!("assistant_id: test\nsteps:\n{steps}"),
        )
        .file(
            "bad.yaml",
            "assistant_id: test\nsteps:\n- {name: bad, type: skill}\n",
        )
}

fn last_line(output: &Output) -> String {
    output
        .stderr()
        .lines()
        .last()
        .unwrap_or_default()
        .to_owned()
}

/// The commands in backquotes.
fn commands(line: &str) -> Vec<String> {
    line.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// Runs what the line says, word by word.
fn follow(case: &Case, command: &str) -> Output {
    let words = shlex::split(command).unwrap();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    assert_eq!(words[0], "obs");
    case.run(&words[1..])
}

#[test]
fn the_last_line_names_what_works() {
    for plan in ["plan.yaml", "plans/a b.yaml"] {
        let case = case();
        let line = last_line(&case.run(&["run", plan]).expect_code(1));
        let commands = commands(&line);
        let [show, resume] = commands.as_slice() else {
            panic!("{line}");
        };
        assert!(line.chars().count() <= 60, "{line}");
        let shown = follow(&case, show).expect_code(0).stdout();
        assert!(shown.contains("✗ bad failed"), "{shown}");
        // A run that begins later does not make the id ambiguous.
        case.run(&["run", "bad.yaml", "-q"]).expect_code(1);
        follow(&case, show).expect_code(0);
        std::fs::write(case.path().join("ok"), "").unwrap();
        let resumed = case.run(&["run", plan, resume]).expect_code(0);
        assert!(
            resumed.stderr().contains("1 of 2 steps are reused"),
            "{}",
            resumed.whole()
        );
    }
}

#[test]
fn a_run_that_is_shown_names_what_resumes_it() {
    let case = case();
    case.run(&["run", "plan.yaml"]).expect_code(1);
    let shown = case.run(&["show"]).expect_code(0).stdout();
    let line = shown.lines().find(|line| line.ends_with(" resumes it"));
    let commands = commands(line.unwrap_or_else(|| panic!("{shown}")));
    assert!(
        commands[0].starts_with("obs run plan.yaml --resume="),
        "{shown}"
    );
    let resumed = follow(&case, &commands[0]);
    assert!(
        resumed.stderr().contains("resuming run "),
        "{}",
        resumed.whole()
    );
}

#[test]
fn a_typed_state_directory_is_part_of_the_command() {
    let case = case();
    let elsewhere = tempfile::TempDir::new().unwrap();
    let state = elsewhere.path().join("a state");
    let args = ["run", "plan.yaml", "--state-dir", state.to_str().unwrap()];
    let line = last_line(&case.run(&args).expect_code(1));
    let commands = commands(&line);
    let shown = follow(&case, &commands[0]).expect_code(0).stdout();
    assert!(shown.contains("✗ bad failed"), "{shown}");
}

#[test]
fn what_is_not_there_is_not_named() {
    let case = case();
    std::fs::write(case.path().join("ok"), "").unwrap();
    let success = case.run(&["run", "plan.yaml"]).expect_code(0);
    assert!(
        !success.stderr().contains("obs show"),
        "{}",
        success.whole()
    );
    std::fs::remove_file(case.path().join("ok")).unwrap();
    let none = case
        .run(&["run", "plan.yaml", "--state-dir", "none"])
        .expect_code(1);
    assert!(!none.stderr().contains("obs show"), "{}", none.whole());
    // Nothing succeeded, so there is nothing to resume.
    let line = last_line(&case.run(&["run", "bad.yaml"]).expect_code(1));
    assert!(
        line.ends_with("` shows it") && !line.contains("resume"),
        "{line}"
    );
    let invalid = case.run(&["run", "skills/bad/manifest.yaml"]);
    assert!(
        !invalid.stderr().contains("obs show"),
        "{}",
        invalid.whole()
    );
    let steps = std::fs::read(case.path().join("plan.yaml")).unwrap();
    let line = last_line(&case.stdin(steps).run(&["run", "-"]).expect_code(1));
    assert!(
        line.ends_with("` shows it") && !line.contains("resume"),
        "{line}"
    );
}

#[test]
fn a_run_that_a_signal_ended_is_named_too() {
    let case = Case::new()
        .sh_skill("good", "echo 1", "permissions: []\n")
        .sh_skill("waits", "touch ready; sleep 600", "")
        .plan("- {name: good, type: skill}\n- {name: waits, type: skill}\n");
    let mut run = case.command(&["run", "plan.yaml"]);
    let run = run
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null());
    let run = run.spawn().unwrap();
    crate::support::wait_for("the step", || case.path().join("ready").exists());
    let pid = rustix::process::Pid::from_child(&run);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let output = Output::new(&case, run.wait_with_output().unwrap()).expect_code(130);
    let line = last_line(&output);
    let commands = commands(&line);
    assert_eq!(commands.len(), 2, "{line}");
    assert_eq!(commands[1], "--resume");
    let shown = follow(&case, &commands[0]).expect_code(0).stdout();
    assert!(shown.starts_with("canceled: "), "{shown}");
}
