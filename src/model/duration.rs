//! Durations as people write them: `500ms`, `30s`, `1m30s`, `2h`.

use std::time::Duration;

use thiserror::Error;

/// The longest duration that obs accepts: 365 days. It keeps every deadline representable.
pub(crate) const MAX_DURATION: Duration = Duration::from_hours(365 * 24);

/// Why a text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum DurationError {
    /// A number without a unit.
    #[error("`{0}` has no unit: write it with one, such as `{0}s` or `{0}ms`")]
    NoUnit(String),
    /// Zero.
    #[error("`{0}` is zero: a duration must be longer than that")]
    Zero(String),
    /// A negative number.
    #[error("`{0}` is negative: a duration must be longer than zero")]
    Negative(String),
    /// Over [`MAX_DURATION`].
    #[error("`{0}` is too long: the maximum is 365d")]
    TooLong(String),
    /// Anything else.
    #[error("`{0}` is not a duration: write it like `500ms`, `30s`, `1m30s` or `2h`")]
    Malformed(String),
}

/// Reads a duration: a number with a unit, more than zero.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let trimmed = text.trim();
    if let Some(magnitude) = trimmed.strip_prefix('-')
        && magnitude.starts_with(|c: char| c.is_ascii_digit())
    {
        return Err(DurationError::Negative(text.to_owned()));
    }
    if !trimmed.is_empty() && trimmed.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return Err(DurationError::NoUnit(text.to_owned()));
    }
    let duration = humantime::parse_duration(trimmed)
        .map_err(|_| DurationError::Malformed(text.to_owned()))?;
    if duration.is_zero() {
        return Err(DurationError::Zero(text.to_owned()));
    }
    if duration > MAX_DURATION {
        return Err(DurationError::TooLong(text.to_owned()));
    }
    Ok(duration)
}

/// A duration for people, in at most two units: `41s`, `1m30s`, `120ms`, `1.2s`.
pub(crate) fn format_duration(duration: Duration) -> String {
    let total_ms = duration.as_millis();
    match total_ms {
        0..1_000 => format!("{total_ms}ms"),
        1_000..10_000 if !total_ms.is_multiple_of(1_000) => {
            format!("{}.{}s", total_ms / 1_000, total_ms % 1_000 / 100)
        }
        1_000..60_000 => format!("{}s", total_ms / 1_000),
        60_000..3_600_000 => two_units(total_ms / 1_000, 60, 'm', 's'),
        _ => two_units(total_ms / 60_000, 60, 'h', 'm'),
    }
}

fn two_units(count: u128, per_large: u128, large: char, small: char) -> String {
    match count % per_large {
        0 => format!("{}{large}", count / per_large),
        rest => format!("{}{large}{rest}{small}", count / per_large),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, ms) in [
            ("500ms", 500),
            ("30s", 30_000),
            ("1m30s", 90_000),
            ("2h", 7_200_000),
            (" 1s ", 1_000),
        ] {
            assert_eq!(
                parse_duration(text).unwrap(),
                Duration::from_millis(ms),
                "{text}"
            );
        }
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, want) in [
            ("30", "no unit"),
            ("1.5", "no unit"),
            ("0s", "zero"),
            ("-5s", "negative"),
            ("", "not a duration"),
            ("soon", "not a duration"),
            ("400d", "too long"),
            ("99999999999999999999s", "not a duration"),
        ] {
            let error = parse_duration(text).unwrap_err().to_string();
            assert!(error.contains(want), "{text}: {error}");
        }
    }

    #[test]
    fn writes_at_most_two_units() {
        for (ms, want) in [
            (0, "0ms"),
            (999, "999ms"),
            (1_000, "1s"),
            (1_250, "1.2s"),
            (41_900, "41s"),
            (90_000, "1m30s"),
            (120_000, "2m"),
            (3_600_000, "1h"),
            (5_400_000, "1h30m"),
        ] {
            assert_eq!(format_duration(Duration::from_millis(ms)), want);
        }
    }
}
