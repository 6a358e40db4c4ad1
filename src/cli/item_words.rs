//! The items of a step with `for_each`, in words.

use crate::engine::{ProvenForEach, ProvenStep};
use crate::report::PrintTarget;

/// How many items a step has and how many of them run at the same time: `10 000 items, one at a
/// time`.
pub(super) fn describe(for_each: &ProvenForEach) -> String {
    let count = match &for_each.known {
        Some(list) if list.len() == 1 => "1 item".to_owned(),
        Some(list) => format!("{} items", grouped(list.len())),
        None => "as many items as its list will have".to_owned(),
    };
    let at_once = match for_each.max_parallel {
        1 => "one at a time".to_owned(),
        usize::MAX => "as many at a time as `--jobs` allows".to_owned(),
        many => format!("up to {} at a time", grouped(many)),
    };
    let may_fail = match for_each.max_failed {
        0 => String::new(),
        many => format!(", {many} may fail"),
    };
    format!("{count}, {at_once}{may_fail}")
}

/// A number with a space between groups of three digits, if it has more than four.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    if digits.len() < 5 {
        return digits;
    }
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// What is wrong with the item that `--print` names.
pub(super) fn check_print(steps: &[ProvenStep], target: &PrintTarget) -> Result<(), String> {
    let (Some(item), Some(step)) = (target.item, steps.get(target.step_index)) else {
        return Ok(());
    };
    let label = &step.label;
    let Some(for_each) = &step.for_each else {
        return Err(format!(
            "`{label}[{item}]` is no item: `{label}` has no `for_each`"
        ));
    };
    match &for_each.known {
        Some(list) if item >= list.len() => {
            let count = list.len();
            Err(format!(
                "`{label}` has no item {item}: it has {count}, counted from 0"
            ))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn long_numbers_are_grouped() {
        for (number, want) in [
            (1, "1"),
            (9_999, "9999"),
            (10_000, "10 000"),
            (1_000_000, "1 000 000"),
        ] {
            assert_eq!(grouped(number), want);
        }
    }
}
