use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;

use super::*;

/// A directory with a canonical path.
fn directory() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let real = directory.path().canonicalize().unwrap();
    (directory, real)
}

#[test]
fn links_are_followed_as_far_as_a_path_exists() {
    let (_keep, root) = directory();
    fs::create_dir_all(root.join("real/sub")).unwrap();
    fs::write(root.join("real/file"), "x").unwrap();
    symlink("real", root.join("relative")).unwrap();
    symlink(root.join("real"), root.join("absolute")).unwrap();
    symlink("../relative/sub", root.join("real/up")).unwrap();
    symlink("absolute/later/still", root.join("dangling")).unwrap();
    symlink("/", root.join("top")).unwrap();
    for (path, expected) in [
        ("real/file", "real/file"),
        ("relative/file", "real/file"),
        ("absolute/up/./x//y/", "real/sub/x/y"),
        ("dangling", "real/later/still"),
        ("dangling/more", "real/later/still/more"),
        ("missing/a/b", "missing/a/b"),
        ("real/file/below", "real/file/below"),
    ] {
        let canonical = canonicalize(&root.join(path)).unwrap();
        assert_eq!(canonical, root.join(expected), "{path}");
    }
    let below = root.strip_prefix("/").unwrap();
    let canonical = canonicalize(&root.join("top").join(below)).unwrap();
    assert_eq!(canonical, root);
    assert_eq!(canonicalize(Path::new("/")).unwrap(), Path::new("/"));
    let name = OsStr::from_bytes(b"not \xff UTF-8");
    symlink("real", root.join(name)).unwrap();
    let canonical = canonicalize(&root.join(name).join(name)).unwrap();
    assert_eq!(canonical, root.join("real").join(name));
}

#[test]
fn what_is_not_one_file_for_all_is_no_path() {
    let (_keep, root) = directory();
    symlink("b", root.join("a")).unwrap();
    symlink("a", root.join("b")).unwrap();
    symlink("/proc/self/cwd", root.join("hidden")).unwrap();
    let pid = std::process::id();
    for path in [
        root.join("a/x"),
        root.join("hidden"),
        "/proc/self/cwd".into(),
        "/proc/self/status".into(),
        "/proc/thread-self".into(),
        "/dev/fd/0".into(),
        format!("/proc/{pid}/root/etc").into(),
    ] {
        let error = canonicalize(&path).unwrap_err();
        assert_eq!(
            error.raw_os_error(),
            Some(libc::ELOOP),
            "{}",
            path.display()
        );
    }
    assert!(canonicalize(Path::new("relative")).is_err());
    let plain = Path::new("/proc/sys/kernel");
    assert_eq!(canonicalize(plain).unwrap(), plain);
}

fn refused(outcome: Result<impl Sized, PathError>) -> PathBuf {
    match outcome {
        Err(PathError::BecameLink(link)) => link,
        Err(PathError::Io(error)) => panic!("{error}"),
        Ok(_) => panic!("a symlink was followed"),
    }
}

#[test]
fn nothing_is_opened_past_a_link() {
    let (_keep, root) = directory();
    fs::create_dir_all(root.join("a/b/c")).unwrap();
    fs::write(root.join("a/b/file"), "x").unwrap();
    symlink("b", root.join("a/link")).unwrap();
    symlink("file", root.join("a/b/to-file")).unwrap();
    symlink("nowhere", root.join("a/b/to-nothing")).unwrap();
    let mut opener = Opener::default();
    for path in ["a/b/c", "a/b/file", "a/b", "a", ""] {
        let file = opener.open(&root.join(path)).unwrap();
        assert_eq!(file.is_directory(), path != "a/b/file", "{path}");
    }
    for (path, link) in [
        ("a/link", "a/link"),
        ("a/link/c", "a/link"),
        ("a/link/c/d/e", "a/link"),
        ("a/b/to-file", "a/b/to-file"),
        ("a/b/to-nothing", "a/b/to-nothing"),
    ] {
        let path = root.join(path);
        assert_eq!(refused(opener.open(&path)), root.join(link));
        let outcome = Opener::default().open_directory(&path);
        assert_eq!(refused(outcome), root.join(link));
    }
    for (path, errno) in [
        ("a/missing", libc::ENOENT),
        ("a/b/file/x", libc::ENOTDIR),
        ("a/../a", libc::EINVAL),
    ] {
        let error = opener.open(&root.join(path)).err().unwrap();
        assert_eq!(error.errno(), errno, "{path}");
    }
}

#[test]
fn directories_are_made_past_no_link() {
    let (_keep, root) = directory();
    let victim = root.join("victim");
    fs::create_dir(&victim).unwrap();
    fs::create_dir(root.join("run")).unwrap();
    make_directory(&root.join("run/a/b/c")).unwrap();
    make_directory(&root.join("run/a/b/c")).unwrap();
    assert!(root.join("run/a/b/c").is_dir());
    symlink(&victim, root.join("run/out")).unwrap();
    symlink("../victim", root.join("run/a/out")).unwrap();
    symlink(victim.join("new"), root.join("run/dangling")).unwrap();
    for (path, link) in [
        ("run/out/new/dir", "run/out"),
        ("run/a/out/new", "run/a/out"),
        ("run/out", "run/out"),
        ("run/dangling", "run/dangling"),
    ] {
        let outcome = make_directory(&root.join(path));
        assert_eq!(refused(outcome), root.join(link), "{path}");
    }
    let outcome = make_private_directory(&root.join("run/out/new"));
    assert_eq!(refused(outcome), root.join("run/out"));
    let outcome = make_private_directory(&root.join("run/dangling"));
    assert_eq!(outcome.unwrap_err().errno(), libc::EEXIST);
    assert_eq!(fs::read_dir(&victim).unwrap().count(), 0);
    make_private_directory(&root.join("run/private")).unwrap();
    // Anything may be in the place of a directory.
    let fifo = root.join("run/fifo");
    rustix::fs::mknodat(CWD, &fifo, FileType::Fifo, Mode::RWXU, 0).unwrap();
    let error = make_directory(&fifo.join("x")).unwrap_err();
    assert_eq!(error.errno(), libc::ENOTDIR);
}
