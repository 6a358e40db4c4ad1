//! Numbers on the command line.

use std::num::{IntErrorKind, NonZeroU64, ParseIntError};
use std::str::FromStr;

/// A whole number from 1.
pub(super) fn positive<T: FromStr<Err = ParseIntError>>(text: &str) -> Result<T, String> {
    let number = text.parse::<NonZeroU64>().and_then(|_| text.parse());
    number.map_err(|error| match error.kind() {
        IntErrorKind::PosOverflow => "the number is too large".to_owned(),
        _ => "expected a whole number from 1".to_owned(),
    })
}
