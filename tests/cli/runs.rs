//! `obs runs`: one line for each run, on terminals and in pipes.

use serde_json::Value;

use crate::support::Case;
use crate::support::terminal::Terminal;

/// Two plans: one succeeds, and one has steps with all endings.
fn case() -> Case {
    let steps = "assistant_id: test\nsteps:\n- {name: good, type: skill}\n";
    Case::new()
        .sh_skill("good", "echo 1", "")
        .sh_skill("bad", "exit 3", "")
        .file("plans/of/the/whole/site/with-its-pictures/good.yaml", steps)
        .plan(
            "- {name: good, type: skill}\n- {name: good, step_id: b, type: skill}\n\
             - {name: bad, type: skill}\n- {name: good, step_id: d, type: skill}\n",
        )
}

const GOOD: &str = "plans/of/the/whole/site/with-its-pictures/good.yaml";

/// What a terminal shows of `obs runs`, as lines.
fn screen(case: &Case, args: &[&str], columns: u16) -> Vec<String> {
    let args = [&["runs"], args].concat();
    let mut terminal = Terminal::start(&case.command(&args), columns);
    assert!(terminal.wait().success(), "{}", terminal.written());
    let screen = terminal.screen(columns).screen().contents();
    screen.lines().map(str::to_owned).collect()
}

#[test]
fn each_run_is_one_line_on_any_usual_terminal() {
    let case = case();
    case.run(&["run", "plan.yaml", "-q"]).expect_code(1);
    case.run(&["run", GOOD, "-q"]).expect_code(0);
    for columns in [60, 80, 200] {
        for flags in [&[][..], &["--utc"]] {
            let lines = screen(&case, flags, columns);
            let [header, good, bad] = lines.as_slice() else {
                panic!("{columns}: {lines:?}");
            };
            assert!(header.starts_with("RUN "), "{header}");
            assert!(good.contains(" success "), "{good}");
            assert!(
                good.ends_with("good.yaml"),
                "the file's name is whole: {good}"
            );
            assert!(bad.contains(" failed "), "{bad}");
            assert!(bad.contains("plan.ya"), "{bad}");
            if columns >= 80 {
                assert!(bad.contains(" 2✓ 1✗ 1– "), "{bad}");
            }
            let has_date = good.contains('T') && good.contains("Z ");
            assert_eq!(has_date, !flags.is_empty(), "{good}");
            assert_eq!(good.contains("just now"), flags.is_empty(), "{good}");
        }
    }
}

#[test]
fn a_short_id_names_its_run() {
    let case = case();
    for _ in 0..3 {
        case.run(&["run", GOOD, "-q"]).expect_code(0);
    }
    let runs = case.run(&["runs", "--format", "jsonl"]).records();
    let lines = screen(&case, &[], 80);
    assert_eq!(lines.len(), 4, "{lines:?}");
    for (line, run) in lines[1..].iter().zip(runs) {
        let short = line.split(' ').next().unwrap();
        assert!(short.len() >= 8 && short.len() < 36, "{line}");
        let run_id = run["run_id"].as_str().unwrap();
        let verified = case.run(&["verify", short]).expect_code(0).stdout();
        assert!(verified.contains(run_id), "{short}: {verified}");
    }
}

#[test]
fn in_a_pipe_a_line_is_the_same_each_time_and_whole() {
    let case = case();
    case.run(&["run", GOOD, "-q"]).expect_code(0);
    let before = case.run(&["runs"]).expect_code(0).stdout();
    case.run(&["run", "plan.yaml", "-q"]).expect_code(1);
    let narrow = case.env("COLUMNS", "20");
    let after = narrow.run(&["runs"]).expect_code(0).stdout();
    let line = before.lines().nth(1).unwrap();
    assert_eq!(after.lines().nth(2), Some(line));
    assert!(line.ends_with(GOOD), "{line}");
    let [id, status, steps, _, started] = *line.split_whitespace().take(5).collect::<Vec<_>>()
    else {
        panic!("{line}");
    };
    assert_eq!((id.len(), status, steps), (36, "success", "1✓"));
    started.parse::<jiff::Timestamp>().unwrap();
    // From another directory only the path differs.
    let there = narrow.path().join("plans/of");
    let elsewhere = narrow.run_in(&there, &["runs"]).stdout();
    assert!(elsewhere.contains(" the/whole/site/with"), "{elsewhere}");
    assert!(elsewhere.contains(" ../../plan.yaml"), "{elsewhere}");
}

#[test]
fn machines_get_exact_values() {
    let case = case();
    let json = |args: &[&str]| {
        let args = [&["runs", "--format", "json"], args].concat();
        let output = case.run(&args).expect_code(0);
        serde_json::from_slice::<Vec<Value>>(&output.stdout).unwrap()
    };
    assert_eq!(
        json(&[]),
        [] as [Value; 0],
        "an array before the first run too"
    );
    case.run(&["run", "plan.yaml", "-q"]).expect_code(1);
    assert_eq!(json(&["--status", "success"]), [] as [Value; 0]);
    case.run(&["run", GOOD, "-q"]).expect_code(0);
    let runs = json(&[]);
    assert_eq!(runs, case.run(&["runs", "--format", "jsonl"]).records());
    let plan = case.path().canonicalize().unwrap().join("plan.yaml");
    assert_eq!(runs[1]["plan"], plan.to_str().unwrap());
    assert_eq!(
        runs[1]["counts"],
        serde_json::json!({
            "success": 2, "failed": 1, "timeout": 0, "canceled": 0, "rejected": 0, "skipped": 1
        })
    );
    assert_eq!(runs[0]["counts"]["success"], 1);
    assert_eq!(json(&["-n", "1"]), runs[..1]);
}

#[test]
fn verify_prints_one_line_for_each_run_and_the_ledger() {
    let case = case();
    case.run(&["run", GOOD, "-q"]).expect_code(0);
    case.run(&["run", GOOD, "-q"]).expect_code(0);
    let lines = case
        .run(&["verify", "--all", "--format", "jsonl"])
        .expect_code(0);
    let document = case
        .run(&["verify", "--all", "--format", "json"])
        .expect_code(0);
    let document: Vec<Value> = serde_json::from_slice(&document.stdout).unwrap();
    assert_eq!(lines.records(), document);
    assert_eq!(document.len(), 3);
    let none = Case::new()
        .run(&["verify", "--all", "--format", "json"])
        .expect_code(0);
    assert_eq!(none.stdout(), "[]\n");
}
