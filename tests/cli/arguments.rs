//! Arguments in the places of a command: none becomes code, and what is data stays data.

use crate::support::{Case, has};

/// A skill of this command, and a plan that calls it with `x`.
fn calling(command: &str, x: &str) -> Case {
    let manifest = format!(
        "description: d\nexecution: {{command: {command}, stdin: none, output: text}}\n\
         permissions: [\"fs.write:.\"]\ninput_schema: {{type: object, properties: {{x: {{type: string}}}}}}\n"
    );
    let step = serde_json::json!({"name": "it", "type": "skill", "arguments": {"x": x}});
    Case::new()
        .file("skills/it/manifest.yaml", manifest)
        .plan(&format!("- {step}\n"))
}

/// A program that the test needs, a command, and a value that would write `ran`.
const ATTACKS: &[(&str, &str, &str)] = &[
    ("sh", r#"[sh, -c, "echo {{x}}"]"#, "; touch ran"),
    (
        "flock",
        r#"[flock, lock, sh, -c, "echo {{x}}"]"#,
        "; touch ran",
    ),
    ("flock", r#"[flock, lock, -c, "echo {{x}}"]"#, "; touch ran"),
    (
        "env",
        r#"[env, -S, "sh -c 'echo {{x}}'"]"#,
        "; touch ran; echo",
    ),
    ("env", r#"[env, -S, "sh -c", "{{x}}"]"#, "touch ran"),
    ("timeout", r#"[timeout, "5", "{{x}}", ran]"#, "touch"),
    ("timeout", r#"[timeout, "5", ["{{x}}"], ran]"#, "touch"),
    ("nice", r#"[nice, "{{x}}", ran]"#, "touch"),
    (
        "perl",
        r#"[perl, "-M{{x}}", -e, "1"]"#,
        "strict;system(q(touch ran))",
    ),
    ("perl", r#"[perl, -pe, "1", "{{x}}"]"#, "touch ran|"),
    ("sed", r#"[sed, "1s/.*/{{x}}/e", manifest]"#, "touch ran"),
    (
        "sed",
        r#"[sed, --expr, "{{x}}", plan.yaml]"#,
        "1e touch ran",
    ),
    (
        "awk",
        r#"[awk, "BEGIN { print \"{{x}}\" }"]"#,
        "\"; system(\"touch ran\"); print \"",
    ),
    (
        "find",
        r#"[find, ., -maxdepth, "0", -exec, "{{x}}", ran, ";"]"#,
        "touch",
    ),
    ("xargs", r#"[xargs, "{{x}}", ran]"#, "touch"),
    ("make", r#"[make, "--eval={{x}}"]"#, "$(shell touch ran)"),
    ("make", r#"[make, "{{x}}"]"#, "A=$(shell touch ran)"),
    (
        "tar",
        r#"[tar, cf, a.tar, --checkpoint=1, "--checkpoint-action=exec={{x}}", plan.yaml]"#,
        "touch ran",
    ),
    ("git", r#"[git, -c, "alias.it={{x}}", it]"#, "!touch ran"),
    (
        "sqlite3",
        r#"[sqlite3, -cmd, "{{x}}", ":memory:", "select 1"]"#,
        ".shell touch ran",
    ),
    (
        "node",
        r#"[node, --import, "{{x}}", -e, "1"]"#,
        "data:text/javascript,import('fs').then(f=>f.writeFileSync('ran',''))",
    ),
    (
        "python3",
        r#"[python3, -m, timeit, -n, "1", "{{x}}"]"#,
        "open('ran', 'w')",
    ),
    (
        "env",
        r#"[env, "BASH_ENV={{x}}", bash, -c, "true"]"#,
        "$(touch ran)",
    ),
];

#[test]
fn a_manifest_with_an_argument_in_code_is_invalid() {
    for (program, command, x) in ATTACKS {
        if !has(program, command) {
            continue;
        }
        let case = calling(command, x);
        for args in [
            &["skills", "check"][..],
            &["validate", "plan.yaml"],
            &["run", "plan.yaml"],
        ] {
            let output = case.run(args).expect_code(65);
            assert!(
                output.whole().contains("`{{x}}`"),
                "{command}: {}",
                output.whole()
            );
        }
        assert!(!case.path().join("ran").exists(), "{command}");
    }
}

/// The same programs with the value as data.
const SAFE: &[(&str, &str)] = &[
    ("sh", r#"[sh, -c, 'printf %s "$1"', sh, "{{x}}"]"#),
    (
        "flock",
        r#"[flock, lock, sh, -c, 'printf %s "$1"', sh, "{{x}}"]"#,
    ),
    ("timeout", r#"[timeout, "5", printf, "%s", "{{x}}"]"#),
    ("env", r#"[env, "FOO={{x}}", printenv, FOO]"#),
    ("env", r#"[env, -S, "printf %s", "{{x}}"]"#),
    ("awk", r#"[awk, -v, "x={{x}}", "BEGIN { print x }"]"#),
    ("perl", r#"[perl, -e, "print $ARGV[0]", "{{x}}"]"#),
    (
        "find",
        r#"[find, ., -maxdepth, "0", -exec, printf, "%s", "{{x}}", ";"]"#,
    ),
    ("nice", r#"[nice, -n, "1", printf, "%s", "{{x}}"]"#),
];

#[test]
fn a_value_beside_code_is_data() {
    for x in ["; touch ran", "touch ran|", "$(touch ran)", "touch"] {
        for (program, command) in SAFE {
            if !has(program, command) {
                continue;
            }
            let case = calling(command, x);
            let output = case
                .run(&["run", "plan.yaml", "--format", "jsonl"])
                .expect_code(0);
            assert_eq!(output.records()[0]["output"], x, "{command}");
            assert!(!case.path().join("ran").exists(), "{command}");
        }
    }
}

#[test]
fn an_option_that_a_value_can_become_is_refused_if_it_runs_code() {
    for (command, code) in [
        (r#"[sort, "{{x}}"]"#, 65),
        (r#"[sort, --, "{{x}}"]"#, 0),
        (r#"[echo, "{{x}}"]"#, 0),
    ] {
        let case = calling(command, "plan.yaml");
        let path = case.path().join("skills/it/manifest.yaml");
        let manifest = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{manifest}allow_leading_dash: true\n")).unwrap();
        case.run(&["run", "plan.yaml"]).expect_code(code);
    }
}

#[test]
fn standard_input_with_arguments_is_no_code() {
    for (command, x) in [
        ("[sh]", "touch ran"),
        (r#"[xargs, -I, R, sh, -c, "echo R"]"#, "$(touch ran)"),
        ("[xargs, sh, -c]", "touch\\ ran"),
    ] {
        for stdin in ["\"{{x}}\"", "arguments"] {
            let case = calling(command, x);
            let path = case.path().join("skills/it/manifest.yaml");
            let manifest = std::fs::read_to_string(&path).unwrap();
            let manifest = manifest.replace("stdin: none", &format!("stdin: {stdin}"));
            std::fs::write(&path, manifest).unwrap();
            case.run(&["run", "plan.yaml"]).expect_code(65);
            assert!(!case.path().join("ran").exists(), "{command}");
        }
    }
}
