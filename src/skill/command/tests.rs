use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::document::{Diagnostics, Node};

fn read(command: &Value, schema: Option<&Value>) -> (Option<CommandTemplate>, Vec<String>) {
    let mut problems = Diagnostics::default();
    let reading = Reading {
        input_schema: schema,
        allow_leading_dash: false,
        has_run_dir: true,
        stdin: &Stdin::None,
    };
    let template = read_command(&Node::root(command), reading, &mut problems);
    let messages = problems.iter().map(|problem| match &problem.help {
        Some(help) => format!("{}; {help}", problem.message),
        None => problem.message.clone(),
    });
    (template, messages.collect())
}

fn template(command: &Value) -> CommandTemplate {
    let (template, problems) = read(command, None);
    template.unwrap_or_else(|| panic!("{command}: {problems:?}"))
}

fn expanded(command: &Value, arguments: &Value) -> Result<Vec<String>, ExpandError> {
    let places = StepDirs::new(Path::new("/skills/x"), Path::new("/space"), None);
    let argv = template(command).expand(arguments.as_object().unwrap(), &places)?;
    Ok(argv
        .into_iter()
        .map(|element| element.into_string().unwrap())
        .collect())
}

#[test]
fn elements_are_filled_dropped_and_spread() {
    let command = json!([
        "./run.sh",
        "--url={{url}}",
        ["--since", "{{ since }}"],
        "{{paths...}}"
    ]);
    for (arguments, want) in [
        (
            json!({"url": "u v", "since": "1d", "paths": ["a", "b c"]}),
            vec!["/skills/x/run.sh", "--url=u v", "--since", "1d", "a", "b c"],
        ),
        (
            json!({"url": "-u", "paths": []}),
            vec!["/skills/x/run.sh", "--url=-u"],
        ),
        (
            json!({"url": "", "since": null, "paths": []}),
            vec!["/skills/x/run.sh", "--url="],
        ),
        (
            json!({"url": true, "since": false, "paths": [1]}),
            vec!["/skills/x/run.sh", "--url=true", "1"],
        ),
    ] {
        assert_eq!(expanded(&command, &arguments).unwrap(), want, "{arguments}");
    }
}

#[test]
fn numbers_keep_their_digits() {
    let arguments: Value =
        serde_json::from_str(r#"{"n": 123456789012345678901234567890, "f": 1.50, "e": 1E400}"#)
            .unwrap();
    let command = json!(["x", "{{n}}", "{{f}}", "{{e}}"]);
    let argv = expanded(&command, &arguments).unwrap();
    assert_eq!(argv[1..3], ["123456789012345678901234567890", "1.50"]);
}

#[test]
fn directories_are_put_in() {
    let command = json!([
        "$SKILL_DIR/bin/x",
        "$WORKSPACE",
        "$WORKSPACE/{{p}}",
        "./a",
        "$WORKSPACEX",
        "--out=$RUN_DIR/{{p}}",
        "-v$WORKSPACE:/w:$SKILL_DIR",
        ["{{p}}@${WORKSPACE}x"]
    ]);
    let argv = expanded(&command, &json!({"p": "$RUN_DIR"})).unwrap();
    let want = [
        "/skills/x/bin/x",
        "/space",
        "/space/$RUN_DIR",
        "./a",
        "$WORKSPACEX",
        "--out=$RUN_DIR/$RUN_DIR",
        "-v/space:/w:/skills/x",
        "$RUN_DIR@/spacex",
    ];
    assert_eq!(argv, want);
    let dirs = StepDirs {
        run: Some(Path::new("/run")),
        ..StepDirs::new(Path::new("/skills/x"), Path::new("/space"), None)
    };
    let arguments = json!({"p": "$RUN_DIR"});
    let argv = template(&command).expand(arguments.as_object().unwrap(), &dirs);
    assert_eq!(argv.unwrap()[5], "--out=/run/$RUN_DIR");
}

/// The problems of a command whose words are separated as a shell does it.
fn code_problems(line: &str) -> Vec<String> {
    let (template, problems) = read(&json!(shlex::split(line).unwrap()), None);
    assert_eq!(template.is_none(), !problems.is_empty(), "{line}");
    problems
}

#[test]
fn no_directory_becomes_code() {
    for line in [
        "sh -c 'ls $RUN_DIR' sh",
        "bash -ec 'cd \"${WORKSPACE}\"'",
        "timeout 5 sh -c '$SKILL_DIR/x.sh \"$1\"' sh a",
        "python3 -c 'open(\"$RUN_DIR/x\")'",
        "awk '{print > \"$RUN_DIR/x\"}'",
        "env -S 'sh -c' 'ls $RUN_DIR'",
        "sh $RUN_DIR/x.sh",
        "python3 -u $RUN_DIR/main.py --out=x",
        "env A=1 $RUN_DIR/x",
        "make -f $RUN_DIR/Makefile",
        "$RUN_DIR/x",
        "${RUN_DIR}/x",
        "/opt$WORKSPACE/x",
        "$WORKSPACE-tools/x",
    ] {
        assert_eq!(code_problems(line).len(), 1, "{line}");
    }
    for line in [
        "sh -c 'ls \"$1\"' sh $RUN_DIR",
        "sh -c 'ls \"$OBS_RUN_DIR\"' sh",
        "sh $SKILL_DIR/x.sh $RUN_DIR/a",
        "python3 -u $SKILL_DIR/main.py --out=$RUN_DIR/x",
        "node --import=file://$SKILL_DIR/x.mjs $SKILL_DIR/main.mjs",
        "docker run -v $RUN_DIR:/out -e OUT=$RUN_DIR/x image",
        "git -C $WORKSPACE/sub log",
        "unlisted 'a b $RUN_DIR'",
        "cp x $RUN_DIR/x",
    ] {
        assert_eq!(code_problems(line), [] as [&str; 0], "{line}");
    }
    insta::assert_snapshot!(
        [
            "sh -c 'ls $RUN_DIR' sh",
            "sh $RUN_DIR/x.sh",
            "$RUN_DIR/x",
            "$WORKSPACE-tools/x"
        ]
        .map(|line| code_problems(line).concat())
        .join("\n")
    );
}

#[test]
fn braces_can_be_written_literally() {
    let command = json!(["docker", "--format", "{{{{.Names}}", "{{{{{{x}}}}"]);
    assert_eq!(
        expanded(&command, &json!({"x": "v"})).unwrap(),
        ["docker", "--format", "{{.Names}}", "{{v}}"]
    );
}

#[test]
fn bad_arguments_are_named() {
    let command = json!(["x", "{{a}}", ["{{b}}"], ["{{c...}}"]]);
    let long = "x".repeat(MAX_ELEMENT_BYTES + 1);
    let many = vec!["x".repeat(MAX_ELEMENT_BYTES); 9];
    for (arguments, want) in [
        (json!({}), "the command needs the argument `a`"),
        (json!({"a": null}), "the command needs the argument `a`"),
        (
            json!({"a": [1]}),
            "the argument `a` is a list; the command takes text, a number or a boolean",
        ),
        (
            json!({"a": 1, "b": {}}),
            "the argument `b` is a mapping; the command takes text, a number or a boolean",
        ),
        (
            json!({"a": 1, "c": "x"}),
            "the argument `c` is text; the command spreads a list",
        ),
        (
            json!({"a": 1, "c": [null]}),
            "the argument `c` is null; the command takes text, a number or a boolean",
        ),
        (
            json!({"a": "a\0b"}),
            "the argument `a` holds a NUL character",
        ),
        (
            json!({"a": "--help"}),
            "the argument `a` begins with `-` and would be read as an option",
        ),
        (
            json!({"a": -1}),
            "the argument `a` begins with `-` and would be read as an option",
        ),
        (
            json!({"a": 1, "c": ["x", "-x"]}),
            "the argument `c` begins with `-` and would be read as an option",
        ),
        (
            json!({"a": long}),
            "the argument `a` makes an element of 131072 bytes; the maximum is 131071",
        ),
        (
            json!({"a": 1, "c": many}),
            "with the argument `c` the command has more than 1048576 bytes",
        ),
    ] {
        let error = expanded(&command, &arguments).unwrap_err();
        assert_eq!(error.to_string(), want);
        assert!(want.contains(&format!("`{}`", error.argument())));
    }
}

#[test]
fn an_empty_value_can_not_uncover_a_dash() {
    let error = expanded(&json!(["x", "{{a}}-rf"]), &json!({"a": ""})).unwrap_err();
    assert!(matches!(error, ExpandError::LeadingDash { .. }));
}

#[test]
fn a_leading_dash_can_be_allowed() {
    let mut template = template(&json!(["x", "{{a}}"]));
    template.allow_leading_dash = true;
    let arguments = json!({"a": "-1"});
    assert_eq!(template.check(arguments.as_object().unwrap()), Ok(()));
}

#[test]
fn stdin_is_what_the_manifest_says() {
    let arguments: Value =
        serde_json::from_str(r#"{"text": "a\nb", "n": 1e2, "o": {"k": [1.0]}}"#).unwrap();
    let arguments = arguments.as_object().unwrap();
    let bytes = |stdin: Stdin| stdin.stdin_bytes(arguments, b"{}");
    let one = |name: &str| bytes(Stdin::Argument(name.to_owned()));
    assert_eq!(bytes(Stdin::None), None);
    assert_eq!(one("text").unwrap(), b"a\nb");
    assert_eq!(one("o").unwrap(), br#"{"k":[1.0]}"#);
    assert_eq!(one("missing"), None);
    assert_eq!(bytes(Stdin::Arguments).unwrap(), b"{}");
}

#[test]
fn stdin_is_one_word_or_one_argument() {
    let schema = json!({"properties": {"doc": {"type": "object"}}, "additionalProperties": false});
    let messages: Vec<String> = [
        "arguments",
        "none",
        "{{ doc }}",
        "{{dok}}",
        "x",
        "a{{doc}}",
        "{{doc...}}",
        "{{doc",
    ]
    .into_iter()
    .map(|text| {
        let value = json!(text);
        let mut problems = Diagnostics::default();
        let reading = Reading {
            input_schema: Some(&schema),
            allow_leading_dash: false,
            has_run_dir: true,
            stdin: &Stdin::None,
        };
        let stdin = read_stdin(&Node::root(&value), reading, &mut problems);
        let messages = problems
            .iter()
            .map(|problem| format!("; {}", problem.message));
        format!("{text}: {stdin:?}{}", messages.collect::<String>())
    })
    .collect();
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn mistakes_in_a_template_are_told() {
    let messages: Vec<String> = [
        json!([]),
        json!("git log -n 5"),
        json!("git log | wc -l"),
        json!(["bin/x"]),
        json!([""]),
        json!(["./"]),
        json!(["{{x}}"]),
        json!(["{{x"]),
        json!([["x", "{{x}}"]]),
        json!(["x", 5]),
        json!(["x", null, {"a": 1}]),
        json!(["x", "{{a"]),
        json!(["x", "{{}}"]),
        json!(["x", "{{a b}}"]),
        json!(["x", "{{{a}}}"]),
        json!(["x", "{{a}}{{b}}"]),
        json!(["x", "${{a}}"]),
        json!(["x", "a\u{0}b"]),
        json!(["x", ["--verbose"]]),
        json!(["x", [["{{a}}"]]]),
    ]
    .iter()
    .map(|command| {
        let (template, messages) = read(command, None);
        assert!(template.is_none(), "{command}");
        format!("{command}\n    {}", messages.join("\n    "))
    })
    .collect();
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn arguments_are_held_against_the_schema() {
    let schema = json!({
        "properties": {
            "since": {"type": "string"},
            "paths": {"type": "array"},
            "options": {"type": "object"},
        },
        "additionalProperties": false,
    });
    let command = json!([
        "x",
        "{{sinze}}",
        "{{gpu}}",
        "{{paths}}",
        "{{since...}}",
        "{{options}}"
    ]);
    insta::assert_snapshot!(read(&command, Some(&schema)).1.join("\n"));
    let open = json!({"properties": {"since": {}}});
    assert!(read(&json!(["x", "{{sinze}}"]), Some(&open)).1.is_empty());
}

/// Values as a model could write them, with those that hurt.
fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        "[-a-z0-9 =$`'\"{}\\n;|&]{0,12}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
        Just(json!(["a"])),
        Just(json!({"$SKILL_DIR": "{{a}}"})),
    ]
}

proptest! {
    #[test]
    fn a_value_stays_in_its_place(
        a in value(),
        b in value(),
        c in value(),
        items in prop::collection::vec(value(), 0..5),
    ) {
        let command = json!(["./x", "{{a}}", "--b={{b}}", "lit", ["-c", "{{c}}"],
            "{{d...}}", "$WORKSPACE/{{a}}"]);
        let arguments = json!({"a": a, "b": b, "c": c, "d": items});
        if let Ok(argv) = expanded(&command, &arguments) {
            let is_dropped = matches!(c, Value::Null | Value::Bool(false));
            prop_assert_eq!(argv.len(), 5 + items.len() + if is_dropped { 0 } else { 2 });
            prop_assert_eq!(&argv[0], "/skills/x/x");
            prop_assert!(!argv[1].starts_with('-'));
            prop_assert!(argv[2].starts_with("--b="));
            prop_assert_eq!(&argv[3], "lit");
            prop_assert!(argv[argv.len() - 1].starts_with("/space/"));
            let options = argv.iter().filter(|element| element.starts_with('-'));
            prop_assert_eq!(options.count(), if is_dropped { 1 } else { 2 });
            prop_assert!(argv.iter().all(|element| !element.contains('\0')));
        }
    }

    #[test]
    fn any_text_is_read_or_refused(elements in prop::collection::vec("[-a-z{}.$ ]{0,10}", 0..5)) {
        let command = json!(elements);
        let (template, messages) = read(&command, None);
        prop_assert_eq!(template.is_none(), !messages.is_empty());
    }
}
