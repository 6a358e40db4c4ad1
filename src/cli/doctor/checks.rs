//! What obs needs besides the sandbox.
//!
//! Invariant: nothing is created, changed or started. A directory is looked at, not written to.

use std::fs::File;
use std::num::NonZeroUsize;
use std::path::Path;

use rustix::fs::{Access, AtFlags, CWD, StatVfsMountFlags, accessat, statfs, statvfs};

use super::finding::Finding;
use crate::cli::args::{RootArgs, StateArgs};
use crate::cli::{enforceable, roots};
use crate::executor::BaseEnvironment;
use crate::policy;
use crate::process::{allowed_steps, directory_variable, temp_dir};
use crate::skill::{CheckContext, ListedSkill, check};
use crate::store::state_version;

/// Below this, a file system counts as full.
const MIN_FREE_BYTES: u64 = 100 << 20;

/// How many skills that can't be called are named.
const MAX_BROKEN: usize = 5;

/// File systems of other machines, by the number in `statfs(2)`.
const REMOTE: [(u32, &str); 7] = [
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB2"),
    (0x0102_1997, "9P"),
    (0x00c3_6400, "Ceph"),
    (0x5346_414f, "AFS"),
];

/// All findings, in the order of the checks.
pub(super) fn all(root_args: &RootArgs, state_args: &StateArgs) -> Vec<Finding> {
    let mut findings = state(state_args);
    findings.push(home());
    findings.extend(temporary());
    findings.push(descriptors());
    findings.extend(skills(root_args));
    findings.push(policies());
    findings.push(terminal());
    findings
}

fn state(args: &StateArgs) -> Vec<Finding> {
    let help = "choose a directory that can be written with `--state-dir`, or `none`";
    let dir = match args.directory() {
        Ok(Some(dir)) => dir,
        Ok(None) => return vec![Finding::ok("state", "`none`: no run is kept")],
        Err(_) => {
            let message = "no directory: neither `XDG_STATE_HOME` nor `HOME` is an absolute path";
            return vec![Finding::error("state", message, help)];
        }
    };
    let shown = dir.display();
    if let Err(reason) = writable(&dir) {
        return vec![Finding::error(
            "state",
            format!("`{shown}`: {reason}"),
            help,
        )];
    }
    let mut findings = space("state", &dir);
    if let Some(kind) = remote(&dir) {
        let message = format!("`{shown}` is on {kind}, where SQLite's locks may not hold");
        findings.push(Finding::warning(
            "state",
            message,
            "name a local one with `--state-dir`",
        ));
    }
    let what = match state_version(&dir) {
        Ok(None) => "no run is kept yet".to_owned(),
        Ok(Some(version)) if version.found > version.known => {
            let (found, known) = (version.found, version.known);
            let message = format!(
                "`{shown}` was written by a newer obs (schema {found}, this obs supports {known})"
            );
            let help = "install that obs, or choose another `--state-dir`";
            findings.push(Finding::error("state", message, help));
            return findings;
        }
        Ok(Some(version)) if version.found < version.known => {
            let (found, known) = (version.found, version.known);
            format!("schema {found}, which the next run raises to {known}")
        }
        Ok(Some(version)) => format!("schema {}", version.found),
        Err(error) => {
            let message = format!("can't read `{shown}/obs.db`: {error}");
            findings.push(Finding::error("state", message, help));
            return findings;
        }
    };
    findings.insert(0, Finding::ok("state", format!("`{shown}`: {what}")));
    findings
}

fn home() -> Finding {
    let help = "set `HOME` to your home directory";
    match directory_variable("HOME") {
        None => Finding::warning(
            "home",
            "`HOME` is not an absolute path, so `~` names nothing",
            help,
        ),
        Some(home) if home.is_dir() => Finding::ok("home", format!("`{}`", home.display())),
        Some(home) => {
            let message = format!("`{}` is not a directory", home.display());
            Finding::warning("home", message, help)
        }
    }
}

fn temporary() -> Vec<Finding> {
    let dir = temp_dir();
    let shown = dir.display();
    let help = "set `TMPDIR` to a directory that can be written: each step has one in it";
    if !dir.is_dir() {
        let message = format!("`{shown}` is not a directory");
        return vec![Finding::error("tmpdir", message, help)];
    }
    if let Err(reason) = writable(&dir) {
        return vec![Finding::error(
            "tmpdir",
            format!("`{shown}`: {reason}"),
            help,
        )];
    }
    let mut findings = vec![Finding::ok("tmpdir", format!("`{shown}`"))];
    let given = std::env::var_os("TMPDIR").filter(|given| !given.is_empty());
    if given.is_some_and(|given| Path::new(&given) != dir) {
        let message = format!("`TMPDIR` is not an absolute path, so obs uses `{shown}`");
        findings.push(Finding::warning(
            "tmpdir",
            message,
            "set it to an absolute path",
        ));
    }
    if statvfs(&dir).is_ok_and(|found| found.f_flag.contains(StatVfsMountFlags::NOEXEC)) {
        let message = format!("`{shown}` is mounted `noexec`: skills can't start what they make");
        findings.push(Finding::warning(
            "tmpdir",
            message,
            "set `TMPDIR` to another directory",
        ));
    }
    findings.extend(space("tmpdir", &dir));
    findings
}

fn descriptors() -> Finding {
    let help =
        "raise the hard limit: `ulimit -Hn`, `LimitNOFILE=` of systemd, `--ulimit` of docker";
    let jobs = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let steps = allowed_steps();
    let message = format!("enough for {steps} steps at once, and `--jobs` is {jobs}");
    match usize::try_from(steps).unwrap_or(usize::MAX) {
        0 => Finding::error("descriptors", "too few for one step", help),
        steps if steps < jobs => Finding::warning("descriptors", message, help),
        _ => Finding::ok("descriptors", message),
    }
}

fn skills(args: &RootArgs) -> Vec<Finding> {
    let registry = match roots::registry(args, None) {
        Ok(registry) => registry,
        Err(error) => {
            let help = "give a directory that holds skills with `--skills`";
            return vec![Finding::error("skills", error.message(), help)];
        }
    };
    let roots: Vec<String> = registry
        .roots()
        .filter(|(_, is_there)| *is_there)
        .map(|(root, _)| format!("`{}`", root.display()))
        .collect();
    let listing = registry.list();
    let own = listing.skills.iter().filter(|listed| listed.root.is_some());
    let (sound, broken): (Vec<_>, Vec<_>) = own.partition(|listed| listed.outcome.is_ok());
    let mut findings = vec![if roots.is_empty() {
        Finding::ok("skills", "none here; `obs init` makes one")
    } else {
        Finding::ok("skills", format!("{} in {}", sound.len(), roots.join(", ")))
    }];
    for listed in broken.iter().take(MAX_BROKEN) {
        let Err(problem) = &listed.outcome else {
            continue;
        };
        let help = problem.help().unwrap_or_default();
        let message = format!("`{}` can't be called: {problem}", listed.id);
        findings.push(Finding::warning("skills", message, &help));
    }
    if broken.len() > MAX_BROKEN {
        let message = format!("{} more can't be called", broken.len() - MAX_BROKEN);
        findings.push(Finding::warning(
            "skills",
            message,
            "`obs skills list` lists them",
        ));
    }
    let unsound = unsound(&sound);
    for (id, errors) in unsound.iter().take(MAX_BROKEN) {
        let plural = if *errors == 1 { "" } else { "s" };
        let message = format!("`{id}` has {errors} error{plural}");
        let help = format!("`obs skills check {id}` shows where");
        findings.push(Finding::warning("skills", message, &help));
    }
    if unsound.len() > MAX_BROKEN {
        let message = format!("{} more have errors", unsound.len() - MAX_BROKEN);
        findings.push(Finding::warning(
            "skills",
            message,
            "`obs skills check` shows them",
        ));
    }
    for problem in listing.problems.iter().take(MAX_BROKEN) {
        let help = problem.help().unwrap_or_default();
        findings.push(Finding::warning("skills", problem.to_string(), &help));
    }
    findings
}

/// The skills that can be called and in which `obs skills check` finds errors, with their number.
fn unsound(listed: &[&ListedSkill]) -> Vec<(String, usize)> {
    let environment = BaseEnvironment::of_this_process();
    let Ok(workspace) = roots::workspace(None) else {
        return Vec::new();
    };
    let context = CheckContext {
        workspace: &workspace,
        sandbox: &enforceable::default_policy(&environment),
        path: environment.path(),
        is_set: &|name| environment.get(name).is_some(),
    };
    let errors = listed.iter().filter_map(|listed| {
        let (root, dir) = (listed.root.as_ref()?, listed.dir.as_ref()?);
        let report = check(root, dir.strip_prefix(root).ok()?, &context).ok()?;
        let errors = report.problems.iter().filter(|found| found.is_error());
        Some((listed.id.clone(), errors.count()))
    });
    errors.filter(|(_, errors)| *errors > 0).collect()
}

fn policies() -> Finding {
    let given = std::env::var_os("OBS_POLICY").filter(|given| !given.is_empty());
    let Some(path) = given else {
        return Finding::ok(
            "policies",
            "`OBS_POLICY` is not set: every skill may be called",
        );
    };
    let path = Path::new(&path);
    let shown = path.display();
    match policy::load(path) {
        Err(error) => Finding::error("policies", error.to_string(), "correct `OBS_POLICY`"),
        Ok(files) if files.iter().any(|file| file.problems.has_errors()) => Finding::error(
            "policies",
            format!("`{shown}` has errors: no plan runs"),
            &format!("`obs policy check {shown}` shows where"),
        ),
        Ok(files) => {
            let count = files.iter().map(|file| file.rules.len()).sum::<usize>();
            Finding::ok("policies", format!("{count} in `{shown}`"))
        }
    }
}

fn terminal() -> Finding {
    match File::options().read(true).write(true).open("/dev/tty") {
        Ok(_) => Finding::ok("terminal", "critical steps can be approved on it"),
        Err(_) => Finding::warning(
            "terminal",
            "there is none: nobody can be asked about critical steps",
            "approve them in advance with `--approve STEP=SKILL`",
        ),
    }
}

/// Says why files can't be made in `dir`, or in the directory that it would be made in.
fn writable(dir: &Path) -> Result<(), String> {
    let existing = dir.ancestors().find(|dir| dir.symlink_metadata().is_ok());
    let existing = existing.unwrap_or(dir);
    if !existing.is_dir() {
        return Err(format!("`{}` is not a directory", existing.display()));
    }
    let rights = Access::WRITE_OK | Access::EXEC_OK;
    let access = accessat(CWD, existing, rights, AtFlags::EACCESS);
    access.map_err(|error| {
        let error = std::io::Error::from(error);
        format!("can't write to `{}`: {error}", existing.display())
    })
}

/// A file system that is nearly full.
fn space(check: &'static str, dir: &Path) -> Vec<Finding> {
    let existing = dir.ancestors().find(|dir| dir.exists()).unwrap_or(dir);
    let Ok(found) = statvfs(existing) else {
        return Vec::new();
    };
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let shown = existing.display();
    let message = if found.f_files > 0 && found.f_favail == 0 {
        format!("the file system of `{shown}` has no inode left")
    } else if free < MIN_FREE_BYTES {
        format!("the file system of `{shown}` has {} MiB left", free >> 20)
    } else {
        return Vec::new();
    };
    vec![Finding::warning(
        check,
        message,
        "free some space, or choose another directory",
    )]
}

/// The kind of a file system of another machine.
fn remote(dir: &Path) -> Option<&'static str> {
    let existing = dir.ancestors().find(|dir| dir.exists())?;
    let found = statfs(existing).ok()?;
    // The numbers have 32 bits, whatever the type has.
    let bits = u64::from_ne_bytes(found.f_type.to_ne_bytes()) & 0xffff_ffff;
    let mut kinds = REMOTE.into_iter();
    kinds
        .find(|(number, _)| u64::from(*number) == bits)
        .map(|(_, name)| name)
}
