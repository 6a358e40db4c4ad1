// Any bytes as a plan, in both languages: read, checked, proven against no skills, and told.
#![no_main]

#[path = "bound.rs"]
mod bound;
#[path = "tell.rs"]
mod tell;

use std::path::PathBuf;

use libfuzzer_sys::fuzz_target;
use obs::{BaseEnvironment, ProveContext, Registry, SandboxMode, SandboxPolicy, Source};

fuzz_target!(|bytes: &[u8]| {
    bound::bounded(|| {
        for name in ["plan.json", "plan.yaml"] {
            let Ok(source) = Source::from_bytes(name.to_owned(), bytes.to_vec()) else {
                continue;
            };
            let mut loaded = obs::load(source);
            let context = ProveContext::new(
                Registry::new(Vec::new()),
                PathBuf::from("/tmp"),
                BaseEnvironment::of_this_process(),
                SandboxPolicy::new(SandboxMode::Require),
            );
            let proof = obs::prove(&mut loaded, &context);
            assert!(proof.plan.is_none() || !loaded.problems.has_errors());
            tell::tell(&loaded.problems, &loaded.document);
        }
    });
});
