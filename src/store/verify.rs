//! Verification of stored runs.
//!
//! Invariant: a fault is reported with its record. What can't be verified, because nothing says
//! where a run ends, is reported as a note.

mod approvals;
mod fault;
mod ledger;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use self::approvals::{WaitingRecord, check_approvals};
pub(crate) use self::fault::{VerifyIssue, VerifyIssueKind};
pub(crate) use self::ledger::LedgerReport;
use self::ledger::{answers, check_ledger, check_run};
use super::chain::{ChainKey, KEYED, PLAIN, hashes};
use super::error::{StoreError, VerifyError};
use super::log_reader::{ExportedLog, ExportedRun};
use super::run_row::RunRow;
use super::state_reader::{IndexedRecord, RunFilter, StateReader};
use crate::engine::{PlanEnd, PlanStart};
use crate::model::{RecordedApproval, RunStatus, sha256_hex};

/// The minimum number of digits of a head.
pub(crate) const MIN_HEAD_DIGITS: usize = 16;

/// What runs are verified against.
#[derive(Debug, Clone, Default)]
pub(crate) struct VerifyKeys {
    /// `OBS_CHAIN_KEY`.
    pub key: Option<ChainKey>,
    /// `--head`: the hash of the last record, kept elsewhere; at least [`MIN_HEAD_DIGITS`] of it.
    pub head: Option<String>,
}

/// The report on one run.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RunReport {
    /// The run.
    pub run_id: String,
    /// How many records were checked.
    pub records: u64,
    /// The hash of the last one.
    pub head: String,
    /// What is wrong.
    pub faults: Vec<VerifyIssue>,
    /// What could not be verified.
    pub notes: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct ChainFields {
    run_id: String,
    step_id: String,
    step_name: String,
    step_index: usize,
    #[serde(default)]
    item_index: Option<usize>,
    skill_id: String,
    status: String,
    timestamp: Timestamp,
    seq: u64,
    prev_hash: String,
    hash: String,
    #[serde(default)]
    approval: Option<RecordedApproval>,
}

impl ChainFields {
    /// What the record says of the request, if its step waits.
    fn waiting(self) -> Option<WaitingRecord> {
        let approval = self.approval?;
        let is_waiting = self.status == "skipped" && approval.expires_at.is_some();
        is_waiting.then_some(WaitingRecord {
            step_index: self.step_index,
            step_id: self.step_id,
            skill_id: self.skill_id,
            requested_ms: self.timestamp.as_millisecond(),
            approval,
        })
    }
}

#[derive(Debug)]
struct CheckedRecord {
    seq: u64,
    step_id: String,
    prev_hash: String,
    hash: String,
    is_changed: bool,
}

impl CheckedRecord {
    fn name(&self) -> String {
        format!("record {} (`{}`)", self.seq, self.step_id)
    }
}

struct Examiner<'a> {
    anchors: &'a VerifyKeys,
    /// The key, if the chain uses one and it is given.
    key: Option<&'a ChainKey>,
    /// The chain uses a key that is not given, so hashes can't be verified.
    is_sealed: bool,
    run_id: String,
    header: Option<PlanStart>,
    seen: Vec<CheckedRecord>,
    faults: Vec<VerifyIssue>,
    notes: Vec<String>,
}

impl StateReader {
    /// Examines one run of the state.
    pub(crate) fn verify(
        &self,
        run: &RunRow,
        anchors: &VerifyKeys,
    ) -> Result<RunReport, StoreError> {
        self.in_snapshot(|history| {
            // A run in progress has moved on since it was found.
            let now = history.run(&run.run_id)?;
            history.examine(now.as_ref().unwrap_or(run), anchors)
        })
    }

    /// Examines all runs of the state, and the ledger. The head of `anchors` is the ledger's.
    pub(crate) fn verify_all(
        &self,
        anchors: &VerifyKeys,
    ) -> Result<(Vec<RunReport>, LedgerReport), StoreError> {
        let head = anchors.head.as_deref();
        let anchors = VerifyKeys {
            key: anchors.key.clone(),
            head: None,
        };
        self.in_snapshot(|history| {
            let mut runs = Vec::new();
            history.runs(&RunFilter::default(), |run| {
                runs.push(run);
                true
            })?;
            let ids: BTreeSet<String> = runs.iter().map(|run| run.run_id.clone()).collect();
            let reports = runs.iter().map(|run| history.examine(run, &anchors));
            let reports = reports.collect::<Result<_, _>>()?;
            let ledger = history.with_connection(|connection| {
                check_ledger(connection, Some(&ids), anchors.key.as_ref(), head)
            })?;
            Ok((reports, ledger))
        })
    }

    fn examine(&self, run: &RunRow, anchors: &VerifyKeys) -> Result<RunReport, StoreError> {
        let mut examiner = Examiner::new(&run.run_id, anchors);
        examiner.header(&run.header);
        examiner.columns(run);
        let mut waiting = Vec::new();
        self.indexed_records(run, |indexed, line| {
            if let Some(placed) = examiner.record(line) {
                examiner.index(indexed, &placed);
                waiting.extend(placed.waiting());
            }
        })?;
        match &run.end {
            Some(end) => examiner.end(end, Some(run.status)),
            None if !run.status.is_ended() => {}
            None => examiner.fault(VerifyIssueKind::Cut, None, "the end of the run is missing"),
        }
        examiner.tail(Some((run.records, &run.head)));
        let is_keyed = examiner
            .header
            .as_ref()
            .is_some_and(|header| header.chain == KEYED);
        let mut faults = Vec::new();
        let note = self.with_connection(|connection| {
            let key = anchors.key.as_ref();
            let answers = answers(connection, &run.run_id)?;
            check_approvals(connection, run, &waiting, &answers, &mut faults)?;
            check_run(connection, run, is_keyed, key, &mut faults)
        })?;
        let note = note.filter(|_| anchors.head.is_none());
        examiner.notes.extend(note.map(str::to_owned));
        examiner.faults.append(&mut faults);
        Ok(examiner.report())
    }
}

/// Examines all runs of the file at `path`. If a run of it is in the state, the state says where it
/// ends.
///
/// # Errors
/// If the file or the state can't be read.
pub(crate) fn verify_file(
    path: &Path,
    anchors: &VerifyKeys,
    history: Option<&StateReader>,
) -> Result<Vec<RunReport>, VerifyError> {
    let exported = ExportedLog::read(path)?;
    let mut reports = Vec::new();
    for run in &exported.runs {
        let kept = match history {
            Some(history) => history.run(&run.run_id)?,
            None => None,
        };
        reports.push(exported_run(run, kept.as_ref(), anchors));
    }
    if let Some(first) = reports.first_mut() {
        let strange = exported.strange_lines.iter().map(|line| VerifyIssue {
            kind: VerifyIssueKind::Strange,
            seq: None,
            message: format!("line {line} is not a log entry"),
        });
        first.faults.extend(strange);
    }
    Ok(reports)
}

pub(super) fn exported_run(
    run: &ExportedRun,
    kept: Option<&RunRow>,
    anchors: &VerifyKeys,
) -> RunReport {
    let mut examiner = Examiner::new(&run.run_id, anchors);
    if run.has_events && run.header.is_none() {
        examiner.fault(
            VerifyIssueKind::Removed,
            None,
            "the header of the run is missing",
        );
    }
    match (&run.header, kept) {
        (Some(header), _) => examiner.header(header),
        (None, Some(kept)) => examiner.header(&kept.header),
        (None, None) => {}
    }
    for line in &run.records {
        examiner.record(line);
    }
    let known_end = run.end.as_ref();
    if let Some(end) = known_end {
        examiner.end(end, None);
    } else if run.has_events && kept.is_none_or(|kept| kept.end.is_some()) {
        // `--log` writes both, so one without the other was cut, or its obs was.
        let message = "the end of the run is missing: it was truncated, or obs was killed";
        examiner.fault(VerifyIssueKind::Cut, None, message);
    }
    // A run in progress goes on after the file was read.
    let kept = kept.filter(|kept| !kept.is_running());
    let kept = kept.map(|kept| (kept.records, kept.head.as_str()));
    if kept.is_none() && known_end.is_none() && anchors.head.is_none() {
        let note = "nothing here says where the run ends, so records cut from its end can't be \
                    noticed: give the head that obs printed with `--head`";
        examiner.notes.push(note.to_owned());
    }
    examiner.tail(kept);
    examiner.report()
}

impl<'a> Examiner<'a> {
    fn new(run_id: &str, anchors: &'a VerifyKeys) -> Self {
        Self {
            anchors,
            key: anchors.key.as_ref(),
            is_sealed: false,
            run_id: run_id.to_owned(),
            header: None,
            seen: Vec::new(),
            faults: Vec::new(),
            notes: Vec::new(),
        }
    }

    fn fault(&mut self, kind: VerifyIssueKind, seq: Option<u64>, message: impl Into<String>) {
        self.faults.push(VerifyIssue {
            kind,
            seq,
            message: message.into(),
        });
    }

    /// True if the line's hash does not match its content.
    fn is_changed(&self, line: &str) -> bool {
        !self.is_sealed && hashes(line, self.key).is_none_or(|(want, got)| want != got)
    }

    fn header(&mut self, line: &str) {
        let header = serde_json::from_str::<PlanStart>(line).ok();
        let has_key = self.key.is_some();
        match header.as_ref().map(|header| header.chain.as_str()) {
            Some(KEYED) if !has_key => {
                let message = "the run was recorded with a key: set `OBS_CHAIN_KEY`";
                self.fault(VerifyIssueKind::Key, None, message);
                self.is_sealed = true;
            }
            Some(PLAIN) if has_key => {
                let message = "the run was recorded without a key, so the key proves nothing";
                self.fault(VerifyIssueKind::Key, None, message);
                self.key = None;
            }
            _ => {}
        }
        let is_of_run = header
            .as_ref()
            .is_some_and(|header| header.run_id == self.run_id);
        if self.is_changed(line) || !is_of_run {
            self.fault(
                VerifyIssueKind::Changed,
                None,
                "the header of the run was changed",
            );
        }
        self.header = header;
    }

    /// Compares the indexed columns of a run with its header and its end.
    fn columns(&mut self, run: &RunRow) {
        let Some(header) = &self.header else { return };
        let inputs = (run.inputs != "{}").then(|| sha256_hex(run.inputs.as_bytes()));
        let end = run.end.as_deref();
        let end = end.and_then(|end| serde_json::from_str::<PlanEnd>(end).ok());
        let is_same = header.assistant_id == run.assistant_id
            && header.provenance.plan == run.plan
            && header.provenance.resumed_from == run.resumed_from
            && header.provenance.inputs_digest == inputs
            && header.steps as u64 == run.steps
            && header.timestamp.as_millisecond() == run.started_at.as_millisecond()
            && end.is_none_or(|end| run.duration_ms == Some(end.duration_ms));
        if !is_same {
            let message = "the listed run does not match its header and its end";
            self.fault(VerifyIssueKind::Index, None, message);
        }
    }

    fn record(&mut self, line: &str) -> Option<ChainFields> {
        let Ok(placed) = serde_json::from_str::<ChainFields>(line) else {
            let message = "a record can't be read: it was changed, or it is not part of a chain";
            self.fault(VerifyIssueKind::Changed, None, message);
            return None;
        };
        let seen = CheckedRecord {
            seq: placed.seq,
            step_id: placed.step_id.clone(),
            prev_hash: placed.prev_hash.clone(),
            hash: placed.hash.clone(),
            is_changed: self.is_changed(line) || placed.run_id != self.run_id,
        };
        if seen.is_changed {
            let message = format!("{} was changed", seen.name());
            self.fault(VerifyIssueKind::Changed, Some(seen.seq), message);
        }
        self.seen.push(seen);
        Some(placed)
    }

    fn index(&mut self, indexed: &IndexedRecord, placed: &ChainFields) {
        let is_same = indexed.seq == placed.seq
            && indexed.step_index == placed.step_index
            && indexed.item_index == placed.item_index
            && indexed.step_name == placed.step_name
            && indexed.step_id == placed.step_id
            && indexed.skill_id == placed.skill_id
            && indexed.status == placed.status
            && indexed.ended_ms == placed.timestamp.as_millisecond();
        if !is_same {
            let message = format!(
                "record {} is indexed as step {} (`{}`, {}), but it is record {} of \
                 step {} (`{}`, {})",
                indexed.seq,
                indexed.step_index,
                indexed.step_id,
                indexed.status,
                placed.seq,
                placed.step_index,
                placed.step_id,
                placed.status
            );
            self.fault(VerifyIssueKind::Index, Some(indexed.seq), message);
        }
    }

    fn end(&mut self, line: &str, status: Option<RunStatus>) {
        let end = serde_json::from_str::<PlanEnd>(line).ok();
        let is_of_run = end.as_ref().is_some_and(|end| end.run_id == self.run_id);
        if self.is_changed(line) || !is_of_run {
            self.fault(
                VerifyIssueKind::Changed,
                None,
                "the end of the run was changed",
            );
            return;
        }
        let Some(end) = end else { return };
        if status.is_some_and(|status| status != end.status) {
            let message = format!(
                "the run is indexed under another id than `{}`",
                end.status.as_str()
            );
            self.fault(VerifyIssueKind::Index, None, message);
        }
        self.tail(Some((end.records, &end.prev_hash)));
    }

    /// Compares the end of the checked records with where the run should end.
    fn tail(&mut self, anchor: Option<(u64, &str)>) {
        let last = self.seen.iter().max_by_key(|seen| seen.seq);
        let last_seq = last.map_or(0, |seen| seen.seq);
        let Some((count, head)) = anchor else { return };
        if count > last_seq {
            let message = match count - last_seq {
                1 => format!("record {count} is missing: the end was truncated"),
                _ => format!(
                    "records {} to {count} are missing: the end was truncated",
                    last_seq + 1
                ),
            };
            let fault = VerifyIssue {
                kind: VerifyIssueKind::Cut,
                seq: Some(last_seq + 1),
                message,
            };
            // State and end line may say the same.
            if !self.faults.contains(&fault) {
                self.faults.push(fault);
            }
        } else if count < last_seq {
            let message = format!("unexpected records after {count}, the last one");
            self.fault(VerifyIssueKind::Replaced, Some(count + 1), message);
        } else if last.is_some_and(|last| last.hash != head) {
            let message = format!("record {count} is not the last recorded one");
            self.fault(VerifyIssueKind::Replaced, Some(count), message);
        }
    }

    /// Checks the places of all records together.
    fn places(&mut self) {
        let mut places: BTreeMap<u64, &CheckedRecord> = BTreeMap::new();
        let mut faults = Vec::new();
        let mut add = |kind, seq, message| {
            faults.push(VerifyIssue {
                kind,
                seq: Some(seq),
                message,
            });
        };
        let mut latest = 0;
        for seen in &self.seen {
            if places.insert(seen.seq, seen).is_some() {
                add(
                    VerifyIssueKind::Reordered,
                    seen.seq,
                    format!("{} occurs twice", seen.name()),
                );
            } else if seen.seq < latest {
                let message = format!("{} comes after record {latest}", seen.name());
                add(VerifyIssueKind::Reordered, seen.seq, message);
            }
            latest = latest.max(seen.seq);
        }
        let mut before: Option<&CheckedRecord> = None;
        for (&seq, seen) in &places {
            let expected = before.map_or(1, |before| before.seq + 1);
            let head = match before {
                Some(before) => Some(&before.hash),
                None => self.header.as_ref().map(|header| &header.hash),
            };
            if seq > expected {
                let message = match seq - expected {
                    1 => format!("record {expected} is missing"),
                    _ => format!("records {expected} to {} are missing", seq - 1),
                };
                add(VerifyIssueKind::Removed, expected, message);
            } else if head.is_some_and(|head| *head != seen.prev_hash)
                && !seen.is_changed
                && before.is_none_or(|before| !before.is_changed)
            {
                let what = before.map_or("the header".to_owned(), CheckedRecord::name);
                let message = format!(
                    "{} does not follow {what}: one of them was replaced",
                    seen.name()
                );
                add(VerifyIssueKind::Replaced, seq, message);
            }
            before = Some(seen);
        }
        self.faults.append(&mut faults);
    }

    /// If no hash matches the key, that is reported as one fault.
    fn other_key(&mut self) {
        let is_changed = |fault: &VerifyIssue| fault.kind == VerifyIssueKind::Changed;
        let changed = self.faults.iter().filter(|fault| is_changed(fault)).count();
        if self.key.is_some() && changed > 1 && self.seen.iter().all(|seen| seen.is_changed) {
            self.faults.retain(|fault| !is_changed(fault));
            let message = "no hash is one that this key makes: the run was recorded with another \
                           key, or all of it was written anew";
            self.fault(VerifyIssueKind::Key, None, message);
        }
    }

    fn report(mut self) -> RunReport {
        self.other_key();
        self.places();
        let last = self.seen.iter().max_by_key(|seen| seen.seq);
        let head = match last {
            Some(last) => last.hash.clone(),
            None => self
                .header
                .as_ref()
                .map(|header| header.hash.clone())
                .unwrap_or_default(),
        };
        if let Some(expected) = &self.anchors.head
            && !head.starts_with(&expected.to_ascii_lowercase())
        {
            let message = format!("the head is {head}, not the expected one");
            self.fault(VerifyIssueKind::Head, None, message);
        }
        RunReport {
            run_id: self.run_id,
            records: self.seen.len() as u64,
            head,
            faults: self.faults,
            notes: self.notes,
        }
    }
}
