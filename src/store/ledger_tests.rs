//! What the ledger shows of a state that somebody changed behind obs's back.

use std::sync::Arc;

use rusqlite::Connection;
use tempfile::TempDir;

use super::chain::{ChainKey, KEYED, PLAIN, seal};
use super::ledger::{LedgerEntry, LedgerHead};
use super::testing::{end, record, start};
use super::verify::VerifyIssueKind;
use super::{RetentionPolicy, RunName, StateLog, StateReader, StateWriter, VerifyKeys};
use crate::engine::ExecutionLogger as _;
use crate::model::RunStatus;

/// A state, and the key that it is used with.
struct State {
    temp: TempDir,
    key: Option<ChainKey>,
}

impl State {
    fn new(key: Option<&str>) -> Self {
        let temp = TempDir::new().unwrap();
        Self {
            temp,
            key: chain_key(key),
        }
    }

    /// With three runs of three records each.
    async fn with_runs(key: Option<&str>) -> Self {
        let state = Self::new(key);
        for id in ["a1", "a2", "a3"] {
            state.run(id).await;
        }
        state
    }

    async fn begin(&self, id: &str) -> StateLog {
        let store = StateWriter::open(self.temp.path(), self.key.clone()).unwrap();
        let log = StateLog::new(Arc::new(store));
        log.log_plan_start(start(id), Vec::new()).await.unwrap();
        for index in 0..3 {
            let mut record = record(index, "success");
            id.clone_into(&mut record.run_id);
            log.log_step(record).await.unwrap();
        }
        log
    }

    async fn run(&self, id: &str) {
        self.begin(id).await.log_plan_end(end(id)).await.unwrap();
    }

    fn sql(&self, text: &str) {
        let connection = Connection::open(self.temp.path().join("obs.db")).unwrap();
        connection.execute_batch(text).unwrap();
    }

    fn history(&self) -> StateReader {
        StateReader::open(self.temp.path(), self.key.clone())
            .unwrap()
            .unwrap()
    }

    fn anchors(&self, head: Option<&str>) -> VerifyKeys {
        VerifyKeys {
            key: self.key.clone(),
            head: head.map(str::to_owned),
        }
    }

    /// The kinds of all faults, and the messages.
    fn faults(&self, head: Option<&str>) -> (Vec<VerifyIssueKind>, String) {
        let (runs, ledger) = self.history().verify_all(&self.anchors(head)).unwrap();
        let faults = runs.into_iter().flat_map(|run| run.faults);
        let (mut kinds, mut text) = (Vec::new(), String::new());
        for fault in faults.chain(ledger.faults) {
            kinds.push(fault.kind);
            text.push_str(&fault.message);
            text.push('\n');
        }
        (kinds, text)
    }

    fn faults_of(&self, id: &str) -> Vec<VerifyIssueKind> {
        let history = self.history();
        let run = history.find(&RunName::Id(id.to_owned())).unwrap();
        let report = history.verify(&run, &self.anchors(None)).unwrap();
        report.faults.into_iter().map(|fault| fault.kind).collect()
    }

    fn head(&self) -> String {
        self.history()
            .verify_all(&self.anchors(None))
            .unwrap()
            .1
            .head
    }

    #[track_caller]
    fn expect_sound(&self) {
        let (kinds, text) = self.faults(None);
        assert!(kinds.is_empty(), "{text}");
    }
}

fn chain_key(key: Option<&str>) -> Option<ChainKey> {
    key.and_then(|key| ChainKey::new(key.as_bytes().to_vec()))
}

/// Makes the last run end after its first record, with its obs killed.
const CUT: &str = "DELETE FROM records WHERE run = 3 AND seq > 1;
    UPDATE runs SET status = 'interrupted', \"end\" = NULL, duration_ms = NULL, count = 1,
        head = (SELECT substr(line, -66, 64) FROM records WHERE run = 3) WHERE id = 3;";

/// A change, and a kind of fault that shows it.
const CHANGES: [(&str, VerifyIssueKind); 18] = [
    // As if its obs had just been killed.
    (
        "UPDATE runs SET status = 'running', \"end\" = NULL, duration_ms = NULL WHERE id = 2;",
        VerifyIssueKind::Replaced,
    ),
    (CUT, VerifyIssueKind::Cut),
    // The same, as if the run were older than the ledger.
    (
        "UPDATE runs SET is_in_ledger = 0 WHERE id = 2; \
         DELETE FROM records WHERE run = 2 AND seq > 1;
        UPDATE runs SET status = 'interrupted', \"end\" = NULL, duration_ms = NULL, count = 1,
            head = (SELECT substr(line, -66, 64) FROM records WHERE run = 2) WHERE id = 2;",
        VerifyIssueKind::Cut,
    ),
    (
        "DELETE FROM records WHERE run = 2; DELETE FROM runs WHERE id = 2;",
        VerifyIssueKind::Removed,
    ),
    (
        "DELETE FROM records WHERE run = 1; DELETE FROM runs WHERE id = 1;",
        VerifyIssueKind::Removed,
    ),
    (
        "DELETE FROM records; DELETE FROM runs;",
        VerifyIssueKind::Removed,
    ),
    // The last run with its rows.
    (
        "DELETE FROM records WHERE run = 3; DELETE FROM runs WHERE id = 3; \
         DELETE FROM ledger WHERE seq > 4;",
        VerifyIssueKind::Cut,
    ),
    (
        "DELETE FROM records WHERE run = 3; DELETE FROM runs WHERE id = 3; \
         DELETE FROM ledger WHERE seq > 4;
         DELETE FROM ledger_head;",
        VerifyIssueKind::Removed,
    ),
    // Its end only.
    ("DELETE FROM ledger WHERE seq = 6;", VerifyIssueKind::Cut),
    // One in the middle with its rows, the others moved up.
    (
        "DELETE FROM records WHERE run = 2; DELETE FROM runs WHERE id = 2;
         DELETE FROM ledger WHERE run_id = 'a2'; UPDATE ledger SET seq = seq - 2 WHERE seq > 4;",
        VerifyIssueKind::Reordered,
    ),
    (
        "UPDATE runs SET status = 'failed' WHERE id = 1;",
        VerifyIssueKind::Replaced,
    ),
    (
        "UPDATE ledger SET line = replace(line, '\"records\":3', '\"records\":1') WHERE seq = 4;",
        VerifyIssueKind::Changed,
    ),
    (
        "UPDATE ledger SET line = '{}' WHERE seq = 4;",
        VerifyIssueKind::Changed,
    ),
    (
        "DELETE FROM ledger WHERE seq = 3;",
        VerifyIssueKind::Removed,
    ),
    // Two rows change places.
    (
        "UPDATE ledger SET line = CASE seq WHEN 2 THEN (SELECT line FROM ledger WHERE seq = 4)
             ELSE (SELECT line FROM ledger WHERE seq = 2) END WHERE seq IN (2, 4);",
        VerifyIssueKind::Reordered,
    ),
    (
        "UPDATE ledger SET run_id = 'a2', event = 'prune' WHERE seq = 2;",
        VerifyIssueKind::Reordered,
    ),
    (
        "DELETE FROM ledger; DELETE FROM ledger_head;",
        VerifyIssueKind::Removed,
    ),
    // A run that never was.
    (
        "INSERT INTO runs SELECT 9, 'a9', assistant_id, plan, steps, started_ms, status, \
         ended_ms, duration_ms,
             resumed_from, inputs, count, head, replace(header, 'a1', 'a9'), \"end\", 1 \
             FROM runs WHERE id = 1;",
        VerifyIssueKind::Removed,
    ),
];

#[tokio::test]
async fn every_change_shows_and_later_runs_do_not_hide_it() {
    for key in [None, Some("secret")] {
        for (change, kind) in CHANGES {
            let state = State::with_runs(key).await;
            state.expect_sound();
            state.sql(change);
            let (kinds, text) = state.faults(None);
            assert!(kinds.contains(&kind), "{change}: {kinds:?} {text}");
            // Looking marks, and a later run adds rows: neither makes it good.
            state.run("b1").await;
            let (kinds, _) = state.faults(None);
            assert!(!kinds.is_empty(), "{change}: hidden by a later run");
        }
    }
}

#[tokio::test]
async fn one_run_is_held_against_its_own_rows() {
    for key in [None, Some("secret")] {
        let state = State::with_runs(key).await;
        state.sql(CUT);
        assert_eq!(state.faults_of("a3"), [VerifyIssueKind::Cut]);
        assert!(state.faults_of("a2").is_empty());
        // With the end of the ledger cut as well.
        let state = State::with_runs(key).await;
        state.sql(CUT);
        state.sql("DELETE FROM ledger WHERE seq = 6;");
        assert!(!state.faults_of("a3").is_empty(), "{key:?}");
        assert!(!state.faults_of("a3").is_empty(), "{key:?}, once more");
    }
}

/// Rewrites everything after the first two runs, as an attacker without the key would.
fn rewrite(state: &State) {
    let connection = Connection::open(state.temp.path().join("obs.db")).unwrap();
    let query = "SELECT line FROM ledger WHERE seq = 4";
    let line: String = connection.query_row(query, [], |row| row.get(0)).unwrap();
    let last: LedgerEntry = serde_json::from_str(&line).unwrap();
    let head = LedgerHead {
        last_entry: last.hash,
        entries: 4,
        chain: PLAIN.to_owned(),
        hash: String::new(),
    };
    let (head, _) = seal(&head, None).unwrap();
    connection
        .execute("UPDATE ledger_head SET line = ?1", [head])
        .unwrap();
    state.sql(
        "DELETE FROM records WHERE run = 3; DELETE FROM runs WHERE id = 3; \
         DELETE FROM ledger WHERE seq > 4;",
    );
}

#[tokio::test]
async fn a_ledger_that_was_written_anew_shows_with_the_key_or_an_earlier_head() {
    let state = State::with_runs(Some("secret")).await;
    let head = state.head();
    rewrite(&state);
    let (kinds, text) = state.faults(None);
    assert_eq!(kinds, [VerifyIssueKind::Replaced], "{text}");
    state.run("b1").await;
    assert!(!state.faults(None).0.is_empty(), "hidden by a later run");
    assert!(state.faults(Some(&head)).0.contains(&VerifyIssueKind::Head));

    let state = State::with_runs(None).await;
    let head = state.head();
    state.run("a4").await;
    assert!(state.faults(Some(&head)).0.is_empty(), "it has grown since");
    assert!(state.faults(Some(&head[..16])).0.is_empty());
    state.sql("DELETE FROM records WHERE run = 4; DELETE FROM runs WHERE id = 4;");
    rewrite(&state);
    // Without a key nothing else than the head could show it.
    state.expect_sound();
    assert_eq!(state.faults(Some(&head)).0, [VerifyIssueKind::Head]);
}

#[tokio::test]
async fn pruning_adds_rows_and_removes_none() {
    for key in [None, Some("secret")] {
        let state = State::with_runs(key).await;
        let keep = RetentionPolicy {
            since: None,
            last: Some(1),
        };
        assert_eq!(state.history().prune(keep, true).unwrap().runs, 2);
        assert_eq!(state.history().prune(keep, false).unwrap().runs, 2);
        state.expect_sound();
        let (runs, ledger) = state.history().verify_all(&state.anchors(None)).unwrap();
        assert_eq!((runs.len(), ledger.ledger_entries), (1, 8));
        state.run("b1").await;
        state.expect_sound();
        // What was pruned does not come back.
        state.sql(
            "INSERT INTO runs SELECT 9, 'a1', assistant_id, plan, steps, started_ms, status, \
             ended_ms, duration_ms,
                 resumed_from, inputs, count, head, header, \"end\", 1 FROM runs LIMIT 1;",
        );
        assert!(state.faults(None).0.contains(&VerifyIssueKind::Replaced));
    }
    // Without the key nobody removes what was kept with it.
    let state = State::with_runs(Some("secret")).await;
    let state = State {
        temp: state.temp,
        key: None,
    };
    let keep = RetentionPolicy {
        since: None,
        last: None,
    };
    let error = state.history().prune(keep, false).unwrap_err();
    assert!(error.to_string().contains("`OBS_CHAIN_KEY`"), "{error}");
    let state = State {
        temp: state.temp,
        key: chain_key(Some("secret")),
    };
    state.expect_sound();
}

#[tokio::test]
async fn an_interrupted_run_ends_in_the_ledger_when_the_key_is_there() {
    let state = State::new(Some("secret"));
    drop(state.begin("a1").await);
    state.run("a2").await;
    state.expect_sound();
    state.sql(
        "DELETE FROM records WHERE run = 1 AND seq > 1;
        UPDATE runs SET count = 1, head = (SELECT substr(line, -66, 64) FROM records \
        WHERE run = 1) WHERE id = 1;",
    );
    assert_eq!(state.faults_of("a1"), [VerifyIssueKind::Cut]);

    // Whoever looks without the key marks it, and adds nothing.
    let state = State::new(Some("secret"));
    drop(state.begin("a1").await);
    let state = State {
        temp: state.temp,
        key: None,
    };
    assert_eq!(
        state
            .history()
            .find(&RunName::Id("a1".to_owned()))
            .unwrap()
            .status,
        RunStatus::Interrupted
    );
    let state = State {
        temp: state.temp,
        key: chain_key(Some("secret")),
    };
    state.expect_sound();
    state.expect_sound();
    let (_, ledger) = state.history().verify_all(&state.anchors(None)).unwrap();
    assert_eq!(ledger.ledger_entries, 2);
}

#[tokio::test]
async fn runs_with_and_without_the_key() {
    // From before there was a key: the runs say so, the ledger is sound.
    let state = State::with_runs(None).await;
    let state = State {
        temp: state.temp,
        key: chain_key(Some("secret")),
    };
    assert!(
        state
            .faults(None)
            .0
            .iter()
            .all(|kind| *kind == VerifyIssueKind::Key)
    );
    state.run("b1").await;
    assert!(state.faults_of("b1").is_empty());
    assert_eq!(
        state.faults(None).0,
        [VerifyIssueKind::Key; 3],
        "the three runs from before"
    );

    // One without the key afterwards: its rows show, the others stay provable.
    let state = State {
        temp: state.temp,
        key: None,
    };
    state.run("c1").await;
    let state = State {
        temp: state.temp,
        key: chain_key(Some("secret")),
    };
    assert!(state.faults_of("b1").is_empty());
    let (kinds, text) = state.faults(None);
    assert!(kinds.contains(&VerifyIssueKind::Key), "{text}");
    assert!(text.contains("was written without the key"), "{text}");

    // Another key, and none.
    let state = State::with_runs(Some("secret")).await;
    let state = State {
        temp: state.temp,
        key: chain_key(Some("guess")),
    };
    assert!(!state.faults(None).0.is_empty());
    let state = State {
        temp: state.temp,
        key: None,
    };
    let (kinds, text) = state.faults(None);
    assert!(
        kinds.iter().all(|kind| *kind == VerifyIssueKind::Key),
        "{text}"
    );
    assert!(text.contains("the ledger was written with a key"), "{text}");
}

#[tokio::test]
async fn a_run_from_before_the_ledger_is_listed_as_older() {
    let state = State::with_runs(None).await;
    // As the form of a state was before.
    state.sql(
        "DROP TABLE approvals; DROP TABLE calls; DROP TABLE ledger; DROP TABLE ledger_head; DROP INDEX runs_interrupted;
        ALTER TABLE runs DROP COLUMN is_in_ledger; DROP INDEX records_by_item;
        ALTER TABLE records DROP COLUMN item_index; PRAGMA user_version = 1;",
    );
    state.expect_sound();
    let (runs, ledger) = state.history().verify_all(&state.anchors(None)).unwrap();
    assert!(
        runs.iter()
            .all(|run| run.notes[0].contains("older than the ledger"))
    );
    assert_eq!(ledger.ledger_entries, 0);
    state.run("b1").await;
    state
        .history()
        .prune(
            RetentionPolicy {
                since: None,
                last: Some(2),
            },
            false,
        )
        .unwrap();
    state.expect_sound();
    assert_eq!(state.faults_of("b1"), []);
}

#[test]
fn two_obs_at_once_write_one_ledger() {
    for key in [None, Some("secret")] {
        let state = State::new(key);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let state = &state;
                scope.spawn(move || {
                    let mut runtime = tokio::runtime::Builder::new_current_thread();
                    let runtime = runtime.enable_time().build().unwrap();
                    for run in 0..10 {
                        let id = format!("{thread}-{run}");
                        runtime.block_on(state.run(&id));
                        if run == 5 {
                            let keep = RetentionPolicy {
                                since: None,
                                last: Some(8),
                            };
                            state.history().prune(keep, false).unwrap();
                        }
                    }
                });
            }
        });
        state.expect_sound();
        let connection = Connection::open(state.temp.path().join("obs.db")).unwrap();
        let keyed = "SELECT count(*) FROM ledger WHERE line LIKE '%' || ?1 || '%'";
        let chain = if key.is_some() { KEYED } else { "\"sha256\"" };
        let all: u64 = connection
            .query_row(keyed, [chain], |row| row.get(0))
            .unwrap();
        assert!(all >= 80, "{all}");
    }
}
