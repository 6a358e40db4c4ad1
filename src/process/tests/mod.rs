//! Tests with real processes.
//!
//! A zygote must be forked from a process with one thread, and libtest has many. So a test here
//! runs its own executable again, with only itself selected, and does its work there. In that
//! process, libtest's main thread waits for the thread of the test and holds no lock; the only
//! other locks that the forked zygote uses are those of malloc and stdio, which glibc handles
//! across a fork. That is as good as single-threaded, without a second binary in the product. A
//! unique environment variable identifies the processes that a scenario leaves alive; only
//! processes with that variable, and their known parents, are ever signalled.

mod endings;
mod faults;
mod parts;
mod sandbox;
mod starts;
mod streams;
mod suspension;

use std::fs;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::watch;

use super::tree::SignalDomainRules;
use super::*;
use crate::model::LeakedProcesses;

/// The test that this process runs; set in processes that tests start.
const TEST: &str = "OBS_PROCESS_TEST";
/// In the environment of everything that belongs to one scenario.
const MARK: &str = "OBS_PROCESS_TEST_MARK";

/// The timeout of every wait for an event.
pub(super) const EVENT_TIMEOUT: Duration = Duration::from_secs(30);

/// The start of the line about a skipped test.
const SKIPPED: &str = "skipped: ";

/// Defines a test that runs alone in a process.
macro_rules! isolated {
    ($(#[$attribute:meta])* fn $name:ident() $body:block) => {
        $(#[$attribute])*
        #[test]
        fn $name() {
            $crate::process::tests::alone(concat!(module_path!(), "::", stringify!($name)), || $body);
        }
    };
}
pub(crate) use isolated;

/// Runs `body` in a process of its own, and fails if that process fails.
pub(super) fn alone(test: &str, body: impl FnOnce()) {
    if std::env::var_os(TEST).is_some_and(|name| name == test) {
        return body();
    }
    let mut output = tempfile::tempfile().unwrap();
    let mut child = test_command(test, "")
        .stdout(output.try_clone().unwrap())
        .stderr(output.try_clone().unwrap())
        .spawn()
        .unwrap();
    let status = ended(&mut child, 6 * EVENT_TIMEOUT);
    let mut said = String::new();
    output.rewind().unwrap();
    output.read_to_string(&mut said).unwrap();
    assert!(
        status.is_some_and(|status| status.success()) && said.contains("1 passed"),
        "{test}: {status:?}\n{said}"
    );
    // The runner's own `test … ... ` may come before it on the line.
    for (_, reason) in said.lines().filter_map(|line| line.split_once(SKIPPED)) {
        // Past the test runner's own capture.
        writeln!(std::io::stderr(), "{SKIPPED}{test} ({reason})").unwrap();
    }
}

/// Prints why a test, or a part of one, is skipped. [`alone`] adds its name.
pub(super) fn skip(reason: &str) {
    writeln!(std::io::stderr(), "{SKIPPED}{reason}").unwrap();
}

/// The command that runs `test` in a process of its own.
fn test_command(test: &str, mark: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let name = test.split_once("::").unwrap().1;
    command
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env(TEST, test)
        .env(MARK, mark)
        .stdin(Stdio::null());
    command
}

/// Waits for `child`, and kills it after `timeout`.
fn ended(child: &mut Child, timeout: Duration) -> Option<std::process::ExitStatus> {
    let deadline = Instant::now() + timeout;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    None
}

/// Runs `scenario` with a launcher like that of obs.
pub(super) fn with_launcher(scenario: impl AsyncFnOnce(&Launcher)) {
    with_launcher_rules(SignalDomainRules::SignalsAndRefer, scenario);
}

/// Like [`with_launcher`], as on a kernel without signal scopes.
pub(super) fn without_signal_scopes(scenario: impl AsyncFnOnce(&Launcher)) {
    with_launcher_rules(SignalDomainRules::None, scenario);
}

/// Like [`with_launcher`], with other domain rules.
pub(super) fn with_launcher_rules(rules: SignalDomainRules, scenario: impl AsyncFnOnce(&Launcher)) {
    with_zygote(Zygote::start_with(rules).unwrap(), scenario);
}

/// Like [`with_launcher`], with a zygote that was started before.
pub(super) fn with_zygote(zygote: Zygote, scenario: impl AsyncFnOnce(&Launcher)) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let launcher = Launcher::new(zygote, RunClock::new()).unwrap();
        scenario(&launcher).await;
    });
}

/// Left-over processes, as an exit reports them.
pub(super) fn leaked(count: u32, names: &[&str]) -> LeakedProcesses {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    LeakedProcesses { count, names }
}

/// A shell script as a specification.
pub(super) fn script(text: &str) -> ProcessSpec {
    program("/bin/sh", &["sh", "-c", text])
}

/// A program as a specification.
pub(super) fn program(path: &str, argv: &[&str]) -> ProcessSpec {
    let path_variable = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";
    let path = PathBuf::from(path);
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = path.file_name().unwrap_or_default();
    ProcessSpec {
        program: path.parent().map(real).unwrap_or_default().join(name),
        target: real(&path),
        argv: argv.iter().map(Into::into).collect(),
        env: vec![("PATH".into(), path_variable.into())],
        cwd: PathBuf::from("/"),
        stdin: None,
        max_output_bytes: 10 * 1024 * 1024,
        grace_period: Duration::from_secs(5),
        leak_timeout: Duration::from_millis(100),
        confinement: None,
        limits: Limits::NONE,
        written: Vec::new(),
        secrets: crate::process::Secrets::default(),
    }
}

/// Marks every process that `spec` will start; returns the mark.
pub(super) fn marked(spec: &mut ProcessSpec) -> String {
    let mark = uuid::Uuid::new_v4().to_string();
    spec.env.push((MARK.into(), (&mark).into()));
    mark
}

/// Living processes with `mark` in their environment.
pub(super) fn alive(mark: &str) -> Vec<Pid> {
    let entry = format!("{MARK}={mark}");
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid: &i32| {
            // A thread that has exited has no environment any more; the other threads of its
            // process do.
            let threads = fs::read_dir(format!("/proc/{pid}/task"));
            threads.into_iter().flatten().flatten().any(|thread| {
                fs::read(thread.path().join("environ"))
                    .unwrap_or_default()
                    .split(|byte| *byte == 0)
                    .any(|variable| variable == entry.as_bytes())
            })
        })
        .filter_map(Pid::from_raw)
        .collect()
}

/// The state letter and the parent of a process.
pub(super) fn state(pid: Pid) -> (char, Option<Pid>) {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_pid())).unwrap_or_default();
    let mut fields = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace();
    let letter = fields.next().and_then(|state| state.chars().next());
    let parent = fields.next().and_then(|parent| parent.parse().ok());
    (letter.unwrap_or('?'), parent.and_then(Pid::from_raw))
}

/// Waits until `condition` holds.
pub(super) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + EVENT_TIMEOUT;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(super) fn kill(pid: Pid) {
    kill_process(pid, Signal::KILL).unwrap();
}

/// Runs `spec` to its end, without stop requests and ignoring its events.
pub(super) async fn simply(
    launcher: &Launcher,
    spec: ProcessSpec,
) -> Result<ProcessExit, ProcessError> {
    let (_sender, stop) = watch::channel(StopRequest::None);
    let run = launcher.run(spec, stop, |_| {});
    tokio::time::timeout(2 * EVENT_TIMEOUT, run).await.unwrap()
}

/// Runs `spec` and `meanwhile` at the same time; `meanwhile` can send stop requests.
pub(super) async fn with(
    launcher: &Launcher,
    spec: ProcessSpec,
    meanwhile: impl AsyncFnOnce(&watch::Sender<StopRequest>),
) -> Result<ProcessExit, ProcessError> {
    let (sender, stop) = watch::channel(StopRequest::None);
    let run = launcher.run(spec, stop, |_| {});
    let (outcome, ()) = tokio::join!(
        tokio::time::timeout(2 * EVENT_TIMEOUT, run),
        meanwhile(&sender)
    );
    outcome.unwrap()
}

/// A tree of four processes that resist their end: with new sessions and a double fork, ignoring
/// SIGTERM.
pub(super) const STUBBORN: &str = "trap '' TERM HUP INT
    setsid sh -c 'sleep 1000 & exec sleep 1000' &
    ( ( setsid sleep 1000 ) & )
    exec sleep 1000";
pub(super) const STUBBORN_COUNT: usize = 4;

/// Whether `count` [`STUBBORN`] trees have all their processes. The number alone is not enough:
/// during the start there are as many shells.
pub(super) fn is_complete(mark: &str, count: usize) -> bool {
    let tree = alive(mark);
    let sleeps = |pid: &Pid| {
        let path = format!("/proc/{}/cmdline", pid.as_raw_pid());
        fs::read(path).is_ok_and(|line| line == b"sleep\x001000\0")
    };
    tree.len() == count * STUBBORN_COUNT && tree.iter().all(sleeps)
}
