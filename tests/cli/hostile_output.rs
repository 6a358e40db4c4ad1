//! Text that wants to do something to who reads it: it moves cursors, sets clipboards, turns the
//! direction of writing and begins workflow commands. None of it leaves obs as it came.

use serde_json::json;

use crate::support::terminal::Terminal;
use crate::support::{Case, Output};

/// ESC, OSC 52, BEL, C1, U+202E, DEL, CR and workflow commands, also at the beginning of lines.
const HOSTILE: &str = "::error::a\u{1b}[2J\u{1b}]52;c;eA==\u{7}\u{9b}31m\u{202e}b\u{7f}\r::warning::c\n\
    ::error::d\n ##[error]e\n\t::add-mask::f\u{feff}\u{2028}::g";

/// What only [`HOSTILE`] holds, so that it must be nowhere, not even on a terminal.
const FORBIDDEN: [&str; 9] = [
    "\u{1b}[2J",
    "\u{1b}]",
    "\u{7}",
    "\u{9b}",
    "\u{202e}",
    "\u{7f}",
    "\u{feff}",
    "\u{2028}",
    "##[",
];

/// The skills: one that succeeds with it, one that fails with it, one that dies of it.
fn hostile_skills() -> Case {
    Case::new()
        .file("text", HOSTILE)
        .file("json", serde_json::to_string(HOSTILE).unwrap())
        .file(
            "error",
            json!({"error": {"code": HOSTILE, "message": HOSTILE}}).to_string(),
        )
        .file(
            "event",
            json!({"progress": 0.5, "message": HOSTILE}).to_string() + "\n",
        )
        .sh_skill("good", "cat text >&2; cat event >&3; cat json", "")
        .sh_skill("error", "cat text >&2; cat event >&3; cat error; exit 3", "")
        .sh_skill("raw", "cat text >&2; cat text; exit 4", "")
        .sh_skill("garbled", "cat text", "")
        .file(
            "skills/said/manifest.yaml",
            "description: d\nexecution: {command: [printf, \"%s\", \"{{text}}\"], stdin: none, output: text}\n\
             permissions: [\"fs.read:a\\u202eb\"]\n",
        )
}

/// A plan whose steps have hostile names and arguments.
fn hostile_plan() -> String {
    let step = |number: usize, skill: &str| {
        let arguments = if skill == "said" {
            json!({"text": HOSTILE})
        } else {
            json!({HOSTILE: [HOSTILE]})
        };
        json!({
            "name": format!("{HOSTILE}{number}"), "skill": skill, "type": "skill",
            "step_id": format!("{HOSTILE}-id{number}"), "arguments": arguments,
        })
    };
    let steps: Vec<_> = ["good", "said", "error", "raw", "garbled"]
        .into_iter()
        .enumerate()
        .map(|(number, skill)| step(number, skill))
        .collect();
    json!({"assistant_id": HOSTILE, "id": HOSTILE, "reasoning": HOSTILE, "steps": steps})
        .to_string()
}

#[track_caller]
fn expect_harmless(text: &str) {
    for part in FORBIDDEN {
        assert!(!text.contains(part), "{part:?} in {text:?}");
    }
    let control = text.find(|c: char| c.is_control() && c != '\n' && c != '\t');
    assert_eq!(control, None, "{text:?}");
    for line in text.lines() {
        assert!(!line.trim_start().starts_with("::"), "{line}");
    }
}

#[track_caller]
fn expect_both_harmless(output: &Output) {
    expect_harmless(&output.stdout());
    expect_harmless(&output.stderr());
}

#[test]
fn a_run_lets_nothing_through_in_any_format() {
    let case = hostile_skills().file("plan.json", hostile_plan());
    for format in ["table", "jsonl", "json", "none"] {
        for flags in [
            &["--progress", "lines", "-v"][..],
            &["--stream"],
            &["--progress", "bars"],
            &["-q"],
        ] {
            let mut args = vec!["run", "plan.json", "--keep-going", "--format", format];
            args.extend(["--log", "run.jsonl", "--request-id", HOSTILE]);
            args.extend(["--session-id", HOSTILE, "--tenant-id", HOSTILE]);
            args.extend(flags);
            let output = case.run(&args).expect_code(1);
            expect_both_harmless(&output);
            // It was there, and is shown without its power.
            assert!(output.stderr().contains("\\u{1b}[2J"), "{}", output.whole());
        }
    }
    let log = std::fs::read_to_string(case.path().join("run.jsonl")).unwrap();
    expect_harmless(&log);
    assert_eq!(log.lines().count(), 4 * 4 * 7);
}

#[test]
fn records_hold_the_text_unchanged() {
    let case = hostile_skills().file("plan.json", hostile_plan());
    let output = case.run(&[
        "run",
        "plan.json",
        "--keep-going",
        "--format",
        "jsonl",
        "--request-id",
        HOSTILE,
    ]);
    let records = output.records();
    assert_eq!(records[0]["output"], HOSTILE);
    assert_eq!(records[0]["request_id"], HOSTILE);
    assert_eq!(records[0]["step_name"], format!("{HOSTILE}0"));
    assert_eq!(records[1]["arguments"]["text"], HOSTILE);
    assert_eq!(records[1]["output"], HOSTILE);
    assert_eq!(records[2]["error"], format!("{HOSTILE}: {HOSTILE}"));
    assert_eq!(records[3]["stderr"], HOSTILE);
}

#[test]
fn the_reason_behind_a_progress_bar_is_seen_and_the_record_keeps_all_of_it() {
    let script = "for i in $(seq 1 60); do printf '\\r\\033[32mLoading %3d%%\\033[0m' $i >&2; done\n\
                  printf '\\r\\033[31mERROR: no space\\033[0m\\n' >&2; exit 1";
    let case = Case::new()
        .sh_skill("load", script, "")
        .plan("- {name: load, type: skill}\n");
    let output = case
        .run(&["run", "plan.yaml", "--format", "jsonl"])
        .expect_code(1);
    let stderr = output.stderr();
    assert!(
        stderr.contains("\n  │ Loading  60%\n  │ ERROR: no space\n"),
        "{stderr}"
    );
    let record = &output.records()[0];
    let kept = record["stderr"].as_str().unwrap();
    assert!(
        kept.starts_with("\r\u{1b}[32mLoading   1%\u{1b}[0m\r"),
        "{kept:?}"
    );
    let output = case
        .run(&["run", "plan.yaml", "--format", "none", "--stream"])
        .expect_code(1);
    let stderr = output.stderr();
    for line in ["load │ Loading   1%\n", "load │ ERROR: no space\n"] {
        assert!(stderr.contains(line), "{stderr}");
    }
}

#[test]
fn a_dry_run_lets_nothing_through() {
    let case = hostile_skills().file("plan.json", hostile_plan());
    for format in ["table", "json", "jsonl"] {
        let output = case
            .run(&["run", "plan.json", "--dry-run", "--format", format])
            .expect_code(0);
        expect_both_harmless(&output);
    }
}

/// A plan that is wrong in many places, each with the text.
fn wrong_plan() -> String {
    json!({
        "assistant_id": "a", HOSTILE: 1, "timeout": HOSTILE, "order": HOSTILE,
        "steps": [
            {"name": HOSTILE, "type": HOSTILE, HOSTILE: HOSTILE},
            {"name": "good", "type": "skill", "skill": format!("{HOSTILE}@{HOSTILE}")},
            {"name": "strict", "type": "skill", "arguments": {HOSTILE: 1, "word": HOSTILE}},
            {"name": "broken", "type": "skill"},
            {"name": "a", "type": "skill", "step_id": HOSTILE},
            {"name": "b", "type": "skill", "step_id": HOSTILE},
        ],
    })
    .to_string()
}

fn wrong_case() -> Case {
    // The file's own name, which `/` and NUL alone can't be in.
    let name = HOSTILE.replace('\n', "\u{b}") + ".json";
    let manifest = json!({
        "description": "d", HOSTILE: HOSTILE, "execution": {"command": ["cat", HOSTILE]},
        "permissions": [HOSTILE],
    });
    hostile_skills()
        .sh_skill(
            "strict",
            "cat",
            "input_schema: {additionalProperties: false, properties: {word: {enum: [a]}}}\n",
        )
        .file("skills/broken/manifest.json", manifest.to_string())
        .file(&name, wrong_plan())
        .file("raw.yaml", format!("{}: [\n", HOSTILE.replace('\n', " ")))
        .file("latin1.yaml", b"a: \xe9\n")
}

fn names() -> [String; 4] {
    let name = HOSTILE.replace('\n', "\u{b}") + ".json";
    [
        name,
        "raw.yaml".to_owned(),
        "latin1.yaml".to_owned(),
        HOSTILE.to_owned(),
    ]
}

#[test]
fn problems_let_nothing_through() {
    let case = wrong_case();
    for name in &names() {
        for format in ["table", "json", "jsonl"] {
            for color in ["never", "always"] {
                let output = case.run(&["validate", name, "--format", format, "--color", color]);
                assert!([65, 66].contains(&output.code), "{}", output.whole());
                let plain = without_colors(&output.stdout());
                expect_harmless(&plain);
                expect_harmless(&without_colors(&output.stderr()));
            }
        }
        for format in ["table", "json"] {
            let output = case.run(&["run", name, "--format", format]);
            assert!([65, 66].contains(&output.code), "{}", output.whole());
            expect_both_harmless(&output);
        }
    }
}

#[test]
fn only_obs_writes_workflow_commands() {
    let case = wrong_case();
    for name in &names() {
        let github = case.run(&["validate", name, "--format", "github"]);
        let json = case.run(&["validate", name, "--format", "json"]);
        let problems: Vec<serde_json::Value> = serde_json::from_slice(&json.stdout).unwrap();
        // The problems of a manifest stand for the plan's problem with it.
        let told = problems
            .iter()
            .filter(|problem| problem["code"] != "manifest");
        let stdout = github.stdout();
        assert_eq!(stdout.lines().count(), told.count(), "{stdout}");
        for line in stdout.lines() {
            let command = line
                .strip_prefix("::error ")
                .or(line.strip_prefix("::warning "));
            let (properties, message) = command.unwrap().split_once("::").unwrap();
            assert!(!properties.contains("::"), "{line}");
            // A command ends with its line; what the text held is in it and does nothing.
            expect_harmless(&format!("x{properties}x{message}"));
        }
        expect_harmless(&github.stderr());
    }
}

#[test]
fn the_command_line_itself_lets_nothing_through() {
    let case = hostile_skills().plan("- {name: good, type: skill}\n");
    for (args, code) in [
        (&[HOSTILE][..], 2),
        (&["run", "plan.yaml", HOSTILE], 2),
        (&["run", "plan.yaml", "--format", HOSTILE], 2),
        (&["run", "plan.yaml", "--timeout", HOSTILE], 2),
        (&["run", "plan.yaml", "--print", HOSTILE], 2),
        (&["run", "plan.yaml", "--workspace", HOSTILE], 66),
        (
            &["run", "plan.yaml", "--log", "absent\u{1b}[2J/\u{202e}"],
            74,
        ),
        (&["completions", HOSTILE], 2),
    ] {
        let output = case.run(args).expect_code(code);
        expect_both_harmless(&output);
    }
    let case = case.env("OBS_FORMAT", HOSTILE);
    expect_both_harmless(&case.run(&["run", "plan.yaml"]).expect_code(2));
}

#[test]
fn a_terminal_sees_only_what_obs_draws() {
    let case = hostile_skills()
        .sh_skill(
            "slow",
            "cat event >&3; cat text >&2; sleep 0.5; cat json",
            "",
        )
        .file("plan.json", hostile_plan().replace("\"good\"", "\"slow\""));
    for flags in [
        &["--stream"][..],
        &["--progress", "lines"],
        &["--format", "json"],
        &["--print", "last"],
    ] {
        let mut args = vec!["run", "plan.json", "--keep-going"];
        args.extend(flags);
        let mut terminal = Terminal::start(&case.command(&args), 100);
        terminal.wait();
        let written = terminal.written();
        for part in FORBIDDEN {
            assert!(
                !written.contains(part),
                "{flags:?}: {part:?} in {written:?}"
            );
        }
        for line in without_colors(&written).split(['\n', '\r']) {
            assert!(!line.trim_start().starts_with("::"), "{flags:?}: {line:?}");
        }
        terminal.expect_modes_as_before();
    }
}

/// The text without the colours that obs gives it.
fn without_colors(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        let end = after.find(|c: char| !c.is_ascii_digit() && c != ';');
        let is_color = end.is_some_and(|end| after[end..].starts_with(['m', 'K', 'A', 'B']));
        rest = if is_color {
            &after[end.unwrap_or_default() + 1..]
        } else {
            plain.push_str("\u{1b}[");
            after
        };
    }
    plain + rest
}
