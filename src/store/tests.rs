//! The module as a whole: stored runs are found again, and changes are detected.

use std::path::Path;
use std::sync::Arc;

use futures_util::FutureExt as _;

use tempfile::TempDir;

use super::database::Database;
use super::testing::{end, record, start};
use super::verify::VerifyIssueKind;
use super::*;
use crate::engine::ExecutionLogger;
use crate::model::{RunStatus, StepStatus, json_line};

/// A state with one run of ten records, and the same run in a file.
struct Kept {
    temp: TempDir,
    run: &'static str,
}

const RUN: &str = "01a20cb6-0000-7000-8000-000000000001";
const COUNT: u64 = 10;

impl Kept {
    async fn new(key: Option<&str>) -> Self {
        let temp = TempDir::new().unwrap();
        let store = StateWriter::open(&temp.path().join("state"), chain_key(key));
        let store = Arc::new(store.unwrap());
        let log = RunLog::new(
            RecordSink::State(StateLog::new(store)),
            Some(
                LogFile::open(
                    &temp.path().join("log.jsonl"),
                    Some(&temp.path().join("locks")),
                )
                .unwrap(),
            ),
        );
        log.log_plan_start(start(RUN), Vec::new()).await.unwrap();
        for index in 0..10 {
            let status = if index == 4 { "failed" } else { "success" };
            let mut record = record(index, status);
            RUN.clone_into(&mut record.run_id);
            log.log_step(record).await.unwrap();
        }
        log.log_plan_end(end(RUN)).await.unwrap();
        Self { temp, run: RUN }
    }

    fn state(&self) -> std::path::PathBuf {
        self.temp.path().join("state")
    }

    fn history(&self) -> StateReader {
        StateReader::open(&self.state(), None).unwrap().unwrap()
    }

    /// Changes the state behind obs's back.
    fn sql(&self, text: &str) {
        let database = Database::open(&self.state()).unwrap().unwrap();
        database.connection.execute_batch(text).unwrap();
    }

    fn verify(&self, anchors: &VerifyKeys) -> RunReport {
        let history = self.history();
        let run = history.find(&RunName::Id(self.run.to_owned())).unwrap();
        history.verify(&run, anchors).unwrap()
    }

    fn lines(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.temp.path().join("log.jsonl")).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// Verifies a file of these lines, without the state's help.
    fn verify_lines(&self, lines: &[String], anchors: &VerifyKeys) -> RunReport {
        let path = self.temp.path().join("export.jsonl");
        std::fs::write(&path, lines.join("\n") + "\n").unwrap();
        let mut reports = verify_file(&path, anchors, None).unwrap();
        assert_eq!(reports.len(), 1);
        reports.remove(0)
    }
}

fn chain_key(key: Option<&str>) -> Option<ChainKey> {
    ChainKey::new(key?.as_bytes().to_vec())
}

fn keyed(key: &str) -> VerifyKeys {
    VerifyKeys {
        key: chain_key(Some(key)),
        head: None,
    }
}

fn kinds(report: &RunReport) -> Vec<VerifyIssueKind> {
    report.faults.iter().map(|fault| fault.kind).collect()
}

#[track_caller]
fn assert_fault(
    report: &RunReport,
    kind: VerifyIssueKind,
    seq: impl Into<Option<u64>>,
    what: &str,
) {
    let seq = seq.into();
    let found = report.faults.iter().any(|f| f.kind == kind && f.seq == seq);
    assert!(
        found,
        "{what}: {kind:?} at {seq:?} is not in {:?}",
        report.faults
    );
}

#[tokio::test]
async fn the_untouched_run_passes() {
    let kept = Kept::new(None).await;
    let report = kept.verify(&VerifyKeys::default());
    assert_eq!(report.faults, []);
    assert_eq!(report.records, COUNT);
    let exported = kept.verify_lines(&kept.lines(), &VerifyKeys::default());
    assert_eq!((exported.faults, exported.notes), (Vec::new(), Vec::new()));
    assert_eq!(exported.head, report.head);
    let head = Some(report.head[..16].to_owned());
    let anchors = VerifyKeys { key: None, head };
    assert_eq!(kept.verify(&anchors).faults, []);
}

#[tokio::test]
async fn whatever_is_done_to_a_record_in_the_state_shows() {
    for seq in 1..=COUNT {
        let kept = Kept::new(None).await;
        kept.sql(&format!(
            "UPDATE records SET line = replace(line, '\"duration_ms\":3', '\"duration_ms\":4') \
             WHERE seq = {seq}"
        ));
        assert_fault(
            &kept.verify(&VerifyKeys::default()),
            VerifyIssueKind::Changed,
            seq,
            "changed",
        );

        let kept = Kept::new(None).await;
        kept.sql(&format!("DELETE FROM records WHERE seq = {seq}"));
        let kind = if seq == COUNT {
            VerifyIssueKind::Cut
        } else {
            VerifyIssueKind::Removed
        };
        assert_fault(&kept.verify(&VerifyKeys::default()), kind, seq, "removed");

        // What it is looked up by is changed, the line is not.
        let kept = Kept::new(None).await;
        kept.sql(&format!(
            "UPDATE records SET status = 'skipped' WHERE seq = {seq}"
        ));
        assert_fault(
            &kept.verify(&VerifyKeys::default()),
            VerifyIssueKind::Index,
            seq,
            "index",
        );

        let other = seq % COUNT + 1;
        let kept = Kept::new(None).await;
        kept.sql(&format!(
            "UPDATE records SET line = CASE seq
                 WHEN {seq} THEN (SELECT line FROM records WHERE seq = {other})
                 ELSE (SELECT line FROM records WHERE seq = {seq}) END
             WHERE seq IN ({seq}, {other})"
        ));
        let report = kept.verify(&VerifyKeys::default());
        assert!(
            kinds(&report).contains(&VerifyIssueKind::Reordered),
            "swapped {seq}: {report:?}"
        );

        // The tail, with the row that counts it.
        let kept = Kept::new(None).await;
        kept.sql(&format!(
            "DELETE FROM records WHERE seq >= {seq};
             UPDATE runs SET count = {seq} - 1,
                 head = coalesce((SELECT substr(line, -66, 64) FROM records \
                 WHERE seq = {seq} - 1), head)"
        ));
        assert_fault(
            &kept.verify(&VerifyKeys::default()),
            VerifyIssueKind::Cut,
            seq,
            "cut",
        );
    }
}

#[tokio::test]
async fn header_and_end_are_part_of_it() {
    for (text, kind) in [
        (
            "UPDATE runs SET header = replace(header, 'test', 'text')",
            VerifyIssueKind::Changed,
        ),
        (
            "UPDATE runs SET \"end\" = replace(\"end\", 'success', 'failed')",
            VerifyIssueKind::Changed,
        ),
        ("UPDATE runs SET \"end\" = NULL", VerifyIssueKind::Cut),
        ("UPDATE runs SET status = 'failed'", VerifyIssueKind::Index),
        ("UPDATE runs SET plan = '/other'", VerifyIssueKind::Index),
        (
            "UPDATE runs SET assistant_id = 'other'",
            VerifyIssueKind::Index,
        ),
        ("UPDATE runs SET steps = 9", VerifyIssueKind::Index),
        ("UPDATE runs SET started_ms = 1", VerifyIssueKind::Index),
        ("UPDATE runs SET duration_ms = 1", VerifyIssueKind::Index),
        (
            "UPDATE runs SET resumed_from = 'other'",
            VerifyIssueKind::Index,
        ),
        (
            "UPDATE runs SET inputs = '{\"v\":1}'",
            VerifyIssueKind::Index,
        ),
        (
            "UPDATE runs SET head = replace(head, '0', '1')",
            VerifyIssueKind::Replaced,
        ),
    ] {
        let kept = Kept::new(None).await;
        kept.sql(text);
        let report = kept.verify(&VerifyKeys::default());
        assert!(kinds(&report).contains(&kind), "{text}: {report:?}");
    }
}

#[tokio::test]
async fn whatever_is_done_to_a_line_of_a_file_shows() {
    let kept = Kept::new(None).await;
    let lines = kept.lines();
    assert_eq!(lines.len(), 12, "start, ten records, end");
    let report = kept.verify_lines(&lines[1..], &VerifyKeys::default());
    assert_fault(
        &report,
        VerifyIssueKind::Removed,
        None,
        "without its header",
    );
    for seq in 1..=10 {
        let at = |seq: usize| u64::try_from(seq).unwrap();
        let mut changed = lines.clone();
        changed[seq] = changed[seq].replace("\"duration_ms\":3", "\"duration_ms\":4");
        let report = kept.verify_lines(&changed, &VerifyKeys::default());
        assert_fault(&report, VerifyIssueKind::Changed, at(seq), "changed");

        let mut removed = lines.clone();
        removed.remove(seq);
        let kind = if seq == 10 {
            VerifyIssueKind::Cut
        } else {
            VerifyIssueKind::Removed
        };
        let report = kept.verify_lines(&removed, &VerifyKeys::default());
        assert_fault(&report, kind, at(seq), "removed");

        if seq < 10 {
            let mut swapped = lines.clone();
            swapped.swap(seq, seq + 1);
            let report = kept.verify_lines(&swapped, &VerifyKeys::default());
            assert_fault(&report, VerifyIssueKind::Reordered, at(seq), "swapped");
        }

        let report = kept.verify_lines(&lines[..=seq], &VerifyKeys::default());
        assert_fault(&report, VerifyIssueKind::Cut, None, "cut");
    }
}

#[tokio::test]
async fn records_alone_are_held_against_the_state() {
    let kept = Kept::new(None).await;
    let records: Vec<String> = kept.lines()[1..=10]
        .iter()
        .map(|line| line.replacen("\"event\":\"step\",", "", 1))
        .collect();
    let whole = kept.verify_lines(&records, &VerifyKeys::default());
    assert_eq!(whole.faults, []);
    assert!(
        whole.notes[0].contains("nothing here says where the run ends"),
        "{whole:?}"
    );
    let path = kept.temp.path().join("cut.jsonl");
    std::fs::write(&path, records[..7].join("\n") + "\n").unwrap();
    let report = verify_file(&path, &VerifyKeys::default(), Some(&kept.history())).unwrap();
    assert_fault(&report[0], VerifyIssueKind::Cut, 8, "cut");
    let first_gone = kept.verify_lines(&records[1..], &VerifyKeys::default());
    assert_fault(
        &first_gone,
        VerifyIssueKind::Removed,
        1,
        "the first is gone",
    );
}

/// A complete rewrite of the log, with another duration.
async fn rewritten(key: Option<&str>) -> Vec<String> {
    let temp = TempDir::new().unwrap();
    let path = temp.path().join("log.jsonl");
    let sink = RecordSink::Memory(NullLog::new(chain_key(key)));
    let log = RunLog::new(
        sink,
        Some(LogFile::open(&path, Some(&temp.path().join("locks"))).unwrap()),
    );
    log.log_plan_start(start(RUN), Vec::new()).await.unwrap();
    for index in 0..10 {
        let mut record = record(index, "success");
        RUN.clone_into(&mut record.run_id);
        record.duration_ms = 1;
        log.log_step(record).await.unwrap();
    }
    log.log_plan_end(end(RUN)).await.unwrap();
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_file_written_anew_passes_without_and_fails_with_head_or_key() {
    let kept = Kept::new(None).await;
    let head = kept.verify(&VerifyKeys::default()).head;
    let forged = rewritten(None).await;
    assert_eq!(
        kept.verify_lines(&forged, &VerifyKeys::default()).faults,
        []
    );
    let anchors = VerifyKeys {
        key: None,
        head: Some(head),
    };
    assert_fault(
        &kept.verify_lines(&forged, &anchors),
        VerifyIssueKind::Head,
        None,
        "head",
    );

    let kept = Kept::new(Some("secret")).await;
    assert_eq!(kept.verify(&keyed("secret")).faults, []);
    assert_eq!(
        kept.verify_lines(&kept.lines(), &keyed("secret")).faults,
        []
    );
    for forged in [rewritten(None).await, rewritten(Some("guess")).await] {
        let report = kept.verify_lines(&forged, &keyed("secret"));
        assert_eq!(
            kinds(&report),
            [VerifyIssueKind::Key],
            "made without the key"
        );
    }
    let report = kept.verify(&VerifyKeys::default());
    assert_eq!(
        kinds(&report),
        [VerifyIssueKind::Key],
        "verified without the key"
    );
}

#[tokio::test]
async fn records_are_filtered_and_come_out_as_they_were_sealed() {
    let kept = Kept::new(None).await;
    let history = kept.history();
    let seqs = |filter: &RecordFilter| {
        let mut seqs = Vec::new();
        history
            .records(filter, |seq, line| {
                let record: crate::model::ExecutionLogRecord = serde_json::from_str(line).unwrap();
                assert_eq!(json_line(&record).unwrap(), line);
                seqs.push(seq);
                true
            })
            .unwrap();
        seqs
    };
    let all = RecordFilter::default();
    assert_eq!(seqs(&all), (1..=COUNT).collect::<Vec<_>>());
    let statuses = vec![StepStatus::Failed, StepStatus::Timeout];
    assert_eq!(
        seqs(&RecordFilter {
            statuses,
            ..all.clone()
        }),
        [5]
    );
    let step = Some("step-3".to_owned());
    assert_eq!(
        seqs(&RecordFilter {
            step,
            ..all.clone()
        }),
        [4]
    );
    let skill_id = Some("core/other".to_owned());
    let other = RecordFilter {
        skill_id,
        ..all.clone()
    };
    assert!(seqs(&other).is_empty());
    assert_eq!(
        seqs(&RecordFilter {
            after_seq: 8,
            ..all.clone()
        }),
        [9, 10]
    );
    let since = Some("2026-11-25T00:00:00Z".parse().unwrap());
    assert!(seqs(&RecordFilter { since, ..all }).is_empty());
}

#[tokio::test]
async fn pruning_keeps_what_any_flag_keeps_and_what_runs() {
    let kept = Kept::new(None).await;
    let insert = |id: i64, started_ms: i64, status: &str| {
        kept.sql(&format!(
            "INSERT INTO runs (id, run_id, assistant_id, plan, steps, started_ms, status, \
             head, header)
             VALUES ({id}, 'run-{id}', '', '', 0, {started_ms}, '{status}', '', '')"
        ));
    };
    // The lock of run 2 is free, so it is no run in progress but one that was interrupted.
    insert(2, 1_000, "running");
    insert(3, 2_000, "success");
    insert(4, 3_000, "failed");
    let mut history = kept.history();
    let keep = RetentionPolicy {
        since: Some(jiff::Timestamp::from_millisecond(2_000).unwrap()),
        last: Some(1),
    };
    assert_eq!(history.prune(keep, true).unwrap().runs, 2);
    assert_eq!(history.prune(keep, false).unwrap().runs, 2);
    let mut left = Vec::new();
    history
        .runs(&RunFilter::default(), |run| {
            left.push(run.run_id);
            true
        })
        .unwrap();
    assert_eq!(left, ["run-4", "run-3"]);
    let count = |path: &Path| {
        let database = Database::open(path).unwrap().unwrap();
        let count = |row: &rusqlite::Row<'_>| row.get::<_, u64>(0);
        database
            .connection
            .query_row("SELECT count(*) FROM records", [], count)
            .unwrap()
    };
    assert_eq!(count(&kept.state()), 0, "records go with their run");
}

#[tokio::test]
async fn a_run_whose_obs_is_dead_is_interrupted_and_one_that_lives_is_not() {
    let temp = TempDir::new().unwrap();
    let store = Arc::new(StateWriter::open(temp.path(), None).unwrap());
    let log = StateLog::new(Arc::clone(&store));
    log.log_plan_start(start(RUN), Vec::new()).await.unwrap();
    let status = || {
        let history = StateReader::open(temp.path(), None).unwrap().unwrap();
        history.find(&RunName::Id(RUN.to_owned())).unwrap().status
    };
    assert_eq!(status(), RunStatus::Running);
    drop(log);
    assert_eq!(status(), RunStatus::Interrupted);
}

#[tokio::test]
async fn lines_follow_each_other_as_in_the_chain_whoever_is_served_first() {
    let temp = TempDir::new().unwrap();
    let store = Arc::new(StateWriter::open(&temp.path().join("state"), None).unwrap());
    let path = temp.path().join("log.jsonl");
    let sink = RecordSink::State(StateLog::new(store));
    let log = RunLog::new(
        sink,
        Some(LogFile::open(&path, Some(&temp.path().join("locks"))).unwrap()),
    );
    log.log_plan_start(start(RUN), Vec::new()).await.unwrap();
    let keep = |index| {
        let mut record = record(index, "success");
        RUN.clone_into(&mut record.run_id);
        Box::pin(log.log_step(record))
    };
    // Another process has the state, so both wait; then the second one is looked at first.
    let other = rusqlite::Connection::open(temp.path().join("state/obs.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (mut first, mut second) = (keep(0), keep(1));
    assert!((&mut first).now_or_never().is_none());
    assert!((&mut second).now_or_never().is_none());
    other.execute_batch("COMMIT").unwrap();
    for _ in 0..50 {
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        assert!((&mut second).now_or_never().is_none());
    }
    first.await.unwrap();
    second.await.unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let steps = text
        .lines()
        .filter(|line| line.contains("\"event\":\"step\""));
    let seqs: Vec<_> = steps.map(|line| line.contains("\"seq\":1,")).collect();
    assert_eq!(seqs, [true, false], "{text}");
}
