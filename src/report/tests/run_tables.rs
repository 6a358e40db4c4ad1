//! `obs runs`: the table of runs, at all widths.

use jiff::{SignedDuration, Timestamp};

use crate::model::RunStatus;
use crate::report::run_table::{RunLine, RunTable};
use crate::report::terminal::TerminalInfo;
use crate::report::testing::{OFF_TERMINAL, terminal};
use crate::report::text::columns_of;

fn now() -> Timestamp {
    "2026-11-28T12:00:00Z".parse().unwrap()
}

/// A run that began so many seconds ago.
fn run(short_id: &str, plan: &str, status: RunStatus, seconds_ago: i64) -> RunLine {
    RunLine {
        short_id: short_id.to_owned(),
        run_id: format!("{short_id}-whole"),
        plan: plan.to_owned(),
        status,
        succeeded: 0,
        failed: 0,
        others: 0,
        started_at: now() - SignedDuration::from_secs(seconds_ago),
        duration_ms: None,
    }
}

fn runs() -> Vec<RunLine> {
    vec![
        RunLine {
            succeeded: 2,
            others: 3,
            ..run(
                "0192ab12-3456-7a",
                "plans/site.yaml",
                RunStatus::Running,
                65,
            )
        },
        RunLine {
            succeeded: 120,
            failed: 11,
            others: 7,
            duration_ms: Some(754_000),
            ..run(
                "0192ab12-3456-7b",
                "../plans/of/the/whole/site/build-and-deploy.yaml",
                RunStatus::Failed,
                3 * 86_400,
            )
        },
        RunLine {
            others: 1,
            ..run(
                "0192aa00",
                "/elsewhere/a.yaml",
                RunStatus::Interrupted,
                99 * 86_400,
            )
        },
        RunLine {
            succeeded: 1,
            duration_ms: Some(4),
            ..run(
                "0192a900",
                "- (7e6a627683dde8cc)",
                RunStatus::Success,
                100 * 86_400,
            )
        },
    ]
}

fn render(look: TerminalInfo, utc: bool) -> String {
    let mut table = RunTable::new(look, utc, now());
    let text: String = runs().iter().map(|run| table.add(run)).collect();
    text + &table.flush()
}

#[test]
fn a_terminal_of_80_columns_shows_all() {
    insta::assert_snapshot!(render(terminal(80), false));
}

#[test]
fn a_terminal_of_60_columns_does_without_some_columns() {
    insta::assert_snapshot!(render(terminal(60), false));
}

#[test]
fn a_wide_terminal_cuts_nothing() {
    insta::assert_snapshot!(render(terminal(200), true));
}

#[test]
fn off_a_terminal_each_line_depends_on_its_run_alone() {
    let text = render(OFF_TERMINAL, false);
    insta::assert_snapshot!(text);
    for run in runs() {
        let mut table = RunTable::new(OFF_TERMINAL, false, now());
        let alone = table.add(&run) + &table.flush();
        let line = alone.lines().nth(1).unwrap();
        assert!(text.contains(&format!("\n{line}\n")), "{line}");
    }
}

#[test]
fn a_line_is_never_wider_than_a_terminal_that_has_the_least_room() {
    // The id, the status and the name of the plan's file.
    for columns in 39..=200 {
        for utc in [false, true] {
            let text = render(terminal(columns), utc);
            assert_eq!(text.lines().count(), 5, "{text}");
            for (line, run) in text.lines().skip(1).zip(runs()) {
                assert!(columns_of(line) <= columns, "{columns}: {line}");
                assert!(line.starts_with(&run.short_id), "{line}");
                assert!(line.contains(run.status.as_str()), "{line}");
            }
        }
    }
    assert_eq!(render(terminal(7), false).lines().count(), 5);
}

#[test]
fn a_hostile_plan_stays_on_its_line() {
    for look in [terminal(80), OFF_TERMINAL] {
        let plan = "a\u{1b}[31m\u{202e}b/\rc.yaml";
        let mut table = RunTable::new(look, false, now());
        let text = table.add(&run("0\u{7}1", plan, RunStatus::Failed, 1)) + &table.flush();
        assert_eq!(text.lines().count(), 2, "{text:?}");
        let is_plain = |c: char| c == '\n' || !(c.is_control() || c == '\u{202e}');
        assert!(
            text.replace("\u{1b}[31mfailed\u{1b}[0m", "")
                .chars()
                .all(is_plain),
            "{text:?}"
        );
    }
}

#[test]
fn columns_grow_in_later_portions_and_never_shrink() {
    let mut table = RunTable::new(terminal(100), false, now());
    let mut text = String::new();
    for _ in 0..600 {
        text += &table.add(&run("0192ab12", "a.yaml", RunStatus::Failed, 3600));
    }
    text += &table.add(&run(
        "0192ab12-3456-7b",
        "a.yaml",
        RunStatus::Interrupted,
        3600,
    ));
    assert_eq!(text.lines().count(), 501);
    text += &table.flush();
    text += &table.add(&run("0192ab12", "a.yaml", RunStatus::Failed, 3600));
    text += &table.flush();
    assert_eq!(text.matches("STATUS").count(), 1);
    let place = |line: &str| line.find("a.yaml").unwrap();
    let places: Vec<usize> = text.lines().skip(1).map(place).collect();
    assert!(places.is_sorted() && places[0] < places[501], "{places:?}");
    assert_eq!(places[501], places[601]);
}
