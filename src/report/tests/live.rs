//! What is said while steps run: signals, live output, time that stands still.

use std::sync::Arc;
use std::time::Duration;

use insta::assert_snapshot;
use tokio::sync::oneshot;

use crate::event::{RunEvent, SkillStream, Streaming, TerminationCause};
use crate::model::RunStatus;
use crate::report::testing::{CapturedStreams, OFF_TERMINAL, Script, failed, record, summary};
use crate::report::{Format, ReportOptions};

fn off_terminal() -> Arc<CapturedStreams> {
    CapturedStreams::new(OFF_TERMINAL, OFF_TERMINAL)
}

#[test]
fn signals_are_answered() {
    let memory = off_terminal();
    let mut script = Script::new(ReportOptions::default(), &memory, &["a", "b"]);
    script.start(0);
    script.start(1);
    script.event(RunEvent::SignalReceived {
        signal: libc::SIGINT,
        forced: false,
    });
    script.event(RunEvent::StepEnding {
        index: 0,
        reason: TerminationCause::Canceled,
    });
    script.event(RunEvent::SignalReceived {
        signal: libc::SIGTERM,
        forced: true,
    });
    script.finish(summary(RunStatus::Canceled, 130, None));
    assert_snapshot!(memory.stderr(), @r"
    → a
    → b
    received SIGINT: ending 2 running steps (again to kill at once)
    received SIGTERM: killing 2 running steps
    canceled: SIGINT · 41s
    run 0192ab12-3456-7890
    ");
}

#[test]
fn a_signal_while_the_finally_steps_run_ends_none() {
    let memory = off_terminal();
    let mut script = Script::new(ReportOptions::default(), &memory, &["clean"]);
    script.event(RunEvent::FinallyStarted);
    script.start(0);
    for forced in [false, true] {
        script.event(RunEvent::SignalReceived {
            signal: libc::SIGINT,
            forced,
        });
    }
    script.finish(summary(RunStatus::Canceled, 130, None));
    assert_snapshot!(memory.stderr(), @r"
    → clean
    received SIGINT: the `finally` steps run on (again to kill at once)
    received SIGINT: killing 1 running step
    canceled: SIGINT · 41s
    run 0192ab12-3456-7890
    ");
}

#[test]
fn live_output_is_shown_line_by_line() {
    let memory = off_terminal();
    let options = ReportOptions {
        streaming: Streaming::Text,
        format: Format::None,
        ..ReportOptions::default()
    };
    let mut script = Script::new(options, &memory, &["build", "test"]);
    script.start(0);
    script.start(1);
    script.output(0, b"compiling\nlin");
    script.output(1, b"\xff\tok\n");
    script.output(0, b"king");
    script.dropped(3);
    script.done(record(0, "build"));
    script.output(1, b"never ended");
    script.abandon();
    assert_snapshot!(memory.stderr(), @r"
    → build
    → test
    build │ compiling
    test │ �	ok
    … 3 pieces of live output not shown
    build │ linking
    ✓ build 1.2s
    test │ never ended
    ");
}

#[test]
fn time_that_obs_was_stopped_does_not_count() {
    let memory = off_terminal();
    let mut script = Script::new(ReportOptions::default(), &memory, &["build"]);
    script.start(0);
    script.pass(Duration::from_secs(50));
    let (ready, mut answer) = oneshot::channel();
    script.event(RunEvent::PauseTerminal(ready));
    assert_eq!(answer.try_recv(), Ok(()));
    script.pass(Duration::from_hours(1));
    script.event(RunEvent::Resumed {
        stopped_for: Duration::from_hours(1),
    });
    assert_eq!(memory.stderr(), "→ build\n");
    script.pass(Duration::from_secs(10));
    assert_eq!(memory.stderr(), "→ build\nstill running 60s: build\n");
}

#[test]
fn what_is_said_while_suspended_is_said_later() {
    let memory = off_terminal();
    let mut script = Script::new(ReportOptions::default(), &memory, &["build"]);
    script.event(RunEvent::PauseTerminal(oneshot::channel().0));
    script.start(0);
    script.done(record(0, "build"));
    assert_eq!(memory.stderr(), "");
    script.event(RunEvent::Resumed {
        stopped_for: Duration::MAX,
    });
    assert_eq!(memory.stderr(), "→ build\n✓ build 1.2s\n");
}

#[test]
fn standard_output_is_shown_with_its_carriage_returns_obeyed() {
    let memory = off_terminal();
    let options = ReportOptions {
        streaming: Streaming::Text,
        format: Format::None,
        ..ReportOptions::default()
    };
    let mut script = Script::new(options, &memory, &["get"]);
    script.start(0);
    script.write(
        0,
        SkillStream::Stdout,
        b"  1%\r 50%\r\x1b[32m100%\x1b[0m\nnext\nname? ",
    );
    script.write(0, SkillStream::Stderr, b"10%\r20%\r\n");
    script.pass(Duration::from_secs(2));
    script.write(0, SkillStream::Stdout, b"\n::error::x\n");
    script.write(0, SkillStream::Stdout, b"first attempt");
    script.event(RunEvent::StepRepeated {
        index: 0,
        message: "exit code 1".to_owned(),
        retry: None,
    });
    script.write(0, SkillStream::Stdout, b"second\n");
    script.done(record(0, "get"));
    assert_snapshot!(memory.stderr(), @r"
    → get
    get │ 100%
    get │ next
    get │ 10%
    get │ 20%
    get │ name? 
    get │ \u{3a}:error::x
    get │ first attempt
    ↻ get exit code 1
    get │ second
    ✓ get 1.2s
    ");
}

#[test]
fn standard_error_is_repeated_in_the_report_unless_all_of_it_was_shown() {
    for (is_once, dropped, count) in [(true, 0, 1), (true, 3, 2), (false, 0, 2)] {
        let memory = off_terminal();
        let options = ReportOptions {
            streaming: Streaming::Stderr,
            shows_stderr_once: is_once,
            quiet: true,
            ..ReportOptions::default()
        };
        let mut script = Script::new(options, &memory, &["build"]);
        script.start(0);
        script.output(0, b"error[E0308]: mismatched types\n");
        script.dropped(dropped);
        script.done(failed(0, "build"));
        script.finish(summary(RunStatus::Failed, 1, Some(0)));
        let said = memory.stderr();
        assert_eq!(said.matches("E0308").count(), count, "{said}");
    }
}
