//! How long ago something was, for people.

use jiff::{SignedDuration, Timestamp};

/// `just now`, `3 min ago`; the date if that is clearer, or in the future.
pub(crate) fn age(then: Timestamp, now: Timestamp) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    let ago: SignedDuration = now.duration_since(then);
    match ago.as_secs() {
        // Two machines, or a clock that was set, may differ a little.
        -60..10 => "just now".to_owned(),
        seconds @ 10..MINUTE => format!("{seconds} s ago"),
        seconds @ MINUTE..HOUR => format!("{} min ago", seconds / MINUTE),
        seconds @ HOUR..DAY => format!("{} h ago", seconds / HOUR),
        seconds if (DAY..30 * DAY).contains(&seconds) => format!("{} d ago", seconds / DAY),
        _ => then.strftime("%Y-%m-%d").to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_one_number_and_a_date_where_that_is_clearer() {
        let then: Timestamp = "2026-11-24T08:00:00Z".parse().unwrap();
        for (seconds, want) in [
            (-86_400, "2026-11-24"),
            (-61, "2026-11-24"),
            (-60, "just now"),
            (0, "just now"),
            (9, "just now"),
            (10, "10 s ago"),
            (59, "59 s ago"),
            (60, "1 min ago"),
            (3_599, "59 min ago"),
            (3_600, "1 h ago"),
            (86_399, "23 h ago"),
            (86_400, "1 d ago"),
            (30 * 86_400 - 1, "29 d ago"),
            (30 * 86_400, "2026-11-24"),
        ] {
            let now = then + SignedDuration::from_secs(seconds);
            assert_eq!(age(then, now), want, "after {seconds} s");
        }
        assert_eq!(age(Timestamp::MIN, Timestamp::MAX), "-9999-01-02");
        assert_eq!(age(Timestamp::MAX, Timestamp::MIN), "9999-12-30");
    }
}
