//! Two roots with a skill of one id.

use std::fs;

use super::{problems, steps, victim};
use crate::support::Case;

#[test]
fn a_skill_that_shadows_another_is_a_warning_where_the_plan_calls_it() {
    let case = victim(victim(Case::new(), "both"), "unused").plan(&steps(&["both"]));
    let copy = |from: &str, to: &str| {
        let (from, to) = (case.path().join(from), case.path().join(to));
        fs::create_dir_all(&to).unwrap();
        for file in ["manifest.yaml", "run.sh"] {
            fs::copy(from.join(file), to.join(file)).unwrap();
        }
    };
    assert_eq!(problems(&case, &[]), []);
    copy("skills/unused", "more/unused");
    assert_eq!(
        problems(&case, &["--skills", "skills", "--skills", "more"]),
        []
    );
    copy("skills/both", "more/both");
    let flags = ["--skills", "more"];
    let found = problems(&case, &flags);
    let [(code, message)] = &found[..] else {
        panic!("{found:?}")
    };
    assert_eq!(code, "shadowed_skill");
    assert!(
        message.contains("more/both` and shadows the one in `skills/both`"),
        "{message}"
    );
    let output = case
        .run(&["run", "plan.yaml", "--skills", "more"])
        .expect_code(0);
    assert!(
        output.stderr().contains("shadows the one in"),
        "{}",
        output.whole()
    );
    for verb in ["validate", "run"] {
        case.run(&[verb, "plan.yaml", "--strict", "--skills", "more"])
            .expect_code(65);
    }
}

#[test]
fn a_shadowed_skill_is_found_by_its_own_id_and_where_it_is_broken() {
    let case = victim(Case::new(), "both").plan(&steps(&["both"]));
    let manifest = "id: both\ndescription: d\nexecution: {command: [echo]}\n";
    for (path, text) in [
        ("other/x/manifest.yaml", manifest),
        ("broken/both/manifest.yaml", "description: [\n"),
    ] {
        let path = case.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    for later in ["other", "broken"] {
        let found = problems(&case, &["--skills", "skills", "--skills", later]);
        assert!(
            found.iter().any(|(code, _)| code == "shadowed_skill"),
            "{later}: {found:?}"
        );
    }
    // The same directory by another way is the same skill.
    fs::create_dir(case.path().join("linked")).unwrap();
    std::os::unix::fs::symlink(
        case.path().join("skills"),
        case.path().join("linked/skills"),
    )
    .unwrap();
    assert_eq!(
        problems(&case, &["--skills", "skills", "--skills", "linked/skills"]),
        []
    );
}
