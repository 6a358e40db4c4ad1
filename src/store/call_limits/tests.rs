use super::*;
use crate::skill::RateLimit;

const LEASE_MS: i64 = 10_000;

struct Fixture {
    connection: Connection,
    skill: LimitedSkill,
    state: Option<tempfile::TempDir>,
}

impl Fixture {
    fn new(concurrency: Option<u32>, rate: Option<(u32, u64)>) -> Self {
        let rate_limit = rate.map(|(calls, per_ms)| RateLimit {
            calls,
            per: Duration::from_millis(per_ms),
        });
        let mut connection = None;
        in_memory(&mut connection).unwrap();
        Self {
            connection: connection.unwrap(),
            skill: LimitedSkill {
                skill_dir: "/skills/a".to_owned(),
                limits: CallLimits {
                    concurrency,
                    rate_limit,
                },
            },
            state: None,
        }
    }

    fn ask_as(&self, tenant_id: &str, waiting: Option<CallId>, now_ms: i64) -> CallDecision {
        let asking = Asking {
            tenant_id,
            skill_id: "a",
            skill: &self.skill,
            run_id: "run",
            state: self.state.as_ref().map(tempfile::TempDir::path),
            waiting,
            lease_ms: LEASE_MS,
            now_ms,
        };
        asking.decide(&self.connection).unwrap()
    }

    fn ask(&self, waiting: Option<CallId>, now_ms: i64) -> CallDecision {
        self.ask_as("t", waiting, now_ms)
    }

    fn starts(&self, waiting: Option<CallId>, now_ms: i64) -> Option<CallId> {
        match self.ask(waiting, now_ms) {
            CallDecision::Started(call) => Some(call),
            _ => None,
        }
    }

    #[track_caller]
    fn waits(&self, waiting: Option<CallId>, now_ms: i64) -> (CallId, String, u64) {
        match self.ask(waiting, now_ms) {
            CallDecision::Wait {
                call,
                limit,
                retry_after,
            } => (call, limit, u64::try_from(retry_after.as_millis()).unwrap()),
            other => panic!("{other:?}"),
        }
    }

    fn end(&self, call: CallId) {
        let text = "UPDATE calls SET until_ms = NULL WHERE id = ?1";
        self.connection.execute(text, [call.0]).unwrap();
    }

    fn rows(&self) -> i64 {
        let count = |row: &rusqlite::Row<'_>| row.get(0);
        let text = "SELECT count(*) FROM calls";
        self.connection.query_row(text, [], count).unwrap()
    }
}

#[test]
fn no_window_has_more_starts_than_the_rate() {
    for (calls, per_ms) in [(1, 100), (3, 100), (10, 1_000), (2, 1)] {
        let fixture = Fixture::new(None, Some((calls, per_ms)));
        let mut starts: Vec<i64> = Vec::new();
        for now_ms in 0..2_000 {
            while let Some(call) = fixture.starts(None, now_ms) {
                fixture.end(call);
                starts.push(now_ms);
            }
            // Those that were refused do not queue here.
            let text = "DELETE FROM calls WHERE started_ms IS NULL";
            fixture.connection.execute(text, []).unwrap();
        }
        let (calls, per_ms) = (
            usize::try_from(calls).unwrap(),
            i64::try_from(per_ms).unwrap(),
        );
        for window in starts.windows(calls + 1) {
            // Times are rounded down, so a difference of `per` could be less than it.
            assert!(window[calls] - window[0] > per_ms, "{window:?}");
        }
        let expected = 2_000 / (per_ms + 1) * i64::try_from(calls).unwrap();
        assert!(
            i64::try_from(starts.len()).unwrap() >= expected,
            "no slot is lost"
        );
        // No more is kept than what counts.
        assert!(fixture.rows() <= 2 * i64::try_from(calls).unwrap());
    }
}

#[test]
fn the_wait_for_a_rate_ends_when_the_oldest_start_is_over() {
    let fixture = Fixture::new(None, Some((2, 500)));
    assert!(fixture.starts(None, 1_000).is_some());
    assert!(fixture.starts(None, 1_200).is_some());
    let (first, limit, wait) = fixture.waits(None, 1_300);
    assert_eq!(
        (limit.as_str(), wait),
        ("`rate_limit: 2 per 500ms` of `a`", 201)
    );
    // The second in the queue waits for the second slot.
    let (second, _, wait) = fixture.waits(None, 1_300);
    assert_eq!(wait, 401);
    assert_eq!(fixture.waits(Some(first), 1_500).2, 1);
    // A slot is free, but it is not for the second one, nor for one that comes now.
    assert_eq!(fixture.waits(Some(second), 1_501).2, 200);
    let (third, ..) = fixture.waits(None, 1_501);
    assert!(fixture.starts(Some(first), 1_501).is_some());
    assert!(fixture.starts(Some(second), 1_701).is_some());
    assert!(fixture.starts(Some(third), 1_701).is_none());
    assert!(fixture.starts(Some(third), 2_002).is_some());
    // A long rate is asked for again and again.
    let fixture = Fixture::new(None, Some((1, 86_400_000)));
    assert!(fixture.starts(None, 0).is_some());
    assert_eq!(fixture.waits(None, 1).2, 1_000);
}

#[test]
fn no_more_run_than_allowed_and_they_start_in_the_order_of_the_queue() {
    let fixture = Fixture::new(Some(2), None);
    let first = fixture.starts(None, 0).unwrap();
    assert!(fixture.starts(None, 0).is_some());
    let (third, limit, wait) = fixture.waits(None, 1);
    assert_eq!(limit, "`concurrency: 2` of `a`");
    assert!((5..=50).contains(&wait), "{wait}");
    let (fourth, ..) = fixture.waits(None, 1);
    fixture.end(first);
    assert!(fixture.starts(None, 2).is_none(), "whoever comes now");
    assert!(fixture.starts(Some(fourth), 2).is_none());
    let third = fixture.starts(Some(third), 2).unwrap();
    assert!(fixture.starts(Some(fourth), 3).is_none());
    fixture.end(third);
    assert!(fixture.starts(Some(fourth), 3).is_some());
}

#[test]
fn who_does_not_ask_any_more_keeps_nobody_waiting() {
    let fixture = Fixture::new(Some(1), None);
    let first = fixture.starts(None, 0).unwrap();
    fixture.waits(None, 1);
    fixture.end(first);
    let (third, ..) = fixture.waits(None, 2);
    assert!(fixture.starts(Some(third), PATIENCE_MS).is_none());
    // A call counts as running for its lease.
    let second = fixture.starts(Some(third), PATIENCE_MS + 1).unwrap();
    let end = PATIENCE_MS + 1 + LEASE_MS;
    let (waiting, ..) = fixture.waits(None, end - 1);
    assert!(fixture.starts(Some(waiting), end).is_some());
    assert_ne!(second, waiting);
}

#[test]
fn a_call_of_a_living_run_outlasts_its_lease() {
    let mut fixture = Fixture::new(Some(2), Some((9, 10)));
    let state = tempfile::tempdir().unwrap();
    let held = lock::RunLock::take(state.path(), "run").unwrap();
    fixture.state = Some(state);
    let first = fixture.starts(None, 0).unwrap();
    // The start of another call, which removes what is over, does not remove it.
    let over = 5 * LEASE_MS;
    let second = fixture.starts(None, over).unwrap();
    let (waiting, ..) = fixture.waits(None, over);
    let times = (1..50).map(|n| over + n * RENEWAL_MS / 4);
    for now_ms in times {
        assert!(fixture.starts(Some(waiting), now_ms).is_none(), "{now_ms}");
    }
    fixture.end(first);
    let third = fixture
        .starts(Some(waiting), over + 50 * RENEWAL_MS)
        .unwrap();
    fixture.end(third);
    fixture.end(second);
    let last = fixture.starts(None, over + 60 * RENEWAL_MS).unwrap();
    assert!(last.0 > third.0);
    // Nobody lives: the lease counts.
    drop(held);
    let end = over + 60 * RENEWAL_MS + LEASE_MS;
    assert!(fixture.starts(None, end - 1).is_some());
    assert!(fixture.starts(None, end - 1).is_none());
    assert!(fixture.starts(None, end + PATIENCE_MS).is_some());
}

#[test]
fn both_limits_hold() {
    let fixture = Fixture::new(Some(1), Some((2, 1_000)));
    let first = fixture.starts(None, 0).unwrap();
    assert_eq!(fixture.waits(None, 0).1, "`concurrency: 1` of `a`");
    fixture
        .connection
        .execute("DELETE FROM calls WHERE started_ms IS NULL", [])
        .unwrap();
    fixture.end(first);
    let second = fixture.starts(None, 1).unwrap();
    fixture.end(second);
    let (call, limit, wait) = fixture.waits(None, 2);
    assert_eq!(
        (limit.as_str(), wait),
        ("`rate_limit: 2 per 1s` of `a`", 999)
    );
    assert!(fixture.starts(Some(call), 1_001).is_some());
}

#[test]
fn tenants_and_directories_are_counted_apart() {
    let mut fixture = Fixture::new(Some(1), Some((1, 1_000)));
    assert!(fixture.starts(None, 0).is_some());
    assert!(matches!(
        fixture.ask_as("other", None, 0),
        CallDecision::Started(_)
    ));
    fixture.skill.skill_dir = "/skills/b".to_owned();
    assert!(fixture.starts(None, 0).is_some());
    assert!(fixture.starts(None, 0).is_none());
}

#[test]
fn a_clock_set_back_stops_nothing_for_longer_than_the_limits() {
    const DAY_MS: i64 = 24 * 60 * 60 * 1000;
    let fixture = Fixture::new(Some(1), Some((1, 1_000)));
    assert!(fixture.starts(None, DAY_MS).is_some());
    let (call, ..) = fixture.waits(None, 0);
    assert!(fixture.starts(Some(call), 1_001).is_none(), "it still runs");
    fixture.waits(Some(call), LEASE_MS - 1);
    assert!(fixture.starts(Some(call), LEASE_MS).is_some());
}
