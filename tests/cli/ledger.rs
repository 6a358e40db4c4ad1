//! `obs verify` holds runs against the ledger: runs that were cut or removed show.

use rusqlite::Connection;
use serde_json::Value;

use crate::support::{Case, wait_for};

/// Three runs of three steps.
fn three_runs(key: &str) -> Case {
    let case = Case::new().env("OBS_CHAIN_KEY", key).plan(
        "- {name: builtin.now, type: tool}\n- {name: builtin.now, step_id: b, type: tool}\n\
         - {name: builtin.now, step_id: c, type: tool}\n",
    );
    for _ in 0..3 {
        case.run(&["run", "plan.yaml", "-q"]).expect_code(0);
    }
    case
}

fn sql(case: &Case, text: &str) {
    let connection = Connection::open(case.state().join("obs.db")).unwrap();
    connection.execute_batch(text).unwrap();
}

#[test]
fn a_run_that_was_cut_or_removed_behind_obs_is_found() {
    for key in ["", "a-real-key"] {
        let case = three_runs(key);
        case.run(&["verify", "--all"]).expect_code(0);
        sql(
            &case,
            "DELETE FROM records WHERE run = 3 AND seq > 1;
             UPDATE runs SET status = 'interrupted', \"end\" = NULL, duration_ms = NULL, count = 1,
                 head = (SELECT substr(line, -66, 64) FROM records WHERE run = 3) WHERE id = 3;
             DELETE FROM records WHERE run = 2; DELETE FROM runs WHERE id = 2;",
        );
        let output = case.run(&["verify", "--all"]).expect_code(1);
        let said = output.stderr();
        assert!(
            said.contains("ended as `success` after 3 records"),
            "{said}"
        );
        assert!(
            said.contains("is missing: the ledger records its start"),
            "{said}"
        );
        case.run(&["verify", "last"]).expect_code(1);
        let refused = case.run(&["run", "plan.yaml", "--resume"]).expect_code(65);
        assert!(
            refused.stderr().contains("the ledger says"),
            "{}",
            refused.whole()
        );
        // A prune afterwards does not hide it either.
        case.run(&["runs", "prune", "--keep-last", "0"])
            .expect_code(0);
        case.run(&["verify", "--all"]).expect_code(1);
    }
}

#[test]
fn the_head_of_the_ledger_shows_what_was_cut_off_its_end() {
    let case = three_runs("");
    let output = case.run(&["verify", "--all"]).expect_code(0).stdout();
    let ledger = output.lines().last().unwrap();
    assert!(
        ledger.starts_with("ok   ledger  6 entries  head "),
        "{ledger}"
    );
    let head = ledger.rsplit(' ').next().unwrap().to_owned();
    let json = case
        .run(&["verify", "--all", "--format", "json"])
        .expect_code(0);
    let reports: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(reports[3]["ledger_entries"], 6);
    assert_eq!(reports[3]["head"], *head);
    case.run(&["run", "plan.yaml", "-q"]).expect_code(0);
    case.run(&["verify", "--all", "--head", &head[..16]])
        .expect_code(0);
    case.run(&["verify", "--all", "--head", "0123456789abcdef"])
        .expect_code(1);
    // A whole state from before.
    std::fs::remove_dir_all(case.state()).unwrap();
    case.run(&["run", "plan.yaml", "-q"]).expect_code(0);
    case.run(&["verify", "--all"]).expect_code(0);
    let output = case
        .run(&["verify", "--all", "--head", &head])
        .expect_code(1);
    assert!(
        output.stderr().contains("no entry of the ledger"),
        "{}",
        output.whole()
    );
}

#[test]
fn a_killed_run_and_pruned_runs_leave_a_sound_ledger() {
    for key in ["", "a-real-key"] {
        let case = Case::new()
            .env("OBS_CHAIN_KEY", key)
            .sh_skill("wait", "touch ready; sleep 600", "")
            .plan("- {name: builtin.now, type: tool}\n- {name: wait, type: skill}\n");
        let mut run = case.command(&["run", "plan.yaml", "-q"]).spawn().unwrap();
        wait_for("the step", || case.path().join("ready").exists());
        // While it runs it has no end.
        case.run(&["verify", "--all"]).expect_code(0);
        run.kill().unwrap();
        run.wait().unwrap();
        case.run(&["verify", "--all"]).expect_code(0);
        case.run(&["verify", "last"]).expect_code(0);
        case.run(&["runs", "prune", "--keep-last", "0"])
            .expect_code(0);
        let output = case.run(&["verify", "--all"]).expect_code(0).stdout();
        assert!(output.starts_with("ok   ledger  3 entries"), "{output}");
    }
}

#[test]
fn what_was_kept_with_a_key_is_pruned_with_the_key() {
    let case = three_runs("a-real-key").env("OBS_CHAIN_KEY", "");
    let args = ["runs", "prune", "--keep-last", "1"];
    let output = case.run(&args).expect_code(74);
    assert!(
        output.stderr().contains("set `OBS_CHAIN_KEY`"),
        "{}",
        output.whole()
    );
    let case = case.env("OBS_CHAIN_KEY", "a-real-key");
    case.run(&args).expect_code(0);
    case.run(&["verify", "--all"]).expect_code(0);
}

#[test]
fn quiet_verification_says_nothing_of_what_is_sound() {
    let case = Case::new()
        .sh_skill("ok", "echo 1", "")
        .plan("- {name: ok, type: skill}\n");
    case.run(&["verify", "-q", "--all"]).expect_code(0);
    let log = ["run", "plan.yaml", "--log", "log.jsonl", "-q"];
    case.run(&log).expect_code(0);
    for args in [
        &["verify", "-q", "--all"][..],
        &["verify", "-q", "last"],
        &["verify", "-q", "log.jsonl"],
    ] {
        let output = case.run(args).expect_code(0);
        assert_eq!(
            (output.stdout(), output.stderr()),
            (String::new(), String::new()),
            "{args:?}"
        );
    }
    // Data that was asked for is no chatter.
    let output = case
        .run(&["verify", "-q", "--all", "--format", "json"])
        .expect_code(0);
    assert!(output.stdout().starts_with('['), "{}", output.whole());
    let text = std::fs::read_to_string(case.path().join("log.jsonl")).unwrap();
    let changed = text.replace("\"success\"", "\"failed\"");
    assert_ne!(changed, text);
    std::fs::write(case.path().join("log.jsonl"), changed).unwrap();
    let output = case.run(&["verify", "-q", "log.jsonl"]).expect_code(1);
    assert!(output.stdout().starts_with("BAD"), "{}", output.whole());
    assert!(
        output.stderr().starts_with("error: run "),
        "{}",
        output.whole()
    );
}
