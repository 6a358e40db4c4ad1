//! The manifest's `execution`: directories in the command.

use crate::support::{Case, Output, confines};

/// A skill with this `execution` and these permissions.
fn skill(case: Case, id: &str, execution: &str, permissions: &str) -> Case {
    case.file(
        &format!("skills/{id}/manifest.yaml"),
        format!("description: d\nexecution: {{{execution}}}\npermissions: [{permissions}]\n"),
    )
}

/// What the command `obs skills check` says about a manifest with this `execution`.
fn checked(execution: &str, permissions: &str) -> Output {
    skill(Case::new(), "s", execution, permissions).run(&["skills", "check"])
}

#[test]
fn directories_are_put_into_the_command() {
    if !confines("manifest_execution::directories_are_put_into_the_command") {
        return;
    }
    let text = "stdin: none, output: text";
    let case = skill(
        Case::new(),
        "write",
        &format!("command: [cp, -v, --target-directory=$RUN_DIR/, $SKILL_DIR/data], {text}"),
        "\"fs.write:$RUN_DIR\"",
    );
    let case = skill(
        case,
        "read",
        &format!(
            "command: [sh, -c, 'cat \"$1\" \"$2\"', sh, $RUN_DIR/data, \"${{WORKSPACE}}/here\"], {text}"
        ),
        "\"fs.read:$RUN_DIR\"",
    );
    let case = case
        .file("skills/write/data", "1\n")
        .file("here", "2\n")
        .plan("- {name: write, type: skill}\n- {name: read, type: skill}\n");
    let shown = case.run(&["run", "--dry-run", "plan.yaml"]).expect_code(0);
    assert!(
        shown.stdout().contains("--target-directory=$RUN_DIR/"),
        "{}",
        shown.whole()
    );
    let args = ["run", "--run-dir=out", "--format=jsonl", "plan.yaml"];
    let records = case.run(&args).expect_code(0).records();
    assert_eq!(records[1]["output"], "1\n2");
    assert_eq!(std::fs::read(case.path().join("out/data")).unwrap(), b"1\n");
}

#[test]
fn a_wrong_use_of_a_directory_has_a_place_and_a_way_out() {
    for (command, place, says, help) in [
        (
            "[cp, a, $RUN_DIR/b]",
            "2:30",
            "no permission asks for `$RUN_DIR`",
            "add `fs.write:$RUN_DIR`",
        ),
        (
            "[$RUN_DIR/x]",
            "2:23",
            "lies in `$RUN_DIR`",
            "before the run",
        ),
        (
            "[sh, -c, 'ls $WORKSPACE']",
            "2:31",
            "`$WORKSPACE` is in code",
            "`\"$OBS_WORKSPACE\"`",
        ),
        (
            "[sh, $RUN_DIR/x.sh]",
            "2:27",
            "the code that runs lies in `$RUN_DIR`",
            "`$SKILL_DIR/…`",
        ),
    ] {
        let permissions = if command.starts_with("[cp") {
            ""
        } else {
            "\"fs.write:$RUN_DIR\""
        };
        let output = checked(&format!("command: {command}"), permissions);
        let said = output.stdout();
        assert_eq!(output.code, 65, "{command}: {said}");
        for part in [place, says, help] {
            assert!(said.contains(part), "{command}: {part}: {said}");
        }
    }
}
