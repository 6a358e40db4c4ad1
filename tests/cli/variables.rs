//! Flags and the variables that stand for them: which one wins, and whose mistake is told.

use std::collections::BTreeSet;

use clap::{Arg, Command, CommandFactory as _};

use crate::support::{Case, Output, confines};

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
    // Without Landlock a run needs a value of `OBS_SANDBOX`.
    if !confines("variables::an_empty_variable_is_not_set") {
        return;
    }
    let all = with_all("");
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
fn a_typed_value_is_told_as_typed() {
    let output = case()
        .env("OBS_TIMEOUT", "6")
        .run(&["run", "plan.yaml", "--timeout", "5"])
        .expect_code(2);
    let said = output.stderr();
    assert!(
        said.contains("`--timeout`") && !said.contains("OBS_"),
        "{said}"
    );
}

/// Each verb with what it requires, and its command.
fn verbs() -> Vec<(Vec<String>, Command)> {
    let mut program = obs::cli::Cli::command();
    program.build();
    let mut found = Vec::new();
    collect(&program, &[], &mut found);
    assert!(found.len() > 15);
    found
}

fn collect(command: &Command, path: &[String], found: &mut Vec<(Vec<String>, Command)>) {
    let words = command
        .get_arguments()
        .filter(|arg| is_needed(command, arg));
    let words: Vec<String> = path.iter().cloned().chain(words.flat_map(needed)).collect();
    if !path.is_empty() && !command.is_subcommand_required_set() {
        found.push((words, command.clone()));
    }
    let verbs = command.get_subcommands();
    for verb in verbs.filter(|verb| verb.get_name() != "help") {
        collect(verb, &[path, &[verb.get_name().to_owned()]].concat(), found);
    }
}

/// True for what the verb requires; of several that it chooses from, for the first.
fn is_needed(command: &Command, arg: &Arg) -> bool {
    let mut groups = command.get_groups().filter(|group| group.is_required_set());
    arg.is_required_set() || groups.any(|group| group.get_args().next() == Some(arg.get_id()))
}

fn needed(arg: &Arg) -> Vec<String> {
    match arg.get_long() {
        Some(long) if arg.get_action().takes_values() => vec![format!("--{long}=1")],
        Some(long) => vec![format!("--{long}")],
        None if arg.is_last_set() => vec!["--".to_owned(), "true".to_owned()],
        None => {
            let values = arg.get_possible_values();
            vec![
                values
                    .first()
                    .map_or("x", |value| value.get_name())
                    .to_owned(),
            ]
        }
    }
}

/// The flags of a verb that can have a variable.
fn flags_of(command: &Command) -> impl Iterator<Item = (&Arg, &str)> {
    let args = command.get_arguments();
    let flags = args.filter_map(|arg| Some((arg, arg.get_long()?)));
    flags.filter(|(_, flag)| !["help", "version"].contains(flag))
}

/// The flags of all verbs.
fn flags() -> BTreeSet<String> {
    let verbs = verbs();
    let flags = verbs.iter().flat_map(|(_, command)| flags_of(command));
    flags.map(|(_, flag)| flag.to_owned()).collect()
}

fn variable(flag: &str) -> String {
    format!("OBS_{}", flag.to_uppercase().replace('-', "_"))
}

/// A case with the variables of all flags, but that of the state.
fn with_all(value: &str) -> Case {
    let flags = flags().into_iter().filter(|flag| flag != "state-dir");
    flags.fold(case(), |case, flag| case.env(&variable(&flag), value))
}

#[test]
fn a_variable_never_changes_what_is_said_of_the_arguments() {
    let all = ["1", "nonsense", "\u{1b}[31m\n"].map(with_all);
    for args in [
        // `run` alone is complete with OBS_RESUME.
        &["run", "plan.yaml", "--nope"][..],
        &["run", "plan.yaml", "more.yaml"],
        &["run", "plan.yaml", "--jobs", "0"],
        &["run", "plan.yaml", "-q", "-v"],
        &["run", "plan.yaml", "--print", "x", "--format", "json"],
        &["validate"],
        &["graph"],
        &["skills"],
        &["skills", "show"],
        &["skills", "new", "x"],
        &["skills", "nope"],
        &["policy", "check"],
        &["runs", "prune"],
        &["runs", "nope"],
        &["logs", "--nope"],
        &["verify"],
        &["circuits", "reset"],
        &["completions"],
        &["nope"],
        &["plan.yaml"],
    ] {
        let plain = case().run(args).expect_code(2);
        for with in &all {
            let output = with.run(args).expect_code(2);
            assert_eq!(output.stderr(), plain.stderr(), "{args:?}");
        }
        let help = [args, &["--help"]].concat();
        assert_eq!(all[0].run(&help).stdout(), case().run(&help).stdout());
    }
}

/// What Rust and clap say of numbers and words.
const FOREIGN_WORDS: [&str; 5] = ["digit", "non-zero", "is not in", "cannot parse", "'"];

#[track_caller]
fn expect_own_words(output: &Output, place: &str) {
    let said = output.stderr().replace("ma'ny", "many");
    let first = said.lines().next().unwrap_or_default();
    assert!(first.contains("`many`") && first.contains(place), "{said}");
    assert!(
        !FOREIGN_WORDS.iter().any(|word| said.contains(word)),
        "{said}"
    );
    assert_eq!(output.code, 2, "{said}");
}

#[test]
fn a_bad_value_is_told_in_the_words_of_obs_at_every_verb() {
    let mut tried = 0;
    for (words, command) in verbs() {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut groups = command.get_groups().filter(|group| group.is_required_set());
        let choices: Vec<_> = groups
            .next()
            .into_iter()
            .flat_map(clap::ArgGroup::get_args)
            .collect();
        for (arg, flag) in flags_of(&command).filter(|(arg, _)| !choices.contains(&arg.get_id())) {
            let names = arg.get_value_names().unwrap_or_default();
            let is_number = |name: &str| ["N", "DURATION", "MIB", "BYTES"].contains(&name);
            let is_word = !arg.get_possible_values().is_empty();
            let is_boolean = !arg.get_action().takes_values();
            if !is_boolean && !is_word && !names.iter().any(|name| is_number(name)) {
                continue;
            }
            let name = variable(flag);
            let output = case().env(&name, "ma'ny").run(&words);
            expect_own_words(&output, &format!("variable `{name}`"));
            if !is_boolean {
                let typed = format!("--{flag}=ma'ny");
                let at = words
                    .iter()
                    .position(|word| *word == "--")
                    .unwrap_or(words.len());
                let args = [&words[..at], &[&typed], &words[at..]].concat();
                expect_own_words(&case().run(&args), &format!("`--{flag}`"));
            }
            tried += 1;
        }
    }
    assert!(tried > 60, "{tried}");
}

#[test]
fn numbers_have_one_wording() {
    for (args, want) in [
        (
            &["--jobs", "0"][..],
            "invalid value `0` for `--jobs`: expected a whole number from 1",
        ),
        (
            &["--jobs", "many"],
            "invalid value `many` for `--jobs`: expected a whole number from 1",
        ),
        (
            &["-j", "-1"],
            "invalid value `-1` for `--jobs`: expected a whole number from 1",
        ),
        (&["--jobs="], "expected a whole number from 1"),
        (&["--jobs", "1.5"], "expected a whole number from 1"),
        (
            &["--jobs", "99999999999999999999"],
            "the number is too large",
        ),
        (
            &["--max-memory", "0"],
            "for `--max-memory`: expected a whole number from 1",
        ),
        (
            &["--max-steps", "-1"],
            "for `--max-steps`: expected a whole number from 0",
        ),
        (
            &["--keep-days", "x"],
            "for `--keep-days`: expected a whole number",
        ),
        (&["--timeout", "5"], "for `--timeout`: `5` has no unit"),
        (&["--timeout", "-5s"], "for `--timeout`: `-5s` is negative"),
        (&["--format", "jsn"], "or `none`; did you mean `json`?"),
        (
            &["--format"],
            "`--format` needs a value: `table`, `json`, `jsonl` or `none`",
        ),
        (&["--jobs"], "`--jobs` needs a value"),
    ] {
        let output = case()
            .run(&[&["run", "plan.yaml"], args].concat())
            .expect_code(2);
        let said = output.stderr();
        assert!(said.contains(want), "{args:?}: {said}");
        assert!(
            said.ends_with(" hint: `obs run --help` shows all options\n"),
            "{said}"
        );
    }
    let long = "x".repeat(100_000);
    let output = case()
        .run(&["run", "plan.yaml", "--jobs", &long])
        .expect_code(2);
    assert!(output.stderr().len() < 400);
}

#[test]
fn a_variable_works_at_every_verb_that_has_the_flag() {
    let graph = case()
        .env("OBS_FORMAT", "tree")
        .run(&["graph", "plan.yaml"]);
    assert!(graph.stdout().contains("└─ good"), "{}", graph.whole());
    let listed = case().env("OBS_FORMAT", "json").run(&["circuits"]);
    assert_eq!(listed.expect_code(0).stdout(), "[]\n");
    let manifest = "description: d\nexecution: {command: [\"true\"]}\n";
    let elsewhere = case().file("more/extra/manifest.yaml", manifest);
    let listed = elsewhere.env("OBS_SKILLS", "more").run(&["skills", "list"]);
    assert!(listed.stdout().contains("extra"), "{}", listed.whole());
    let warned = case().file("plan.yaml", "steps: [{name: good, type: skill}]\n");
    warned.run(&["validate", "plan.yaml"]).expect_code(0);
    let strict = warned.env("OBS_STRICT", "yes");
    strict.run(&["validate", "plan.yaml"]).expect_code(65);
    let relaxed = strict.env("OBS_STRICT", "off");
    relaxed.run(&["validate", "plan.yaml"]).expect_code(0);
}

#[test]
fn a_variable_holds_one_value_a_line_for_a_flag_that_can_be_repeated() {
    let plan = "assistant_id: test\ninputs: {a: {type: string}, b: {type: integer}}\nsteps:\n\
        - {name: echo, type: skill, arguments: {x: \"{{inputs.a}}\", y: \"{{inputs.b}}\"}}\n";
    let case = || {
        let case = Case::new().sh_skill("echo", "cat", "");
        case.file("plan.yaml", plan)
    };
    for value in ["a=x,y\nb=3", "a=x,y\nb=3\n", "\na=x,y\n\nb=3\n"] {
        let case = case().env("OBS_SET", value);
        let output = case.run(&["run", "plan.yaml", "--print", "echo.x"]);
        assert_eq!(output.expect_code(0).stdout(), "x,y\n");
    }
    let typed = [
        "run",
        "plan.yaml",
        "--set",
        "a=z",
        "--set",
        "b=4",
        "--print",
        "echo.y",
    ];
    let output = case().env("OBS_SET", "b=3").run(&typed).expect_code(0);
    assert_eq!(output.stdout(), "4\n");
    let denied = case()
        .env("OBS_DENY", "x/*,echo")
        .env("OBS_SET", "a=x\nb=3");
    denied.run(&["run", "plan.yaml"]).expect_code(77);
}

#[test]
fn a_variable_never_decides_what_a_verb_requires() {
    for (name, args) in [
        ("OBS_ALL", &["verify"][..]),
        ("OBS_ALL", &["circuits", "reset"]),
        ("OBS_KEEP_DAYS", &["runs", "prune"]),
        ("OBS_KEEP_LAST", &["runs", "prune"]),
    ] {
        case().env(name, "1").run(args).expect_code(2);
    }
    let case = case();
    for _ in 0..2 {
        case.run(&["run", "plan.yaml"]).expect_code(0);
    }
    let case = case.env("OBS_KEEP_LAST", "1").env("OBS_DRY_RUN", "1");
    let output = case
        .run(&["runs", "prune", "--keep-days", "0"])
        .expect_code(0);
    assert_eq!(output.stderr(), "would remove 2 runs\n");
}

#[test]
fn what_was_typed_silences_variables_that_it_conflicts_with() {
    for (name, value, typed) in [
        ("OBS_FAIL_FAST", "1", "--keep-going"),
        ("OBS_KEEP_GOING", "1", "--fail-fast"),
        ("OBS_VERBOSE", "1", "--quiet"),
        ("OBS_QUIET", "1", "--verbose"),
        ("OBS_PRINT", "good.x", "--dry-run"),
        ("OBS_PRINT", "good.x", "--format=json"),
        ("OBS_FORMAT", "json", "--print=good.x"),
    ] {
        let case = case().env(name, value);
        case.run(&["run", "plan.yaml", typed]).expect_code(0);
    }
    let both = case().env("OBS_KEEP_GOING", "1").env("OBS_FAIL_FAST", "1");
    let said = both.run(&["run", "plan.yaml"]).expect_code(2).stderr();
    assert!(said.contains("`OBS_KEEP_GOING`"), "{said}");
    assert!(said.contains("`OBS_FAIL_FAST`"), "{said}");
}

#[test]
fn an_unknown_variable_is_a_warning_with_the_nearest_name() {
    for (name, want) in [
        (
            "OBS_TIMOUT",
            "unknown variable `OBS_TIMOUT`: did you mean `OBS_TIMEOUT`?",
        ),
        (
            "OBS_JOB",
            "unknown variable `OBS_JOB`: did you mean `OBS_JOBS`?",
        ),
        ("OBS_SKILL_PATH", "did you mean `OBS_SKILLS_PATH`?"),
        ("OBS_FAVORITE_COLOR", "no flag of obs has this name"),
        ("OBS_\u{1b}[31m", "unknown variable `OBS_\\u{1b}[31m`"),
    ] {
        let case = case().env(name, "1");
        for args in [
            &["run", "plan.yaml"][..],
            &["runs"],
            &["validate", "plan.yaml"],
        ] {
            let said = case.run(args).expect_code(0).stderr();
            assert!(
                said.starts_with("warning: ") && said.contains(want),
                "{args:?}: {said}"
            );
        }
        for args in [
            &["-q", "run", "plan.yaml"][..],
            &["completions", "bash"],
            &["man"],
        ] {
            assert_eq!(case.run(args).expect_code(0).stderr(), "", "{args:?}");
        }
    }
    let name = |n: u32| format!("OBS_{n}{}", "X".repeat(500));
    let many = (0..1000).fold(case(), |case, n| case.env(&name(n), "1"));
    let said = many.run(&["runs"]).expect_code(0).stderr();
    assert!(said.contains("995 more") && said.len() < 2000, "{said}");
}

#[test]
fn a_variable_that_obs_knows_is_no_warning() {
    let known = case()
        .env("OBS_CHAIN_KEY", "key")
        .env("OBS_SKILLS_PATH", "/nowhere")
        .env("OBS_MAX_STEPS", "3")
        .env("OBS_FOLLOW", "0")
        .env("OBS_NOPE", "");
    let said = known.run(&["runs"]).expect_code(0).stderr();
    assert_eq!(said, "no runs yet\n");
    let token = case().env("OBS_TOKEN", "secret");
    let said = token.run(&["run", "plan.yaml", "--secret", "TOKEN=env:OBS_TOKEN"]);
    assert!(!said.expect_code(0).stderr().contains("OBS_TOKEN"));
}

#[test]
fn names_that_obs_gives_to_skills_are_known_and_a_nested_obs_is_silent() {
    let manifest = "description: d\nexecution: {command: [./run.sh], output: text}\n\
        permissions: [\"fs.write:$RUN_DIR\"]\n";
    let case = Case::new()
        .file("skills/names/manifest.yaml", manifest)
        .script(
            "skills/names/run.sh",
            "#!/bin/sh\nenv | sed -n 's/^\\(OBS_[A-Z_]*\\)=.*/\\1/p'\n",
        )
        .plan("- {name: names, type: skill}\n");
    let output = case
        .run(&["run", "plan.yaml", "--print", "names"])
        .expect_code(0);
    let names = output.stdout();
    assert!(names.lines().count() >= 13, "{names}");
    let names = names.lines().filter(|name| *name != "OBS_SKILL_ID");
    let inside = names.fold(case, |case, name| case.env(name, "1"));
    assert_eq!(inside.run(&["runs"]).expect_code(0).stderr(), "");
    let nested = inside.env("OBS_SKILL_ID", "x").env("OBS_NOPE", "1");
    assert_eq!(nested.run(&["runs"]).expect_code(0).stderr(), "");
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
