//! The gate, over pipes, full disks and terminals.

use std::fs::OpenOptions;
use std::io::Read;
use std::thread;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use super::*;
use crate::event::{self, RunEvent, StepDetail};
use crate::model::RunStatus;
use crate::report::testing::{record, started, summary};
use crate::report::{Format, ReportOptions, Reporter};

fn pipe() -> (File, File) {
    let (reader, writer) = rustix::pipe::pipe().unwrap();
    (reader.into(), writer.into())
}

fn null() -> File {
    OpenOptions::new().write(true).open("/dev/null").unwrap()
}

fn printer(stdout: File, stderr: File) -> Printer {
    let environment = Environment::default();
    Printer::with_sinks(
        Box::new(stdout),
        Box::new(stderr),
        ColorChoice::Auto,
        Verbosity::Normal,
        environment,
    )
}

#[test]
fn a_reader_that_went_away_is_no_error() {
    let (reader, writer) = pipe();
    drop(reader);
    let printer = printer(writer, null());
    assert!(!printer.is_closed());
    printer.print_line("one");
    printer.print_line("two");
    assert!(printer.is_closed());
    assert!(printer.stdout_error().is_none());
}

#[tokio::test]
async fn a_report_goes_on_when_its_reader_went_away() {
    let (stdout_reader, stdout) = pipe();
    drop(stdout_reader);
    let (mut stderr_reader, stderr) = pipe();
    let printer = printer(stdout, stderr);
    let (sender, receiver) = event::channel();
    let options = ReportOptions {
        format: Format::Jsonl,
        ..ReportOptions::default()
    };
    let handle = Reporter::spawn(options, receiver, printer.streams()).unwrap();
    sender.emit(started(&["a"; 100]));
    for index in 0..100 {
        sender.emit(RunEvent::StepFinished {
            record: Arc::new(record(index, "a")),
            detail: StepDetail::default(),
        });
    }
    sender.emit(RunEvent::RunFinished(summary(RunStatus::Success, 0, None)));
    assert_eq!(handle.finish().await.summary.unwrap().exit_code, 0);
    assert!(printer.is_closed() && printer.stdout_error().is_none());
    drop(printer);
    let mut said = String::new();
    stderr_reader.read_to_string(&mut said).unwrap();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 102, "{said}");
    assert_eq!(
        lines[100..],
        ["ok: 100 steps · 41s", "run 0192ab12-3456-7890"],
        "{said}"
    );
}

#[test]
fn a_full_disk_is_remembered_for_stdout_and_forgotten_for_stderr() {
    let full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
    let printer = printer(full(), full());
    printer.eprint("nobody hears this");
    assert!(printer.stdout_error().is_none());
    printer.print_line("lost");
    let error = printer.stdout_error().unwrap();
    assert_eq!(error.raw_os_error(), Some(libc::ENOSPC));
    assert!(!printer.is_closed());
}

#[test]
fn a_stream_that_does_not_block_is_waited_for() {
    let (mut reader, writer) = pipe();
    let flags = fcntl_getfl(&writer).unwrap();
    fcntl_setfl(&writer, flags | OFlags::NONBLOCK).unwrap();
    let printer = printer(writer, null());
    let text = vec![b'x'; 1_000_000];
    let expected = text.len();
    let thread = thread::spawn(move || printer.print(text));
    let mut read = Vec::new();
    reader.read_to_end(&mut read).unwrap();
    thread.join().unwrap();
    assert_eq!(read.len(), expected);
}

#[test]
fn colours_follow_choice_then_environment_then_terminal() {
    let color = |choice, environment: &[(&str, &str)]| {
        let environment = Environment::read(|name| {
            environment
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, v)| (*v).to_owned())
        });
        Printer::with_sinks(
            Box::new(null()),
            Box::new(null()),
            choice,
            Verbosity::Normal,
            environment,
        )
        .terminal_info(OutputStream::Stderr)
        .color
    };
    assert!(!color(ColorChoice::Auto, &[("TERM", "xterm")]));
    assert!(color(ColorChoice::Auto, &[("CLICOLOR_FORCE", "1")]));
    assert!(!color(ColorChoice::Auto, &[("CLICOLOR_FORCE", "0")]));
    assert!(!color(
        ColorChoice::Auto,
        &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]
    ));
    assert!(color(ColorChoice::Always, &[("NO_COLOR", "1")]));
    assert!(!color(ColorChoice::Never, &[("CLICOLOR_FORCE", "1")]));
}

/// A terminal: the end that a window has, and how to open the other.
fn pty() -> (std::os::fd::OwnedFd, impl Fn() -> File) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let name = ptsname(&controller, Vec::new()).unwrap();
    let open = move || {
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        options.open(name.to_str().unwrap()).unwrap()
    };
    (controller, open)
}

#[test]
fn a_terminal_that_was_hung_up_is_a_reader_that_went_away() {
    let (controller, open) = pty();
    let printer = Printer::with_sinks(
        Box::new(open()),
        Box::new(null()),
        ColorChoice::Never,
        Verbosity::Normal,
        Environment::default(),
    );
    printer.print("seen\n");
    drop(controller);
    printer.print("not seen\n");
    assert!(printer.is_closed());
    assert!(printer.stdout_error().is_none());
}

#[test]
fn a_terminal_tells_its_size_and_dumb_ones_have_no_cursor() {
    let (_controller, open) = pty();
    let size = rustix::termios::Winsize {
        ws_row: 5,
        ws_col: 33,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    let terminal = open();
    rustix::termios::tcsetwinsize(&terminal, size).unwrap();
    for (term, cursor) in [("xterm", true), ("dumb", false)] {
        let environment = Environment::read(|name| (name == "TERM").then(|| term.to_owned()));
        let printer = Printer::with_sinks(
            Box::new(open()),
            Box::new(null()),
            ColorChoice::Auto,
            Verbosity::Normal,
            environment,
        );
        let look = printer.terminal_info(OutputStream::Stdout);
        assert_eq!((look.columns, look.rows), (33, 5));
        assert_eq!(
            (look.terminal, look.cursor, look.watched),
            (true, cursor, true)
        );
    }
}

#[test]
fn a_runner_of_github_watches_pipes_but_not_files() {
    let watched = |file: File| {
        let environment =
            Environment::read(|name| (name == "GITHUB_ACTIONS").then(|| "true".to_owned()));
        Printer::with_sinks(
            Box::new(file),
            Box::new(null()),
            ColorChoice::Auto,
            Verbosity::Normal,
            environment,
        )
        .terminal_info(OutputStream::Stdout)
        .watched
    };
    let (_reader, writer) = pipe();
    assert!(watched(writer));
    assert!(!watched(tempfile::tempfile().unwrap()));
}

#[test]
fn columns_come_from_the_environment_where_no_terminal_tells() {
    for (value, columns) in [("132", 132), ("0", 80), ("wide", 80), ("-1", 80)] {
        let environment = Environment::read(|name| (name == "COLUMNS").then(|| value.to_owned()));
        let printer = Printer::with_sinks(
            Box::new(null()),
            Box::new(null()),
            ColorChoice::Auto,
            Verbosity::Normal,
            environment,
        );
        assert_eq!(printer.terminal_info(OutputStream::Stdout).columns, columns);
    }
}
