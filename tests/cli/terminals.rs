//! What a person sees while and after a run: bars that come and go, on wide, narrow and dumb
//! terminals.

use crate::support::Case;
use crate::support::terminal::Terminal;

/// A step that says how far it is and waits for a file, and one that fails.
fn case() -> Case {
    Case::new()
        .sh_skill(
            "talk",
            "echo '{\"progress\": 0.5, \"message\": \"page 5 of 10\"}' >&3; echo said >&2\n\
             while [ ! -e go ]; do sleep 0.02; done; echo 1",
            "",
        )
        .sh_skill("fails", "echo why >&2; exit 3", "")
        .plan(
            "- {name: talk, type: skill, step_id: a-step-with-a-rather-long-name-for-its-terminal}\n\
             - {name: fails, type: skill}\n",
        )
}

fn go(case: &Case) {
    std::fs::write(case.path().join("go"), "").unwrap();
}

/// Waits for the end of a run that fails as its plan says, and looks at what is left.
#[track_caller]
fn ends_well(terminal: &mut Terminal, columns: u16) -> String {
    let status = terminal.wait();
    let written = terminal.written();
    assert_eq!(status.code(), Some(1), "{written}");
    assert!(!written.contains("internal error"), "{written}");
    terminal.expect_modes_as_before();
    let parser = terminal.screen(columns);
    assert!(!parser.screen().hide_cursor(), "{written:?}");
    parser.screen().contents()
}

#[test]
fn bars_show_what_runs_and_go_away() {
    let case = case();
    let mut terminal = Terminal::start(&case.command(&["run", "plan.yaml"]), 100);
    terminal.wait_for_text("page 5 of 10");
    let during = terminal.screen(100).screen().contents();
    assert!(during.contains("a-step-with"), "{during}");
    go(&case);
    let after = ends_well(&mut terminal, 100);
    assert!(!after.contains("page 5 of 10"), "{after}");
    assert!(after.contains("failed: fails"), "{after}");
}

#[test]
fn a_narrow_terminal_is_no_failure() {
    for columns in [20, 7, 1] {
        for flags in [&[][..], &["--stream"], &["-v"], &["--progress", "lines"]] {
            let case = case();
            let args = [&["run", "plan.yaml"], flags].concat();
            let mut terminal = Terminal::start(&case.command(&args), columns);
            go(&case);
            let screen = ends_well(&mut terminal, columns);
            assert!(!screen.trim().is_empty(), "{columns} columns, {flags:?}");
        }
    }
}

#[test]
fn many_steps_at_once_fit_on_the_terminal() {
    let step = |at: usize| {
        format!("- {{name: waits, step_id: \"step-{at}\", type: skill, parallel_group: all}}\n")
    };
    let plan = crate::support::concat((0..40).map(step)) + "- {name: fails, type: skill}\n";
    let case = Case::new()
        .sh_skill(
            "waits",
            "while [ ! -e go ]; do sleep 0.1; done; echo 1",
            "permissions: []\n",
        )
        .sh_skill("fails", "exit 3", "")
        .plan(&plan);
    let mut terminal = Terminal::start(&case.command(&["run", "plan.yaml", "--jobs", "40"]), 60);
    terminal.wait_for_text("19 more running");
    let during = terminal.screen(60).screen().contents();
    assert!(
        during.contains("step-20 ") && !during.contains("step-21 "),
        "{during}"
    );
    assert!(during.contains("0/41 steps · 19 more running"), "{during}");
    go(&case);
    let after = ends_well(&mut terminal, 60);
    assert!(!after.contains("more running"), "{after}");
    assert!(
        after.contains("failed: fails (exit 3) · 40 ok 1 failed"),
        "{after}"
    );
}

#[test]
fn a_dumb_terminal_gets_plain_lines() {
    let case = case().env("TERM", "dumb");
    let mut terminal = Terminal::start(&case.command(&["run", "plan.yaml", "--stream"]), 80);
    terminal.wait_for_text("│ said");
    go(&case);
    ends_well(&mut terminal, 80);
    let written = terminal.written();
    assert!(!written.contains('\u{1b}'), "{written:?}");
    assert!(written.contains("✗ fails exit 3"), "{written}");
}

#[test]
fn colors_are_a_choice() {
    let colored = |case: &Case, flags: &[&str]| {
        go(case);
        let args = [&["run", "plan.yaml", "--progress", "none"], flags].concat();
        let mut terminal = Terminal::start(&case.command(&args), 80);
        ends_well(&mut terminal, 80);
        terminal.written().contains("\u{1b}[3")
    };
    assert!(colored(&case(), &[]));
    assert!(!colored(&case(), &["--color", "never"]));
    assert!(!colored(&case().env("NO_COLOR", "1"), &[]));
    assert!(colored(
        &case().env("NO_COLOR", "1"),
        &["--color", "always"]
    ));
    let piped = |case: &Case, flags: &[&str]| {
        go(case);
        let args = [&["run", "plan.yaml"], flags].concat();
        case.run(&args).expect_code(1).stdout.contains(&0x1b)
    };
    assert!(!piped(&case(), &[]));
    assert!(piped(&case(), &["--color", "always"]));
    assert!(piped(&case().env("CLICOLOR_FORCE", "1"), &[]));
}
