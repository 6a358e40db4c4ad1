//! The pager of `obs logs` on a terminal: which one, and what becomes of it.

use crate::support::terminal::Terminal;
use crate::support::{Case, concat, has, wait_for};

/// A run of 100 steps, which no terminal here has room for.
fn case() -> Case {
    let step = |at: usize| {
        format!("- {{name: builtin.now, step_id: step-{at}, type: tool, parallel_group: all}}\n")
    };
    let case = Case::new().plan(&concat((0..100).map(step)));
    case.run(&["run", "plan.yaml", "-q"]).expect_code(0);
    case.script(
        "pager",
        "#!/bin/sh\necho \"paged by $1, LESS=$LESS\"\nhead -n \"${2:-9999}\"\n",
    )
}

/// What a terminal got, after an end with this exit code.
fn shown(case: &Case, args: &[&str], code: i32) -> String {
    let args = [&["logs"], args].concat();
    let mut terminal = Terminal::start(&case.command(&args), 80);
    assert_eq!(terminal.wait().code(), Some(code), "{}", terminal.written());
    terminal.expect_modes_as_before();
    terminal.written()
}

/// The number of rows of the table.
fn rows(text: &str) -> usize {
    text.lines().filter(|line| line.contains("step-")).count()
}

#[test]
fn a_pager_shows_all_of_it_with_colors() {
    let case = case()
        .env("PAGER", "./pager other")
        .env("OBS_PAGER", "./pager own");
    for (args, want) in [(&[][..], 100), (&["-n", "3"], 3)] {
        let text = shown(&case, args, 0);
        assert!(text.starts_with("paged by own, LESS=FRX\r\n"), "{text}");
        assert_eq!(rows(&text), want, "{text}");
    }
    assert!(shown(&case, &[], 0).contains("\u{1b}[32m"));
    let case = case.env("OBS_PAGER", "").env("LESS", "i");
    assert!(shown(&case, &[], 0).starts_with("paged by other, LESS=i\r\n"));
}

#[test]
fn sometimes_there_is_no_pager() {
    let case = case().env("PAGER", "./pager x");
    for args in [
        &["--no-pager"][..],
        &["--follow"],
        &["--print", "step-1"],
        &["--format", "jsonl"],
        &["--format", "json"],
    ] {
        let text = shown(&case, args, 0);
        assert!(!text.contains("paged by"), "{args:?}: {text}");
    }
    assert!(
        !case
            .run(&["logs"])
            .expect_code(0)
            .stdout()
            .contains("paged by")
    );
    for (name, value) in [
        ("TERM", "dumb"),
        ("PAGER", ""),
        ("PAGER", "cat"),
        ("OBS_PAGER", "cat"),
    ] {
        let case = self::case().env("PAGER", "./pager x").env(name, value);
        let text = shown(&case, &[], 0);
        assert!(!text.contains("paged by"), "{name}={value}: {text}");
        assert_eq!(rows(&text), 100, "{name}={value}: {text}");
    }
}

#[test]
fn a_pager_that_cannot_be_started_is_left_out() {
    let case = case().env("PAGER", "./nowhere -x");
    let text = shown(&case, &[], 0);
    let warning = "can't start the pager `./nowhere`: No such file or directory";
    assert!(text.contains(warning), "{text}");
    assert_eq!(rows(&text), 100, "{text}");
}

#[test]
fn a_pager_that_quits_early_is_no_failure() {
    for pager in [
        "./pager x 1",
        "true",
        "./pager x 1 | head -n 2",
        "false",
        "exit 127;",
    ] {
        let case = case().env("PAGER", pager);
        let text = shown(&case, &[], 0);
        assert!(
            rows(&text) < 5 && !text.contains("error"),
            "{pager}: {text}"
        );
    }
}

#[test]
fn an_error_is_told_without_a_pager() {
    let case = case().env("PAGER", "./pager x");
    for (args, code) in [(&["ffff"][..], 66), (&["--step", "nope"], 2)] {
        let text = shown(&case, args, code);
        assert!(
            text.contains("error") && !text.contains("paged by"),
            "{text}"
        );
    }
}

#[test]
fn less_waits_for_keys_and_ctrl_c_does_not_end_obs() {
    if !has("less", "less_waits_for_keys_and_ctrl_c_does_not_end_obs") {
        return;
    }
    let case = case();
    let mut terminal = Terminal::start(&case.command(&["logs"]), 80);
    terminal.wait_for_text("step-20");
    assert!(!terminal.written().contains("step-50"));
    terminal.press(b"\x03");
    // A terminal drops what is typed around an interrupt.
    wait_for("the end of the table", || {
        terminal.press(b"G");
        terminal.written().contains("step-99")
    });
    assert!(terminal.child.try_wait().unwrap().is_none(), "less is open");
    terminal.press(b"q");
    assert_eq!(terminal.wait().code(), Some(0), "{}", terminal.written());
    terminal.expect_modes_as_before();
    // What fits on the screen needs no key.
    let text = shown(&case, &["-n", "2"], 0);
    assert_eq!(rows(&text), 2, "{text}");
}
