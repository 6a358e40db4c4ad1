//! Verbs that do not exist, and what was meant.

use crate::support::Case;

#[track_caller]
fn answers(case: &Case, args: &[&str], want: &str) {
    let output = case.run(args).expect_code(2);
    assert_eq!(output.stdout(), "");
    let said = output.stderr();
    assert!(
        said.starts_with("error: ") && said.contains(want),
        "{args:?}: {said}"
    );
    assert!(said.lines().count() <= 2, "{said}");
}

#[test]
fn a_verb_of_another_tool_is_answered_with_what_was_meant() {
    let case = Case::new();
    for (verb, want) in [
        (
            "ls",
            "unknown verb `ls`; did you mean `obs skills list` or `obs runs`?",
        ),
        ("list", "`obs skills list`"),
        ("LIST", "`obs skills list`"),
        ("plan", "`obs validate PLAN`"),
        ("exec", "`obs run PLAN` or `obs skills run SKILL`?"),
        ("start", "`obs run PLAN`"),
        ("test", "`obs policy test PLAN`"),
        ("check", "`obs validate PLAN`"),
        ("status", "did you mean `obs runs`?"),
        ("ps", "did you mean `obs runs`?"),
        ("log", "did you mean `obs logs`?"),
        ("resume", "`obs run PLAN --resume`"),
        ("prune", "`obs runs prune`"),
        ("reset", "`obs circuits reset`"),
        ("schema", "`obs policy schema`"),
        ("chek", "`obs skills check`"),
        ("validat", "`obs validate`"),
        ("version", "`obs --version`"),
        ("frobnicate", "`obs --help` lists the verbs"),
        ("\u{1b}[31m", "unknown verb `\\u{1b}[31m`"),
    ] {
        answers(&case, &[verb], want);
        answers(&case, &["-q", verb, "more", "--jobs", "3"], want);
        answers(&case, &["--color", "never", verb], want);
    }
    for (below, verb, want) in [
        (
            "skills",
            "ls",
            "unknown verb `ls` of `obs skills`; did you mean `obs skills list`?",
        ),
        ("skills", "validate", "`obs skills check`"),
        ("skills", "shwo", "`obs skills show`"),
        (
            "skills",
            "frobnicate",
            "`obs skills --help` lists the verbs",
        ),
        ("runs", "list", "did you mean `obs runs`?"),
        ("runs", "delete", "`obs runs prune`"),
        ("circuits", "close", "`obs circuits reset SKILL`"),
        ("policy", "eval", "`obs policy test PLAN`"),
    ] {
        answers(&case, &[below, verb], want);
    }
}

#[test]
fn a_flag_that_a_verb_does_not_have_is_answered_with_what_was_meant() {
    let case = Case::new();
    for (line, want) in [
        ("run p.yaml --dry-rnu", "did you mean `--dry-run`?"),
        (
            "run p.yaml --file=x",
            "an input of the plan is set with `--set file=VALUE`",
        ),
        (
            "skills run x --file x",
            "an argument of the skill is set with `--set file=VALUE`",
        ),
        ("skills new x --inputs y -- ls", "`obs run` has `--inputs`"),
        ("runs --step a", "`obs logs` has `--step`"),
        ("init -Z", "unknown flag `-Z` of `obs init`"),
        ("skills new x ls", "the command stands behind `--`"),
        ("show a b c", "unexpected argument `c` for `obs show`"),
    ] {
        let args: Vec<&str> = line.split(' ').collect();
        let output = case.run(&args).expect_code(2);
        assert_eq!(output.stdout(), "");
        let said = output.stderr();
        assert!(
            said.starts_with("error: un") && said.contains(want),
            "{line}: {said}"
        );
        assert!(said.lines().count() <= 3, "{said}");
    }
    let hostile = format!("--{}\u{1b}[31m", "x".repeat(1_000));
    let said = case.run(&["run", &hostile]).expect_code(2).stderr();
    assert!(said.len() < 1_500 && !said.contains('\u{1b}'), "{said}");
}

#[test]
fn a_file_in_the_place_of_the_verb_is_answered_with_the_verb() {
    let case = Case::new().file("plan", "").file("a b.yaml", "");
    for (word, want) in [
        (
            "plan.yaml",
            "`plan.yaml` is not a verb; did you mean `obs run plan.yaml`?",
        ),
        ("dir/plan.json", "`obs run dir/plan.json`"),
        ("a b.yaml", "`obs run 'a b.yaml'`"),
        ("./plan", "`obs run ./plan`"),
        ("-", "`obs run -`"),
        ("run.jsonl", "`obs verify run.jsonl`"),
        ("core/fetch", "`obs skills run core/fetch`"),
    ] {
        answers(&case, &[word], want);
        answers(&case, &[word, "--strict"], want);
    }
}
