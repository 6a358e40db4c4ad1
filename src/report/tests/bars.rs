//! Bars, as a terminal shows them.

use std::sync::Arc;
use std::time::Duration;

use insta::assert_snapshot;
use tokio::sync::oneshot;

use crate::event::{Retry, RunEvent, Streaming, TerminationCause};
use crate::model::RunStatus;
use crate::report::terminal::TerminalInfo;
use crate::report::testing::{
    CapturedStreams, OFF_TERMINAL, Script, failed, record, skipped, summary, terminal,
};
use crate::report::{Format, Progress, ReportOptions};

const LABELS: [&str; 3] = ["fetch", "build", "deploy"];

fn script(options: ReportOptions, columns: usize) -> Script {
    Script::new(
        options,
        &CapturedStreams::new(terminal(columns), terminal(columns)),
        &LABELS,
    )
}

#[test]
fn running_steps_are_at_the_bottom_and_finished_ones_above() {
    let mut script = script(ReportOptions::default(), 50);
    script.start(0);
    script.start(1);
    script.pass(Duration::from_secs(3));
    script.event(RunEvent::StepProgress {
        index: 1,
        fraction: Some(0.4),
        message: Some("page 4 of 10".to_owned()),
    });
    script.pass(Duration::from_millis(100));
    assert_snapshot!(script.memory.screen(), @r"
    ⠙ fetch 3s of 30s
    ⠙ build 3s of 30s 40% page 4 of 10
      0/3 steps · 3s
    ");
    script.done(record(0, "fetch"));
    script.event(RunEvent::StepEnding {
        index: 1,
        reason: TerminationCause::StepTimeout,
    });
    assert_snapshot!(script.memory.screen(), @r"
    ✓ fetch 1.2s
    ⠙ build 3s of 30s ending (timeout)…
      1/3 steps · 3s
    ");
    script.done(failed(1, "build"));
    script.done(skipped(2, "deploy"));
    let memory = Arc::clone(&script.memory);
    script.finish(summary(RunStatus::Failed, 1, Some(1)));
    let screen = memory.screen();
    assert!(
        screen.starts_with("✓ fetch 1.2s\n✗ build exit 2\n- deploy skipped\n"),
        "{screen}"
    );
    assert!(
        !screen.contains("/3 steps") && screen.contains("\nfailed: 1 ok 1 failed"),
        "{screen}"
    );
}

fn repeated(wait: u64) -> RunEvent {
    RunEvent::StepRepeated {
        index: 0,
        message: "exit code 7\nand more".to_owned(),
        retry: Some(Retry {
            number: 2,
            max: 4,
            wait: Duration::from_millis(wait),
        }),
    }
}

#[test]
fn a_retry_is_counted_down() {
    let mut script = script(ReportOptions::default(), 50);
    script.start(0);
    script.event(repeated(9_000));
    assert_snapshot!(script.memory.screen(), @r"
    ↻ fetch exit code 7; retry 2/4 in 9s
    ⠋ fetch 0s of 30s
      0/3 steps · 0s
    ");
    script.pass(Duration::from_millis(200));
    let bar = |script: &Script| {
        let screen = script.memory.screen();
        let (bar, _) = screen.rsplit_once('\n').unwrap();
        bar.rsplit(|c| ('\u{2800}'..='\u{28ff}').contains(&c))
            .next()
            .unwrap()
            .trim()
            .to_owned()
    };
    assert_eq!(bar(&script), "fetch 0s of 30s retry 2/4 in 9s");
    script.pass(Duration::from_secs(8));
    assert_eq!(bar(&script), "fetch 8s of 30s retry 2/4 in 1s");
    // Time that obs was stopped does not count.
    script.event(RunEvent::PauseTerminal(oneshot::channel().0));
    script.pass(Duration::from_secs(100));
    script.event(RunEvent::Resumed {
        stopped_for: Duration::from_secs(100),
    });
    assert_eq!(bar(&script), "fetch 8s of 30s retry 2/4 in 1s");
    script.pass(Duration::from_secs(1));
    script.event(RunEvent::StepProgress {
        index: 0,
        fraction: Some(0.4),
        message: None,
    });
    script.pass(Duration::from_millis(100));
    assert_eq!(bar(&script), "fetch 9s of 30s retry 2/4 40%");
    // The fallback is no retry.
    script.event(RunEvent::StepRepeated {
        index: 0,
        message: "exit code 7; now `other`".to_owned(),
        retry: None,
    });
    script.pass(Duration::from_millis(100));
    assert_eq!(bar(&script), "fetch 9s of 30s");
    let screen = script.memory.screen();
    assert!(
        screen.starts_with(
            "↻ fetch exit code 7; retry 2/4 in 9s\n↻ fetch exit code 7; now `other`\n"
        ),
        "{screen}"
    );
}

#[test]
fn a_retry_is_one_line_off_a_terminal() {
    let memory = CapturedStreams::new(OFF_TERMINAL, OFF_TERMINAL);
    let mut script = Script::new(ReportOptions::default(), &memory, &LABELS);
    script.start(0);
    script.event(repeated(1_500));
    script.pass(Duration::from_secs(2));
    assert_eq!(
        memory.stderr(),
        "→ fetch\n↻ fetch exit code 7; retry 2/4 in 1.5s\n"
    );
}

#[test]
fn live_output_and_records_pass_above_the_bars() {
    let options = ReportOptions {
        streaming: Streaming::Text,
        format: Format::Jsonl,
        ..ReportOptions::default()
    };
    let mut script = script(options, 50);
    script.start(0);
    script.output(0, b"one\ntwo\nthr");
    assert_snapshot!(script.memory.screen(), @r"
    fetch │ one
    fetch │ two
    ⠋ fetch 0s of 30s
      0/3 steps · 0s
    ");
    // The record goes to stdout, which may be the same terminal: no bar is drawn at that moment.
    script.done(record(0, "fetch"));
    assert_eq!(script.memory.stdout().lines().count(), 1);
    assert_snapshot!(script.memory.screen(), @r"
    fetch │ one
    fetch │ two
    fetch │ thr
    ✓ fetch 1.2s
      1/3 steps · 0s
    ");
}

#[test]
fn the_screen_is_in_order_before_obs_is_stopped() {
    let mut script = script(ReportOptions::default(), 50);
    script.start(0);
    script.pass(Duration::from_secs(1));
    let (ready, mut answer) = oneshot::channel();
    script.event(RunEvent::PauseTerminal(ready));
    assert_eq!(answer.try_recv(), Ok(()));
    assert_eq!(script.memory.screen(), "");
    script.pass(Duration::from_secs(100));
    assert_eq!(script.memory.screen(), "");
    script.event(RunEvent::Resumed {
        stopped_for: Duration::from_secs(100),
    });
    assert_snapshot!(script.memory.screen(), @r"
    ⠙ fetch 1s of 30s
      0/3 steps · 1s
    ");
}

#[test]
fn nothing_is_left_when_the_runtime_goes_away() {
    let mut script = script(
        ReportOptions {
            format: Format::None,
            ..ReportOptions::default()
        },
        50,
    );
    script.start(0);
    let memory = Arc::clone(&script.memory);
    script.abandon();
    assert_eq!(memory.screen(), "");
}

#[test]
fn no_terminal_is_too_small_and_none_too_low() {
    for columns in 0..30 {
        for rows in 0..5 {
            let look = TerminalInfo {
                rows,
                color: true,
                ..terminal(columns)
            };
            let memory = CapturedStreams::new(look, look);
            let mut script = Script::new(ReportOptions::default(), &memory, &["日本語", "b", "c"]);
            for index in 0..3 {
                script.start(index);
            }
            script.pass(Duration::from_millis(300));
            script.done(record(0, "日本語"));
            script.finish(summary(RunStatus::Success, 0, None));
        }
    }
}

#[test]
fn steps_that_do_not_fit_are_counted() {
    let look = TerminalInfo {
        rows: 5,
        ..terminal(40)
    };
    let memory = CapturedStreams::new(look, look);
    let mut script = Script::new(ReportOptions::default(), &memory, &["a", "b", "c", "d"]);
    for index in 0..4 {
        script.start(index);
    }
    assert_snapshot!(memory.screen(), @r"
    ⠋ a 0s of 30s
    ⠋ b 0s of 30s
      0/4 steps · 0s · 2 more running
    ");
}

#[test]
fn hundreds_of_steps_stay_readable_and_failures_stay_above() {
    let look = TerminalInfo {
        rows: 12,
        ..terminal(60)
    };
    let memory = CapturedStreams::new(look, look);
    let names: Vec<String> = (0..300)
        .map(|at| format!("step-{at}-with-a-long-name-of-its-own"))
        .collect();
    let labels: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut script = Script::new(ReportOptions::default(), &memory, &labels);
    for index in 0..300 {
        script.start(index);
    }
    script.pass(Duration::from_millis(100));
    let frames_before = memory.stderr().len();
    for (index, name) in names.iter().enumerate().take(200) {
        match index {
            20 | 70 => script.done(failed(index, name)),
            _ => script.done(record(index, name)),
        }
    }
    script.pass(Duration::from_millis(100));
    let written = memory.stderr().len() - frames_before;
    assert!(
        written < 10_000,
        "a frame for each step would be more: {written}"
    );
    assert_snapshot!(memory.screen(), @r"
    ✗ step-20-with-a-long-name-of-its-own exit 2
    ✗ step-70-with-a-long-name-of-its-own exit 2
    ⠹ step-200-with-a-long-name-of-its-own 0s of 30s
    ⠹ step-201-with-a-long-name-of-its-own 0s of 30s
    ⠹ step-202-with-a-long-name-of-its-own 0s of 30s
    ⠹ step-203-with-a-long-name-of-its-own 0s of 30s
    ⠹ step-204-with-a-long-name-of-its-own 0s of 30s
    ⠹ step-205-with-a-long-name-of-its-own 0s of 30s
    ⠹ step-206-with-a-long-name-of-its-own 0s of 30s
    ⠹ step-207-with-a-long-name-of-its-own 0s of 30s
    ⠹ step-208-with-a-long-name-of-its-own 0s of 30s
      200/300 steps · 2 failed · 0s · 91 more running
    ");
}

#[test]
fn bars_become_lines_where_the_cursor_can_not_be_moved() {
    let dumb = TerminalInfo {
        cursor: false,
        ..terminal(80)
    };
    for (progress, look) in [
        (Progress::Auto, OFF_TERMINAL),
        (Progress::Auto, dumb),
        (Progress::Bars, OFF_TERMINAL),
        (Progress::Bars, dumb),
        (Progress::Lines, terminal(80)),
    ] {
        let memory = CapturedStreams::new(OFF_TERMINAL, look);
        let options = ReportOptions {
            progress,
            ..ReportOptions::default()
        };
        let mut script = Script::new(options, &memory, &LABELS);
        script.start(0);
        script.pass(Duration::from_secs(1));
        script.done(record(0, "fetch"));
        script.start_builtin(1);
        script.done(record(1, "build"));
        assert_eq!(memory.stderr(), "→ fetch\n✓ fetch 1.2s\n✓ build 1.2s\n");
    }
}
