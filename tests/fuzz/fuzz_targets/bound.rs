// Memory that one input may take. libFuzzer's own limit is for the whole process, its tables
// included.

use std::alloc::System;

use cap::Cap;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

const MOST: usize = 64 << 20;

/// Does `work`; an allocation that goes over the bound ends the process, which libFuzzer reports.
pub fn bounded<T>(work: impl FnOnce() -> T) -> T {
    ALLOCATOR
        .set_limit(ALLOCATOR.allocated() + MOST)
        .expect("more than is allocated");
    let value = work();
    ALLOCATOR
        .set_limit(usize::MAX)
        .expect("more than is allocated");
    value
}
