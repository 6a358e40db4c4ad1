//! Attempts to have an effect outside without opening a file there: set-ID programs, attributes and
//! events of files, and the scheduling of other processes.

use super::matrix::Expected::{self, Allowed, Denied};
use super::matrix::expect;
use super::*;
use rustix::process::getpid;

type Attempt = (&'static str, Vec<String>, Expected);

fn attempt(title: &'static str, argv: &[&str], expected: Expected) -> Attempt {
    let argv = argv.iter().map(ToString::to_string).collect();
    (title, argv, expected)
}

/// Each way to create a file, with each set-ID mode.
fn set_id_files(arena: &Arena) -> Vec<Attempt> {
    let (file, directory) = (&*arena.text("scratch/set-id"), &*arena.text("scratch"));
    let (source, mine) = (
        &*arena.text("workspace/source"),
        &*arena.text("scratch/mine"),
    );
    let mut ways = vec!["openat", "high", "tmpfile", "openat2"];
    if cfg!(target_arch = "x86_64") {
        ways.extend(["open", "creat"]);
    }
    let mut attempts = Vec::new();
    for way in ways {
        let path = if way == "tmpfile" { directory } else { file };
        for probe in ["set-id-open", "set-user-id-open", "set-group-id-open"] {
            attempts.push(attempt(way, &[probe, path, way], Denied));
        }
        let ordinary = if way == "openat2" { Denied } else { Allowed };
        attempts.push(attempt(way, &["open", path, way, "01777"], ordinary));
    }
    attempts.extend([
        attempt(
            "mkdir",
            &["set-id-mkdir", &arena.text("scratch/made")],
            Denied,
        ),
        attempt("mknod", &["set-id-mknod", file], Denied),
        attempt("fchmodat2", &["set-id-fchmodat2", mine], Denied),
        attempt(
            "an undefined mode",
            &["open", source, "existing", "06755"],
            Allowed,
        ),
    ]);
    attempts
}

fn files(arena: &Arena) -> Vec<Attempt> {
    let (outside, directory) = (&*arena.text("outside/mode"), &*arena.text("outside/dir"));
    let (source, workspace) = (&*arena.text("workspace/source"), &*arena.text("workspace"));
    let mut attempts = vec![
        attempt("file_setattr outside", &["file-setattr", outside], Denied),
        attempt(
            "file_setattr of a readable file",
            &["file-setattr", source],
            Denied,
        ),
        attempt("SETFLAGS", &["set-flags", source], Denied),
        attempt("FSSETXATTR", &["ioctl", source, "401c5820"], Denied),
        attempt("SETVERSION", &["ioctl", source, "40087602"], Denied),
        attempt("ENABLE_VERITY", &["ioctl", source, "40806685"], Denied),
        attempt(
            "SET_ENCRYPTION_POLICY",
            &["ioctl", workspace, "800c6613"],
            Denied,
        ),
        attempt(
            "a subvolume of btrfs",
            &["ioctl", workspace, "5000940e"],
            Denied,
        ),
        attempt(
            "a pinned file of f2fs",
            &["ioctl", source, "4004f50d"],
            Denied,
        ),
        attempt("GETFLAGS", &["ioctl", source, "80086601"], Allowed),
        attempt("FSGETXATTR", &["ioctl", source, "801c581f"], Allowed),
        attempt("FICLONE", &["ioctl", source, "40049409"], Allowed),
        attempt("FIONREAD", &["ioctl", source, "541b"], Allowed),
        attempt("inotify", &["inotify", directory], Denied),
        attempt("fanotify", &["fanotify", directory], Denied),
        attempt("a lease on a readable file", &["lease", source], Denied),
    ];
    if cfg!(target_arch = "x86_64") {
        attempts.push(attempt("inotify_init", &["inotify-old", directory], Denied));
    }
    attempts
}

const WAYS: [&str; 11] = [
    "scheduler",
    "param",
    "affinity",
    "attr",
    "nice",
    "nice-group",
    "nice-user",
    "io",
    "io-group",
    "io-user",
    "pages",
];

fn processes() -> Vec<Attempt> {
    let obs = getpid().as_raw_pid().to_string();
    let mut attempts = Vec::new();
    for way in WAYS {
        attempts.push(attempt(way, &["schedule", &obs, way], Denied));
        // 0 stands for the parent: the supervisor.
        attempts.push(attempt(way, &["schedule", "0", way], Denied));
        let own = if way.ends_with("-user") {
            Denied
        } else {
            Allowed
        };
        attempts.push(attempt(way, &["schedule-own", "", way], own));
        // A filter can't know that the id is the caller's own.
        attempts.push(attempt(way, &["schedule-own-id", "", way], Denied));
    }
    attempts
}

isolated! {
    fn nothing_has_an_effect_outside() {
        let Some(arena) = Arena::new() else { return };
        let attempts = [set_id_files(&arena), files(&arena), processes()].concat();
        with_launcher(async |launcher| {
            let some = |dns| Network::Some { tcp: vec![443], dns };
            let mut networks = vec![Network::None, some(false), some(true), Network::Full];
            let here = launcher.probe().await.unwrap();
            networks.retain(|network| here.missing(&arena.confinement(network.clone())).is_empty());
            if networks.is_empty() {
                return skip("files can't be confined here");
            }
            expect(launcher, &arena, &networks, &attempts).await;
        });
    }
}

isolated! {
    fn a_supervisor_resolves_paths_for_several_steps() {
        let Some(arena) = Arena::new() else { return };
        with_launcher(async |launcher| {
            if !is_enforceable(launcher, &arena.confinement(Network::None)).await {
                return;
            }
            // The filter is installed for the first step, and each of these steps needs a new
            // ruleset.
            for name in ["one", "two", "three"] {
                let directory = arena.path("workspace").join(name);
                fs::create_dir(&directory).unwrap();
                let mut confinement = arena.confinement(Network::None);
                confinement.grants.push(Grant::new(&directory, Access::ReadWrite));
                let file = arena.text(&format!("workspace/{name}/new"));
                let mut spec = arena.probe(&["create", &file], Network::None);
                spec.confinement = Some(Arc::new(confinement));
                let exit = simply(launcher, spec).await.unwrap();
                assert_eq!(said(&exit), "out", "{name}: {exit:?}");
            }
        });
    }
}
