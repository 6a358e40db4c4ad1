//! `obs skills check`: placeholders, what the sandbox hides, and directories without skills.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use crate::support::{Case, has_in};

/// A case whose home directory has a program and a script that no skill may touch.
fn case_with_home() -> Case {
    let case = Case::new()
        .script("home/tools/hidden", "#!/bin/sh\necho hidden\n")
        .file("home/tools/text.sh", "echo script\n")
        .script("home/.local/bin/hidden", "#!/bin/sh\necho hidden\n")
        .script("home/.local/bin/true", "#!/bin/sh\n")
        .file("work/here", "");
    let home = case.path().join("home");
    let path = format!("{}/.local/bin:/usr/bin:/bin", home.display());
    case.env("HOME", home.to_str().unwrap()).env("PATH", &path)
}

fn manifest(command: &str, permissions: &str) -> String {
    format!(
        "description: d\nexecution: {{command: {command}, stdin: none, output: text}}\n\
         permissions: [{permissions}]\n"
    )
}

/// Makes the skill `s` of this manifest in the workspace.
fn write(case: &Case, manifest: &str) {
    let dir = case.path().join("work/skills/s");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("manifest.yaml"), manifest).unwrap();
}

/// `skills check` and `validate` in a workspace beside the home directory.
fn check_and_validate(case: &Case) -> [crate::support::Output; 2] {
    let work = case.path().join("work");
    [&["skills", "check"][..], &["validate", "plan.yaml"]].map(|args| case.run_in(&work, args))
}

#[test]
fn what_the_sandbox_hides_is_found_by_check_and_by_validate() {
    let case = case_with_home();
    let home = case.path().join("home").display().to_string();
    symlink("../home/tools/hidden", case.path().join("work/link")).unwrap();
    let case = case.script("work/own.sh", "#!/bin/sh\necho own\n").file(
        "work/plan.yaml",
        "assistant_id: t\nsteps: [{name: s, type: skill}]\n",
    );
    for (command, hidden, permission) in [
        ("[HOME/tools/hidden]", "tools/hidden", "exec:~/tools"),
        ("[$WORKSPACE/link]", "tools/hidden", "exec:~/tools"),
        ("[hidden]", ".local/bin/hidden", "exec:~/.local/bin"),
        (
            "[timeout, 5s, hidden]",
            ".local/bin/hidden",
            "exec:~/.local/bin",
        ),
        (
            "[env, A=1, HOME/tools/hidden, x]",
            "tools/hidden",
            "exec:~/tools",
        ),
        (
            "[sh, HOME/tools/text.sh, x]",
            "tools/text.sh",
            "read:~/tools",
        ),
        (
            "[nice, sh, -e, HOME/tools/text.sh]",
            "tools/text.sh",
            "read:~/tools",
        ),
    ] {
        let command = command.replace("HOME", &home);
        write(&case, &manifest(&command, ""));
        for output in check_and_validate(&case) {
            let said = output.expect_code(65).stdout();
            assert!(said.contains("error[hidden_program]"), "{command}: {said}");
            assert!(
                said.contains(&format!("{home}/{hidden}`")),
                "{command}: {said}"
            );
            assert!(
                said.contains(&format!("add `fs.{permission}`")),
                "{command}: {said}"
            );
        }
        // What the message says helps.
        write(&case, &manifest(&command, &format!("\"fs.{permission}\"")));
        for output in check_and_validate(&case) {
            output.expect_code(0);
        }
    }
}

#[test]
fn an_interpreter_of_the_home_directory_is_hidden_too() {
    let test = "skills_check::an_interpreter_of_the_home_directory_is_hidden_too";
    if !has_in("/usr/bin:/bin", "sh", test) {
        return;
    }
    let case = case_with_home();
    let tools = case.path().join("home/tools");
    std::fs::copy("/bin/sh", tools.join("mysh")).unwrap();
    let script = format!("#!{}/mysh\necho x\n", tools.display());
    let case = case
        .script("work/skills/s/run.sh", &script)
        .file("work/skills/s/manifest.yaml", manifest("[./run.sh]", ""))
        .file(
            "work/plan.yaml",
            "assistant_id: t\nsteps: [{name: s, type: skill}]\n",
        );
    for output in check_and_validate(&case) {
        let said = output.expect_code(65).stdout();
        assert!(said.contains("home/tools/mysh`"), "{said}");
    }
}

#[test]
fn what_is_granted_or_only_data_is_not_hidden() {
    let case = case_with_home();
    let home = case.path().join("home").display().to_string();
    for command in [
        // A constant of the skill's own code, and a word behind a script.
        format!("[sh, -c, 'cat \"$1\"', sh, {home}/tools/text.sh]"),
        format!("[sh, $WORKSPACE/own.sh, {home}/tools/text.sh]"),
        format!("[echo, {home}/tools/hidden]"),
        // There is another one that may be executed.
        "[timeout, 5s, 'true']".to_owned(),
    ] {
        std::fs::write(case.path().join("work/own.sh"), "echo own\n").unwrap();
        write(&case, &manifest(&command, ""));
        let output = case.run_in(&case.path().join("work"), &["skills", "check"]);
        assert_eq!(output.code, 0, "{command}: {}", output.whole());
    }
}

#[test]
fn a_placeholder_is_no_description() {
    let text = |description: &str| {
        format!("{description}execution: {{command: [ls], stdin: none, output: text}}\n")
    };
    for (description, code) in [
        ("description: 'TODO: describe x in one line'\n", 65),
        ("description: TODO\n", 65),
        ("description: ' TODO write this'\n", 65),
        ("description: TODOs of a file.\n", 0),
        ("description: Lists each TODO.\n", 0),
    ] {
        let case = Case::new().file("skills/x/manifest.yaml", text(description));
        let output = case.run(&["skills", "check"]).expect_code(code);
        let is_said = output
            .stdout()
            .contains("error[todo]: the description is still");
        assert_eq!(is_said, code != 0, "{}", output.whole());
        let case = case.plan("- {name: x, type: skill}\n");
        let validate = case.run(&["validate", "plan.yaml"]).expect_code(0).stdout();
        let warning = "warning[todo]: the description of `x` is still to be written";
        assert_eq!(validate.contains(warning), code != 0, "{validate}");
    }
    let case = Case::new()
        .file("skills/x/manifest.yaml", text(""))
        .file("skills/x/SKILL.md", "---\ndescription: TODO\n---\n");
    case.run(&["skills", "check"]).expect_code(65);
}

#[test]
fn warnings_fail_with_strict_only() {
    let case = Case::new().file("skills/x/manifest.yaml", manifest("[ls]", "net, net.dns"));
    case.run(&["skills", "check"]).expect_code(0);
    case.run(&["skills", "check", "--strict"]).expect_code(65);
}

#[test]
fn without_skills_it_says_where_it_looked_and_what_is_missing() {
    let case = Case::new();
    let output = case.run(&["skills", "check"]).expect_code(66);
    let said = output.stderr();
    assert!(said.contains("error: no skills here\n"), "{said}");
    assert!(
        said.contains("caused by: `skills` does not exist\n"),
        "{said}"
    );
    assert!(
        said.contains("/.local/share/obs/skills` does not exist\n"),
        "{said}"
    );
    assert!(said.contains("hint: `obs init` makes a skill"), "{said}");
    let output = case
        .run(&["skills", "check", "--format", "json"])
        .expect_code(66);
    assert_eq!(output.stdout(), "[]\n");

    let case = Case::new().file("skills/a/b/readme", "x");
    let said = case.run(&["skills", "check"]).expect_code(66).stderr();
    let why = "caused by: `skills` holds no directory with a `manifest.yaml`\n";
    assert!(said.contains(why), "{said}");

    let case = Case::new().file("skills", "x");
    let said = case.run(&["skills", "check"]).expect_code(66).stderr();
    assert!(said.contains("`skills` is not a directory"), "{said}");
}

#[test]
fn a_directory_of_another_format_is_named() {
    let case = Case::new()
        .file(
            "skills/pdf/SKILL.md",
            "---\nname: pdf\ndescription: d\n---\n",
        )
        .file("skills/deep/er/SKILL.md", "")
        .file("skills/\u{1b}[31m/SKILL.md", "");
    let said = case.run(&["skills", "check"]).expect_code(66).stderr();
    for name in ["skills/pdf", "skills/deep/er", "skills/\\u{1b}[31m"] {
        let why = format!("caused by: `{name}` has a `SKILL.md`, but no `manifest.yaml`\n");
        assert!(said.contains(&why), "{said}");
    }
    assert_eq!(said.matches("hint: ").count(), 1, "{said}");
    assert!(said.contains("execution: {command: [./run.sh]}"), "{said}");
    // Beside a sound skill it is a warning.
    let case = case.file("skills/x/manifest.yaml", manifest("[ls]", ""));
    let output = case.run(&["skills", "check"]).expect_code(0);
    let why = "warning: `skills/pdf` has a `SKILL.md`";
    assert!(output.stderr().contains(why), "{}", output.whole());
    let list = case.run(&["skills", "list"]).expect_code(0);
    assert!(list.stderr().contains(why), "{}", list.whole());
}

#[test]
fn a_root_that_is_a_skill_or_can_not_be_looked_into_is_told() {
    let case = Case::new().file("skills/x/manifest.yaml", manifest("[ls]", ""));
    let args = ["skills", "check", "--skills", "skills/x"];
    // The default roots have a skill, so that this is a doubt.
    let output = case.run(&args).expect_code(0);
    assert!(
        output.stderr().contains("`skills/x` is itself a skill"),
        "{}",
        output.whole()
    );
    let case = Case::new().file("one/manifest.yaml", manifest("[ls]", ""));
    let output = case
        .run(&["skills", "check", "--skills", "one"])
        .expect_code(66);
    assert!(
        output.stderr().contains("`one` is itself a skill"),
        "{}",
        output.whole()
    );

    if rustix::process::geteuid().is_root() {
        return crate::support::skip("skills_check::a_root", "another user than root");
    }
    let case = Case::new()
        .file("skills/x/manifest.yaml", manifest("[ls]", ""))
        .file("skills/locked/file", "");
    let locked = case.path().join("skills/locked");
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o000)).unwrap();
    let output = case.run(&["skills", "check"]);
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o700)).unwrap();
    let output = output.expect_code(65);
    let why = "can't look for skills in `skills/locked`";
    assert!(output.stdout().contains(why), "{}", output.whole());
}
