//! A directory with plans and skills, and obs run in it.

pub(crate) mod processes;
pub(crate) mod random;
pub(crate) mod terminal;
pub(crate) mod tmux;

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{OnceLock, mpsc};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The longest that a test waits for an event.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Where obs makes its temporary directories, in a case's own.
const TMP: &str = ".tmp";

/// The project's files. CI runs the tests once more on a copy, as another user.
pub(crate) fn project_root() -> PathBuf {
    std::env::var_os("OBS_TEST_ROOT")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from)
}

/// The program under test.
pub(crate) fn obs_binary() -> PathBuf {
    std::env::var_os("OBS_TEST_BIN")
        .map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_obs")), PathBuf::from)
}

/// True if `program` is in PATH; says by name what is skipped if it is not.
pub(crate) fn has(program: &str, test: &str) -> bool {
    has_in(std::env::var_os("PATH").unwrap_or_default(), program, test)
}

/// The same for the directories of `path`.
pub(crate) fn has_in(path: impl AsRef<OsStr>, program: &str, test: &str) -> bool {
    let found = std::env::split_paths(&path).any(|dir| dir.join(program).is_file());
    if !found {
        skip(test, &format!("`{program}`"));
    }
    found
}

/// True if this machine can confine skills to files; says by name what is skipped if it can't.
/// Tests that do not ask run there with `best-effort`.
pub(crate) fn confines(test: &str) -> bool {
    let confines = can_confine();
    if !confines {
        skip(test, "Landlock");
    }
    confines
}

/// Says by name what is skipped.
pub(crate) fn skip(test: &str, needs: &str) {
    say(&format!("skipped: {test} (needs {needs})\n"));
}

/// Past the test runner's own capture.
pub(crate) fn say(line: &str) {
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

/// What the environment says of how much a test is to do.
pub(crate) fn number_from(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Found by trying, once.
fn can_confine() -> bool {
    static CAN: OnceLock<bool> = OnceLock::new();
    *CAN.get_or_init(|| {
        let doctor = ["doctor", "--format", "json"];
        let output = Command::new(obs_binary()).args(doctor).output().unwrap();
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let layers = document["layers"].as_array().unwrap();
        let files = layers.iter().find(|layer| layer["layer"] == "files");
        files.unwrap()["enforced"] == true
    })
}

/// Many pieces as one text.
pub(crate) fn concat(pieces: impl IntoIterator<Item = String>) -> String {
    pieces.into_iter().collect::<Vec<_>>().concat()
}

/// Waits for `condition`, at most [`PATIENCE`].
pub(crate) fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let since = Instant::now();
    while !condition() {
        assert!(since.elapsed() < PATIENCE, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A directory of its own, and what to run in it.
pub(crate) struct Case {
    dir: TempDir,
    /// Elsewhere: a workspace that holds the home directory is not granted to skills.
    home: TempDir,
    env: Vec<(String, String)>,
    stdin: Vec<u8>,
}

/// Everything that came out.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    /// The exit code; 128 and the signal where one ended obs.
    pub(crate) code: i32,
    dir: PathBuf,
}

impl Case {
    pub(crate) fn new() -> Self {
        Self::new_in(&std::env::temp_dir())
    }

    /// In a directory whose path is as long everywhere, for screens that break lines.
    pub(crate) fn new_in(parent: &Path) -> Self {
        let dir = TempDir::new_in(parent).unwrap();
        fs::create_dir(dir.path().join(TMP)).unwrap();
        Self {
            dir,
            home: TempDir::new().unwrap(),
            env: Vec::new(),
            stdin: Vec::new(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Where obs keeps what it remembers, unless the case says otherwise.
    pub(crate) fn state(&self) -> PathBuf {
        self.home.path().join("state")
    }

    /// Writes a file, with the directories above it.
    pub(crate) fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    /// Writes an executable file.
    pub(crate) fn script(self, path: &str, content: &str) -> Self {
        let case = self.file(path, content);
        let path = case.dir.path().join(path);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        case
    }

    /// A skill that is a shell script; the manifest gets `more`, which begins with a line feed
    /// if it is not empty.
    pub(crate) fn sh_skill(self, id: &str, script: &str, more: &str) -> Self {
        // Tests look at files that skills leave in the workspace.
        let permissions = if more.contains("permissions:") {
            ""
        } else {
            "permissions: [\"fs.write:.\"]\n"
        };
        let manifest = format!(
            "description: A skill.\nexecution:\n  command: [./run.sh]\n{permissions}{more}"
        );
        self.file(&format!("skills/{id}/manifest.yaml"), manifest)
            .script(
                &format!("skills/{id}/run.sh"),
                &format!("#!/bin/sh\n{script}\n"),
            )
    }

    /// `plan.yaml` with the given steps, as YAML below `steps:`.
    pub(crate) fn plan(self, steps: &str) -> Self {
        let text = format!("assistant_id: test\nsteps:\n{steps}");
        self.file("plan.yaml", text)
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn stdin(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.stdin = bytes.as_ref().to_vec();
        self
    }

    /// obs in this directory, with an environment that does not depend on who runs the tests.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        // obs leaves a signal ignored that was ignored when it started, and whoever runs the tests
        // may ignore some: a shell does for what it runs in the background. `env` becomes obs.
        self.command_under(&["env", "--default-signal"], args)
    }

    /// The same, started by `wrapper`: a program that becomes the command that follows its
    /// arguments.
    pub(crate) fn command_under(&self, wrapper: &[&str], args: &[&str]) -> Command {
        let mut command = Command::new(wrapper[0]);
        command.args(&wrapper[1..]).arg(obs_binary()).args(args);
        command.current_dir(self.dir.path()).env_clear();
        let path = std::env::var_os("PATH").unwrap_or_default();
        command
            .env("PATH", path)
            .env("HOME", self.home.path())
            .env("LANG", "C.UTF-8")
            .env("OBS_STATE_DIR", self.state());
        // What a killed obs leaves behind goes away with the case.
        command.env("TMPDIR", self.dir.path().join(TMP));
        if !can_confine() {
            command.env("OBS_SANDBOX", "best-effort");
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs obs to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.run_in(self.path(), args)
    }

    /// Runs obs to its end in another directory.
    pub(crate) fn run_in(&self, directory: &Path, args: &[&str]) -> Output {
        let mut command = self.command(args);
        command
            .current_dir(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let bytes = self.stdin.clone();
        let writer = std::thread::spawn(move || {
            // A program that does not read its input is no failure of the test.
            stdin.write_all(&bytes).ok();
        });
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || sender.send(child.wait_with_output()).ok());
        let output = receiver
            .recv_timeout(PATIENCE * 4)
            .unwrap_or_else(|_| panic!("`obs {}` did not end", args.join(" ")))
            .unwrap();
        writer.join().unwrap();
        Output::new(self, output)
    }
}

impl Output {
    /// What came out of a command of `case`.
    pub(crate) fn new(case: &Case, output: std::process::Output) -> Self {
        let signal = output.status.signal().map(|signal| 128 + signal);
        Self {
            code: output.status.code().or(signal).unwrap(),
            stdout: output.stdout,
            stderr: output.stderr,
            dir: case.dir.path().to_owned(),
        }
    }

    pub(crate) fn stdout(&self) -> String {
        String::from_utf8(self.stdout.clone()).expect("stdout is UTF-8")
    }

    pub(crate) fn stderr(&self) -> String {
        String::from_utf8(self.stderr.clone()).expect("stderr is UTF-8")
    }

    /// The records of `--format jsonl`.
    pub(crate) fn records(&self) -> Vec<serde_json::Value> {
        self.stdout()
            .lines()
            .map(|line| serde_json::from_str(line).expect(line))
            .collect()
    }

    /// Fails with everything that came out unless the code is this one.
    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}", self.whole());
        self
    }

    /// Code, stdout and stderr as one text, without what differs from run to run.
    pub(crate) fn whole(&self) -> String {
        let stable = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes).into_owned();
            text.replace(&*self.dir.to_string_lossy(), "[DIR]")
        };
        format!(
            "code: {}\n--- stdout\n{}--- stderr\n{}",
            self.code,
            stable(&self.stdout),
            stable(&self.stderr)
        )
    }
}

/// Settings for snapshots of what is the same in every run.
pub(crate) fn plain_settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}

/// Settings for snapshots with filters for times and ids, which differ from run to run.
pub(crate) fn stable_settings() -> insta::Settings {
    let mut settings = plain_settings();
    for (from, to) in [
        (
            r"\b[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\b",
            "[RUN]",
        ),
        (r"run [0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}", "run [RUN]"),
        (r"head [0-9a-f]{16}\b", "head [HASH]"),
        (r"obs show 01[0-9a-f-]+", "obs show [RUN]"),
        (
            r#""((?:prev_)?hash|head)": "[0-9a-f]{64}""#,
            r#""$1": "[HASH]""#,
        ),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "[TIME]"),
        (
            r#""(duration_ms|cpu_time_ms|memory_mb)":\s*\d+"#,
            "\"$1\":[N]",
        ),
        // A column of times is as wide as the longest of them.
        (r"(TIME|-|\b\d+(\.\d)?m?s) {2,}", "$1  "),
        (r"\b\d+(\.\d)?m?s\b", "[T]"),
    ] {
        settings.add_filter(from, to);
    }
    settings
}
