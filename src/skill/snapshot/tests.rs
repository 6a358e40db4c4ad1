use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

/// A skill's directory `skill` with files of every kind, in a directory of its own.
struct Tree(tempfile::TempDir);

impl Tree {
    fn new() -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        for dir in ["skill/lib/__pycache__", "skill/.venv/bin", "elsewhere"] {
            fs::create_dir_all(tree.at(dir)).unwrap();
        }
        for file in [
            "skill/run.sh",
            "skill/lib/main.py",
            "skill/lib/__pycache__/main.pyc",
            "skill/.venv/pyvenv.cfg",
            "elsewhere/twin",
        ] {
            fs::write(tree.at(file), "the same content").unwrap();
        }
        symlink("run.sh", tree.at("skill/link")).unwrap();
        fs::hard_link(tree.at("elsewhere/twin"), tree.at("skill/twin")).unwrap();
        tree
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().canonicalize().unwrap().join(path)
    }

    fn snapshot(&self, scope: Scope) -> Snapshot {
        Snapshot::take(&[self.at("skill"), self.at("skill/run.sh")], scope)
    }
}

/// What a snapshot of everything says after `change`, in words without the directory.
#[track_caller]
fn change_after(change: impl FnOnce(&Tree)) -> String {
    let tree = Tree::new();
    let snapshot = tree.snapshot(Scope::Everything);
    assert_eq!(snapshot.difference(), None, "nothing has changed");
    change(&tree);
    let change = snapshot.difference().map(|change| change.to_string());
    let root = tree.at("").display().to_string();
    change.unwrap_or_default().replace(&root, "")
}

#[test]
fn whatever_is_done_to_a_file_is_seen() {
    let changed = |path: &str| format!("`{path}` was changed after the plan was proven");
    let rewritten = change_after(|tree| {
        let path = tree.at("skill/lib/main.py");
        let time = path.metadata().unwrap().modified().unwrap();
        fs::write(&path, "The Same Content").unwrap();
        File::options()
            .write(true)
            .open(path)
            .unwrap()
            .set_modified(time)
            .unwrap();
    });
    assert_eq!(
        rewritten,
        changed("skill/lib/main.py"),
        "same size and time"
    );
    let mode = change_after(|tree| {
        fs::set_permissions(tree.at("skill/run.sh"), Permissions::from_mode(0o755)).unwrap();
    });
    assert_eq!(mode, changed("skill/run.sh"), "its mode");
    let linked = change_after(|tree| {
        fs::rename(tree.at("skill/lib/main.py"), tree.at("elsewhere/main.py")).unwrap();
        symlink(tree.at("elsewhere/main.py"), tree.at("skill/lib/main.py")).unwrap();
    });
    assert_eq!(
        linked,
        changed("skill/lib/main.py"),
        "a link to the same content"
    );
    let retargeted = change_after(|tree| {
        fs::remove_file(tree.at("skill/link")).unwrap();
        symlink("lib/main.py", tree.at("skill/link")).unwrap();
    });
    assert_eq!(retargeted, changed("skill/link"), "a link's target");
    let removed = change_after(|tree| fs::remove_file(tree.at("skill/link")).unwrap());
    assert_eq!(
        removed,
        "`skill/link` was removed after the plan was proven"
    );
    let directory = change_after(|tree| {
        fs::rename(tree.at("skill/lib"), tree.at("elsewhere/lib")).unwrap();
        symlink(tree.at("elsewhere/lib"), tree.at("skill/lib")).unwrap();
    });
    assert_eq!(
        directory,
        changed("skill/lib"),
        "a directory that became a link"
    );
    let fifo = change_after(|tree| {
        fs::remove_file(tree.at("skill/run.sh")).unwrap();
        let path = tree.at("skill/run.sh");
        let kind = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, path, kind, rustix::fs::Mode::RWXU, 0).unwrap();
    });
    assert_eq!(
        fifo,
        changed("skill/run.sh"),
        "a FIFO, which is not waited for"
    );
}

#[test]
fn what_is_added_is_seen_wherever_tools_put_it() {
    for path in [
        "skill/lib/__pycache__/other.pyc",
        "skill/.venv/bin/sitecustomize.py",
        "skill/node_modules",
        "skill/.git",
        "skill/lib/new.py",
    ] {
        let message = change_after(|tree| fs::write(tree.at(path), "x").unwrap());
        assert_eq!(
            message,
            format!("`{path}` was added after the plan was proven")
        );
    }
    let pyc = change_after(|tree| {
        fs::write(
            tree.at("skill/lib/__pycache__/main.pyc"),
            "THE SAME CONTENT",
        )
        .unwrap();
    });
    assert!(pyc.contains("main.pyc` was changed"), "{pyc}");
}

#[test]
fn a_further_name_is_a_change_and_so_is_another_file_under_one() {
    let named = change_after(|tree| {
        fs::hard_link(tree.at("skill/run.sh"), tree.at("elsewhere/run.sh")).unwrap();
    });
    assert!(named.contains("skill/run.sh` was changed"), "{named}");
    let other = change_after(|tree| {
        fs::write(tree.at("elsewhere/other"), "the same content").unwrap();
        fs::hard_link(tree.at("elsewhere/other"), tree.at("elsewhere/again")).unwrap();
        fs::rename(tree.at("elsewhere/again"), tree.at("skill/twin")).unwrap();
    });
    assert!(other.contains("skill/twin` was changed"), "{other}");
}

#[test]
fn a_path_that_leads_elsewhere_is_seen_though_all_is_the_same_there() {
    let message = change_after(|tree| {
        fs::rename(tree.at("skill"), tree.at("elsewhere/skill")).unwrap();
        symlink(tree.at("elsewhere/skill"), tree.at("skill")).unwrap();
    });
    assert_eq!(
        message,
        "`skill` points elsewhere since the plan was proven"
    );
    let gone = change_after(|tree| fs::remove_dir_all(tree.at("skill")).unwrap());
    assert!(
        gone.ends_with("was removed after the plan was proven"),
        "{gone}"
    );
}

#[test]
fn by_hard_links_only_files_with_several_names_are_compared() {
    let tree = Tree::new();
    let snapshot = tree.snapshot(Scope::HardLinks);
    assert_eq!(snapshot.entries.len(), 1);
    fs::write(tree.at("skill/run.sh"), "other").unwrap();
    assert_eq!(snapshot.difference(), None);
    fs::write(tree.at("elsewhere/twin"), "THE SAME CONTENT").unwrap();
    assert_eq!(
        snapshot.difference(),
        Some(Change::Changed(tree.at("skill/twin")))
    );
    fs::remove_file(tree.at("skill/twin")).unwrap();
    assert_eq!(
        snapshot.difference(),
        Some(Change::Removed(tree.at("skill/twin")))
    );
}

#[test]
fn times_owners_and_what_was_missing_before_make_no_difference() {
    let tree = Tree::new();
    let absent = tree.at("elsewhere/python3");
    let snapshot = Snapshot::take(&[tree.at("skill"), absent.clone()], Scope::Everything);
    let file = File::options()
        .write(true)
        .open(tree.at("skill/run.sh"))
        .unwrap();
    file.set_modified(std::time::UNIX_EPOCH).unwrap();
    // Written anew with the same content, as formatters do.
    fs::write(tree.at("elsewhere/new"), "the same content").unwrap();
    fs::set_permissions(
        tree.at("elsewhere/new"),
        tree.at("skill/lib/main.py")
            .metadata()
            .unwrap()
            .permissions(),
    )
    .unwrap();
    fs::rename(tree.at("elsewhere/new"), tree.at("skill/lib/main.py")).unwrap();
    assert_eq!(snapshot.difference(), None);
    fs::write(&absent, "x").unwrap();
    assert_eq!(snapshot.difference(), Some(Change::Added(absent)));
}

#[test]
fn what_is_too_much_to_compare_counts_as_changed() {
    let tree = Tree::new();
    let large = File::create(tree.at("skill/large")).unwrap();
    large.set_len(MAX_BYTES).unwrap();
    let snapshot = tree.snapshot(Scope::Everything);
    assert_eq!(snapshot.difference(), Some(Change::TooMuch));
    large.set_len(0).unwrap();
    assert_eq!(snapshot.difference(), Some(Change::TooMuch), "it stays so");
    // What a step adds is not even read.
    let snapshot = tree.snapshot(Scope::Everything);
    large.set_len(1 << 40).unwrap();
    assert_eq!(
        snapshot.difference(),
        Some(Change::Changed(tree.at("skill/large")))
    );
}

#[test]
fn a_path_is_decided_by_every_link_on_the_way() {
    let tree = Tree::new();
    symlink("elsewhere", tree.at("one")).unwrap();
    symlink("../one/twin", tree.at("elsewhere/two")).unwrap();
    let places = decisive(&tree.at("one/../one/two"));
    let want = ["one", "one", "elsewhere/two", "one", "elsewhere/twin"];
    // `one/..` is the directory above what `one` leads to.
    assert_eq!(places, want.map(|path| tree.at(path)));
    assert_eq!(decisive(&tree.at("not/../there")), [tree.at("there")]);
    symlink("loop", tree.at("loop")).unwrap();
    assert_eq!(decisive(&tree.at("loop")).len(), MAX_LINKS + 1);
    assert_eq!(
        decisive(Path::new("x")),
        [std::env::current_dir().unwrap().join("x")]
    );
}
