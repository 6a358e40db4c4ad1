//! Real messages of real programs, and what is concluded from them.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tempfile::TempDir;

use super::message::denials;
use super::{Scene, suspect};
use crate::model::{ErrorCode, Excerpt, ExecutionResult, ExecutionStatus, SandboxMode, StepDirs};
use crate::process::{Access, Confinement, Grant, Layer, Network, canonicalize};
use crate::skill::{Permission, SandboxPolicy};

/// A workspace, a home and a private directory on this machine.
struct Place {
    _dir: TempDir,
    root: PathBuf,
    granted: Vec<Grant>,
    network: Network,
    permissions: Vec<Permission>,
    command: Vec<String>,
    layers: Vec<Layer>,
    status: ExecutionStatus,
}

impl Place {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let root = canonicalize(dir.path()).unwrap();
        for name in [
            "ws/data/.git",
            "ws/.git",
            "home/.ssh",
            "home/tools/bin",
            "scratch",
            "skill",
            "other",
        ] {
            fs::create_dir_all(root.join(name)).unwrap();
        }
        for name in [
            "ws/plan.yaml",
            "ws/data/in.txt",
            "home/.gitconfig",
            "home/.ssh/config",
            "other/file",
        ] {
            fs::write(root.join(name), "x").unwrap();
        }
        let program = root.join("home/tools/bin/forge");
        fs::write(&program, "#!/bin/sh\n").unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(program, mode).unwrap();
        let granted = vec![
            Grant::new("/usr", Access::ReadExec),
            Grant::new(root.join("ws"), Access::ReadExec),
            Grant::new(root.join("skill"), Access::ReadExec),
            Grant::new(root.join("scratch"), Access::ReadWriteExec),
        ];
        Self {
            _dir: dir,
            root,
            granted,
            network: Network::None,
            permissions: Vec::new(),
            command: Vec::new(),
            layers: vec![
                Layer::Files,
                Layer::Tcp,
                Layer::Seccomp,
                Layer::Capabilities,
            ],
            status: ExecutionStatus::Failed,
        }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The permissions that the hint adds, and the hint; `None` without one. `ROOT` in the message
    /// is the directory of the place.
    fn hint(&self, stderr: &str) -> Option<(Vec<String>, String)> {
        let (workspace, home) = (self.at("ws"), self.at("home"));
        let (scratch, skill) = (self.at("scratch"), self.at("skill"));
        let dirs = StepDirs {
            scratch: Some(&scratch),
            run: None,
            ..StepDirs::new(&skill, &workspace, Some(&home))
        };
        let confinement = Confinement {
            grants: self.granted.clone(),
            network: self.network.clone(),
            best_effort: false,
        };
        let stderr = stderr.replace("ROOT", self.root.to_str().unwrap());
        let mut result = ExecutionResult {
            status: self.status,
            stderr: Some(Excerpt::from_bytes(stderr.as_bytes())),
            command: self.command.clone(),
            ..ExecutionResult::failure(ErrorCode::SkillFailed, String::new())
        };
        let layers = self.layers.iter().map(|layer| layer.name().to_owned());
        result.sandbox.enforced = layers.collect();
        let mut policy = SandboxPolicy::new(SandboxMode::Require);
        policy.home = Some(home.clone());
        let path = self.at("home/tools/bin").into_os_string();
        let scene = Scene {
            policy: &policy,
            dirs,
            confinement: &confinement,
            permissions: &self.permissions,
            manifest: "skills/x/manifest.yaml",
            path: &path,
        };
        let hint = suspect(&scene, &result)?.hint;
        let list = hint
            .split_once("\npermissions: ")
            .map(|(_, list)| list.to_owned());
        let list: Vec<String> =
            list.map_or_else(Vec::new, |list| serde_json::from_str(&list).unwrap());
        for permission in &list {
            Permission::parse(permission).unwrap();
        }
        Some((list, hint))
    }

    /// What is wrong with the hint.
    fn fault(&self, stderr: &str, want: &[&str]) -> Option<String> {
        let root = self.root.to_str().unwrap();
        let want: Vec<String> = want.iter().map(|want| want.replace("ROOT", root)).collect();
        let Some((list, hint)) = self.hint(stderr) else {
            return Some(format!("no hint: {stderr}"));
        };
        let is_careful = hint.contains("probably") || hint.contains("may be the cause");
        (list != want || !is_careful).then(|| format!("{list:?}, not {want:?}: {stderr}\n  {hint}"))
    }

    fn expect(&self, stderr: &str, want: &[&str]) {
        assert_eq!(self.fault(stderr, want), None);
    }

    fn expect_each(&self, cases: &[(&str, &str)]) {
        let faults = cases
            .iter()
            .filter_map(|(stderr, want)| self.fault(stderr, &[want]));
        let faults: Vec<String> = faults.collect();
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }

    fn expect_all(&self, cases: &[(&str, &[&str])]) {
        let faults = cases
            .iter()
            .filter_map(|(stderr, want)| self.fault(stderr, want));
        let faults: Vec<String> = faults.collect();
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }

    fn expect_none(&self, stderr: &str) {
        assert_eq!(self.hint(stderr), None, "{stderr}");
    }
}

/// What is said by programs that may not write.
const WRITES: &[(&str, &str)] = &[
    (
        "sh: 1: cannot create out.txt: Permission denied\n",
        "fs.write:out.txt",
    ),
    (
        "bash: line 1: out.txt: Permission denied",
        "fs.write:out.txt",
    ),
    ("/bin/sh: out.txt: Permission denied", "fs.write:out.txt"),
    (
        "mkdir: cannot create directory ‘out’: Permission denied",
        "fs.write:out/",
    ),
    (
        "mkdir: cannot create directory 'data/out': Permission denied",
        "fs.write:data/out/",
    ),
    (
        "cp: cannot create regular file 'data/out.txt': Permission denied",
        "fs.write:data/out.txt",
    ),
    ("touch: cannot touch 'x': Permission denied", "fs.write:x"),
    ("tee: out.txt: Permission denied", "fs.write:out.txt"),
    (
        "dd: failed to open 'out.txt': Permission denied",
        "fs.write:out.txt",
    ),
    (
        "tar: a.tar: Cannot open: Permission denied\ntar: Error is not recoverable: exiting now",
        "fs.write:a.tar",
    ),
    (
        "mv: cannot move 'plan.yaml' to 'b.yaml': Permission denied",
        "fs.write:.",
    ),
    (
        "mv: cannot move 'data/in.txt' to 'data/b': Invalid cross-device link",
        "fs.write:data/",
    ),
    (
        "rm: cannot remove 'data/in.txt': Permission denied",
        "fs.write:data/",
    ),
    (
        "ln: failed to create symbolic link 'b': Permission denied",
        "fs.write:.",
    ),
    (
        "sed: couldn't open temporary file ./sedelNca5: Permission denied",
        "fs.write:.",
    ),
    (
        "mktemp: failed to create file via template ‘./tmp.XXXXXXXXXX’: Permission denied",
        "fs.write:.",
    ),
    (
        "/usr/bin/ld: cannot open output file out: Permission denied\ncollect2: error: ld returned 1 exit status",
        "fs.write:out",
    ),
    (
        "Traceback (most recent call last):\n  File \"<string>\", line 1, in <module>\nPermissionError: [Errno 13] Permission denied: 'out.txt'",
        "fs.write:out.txt",
    ),
    (
        "OSError: [Errno 30] Read-only file system: 'ROOT/ws/data/o.csv'",
        "fs.write:data/o.csv",
    ),
    (
        "Error: [Errno 13] Permission denied: 'ROOT/ws/env'",
        "fs.write:env/",
    ),
    (
        "Error: EACCES: permission denied, open 'out.txt'\n    at Object.writeFileSync (node:fs:2380:20)",
        "fs.write:out.txt",
    ),
    (
        "Error: EACCES: permission denied, mkdir 'a'\n  errno: -13,\n  path: 'a'\n}",
        "fs.write:a/",
    ),
    (
        "Error: EACCES: permission denied, rename 'plan.yaml' -> 'b'",
        "fs.write:.",
    ),
    (
        "npm error code EACCES\nnpm error syscall open\nnpm error path ROOT/ws/package.json\nnpm error errno -13",
        "fs.write:.",
    ),
    (
        "panic: open out.txt: permission denied\n\ngoroutine 1 [running]:",
        "fs.write:out.txt",
    ),
    (
        "2026/11/28 12:00:00 mkdir out: permission denied",
        "fs.write:out/",
    ),
    (
        "error: failed to create directory `ROOT/ws/pkg`\n\nCaused by:\n  Permission denied (os error 13)",
        "fs.write:pkg/",
    ),
    (
        "java.io.FileNotFoundException: out.txt (Permission denied)",
        "fs.write:out.txt",
    ),
    (
        "java.nio.file.AccessDeniedException: ROOT/ws/out.txt",
        "fs.write:out.txt",
    ),
    (
        "Error: unable to open database \"x.db\": unable to open database file",
        "fs.write:.",
    ),
    (
        "\u{1b}[31merror\u{1b}[0m: cannot create 'out.txt': \u{1b}[1mPermission denied\u{1b}[0m",
        "fs.write:out.txt",
    ),
    (
        "touch: cannot touch 'ROOT/other/new': Operation not permitted",
        "fs.write:ROOT/other/new",
    ),
    (
        "touch: cannot touch 'ROOT/home/.cache': Permission denied",
        "fs.write:~/.cache",
    ),
];

#[test]
fn writing_is_recognised_in_the_words_of_many_programs() {
    let place = Place::new();
    place.expect_each(WRITES);
}

/// What is said by programs that may not read or execute.
const READS: &[(&str, &str)] = &[
    (
        "cat: ROOT/other/file: Permission denied",
        "fs.read:ROOT/other/file",
    ),
    (
        "ls: cannot open directory 'ROOT/other': Permission denied",
        "fs.read:ROOT/other",
    ),
    (
        "Failed to Fopen file ROOT/other/file\nwget: Cannot read ROOT/other/file (Permission denied).",
        "fs.read:ROOT/other/file",
    ),
    (
        "cat: ROOT/home/.ssh/config: Permission denied",
        "fs.read:~/.ssh/config",
    ),
    (
        "PermissionError: [Errno 13] Permission denied: 'ROOT/other/file'",
        "fs.read:ROOT/other/file",
    ),
    ("sh: 1: forge: Permission denied", "fs.exec:~/tools"),
    ("env: ‘forge’: Permission denied", "fs.exec:~/tools"),
    (
        "bash: line 1: ROOT/home/tools/bin/forge: Permission denied",
        "fs.exec:~/tools",
    ),
    (
        "Error: spawnSync forge EACCES\n    at Object.spawnSync (node:internal/child_process:1123:20)",
        "fs.exec:~/tools",
    ),
    (
        "fork/exec ROOT/home/tools/bin/forge: permission denied",
        "fs.exec:~/tools",
    ),
    (
        "  stdlib dir = 'ROOT/home/tools'\nFatal Python error: init_fs_encoding: failed",
        "fs.exec:~/tools",
    ),
];

#[test]
fn reading_and_executing_are_recognised() {
    let place = Place::new();
    place.expect_each(READS);
}

/// What is said by programs that may not use the network.
const CONNECTIONS: &[(&str, &[&str])] = &[
    (
        "curl: (7) Failed to connect to 127.0.0.1 port 8765 after 0 ms: Couldn't connect to server",
        &["net.tcp:8765"],
    ),
    (
        "curl: (7) Failed to connect to localhost port 80 after 0 ms: Couldn't connect to server",
        &["net.tcp:80"],
    ),
    (
        "curl: (7) Failed to connect to api.example.com port 443: Operation not permitted",
        &["net.tcp:443", "net.dns"],
    ),
    ("curl: (6) Could not resolve host: example.com", &["net"]),
    (
        "fatal: unable to access 'https://github.com/x/y/': Could not resolve host: github.com",
        &["net.tcp:443", "net.dns"],
    ),
    (
        "ssh: Could not resolve hostname github.com: Temporary failure in name resolution",
        &["net"],
    ),
    (
        "wget: unable to resolve host address 'example.com'",
        &["net"],
    ),
    (
        "Connecting to 127.0.0.1:8765... failed: Permission denied.",
        &["net.tcp:8765"],
    ),
    (
        "npm error code EAI_AGAIN\nnpm error request to https://registry.npmjs.org/left-pad failed, reason: getaddrinfo EAI_AGAIN registry.npmjs.org",
        &["net.tcp:443", "net.dns"],
    ),
    (
        "socket.gaierror: [Errno -3] Temporary failure in name resolution",
        &["net"],
    ),
    (
        "WARNING: Retrying after connection broken by 'NewConnectionError('<pip>: Failed to establish a new connection: [Errno -2] Name or service not known')': /simple/six/",
        &["net"],
    ),
    (
        "HTTPSConnectionPool(host='pypi.org', port=443): Max retries exceeded (Caused by NewConnectionError: [Errno -2] Name or service not known)",
        &["net.tcp:443", "net.dns"],
    ),
    (
        "urllib.error.URLError: <urlopen error [Errno 1] Operation not permitted>",
        &["net"],
    ),
    (
        "  File \"/usr/lib/python3.11/socket.py\", line 232, in __init__\nPermissionError: [Errno 1] Operation not permitted",
        &["net"],
    ),
    (
        "Error: connect EPERM 127.0.0.1:8765 - Local (undefined:undefined)\n    errno: -1,\n    code: 'EPERM',\n",
        &["net.tcp:8765"],
    ),
    ("Error: connect EACCES ::1:8080", &["net.tcp:8080"]),
    (
        "Get \"http://127.0.0.1:9000/\": dial tcp 127.0.0.1:9000: socket: operation not permitted",
        &["net.tcp:9000"],
    ),
    (
        "dial tcp: lookup example.com: Temporary failure in name resolution",
        &["net"],
    ),
    (
        "bash: socket: Operation not permitted\nbash: line 1: /dev/tcp/127.0.0.1/8765: Operation not permitted",
        &["net.tcp:8765"],
    ),
    (
        "psql: error: connection to server at \"127.0.0.1\", port 5432 failed: could not create socket: Operation not permitted",
        &["net.tcp:5432"],
    ),
    (
        "socket: Operation not permitted\nssh: connect to host localhost port 22: failure",
        &["net.tcp:22"],
    ),
    (
        "PermissionError: [Errno 13] Permission denied (while attempting to bind on address ('127.0.0.1', 9999))",
        &["net"],
    ),
    (
        "Error: listen EPERM: operation not permitted 0.0.0.0:3000",
        &["net"],
    ),
];

#[test]
fn the_network_is_recognised_with_host_and_port() {
    let mut place = Place::new();
    place.expect_all(CONNECTIONS);
    place.command = vec![
        "curl".to_owned(),
        "-sS".to_owned(),
        "https://example.com/x".to_owned(),
    ];
    place.expect(
        "curl: (6) Could not resolve host: example.com",
        &["net.tcp:443", "net.dns"],
    );
    place.network = Network::Some {
        tcp: vec![443],
        dns: false,
    };
    place.permissions = vec![Permission::NetTcp(443)];
    place.expect(
        "curl: (6) Could not resolve host: example.com",
        &["net.tcp:443", "net.dns"],
    );
    place.expect(
        "curl: (7) Failed to connect to localhost port 8765 after 0 ms: Couldn't connect to server",
        &["net.tcp:443", "net.tcp:8765"],
    );
    place.expect_none(
        "curl: (7) Failed to connect to 1.2.3.4 port 443 after 0 ms: Couldn't connect to server",
    );
    place.network = Network::Full;
    place.expect_none("curl: (6) Could not resolve host: example.com");
    place.expect_none("Error: listen EACCES: permission denied 0.0.0.0:80");
}

#[test]
fn what_has_a_name_is_named() {
    let place = Place::new();
    for (stderr, name) in [
        (
            "dial unix /var/run/docker.sock: socket: operation not permitted",
            "`/var/run/docker.sock`",
        ),
        (
            "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock",
            "`/var/run/docker.sock`",
        ),
        (
            "Error: connect EPERM /run/user/1000/bus - Local (undefined:undefined)",
            "`/run/user/1000/bus`",
        ),
        (
            "strace: ptrace(PTRACE_TRACEME, ...): Operation not permitted",
            "tracing another process",
        ),
        (
            "unshare: unshare failed: Operation not permitted",
            "namespaces",
        ),
        (
            "chown: changing ownership of 'plan.yaml': Operation not permitted",
            "the owner of a file",
        ),
    ] {
        let (list, hint) = place.hint(stderr).unwrap();
        assert!(hint.contains(name) && list.is_empty(), "{stderr}\n{hint}");
        assert!(hint.contains("no permission grants"), "{hint}");
    }
    if Path::new("/dev/shm").exists() {
        let python = "    sl = self._semlock = _multiprocessing.SemLock(\n         ^^^^^\nPermissionError: [Errno 13] Permission denied";
        place.expect(python, &["fs.write:/dev/shm"]);
        place.expect(
            "sh: 1: cannot create /dev/shm/a: Permission denied",
            &["fs.write:/dev/shm"],
        );
    }
    if Path::new("/dev/ptmx").exists() && Path::new("/dev/pts").exists() {
        for stderr in [
            "script: failed to create pseudo-terminal: Permission denied",
            "    raise OSError('out of pty devices')\nOSError: out of pty devices",
            "open /dev/ptmx: permission denied",
        ] {
            place.expect(stderr, &["fs.write:/dev/ptmx", "fs.write:/dev/pts"]);
        }
    }
}

#[test]
fn a_home_of_its_own_is_named() {
    let place = Place::new();
    let home = ["env:HOME", "fs.read:~/.gitconfig"];
    place.expect("Author identity unknown\n\n*** Please tell me who you are.\n\nfatal: unable to auto-detect email address (got 'root@vm.(none)')", &home);
    place.expect(
        "fatal: detected dubious ownership in repository at '/ws'",
        &home,
    );
    place.expect(
        "cat: ROOT/scratch/.ssh/config: No such file or directory",
        &["env:HOME", "fs.read:~/.ssh/config"],
    );
    let lock = "fatal: Unable to create 'ROOT/ws/.git/index.lock': Permission denied";
    place.expect(
        lock,
        &["fs.write:.git/", "env:HOME", "fs.read:~/.gitconfig"],
    );
    let home = place
        .hint("ls: cannot open directory 'ROOT/home': Permission denied")
        .unwrap();
    assert!(
        home.0.is_empty() && home.1.contains("not all of it"),
        "{home:?}"
    );
}

#[test]
fn all_that_is_missing_is_listed_with_what_is_there() {
    let mut place = Place::new();
    place.permissions = vec![Permission::parse("env:LANG").unwrap()];
    place.expect(
        "sh: 1: cannot create a.txt: Permission denied\nsh: 2: cannot create b.txt: Permission denied\n\
         sh: 3: cannot create a.txt: Permission denied\ncurl: (7) Failed to connect to ::1 port 80",
        &["env:LANG", "fs.write:a.txt", "fs.write:b.txt", "net.tcp:80"],
    );
    place.expect("cannot open: Permission denied at -e line 1.", &[]);
}

#[test]
fn nothing_is_claimed_without_a_reason() {
    let mut place = Place::new();
    for stderr in [
        "",
        "cat: notes.txt: No such file or directory",
        "cat: permission denied.txt: No such file or directory",
        "curl: (7) Failed to connect to localhost port 8765: Connection refused",
        "ConnectionRefusedError: [Errno 111] Connection refused",
        "java.io.FileNotFoundException: out.txt (No such file or directory)",
        "getaddrinfo: no ENOTFOUNDATION\n    code: 'EPERM',",
        "the TEPERMAN and EACCESSORY are words",
        // Granted, or the step's own.
        "tee: ROOT/scratch/x: Permission denied",
        "open ROOT/nowhere/at/all/x: no such file or directory",
        "sh: 1: cannot create /dev/tty: Permission denied",
    ] {
        place.expect_none(stderr);
    }
    let denied = "sh: 1: cannot create out.txt: Permission denied";
    let closed = "curl: (7) Failed to connect to 127.0.0.1 port 80 after 0 ms";
    place
        .granted
        .push(Grant::new(place.at("ws"), Access::ReadWrite));
    place.expect_none(denied);
    place.granted.pop();
    // obs itself may not, whoever it is.
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o500);
    fs::set_permissions(place.at("other"), mode).unwrap();
    place.expect_none("touch: cannot touch 'ROOT/other/new': Permission denied");
    place.layers = vec![Layer::Capabilities];
    place.expect_none(denied);
    place.expect_none(closed);
    place.expect_none("cannot open: Permission denied at -e line 1.");
    place.layers = vec![Layer::Files];
    place.expect(denied, &["fs.write:out.txt"]);
    place.expect_none(closed);
    place.status = ExecutionStatus::Success;
    place.expect_none(denied);
}

#[test]
fn much_output_costs_little() {
    let place = Place::new();
    let line = "tee: x: Permission denied: `'\"‘“ Could not resolve host: ";
    for text in [
        line.repeat(100_000),
        format!("{line}\n").repeat(50_000),
        "'".repeat(1 << 20),
        "\u{1b}[".repeat(1 << 19) + "Permission denied",
        ": ".repeat(1 << 19) + "Permission denied",
    ] {
        assert!(denials(&text).len() <= 8);
        place.hint(&text);
    }
}

proptest! {
    #[test]
    fn any_text_is_read(text in "(Permission denied|EACCES|'|`|“|”|: |/|port |://|\\[Errno|unix://|é|\n|\u{1b}\\[|npm error path |[a-z]){0,40}") {
        denials(&text);
    }
}
