use std::fs;
use std::os::unix::fs::symlink;

use super::*;

fn tree() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (path, content) in [
        ("a.md", "one"),
        ("docs/b.md", "two"),
        ("docs/deep/c.md", "three"),
        ("docs/deep/d.txt", "four"),
        ("node_modules/x/e.md", "five"),
        (".hidden/f.md", "six"),
    ] {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    dir
}

fn run(
    tool: fn(&Map<String, Value>, &Workspace<'_>) -> Result<Value, String>,
    path: &Path,
    arguments: &Value,
) -> Result<Value, String> {
    let workspace = Workspace {
        path,
        is_stopped: &|| false,
    };
    tool(arguments.as_object().unwrap(), &workspace)
}

fn listed(path: &Path, arguments: &Value) -> Result<Vec<String>, String> {
    let output = run(list_files, path, arguments)?;
    let paths = output["paths"].as_array().unwrap().iter();
    Ok(paths
        .map(|path| path.as_str().unwrap().to_owned())
        .collect())
}

#[test]
fn globs_are_matched_below_the_workspace_and_sorted() {
    let dir = tree();
    let all = [
        ".hidden/f.md",
        "a.md",
        "docs/b.md",
        "docs/deep/c.md",
        "node_modules/x/e.md",
    ];
    for (arguments, want) in [
        (json!({"pattern": "**/*.md"}), &all[..]),
        (json!({"pattern": "*.md"}), &["a.md"]),
        (json!({"pattern": "./a.md"}), &["a.md"]),
        (json!({"pattern": "docs/*"}), &["docs/b.md"]),
        (
            json!({"pattern": "docs/**/*.{md,txt}", "exclude": ["docs/b.*"]}),
            &["docs/deep/c.md", "docs/deep/d.txt"],
        ),
        (
            json!({"pattern": "**/*.md", "exclude": [".hidden/", "node_modules"]}),
            &["a.md", "docs/b.md", "docs/deep/c.md"],
        ),
        (
            json!({"pattern": "**/*.md", "exclude": ["**/deep", "[.n]*"]}),
            &["a.md", "docs/b.md"],
        ),
        (json!({"pattern": "none/*"}), &[]),
        (json!({"pattern": "a.md/*"}), &[]),
    ] {
        assert_eq!(listed(dir.path(), &arguments).unwrap(), want, "{arguments}");
    }
}

#[test]
fn sizes_and_digests_are_those_of_the_files() {
    let dir = tree();
    let arguments = json!({"pattern": "a.md"});
    let output = run(list_files, dir.path(), &arguments).unwrap();
    assert_eq!(output["files"], json!([{"path": "a.md", "bytes": 3}]));
    let arguments = json!({"pattern": "a.md", "sha256": true});
    let output = run(list_files, dir.path(), &arguments).unwrap();
    let digest = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed";
    assert_eq!(output["files"][0]["sha256"], digest);
}

#[test]
fn links_are_neither_listed_nor_followed() {
    let dir = tree();
    let outside = tree();
    symlink(outside.path(), dir.path().join("link")).unwrap();
    symlink(outside.path().join("a.md"), dir.path().join("link.md")).unwrap();
    symlink("..", dir.path().join("docs/up")).unwrap();
    rustix::fs::mknodat(
        CWD,
        dir.path().join("fifo.md"),
        FileType::Fifo,
        Mode::RWXU,
        0,
    )
    .unwrap();
    assert_eq!(
        listed(dir.path(), &json!({"pattern": "*.md"})).unwrap(),
        ["a.md"]
    );
    assert!(
        listed(dir.path(), &json!({"pattern": "link/*"}))
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        listed(dir.path(), &json!({"pattern": "docs/**/b.md"})).unwrap(),
        ["docs/b.md"]
    );
    for (path, want) in [
        (
            "link/a.md",
            "can't read `link/a.md`: a link or not a directory is on its way",
        ),
        (
            "link.md",
            "can't read `link.md`: a link or not a directory is on its way",
        ),
        ("fifo.md", "can't read `fifo.md`: it is not a regular file"),
        ("docs", "can't read `docs`: it is not a regular file"),
        (
            "none",
            "can't read `none`: No such file or directory (os error 2)",
        ),
        (".", "`.` is not a file"),
        (
            "../a.md",
            "`../a.md` must be relative to the workspace, without `..`",
        ),
        (
            "/etc/passwd",
            "`/etc/passwd` must be relative to the workspace, without `..`",
        ),
        (
            "a.md/x",
            "can't read `a.md/x`: a link or not a directory is on its way",
        ),
    ] {
        let outcome = run(read_file, dir.path(), &json!({"path": path}));
        assert_eq!(outcome.unwrap_err(), want);
    }
}

#[test]
fn a_file_is_read_whole_or_not_at_all() {
    let dir = tree();
    let read = |arguments: Value| run(read_file, dir.path(), &arguments);
    assert_eq!(
        read(json!({"path": "./docs//b.md"})).unwrap(),
        json!({"path": "./docs//b.md", "bytes": 3, "text": "two"})
    );
    assert!(read(json!({"path": "docs/b.md", "max_bytes": 3})).is_ok());
    assert_eq!(
        read(json!({"path": "docs/b.md", "max_bytes": 2})).unwrap_err(),
        "`docs/b.md` has 3 bytes, more than 2; raise `max_bytes`"
    );
    fs::write(dir.path().join("latin"), b"caf\xe9").unwrap();
    assert_eq!(
        read(json!({"path": "latin"})).unwrap_err(),
        "`latin` is not UTF-8 at byte 3"
    );
    fs::write(dir.path().join("empty"), "").unwrap();
    assert_eq!(read(json!({"path": "empty"})).unwrap()["text"], "");
}

#[test]
fn too_much_is_an_error_and_a_stop_ends_it() {
    let dir = tree();
    assert_eq!(
        listed(dir.path(), &json!({"pattern": "**", "max": 2})).unwrap_err(),
        "more than 2 files match; use a narrower `pattern`, or raise `max`"
    );
    let workspace = Workspace {
        path: dir.path(),
        is_stopped: &|| true,
    };
    let arguments = json!({"pattern": "**"});
    let outcome = list_files(arguments.as_object().unwrap(), &workspace);
    assert_eq!(outcome.unwrap_err(), "stopped");
    for (pattern, want) in [
        (
            "[",
            "invalid glob `[`: unclosed character class; missing ']'",
        ),
        (
            "/etc/*",
            "`/etc/*` must be relative to the workspace, without `..`",
        ),
        (
            "docs/../*",
            "`docs/../*` must be relative to the workspace, without `..`",
        ),
    ] {
        assert_eq!(
            listed(dir.path(), &json!({"pattern": pattern})).unwrap_err(),
            want
        );
    }
    let name = OsStr::from_bytes(b"not-\xff.md");
    fs::write(dir.path().join(name), "").unwrap();
    let error = listed(dir.path(), &json!({"pattern": "*.md"})).unwrap_err();
    assert!(error.contains("is not UTF-8"), "{error}");
    assert_eq!(
        listed(dir.path(), &json!({"pattern": "docs/*"})).unwrap(),
        ["docs/b.md"]
    );
}
