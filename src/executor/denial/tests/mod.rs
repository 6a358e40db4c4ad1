//! Real messages of real programs, and what is concluded from them.

mod files;
mod network;
mod place;

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use self::place::Place;
use crate::executor::denial::message::denials;
use crate::model::ExecutionStatus;
use crate::process::{Access, Grant, Layer};
use crate::skill::Permission;

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
}

#[test]
fn a_success_is_denied_only_what_it_names() {
    let mut place = Place::new();
    place.status = ExecutionStatus::Success;
    place.expect(
        "sh: 1: cannot create out.txt: Permission denied",
        &["fs.write:out.txt"],
    );
    place.expect_none("cannot open: Permission denied at -e line 1.");
    place.expect_none("warning: 3 files left out");
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
