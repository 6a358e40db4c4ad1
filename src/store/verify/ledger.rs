//! Compares runs with the ledger.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;
use serde::Serialize;

use super::fault::{VerifyIssue, VerifyIssueKind};
use crate::model::RunStatus;
use crate::store::chain::{ChainKey, KEYED, PLAIN};
use crate::store::given_answer::LedgerApproval;
use crate::store::ledger::{LedgerEntry, LedgerEvent, LedgerHead, has_seal, hash_of, read_head};
use crate::store::run_row::RunRow;

/// The report on the ledger.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct LedgerReport {
    /// How many rows it has.
    pub ledger_entries: u64,
    /// The hash of the last one.
    pub head: String,
    /// What is wrong.
    pub faults: Vec<VerifyIssue>,
}

/// A row with its own faults.
struct CheckedEntry {
    seq: u64,
    entry: LedgerEntry,
}

impl CheckedEntry {
    fn is_keyed(&self) -> bool {
        self.entry.chain == KEYED
    }
}

fn fault(kind: VerifyIssueKind, seq: Option<u64>, message: impl Into<String>) -> VerifyIssue {
    VerifyIssue {
        kind,
        seq,
        message: message.into(),
    }
}

/// Reads the rows of one run, or all.
fn read(
    connection: &Connection,
    run_id: Option<&str>,
    key: Option<&ChainKey>,
    faults: &mut Vec<VerifyIssue>,
) -> rusqlite::Result<Vec<CheckedEntry>> {
    let text =
        "SELECT seq, event, run_id, line FROM ledger WHERE ?1 IS NULL OR run_id = ?1 ORDER BY seq";
    let text = match run_id {
        Some(_) => text.replace("?1 IS NULL OR ", ""),
        None => text.to_owned(),
    };
    let mut statement = connection.prepare_cached(&text)?;
    let mut rows = statement.query([run_id])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        let seq: u64 = row.get(0)?;
        let line = row.get_ref(3)?.as_str()?;
        let Ok(entry) = serde_json::from_str::<LedgerEntry>(line) else {
            let message = format!("entry {seq} of the ledger can't be read: it was changed");
            faults.push(fault(VerifyIssueKind::Changed, Some(seq), message));
            continue;
        };
        if has_seal(line, &entry.chain, key) == Some(false) {
            let message = if key.is_some() && entry.chain == KEYED {
                format!("entry {seq} of the ledger was changed, or written with another key")
            } else {
                format!("entry {seq} of the ledger was changed")
            };
            faults.push(fault(VerifyIssueKind::Changed, Some(seq), message));
        }
        let is_same = entry.seq == seq
            && entry.event.as_str() == row.get_ref(1)?.as_str()?
            && entry.run_id == row.get_ref(2)?.as_str()?;
        if !is_same {
            let message = format!(
                "entry {seq} of the ledger does not match its index: it is entry {} about run `{}`",
                entry.seq, entry.run_id
            );
            faults.push(fault(VerifyIssueKind::Reordered, Some(seq), message));
        }
        entries.push(CheckedEntry { seq, entry });
    }
    Ok(entries)
}

/// What the ledger has of the answers to the run, in order. What can't be read is reported
/// elsewhere.
pub(super) fn answers(
    connection: &Connection,
    run_id: &str,
) -> rusqlite::Result<Vec<LedgerApproval>> {
    let entries = read(connection, Some(run_id), None, &mut Vec::new())?;
    let answers = entries.into_iter().filter_map(|row| row.entry.approval);
    Ok(answers.collect())
}

/// Compares a run with the ledger. Returns a note if the ledger can't say where it ends.
pub(super) fn check_run(
    connection: &Connection,
    run: &RunRow,
    is_keyed: bool,
    key: Option<&ChainKey>,
    faults: &mut Vec<VerifyIssue>,
) -> rusqlite::Result<Option<&'static str>> {
    let entries = read(connection, Some(&run.run_id), key, faults)?;
    let has_start = |row: &CheckedEntry| row.entry.event == LedgerEvent::RunStart;
    // The run's row alone doesn't decide: whoever truncates a run can change that too.
    if !run.is_in_ledger && !entries.iter().any(has_start) {
        let note = "the run is older than the ledger, so its removal can't be detected";
        if is_keyed && key.is_some() {
            let message = "the run is older than the ledger, so the key proves nothing of its end";
            faults.push(fault(VerifyIssueKind::Key, None, message));
        }
        return Ok(Some(note));
    }
    for CheckedEntry { seq, entry } in &entries {
        if entry.prev_hash.is_empty() && *seq > 1 {
            faults.push(damaged(*seq));
        }
        if is_keyed && key.is_some() && entry.chain == PLAIN {
            faults.push(without_key(*seq));
        }
    }
    let of = |event| entries.iter().filter(move |row| row.entry.event == event);
    let start = of(LedgerEvent::RunStart).next();
    let header = hash_of(&run.header);
    match start {
        None => faults.push(fault(
            VerifyIssueKind::Removed,
            None,
            "the start of the run is missing from the ledger",
        )),
        Some(start) if Some(&start.entry.head) != header.as_ref() => faults.push(fault(
            VerifyIssueKind::Replaced,
            None,
            "the header of the run does not match the ledger",
        )),
        Some(_) => {}
    }
    if of(LedgerEvent::Prune).next().is_some() {
        let message = "the run exists, but the ledger records its removal";
        faults.push(fault(VerifyIssueKind::Replaced, None, message));
    }
    let mut ends = of(LedgerEvent::RunEnd);
    if let Some(end) = ends.next() {
        check_end(run, &end.entry, faults);
    } else if run.status != RunStatus::Running {
        if run.status != RunStatus::Interrupted {
            let message = "the end of the run is missing from the ledger";
            faults.push(fault(VerifyIssueKind::Removed, None, message));
        }
        // Then only the ledger's end shows that it never had one.
        let all = check_ledger(connection, None, key, None)?;
        faults.extend(all.faults.into_iter().next());
        return Ok(Some(
            "the run has no end, so records cut from its tail can't be detected",
        ));
    }
    if ends.next().is_some() {
        let message = "the ledger has more than one end of the run";
        faults.push(fault(VerifyIssueKind::Reordered, None, message));
    }
    Ok(None)
}

fn check_end(run: &RunRow, end: &LedgerEntry, faults: &mut Vec<VerifyIssue>) {
    let is_same = end.status == run.status.as_str()
        && end.records == run.records
        && end.head == run.head
        && end.end == run.end.as_deref().and_then(hash_of);
    if is_same {
        return;
    }
    let kind = if run.records < end.records {
        VerifyIssueKind::Cut
    } else {
        VerifyIssueKind::Replaced
    };
    let message = format!(
        "the ledger says that the run ended as `{}` after {} records (head {}), but it is `{}` \
         with {} (head {})",
        end.status, end.records, end.head, run.status, run.records, run.head
    );
    faults.push(fault(kind, None, message));
}

fn damaged(seq: u64) -> VerifyIssue {
    let message =
        format!("when entry {seq} was added, the ledger did not end as it had been written");
    fault(VerifyIssueKind::Replaced, Some(seq), message)
}

fn without_key(seq: u64) -> VerifyIssue {
    let message = format!("entry {seq} of the ledger was written without the key");
    fault(VerifyIssueKind::Key, Some(seq), message)
}

/// Checks the ledger itself; given the ids of all runs, also that no other run was removed.
pub(super) fn check_ledger(
    connection: &Connection,
    runs: Option<&BTreeSet<String>>,
    key: Option<&ChainKey>,
    head: Option<&str>,
) -> rusqlite::Result<LedgerReport> {
    let mut report = LedgerReport::default();
    let faults = &mut report.faults;
    let entries = read(connection, None, key, faults)?;
    check_order(&entries, faults);
    check_keys(&entries, key, faults);
    check_head(&entries, read_head(connection)?.as_deref(), key, faults);
    if let Some(runs) = runs {
        check_removed(&entries, runs, faults);
    }
    let is_head = |entry: &CheckedEntry| head.is_none_or(|head| entry.entry.hash.starts_with(head));
    if head.is_some() && !entries.iter().any(is_head) {
        let message = "no entry of the ledger has the expected hash";
        faults.push(fault(VerifyIssueKind::Head, None, message));
    }
    report.ledger_entries = entries.len() as u64;
    report.head = entries
        .last()
        .map(|last| last.entry.hash.clone())
        .unwrap_or_default();
    Ok(report)
}

/// Checks that each row continues the one before it.
fn check_order(entries: &[CheckedEntry], faults: &mut Vec<VerifyIssue>) {
    let (mut before, mut before_hash) = (0, "");
    for CheckedEntry { seq, entry } in entries {
        let expected = before + 1;
        if *seq > expected {
            let message = if *seq == expected + 1 {
                format!("entry {expected} of the ledger is missing")
            } else {
                format!(
                    "entries {expected} to {} of the ledger are missing",
                    seq - 1
                )
            };
            faults.push(fault(VerifyIssueKind::Removed, Some(expected), message));
        } else if entry.prev_hash.is_empty() && *seq > 1 {
            faults.push(damaged(*seq));
        } else if entry.prev_hash != before_hash {
            let message = format!("entry {seq} of the ledger does not follow entry {before}");
            faults.push(fault(VerifyIssueKind::Replaced, Some(*seq), message));
        }
        (before, before_hash) = (*seq, &entry.hash);
    }
}

/// Checks that rows without a key come first; after the first row with the key, all have it.
fn check_keys(entries: &[CheckedEntry], key: Option<&ChainKey>, faults: &mut Vec<VerifyIssue>) {
    let first = entries.iter().position(CheckedEntry::is_keyed);
    match (first, key) {
        (Some(_), None) => faults.push(fault(
            VerifyIssueKind::Key,
            None,
            "the ledger was written with a key: set `OBS_CHAIN_KEY`",
        )),
        (None, Some(_)) if !entries.is_empty() => faults.push(fault(
            VerifyIssueKind::Key,
            None,
            "the ledger was written without a key, so the key proves nothing",
        )),
        (Some(first), Some(_)) => {
            let later = entries.iter().skip(first);
            let plain = later.filter(|entry| !entry.is_keyed());
            faults.extend(plain.map(|entry| without_key(entry.seq)));
        }
        (None, _) => {}
    }
}

fn check_head(
    entries: &[CheckedEntry],
    line: Option<&str>,
    key: Option<&ChainKey>,
    faults: &mut Vec<VerifyIssue>,
) {
    let last = entries.last();
    let Some(line) = line else {
        if last.is_some() {
            let message = "the head of the ledger is missing";
            faults.push(fault(VerifyIssueKind::Removed, None, message));
        }
        return;
    };
    let head = serde_json::from_str::<LedgerHead>(line).ok();
    let head = head.filter(|head| has_seal(line, &head.chain, key) != Some(false));
    let Some(head) = head else {
        let message = "the head of the ledger was changed, or written with another key";
        faults.push(fault(VerifyIssueKind::Changed, None, message));
        return;
    };
    let count = last.map_or(0, |last| last.seq);
    if head.entries > count {
        let message = format!(
            "the ledger ends at entry {count}, but had {}: the end was truncated",
            head.entries
        );
        faults.push(fault(VerifyIssueKind::Cut, Some(count + 1), message));
    } else if last.is_none_or(|last| {
        last.entry.hash != head.last_entry
            || last.entry.chain != head.chain
            || last.seq != head.entries
    }) {
        let message = format!("entry {count} of the ledger is not the last that was written");
        faults.push(fault(VerifyIssueKind::Replaced, Some(count), message));
    }
}

/// Checks that every started run exists, unless a row says that it was removed.
fn check_removed(entries: &[CheckedEntry], runs: &BTreeSet<String>, faults: &mut Vec<VerifyIssue>) {
    let mut missing: BTreeMap<&str, u64> = BTreeMap::new();
    for CheckedEntry { seq, entry } in entries {
        match entry.event {
            LedgerEvent::Prune => {
                missing.remove(entry.run_id.as_str());
            }
            LedgerEvent::RunStart | LedgerEvent::RunEnd | LedgerEvent::Approval => {
                if !runs.contains(&entry.run_id) {
                    missing.entry(&entry.run_id).or_insert(*seq);
                }
            }
        }
    }
    for (run_id, seq) in missing {
        let message =
            format!("run `{run_id}` is missing: the ledger records its start, but not its removal");
        faults.push(fault(VerifyIssueKind::Removed, Some(seq), message));
    }
}
