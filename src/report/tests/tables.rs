//! The table, at all widths.

use insta::assert_snapshot;

use crate::model::{ExecutionLogRecord, RunStatus, StepStatus};
use crate::report::ReportOptions;
use crate::report::table::StepTable;
use crate::report::terminal::TerminalInfo;
use crate::report::testing::{
    CapturedStreams, OFF_TERMINAL, Script, failed, record, shown, skipped, summary, terminal,
    with_output,
};

fn render(records: &[ExecutionLogRecord], look: TerminalInfo, verbose: bool) -> String {
    let mut table = StepTable::default();
    for record in records {
        table.add(record);
    }
    table.render(look, verbose)
}

fn run() -> Vec<ExecutionLogRecord> {
    vec![
        skipped(2, "deploy-to-production"),
        with_output(
            record(0, "fetch"),
            r#"{"status": 200, "body": "hello, world", "headers": {"server": "nginx", "date": "today", "x": "y"}}"#,
        ),
        failed(1, "build"),
        with_output(record(3, "日本語"), r#""first line\nsecond line""#),
    ]
}

#[test]
fn off_a_terminal_it_is_120_columns_wide() {
    assert_snapshot!(render(&run(), OFF_TERMINAL, false));
}

#[test]
fn verbose_adds_what_was_consumed() {
    assert_snapshot!(render(&run(), OFF_TERMINAL, true));
}

#[test]
fn a_terminal_of_80_columns_is_filled_and_not_more() {
    assert_snapshot!(render(&run(), terminal(80), false));
}

#[test]
fn a_terminal_of_40_columns_gives_up_skill_then_detail() {
    assert_snapshot!(render(&run(), terminal(40), false));
}

#[test]
fn the_skill_is_left_out_where_it_is_the_step() {
    let records = [
        with_output(record(0, "fetch"), "1"),
        with_output(record(1, "core/x"), "[]"),
    ];
    assert_snapshot!(render(&records, terminal(60), false));
}

#[test]
fn coloured_cells_line_up_as_plain_ones_do() {
    let look = TerminalInfo {
        color: true,
        ..terminal(80)
    };
    let coloured = render(&run(), look, false);
    assert!(
        coloured.contains("\u{1b}[31mfailed ×3\u{1b}[0m"),
        "{coloured:?}"
    );
    let seen = shown(look, coloured.as_bytes());
    let plain = render(&run(), terminal(80), false);
    assert_eq!(seen, plain.trim_end());
}

#[test]
fn no_width_breaks_it() {
    let long = "very-long-name/".repeat(40);
    let mut records = run();
    records.push(failed(4, &long));
    records.push(with_output(record(5, ""), r#""""#));
    for columns in 0..200 {
        for verbose in [false, true] {
            let text = render(&records, terminal(columns), verbose);
            assert_eq!(text.lines().count(), 7, "{columns}");
            let widest = text
                .lines()
                .map(crate::report::text::columns_of)
                .max()
                .unwrap();
            let room = terminal(columns).usable_columns();
            let least = if verbose { 52 } else { 36 };
            assert!(widest <= room.max(least), "{columns}: {widest}\n{text}");
        }
    }
}

#[test]
fn no_rows_are_no_table() {
    assert_eq!(render(&[], terminal(80), false), "");
}

#[test]
fn a_later_portion_has_the_columns_of_the_one_before_or_wider_ones() {
    let look = terminal(80);
    let mut columns = None;
    let mut portion = |records: &[ExecutionLogRecord]| {
        let mut table = StepTable::default();
        for record in records {
            table.add(record);
        }
        table.portion(look, false, &mut columns)
    };
    let wide = with_output(record(12, "a-step-with-a-long-name"), "1");
    let text = [
        portion(&[record(0, "a")]),
        portion(&[failed(1, "core/build"), record(2, "b")]),
        portion(&[wide]),
        portion(&[record(3, "c")]),
    ];
    assert_snapshot!(text.concat());
    for colour in [false, true] {
        let look = TerminalInfo {
            color: colour,
            ..look
        };
        let mut columns = None;
        for at in 0..3 {
            let mut table = StepTable::default();
            table.add(&record(at, &"x".repeat(at * 100)));
            let text = table.portion(look, true, &mut columns);
            for line in text.lines() {
                let plain = line
                    .split('\u{1b}')
                    .map(|part| part.split_once('m').map_or(part, |p| p.1));
                let width = plain.collect::<String>().chars().count();
                assert!(width <= 80, "{width}: {line}");
            }
        }
    }
}

/// What is printed of a run of so many steps that succeed and the given ones.
fn printed(good: usize, others: Vec<ExecutionLogRecord>, verbose: bool) -> String {
    let memory = CapturedStreams::new(OFF_TERMINAL, OFF_TERMINAL);
    let options = ReportOptions {
        verbose,
        ..ReportOptions::default()
    };
    let labels = vec!["x"; good + others.len()];
    let mut script = Script::new(options, &memory, &labels);
    for index in 0..good {
        script.done(record(index, &format!("step-{index}")));
    }
    for other in others {
        script.done(other);
    }
    script.finish(summary(RunStatus::Failed, 1, None));
    memory.stdout()
}

#[test]
fn a_table_of_more_than_20_steps_shows_what_did_not_succeed() {
    let others = || {
        let status = |status, index: usize, name| ExecutionLogRecord {
            status,
            attempts: 1,
            ..failed(index, name)
        };
        vec![
            failed(18, "broken"),
            status(StepStatus::Timeout, 19, "slow"),
            status(StepStatus::Rejected, 20, "denied"),
            status(StepStatus::Canceled, 21, "ended"),
            skipped(22, "later"),
        ]
    };
    assert_snapshot!(printed(18, others(), false), @r"
     #  STEP    SKILL       STATUS     TIME  DETAIL
    18  broken  core/build  failed ×3  4s    --> src/main.rs:3:5
    19  slow    core/build  timeout    4s    exit code 2
    20  denied  core/build  rejected   4s    exit code 2
    21  ended   core/build  canceled   4s    exit code 2
    not shown: 18 success, 1 skipped (-v shows all 23 steps)
    ");
    assert_eq!(printed(18, others(), true).lines().count(), 1 + 23);
    assert_eq!(printed(15, others(), false).lines().count(), 1 + 20);
    assert_eq!(
        printed(21, Vec::new(), false),
        "not shown: 21 success (-v shows all 21 steps)\n"
    );
    let failures: Vec<_> = (0..21).map(|at| failed(at, "broken")).collect();
    assert_eq!(printed(0, failures, false).lines().count(), 1 + 21);
}
