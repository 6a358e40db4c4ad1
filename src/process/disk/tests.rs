use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate};

use super::*;

const MIB: u64 = 1 << 20;

/// A file that occupies `mib` on the disk.
fn fill(path: &Path, mib: u64) {
    let file = fs::File::create(path).unwrap();
    if fallocate(&file, FallocateFlags::empty(), 0, mib * MIB).is_err() {
        fs::write(path, vec![1; usize::try_from(mib * MIB).unwrap()]).unwrap();
    }
}

fn c_path(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).unwrap()
}

fn watch(path: &Path, allowed: u64) -> DiskMonitor {
    DiskMonitor::new(&[&c_path(path)], allowed).unwrap()
}

/// The size of `path`, measured with as many pauses as possible.
fn measured(path: &Path) -> (MeasureProgress, u64) {
    let roots = [open_directory(&c_path(path), OwnerGets::Nothing).unwrap()];
    let mut measurement = Measurement::new(OwnerGets::Nothing);
    loop {
        let progress = measurement.advance(&roots, Some(Instant::now()));
        if progress != MeasureProgress::Paused {
            return (progress, measurement.bytes);
        }
    }
}

/// The size according to `du`.
fn du(path: &Path) -> u64 {
    let output = std::process::Command::new("du")
        .arg("-skx")
        .arg(path)
        .output();
    let text = String::from_utf8(output.unwrap().stdout).unwrap();
    let kib = text.split_whitespace().next().unwrap();
    kib.parse::<u64>().unwrap() * 1024
}

#[test]
fn a_measurement_that_pauses_counts_as_du_does() {
    let temp = tempfile::tempdir().unwrap();
    for a in 0..30 {
        let dir = temp.path().join(format!("{a}/b/{a}/c"));
        fs::create_dir_all(&dir).unwrap();
        for file in 0..20 {
            fs::write(dir.join(format!("a-file-with-a-long-name-{file}")), "x").unwrap();
        }
    }
    fill(&temp.path().join("3/b/large"), 2);
    symlink("/usr", temp.path().join("link")).unwrap();
    fs::File::create(temp.path().join("sparse"))
        .unwrap()
        .set_len(1 << 40)
        .unwrap();
    for link in 0..5 {
        fs::hard_link(
            temp.path().join("3/b/large"),
            temp.path().join(format!("{link}/link")),
        )
        .unwrap();
    }
    let (progress, bytes) = measured(temp.path());
    assert_eq!(progress, MeasureProgress::Complete);
    let (low, high) = (du(temp.path()) - 4096, du(temp.path()) + 4096);
    assert!(
        (low..=high).contains(&bytes),
        "{bytes} is not in {low}..={high}"
    );
}

#[test]
fn what_was_there_before_does_not_count() {
    let temp = tempfile::tempdir().unwrap();
    fill(&temp.path().join("before"), 4);
    let mut watch = watch(temp.path(), MIB);
    assert_eq!(watch.last(), None);
    fill(&temp.path().join("after"), 2);
    let breach = watch.last().unwrap();
    assert_eq!((breach.limit, breach.allowed), (ResourceKind::Disk, MIB));
    assert!((2 * MIB..3 * MIB).contains(&breach.measured), "{breach:?}");
}

#[test]
fn two_measurements_have_to_agree_while_the_step_runs() {
    let temp = tempfile::tempdir().unwrap();
    let mut watch = watch(temp.path(), MIB);
    let mut measure = || {
        watch.next = Instant::now();
        watch.measure()
    };
    fill(&temp.path().join("file"), 2);
    assert_eq!(measure(), None);
    fs::remove_file(temp.path().join("file")).unwrap();
    assert_eq!(measure(), None);
    fill(&temp.path().join("file"), 2);
    assert_eq!(measure(), None);
    assert_eq!(measure().unwrap().limit, ResourceKind::Disk);
}

#[test]
fn a_directory_that_its_owner_can_not_read_is_measured_at_the_end() {
    use std::os::unix::fs::PermissionsExt as _;
    let temp = tempfile::tempdir().unwrap();
    let hidden = temp.path().join("hidden/deeper");
    fs::create_dir_all(&hidden).unwrap();
    let mut watch = watch(temp.path(), MIB);
    fill(&hidden.join("file"), 2);
    for dir in [&hidden, hidden.parent().unwrap()] {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o000)).unwrap();
    }
    assert_eq!(watch.last().unwrap().limit, ResourceKind::Disk);
}

#[test]
fn a_directory_that_is_moved_ends_a_measurement_inside_the_root() {
    let temp = tempfile::tempdir().unwrap();
    let (root, outside) = (temp.path().join("root"), temp.path().join("outside"));
    fs::create_dir_all(root.join("a/b")).unwrap();
    fs::create_dir(&outside).unwrap();
    fill(&outside.join("large"), 4);
    let roots = [open_directory(&c_path(&root), OwnerGets::Nothing).unwrap()];
    let mut measurement = Measurement::new(OwnerGets::Nothing);
    while measurement.above.len() < 2 {
        let progress = measurement.advance(&roots, Some(Instant::now()));
        assert_eq!(progress, MeasureProgress::Paused);
    }
    fs::rename(root.join("a/b"), outside.join("b")).unwrap();
    assert_eq!(
        measurement.advance(&roots, None),
        MeasureProgress::Disturbed
    );
    assert!(measurement.bytes < MIB);
}

#[test]
fn a_tree_that_is_too_deep_is_over_a_limit_and_takes_no_more_memory() {
    let temp = tempfile::tempdir().unwrap();
    let mut watch = watch(temp.path(), MIB);
    let mut measurement = Measurement::new(OwnerGets::Nothing);
    let position = || Position {
        device: 0,
        inode: 0,
        offset: 0,
    };
    measurement.above.resize_with(MAX_DEPTH, position);
    fs::create_dir(temp.path().join("one-more")).unwrap();
    let deadline = Some(Instant::now());
    assert_eq!(
        measurement.advance(&watch.roots, deadline),
        MeasureProgress::Paused
    );
    assert_eq!(measurement.above.len(), MAX_DEPTH);
    watch.measurement = measurement;
    let breach = watch.breach().unwrap();
    assert_eq!(breach.limit, ResourceKind::DirectoryDepth);
    assert!(breach.measured > breach.allowed);
    // It was there before the step.
    watch.was_too_deep = true;
    assert_eq!(watch.breach(), None);
    watch.measurement.bytes = watch.before + 2 * MIB;
    assert_eq!(watch.breach().unwrap().limit, ResourceKind::Disk);
}

#[test]
fn what_takes_too_long_to_measure_before_a_step_is_an_error() {
    let temp = tempfile::tempdir().unwrap();
    for name in 0..50 {
        fs::create_dir(temp.path().join(name.to_string())).unwrap();
    }
    let path = c_path(temp.path());
    let within = |timeout| DiskMonitor::within(timeout, &[&path], MIB);
    let error = within(Duration::ZERO).err().unwrap();
    assert_eq!(error.raw_os_error(), Some(libc::ETIMEDOUT));
    assert!(within(FIRST_TIMEOUT).is_ok());
}

#[test]
fn only_directories_of_other_file_systems_do_not_count() {
    let temp = tempfile::tempdir().unwrap();
    let device = rustix::fs::stat(temp.path()).unwrap().st_dev;
    let other = |path| rustix::fs::stat(path).unwrap();
    assert_ne!(other("/proc/self/stat").st_dev, device);
    assert!(counts(&other("/proc/self/stat"), device));
    assert!(!counts(&other("/proc/self"), device));
    fill(&temp.path().join("file"), 1);
    for path in [temp.path(), &temp.path().join("file")] {
        assert!(counts(&rustix::fs::stat(path).unwrap(), device));
    }
}
