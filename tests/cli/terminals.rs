//! What a person sees while and after a run: bars that come and go, on wide, narrow and dumb
//! terminals.

use crate::support::terminal::Terminal;
use crate::support::tmux::Tmux;
use crate::support::{Case, confines, has, wait_for};

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
    assert!(after.contains("✗ fails failed: exit code 3"), "{after}");
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
    assert!(during.contains("0/41 steps · "), "{during}");
    go(&case);
    let after = ends_well(&mut terminal, 60);
    assert!(!after.contains("more running"), "{after}");
    assert!(
        after.contains("not shown: 40 success (-v shows all 41 steps)"),
        "{after}"
    );
    assert!(after.contains("failed: 40 ok 1 failed"), "{after}");
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

/// A step that has ended, and two that say something long and wait for a file.
fn two_bars() -> Case {
    let long = "a message of so many words that no narrow terminal shows all of it";
    Case::new()
        .sh_skill("quick", "echo 1", "permissions: []\n")
        .sh_skill(
            "waits",
            &format!(
                "echo '{{\"progress\": 0.5, \"message\": \"{long}\"}}' >&3\n\
                 while [ ! -e go ]; do sleep 0.02; done; echo 1"
            ),
            "permissions: []\n",
        )
        .plan(
            "- {name: quick, type: skill}\n\
             - {name: waits, step_id: wait-one, type: skill, parallel_group: both}\n\
             - {name: waits, step_id: wait-two, type: skill, parallel_group: both}\n",
        )
}

fn is_bar(row: &str) -> bool {
    row.starts_with(|c| ('\u{2800}'..='\u{28ff}').contains(&c))
}

/// True for the finished step, so many bars and the footer, and nothing else.
fn is_drawn_once(rows: &[String], bars: usize) -> bool {
    let [first, between @ .., footer] = rows else {
        return false;
    };
    first.starts_with("✓ quick")
        && between.len() == bars
        && between
            .iter()
            .all(|row| is_bar(row) && row.contains("wait"))
        && footer.starts_with("  1/3")
}

fn wait_until_drawn_once(what: &str, bars: usize, mut rows: impl FnMut() -> Vec<String>) {
    let mut last = Vec::new();
    let drawn = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        wait_for(what, || {
            last = rows();
            is_drawn_once(&last, bars)
        });
    }));
    assert!(drawn.is_ok(), "{what}:\n{}", last.join("\n"));
}

const SIZES: [(u16, u16); 10] = [
    (30, 24),
    (100, 24),
    (14, 24),
    (15, 24),
    (200, 50),
    (60, 4),
    (59, 3),
    (20, 10),
    (80, 10),
    (79, 24),
];

#[test]
fn a_resize_leaves_nothing_behind() {
    if !confines("terminals::a_resize_leaves_nothing_behind") {
        return;
    }
    let case = two_bars();
    let mut terminal = Terminal::start(&case.command(&["run", "plan.yaml"]), 80);
    wait_until_drawn_once("80 columns", 2, || terminal.rows());
    for (columns, rows) in SIZES {
        terminal.resize(columns, rows);
        let bars = if rows < 5 { 1 } else { 2 };
        wait_until_drawn_once(&format!("{columns}x{rows}"), bars, || terminal.rows());
    }
    go(&case);
    assert!(terminal.wait().success());
    let rows = terminal.rows();
    assert!(!rows.iter().any(|row| is_bar(row)), "{rows:?}");
    terminal.expect_modes_as_before();
}

#[test]
fn a_resize_leaves_nothing_behind_where_lines_are_wrapped_again() {
    if !confines("terminals::a_resize_leaves_nothing_behind_where_lines_are_wrapped_again") {
        return;
    }
    if !has(
        "tmux",
        "a_resize_leaves_nothing_behind_where_lines_are_wrapped_again",
    ) {
        return;
    }
    let at_the_top = [(60, 24), (100, 24), (200, 50), (100, 24), (79, 24)];
    let below_others = SIZES.map(|(columns, rows)| (columns, rows.max(4)));
    for (above, sizes) in [(14, &below_others[..]), (0, &at_the_top)] {
        let case = two_bars();
        let before = format!("seq {above}; exec \"$@\"");
        let wrapper = ["env", "--default-signal", "sh", "-c", &before, "sh"];
        let tmux = Tmux::start(&case.command_under(&wrapper, &["run", "plan.yaml"]), 80, 24);
        let rows = || {
            let rows = tmux.rows();
            assert!(rows.iter().filter(|row| row.parse::<u8>().is_ok()).count() <= above);
            rows.into_iter()
                .filter(|row| row.parse::<u8>().is_err())
                .collect()
        };
        wait_until_drawn_once("80 columns", 2, rows);
        for (columns, height) in sizes {
            tmux.resize(*columns, *height);
            let bars = if *height < 5 { 1 } else { 2 };
            wait_until_drawn_once(&format!("{columns}x{height} below {above}"), bars, rows);
        }
        go(&case);
        wait_for("the end", || {
            rows().iter().any(|row: &String| row.starts_with("ok: "))
        });
        assert!(!rows().iter().any(|row| is_bar(row)), "{:?}", rows());
    }
}

#[test]
fn what_is_typed_over_bars_does_not_stay() {
    if !confines("terminals::what_is_typed_over_bars_does_not_stay") {
        return;
    }
    for columns in [80, 20, 14] {
        let case = two_bars();
        let mut terminal = Terminal::start(&case.command(&["run", "plan.yaml"]), columns);
        wait_until_drawn_once("bars", 2, || terminal.rows());
        terminal.press(b"some words");
        terminal.wait_for_text("some words");
        wait_until_drawn_once("typed text", 2, || terminal.rows());
        terminal.press(b"\x03");
        assert_eq!(terminal.wait().code(), Some(130));
        let rows = terminal.rows();
        assert!(!rows.iter().any(|row| is_bar(row)), "{rows:?}");
        assert!(!rows.iter().any(|row| row.starts_with("  1/3")), "{rows:?}");
        assert_eq!(terminal.written().matches("received SIGINT").count(), 1);
    }
}

#[test]
fn a_prompt_that_ends_leaves_no_bars_behind() {
    for (key, code) in [(b"\x03", 130), (b"\x04", 77)] {
        let case = two_bars()
            .sh_skill(
                "push",
                "echo 1",
                "permissions: []\nrisk_level: critical\ninput_schema: {properties: {x: {}}}\n",
            )
            .file(
                "plan.yaml",
                "assistant_id: test\norder: graph\nsteps:\n\
                 - {name: waits, type: skill}\n\
                 - {name: quick, type: skill}\n\
                 - {name: push, type: skill, arguments: {x: \"{{quick}}\"}}\n",
            );
        let mut terminal = Terminal::start(&case.command(&["run", "plan.yaml"]), 60);
        terminal.wait_for_text("approve? [y/N]");
        terminal.press(key);
        if code == 77 {
            wait_for("one bar", || {
                let rows = terminal.rows();
                let bars = rows.iter().filter(|row| is_bar(row)).count();
                let footers = rows.iter().filter(|row| row.starts_with("  2/3 steps"));
                (bars, footers.count()) == (1, 1)
            });
            go(&case);
        }
        assert_eq!(terminal.wait().code(), Some(code), "{}", terminal.written());
        let rows = terminal.rows();
        let is_left = |row: &String| is_bar(row) || row.contains("/3 steps");
        assert!(!rows.iter().any(is_left), "{rows:?}");
    }
}
