//! The private directories of steps, and steps that may reach those of others.

use serde_json::Value;

use crate::support::{Case, concat};

/// A case whose directories of steps lie in `temp`, with a skill `w` that has these permissions and
/// may write `out`.
fn case(permissions: &str, script: &str) -> Case {
    let more = format!("permissions: [\"fs.write:out/\"{permissions}]\n");
    let case = Case::new()
        .sh_skill("w", script, &more)
        .file("out/kept", "")
        .file("temp/below/kept", "");
    std::os::unix::fs::symlink("temp", case.path().join("link")).unwrap();
    let temp = case.path().join("temp").display().to_string();
    case.env("TMPDIR", &temp)
}

#[test]
fn a_grant_of_the_temporary_directory_is_a_warning() {
    let warnings = |grant: &str| -> Vec<(String, String)> {
        let case = case(&format!(", \"{grant}\""), "echo 1").plan("- {name: w, type: skill}\n");
        let args = ["validate", "plan.yaml", "--format", "json"];
        let found: Vec<Value> = serde_json::from_slice(&case.run(&args).stdout).unwrap();
        let text = |problem: &Value, key: &str| problem[key].as_str().unwrap().to_owned();
        let found = found.iter();
        found
            .map(|problem| (text(problem, "code"), text(problem, "message")))
            .collect()
    };
    let all = "the private directories of steps in `TMPDIR`";
    for (grant, code, message) in [
        ("fs.write:temp", "write_grant", format!("may write {all}")),
        ("fs.write:link", "write_grant", format!("may write {all}")),
        ("fs.read:temp", "read_grant", format!("may read {all}")),
        ("fs.exec:link", "read_grant", format!("may read {all}")),
        ("fs.read:.", "read_grant", format!("may read {all}")),
        ("fs.write:.", "write_grant", format!("and {all}")),
    ] {
        let found = warnings(grant);
        let [(found_code, found_message)] = &found[..] else {
            panic!("{grant}: {found:?}");
        };
        assert_eq!(found_code, code, "{grant}");
        assert!(found_message.contains(&message), "{grant}: {found_message}");
    }
    for grant in [
        "fs.read:temp/below",
        "fs.write:temp/below",
        "fs.read:skills",
    ] {
        assert_eq!(warnings(grant), [], "{grant}");
    }
}

#[test]
fn a_step_that_may_reach_the_directories_of_others_has_the_run_to_itself() {
    let script = "mkdir out/busy || echo > out/overlap; sleep 0.3; rmdir out/busy; echo 1";
    for grant in ["fs.write:temp", "fs.read:temp", "fs.exec:link"] {
        let case = case(&format!(", \"{grant}\""), script)
            .sh_skill("other", script, "permissions: [\"fs.write:out/\"]\n")
            .plan(
                "- {name: w, type: skill, parallel_group: g}\n\
                 - {name: other, type: skill, parallel_group: g}\n",
            );
        case.run(&["run", "plan.yaml", "--jobs", "4"])
            .expect_code(0);
        assert!(!case.path().join("out/overlap").exists(), "{grant}");
    }
}

#[test]
fn a_later_step_finds_nothing_that_another_one_wrote_to_a_free_directory() {
    // Both run at once, so that there are two directories.
    let meets = |own: &str, other: &str| {
        format!("touch out/{own}; until [ -e out/{other} ]; do sleep 0.01; done; echo 1")
    };
    let plant = "for dir in \"$TMPDIR\"/../step-*; do echo x > \"$dir/planted\"; done
        ls \"$TMPDIR\"/../step-*/planted | wc -l";
    let writes_out = "permissions: [\"fs.write:out/\"]\n";
    let case = case(", \"fs.write:temp\"", plant)
        .sh_skill("a", &meets("a", "b"), writes_out)
        .sh_skill("b", &meets("b", "a"), writes_out)
        .sh_skill("looks", "ls -A \"$HOME\" | wc -l", "permissions: []\n");
    let step = |number: u32| format!("- {{name: looks, type: skill, step_id: looks-{number}}}\n");
    let plan = format!(
        "- {{name: a, type: skill, parallel_group: g}}\n- {{name: b, type: skill, parallel_group: g}}\n\
         - {{name: w, type: skill}}\n{}",
        concat((0..4).map(step))
    );
    let output = case
        .plan(&plan)
        .run(&["run", "plan.yaml", "--jobs", "4", "--format", "jsonl"])
        .expect_code(0);
    let outputs: Vec<Value> = output
        .records()
        .iter()
        .map(|record| record["output"].clone())
        .collect();
    assert_eq!(outputs[2..], [2, 0, 0, 0, 0], "{}", output.whole());
}
