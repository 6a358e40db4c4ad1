//! Plans that no honest planner writes: each is refused or accepted as the format says, with a code
//! and a place, in little memory.

use crate::support::{Case, Output, concat};

/// Runs `obs validate` for machines.
fn validate(case: &Case, args: &[&str]) -> Output {
    let all: Vec<&str> = ["validate", "--format", "json"]
        .iter()
        .chain(args)
        .copied()
        .collect();
    case.run(&all)
}

fn codes(output: &Output) -> Vec<String> {
    let problems: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
    problems
        .iter()
        .map(|problem| problem["code"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn what_is_no_regular_file_is_refused_unread() {
    let case = Case::new();
    for path in [".", "/dev/zero", "/dev/null"] {
        let output = validate(&case, &[path]).expect_code(66);
        assert_eq!(codes(&output), ["not_a_regular_file"], "{path}");
        case.run(&["run", path]).expect_code(66);
    }
    let output = validate(&case, &["absent.yaml"]).expect_code(66);
    assert_eq!(codes(&output), ["unreadable"]);
}

#[test]
fn text_that_is_no_plan_is_refused() {
    let bomb = concat((1..12).map(|level| {
        let list = vec![format!("*a{}", level - 1); 10].join(", ");
        format!("a{level}: &a{level} [{list}]\n")
    }));
    let bomb = format!("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n{bomb}");
    let nested = concat((0..200).map(|depth| format!("{}a:\n", " ".repeat(depth))));
    let two = "assistant_id: a\nsteps: []\n---\nassistant_id: b\n";
    for (name, content, want) in [
        ("empty.yaml", Vec::new(), "empty_file"),
        ("empty.json", b"  \n".to_vec(), "empty_file"),
        ("comment.yaml", b"# nothing\n".to_vec(), "empty_file"),
        (
            "latin1.yaml",
            b"assistant_id: caf\xe9\n".to_vec(),
            "not_utf8",
        ),
        ("big.yaml", vec![b'a'; 2 << 20], "too_large"),
        ("values.yaml", b"- 1\n".repeat(100_000), "too_many_values"),
        (
            "values.json",
            format!("[{}1]", "1,".repeat(100_000)).into_bytes(),
            "too_many_values",
        ),
        ("brackets.yaml", vec![b'['; 200_000], "too_deep"),
        ("brackets.json", vec![b'['; 200_000], "too_deep"),
        ("bomb.yaml", bomb.into_bytes(), "alias"),
        ("nested.yaml", nested.into_bytes(), "too_deep"),
        ("two.yaml", two.as_bytes().to_vec(), "two_documents"),
        ("nul.json", b"{\"steps\": \"\0\"}".to_vec(), "syntax"),
        ("list.yaml", b"- a\n".to_vec(), "wrong_type"),
        ("text.yaml", b"hello".to_vec(), "wrong_type"),
    ] {
        let case = Case::new().file(name, content);
        let output = validate(&case, &[name]).expect_code(65);
        assert!(
            codes(&output).contains(&want.to_owned()),
            "{name}: {:?}",
            codes(&output)
        );
        case.run(&["run", name]).expect_code(65);
    }
}

#[test]
fn a_byte_order_mark_is_skipped() {
    let plan = "\u{feff}assistant_id: a\nsteps:\n- {name: builtin.now, type: tool}\n";
    let case = Case::new().file("plan.yaml", plan);
    case.run(&["run", "plan.yaml"]).expect_code(0);
}

#[test]
fn numbers_keep_their_digits_or_are_refused() {
    let digits = "123456789012345678901234567890";
    for (name, text) in [
        (
            "plan.yaml",
            format!(
                "assistant_id: a\nsteps:\n- {{name: echo, type: skill, arguments: {{n: {digits}}}}}\n"
            ),
        ),
        (
            "plan.json",
            format!(
                "{{\"assistant_id\": \"a\", \"steps\": [{{\"name\": \"echo\", \"type\": \"skill\", \"arguments\": {{\"n\": {digits}}}}}]}}"
            ),
        ),
    ] {
        let case = Case::new().sh_skill("echo", "cat", "").file(name, text);
        let output = case.run(&["run", name, "--format", "jsonl"]).expect_code(0);
        let line = output.stdout();
        assert!(
            line.contains(&format!("\"output\":{{\"n\":{digits}}}")),
            "{line}"
        );
    }
    for number in ["1e999", "-1e999", ".inf", ".nan", "0777"] {
        let text = format!(
            "assistant_id: a\nsteps:\n- {{name: builtin.now, type: tool, arguments: {{n: {number}}}}}\n"
        );
        let case = Case::new().file("plan.yaml", text);
        let output = validate(&case, &["plan.yaml"]).expect_code(65);
        assert!(codes(&output).contains(&"number".to_owned()), "{number}");
    }
}

/// What a plan may make obs allocate; obs itself, its code and its libraries, takes 12 MiB more.
const MEMORY_KIB: u32 = 50 << 10;

#[test]
fn hostile_plans_take_less_than_64_mib() {
    // As many values as a plan may have, and far more.
    let (most, more) = (65_000, 300_000);
    let aliases = format!(
        "a: &a [{}]\nb: [{}]\n",
        "x, ".repeat(1000),
        "*a, ".repeat(100_000)
    );
    let zeros = |count| format!("{{\"steps\": [{}0]}}", "0,".repeat(count));
    let empty = |count| format!("{{\"steps\": [{}{{}}]}}", "{},".repeat(count));
    let keys = |count| concat((0..count).map(|n| format!("key{n}: 1\n")));
    let anchors = |count| concat((0..count).map(|n| format!("- &a{n} 1\n")));
    for (name, content) in [
        ("brackets.yaml", "[".repeat(200_000)),
        ("brackets.json", "[".repeat(200_000)),
        ("braces.yaml", "{a: ".repeat(100_000)),
        ("dashes.yaml", "- ".repeat(200_000)),
        ("quotes.yaml", "\"".repeat(500_001)),
        ("aliases.yaml", aliases),
        ("zeros.json", zeros(most)),
        ("more-zeros.json", zeros(more)),
        ("zeros.yaml", zeros(most)),
        ("more-zeros.yaml", zeros(more)),
        ("empty.json", empty(most)),
        ("more-empty.json", empty(more)),
        ("empty.yaml", empty(most)),
        ("more-empty.yaml", empty(more)),
        ("keys.yaml", keys(most)),
        ("anchors.yaml", anchors(most)),
    ] {
        let case = Case::new().file(name, content);
        let script = format!("ulimit -d {MEMORY_KIB} && exec \"$0\" \"$@\"");
        let output = case
            .command_under(&["sh", "-c", &script], &["validate", name])
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(65), "{name}: {stderr}");
    }
}

#[test]
fn problems_are_counted_beyond_those_that_are_shown() {
    let keys = concat((0..1000).map(|n| format!("key{n}: 1\n")));
    let case = Case::new().file("plan.yaml", keys);
    let output = case.run(&["validate", "plan.yaml"]).expect_code(65);
    assert!(
        output.stdout().contains("... and 802 more problems")
            && output.stderr() == "1001 errors, 1 warning\n",
        "{}",
        output.whole()
    );
}
