use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

/// Makes `depth` directories, one in the other, in `top`.
fn make_chain(top: &Path, depth: usize) {
    let mut dir: OwnedFd = fs::File::open(top).unwrap().into();
    for _ in 0..depth {
        mkdirat(&dir, c"d", Mode::RWXU).unwrap();
        dir = open_subdirectory(&dir, c"d", OwnerGets::Nothing).unwrap().0;
    }
    mkdirat(&dir, c"end", Mode::RWXU).unwrap();
}

fn entries(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_tree_deeper_than_a_path_can_be_is_removed() {
    let temp = tempfile::tempdir().unwrap();
    let tree = temp.path().join("tree");
    fs::create_dir(&tree).unwrap();
    make_chain(&tree, 3000);
    fs::create_dir(tree.join("other")).unwrap();
    make_chain(&tree.join("other"), 300);
    remove_tree(&tree, None).unwrap();
    assert_eq!(entries(temp.path()), Vec::<String>::new());
}

#[test]
fn a_bushy_tree_is_removed() {
    let temp = tempfile::tempdir().unwrap();
    for a in 0..12 {
        for b in 0..12 {
            let dir = temp.path().join(format!("{a}/{b}/c/{a}"));
            fs::create_dir_all(&dir).unwrap();
            fs::write(dir.join("file"), "x").unwrap();
            symlink("/", dir.join("link")).unwrap();
        }
    }
    empty_directory(temp.path()).unwrap();
    assert_eq!(entries(temp.path()), Vec::<String>::new());
}

#[test]
fn names_that_a_removal_makes_and_names_that_are_not_text_are_removed() {
    let temp = tempfile::tempdir().unwrap();
    for number in 1..40 {
        let name = temp.path().join(format!(".obs-remove-{number}"));
        match number % 3 {
            0 => fs::write(name, "x").unwrap(),
            1 => symlink("/nowhere", name).unwrap(),
            _ => fs::create_dir_all(name.join("a/b/.obs-remove-2/c/d")).unwrap(),
        }
    }
    let strange = std::ffi::OsStr::from_bytes(b"\xff\n");
    fs::create_dir_all(temp.path().join(strange).join("x").join(strange).join("y")).unwrap();
    empty_directory(temp.path()).unwrap();
    assert_eq!(entries(temp.path()), Vec::<String>::new());
}

#[test]
fn links_are_removed_and_not_followed() {
    let temp = tempfile::tempdir().unwrap();
    let outside = temp.path().join("outside");
    fs::create_dir_all(outside.join("kept")).unwrap();
    fs::set_permissions(&outside, Permissions::from_mode(0o755)).unwrap();
    let tree = temp.path().join("tree");
    for place in ["a", "a/b", "a/b/c", "a/b/c/d"] {
        fs::create_dir_all(tree.join(place)).unwrap();
        symlink(&outside, tree.join(place).join("link")).unwrap();
        symlink("..", tree.join(place).join("up")).unwrap();
    }
    remove_tree(&tree, None).unwrap();
    let link = temp.path().join("top");
    symlink(&outside, &link).unwrap();
    assert!(empty_directory(&link).is_err());
    remove_tree(&link, None).unwrap();
    assert_eq!(entries(temp.path()), ["outside"]);
    assert_eq!(entries(&outside), ["kept"]);
    let mode = outside.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o755);
}

#[test]
fn directories_without_permissions_are_removed() {
    let temp = tempfile::tempdir().unwrap();
    let tree = temp.path().join("tree");
    let places = ["a", "a/b", "a/b/c", "a/b/c/d", "a/b/c/d/e"];
    fs::create_dir_all(tree.join("a/b/c/d/e/f")).unwrap();
    for (place, mode) in places
        .iter()
        .zip([0o000, 0o100, 0o400, 0o500, 0o1000])
        .rev()
    {
        fs::write(tree.join(place).join("file"), "x").unwrap();
        fs::set_permissions(tree.join(place), Permissions::from_mode(mode)).unwrap();
    }
    fs::set_permissions(&tree, Permissions::from_mode(0o000)).unwrap();
    remove_tree(&tree, None).unwrap();
    assert_eq!(entries(temp.path()), Vec::<String>::new());
}

#[test]
fn the_last_entry_stays_as_long_as_another_one_does() {
    let temp = tempfile::tempdir().unwrap();
    let tree = temp.path().join("tree");
    fs::create_dir_all(tree.join("a/b/last")).unwrap();
    fs::write(tree.join("last"), "x").unwrap();
    // As a removal that was interrupted leaves it.
    let top = open_directory(
        &CString::new(tree.as_os_str().as_bytes()).unwrap(),
        OwnerGets::All,
    );
    Removal::new(&top.unwrap(), Some(c"last")).run().unwrap();
    assert_eq!(entries(&tree), ["last"]);
    fs::create_dir_all(tree.join(".obs-remove-1/.obs-remove-2/x/y")).unwrap();
    remove_tree(&tree, Some(c"last")).unwrap();
    assert_eq!(entries(temp.path()), Vec::<String>::new());
    remove_tree(&tree, Some(c"last")).unwrap();
}

#[test]
fn a_deep_tree_takes_few_levels() {
    let temp = tempfile::tempdir().unwrap();
    make_chain(temp.path(), 200);
    for wide in 0..200 {
        fs::create_dir_all(temp.path().join(format!("{wide}/a/b"))).unwrap();
    }
    let top = open_directory(
        &CString::new(temp.path().as_os_str().as_bytes()).unwrap(),
        OwnerGets::All,
    )
    .unwrap();
    let mut removal = Removal::new(&top, None);
    removal.remove_levels();
    assert!(removal.error.is_none());
    assert!(
        removal.made <= 3,
        "{} levels for a depth of 200",
        removal.made
    );
    assert_eq!(entries(temp.path()), Vec::<String>::new());
}
