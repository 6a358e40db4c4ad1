//! Flags and the variables that stand for them: which one wins, and whose mistake is told.

use crate::support::Case;

fn case() -> Case {
    Case::new()
        .sh_skill("good", "echo '{\"x\": 1}'", "")
        .plan("- {name: good, type: skill}\n")
}

#[test]
fn what_was_typed_wins_over_the_environment() {
    let verbose = case()
        .env("OBS_QUIET", "1")
        .run(&["run", "plan.yaml", "-v"])
        .expect_code(0);
    assert!(verbose.stdout().contains("CPU"), "{}", verbose.whole());
    let quiet = case()
        .env("OBS_VERBOSE", "1")
        .run(&["run", "-q", "plan.yaml"])
        .expect_code(0);
    assert_eq!(quiet.stdout(), "");
    let quiet = case()
        .env("OBS_VERBOSE", "1")
        .run(&["-q", "run", "plan.yaml"])
        .expect_code(0);
    assert_eq!(quiet.stdout(), "");
    case().run(&["run", "plan.yaml", "-q", "-v"]).expect_code(2);
    let both = case().env("OBS_QUIET", "1").env("OBS_VERBOSE", "yes");
    let output = both.run(&["run", "plan.yaml"]).expect_code(2);
    assert!(
        output.stderr().contains("`OBS_QUIET`"),
        "{}",
        output.whole()
    );
    case()
        .env("OBS_QUIET", "1")
        .env("OBS_VERBOSE", "0")
        .run(&["run", "plan.yaml"])
        .expect_code(0);
    case()
        .env("OBS_TIMEOUT", "5")
        .run(&["run", "plan.yaml", "--timeout", "5s"])
        .expect_code(0);
}

#[test]
fn an_empty_variable_is_not_set() {
    let mut all = case();
    for name in [
        "COLOR",
        "QUIET",
        "VERBOSE",
        "DRY_RUN",
        "JOBS",
        "KEEP_GOING",
        "FAIL_FAST",
        "RETRY_UNSAFE",
        "STRICT",
        "MAX_PLAN_SIZE",
        "WORKSPACE",
        "RUN_DIR",
        "TIMEOUT",
        "STEP_TIMEOUT",
        "GRACE",
        "SET",
        "INPUTS",
        "FORMAT",
        "PRINT",
        "STREAM",
        "PROGRESS",
        "LOG",
        "REQUEST_ID",
        "ASSISTANT_ID",
        "SESSION_ID",
        "TENANT_ID",
        "USER_ID",
    ] {
        all = all.env(&format!("OBS_{name}"), "");
    }
    let output = all
        .run(&["run", "plan.yaml", "--format", "jsonl"])
        .expect_code(0);
    assert_eq!(output.records()[0]["assistant_id"], "test");
    assert!(
        output.records()[0]["request_id"]
            .as_str()
            .is_some_and(|id| !id.is_empty())
    );
    // What the help says does not depend on it.
    assert_eq!(
        all.run(&["run", "--help"]).stdout(),
        case().run(&["run", "--help"]).stdout()
    );
}

#[test]
fn a_bad_value_names_its_variable() {
    for (name, value) in [
        ("OBS_TIMEOUT", "5"),
        ("OBS_FORMAT", "xml"),
        ("OBS_QUIET", "maybe"),
        ("OBS_MAX_PLAN_SIZE", "1k"),
    ] {
        let output = case()
            .env(name, value)
            .run(&["run", "plan.yaml"])
            .expect_code(2);
        let said = output.stderr();
        assert!(
            said.contains(&format!("`{name}`")) && said.contains(value),
            "{said}"
        );
    }
    let output = case()
        .env("OBS_TIMEOUT", "6")
        .run(&["run", "plan.yaml", "--timeout", "5"])
        .expect_code(2);
    assert!(
        !output.stderr().contains("OBS_TIMEOUT"),
        "{}",
        output.whole()
    );
}

#[test]
fn print_stands_alone() {
    let print = ["run", "plan.yaml", "--print", "good.x"];
    for more in [
        &["--dry-run"][..],
        &["--format", "json"],
        &["--format", "table"],
    ] {
        let output = case().run(&[&print[..], more].concat()).expect_code(2);
        assert!(
            output.stderr().contains("cannot be used with"),
            "{}",
            output.whole()
        );
    }
    for format in ["json", "jsonl", "none"] {
        let output = case().env("OBS_FORMAT", format).run(&print).expect_code(0);
        assert_eq!(output.stdout(), "1\n", "{format}");
        let from_env = case().env("OBS_FORMAT", format).env("OBS_PRINT", "good.x");
        assert_eq!(
            from_env.run(&["run", "plan.yaml"]).expect_code(0).stdout(),
            "1\n"
        );
    }
    let printing = || case().env("OBS_PRINT", "good.x");
    let output = printing()
        .run(&["run", "plan.yaml", "--format", "jsonl"])
        .expect_code(0);
    assert_eq!(output.records().len(), 1);
    printing()
        .run(&["run", "plan.yaml", "--dry-run"])
        .expect_code(0);
    // Who set this wants nothing to run.
    let output = case().env("OBS_DRY_RUN", "1").run(&print).expect_code(2);
    assert!(
        output.stderr().contains("`OBS_DRY_RUN`"),
        "{}",
        output.whole()
    );
}

#[test]
fn a_dry_run_as_json_lines_has_a_line_for_each_step() {
    let case =
        case().plan("- {name: good, type: skill}\n- {name: good, type: skill, step_id: b}\n");
    let output = case
        .run(&["run", "plan.yaml", "--dry-run", "--format", "jsonl"])
        .expect_code(0);
    let steps = output.records();
    assert_eq!(steps.len(), 2);
    assert_eq!(steps[1]["step_id"], "b");
    assert_eq!(steps[1]["skill_id"], "good");
}

#[test]
fn an_empty_or_relative_directory_counts_as_not_set() {
    let names = |case: &Case| -> Vec<String> {
        let entries = std::fs::read_dir(case.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    };
    for value in ["", "rel", "./rel", "../rel"] {
        for name in [
            "TMPDIR",
            "XDG_STATE_HOME",
            "XDG_DATA_HOME",
            "XDG_RUNTIME_DIR",
        ] {
            let home = tempfile::tempdir().unwrap();
            let case = case()
                .env("HOME", home.path().to_str().unwrap())
                .env("OBS_STATE_DIR", "")
                .env(name, value);
            let before = names(&case);
            let output = case.run(&["run", "plan.yaml"]);
            assert_eq!(output.code, 0, "{name}={value}: {}", output.whole());
            assert_eq!(names(&case), before, "{name}={value}");
            let state = home.path().join(".local/state/obs/obs.db");
            assert!(state.is_file(), "{name}={value}");
        }
        let nowhere = case().env("HOME", value).env("OBS_STATE_DIR", "");
        let output = nowhere.run(&["run", "plan.yaml"]).expect_code(74);
        assert!(
            output
                .stderr()
                .contains("neither `XDG_STATE_HOME` nor `HOME` is an absolute path"),
            "{}",
            output.whole()
        );
    }
}
