//! From the name of a run to the run, and from a run to its short id.
//!
//! Invariant: a short id stays unique: no recorded run begins with it, and no run that begins later
//! will, as long as the clock goes forward.

use jiff::Timestamp;
use rusqlite::params_from_iter;
use rusqlite::types::Value;

use super::error::{FindError, StoreError};
use super::run_name::RunName;
use super::run_row::{Candidate, RunRow};
use super::state_reader::{StateReader, integer, run_columns, run_of};

/// How many candidates an error lists.
const CANDIDATES: u64 = 5;

/// A short id has at least so many digits.
const MIN_SHORT_ID: usize = 8;

impl StateReader {
    /// Finds the run that `name` means.
    pub(crate) fn find(&self, name: &RunName) -> Result<RunRow, FindError> {
        let found = match name {
            RunName::Last(before) => {
                self.first("ORDER BY id DESC LIMIT 1 OFFSET ?1", [integer(*before)])?
            }
            RunName::Plan(plan) => self.latest_of_plan(plan)?,
            RunName::Id(prefix) => self.with_prefix(prefix)?,
        };
        match found {
            Some(run) => Ok(run),
            None => Err(self.not_found(name)?),
        }
    }

    /// The latest run of the plan in this file.
    pub(crate) fn latest_of_plan(&self, plan: &str) -> Result<Option<RunRow>, StoreError> {
        self.first("WHERE plan = ?1 ORDER BY id DESC LIMIT 1", [text(plan)])
    }

    /// The one run whose id begins with `prefix`.
    fn with_prefix(&self, prefix: &str) -> Result<Option<RunRow>, FindError> {
        let prefix = prefix.to_ascii_lowercase();
        if prefix.is_empty() || !prefix.chars().all(|c| c.is_ascii_hexdigit() || c == '-') {
            return Ok(None);
        }
        // A range, which the index on ids answers.
        let range = "WHERE run_id >= ?1 AND run_id < ?1 || 'g'";
        let newest = format!("{range} ORDER BY id DESC LIMIT ?2");
        let mut candidates = self.several(&newest, [text(&prefix), integer(CANDIDATES)])?;
        if candidates.len() < 2 {
            return Ok(candidates.pop());
        }
        let count = self.with_connection(|connection| {
            let count = format!("SELECT count(*) FROM runs {range}");
            connection.query_row(&count, [&prefix], |row| row.get(0))
        })?;
        Err(FindError::Ambiguous {
            prefix,
            count,
            candidates: self.candidates(candidates)?,
        })
    }

    /// Why no run has this name, with the runs that may be meant.
    fn not_found(&self, name: &RunName) -> Result<FindError, StoreError> {
        let count: u64 = self.with_connection(|connection| {
            connection.query_row("SELECT count(*) FROM runs", [], |row| row.get(0))
        })?;
        if count == 0 {
            return Ok(FindError::Empty);
        }
        let candidates = match name {
            RunName::Last(_) => {
                return Ok(FindError::TooFar {
                    name: name.clone(),
                    oldest: RunName::Last(count - 1),
                });
            }
            RunName::Id(_) => self.several("ORDER BY id DESC LIMIT ?1", [integer(CANDIDATES)])?,
            RunName::Plan(plan) => {
                let file = plan.rsplit('/').next().unwrap_or_default();
                let latest = "WHERE id IN (SELECT max(id) FROM runs GROUP BY plan)
                     ORDER BY substr(plan, -length(?1)) = ?1 DESC, id DESC LIMIT ?2";
                self.several(latest, [text(&format!("/{file}")), integer(CANDIDATES)])?
            }
        };
        Ok(FindError::Unknown {
            name: name.clone(),
            candidates: self.candidates(candidates)?,
        })
    }

    fn candidates(&self, runs: Vec<RunRow>) -> Result<Vec<Candidate>, StoreError> {
        let candidate = |run: RunRow| {
            let short_id = self.short_id(&run.run_id)?;
            Ok(Candidate { short_id, run })
        };
        runs.into_iter().map(candidate).collect()
    }

    /// The shortest prefix of `run_id` that names this run now and later.
    pub(crate) fn short_id(&self, run_id: &str) -> Result<String, StoreError> {
        // Ids are sorted by time, so the neighbours share the most digits.
        let neighbours = self.with_connection(|connection| {
            let neighbours = "SELECT max(run_id) FROM runs WHERE run_id < ?1
                 UNION ALL SELECT min(run_id) FROM runs WHERE run_id > ?1";
            let mut statement = connection.prepare_cached(neighbours)?;
            let ids = statement.query_map([run_id], |row| row.get::<_, Option<String>>(0))?;
            ids.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        let mut others: Vec<String> = neighbours.into_iter().flatten().collect();
        others.push(id_of_time(Timestamp::now()));
        Ok(unique_prefix(run_id, &others).to_owned())
    }

    fn first<const N: usize>(
        &self,
        rest: &str,
        parameters: [Value; N],
    ) -> Result<Option<RunRow>, StoreError> {
        Ok(self.several(rest, parameters)?.into_iter().next())
    }

    fn several<const N: usize>(
        &self,
        rest: &str,
        parameters: [Value; N],
    ) -> Result<Vec<RunRow>, StoreError> {
        let query = format!("SELECT {} FROM runs {rest}", run_columns());
        self.with_connection(|connection| {
            let mut statement = connection.prepare(&query)?;
            let rows = statement.query_map(params_from_iter(parameters), run_of)?;
            rows.collect()
        })
    }
}

fn text(text: &str) -> Value {
    Value::from(text.to_owned())
}

/// What the id of a run begins with that starts at `time`: the milliseconds, as a UUID of version 7
/// has them.
fn id_of_time(time: Timestamp) -> String {
    let digits = format!("{:012x}", time.as_millisecond());
    let (high, low) = digits.split_at_checked(8).unwrap_or((&digits, ""));
    format!("{high}-{low}-7")
}

/// The shortest prefix of `id` that none of `others` begins with: at least [`MIN_SHORT_ID`] digits,
/// no dash at its end.
fn unique_prefix<'i>(id: &'i str, others: &[String]) -> &'i str {
    let shared = |other: &String| {
        let pairs = id.bytes().zip(other.bytes());
        pairs.take_while(|(a, b)| a == b).count()
    };
    let longest = others.iter().map(shared).max().unwrap_or(0);
    let ends_in_dash = id.as_bytes().get(longest) == Some(&b'-');
    let length = longest + 1 + usize::from(ends_in_dash);
    &id[..id.ceil_char_boundary(length.max(MIN_SHORT_ID))]
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::store::database::Database;

    /// A state with a run for each of these ids and plans.
    struct State(TempDir);

    impl State {
        fn new<'r>(runs: impl IntoIterator<Item = (&'r str, &'r str)>) -> Self {
            let state = Self(TempDir::new().unwrap());
            Database::create(state.0.path()).unwrap();
            state.add(runs);
            state
        }

        fn add<'r>(&self, runs: impl IntoIterator<Item = (&'r str, &'r str)>) {
            let database = Database::open(self.0.path()).unwrap().unwrap();
            for run in runs {
                let row = "INSERT INTO runs (run_id, assistant_id, plan, steps, started_ms, status,
                     head, header) VALUES (?1, '', ?2, 0, 0, 'success', '', '')";
                database.connection.execute(row, run).unwrap();
            }
        }

        fn reader(&self) -> StateReader {
            StateReader::open(self.0.path(), None).unwrap().unwrap()
        }

        fn find(&self, name: &RunName) -> Result<String, FindError> {
            self.reader().find(name).map(|run| run.run_id)
        }

        fn message(&self, name: &RunName) -> String {
            self.find(name).unwrap_err().to_string()
        }
    }

    const FIRST: &str = "01a20cb6-0000-7000-8000-000000000001";
    const SECOND: &str = "01a20cb6-0000-7000-8000-000000000002";

    fn id(text: &str) -> RunName {
        RunName::Id(text.to_owned())
    }

    fn plan(text: &str) -> RunName {
        RunName::Plan(text.to_owned())
    }

    #[test]
    fn runs_are_found_by_their_names() {
        let state = State::new([(FIRST, "/p/a.yaml")]);
        for name in [RunName::Last(0), id("01A2"), id(FIRST), plan("/p/a.yaml")] {
            assert_eq!(state.find(&name).unwrap(), FIRST, "{name}");
        }
        state.add([(SECOND, "/p/a.yaml")]);
        for name in [RunName::Last(0), id(SECOND), plan("/p/a.yaml")] {
            assert_eq!(state.find(&name).unwrap(), SECOND, "{name}");
        }
        assert_eq!(state.find(&RunName::Last(1)).unwrap(), FIRST);
    }

    #[test]
    fn what_names_no_run_is_told_with_the_runs_that_may_be_meant() {
        let state = State::new([(FIRST, "/p/a.yaml"), (SECOND, "/p/b.yaml")]);
        for (name, want) in [
            (id("01a2"), "2 runs start with `01a2`:"),
            (id("01a3"), "no run `01a3`; the newest runs:"),
            (id("' OR 1=1"), "no run `' OR 1=1`; the newest runs:"),
            (id(""), "no run ``; the newest runs:"),
            (id("%"), "no run `%`; the newest runs:"),
            (
                plan("/p"),
                "no run of the plan `/p`; the plans that ran last:",
            ),
            (RunName::Last(2), "no run `last~2`: the oldest is `last~1`"),
            (
                RunName::Last(u64::MAX),
                "no run `last~18446744073709551615`: the oldest is `last~1`",
            ),
        ] {
            assert_eq!(state.message(&name), want);
        }
        let ids: Vec<String> = (3..20).map(|n| format!("01a2{n:04}-0000-7000")).collect();
        state.add(ids.iter().map(|id| (&**id, "/p/c.yaml")));
        let want = "19 runs start with `01a2`; the newest:";
        assert_eq!(state.message(&id("01a2")), want);
        let error = state.find(&plan("/q/a.yaml")).unwrap_err();
        let FindError::Unknown { candidates, .. } = error else {
            panic!("{error}");
        };
        let plans: Vec<String> = candidates.into_iter().map(|found| found.run.plan).collect();
        assert_eq!(plans, ["/p/a.yaml", "/p/c.yaml", "/p/b.yaml"]);
    }

    #[test]
    fn without_runs_there_is_nothing_to_find() {
        let state = State::new([]);
        for name in [RunName::Last(0), RunName::Last(3), id("01a2"), plan("/p")] {
            assert_eq!(state.message(&name), "no runs yet");
        }
    }

    #[test]
    fn a_short_id_finds_its_run() {
        let state = State::new([(FIRST, "")]);
        let short = |run_id| state.reader().short_id(run_id).unwrap();
        assert_eq!(short(FIRST), "01a20cb6");
        state.add([(SECOND, "")]);
        assert_eq!(short(FIRST), FIRST);
        let now = uuid::Uuid::now_v7().to_string();
        state.add([(&*now, "")]);
        // A run that begins soon has nearly the same digits.
        let short = short(&now);
        assert!(short.len() >= 10, "{short}");
        assert_eq!(state.find(&id(&short)).unwrap(), now);
    }

    #[test]
    fn a_short_id_is_as_long_as_it_must_be() {
        let id = "0192ab12-3456-7abc-8000-000000000000";
        for (others, want) in [
            (&[][..], "0192ab12"),
            (&["0192ab11-ffff-7"][..], "0192ab12"),
            (&["0100ab11-ffff-7"], "0192ab12"),
            (&["0192ab12-0000-7"], "0192ab12-3"),
            (&["0192ab12-3457-7"], "0192ab12-3456"),
            (&["0192ab12-3457-7", "0192ab12-3456-7"], "0192ab12-3456-7a"),
            (&["0192ab12-3456-7abc-8000-000000000001"], id),
        ] {
            let others: Vec<String> = others.iter().map(|&other| other.to_owned()).collect();
            assert_eq!(unique_prefix(id, &others), want, "{others:?}");
        }
        assert_eq!(unique_prefix("a1", &["a2".to_owned()]), "a1");
        assert_eq!(unique_prefix("", &[String::new()]), "");
        assert_eq!(unique_prefix("ééééé", &["éé".to_owned()]), "éééé");
    }

    #[test]
    fn the_id_of_a_time_is_that_of_a_run_that_begins_then() {
        let now = Timestamp::now();
        let seconds = now.as_second().unsigned_abs();
        let nanos = now.subsec_nanosecond().unsigned_abs();
        let time = uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanos);
        let id = uuid::Uuid::new_v7(time).to_string();
        let start = id_of_time(now);
        assert!(id.starts_with(&start), "{id} {start}");
    }
}
