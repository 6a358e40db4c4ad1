//! Files and programs.

use super::place::Place;

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
