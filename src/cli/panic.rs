//! An internal error is a sentence and exit code 70, never a stack trace and 101.

use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook};
use std::sync::{Mutex, PoisonError};

use super::exit_code;
use super::printer::{ColorChoice, Printer, Verbosity};

/// The first panic of the process, wherever it was.
static FIRST: Mutex<Option<String>> = Mutex::new(None);

/// Runs `work`; a panic in it becomes [`exit_code::FAULT`].
pub(super) fn contain(work: impl FnOnce() -> u8) -> u8 {
    set_hook(Box::new(remember));
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        say_first();
        exit_code::FAULT
    })
}

/// Tells of a panic that was caught, for example in a thread.
pub(super) fn say_first() {
    let first = FIRST.lock().unwrap_or_else(PoisonError::into_inner).take();
    let message = first.unwrap_or_else(|| "unknown".to_owned());
    let printer = Printer::new(ColorChoice::Auto, Verbosity::Normal);
    printer.error(&format!("internal error: {message}"));
    printer.hint("this is a bug in obs: please report it, with the plan that led to it");
}

fn remember(info: &PanicHookInfo<'_>) {
    let what = info.payload_as_str().unwrap_or("no message");
    let place = info
        .location()
        .map(|place| format!(" at {}:{}", place.file(), place.line()));
    let mut first = FIRST.lock().unwrap_or_else(PoisonError::into_inner);
    first.get_or_insert(format!("{what}{}", place.unwrap_or_default()));
}
