// Memory that one input may take. libFuzzer's own limit is for the whole process, its tables included.

use std::alloc::System;

use cap::Cap;
use obs::model::Problems;
use obs::plan::{Document, diagnostic};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

const MOST: usize = 64 << 20;

/// Does `work`; an allocation that goes over the bound ends the process, which libFuzzer reports.
pub fn bounded<T>(work: impl FnOnce() -> T) -> T {
    ALLOCATOR.set_limit(ALLOCATOR.allocated() + MOST).expect("more than is allocated");
    let value = work();
    ALLOCATOR.set_limit(usize::MAX).expect("more than is allocated");
    value
}

/// Tells all problems, in each form that there is.
#[allow(dead_code, reason = "each target takes what it needs")]
pub fn tell(problems: &Problems, document: &Document) {
    for problem in problems.iter() {
        diagnostic::snippet(problem, document, true);
        diagnostic::machine(problem, document);
        diagnostic::github(problem, document);
    }
}
