//! How runs are found again by their plan: the name under which a plan is recorded, and back.

use std::path::{Component, Path, PathBuf};

use crate::document::is_fifo;
use crate::model::sha256_hex;

/// How much of a digest tells one plan from standard input from another.
const STDIN_DIGITS: usize = 16;

/// The most directories that a relative path goes up.
const MAX_UPS: usize = 3;

/// The name by which the runs of the plan in `file` are found again. What came from standard input
/// or a FIFO is known by its text alone.
pub(super) fn recorded_name(file: &Path, text: &str) -> String {
    if file == Path::new("-") || is_fifo(file) {
        let digest = sha256_hex(text.as_bytes());
        return format!("- ({})", &digest[..STDIN_DIGITS]);
    }
    let absolute = file.canonicalize().ok();
    absolute.as_deref().unwrap_or(file).display().to_string()
}

/// The recorded name of the plan in `file`, which may be gone since.
pub(super) fn name_of_path(file: &Path) -> String {
    let in_directory = || {
        let directory = file.parent()?;
        let here = directory.as_os_str().is_empty();
        let directory = if here { Path::new(".") } else { directory };
        Some(directory.canonicalize().ok()?.join(file.file_name()?))
    };
    // A plan from standard input has a name that is no path.
    let is_path = !file.as_os_str().as_encoded_bytes().starts_with(b"- (");
    let absolute = file.canonicalize().ok().or_else(in_directory);
    let absolute = absolute.filter(|_| is_path);
    absolute.as_deref().unwrap_or(file).display().to_string()
}

/// True if the recorded plan was a file.
pub(super) fn is_path(recorded: &str) -> bool {
    recorded.starts_with('/')
}

/// The recorded name as a path from the working directory, where that is not longer.
pub(super) fn from_here(recorded: &str) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    relative(Path::new(recorded), &here).unwrap_or_else(|| recorded.to_owned())
}

fn relative(path: &Path, here: &Path) -> Option<String> {
    if !path.is_absolute() || !here.is_absolute() {
        return None;
    }
    let pairs = path.components().zip(here.components());
    let shared = pairs.take_while(|(a, b)| a == b).count();
    let ups = here.components().count() - shared;
    let down: PathBuf = path.components().skip(shared).collect();
    let is_far = shared == 1 && ups > 0;
    if is_far || ups > MAX_UPS || down.as_os_str().is_empty() {
        return None;
    }
    let mut relative: PathBuf = std::iter::repeat_n(Component::ParentDir, ups).collect();
    relative.push(down);
    let mut relative = relative.display().to_string();
    if relative.starts_with('-') {
        relative.insert_str(0, "./");
    }
    Some(relative)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_shown_from_here_where_that_is_near() {
        for (plan, here, want) in [
            ("/a/b/plan.yaml", "/a/b", Some("plan.yaml")),
            ("/a/b/c/plan.yaml", "/a/b", Some("c/plan.yaml")),
            ("/a/plan.yaml", "/a/b", Some("../plan.yaml")),
            ("/a/c/plan.yaml", "/a/b", Some("../c/plan.yaml")),
            ("/a/plan.yaml", "/a/b/c/d", Some("../../../plan.yaml")),
            ("/a/plan.yaml", "/a/b/c/d/e", None),
            ("/c/plan.yaml", "/a/b", None),
            ("/c/plan.yaml", "/", Some("c/plan.yaml")),
            ("/a/b", "/a/b", None),
            ("/a/-x.yaml", "/a", Some("./-x.yaml")),
            ("- (0123456789abcdef)", "/a", None),
            ("", "/a", None),
            ("/a/plan.yaml", "", None),
        ] {
            let shown = relative(Path::new(plan), Path::new(here));
            assert_eq!(shown.as_deref(), want, "{plan} from {here}");
        }
    }

    #[test]
    fn a_path_leads_to_the_name_that_was_recorded() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        let plan = dir.join("plan.yaml");
        std::fs::write(&plan, "").unwrap();
        std::os::unix::fs::symlink(&plan, dir.join("link.yaml")).unwrap();
        let name = recorded_name(&plan, "");
        assert_eq!(name, plan.display().to_string());
        assert!(is_path(&name));
        let around = dir
            .join("../")
            .join(dir.file_name().unwrap())
            .join("plan.yaml");
        for path in [&plan, &dir.join("link.yaml"), &around] {
            assert_eq!(name_of_path(path), name, "{}", path.display());
        }
        std::fs::remove_file(&plan).unwrap();
        for path in [&plan, &around] {
            assert_eq!(name_of_path(path), name, "{} is gone", path.display());
        }
        let odd = recorded_name(Path::new("-"), "steps: []");
        assert_eq!(name_of_path(Path::new(&odd)), odd);
        assert!(!is_path(&odd));
    }
}
