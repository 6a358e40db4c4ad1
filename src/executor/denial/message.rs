//! What a failed program says was denied, read from its own words.
//!
//! Invariant: nothing here looks at the machine or at grants; it only says what the text claims.
//! The work is bounded by the number and the length of lines that are read, whatever they hold.
//! The words are those of libc, coreutils, shells, curl, wget, git, ssh, Python, Node.js, Go, Rust,
//! Java, Perl and SQLite, as they were seen in the sandbox.

use super::denied::{Address, Denied, DeniedAccess};
use super::network::{addresses, is_network, network_denial};
use super::words::{has_word, path_of, quoted};

/// How many lines of a stream are read: its last ones.
const MOST_LINES: usize = 400;
/// How many bytes of each.
const LINE_BYTES: usize = 1000;
/// How many denials are told apart.
const MOST_DENIALS: usize = 8;
/// How many lines before a denial say what it is about.
const CONTEXT: usize = 8;

/// The words for EACCES, EPERM, EROFS and EXDEV, in lower case.
const DENIAL_WORDS: [&str; 7] = [
    "permission denied",
    "operation not permitted",
    "read-only file system",
    "cross-device link",
    "accessdeniedexception",
    "permissiondenied",
    "unable to open database",
];
/// Their names, which are words of their own.
const DENIAL_NAMES: [&str; 4] = ["EACCES", "EPERM", "EROFS", "EXDEV"];

/// What every skill is denied, by words of the message.
const NEVER: [(&str, &str); 13] = [
    (
        "cannot change permissions",
        "set-user-ID and set-group-ID modes",
    ),
    ("ptrace", "tracing another process"),
    ("unshare", "namespaces"),
    ("namespace", "namespaces"),
    ("mount:", "mounting"),
    ("chroot", "`chroot`"),
    ("niceness", "a higher priority"),
    ("changing ownership", "changing the owner of a file"),
    ("changing group", "changing the group of a file"),
    ("perf_event", "performance counters"),
    ("inotify", "watching files (inotify)"),
    ("setuid", "changing the user"),
    ("kill:", "signals to processes outside of the step"),
];

/// What the text of a stream says was denied, each thing once, in its order.
pub(super) fn denials(text: &str) -> Vec<Denied> {
    let lines: Vec<String> = text
        .lines()
        .rev()
        .take(MOST_LINES)
        .map(|line| plain(&line[..line.floor_char_boundary(LINE_BYTES)]))
        .collect();
    let lines: Vec<String> = lines.into_iter().rev().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let before = &lines[at.saturating_sub(CONTEXT)..at];
        for denied in denials_of(line, before) {
            if !found.contains(&denied) && found.len() < MOST_DENIALS {
                found.push(denied);
            }
        }
    }
    if found.iter().any(|denied| *denied != Denied::Unknown) {
        found.retain(|denied| *denied != Denied::Unknown);
    }
    if found.iter().any(has_address) {
        let is_vague = |denied: &Denied| {
            matches!(denied, Denied::Connection(_) | Denied::Name(_)) && !has_address(denied)
        };
        found.retain(|denied| !is_vague(denied));
    }
    found
}

/// True for a denial that says of what host or port.
fn has_address(denied: &Denied) -> bool {
    matches!(denied, Denied::Connection(address) | Denied::Name(address)
        if *address != Address::default())
}

/// The line without colours and without what a progress bar wrote before.
fn plain(line: &str) -> String {
    let line = line.trim_end_matches('\r');
    let line = line.rsplit('\r').next().unwrap_or(line);
    let mut plain = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        rest = after.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
        rest = rest.get(1..).unwrap_or_default();
    }
    plain.push_str(rest);
    plain
}

fn denials_of(line: &str, before: &[String]) -> Vec<Denied> {
    let lower = line.to_ascii_lowercase();
    let has = |word: &str| lower.contains(word);
    // The peer answered, so nothing was denied.
    if has("refused") || has("timed out") {
        return Vec::new();
    }
    if let Some(path) = lower.strip_prefix("npm err").and_then(|_| npm_path(line)) {
        let is_denied = before.iter().any(|line| is_denial(line));
        let denied = Denied::Path(path.to_owned(), DeniedAccess::Replace);
        return if is_denied { vec![denied] } else { Vec::new() };
    }
    if has("please tell me who you are")
        || has("unable to auto-detect email")
        || has("empty ident name")
        || has("dubious ownership")
    {
        return vec![Denied::Identity];
    }
    if has("out of pty devices") {
        return vec![Denied::Terminal];
    }
    if let Some(directory) = line.trim_start().strip_prefix("stdlib dir = ") {
        return vec![Denied::Runtime(directory.trim_matches('\'').to_owned())];
    }
    if let Some((_, path)) = line.split_once("AccessDeniedException: ") {
        return vec![Denied::Path(path.to_owned(), DeniedAccess::Any)];
    }
    // Node.js prints the fields of the error after its message.
    let body = lower
        .trim_start_matches("npm error")
        .trim_start_matches("npm err!");
    if body.trim_start().starts_with("code") {
        return Vec::new();
    }
    if has("no such file or directory") || has_word(line, "ENOENT") {
        let path = quoted(line).pop().or_else(|| path_of(line, &lower));
        return path.map(Denied::Missing).into_iter().collect();
    }
    if let Some(denied) = network_denial(line, &lower) {
        return vec![denied];
    }
    if !is_denial(line) {
        return Vec::new();
    }
    let context: Vec<String> = before
        .iter()
        .map(|line| line.to_ascii_lowercase())
        .collect();
    let paths = quoted(line);
    if paths.is_empty()
        && let Some(denied) = by_context(line, &lower, &context)
    {
        return vec![denied];
    }
    if let Some(what) = NEVER.iter().find(|(word, _)| has(word)) {
        return vec![Denied::Never(what.1)];
    }
    named(line, &lower, paths, before)
}

/// A denial of something that the line or the lines before it name, and that is no path.
fn by_context(line: &str, lower: &str, context: &[String]) -> Option<Denied> {
    let near = |word: &str| lower.contains(word) || context.iter().any(|line| line.contains(word));
    if lower.contains("pseudo-terminal") || near("openpty") || near("ptmx") || near("forkpty") {
        return Some(Denied::Terminal);
    }
    if near("semlock") || near("shm_open") || near("sem_open") || near("shared_memory") {
        return Some(Denied::SharedMemory);
    }
    let is_socket = is_network(lower) || near("socket.py") || near("socket.socket(");
    if !is_socket {
        return None;
    }
    if near("af_unix") {
        return Some(Denied::UnixSocket(None));
    }
    if lower.contains("bind") || lower.contains("listen") || near("create_server") {
        return Some(Denied::Listening);
    }
    let address = addresses(line).or_else(|| context.iter().rev().find_map(|line| addresses(line)));
    Some(Denied::Connection(address.unwrap_or_default()))
}

/// The paths and programs that a line names.
fn named(line: &str, lower: &str, paths: Vec<String>, before: &[String]) -> Vec<Denied> {
    let access = access_of(line);
    if let Some(program) = program_of(line, lower, paths.first()) {
        return vec![Denied::Program(program)];
    }
    let mut paths = paths;
    if paths.is_empty() {
        paths.extend(path_of(line, lower));
    }
    if paths.is_empty() && lower.contains("os error") {
        // Rust names the path in the message around.
        let near = before.iter().rev().take(3).map(|line| quoted(line));
        let mut near = near.filter(|paths| !paths.is_empty());
        let around = before.iter().rev().take(3);
        let access = around
            .map(|line| access_of(line))
            .find(|access| *access != DeniedAccess::Any);
        let access = access.unwrap_or(DeniedAccess::Any);
        let paths = near.next().unwrap_or_default();
        if !paths.is_empty() {
            return paths
                .into_iter()
                .map(|path| Denied::Path(path, access))
                .collect();
        }
    }
    if paths.is_empty() {
        return vec![Denied::Unknown];
    }
    let paths = paths.into_iter().take(2);
    paths.map(|path| Denied::Path(path, access)).collect()
}

/// What starts other programs and reports their denial by their name.
const STARTERS: [&str; 9] = [
    "sh", "bash", "dash", "zsh", "env", "/bin/sh", "nohup", "timeout", "xargs",
];

/// The program that could not be started.
fn program_of(line: &str, lower: &str, first: Option<&String>) -> Option<String> {
    for verb in ["spawnsync ", "spawn ", "fork/exec ", "exec: ", "execvp "] {
        if let Some(at) = lower.find(verb) {
            let word = line[at + verb.len()..].split([' ', ':']).next()?;
            return Some(word.trim_matches(['"', '\'', '`']).to_owned());
        }
    }
    let (starter, rest) = line.split_once(": ")?;
    if !STARTERS.contains(&starter) || lower.contains("cannot create") || lower.contains("/dev/") {
        return None;
    }
    match first {
        Some(path) => Some(path.clone()),
        None => path_of(rest, &lower[line.len() - rest.len()..]),
    }
}

fn npm_path(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("npm ")?;
    let rest = rest
        .strip_prefix("error ")
        .or_else(|| rest.strip_prefix("ERR! "))?;
    rest.strip_prefix("path ").map(str::trim)
}

fn is_denial(line: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    DENIAL_WORDS.iter().any(|word| lower.contains(word))
        || DENIAL_NAMES.iter().any(|name| has_word(line, name))
}

fn access_of(line: &str) -> DeniedAccess {
    const MADE: [&str; 4] = [
        "mkdir",
        "create directory",
        "makedirs",
        "creating directory",
    ];
    const REPLACED: [&str; 14] = [
        "rename",
        "move",
        "remov",
        "unlink",
        "symbolic link",
        "symlink",
        "hard link",
        "temporary",
        "template",
        ".lock",
        "lock file",
        "cross-device",
        "exdev",
        "database",
    ];
    const WRITTEN: [&str; 8] = [
        "create", "touch", "write", "writing", "output", "tee:", "dd:", "truncate",
    ];
    let lower = line.to_ascii_lowercase();
    let has_one = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    // Git and `venv` take a directory that is there.
    let is_git =
        lower.starts_with("fatal: ") && (lower.contains("mkdir") || lower.contains("tree"));
    let venv = line.strip_prefix("Error: [Errno 13] Permission denied: '/");
    let names_file = |path: &str| {
        std::path::Path::new(path.trim_end_matches('\''))
            .extension()
            .is_some()
    };
    if is_git || venv.is_some_and(|path| !names_file(path)) {
        DeniedAccess::Directory
    } else if has_one(&MADE) {
        DeniedAccess::MakeDirectory
    } else if has_one(&REPLACED) {
        DeniedAccess::Replace
    } else if has_one(&WRITTEN) {
        DeniedAccess::Write
    } else {
        DeniedAccess::Any
    }
}
