//! Secrets: where their values come from, and that nothing shows them in any form.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::support::terminal::Terminal;
use crate::support::{Case, Output};

/// A skill `s` that has the secret, and a skill `echo` that gives back its arguments.
fn case(output: &str, script: &str, secret: &str) -> Case {
    let manifest = format!(
        "description: d\nexecution: {{command: [./run.sh], output: {output}}}\n\
         permissions: [\"secret:TOKEN\", \"fs.write:.\"]\n"
    );
    Case::new()
        .sh_skill("s", script, "")
        .file("skills/s/manifest.yaml", manifest)
        .sh_skill("echo", "cat", "")
        .plan("- {name: s, type: skill}\n")
        .env("TOKEN", secret)
}

/// Runs the plan with all that can show something, and looks for `hidden` everywhere.
fn run(case: &Case, code: i32, hidden: &[&str]) -> Output {
    let args = ["run", "plan.yaml", "--stream", "--progress", "lines"];
    let log = ["--format", "jsonl", "--log", "log.jsonl"];
    let output = case.run(&[&args[..], &log].concat()).expect_code(code);
    let log = std::fs::read_to_string(case.path().join("log.jsonl")).unwrap();
    let kept = std::fs::read_dir(case.state()).unwrap();
    let kept: Vec<u8> = kept
        .flat_map(|file| std::fs::read(file.unwrap().path()).unwrap_or_default())
        .collect();
    let all = format!("{}{log}{}", output.whole(), String::from_utf8_lossy(&kept));
    for hidden in hidden {
        assert!(!all.contains(hidden), "{hidden} in {}{log}", output.whole());
    }
    output
}

#[test]
fn no_escape_hides_a_secret_in_an_output() {
    for (secret, answer, want) in [
        (
            "abc/def+gh",
            r#"{"t": "<abc\/def+gh>"}"#,
            json!({"t": "<***>"}),
        ),
        (
            "p&ss<w>rd",
            r#"["p\u0026ss\u003Cw\u003erd"]"#,
            json!(["***"]),
        ),
        ("hunter22", r#""\u0068\u0075\u006eter22""#, json!("***")),
        (
            "kéy-kéy",
            r#"{"k\u00e9y-k\u00E9y": [1]}"#,
            json!({"***": [1]}),
        ),
        ("smile-😀-x", r#"["smile-\ud83d\ude00-x"]"#, json!(["***"])),
        (
            "p&ss w/rd",
            r#"["https://x/?q=p%26ss+w%2Frd&y=1"]"#,
            json!(["https://x/?q=***&y=1"]),
        ),
        (
            "quote\"back\\",
            r#"["{\"t\": \"quote\\\"back\\\\\"}"]"#,
            json!(["{\"t\": \"***\"}"]),
        ),
        (
            "12345678",
            r#"{"pin": 12345678, "n": 1234}"#,
            json!({"pin": "***", "n": 1234}),
        ),
        ("true", r#"[true, "true"]"#, json!([true, "***"])),
    ] {
        let script = format!("cat <<'END'\n{answer}\nEND");
        let plan = "- {name: s, type: skill}\n- {name: echo, type: skill, arguments: {got: \"{{s}}\", text: \"a {{s}}\"}}\n";
        let case = case("json", &script, secret).plan(plan);
        let printed = case
            .run(&["run", "plan.yaml", "--print", "s"])
            .expect_code(0);
        let answer = answer.trim_matches(['[', ']', '"']);
        // A boolean may well be shown.
        let hidden: &[&str] = match secret {
            "true" => &[],
            _ => &[secret, answer],
        };
        let output = run(&case, 0, hidden);
        let records = output.records();
        assert_eq!(records[0]["output"], want, "{answer}");
        assert_eq!(records[1]["arguments"]["got"], want, "{answer}");
        assert_eq!(records[1]["output"]["got"], want, "{answer}");
        let printed: Value = serde_json::from_str(printed.stdout().trim()).unwrap_or(json!("***"));
        assert_eq!(printed, want, "{answer}");
    }
}

#[test]
fn no_escape_hides_a_secret_in_an_error() {
    let script = r#"
        echo 'bad header hunter%2f22& and {"t": "hunter\\/22\\u0026"}' >&2
        printf '{"error": {"code": "hunter\/22&", "message": "no \\u0068unter/22\\u0026 here"}}'
        exit 3"#;
    let case = case("json", script, "hunter/22&");
    let output = run(
        &case,
        1,
        &["hunter", "unter/22", "unter\\/22", "hunter%2f22"],
    );
    let record = &output.records()[0];
    assert_eq!(record["error"], "***: no *** here");
    assert_eq!(record["stderr"], "bad header *** and {\"t\": \"***\"}\n");
}

#[test]
fn no_escape_hides_a_secret_in_a_message() {
    let script = r#"echo '{"message": "page \u0068unter\/22%26", "progress": 0.5}' >&3
        while [ ! -e go ]; do sleep 0.02; done; echo 1"#;
    let case = case("json", script, "hunter/22&");
    let mut terminal = Terminal::start(&case.command(&["run", "plan.yaml"]), 100);
    terminal.wait_for_text("page ***");
    std::fs::write(case.path().join("go"), "").unwrap();
    terminal.wait();
    let written = terminal.written();
    assert!(!written.contains("unter"), "{written}");
}

#[test]
fn each_line_of_a_secret_is_masked_in_text_and_lines() {
    let key = "-----BEGIN KEY-----\r\n  MIIEvQIBADANBg\r\nshort\r\n-----END KEY-----\r\n";
    let script =
        "printf '%s' \"$TOKEN\" | while read -r l; do echo \"> $l\"; echo \"e $l\" >&2; done";
    for format in ["text", "lines"] {
        let case = case(format, script, key);
        let output = run(&case, 0, &["BEGIN KEY", "MIIEvQIBADANBg", "END KEY"]);
        let shown = output.records()[0]["output"].to_string();
        assert_eq!(shown.matches("> ***").count(), 3, "{shown}");
        assert!(shown.contains("short"), "{shown}");
    }
    let whole = case("text", "printf '[%s]' \"$TOKEN\"", "abcdefgh1234\n\n");
    let output = run(&whole, 0, &["abcdefgh1234"]);
    assert_eq!(output.records()[0]["output"], "[***\n\n]");
    let trimmed = case(
        "lines",
        "printf '[%s]\\n' \"$(echo \"$TOKEN\")\"",
        "abcdefgh1234\n",
    );
    let output = run(&trimmed, 0, &["abcdefgh1234"]);
    assert_eq!(output.records()[0]["output"], json!(["[***]"]));
}

#[test]
fn a_secret_is_masked_in_what_other_skills_give() {
    let plan = "- {name: s, type: skill}\n\
                - {name: later, type: skill}\n\
                - {name: parse, skill: builtin.json_parse, type: tool, arguments: {text: '[\"s3cret\\u002fkey\"]'}}\n\
                - {name: echo, type: skill, arguments: {auth: \"Bearer s3cret/key\", part: \"{{s.a}}key\"}}\n";
    let script = "printf '%s' \"$TOKEN\" > note; echo '{\"a\": \"s3cret/\"}'";
    let case = case("json", script, "s3cret/key").plan(plan).sh_skill(
        "later",
        "printf '{\"note\": \"%s\"}' \"$(cat note)\"; cat note >&2",
        "",
    );
    let output = case
        .run(&["run", "plan.yaml", "--format", "jsonl"])
        .expect_code(0);
    assert!(!output.whole().contains("s3cret/key"), "{}", output.whole());
    let records = output.records();
    assert_eq!(records[1]["output"], json!({"note": "***"}));
    assert_eq!(records[1]["stderr"], "***");
    assert_eq!(records[2]["output"], json!(["***"]));
    assert_eq!(
        records[3]["arguments"],
        json!({"auth": "Bearer ***", "part": "***"})
    );
    let rehearsed = case.run(&["run", "plan.yaml", "--dry-run"]).expect_code(0);
    assert!(
        !rehearsed.whole().contains("s3cret/key"),
        "{}",
        rehearsed.whole()
    );
}

#[test]
fn an_output_is_masked_before_its_schema_is_asked() {
    let schema = "output_schema: {properties: {t: {type: string, minLength: 8}}}\n";
    let manifest = format!(
        "description: d\nexecution: {{command: [./run.sh]}}\npermissions: [\"secret:TOKEN\"]\n{schema}"
    );
    let case = case("json", r#"printf '{"t": "%s"}' "$TOKEN""#, "s3cret/key")
        .file("skills/s/manifest.yaml", manifest);
    let output = run(&case, 1, &["s3cret"]);
    let record = &output.records()[0];
    assert_eq!(record["error_code"], "invalid_output");
    let error = record["error"].as_str().unwrap();
    assert!(
        error.ends_with("a secret in it was masked as `***` before"),
        "{error}"
    );
}

#[test]
fn a_secret_that_the_limit_cuts_is_masked() {
    let case = case("text", "printf 'xx hunter2secret'", "hunter2secret").file(
        "skills/s/manifest.yaml",
        "description: d\nexecution: {command: [./run.sh], output: text}\n\
         permissions: [\"secret:TOKEN\"]\nresources: {max_output_bytes: 10}\n",
    );
    let output = run(&case, 71, &["hunter2"]);
    assert_eq!(output.records()[0]["stdout"], "xx ***");
}

#[test]
fn a_short_secret_is_a_warning_without_its_value() {
    let short = case("text", "echo \"[$TOKEN]\"", "zq7\n");
    let output = short.run(&["run", "plan.yaml"]).expect_code(0);
    let warning = "warning: step 0: the secret `TOKEN` of `s` has fewer than 4 characters, so it is not masked";
    assert!(output.stderr().contains(warning), "{}", output.whole());
    assert!(!output.stderr().contains("zq7"), "{}", output.whole());
    short.run(&["run", "plan.yaml", "--strict"]).expect_code(65);
    short
        .run(&["validate", "plan.yaml", "--strict"])
        .expect_code(65);
    let long_enough = case("text", "echo \"[$TOKEN]\"", "äöüß");
    let output = long_enough.run(&["run", "plan.yaml", "--print", "s"]);
    assert_eq!(output.expect_code(0).stdout(), "[***]\n");
}

#[test]
fn a_secret_comes_from_a_variable_or_a_file() {
    let outside = tempfile::tempdir().unwrap();
    let file = outside.path().join("token");
    std::fs::write(&file, "from-a-file\n\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let of_file = format!("TOKEN=file:{}", file.display());
    let script =
        "[ \"$TOKEN\" = \"$WANT\" ] && printf '%s' \"$TOKEN\"; env | grep -c OTHER || true";
    let manifest = "description: d\nexecution: {command: [./run.sh], output: text}\n\
                    permissions: [\"secret:TOKEN\", \"env:WANT\"]\n";
    for (flag, value) in [
        (of_file.as_str(), "from-a-file"),
        ("TOKEN=env:OTHER", "from-a-variable"),
    ] {
        let case = Case::new()
            .sh_skill("s", script, "")
            .file("skills/s/manifest.yaml", manifest)
            .plan("- {name: s, type: skill}\n")
            .env("OTHER", "from-a-variable")
            .env("WANT", value);
        for args in [
            &["run", "plan.yaml", "--secret", flag, "--print", "s"][..],
            &["skills", "run", "s", "--secret", flag],
        ] {
            let output = case.run(args).expect_code(0);
            assert_eq!(output.stdout(), "***0\n", "{}", output.whole());
            assert!(!output.whole().contains(value), "{}", output.whole());
        }
        case.run(&["validate", "plan.yaml", "--secret", flag])
            .expect_code(0);
        let missing = case.run(&["run", "plan.yaml"]).expect_code(65);
        assert!(
            missing.stderr().contains("--secret TOKEN=file:PATH"),
            "{}",
            missing.whole()
        );
        let by_variable = case
            .env("OBS_SECRET", flag)
            .run(&["run", "plan.yaml", "--print", "s"]);
        assert_eq!(by_variable.expect_code(0).stdout(), "***0\n");
    }
}

#[test]
fn a_wrong_secret_flag_says_what_is_wrong_without_the_value() {
    let fifo = std::env::temp_dir().join(format!("obs-test-fifo-{}", std::process::id()));
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .unwrap();
    let of_fifo = format!("TOKEN=file:{}", fifo.display());
    let case = case("text", "echo", "s3cret/key")
        .file("large", "x".repeat(70_000))
        .file("nul", "a\0b");
    for (flag, code, want) in [
        ("hunter2", 2, "missing `=` in `--secret`"),
        (
            "TOKEN=hunter2",
            2,
            "`--secret TOKEN=…` names neither a variable nor a file",
        ),
        ("TOKEN=hunter2:x", 2, "`--secret TOKEN=…` names neither"),
        (
            "2hunter2=env:X",
            2,
            "must start with the name of a variable",
        ),
        ("TOKEN=env:", 2, "names neither"),
        ("TOKEN=env:ABSENT", 2, "the variable `ABSENT` is not set"),
        (
            "TOKEN=env:TOKEN,TOKEN=env:TOKEN",
            2,
            "duplicate `--secret TOKEN=…`",
        ),
        ("TOKEN=file:absent", 66, "can't read the file"),
        ("TOKEN=file:skills", 66, "it is not a regular file"),
        ("TOKEN=file:/dev/zero", 66, "it is not a regular file"),
        (&of_fifo, 66, "it is not a regular file"),
        ("TOKEN=file:large", 66, "larger than 64 KiB"),
        ("TOKEN=file:nul", 66, "holds a NUL byte"),
    ] {
        let output = case
            .run(&["run", "plan.yaml", "--secret", flag])
            .expect_code(code);
        assert!(output.stderr().contains(want), "{flag}: {}", output.whole());
        assert!(!output.whole().contains("hunter2"), "{}", output.whole());
    }
    std::fs::remove_file(fifo).unwrap();
}

#[test]
fn a_doubtful_secret_flag_is_a_warning() {
    let case = case("text", "echo", "s3cret/key").file("token", "s3cret/file");
    let token = case.path().join("token");
    std::fs::set_permissions(token, std::fs::Permissions::from_mode(0o644)).unwrap();
    let args = [
        "run",
        "plan.yaml",
        "--secret",
        "TOKEN=file:token",
        "--secret",
        "TOKN=env:TOKEN",
    ];
    let output = case.run(&args).expect_code(0);
    for want in [
        "all users can read the file",
        "no skill of the plan asks for `secret:TOKN`",
        "`s` can read the file `token` itself",
    ] {
        assert!(output.stderr().contains(want), "{want}: {}", output.whole());
    }
}

#[test]
fn a_secret_that_comes_as_a_number_of_tokens_does_not_count() {
    let script = r#"echo '{"tokens_used": 9876543210}' >&3; echo '{"tokens_used": 5}' >&3; echo 1"#;
    let case = Case::new()
        .sh_skill("count", script, "permissions: [\"secret:NUMBER\"]\n")
        .plan("- {name: count, type: skill}\n")
        .env("NUMBER", "9876543210");
    let output = case.run(&["run", "plan.yaml", "--format", "jsonl"]);
    let output = output.expect_code(0);
    assert!(!output.whole().contains("9876543210"), "{}", output.whole());
    assert_eq!(output.records()[0]["resource_usage"]["tokens_used"], 5);
}
