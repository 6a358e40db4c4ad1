// Any bytes from a skill's events descriptor, in pieces of any size.
#![no_main]

#[path = "bound.rs"]
mod bound;

use libfuzzer_sys::fuzz_target;
use obs::internal::{EventLines, read_event_line};

fuzz_target!(|pieces: Vec<&[u8]>| {
    bound::bounded(|| {
        let mut lines = EventLines::default();
        let mut tokens = 0_u64;
        let mut take = |line: &str| {
            if let Some(event) = read_event_line(line) {
                assert!(
                    event
                        .progress
                        .is_none_or(|progress| (0.0..=1.0).contains(&progress))
                );
                tokens = tokens.saturating_add(event.tokens_used);
            }
        };
        for piece in pieces {
            lines.push(piece, &mut take);
        }
        lines.finish(&mut take);
    });
});
